/* stats.h - the statistics of a migration job, as a client reads them.
 *
 * Times in milliseconds, sizes in bytes. The times are the accounts' (core/accounts.h), the rest is
 * what the source's QEMU said last; on the destination, what the source's cookie said.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/arena.h"
#include "wire/cookie.h"
#include "wire/params.h"
#include "wire/qmp.h"

enum job_type { /* virDomainJobType */
    JOB_NONE = 0,
    JOB_BOUNDED = 1,
    JOB_UNBOUNDED = 2,
    JOB_COMPLETED = 3,
    JOB_FAILED = 4,
    JOB_CANCELLED = 5,
};
enum job_operation { JOB_OPERATION_UNKNOWN = 0, JOB_MIGRATION_IN = 4, JOB_MIGRATION_OUT = 5 };

struct job_stats {
    enum job_type type;
    enum job_operation operation;
    uint64_t elapsed_ms;
    bool has_downtime;
    uint64_t downtime_ms;
    bool has_setup;
    uint64_t setup_ms;
    bool has_ram; /* the memory_ figures below are known */
    uint64_t ram_total, ram_processed, ram_remaining, ram_bps;
    uint64_t ram_constant, ram_normal, ram_normal_bytes;
    uint64_t ram_dirty_rate, ram_iteration, ram_page_size;
    bool has_postcopy_requests;
    uint64_t ram_postcopy_requests;
    uint64_t disk_total, disk_processed, disk_remaining, disk_bps;
    bool has_throttle;
    uint64_t auto_converge_throttle;
    char error[256]; /* errmsg of a failed job, else "" */
};

/* From query-migrate of the source's QEMU. Leaves type, operation and times alone. */
void stats_from_qmp(struct job_stats *s, const struct qmp_migrate_info *info);
/* To and from the cookie's <statistics>. */
void stats_to_cookie(const struct job_stats *s, struct cookie_statistics *ret);
void stats_from_cookie(struct job_stats *s, const struct cookie_statistics *c);
/* As DOMAIN_GET_JOB_STATS and JOB_COMPLETED give them, in libvirt's order. */
int stats_to_params(const struct job_stats *s, struct arena *arena, struct rpc_params *ret);
