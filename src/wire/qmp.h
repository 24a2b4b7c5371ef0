/* qmp.h - QEMU's monitor protocol: bytes <-> messages, and what migration needs of the messages.
 *
 * QEMU writes one JSON object a line (Baton never asks for pretty printing). A line is at most
 * QMP_LINE_MAX bytes: the largest real reply, query-qmp-schema, has about 0.3 MiB, and `info` texts
 * of the human monitor a few MiB at worst; 16 MiB leaves room and bounds what a broken QEMU costs.
 * Nesting is at most QMP_DEPTH_MAX. Anything else than the four kinds of message is a violation.
 *
 * Numbers: counters above 2^63 stay whole (json-c's uint64). Text from QEMU is checked to be UTF-8.
 */
#pragma once
#include "util/buffer.h"
#include "util/fail.h"
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QMP_LINE_MAX = 16 * 1024 * 1024,
    QMP_DEPTH_MAX = 64,
    QMP_COMMAND_MAX = 4 * 1024 * 1024, /* bytes of a command that we send */
};

/* ---- messages ---- */

enum qmp_kind { QMP_GREETING, QMP_EVENT, QMP_RETURN, QMP_ERROR };

struct qmp_message {
    enum qmp_kind kind;
    struct json_object *root; /* owned: qmp_message_free. All other pointers are into it */
    /* QMP_GREETING */
    unsigned version;    /* major * 1000000 + minor * 1000 + micro */
    const char *package; /* "Debian 1:7.2+dfsg-7+deb12u18", "" */
    bool oob;            /* out-of-band commands are offered */
    /* QMP_EVENT */
    const char *name;
    uint64_t wall_clock; /* microseconds since 1970; 0: QEMU gave none */
    /* QMP_EVENT: its data, or NULL. QMP_RETURN: what was returned */
    struct json_object *data;
    /* QMP_ERROR */
    const char *error_class;
    const char *error;
    /* QMP_RETURN, QMP_ERROR */
    bool has_id; /* false: no id, or not a number as we send */
    uint64_t id;
};

/* How far a line was looked at already, so that a long one is scanned once. Starts zeroed. */
struct qmp_parser {
    size_t scanned;
};

/* Takes the first message off `in` (empty lines too). 1: `ret_message` is the caller's to free.
 * 0: more bytes are needed. -1: a violation, `f` (VIR_ERR_INTERNAL_ERROR) says what QEMU sent. */
int qmp_parse(struct qmp_parser *p, struct buffer *in, struct qmp_message *ret_message,
              struct fail *f);
/* Harmless on a zeroed one. */
void qmp_message_free(struct qmp_message *m);

/* Appends one command and its line end. `arguments` is NULL or an object, and is borrowed. 0, or -1
 * with `f`, and then `out` is as it was. */
int qmp_write_command(struct buffer *out, const char *name, struct json_object *arguments,
                      uint64_t id, bool oob, struct fail *f);

/* ---- reading objects: absent or of another type gives the fallback / NULL ---- */
struct json_object *qmp_get(struct json_object *object, const char *key);
const char *qmp_get_string(struct json_object *object, const char *key);
bool qmp_get_bool(struct json_object *object, const char *key, bool fallback);
/* Whole from 0 to 2^64-1; a negative or fractional number gives the fallback. */
uint64_t qmp_get_u64(struct json_object *object, const char *key, uint64_t fallback);
int64_t qmp_get_i64(struct json_object *object, const char *key, int64_t fallback);
double qmp_get_double(struct json_object *object, const char *key, double fallback);

/* ---- statuses ---- */

enum qmp_migration_status {
    QMP_MIGRATION_UNKNOWN, /* one of a QEMU that is newer than this table */
    QMP_MIGRATION_NONE,    /* also what an idle QEMU says by leaving it out */
    QMP_MIGRATION_SETUP,
    QMP_MIGRATION_CANCELLING,
    QMP_MIGRATION_CANCELLED,
    QMP_MIGRATION_ACTIVE,
    QMP_MIGRATION_POSTCOPY_ACTIVE,
    QMP_MIGRATION_POSTCOPY_PAUSED,
    QMP_MIGRATION_POSTCOPY_RECOVER_SETUP,
    QMP_MIGRATION_POSTCOPY_RECOVER,
    QMP_MIGRATION_COMPLETED,
    QMP_MIGRATION_FAILED,
    QMP_MIGRATION_COLO,
    QMP_MIGRATION_PRE_SWITCHOVER,
    QMP_MIGRATION_DEVICE,
    QMP_MIGRATION_WAIT_UNPLUG,
    QMP_MIGRATION_STATUS_COUNT,
};
enum qmp_migration_status qmp_migration_status_parse(const char *text); /* NULL: UNKNOWN */
const char *qmp_migration_status_name(enum qmp_migration_status status);

enum qmp_run_state {
    QMP_RUN_UNKNOWN,
    QMP_RUN_RUNNING,
    QMP_RUN_PAUSED,
    QMP_RUN_PRELAUNCH,
    QMP_RUN_INMIGRATE,
    QMP_RUN_POSTMIGRATE,
    QMP_RUN_FINISH_MIGRATE,
    QMP_RUN_SHUTDOWN,
    QMP_RUN_SUSPENDED,
    QMP_RUN_IO_ERROR,
    QMP_RUN_INTERNAL_ERROR,
    QMP_RUN_WATCHDOG,
    QMP_RUN_GUEST_PANICKED,
    QMP_RUN_SAVE_VM,
    QMP_RUN_RESTORE_VM,
    QMP_RUN_DEBUG,
    QMP_RUN_COLO,
    QMP_RUN_STATE_COUNT,
};
enum qmp_run_state qmp_run_state_parse(const char *text);
const char *qmp_run_state_name(enum qmp_run_state state);

/* ---- events ---- */

enum qmp_event_kind {
    QMP_EVENT_OTHER, /* known to `name` only */
    QMP_EVENT_STOP,
    QMP_EVENT_RESUME,
    QMP_EVENT_SUSPEND,
    QMP_EVENT_SUSPEND_DISK,
    QMP_EVENT_WAKEUP,
    QMP_EVENT_POWERDOWN,
    QMP_EVENT_SHUTDOWN,            /* guest, reason */
    QMP_EVENT_RESET,               /* guest, reason */
    QMP_EVENT_MIGRATION,           /* migration */
    QMP_EVENT_MIGRATION_PASS,      /* pass */
    QMP_EVENT_BLOCK_IO_ERROR,      /* device, node, action, no_space, reason */
    QMP_EVENT_BLOCK_JOB_READY,     /* device */
    QMP_EVENT_BLOCK_JOB_COMPLETED, /* device, reason (its error, or NULL) */
    QMP_EVENT_BLOCK_JOB_CANCELLED, /* device */
    QMP_EVENT_JOB_STATUS_CHANGE,   /* device (the job's id), reason (its status) */
    QMP_EVENT_GUEST_PANICKED,      /* action (pause, poweroff, run) */
    QMP_EVENT_WATCHDOG,            /* action */
    QMP_EVENT_DEVICE_DELETED,      /* device (NULL when it has no id), path */
    QMP_EVENT_DEVICE_UNPLUG_ERROR, /* device, path */
    QMP_EVENT_UNPLUG_PRIMARY,      /* device */
    QMP_EVENT_RTC_CHANGE,          /* offset */
    QMP_EVENT_VSERPORT_CHANGE,     /* device, open */
    QMP_EVENT_BALLOON_CHANGE,      /* actual */
    QMP_EVENT_NIC_RX_FILTER_CHANGED,
    QMP_EVENT_KIND_COUNT,
};

enum qmp_io_action { QMP_IO_REPORT, QMP_IO_IGNORE, QMP_IO_STOP };

/* All strings are borrowed from `data`. What an event does not have is zero or NULL; a field that
 * is missing although it should be there also. */
struct qmp_event {
    enum qmp_event_kind kind;
    const char *name;
    uint64_t wall_clock; /* as given */
    bool guest;          /* the guest asked for it */
    const char *reason;
    enum qmp_migration_status migration;
    const char *migration_text; /* as QEMU said it: for the log of an unknown one */
    uint64_t pass;
    const char *device;
    const char *node;
    const char *path;
    const char *action;
    enum qmp_io_action io_action;
    bool no_space;
    bool open;
    int64_t offset;  /* seconds */
    uint64_t actual; /* bytes */
};
/* `name` and `data` are of a QMP_EVENT (io's struct monitor_event has the same); `data` may be
 * NULL.
 */
void qmp_event_decode(const char *name, struct json_object *data, uint64_t wall_clock,
                      struct qmp_event *ret_event);

/* ---- replies ---- */

struct qmp_migrate_ram { /* bytes unless said otherwise */
    uint64_t transferred, remaining, total;
    uint64_t duplicate; /* pages */
    uint64_t normal;    /* pages */
    uint64_t normal_bytes;
    uint64_t dirty_pages_rate; /* pages/s */
    uint64_t page_size;
    double mbps; /* megabits/s */
    uint64_t dirty_sync_count;
    uint64_t postcopy_requests;
    uint64_t postcopy_bytes, precopy_bytes, downtime_bytes, multifd_bytes;
};

struct qmp_migrate_disk {
    uint64_t transferred, remaining, total;
    double mbps;
};

struct qmp_migrate_xbzrle {
    uint64_t cache_size, bytes, pages, cache_miss, overflow;
};

struct qmp_migrate_info {
    enum qmp_migration_status status;
    const char *status_text; /* as QEMU said it; NULL: no migration yet */
    const char *error;       /* error-desc, or NULL */
    /* ms; the has_ flags say whether QEMU gave it */
    bool has_total_time, has_downtime, has_expected_downtime, has_setup_time;
    uint64_t total_time, downtime, expected_downtime, setup_time;
    bool has_ram, has_disk, has_xbzrle;
    struct qmp_migrate_ram ram;
    struct qmp_migrate_disk disk;
    struct qmp_migrate_xbzrle xbzrle;
    bool has_cpu_throttle, has_postcopy_blocktime;
    uint64_t cpu_throttle; /* percent */
    bool has_dirty_limit;
    uint64_t dirty_limit_throttle, dirty_limit_ring_full; /* microseconds */
    uint64_t postcopy_blocktime;                          /* ms; destination, after completion */
    unsigned blocked_reasons;                             /* how many there are; the first one: */
    const char *blocked_reason;                           /* or NULL */
};
/* Strings are borrowed from `reply`. 0, or -1 with `f` when it is not such a reply. */
int qmp_migrate_info_decode(struct json_object *reply, struct qmp_migrate_info *ret_info,
                            struct fail *f);

struct qmp_status {
    enum qmp_run_state state;
    const char *text;
    bool running;
};
int qmp_status_decode(struct json_object *reply, struct qmp_status *ret_status, struct fail *f);

struct qmp_version {
    unsigned major, minor, micro;
    unsigned number; /* major * 1000000 + minor * 1000 + micro */
    const char *package;
};
int qmp_version_decode(struct json_object *reply, struct qmp_version *ret_version, struct fail *f);

enum qmp_capability {
    QMP_CAP_XBZRLE,
    QMP_CAP_RDMA_PIN_ALL,
    QMP_CAP_AUTO_CONVERGE,
    QMP_CAP_ZERO_BLOCKS,
    QMP_CAP_EVENTS,
    QMP_CAP_POSTCOPY_RAM,
    QMP_CAP_RELEASE_RAM,
    QMP_CAP_RETURN_PATH,
    QMP_CAP_PAUSE_BEFORE_SWITCHOVER,
    QMP_CAP_MULTIFD,
    QMP_CAP_DIRTY_BITMAPS,
    QMP_CAP_POSTCOPY_BLOCKTIME,
    QMP_CAP_LATE_BLOCK_ACTIVATE,
    QMP_CAP_X_IGNORE_SHARED,
    QMP_CAP_VALIDATE_UUID,
    QMP_CAP_BACKGROUND_SNAPSHOT,
    QMP_CAP_ZERO_COPY_SEND,
    QMP_CAP_POSTCOPY_PREEMPT,
    QMP_CAP_SWITCHOVER_ACK,
    QMP_CAP_DIRTY_LIMIT,
    QMP_CAP_MAPPED_RAM,
    QMP_CAP_COMPRESS, /* gone in newer QEMUs, like the next */
    QMP_CAP_BLOCK,
    QMP_CAP_X_COLO,
    QMP_CAP_COUNT,
};
const char *qmp_capability_name(enum qmp_capability cap);
/* -1 when it is none of these. */
int qmp_capability_parse(const char *name);

struct qmp_capabilities {
    uint32_t supported; /* bit 1 << enum qmp_capability: QEMU knows it */
    uint32_t enabled;
    unsigned unknown; /* how many this table does not name; they are left as they are */
};
/* Reply of query-migrate-capabilities. */
int qmp_capabilities_decode(struct json_object *reply, struct qmp_capabilities *ret_capabilities,
                            struct fail *f);
/* Arguments of migrate-set-capabilities: those of `which` as `values` says. The caller's to put. */
struct json_object *qmp_capabilities_encode(uint32_t which, uint32_t values);
