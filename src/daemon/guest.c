/* guest.c - the one way into a guest's machines, and the calls that wait for them.
 *
 * An event that comes while a step's actions are being carried out waits in the guest's queue: a
 * step is never entered from inside another. After each step the new state is in the journal
 * before the first of its actions is carried out.
 */
#include "daemon/guest.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "daemon/call.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/registry.h"
#include "daemon/trace.h"
#include "io/journal_file.h"
#include "util/log.h"

uint64_t guest_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct guest *guest_new(struct daemon *d, const struct domain *document, struct fail *f)
{
    struct guest *g = calloc(1, sizeof(*g));
    if (!g) {
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    g->daemon = d;
    g->id = g->kept_monitor = -1;
    g->uuid = document->uuid;
    snprintf(g->name, sizeof(g->name), "%s", document->name);
    g->max_bandwidth_mib = GUEST_BANDWIDTH_UNSET;
    g->max_downtime_ms = GUEST_DOWNTIME_DEFAULT;
    core_init(&g->core);
    char uuid[UUID_TEXT];
    uuid_format(&g->uuid, uuid);
    if (asprintf(&g->folder, "%s/guests/%s", d->config.state_dir, uuid) < 0) {
        g->folder = NULL;
        guest_free(g);
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    return g;
}

void guest_free(struct guest *g)
{
    if (!g)
        return;
    loop_later_cancel(&g->forget);
    timer_cancel(&g->figures_timer);
    guest_release_qemu(g);
    peer_drop(g);
    migration_free(g->migration);
    trace_close(g);
    journal_file_close(g->journal);
    domain_free(g->defined);
    domain_free(g->live);
    free(g->folder);
    free(g);
}

struct guest_callback *guest_callback_new(const struct guest *g)
{
    struct guest_callback *c = malloc(sizeof(*c));
    if (c)
        *c = (struct guest_callback){g->daemon, g->uuid, g->id};
    return c;
}

struct guest *guest_find_for_callback(const struct guest_callback *c)
{
    struct guest *g = c->daemon->registry->first; /* also one that is only waiting to be forgotten */
    while (g && !uuid_equal(&g->uuid, &c->uuid))
        g = g->next;
    return g;
}

const struct domain *guest_document(const struct guest *g)
{
    return g->live ? g->live : g->defined;
}

/* ---- waiters -------------------------------------------------------------------------------- */

static bool take_out(struct guest_waiter **list, const struct guest_waiter *w)
{
    for (struct guest_waiter **at = list; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            return true;
        }
    }
    return false;
}

void guest_forget_waiter(struct guest *g, struct guest_waiter *w)
{
    if (!take_out(&g->waiters, w) && !take_out(&g->put_off, w))
        (void)take_out(&g->held, w);
}

static void answer(struct guest *g, struct guest_waiter *w, enum core_result result)
{
    struct fail why;
    guest_explain(g, result, w->call, &why);
    w->answered(w, g, result, &why);
}

static bool ends_migration(enum core_call call)
{
    return call == CALL_PERFORM || call == CALL_FINISH || call == CALL_CONFIRM;
}

void guest_answer_held(struct guest *g)
{
    struct guest_waiter *w;
    while ((w = g->held)) {
        g->held = w->next;
        answer(g, w, RESULT_OK);
    }
}

void guest_answer_call(struct guest *g, enum core_call call, enum core_result result)
{
    struct guest_waiter *again = g->waiters, *w;
    g->waiters = NULL;
    while ((w = again)) {
        again = w->next;
        if (w->call == call && g->defining && result == RESULT_OK && ends_migration(call)) {
            w->next = g->held;
            g->held = w;
        } else if (w->call == call) {
            answer(g, w, result);
        } else {
            w->next = g->waiters;
            g->waiters = w;
        }
    }
}

void guest_refuse_call(struct guest *g, enum core_result result)
{
    struct guest_waiter *w = g->asking;
    if (!w)
        return;
    g->asking = NULL;
    guest_forget_waiter(g, w);
    answer(g, w, result);
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* What the accounts hear of a restart: that post-copy has begun meanwhile. When, nobody knows. */
static enum core_event_type told_to_accounts(struct core_event event)
{
    bool postcopied = event.arg2 == EV_MIG_POSTCOPY_ACTIVE || event.arg2 == EV_MIG_POSTCOPY_PAUSED ||
                      event.arg2 == EV_MIG_POSTCOPY_RECOVER;
    return event.type == EV_BOOT && postcopied ? EV_MIG_POSTCOPY_ACTIVE : event.type;
}

static bool may_run_there(const struct core *c)
{
    switch ((enum out_state)c->out.state) {
    case OUT_POSTCOPY:
    case OUT_BROKEN:
    case OUT_PERFORMED:
    case OUT_POSTCOPY_DONE:
    case OUT_CONCLUDING:
    case OUT_DOUBT:
    case OUT_RECOVERING:
        return true;
    case OUT_IDLE:
    case OUT_BEGUN:
    case OUT_CONNECTING:
    case OUT_PREPARING:
    case OUT_CONFIGURING:
    case OUT_STARTING:
    case OUT_PRECOPY:
    case OUT_SWITCHING:
    case OUT_CANCELLING:
    case OUT_RETURNING:
    case OUT_UNDOING:
    case OUT_COUNT:
        break;
    }
    return c->in.state != IN_IDLE;
}

/* Of a guest whose QEMU is gone, what was known before it went is what is known. */
static void note_where(struct guest *g, const struct core_actions *actions)
{
    g->elsewhere |= may_run_there(&g->core);
    for (unsigned i = 0; i < actions->count; i++) {
        const struct core_action *a = &actions->list[i];
        if (a->type == ACT_START_QEMU && !a->a)
            g->elsewhere = false;
        else if (a->type == ACT_JOB_END && !g->accounts.outgoing)
            g->elsewhere = a->a != RESULT_OK;
        else if (a->type == ACT_JOB_END && a->a != RESULT_GUEST_GONE)
            g->elsewhere = a->a == RESULT_OK;
    }
}

static void step(struct guest *g, struct core_event event)
{
    struct core before = g->core;
    struct core_actions actions;
    uint64_t now = guest_clock();
    accounts_event(&g->accounts, told_to_accounts(event), now - g->late);
    g->late = 0;
    core_step(&g->core, event, &actions);
    for (unsigned i = 0; i < actions.count; i++)
        accounts_action(&g->accounts, &actions.list[i], now);
    note_where(g, &actions);
    log_debug("guest %s: %s -> %s/%s/%s, %u actions", g->name, core_event_name(event.type),
              life_phase_name(g->core.life.phase), out_state_name(g->core.out.state),
              in_state_name(g->core.in.state), actions.count);
    trace_step(g, now, event, &before, &actions);
    if (memcmp(&before, &g->core, sizeof(before)) != 0)
        guest_journal_append(g);
    interpret(g, &event, &actions);
}

static void forget(void *userdata)
{
    struct guest *g = userdata;
    registry_forget(g->daemon->registry, g);
}

bool guest_is_over(const struct guest *g)
{
    return !guest_is_there(g) && !g->changes && !g->changing && !journal_file_is_busy(g->journal);
}

void guest_forget_if_over(struct guest *g)
{
    if (guest_is_over(g))
        (void)loop_later_schedule(&g->forget, daemon_event(g->daemon), forget, g);
}

static void drain(struct guest *g)
{
    g->stepping = true;
    while (g->queue_count) {
        struct core_event event = g->queue[g->queue_head];
        g->queue_head = (g->queue_head + 1) % GUEST_QUEUE_MAX;
        g->queue_count--;
        step(g, event);
    }
    g->stepping = false;
    guest_forget_if_over(g);
}

void guest_event(struct guest *g, enum core_event_type type, uint8_t arg, uint8_t arg2)
{
    /* Only what one step's actions cause at once can pile up here, and that is bounded. */
    assert(g->queue_count < GUEST_QUEUE_MAX);
    g->queue[(g->queue_head + g->queue_count++) % GUEST_QUEUE_MAX] =
        (struct core_event){.type = (uint8_t)type, .arg = arg, .arg2 = arg2};
    if (!g->stepping)
        drain(g);
}

static void ask(struct guest *g, struct guest_waiter *w)
{
    /* Or else the words are for those who wait, or for the end of the job that is being undone. */
    if (!g->waiters && g->core.in.outcome == RESULT_OK && g->core.out.outcome == RESULT_OK)
        g->trouble.text[0] = '\0';
    w->next = g->waiters;
    g->waiters = w;
    g->asking = w;
    guest_event(g, (enum core_event_type)w->event, w->arg, 0);
    g->asking = NULL;
}

/* In the moment after a restart of the daemon the machine has not heard of QEMU again, and takes
 * what QEMU then says for the answer. What must not wait goes on: an end, and what brings a
 * migration of its own along. */
static bool can_be_put_off(enum core_call call)
{
    switch (call) {
    case CALL_SUSPEND:
    case CALL_RESUME:
    case CALL_SHUTDOWN:
    case CALL_REBOOT:
    case CALL_RESET:
    case CALL_ABORT:
    case CALL_CONFIRM:
    case CALL_START_POSTCOPY:
    case CALL_FINISH:
        return true;
    case CALL_START:
    case CALL_DESTROY:
    case CALL_BEGIN:
    case CALL_PERFORM:
    case CALL_PREPARE:
    case CALL_SETTLE:
    case CALL_COUNT:
        break;
    }
    return false;
}

/* What the journal says last may be old: a QEMU may run where it knows of none. Only an operator's
 * destroy is still taken. */
static void refuse_damaged(struct guest *g, struct guest_waiter *w)
{
    struct fail why;
    fail_set(&why, VIR_ERR_OPERATION_FAILED,
             "the journal of domain '%s' is damaged, or can't be written (see the log of batond): nothing is "
             "done for it until that is mended (a damaged one, %s/journal, is moved away, with its QEMU ended) "
             "and batond restarted",
             g->name, g->folder);
    if (w->call == CALL_START && !guest_is_active(g))
        registry_drop_live(g->daemon->registry, g);
    w->answered(w, g, RESULT_NOT_DURABLE, &why);
}

void guest_ask(struct guest *g, enum core_event_type type, uint8_t arg, struct guest_waiter *w)
{
    assert(!g->stepping); /* calls come from the loop, never out of a step */
    w->call = (enum core_call)core_call_of(type);
    w->event = (uint8_t)type;
    w->arg = arg;
    if (g->damaged && w->call != CALL_DESTROY) {
        refuse_damaged(g, w);
        return;
    }
    if (!g->unsettled || !g->process || !can_be_put_off(w->call)) {
        ask(g, w);
        return;
    }
    struct guest_waiter **at = &g->put_off;
    while (*at)
        at = &(*at)->next;
    w->next = NULL;
    *at = w;
}

void guest_settle(struct guest *g)
{
    struct guest_waiter *w;
    g->unsettled = false;
    while ((w = g->put_off)) {
        g->put_off = w->next;
        ask(g, w);
    }
    struct call *again = g->calls_put_off, *call;
    g->calls_put_off = NULL; /* who has to wait again goes to a new list */
    while ((call = again)) {
        again = call->next_put_off;
        if (call->client)
            call_find_handler(call->proc->program, call->proc->number)(call);
        else
            call_failf(call, VIR_ERR_RPC, "the client is gone");
    }
}

/* ---- results in words ------------------------------------------------------------------------ */

struct explanation {
    int code;
    const char *sentence;
};

/* The words that libvirt puts before each error number are added on the wire. */
static const struct explanation explanations[RESULT_COUNT] = {
    [RESULT_OK] = {0, ""},
    [RESULT_NOT_RUNNING] = {VIR_ERR_OPERATION_INVALID,
                            "domain is not running"},
    [RESULT_ALREADY_RUNNING] = {VIR_ERR_OPERATION_INVALID,
                                "domain is already running"},
    [RESULT_STARTING] = {VIR_ERR_OPERATION_INVALID,
                         "another operation on the domain is "
                         "being carried out; try again when it is done"},
    [RESULT_ENDING] = {VIR_ERR_OPERATION_INVALID,
                       "domain is being shut down"},
    [RESULT_MIGRATING] = {VIR_ERR_OPERATION_INVALID,
                          "not while a migration of the domain "
                          "is under way"},
    [RESULT_JOB_ACTIVE] = {VIR_ERR_OPERATION_INVALID,
                           "another migration job of the domain "
                           "is active"},
    [RESULT_NO_JOB] = {VIR_ERR_OPERATION_INVALID,
                       "no job is active on the domain"},
    [RESULT_ABORTED] = {VIR_ERR_OPERATION_ABORTED,
                        "job 'migration out' canceled by client"},
    [RESULT_CLIENT_LEFT] = {VIR_ERR_OPERATION_FAILED,
                            "the client that drove the migration went away"},
    [RESULT_QEMU_FAILED] = {VIR_ERR_OPERATION_FAILED, "QEMU refused"},
    [RESULT_GUEST_GONE] = {VIR_ERR_OPERATION_FAILED,
                           "domain is no longer running"},
    [RESULT_POSTCOPY_ACTIVE] = {VIR_ERR_OPERATION_INVALID,
                                "cannot abort migration in "
                                "post-copy mode"},
    [RESULT_POSTCOPY_FAILED] = {VIR_ERR_OPERATION_FAILED,
                                "the migration failed in post-copy phase; the "
                                "guest's newer state is on the destination, so it must not run on "
                                "the source; recover it with --postcopy-resume"},
    [RESULT_POSTCOPY_NOT_ALLOWED] = {VIR_ERR_OPERATION_INVALID,
                                     "switching to post-copy "
                                     "requires migration to be started with "
                                     "VIR_MIGRATE_POSTCOPY flag"},
    [RESULT_SWITCHING] = {VIR_ERR_OPERATION_INVALID,
                          "too late, the migration has already "
                          "switched over to the destination"},
    [RESULT_IN_DOUBT] = {VIR_ERR_OPERATION_INVALID,
                         "the migration was cut off before "
                         "anybody said whether the destination runs the guest; it stays paused "
                         "here, because running it twice would corrupt its disks"},
    [RESULT_PEER_FAILED] = {VIR_ERR_OPERATION_FAILED, "the destination refused"},
    [RESULT_PEER_LOST] = {VIR_ERR_OPERATION_FAILED,
                          "the connection to the destination was lost"},
    [RESULT_INCOMING] = {VIR_ERR_OPERATION_INVALID,
                         "cannot abort incoming migration; "
                         "abort it on the source, or destroy the domain"},
    [RESULT_CANCELLED] = {VIR_ERR_OPERATION_FAILED,
                          "the migration was cancelled by its client"},
    [RESULT_NOT_DURABLE] = {VIR_ERR_SYSTEM_ERROR,
                            "cannot write the guest's journal to the disk"},
    [RESULT_NOT_BROKEN] = {VIR_ERR_OPERATION_INVALID,
                           "there is no broken post-copy migration of the domain to resume"},
    [RESULT_NOT_POSTCOPY] = {VIR_ERR_OPERATION_INVALID,
                             "current job is not outgoing migration in post-copy mode"},
    [RESULT_IO_ERROR] = {VIR_ERR_OPERATION_FAILED,
                         "the migration was aborted because the guest met an I/O error"},
    [RESULT_NOT_IN_DOUBT] = {VIR_ERR_OPERATION_INVALID,
                             "there is nothing to settle: it is known who runs the guest, or will be"},
    [RESULT_NO_WAY_BACK] = {VIR_ERR_OPERATION_INVALID,
                            "QEMU has no way to go on with the guest here"},
    [RESULT_RESUME_HANGS] = {VIR_ERR_OPERATION_INVALID,
                             "QEMU waits for ever for an answer that was lost as post-copy was resumed: it can't be resumed again"},
    [RESULT_ALL_SENT] = {VIR_ERR_OPERATION_INVALID,
                         "QEMU has sent all of the domain: there is nothing to resume, the destination has it or has lost it"},
    [RESULT_GIVEN_UP] = {VIR_ERR_OPERATION_INVALID,
                         "QEMU has given the migration up in its post-copy phase: it can't be resumed"},
    [RESULT_REBOOTING] = {VIR_ERR_OPERATION_INVALID,
                          "the domain was asked to reboot and has not done so yet; virsh reset does it "
                          "at once, virsh shutdown asks for something else"},
    [RESULT_DESTROYED] = {VIR_ERR_OPERATION_ABORTED, "the domain was destroyed while it was being started"},
};

/* Nothing went wrong with it: what did before is not why. */
static bool was_ended(const struct guest *g)
{
    const struct life *l = &g->core.life;
    return l->phase == LIFE_OFF && (l->reason == SHUTOFF_DESTROYED || l->reason == SHUTOFF_SHUTDOWN);
}

void guest_explain(const struct guest *g, enum core_result result, enum core_call call,
                   struct fail *ret)
{
    const struct explanation *e = &explanations[result];
    bool has_words = g->trouble.text[0] != '\0' && !(result == RESULT_GUEST_GONE && was_ended(g));
    if ((result == RESULT_QEMU_FAILED || result == RESULT_PEER_FAILED ||
         result == RESULT_GUEST_GONE || result == RESULT_NOT_DURABLE) &&
        has_words) {
        *ret = g->trouble;
        if (ret->code == 0)
            ret->code = e->code;
        return;
    }
    fail_set(ret, e->code, "%s", e->sentence);
    if (result == RESULT_IN_DOUBT && call != CALL_FINISH && g->core.in.state != IN_IDLE)
        fail_set(ret, e->code,
                 "all of the guest is here, and nobody has said whether it is to run here or goes on at "
                 "its source; it stays paused (`baton settle` decides)");
    if (result == RESULT_IN_DOUBT && call == CALL_FINISH)
        fail_set(ret, e->code,
                 "all of the guest is here, and may be nowhere else; its source is asked before it is "
                 "thrown away");
    if (result == RESULT_POSTCOPY_FAILED && call == CALL_FINISH)
        fail_set(ret, e->code, "job 'migration in' failed in post-copy phase");
    else if (result == RESULT_POSTCOPY_FAILED && call == CALL_PERFORM && g->core.life.vcpus)
        fail_set(ret, e->code,
                 "the migration failed in post-copy phase, before the destination ran the guest: it "
                 "goes on here");
    else if (result == RESULT_POSTCOPY_FAILED && g->core.in.state != IN_IDLE)
        fail_set(ret, e->code,
                 "the migration failed in post-copy phase; the pages that have not come are at the "
                 "source; recover it with --postcopy-resume, or destroy the domain");
    if (result == RESULT_POSTCOPY_FAILED && call != CALL_FINISH && call != CALL_PERFORM)
        ret->code = VIR_ERR_OPERATION_INVALID;
}
