/* search.c - breadth first, each world once, the first way to a broken rule being the shortest.
 *
 * A world is known by its number, in the order of discovery. Kept for each: its print in the set of
 * those met (visited.h), the move and the world that it came from, and the numbers of the worlds
 * where progress leads. One that was met before with less left to happen is a world with a number of its own; the first
 * number is the one that edges lead to: progress does not depend on what is left (budgets.h). The world itself is kept until it was gone on from, no longer. All memory
 * is reserved at the start. A world that breaks a rule is not gone on from.
 *
 * Liveness: from every world an end must be reachable by progress alone, without further faults.
 * What reaches an end is found backwards: sweeps over the edges of progress, from the last world to
 * the first, until nothing is added.
 */
#include "search.h"
#include "probe.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    BATCH = 32, /* successors made before the first of them is looked up */
    NOBODY = 0xffffffff,
    ON_DISK_FROM = 1 << 26, /* worlds: with room for more, what is not looked up by chance is kept there */
};

int search_open(struct search *s, uint64_t capacity)
{
    if (world_moves[world_progress_count - 1].kind >= MOVE_OPERATE || world_moves[world_progress_count].kind < MOVE_OPERATE)
        __builtin_trap(); /* what is counted as progress is not what is progress */
    memset(s, 0, sizeof(*s));
    s->capacity = capacity;
    void *(*reserve_in_order)(uint64_t) = capacity > ON_DISK_FROM ? visited_reserve_on_disk : visited_reserve;
    s->worlds = visited_reserve((capacity + CHUNK) * sizeof(*s->worlds));
    s->chunks = visited_reserve((capacity / CHUNK + 1) * sizeof(*s->chunks));
    s->back = reserve_in_order(capacity * sizeof(*s->back));
    s->met_with = visited_reserve(capacity * sizeof(*s->met_with));
    s->edges = reserve_in_order(capacity * world_progress_count * sizeof(*s->edges));
    s->degrees = visited_reserve(capacity);
    s->reaches_end = visited_reserve(capacity);
    if (!s->worlds || !s->chunks || !s->back || !s->met_with || !s->edges || !s->degrees || !s->reaches_end)
        return -ENOMEM;
    return visited_open(&s->visited, capacity);
}

void search_close(struct search *s)
{
    munmap(s->worlds, (s->capacity + CHUNK) * sizeof(*s->worlds));
    munmap(s->chunks, (s->capacity / CHUNK + 1) * sizeof(*s->chunks));
    munmap(s->back, s->capacity * sizeof(*s->back));
    munmap(s->met_with, s->capacity * sizeof(*s->met_with));
    munmap(s->edges, s->capacity * world_progress_count * sizeof(*s->edges));
    munmap(s->degrees, s->capacity);
    munmap(s->reaches_end, s->capacity);
    visited_close(&s->visited);
}

static void note_finding(struct search *s, const struct verdict *v, const struct world *before,
                         uint32_t number, struct move m)
{
    enum hole hole = hole_of(v, before, s->scenario, m);
    s->found |= hole == HOLES;
    for (unsigned i = 0; i < s->finding_count; i++) {
        struct finding *f = &s->findings[i];
        if (f->verdict.what == v->what && f->hole == hole) {
            f->count++;
            return;
        }
    }
    if (s->finding_count < FINDINGS_MAX)
        s->findings[s->finding_count++] =
            (struct finding){.verdict = *v, .world = number, .move = m, .count = 1, .hole = hole};
}

/* ---- the worlds to go on from ------------------------------------------------------------------- */

static struct world *world_at(const struct search *s, uint64_t number)
{
    return &s->chunks[number / CHUNK][number % CHUNK];
}

/* A place for the world of this number, the next one. */
static struct world *place(struct search *s, uint64_t number)
{
    if (number % CHUNK == 0)
        s->chunks[number / CHUNK] = s->free_count ? s->free[--s->free_count]
                                                  : &s->worlds[CHUNK * s->chunk_count++];
    return world_at(s, number);
}

/* The worlds before this number are not needed any more. */
static void give_back(struct search *s, uint64_t number)
{
    if (number % CHUNK == 0 && number > 0 && s->free_count < CHUNKS_FREE_MAX)
        s->free[s->free_count++] = s->chunks[number / CHUNK - 1];
}

/* ---- forwards ---------------------------------------------------------------------------------- */

/* Successors of one world, on their way into the set: by the time that the first is looked up, the
 * memory where it would be is in the cache. */
struct batch {
    struct world worlds[BATCH];
    struct print prints[BATCH];
    struct move moves[BATCH];
    bool progress[BATCH];
    unsigned count;
};

static void add(struct search *s, const struct batch *b, unsigned i, uint32_t from)
{
    if (s->states == s->capacity) {
        s->complete = false;
        return;
    }
    uint32_t number = visited_add(&s->visited, b->prints[i], (uint32_t)s->states);
    if (b->progress[i]) {
        s->edges[s->edge_count++] = number;
        s->degrees[from]++;
    }
    if (!budgets_add(&s->budgets, &s->met_with[number], &b->worlds[i]))
        return;
    *place(s, s->states) = b->worlds[i];
    s->back[s->states] = (struct link_back){from, b->moves[i]};
    s->states++;
}

static void flush(struct search *s, struct batch *b, uint32_t from)
{
    for (unsigned i = 0; i < b->count; i++)
        add(s, b, i, from);
    b->count = 0;
}

/* True if it was possible. */
static bool try_move(struct search *s, struct batch *b, uint32_t number, struct move m,
                     bool progress)
{
    const struct world *before = world_at(s, number);
    if (b->count == BATCH)
        flush(s, b, number);
    struct world *w = &b->worlds[b->count];
    struct verdict v = {0};
    s->number = number;
    s->move = m;
    *w = *before;
    if (!world_move(w, s->scenario, m, &v))
        return false;
    s->transitions++;
    if (v.what) {
        note_finding(s, &v, before, number, m);
        if (progress)
            s->reaches_end[number] = 1; /* told as what it is */
        return true;
    }
    b->prints[b->count] = visited_print(w, WORLD_BYTES);
    visited_prefetch(&s->visited, b->prints[b->count]);
    b->moves[b->count] = m;
    b->progress[b->count++] = progress;
    return true;
}

static void end(struct search *s, uint32_t number)
{
    struct verdict v = {0};
    const struct world *w = world_at(s, number);
    rules_check_end(w, s->scenario, &v);
    s->reaches_end[number] = 1;
    if (v.what)
        note_finding(s, &v, w, number, (struct move){.kind = MOVE_KINDS});
    else
        s->ends++;
}

struct beyond {
    struct search *search;
    struct batch *batch;
    uint32_t number;
};

static bool make_beyond(void *data, struct move m)
{
    struct beyond *b = data;
    bool possible = try_move(b->search, b->batch, b->number, m, false);
    flush(b->search, b->batch, b->number); /* what it reaches is known before the next is wanted */
    return possible;
}

static void expand(struct search *s, uint32_t number)
{
    static struct batch b;
    const struct world *w = world_at(s, number);
    bool goes_on = false;
    bool may_crash = w->crashes > 0;
    unsigned count = w->faults_left ? world_move_count : world_progress_count;
    for (unsigned i = 0; i < count; i++) {
        struct move m = world_moves[i];
        if (!move_may_be(w, &m))
            continue;
        bool progress = i < world_progress_count;
        bool possible = try_move(s, &b, number, m, progress);
        goes_on |= possible && progress;
        if (!possible || !may_crash || !move_may_crash(&m))
            continue;
        for (m.crash = 0; m.crash < CORE_ACTIONS_MAX && try_move(s, &b, number, m, false);)
            m.crash++;
    }
    flush(s, &b, number);
    if (s->beyond)
        probe_each(w, make_beyond, &(struct beyond){s, &b, number});
    if (!goes_on)
        end(s, number);
}

/* ---- backwards --------------------------------------------------------------------------------- */

static bool leads_to_end(const struct search *s, uint64_t first_edge, unsigned degree)
{
    for (unsigned i = 0; i < degree; i++)
        if (s->reaches_end[s->edges[first_edge + i]])
            return true;
    return false;
}

static bool sweep(struct search *s)
{
    bool added = false;
    uint64_t edge = s->edge_count;
    for (uint64_t i = s->states; i-- > 0;) {
        edge -= s->degrees[i];
        if (s->reaches_end[i] || !leads_to_end(s, edge, s->degrees[i]))
            continue;
        s->reaches_end[i] = 1;
        added = true;
    }
    return added;
}

static void check_liveness(struct search *s)
{
    while (sweep(s))
        ;
    struct verdict v = {"I6", "no end can be reached any more"};
    for (uint64_t i = 0; i < s->states; i++) {
        if (s->reaches_end[i])
            continue;
        struct world w;
        search_find_world(s, (uint32_t)i, &w);
        note_finding(s, &v, &w, (uint32_t)i, (struct move){.kind = MOVE_KINDS});
    }
}

/* ---- all of it --------------------------------------------------------------------------------- */

double search_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin(struct search *s, const struct scenario *scenario)
{
    struct batch b = {.count = 1};
    s->scenario = scenario;
    s->complete = true;
    world_init(&b.worlds[0], scenario);
    b.prints[0] = visited_print(&b.worlds[0], WORLD_BYTES);
    flush(s, &b, NOBODY);
}

void search_run(struct search *s, const struct scenario *scenario, bool progress)
{
    double began = search_now(), last = began;
    begin(s, scenario);
    for (uint64_t i = 0; i < s->states && !(s->first_only && s->found); i++) {
        give_back(s, i);
        expand(s, (uint32_t)i);
        if (progress && i % 65536 == 0 && search_now() - last > 5) {
            last = search_now();
            fprintf(stderr, "  %s: %llu of %llu states expanded, %.0f states/s\n", scenario->name,
                    (unsigned long long)i, (unsigned long long)s->states,
                    (double)i / (last - began));
        }
    }
    if (s->complete && !(s->first_only && s->found))
        check_liveness(s);
}
