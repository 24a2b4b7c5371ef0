/* search.h - breadth first through the worlds of one scenario. */
#pragma once
#include "budgets.h"
#include "holes.h"
#include "visited.h"
#include "world.h"
#include <stdio.h>

enum { FINDINGS_MAX = 64, CHUNK = 1 << 13 /* worlds */, CHUNKS_FREE_MAX = 1 << 10 };

/* A broken rule, and the shortest way to it. */
struct finding {
    struct verdict verdict;
    uint32_t world;   /* where it stood before the move */
    struct move move; /* kind MOVE_KINDS: an end, or no end can be reached */
    uint64_t count;
    enum hole hole;   /* that it is, or HOLES */
};

struct search {
    const struct scenario *scenario;
    bool first_only; /* end at the first finding that is no known hole */
    bool beyond;     /* moves that no budget pays for, where they lead to what was not met (probe.h) */
    uint64_t states, transitions, ends;
    bool complete; /* all states were visited within the memory */
    struct finding findings[FINDINGS_MAX];
    unsigned finding_count;
    uint32_t number;   /* of the world that is gone on from */
    struct move move;  /* and how */
    /* private */
    bool found;
    uint64_t capacity;
    struct visited visited;
    struct budgets budgets;
    uint32_t *met_with; /* of each world's first number: which budgets it was met with */
    struct world *worlds;  /* chunks of them, those that were gone on from used again */
    struct world **chunks; /* of a world's number */
    struct world *free[CHUNKS_FREE_MAX];
    uint64_t chunk_count, free_count;
    struct link_back {
        uint32_t from;
        struct move move;
    } *back;
    uint32_t *edges; /* where progress leads: the numbers of each world, one world after the other */
    uint64_t edge_count;
    uint8_t *degrees; /* of each world: how many edges */
    uint8_t *reaches_end;
};

/* Memory for so many worlds, reserved once; 0 or negative errno. */
int search_open(struct search *s, uint64_t capacity);
void search_run(struct search *s, const struct scenario *scenario, bool progress);
void search_close(struct search *s);
/* The moves to a finding, in words, with what the machines did. */
void search_print(const struct search *s, const struct finding *f, FILE *out);
/* The same as two traces in the format of production, a host each, in this folder. */
void search_write_traces(struct search *s, const struct finding *f, const char *folder);
/* A world that was met: found again by the moves that led to it. */
void search_find_world(const struct search *s, uint32_t number, struct world *ret);
/* Seconds, of a clock that only goes forward. */
double search_now(void);
