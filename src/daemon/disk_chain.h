/* disk_chain.h - what the images of a guest's disks lie on, read from the images before a start.
 *
 * Storage may hang (NFS), so the looking is done by a worker, and has a deadline.
 */
#pragma once
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "domain/domain.h"
#include "util/fail.h"

struct disk_chain;
struct worker_pool;

/* Called once, from the loop; the disk_chain is gone by then. `why`: a chain that can't be followed; 0.
 * When the storage has not answered in time, `d` is as it was, and nobody says what lies below. */
typedef void disk_chain_fn(const struct fail *why, void *userdata);

/* Follows each chain of `d` that is open (domain_chain_open_at) and completes it in `d`, which must
 * live until `done` or disk_chain_free. 0: nothing is to be looked at, and `done` is not called;
 * 1: it will be, `patience` microseconds from now at the latest; -1 with `f`. */
int disk_chain_ask(struct worker_pool *workers, sd_event *event, struct domain *d, uint64_t patience,
                   disk_chain_fn *done, void *userdata, struct disk_chain **ret_chain, struct fail *f);
/* Without a call of `done`. Harmless on NULL. */
void disk_chain_free(struct disk_chain *chain);
