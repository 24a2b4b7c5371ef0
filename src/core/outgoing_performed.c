/* outgoing_performed.c - pre-copy is done here, and the destination may be given `cont`.
 *
 * Whoever carries Finish to the destination decides the rest: the client, or in p2p this daemon.
 * From the moment when Finish can have gone out, nobody's silence and no failure settles who runs
 * the guest: the destination's daemon is asked (DOUBT) until it proves one or the other. Its
 * release is durable before it says so, and a Finish of a released attempt is refused for ever.
 * Where the peer has no such channel, the word of the client, or of the peer, has to do, and
 * without a word the guest stays paused.
 */
#include "core/outgoing.h"

void out_completed(struct step *s)
{
    out_tell_stopped(s);
    go(s, OUT_PERFORMED);
    step_answer(s, CALL_START_POSTCOPY, RESULT_SWITCHING);
    step_act(s, ACT_READ_STATS, 0);
}

void out_stats_performed(struct step *s)
{
    out(s)->stats_read = 1;
    if (!out(s)->client) /* nobody will carry Finish, and nobody has */
        out_set_outcome(s, out(s)->p2p ? RESULT_PEER_LOST : RESULT_CLIENT_LEFT);
    if (out(s)->outcome != RESULT_OK && out(s)->channel) {
        out_doubt(s, false); /* the destination, which has all of it, must know before it is taken back */
    } else if (out(s)->outcome != RESULT_OK) {
        out_take_back(s);
    } else if (out(s)->p2p) {
        out(s)->finish_sent = 1;
        step_act(s, ACT_PEER_FINISH, 0);
    } else {
        step_answer(s, CALL_PERFORM, RESULT_OK);
    }
}

void out_doubt(struct step *s, bool denied)
{
    go(s, OUT_DOUBT);
    out(s)->denied |= denied;
    step_act(s, ACT_ASK_PEER, out(s)->stats_read ? SWITCHED_PRECOPY : SWITCHED_UNSEEN);
}

void out_confirm_performed(struct step *s)
{
    if (out(s)->p2p)
        step_refuse(s, RESULT_NO_JOB);
    else
        out_taken(s);
}

/* The client says that the destination does not run it. It may only have lost the answer. */
void out_confirm_cancelled_performed(struct step *s)
{
    if (out(s)->p2p)
        step_refuse(s, RESULT_NO_JOB);
    else
        out_doubt(s, true);
}

/* Before Perform was answered no Finish can have gone out; after it nobody knows. */
void out_client_left_performed(struct step *s)
{
    if (out(s)->p2p)
        return;
    out(s)->client = CLIENT_LEFT;
    if (out(s)->stats_read)
        out_doubt(s, false);
}

void out_peer_lost_performed(struct step *s)
{
    if (out(s)->finish_sent || !out(s)->channel)
        out(s)->client = CLIENT_LEFT;
    if (out(s)->finish_sent)
        out_doubt(s, false);
}

void out_peer_finished(struct step *s)
{
    out_taken(s);
}

/* The destination answered with an error: that it does not run the guest, or has lost it. */
void out_peer_finish_failed(struct step *s)
{
    out_doubt(s, true);
}

/* ---- in doubt ------------------------------------------------------------------------------- */

static void answer_doubt(struct step *s)
{
    step_answer(s, CALL_PERFORM, RESULT_IN_DOUBT);
    step_answer(s, CALL_CONFIRM, RESULT_IN_DOUBT);
}

void out_released(struct step *s)
{
    out(s)->stood_still = out(s)->continued = 0; /* nothing is there any more */
    out_set_outcome(s, out(s)->p2p ? RESULT_PEER_FAILED : RESULT_CANCELLED);
    out_take_back(s);
}

/* QEMU is ended when its final figures are read: after it has completed, if it still does. */
void out_taken(struct step *s)
{
    out(s)->confirmed = 1;
    if (out(s)->stats_read)
        out_conclude(s);
    else if (out(s)->state == OUT_POSTCOPY)
        step_act(s, ACT_ASK_QEMU, 0);
    else if (out(s)->state != OUT_PERFORMED && out(s)->state != OUT_POSTCOPY_DONE)
        step_act(s, ACT_READ_STATS, 0); /* in those they are on their way */
}

void out_stats_taken(struct step *s)
{
    out(s)->stats_read = 1;
    if (out(s)->confirmed)
        out_conclude(s);
    else if (out(s)->completed)
        out_ask_broken(s);
}

/* What is left here is older than what the destination ran: for an operator to decide. */
void out_lost_there(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_LOST_THERE);
    answer_doubt(s);
}

void out_silent(struct step *s)
{
    step_act(s, ACT_INCIDENT, INCIDENT_LEFT_IN_DOUBT);
    answer_doubt(s);
}

void out_nobody_to_ask(struct step *s)
{
    if (out(s)->denied && !out(s)->require_proof)
        out_released(s);
    else
        out_silent(s);
}

void out_refuse_doubt(struct step *s)
{
    step_refuse(s, RESULT_IN_DOUBT);
}

void out_refuse_migrating(struct step *s)
{
    step_refuse(s, RESULT_MIGRATING);
}

/* The vCPUs run although nobody may have ordered it, and the destination may run too. */
void out_resumed_itself(struct step *s)
{
    step_act(s, ACT_STOP, 0);
    step_act(s, ACT_INCIDENT, INCIDENT_SOURCE_RESUMED_ITSELF);
}
