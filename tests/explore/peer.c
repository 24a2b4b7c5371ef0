/* peer.c - what passes between the two daemons beside the migration, and what only time tells. */
#include "world.h"
#include <string.h>

/* The source's daemon asks until it has proof; it says so once when nobody answers. */
bool peer_asks(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    if (!w->asking || w->asked || !w->daemons[SOURCE].up)
        return false;
    struct core_event e = {.type = EV_PROOF_NONE};
    if (s->stock) {
        w->asking = 0;
        return host_step(w, s, SOURCE, e, m.crash, v);
    }
    if (host_takes_calls(w, DESTINATION)) {
        e = (struct core_event){.type = EV_ASKED, .arg = (uint8_t)(w->asking - 1)};
        w->asked = 1;
        return host_step(w, s, DESTINATION, e, m.crash, v);
    }
    if (w->silent)
        return false;
    w->silent = 1;
    e.type = EV_PROOF_SILENT;
    return host_step(w, s, SOURCE, e, m.crash, v);
}

bool peer_proves(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    if (!w->proof || !w->daemons[SOURCE].up || w->daemons[SOURCE].surveying)
        return false;
    struct core_event e = {.type = (uint8_t)(EV_PROOF_RELEASED + w->proof - 1)};
    w->proof = 0;
    if (e.type != EV_PROOF_NEEDS_SOURCE && e.type != EV_PROOF_REFUSED) /* more will come */
        w->asking = w->asked = 0;
    return host_step(w, s, SOURCE, e, m.crash, v);
}

/* The call to have it listen, on its way to the destination. */
bool peer_recovers(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    if (w->recover != RECOVER_CALL_SENT || !w->daemons[SOURCE].up)
        return false;
    if (!s->stock && host_takes_calls(w, DESTINATION)) {
        w->recover = RECOVER_CALL_TAKEN;
        return host_step(w, s, DESTINATION, (struct core_event){.type = EV_PEER_RECOVER}, m.crash, v);
    }
    w->recover = RECOVER_CALL_NONE;
    return host_step(w, s, SOURCE, (struct core_event){.type = EV_PEER_UNRECOVERABLE}, m.crash, v);
}

bool peer_is_recoverable(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    if (w->recover < RECOVER_CALL_YES || !host_takes_calls(w, SOURCE))
        return false;
    struct core_event e = {.type = w->recover == RECOVER_CALL_YES ? EV_PEER_RECOVERABLE : EV_PEER_UNRECOVERABLE};
    w->recover = RECOVER_CALL_NONE;
    return host_step(w, s, SOURCE, e, m.crash, v);
}

bool peer_asks_again(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    const struct qemu *q = &w->qemus[SOURCE];
    bool completes = w->stream.shut || memchr(q->reports, EV_MIG_COMPLETED + 1, REPORTS_MAX);
    if (!w->ask_later || !host_takes_calls(w, SOURCE))
        return false;
    if (w->daemons[SOURCE].core.out.state == OUT_POSTCOPY && completes) /* sooner */
        return false;
    w->ask_later = 0;
    return host_step(w, s, SOURCE, (struct core_event){.type = EV_ASK_AGAIN}, m.crash, v);
}

/* As long as the two daemons hear each other neither is impatient. */
static bool is_heard(const struct world *w, const struct scenario *s, enum host h)
{
    uint8_t out = w->daemons[SOURCE].core.out.state;
    if (s->stock)
        return false;
    if (h == SOURCE)
        return w->daemons[DESTINATION].up;
    return w->daemons[SOURCE].up && (out == OUT_POSTCOPY || out == OUT_BROKEN || out == OUT_RECOVERING);
}

static bool hangs_early(const struct outgoing *out)
{
    return out->state == OUT_PRECOPY || out->state == OUT_SWITCHING || out->state == OUT_CANCELLING;
}

bool peer_may_stall(const struct core *c)
{
    if (c->out.state == OUT_PRECOPY)
        return c->out.postcopy_sent && !c->life.vcpus;
    return c->out.state != OUT_CANCELLING;
}

/* Where something hangs that only time tells; elsewhere it is an oddity. */
static bool has_stalled(const struct world *w, const struct scenario *s, enum host h)
{
    const struct core *c = &w->daemons[h].core;
    const struct qemu *q = &w->qemus[SOURCE];
    if (h == SOURCE) {
        if (c->out.state == OUT_BROKEN)
            return (core_waits(c, CALL_PERFORM) && !is_heard(w, s, h)) ||
                   (core_waits(c, CALL_ABORT) && q->phase == PHASE_PC_LAST);
        if (hangs_early(&c->out))
            return q->phase == PHASE_HUNG || q->phase == PHASE_STUCK;
        if (c->out.state == OUT_RECOVERING)
            return (c->out.recovery == RECOVERY_PAUSING && q->phase == PHASE_PC_LAST) ||
                   (q->phase == PHASE_PC_RECOVER && w->stream.cut && !s->qemu10);
        return c->out.state == OUT_POSTCOPY && q->phase == PHASE_PC_LAST && w->stream.cut && !s->qemu10;
    }
    if (c->in.state == IN_PREPARED)
        return !c->in.client;
    return (c->in.state == IN_BROKEN || c->in.state == IN_RECOVERING) && core_waits(c, CALL_FINISH) &&
           !is_heard(w, s, h);
}

/* The daemon asks QEMU whether pages remain, just before. */
struct core_event peer_stalled(const struct world *w, enum host h)
{
    bool all_sent = h == SOURCE && w->qemus[h].phase == PHASE_PC_LAST && w->daemons[h].core.out.state == OUT_POSTCOPY;
    return (struct core_event){EV_STALLED, all_sent ? STALLED_ALL_SENT : 0, 0};
}

bool peer_stalls(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    const struct qemu *a = &w->qemus[SOURCE], *b = &w->qemus[DESTINATION];
    bool acts = a->commands[0] || a->reports[0] || b->commands[0] || b->reports[0]; /* all of that is faster */
    return host_takes_calls(w, m.on) && !acts && has_stalled(w, s, m.on) &&
           host_step(w, s, m.on, peer_stalled(w, m.on), m.crash, v);
}
