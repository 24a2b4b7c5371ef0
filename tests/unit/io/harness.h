/* harness.h - what the tests of io share: a loop that runs until something happened. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <systemd/sd-event.h>
#include "io/worker.h"

struct harness {
    sd_event *event;
    struct worker_pool *pool;
    char folder[64]; /* empty, removed at the end */
};

/* For cmocka_unit_test_setup_teardown: *state is a struct harness. */
int harness_setup(void **state);
int harness_teardown(void **state);

#define harness_test(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

/* Runs the loop until *flag; fails the test after a generous time. */
void run_until(struct harness *h, const bool *flag);
/* Runs the loop until `count` or more. */
void run_until_count(struct harness *h, const unsigned *count, unsigned least);
/* Runs what is ready now, and no more: nothing further was waiting to happen. */
void run_ready(struct harness *h);

/* FOLDER/name; good until the next call but three. */
const char *path_in(struct harness *h, const char *name);
/* A connected pair of unix stream sockets, non-blocking. */
void make_pair(int ret_fds[2]);
/* How many descriptors this process has open. */
unsigned count_fds(void);
/* All of a file as text, at most the size of the (static) result; "" when there is none. */
const char *text_of(const char *path);
