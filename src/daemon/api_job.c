/* api_job.c - looking at a migration that is under way, steering it, aborting it. */
#include <stdlib.h>
#include "daemon/api_migrate.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "libvirt/libvirt-domain.h"

enum { ASK_SECONDS = 5 };

/* ---- abort, start post-copy ------------------------------------------------------------------ */

void api_job_abort(struct call *call)
{
    const struct remote_domain *dom = call->args;
    struct guest *g = call_find_guest(call, dom);
    if (g)
        call_ask_guest(call, g, EV_ABORT, 0);
}

void api_job_abort_flags(struct call *call)
{
    const struct remote_domain_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || !call_check_flags(call, args->flags, VIR_DOMAIN_ABORT_JOB_POSTCOPY))
        return;
    call_ask_guest(call, g, EV_ABORT,
                   args->flags & VIR_DOMAIN_ABORT_JOB_POSTCOPY ? ABORT_POSTCOPY : 0);
}

void api_job_start_postcopy(struct call *call)
{
    const struct remote_domain_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || !call_check_flags(call, args->flags, 0))
        return;
    if (g->core.out.state == OUT_IDLE)
        call_failf(call, VIR_ERR_OPERATION_INVALID,
                   "post-copy can only be started while outgoing migration is in progress");
    else
        call_ask_guest(call, g, EV_START_POSTCOPY, 0);
}

/* ---- figures -------------------------------------------------------------------------------- */

struct asking {
    struct call *call;
    struct guest_callback guest;
    void (*reply)(struct call *call, const struct job_stats *s);
};

static void figures_came(const struct monitor_reply *reply, void *userdata)
{
    struct asking *a = userdata;
    struct guest *g = guest_find_for_callback(&a->guest);
    struct qmp_migrate_info info;
    struct job_stats s = {.type = JOB_NONE};
    if (g && g->migration && core_migrating(&g->core)) {
        if (reply->outcome == MONITOR_RETURN &&
            qmp_migrate_info_decode(reply->value, &info, NULL) == 0) {
            stats_from_qmp(&g->migration->stats, &info);
            g->migration->stats.has_downtime = info.has_expected_downtime;
            g->migration->stats.downtime_ms = info.expected_downtime;
        }
        migrate_job_current(g, &s);
    }
    a->reply(a->call, &s);
    free(a);
}

/* The job under way: the source's QEMU is asked for its figures; one that does not answer in time
 * leaves those that it gave last. */
static void reply_current(struct call *call, struct guest *g,
                          void (*reply)(struct call *, const struct job_stats *))
{
    struct job_stats s = {.type = JOB_NONE};
    struct asking *a = malloc(sizeof(*a));
    bool migrating = g->migration && core_migrating(&g->core);
    if (migrating && g->migration->outgoing && guest_monitor_answers(g) && a) {
        *a = (struct asking){call, {g->daemon, g->uuid, g->id}, reply};
        struct monitor_command c = {.name = "query-migrate",
                                    .deadline = ASK_SECONDS * TIMER_SECOND,
                                    .reply = figures_came,
                                    .userdata = a};
        if (monitor_send(g->monitor, &c, NULL) == 0)
            return;
    }
    free(a);
    if (migrating)
        migrate_job_current(g, &s);
    reply(call, &s);
}

static void reply_info(struct call *call, const struct job_stats *s)
{
    struct remote_job_info ret = {.type = (int32_t)s->type};
    if (s->type != JOB_NONE) {
        ret.time_elapsed = s->elapsed_ms;
        ret.mem_total = s->ram_total;
        ret.mem_processed = s->ram_processed;
        ret.mem_remaining = s->ram_remaining;
        ret.file_total = s->disk_total;
        ret.file_processed = s->disk_processed;
        ret.file_remaining = s->disk_remaining;
        ret.data_total = s->ram_total + s->disk_total;
        ret.data_processed = s->ram_processed + s->disk_processed;
        ret.data_remaining = s->ram_remaining + s->disk_remaining;
    }
    call_reply(call, &ret);
}

static void reply_stats(struct call *call, const struct job_stats *s)
{
    struct remote_job_stats ret = {.type = (int32_t)s->type};
    if (stats_to_params(s, &call->arena, &ret.params) < 0)
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
    else
        call_reply(call, &ret);
}

void api_job_get_info(struct call *call)
{
    const struct remote_domain *dom = call->args;
    struct guest *g = call_find_guest(call, dom);
    if (!g)
        return;
    if (!guest_is_active(g))
        call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
    else if (!call_wait_for_qemu(call, g))
        reply_current(call, g, reply_info);
}

/* In the call's arena. */
struct reading {
    struct job_waiter waiter;
    struct call *call;
};

/* As with libvirt: reading them takes them away, unless they are to be kept. */
static void reply_completed(struct call *call, struct guest *g)
{
    const struct remote_domain_flags *args = call->args;
    struct job_stats s = g->completed;
    if (!(args->flags & VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED) && !call->read_only &&
        g->completed.type != JOB_NONE) {
        g->completed = (struct job_stats){.type = JOB_NONE};
        guest_store_job(g);
    }
    reply_stats(call, &s);
}

static void completed_final(struct job_waiter *w, struct guest *g)
{
    reply_completed(((struct reading *)w)->call, g);
}

static void read_completed(struct call *call, struct guest *g)
{
    struct reading *r = arena_alloc(&call->arena, sizeof(*r));
    if (!r) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    *r = (struct reading){{.final = completed_final}, call};
    migrate_job_when_final(g, &r->waiter);
}

void api_job_get_stats(struct call *call)
{
    const struct remote_domain_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || !call_check_flags(call, args->flags,
                                VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED))
        return;
    if (args->flags & VIR_DOMAIN_JOB_STATS_COMPLETED) {
        read_completed(call, g);
    } else if (!guest_is_active(g)) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
    } else if (!call_wait_for_qemu(call, g)) {
        reply_current(call, g, reply_stats);
    }
}

/* ---- limits --------------------------------------------------------------------------------- */

static void limit_set(const struct monitor_reply *reply, void *userdata)
{
    struct call *call = userdata;
    if (reply->outcome == MONITOR_RETURN)
        call_reply(call, NULL);
    else
        call_failf(call, VIR_ERR_OPERATION_FAILED, "%s", reply->error);
}

/* In force at once where a QEMU runs, and for its next migration. */
static void set_limit(struct call *call, struct guest *g, const char *parameter, uint64_t value)
{
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, parameter, json_object_new_uint64(value));
    if (!guest_command_to(g, "migrate-set-parameters", arguments, limit_set, call))
        call_fail(call, &g->trouble);
}

static bool running(struct call *call, const struct guest *g)
{
    if (g->core.life.phase == LIFE_UP)
        return true;
    call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
    return false;
}

void api_job_set_max_speed(struct call *call)
{
    const struct remote_domain_u64_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    bool postcopy = args->flags & VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY;
    if (!g || !call_check_flags(call, args->flags, VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY))
        return;
    if (args->value > GUEST_BANDWIDTH_UNSET) {
        call_failf(call, VIR_ERR_OVERFLOW, "bandwidth must be less than %llu",
                   (unsigned long long)GUEST_BANDWIDTH_UNSET + 1);
        return;
    }
    if ((postcopy && !running(call, g)) || call_wait_for_qemu(call, g))
        return;
    if (postcopy)
        g->postcopy_bandwidth_mib = args->value;
    else
        g->max_bandwidth_mib = args->value ? args->value : GUEST_BANDWIDTH_UNSET;
    guest_journal_append(g);
    if (g->core.life.phase == LIFE_UP)
        set_limit(call, g, postcopy ? "max-postcopy-bandwidth" : "max-bandwidth",
                  (postcopy ? g->postcopy_bandwidth_mib : g->max_bandwidth_mib) << 20);
    else
        call_reply(call, NULL);
}

void api_job_get_max_speed(struct call *call)
{
    const struct remote_domain_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || !call_check_flags(call, args->flags, VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY))
        return;
    bool postcopy = args->flags & VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY;
    struct remote_u64 ret = {postcopy ? g->postcopy_bandwidth_mib : g->max_bandwidth_mib};
    if (!postcopy || running(call, g))
        call_reply(call, &ret);
}

void api_job_set_max_downtime(struct call *call)
{
    const struct remote_domain_u64_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || !call_check_flags(call, args->flags, 0) || !running(call, g))
        return;
    if (args->value == 0 || args->value > 2000000) {
        call_failf(call, VIR_ERR_INVALID_ARG, "the downtime must be 1 to 2000000 ms");
        return;
    }
    if (call_wait_for_qemu(call, g))
        return;
    g->max_downtime_ms = args->value;
    guest_journal_append(g);
    set_limit(call, g, "downtime-limit", args->value);
}

void api_job_get_max_downtime(struct call *call)
{
    const struct remote_domain_flags *args = call->args;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || !call_check_flags(call, args->flags, 0) || !running(call, g))
        return;
    struct remote_u64 ret = {g->max_downtime_ms};
    call_reply(call, &ret);
}
