/* outgoing_undo.c - how an outgoing migration is undone, and how it ends.
 *
 * There is one way back: QEMU's last word on the migration is awaited (CANCELLING), then the vCPUs
 * are given their run back if they had it (RETURNING), then the other daemon is told (p2p:
 * UNDOING), and only then are the callers answered.
 */
#include "core/outgoing.h"

/* ---- ends ----------------------------------------------------------------------------------- */

/* Everyone who waits is told. `abort` is what a client's abort is told. */
static void answer_all(struct step *s, enum core_result result, enum core_result abort)
{
    step_answer(s, CALL_ABORT, abort);
    step_answer(s, CALL_START_POSTCOPY, result == RESULT_OK ? RESULT_SWITCHING : result);
    step_answer(s, CALL_PERFORM, result);
    step_answer(s, CALL_CONFIRM, RESULT_OK);
}

static void end_job(struct step *s, enum core_result result, enum core_result abort)
{
    *out(s) = (struct outgoing){.state = OUT_IDLE};
    step_act(s, ACT_JOB_END, (uint8_t)result);
    answer_all(s, result, abort);
}

void out_end_undone(struct step *s)
{
    end_job(s, out(s)->outcome, RESULT_OK);
}

/* All of the guest may be at the destination, which then keeps it until it hears that it is back here. */
static bool may_be_there(const struct outgoing *o)
{
    return o->channel && (o->pause_before ? o->continued : o->stood_still);
}

/* The guest is as it was. The destination still has to hear that it is over. */
void out_guest_is_back(struct step *s)
{
    if (!out(s)->p2p && !may_be_there(out(s))) {
        out_end_undone(s);
        return;
    }
    go(s, OUT_UNDOING);
    step_act(s, ACT_PEER_FINISH, 1);
}

static bool stop_may_be_on_its_way(const struct outgoing *o)
{
    return o->own_stop && o->postcopy_sent;
}

/* QEMU will not go on with the migration: give the vCPUs back what they had. A stop of ours may still be on
 * its way to QEMU: `cont` comes after it. */
void out_take_back(struct step *s)
{
    if (out(s)->ran_before && (!life(s)->vcpus || stop_may_be_on_its_way(out(s)))) {
        go(s, OUT_RETURNING);
        step_act(s, ACT_CONT, 0);
        return;
    }
    out_guest_is_back(s);
}

void out_set_outcome(struct step *s, enum core_result result)
{
    if (out(s)->outcome == RESULT_OK)
        out(s)->outcome = (uint8_t)result;
}

void out_cancel(struct step *s, enum core_result why)
{
    out_set_outcome(s, why);
    out(s)->cancelled = 1;
    go(s, OUT_CANCELLING);
    step_act(s, ACT_CANCEL, !out(s)->pause_before || out(s)->continued);
}

/* There may have been no stream to end yet. */
void out_cancel_again(struct step *s)
{
    if (out(s)->cancelled && !out(s)->pause_before)
        step_act(s, ACT_CANCEL, 1);
}

/* migrate_cancel is safe: it can't meet an active post-copy. QEMU before 10 obeys it even there,
 * and then nothing holds the source back from a second run. */
bool out_may_cancel(const struct outgoing *o)
{
    return !o->postcopy_sent || (o->pause_before && !o->continued);
}

/* The guest is its user's again, and nothing of the migration but that the destination has to hear of it is left. */
static bool is_only_untold(const struct outgoing *o)
{
    return o->state == OUT_UNDOING && o->recovery == RECOVERY_UNTOLD;
}

void out_gone(struct step *s)
{
    enum core_result result = is_only_untold(out(s)) ? out(s)->outcome : RESULT_GUEST_GONE;
    if (out(s)->p2p)
        step_act(s, ACT_PEER_CLOSE, 0);
    bool destroyed = life(s)->phase == LIFE_ENDING;
    life_gone(s);
    end_job(s, result, destroyed ? RESULT_OK : RESULT_GUEST_GONE);
}

/* QEMU ended, as ordered or by itself, when the destination had all of it and runs it. */
void out_gone_moved(struct step *s)
{
    if (life(s)->phase != LIFE_ENDING) {
        life(s)->phase = LIFE_ENDING;
        life(s)->end_reason = SHUTOFF_MIGRATED;
        life(s)->end_detail = STOPPED_MIGRATED;
    }
    bool p2p = out(s)->p2p;
    life_gone(s);
    end_job(s, RESULT_OK, RESULT_SWITCHING);
    if (p2p)
        step_act(s, ACT_PEER_CLOSE, 0);
}

void out_conclude(struct step *s)
{
    go(s, OUT_CONCLUDING);
    life_end(s, SHUTOFF_MIGRATED, STOPPED_MIGRATED, false);
}

/* ---- undoing -------------------------------------------------------------------------------- */

static void tell_back(struct step *s)
{
    if (life(s)->state == CORE_PAUSED)
        step_tell(s, CORE_RUNNING, RUNNING_MIGRATION_CANCELED, TOLD_RESUMED, RESUMED_MIGRATED);
}

/* Somebody let a guest run that stood still when the migration began, or QEMU gave it back. */
void out_resumed_early(struct step *s)
{
    if (out(s)->ran_before) {
        tell_back(s);
        return;
    }
    out(s)->ran_before = 1;
    out(s)->reason_before = 0;
    life_take(s);
}

void out_cancelled(struct step *s)
{
    out_take_back(s);
}

/* The cancel came too late. With the driving client still there the migration simply goes on;
 * without it no Finish can reach the destination, and the guest is taken back. */
void out_completed_despite_cancel(struct step *s)
{
    if (out(s)->client)
        out(s)->outcome = RESULT_OK;
    out(s)->cancelled = 0;
    go(s, OUT_PERFORMED);
    step_answer(s, CALL_ABORT, RESULT_SWITCHING);
    step_answer(s, CALL_START_POSTCOPY, RESULT_SWITCHING);
    out_tell_stopped(s);
    step_act(s, ACT_READ_STATS, 0);
}

void out_cancel_refused(struct step *s)
{
    step_act(s, ACT_ASK_QEMU, 0);
}

void out_runs_again(struct step *s)
{
    tell_back(s);
    out_guest_is_back(s);
}

/* A stop of ours may still be on its way, and this RESUME QEMU's own before it: then only the answer to `cont`
 * says that the guest runs. */
void out_returned(struct step *s)
{
    if (!stop_may_be_on_its_way(out(s)))
        out_runs_again(s);
}

/* Where it was proved to be this host's again, what the stream does is of no account. */
void out_postcopy_returning(struct step *s)
{
    if (life(s)->reason == PAUSED_POSTCOPY_FAILED)
        return;
    if (s->event.type == EV_MIG_POSTCOPY_PAUSED)
        out_paused_postcopy(s);
    else
        out_resumed_postcopy(s);
}

void out_cont_done(struct step *s)
{
    if (life(s)->vcpus) /* or else RESUME is on its way */
        out_runs_again(s);
}

void out_cont_refused(struct step *s)
{
    if (life(s)->vcpus) { /* QEMU had let it run by itself */
        out_runs_again(s);
        return;
    }
    if (life(s)->reason == PAUSED_POSTCOPY_FAILED) { /* QEMU has no way back from there */
        go(s, OUT_BROKEN);
        out(s)->outcome = RESULT_OK;
        step_answer(s, CALL_PERFORM, RESULT_POSTCOPY_FAILED);
        step_answer(s, CALL_CONFIRM, RESULT_POSTCOPY_FAILED);
        return;
    }
    step_tell(s, CORE_PAUSED, PAUSED_API_ERROR, TOLD_SUSPENDED, SUSPENDED_API_ERROR);
    out(s)->outcome = RESULT_QEMU_FAILED;
    out_guest_is_back(s);
}

void out_undone(struct step *s)
{
    step_act(s, ACT_PEER_CLOSE, 0);
    out_end_undone(s);
}

/* All of the guest may lie there for ever: the destination is told as soon as it can be reached. Nobody is
 * made to wait for that. */
void out_peer_lost_undoing(struct step *s)
{
    if (!may_be_there(out(s))) {
        out_undone(s);
        return;
    }
    out(s)->recovery = RECOVERY_UNTOLD;
    answer_all(s, out(s)->outcome, RESULT_OK);
    step_act(s, ACT_ASK_LATER, 0);
}

void out_user_undoing(struct step *s)
{
    if (is_only_untold(out(s)))
        life_take(s);
    else
        out_refuse_migrating(s);
}

void out_user_done_undoing(struct step *s)
{
    if (is_only_untold(out(s)))
        life_take(s);
}

void out_resumed_undoing(struct step *s)
{
    if (is_only_untold(out(s)))
        life_take(s);
    else
        out_resumed_early(s);
}

void out_powered_off_undoing(struct step *s)
{
    if (is_only_untold(out(s)))
        life_take(s);
    else
        out_powered_off(s);
}

void out_tell_undone(struct step *s)
{
    step_act(s, ACT_PEER_FINISH, 1);
}

/* A new migration does not wait for it either: the destination's copy is then its operator's. */
void out_begin_undoing(struct step *s)
{
    if (out(s)->recovery != RECOVERY_UNTOLD) {
        out_refuse_active(s);
        return;
    }
    enum core_result outcome = out(s)->outcome;
    *out(s) = (struct outgoing){.state = OUT_IDLE};
    step_act(s, ACT_PEER_CLOSE, 0);
    step_act(s, ACT_JOB_END, (uint8_t)outcome);
    step_cell(s->core, s->event.type)->take(s);
}

void out_abort_undoing(struct step *s)
{
    if (out(s)->recovery == RECOVERY_UNTOLD)
        out_undone(s);
    else /* answered by what comes of it */
        (void)out_refuse_without_postcopy(s);
}

/* QEMU knows of no migration: it died before it began, or with an earlier daemon's order. */
void out_never_began(struct step *s)
{
    out_set_outcome(s, RESULT_QEMU_FAILED);
    out_take_back(s);
}
