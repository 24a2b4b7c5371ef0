/* incoming_run.c - the guest's turn here: `cont`, and what comes of it until all of the guest is here. */
#include "core/incoming.h"

void in_give_cont(struct step *s)
{
    go(s, IN_RESUMING);
    step_act(s, ACT_CONT, 0);
}

void in_arrived(struct step *s)
{
    in_end_job(s, RESULT_OK, PROOF_TAKEN);
}

void in_take_over(struct step *s)
{
    if (!in(s)->stay_paused) {
        in_give_cont(s);
        step_act(s, ACT_TAKE_IN, 0);
        return;
    }
    in(s)->taken = 1;
    step_act(s, ACT_TAKE_IN, 0);
    step_tell(s, CORE_PAUSED, in(s)->stay_paused, TOLD_SUSPENDED,
              in(s)->stay_paused == PAUSED_IOERROR ? SUSPENDED_IOERROR : SUSPENDED_PAUSED);
    if (in(s)->completed)
        in_arrived(s);
    else
        go(s, IN_DRAINING);
}

void in_tell_arrived(struct step *s)
{
    step_tell(s, CORE_RUNNING, RUNNING_MIGRATED, TOLD_RESUMED, RESUMED_MIGRATED);
}

void in_resumed(struct step *s)
{
    in(s)->taken = 1;
    step_answer(s, CALL_RESUME, RESULT_OK);
    if (!in(s)->postcopied) {
        in_tell_arrived(s);
        in_arrived(s);
        return;
    }
    step_tell(s, CORE_RUNNING, RUNNING_POSTCOPY, TOLD_RESUMED, RESUMED_POSTCOPY);
    if (in(s)->completed) {
        in_tell_arrived(s);
        in_arrived(s);
    } else if (in(s)->broken) {
        in_break(s);
    } else {
        go(s, IN_DRAINING);
    }
}

/* It stood still for a reason of its own, and somebody lets it run. */
void in_resumed_again(struct step *s)
{
    const struct life *l = life(s);
    if (l->state != CORE_PAUSED)
        return;
    if (l->reason == PAUSED_POSTCOPY_FAILED)
        step_tell(s, CORE_RUNNING, RUNNING_POSTCOPY_FAILED, TOLD_RESUMED, RESUMED_POSTCOPY_FAILED);
    else
        step_tell(s, CORE_RUNNING, RUNNING_POSTCOPY, TOLD_RESUMED, RESUMED_POSTCOPY);
}

void in_cont_done(struct step *s)
{
    if (life(s)->vcpus) /* or else RESUME is on its way */
        in_resumed(s);
}

/* In pre-copy the source takes the guest back, if it lives: it asks for it. Where it can't it is taken to. */
void in_cont_refused(struct step *s)
{
    step_answer(s, CALL_RESUME, RESULT_QEMU_FAILED);
    if (!in(s)->postcopied && in(s)->channel && !in(s)->asked) {
        go(s, IN_LOADED);
        in(s)->finish = 0;
        step_answer(s, CALL_FINISH, RESULT_QEMU_FAILED);
        return;
    }
    if (!in(s)->postcopied) {
        in_undo(s, RESULT_QEMU_FAILED, STOPPED_FAILED);
        return;
    }
    in_break(s);
    step_answer(s, CALL_FINISH, RESULT_POSTCOPY_FAILED);
}

void in_paused_resuming(struct step *s)
{
    in(s)->broken = 1;
    in(s)->failed = s->event.type == EV_MIG_FAILED;
}

void in_drained(struct step *s)
{
    bool powered_off = life(s)->state == CORE_SHUTDOWN;
    if (life(s)->state == CORE_RUNNING)
        in_tell_arrived(s);
    in_arrived(s);
    if (powered_off)
        life_end(s, SHUTOFF_SHUTDOWN, STOPPED_SHUTDOWN, true);
}

void in_stopped_running(struct step *s)
{
    bool io = life(s)->io_error;
    life(s)->io_error = 0;
    if (life(s)->state == CORE_RUNNING)
        step_tell(s, CORE_PAUSED, io ? PAUSED_IOERROR : REASON_UNKNOWN, TOLD_SUSPENDED,
                  io ? SUSPENDED_IOERROR : SUSPENDED_PAUSED);
}

void in_io_error(struct step *s)
{
    life(s)->io_error = 1;
}

/* The guest powered itself off while the source still has pages of it: the source's end of the
 * migration needs this QEMU until it is drained. */
void in_powered_off_draining(struct step *s)
{
    if (life(s)->state == CORE_SHUTDOWN)
        return;
    step_tell(s, CORE_SHUTDOWN, SHUTDOWN_USER, TOLD_SHUTDOWN, s->event.arg);
}

/* It has run here and powered itself off, and the daemon was away: that QEMU now refuses `cont` says nothing of it. */
void in_powered_off_resuming(struct step *s)
{
    in(s)->taken = 1;
    step_answer(s, CALL_RESUME, RESULT_OK);
    in_powered_off_draining(s);
    if (!in(s)->postcopied || in(s)->completed)
        in_drained(s);
    else if (in(s)->broken)
        in_break(s);
    else
        go(s, IN_DRAINING);
}

void in_client_left_running(struct step *s)
{
    if (in(s)->client && in(s)->postcopied)
        step_act(s, ACT_INCIDENT, INCIDENT_UNATTENDED);
    in(s)->client = 0;
}

/* Somebody but this machine let it run before its time. */
void in_resumed_itself(struct step *s)
{
    step_act(s, ACT_STOP, 0);
    step_act(s, ACT_INCIDENT, INCIDENT_DESTINATION_RESUMED_ITSELF);
}
