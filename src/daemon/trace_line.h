/* trace_line.h - the lines of a trace: what happened, what the machines made of it. Pure.
 *
 * A trace is a file of JSON objects, one a line. The first one is the header; one more header
 * follows whenever a daemon came back in mid-migration. The others are steps, in their order, and
 * notes.
 *
 *   header  {"trace":1, "baton":"0.1.0", "qemu":"7.2.22", "direction":"out", ..., STATE}
 *   step    {"time":12500, "event":"QEMU_STOPPED", STATE, "do":["TELL PAUSED/MIGRATION ..."]}
 *   note    {"time":12400, "qemu":"7.2.22", "capabilities":[...], "parameters":{...}}
 *
 * STATE is "life", "reads" (what a client reads), "out" and "in" by name, and in "core" those of
 * the other fields (core_fields.h) that the step changed, in a header those that are not 0. An
 * event and an action are their names with their arguments as words; what counts from 0 in a table
 * of ours is written by name, so that a trace outlives a change of the tables. Times are
 * microseconds of CLOCK_BOOTTIME.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "core/core.h"
#include "util/buffer.h"

enum { TRACE_VERSION = 1, TRACE_TEXT_MAX = 96 };

/* STATE of a header, without braces. 0 or negative errno of the buffer. */
int trace_put_state(struct buffer *out, const struct core *core);
/* A whole line, with its newline. 0 or negative errno of the buffer. */
int trace_put_step(struct buffer *out, uint64_t time, struct core_event event,
                   const struct core *before, const struct core *after,
                   const struct core_actions *actions);

/* "BOOT 1 MIG_ACTIVE", "ANSWER PERFORM OK": at most TRACE_TEXT_MAX bytes. */
void trace_event_text(struct core_event event, char ret_text[TRACE_TEXT_MAX]);
void trace_action_text(struct core_action action, char ret_text[TRACE_TEXT_MAX]);
