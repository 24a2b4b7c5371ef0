/* disk_facts.h - how large a disk image is, by its own file.
 *
 * Storage may hang (NFS), so the looking is done by a worker; what it found comes to the loop.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "domain/domain.h"
#include "util/fail.h"

struct worker_pool;

struct disk_facts {
    bool known;         /* else `why` says why not, and the rest is 0 */
    bool is_block;      /* a block device */
    uint64_t capacity;  /* bytes that the guest sees */
    uint64_t allocated; /* bytes that the image takes; all of a block device */
    uint64_t physical;  /* bytes to its end */
    struct fail why;
};

/* The worker's order of all that looks at disks: a file system that hangs takes one thread, not all. */
const void *disk_facts_order(void);

/* Blocks. */
void disk_facts_read(const char *path, enum domain_disk_format format, struct disk_facts *ret);

/* `facts` has as many as were asked for, in their order; borrowed. NULL: the daemon is ending. */
typedef void disk_facts_fn(const struct disk_facts *facts, size_t count, void *userdata);

struct disk_question {
    const char *path; /* copied */
    enum domain_disk_format format;
};
/* `done` is called once, from the loop. -1 with `f`: it never will be. */
int disk_facts_ask(struct worker_pool *workers, const struct disk_question *questions, size_t count,
                   disk_facts_fn *done, void *userdata, struct fail *f);
