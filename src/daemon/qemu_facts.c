/* qemu_facts.c - picks one device's figures out of a reply that has all of them. */
#include "daemon/qemu_facts.h"
#include <stdio.h>
#include <string.h>
#include "wire/qmp.h"

static size_t length_of(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* The front end of a disk is known by its path in QEMU's object tree:
 * "/machine/peripheral/virtio-disk0/virtio-backend", or without the last part. */
static bool is_device(const char *qdev, const char *alias)
{
    static const char peripheral[] = "/machine/peripheral/";
    size_t length = strlen(alias);
    if (!qdev)
        return false;
    if (strncmp(qdev, peripheral, sizeof(peripheral) - 1) == 0)
        qdev += sizeof(peripheral) - 1;
    return strncmp(qdev, alias, length) == 0 && (qdev[length] == '\0' || qdev[length] == '/');
}

static struct json_object *find_device(struct json_object *reply, const char *alias)
{
    for (size_t i = 0; i < length_of(reply); i++) {
        struct json_object *entry = json_object_array_get_idx(reply, i);
        if (is_device(qmp_get_string(entry, "qdev"), alias))
            return entry;
    }
    return NULL;
}

bool qemu_read_block_counters(struct json_object *reply, const char *alias,
                              struct block_counters *ret)
{
    struct json_object *entry = find_device(reply, alias);
    struct json_object *stats = qmp_get(entry, "stats");
    if (!stats)
        return false;
    struct json_object *below = qmp_get(qmp_get(entry, "parent"), "stats");
    *ret = (struct block_counters){
        .rd_requests = qmp_get_u64(stats, "rd_operations", 0),
        .rd_bytes = qmp_get_u64(stats, "rd_bytes", 0),
        .rd_ns = qmp_get_u64(stats, "rd_total_time_ns", 0),
        .wr_requests = qmp_get_u64(stats, "wr_operations", 0),
        .wr_bytes = qmp_get_u64(stats, "wr_bytes", 0),
        .wr_ns = qmp_get_u64(stats, "wr_total_time_ns", 0),
        .fl_requests = qmp_get_u64(stats, "flush_operations", 0),
        .fl_ns = qmp_get_u64(stats, "flush_total_time_ns", 0),
        .highest = qmp_get_u64(below, "wr_highest_offset", 0),
    };
    return true;
}

void qemu_add_block_counters(struct block_counters *sum, const struct block_counters *c)
{
    sum->rd_requests += c->rd_requests;
    sum->rd_bytes += c->rd_bytes;
    sum->rd_ns += c->rd_ns;
    sum->wr_requests += c->wr_requests;
    sum->wr_bytes += c->wr_bytes;
    sum->wr_ns += c->wr_ns;
    sum->fl_requests += c->fl_requests;
    sum->fl_ns += c->fl_ns;
}

bool qemu_read_block_sizes(struct json_object *reply, const char *alias, struct block_sizes *ret)
{
    struct json_object *image = qmp_get(qmp_get(find_device(reply, alias), "inserted"), "image");
    if (!image)
        return false;
    *ret = (struct block_sizes){
        .capacity = qmp_get_u64(image, "virtual-size", 0),
        .allocated = qmp_get_u64(image, "actual-size", 0),
    };
    return true;
}

/* ---- vCPUs ---------------------------------------------------------------------------------- */

static bool threads_differ(const pid_t *threads, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (threads[i] && threads[i] == threads[0])
            return false;
    return true;
}

size_t qemu_read_vcpu_threads(struct json_object *reply, pid_t *ret_threads, size_t room)
{
    size_t known = 0;
    memset(ret_threads, 0, room * sizeof(*ret_threads));
    for (size_t i = 0; i < length_of(reply); i++) {
        struct json_object *cpu = json_object_array_get_idx(reply, i);
        uint64_t index = qmp_get_u64(cpu, "cpu-index", UINT64_MAX);
        uint64_t thread = qmp_get_u64(cpu, "thread-id", 0);
        if (index >= room || thread == 0 || thread > INT32_MAX || ret_threads[index])
            continue;
        ret_threads[index] = (pid_t)thread;
        known++;
    }
    if (threads_differ(ret_threads, room))
        return known;
    memset(ret_threads, 0, room * sizeof(*ret_threads));
    return 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

bool qemu_read_balloon(struct json_object *reply, uint64_t *ret_kib)
{
    uint64_t actual = qmp_get_u64(reply, "actual", 0);
    if (actual == 0)
        return false;
    *ret_kib = actual / 1024;
    return true;
}

void memory_stats_set(struct memory_stats *s, enum memory_stat stat, uint64_t value)
{
    s->has |= (uint16_t)(1u << stat);
    s->value[stat] = value;
}

void qemu_read_guest_stats(struct json_object *reply, struct memory_stats *ret)
{
    static const struct {
        const char *key;
        enum memory_stat stat;
        unsigned unit;
    } keys[] = {
        {"stat-swap-in", MEMORY_SWAP_IN, 1024},
        {"stat-swap-out", MEMORY_SWAP_OUT, 1024},
        {"stat-major-faults", MEMORY_MAJOR_FAULT, 1},
        {"stat-minor-faults", MEMORY_MINOR_FAULT, 1},
        {"stat-free-memory", MEMORY_UNUSED, 1024},
        {"stat-total-memory", MEMORY_AVAILABLE, 1024},
        {"stat-available-memory", MEMORY_USABLE, 1024},
        {"stat-disk-caches", MEMORY_DISK_CACHES, 1024},
        {"stat-htlb-pgalloc", MEMORY_HUGETLB_PGALLOC, 1},
        {"stat-htlb-pgfail", MEMORY_HUGETLB_PGFAIL, 1},
    };
    struct json_object *stats = qmp_get(reply, "stats");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        /* What the guest did not tell is -1, or the same without a sign. */
        uint64_t value = qmp_get_u64(stats, keys[i].key, UINT64_MAX);
        if (value != UINT64_MAX)
            memory_stats_set(ret, keys[i].stat, value / keys[i].unit);
    }
    uint64_t updated = qmp_get_u64(reply, "last-update", UINT64_MAX);
    if (updated != UINT64_MAX)
        memory_stats_set(ret, MEMORY_LAST_UPDATE, updated);
}

const char *memory_stat_name(enum memory_stat stat)
{
    switch (stat) {
    case MEMORY_SWAP_IN:
        return "swap_in";
    case MEMORY_SWAP_OUT:
        return "swap_out";
    case MEMORY_MAJOR_FAULT:
        return "major_fault";
    case MEMORY_MINOR_FAULT:
        return "minor_fault";
    case MEMORY_UNUSED:
        return "unused";
    case MEMORY_AVAILABLE:
        return "available";
    case MEMORY_ACTUAL:
        return "current";
    case MEMORY_RSS:
        return "rss";
    case MEMORY_USABLE:
        return "usable";
    case MEMORY_LAST_UPDATE:
        return "last-update";
    case MEMORY_DISK_CACHES:
        return "disk_caches";
    case MEMORY_HUGETLB_PGALLOC:
        return "hugetlb_pgalloc";
    case MEMORY_HUGETLB_PGFAIL:
        return "hugetlb_pgfail";
    case MEMORY_STAT_COUNT:
        break;
    }
    return NULL;
}
