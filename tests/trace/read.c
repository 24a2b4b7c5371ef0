#include "read.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/core_fields.h"
#include "daemon/trace_line.h"

enum { LINE_MAX_BYTES = TRACE_TEXT_MAX * 1024 };

bool trace_open(struct trace_reader *r, const char *path)
{
    *r = (struct trace_reader){.file = fopen(path, "re")};
    return r->file != NULL;
}

void trace_finish(struct trace_reader *r)
{
    json_object_put(r->object);
    free(r->text);
    if (r->file)
        fclose(r->file);
    *r = (struct trace_reader){0};
}

#define BAD(r, ...) (snprintf((r)->why, sizeof((r)->why), __VA_ARGS__), TRACE_BAD)

/* ---- names to numbers ----------------------------------------------------------------------- */

#define FIND(type, count, function)                                                                \
    static int find_##type(const char *name)                                                       \
    {                                                                                              \
        for (int i = 0; i < (int)(count); i++)                                                     \
            if (strcmp(function((enum type)i), name) == 0)                                         \
                return i;                                                                          \
        return -1;                                                                                 \
    }
FIND(core_event_type, EV_COUNT, core_event_name)
FIND(core_call, CALL_COUNT, core_call_name)
FIND(core_result, RESULT_COUNT, core_result_name)
FIND(life_phase, LIFE_COUNT, life_phase_name)
FIND(out_state, OUT_COUNT, out_state_name)
FIND(in_state, IN_COUNT, in_state_name)

/* "PAUSED/POSTCOPY" into the two numbers that a client reads. */
static bool set_reads(struct core *c, const char *name)
{
    for (int state = 0; state < 16; state++) {
        for (int reason = 0; reason < 32; reason++) {
            if (strcmp(core_state_name((enum core_state)state, (enum core_reason)reason), name) !=
                0)
                continue;
            c->life.state = (uint8_t)state;
            c->life.reason = (uint8_t)reason;
            return true;
        }
    }
    return false;
}

/* A word of an event: a number, an event's or a call's name. -1: none of these. */
static int argument(const char *word)
{
    char *end;
    long number = strtol(word, &end, 10);
    if (end != word && !*end)
        return number >= 0 && number <= UINT8_MAX ? (int)number : -1;
    int found = find_core_event_type(word);
    return found >= 0 ? found : find_core_call(word);
}

static bool parse_event(const char *text, struct core_event *ret)
{
    char words[TRACE_TEXT_MAX], *rest = NULL;
    snprintf(words, sizeof(words), "%s", text);
    char *name = strtok_r(words, " ", &rest);
    char *first = strtok_r(NULL, " ", &rest), *second = strtok_r(NULL, " ", &rest);
    int type = name ? find_core_event_type(name) : -1;
    int arg = first ? argument(first) : 0, arg2 = second ? argument(second) : 0;
    *ret = (struct core_event){(uint8_t)type, (uint8_t)arg, (uint8_t)arg2};
    return type >= 0 && arg >= 0 && arg2 >= 0;
}

/* ---- the state of a header ------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
#define FIELD(tag, path) {#path, offsetof(struct core, path)},
    CORE_FIELDS(FIELD)
#undef FIELD
};

static bool set_waiting(struct core *c, const char *name)
{
    static const char prefix[] = "waiting.";
    int call =
        strncmp(name, prefix, strlen(prefix)) == 0 ? find_core_call(name + strlen(prefix)) : -1;
    if (call < 0)
        return false;
    c->waiting[call / 8] |= (uint8_t)(1u << (call % 8));
    return true;
}

static bool set_field(struct core *c, const char *name, struct json_object *value)
{
    int number = json_object_is_type(value, json_type_string)
                     ? find_core_result(json_object_get_string(value))
                     : json_object_get_int(value);
    if (number < 0 || number > UINT8_MAX)
        return false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].name, name) == 0) {
            ((uint8_t *)c)[fields[i].offset] = (uint8_t)number;
            return true;
        }
    }
    return set_waiting(c, name);
}

static const char *member(struct json_object *o, const char *key, const char *otherwise)
{
    struct json_object *value;
    return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : otherwise;
}

static enum trace_kind read_header(struct trace_reader *r)
{
    struct core *c = &r->state;
    struct json_object *o = r->object, *core, *version;
    (void)json_object_object_get_ex(o, "trace", &version);
    if (json_object_get_int(version) != TRACE_VERSION)
        return BAD(r, "a trace of version %s; this build reads %d", json_object_get_string(version),
                   TRACE_VERSION);
    bool source = strcmp(member(o, "direction", "out"), "out") == 0;
    int phase = find_life_phase(member(o, "life", source ? "UP" : "OFF"));
    int out = find_out_state(member(o, "out", "IDLE")), in = find_in_state(member(o, "in", "IDLE"));
    core_init(c);
    if (phase < 0 || out < 0 || in < 0 ||
        !set_reads(c, member(o, "reads", source ? "RUNNING/BOOTED" : "SHUTOFF/UNKNOWN")))
        return BAD(r, "a state that this build does not have");
    c->life.phase = (uint8_t)phase;
    c->life.vcpus = c->life.state == CORE_RUNNING;
    c->out.state = (uint8_t)out;
    c->in.state = (uint8_t)in;
    r->unknown = 0;
    if (json_object_object_get_ex(o, "core", &core)) {
        c->life.vcpus = 0; /* what is not named is 0 */
        json_object_object_foreach(core, name, value) r->unknown += !set_field(c, name, value);
    }
    return TRACE_HEADER;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* NULL when it is not there. False: it is there and is no list. */
static bool get_list(struct json_object *o, const char *key, struct json_object **ret)
{
    if (!json_object_object_get_ex(o, key, ret))
        *ret = NULL;
    return !*ret || json_object_is_type(*ret, json_type_array);
}

static enum trace_kind read_step(struct trace_reader *r, const char *event)
{
    if (!parse_event(event, &r->event))
        return BAD(r, "'%.80s' is no event of this build", event);
    r->reads = member(r->object, "reads", NULL);
    return get_list(r->object, "do", &r->done) ? TRACE_STEP : BAD(r, "\"do\" is no list");
}

static enum trace_kind read_expect(struct trace_reader *r, struct json_object *expect)
{
    r->reads = member(expect, "reads", NULL);
    if (!get_list(expect, "told", &r->told) || !get_list(expect, "answered", &r->answered) ||
        !get_list(expect, "ordered", &r->ordered))
        return BAD(r, "what is expected must be lists");
    return TRACE_EXPECT;
}

enum trace_kind trace_next(struct trace_reader *r)
{
    struct json_object *o;
    json_object_put(r->object);
    r->object = NULL;
    ssize_t size = getline(&r->text, &r->room, r->file);
    if (size < 0)
        return TRACE_END;
    r->line++;
    if (size <= LINE_MAX_BYTES)
        r->object = json_tokener_parse(r->text);
    if (!json_object_is_type(r->object, json_type_object))
        return BAD(r, "not a JSON object");
    if (json_object_object_get_ex(r->object, "trace", NULL))
        return read_header(r);
    if (json_object_object_get_ex(r->object, "expect", &o))
        return read_expect(r, o);
    if (json_object_object_get_ex(r->object, "event", &o))
        return read_step(r, json_object_get_string(o));
    return TRACE_NOTE;
}
