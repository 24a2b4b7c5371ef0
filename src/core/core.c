/* core.c - one step: which machine takes the event, and the tools that the machines share. */
#include "core/machine.h"
#include <string.h>

_Static_assert(sizeof(struct core) == 10 + 30 + 22 + 2, "the state must have no padding");
_Static_assert(CALL_COUNT <= 16, "waiting is two bytes");

void core_init(struct core *c)
{
    memset(c, 0, sizeof(*c));
    c->life.state = CORE_SHUTOFF;
    c->life.reason = SHUTOFF_UNKNOWN;
}

bool core_migrating(const struct core *c)
{
    return c->out.state != OUT_IDLE || c->in.state != IN_IDLE;
}

int core_call_of(enum core_event_type type)
{
    static const struct {
        uint8_t event, call;
    } calls[] = {
        {EV_START, CALL_START},
        {EV_SUSPEND, CALL_SUSPEND},
        {EV_RESUME, CALL_RESUME},
        {EV_DESTROY, CALL_DESTROY},
        {EV_SHUTDOWN, CALL_SHUTDOWN},
        {EV_REBOOT, CALL_REBOOT},
        {EV_RESET, CALL_RESET},
        {EV_ABORT, CALL_ABORT},
        {EV_BEGIN, CALL_BEGIN},
        {EV_PERFORM, CALL_PERFORM},
        {EV_PERFORM_P2P, CALL_PERFORM},
        {EV_CONFIRM, CALL_CONFIRM},
        {EV_CONFIRM_CANCELLED, CALL_CONFIRM},
        {EV_START_POSTCOPY, CALL_START_POSTCOPY},
        {EV_PREPARE, CALL_PREPARE},
        {EV_FINISH, CALL_FINISH},
        {EV_FINISH_CANCELLED, CALL_FINISH},
        {EV_SETTLE_RUN, CALL_SETTLE},
        {EV_SETTLE_END, CALL_SETTLE},
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i].event == type)
            return calls[i].call;
    return -1;
}

static void push(struct step *s, struct core_action action)
{
    if (s->actions->count == CORE_ACTIONS_MAX)
        __builtin_trap(); /* our own bug: no step has so much to order */
    s->actions->list[s->actions->count++] = action;
}

void step_act(struct step *s, enum core_action_type type, uint8_t a)
{
    push(s, (struct core_action){.type = (uint8_t)type, .a = a});
}

void step_act2(struct step *s, enum core_action_type type, uint8_t a, uint8_t b)
{
    push(s, (struct core_action){.type = (uint8_t)type, .a = a, .b = b});
}

void step_tell(struct step *s, enum core_state state, enum core_reason reason, enum core_told told,
               enum core_detail detail)
{
    s->core->life.state = (uint8_t)state;
    s->core->life.reason = (uint8_t)reason;
    push(s, (struct core_action){.type = ACT_TELL,
                                 .a = (uint8_t)state,
                                 .b = (uint8_t)reason,
                                 .c = (uint8_t)told,
                                 .d = (uint8_t)detail});
}

static void set_waiting(struct core *c, int call, bool waits)
{
    uint8_t bit = (uint8_t)(1u << (call % 8));
    if (waits)
        c->waiting[call / 8] |= bit;
    else
        c->waiting[call / 8] &= (uint8_t)~bit;
}

void step_answer(struct step *s, enum core_call call, enum core_result result)
{
    if (!core_waits(s->core, call))
        return;
    set_waiting(s->core, call, false);
    step_act2(s, ACT_ANSWER, (uint8_t)call, (uint8_t)result);
}

void step_refuse(struct step *s, enum core_result result)
{
    if (!s->joined)
        set_waiting(s->core, core_call_of(s->event.type), false);
    step_act(s, ACT_REFUSE, (uint8_t)result);
}

void step_ignore(struct step *s)
{
    (void)s;
}

void step_unexpected(struct step *s)
{
    if (core_call_of(s->event.type) >= 0)
        step_refuse(s, RESULT_NO_JOB);
    step_act(s, ACT_INCIDENT, INCIDENT_UNEXPECTED);
}

void step_refuse_no_job(struct step *s)
{
    step_refuse(s, RESULT_NO_JOB);
}

/* What QEMU says, by itself or when asked. Of a process that has been killed none of it counts. */
static bool said_by_qemu(enum core_event_type type)
{
    return (type >= EV_QEMU_STOPPED && type <= EV_MIG_UNKNOWN) || type == EV_QEMU_STARTED ||
           type == EV_LISTENING || type == EV_LISTEN_FAILED ||
           (type >= EV_SOURCE_CONFIGURED && type <= EV_STATS_READ);
}

const struct cell *step_cell(const struct core *c, enum core_event_type type)
{
    static const struct cell ignored = {step_ignore, "step_ignore"};
    if (c->life.phase == LIFE_ENDING && said_by_qemu(type))
        return &ignored;
    if (c->life.phase == LIFE_ENDING && (type == EV_PEER_CONNECTED || type == EV_PEER_PREPARED))
        return &ignored;
    /* The order to kill may have been lost. */
    if (c->life.phase == LIFE_ENDING && type == EV_BOOT && c->in.state != IN_UNDOING)
        return &life_table[type][LIFE_ENDING];
    if (type < EV_PREPARE)
        return &outgoing_table[type][c->out.state];
    if (type < EV_START)
        return &incoming_table[type][c->in.state];
    if (c->out.state != OUT_IDLE)
        return &outgoing_table[type][c->out.state];
    if (c->in.state != IN_IDLE)
        return &incoming_table[type][c->in.state];
    return &life_table[type][c->life.phase];
}

/* A STOP that was missed is the I/O error's. Why a guest stood still that a client reads as paused is known. */
static void note_found(struct life *l, uint8_t found)
{
    l->vcpus = found == FOUND_RUNNING;
    l->io_error |= found == FOUND_IO_ERROR && l->phase == LIFE_UP && l->state == CORE_RUNNING;
}

void core_step(struct core *c, struct core_event event, struct core_actions *ret)
{
    ret->count = 0;
    struct step s = {.core = c, .event = event, .actions = ret};
    if (event.type >= EV_COUNT)
        __builtin_trap();
    int call = core_call_of(event.type);
    if (call >= 0) {
        s.joined = core_waits(c, (enum core_call)call);
        set_waiting(c, call, true);
    }
    if (event.type == EV_QEMU_STOPPED)
        c->life.vcpus = 0;
    else if (event.type == EV_QEMU_RESUMED)
        c->life.vcpus = 1;
    else if (event.type == EV_BOOT)
        note_found(&c->life, event.arg);
    if (event.type == EV_BOOT || (event.type == EV_QEMU_GONE && event.arg != GONE_NOW))
        c->in.syncs = 0; /* those under way ended with the daemon */
    step_cell(c, event.type)->take(&s);
    if (event.type == EV_BOOT && !c->life.vcpus)
        c->life.io_error = 0; /* no STOP is on its way */
}
