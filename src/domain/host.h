/* host.h - what a host is made of, out of the texts that Linux gives about it.
 *
 * Pure: the caller reads the files and hands over their text.
 *
 *     host_info_init(&host, "x86_64");
 *     host_info_parse_cpuinfo(&host, text of /proc/cpuinfo);
 *     for each N:  host_info_add_cell(&host, N, text of /sys/devices/system/node/nodeN/cpulist,
 *                                     text of /sys/devices/system/node/nodeN/meminfo);
 *     without any: host_info_add_cell(&host, 0, NULL, text of /proc/meminfo);
 */
#pragma once
#include "util/arena.h"
#include "util/fail.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOST_CPUS_MAX = 8192, HOST_CELLS_MAX = 1024, HOST_PAGE_SIZES_MAX = 8 };

struct host_cpu {
    unsigned id;
    unsigned socket; /* "physical id" */
    unsigned core;   /* within the socket */
    unsigned cell;   /* NUMA cell; 0 until one claims it */
};

struct host_cell {
    unsigned id;
    uint64_t memory_kib;
};

struct host_info {
    struct arena arena;
    const char *arch;   /* "x86_64" */
    const char *vendor; /* "AMD", "Intel", NULL for others */
    unsigned mhz;       /* of the first processor; 0 when unknown, as those below */
    bool has_signature;
    unsigned family, model, stepping;
    unsigned microcode;
    unsigned physical_bits; /* of an address */
    unsigned page_kib[HOST_PAGE_SIZES_MAX]; /* sizes of its pages, ascending */
    size_t page_size_count;
    struct host_cpu *cpus;
    size_t cpu_count;
    struct host_cell *cells; /* at least one after host_info_add_cell */
    size_t cell_count;
};

/* The shape that nodeinfo and capabilities report. Sockets are those of one cell, as libvirt counts
 * them: cells * sockets * cores * threads >= cpus. */
struct host_topology {
    unsigned cells, sockets, cores, threads;
};

int host_info_init(struct host_info *host, const char *arch, struct fail *f);
void host_info_free(struct host_info *host);
/* -1: VIR_ERR_INTERNAL_ERROR, no processor in it. */
int host_info_parse_cpuinfo(struct host_info *host, const char *cpuinfo, struct fail *f);
/* `cpulist` as in "0-3,8"; NULL: all processors. -1: VIR_ERR_INTERNAL_ERROR, no sense in it. */
int host_info_add_cell(struct host_info *host, unsigned id, const char *cpulist,
                       const char *meminfo, struct fail *f);
/* One more size of pages, once. */
void host_info_add_page_size(struct host_info *host, unsigned kib);
uint64_t host_info_memory_kib(const struct host_info *host);
/* Without a regular shape (or cells that split sockets): one socket with all processors. */
void host_info_topology(const struct host_info *host, struct host_topology *ret_topology);
