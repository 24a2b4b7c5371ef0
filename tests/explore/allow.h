/* allow.h - where the search of allow.c is, and how it is told. */
#pragma once
#include "sequence.h"
#include "world.h"
#include <stddef.h>

enum {
    PLACES_MAX = 1 << 19,
    SLOTS = 1 << 20,
    AHEAD_MAX = REPORTS_MAX - 4, /* so many reports may wait to be heard: more than ever do */
    FAULTS_MAX = 2,
};

enum fault {
    FAULT_CUT,
    FAULT_DEATH,
    FAULT_ODDITY,
    FAULT_USER,
};

/* Where both ends may be: the model, and how much of each trace it has explained. */
struct place {
    struct world world;
    uint16_t at[HOSTS];
    uint8_t dying[HOSTS];  /* its process was sent a signal: 1; and has said so: 2 */
    uint8_t asking[HOSTS]; /* its daemon came back, and asks it how it is: 1 soon, 2 now */
    /* not compared */
    uint8_t fault_count;
    struct {
        uint8_t kind, on, which;
        uint16_t at; /* in the trace of that end */
    } faults[FAULTS_MAX];
};

enum { COMPARED = offsetof(struct place, fault_count) };

struct search_space {
    const struct sequence *ends[HOSTS];
    struct scenario scenarios[HOSTS]; /* each QEMU its own version */
    struct place *places;
    uint32_t count, here;    /* those before `here` were gone on from */
    uint32_t *slots;         /* 1 + number, by hash */
    struct place *later;     /* one more fault */
    uint32_t later_count;
    bool full;
};

/* Where the model came no further, on stdout: what each end's trace has next there, and what the model would say. */
void allow_say_farthest(const struct search_space *s);
/* The fault number i of a place's, in a buffer of its own. */
const char *allow_name_fault(const struct search_space *s, const struct place *p, unsigned i);
