/* qemu_facts.h - what QEMU's answers to query commands say about one device: values, no I/O.
 *
 * `reply` is what the command returned. Devices are found by the aliases of the live document.
 * What QEMU does not say stays 0 and its has_ flag false.
 */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* query-blockstats */
struct block_counters {
    uint64_t rd_requests, rd_bytes, rd_ns;
    uint64_t wr_requests, wr_bytes, wr_ns;
    uint64_t fl_requests, fl_ns;
    uint64_t highest; /* the end of what was written, in the image's own layer */
};
/* False: no such device. */
bool qemu_read_block_counters(struct json_object *reply, const char *alias,
                              struct block_counters *ret);
void qemu_add_block_counters(struct block_counters *sum, const struct block_counters *c);

/* query-block */
struct block_sizes {
    uint64_t capacity, allocated; /* bytes */
};
bool qemu_read_block_sizes(struct json_object *reply, const char *alias, struct block_sizes *ret);

/* query-cpus-fast: the threads of the vCPUs, 0 where it is not known. How many are known. With more
 * than one vCPU in one thread (TCG without MTTCG) none is: its time is nobody's alone. */
size_t qemu_read_vcpu_threads(struct json_object *reply, pid_t *ret_threads, size_t room);

/* query-balloon; KiB */
bool qemu_read_balloon(struct json_object *reply, uint64_t *ret_kib);

/* qom-get guest-stats of the balloon: what the guest's driver told. */
enum memory_stat { /* virDomainMemoryStatTags */
                   MEMORY_SWAP_IN = 0,
                   MEMORY_SWAP_OUT = 1,
                   MEMORY_MAJOR_FAULT = 2,
                   MEMORY_MINOR_FAULT = 3,
                   MEMORY_UNUSED = 4,
                   MEMORY_AVAILABLE = 5,
                   MEMORY_ACTUAL = 6,
                   MEMORY_RSS = 7,
                   MEMORY_USABLE = 8,
                   MEMORY_LAST_UPDATE = 9,
                   MEMORY_DISK_CACHES = 10,
                   MEMORY_HUGETLB_PGALLOC = 11,
                   MEMORY_HUGETLB_PGFAIL = 12,
                   MEMORY_STAT_COUNT
};
struct memory_stats {
    uint16_t has;                      /* bit 1 << enum memory_stat */
    uint64_t value[MEMORY_STAT_COUNT]; /* sizes in KiB */
};
void memory_stats_set(struct memory_stats *s, enum memory_stat stat, uint64_t value);
void qemu_read_guest_stats(struct json_object *reply, struct memory_stats *ret);
/* The name in domstats: "swap_in", ... */
const char *memory_stat_name(enum memory_stat stat);
