/* guest_monitor.c - a guest's monitor: listened to, ordered about, lost and found again.
 *
 * An end of the connection says nothing about the process, nor about the commands that had no answer:
 * the process's own end is awaited for a moment, then the monitor is connected to again, and the
 * machine is told what QEMU says now (EV_BOOT).
 *
 * A QEMU can be blocked: its guest waits for a page that can't come and somebody wants it to stand
 * still, or its peer does not read. It then answers nothing but what is out of band, and that can't
 * be negotiated any more. So a connection that has it is never given up for silence: orders are
 * refused until QEMU is heard again (guest_survey.c), and systemd is asked to keep it, so that the
 * next daemon has it too.
 */
#include "daemon/guest_monitor.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "daemon/daemon.h"
#include "daemon/events.h"
#include "daemon/guest.h"
#include "daemon/guest_change.h"
#include "daemon/guest_chardevs.h"
#include "daemon/guest_log.h"
#include "daemon/guest_survey.h"
#include "daemon/migrate.h"
#include "io/fd_store.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/qmp.h"

enum {
    RECONNECT_MSEC = 200,  /* between a monitor that closed and the first attempt */
    RECONNECT_SECONDS = 5, /* and the next ones */
    LATE_SECONDS_MAX = 2,  /* of an event, from QEMU to here */
};

/* ---- listening to it ------------------------------------------------------------------------ */

/* All that QEMU says before it was asked what is true is old, or will be in its answers. What comes between its
 * answers makes an earlier one old, and then it is asked again. */
static bool is_news(struct guest *g)
{
    if (g->damaged && core_migrating(&g->core)) /* what is known of it may be old: nothing follows from this */
        return false;
    g->survey.is_old |= g->unsettled;
    return !g->unsettled;
}

static void take_migration_status(struct guest *g, const struct qmp_event *e)
{
    if (!is_news(g))
        return;
    enum core_event_type type = migrate_status_event(e->migration);
    if (type == EV_MIG_POSTCOPY_ACTIVE) /* a stream that goes on again has all of its time before it */
        migrate_heard(g);
    if (type == EV_MIG_UNKNOWN)
        log_warning("guest %s: QEMU's migration status '%s' is unknown", g->name,
                    e->migration_text ? e->migration_text : "");
    if (type == EV_MIG_FAILED && g->migration && !g->migration->outgoing)
        guest_log_note_end(g, "job 'migration in' failed"); /* here QEMU says why nowhere else */
    guest_event(g, type, 0, 0);
}

static void take_shutdown(struct guest *g, const struct qmp_event *e)
{
    if (!is_news(g))
        return;
    bool from_host = e->reason && strncmp(e->reason, "host-", 5) == 0;
    guest_event(g, EV_QEMU_SHUTDOWN,
                e->guest ? SHUTDOWN_GUEST : from_host ? SHUTDOWN_HOST : SHUTDOWN_FINISHED,
                guest_restarts_on_poweroff(g));
}

/* QEMU 7.2 says STOP and has it delivered only when it has packed the guest's state for post-copy:
 * the account of the blackout begins with its stamp. A clock that was set meanwhile is no reason to
 * count hours. */
static uint64_t lateness(const struct monitor_event *event)
{
    uint64_t now = timer_wall_clock();
    bool sane = event->wall_clock && event->wall_clock <= now &&
                now - event->wall_clock < LATE_SECONDS_MAX * TIMER_SECOND;
    return sane ? now - event->wall_clock : 0;
}

/* QEMU counts from the date that it was started with, a client from utc. */
static int64_t note_clock(struct guest *g, int64_t offset)
{
    struct domain_clock *clock = g->live ? &g->live->clock : NULL;
    if (!clock || clock->offset != DOMAIN_CLOCK_VARIABLE)
        return offset;
    int64_t now;
    if (__builtin_add_overflow(clock->adjustment_at_start, offset, &now) || now < -DOMAIN_SECONDS_MAX ||
        now > DOMAIN_SECONDS_MAX)
        return clock->adjustment; /* no time that a document could hold */
    clock->adjustment = now;
    guest_store_live(g, NULL, NULL);
    return clock->adjustment;
}

static void monitor_event(struct monitor *m, const struct monitor_event *event, void *userdata)
{
    (void)m;
    struct guest *g = userdata;
    struct qmp_event e;
    qmp_event_decode(event->name, event->data, event->wall_clock, &e);
    events_tell_monitor(g, event->name, (int64_t)(event->wall_clock / 1000000),
                        (uint32_t)(event->wall_clock % 1000000),
                        event->data ? json_object_to_json_string_ext(event->data,
                                                                     JSON_C_TO_STRING_PLAIN)
                                    : NULL);
    if (e.kind == QMP_EVENT_RTC_CHANGE)
        e.offset = note_clock(g, e.offset);
    events_tell_qemu(g, &e);
    bool counted = !g->unsettled && (e.kind == QMP_EVENT_STOP || e.kind == QMP_EVENT_RESUME);
    g->late = counted ? lateness(event) : 0;
    switch (e.kind) {
    case QMP_EVENT_STOP:
        if (is_news(g))
            guest_event(g, EV_QEMU_STOPPED, 0, 0);
        migrate_note_stats(g);
        return;
    case QMP_EVENT_RESUME:
        g->disks_inactive = false;
        if (is_news(g))
            guest_event(g, EV_QEMU_RESUMED, 0, 0);
        return;
    case QMP_EVENT_SHUTDOWN:
        take_shutdown(g, &e);
        return;
    case QMP_EVENT_MIGRATION:
        take_migration_status(g, &e);
        return;
    case QMP_EVENT_MIGRATION_PASS:
        if (g->core.out.state != OUT_IDLE)
            events_tell_iteration(g, (int)e.pass);
        migrate_note_stats(g);
        return;
    case QMP_EVENT_BLOCK_IO_ERROR:
        if (e.io_action == QMP_IO_STOP && is_news(g))
            guest_event(g, EV_QEMU_IO_ERROR, 0, 0);
        return;
    case QMP_EVENT_RESET:
        events_tell_reboot(g);
        return;
    case QMP_EVENT_VSERPORT_CHANGE:
        guest_note_vserport(g, &e);
        return;
    case QMP_EVENT_BALLOON_CHANGE:
        if (g->live)
            g->live->current_memory_kib = e.actual / 1024;
        return;
    case QMP_EVENT_OTHER:
    case QMP_EVENT_SUSPEND:
    case QMP_EVENT_SUSPEND_DISK:
    case QMP_EVENT_WAKEUP:
    case QMP_EVENT_POWERDOWN:
    case QMP_EVENT_BLOCK_JOB_READY:
    case QMP_EVENT_BLOCK_JOB_COMPLETED:
    case QMP_EVENT_BLOCK_JOB_CANCELLED:
    case QMP_EVENT_JOB_STATUS_CHANGE:
    case QMP_EVENT_GUEST_PANICKED:
    case QMP_EVENT_WATCHDOG:
    case QMP_EVENT_DEVICE_DELETED:
    case QMP_EVENT_DEVICE_UNPLUG_ERROR:
    case QMP_EVENT_UNPLUG_PRIMARY:
    case QMP_EVENT_RTC_CHANGE:
    case QMP_EVENT_NIC_RX_FILTER_CHANGED:
    case QMP_EVENT_KIND_COUNT:
        return; /* clients of the monitor's events got it above */
    }
}

/* ---- commands ------------------------------------------------------------------------------- */

/* Seconds. */
static unsigned guest_patience(const struct guest *g)
{
    const struct config *c = &g->daemon->config;
    return g->core.life.phase == LIFE_STARTING ? c->qemu_start_timeout : c->qemu_order_timeout;
}

void guest_note_silence(struct guest *g, const char *command)
{
    fail_set(&g->trouble, VIR_ERR_OPERATION_TIMEOUT,
             "QEMU did not answer '%s' within %u s; it may still carry it out", command,
             guest_patience(g));
}

bool guest_monitor_answers(const struct guest *g)
{
    return g->monitor && g->monitor_ready && !g->unreachable;
}

static bool give(struct guest *g, struct monitor_command *c, bool answers)
{
    if (!answers) {
        json_object_put(c->arguments);
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "the guest's monitor does not answer");
        return false;
    }
    return monitor_send(g->monitor, c, &g->trouble) == 0;
}

bool guest_command_to(struct guest *g, const char *name, struct json_object *arguments,
                      monitor_reply_fn *reply, void *userdata)
{
    struct monitor_command c = {
        .name = name,
        .arguments = arguments,
        .deadline = reply ? guest_patience(g) * TIMER_SECOND : 0,
        .reply = reply,
        .userdata = userdata,
    };
    return give(g, &c, guest_monitor_answers(g));
}

bool guest_command_oob(struct guest *g, const char *name, struct json_object *arguments,
                       monitor_reply_fn *reply, void *userdata)
{
    struct monitor_command c = {
        .name = name,
        .arguments = arguments,
        .flags = MONITOR_OOB,
        .deadline = reply ? guest_patience(g) * TIMER_SECOND : 0,
        .reply = reply,
        .userdata = userdata,
    };
    return give(g, &c, g->monitor && g->monitor_ready);
}

bool guest_command_fd(struct guest *g, const char *name, struct json_object *arguments, int fd)
{
    struct monitor_command c = {.name = name, .arguments = arguments, .fd = &fd};
    return give(g, &c, guest_monitor_answers(g));
}

bool guest_command_patient(struct guest *g, const char *name, monitor_reply_fn *reply, void *userdata)
{
    struct monitor_command c = {.name = name, .reply = reply, .userdata = userdata};
    return give(g, &c, g->monitor && g->monitor_ready);
}

bool guest_command(struct guest *g, const char *name, struct json_object *arguments,
                   monitor_reply_fn *reply)
{
    return guest_command_to(g, name, arguments, reply, g);
}

/* ---- a monitor that answers ------------------------------------------------------------------ */

static void balloon_known(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    uint64_t actual =
        reply->outcome == MONITOR_RETURN ? qmp_get_u64(reply->value, "actual", 0) : 0;
    if (actual && g->live)
        g->live->current_memory_kib = actual / 1024;
}

/* The document's current memory is a wish that only a guest with a driver follows, in its time
 * (BALLOON_CHANGE). What it has now is what QEMU says. */
static void set_balloon(struct guest *g)
{
    const struct domain *d = g->live;
    struct json_object *size = json_object_new_object();
    if (d->balloon.model != DOMAIN_BALLOON_VIRTIO || !size) {
        json_object_put(size);
        return;
    }
    json_object_object_add(size, "value", json_object_new_uint64(d->current_memory_kib * 1024));
    (void)guest_command(g, "balloon", size, NULL);
    (void)guest_command(g, "query-balloon", NULL, balloon_known);
}

static void chardevs_known(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_CLOSED)
        return;
    if (reply->outcome == MONITOR_TIMEOUT) {
        fail_set(&g->trouble, VIR_ERR_OPERATION_TIMEOUT,
                 "QEMU did not start: it greeted, and did not answer query-chardev within %u s",
                 g->daemon->config.qemu_start_timeout);
        g->explained = true;
        guest_kill_qemu(g, false);
        return;
    }
    if (reply->outcome == MONITOR_RETURN && g->live) {
        guest_note_chardevs(g, reply->value);
        guest_store_live(g, NULL, NULL);
    }
    guest_event(g, EV_QEMU_STARTED, 0, 0);
}

/* ---- it comes and goes ----------------------------------------------------------------------- */

/* Ours, and only this QEMU's. */
static void name_kept(const struct guest *g, char ret[64])
{
    char uuid[UUID_TEXT];
    uuid_format(&g->uuid, uuid);
    snprintf(ret, 64, "monitor-%s-%d", uuid, g->id);
}

/* One that was taken over is kept already. */
static void keep(const struct guest *g)
{
    char name[64];
    if (g->monitor_is_kept || !monitor_has_oob(g->monitor))
        return;
    name_kept(g, name);
    fd_store_keep(name, monitor_get_fd(g->monitor));
}

void guest_claim_kept_monitor(struct guest *g)
{
    char name[64];
    name_kept(g, name);
    if (g->kept_monitor < 0)
        g->kept_monitor = fd_store_take(g->daemon->fd_store, name);
}

void guest_forget_kept_monitor(struct guest *g)
{
    char name[64];
    if (!g->monitor_is_kept)
        return;
    name_kept(g, name);
    fd_store_drop(name);
    g->monitor_is_kept = false;
}

static void monitor_ready(struct monitor *m, void *userdata)
{
    (void)m;
    struct guest *g = userdata;
    g->monitor_ready = true;
    keep(g);
    g->monitor_is_kept = true;
    if (g->damaged) {
        log_warning("guest %s: its journal is damaged; its QEMU is left as it is", g->name);
        return;
    }
    if (g->adopted) {
        guest_survey(g);
        guest_ask_channels(g);
        return;
    }
    if (g->core.in.state == IN_IDLE) /* else its size comes with its state */
        set_balloon(g);
    (void)guest_command(g, "query-chardev", NULL, chardevs_known);
}

static void reconnect(void *userdata);

/* Those whose commands have no answer are told so from here. QEMU takes no other connection while it has
 * this one, whoever holds its other end. */
static void let_monitor_go(struct guest *g)
{
    struct monitor *m = take_ptr(g->monitor);
    g->monitor_ready = false;
    if (monitor_get_fd(m) >= 0)
        (void)shutdown(monitor_get_fd(m), SHUT_RDWR);
    guest_forget_kept_monitor(g);
    monitor_free(m);
    uint64_t delay =
        g->unreachable ? RECONNECT_SECONDS * TIMER_SECOND : RECONNECT_MSEC * TIMER_MSEC;
    if (g->process)
        (void)timer_arm(&g->monitor_timer, daemon_event(g->daemon), delay, reconnect, g);
}

void guest_drop_monitor(struct guest *g)
{
    if (!g->monitor) /* somebody else did already */
        return;
    log_warning("guest %s: %s; its monitor is connected to anew", g->name, g->trouble.text);
    let_monitor_go(g);
    guest_settle(g);
}

void guest_distrust_monitor(struct guest *g)
{
    if (!g->monitor || !monitor_has_oob(g->monitor)) {
        guest_drop_monitor(g);
        return;
    }
    log_warning("guest %s: %s; it is asked what is true when it answers again", g->name, g->trouble.text);
    g->unreachable = true;
    guest_survey(g);
    guest_settle(g);
}

static void monitor_closed(struct monitor *m, const struct fail *why, void *userdata)
{
    (void)m;
    struct guest *g = userdata;
    log_info("guest %s: monitor closed: %s", g->name, why->text);
    if (g->core.life.phase != LIFE_ENDING && !g->explained) /* else that is what callers are told */
        g->trouble = *why;
    let_monitor_go(g);
    if (!g->process)
        return;
    if (g->core.life.phase == LIFE_STARTING) { /* it never answered: there is nothing to keep */
        if (!g->explained)
            fail_prefix(&g->trouble, "QEMU did not start");
        g->explained |= why->code != VIR_ERR_SYSTEM_ERROR; /* an end of file: the log has its words */
        timer_cancel(&g->monitor_timer);
        guest_kill_qemu(g, false);
        return;
    }
    guest_settle(g); /* they are refused */
}

static const struct monitor_ops monitor_ops = {
    .ready = monitor_ready,
    .event = monitor_event,
    .closed = monitor_closed,
};

int guest_connect_monitor(struct guest *g)
{
    sd_event *event = daemon_event(g->daemon);
    int fd = take_fd(&g->kept_monitor);
    g->monitor_is_kept = fd >= 0;
    if (fd >= 0)
        return monitor_new_taken_over(event, fd, &monitor_ops, g, &g->monitor, &g->trouble);
    return monitor_new(event, g->socket_path, g->daemon->config.qemu_start_timeout * TIMER_SECOND,
                       &monitor_ops, g, &g->monitor, &g->trouble);
}

static void reconnect(void *userdata)
{
    struct guest *g = userdata;
    g->unreachable = true;
    g->adopted = true;
    if (guest_connect_monitor(g) == 0)
        return;
    log_warning("guest %s: %s", g->name, g->trouble.text);
    guest_connect_monitor_later(g);
}

void guest_connect_monitor_later(struct guest *g)
{
    (void)timer_arm(&g->monitor_timer, daemon_event(g->daemon), RECONNECT_SECONDS * TIMER_SECOND,
                    reconnect, g);
}
