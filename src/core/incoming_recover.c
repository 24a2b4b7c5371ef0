/* incoming_recover.c - the stream of post-copy broke: QEMU is made to listen for it to be resumed.
 *
 *   POSTCOPY, RESUMING, DRAINING --- QEMU says paused ---> BROKEN ---> RECOVERING (listens) ---> as before
 *       |                                                    ^  the source's daemon, or a client's Prepare
 *       +--- wanted broken: by a client, or by a source -----+  that resumes, wants it
 *            that saw a break which this QEMU has not noticed
 *
 * A guest that runs here goes on until it touches a page that is missing. One that has not run yet, because
 * its `cont` was refused, gets it again from an operator's resume, or a client's second Finish.
 */
#include "core/incoming.h"

static bool is_mended(const struct incoming *i)
{
    return i->channel && !i->held && i->asked != ASKED_LEFT;
}

/* ---- who waits for QEMU to listen -------------------------------------------------------------- */

static bool somebody_waits(const struct step *s)
{
    return s->core->in.peer_waits || core_waits(s->core, CALL_PREPARE);
}

static void answer_waiting(struct step *s, enum core_result result)
{
    if (in(s)->peer_waits)
        step_act(s, ACT_PEER_RECOVERABLE, result == RESULT_OK);
    in(s)->peer_waits = 0;
    step_answer(s, CALL_PREPARE, result);
}

static void listen_again(struct step *s)
{
    go(s, IN_RECOVERING);
    if (!in(s)->listening)
        step_act(s, ACT_RECOVER_LISTEN, 0);
    in(s)->listening = 1;
}

/* QEMU listens again only when it knows that the stream is broken. What becomes of a `cont` is awaited. */
static void have_listen(struct step *s)
{
    if (!in(s)->broken)
        step_act(s, ACT_PAUSE_STREAM, 0);
    else if (in(s)->state != IN_RESUMING)
        listen_again(s);
}

/* ---- the break --------------------------------------------------------------------------------- */

static void tell_failed(struct step *s)
{
    const struct life *l = life(s);
    if (l->state == CORE_RUNNING && l->reason != RUNNING_POSTCOPY_FAILED)
        step_tell(s, CORE_RUNNING, RUNNING_POSTCOPY_FAILED, TOLD_RESUMED, RESUMED_POSTCOPY_FAILED);
    if (l->state != CORE_PAUSED || l->reason == PAUSED_POSTCOPY_FAILED)
        return;
    in(s)->reason = l->reason;
    step_tell(s, CORE_PAUSED, PAUSED_POSTCOPY_FAILED, TOLD_SUSPENDED, SUSPENDED_POSTCOPY_FAILED);
}

/* The client that waits in Finish goes on waiting where the two daemons mend it. */
static void answer_finish_unless_mended(struct step *s)
{
    if (!is_mended(in(s)))
        step_answer(s, CALL_FINISH, RESULT_POSTCOPY_FAILED);
}

void in_break(struct step *s)
{
    go(s, IN_BROKEN);
    in(s)->postcopied = 1;
    tell_failed(s);
    if (in(s)->held)
        step_answer(s, CALL_ABORT, RESULT_OK);
    answer_finish_unless_mended(s);
    if (in_is_left(in(s))) {
        in_prove(s, PROOF_REFUSED);
        return;
    }
    if (!in(s)->failed)
        in_prove(s, PROOF_NEEDS_SOURCE);
    if (somebody_waits(s))
        listen_again(s);
}

void in_paused(struct step *s)
{
    in(s)->broken = 1;
    in(s)->failed = s->event.type == EV_MIG_FAILED;
    in_break(s);
}

void in_paused_broken(struct step *s)
{
    bool noticed = !in(s)->broken;
    in(s)->broken = 1;
    if (in(s)->held)
        step_answer(s, CALL_ABORT, RESULT_OK);
    if (noticed) /* what was proved before may not be so any more */
        in_prove(s, in_is_left(in(s)) ? PROOF_REFUSED : PROOF_NEEDS_SOURCE);
    if (somebody_waits(s))
        listen_again(s);
}

/* A `cont` that was refused was the second one: the first had been taken, by a daemon that is no more. */
void in_resumed_broken(struct step *s)
{
    if (!in(s)->taken && in(s)->state == IN_BROKEN) {
        in_resumed(s);
        return;
    }
    in(s)->taken = 1;
    in_resumed_again(s);
}

/* ---- somebody wants it resumed ------------------------------------------------------------------ */

/* The source's daemon, by itself. */
void in_peer_recover(struct step *s)
{
    bool waited = somebody_waits(s);
    if (in(s)->held) {
        step_act(s, ACT_PEER_RECOVERABLE, 0);
        return;
    }
    in(s)->peer_waits = 1;
    if (!waited || in(s)->state == IN_RECOVERING)
        have_listen(s);
}

void in_peer_recover_no(struct step *s)
{
    step_act(s, ACT_PEER_RECOVERABLE, 0);
}

/* A client: he may resume what was broken on purpose, too. */
void in_prepare_resume(struct step *s)
{
    bool waited = in(s)->peer_waits, left = in_is_left(in(s));
    if (!(s->event.arg & BEGIN_RESUME) || s->joined) {
        step_refuse(s, RESULT_JOB_ACTIVE);
        return;
    }
    in(s)->client = 1;
    in(s)->held = 0;
    if (in(s)->asked == ASKED_LEFT)
        in(s)->asked = ASKED_PROOF;
    if (left && !in(s)->completed) /* what was proved before is not so any more; the client may give up */
        in_prove(s, PROOF_NEEDS_SOURCE);
    if (in(s)->completed) /* what is missing is `cont`: Finish comes next */
        step_answer(s, CALL_PREPARE, RESULT_OK);
    else if (!waited || in(s)->state == IN_RECOVERING)
        have_listen(s);
}

/* ---- QEMU listens, and goes on ------------------------------------------------------------------ */

void in_listening_again(struct step *s)
{
    in(s)->listening = 0;
    answer_waiting(s, RESULT_OK);
}

void in_listen_again_failed(struct step *s)
{
    in(s)->listening = 0;
    if (in(s)->state == IN_RECOVERING) {
        go(s, IN_BROKEN);
        tell_failed(s);
        answer_finish_unless_mended(s);
    }
    answer_waiting(s, RESULT_QEMU_FAILED);
}

/* The attempt failed. QEMU waits for the next one. */
void in_paused_recovering(struct step *s)
{
    go(s, IN_BROKEN);
    in_paused_broken(s);
    tell_failed(s);
    answer_finish_unless_mended(s);
}

static void tell_restored(struct step *s)
{
    const struct life *l = life(s);
    if (l->state == CORE_RUNNING && l->reason == RUNNING_POSTCOPY_FAILED)
        step_tell(s, CORE_RUNNING, RUNNING_POSTCOPY, TOLD_RESUMED, RESUMED_POSTCOPY);
    if (l->state != CORE_PAUSED || l->reason != PAUSED_POSTCOPY_FAILED)
        return;
    if (!in(s)->taken)
        step_tell(s, CORE_PAUSED, PAUSED_POSTCOPY, TOLD_SUSPENDED, SUSPENDED_POSTCOPY);
    else
        step_tell(s, CORE_PAUSED, in(s)->reason, TOLD_SUSPENDED,
                  in(s)->reason == PAUSED_IOERROR ? SUSPENDED_IOERROR : SUSPENDED_PAUSED);
}

/* It takes it up; the stream is not flowing yet. */
void in_recover_noted(struct step *s)
{
    tell_restored(s);
}

/* QEMU has noticed no break. If it was only thought to stand still, it does so no more. */
static void goes_on(struct step *s)
{
    if (!in(s)->taken || somebody_waits(s))
        return;
    go(s, IN_DRAINING);
    tell_restored(s);
}

/* What the break had kept from being done is done now. */
void in_recovered(struct step *s)
{
    if (!in(s)->broken) {
        goes_on(s);
        return;
    }
    in(s)->broken = 0;
    tell_restored(s);
    answer_waiting(s, RESULT_OK);
    go(s, in(s)->taken ? IN_DRAINING : IN_POSTCOPY);
    if (!in(s)->taken && (in(s)->finish || !in(s)->client))
        in_take_over(s);
}

void in_completed_recovering(struct step *s)
{
    in(s)->broken = 1; /* or else it would not be here */
    in_recovered(s);
    incoming_table[EV_MIG_COMPLETED][in(s)->state].take(s);
}

/* All pages are here. A guest that has not run yet waits for its `cont`. */
void in_completed_broken(struct step *s)
{
    in(s)->completed = 1;
    if (in(s)->taken)
        in_drained(s);
    else
        in_prove(s, PROOF_REFUSED);
}

/* ---- broken on purpose, or found to stand still --------------------------------------------------- */

static bool hold(struct step *s)
{
    if (!(s->event.arg & ABORT_POSTCOPY)) {
        step_refuse(s, RESULT_INCOMING);
        return false;
    }
    if (core_waits(s->core, CALL_PREPARE)) { /* a client resumes it at this moment */
        step_refuse(s, RESULT_JOB_ACTIVE);
        return false;
    }
    in(s)->held = 1;
    answer_waiting(s, RESULT_POSTCOPY_FAILED);
    return true;
}

void in_abort_postcopy(struct step *s)
{
    if (hold(s) && !s->joined)
        step_act(s, ACT_PAUSE_STREAM, 0);
}

void in_abort_broken(struct step *s)
{
    if (!hold(s))
        return;
    step_answer(s, CALL_ABORT, RESULT_OK);
    step_answer(s, CALL_FINISH, RESULT_POSTCOPY_FAILED);
    in_prove(s, PROOF_REFUSED);
}

void in_abort_recovering(struct step *s)
{
    step_refuse(s, s->event.arg & ABORT_POSTCOPY ? RESULT_JOB_ACTIVE : RESULT_INCOMING);
}

void in_pause_refused(struct step *s)
{
    answer_waiting(s, RESULT_QEMU_FAILED);
    if (core_waits(s->core, CALL_ABORT))
        in(s)->held = 0;
    step_answer(s, CALL_ABORT, RESULT_QEMU_FAILED);
}

/* Neither a page nor a word of the source's daemon came. QEMU is left alone: what is on its way may be the last page,
 * which the source would not send again. A source that has more to send has the stream broken here, too. */
void in_stalled(struct step *s)
{
    go(s, IN_BROKEN);
    tell_failed(s);
    answer_finish_unless_mended(s);
}

/* Nobody is made to wait for ever. It is still mended if it can be, and Finish has been said. */
void in_stalled_broken(struct step *s)
{
    step_answer(s, CALL_FINISH, RESULT_POSTCOPY_FAILED);
}

/* ---- `cont` once more ----------------------------------------------------------------------------- */

/* It was refused, and the stream is not why. */
bool in_only_cont_is_missing(const struct incoming *i)
{
    return i->state == IN_BROKEN && !i->taken && (!i->broken || i->completed);
}

bool in_is_left(const struct incoming *i)
{
    return in_only_cont_is_missing(i) || (i->held && i->state == IN_BROKEN);
}

void in_finish_broken(struct step *s)
{
    if (in_only_cont_is_missing(in(s)))
        in_finish(s);
    else if (!is_mended(in(s)) && (in(s)->state == IN_BROKEN || in(s)->asked == ASKED_LEFT))
        step_refuse(s, RESULT_POSTCOPY_FAILED);
    else
        in_finish_held(s);
}

void in_resume_broken(struct step *s)
{
    if (s->joined || !in_only_cont_is_missing(in(s)))
        step_refuse(s, RESULT_POSTCOPY_FAILED);
    else
        in_give_cont(s);
}

/* ---- an operator's word ---------------------------------------------------------------------------- */

static void note_settled(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_SETTLED);
    step_answer(s, CALL_SETTLE, RESULT_OK);
}

void in_settle_run_loaded(struct step *s)
{
    if (in(s)->client) {
        step_refuse(s, RESULT_NOT_IN_DOUBT);
        return;
    }
    note_settled(s);
    in_take_over(s);
}

void in_settle_end_loaded(struct step *s)
{
    if (in(s)->client) {
        step_refuse(s, RESULT_NOT_IN_DOUBT);
        return;
    }
    note_settled(s);
    in_destroy(s);
}

void in_settle_run_broken(struct step *s)
{
    if (!in_only_cont_is_missing(in(s))) {
        step_refuse(s, RESULT_NO_WAY_BACK);
        return;
    }
    note_settled(s);
    in_give_cont(s);
}

void in_settle_end_broken(struct step *s)
{
    note_settled(s);
    if (in(s)->taken)
        life_end(s, SHUTOFF_DESTROYED, STOPPED_DESTROYED, false);
    else
        in_destroy(s);
}
