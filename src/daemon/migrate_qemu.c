/* migrate_qemu.c - the machine's orders to QEMU about a migration, and what comes back. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/migrate_uri.h"
#include "daemon/trace.h"
#include "domain/emulator.h"
#include "libvirt/libvirt-domain.h"
#include "util/log.h"
#include "wire/qmp.h"

static bool refused(struct guest *g, const struct monitor_reply *reply, const char *what)
{
    if (reply->outcome == MONITOR_RETURN)
        return false;
    if (reply->outcome == MONITOR_TIMEOUT)
        guest_note_silence(g, what);
    else
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "%s: %s", what, reply->error);
    return true;
}

/* The connection ended: nobody knows whether it was executed. When it is back QEMU is asked. */
static bool closed(const struct monitor_reply *reply)
{
    return reply->outcome == MONITOR_CLOSED;
}

/* The same of an order that has no answer, where it matters whether it was executed. */
static bool unknown(struct guest *g, const struct monitor_reply *reply, const char *command)
{
    if (reply->outcome == MONITOR_TIMEOUT) {
        guest_note_silence(g, command);
        guest_distrust_monitor(g);
        return true;
    }
    return closed(reply);
}

enum core_event_type migrate_status_event(enum qmp_migration_status status)
{
    switch (status) {
    case QMP_MIGRATION_NONE:
        return EV_MIG_NONE;
    case QMP_MIGRATION_SETUP:
    case QMP_MIGRATION_WAIT_UNPLUG:
    case QMP_MIGRATION_POSTCOPY_RECOVER_SETUP: /* of a recovery: tells nothing yet */
        return EV_MIG_SETUP;
    case QMP_MIGRATION_CANCELLING:
        return EV_MIG_CANCELLING;
    case QMP_MIGRATION_CANCELLED:
        return EV_MIG_CANCELLED;
    case QMP_MIGRATION_ACTIVE:
        return EV_MIG_ACTIVE;
    case QMP_MIGRATION_POSTCOPY_ACTIVE:
        return EV_MIG_POSTCOPY_ACTIVE;
    case QMP_MIGRATION_POSTCOPY_PAUSED:
        return EV_MIG_POSTCOPY_PAUSED;
    case QMP_MIGRATION_POSTCOPY_RECOVER:
        return EV_MIG_POSTCOPY_RECOVER;
    case QMP_MIGRATION_COMPLETED:
        return EV_MIG_COMPLETED;
    case QMP_MIGRATION_FAILED:
        return EV_MIG_FAILED;
    case QMP_MIGRATION_PRE_SWITCHOVER:
        return EV_MIG_PRE_SWITCHOVER;
    case QMP_MIGRATION_DEVICE:
        return EV_MIG_DEVICE;
    case QMP_MIGRATION_UNKNOWN:
    case QMP_MIGRATION_COLO:
    case QMP_MIGRATION_STATUS_COUNT:
        break;
    }
    return EV_MIG_UNKNOWN;
}

/* ---- capabilities --------------------------------------------------------------------------- */

/* Those that Baton decides on; each is set in every migration, on or off. */
static const enum qmp_capability ours[] = {
    QMP_CAP_XBZRLE,       QMP_CAP_AUTO_CONVERGE,           QMP_CAP_EVENTS,
    QMP_CAP_POSTCOPY_RAM, QMP_CAP_RETURN_PATH,             QMP_CAP_PAUSE_BEFORE_SWITCHOVER,
    QMP_CAP_MULTIFD,      QMP_CAP_LATE_BLOCK_ACTIVATE,     QMP_CAP_POSTCOPY_PREEMPT,
};

#define BIT(cap) (UINT32_C(1) << (cap))

static uint32_t wanted(const struct guest *g)
{
    const struct migration *m = g->migration;
    uint32_t caps = BIT(QMP_CAP_EVENTS) | BIT(QMP_CAP_RETURN_PATH);
    if (!m->outgoing)
        caps |= BIT(QMP_CAP_LATE_BLOCK_ACTIVATE);
    if (m->outgoing && g->core.out.pause_before)
        caps |= BIT(QMP_CAP_PAUSE_BEFORE_SWITCHOVER);
    if (m->flags & VIR_MIGRATE_POSTCOPY)
        caps |= BIT(QMP_CAP_POSTCOPY_RAM);
    if (m->preempt)
        caps |= BIT(QMP_CAP_POSTCOPY_PREEMPT);
    if (m->flags & VIR_MIGRATE_PARALLEL)
        caps |= BIT(QMP_CAP_MULTIFD);
    if (m->outgoing && (m->flags & VIR_MIGRATE_AUTO_CONVERGE))
        caps |= BIT(QMP_CAP_AUTO_CONVERGE);
    return caps;
}

static struct json_object *capabilities(const struct guest *g)
{
    uint32_t known = 0;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (emulator_has_migration_capability(g->emulator, qmp_capability_name(ours[i])))
            known |= BIT(ours[i]);
    return qmp_capabilities_encode(known, wanted(g));
}

/* ---- parameters ----------------------------------------------------------------------------- */

static uint64_t bytes_per_second(uint64_t mib)
{
    return mib << 20; /* at most GUEST_BANDWIDTH_UNSET */
}

static void add_u64(struct json_object *o, const char *key, uint64_t value)
{
    json_object_object_add(o, key, json_object_new_uint64(value));
}

/* QEMU's own values where none is given: it would keep those of an attempt before this one. */
enum { THROTTLE_INITIAL = 20, THROTTLE_INCREMENT = 10, CHANNELS = 2 };

static uint64_t given_or(int given, uint64_t otherwise)
{
    return given ? (uint64_t)given : otherwise;
}

static struct json_object *source_parameters(const struct guest *g)
{
    const struct migration *m = g->migration;
    struct json_object *o = json_object_new_object();
    add_u64(o, "max-bandwidth", bytes_per_second(m->bandwidth ? m->bandwidth : g->max_bandwidth_mib));
    add_u64(o, "downtime-limit", g->max_downtime_ms);
    add_u64(o, "max-postcopy-bandwidth",
            bytes_per_second(m->bandwidth_postcopy ? m->bandwidth_postcopy
                                                   : g->postcopy_bandwidth_mib));
    if (migrate_has_switchover_bandwidth(g->emulator))
        add_u64(o, "avail-switchover-bandwidth", bytes_per_second(m->bandwidth_switchover));
    add_u64(o, "multifd-channels", given_or(m->connections, CHANNELS));
    add_u64(o, "cpu-throttle-initial", given_or(m->throttle_initial, THROTTLE_INITIAL));
    add_u64(o, "cpu-throttle-increment", given_or(m->throttle_increment, THROTTLE_INCREMENT));
    return o;
}

static struct json_object *destination_parameters(const struct guest *g)
{
    struct json_object *o = json_object_new_object();
    if (g->migration->connections)
        add_u64(o, "multifd-channels", (uint64_t)g->migration->connections);
    add_u64(o, "max-postcopy-bandwidth", 0);
    return o;
}

/* Both are noted in the trace; the parameters, which are consumed, are set when these are. */
static bool set_capabilities(struct guest *g, struct json_object *parameters,
                             monitor_reply_fn *reply)
{
    struct json_object *arguments = capabilities(g);
    trace_settings(g, arguments, parameters);
    json_object_put(parameters);
    return guest_command(g, "migrate-set-capabilities", arguments, reply);
}

/* ---- the source ----------------------------------------------------------------------------- */

static void source_parameters_set(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (closed(reply))
        return;
    guest_event(g,
                refused(g, reply, "set migration parameters") ? EV_SOURCE_CONFIGURE_FAILED
                                                              : EV_SOURCE_CONFIGURED,
                0, 0);
}

static void source_capabilities_set(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (closed(reply))
        return;
    if (refused(g, reply, "set migration capabilities") ||
        !guest_command(g, "migrate-set-parameters", source_parameters(g), source_parameters_set))
        guest_event(g, EV_SOURCE_CONFIGURE_FAILED, 0, 0);
}

void migrate_configure_source(struct guest *g)
{
    if (!set_capabilities(g, source_parameters(g), source_capabilities_set))
        guest_event(g, EV_SOURCE_CONFIGURE_FAILED, 0, 0);
}

static void started(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (closed(reply))
        return;
    if (reply->outcome == MONITOR_TIMEOUT) {
        if (g->core.out.state != OUT_STARTING)
            return; /* its events have shown that it was executed */
        (void)guest_command(g, "migrate_cancel", NULL, NULL); /* comes after it, if it ever comes */
    }
    guest_event(g, refused(g, reply, "migrate") ? EV_MIGRATE_REFUSED : EV_MIGRATE_ACCEPTED, 0, 0);
}

void migrate_start(struct guest *g)
{
    char uri[MIGRATE_URI_MAX];
    if (migrate_uri_for_qemu(g->migration->uri, uri, sizeof(uri), &g->trouble) < 0) {
        guest_event(g, EV_MIGRATE_REFUSED, 0, 0);
        return;
    }
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "uri", json_object_new_string(uri));
    if (!guest_command(g, "migrate", arguments, started))
        guest_event(g, EV_MIGRATE_REFUSED, 0, 0);
}

static void stats_noted(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct qmp_migrate_info info;
    if (reply->outcome == MONITOR_RETURN && g->migration && g->migration->outgoing &&
        qmp_migrate_info_decode(reply->value, &info, NULL) == 0) {
        stats_from_qmp(&g->migration->stats, &info);
        guest_journal_append(g); /* a QEMU that has failed gives none any more */
    }
}

/* What the cookie to the destination says when post-copy begins must be known by then: there is no
 * time to ask while the guest stands still. */
void migrate_note_stats(struct guest *g)
{
    if (g->migration && g->migration->outgoing && g->monitor_ready)
        (void)guest_command(g, "query-migrate", NULL, stats_noted);
}

static void postcopy_started(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (unknown(g, reply, "migrate-start-postcopy"))
        return;
    guest_event(g, refused(g, reply, "start post-copy") ? EV_POSTCOPY_REFUSED : EV_POSTCOPY_ACCEPTED,
                0, 0);
}

void migrate_start_postcopy(struct guest *g)
{
    migrate_note_stats(g); /* QEMU 7.2 may leave no time for it between STOP and the hand-over */
    if (!guest_command(g, "migrate-start-postcopy", NULL, postcopy_started))
        guest_event(g, EV_POSTCOPY_REFUSED, 0, 0);
}

static void continued(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (!unknown(g, reply, "migrate-continue") && refused(g, reply, "migrate-continue"))
        guest_event(g, EV_CONTINUE_REFUSED, 0, 0);
}

void migrate_continue(struct guest *g)
{
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "state", json_object_new_string("pre-switchover"));
    if (!guest_command(g, "migrate-continue", arguments, continued))
        guest_event(g, EV_CONTINUE_REFUSED, 0, 0);
}

static void cancelled(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (!unknown(g, reply, "the end of the migration") && reply->outcome == MONITOR_ERROR)
        guest_event(g, EV_CANCEL_REFUSED, 0, 0);
}

/* All streams of the migration; out of band, since a QEMU whose peer does not read may take no other order. */
static bool end_stream(struct guest *g)
{
    struct json_object *instance = json_object_new_object();
    json_object_object_add(instance, "type", json_object_new_string("migration"));
    struct json_object *instances = json_object_new_array(), *arguments = json_object_new_object();
    json_object_array_add(instances, instance);
    json_object_object_add(arguments, "instances", instances);
    return guest_command_oob(g, "yank", arguments, cancelled, g);
}

void migrate_cancel(struct guest *g, bool by_its_stream)
{
    if (by_its_stream ? !end_stream(g) : !guest_command(g, "migrate_cancel", NULL, cancelled))
        guest_event(g, EV_CANCEL_REFUSED, 0, 0);
}

/* ---- figures and status --------------------------------------------------------------------- */

void migrate_blame_qemu(struct guest *g, const struct qmp_migrate_info *info)
{
    fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "job 'migration out' failed: %s",
             info->error ? info->error : "the stream broke, or the destination's QEMU ended");
}

static void stats_read(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct qmp_migrate_info info;
    if (closed(reply))
        return;
    if (reply->outcome == MONITOR_RETURN && g->migration &&
        qmp_migrate_info_decode(reply->value, &info, NULL) == 0) {
        stats_from_qmp(&g->migration->stats, &info);
        if (info.error || info.status == QMP_MIGRATION_FAILED)
            migrate_blame_qemu(g, &info);
    }
    peer_send_figures(g);
    guest_event(g, EV_STATS_READ, 0, 0);
}

void migrate_read_stats(struct guest *g)
{
    if (!guest_command(g, "query-migrate", NULL, stats_read))
        guest_event(g, EV_STATS_READ, 0, 0);
}

static void asked(const struct monitor_reply *reply, void *userdata)
{
    struct qmp_migrate_info info;
    if (!unknown(userdata, reply, "query-migrate") && reply->outcome == MONITOR_RETURN &&
        qmp_migrate_info_decode(reply->value, &info, NULL) == 0)
        guest_event(userdata, migrate_status_event(info.status), 0, 0);
}

void migrate_ask(struct guest *g)
{
    if (!guest_command(g, "query-migrate", NULL, asked))
        log_warning("guest %s: %s", g->name, g->trouble.text);
}

/* ---- the destination ------------------------------------------------------------------------ */

static void listen_failed(struct guest *g)
{
    guest_event(g, EV_LISTEN_FAILED, 0, 0);
}

static void listening(const struct monitor_reply *reply, void *userdata);

static bool order_listen(struct guest *g)
{
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "uri", json_object_new_string(g->migration->listen_uri));
    return guest_command(g, "migrate-incoming", arguments, listening);
}

/* Another program took the port between our look at it and QEMU's: the range has more. It ends,
 * because a range in which no port is free gives none. */
static bool try_next_port(struct guest *g, const struct monitor_reply *reply)
{
    return reply->outcome == MONITOR_ERROR && g->migration->port != 0 &&
           strstr(reply->error, "in use") &&
           migrate_choose_address(g->daemon, g->migration, &g->trouble) == 0 && order_listen(g);
}

static void listening(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (closed(reply) || try_next_port(g, reply))
        return;
    guest_event(g, refused(g, reply, "wait for the migration stream") ? EV_LISTEN_FAILED : EV_LISTENING,
                0, 0);
}

static void destination_parameters_set(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (closed(reply))
        return;
    if (refused(g, reply, "set migration parameters") || !order_listen(g))
        listen_failed(g);
}

static void destination_capabilities_set(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (closed(reply))
        return;
    if (refused(g, reply, "set migration capabilities") ||
        !guest_command(g, "migrate-set-parameters", destination_parameters(g),
                       destination_parameters_set))
        listen_failed(g);
}

void migrate_listen(struct guest *g)
{
    if (!set_capabilities(g, destination_parameters(g), destination_capabilities_set))
        listen_failed(g);
}
