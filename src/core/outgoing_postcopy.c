/* outgoing_postcopy.c - post-copy is, or was, active: this guest never runs here again.
 *
 * Nothing in this file leads back to a running source. A QEMU that restarts the guest by itself is
 * stopped at once. How a break is mended is in outgoing_recover.c, what the destination proves in
 * outgoing_proof.c.
 */
#include "core/outgoing.h"

void out_tell_postcopy(struct step *s)
{
    if (life(s)->state == CORE_PAUSED && life(s)->reason == PAUSED_POSTCOPY)
        return;
    step_tell(s, CORE_PAUSED, PAUSED_POSTCOPY, TOLD_SUSPENDED, SUSPENDED_POSTCOPY);
}

/* The migration goes on, and concludes by itself. QEMU here may never hear that it is complete:
 * the destination is asked. */
static void go_on_unattended(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    step_act(s, ACT_INCIDENT, INCIDENT_UNATTENDED);
    step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
}

/* The destination's turn. The vCPUs stand still: how long they have is in the cookie to it. After a
 * break only what was not done before it is done. */
void out_hand_over(struct step *s)
{
    out_tell_postcopy(s);
    if (!out(s)->p2p) {
        step_answer(s, CALL_PERFORM, RESULT_OK);
    } else if (out(s)->client && !out(s)->finish_sent) {
        out(s)->finish_sent = 1;
        step_act(s, ACT_PEER_FINISH, 0);
    }
}

/* With the vCPUs already still, this corrects what was told at STOP (or at the user's pause);
 * otherwise STOP is on its way, tells, and hands over. */
void out_postcopy_active(struct step *s)
{
    go(s, OUT_POSTCOPY);
    out(s)->outcome = RESULT_OK;
    out(s)->postcopy_wanted = out(s)->postcopy_sent = 1;
    step_answer(s, CALL_ABORT, RESULT_POSTCOPY_ACTIVE);
    step_answer(s, CALL_START_POSTCOPY, RESULT_OK);
    if (!life(s)->vcpus)
        out_hand_over(s);
    if (!out(s)->client)
        go_on_unattended(s);
}

/* Between postcopy-active and STOP the guest still runs here. What stops it then goes along: a
 * power-off is told by the destination's QEMU, an I/O error by this daemon. */
void out_stopped_postcopy(struct step *s)
{
    if (life(s)->io_error)
        out_goes_paused(s);
    if (life(s)->reason != PAUSED_POSTCOPY || life(s)->state != CORE_PAUSED)
        out_hand_over(s);
}

/* A QEMU that gave the migration up, or hangs for ever in it, can go on with the guest: the destination need not take over
 * what it has not begun to run. And it need not wait for a recovery that does not come. */
void out_ask_broken(struct step *s)
{
    bool can_go_on = out(s)->itself || out(s)->recovery == RECOVERY_HUNG;
    bool left = !out_recovers(out(s)) || out_resumes_nothing(out(s)) != RESULT_OK;
    enum core_switched how = left ? SWITCHED_HELD : SWITCHED_POSTCOPY;
    out_answer_held(s);
    step_act(s, ACT_ASK_PEER, can_go_on ? SWITCHED_UNSEEN : how);
}

/* Who waits in Perform for the end of the migration goes on waiting where the two daemons may still
 * bring it about; in p2p the destination's answer to Finish is awaited, too. */
void out_break_now(struct step *s)
{
    const struct outgoing *o = out(s);
    go(s, OUT_BROKEN);
    out(s)->outcome = RESULT_OK;
    out(s)->resuming = 0;
    step_tell(s, CORE_PAUSED, PAUSED_POSTCOPY_FAILED, TOLD_SUSPENDED, SUSPENDED_POSTCOPY_FAILED);
    step_answer(s, CALL_SUSPEND, RESULT_POSTCOPY_FAILED);
    if (!o->held)
        step_answer(s, CALL_ABORT, RESULT_POSTCOPY_ACTIVE);
    step_answer(s, CALL_START_POSTCOPY, RESULT_POSTCOPY_FAILED);
    step_answer(s, CALL_CONFIRM, RESULT_POSTCOPY_FAILED);
    if (!out_recovers(o) && !(o->p2p && o->client && o->finish_sent))
        step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
    out_ask_broken(s);
}

/* Confirmed is that the destination has all of it: then nothing that breaks here matters. */
void out_break_postcopy(struct step *s)
{
    if (out(s)->confirmed)
        out_conclude(s);
    else
        out_break_now(s);
}

/* QEMU gave it up, and takes `cont`. (It restarts by itself only what it stopped itself.) */
void out_failed_postcopy(struct step *s)
{
    out(s)->itself = 1;
    out_break_postcopy(s);
}

/* All of it is there: QEMU will say that it has completed, or it never will. */
void out_still_active(struct step *s)
{
    if (out(s)->confirmed)
        step_act(s, ACT_ASK_LATER, 0);
}

void out_ask_again_postcopy(struct step *s)
{
    if (out(s)->confirmed)
        step_act(s, ACT_READ_STATS, 0);
    else
        step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
}

/* It was given up for broken, and a daemon that died had only meant to tell QEMU to go on. */
void out_continue_again(struct step *s)
{
    step_act(s, ACT_CONTINUE, 0);
}

/* The destination's daemon, or the client, had the bad news first. */
void out_failed_broken(struct step *s)
{
    if (out(s)->itself)
        return;
    out(s)->itself = 1;
    out_ask_broken(s);
}

void out_paused_postcopy(struct step *s)
{
    out(s)->paused = 1;
    out(s)->recovery = RECOVERY_NONE;
    if (out(s)->state == OUT_BROKEN) /* somebody else had the bad news first; now it can be mended */
        out_ask_broken(s);
    else
        out_break_postcopy(s);
}

void out_resumed_postcopy(struct step *s)
{
    out(s)->itself = 1;
    out_resumed_itself(s);
    out_break_postcopy(s);
}

/* Stopped at once; whether it may go on is for the destination to prove. */
void out_resumed_broken(struct step *s)
{
    out(s)->itself = 1;
    out_resumed_itself(s);
    out_ask_broken(s);
}

/* A pause that a client ordered came too late. */
void out_completed_postcopy(struct step *s)
{
    go(s, OUT_POSTCOPY_DONE);
    out(s)->held = 0;
    step_answer(s, CALL_ABORT, RESULT_POSTCOPY_ACTIVE);
    step_act(s, ACT_READ_STATS, 0);
}

/* What broke was not the stream: the destination's daemon, or its `cont`. It has everything now; whether it
 * runs is for it to say. */
void out_completed_broken(struct step *s)
{
    out(s)->completed = 1;
    out(s)->held = 0;
    step_answer(s, CALL_ABORT, RESULT_POSTCOPY_ACTIVE);
    step_act(s, ACT_READ_STATS, 0);
}

/* The destination has all of it. QEMU here may never hear of that, so its end is not waited for;
 * but its figures are. */
void out_finished_postcopy(struct step *s)
{
    out_taken(s);
}

void out_confirm_postcopy(struct step *s)
{
    if (out(s)->p2p)
        step_refuse(s, RESULT_NO_JOB);
    else
        out_finished_postcopy(s);
}

/* Completed is the destination's own word that it has everything. But without a client nobody has
 * said that the guest goes on there. */
void out_stats_postcopy(struct step *s)
{
    out(s)->stats_read = 1;
    if (out(s)->confirmed)
        out_conclude(s);
    else if (!out(s)->client)
        step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
}

void out_confirm_cancelled_postcopy(struct step *s)
{
    if (out(s)->p2p) {
        step_refuse(s, RESULT_NO_JOB);
    } else if (out(s)->channel) { /* it may only have lost the answer, or could not resume: that breaks nothing */
        out(s)->resuming = 0;
        step_answer(s, CALL_CONFIRM, RESULT_OK);
        go_on_unattended(s);
    } else {
        out_break_now(s);
    }
}

void out_finish_failed_postcopy(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    if (out(s)->channel) {
        go_on_unattended(s);
        return;
    }
    out_break_now(s);
    step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
}

/* Finish failed, or its answer was lost, after QEMU had said that the destination has everything: that it has.
 * Whether it runs it is for it to say, if it can be asked. */
static void finish_failed_done(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    out(s)->resuming = 0;
    if (out(s)->stats_read)
        step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
}

void out_confirm_cancelled_done(struct step *s)
{
    if (out(s)->p2p) {
        step_refuse(s, RESULT_NO_JOB);
        return;
    }
    step_answer(s, CALL_CONFIRM, RESULT_OK);
    finish_failed_done(s);
}

void out_finish_failed_done(struct step *s)
{
    if (!out(s)->channel)
        step_answer(s, CALL_PERFORM, RESULT_PEER_FAILED);
    finish_failed_done(s);
}

void out_client_left_postcopy(struct step *s)
{
    if (out(s)->client && !out(s)->p2p)
        go_on_unattended(s);
}

void out_peer_lost_postcopy(struct step *s)
{
    if (out(s)->client)
        go_on_unattended(s);
}

void out_refuse_broken(struct step *s)
{
    step_refuse(s, RESULT_POSTCOPY_FAILED);
}

void out_answer_ok(struct step *s)
{
    step_answer(s, (enum core_call)core_call_of(s->event.type), RESULT_OK);
}

void out_note_client_gone(struct step *s)
{
    if (!out(s)->p2p)
        out(s)->client = CLIENT_LEFT;
}

void out_note_peer_lost(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
}

/* p2p: Finish's answer is lost, or bad. The channel may still tell, or mend it. */
void out_peer_lost_broken(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    if (!out_recovers(out(s)) || s->event.type == EV_PEER_FINISH_FAILED)
        step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
}
