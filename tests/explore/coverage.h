/* coverage.h - which cells of the machines' tables were used, and where they led. */
#pragma once
#include "core/machine.h"
#include <stdio.h>

enum machine { MACHINE_LIFE, MACHINE_OUTGOING, MACHINE_INCOMING, MACHINES };
enum { MACHINE_STATES_MAX = 32 };

struct coverage {
    /* bits of the states that a step led to, one word each (event, state); 0: never used */
    uint32_t led_to[MACHINES][EV_COUNT][MACHINE_STATES_MAX];
};

/* Where notes go. */
extern struct coverage *coverage;

/* Into one that several processes share. */
void coverage_add(struct coverage *to, const struct coverage *from);

/* The machine whose cell takes this event now, and that cell's state; false if none acts. */
bool coverage_find(const struct core *c, enum core_event_type event, enum machine *ret_machine, unsigned *ret_state);
void coverage_note(const struct core *before, enum core_event_type event, const struct core *after);

/* A machine by its table. */
extern const char *const machine_names[MACHINES];
unsigned machine_state_count(enum machine m);
const char *machine_state_name(enum machine m, unsigned state);
/* NULL: not this machine's event. The name is short: "ignore", "unexpected", or the function. */
const char *machine_cell_name(enum machine m, enum core_event_type e, unsigned state);

struct coverage_count {
    unsigned handled, reached, listed; /* cells that do something */
    unsigned missing;                  /* neither reached nor listed; told to `out` */
    unsigned impossible, broken;       /* cells declared impossible; those reached, told */
};
/* Cells that are missing are told to `out`, if it is not NULL. */
void coverage_report(struct coverage_count *ret, FILE *out);
