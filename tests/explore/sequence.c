#include "sequence.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "read.h"

/* What QEMU, or its process, is the one to say. */
static const bool is_report[EV_COUNT] = {
    [EV_QEMU_STARTED] = true,      [EV_QEMU_START_FAILED] = true,
    [EV_QEMU_GONE] = true,         [EV_QEMU_STOPPED] = true,
    [EV_QEMU_RESUMED] = true,      [EV_QEMU_SHUTDOWN] = true,
    [EV_QEMU_IO_ERROR] = true,     [EV_CONT_DONE] = true,
    [EV_CONT_REFUSED] = true,      [EV_STOP_DONE] = true,
    [EV_STOP_REFUSED] = true,      [EV_POWER_DONE] = true,
    [EV_POWER_REFUSED] = true,     [EV_PAUSE_REFUSED] = true,
    [EV_SOURCE_CONFIGURED] = true, [EV_SOURCE_CONFIGURE_FAILED] = true,
    [EV_MIGRATE_ACCEPTED] = true,  [EV_MIGRATE_REFUSED] = true,
    [EV_POSTCOPY_ACCEPTED] = true, [EV_POSTCOPY_REFUSED] = true,
    [EV_CONTINUE_REFUSED] = true,  [EV_CANCEL_REFUSED] = true,
    [EV_RECOVER_ACCEPTED] = true,  [EV_RECOVER_REFUSED] = true,
    [EV_STATS_READ] = true,        [EV_LISTENING] = true,
    [EV_LISTEN_FAILED] = true,     [EV_BOOT] = true,
    [EV_MIG_NONE ... EV_MIG_UNKNOWN] = true,
};

/* What QEMU, or its process, is given. */
static const bool is_order[ACT_COUNT] = {
    [ACT_START_QEMU] = true,   [ACT_KILL_QEMU] = true, [ACT_CONT] = true,
    [ACT_STOP] = true,         [ACT_POWERDOWN] = true, [ACT_RESET] = true,
    [ACT_CONFIGURE_SOURCE] = true, [ACT_MIGRATE] = true, [ACT_START_POSTCOPY] = true,
    [ACT_CONTINUE] = true,     [ACT_CANCEL] = true,    [ACT_READ_STATS] = true,
    [ACT_ASK_QEMU] = true,     [ACT_LISTEN] = true,    [ACT_PAUSE_STREAM] = true,
    [ACT_RECOVER] = true,      [ACT_RECOVER_LISTEN] = true,
};

static bool add(struct sequence *s, struct item item)
{
    if (s->count == ITEMS_MAX)
        return snprintf(s->why, sizeof(s->why), "more than %d orders and reports", ITEMS_MAX), false;
    s->items[s->count++] = item;
    return true;
}

/* A daemon that went away may have died between any two of its last step's actions. */
static void doubt_last_orders(struct sequence *s)
{
    for (unsigned i = s->count; i > 0 && s->items[i - 1].kind == ITEM_ORDER; i--)
        s->items[i - 1].unsure = 1;
}

static bool take_header(struct sequence *s, const struct trace_reader *r)
{
    struct json_object *direction;
    if (s->core_count == CORES_MAX)
        return snprintf(s->why, sizeof(s->why), "more than %d headers", CORES_MAX), false;
    s->cores[s->core_count++] = r->state;
    if (s->core_count > 1) {
        doubt_last_orders(s);
        return add(s, (struct item){.kind = ITEM_CRASH, .line = r->line}) &&
               add(s, (struct item){.kind = ITEM_RETURN, .core = (uint8_t)(s->core_count - 1), .line = r->line});
    }
    s->outgoing = json_object_object_get_ex(r->object, "direction", &direction) &&
                  strcmp(json_object_get_string(direction), "out") == 0;
    return true;
}

static int find_action(const char *text)
{
    size_t size = strcspn(text, " ");
    for (int i = 0; i < ACT_COUNT; i++) {
        const char *name = core_action_name((enum core_action_type)i);
        if (strlen(name) == size && strncmp(name, text, size) == 0)
            return i;
    }
    return -1;
}

/* A QEMU that is asked while it completes may say so before it gives the answer, which was right when it was made. */
static void put_before_completion(struct sequence *s)
{
    struct item answer = s->items[s->count - 1];
    for (unsigned i = s->count - 1; i-- > 0;) {
        if (s->items[i].kind != ITEM_HEAR)
            continue;
        if (s->items[i].type != EV_MIG_COMPLETED)
            return;
        memmove(&s->items[i + 1], &s->items[i], (s->count - 1 - i) * sizeof(s->items[0]));
        s->items[i] = answer;
        return;
    }
}

/* 7.2 says `setup` each time that it is told to listen, and the daemon tells it again until the port is free; each
 * request to a disk that fails says so, before the guest stops for the first. */
static bool says_again(const struct sequence *s, enum core_event_type type)
{
    const struct item *last = &s->items[s->count ? s->count - 1 : 0];
    return s->count && last->kind == ITEM_HEAR && last->type == type;
}

/* The answer to what was ordered before the migration began: to the `cont` of the one before it, for instance. */
static bool answers_nothing(const struct sequence *s, enum core_event_type type)
{
    static const uint8_t orders[EV_COUNT][2] = {[EV_CONT_DONE] = {ACT_CONT, ACT_CONT},
                                                [EV_STOP_DONE] = {ACT_STOP, ACT_STOP},
                                                [EV_POWER_DONE] = {ACT_RESET, ACT_POWERDOWN}};
    if (!orders[type][0])
        return false;
    for (unsigned i = 0; i < s->count; i++)
        if (s->items[i].kind == ITEM_ORDER && memchr(orders[type], s->items[i].type, sizeof(orders[type])))
            return false;
    return true;
}

bool item_says(const struct item *item, enum core_event_type status)
{
    return item->kind == ITEM_HEAR && (item->type == EV_BOOT ? item->arg2 : item->type) == status;
}

static bool take_step(struct sequence *s, const struct trace_reader *r)
{
    struct core_event e = r->event;
    struct item heard = {.kind = ITEM_HEAR, .type = e.type, .arg = e.arg, .arg2 = e.arg2, .line = r->line};
    if (((e.type == EV_MIG_SETUP || e.type == EV_QEMU_IO_ERROR) && says_again(s, e.type)) || answers_nothing(s, e.type))
        return true;
    s->was_broken |= item_says(&heard, EV_MIG_POSTCOPY_PAUSED) || item_says(&heard, EV_MIG_FAILED) ||
                     e.type == EV_QEMU_IO_ERROR || (e.type == EV_QEMU_SHUTDOWN && e.arg == SHUTDOWN_GUEST);
    if (is_report[e.type] && !add(s, heard))
        return false;
    if (e.type == EV_MIG_POSTCOPY_ACTIVE)
        put_before_completion(s);
    for (size_t i = 0; r->done && i < json_object_array_length(r->done); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(r->done, i));
        int action = find_action(text);
        const char *argument = strchr(text, ' ');
        if (action == ACT_JOB_END)
            s->went_well = strcmp(text, "JOB_END OK") == 0 && !s->was_broken;
        if (action >= 0 && is_order[action] &&
            !add(s, (struct item){.kind = ITEM_ORDER, .type = (uint8_t)action, .line = r->line,
                                    .arg = (uint8_t)(argument ? strtoul(argument, NULL, 10) : 0)}))
            return false;
    }
    return true;
}

/* Which QEMU it is, and what is switched on in it. */
static void take_note(struct sequence *s, const struct trace_reader *r)
{
    struct json_object *version, *list;
    if (json_object_object_get_ex(r->object, "qemu", &version))
        s->qemu10 = strncmp(json_object_get_string(version), "7.", 2) != 0;
    if (!json_object_object_get_ex(r->object, "capabilities", &list))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(list, i));
        s->postcopy |= strcmp(name, "postcopy-ram") == 0;
        s->pause_before |= strcmp(name, "pause-before-switchover") == 0;
    }
}

static bool take_lines(struct sequence *s, struct trace_reader *r)
{
    for (;;) {
        switch (trace_next(r)) {
        case TRACE_END:
            return true;
        case TRACE_HEADER:
            take_note(s, r);
            if (!take_header(s, r))
                return false;
            break;
        case TRACE_STEP:
            if (!take_step(s, r))
                return false;
            break;
        case TRACE_NOTE:
            take_note(s, r);
            break;
        case TRACE_EXPECT:
            break;
        case TRACE_BAD:
            snprintf(s->why, sizeof(s->why), "line %u: %.150s", r->line, r->why);
            return false;
        }
    }
}

bool sequence_read(struct sequence *s, const char *path)
{
    struct trace_reader r;
    *s = (struct sequence){.path = path};
    if (!trace_open(&r, path)) {
        snprintf(s->why, sizeof(s->why), "%s", strerror(errno));
        return false;
    }
    bool good = take_lines(s, &r);
    trace_finish(&r);
    if (good && !s->core_count) {
        snprintf(s->why, sizeof(s->why), "no header");
        return false;
    }
    return good;
}
