/* outgoing_recover.c - a broken post-copy is taken up again: by the two daemons, or for a client.
 *
 *   BROKEN --- the destination needs the source (PROOF_NEEDS_SOURCE), or a client resumes ---> RECOVERING
 *     ^                                                     make the destination's QEMU listen again
 *     |                                                     have QEMU here know that the stream is broken
 *     +--- refused, unreachable, paused again ------------- `migrate` with resume
 *                                                           postcopy-active ---> POSTCOPY
 *
 * The two daemons try again and again (ACT_ASK_LATER), unless it was broken on purpose (`held`), or a client
 * has begun to resume it himself. Nothing here starts the guest.
 */
#include "core/outgoing.h"

/* The two daemons mend it between them. */
bool out_recovers(const struct outgoing *o)
{
    return o->channel && !o->no_recovery && !o->held;
}

/* Why QEMU here can't be made to take up what is broken. */
enum core_result out_resumes_nothing(const struct outgoing *o)
{
    if (o->completed) /* what is missing is the destination's `cont` */
        return RESULT_OK;
    if (o->itself || o->recovery == RECOVERY_HUNG)
        return RESULT_GIVEN_UP;
    if (o->recovery == RECOVERY_ALL_SENT)
        return RESULT_ALL_SENT;
    return o->recovery == RECOVERY_STANDS ? RESULT_RESUME_HANGS : RESULT_OK;
}

static bool is_ordered(const struct outgoing *o)
{
    return o->recovery == RECOVERY_ORDERED || o->recovery == RECOVERY_STANDS;
}

static void order_recovery(struct step *s)
{
    out(s)->recovery = RECOVERY_ORDERED;
    step_act(s, ACT_RECOVER, 0);
}

/* QEMU resumes only what it knows to be broken. */
static void resume_stream(struct step *s)
{
    if (out(s)->paused) {
        order_recovery(s);
        return;
    }
    out(s)->recovery = RECOVERY_PAUSING;
    step_act(s, ACT_PAUSE_STREAM, 0);
}

static void tell_failed(struct step *s)
{
    if (life(s)->reason != PAUSED_POSTCOPY_FAILED)
        step_tell(s, CORE_PAUSED, PAUSED_POSTCOPY_FAILED, TOLD_SUSPENDED, SUSPENDED_POSTCOPY_FAILED);
}

void out_end_recovery(struct step *s)
{
    go(s, OUT_BROKEN);
    out(s)->recovery = RECOVERY_NONE;
    tell_failed(s);
    out_answer_held(s);
}

static void fail_attempt(struct step *s, enum core_result why)
{
    bool by_hand = out(s)->resuming;
    out_end_recovery(s);
    out(s)->resuming = 0;
    if (by_hand) {
        out(s)->client = CLIENT_LEFT;
        step_answer(s, CALL_PERFORM, why);
        if (out(s)->p2p)
            step_act(s, ACT_PEER_CLOSE, 0);
    }
    step_act(s, ACT_ASK_LATER, 0);
}

/* ---- by the two daemons --------------------------------------------------------------------- */

/* A QEMU that does not know of a break may be in none: then the destination's `cont` was refused, or
 * whoever brought the bad news was wrong. */
void out_recover(struct step *s)
{
    const struct outgoing *o = out(s);
    if (out_resumes_nothing(o) != RESULT_OK) {
        step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
        return;
    }
    if (!out_recovers(o) || !o->paused || o->completed || o->resuming)
        return;
    go(s, OUT_RECOVERING);
    out(s)->recovery = RECOVERY_PEER;
    step_act(s, ACT_PEER_RECOVER, 0);
}

void out_ask_again(struct step *s)
{
    out_ask_broken(s);
}

/* ---- for a client --------------------------------------------------------------------------- */

/* From here on the two daemons leave it to the client. Who had waited for them is told. */
void out_resume_begin(struct step *s)
{
    if (!(s->event.arg & BEGIN_RESUME) || out(s)->resuming) {
        step_refuse(s, RESULT_JOB_ACTIVE);
        return;
    }
    if (out_resumes_nothing(out(s)) != RESULT_OK) {
        step_refuse(s, out_resumes_nothing(out(s)));
        return;
    }
    step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
    out(s)->resuming = 1;
    out(s)->p2p = 0;
    out(s)->client = CLIENT_THERE;
    step_answer(s, CALL_BEGIN, RESULT_OK);
}

void out_resume_perform(struct step *s)
{
    if (!out(s)->resuming || out(s)->p2p || s->joined || core_waits(s->core, CALL_ABORT)) {
        step_refuse(s, RESULT_JOB_ACTIVE);
        return;
    }
    out(s)->held = 0;
    if (out(s)->completed) { /* what is missing is the destination's `cont`: Finish comes next */
        step_answer(s, CALL_PERFORM, RESULT_OK);
    } else if (out(s)->state == OUT_BROKEN) { /* or else an attempt is under way already */
        go(s, OUT_RECOVERING);
        resume_stream(s);
    }
}

/* It is active again already. */
void out_resume_late(struct step *s)
{
    if (out(s)->resuming)
        step_answer(s, CALL_PERFORM, RESULT_OK);
    else
        step_refuse(s, RESULT_JOB_ACTIVE);
}

void out_resume_p2p(struct step *s)
{
    if (!(s->event.arg & BEGIN_RESUME) || out(s)->resuming || s->joined || out(s)->state != OUT_BROKEN ||
        core_waits(s->core, CALL_ABORT)) { /* somebody is just breaking it on purpose */
        step_refuse(s, RESULT_JOB_ACTIVE);
        return;
    }
    if (out_resumes_nothing(out(s)) != RESULT_OK) {
        step_refuse(s, out_resumes_nothing(out(s)));
        return;
    }
    out(s)->held = 0;
    out(s)->resuming = 1;
    out(s)->p2p = 1;
    out(s)->client = CLIENT_LEFT; /* until it is connected */
    out(s)->finish_sent = 0;
    out(s)->recovery = RECOVERY_PEER;
    go(s, OUT_RECOVERING);
    step_act(s, ACT_PEER_CONNECT, 0);
}

void out_resume_connected(struct step *s)
{
    if (!out(s)->resuming || out(s)->recovery != RECOVERY_PEER)
        return;
    out(s)->client = CLIENT_THERE;
    if (!out(s)->completed) {
        step_act(s, ACT_PEER_RECOVER, 1);
        return;
    }
    go(s, OUT_BROKEN);
    out(s)->recovery = RECOVERY_NONE;
    out(s)->resuming = 0;
    out(s)->finish_sent = 1;
    step_act(s, ACT_PEER_FINISH, 0);
}

/* The client that had begun to resume it gives up. What goes on goes on without it. */
void out_resumer_left(struct step *s)
{
    out(s)->resuming = 0;
    out(s)->client = CLIENT_LEFT;
    step_answer(s, CALL_CONFIRM, RESULT_OK);
    if (out(s)->state == OUT_BROKEN)
        out_ask_broken(s);
    else
        step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
}

void out_confirm_cancelled_broken(struct step *s)
{
    if (out(s)->resuming && !out(s)->p2p)
        out_resumer_left(s);
    else
        step_answer(s, CALL_CONFIRM, RESULT_OK);
}

void out_client_left_broken(struct step *s)
{
    if (out(s)->p2p)
        return;
    if (out(s)->resuming && out(s)->state == OUT_BROKEN)
        out_resumer_left(s);
    out(s)->client = CLIENT_LEFT;
}

/* ---- an attempt ----------------------------------------------------------------------------- */

void out_peer_recoverable(struct step *s)
{
    if (out(s)->recovery == RECOVERY_PEER)
        resume_stream(s);
}

void out_peer_unrecoverable(struct step *s)
{
    if (out(s)->recovery == RECOVERY_PEER)
        fail_attempt(s, RESULT_PEER_FAILED);
}

/* p2p, resumed for a client: his connection to the other daemon. */
void out_peer_lost_recovering(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    if (out(s)->resuming && out(s)->recovery == RECOVERY_PEER)
        fail_attempt(s, s->event.type == EV_PEER_REFUSED ? RESULT_PEER_FAILED : RESULT_PEER_LOST);
}

void out_recover_refused(struct step *s)
{
    fail_attempt(s, RESULT_QEMU_FAILED);
}

void out_paused_recovering(struct step *s)
{
    out(s)->paused = 1;
    if (out(s)->recovery == RECOVERY_PAUSING)
        order_recovery(s);
    else if (is_ordered(out(s)))
        fail_attempt(s, RESULT_POSTCOPY_FAILED);
}

/* It takes it up; the stream is not flowing yet. */
void out_recover_noted(struct step *s)
{
    if (life(s)->reason == PAUSED_POSTCOPY_FAILED)
        out_tell_postcopy(s);
}

/* The source is again what it was before the break. */
void out_recovered(struct step *s)
{
    bool broke = out(s)->paused || out(s)->recovery == RECOVERY_HUNG;
    if (out(s)->state == OUT_BROKEN && !broke) /* never here: somebody said that it did */
        return;
    out(s)->paused = 0;
    out(s)->recovery = RECOVERY_NONE;
    go(s, OUT_POSTCOPY);
    out_hand_over(s);
    if (!out(s)->client)
        step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
}

void out_completed_recovering(struct step *s)
{
    out_recovered(s);
    out_completed_postcopy(s);
}

void out_failed_recovering(struct step *s)
{
    out(s)->itself = 1;
    fail_attempt(s, RESULT_QEMU_FAILED);
}

void out_resumed_recovering(struct step *s)
{
    out(s)->itself = 1;
    out_resumed_itself(s);
    fail_attempt(s, RESULT_QEMU_FAILED);
}

/* ---- broken on purpose, or found to stand still ---------------------------------------------- */

static bool knows_of_break(const struct outgoing *o)
{
    return o->paused || o->itself || o->recovery == RECOVERY_HUNG;
}

/* It is broken when QEMU says so. */
void out_answer_held(struct step *s)
{
    if (!out(s)->held || !knows_of_break(out(s)))
        return;
    step_answer(s, CALL_ABORT, RESULT_OK);
    step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
}

/* Where there would be nothing to take up, there is nothing to break. */
void out_abort_postcopy(struct step *s)
{
    bool attempted = out(s)->state == OUT_RECOVERING;
    enum core_result over = attempted ? RESULT_OK : out_resumes_nothing(out(s));
    if (!(s->event.arg & ABORT_POSTCOPY) || out(s)->completed)
        over = RESULT_POSTCOPY_ACTIVE;
    if (over != RESULT_OK) {
        step_refuse(s, over);
        return;
    }
    out(s)->held = 1;
    if (out(s)->state == OUT_BROKEN && knows_of_break(out(s)))
        out_ask_broken(s);
    else if (!s->joined)
        step_act(s, ACT_PAUSE_STREAM, 0);
}

void out_abort_recovering(struct step *s)
{
    bool told = out(s)->paused || out(s)->recovery == RECOVERY_PAUSING;
    if (!(s->event.arg & ABORT_POSTCOPY) || is_ordered(out(s))) {
        out_abort_postcopy(s);
        return;
    }
    out(s)->held = 1;
    fail_attempt(s, RESULT_POSTCOPY_FAILED);
    if (!told)
        step_act(s, ACT_PAUSE_STREAM, 0);
}

void out_refuse_abort_done(struct step *s)
{
    step_refuse(s, RESULT_POSTCOPY_ACTIVE);
}

void out_pause_refused(struct step *s)
{
    if (out(s)->recovery == RECOVERY_PAUSING && !out(s)->paused) {
        fail_attempt(s, RESULT_QEMU_FAILED);
        return;
    }
    if (is_ordered(out(s))) /* a QEMU that can't connect may have said nothing of it */
        step_act(s, ACT_ASK_QEMU, 0);
    if (core_waits(s->core, CALL_ABORT))
        out(s)->held = 0;
    step_answer(s, CALL_ABORT, RESULT_QEMU_FAILED);
}

/* QEMU notices no silence; it is told, and then it is a break like another. One that has sent its last page is left
 * alone: it would not send that page again, and it may still be on its way. Has it come? The destination is asked, and
 * when it has not said so after as long again, that is how it stands. */
void out_stalled(struct step *s)
{
    if (!(s->event.arg & STALLED_ALL_SENT)) {
        step_act(s, ACT_PAUSE_STREAM, 0);
    } else if (out(s)->recovery != RECOVERY_ALL_SENT) {
        out(s)->recovery = RECOVERY_ALL_SENT;
        step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
    } else {
        out_break_now(s);
        out_stalled_broken(s);
    }
}

void out_stalled_recovering(struct step *s)
{
    if (out(s)->recovery == RECOVERY_ORDERED) {
        out(s)->recovery = RECOVERY_STANDS;
        step_act(s, ACT_PAUSE_STREAM, 0);
    } else if (out(s)->recovery == RECOVERY_PAUSING) { /* 7.2 hangs after its last page: it took the order, and does nothing */
        fail_attempt(s, RESULT_POSTCOPY_FAILED);
    } else if (out(s)->recovery == RECOVERY_STANDS) { /* 7.2 waits for an answer that was lost, and takes no order */
        fail_attempt(s, RESULT_POSTCOPY_FAILED);
        out(s)->recovery = RECOVERY_STANDS;
        step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
    }
}

/* Nobody is made to wait for ever: for a QEMU that took the order to break the stream, and hangs behind its last page,
 * neither. It is still mended if it can be. */
void out_stalled_broken(struct step *s)
{
    if (core_waits(s->core, CALL_ABORT))
        out(s)->held = 0;
    step_answer(s, CALL_ABORT, RESULT_ALL_SENT);
    step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
}

/* The guest stands still and nothing goes on: a network that swallows everything, or a QEMU that hangs where
 * post-copy should begin. Where it can't have begun the migration is cancelled; elsewhere nobody here knows
 * whether it has, and QEMU takes no pause there. */
void out_stalled_early(struct step *s)
{
    if (out_may_cancel(out(s))) {
        out_cancel(s, RESULT_QEMU_FAILED);
    } else if (life(s)->vcpus) {
        out(s)->suspended = 1;
        step_act(s, ACT_STOP, 0);
    } else {
        out(s)->recovery = RECOVERY_HUNG;
        out_break_now(s);
    }
}

/* There it does not carry out the cancel either, but it goes no further, and takes `cont`. */
void out_stalled_cancelling(struct step *s)
{
    if (out_may_cancel(out(s)))
        out_take_back(s);
}

/* ---- what the destination proved, while it is being resumed ---------------------------------- */

void out_lost_recovering(struct step *s)
{
    out_end_recovery(s);
    out_lost_broken(s);
}
