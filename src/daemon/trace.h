/* trace.h - each migration's trace: every step of the guest's machines, kept in a file.
 *
 * STATE_DIR/traces/UUID-N.jsonl, one file an attempt, in the format of trace_line.h; mode 0600. The
 * files stand beside the guests' folders and not in them: a guest's folder goes when it has moved
 * away or an arrival was undone, which is when its trace is wanted. There are at most `trace_files`
 * a guest (settings; 0: none are kept), of TRACE_BYTES_MAX each, and TRACE_FILES_TOTAL on the host;
 * the oldest go first. A trace holds no memory, device or disk data of the guest, no document and
 * no credential; it has the guest's name and the address of the migration's stream.
 *
 * Nothing depends on a trace: what can't be written is logged once and the attempt goes on without.
 * It is not synced, so writing does not wait for a disk.
 */
#pragma once
#include <stdint.h>
#include "core/core.h"

struct guest;
struct json_object;
struct trace;

enum { TRACE_BYTES_MAX = 1 << 20, TRACE_FILES_TOTAL = 256 };

/* A step was taken: `before` is the state before it, g->core the one after. Before its actions are
 * carried out. A JOB_BEGIN among them begins a trace, the end of the migration ends it. */
void trace_step(struct guest *g, uint64_t time, struct core_event event, const struct core *before,
                const struct core_actions *actions);
/* What this guest's QEMU is about to be told for its migration. Both are borrowed. */
void trace_settings(struct guest *g, struct json_object *capabilities,
                    struct json_object *parameters);
/* No more of this one. */
void trace_close(struct guest *g);
