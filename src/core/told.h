/* told.h - what a client reads and is told of a guest, in libvirt's numbers. */
#pragma once

/* States and reasons that a client reads: the numbers of virDomainState and its reasons. */
enum core_state {
    CORE_RUNNING = 1,
    CORE_PAUSED = 3,
    CORE_SHUTDOWN = 4, /* the guest has powered itself off; its QEMU is being ended */
    CORE_SHUTOFF = 5,
};

enum core_reason {
    REASON_UNKNOWN = 0,
    RUNNING_BOOTED = 1,
    RUNNING_MIGRATED = 2,
    RUNNING_UNPAUSED = 5,
    RUNNING_MIGRATION_CANCELED = 6,
    RUNNING_POSTCOPY = 10,
    RUNNING_POSTCOPY_FAILED = 11,
    PAUSED_USER = 1,
    PAUSED_MIGRATION = 2,
    PAUSED_IOERROR = 5,
    PAUSED_STARTING_UP = 11,
    PAUSED_POSTCOPY = 12,
    PAUSED_POSTCOPY_FAILED = 13,
    PAUSED_API_ERROR = 14,
    SHUTDOWN_USER = 1,
    SHUTOFF_UNKNOWN = 0,
    SHUTOFF_SHUTDOWN = 1,
    SHUTOFF_DESTROYED = 2,
    SHUTOFF_CRASHED = 3,
    SHUTOFF_MIGRATED = 4,
    SHUTOFF_FAILED = 6,
};

/* Life-cycle events that a client gets: the numbers of virDomainEventType and its details. */
enum core_told {
    TOLD_STARTED = 2,
    TOLD_SUSPENDED = 3,
    TOLD_RESUMED = 4,
    TOLD_STOPPED = 5,
    TOLD_SHUTDOWN = 6,
};

enum core_detail {
    STARTED_BOOTED = 0,
    STARTED_MIGRATED = 1,
    SUSPENDED_PAUSED = 0,
    SUSPENDED_MIGRATED = 1,
    SUSPENDED_IOERROR = 2,
    SUSPENDED_API_ERROR = 6,
    SUSPENDED_POSTCOPY = 7,
    SUSPENDED_POSTCOPY_FAILED = 8,
    RESUMED_UNPAUSED = 0,
    RESUMED_MIGRATED = 1,
    RESUMED_POSTCOPY = 3,
    RESUMED_POSTCOPY_FAILED = 4,
    STOPPED_SHUTDOWN = 0,
    STOPPED_DESTROYED = 1,
    STOPPED_CRASHED = 2,
    STOPPED_MIGRATED = 3,
    STOPPED_FAILED = 5,
    SHUTDOWN_FINISHED = 0,
    SHUTDOWN_GUEST = 1,
    SHUTDOWN_HOST = 2,
};
