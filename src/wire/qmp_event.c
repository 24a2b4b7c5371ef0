/* qmp_event.c - events as structures. An event that is not understood is no error: QEMU grows new
 * ones, and fields; what we do not know is OTHER, what is missing is zero. */
#include "wire/qmp.h"
#include <string.h>

static const char *const event_names[] = {
    [QMP_EVENT_OTHER] = "",
    [QMP_EVENT_STOP] = "STOP",
    [QMP_EVENT_RESUME] = "RESUME",
    [QMP_EVENT_SUSPEND] = "SUSPEND",
    [QMP_EVENT_SUSPEND_DISK] = "SUSPEND_DISK",
    [QMP_EVENT_WAKEUP] = "WAKEUP",
    [QMP_EVENT_POWERDOWN] = "POWERDOWN",
    [QMP_EVENT_SHUTDOWN] = "SHUTDOWN",
    [QMP_EVENT_RESET] = "RESET",
    [QMP_EVENT_MIGRATION] = "MIGRATION",
    [QMP_EVENT_MIGRATION_PASS] = "MIGRATION_PASS",
    [QMP_EVENT_BLOCK_IO_ERROR] = "BLOCK_IO_ERROR",
    [QMP_EVENT_BLOCK_JOB_READY] = "BLOCK_JOB_READY",
    [QMP_EVENT_BLOCK_JOB_COMPLETED] = "BLOCK_JOB_COMPLETED",
    [QMP_EVENT_BLOCK_JOB_CANCELLED] = "BLOCK_JOB_CANCELLED",
    [QMP_EVENT_JOB_STATUS_CHANGE] = "JOB_STATUS_CHANGE",
    [QMP_EVENT_GUEST_PANICKED] = "GUEST_PANICKED",
    [QMP_EVENT_WATCHDOG] = "WATCHDOG",
    [QMP_EVENT_DEVICE_DELETED] = "DEVICE_DELETED",
    [QMP_EVENT_DEVICE_UNPLUG_ERROR] = "DEVICE_UNPLUG_GUEST_ERROR",
    [QMP_EVENT_UNPLUG_PRIMARY] = "UNPLUG_PRIMARY",
    [QMP_EVENT_RTC_CHANGE] = "RTC_CHANGE",
    [QMP_EVENT_VSERPORT_CHANGE] = "VSERPORT_CHANGE",
    [QMP_EVENT_BALLOON_CHANGE] = "BALLOON_CHANGE",
    [QMP_EVENT_NIC_RX_FILTER_CHANGED] = "NIC_RX_FILTER_CHANGED",
};
_Static_assert(sizeof(event_names) / sizeof(event_names[0]) == QMP_EVENT_KIND_COUNT,
               "an event without a name");

static enum qmp_event_kind kind_of(const char *name)
{
    for (int i = QMP_EVENT_OTHER + 1; i < QMP_EVENT_KIND_COUNT; i++)
        if (strcmp(event_names[i], name) == 0)
            return (enum qmp_event_kind)i;
    return QMP_EVENT_OTHER;
}

static enum qmp_io_action io_action_of(const char *text)
{
    if (text && strcmp(text, "stop") == 0)
        return QMP_IO_STOP;
    return text && strcmp(text, "ignore") == 0 ? QMP_IO_IGNORE : QMP_IO_REPORT;
}

static void decode_io_error(struct json_object *data, struct qmp_event *e)
{
    /* "" stands for none in both: -blockdev gives no device, -drive a generated node. */
    e->device = qmp_get_string(data, "device");
    if (e->device && !e->device[0])
        e->device = NULL;
    e->node = qmp_get_string(data, "node-name");
    e->path = qmp_get_string(data, "qom-path"); /* newer QEMUs */
    e->action = qmp_get_string(data, "action");
    e->io_action = io_action_of(e->action);
    e->no_space = qmp_get_bool(data, "nospace", false);
    e->reason = qmp_get_string(data, "reason");
}

void qmp_event_decode(const char *name, struct json_object *data, uint64_t wall_clock,
                      struct qmp_event *ret_event)
{
    struct qmp_event e = {.kind = kind_of(name), .name = name, .wall_clock = wall_clock};
    switch (e.kind) {
    case QMP_EVENT_SHUTDOWN:
    case QMP_EVENT_RESET:
        e.guest = qmp_get_bool(data, "guest", false);
        e.reason = qmp_get_string(data, "reason");
        break;
    case QMP_EVENT_MIGRATION:
        e.migration_text = qmp_get_string(data, "status");
        e.migration = qmp_migration_status_parse(e.migration_text);
        break;
    case QMP_EVENT_MIGRATION_PASS:
        e.pass = qmp_get_u64(data, "pass", 0);
        break;
    case QMP_EVENT_BLOCK_IO_ERROR:
        decode_io_error(data, &e);
        break;
    case QMP_EVENT_BLOCK_JOB_READY:
    case QMP_EVENT_BLOCK_JOB_COMPLETED:
    case QMP_EVENT_BLOCK_JOB_CANCELLED:
        e.device = qmp_get_string(data, "device");
        e.reason = qmp_get_string(data, "error");
        break;
    case QMP_EVENT_JOB_STATUS_CHANGE:
        e.device = qmp_get_string(data, "id");
        e.reason = qmp_get_string(data, "status");
        break;
    case QMP_EVENT_GUEST_PANICKED:
    case QMP_EVENT_WATCHDOG:
        e.action = qmp_get_string(data, "action");
        break;
    case QMP_EVENT_DEVICE_DELETED:
    case QMP_EVENT_DEVICE_UNPLUG_ERROR:
        e.device = qmp_get_string(data, "device");
        e.path = qmp_get_string(data, "path");
        break;
    case QMP_EVENT_UNPLUG_PRIMARY:
        e.device = qmp_get_string(data, "device-id");
        break;
    case QMP_EVENT_RTC_CHANGE:
        e.offset = qmp_get_i64(data, "offset", 0);
        break;
    case QMP_EVENT_VSERPORT_CHANGE:
        e.device = qmp_get_string(data, "id");
        e.open = qmp_get_bool(data, "open", false);
        break;
    case QMP_EVENT_BALLOON_CHANGE:
        e.actual = qmp_get_u64(data, "actual", 0);
        break;
    case QMP_EVENT_NIC_RX_FILTER_CHANGED:
        e.device = qmp_get_string(data, "name");
        e.path = qmp_get_string(data, "path");
        break;
    case QMP_EVENT_OTHER:
    case QMP_EVENT_STOP:
    case QMP_EVENT_RESUME:
    case QMP_EVENT_SUSPEND:
    case QMP_EVENT_SUSPEND_DISK:
    case QMP_EVENT_WAKEUP:
    case QMP_EVENT_POWERDOWN:
    case QMP_EVENT_KIND_COUNT:
        break;
    }
    *ret_event = e;
}
