/* migrate_job.c - a migration as a job: begun, read, ended, accounted for. */
#include <stdio.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/events.h"
#include "daemon/migrate.h"
#include "daemon/verdicts.h"
#include "util/cleanup.h"

enum { JOB_PARAMS_MAX = 64 * 1024 };

#define FIGURES_PATIENCE (2 * TIMER_SECOND)

void migrate_job_begin(struct guest *g, bool outgoing)
{
    migrate_figures_over(g);
    g->migration = take_ptr(g->proposed);
    accounts_begin(&g->accounts, outgoing, guest_clock());
    if (outgoing && g->autostart) /* a host that loses its power must find that it may have left */
        guest_journal_keep(g);
}

static void add_times(const struct guest *g, struct job_stats *s)
{
    uint64_t downtime;
    s->elapsed_ms = accounts_elapsed(&g->accounts, guest_clock()) / 1000;
    s->has_downtime = accounts_downtime(&g->accounts, &downtime);
    s->downtime_ms = s->has_downtime ? downtime / 1000 : 0;
}

/* What QEMU expects of the downtime is of no interest once the guest stands still, and how it went the
 * source hears at the end. The destination knows when it is over; the pages that had to be asked for it
 * does not know, as long as the source has not said. */
void migrate_job_current(const struct guest *g, struct job_stats *ret)
{
    const struct migration *m = g->migration;
    bool expected = m->outgoing && !g->accounts.stopped && m->stats.has_downtime;
    *ret = m->stats;
    ret->type = JOB_UNBOUNDED;
    ret->operation = m->outgoing ? JOB_MIGRATION_OUT : JOB_MIGRATION_IN;
    add_times(g, ret);
    if (expected) {
        ret->has_downtime = true;
        ret->downtime_ms = m->stats.downtime_ms;
    }
    if (!m->outgoing && g->accounts.postcopied && !m->stats_final)
        ret->has_postcopy_requests = false;
}

static enum job_type type_of(enum core_result result)
{
    if (result == RESULT_OK)
        return JOB_COMPLETED;
    return result == RESULT_ABORTED || result == RESULT_CANCELLED || result == RESULT_CLIENT_LEFT
               ? JOB_CANCELLED
               : JOB_FAILED;
}

/* The source's figures of the moment when post-copy began: what was left then has come since. How
 * many pages had to be asked for only the source knows. */
static void add_what_came_since(struct job_stats *s)
{
    s->ram_processed += s->ram_remaining;
    s->ram_remaining = 0;
    s->ram_bps = 0;
    s->has_postcopy_requests = false;
}

static void close_accounts(struct guest *g, enum core_result result)
{
    struct job_stats *s = &g->completed;
    *s = g->migration->stats;
    s->type = type_of(result);
    s->operation = g->migration->outgoing ? JOB_MIGRATION_OUT : JOB_MIGRATION_IN;
    add_times(g, s);
    if (!g->migration->outgoing && g->accounts.postcopied && result == RESULT_OK &&
        !g->migration->stats_final)
        add_what_came_since(s);
    s->error[0] = '\0';
    if (result != RESULT_OK) {
        struct fail why;
        guest_explain(g, result, CALL_PERFORM, &why);
        snprintf(s->error, sizeof(s->error), "%.*s", (int)sizeof(s->error) - 1, why.text);
    }
}

static void tell(struct guest *g)
{
    timer_cancel(&g->figures_timer);
    struct arena arena;
    struct rpc_params params;
    arena_init(&arena, JOB_PARAMS_MAX);
    if (stats_to_params(&g->completed, &arena, &params) == 0)
        events_tell_job_completed(g, &params);
    arena_free(&arena);
    while (g->figures_waiters) {
        struct job_waiter *w = g->figures_waiters;
        g->figures_waiters = w->next;
        w->final(w, g);
    }
}

void migrate_job_when_final(struct guest *g, struct job_waiter *w)
{
    if (!timer_is_armed(&g->figures_timer)) {
        w->final(w, g);
        return;
    }
    w->next = g->figures_waiters;
    g->figures_waiters = w;
}

/* ---- the source's final figures ------------------------------------------------------------- */

/* After a post-copy the source's QEMU has the last word on the figures, and its daemon sends them
 * when it has them. Nothing waits for them but JOB_COMPLETED. */
static bool misses_figures(const struct guest *g, enum core_result result)
{
    const struct migration *m = g->migration;
    return !m->outgoing && m->token.known && m->peer_is_baton && g->accounts.postcopied &&
           result == RESULT_OK && !m->stats_final;
}

void migrate_figures_over(struct guest *g)
{
    if (timer_is_armed(&g->figures_timer))
        tell(g);
}

static void figures_too_late(void *userdata)
{
    tell(userdata);
}

void migrate_take_figures(struct guest *g, const struct cookie_statistics *figures)
{
    bool arriving = core_migrating(&g->core);
    struct job_stats *s = arriving ? &g->migration->stats : &g->completed;
    struct job_stats times = *s;
    stats_from_cookie(s, figures);
    s->type = times.type;
    s->operation = times.operation;
    s->elapsed_ms = times.elapsed_ms;
    s->has_downtime = times.has_downtime;
    s->downtime_ms = times.downtime_ms;
    s->ram_bps = 0;
    if (arriving) {
        g->migration->stats_final = true;
        return;
    }
    guest_store_job(g);
    migrate_figures_over(g);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* What became of an attempt to arrive here is kept for its source to ask. */
static void keep_verdict(struct guest *g)
{
    if (g->migration->outgoing)
        return;
    g->last_attempt = g->migration->token;
    if (g->last_attempt.known && g->core.in.verdict)
        verdicts_add(g->daemon->verdicts,
                     &(struct verdict){g->last_attempt, g->uuid, g->core.in.verdict - 1});
}

void migrate_job_end(struct guest *g, enum core_result result)
{
    bool wait = g->migration && misses_figures(g, result);
    if (!g->migration)
        return;
    close_accounts(g, result);
    keep_verdict(g);
    migrate_release_address(g->daemon, g->migration);
    if (result == RESULT_OK)
        migrate_finish_definition(g);
    else
        migrate_drop_definition(g);
    guest_store_job(g);
    if (!wait || timer_arm(&g->figures_timer, daemon_event(g->daemon), FIGURES_PATIENCE,
                           figures_too_late, g) < 0)
        tell(g);
}
