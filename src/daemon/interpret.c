/* interpret.c - the one place where a machine's orders are carried out.
 *
 * It chooses nothing: each action has its function. The results come back as events.
 */
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/events.h"
#include "daemon/guest.h"
#include "daemon/guest_cont.h"
#include "daemon/guest_door.h"
#include "daemon/migrate.h"
#include "daemon/registry.h"
#include "util/log.h"
#include "util/uuid.h"

/* The result of a simple command, as the pair of events that its userdata stands for. */
struct outcome {
    uint8_t done, refused, arg;
};

static const struct outcome stop_outcome = {EV_STOP_DONE, EV_STOP_REFUSED, 0};

struct pending {
    struct guest *guest;
    const char *command;
    struct outcome outcome;
};

static void command_answered(const struct monitor_reply *reply, void *userdata)
{
    struct pending *p = userdata;
    struct guest *g = p->guest;
    const char *command = p->command;
    struct outcome o = p->outcome;
    free(p);
    /* When the connection ended, nobody knows whether it was executed: the next one asks. */
    if (reply->outcome == MONITOR_CLOSED)
        return;
    if (reply->outcome == MONITOR_RETURN) {
        guest_event(g, o.done, o.arg, 0);
        return;
    }
    if (reply->outcome == MONITOR_TIMEOUT) /* if it is carried out later, its event tells so then */
        guest_note_silence(g, command);
    else
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "QEMU said: %s", reply->error);
    guest_event(g, o.refused, o.arg, 0);
}

static void order(struct guest *g, const char *command, struct outcome outcome)
{
    struct pending *p = malloc(sizeof(*p));
    if (p)
        *p = (struct pending){g, command, outcome};
    if (!p || !guest_command_to(g, command, NULL, command_answered, p)) {
        free(p);
        guest_event(g, outcome.refused, outcome.arg, 0);
    }
}

/* What can't be taken back is ordered only when its record is written: a daemon that comes back would not know of it, and
 * a guest that ran here would be proved to its source never to have run. In post-copy it has nowhere else to go. */
static bool is_recorded(struct guest *g)
{
    if (g->journal_is_behind)
        fail_set(&g->trouble, VIR_ERR_SYSTEM_ERROR, "the journal of domain '%s' can't be written (see the log of batond)",
                 g->name);
    return !g->journal_is_behind;
}

static void give_cont(struct guest *g)
{
    bool hands_over = g->core.in.state == IN_RESUMING && !g->core.in.postcopied;
    if (hands_over && !is_recorded(g))
        guest_event(g, EV_CONT_REFUSED, 0, 0);
    else
        guest_cont(g);
}

static void start_migration(struct guest *g)
{
    if (is_recorded(g))
        migrate_start(g);
    else
        guest_event(g, EV_MIGRATE_REFUSED, 0, 0);
}

static void start_postcopy(struct guest *g)
{
    if (is_recorded(g))
        migrate_start_postcopy(g);
    else
        guest_event(g, EV_POSTCOPY_REFUSED, 0, 0);
}

static void tell_incident(struct guest *g, enum core_incident incident,
                          const struct core_event *event)
{
    static const char *const sentence[INCIDENT_COUNT] = {
        [INCIDENT_SOURCE_RESUMED_ITSELF] =
            "QEMU restarted the guest on the source after the destination had got the right to run "
            "it; it was stopped at once",
        [INCIDENT_DESTINATION_RESUMED_ITSELF] =
            "the guest was started on the destination by somebody else before its time; it was "
            "stopped at once",
        [INCIDENT_UNKNOWN_STATUS] = "QEMU reported a migration status that this Baton does not know",
        [INCIDENT_UNEXPECTED] = "something happened that can't happen in this state; it was ignored",
        [INCIDENT_LEFT_IN_DOUBT] =
            "the migration was cut off before anybody said whether the destination runs the guest; "
            "it stays paused here",
        [INCIDENT_UNATTENDED] = "the client that drove the migration is gone; post-copy goes on",
        [INCIDENT_LOST_THERE] =
            "the destination was given the guest and has lost it; what is left here is older than "
            "what ran there, so it stays paused",
        [INCIDENT_SETTLED] =
            "an operator decided what nobody could prove: whether the guest goes on here",
    };
    log_warning("guest %s: %s (%s in %s, %s)", g->name, sentence[incident],
                core_event_name(event->type), out_state_name(g->core.out.state),
                in_state_name(g->core.in.state));
}

static void carry_out(struct guest *g, const struct core_event *event, const struct core_action *a)
{
    switch ((enum core_action_type)a->type) {
    case ACT_TELL:
        events_tell_lifecycle(g, a->c, a->d);
        return;
    case ACT_ANSWER:
        guest_answer_call(g, a->a, a->b);
        return;
    case ACT_REFUSE:
        guest_refuse_call(g, a->a);
        return;
    case ACT_START_QEMU:
        guest_start_qemu(g, a->a);
        return;
    case ACT_KILL_QEMU:
        guest_kill_qemu(g, a->a);
        return;
    case ACT_CONT:
        (a->a ? guest_open_door : give_cont)(g);
        return;
    case ACT_STOP:
        order(g, "stop", stop_outcome);
        return;
    case ACT_POWERDOWN:
        order(g, "system_powerdown", (struct outcome){EV_POWER_DONE, EV_POWER_REFUSED, a->a});
        return;
    case ACT_RESET:
        order(g, "system_reset", (struct outcome){EV_POWER_DONE, EV_POWER_REFUSED, a->a});
        return;
    case ACT_CONFIGURE_SOURCE:
        migrate_configure_source(g);
        return;
    case ACT_MIGRATE:
        start_migration(g);
        return;
    case ACT_START_POSTCOPY:
        start_postcopy(g);
        return;
    case ACT_CONTINUE:
        migrate_continue(g);
        return;
    case ACT_CANCEL:
        migrate_cancel(g, a->a);
        return;
    case ACT_READ_STATS:
        migrate_read_stats(g);
        return;
    case ACT_ASK_QEMU:
        migrate_ask(g);
        return;
    case ACT_LISTEN:
        migrate_listen(g);
        return;
    case ACT_SYNC:
        guest_journal_sync(g);
        return;
    case ACT_PEER_CONNECT:
        p2p_connect(g);
        return;
    case ACT_PEER_PREPARE:
        p2p_prepare(g);
        return;
    case ACT_PEER_FINISH:
        p2p_finish(g, a->a);
        return;
    case ACT_PEER_CLOSE:
        peer_drop(g);
        return;
    case ACT_ASK_PEER:
        peer_ask(g, a->a);
        return;
    case ACT_PROVE:
        peer_prove(g, a->a);
        return;
    case ACT_PEER_RECOVERABLE:
        peer_recoverable(g, a->a);
        return;
    case ACT_ASK_LATER:
        migrate_ask_later(g);
        return;
    case ACT_PEER_RECOVER:
        if (a->a)
            p2p_recover(g);
        else
            peer_recover(g);
        return;
    case ACT_PAUSE_STREAM:
        migrate_pause_stream(g);
        return;
    case ACT_RECOVER:
        migrate_recover(g, a->a);
        return;
    case ACT_RECOVER_LISTEN:
        migrate_recover_listen(g);
        return;
    case ACT_TAKE_IN:
        migrate_take_in(g);
        return;
    case ACT_JOB_BEGIN:
        migrate_job_begin(g, a->a);
        return;
    case ACT_JOB_END:
        migrate_job_end(g, a->a);
        return;
    case ACT_INCIDENT:
        tell_incident(g, a->a, event);
        return;
    case ACT_COUNT:
        break;
    }
}

/* What hangs on the machine's state rather than on one action: gone with it. */
static void clear_what_is_over(struct guest *g)
{
    if (g->migration && !core_migrating(&g->core))
        migrate_release(g);
    else if (g->migration && g->core.out.state != OUT_RECOVERING)
        migrate_drop_attempt(g->migration);
    if (g->core.life.phase == LIFE_OFF && g->live)
        guest_clear_live(g);
}

/* In post-copy the source's word on the figures is wanted as soon as QEMU has it. */
static void keep_channel(struct guest *g)
{
    if (g->core.out.state != OUT_POSTCOPY || !g->migration)
        return;
    g->migration->recovery.laters = g->migration->recovery.at = 0; /* it goes on */
    peer_prepare_channel(g);
}

void interpret(struct guest *g, const struct core_event *event, const struct core_actions *actions)
{
    for (unsigned i = 0; i < actions->count; i++)
        carry_out(g, event, &actions->list[i]);
    keep_channel(g);
    migrate_watch(g);
    clear_what_is_over(g);
}
