#include "coverage.h"
#include "unreachable.h"
#include <string.h>

static struct coverage own;
struct coverage *coverage = &own;

const char *const machine_names[MACHINES] = {"life", "outgoing", "incoming"};

unsigned machine_state_count(enum machine m)
{
    static const unsigned counts[MACHINES] = {LIFE_COUNT, OUT_COUNT, IN_COUNT};
    return counts[m];
}

const char *machine_state_name(enum machine m, unsigned state)
{
    switch (m) {
    case MACHINE_LIFE:
        return life_phase_name(state);
    case MACHINE_OUTGOING:
        return out_state_name(state);
    case MACHINE_INCOMING:
        return in_state_name(state);
    case MACHINES:
        break;
    }
    return "?";
}

static const struct cell *cell_of(enum machine m, enum core_event_type e, unsigned state)
{
    switch (m) {
    case MACHINE_LIFE:
        return &life_table[e][state];
    case MACHINE_OUTGOING:
        return &outgoing_table[e][state];
    case MACHINE_INCOMING:
        return &incoming_table[e][state];
    case MACHINES:
        break;
    }
    return NULL;
}

const char *machine_cell_name(enum machine m, enum core_event_type e, unsigned state)
{
    const struct cell *c = cell_of(m, e, state);
    if (!c->take)
        return NULL;
    if (c->take == step_ignore)
        return "ignore";
    if (c->take == step_unexpected)
        return "unexpected";
    if (c->take == step_refuse_no_job)
        return "no_job";
    if (c->take == life_take)
        return "to life";
    return c->name;
}

static unsigned state_of(enum machine m, const struct core *c)
{
    return m == MACHINE_LIFE ? c->life.phase : m == MACHINE_OUTGOING ? c->out.state : c->in.state;
}

static void note(enum machine m, const struct core *before, enum core_event_type event,
                 const struct core *after)
{
    coverage->led_to[m][event][state_of(m, before)] |= (uint32_t)1 << state_of(m, after);
}

void coverage_add(struct coverage *to, const struct coverage *from)
{
    for (int m = 0; m < MACHINES; m++)
        for (int e = 0; e < EV_COUNT; e++)
            for (int s = 0; s < MACHINE_STATES_MAX; s++)
                __atomic_fetch_or(&to->led_to[m][e][s], from->led_to[m][e][s], __ATOMIC_RELAXED);
}

bool coverage_find(const struct core *c, enum core_event_type event, enum machine *ret_machine, unsigned *ret_state)
{
    const struct cell *cell = step_cell(c, event);
    if (cell->take == step_ignore || cell->take == step_unexpected)
        return false;
    for (int m = 0; m < MACHINES; m++) {
        if (cell != cell_of((enum machine)m, event, state_of((enum machine)m, c)))
            continue;
        *ret_machine = (enum machine)m;
        *ret_state = state_of((enum machine)m, c);
        return true;
    }
    return false;
}

void coverage_note(const struct core *before, enum core_event_type event, const struct core *after)
{
    const struct cell *cell = step_cell(before, event);
    for (int m = 0; m < MACHINES; m++)
        if (cell == cell_of((enum machine)m, event, state_of((enum machine)m, before)))
            note((enum machine)m, before, event, after);
    if (cell->take == life_take)
        note(MACHINE_LIFE, before, event, after);
}

static void report_cell(struct coverage_count *n, enum machine m, enum core_event_type e,
                        unsigned state, FILE *out)
{
    const char *name = machine_cell_name(m, e, state);
    if (!name || strcmp(name, "ignore") == 0)
        return;
    bool reached = coverage->led_to[m][e][state];
    if (strcmp(name, "unexpected") == 0) {
        n->impossible++;
        n->broken += reached;
        if (reached)
            fprintf(stdout, "  declared impossible, but it happens: %s, %s in %s\n", machine_names[m],
                    core_event_name(e), machine_state_name(m, state));
        return;
    }
    n->handled++;
    bool listed = unreachable_reason(m, e, state) != NULL;
    n->reached += reached;
    n->listed += !reached && listed;
    n->missing += !reached && !listed;
    if (out && !reached && !listed)
        fprintf(out, "  not reached: %s, %s in %s (%s)\n", machine_names[m], core_event_name(e),
                machine_state_name(m, state), name);
}

void coverage_report(struct coverage_count *ret, FILE *out)
{
    *ret = (struct coverage_count){0};
    for (int m = 0; m < MACHINES; m++)
        for (int e = 0; e < EV_COUNT; e++)
            for (unsigned s = 0; s < machine_state_count((enum machine)m); s++)
                report_cell(ret, (enum machine)m, (enum core_event_type)e, s, out);
}
