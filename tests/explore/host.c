/* host.c - what the daemon does round core_step(): events in, actions carried out, death and return.
 *
 * The same contract as the daemon's: the new state is in the journal (which a killed daemon leaves
 * behind) before the first action of a step; the actions are carried out in their order; replies
 * and QEMU's events come back in the order in which QEMU gave them. A daemon that comes back asks
 * QEMU how it is, and tells the machine that as one event, BOOT, which stands for all that was
 * missed. Calls are taken only after it.
 */
#include "world.h"
#include "coverage.h"
#include "step_rules.h"
#include <string.h>

void (*host_trace)(enum host h, const struct core *before, struct core_event e,
                   const struct core *after, const struct core_actions *actions);

static void answer(struct connection *c, uint8_t result)
{
    if (!c->cut && c->near_end) {
        c->reply = (uint8_t)(1 + result);
        c->answers = c->waits;
    }
    c->waits = 0;
}

static void kill_qemu(struct world *w, enum host h)
{
    if (w->qemus[h].alive)
        qemu_die(w, h);
    else if (!memchr(w->qemus[h].reports, EV_QEMU_GONE + 1, REPORTS_MAX))
        qemu_say(w, h, EV_QEMU_GONE);
}

static void start_qemu(struct world *w, enum host h)
{
    qemu_start(w, h);
    qemu_say(w, h, EV_QEMU_STARTED);
}

/* ---- p2p: the source's connection to the other daemon ------------------------------------------ */

static void peer_connect(struct world *w)
{
    bool there = w->daemons[DESTINATION].up;
    if (there)
        link_open(&w->links[TO_DESTINATION]);
    w->daemons[SOURCE].peer_event = there ? EV_PEER_CONNECTED : EV_PEER_REFUSED;
}

/* Without a connection of its own it takes the channel, if there is one. */
static void peer_call(struct world *w, const struct scenario *s, enum core_event_type call, uint8_t argument)
{
    struct connection *c = &w->links[s->p2p && w->links[TO_DESTINATION].near_end ? TO_DESTINATION : CHANNEL];
    if (!c->near_end && !s->stock && w->daemons[DESTINATION].up)
        link_open(c);
    if (!c->near_end) {
        w->daemons[SOURCE].peer_event = EV_PEER_LOST;
    } else if (!c->cut) {
        c->request = (uint8_t)(1 + call);
        c->argument = argument;
    }
}

/* ---- actions ----------------------------------------------------------------------------------- */

/* It drives nothing: that the destination notices makes no difference once its call was taken. */
static void drop_channel_link(struct world *w)
{
    struct connection *c = &w->links[CHANNEL];
    if (c->request)
        link_close(c);
    else
        *c = (struct connection){0};
}

static void forget_channel(struct world *w)
{
    w->asking = w->asked = w->silent = w->proof = w->recover = w->ask_later = 0;
}

static void note_job(struct world *w, enum host h, const struct core_action *a, struct verdict *v)
{
    struct daemon_model *d = &w->daemons[h];
    bool begins = a->type == ACT_JOB_BEGIN;
    if (begins && d->job)
        rule_broken(v, "I5", "a job begins while another's accounts are open");
    if (!begins && !d->job)
        rule_broken(v, "I5", "a job ends twice");
    d->job = begins;
    d->drives = begins;
    if (h == SOURCE)
        forget_channel(w);
    if (h == DESTINATION && !begins && a->a == RESULT_OK)
        d->took = 1;
}

uint8_t host_prepare_flags(const struct scenario *s)
{
    return (uint8_t)((s->postcopy ? BEGIN_POSTCOPY : 0) | (s->stock ? 0 : PREPARE_CHANNEL) |
                     (s->p2p ? PREPARE_P2P : 0));
}

/* Over the p2p connection for a client, else over the channel. */
static void peer_recover(struct world *w, const struct scenario *s, bool by_hand)
{
    if (by_hand)
        peer_call(w, s, EV_PREPARE, BEGIN_RESUME);
    else
        w->recover = RECOVER_CALL_SENT;
}

/* With a guest that does not run goes why it does not. */
static uint8_t finish_argument(const struct outgoing *out)
{
    if (out->ran_before)
        return 0;
    return BEGIN_STAY_PAUSED | (out->reason_before == PAUSED_IOERROR ? FINISH_IO_ERROR : 0);
}

static void answer_call(struct world *w, enum host h, const struct core_action *a)
{
    if (a->a == CALL_PERFORM && h == SOURCE)
        w->daemons[h].finish = finish_argument(&w->daemons[h].core.out);
    for (int l = TO_SOURCE; l < LINKS; l++)
        if (link_serves((enum link)l) == h && w->links[l].waits == 1 + a->a)
            answer(&w->links[l], a->b);
}

static void carry_out(struct world *w, const struct scenario *s, enum host h,
                      const struct core_action *a, struct verdict *v)
{
    struct daemon_model *d = &w->daemons[h];
    rules_check_action(w, s, h, a, v);
    switch ((enum core_action_type)a->type) {
    case ACT_TELL:
        d->told = (uint8_t)(1 + a->c);
        d->told_detail = a->d;
        return;
    case ACT_ANSWER:
        answer_call(w, h, a);
        return;
    case ACT_REFUSE:
        for (int l = TO_SOURCE; l < LINKS; l++)
            if (link_serves((enum link)l) == h && w->links[l].request == 0xff) /* this step's call came from there */
                answer(&w->links[l], a->a);
        return;
    case ACT_START_QEMU:
        start_qemu(w, h);
        return;
    case ACT_KILL_QEMU:
        kill_qemu(w, h);
        return;
    case ACT_CONT:
        qemu_order(w, h, a->a ? COMMAND_CONT_HARD : COMMAND_CONT);
        return;
    case ACT_STOP:
        qemu_order(w, h, COMMAND_STOP);
        return;
    case ACT_POWERDOWN:
        qemu_order(w, h, COMMAND_POWERDOWN);
        return;
    case ACT_RESET:
        qemu_order(w, h, COMMAND_RESET);
        return;
    case ACT_CONFIGURE_SOURCE:
        qemu_order(w, h, COMMAND_CONFIGURE);
        return;
    case ACT_MIGRATE:
        qemu_order(w, h, COMMAND_MIGRATE);
        return;
    case ACT_START_POSTCOPY:
        qemu_order(w, h, COMMAND_START_POSTCOPY);
        return;
    case ACT_CONTINUE:
        qemu_order(w, h, COMMAND_CONTINUE);
        return;
    case ACT_CANCEL:
        qemu_order(w, h, a->a ? COMMAND_END_STREAM : COMMAND_CANCEL);
        return;
    case ACT_READ_STATS:
        qemu_order(w, h, COMMAND_READ_STATS);
        return;
    case ACT_ASK_QEMU:
        qemu_order(w, h, COMMAND_ASK);
        return;
    case ACT_LISTEN:
        qemu_order(w, h, COMMAND_LISTEN);
        return;
    case ACT_SYNC:
        d->syncing++;
        return;
    case ACT_PEER_CONNECT:
        peer_connect(w);
        return;
    case ACT_PEER_PREPARE:
        peer_call(w, s, EV_PREPARE,
                  (uint8_t)(host_prepare_flags(s) | (d->core.out.ran_before ? 0 : BEGIN_STAY_PAUSED)));
        return;
    case ACT_PEER_FINISH:
        w->happened |= a->a ? HAPPENED_BACK : 0;
        if (a->a)
            peer_call(w, s, EV_FINISH_CANCELLED, FINISH_OF_SOURCE);
        else
            peer_call(w, s, EV_FINISH, finish_argument(&d->core.out));
        return;
    case ACT_PEER_CLOSE:
        drop_channel_link(w);
        if (s->p2p)
            link_close(&w->links[TO_DESTINATION]);
        return;
    case ACT_JOB_BEGIN:
    case ACT_JOB_END:
        note_job(w, h, a, v);
        return;
    case ACT_ASK_PEER:
        w->asking = (uint8_t)(1 + a->a);
        w->asked = w->silent = w->proof = 0;
        return;
    case ACT_PROVE:
        d->took |= a->a == PROOF_TAKEN;
        if (w->asked)
            w->proof = (uint8_t)(1 + a->a);
        return;
    case ACT_ASK_LATER:
        w->ask_later = 1;
        return;
    case ACT_PAUSE_STREAM:
        qemu_order(w, h, COMMAND_PAUSE);
        return;
    case ACT_RECOVER:
        qemu_order(w, h, a->a ? COMMAND_RESUME : COMMAND_RECOVER);
        return;
    case ACT_RECOVER_LISTEN:
        qemu_order(w, h, COMMAND_RECOVER_LISTEN);
        return;
    case ACT_PEER_RECOVER:
        peer_recover(w, s, a->a);
        return;
    case ACT_PEER_RECOVERABLE:
        if (w->recover == RECOVER_CALL_TAKEN)
            w->recover = a->a ? RECOVER_CALL_YES : RECOVER_CALL_NO;
        return;
    case ACT_TAKE_IN:
    case ACT_INCIDENT:
    case ACT_COUNT:
        return;
    }
}

bool host_step(struct world *w, const struct scenario *s, enum host h, struct core_event e,
               uint8_t crash, struct verdict *v)
{
    struct daemon_model *d = &w->daemons[h];
    struct core before = d->core;
    struct core_actions actions;
    core_step(&d->core, e, &actions);
    coverage_note(&before, e.type, &d->core);
    const char *rule, *broken = step_rules_check(&before, e, &d->core, &actions, true, &rule);
    if (broken)
        rule_broken(v, rule, broken);
    if (host_trace)
        host_trace(h, &before, e, &d->core, &actions);
    if (crash != NO_CRASH && crash >= actions.count)
        return false;
    for (unsigned i = 0; i < actions.count && i != crash; i++)
        carry_out(w, s, h, &actions.list[i], v);
    if (crash != NO_CRASH)
        host_crash(w, s, h, false);
    return true;
}

/* Of the calls that are made for the guest's power the one that is answered next. */
static uint8_t power_call(const struct core *c)
{
    static const uint8_t calls[] = {CALL_REBOOT, CALL_SHUTDOWN, CALL_RESET};
    for (size_t i = 0; i < sizeof(calls); i++)
        if (core_waits(c, (enum core_call)calls[i]))
            return calls[i];
    return CALL_COUNT;
}

bool host_take_report(struct world *w, const struct scenario *s, enum host h, uint8_t crash,
                      struct verdict *v)
{
    struct daemon_model *d = &w->daemons[h];
    struct qemu *q = &w->qemus[h];
    if (!d->up || q->reports[0] == 0)
        return false;
    struct core_event e = {.type = (uint8_t)(q->reports[0] - 1)};
    memmove(q->reports, q->reports + 1, REPORTS_MAX - 1);
    q->reports[REPORTS_MAX - 1] = 0;
    if (e.type == EV_BOOT) {
        e.arg = q->boot_vcpus;
        e.arg2 = q->boot_status;
    } else if (e.type == EV_QEMU_SHUTDOWN) {
        e.arg = SHUTDOWN_GUEST;
        d->destroyed = 1;
    } else if (e.type == EV_POWER_DONE) {
        e.arg = power_call(&d->core);
    } else if (e.type == EV_QEMU_GONE && d->surveying) {
        e.arg = d->unpowered ? GONE_WITH_HOST : GONE_MEANWHILE;
        d->unpowered = 0;
    }
    if (e.type == EV_BOOT || e.type == EV_QEMU_GONE)
        d->surveying = q->boot_vcpus = q->boot_status = 0;
    return host_step(w, s, h, e, crash, v);
}

bool host_client_gone(struct world *w, const struct scenario *s, enum host h, uint8_t crash,
                      struct verdict *v)
{
    struct daemon_model *d = &w->daemons[h];
    bool drives = d->drives && core_migrating(&d->core);
    d->drives = 0;
    if (!drives)
        return crash == NO_CRASH;
    return host_step(w, s, h, (struct core_event){.type = EV_CLIENT_GONE}, crash, v);
}

void host_crash(struct world *w, const struct scenario *s, enum host h, bool lose_commands)
{
    struct daemon_model *d = &w->daemons[h];
    struct qemu *q = &w->qemus[h];
    if (lose_commands || d->surveying == 1) /* a dead daemon's survey is nobody's */
        memset(q->commands, 0, sizeof(q->commands));
    d->up = d->surveying = d->syncing = d->drives = d->peer_event = 0;
    d->told = d->told_detail = 0; /* clients that come again read the state anew */
    d->job = core_migrating(&d->core); /* as the daemon makes it out when it comes back */
    w->asked = w->proof = 0;           /* the channel is gone with either end */
    if (h == SOURCE)
        forget_channel(w);
    else if (w->recover)
        w->recover = RECOVER_CALL_NO;
    memset(d->core.waiting, 0, sizeof(d->core.waiting));
    memset(q->reports, 0, sizeof(q->reports));
    q->boot_vcpus = q->boot_status = 0;
    for (int l = TO_SOURCE; l < LINKS; l++) {
        struct connection *served = &w->links[l];
        if (link_serves((enum link)l) != h)
            continue;
        served->stale = 0;
        link_cut(served);
        link_served(served);
    }
    if (h == SOURCE)
        drop_channel_link(w);
    if (h == SOURCE && s->p2p)
        link_close(&w->links[TO_DESTINATION]);
}

/* What the journal holds for certain: of a source what it was before, of a destination the attempt from when it was synced
 * on. A release that is synced is nothing that a tail holds. */
static bool find_durable(const struct world *w, const struct scenario *s, enum host h, struct core *ret)
{
    const struct core *now = &w->daemons[h].core;
    struct core_actions actions;
    if (h == SOURCE) {
        struct world before;
        world_init(&before, s);
        *ret = before.daemons[SOURCE].core;
        memset(ret->waiting, 0, sizeof(ret->waiting));
        return true;
    }
    core_init(ret);
    if ((now->in.state == IN_IDLE && now->life.phase == LIFE_OFF) ||
        (now->in.state == IN_UNDOING && !w->daemons[h].syncing))
        return false;
    if (now->in.state != IN_STARTING || !w->daemons[h].syncing)
        core_step(ret, (struct core_event){.type = EV_PREPARE, .arg = host_prepare_flags(s)}, &actions);
    return true;
}

bool host_lose_power(struct world *w, const struct scenario *s, enum host h, bool tail_lost)
{
    struct daemon_model *d = &w->daemons[h];
    struct core durable = d->core;
    if (!d->up || (tail_lost && !find_durable(w, s, h, &durable)))
        return false;
    w->happened |= HAPPENED_DEATH;
    d->core = durable;
    if (w->qemus[h].alive)
        qemu_die(w, h);
    host_crash(w, s, h, true);
    d->unpowered = 1;
    return true;
}

bool host_restart(struct world *w, enum host h)
{
    struct daemon_model *d = &w->daemons[h];
    if (d->up)
        return false;
    d->up = 1;
    if (w->qemus[h].alive) {
        d->surveying = 1;
        qemu_order(w, h, COMMAND_SURVEY);
    } else if (d->core.life.phase != LIFE_OFF || core_migrating(&d->core)) {
        d->surveying = 2; /* calls wait for this news, too */
        qemu_say(w, h, EV_QEMU_GONE);
        return true;
    }
    d->unpowered = 0;
    return true;
}

bool host_takes_calls(const struct world *w, enum host h)
{
    return w->daemons[h].up && !w->daemons[h].surveying;
}
