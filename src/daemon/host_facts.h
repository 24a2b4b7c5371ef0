/* host_facts.h - what the host's kernel says about its processors and memory, now. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "domain/host.h"
#include "util/fail.h"

/* For host_info_free. */
int host_facts_read(struct host_info *ret_host, struct fail *f);

enum { HOST_MAP_BYTES = HOST_CPUS_MAX / 8 };
struct host_map {
    uint8_t online[HOST_MAP_BYTES]; /* bit N: processor N */
    unsigned online_count;
    unsigned present; /* the highest number of one that is present, and one */
};
int host_facts_read_map(struct host_map *ret_map, struct fail *f);

/* Bytes; of one NUMA cell. False when there is no such cell. */
bool host_facts_free_memory(unsigned cell, uint64_t *ret_bytes);
uint64_t host_facts_all_free_memory(void);
/* What a new process could have before another one has to go. */
bool host_facts_available_memory(uint64_t *ret_bytes);
