/* read.h - a trace, line by line: the other half of daemon/trace_line.h.
 *
 * Beside what a daemon writes, a trace may be written by hand, and then says less: a step needs its
 * event only, a header its direction only (the guest then runs, or is shut off at the destination).
 * One kind of line only tests have, as the last:
 *
 *   expect  {"expect":{"told":["STOPPED/MIGRATED"], "reads":"SHUTOFF/MIGRATED",
 *                      "answered":["BEGIN OK"], "ordered":["MIGRATE"]}}
 *
 * what clients must have been told and answered, what they read at the end ("none": the guest is
 * shut off, and transient), and what QEMU must have been ordered. Members that nobody asks for are
 * skipped, a field of the state that this build does not have is counted: a trace of another build
 * is replayed from the fields that both know by name.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>
#include "core/core.h"

enum trace_kind { TRACE_END, TRACE_HEADER, TRACE_STEP, TRACE_NOTE, TRACE_EXPECT, TRACE_BAD };

struct trace_reader {
    FILE *file;
    unsigned line;
    char *text;
    size_t room;
    struct json_object *object; /* of the line; what is below points into it */

    struct core state;        /* HEADER */
    unsigned unknown;         /* HEADER: fields that this build does not have */
    struct core_event event;  /* STEP */
    const char *reads;        /* STEP, EXPECT; NULL: not said */
    struct json_object *done; /* STEP: the list of actions; NULL: not said */
    struct json_object *told, *answered, *ordered; /* EXPECT; NULL: not said */
    char why[200];                                 /* BAD */
};

/* False: it can't be opened; errno says why. */
bool trace_open(struct trace_reader *r, const char *path);
enum trace_kind trace_next(struct trace_reader *r);
void trace_finish(struct trace_reader *r);
