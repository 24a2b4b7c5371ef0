/* alike.c - worlds that no move and no rule can tell apart any more are made one and the same.
 *
 * After each move what nothing reads any more is cleared, and what can have no effect when it
 * happens is not left to happen later. Each function says why the worlds that it makes one have the
 * same moves before them, which lead to worlds that are made one again (a bisimulation): then what
 * one of them can break the other breaks, too, and where one can end the other can.
 */
#include "world.h"
#include "core/machine.h"
#include <string.h>

/* ---- connections ------------------------------------------------------------------------------- */

/* The end of a connection means something to a daemon only as the end of who drives the migration. One that comes to
 * drive later does so over a connection of its own, from which the daemon tells an older one. */
static void end_unnoticed(struct world *w, enum link l)
{
    struct connection *c = &w->links[l];
    const struct daemon_model *d = &w->daemons[link_serves(l)];
    if (!c->near_end && !c->request) /* closed: a cut adds nothing */
        c->cut = 0;
    if (l != CHANNEL && d->drives && core_migrating(&d->core))
        return;
    c->stale = 0;
    if (c->far_end && (c->cut || (!c->near_end && !c->request)))
        link_served(c);
}

static void forget_links(struct world *w, const struct scenario *s)
{
    for (int l = TO_SOURCE; l < LINKS; l++)
        end_unnoticed(w, (enum link)l);
    /* A client asks of an answer only whether it is good. */
    w->links[TO_SOURCE].answers = 0;
    if (!s->p2p)
        w->links[TO_DESTINATION].answers = 0;
}

/* ---- QEMUs and their stream -------------------------------------------------------------------- */

/* A source looks at the stream from its connecting until it is paused, broken or over; who resumes makes a new one. */
static bool source_uses_stream(const struct qemu *q)
{
    return q->phase >= PHASE_SETUP && q->phase <= PHASE_CANCELLING && q->phase != PHASE_PC_PAUSED && q->phase != PHASE_PC_CONNECTING;
}

static bool destination_uses_stream(const struct qemu *q)
{
    return q->phase >= PHASE_LISTENING && q->phase <= PHASE_RECOVERING_PC && q->phase != PHASE_LOST_PC &&
           q->phase != PHASE_LISTENING_PC;
}

/* A dead QEMU's phase is none. */
static void forget_stream(struct world *w)
{
    bool from = source_uses_stream(&w->qemus[SOURCE]), to = destination_uses_stream(&w->qemus[DESTINATION]);
    if (!from && !to)
        w->stream = (struct stream){0};
    if (!from)
        w->stream.shut = 0; /* the last word is the source's to hear */
    if (!to && w->stream.open) /* there is nobody who takes, and the source looks only whether somebody did */
        w->stream.sent = w->stream.taken = 2;
}

static void forget_qemus(struct world *w)
{
    struct qemu *from = &w->qemus[SOURCE], *to = &w->qemus[DESTINATION];
    if (from->phase < PHASE_SETUP || from->phase > PHASE_WAITING)
        from->postcopy = 0; /* that was to be had when the passes end */
    if (from->phase < PHASE_SETUP || from->phase == PHASE_OVER)
        from->was_running = from->switch_pc = 0;
    if (to->phase > PHASE_LOADING_PC)
        to->autostart = 0;
}

/* Of a QEMU that its daemon has given the order to end nothing counts that it said before (core.c, said_by_qemu); but
 * that the vCPUs ran is noted, and forgotten with its end. What can't be ignored there is kept. */
static void forget_last_words(struct world *w, enum host h)
{
    const struct core *c = &w->daemons[h].core;
    uint8_t *reports = w->qemus[h].reports;
    if (c->life.phase != LIFE_ENDING || !reports[0])
        return;
    unsigned kept = 0;
    for (unsigned i = 0; i < REPORTS_MAX && reports[i]; i++) {
        enum core_event_type e = (enum core_event_type)(reports[i] - 1);
        if (e == EV_QEMU_GONE || step_cell(c, e)->take != step_ignore)
            reports[kept++] = reports[i];
    }
    memset(reports + kept, 0, REPORTS_MAX - kept);
}

/* ---- client and daemons ------------------------------------------------------------------------ */

/* Whoever begins a migration, or would switch it to post-copy, finds it as it is from here on. */
static void forget_intents(struct world *w)
{
    enum out_state state = (enum out_state)w->daemons[SOURCE].core.out.state;
    bool may_begin = state == OUT_IDLE && w->links[TO_SOURCE].request;
    if (!may_begin && (state == OUT_IDLE || state >= OUT_SWITCHING))
        w->postcopy_left = 0; /* it is refused, or what it asks for is there: the operator's own moves try that */
    if (w->happened)
        w->client.failed = 0; /* only where nothing went wrong it must not have */
    if (!w->asking)
        w->silent = w->asked = 0;
}

void world_forget(struct world *w, const struct scenario *s)
{
    forget_links(w, s);
    forget_stream(w);
    forget_qemus(w);
    forget_last_words(w, SOURCE);
    forget_last_words(w, DESTINATION);
    forget_intents(w);
}
