/* incoming.c - the destination's side of a migration, until it is the guest's turn here.
 *
 * The guard against two runners sits on `cont`: it is ordered in one function (incoming_run.c), only on a
 * Finish that says the source is done (or, unattended, when post-copy began: from then on the source never
 * runs), and never after the attempt was released. A QEMU that did not get `cont` never ran: it may be ended
 * (incoming_undo.c). One that is in post-copy may hold the only future of the guest: it is never ended for
 * want of a client.
 *
 * The attempt is durable before Prepare is answered. Where the source's daemon itself carries Finish (p2p) and
 * has what it takes to come back, the loss of its connection means nothing.
 */
#include "core/incoming.h"

/* ---- prepare -------------------------------------------------------------------------------- */

void in_prepare(struct step *s)
{
    if (s->event.arg & BEGIN_RESUME) {
        step_refuse(s, RESULT_NOT_BROKEN);
        return;
    }
    if (life(s)->phase != LIFE_OFF || s->core->out.state != OUT_IDLE) {
        step_refuse(s, s->core->out.state != OUT_IDLE ? RESULT_JOB_ACTIVE : RESULT_ALREADY_RUNNING);
        return;
    }
    *in(s) = (struct incoming){
        .state = IN_STARTING,
        .postcopy_allowed = !!(s->event.arg & BEGIN_POSTCOPY),
        .stay_paused = s->event.arg & BEGIN_STAY_PAUSED ? PAUSED_USER : 0,
        .channel = !!(s->event.arg & PREPARE_CHANNEL),
        .p2p = !!(s->event.arg & PREPARE_P2P),
        .client = 1,
    };
    life(s)->phase = LIFE_STARTING;
    step_act(s, ACT_JOB_BEGIN, 0);
    in_sync(s);
    step_act(s, ACT_START_QEMU, 1);
}

void in_refuse_active(struct step *s)
{
    step_refuse(s, s->event.arg & BEGIN_RESUME ? RESULT_NOT_BROKEN : RESULT_JOB_ACTIVE);
}

void in_started(struct step *s)
{
    life(s)->phase = LIFE_UP;
    step_act(s, ACT_LISTEN, 0);
}

void in_start_failed(struct step *s)
{
    in_gone_unrun(s);
    in(s)->outcome = RESULT_QEMU_FAILED;
}

static void answer_prepare(struct step *s)
{
    if (in(s)->syncs == 0)
        step_answer(s, CALL_PREPARE, RESULT_OK);
}

void in_listening(struct step *s)
{
    go(s, IN_PREPARED);
    step_tell(s, CORE_PAUSED, PAUSED_MIGRATION, TOLD_STARTED, STARTED_MIGRATED);
    answer_prepare(s);
}

void in_synced_prepared(struct step *s)
{
    in_note_synced(s);
    answer_prepare(s);
}

void in_synced(struct step *s)
{
    in_note_synced(s);
}

void in_fail(struct step *s)
{
    in_undo(s, RESULT_QEMU_FAILED, STOPPED_FAILED);
}

void in_sync_failed(struct step *s)
{
    in_note_synced(s);
    in_undo(s, RESULT_NOT_DURABLE, STOPPED_FAILED);
}

/* ---- who carries Finish leaves --------------------------------------------------------------- */

void in_client_left(struct step *s)
{
    in(s)->client = 0;
    in_undo(s, RESULT_CLIENT_LEFT, STOPPED_DESTROYED);
}

/* The source's daemon comes back to it: for its Finish, or to ask. */
static bool source_comes_back(const struct incoming *i)
{
    return i->p2p && i->channel;
}

/* A Finish of the source's daemon stands, whatever becomes of the connection that it came over. */
void in_wait_for_stream(struct step *s)
{
    in(s)->client = 0;
    if (!source_comes_back(in(s)))
        in(s)->finish = 0;
}

/* Where post-copy is allowed the source may be in it already, and then this is where the guest lives; or all of
 * it may be here already, and nowhere else: the end of the stream, or post-copy, tells. The source's daemon
 * cancels for want of a client where it still can. */
static bool waits_without_client(const struct incoming *i)
{
    return i->postcopy_allowed || i->channel;
}

void in_client_left_loading(struct step *s)
{
    in_wait_for_stream(s);
    if (!waits_without_client(in(s)))
        in_client_left(s);
}

/* There may be no stream at all: QEMU is asked, and what it said before comes before its answer. */
void in_client_left_prepared(struct step *s)
{
    bool waits = source_comes_back(in(s));
    in_client_left_loading(s);
    if (in(s)->state == IN_PREPARED && !waits)
        step_act(s, ACT_ASK_QEMU, 0);
}

/* All of the guest is here, and may be nowhere else. */
void in_client_left_loaded(struct step *s)
{
    if (in(s)->channel)
        in_wait_for_stream(s);
    else
        in_client_left(s);
}

/* Nobody came for a long time, and no stream. */
void in_stalled_prepared(struct step *s)
{
    if (!in(s)->client)
        step_act(s, ACT_ASK_QEMU, 0);
}

/* A client is there still, and has said that the source cancelled. */
static bool is_cancelled(struct step *s)
{
    return core_waits(s->core, CALL_FINISH) && !in(s)->finish;
}

void in_no_stream(struct step *s)
{
    if (in(s)->client)
        return;
    if (is_cancelled(s))
        in_undo(s, RESULT_CANCELLED, STOPPED_FAILED);
    else
        in_client_left(s);
}

/* ---- the stream ----------------------------------------------------------------------------- */

void in_loading(struct step *s)
{
    go(s, IN_LOADING);
}

/* All is here. Who has nobody to carry Finish keeps it where the source's daemon can be told, or asked for
 * it: it comes to ask before it takes the guest back. */
void in_loaded(struct step *s)
{
    go(s, IN_LOADED);
    in(s)->completed = 1;
    if (in(s)->finish && !in(s)->asked)
        in_take_over(s);
    else if (in(s)->asked || (!in(s)->client && !in(s)->channel))
        in_undo(s, RESULT_CANCELLED, in(s)->asked || is_cancelled(s) ? STOPPED_FAILED : STOPPED_DESTROYED);
    else
        step_answer(s, CALL_FINISH, RESULT_IN_DOUBT); /* one that cancels, and came too late */
}

void in_postcopy_active(struct step *s)
{
    go(s, IN_POSTCOPY);
    in(s)->postcopied = 1;
    if (!in(s)->finish) /* one that cancels, and came too late */
        step_answer(s, CALL_FINISH, RESULT_POSTCOPY_ACTIVE);
    in_prove(s, PROOF_NEEDS_SOURCE);
    if (in(s)->finish || !in(s)->client)
        in_take_over(s);
}

/* The source is in post-copy too and will not run again: settle it without the client. */
void in_client_left_postcopy(struct step *s)
{
    in(s)->client = 0;
    step_act(s, ACT_INCIDENT, INCIDENT_UNATTENDED);
    in_take_over(s);
}

/* A source's daemon that asks, in post-copy, carries no Finish any more, or one that came to nothing. */
void in_take_over_unfinished(struct step *s)
{
    if (in(s)->p2p && in(s)->asked && in(s)->state == IN_POSTCOPY)
        in_take_over(s);
}

void in_completed_early(struct step *s)
{
    in(s)->completed = 1;
    in_take_over_unfinished(s);
}

/* ---- Finish ---------------------------------------------------------------------------------- */

/* The source may have learnt only after Prepare that the guest stands still on its own account. */
static void note_paused(struct step *s)
{
    if (s->event.arg & BEGIN_STAY_PAUSED)
        in(s)->stay_paused = s->event.arg & FINISH_IO_ERROR ? PAUSED_IOERROR : PAUSED_USER;
}

void in_finish_held(struct step *s)
{
    if (s->joined) {
        step_refuse(s, RESULT_JOB_ACTIVE);
        return;
    }
    note_paused(s);
    in(s)->finish = 1;
}

void in_finish(struct step *s)
{
    note_paused(s);
    in(s)->finish = 1;
    in_take_over(s);
}

/* The guest was already given `cont` unattended: the answer waits for the end. */
void in_finish_late(struct step *s)
{
    if (s->joined)
        step_refuse(s, RESULT_JOB_ACTIVE);
}

void in_finish_starting(struct step *s)
{
    step_refuse(s, RESULT_STARTING);
}

void in_finish_released(struct step *s)
{
    step_refuse(s, RESULT_NO_JOB);
}

/* The source's own daemon says so when the guest is back there. */
static bool is_of_source(struct step *s)
{
    return source_comes_back(in(s)) || s->event.arg == FINISH_OF_SOURCE;
}

void in_finish_cancelled(struct step *s)
{
    if (s->joined && !is_of_source(s))
        step_refuse(s, RESULT_JOB_ACTIVE);
    else
        in_undo(s, RESULT_CANCELLED, STOPPED_FAILED);
}

/* A client that says so before all is here lets the stream decide, as one that leaves: its word that the
 * source is cancelled may be a guess. */
void in_finish_cancelled_loading(struct step *s)
{
    if (s->joined || is_of_source(s) || !waits_without_client(in(s)))
        in_finish_cancelled(s);
    else if (in(s)->state == IN_PREPARED)
        in_client_left_prepared(s);
    else
        in_wait_for_stream(s);
}

/* All of the guest is here, and may be nowhere else: a source that wants it back asks for it. */
void in_finish_cancelled_loaded(struct step *s)
{
    if (in(s)->unseen && !is_of_source(s))
        step_refuse(s, RESULT_POSTCOPY_ACTIVE);
    else if (in(s)->channel && !is_of_source(s))
        step_refuse(s, RESULT_IN_DOUBT);
    else
        in_finish_cancelled(s);
}

void in_finish_cancelled_undoing(struct step *s)
{
    step_ignore(s); /* answered when it is undone */
}

/* Too late to cancel: the guest may exist nowhere else. */
void in_finish_cancelled_late(struct step *s)
{
    step_refuse(s, RESULT_POSTCOPY_ACTIVE);
}

void in_finish_cancelled_running(struct step *s)
{
    step_refuse(s, RESULT_ALREADY_RUNNING);
}

/* ---- what is refused ------------------------------------------------------------------------ */

void in_refuse_migrating(struct step *s)
{
    step_refuse(s, in(s)->unseen && !in(s)->client ? RESULT_IN_DOUBT : RESULT_MIGRATING);
}

void in_refuse_broken(struct step *s)
{
    step_refuse(s, RESULT_POSTCOPY_FAILED);
}

void in_refuse_abort(struct step *s)
{
    step_refuse(s, s->event.arg & ABORT_POSTCOPY ? RESULT_NOT_POSTCOPY : RESULT_INCOMING);
}

void in_not_in_doubt(struct step *s)
{
    step_refuse(s, RESULT_NOT_IN_DOUBT);
}

void in_unknown(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_UNKNOWN_STATUS);
}
