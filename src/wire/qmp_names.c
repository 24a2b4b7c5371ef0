/* qmp_names.c - QEMU's words for statuses, states and capabilities. */
#include "wire/qmp.h"
#include <string.h>

static const char *const migration_names[] = {
    [QMP_MIGRATION_UNKNOWN] = "unknown",
    [QMP_MIGRATION_NONE] = "none",
    [QMP_MIGRATION_SETUP] = "setup",
    [QMP_MIGRATION_CANCELLING] = "cancelling",
    [QMP_MIGRATION_CANCELLED] = "cancelled",
    [QMP_MIGRATION_ACTIVE] = "active",
    [QMP_MIGRATION_POSTCOPY_ACTIVE] = "postcopy-active",
    [QMP_MIGRATION_POSTCOPY_PAUSED] = "postcopy-paused",
    [QMP_MIGRATION_POSTCOPY_RECOVER_SETUP] = "postcopy-recover-setup",
    [QMP_MIGRATION_POSTCOPY_RECOVER] = "postcopy-recover",
    [QMP_MIGRATION_COMPLETED] = "completed",
    [QMP_MIGRATION_FAILED] = "failed",
    [QMP_MIGRATION_COLO] = "colo",
    [QMP_MIGRATION_PRE_SWITCHOVER] = "pre-switchover",
    [QMP_MIGRATION_DEVICE] = "device",
    [QMP_MIGRATION_WAIT_UNPLUG] = "wait-unplug",
};
_Static_assert(sizeof(migration_names) / sizeof(migration_names[0]) == QMP_MIGRATION_STATUS_COUNT,
               "a status without a name");

static const char *const run_names[] = {
    [QMP_RUN_UNKNOWN] = "unknown",
    [QMP_RUN_RUNNING] = "running",
    [QMP_RUN_PAUSED] = "paused",
    [QMP_RUN_PRELAUNCH] = "prelaunch",
    [QMP_RUN_INMIGRATE] = "inmigrate",
    [QMP_RUN_POSTMIGRATE] = "postmigrate",
    [QMP_RUN_FINISH_MIGRATE] = "finish-migrate",
    [QMP_RUN_SHUTDOWN] = "shutdown",
    [QMP_RUN_SUSPENDED] = "suspended",
    [QMP_RUN_IO_ERROR] = "io-error",
    [QMP_RUN_INTERNAL_ERROR] = "internal-error",
    [QMP_RUN_WATCHDOG] = "watchdog",
    [QMP_RUN_GUEST_PANICKED] = "guest-panicked",
    [QMP_RUN_SAVE_VM] = "save-vm",
    [QMP_RUN_RESTORE_VM] = "restore-vm",
    [QMP_RUN_DEBUG] = "debug",
    [QMP_RUN_COLO] = "colo",
};
_Static_assert(sizeof(run_names) / sizeof(run_names[0]) == QMP_RUN_STATE_COUNT,
               "a run state without a name");

static const char *const capability_names[] = {
    [QMP_CAP_XBZRLE] = "xbzrle",
    [QMP_CAP_RDMA_PIN_ALL] = "rdma-pin-all",
    [QMP_CAP_AUTO_CONVERGE] = "auto-converge",
    [QMP_CAP_ZERO_BLOCKS] = "zero-blocks",
    [QMP_CAP_EVENTS] = "events",
    [QMP_CAP_POSTCOPY_RAM] = "postcopy-ram",
    [QMP_CAP_RELEASE_RAM] = "release-ram",
    [QMP_CAP_RETURN_PATH] = "return-path",
    [QMP_CAP_PAUSE_BEFORE_SWITCHOVER] = "pause-before-switchover",
    [QMP_CAP_MULTIFD] = "multifd",
    [QMP_CAP_DIRTY_BITMAPS] = "dirty-bitmaps",
    [QMP_CAP_POSTCOPY_BLOCKTIME] = "postcopy-blocktime",
    [QMP_CAP_LATE_BLOCK_ACTIVATE] = "late-block-activate",
    [QMP_CAP_X_IGNORE_SHARED] = "x-ignore-shared",
    [QMP_CAP_VALIDATE_UUID] = "validate-uuid",
    [QMP_CAP_BACKGROUND_SNAPSHOT] = "background-snapshot",
    [QMP_CAP_ZERO_COPY_SEND] = "zero-copy-send",
    [QMP_CAP_POSTCOPY_PREEMPT] = "postcopy-preempt",
    [QMP_CAP_SWITCHOVER_ACK] = "switchover-ack",
    [QMP_CAP_DIRTY_LIMIT] = "dirty-limit",
    [QMP_CAP_MAPPED_RAM] = "mapped-ram",
    [QMP_CAP_COMPRESS] = "compress",
    [QMP_CAP_BLOCK] = "block",
    [QMP_CAP_X_COLO] = "x-colo",
};
_Static_assert(sizeof(capability_names) / sizeof(capability_names[0]) == QMP_CAP_COUNT,
               "a capability without a name");

/* The index of `text` in `names` from `first` on; -1 when it is not there. */
static int find(const char *const *names, int first, int count, const char *text)
{
    for (int i = first; text && i < count; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

enum qmp_migration_status qmp_migration_status_parse(const char *text)
{
    int i = find(migration_names, QMP_MIGRATION_NONE, QMP_MIGRATION_STATUS_COUNT, text);
    return i < 0 ? QMP_MIGRATION_UNKNOWN : (enum qmp_migration_status)i;
}

const char *qmp_migration_status_name(enum qmp_migration_status status)
{
    return migration_names[status];
}

enum qmp_run_state qmp_run_state_parse(const char *text)
{
    int i = find(run_names, QMP_RUN_RUNNING, QMP_RUN_STATE_COUNT, text);
    return i < 0 ? QMP_RUN_UNKNOWN : (enum qmp_run_state)i;
}

const char *qmp_run_state_name(enum qmp_run_state state)
{
    return run_names[state];
}

const char *qmp_capability_name(enum qmp_capability cap)
{
    return capability_names[cap];
}

int qmp_capability_parse(const char *name)
{
    return find(capability_names, 0, QMP_CAP_COUNT, name);
}
