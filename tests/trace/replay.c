#include "replay.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "daemon/trace_line.h"
#include "read.h"

enum { LIST_MAX = 8192 };

/* A trace under way. */
struct run {
    struct replay *replay;
    struct trace_reader reader;
    const char *path;
    struct core core;
    bool begun, one_way, proved;
    char told[LIST_MAX], answered[LIST_MAX], ordered[LIST_MAX]; /* all of it, ", " between */
};

static void differ(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void differ(struct run *run, const char *format, ...)
{
    FILE *to = run->replay->report;
    va_list args;
    run->replay->differences++;
    if (!to)
        return;
    fprintf(to, "%s:%u: ", run->path, run->reader.line);
    va_start(args, format);
    vfprintf(to, format, args);
    va_end(args);
    fputc('\n', to);
}

/* ---- lists of words as one text ------------------------------------------------------------- */

static void add(char list[LIST_MAX], const char *text)
{
    size_t size = strlen(list);
    snprintf(list + size, LIST_MAX - size, "%s%s", size ? ", " : "", text);
}

/* What somebody outside the daemon notices. What the daemon only asks, notes or makes durable may
 * change from build to build. */
static bool is_noticed(const char *action)
{
    static const char *const noticed[] = {
        "TELL",   "ANSWER", "REFUSE",       "START_QEMU", "KILL_QEMU",      "CONT",
        "STOP",   "RESET",  "POWERDOWN",    "MIGRATE",    "START_POSTCOPY", "CONTINUE",
        "CANCEL", "LISTEN", "PEER_PREPARE", "JOB_BEGIN",  "PEER_FINISH",    "JOB_END",
        "PAUSE_STREAM", "RECOVER", "RECOVER_LISTEN", "PEER_RECOVER", "PEER_RECOVERABLE",
    };
    size_t size = strcspn(action, " ");
    for (size_t i = 0; i < sizeof(noticed) / sizeof(noticed[0]); i++)
        if (strlen(noticed[i]) == size && strncmp(noticed[i], action, size) == 0)
            return true;
    return strcmp(action, "INCIDENT UNEXPECTED") == 0;
}

static void join(struct json_object *list, bool (*wanted)(const char *), char ret_list[LIST_MAX])
{
    ret_list[0] = '\0';
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        if (text && (!wanted || wanted(text)))
            add(ret_list, text);
    }
}

/* ---- a step --------------------------------------------------------------------------------- */

static void hold_to_the_rules(struct run *run, enum core_event_type event,
                              const struct core_actions *actions)
{
    if (event == EV_PROOF_RELEASED || event == EV_SETTLE_RUN)
        run->proved = true;
    for (unsigned i = 0; i < actions->count; i++) {
        if (run->one_way && !run->proved && actions->list[i].type == ACT_CONT)
            differ(run, "the source is let run again after post-copy was active");
        if (run->one_way && actions->list[i].type == ACT_CANCEL)
            differ(run, "the migration is cancelled after post-copy was active");
    }
    if (event == EV_MIG_POSTCOPY_ACTIVE && run->core.out.state != OUT_IDLE)
        run->one_way = true;
    if (run->core.out.state == OUT_IDLE)
        run->one_way = run->proved = false;
}

/* For the outcome: who heard what from the machines. */
static void note(struct run *run, struct core_event event, struct core_action a)
{
    static const bool is_for_qemu[ACT_COUNT] = {
        [ACT_START_QEMU] = true, [ACT_KILL_QEMU] = true, [ACT_CONT] = true,
        [ACT_STOP] = true,       [ACT_MIGRATE] = true,   [ACT_START_POSTCOPY] = true,
        [ACT_CONTINUE] = true,   [ACT_CANCEL] = true,    [ACT_PAUSE_STREAM] = true,
        [ACT_RECOVER] = true,    [ACT_RECOVER_LISTEN] = true,
    };
    char text[TRACE_TEXT_MAX];
    if (a.type == ACT_TELL) {
        add(run->told, core_told_name(a.c, a.d));
    } else if (a.type == ACT_ANSWER) {
        snprintf(text, sizeof(text), "%s %s", core_call_name(a.a), core_result_name(a.b));
        add(run->answered, text);
    } else if (a.type == ACT_REFUSE) {
        enum core_call call = (enum core_call)core_call_of(event.type);
        snprintf(text, sizeof(text), "%s %s", core_call_name(call), core_result_name(a.a));
        add(run->answered, text);
    } else if (is_for_qemu[a.type]) {
        add(run->ordered, core_action_name(a.type));
    }
}

static void compare_step(struct run *run, const struct core_actions *actions)
{
    char recorded[LIST_MAX], now[LIST_MAX] = "", text[TRACE_TEXT_MAX];
    const struct trace_reader *r = &run->reader;
    bool all = run->replay->all;
    const char *reads = core_state_name(run->core.life.state, run->core.life.reason);
    for (unsigned i = 0; i < actions->count; i++) {
        trace_action_text(actions->list[i], text);
        note(run, r->event, actions->list[i]);
        if (all || is_noticed(text))
            add(now, text);
    }
    trace_event_text(r->event, text);
    if (r->done) {
        join(r->done, all ? NULL : is_noticed, recorded);
        if (strcmp(recorded, now) != 0)
            differ(run, "%s: recorded [%s], now [%s]", text, recorded, now);
    }
    if (r->reads && strcmp(r->reads, reads) != 0)
        differ(run, "%s: clients read %s then, %s now", text, r->reads, reads);
}

static void compare_states(struct run *run)
{
    struct json_object *o = run->reader.object, *was;
    const char *const now[][2] = {
        {"life", life_phase_name(run->core.life.phase)},
        {"out", out_state_name(run->core.out.state)},
        {"in", in_state_name(run->core.in.state)},
    };
    for (size_t i = 0; i < sizeof(now) / sizeof(now[0]); i++)
        if (json_object_object_get_ex(o, now[i][0], &was) &&
            strcmp(json_object_get_string(was), now[i][1]) != 0)
            differ(run, "%s was %s then, is %s now", now[i][0], json_object_get_string(was),
                   now[i][1]);
}

static void take_step(struct run *run)
{
    struct core_actions actions;
    run->replay->steps++;
    core_step(&run->core, run->reader.event, &actions);
    compare_step(run, &actions);
    hold_to_the_rules(run, run->reader.event.type, &actions);
    if (run->replay->all)
        compare_states(run);
}

static void compare_list(struct run *run, struct json_object *list, const char *what,
                         const char *now)
{
    char expected[LIST_MAX];
    if (!list)
        return;
    join(list, NULL, expected);
    if (strcmp(expected, now) != 0)
        differ(run, "%s [%s], expected is [%s]", what, now, expected);
}

static void compare_outcome(struct run *run)
{
    const struct trace_reader *r = &run->reader;
    const char *reads = core_state_name(run->core.life.state, run->core.life.reason);
    run->replay->expects = true;
    compare_list(run, r->told, "clients are told", run->told);
    compare_list(run, r->answered, "calls are answered", run->answered);
    compare_list(run, r->ordered, "QEMU is ordered", run->ordered);
    if (r->reads && strcmp(r->reads, "none") == 0) {
        if (run->core.life.phase != LIFE_OFF)
            differ(run, "the guest must be gone, is %s", reads);
    } else if (r->reads && strcmp(r->reads, reads) != 0) {
        differ(run, "clients must read %s, read %s", r->reads, reads);
    }
}

/* ---- a trace -------------------------------------------------------------------------------- */

static int reject(struct run *run, const char *why)
{
    if (run->replay->report)
        fprintf(run->replay->report, "%s:%u: %s\n", run->path, run->reader.line, why);
    return -1;
}

static void take_header(struct run *run)
{
    run->begun = true;
    run->core = run->reader.state;
    if (run->reader.unknown && run->replay->report)
        fprintf(run->replay->report, "%s:%u: (%u fields of its state are unknown to this build)\n",
                run->path, run->reader.line, run->reader.unknown);
}

static int take_lines(struct run *run)
{
    for (;;) {
        switch (trace_next(&run->reader)) {
        case TRACE_END:
            if (!run->replay->steps)
                return reject(run, "no step in it");
            return run->replay->differences ? 1 : 0;
        case TRACE_HEADER:
            take_header(run);
            break;
        case TRACE_STEP:
            if (!run->begun)
                return reject(run, "a step before the header");
            take_step(run);
            break;
        case TRACE_EXPECT:
            compare_outcome(run);
            break;
        case TRACE_NOTE:
            break;
        case TRACE_BAD:
            return reject(run, run->reader.why);
        }
    }
}

int replay_trace(struct replay *r, const char *path)
{
    struct run run = {.replay = r, .path = path};
    r->steps = r->differences = 0;
    r->expects = false;
    if (!trace_open(&run.reader, path))
        return reject(&run, strerror(errno));
    int result = take_lines(&run);
    trace_finish(&run.reader);
    return result;
}
