/* outgoing.c - the source's side of a migration.
 *
 * QEMU's order differs: STOP may come before or after it says that post-copy began, and with
 * pause-before-switchover (or from QEMU 10 on) it always comes before. So STOP says only that the
 * vCPUs stand still; whether the migration ends as post-copy is open until postcopy-active, which
 * corrects the reason with an event of its own. From then on nothing here leads back to a running
 * source: no error path, no abort, no restart, no client.
 *
 * A migration is undone in one way: QEMU's last word on it is awaited (CANCELLING), then the
 * vCPUs are given their run back if they had it (RETURNING), then the other daemon is told (p2p:
 * UNDOING), and only then are the callers answered.
 */
#include "core/outgoing.h"

/* ---- begin ---------------------------------------------------------------------------------- */

static bool begin_job(struct step *s)
{
    if (s->event.arg & BEGIN_RESUME) {
        step_refuse(s, RESULT_NOT_BROKEN);
        return false;
    }
    if (life_refuse_unless_up(s))
        return false;
    if (s->core->in.state != IN_IDLE) {
        step_refuse(s, RESULT_JOB_ACTIVE);
        return false;
    }
    if (life(s)->state == CORE_SHUTDOWN || core_waits(s->core, CALL_SUSPEND) ||
        core_waits(s->core, CALL_RESUME) || life(s)->reason == PAUSED_STARTING_UP ||
        life(s)->rebooting) {
        step_refuse(s, life(s)->rebooting ? RESULT_REBOOTING : RESULT_STARTING);
        return false;
    }
    bool running = life(s)->state == CORE_RUNNING;
    *out(s) = (struct outgoing){
        .postcopy_allowed = !!(s->event.arg & BEGIN_POSTCOPY),
        .pause_before = !!(s->event.arg & BEGIN_PAUSE_BEFORE),
        .not_live = !!(s->event.arg & BEGIN_NOT_LIVE),
        .own_stop = !!(s->event.arg & BEGIN_OWN_STOP),
        .require_proof = !!(s->event.arg & BEGIN_REQUIRE_PROOF),
        .no_recovery = !!(s->event.arg & BEGIN_NO_RECOVERY),
        .abort_on_error = !!(s->event.arg & BEGIN_ABORT_ON_ERROR),
        .ran_before = running,
        .reason_before = running ? 0 : life(s)->reason,
        .client = CLIENT_THERE,
    };
    step_act(s, ACT_JOB_BEGIN, 1);
    return true;
}

void out_begin(struct step *s)
{
    if (!begin_job(s))
        return;
    go(s, OUT_BEGUN);
    step_answer(s, CALL_BEGIN, RESULT_OK);
}

void out_begin_p2p(struct step *s)
{
    if (!begin_job(s))
        return;
    out(s)->p2p = 1;
    go(s, OUT_CONNECTING);
    step_act(s, ACT_PEER_CONNECT, 0);
}

/* Nothing is broken here that a client could resume. */
void out_refuse_active(struct step *s)
{
    bool resumes = s->event.type != EV_PERFORM && s->event.arg & BEGIN_RESUME;
    step_refuse(s, resumes ? RESULT_NOT_BROKEN : RESULT_JOB_ACTIVE);
}

/* The daemon was away, the client called Perform again: it is waited for once more. */
void out_perform_again(struct step *s)
{
    if (out(s)->client != CLIENT_RETURNS || s->joined) {
        step_refuse(s, RESULT_JOB_ACTIVE);
        return;
    }
    out(s)->client = CLIENT_THERE;
    if (out(s)->state == OUT_PERFORMED && out(s)->stats_read)
        step_answer(s, CALL_PERFORM, RESULT_OK);
}

void out_configure_again(struct step *s)
{
    go(s, OUT_CONFIGURING);
    step_act(s, ACT_CONFIGURE_SOURCE, 0);
}

void out_configure(struct step *s)
{
    out(s)->channel = s->event.arg == PEER_CHANNEL;
    out_configure_again(s);
}

void out_peer_connected(struct step *s)
{
    go(s, OUT_PREPARING);
    step_act(s, ACT_PEER_PREPARE, 0);
}

/* Before QEMU was told anything. The peer, if any, undoes its half when the connection closes, or when
 * nobody comes. */
void out_give_up(struct step *s, enum core_result why)
{
    if (out(s)->p2p)
        step_act(s, ACT_PEER_CLOSE, 0);
    out(s)->p2p = 0;
    out_set_outcome(s, why);
    out_take_back(s); /* a client may have suspended it */
}

/* An abort that is to break the stream of post-copy, and there is none. */
bool out_refuse_without_postcopy(struct step *s)
{
    if (!(s->event.arg & ABORT_POSTCOPY))
        return false;
    step_refuse(s, RESULT_NOT_POSTCOPY);
    return true;
}

void out_abort_early(struct step *s)
{
    if (!out_refuse_without_postcopy(s))
        out_give_up(s, RESULT_ABORTED);
}

void out_client_left_early(struct step *s)
{
    if (out(s)->p2p) /* the daemon drives it, and goes on */
        return;
    out(s)->client = CLIENT_LEFT;
    out_give_up(s, RESULT_CLIENT_LEFT);
}

void out_peer_refused(struct step *s)
{
    out_give_up(s, RESULT_PEER_FAILED);
}

void out_peer_lost_early(struct step *s)
{
    out_give_up(s, RESULT_PEER_LOST);
}

void out_confirm_cancelled_early(struct step *s)
{
    out_give_up(s, RESULT_CANCELLED);
}

/* ---- configuring and starting: QEMU's answer to the order under way is awaited -------------- */

void out_abort_soon(struct step *s)
{
    if (out_refuse_without_postcopy(s))
        return;
    if (out_may_cancel(out(s)))
        out_set_outcome(s, RESULT_ABORTED);
    else
        step_refuse(s, RESULT_POSTCOPY_ACTIVE);
}

static void driver_left_soon(struct step *s, enum core_result why)
{
    out(s)->client = CLIENT_LEFT;
    if (out_may_cancel(out(s)))
        out_set_outcome(s, why);
}

void out_client_left_soon(struct step *s)
{
    if (!out(s)->p2p)
        driver_left_soon(s, RESULT_CLIENT_LEFT);
}

/* With the channel Finish finds its way without that connection. */
void out_peer_lost_soon(struct step *s)
{
    if (!out(s)->channel)
        driver_left_soon(s, RESULT_PEER_LOST);
}

void out_configured(struct step *s)
{
    if (out(s)->outcome != RESULT_OK) {
        out_take_back(s); /* a client may have suspended it */
        return;
    }
    go(s, OUT_STARTING);
    if (s->core->out.not_live && s->core->life.vcpus) {
        s->core->out.suspended = 1;
        step_act(s, ACT_STOP, 0);
    }
    out(s)->stood_still = !life(s)->vcpus;
    step_act(s, ACT_MIGRATE, 0);
}

void out_configure_failed(struct step *s)
{
    out_set_outcome(s, RESULT_QEMU_FAILED);
    out_take_back(s);
}

/* What QEMU stopped by itself it also restarts by itself when the migration fails, from QEMU 10 on even
 * after the destination runs. What is stopped already stays so: with own_stop it is, by us. Should post-copy
 * not come about then, the guest stands still until pre-copy is done, which has nothing new to send. */
void out_send_start_postcopy(struct step *s)
{
    out(s)->postcopy_sent = 1;
    if (out(s)->own_stop && life(s)->vcpus) {
        out(s)->suspended = 1;
        step_act(s, ACT_STOP, 0);
    }
    step_act(s, ACT_START_POSTCOPY, 0);
}

/* `migrate` was accepted: what had to wait for that can go out now. A stop of ours waits for the stream. */
void out_accepted(struct step *s)
{
    if (out(s)->outcome != RESULT_OK && out_may_cancel(out(s)))
        out_cancel(s, out(s)->outcome);
    else if (out(s)->postcopy_wanted && !out(s)->postcopy_sent && !out(s)->own_stop)
        out_send_start_postcopy(s);
}

void out_refused(struct step *s)
{
    out_set_outcome(s, RESULT_QEMU_FAILED);
    out_take_back(s);
}

void out_want_postcopy(struct step *s)
{
    if (!out(s)->postcopy_allowed) {
        step_refuse(s, RESULT_POSTCOPY_NOT_ALLOWED);
        return;
    }
    out(s)->postcopy_wanted = 1;
    step_answer(s, CALL_START_POSTCOPY, RESULT_OK); /* QEMU's own answer says no more */
}

void out_start_postcopy(struct step *s)
{
    if (!out(s)->postcopy_allowed) {
        step_refuse(s, RESULT_POSTCOPY_NOT_ALLOWED);
        return;
    }
    out(s)->postcopy_wanted = 1;
    if (!out(s)->postcopy_sent)
        out_send_start_postcopy(s);
    else if (!s->joined)
        step_answer(s, CALL_START_POSTCOPY, RESULT_OK);
}

void out_refuse_switching(struct step *s)
{
    step_refuse(s, RESULT_SWITCHING);
}

void out_postcopy_accepted(struct step *s)
{
    step_answer(s, CALL_START_POSTCOPY, RESULT_OK);
}

void out_postcopy_refused(struct step *s)
{
    out(s)->postcopy_wanted = out(s)->postcopy_sent = 0;
    step_answer(s, CALL_START_POSTCOPY, RESULT_QEMU_FAILED);
}

/* ---- pre-copy ------------------------------------------------------------------------------- */

void out_active(struct step *s)
{
    go(s, OUT_PRECOPY);
    if (out(s)->outcome != RESULT_OK && out_may_cancel(out(s)))
        out_cancel(s, out(s)->outcome);
    else if (out(s)->postcopy_wanted && !out(s)->postcopy_sent)
        out_send_start_postcopy(s);
}

/* The vCPUs stand still for the migration, or for a client's suspend, which ends the same way: the
 * guest runs on the destination, or here again. */
void out_tell_stopped(struct step *s)
{
    out(s)->stood_still = 1;
    if (life(s)->state == CORE_RUNNING)
        step_tell(s, CORE_PAUSED, PAUSED_MIGRATION, TOLD_SUSPENDED, SUSPENDED_MIGRATED);
}

/* It stands still on its own account, and will on the destination. */
void out_goes_paused(struct step *s)
{
    life(s)->io_error = 0;
    out(s)->ran_before = 0;
    out(s)->reason_before = PAUSED_IOERROR;
}

void out_stopped_early(struct step *s)
{
    if (!life(s)->io_error) {
        out_tell_stopped(s);
        return;
    }
    out_goes_paused(s);
    out(s)->stood_still = 1;
    step_tell(s, CORE_PAUSED, PAUSED_IOERROR, TOLD_SUSPENDED, SUSPENDED_IOERROR);
}

/* In pre-copy a STOP that no client ordered is QEMU's own: the switchover. */
void out_stopped(struct step *s)
{
    if (!out(s)->suspended && !life(s)->io_error)
        go(s, OUT_SWITCHING);
    out_stopped_early(s);
}

void out_io_error(struct step *s)
{
    life(s)->io_error = 1;
}

void out_io_error_precopy(struct step *s)
{
    out_io_error(s);
    if (out(s)->abort_on_error && out_may_cancel(out(s)))
        out_cancel(s, RESULT_IO_ERROR);
}

void out_suspend(struct step *s)
{
    if (life(s)->state == CORE_RUNNING && !s->joined) {
        out(s)->suspended = 1;
        step_act(s, ACT_STOP, 0);
    } else if (life(s)->state != CORE_RUNNING) {
        step_answer(s, CALL_SUSPEND, RESULT_OK);
    }
}

void out_stop_done(struct step *s)
{
    if (!life(s)->vcpus)
        out_tell_stopped(s);
    step_answer(s, CALL_SUSPEND, RESULT_OK);
}

void out_stop_answered(struct step *s)
{
    step_answer(s, CALL_SUSPEND, RESULT_OK);
}

void out_stop_refused(struct step *s)
{
    out(s)->suspended = 0;
    step_answer(s, CALL_SUSPEND, RESULT_QEMU_FAILED);
}

void out_pre_switchover(struct step *s)
{
    go(s, OUT_SWITCHING);
    if (!out(s)->continued) {
        out(s)->continued = 1;
        step_act(s, ACT_CONTINUE, 0);
    }
}

void out_device(struct step *s)
{
    go(s, OUT_SWITCHING);
}

void out_continue_refused(struct step *s)
{
    if (out(s)->postcopy_sent) /* ordered twice, by this daemon and one before it: it goes on */
        return;
    out(s)->continued = 0;
    out_cancel(s, RESULT_QEMU_FAILED);
}

void out_abort_migration(struct step *s)
{
    if (out_refuse_without_postcopy(s))
        return;
    if (out_may_cancel(out(s)))
        out_cancel(s, RESULT_ABORTED);
    else
        step_refuse(s, RESULT_POSTCOPY_ACTIVE);
}

/* Answered by what comes of the undoing. */
void out_abort_cancelling(struct step *s)
{
    (void)out_refuse_without_postcopy(s);
}

/* Where a cancel is not safe any more it goes on: into post-copy, which needs nobody, or to the
 * end of pre-copy, where no Finish can have gone out. */
static void driver_left(struct step *s, enum core_result why)
{
    out(s)->client = CLIENT_LEFT;
    if (out_may_cancel(out(s)))
        out_cancel(s, why);
}

void out_client_left(struct step *s)
{
    if (!out(s)->p2p)
        driver_left(s, RESULT_CLIENT_LEFT);
}

void out_peer_lost(struct step *s)
{
    if (!out(s)->channel)
        driver_left(s, RESULT_PEER_LOST);
}

/* QEMU ended the migration by itself, and restarts the guest by itself if it had stopped it. Once the vCPUs stand still
 * for a switchover that may be one to post-copy, the destination may have been given the guest: it is asked. Where it
 * can't be, no Finish has gone out, as with a stock peer in pre-copy. */
void out_failed(struct step *s)
{
    const struct outgoing *o = out(s);
    if (o->state == OUT_SWITCHING && !out_may_cancel(o) && (o->channel || o->require_proof)) {
        out_failed_postcopy(s);
        return;
    }
    out_set_outcome(s, RESULT_QEMU_FAILED);
    go(s, OUT_CANCELLING);
    step_act(s, ACT_READ_STATS, 0); /* QEMU's words for it */
}

/* Nobody here asked for it: somebody at the monitor did. */
void out_cancelled_by_qemu(struct step *s)
{
    out_set_outcome(s, RESULT_ABORTED);
    out_take_back(s);
}

void out_unknown(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_UNKNOWN_STATUS);
}

/* ---- the guest's own end -------------------------------------------------------------------- */

/* It powered itself off. Before the hand-over that is the end of it, and of the migration. */
void out_powered_off(struct step *s)
{
    out(s)->outcome = RESULT_GUEST_GONE;
    step_tell(s, CORE_SHUTDOWN, SHUTDOWN_USER, TOLD_SHUTDOWN, s->event.arg);
    life_end(s, SHUTOFF_SHUTDOWN, STOPPED_SHUTDOWN, true);
}
