/* report.h - runs the scenarios of one budget after the other, and says what came of it. */
#pragma once
#include "search.h"

struct budget {
    uint8_t crashes, cuts, deaths, oddities, operations; /* at most, of each */
    uint8_t faults;                                      /* and of all together */
    bool stock;  /* the peer has no channel for proof */
    bool postcopy; /* only post-copy of a guest that runs, and is stopped by QEMU */
    bool beyond; /* and what no budget pays for, where it leads to what was not met */
    const char *name;
};

struct report {
    const char *only, *traces;
    uint64_t capacity;
    unsigned jobs;
    bool all, first, pairs, stock, document, quiet;
    /* private */
    struct shared *shared;
    uint64_t states, transitions, ends;
    double seconds;
    bool incomplete, broken;
};

/* False, and said why, when there is no memory. */
bool report_open(struct report *r);
/* All scenarios with this budget. False: a rule was broken that is no known hole. */
bool report_run(struct report *r, const struct budget *b);
/* Totals, holes, coverage. `full`: everything that is declared should have been met. */
bool report_end(struct report *r, bool full);
/* docs/STATES.md, from the tables and from where the steps of all runs led. */
void report_document(FILE *out);
