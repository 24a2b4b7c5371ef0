/* cookie_stats.c - the statistics by name, in libvirt's order. */
#include "wire/cookie.h"

static const char *const names[] = {
    [COOKIE_STARTED] = "started",
    [COOKIE_STOPPED] = "stopped",
    [COOKIE_SENT] = "sent",
    [COOKIE_TIME_ELAPSED] = "time_elapsed",
    [COOKIE_TIME_REMAINING] = "time_remaining",
    [COOKIE_DOWNTIME] = "downtime",
    [COOKIE_SETUP_TIME] = "setup_time",
    [COOKIE_MEMORY_TOTAL] = "memory_total",
    [COOKIE_MEMORY_PROCESSED] = "memory_processed",
    [COOKIE_MEMORY_REMAINING] = "memory_remaining",
    [COOKIE_MEMORY_BPS] = "memory_bps",
    [COOKIE_MEMORY_CONSTANT] = "memory_constant",
    [COOKIE_MEMORY_NORMAL] = "memory_normal",
    [COOKIE_MEMORY_NORMAL_BYTES] = "memory_normal_bytes",
    [COOKIE_MEMORY_DIRTY_RATE] = "memory_dirty_rate",
    [COOKIE_MEMORY_ITERATION] = "memory_iteration",
    [COOKIE_MEMORY_POSTCOPY_REQUESTS] = "memory_postcopy_requests",
    [COOKIE_MEMORY_PAGE_SIZE] = "memory_page_size",
    [COOKIE_DISK_TOTAL] = "disk_total",
    [COOKIE_DISK_PROCESSED] = "disk_processed",
    [COOKIE_DISK_REMAINING] = "disk_remaining",
    [COOKIE_DISK_BPS] = "disk_bps",
    [COOKIE_COMPRESSION_CACHE] = "compression_cache",
    [COOKIE_COMPRESSION_BYTES] = "compression_bytes",
    [COOKIE_COMPRESSION_PAGES] = "compression_pages",
    [COOKIE_COMPRESSION_CACHE_MISSES] = "compression_cache_misses",
    [COOKIE_COMPRESSION_OVERFLOW] = "compression_overflow",
    [COOKIE_AUTO_CONVERGE_THROTTLE] = "auto_converge_throttle",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == COOKIE_STAT_COUNT, "a statistic without a name");

const char *cookie_stat_name(enum cookie_stat stat)
{
    return names[stat];
}

void cookie_stat_set(struct cookie_statistics *s, enum cookie_stat stat, uint64_t value)
{
    s->value[stat] = value;
    s->present |= UINT64_C(1) << stat;
}

uint64_t cookie_stat_get(const struct cookie_statistics *s, enum cookie_stat stat)
{
    return s->present >> stat & 1 ? s->value[stat] : 0;
}
