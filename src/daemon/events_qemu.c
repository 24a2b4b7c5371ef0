/* events_qemu.c - QEMU's events that clients know by a message of their own.
 *
 * What changes the guest's state goes through its machines and is told by them; this is the rest.
 */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include "daemon/call.h"
#include "daemon/events.h"
#include "daemon/guest.h"
#include "wire/qmp.h"

static void tell_clock(struct guest *g, int64_t offset)
{
    struct remote_event_i64 e = {.dom = call_name_guest(g), .value = offset};
    events_send(g, VIR_DOMAIN_EVENT_ID_RTC_CHANGE, REMOTE_EVENT_RTC_CHANGE, &e, &e.callback_id);
}

static void tell_balloon(struct guest *g, uint64_t bytes)
{
    struct remote_event_u64 e = {.dom = call_name_guest(g), .value = bytes / 1024};
    events_send(g, VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, REMOTE_EVENT_BALLOON_CHANGE, &e,
                &e.callback_id);
}

static int watchdog_action(const char *name)
{
    static const char *const names[] = {
        [VIR_DOMAIN_EVENT_WATCHDOG_NONE] = "none",
        [VIR_DOMAIN_EVENT_WATCHDOG_PAUSE] = "pause",
        [VIR_DOMAIN_EVENT_WATCHDOG_RESET] = "reset",
        [VIR_DOMAIN_EVENT_WATCHDOG_POWEROFF] = "poweroff",
        [VIR_DOMAIN_EVENT_WATCHDOG_SHUTDOWN] = "shutdown",
        [VIR_DOMAIN_EVENT_WATCHDOG_DEBUG] = "debug",
        [VIR_DOMAIN_EVENT_WATCHDOG_INJECTNMI] = "inject-nmi",
    };
    for (int i = 0; name && i < (int)(sizeof(names) / sizeof(names[0])); i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return VIR_DOMAIN_EVENT_WATCHDOG_NONE;
}

static void tell_watchdog(struct guest *g, const char *action)
{
    struct remote_event_int e = {.dom = call_name_guest(g), .value = watchdog_action(action)};
    events_send(g, VIR_DOMAIN_EVENT_ID_WATCHDOG, REMOTE_EVENT_WATCHDOG, &e, &e.callback_id);
}

/* ---- I/O errors ------------------------------------------------------------------------------ */

static int io_action(enum qmp_io_action action)
{
    switch (action) {
    case QMP_IO_STOP:
        return VIR_DOMAIN_EVENT_IO_ERROR_PAUSE;
    case QMP_IO_REPORT:
        return VIR_DOMAIN_EVENT_IO_ERROR_REPORT;
    case QMP_IO_IGNORE:
        break;
    }
    return VIR_DOMAIN_EVENT_IO_ERROR_NONE;
}

/* QEMU names the block node that the device uses. */
static const struct domain_disk *find_disk(const struct guest *g, const char *node)
{
    char name[64];
    for (size_t i = 0; node && g->live && i < g->live->disk_count; i++) {
        const struct domain_disk *disk = &g->live->disks[i];
        snprintf(name, sizeof(name), "libvirt-%u-format", disk->source_index);
        if (strcmp(name, node) == 0)
            return disk;
    }
    return NULL;
}

/* Two events say it, one of them with a reason. */
static void tell_io_error(struct guest *g, const struct qmp_event *event)
{
    const struct domain_disk *disk = find_disk(g, event->node);
    const char *path = disk ? disk->source : "";
    const char *alias = disk && disk->dev.alias ? disk->dev.alias : "";
    int action = io_action(event->io_action);
    struct remote_event_io_error e = {
        .dom = call_name_guest(g), .path = path, .alias = alias, .action = action};
    struct remote_event_io_error_reason with_reason = {.dom = call_name_guest(g),
                                                       .path = path,
                                                       .alias = alias,
                                                       .action = action,
                                                       .reason = event->no_space ? "enospc" : ""};
    events_send(g, VIR_DOMAIN_EVENT_ID_IO_ERROR, REMOTE_EVENT_IO_ERROR, &e, &e.callback_id);
    events_send(g, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, REMOTE_EVENT_IO_ERROR_REASON, &with_reason,
                &with_reason.callback_id);
}

void events_tell_qemu(struct guest *g, const struct qmp_event *event)
{
    switch (event->kind) {
    case QMP_EVENT_RTC_CHANGE:
        tell_clock(g, event->offset);
        return;
    case QMP_EVENT_WATCHDOG:
        tell_watchdog(g, event->action);
        return;
    case QMP_EVENT_BLOCK_IO_ERROR:
        tell_io_error(g, event);
        return;
    case QMP_EVENT_BALLOON_CHANGE:
        tell_balloon(g, event->actual);
        return;
    case QMP_EVENT_OTHER:
    case QMP_EVENT_STOP:
    case QMP_EVENT_RESUME:
    case QMP_EVENT_SUSPEND:
    case QMP_EVENT_SUSPEND_DISK:
    case QMP_EVENT_WAKEUP:
    case QMP_EVENT_POWERDOWN:
    case QMP_EVENT_SHUTDOWN:
    case QMP_EVENT_RESET:
    case QMP_EVENT_MIGRATION:
    case QMP_EVENT_MIGRATION_PASS:
    case QMP_EVENT_BLOCK_JOB_READY:
    case QMP_EVENT_BLOCK_JOB_COMPLETED:
    case QMP_EVENT_BLOCK_JOB_CANCELLED:
    case QMP_EVENT_JOB_STATUS_CHANGE:
    case QMP_EVENT_GUEST_PANICKED:
    case QMP_EVENT_DEVICE_DELETED:
    case QMP_EVENT_DEVICE_UNPLUG_ERROR:
    case QMP_EVENT_UNPLUG_PRIMARY:
    case QMP_EVENT_VSERPORT_CHANGE:
    case QMP_EVENT_NIC_RX_FILTER_CHANGED:
    case QMP_EVENT_KIND_COUNT:
        return;
    }
}
