/* emulator_run.h - one run of an emulator in order to ask what it can do. */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/fail.h"

struct daemon;
struct emulator_run;

struct emulator_run_spec {
    const char *path;
    bool tcg;          /* the second run, where there is KVM */
    uint64_t deadline; /* microseconds, from the start to the last reply */
};

/* The replies to emulator_probe_commands, NULL for a refused one; borrowed. Or `why` says what went
 * wrong, with QEMU's last words. The run is gone by then. */
typedef void emulator_run_fn(struct json_object *const *replies, size_t count,
                             const struct fail *why, void *userdata);

/* `done` is called once, from the loop. */
int emulator_run_new(struct daemon *d, const struct emulator_run_spec *spec, emulator_run_fn *done,
                     void *userdata, struct emulator_run **ret_run, struct fail *f);
/* Without a call of `done`. Harmless on NULL. */
void emulator_run_free(struct emulator_run *run);

/* A daemon that was killed may have left a QEMU that it was asking: end it. */
void emulator_run_clean_up(struct daemon *d);
