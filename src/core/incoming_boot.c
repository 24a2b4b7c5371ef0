/* incoming_boot.c - the daemon came back in the middle of an arrival.
 *
 * The callers' connections died with the daemon. What QEMU says now is taken as the events that were missed.
 * Nothing is undone for the restart itself where the source's daemon has what it takes to come back.
 */
#include "core/incoming.h"

static void replay_status(struct step *s)
{
    struct core_event status = {.type = s->event.arg2};
    s->event = status;
    incoming_table[status.type][in(s)->state].take(s);
}

void in_boot_before_cont(struct step *s)
{
    enum core_event_type status = s->event.arg2;
    bool stream = status != EV_MIG_NONE && status != EV_MIG_SETUP;
    if (in(s)->state == IN_LOADED && life(s)->vcpus) { /* it was given `cont`, and of that there is no record */
        go(s, IN_RESUMING);
        in_boot_resuming(s);
        return;
    }
    in_wait_for_stream(s);
    if (in(s)->state == IN_STARTING) {
        in_client_left(s);
        return;
    }
    if (status == EV_MIG_COMPLETED && in(s)->postcopy_allowed && !in(s)->postcopied &&
        in(s)->state != IN_LOADED) {
        in(s)->completed = in(s)->unseen = 1;
        go(s, IN_LOADED);
        if (!in(s)->channel)
            step_act(s, ACT_INCIDENT, INCIDENT_LEFT_IN_DOUBT);
        return;
    }
    if (in(s)->unseen)
        return;
    bool waits = in(s)->channel || (in(s)->postcopy_allowed && stream && in(s)->state != IN_LOADED);
    if (!waits)
        in_client_left(s);
    else if (stream && in(s)->state != IN_LOADED)
        replay_status(s);
}

void in_boot_postcopy(struct step *s)
{
    in(s)->client = in(s)->peer_waits = in(s)->listening = 0;
    in(s)->completed = s->event.arg2 == EV_MIG_COMPLETED;
    if (s->event.arg2 == EV_MIG_POSTCOPY_PAUSED)
        in_paused(s);
    else
        in_take_over(s);
}

void in_boot_resuming(struct step *s)
{
    in(s)->client = in(s)->peer_waits = in(s)->listening = 0;
    if (s->event.arg2 == EV_MIG_COMPLETED)
        in(s)->completed = 1;
    else if (s->event.arg2 == EV_MIG_POSTCOPY_PAUSED)
        in(s)->broken = 1;
    if (life(s)->vcpus)
        in_resumed(s);
    else
        step_act(s, ACT_CONT, 0);
}

/* Also in BROKEN and RECOVERING: a QEMU that listens still says paused, and is made to listen again. */
void in_boot_draining(struct step *s)
{
    in(s)->client = in(s)->peer_waits = in(s)->listening = 0;
    if (life(s)->state == CORE_RUNNING && !life(s)->vcpus)
        in_stopped_running(s);
    replay_status(s);
}

void in_boot_undoing(struct step *s)
{
    in_sync(s);
    step_act(s, ACT_KILL_QEMU, 0);
}
