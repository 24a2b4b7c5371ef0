/* worker.h - a few threads for what blocks: fsync and name look-up.
 *
 * A job has two halves. `run` runs on a thread and touches nothing but `data`; `done` runs later
 * on the loop. Jobs with the same `order` run one after another, in the order of submission, which
 * keeps the syncs of one file in order, and lets slow look-ups never take more than one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>
#include "util/fail.h"

struct worker_pool;

struct worker_job {
    const void *order; /* any address that stands for the sequence; NULL: no order */
    void (*run)(void *data);
    /* Called exactly once, on the loop. `ran` is false only when the pool was freed first. */
    void (*done)(void *data, bool ran);
    void *data;
    /* worker_pool_free does not wait for it (a look-up). The same for all jobs of one order. */
    bool may_be_abandoned;
};

/* `threads` is 1..8 (2 is the daemon's), `limit` the most jobs waiting or running. */
int worker_pool_new(sd_event *event, unsigned threads, size_t limit, struct worker_pool **ret_pool,
                    struct fail *f);
/* Blocks until all jobs that can't be abandoned ran, and calls the `done` of every job from here.
 * Only a job that is running and may be abandoned gets no `done`: its data is left to it. */
void worker_pool_free(struct worker_pool *pool);
/* -1 with `f` when the queue is full; `done` is not called then. */
int worker_submit(struct worker_pool *pool, const struct worker_job *job, struct fail *f);
