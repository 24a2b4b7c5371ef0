/* replay.h - what the machines of this build decide on the events of a trace.
 *
 * Every event of the trace is given to the machines, from the state of its header. What they order
 * is compared with what the trace says was ordered, step by step: what clients are told and
 * answered, what QEMU and the other daemon are ordered; with `all`, every action. At the end the
 * outcome is compared with what the trace expects, if it says. Two rules hold for every trace: a
 * source is not let run again once post-copy was active (but on proof that the destination never
 * ran, or an operator's word), and its migration is not cancelled then.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

struct replay {
    bool all;     /* compare every action, and the states by name */
    FILE *report; /* where differences are told, a line each; NULL: nowhere */
    /* results */
    unsigned steps, differences;
    bool expects; /* the trace says what its outcome must be */
};

/* 0: as in the trace; 1: there are differences; -1: no trace that can be replayed (told as well).
 */
int replay_trace(struct replay *r, const char *path);
