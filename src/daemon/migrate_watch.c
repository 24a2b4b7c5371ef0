/* migrate_watch.c - does it go on? What no event tells: a network that swallows everything, a
 * client that never comes back.
 *
 * In post-copy each end looks for a sign of life once a second. At the source it is that QEMU has
 * sent more, or that the destination's daemon answers a PING; at the destination that a PING came,
 * or that QEMU holds more memory: so a daemon that is away breaks no stream that lives. When
 * neither came for postcopy_stall_timeout, the machine is told (EV_STALLED), and again each time
 * that it passes. The same of a source where the guest stands still before post-copy or for the
 * switchover, that has sent its last page, or was ordered to break or resume its stream, where only
 * QEMU counts, and of an arrival that has not begun and whose source's daemon is gone. Whether pages
 * remain makes the difference between a break that is mended and a guest that is lost, so the
 * source's QEMU is asked just before the machine is told.
 *
 * A source's QEMU that was told to begin post-copy is looked at from then on: it may hang there, and
 * only what it answers tells.
 *
 * A destination without the channel is not watched: nobody would take up there what was broken.
 */
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/proc_facts.h"
#include "util/log.h"
#include "wire/qmp.h"

#define TICK_MAX TIMER_SECOND
/* With the stream broken nothing else shows that the link to the other daemon is dead. */
#define PING_PATIENCE (2 * TIMER_SECOND)
enum {
    FIGURES_SECONDS = 5,
    ARRIVAL_SECONDS = 10,
};

static bool is_early(const struct outgoing *out)
{
    return out->state == OUT_PRECOPY || out->state == OUT_SWITCHING;
}

static bool may_give_up(const struct outgoing *out)
{
    return out->postcopy_sent && (is_early(out) || out->state == OUT_CANCELLING);
}

/* QEMU 10 gives a post-copy up before it begins, or in the switchover, without an event, and stays where it is for ever.
 * Only what it answers tells, each time: that it is on its way, and an error. Nothing else is taken for that. */
static bool gives_up(const struct outgoing *out, const struct qmp_migrate_info *info)
{
    if (!info->error || !may_give_up(out))
        return false;
    if (out->state == OUT_PRECOPY)
        return info->status == QMP_MIGRATION_ACTIVE;
    return info->status == QMP_MIGRATION_CANCELLING ||
           (out->state == OUT_SWITCHING && info->status == QMP_MIGRATION_DEVICE);
}

static bool source_is_watched(const struct core *c)
{
    if (c->out.state == OUT_PRECOPY)
        return c->out.postcopy_sent && !c->life.vcpus; /* by our stop */
    return c->out.state == OUT_SWITCHING || c->out.state == OUT_POSTCOPY || c->out.state == OUT_BROKEN ||
           c->out.state == OUT_RECOVERING;
}

static bool destination_is_watched(const struct incoming *in)
{
    if (!in->channel)
        return false;
    switch ((enum in_state)in->state) {
    case IN_POSTCOPY:
    case IN_RESUMING:
    case IN_DRAINING:
    case IN_BROKEN:
    case IN_RECOVERING:
        return true;
    case IN_PREPARED:
        return !in->client;
    case IN_IDLE:
    case IN_STARTING:
    case IN_LOADING:
    case IN_LOADED:
    case IN_UNDOING:
    case IN_COUNT:
        break;
    }
    return false;
}

static bool is_watched(const struct guest *g)
{
    return g->migration && (source_is_watched(&g->core) || destination_is_watched(&g->core.in));
}

static bool is_looked_at(const struct guest *g)
{
    return is_watched(g) || (g->migration && may_give_up(&g->core.out));
}

/* ---- signs of life -------------------------------------------------------------------------- */

void migrate_heard(struct guest *g)
{
    if (g->migration)
        g->migration->watch.alive = timer_now();
}

void migrate_ordered(struct guest *g)
{
    g->migration->watch.moved = timer_now();
}

static void note_progress(struct guest *g, uint64_t progress)
{
    struct watch *w = &g->migration->watch;
    if (progress != w->progress)
        w->alive = w->moved = timer_now();
    w->progress = progress;
}

static void check_stall(struct guest *g);

/* A migration that fails has an error for a moment, too. */
static void look_for_end(struct guest *g, const struct qmp_migrate_info *info)
{
    struct watch *w = g->migration ? &g->migration->watch : NULL;
    if (!w)
        return;
    bool again = w->gives_up;
    w->gives_up = info && gives_up(&g->core.out, info);
    if (!w->gives_up || !again)
        return;
    w->gives_up = false;
    log_warning("guest %s: QEMU has given post-copy up: %s", g->name, info->error);
    if (g->core.out.outcome == RESULT_OK)
        migrate_blame_qemu(g, info);
    guest_event(g, EV_STALLED, 0, 0);
}

static void figures_came(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct qmp_migrate_info info;
    if (!g->migration)
        return;
    g->migration->watch.asking = false;
    if (reply->outcome == MONITOR_CLOSED)
        return;
    bool known = reply->outcome == MONITOR_RETURN && qmp_migrate_info_decode(reply->value, &info, NULL) == 0;
    if (known && info.has_ram) {
        note_progress(g, info.ram.transferred);
        g->migration->watch.all_sent = info.ram.remaining == 0;
    }
    if (!known && is_early(&g->core.out)) /* busy, as with a disk that is slow to take what was written */
        g->migration->watch.moved = timer_now();
    check_stall(g);
    look_for_end(g, known ? &info : NULL);
}

/* One that says nothing is no sign of life, and gets no second question. False: it can't be asked. */
static bool ask_source(struct guest *g)
{
    struct watch *w = &g->migration->watch;
    struct monitor_command c = {.name = "query-migrate",
                                .deadline = FIGURES_SECONDS * TIMER_SECOND,
                                .reply = figures_came,
                                .userdata = g};
    if (!w->asking && g->monitor_ready)
        w->asking = monitor_send(g->monitor, &c, NULL) == 0;
    return w->asking;
}

static void look_at_destination(struct guest *g)
{
    uint64_t kib;
    if (g->process && proc_read_rss_kib(g->identity.pid, &kib) &&
        kib > g->migration->watch.progress) {
        note_progress(g, kib);
        if (g->core.in.state == IN_BROKEN && !g->core.in.broken)
            migrate_ask(g); /* it was only thought to stand still */
    }
}

/* ---- the tick ------------------------------------------------------------------------------- */

/* 0: never. An arrival whose source's daemon is gone before anything came is no post-copy, and ends all the same. */
static uint64_t stall_timeout(const struct guest *g)
{
    unsigned seconds = g->daemon->config.postcopy_stall_timeout;
    if (seconds == 0 && g->core.in.state == IN_PREPARED)
        seconds = ARRIVAL_SECONDS;
    return seconds * TIMER_SECOND;
}

static uint64_t interval(const struct guest *g)
{
    uint64_t quarter = stall_timeout(g) / 4;
    return quarter && quarter < TICK_MAX ? quarter : TICK_MAX;
}

static void arm(struct guest *g);

/* Who was stopped himself has heard of nobody. */
static bool was_away(struct watch *w, uint64_t now, uint64_t expected)
{
    uint64_t before = w->ticked;
    w->ticked = now;
    return now - before > 2 * expected;
}

static void warn(struct guest *g, bool all_sent)
{
    unsigned seconds = g->daemon->config.postcopy_stall_timeout;
    if (is_early(&g->core.out)) {
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED,
                 "job 'migration out' failed: the guest stood still, and nothing was sent for %u s", seconds);
        log_warning("guest %s: %s", g->name, g->trouble.text);
    } else if (all_sent) {
        log_warning("guest %s: QEMU has sent its last page, and has not heard for %u s that it came", g->name, seconds);
    } else if (g->core.out.state == OUT_POSTCOPY || g->core.in.state == IN_DRAINING) {
        log_warning("guest %s: post-copy has stood still for %u s and the other host's daemon is not "
                    "heard: its stream is taken for broken", g->name, seconds);
    }
}

static bool only_qemu_counts(const struct core *c)
{
    return is_early(&c->out) || c->out.state == OUT_RECOVERING || (c->out.state != OUT_IDLE && core_waits(c, CALL_ABORT));
}

static void check_stall(struct guest *g)
{
    struct watch *w = &g->migration->watch;
    uint64_t now = timer_now();
    bool all_sent = g->core.out.state == OUT_POSTCOPY && w->all_sent;
    uint64_t sign = all_sent || only_qemu_counts(&g->core) ? w->moved : w->alive;
    if (!is_watched(g) || stall_timeout(g) == 0 || now - sign < stall_timeout(g))
        return;
    w->alive = w->moved = now;
    warn(g, all_sent);
    peer_distrust(g);
    if (is_watched(g))
        guest_event(g, EV_STALLED, all_sent ? STALLED_ALL_SENT : 0, 0);
}

/* Before post-copy has begun that the other daemon lives says nothing of QEMU here. */
static void ping(struct guest *g)
{
    if (source_is_watched(&g->core) && !is_early(&g->core.out))
        peer_ping(g, g->core.out.state == OUT_POSTCOPY ? UINT64_MAX : PING_PATIENCE);
}

static void tick(void *userdata)
{
    struct guest *g = userdata;
    struct watch *w = &g->migration->watch;
    bool asked = false;
    arm(g);
    if (was_away(w, timer_now(), interval(g)) || !is_watched(g))
        w->alive = w->moved = timer_now();
    if (g->migration->outgoing) {
        asked = ask_source(g);
        ping(g);
    } else {
        look_at_destination(g);
    }
    if (!asked && g->migration) /* a ping that could not be sent may have ended it */
        check_stall(g);
}

static void arm(struct guest *g)
{
    (void)timer_arm(&g->migration->watch.tick, daemon_event(g->daemon), interval(g), tick, g);
}

/* ---- the client of a daemon that came back -------------------------------------------------- */

static bool awaits_client(const struct guest *g)
{
    const struct migration *m = g->migration;
    return m && m->restored && m->outgoing && !m->driver && !g->core.out.p2p && g->core.out.client;
}

static void client_stays_away(void *userdata)
{
    struct guest *g = userdata;
    if (!awaits_client(g))
        return;
    g->migration->restored = false;
    guest_event(g, EV_CLIENT_GONE, 0, 0);
}

static void watch_client(struct guest *g)
{
    struct timer *t = &g->migration->watch.client_return;
    uint64_t patience = g->daemon->config.client_return_timeout * TIMER_SECOND;
    if (!awaits_client(g))
        timer_cancel(t);
    else if (!timer_is_armed(t))
        (void)timer_arm(t, daemon_event(g->daemon), patience, client_stays_away, g);
}

/* ---- life ----------------------------------------------------------------------------------- */

void migrate_watch(struct guest *g)
{
    if (!g->migration)
        return;
    struct watch *w = &g->migration->watch;
    watch_client(g);
    if (!is_looked_at(g)) {
        timer_cancel(&w->tick);
    } else if (!timer_is_armed(&w->tick)) {
        w->alive = w->moved = w->ticked = timer_now();
        arm(g);
    }
}

void migrate_watch_drop(struct migration *m)
{
    timer_cancel(&m->watch.tick);
    timer_cancel(&m->watch.client_return);
}
