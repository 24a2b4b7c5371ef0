/* report.c - a process for each scenario; totals, coverage and holes in memory that they share. */
#include "report.h"
#include "coverage.h"
#include "holes.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that QEMU and the guest can be, and once more post-copy with the daemon's own stop. */
enum { PLAIN = 32, SCENARIOS = PLAIN + 8, FINDINGS_TOLD = 3 };
/* Cells that `--check` reaches: fewer is a part of the machines that nobody explores any more, whatever the reason. */
enum { CELLS_REACHED_AT_LEAST = 800 };

/* What a scenario's process leaves behind. */
struct outcome {
    uint64_t states, transitions, ends;
    uint64_t holes[HOLES];
    unsigned findings;
    bool incomplete;
};

struct shared {
    struct coverage coverage;
    struct outcome outcomes[SCENARIOS];
    uint64_t holes[HOLES];
};

bool report_open(struct report *r)
{
    void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("explore: memory");
        return false;
    }
    r->shared = p;
    coverage = &r->shared->coverage;
    return true;
}

static void scenario_of(unsigned number, const struct report *r, const struct budget *b,
                        struct scenario *ret)
{
    static char name[64];
    *ret = (struct scenario){
        .name = name,
        .qemu10 = number & 1,
        .pause_before = number & 2,
        .p2p = number & 4,
        .postcopy = number & 8 || number >= PLAIN,
        .paused_before = number & 16,
        .own_stop = number >= PLAIN,
        .stock = r->stock || b->stock,
        .crashes = b->crashes,
        .cuts = b->cuts,
        .deaths = b->deaths,
        .oddities = b->oddities,
        .operations = b->operations,
        .faults = b->faults,
    };
    snprintf(name, sizeof(name), "%s %s %s%s%s%s", ret->p2p ? "p2p" : "client",
             ret->qemu10 ? "10" : "7.2", ret->postcopy ? "post-copy" : "pre-copy",
             ret->pause_before ? " pbs" : "", ret->paused_before ? " paused" : "",
             ret->own_stop ? " own" : "");
}

/* ---- in a process of its own -------------------------------------------------------------------- */

static void tell_findings(struct search *s, const struct report *r, struct outcome *o)
{
    for (unsigned i = 0; i < s->finding_count; i++) {
        struct finding *f = &s->findings[i];
        if (f->hole != HOLES) {
            o->holes[f->hole] += f->count;
            continue;
        }
        printf("%s: BROKEN %s: %s (%llu times); the shortest way:\n", s->scenario->name,
               f->verdict.rule, f->verdict.what, (unsigned long long)f->count);
        if (o->findings++ < FINDINGS_TOLD)
            search_print(s, f, stdout);
        if (r->traces)
            search_write_traces(s, f, r->traces);
    }
}

static const struct search *exploring;

/* The machines trap for a bug of their own, the model where one of its limits is too small. */
static void tell_trap(int signal)
{
    struct finding f = {.world = exploring->number, .move = {.kind = MOVE_KINDS}};
    struct world w;
    search_find_world(exploring, f.world, &w);
    printf("%s: TRAPPED; the shortest way:\n", exploring->scenario->name);
    search_print(exploring, &f, stdout);
    printf("    %s\n", world_name_move(&w, exploring->move));
    fflush(NULL);
    (void)raise(signal); /* it dies of it now */
}

static void run_one(const struct report *r, unsigned number, const struct budget *b)
{
    struct scenario scenario;
    scenario_of(number, r, b, &scenario);
    if (r->only && strcmp(r->only, scenario.name) != 0)
        return;
    /* Before QEMU 10 nobody stops the guest himself unless he is told to: what one fault shows has to do. */
    if (!r->only && scenario.own_stop && !scenario.qemu10 && b->faults > 1)
        return;
    if (b->postcopy && (!scenario.postcopy || scenario.paused_before || scenario.own_stop))
        return;
    static struct search s;
    if (search_open(&s, r->capacity) < 0) {
        perror("explore: memory");
        exit(2);
    }
    s.first_only = r->first;
    s.beyond = b->beyond;
    static struct coverage own; /* what this scenario meets does not depend on what others have met */
    coverage = &own;
    exploring = &s;
    (void)sigaction(SIGILL, &(struct sigaction){.sa_handler = tell_trap, .sa_flags = SA_RESETHAND | SA_NODEFER}, NULL);
    (void)sigaction(SIGTRAP, &(struct sigaction){.sa_handler = tell_trap, .sa_flags = SA_RESETHAND | SA_NODEFER}, NULL);
    search_run(&s, &scenario, !r->quiet);
    struct outcome *o = &r->shared->outcomes[number];
    o->states = s.states;
    o->transitions = s.transitions;
    o->ends = s.ends;
    o->incomplete = !s.complete;
    if (!s.complete)
        printf("%s: INCOMPLETE, give it more --states\n", scenario.name);
    tell_findings(&s, r, o);
    search_close(&s);
    coverage_add(&r->shared->coverage, &own);
}

/* ---- all of them -------------------------------------------------------------------------------- */

/* One that died explored nothing, and nobody may take that for nothing found: the machines, or the model's own limits
 * (COMMANDS_MAX, REPORTS_MAX), trapped. */
static bool wait_for_one(struct report *r, const struct budget *b, const pid_t *pids)
{
    int status;
    pid_t pid = wait(&status);
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    r->incomplete = true;
    for (unsigned n = 0; n < SCENARIOS; n++) {
        if (pids[n] != pid)
            continue;
        struct scenario scenario;
        scenario_of(n, r, b, &scenario);
        printf("%s (%s): its process died, %s %d: NOT EXPLORED\n", scenario.name, b->name,
               WIFSIGNALED(status) ? "of signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        fflush(stdout); /* or the next process says it, too */
    }
    return false;
}

static bool found_any(const struct report *r)
{
    for (unsigned n = 0; n < SCENARIOS; n++)
        if (r->shared->outcomes[n].findings)
            return true;
    return false;
}

bool report_run(struct report *r, const struct budget *b)
{
    double began = search_now();
    unsigned running = 0;
    pid_t pids[SCENARIOS] = {0};
    bool good = true;
    memset(r->shared->outcomes, 0, sizeof(r->shared->outcomes));
    fflush(NULL);
    for (unsigned n = SCENARIOS; n-- > 0;) { /* the large ones first */
        if (running == (r->jobs ? r->jobs : 1)) {
            good &= wait_for_one(r, b, pids);
            running--;
        }
        if (r->first && found_any(r))
            break;
        pid_t pid = fork();
        if (pid == 0) {
            run_one(r, n, b);
            fflush(NULL);
            _exit(0);
        }
        pids[n] = pid;
        good &= pid > 0;
        running += pid > 0;
    }
    while (running-- > 0)
        good &= wait_for_one(r, b, pids);
    uint64_t states = 0, transitions = 0, ends = 0;
    for (unsigned n = 0; n < SCENARIOS; n++) {
        struct outcome *o = &r->shared->outcomes[n];
        states += o->states;
        transitions += o->transitions;
        ends += o->ends;
        good &= o->findings == 0;
        r->broken |= o->findings > 0;
        r->incomplete |= o->incomplete;
        for (int h = 0; h < HOLES; h++)
            r->shared->holes[h] += o->holes[h];
    }
    double seconds = search_now() - began;
    if (!r->document)
        printf("%-34s %9llu states %10llu transitions %7llu ends %6.1f s %9.0f states/s\n", b->name,
               (unsigned long long)states, (unsigned long long)transitions,
               (unsigned long long)ends, seconds, (double)states / seconds);
    r->states += states;
    r->transitions += transitions;
    r->ends += ends;
    r->seconds += seconds;
    return good;
}

static bool tell_holes(const struct report *r, bool full)
{
    bool good = true;
    for (int h = 0; h < HOLES; h++) {
        uint64_t count = r->shared->holes[h];
        if (count || full)
            printf("known hole %s, met %llu times: %s\n", hole_name((enum hole)h),
                   (unsigned long long)count, hole_reason((enum hole)h));
        if (full && !count) {
            printf("  it was not met: it is closed, take it out of holes.c\n");
            good = false;
        }
    }
    return good;
}

bool report_end(struct report *r, bool full)
{
    bool good = tell_holes(r, full);
    if (full) {
        struct coverage_count n;
        coverage_report(&n, stdout);
        printf("cells that act: %u, reached %u, listed as unreachable %u, missing %u; declared "
               "impossible: %u, of which %u happen\n",
               n.handled, n.reached, n.listed, n.missing, n.impossible, n.broken);
        good &= n.reached >= CELLS_REACHED_AT_LEAST && n.missing == 0 && n.broken == 0;
    }
    good &= !r->broken && !r->incomplete;
    printf("explored %llu states, %llu transitions, %llu ends in %.1f s%s: %s\n",
           (unsigned long long)r->states, (unsigned long long)r->transitions,
           (unsigned long long)r->ends, r->seconds, r->incomplete ? ", INCOMPLETE" : "",
           good ? "every invariant holds but for the holes named" : "NOT GOOD");
    return good;
}
