/* emulators.h - what the emulator binaries of this host can do: probed over QMP, cached, kept.
 *
 * A binary is probed when it is first asked for, and again when its file has changed (another
 * inode, size or time) or KVM has appeared or gone. What was found is kept in a file of cache_dir,
 * so that a restart of the daemon probes nothing. An emulator that was handed out stays valid for
 * the daemon's life.
 */
#pragma once
#include "domain/emulator.h"
#include "util/fail.h"

struct daemon;
struct emulators;

/* `emulator` is NULL when `why` says why not: no such file, not executable, QEMU's own last words,
 * no answer within 30 s, too old. */
typedef void emulators_done_fn(const struct emulator *emulator, const struct fail *why,
                               void *userdata);

int emulators_new(struct daemon *d, struct emulators **ret_emulators, struct fail *f);
/* Those who wait are told that the daemon is being stopped. Harmless on NULL. */
void emulators_stop(struct emulators *e);
/* What was handed out goes with it. Harmless on NULL. */
void emulators_free(struct emulators *e);

/* `done` is called exactly once: at once where the answer is known, else from the loop. Who asks
 * for a binary that is being probed waits for that probe. */
void emulators_get(struct emulators *e, const char *path, emulators_done_fn *done, void *userdata);
/* What a running QEMU was when it was started (emulator_running_to_json), `json`; from then on it is
 * as valid as one of emulators_get, but given to nobody else. NULL with `f`. */
const struct emulator *emulators_keep_running(struct emulators *e, struct json_object *json,
                                              struct fail *f);
/* Instead of 30 s, for one run of a binary; microseconds. */
void emulators_set_deadline(struct emulators *e, uint64_t deadline);
/* What is known already of this binary, also if its file has changed since; NULL: nothing. */
const struct emulator *emulators_known(const struct emulators *e, const char *path);
