#include "daemon/stats.h"

void stats_from_qmp(struct job_stats *s, const struct qmp_migrate_info *info)
{
    if (info->has_setup_time) {
        s->has_setup = true;
        s->setup_ms = info->setup_time;
    }
    if (info->has_ram) {
        const struct qmp_migrate_ram *ram = &info->ram;
        s->has_ram = true;
        s->ram_total = ram->total;
        s->ram_processed = ram->transferred;
        s->ram_remaining = ram->remaining;
        s->ram_bps = (uint64_t)(ram->mbps * 1000000 / 8);
        s->ram_constant = ram->duplicate;
        s->ram_normal = ram->normal;
        s->ram_normal_bytes = ram->normal_bytes;
        s->ram_dirty_rate = ram->dirty_pages_rate;
        s->ram_iteration = ram->dirty_sync_count;
        s->ram_page_size = ram->page_size;
        s->has_postcopy_requests = true;
        s->ram_postcopy_requests = ram->postcopy_requests;
    }
    if (info->has_disk) {
        s->disk_total = info->disk.total;
        s->disk_processed = info->disk.transferred;
        s->disk_remaining = info->disk.remaining;
        s->disk_bps = (uint64_t)(info->disk.mbps * 1000000 / 8);
    }
    if (info->has_cpu_throttle) {
        s->has_throttle = true;
        s->auto_converge_throttle = info->cpu_throttle;
    }
}

/* One line for each figure that the cookie and the struct share. */
#define SHARED(X)                                                                                  \
    X(COOKIE_TIME_ELAPSED, elapsed_ms, true, NULL)                                                 \
    X(COOKIE_DOWNTIME, downtime_ms, s->has_downtime, &s->has_downtime)                             \
    X(COOKIE_SETUP_TIME, setup_ms, s->has_setup, &s->has_setup)                                    \
    X(COOKIE_MEMORY_TOTAL, ram_total, s->has_ram, &s->has_ram)                                     \
    X(COOKIE_MEMORY_PROCESSED, ram_processed, s->has_ram, NULL)                                    \
    X(COOKIE_MEMORY_REMAINING, ram_remaining, s->has_ram, NULL)                                    \
    X(COOKIE_MEMORY_BPS, ram_bps, s->has_ram, NULL)                                                \
    X(COOKIE_MEMORY_CONSTANT, ram_constant, s->has_ram, NULL)                                      \
    X(COOKIE_MEMORY_NORMAL, ram_normal, s->has_ram, NULL)                                          \
    X(COOKIE_MEMORY_NORMAL_BYTES, ram_normal_bytes, s->has_ram, NULL)                              \
    X(COOKIE_MEMORY_DIRTY_RATE, ram_dirty_rate, s->has_ram, NULL)                                  \
    X(COOKIE_MEMORY_ITERATION, ram_iteration, s->has_ram, NULL)                                    \
    X(COOKIE_MEMORY_POSTCOPY_REQUESTS, ram_postcopy_requests, s->has_postcopy_requests,            \
      &s->has_postcopy_requests)                                                                   \
    X(COOKIE_MEMORY_PAGE_SIZE, ram_page_size, s->has_ram, NULL)                                    \
    X(COOKIE_DISK_TOTAL, disk_total, true, NULL)                                                   \
    X(COOKIE_DISK_PROCESSED, disk_processed, true, NULL)                                           \
    X(COOKIE_DISK_REMAINING, disk_remaining, true, NULL)                                           \
    X(COOKIE_DISK_BPS, disk_bps, true, NULL)                                                       \
    X(COOKIE_AUTO_CONVERGE_THROTTLE, auto_converge_throttle, s->has_throttle, &s->has_throttle)

void stats_to_cookie(const struct job_stats *s, struct cookie_statistics *ret)
{
    *ret = (struct cookie_statistics){0};
#define X(stat, field, there, mark)                                                                \
    if (there)                                                                                     \
        cookie_stat_set(ret, stat, s->field);
    SHARED(X)
#undef X
}

void stats_from_cookie(struct job_stats *s, const struct cookie_statistics *c)
{
#define X(stat, field, there, mark)                                                                \
    if (c->present >> (stat) & 1) {                                                                \
        bool *has = (mark);                                                                        \
        s->field = c->value[stat];                                                                 \
        if (has)                                                                                   \
            *has = true;                                                                           \
    }
    SHARED(X)
#undef X
}

static void add_data(const struct job_stats *s, struct params_builder *b)
{
    params_add_ullong(b, "data_total", s->ram_total + s->disk_total);
    params_add_ullong(b, "data_processed", s->ram_processed + s->disk_processed);
    params_add_ullong(b, "data_remaining", s->ram_remaining + s->disk_remaining);
}

static void add_memory(const struct job_stats *s, struct params_builder *b)
{
    params_add_ullong(b, "memory_total", s->ram_total);
    params_add_ullong(b, "memory_processed", s->ram_processed);
    params_add_ullong(b, "memory_remaining", s->ram_remaining);
    params_add_ullong(b, "memory_bps", s->ram_bps);
    params_add_ullong(b, "memory_constant", s->ram_constant);
    params_add_ullong(b, "memory_normal", s->ram_normal);
    params_add_ullong(b, "memory_normal_bytes", s->ram_normal_bytes);
    params_add_ullong(b, "memory_dirty_rate", s->ram_dirty_rate);
    params_add_ullong(b, "memory_iteration", s->ram_iteration);
    if (s->has_postcopy_requests)
        params_add_ullong(b, "memory_postcopy_requests", s->ram_postcopy_requests);
    params_add_ullong(b, "memory_page_size", s->ram_page_size);
    params_add_ullong(b, "disk_total", s->disk_total);
    params_add_ullong(b, "disk_processed", s->disk_processed);
    params_add_ullong(b, "disk_remaining", s->disk_remaining);
    if (s->disk_bps)
        params_add_ullong(b, "disk_bps", s->disk_bps);
    if (s->has_throttle)
        params_add_int(b, "auto_converge_throttle", (int32_t)s->auto_converge_throttle);
}

int stats_to_params(const struct job_stats *s, struct arena *arena, struct rpc_params *ret)
{
    struct params_builder b = {.arena = arena};
    bool over = s->type == JOB_COMPLETED || s->type == JOB_FAILED || s->type == JOB_CANCELLED;
    if (s->type != JOB_NONE) {
        params_add_int(&b, "operation", s->operation);
        params_add_ullong(&b, "time_elapsed", s->elapsed_ms);
        if (s->has_downtime)
            params_add_ullong(&b, "downtime", s->downtime_ms);
        if (s->has_setup)
            params_add_ullong(&b, "setup_time", s->setup_ms);
        if (s->has_ram) {
            add_data(s, &b);
            add_memory(s, &b);
        }
        if (over)
            params_add_boolean(&b, "success", s->type == JOB_COMPLETED);
        if (s->error[0])
            params_add_string(&b, "errmsg", s->error);
    }
    *ret = b.params;
    return b.failed ? -1 : 0;
}
