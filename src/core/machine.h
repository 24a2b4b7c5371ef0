/* machine.h - what the three machines share. Private to core. */
#pragma once
#include "core/core.h"
#include <stddef.h>

/* One step under way. */
struct step {
    struct core *core;
    struct core_event event;
    struct core_actions *actions;
    bool joined; /* another call of the event's kind waits already */
};

typedef void step_function(struct step *s);

/* A cell of a machine's table. The name is the function's, for the documents made from the table. */
struct cell {
    step_function *take;
    const char *name;
};

void step_act(struct step *s, enum core_action_type type, uint8_t a);
void step_act2(struct step *s, enum core_action_type type, uint8_t a, uint8_t b);
/* The one way to change what a client reads; the client gets the event with it. */
void step_tell(struct step *s, enum core_state state, enum core_reason reason, enum core_told told,
               enum core_detail detail);
/* Answer the calls of this kind, if any wait. */
void step_answer(struct step *s, enum core_call call, enum core_result result);
/* Answer this event's call only; another that was waiting before it goes on waiting. */
void step_refuse(struct step *s, enum core_result result);

/* The cell that takes this event now: for core_step, and for whoever counts which cells are used. */
const struct cell *step_cell(const struct core *c, enum core_event_type type);

/* Cells that more than one table uses. */
void step_ignore(struct step *s);        /* nothing to do, by design */
void step_unexpected(struct step *s);    /* a declared impossibility: reported, state kept */
void step_refuse_no_job(struct step *s); /* a migration call without its migration */

/* life.c: what the migration machines leave to life, or have it do. */
extern const struct cell life_table[EV_COUNT][LIFE_COUNT];
void life_take(struct step *s);
/* Have the process ended; when it is gone clients are told `reason` and `detail`. */
void life_end(struct step *s, enum core_reason reason, enum core_detail detail, bool graceful);
/* The process is gone: tell, answer every call on the guest's life. */
void life_gone(struct step *s);
/* Give a call that finds the guest in a wrong phase its answer; true if it did. */
bool life_refuse_unless_up(struct step *s);
/* Hold a suspend or resume as the user's, order it from QEMU. */
void life_suspend(struct step *s);

/* outgoing_table.c, incoming.c */
extern const struct cell outgoing_table[EV_COUNT][OUT_COUNT];
extern const struct cell incoming_table[EV_COUNT][IN_COUNT];
