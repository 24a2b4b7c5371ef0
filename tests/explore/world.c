/* world.c - what may happen next, and how it is called. */
#include "world.h"
#include <string.h>

/* clang-format off */
const struct move world_moves[] = {
    {MOVE_COMMAND, SOURCE, 0, NO_CRASH}, {MOVE_COMMAND, DESTINATION, 0, NO_CRASH},
    {MOVE_QEMU, SOURCE, 0, NO_CRASH}, {MOVE_QEMU, SOURCE, 1, NO_CRASH},
    {MOVE_QEMU, DESTINATION, 0, NO_CRASH}, {MOVE_QEMU, DESTINATION, 1, NO_CRASH},
    {MOVE_NOTICE, SOURCE, 0, NO_CRASH}, {MOVE_NOTICE, DESTINATION, 0, NO_CRASH},
    {MOVE_REPORT, SOURCE, 0, NO_CRASH}, {MOVE_REPORT, DESTINATION, 0, NO_CRASH},
    {MOVE_SYNCED, SOURCE, 0, NO_CRASH}, {MOVE_SYNCED, DESTINATION, 0, NO_CRASH},
    {MOVE_PEER, SOURCE, 0, NO_CRASH},
    {MOVE_REQUEST, TO_SOURCE, 0, NO_CRASH}, {MOVE_REQUEST, TO_DESTINATION, 0, NO_CRASH},
    {MOVE_REPLY, TO_SOURCE, 0, NO_CRASH}, {MOVE_REPLY, TO_DESTINATION, 0, NO_CRASH},
    {MOVE_NEAR, TO_SOURCE, 0, NO_CRASH}, {MOVE_NEAR, TO_DESTINATION, 0, NO_CRASH},
    {MOVE_FAR, TO_SOURCE, 0, NO_CRASH}, {MOVE_FAR, TO_DESTINATION, 0, NO_CRASH},
    {MOVE_REQUEST, CHANNEL, 0, NO_CRASH}, {MOVE_REPLY, CHANNEL, 0, NO_CRASH},
    {MOVE_NEAR, CHANNEL, 0, NO_CRASH}, {MOVE_FAR, CHANNEL, 0, NO_CRASH},
    {MOVE_RESTART, SOURCE, 0, NO_CRASH}, {MOVE_RESTART, DESTINATION, 0, NO_CRASH},
    {MOVE_POSTCOPY, SOURCE, 0, NO_CRASH},
    {MOVE_ASK, SOURCE, 0, NO_CRASH}, {MOVE_PROOF, SOURCE, 0, NO_CRASH},
    {MOVE_RECOVER, SOURCE, 0, NO_CRASH}, {MOVE_RECOVERABLE, SOURCE, 0, NO_CRASH},
    {MOVE_AGAIN, SOURCE, 0, NO_CRASH},
    {MOVE_STALL, SOURCE, 0, NO_CRASH}, {MOVE_STALL, DESTINATION, 0, NO_CRASH},
    {MOVE_GRACE, SOURCE, 0, NO_CRASH}, {MOVE_RETURN, SOURCE, 0, NO_CRASH},

    {MOVE_OPERATE, SOURCE, EV_ABORT, NO_CRASH}, {MOVE_OPERATE, SOURCE, EV_SUSPEND, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_RESUME, NO_CRASH}, {MOVE_OPERATE, SOURCE, EV_DESTROY, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_REBOOT, NO_CRASH},
    {MOVE_OPERATE, SOURCE, OPERATE_BREAK, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, OPERATE_BREAK, NO_CRASH},
    {MOVE_OPERATE, SOURCE, OPERATE_RESUME, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_SETTLE_RUN, NO_CRASH}, {MOVE_OPERATE, SOURCE, EV_SETTLE_END, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_SETTLE_RUN, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_SETTLE_END, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_ABORT, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_SUSPEND, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_RESUME, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_DESTROY, NO_CRASH},
    /* calls that must be refused in mid-migration */
    {MOVE_OPERATE, SOURCE, EV_BEGIN, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_PERFORM, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_PERFORM_P2P, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_START, NO_CRASH}, {MOVE_OPERATE, SOURCE, EV_START_POSTCOPY, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_SHUTDOWN, NO_CRASH},
    {MOVE_OPERATE, SOURCE, EV_RESET, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_PREPARE, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_START, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_SHUTDOWN, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_REBOOT, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_RESET, NO_CRASH},
    {MOVE_OPERATE, DESTINATION, EV_BEGIN, NO_CRASH},
    {MOVE_CRASH, SOURCE, 0, NO_CRASH}, {MOVE_CRASH, SOURCE, 1, NO_CRASH},
    {MOVE_CRASH, DESTINATION, 0, NO_CRASH}, {MOVE_CRASH, DESTINATION, 1, NO_CRASH},
    {MOVE_CUT_LINK, TO_SOURCE, 0, NO_CRASH}, {MOVE_CUT_LINK, TO_DESTINATION, 0, NO_CRASH},
    {MOVE_CUT_STREAM, 0, 0, NO_CRASH}, {MOVE_CUT_CHANNEL, 0, 0, NO_CRASH},
    {MOVE_KILL_QEMU, SOURCE, 0, NO_CRASH}, {MOVE_KILL_QEMU, DESTINATION, 0, NO_CRASH},
    {MOVE_KILL_CLIENT, 0, 0, NO_CRASH}, {MOVE_KILL_CLIENT, 0, 1, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_STATUS, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_STATUS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_CONFIGURE_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_MIGRATE_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_POSTCOPY_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_CONTINUE_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_CANCEL_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_CONT_FAILS, NO_CRASH},
    {MOVE_ODDITY, DESTINATION, ODD_CONT_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_STOP_FAILS, NO_CRASH},
    {MOVE_ODDITY, DESTINATION, ODD_LISTEN_FAILS, NO_CRASH},
    {MOVE_ODDITY, DESTINATION, ODD_START_FAILS, NO_CRASH},
    {MOVE_ODDITY, DESTINATION, ODD_SYNC_FAILS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_IO_ERROR, NO_CRASH},
    {MOVE_ODDITY, DESTINATION, ODD_IO_ERROR, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_POWER_OFF, NO_CRASH},
    {MOVE_ODDITY, DESTINATION, ODD_POWER_OFF, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_STALL, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_STALL, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_HANG, NO_CRASH}, {MOVE_ODDITY, SOURCE, ODD_FAIL, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_OVERTAKE, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_OVERTAKE, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_URGENT, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_URGENT, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_POWER_LOSS, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_POWER_LOSS, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_TAIL_LOST, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_TAIL_LOST, NO_CRASH},

    {MOVE_ODDITY, SOURCE, ODD_STATUS_EARLY, NO_CRASH}, {MOVE_ODDITY, DESTINATION, ODD_STATUS_EARLY, NO_CRASH},
    {MOVE_ODDITY, SOURCE, ODD_RECOVER_FAILS, NO_CRASH},
};
/* clang-format on */
const unsigned world_beyond_count = sizeof(world_moves) / sizeof(world_moves[0]);
const unsigned world_move_count = sizeof(world_moves) / sizeof(world_moves[0]) - 3;
const unsigned world_progress_count = 37;

static bool has_budget(const struct world *w, const struct move *m)
{
    switch ((enum move_kind)m->kind) {
    case MOVE_OPERATE:
        return w->operations;
    case MOVE_CRASH:
        return w->crashes;
    case MOVE_CUT_LINK:
    case MOVE_CUT_STREAM:
    case MOVE_CUT_CHANNEL:
    case MOVE_KILL_CLIENT:
        return w->cuts;
    case MOVE_KILL_QEMU:
        return w->deaths;
    case MOVE_ODDITY:
        return w->oddities;
    case MOVE_COMMAND:
    case MOVE_QEMU:
    case MOVE_NOTICE:
    case MOVE_REPORT:
    case MOVE_SYNCED:
    case MOVE_PEER:
    case MOVE_REQUEST:
    case MOVE_REPLY:
    case MOVE_NEAR:
    case MOVE_FAR:
    case MOVE_RESTART:
    case MOVE_POSTCOPY:
    case MOVE_ASK:
    case MOVE_PROOF:
    case MOVE_RECOVER:
    case MOVE_RECOVERABLE:
    case MOVE_AGAIN:
    case MOVE_STALL:
    case MOVE_GRACE:
    case MOVE_RETURN:
    case MOVE_KINDS:
        return true;
    }
    return true;
}

bool move_may_be(const struct world *w, const struct move *m)
{
    switch ((enum move_kind)m->kind) {
    case MOVE_COMMAND:
        return w->qemus[m->on].commands[0];
    case MOVE_QEMU:
        return w->qemus[m->on].alive;
    case MOVE_NOTICE:
        return w->stream.cut;
    case MOVE_REPORT:
        return w->qemus[m->on].reports[0];
    case MOVE_SYNCED:
        return w->daemons[m->on].syncing;
    case MOVE_PEER:
        return w->daemons[SOURCE].peer_event;
    case MOVE_REQUEST:
        return w->links[m->on].request;
    case MOVE_REPLY:
        return w->links[m->on].reply;
    case MOVE_NEAR:
        return w->links[m->on].cut;
    case MOVE_FAR:
        return w->links[m->on].far_end || w->links[m->on].stale;
    case MOVE_RESTART:
        return !w->daemons[m->on].up;
    case MOVE_POSTCOPY:
        return w->postcopy_left;
    case MOVE_ASK:
        return w->asking;
    case MOVE_PROOF:
        return w->proof;
    case MOVE_RECOVER:
        return w->recover == RECOVER_CALL_SENT;
    case MOVE_RECOVERABLE:
        return w->recover >= RECOVER_CALL_YES;
    case MOVE_AGAIN:
        return w->ask_later;
    case MOVE_STALL:
        return w->daemons[m->on].up && core_migrating(&w->daemons[m->on].core);
    case MOVE_GRACE:
        return w->daemons[SOURCE].core.out.client == CLIENT_RETURNS;
    case MOVE_RETURN:
        return w->links[TO_SOURCE].cut;
    case MOVE_OPERATE:
    case MOVE_CRASH:
    case MOVE_CUT_LINK:
    case MOVE_CUT_STREAM:
    case MOVE_CUT_CHANNEL:
    case MOVE_KILL_QEMU:
    case MOVE_KILL_CLIENT:
    case MOVE_ODDITY:
    case MOVE_KINDS:
        return has_budget(w, m);
    }
    return true;
}

bool move_may_crash(const struct move *m)
{
    return m->kind == MOVE_REPORT || m->kind == MOVE_SYNCED || m->kind == MOVE_PEER ||
           m->kind == MOVE_REQUEST || m->kind == MOVE_REPLY || m->kind == MOVE_NEAR ||
           m->kind == MOVE_FAR || m->kind == MOVE_POSTCOPY || m->kind == MOVE_ASK ||
           m->kind == MOVE_PROOF || m->kind == MOVE_RECOVER || m->kind == MOVE_RECOVERABLE ||
           m->kind == MOVE_AGAIN || m->kind == MOVE_STALL || m->kind == MOVE_GRACE ||
           (m->kind == MOVE_OPERATE && m->which != OPERATE_RESUME);
}

void world_init(struct world *w, const struct scenario *s)
{
    memset(w, 0, sizeof(*w));
    for (int h = 0; h < HOSTS; h++) {
        core_init(&w->daemons[h].core);
        w->daemons[h].up = 1;
        w->qemus[h].status = EV_MIG_NONE;
    }
    struct core_actions actions;
    struct core *c = &w->daemons[SOURCE].core;
    core_step(c, (struct core_event){.type = EV_START, .arg = s->paused_before}, &actions);
    core_step(c, (struct core_event){.type = EV_QEMU_STARTED}, &actions);
    if (!s->paused_before) {
        core_step(c, (struct core_event){.type = EV_QEMU_RESUMED}, &actions);
        core_step(c, (struct core_event){.type = EV_CONT_DONE}, &actions);
    }
    w->qemus[SOURCE].alive = 1;
    w->qemus[SOURCE].vcpus = !s->paused_before;
    link_open(&w->links[TO_SOURCE]);
    if (!s->p2p)
        link_open(&w->links[TO_DESTINATION]);
    w->client.step = s->p2p ? CLIENT_PERFORM : CLIENT_BEGIN;
    w->crashes = s->crashes;
    w->cuts = s->cuts;
    w->deaths = s->deaths;
    w->oddities = s->oddities;
    w->operations = s->operations;
    w->faults_left = s->faults;
    w->postcopy_left = s->postcopy;
    client_go_on(w, s);
    world_forget(w, s);
}

/* ---- moves ------------------------------------------------------------------------------------- */

/* Worlds that may still meet the same are the same, whatever they have met. */
static void limit(struct world *w, uint8_t *budget)
{
    if (*budget > w->faults_left)
        *budget = w->faults_left;
}

static bool spend(struct world *w, uint8_t *budget)
{
    if (*budget == 0)
        return false;
    --*budget;
    --w->faults_left;
    limit(w, &w->crashes);
    limit(w, &w->cuts);
    limit(w, &w->deaths);
    limit(w, &w->oddities);
    limit(w, &w->operations);
    w->happened |= HAPPENED_FAULT;
    return true;
}

static bool synced(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    struct daemon_model *d = &w->daemons[m.on];
    if (!d->syncing)
        return false;
    d->syncing--;
    return host_step(w, s, m.on, (struct core_event){.type = EV_SYNCED}, m.crash, v);
}

static bool peer_event(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    struct daemon_model *d = &w->daemons[SOURCE];
    if (!d->peer_event || !d->up)
        return false;
    struct core_event e = {.type = d->peer_event};
    d->peer_event = 0;
    return host_step(w, s, SOURCE, e, m.crash, v);
}

/* Who resumes it, or comes back to it, drives it from now on. */
static void note_driver(struct world *w, enum host h, struct core_event e)
{
    const struct core *c = &w->daemons[h].core;
    bool resumes = (e.type == EV_BEGIN && e.arg & BEGIN_RESUME && c->out.resuming) ||
                   (e.type == EV_PREPARE && e.arg & BEGIN_RESUME && c->in.client) ||
                   (e.type == EV_PERFORM && c->out.client == CLIENT_THERE);
    if (resumes && w->daemons[h].up)
        w->daemons[h].drives = 1;
}

static bool request(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    struct connection *c = &w->links[m.on];
    enum host h = link_serves(m.on);
    if (!c->request || !c->far_end || !host_takes_calls(w, h))
        return false;
    struct core_event e = {(uint8_t)(c->request - 1), c->argument, 0};
    c->waits = (uint8_t)(1 + core_call_of(e.type));
    c->request = 0xff;
    c->argument = 0;
    bool possible = host_step(w, s, h, e, m.crash, v);
    c->request = 0;
    note_driver(w, h, e);
    return possible;
}

/* The other daemon's answer to the source's daemon. */
static bool peer_reply(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    struct connection *c = &w->links[m.on];
    if (!c->reply || !c->near_end || !w->daemons[SOURCE].up)
        return false;
    bool ok = c->reply == 1 + RESULT_OK;
    uint8_t was = c->answers;
    c->reply = c->answers = 0;
    struct core_event e = {.type = ok ? EV_PEER_FINISHED : EV_PEER_FINISH_FAILED};
    if (w->daemons[SOURCE].core.out.state == OUT_PREPARING)
        e = (struct core_event){.type = ok ? EV_PEER_PREPARED : EV_PEER_REFUSED,
                                .arg = s->stock ? PEER_STOCK : PEER_CHANNEL};
    else if (was == 1 + CALL_PREPARE)
        e.type = ok ? EV_PEER_RECOVERABLE : EV_PEER_UNRECOVERABLE;
    return host_step(w, s, SOURCE, e, m.crash, v);
}

static bool near_end(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    struct connection *c = &w->links[m.on];
    if (!c->cut || !c->near_end)
        return false;
    if (m.on == TO_SOURCE || (m.on == TO_DESTINATION && !s->p2p))
        return m.crash == NO_CRASH && client_waits_on(w, m.on) && client_notice(w, s, m.on);
    if (!w->daemons[SOURCE].up)
        return false;
    link_close(c);
    return host_step(w, s, SOURCE, (struct core_event){.type = EV_PEER_LOST}, m.crash, v);
}

static bool far_end(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    struct connection *c = &w->links[m.on];
    enum host h = link_serves(m.on);
    if (c->stale && host_takes_calls(w, h)) {
        c->stale = 0;
        return host_client_gone(w, s, h, m.crash, v);
    }
    if (!c->far_end || !(c->cut || (!c->near_end && !c->request)) || !host_takes_calls(w, h))
        return false;
    link_served(c);
    if (m.on == CHANNEL) /* it drives nothing */
        return m.crash == NO_CRASH;
    return host_client_gone(w, s, h, m.crash, v);
}

/* An operator settles what nobody can prove, and tells the truth: the other host's copy is gone. */
static bool is_true_word(const struct world *w, struct move m)
{
    const struct qemu *other = &w->qemus[m.on == SOURCE ? DESTINATION : SOURCE];
    bool gone = !other->alive && !w->daemons[m.on == SOURCE ? DESTINATION : SOURCE].up;
    const struct core *c = &w->daemons[m.on].core;
    bool doubted = c->out.state == OUT_DOUBT || c->out.state == OUT_BROKEN || c->out.state == OUT_RECOVERING ||
                   c->in.state == IN_LOADED || c->in.state == IN_BROKEN || c->in.state == IN_RECOVERING;
    return !doubted || m.which == EV_SETTLE_END || gone; /* elsewhere it is refused */
}

static bool operate(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    static const uint8_t refused[] = {EV_BEGIN,    EV_PERFORM, EV_PERFORM_P2P, EV_PREPARE,
                                      EV_START,    EV_RESET,   EV_SHUTDOWN};
    bool migrating = core_migrating(&w->daemons[m.on].core);
    if (memchr(refused, m.which, sizeof(refused)) && !migrating)
        return false; /* what they begin is not in the world */
    bool begins = m.which == EV_BEGIN || m.which == EV_PERFORM_P2P;
    if ((m.which == EV_PERFORM && w->daemons[m.on].core.out.state == OUT_BEGUN) ||
        (begins && w->daemons[m.on].core.out.state == OUT_UNDOING))
        return false; /* not another's; not a second migration */
    if (m.which == EV_PERFORM && w->daemons[m.on].core.out.client == CLIENT_RETURNS)
        return false; /* to come back is the client's (MOVE_RETURN) */
    if ((m.which == EV_SETTLE_RUN || m.which == EV_SETTLE_END) && !is_true_word(w, m))
        return false;
    if (!host_takes_calls(w, m.on) || !spend(w, &w->operations))
        return false;
    if (m.which == OPERATE_RESUME)
        return w->daemons[SOURCE].core.out.state == OUT_BROKEN && m.crash == NO_CRASH && client_resume(w, s);
    if (m.which == OPERATE_BREAK)
        return migrating && host_step(w, s, m.on, (struct core_event){EV_ABORT, ABORT_POSTCOPY, 0}, m.crash, v);
    if (m.which == EV_DESTROY || m.which == EV_SETTLE_END)
        w->daemons[m.on].destroyed = 1;
    if (m.which == EV_SUSPEND)
        w->happened |= HAPPENED_HALT;
    if (m.which == EV_SETTLE_RUN && m.on == SOURCE)
        w->happened |= HAPPENED_SETTLED;
    return host_step(w, s, m.on, (struct core_event){.type = m.which}, m.crash, v);
}

static bool start_postcopy(struct world *w, const struct scenario *s, struct move m,
                           struct verdict *v)
{
    if (!w->postcopy_left || !host_takes_calls(w, SOURCE) ||
        w->daemons[SOURCE].core.out.state == OUT_IDLE)
        return false;
    w->postcopy_left = 0;
    return host_step(w, s, SOURCE, (struct core_event){.type = EV_START_POSTCOPY}, m.crash, v);
}

static bool grace(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    return w->daemons[SOURCE].core.out.client == CLIENT_RETURNS && host_takes_calls(w, SOURCE) &&
           host_step(w, s, SOURCE, (struct core_event){.type = EV_CLIENT_GONE}, m.crash, v);
}

static bool cut_link(struct world *w, struct connection *c)
{
    if (!(c->near_end || c->far_end) || c->cut || !spend(w, &w->cuts))
        return false;
    link_cut(c);
    return true;
}

static bool oddity(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    uint8_t happened = w->happened;
    if (!spend(w, &w->oddities))
        return false;
    if (m.which == ODD_OVERTAKE || m.which == ODD_URGENT)
        w->happened = happened;
    if (m.which == ODD_IO_ERROR)
        w->happened |= HAPPENED_HALT;
    if (m.which == ODD_STALL)
        return peer_may_stall(&w->daemons[m.on].core) && host_takes_calls(w, m.on) && core_migrating(&w->daemons[m.on].core) &&
               host_step(w, s, m.on, peer_stalled(w, m.on), NO_CRASH, v);
    if (m.which == ODD_POWER_LOSS || m.which == ODD_TAIL_LOST)
        return host_lose_power(w, s, m.on, m.which == ODD_TAIL_LOST);
    if (m.which != ODD_SYNC_FAILS)
        return qemu_oddity(w, s, m.on, m.which);
    if (!w->daemons[m.on].syncing)
        return false;
    w->daemons[m.on].syncing--;
    return host_step(w, s, m.on, (struct core_event){.type = EV_SYNC_FAILED}, NO_CRASH, v);
}

static bool make(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    switch ((enum move_kind)m.kind) {
    case MOVE_COMMAND:
        return qemu_execute(w, s, m.on, v);
    case MOVE_QEMU:
        return qemu_go_on(w, s, m.on, m.which);
    case MOVE_NOTICE:
        return qemu_notice(w, s, m.on);
    case MOVE_REPORT:
        return host_take_report(w, s, m.on, m.crash, v);
    case MOVE_SYNCED:
        return synced(w, s, m, v);
    case MOVE_PEER:
        return peer_event(w, s, m, v);
    case MOVE_REQUEST:
        return request(w, s, m, v);
    case MOVE_REPLY:
        if (m.on == CHANNEL || (m.on == TO_DESTINATION && s->p2p))
            return peer_reply(w, s, m, v);
        return m.crash == NO_CRASH && client_take_reply(w, s, m.on);
    case MOVE_NEAR:
        return near_end(w, s, m, v);
    case MOVE_FAR:
        return far_end(w, s, m, v);
    case MOVE_RESTART:
        return host_restart(w, m.on);
    case MOVE_POSTCOPY:
        return start_postcopy(w, s, m, v);
    case MOVE_ASK:
        return peer_asks(w, s, m, v);
    case MOVE_PROOF:
        return peer_proves(w, s, m, v);
    case MOVE_RECOVER:
        return peer_recovers(w, s, m, v);
    case MOVE_RECOVERABLE:
        return peer_is_recoverable(w, s, m, v);
    case MOVE_AGAIN:
        return peer_asks_again(w, s, m, v);
    case MOVE_STALL:
        return peer_stalls(w, s, m, v);
    case MOVE_GRACE:
        return grace(w, s, m, v);
    case MOVE_RETURN:
        return client_return(w, s);
    case MOVE_OPERATE:
        return operate(w, s, m, v);
    case MOVE_CRASH:
        if (!w->daemons[m.on].up || (m.which && !w->qemus[m.on].commands[0]) ||
            !spend(w, &w->crashes))
            return false;
        host_crash(w, s, m.on, m.which);
        return true;
    case MOVE_CUT_LINK:
        return cut_link(w, &w->links[m.on]);
    case MOVE_CUT_STREAM:
        if (!w->stream.open || w->stream.cut || !spend(w, &w->cuts))
            return false;
        w->stream.cut = 1;
        return true;
    case MOVE_CUT_CHANNEL:
        if (!(w->asked || w->proof || w->recover || w->links[CHANNEL].near_end) || !spend(w, &w->cuts))
            return false;
        w->asked = w->proof = 0;
        if (w->links[CHANNEL].near_end)
            link_cut(&w->links[CHANNEL]);
        w->recover = w->recover ? RECOVER_CALL_NO : RECOVER_CALL_NONE;
        return true;
    case MOVE_KILL_QEMU:
        if (!w->qemus[m.on].alive || !spend(w, &w->deaths))
            return false;
        w->happened |= HAPPENED_DEATH;
        qemu_die(w, m.on);
        return true;
    case MOVE_KILL_CLIENT:
        if (w->client.step >= CLIENT_DONE || !spend(w, &w->cuts))
            return false;
        return client_die(w, s, m.which);
    case MOVE_ODDITY:
        return oddity(w, s, m, v);
    case MOVE_KINDS:
        break;
    }
    return false;
}

/* One more of its kind. */
static void grant(struct world *w, const struct move *m)
{
    uint8_t *budget = m->kind == MOVE_OPERATE ? &w->operations
                      : m->kind == MOVE_CRASH ? &w->crashes
                      : m->kind == MOVE_KILL_QEMU ? &w->deaths : &w->oddities;
    ++*budget;
    ++w->faults_left;
}

bool world_move(struct world *w, const struct scenario *s, struct move m, struct verdict *v)
{
    if (m.crash == BEYOND_BUDGET) {
        grant(w, &m);
        m.crash = NO_CRASH;
    }
    if (m.crash != NO_CRASH && !spend(w, &w->crashes))
        return false;
    if (!make(w, s, m, v))
        return false;
    client_go_on(w, s);
    if (!v->what)
        rules_check(w, s, v);
    world_forget(w, s);
    return true;
}
