/* incoming_undo.c - how an arrival ends, undone or not, and what the source's daemon is told of it.
 *
 * A QEMU that did not get `cont` never ran: it may be ended. That it never will is made durable before
 * anybody hears of it: a Finish of a released attempt finds no migration and is refused for ever.
 */
#include "core/incoming.h"

void in_sync(struct step *s)
{
    in(s)->syncs++;
    step_act(s, ACT_SYNC, 0);
}

void in_prove(struct step *s, enum core_proof proof)
{
    if (in(s)->asked)
        step_act(s, ACT_PROVE, (uint8_t)proof);
}

void in_end_job(struct step *s, enum core_result result, enum core_proof verdict)
{
    bool waits = in(s)->peer_waits;
    in_prove(s, verdict);
    *in(s) = (struct incoming){.state = IN_IDLE, .verdict = (uint8_t)(1 + verdict)};
    step_act(s, ACT_JOB_END, (uint8_t)result);
    step_answer(s, CALL_PREPARE, result);
    step_answer(s, CALL_FINISH, result);
    step_answer(s, CALL_ABORT, RESULT_INCOMING);
    if (waits)
        step_act(s, ACT_PEER_RECOVERABLE, 0);
}

void in_undo(struct step *s, enum core_result why, enum core_detail detail)
{
    if (in(s)->state != IN_UNDOING) {
        in(s)->outcome = (uint8_t)why;
        in(s)->gone = 0;
        in_sync(s);
    }
    go(s, IN_UNDOING);
    life_end(s, detail == STOPPED_DESTROYED ? SHUTOFF_DESTROYED : SHUTOFF_FAILED, detail, false);
}

static void end_when_undone(struct step *s)
{
    if (in(s)->gone && in(s)->syncs == 0)
        in_end_job(s, in(s)->outcome, PROOF_RELEASED);
}

void in_note_synced(struct step *s)
{
    if (in(s)->syncs)
        in(s)->syncs--;
}

void in_gone_undoing(struct step *s)
{
    if (s->event.arg != GONE_NOW)
        in_sync(s);
    if (!in(s)->gone)
        life_gone(s);
    in(s)->gone = 1;
    end_when_undone(s);
}

void in_synced_undoing(struct step *s)
{
    in_note_synced(s);
    end_when_undone(s);
}

/* The disk does not take the release. The process is ended all the same, so what is answered is
 * true as long as this host lives. */
void in_sync_failed_undoing(struct step *s)
{
    in_synced_undoing(s);
}

void in_gone_run(struct step *s)
{
    life_gone(s);
    in_end_job(s, RESULT_GUEST_GONE, PROOF_LOST);
}

/* QEMU ended by itself before `cont`: as when the source cancels and the stream ends. After a loss
 * of the host's power the record may lack the `cont`: then it is presumed to have run. */
void in_gone_unrun(struct step *s)
{
    if (s->event.arg == GONE_WITH_HOST) {
        in_gone_run(s);
        return;
    }
    if (life(s)->phase != LIFE_ENDING) {
        life(s)->phase = LIFE_ENDING;
        life(s)->end_reason = SHUTOFF_FAILED;
        life(s)->end_detail = STOPPED_FAILED;
    }
    in(s)->outcome = RESULT_GUEST_GONE;
    in(s)->gone = 0;
    go(s, IN_UNDOING);
    in_sync(s);
    s->event.arg = GONE_NOW;
    in_gone_undoing(s);
}

/* One that gives post-copy up before all of the guest's devices are there ends, and has not run it, unless it
 * said RESUME. While it is being ended nobody listens for that. */
void in_gone_resuming(struct step *s)
{
    if (in(s)->failed && s->event.arg == GONE_NOW && life(s)->phase != LIFE_ENDING)
        in_gone_unrun(s);
    else
        in_gone_run(s);
}

void in_gone_broken(struct step *s)
{
    if (in(s)->taken)
        in_gone_run(s);
    else
        in_gone_unrun(s);
}

/* An operator's word: nothing of it is kept. */
void in_destroy(struct step *s)
{
    in_undo(s, RESULT_GUEST_GONE, STOPPED_DESTROYED);
}

void in_destroy_broken(struct step *s)
{
    if (in(s)->taken)
        life_take(s);
    else
        in_destroy(s);
}

/* A guest whose arrival is being undone is the machine's until that is durable. */
void in_refuse_start(struct step *s)
{
    step_refuse(s, in(s)->state == IN_UNDOING ? RESULT_ENDING : RESULT_ALREADY_RUNNING);
}

/* ---- the source's daemon lost touch ---------------------------------------------------------- */

void in_asked_idle(struct step *s)
{
    uint8_t verdict = in(s)->verdict;
    step_act(s, ACT_PROVE, verdict ? verdict - 1 : PROOF_RELEASED);
}

/* It will not send a Finish any more, and may resume when this is released. */
void in_asked_unrun(struct step *s)
{
    in(s)->asked = ASKED_PROOF;
    in_undo(s, RESULT_CANCELLED, STOPPED_FAILED);
}

static bool is_postcopy(const struct step *s)
{
    return s->event.arg == SWITCHED_POSTCOPY || s->event.arg == SWITCHED_HELD;
}

void in_asked_loaded(struct step *s)
{
    in(s)->asked = ASKED_PROOF;
    if (is_postcopy(s)) {
        in(s)->postcopied = 1;
        in_take_over(s);
    } else {
        in_undo(s, RESULT_CANCELLED, STOPPED_FAILED);
    }
}

static void note_asked(struct step *s)
{
    bool left = s->event.arg == SWITCHED_HELD || s->event.arg == SWITCHED_UNSEEN;
    in(s)->asked = left ? ASKED_LEFT : ASKED_PROOF;
}

/* If its QEMU is in post-copy, the news of it is on its way from the one here, too. */
void in_asked_loading(struct step *s)
{
    note_asked(s);
    if (s->event.arg == SWITCHED_PRECOPY)
        in_undo(s, RESULT_CANCELLED, STOPPED_FAILED);
}

void in_asked_undoing(struct step *s)
{
    in(s)->asked = ASKED_PROOF;
}

/* What becomes of a `cont` that is under way tells later. A stream that was broken here on purpose nobody is
 * to take up. What the source's QEMU gave up, and can go on with, is of no use here while pages are missing. */
void in_asked_postcopy(struct step *s)
{
    struct incoming *i = in(s);
    note_asked(s);
    if (s->event.arg == SWITCHED_UNSEEN && !i->completed && !i->taken && i->state != IN_RESUMING) {
        in_undo(s, RESULT_CANCELLED, STOPPED_FAILED);
        return;
    }
    if (i->asked == ASKED_LEFT && (i->state == IN_BROKEN || i->state == IN_RECOVERING))
        step_answer(s, CALL_FINISH, RESULT_POSTCOPY_FAILED);
    if (!i->postcopied)
        return;
    if (in_is_left(i))
        in_prove(s, PROOF_REFUSED);
    else if (i->held) /* about to be */
        return;
    else if (!i->completed && !i->failed)
        in_prove(s, PROOF_NEEDS_SOURCE);
    else if (i->completed && i->taken)
        in_prove(s, PROOF_TAKEN);
    if (i->asked == ASKED_PROOF || i->completed)
        in_take_over_unfinished(s);
}
