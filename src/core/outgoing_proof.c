/* outgoing_proof.c - post-copy has begun, or may have, and the destination, or an operator, says what became
 * of it there.
 *
 * Only the proof that it never ran there and never will, or an operator's word for it, leads to a running
 * source from here. Where QEMU neither gave post-copy up nor completed it, it refuses `cont`, and the guest is
 * let run the hard way.
 */
#include "core/outgoing.h"

static bool takes_cont(const struct outgoing *o)
{
    return o->itself || o->completed || o->state == OUT_POSTCOPY_DONE;
}

/* It never ran there and never will. What was being resumed is broken: nothing that QEMU still says of it counts. */
void out_give_back(struct step *s)
{
    if (out(s)->state == OUT_RECOVERING)
        out_end_recovery(s);
    out(s)->stood_still = out(s)->continued = 0; /* nothing is there any more */
    bool hard = !takes_cont(out(s));
    out(s)->recovery = RECOVERY_NONE;
    out_set_outcome(s, RESULT_POSTCOPY_FAILED);
    if (out(s)->ran_before) {
        go(s, OUT_RETURNING);
        step_act(s, ACT_CONT, hard);
        return;
    }
    life(s)->by_door = hard;
    bool io = out(s)->reason_before == PAUSED_IOERROR;
    step_tell(s, CORE_PAUSED, out(s)->reason_before, TOLD_SUSPENDED,
              io ? SUSPENDED_IOERROR : SUSPENDED_PAUSED);
    out_guest_is_back(s);
}

/* There is nothing to go on with, and QEMU here may never say so. A STOP that is on its way comes first. */
void out_gone_there(struct step *s)
{
    if (life(s)->vcpus)
        step_act(s, ACT_ASK_LATER, 0);
    else
        out_break_now(s);
}

/* It has all of it and does not run it, or may not have all of it yet. */
void out_refused_there(struct step *s)
{
    out(s)->completed |= out(s)->state == OUT_POSTCOPY_DONE;
    if (out(s)->state != OUT_BROKEN)
        out_break_now(s);
    step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
}

void out_lost_broken(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_LOST_THERE);
    step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
}

/* QEMU's `completed` is then the only word that there is: the destination has everything. */
void out_nobody_to_ask_broken(struct step *s)
{
    if (out(s)->completed && !out(s)->require_proof)
        out_taken(s);
}

/* ---- an operator's word ---------------------------------------------------------------------- */

static void note_settled(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_SETTLED);
    step_answer(s, CALL_SETTLE, RESULT_OK);
}

void out_settle_run_doubt(struct step *s)
{
    note_settled(s);
    out_released(s);
}

void out_settle_run_broken(struct step *s)
{
    note_settled(s);
    out_give_back(s);
}

void out_settle_end(struct step *s)
{
    note_settled(s);
    out_taken(s);
}

void out_not_in_doubt(struct step *s)
{
    step_refuse(s, RESULT_NOT_IN_DOUBT);
}
