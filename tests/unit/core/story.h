/* story.h - tests of the machines that read as stories.
 *
 *     struct story s = running_guest();
 *     give(&s, EV_BEGIN, EV_PERFORM, EV_SOURCE_CONFIGURED);
 *     ordered(&s, "CONFIGURE_SOURCE, MIGRATE");
 *     told(&s, "");
 *
 * Each check compares all that came of its kind since the last check of that kind.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/core.h"

enum { STORY_LOG_MAX = 600, STORY_END = -1 };

struct story {
    struct core core;
    char told[STORY_LOG_MAX], answered[STORY_LOG_MAX], ordered[STORY_LOG_MAX];
    char incidents[STORY_LOG_MAX];
};

/* An event with its arguments, in one int. */
#define WITH(event, arg)             ((int)(event) | (int)(arg) << 8)
#define BOOT(vcpus_run, says)        (WITH(EV_BOOT, vcpus_run) | (int)(says) << 16)

static inline void story_note(char *log, const char *first, const char *between, const char *second)
{
    size_t length = strlen(log);
    snprintf(log + length, STORY_LOG_MAX - length, "%s%s%s%s", length ? ", " : "", first, between,
             second);
}

static inline void story_take(struct story *s, const struct core_event *e,
                              const struct core_action *a)
{
    switch ((enum core_action_type)a->type) {
    case ACT_TELL:
        assert_int_equal(s->core.life.state, a->a);
        story_note(s->told, core_told_name(a->c, a->d), "", "");
        return;
    case ACT_ANSWER:
        story_note(s->answered, core_call_name(a->a), " ", core_result_name(a->b));
        return;
    case ACT_REFUSE:
        story_note(s->answered, core_call_name((enum core_call)core_call_of(e->type)), " ",
                   core_result_name(a->a));
        return;
    case ACT_TAKE_IN: /* behind each first `cont`; what it tells is no life-cycle of the machines */
        return;
    case ACT_INCIDENT:
        story_note(s->incidents, core_incident_name(a->a), "", "");
        return;
    case ACT_JOB_END:
        story_note(s->ordered, core_action_name(a->type), " ", core_result_name(a->a));
        return;
    case ACT_PROVE:
        story_note(s->ordered, core_action_name(a->type), " ", core_event_name(EV_PROOF_RELEASED + a->a) + 6);
        return;
    case ACT_PEER_RECOVERABLE:
        story_note(s->ordered, core_action_name(a->type), " ", a->a ? "yes" : "no");
        return;
    case ACT_RECOVER:
        story_note(s->ordered, core_action_name(a->type), a->a ? " with what it has" : "", "");
        return;
    case ACT_PEER_FINISH:
        story_note(s->ordered, core_action_name(a->type), a->a ? " " : "", a->a ? "cancelled" : "");
        return;
    case ACT_START_QEMU:
    case ACT_KILL_QEMU:
    case ACT_CONT:
    case ACT_STOP:
    case ACT_POWERDOWN:
    case ACT_RESET:
    case ACT_CONFIGURE_SOURCE:
    case ACT_MIGRATE:
    case ACT_START_POSTCOPY:
    case ACT_CONTINUE:
    case ACT_CANCEL:
    case ACT_READ_STATS:
    case ACT_ASK_QEMU:
    case ACT_LISTEN:
    case ACT_SYNC:
    case ACT_PEER_CONNECT:
    case ACT_PEER_PREPARE:
    case ACT_PEER_CLOSE:
    case ACT_ASK_PEER:
    case ACT_ASK_LATER:
    case ACT_PAUSE_STREAM:
    case ACT_RECOVER_LISTEN:
    case ACT_PEER_RECOVER:
    case ACT_JOB_BEGIN:
        story_note(s->ordered, core_action_name(a->type), "", "");
        return;
    case ACT_COUNT:
        break;
    }
    fail_msg("no such action");
}

static inline void story_give(struct story *s, ...)
{
    va_list events;
    va_start(events, s);
    for (int e = va_arg(events, int); e != STORY_END; e = va_arg(events, int)) {
        struct core_event event = {(uint8_t)e, (uint8_t)(e >> 8), (uint8_t)(e >> 16)};
        struct core_actions actions;
        core_step(&s->core, event, &actions);
        for (unsigned i = 0; i < actions.count; i++)
            story_take(s, &event, &actions.list[i]);
    }
    va_end(events);
}
#define give(s, ...) story_give(s, __VA_ARGS__, STORY_END)

static inline void story_check(char *log, const char *expected)
{
    assert_string_equal(log, expected);
    log[0] = '\0';
}
static inline void told(struct story *s, const char *expected)
{
    story_check(s->told, expected);
}
static inline void answered(struct story *s, const char *expected)
{
    story_check(s->answered, expected);
}
static inline void ordered(struct story *s, const char *expected)
{
    story_check(s->ordered, expected);
}
static inline void incidents(struct story *s, const char *expected)
{
    story_check(s->incidents, expected);
}
/* What a client reads. */
static inline void reads(const struct story *s, const char *expected)
{
    assert_string_equal(core_state_name(s->core.life.state, s->core.life.reason), expected);
}
/* No call waits for an answer any more. */
static inline void nobody_waits(const struct story *s)
{
    for (int c = 0; c < CALL_COUNT; c++)
        if (core_waits(&s->core, (enum core_call)c))
            fail_msg("%s was never answered", core_call_name((enum core_call)c));
}
static inline void forget_so_far(struct story *s)
{
    s->told[0] = s->answered[0] = s->ordered[0] = s->incidents[0] = '\0';
}
/* The daemon is killed and comes back: the record is what it was, the callers are gone. */
static inline void restart(struct story *s, int boot)
{
    memset(s->core.waiting, 0, sizeof(s->core.waiting));
    story_give(s, boot, STORY_END);
}

static inline struct story shut_off_guest(void)
{
    struct story s;
    memset(&s, 0, sizeof(s));
    core_init(&s.core);
    return s;
}
static inline struct story running_guest(void)
{
    struct story s = shut_off_guest();
    give(&s, EV_START, EV_QEMU_STARTED, EV_QEMU_RESUMED, EV_CONT_DONE);
    forget_so_far(&s);
    return s;
}
static inline struct story paused_guest(void)
{
    struct story s = shut_off_guest();
    give(&s, WITH(EV_START, 1), EV_QEMU_STARTED);
    forget_so_far(&s);
    return s;
}

/* ---- an outgoing migration up to where the stream flows ---- */
static inline void story_to_precopy(struct story *s, int flags)
{
    give(s, WITH(EV_BEGIN, flags), EV_PERFORM, EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED,
         EV_MIG_SETUP, EV_MIG_ACTIVE);
    assert_string_equal(s->told, "");
    forget_so_far(s);
}
static inline struct story source_in_precopy(int flags)
{
    struct story s = running_guest();
    story_to_precopy(&s, flags);
    return s;
}
static inline struct story p2p_in_precopy(int flags)
{
    struct story s = running_guest();
    give(&s, WITH(EV_PERFORM_P2P, flags), EV_PEER_CONNECTED, EV_PEER_PREPARED,
         EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE);
    forget_so_far(&s);
    return s;
}
/* ... up to an active post-copy, STOP first */
static inline struct story source_in_postcopy(void)
{
    struct story s = source_in_precopy(BEGIN_POSTCOPY);
    give(&s, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED, EV_QEMU_STOPPED, EV_MIG_DEVICE,
         EV_MIG_POSTCOPY_ACTIVE);
    forget_so_far(&s);
    return s;
}
/* ... and of a destination that has answered Prepare */
static inline struct story prepared_destination(int flags)
{
    struct story s = shut_off_guest();
    give(&s, WITH(EV_PREPARE, flags), EV_SYNCED, EV_QEMU_STARTED, EV_LISTENING);
    forget_so_far(&s);
    return s;
}
