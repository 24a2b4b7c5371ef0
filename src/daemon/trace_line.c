#include "daemon/trace_line.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include "daemon/core_fields.h"

/* ---- events and actions as words ------------------------------------------------------------ */

void trace_event_text(struct core_event e, char ret_text[TRACE_TEXT_MAX])
{
    const char *name = core_event_name(e.type);
    if (e.type == EV_BOOT)
        snprintf(ret_text, TRACE_TEXT_MAX, "%s %u %s", name, e.arg, core_event_name(e.arg2));
    else if (e.type == EV_POWER_DONE || e.type == EV_POWER_REFUSED)
        snprintf(ret_text, TRACE_TEXT_MAX, "%s %s", name, core_call_name(e.arg));
    else if (e.arg)
        snprintf(ret_text, TRACE_TEXT_MAX, "%s %u", name, e.arg);
    else
        snprintf(ret_text, TRACE_TEXT_MAX, "%s", name);
}

/* How the arguments of an action are written; a number, and not if it is 0, unless said here. */
static const enum words {
    NUMBER,
    STATE_AND_EVENT,
    CALL_AND_RESULT,
    CALL,
    RESULT,
    INCIDENT,
    PROOF
} words_of[ACT_COUNT] = {
    [ACT_TELL] = STATE_AND_EVENT, [ACT_ANSWER] = CALL_AND_RESULT,
    [ACT_REFUSE] = RESULT,        [ACT_POWERDOWN] = CALL,
    [ACT_RESET] = CALL,           [ACT_JOB_END] = RESULT,
    [ACT_INCIDENT] = INCIDENT,    [ACT_PROVE] = PROOF,
};

void trace_action_text(struct core_action a, char ret_text[TRACE_TEXT_MAX])
{
    const char *name = core_action_name(a.type), *first = NULL, *second = "";
    switch (words_of[a.type]) {
    case NUMBER:
        break;
    case STATE_AND_EVENT:
        first = core_state_name(a.a, a.b);
        second = core_told_name(a.c, a.d);
        break;
    case CALL_AND_RESULT:
        first = core_call_name(a.a);
        second = core_result_name(a.b);
        break;
    case CALL:
        first = core_call_name(a.a);
        break;
    case RESULT:
        first = core_result_name(a.a);
        break;
    case INCIDENT:
        first = core_incident_name(a.a);
        break;
    case PROOF: /* as an event it is EV_PROOF_RELEASED + it */
        first = core_event_name((enum core_event_type)(EV_PROOF_RELEASED + a.a));
        break;
    }
    if (first)
        snprintf(ret_text, TRACE_TEXT_MAX, "%s %s%s%s", name, first, second[0] ? " " : "", second);
    else if (a.a)
        snprintf(ret_text, TRACE_TEXT_MAX, "%s %u", name, a.a);
    else
        snprintf(ret_text, TRACE_TEXT_MAX, "%s", name);
}

/* ---- the state ------------------------------------------------------------------------------ */

static const struct field {
    const char *name;
    size_t offset;
} fields[] = {
#define FIELD(tag, path) {#path, offsetof(struct core, path)},
    CORE_FIELDS(FIELD)
#undef FIELD
};

/* These stand in every line under names of their own. */
static bool is_named(size_t offset)
{
    return offset == offsetof(struct core, life.phase) ||
           offset == offsetof(struct core, life.state) ||
           offset == offsetof(struct core, life.reason) ||
           offset == offsetof(struct core, out.state) || offset == offsetof(struct core, in.state);
}

static int put_field(struct buffer *out, const struct field *f, uint8_t value, bool first)
{
    const char *comma = first ? "" : ",";
    if (f->offset == offsetof(struct core, out.outcome) ||
        f->offset == offsetof(struct core, in.outcome))
        return buffer_printf(out, "%s\"%s\":\"%s\"", comma, f->name, core_result_name(value));
    return buffer_printf(out, "%s\"%s\":%u", comma, f->name, value);
}

/* In "core": the fields that differ, with what they are now. */
static int put_changes(struct buffer *out, const struct core *before, const struct core *now)
{
    const uint8_t *old = (const uint8_t *)before, *new = (const uint8_t *)now;
    bool first = true;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t at = fields[i].offset;
        if (is_named(at) || old[at] == new[at])
            continue;
        int r = put_field(out, &fields[i], new[at], first);
        if (r < 0)
            return r;
        first = false;
    }
    for (enum core_call call = 0; call < CALL_COUNT; call++) {
        bool waits = core_waits(now, call);
        if (waits == core_waits(before, call))
            continue;
        int r = buffer_printf(out, "%s\"waiting.%s\":%d", first ? "" : ",", core_call_name(call),
                              waits);
        if (r < 0)
            return r;
        first = false;
    }
    return 0;
}

static int put_state(struct buffer *out, const struct core *before, const struct core *now)
{
    int r = buffer_printf(
        out, "\"life\":\"%s\",\"reads\":\"%s\",\"out\":\"%s\",\"in\":\"%s\",\"core\":{",
        life_phase_name(now->life.phase), core_state_name(now->life.state, now->life.reason),
        out_state_name(now->out.state), in_state_name(now->in.state));
    if (r == 0)
        r = put_changes(out, before, now);
    return r < 0 ? r : buffer_append(out, "}", 1);
}

int trace_put_state(struct buffer *out, const struct core *core)
{
    static const struct core nothing;
    return put_state(out, &nothing, core);
}

/* ---- a step --------------------------------------------------------------------------------- */

int trace_put_step(struct buffer *out, uint64_t time, struct core_event event,
                   const struct core *before, const struct core *after,
                   const struct core_actions *actions)
{
    char text[TRACE_TEXT_MAX];
    trace_event_text(event, text);
    int r = buffer_printf(out, "{\"time\":%llu,\"event\":\"%s\",", (unsigned long long)time, text);
    if (r == 0)
        r = put_state(out, before, after);
    if (r == 0)
        r = buffer_append(out, ",\"do\":[", 7);
    for (unsigned i = 0; r == 0 && i < actions->count; i++) {
        trace_action_text(actions->list[i], text);
        r = buffer_printf(out, "%s\"%s\"", i ? "," : "", text);
    }
    return r < 0 ? r : buffer_append(out, "]}\n", 3);
}
