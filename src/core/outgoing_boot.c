/* outgoing_boot.c - the daemon came back in the middle of an outgoing migration.
 *
 * The record says where it stood, QEMU what became of it meanwhile. What QEMU says now is taken as
 * the events that were missed; the callers and the peer's connection died with the daemon. What had
 * been ordered may not have been done: QEMU's state shows it, and it is ordered again.
 */
#include "core/outgoing.h"

static void take_as(struct step *s, enum core_event_type type)
{
    s->event = (struct core_event){.type = (uint8_t)type};
    step_cell(s->core, type)->take(s);
}

/* A guest that runs again runs for the migration that ended; one that stands still does for the one
 * that goes on: so a missed RESUME comes before the status, a missed STOP after it. */
static void take_missed(struct step *s)
{
    enum core_event_type status = s->event.arg2;
    if (life(s)->vcpus && life(s)->state == CORE_PAUSED)
        take_as(s, EV_QEMU_RESUMED);
    take_as(s, status);
    if (!life(s)->vcpus && life(s)->state == CORE_RUNNING)
        take_as(s, EV_QEMU_STOPPED);
}

/* Whoever carries Finish can come back: this daemon itself, over the channel, or the client. */
static void expect_driver(struct step *s)
{
    if (!out(s)->p2p && out(s)->client)
        out(s)->client = CLIENT_RETURNS;
    else if (!out(s)->channel)
        out(s)->client = CLIENT_LEFT;
}

void out_boot_early(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    out_give_up(s, RESULT_CLIENT_LEFT);
    take_missed(s);
}

/* QEMU knows of no migration: `migrate` was not ordered yet, or the order is lost. */
void out_boot_configuring(struct step *s)
{
    expect_driver(s);
    if (!out(s)->client)
        out_set_outcome(s, RESULT_CLIENT_LEFT);
    if (out(s)->outcome == RESULT_OK)
        out_configure_again(s);
    else
        out_take_back(s);
    if (!life(s)->vcpus && life(s)->state == CORE_RUNNING)
        take_as(s, EV_QEMU_STOPPED);
}

/* Perhaps in post-copy, and then QEMU let the guest run by itself, here too. */
static void failed_unseen(struct step *s)
{
    if (life(s)->vcpus) {
        out_resumed_postcopy(s);
        return;
    }
    out(s)->itself = 1;
    out_break_postcopy(s);
}

void out_boot_precopy(struct step *s)
{
    enum core_event_type status = s->event.arg2;
    bool flows = status == EV_MIG_SETUP || status == EV_MIG_ACTIVE;
    bool open = flows || status == EV_MIG_PRE_SWITCHOVER || status == EV_MIG_DEVICE;
    if (status == EV_MIG_NONE && out(s)->state == OUT_STARTING) {
        out_boot_configuring(s);
        return;
    }
    expect_driver(s);
    out(s)->stood_still = 1; /* it may have, meanwhile */
    if (!out(s)->client)
        out_set_outcome(s, RESULT_CLIENT_LEFT);
    if (life(s)->io_error && out(s)->abort_on_error)
        out_set_outcome(s, RESULT_IO_ERROR);
    if (open && out(s)->outcome != RESULT_OK && out_may_cancel(out(s))) {
        s->event.arg2 = EV_MIG_SETUP; /* it does not go on */
        take_missed(s);
        out_cancel(s, out(s)->outcome);
        return;
    }
    if (life(s)->vcpus)
        out(s)->suspended = 0; /* the order is lost, and who gave it gone */
    if (status == EV_MIG_FAILED && out(s)->postcopy_sent) {
        failed_unseen(s);
        return;
    }
    if (status == EV_MIG_PRE_SWITCHOVER)
        out(s)->continued = 0; /* the order may be lost; QEMU refuses a second one */
    if (flows && out(s)->postcopy_sent)
        out_send_start_postcopy(s);
    take_missed(s);
    if (out(s)->state == OUT_PERFORMED && out(s)->postcopy_sent)
        out_doubt(s, false); /* nobody here saw whether it was completed as post-copy */
}

void out_boot_postcopy(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    step_act(s, ACT_ASK_PEER, SWITCHED_POSTCOPY);
    if (life(s)->io_error)
        out_goes_paused(s);
    if (!life(s)->vcpus && life(s)->reason != PAUSED_POSTCOPY)
        out_tell_postcopy(s);
    take_missed(s);
}

/* In p2p Finish is carried once more: the destination tells the second from the first. */
void out_boot_performed(struct step *s)
{
    expect_driver(s);
    if (!out(s)->p2p && out(s)->stats_read) {
        out_doubt(s, false);
        take_missed(s);
        return;
    }
    step_act(s, ACT_READ_STATS, 0);
    take_missed(s);
}

void out_boot_postcopy_done(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    step_act(s, ACT_READ_STATS, 0);
    if (!life(s)->vcpus)
        out_tell_postcopy(s);
    take_missed(s);
}

void out_boot_cancelling(struct step *s)
{
    enum core_event_type status = s->event.arg2;
    out(s)->stood_still = 1; /* it may have, meanwhile */
    if (!out(s)->p2p || !out(s)->channel)
        out(s)->client = CLIENT_LEFT;
    bool open = status == EV_MIG_ACTIVE || status == EV_MIG_SETUP || status == EV_MIG_PRE_SWITCHOVER ||
                status == EV_MIG_DEVICE;
    if (open && out_may_cancel(out(s)))
        step_act(s, ACT_CANCEL, !out(s)->pause_before || status == EV_MIG_DEVICE);
    take_missed(s);
}

void out_boot_returning(struct step *s)
{
    if (life(s)->vcpus)
        out_runs_again(s);
    else
        step_act(s, ACT_CONT, 0);
}

/* Where the other daemon does not wait for this one to come back, it saw the connection go. */
void out_boot_undoing(struct step *s)
{
    bool was_untold = out(s)->recovery == RECOVERY_UNTOLD;
    out(s)->recovery = RECOVERY_UNTOLD;
    if (out(s)->channel)
        step_act(s, ACT_PEER_FINISH, 1);
    else
        out_end_undone(s);
    if (was_untold) /* its user may have asked for something */
        life_take(s);
    else
        take_missed(s);
}

void out_boot_doubt(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    out_doubt(s, false);
    take_missed(s);
}

/* QEMU may have been given its stream already, and not the order to resume with it. Its other end at the destination is
 * taken, and QEMU 7.2 there waits for that one for ever, or dies of its end. */
static bool may_have_stream(struct step *s)
{
    return out(s)->state == OUT_RECOVERING && out(s)->recovery == RECOVERY_ORDERED &&
           s->event.arg2 == EV_MIG_POSTCOPY_PAUSED && !life(s)->vcpus;
}

/* Who had begun to resume it is gone; whether QEMU went on with that it says itself. */
void out_boot_broken(struct step *s)
{
    out(s)->client = CLIENT_LEFT;
    out(s)->resuming = 0;
    if (may_have_stream(s)) {
        out(s)->paused = 1;
        step_act(s, ACT_RECOVER, 1);
        return;
    }
    if (out(s)->state == OUT_RECOVERING)
        out(s)->recovery = RECOVERY_ORDERED;
    else
        out_ask_broken(s);
    if (s->event.arg2 != EV_MIG_POSTCOPY_ACTIVE) /* or else its STOP is on its way */
        take_missed(s);
    else
        take_as(s, EV_MIG_POSTCOPY_ACTIVE);
}
