/* rules.c - the invariants, as code.
 *
 * I1 one runner; I2 one way; I3 nothing lost; I4 truth; I5 whole accounts; I6 it ends. I7, that a
 * daemon may be killed at any instant, is in the moves: every rule holds with crashes among them.
 */
#include "world.h"
#include <string.h>

void rule_broken(struct verdict *v, const char *rule, const char *what)
{
    if (!v->what)
        *v = (struct verdict){rule, what};
}

/* ---- in every world ---------------------------------------------------------------------------- */

/* QEMU restarted the source by itself, and the news, or the order to stop it, is on its way. */
static bool about_to_be_stopped(const struct world *w)
{
    const struct qemu *q = &w->qemus[SOURCE];
    const struct daemon_model *d = &w->daemons[SOURCE];
    return q->itself && (!d->up || d->surveying ||
                         memchr(q->reports, EV_QEMU_RESUMED + 1, REPORTS_MAX) ||
                         memchr(q->commands, COMMAND_STOP, COMMANDS_MAX));
}

static void check_runners(const struct world *w, struct verdict *v)
{
    const struct qemu *s = &w->qemus[SOURCE], *d = &w->qemus[DESTINATION];
    if (!s->vcpus || !d->ran || about_to_be_stopped(w))
        return;
    if (d->vcpus)
        rule_broken(v, "I1", "the guest runs on both hosts");
    else if (!(w->happened & HAPPENED_SETTLED))
        rule_broken(v, "I2", "the source runs after the destination has run");
}

/* What a client reads agrees with the last event that it got. */
static void check_told(const struct daemon_model *d, struct verdict *v)
{
    if (!d->told)
        return;
    bool agrees = false;
    enum core_told told = (enum core_told)(d->told - 1);
    switch ((enum core_state)d->core.life.state) {
    case CORE_RUNNING:
        agrees = told == TOLD_RESUMED || told == TOLD_STARTED;
        break;
    case CORE_PAUSED:
        agrees = told == TOLD_SUSPENDED || told == TOLD_STARTED;
        break;
    case CORE_SHUTDOWN:
        agrees = told == TOLD_SHUTDOWN;
        break;
    case CORE_SHUTOFF:
        agrees = told == TOLD_STOPPED;
        break;
    }
    if (!agrees)
        rule_broken(v, "I4", "the state that a client reads is not the one it was told of");
}

/* From postcopy-active on a source that stands still says so: what was told at STOP is corrected. */
static void check_corrected(const struct world *w, struct verdict *v)
{
    const struct core *c = &w->daemons[SOURCE].core;
    if (c->out.state == OUT_POSTCOPY && c->life.state == CORE_PAUSED &&
        c->life.reason != PAUSED_POSTCOPY && !c->life.vcpus)
        rule_broken(v, "I4", "post-copy is active and the reason that a client reads is another");
}

void rules_check(const struct world *w, const struct scenario *s, struct verdict *v)
{
    (void)s;
    check_runners(w, v);
    check_corrected(w, v);
    check_told(&w->daemons[SOURCE], v);
    check_told(&w->daemons[DESTINATION], v);
}

/* ---- at an action ------------------------------------------------------------------------------ */

/* The source's QEMU still holds all of the guest, and nothing newer is elsewhere. */
static bool source_is_intact(const struct world *w)
{
    const struct qemu *s = &w->qemus[SOURCE];
    bool given_away = s->switch_pc && s->phase >= PHASE_SWITCHING && s->phase <= PHASE_PC_PAUSED;
    return s->alive && !w->qemus[DESTINATION].ran && !given_away;
}

/* The source asked for it, and lost its own QEMU before it had the answer. */
static bool is_wanted_back(const struct world *w)
{
    return w->daemons[DESTINATION].core.in.asked;
}

static void check_kill(const struct world *w, enum host h, struct verdict *v)
{
    const struct qemu *q = &w->qemus[h], *d = &w->qemus[DESTINATION];
    const struct daemon_model *m = &w->daemons[h];
    if (m->destroyed || !q->alive)
        return;
    if (h == SOURCE) {
        if (!w->daemons[DESTINATION].took && !(d->postcopy && d->whole))
            rule_broken(v, "I3", "the source's QEMU is ended while the destination has not all");
    } else if (m->took || d->ran) {
        rule_broken(v, "I3", "the destination's QEMU is ended although the guest has run there");
    } else if ((d->whole || d->postcopy) && !source_is_intact(w) && !is_wanted_back(w) &&
               !w->daemons[SOURCE].destroyed && !(w->happened & HAPPENED_BACK)) {
        rule_broken(v, "I3", "the destination's QEMU is ended although it is the only copy");
    }
}

/* Which event may follow which, on one host, within what the explorer plays. */
static bool may_follow(enum core_told before, uint8_t before_detail, enum core_told now,
                       uint8_t detail)
{
    switch (now) {
    case TOLD_STARTED:
        return before == TOLD_STOPPED;
    case TOLD_SUSPENDED: /* a correction has another detail */
        return before != TOLD_STOPPED && (before != TOLD_SUSPENDED || before_detail != detail);
    case TOLD_RESUMED:
        return before != TOLD_STOPPED && (before != TOLD_RESUMED || before_detail != detail);
    case TOLD_STOPPED:
        return before != TOLD_STOPPED;
    case TOLD_SHUTDOWN:
        return before != TOLD_STOPPED && before != TOLD_SHUTDOWN;
    }
    return false;
}

static void check_tell(const struct world *w, enum host h, const struct core_action *a,
                       struct verdict *v)
{
    const struct daemon_model *d = &w->daemons[h];
    if (d->told &&
        !may_follow((enum core_told)(d->told - 1), d->told_detail, (enum core_told)a->c, a->d))
        rule_broken(v, "I4", "an event is told that can't follow the last one");
}

/* What another host relies on is true, and on the disk, before it is said. */
static void check_durable(const struct world *w, enum host h, const struct core_action *a,
                          struct verdict *v)
{
    if (a->type == ACT_PROVE && a->a == PROOF_RELEASED &&
        memchr(w->qemus[h].reports, EV_QEMU_GONE + 1, REPORTS_MAX))
        rule_broken(v, "I3", "a release is proved before the process is known to be gone");
    if (!w->daemons[h].syncing)
        return;
    if (a->type == ACT_ANSWER && a->a == CALL_PREPARE && a->b == RESULT_OK)
        rule_broken(v, "I7", "Prepare is answered before the attempt is durable");
    if (a->type == ACT_PROVE && a->a == PROOF_RELEASED)
        rule_broken(v, "I7", "a release is proved before it is durable");
}

void rules_check_action(const struct world *w, const struct scenario *s, enum host h,
                        const struct core_action *a, struct verdict *v)
{
    const struct qemu *q = &w->qemus[h];
    (void)s;
    check_durable(w, h, a, v);
    bool known = q->status == EV_MIG_COMPLETED && !memchr(q->reports, EV_MIG_COMPLETED + 1, REPORTS_MAX);
    bool owed = w->happened ? known && q->stats_read == STATS_UNREAD : q->stats_read != STATS_FINAL;
    if (a->type == ACT_KILL_QEMU && h == SOURCE && owed && !w->daemons[h].destroyed)
        rule_broken(v, "I5", "QEMU is ended before its statistics were read");
    if (a->type == ACT_KILL_QEMU)
        check_kill(w, h, v);
    else if (a->type == ACT_TELL)
        check_tell(w, h, a, v);
    else if (a->type == ACT_JOB_END && a->a == RESULT_OK && h == SOURCE && q->alive)
        rule_broken(v, "I5", "the job ended well although QEMU still lives");
}

/* ---- in an end --------------------------------------------------------------------------------- */

static void check_calls(const struct world *w, struct verdict *v)
{
    if (w->client.step < CLIENT_DONE)
        rule_broken(v, "I6", "the client's call is never answered");
    for (int h = 0; h < HOSTS; h++)
        if (w->daemons[h].core.waiting[0] || w->daemons[h].core.waiting[1])
            rule_broken(v, "I6", "a call is never answered");
}

/* All of the guest is at the destination, never ran, and the source has lost it: for an operator. */
static bool is_last_copy(const struct world *w)
{
    return w->daemons[DESTINATION].core.in.state == IN_LOADED && !w->qemus[SOURCE].alive;
}

static void check_rest(const struct world *w, enum host h, struct verdict *v)
{
    const struct daemon_model *d = &w->daemons[h];
    const struct qemu *q = &w->qemus[h];
    const struct life *l = &d->core.life;
    if (l->phase == LIFE_STARTING || l->phase == LIFE_ENDING)
        rule_broken(v, "I6", "a start or an end of QEMU never comes to its end");
    if ((l->phase == LIFE_UP) != q->alive)
        rule_broken(v, "I4", "the daemon is wrong about whether there is a QEMU");
    if (l->phase == LIFE_UP && (l->state == CORE_RUNNING) != q->vcpus)
        rule_broken(v, "I4", "a client reads that the guest runs and it does not, or the reverse");
    bool idle = !core_migrating(&d->core);
    if (idle == d->job)
        rule_broken(v, "I5", "a job's accounts are open without the job, or the reverse");
    if (h == SOURCE ? d->core.out.state != OUT_IDLE && d->core.out.state != OUT_BROKEN &&
                          d->core.out.state != OUT_DOUBT
                    : d->core.in.state != IN_IDLE && d->core.in.state != IN_BROKEN &&
                          d->core.in.state != IN_RECOVERING && !is_last_copy(w))
        rule_broken(v, "I6", "a migration never ends");
}

/* What the two daemons can mend they do, unless somebody wanted it broken. */
static void check_mended(const struct world *w, const struct scenario *s, struct verdict *v)
{
    const struct core *here = &w->daemons[SOURCE].core, *there = &w->daemons[DESTINATION].core;
    const struct qemu *a = &w->qemus[SOURCE], *b = &w->qemus[DESTINATION];
    bool wanted = here->out.held || there->in.held || here->out.resuming || s->stock;
    if (!wanted && (a->phase == PHASE_PC_PAUSED || a->phase == PHASE_PC_GIVEN) &&
        (b->phase == PHASE_LOST_PC || b->phase == PHASE_LISTENING_PC || b->phase == PHASE_RECOVERING_PC))
        rule_broken(v, "I6", "a post-copy that can be resumed is left broken");
    bool knows = there->in.verdict != 1 + PROOF_LOST; /* or else its journal lost that it took it, and the guest is gone */
    if (!s->stock && here->out.state == OUT_BROKEN && w->daemons[DESTINATION].took && there->in.state == IN_IDLE && knows)
        rule_broken(v, "I6", "the source waits for a destination that has the guest");
}

static void check_guest(const struct world *w, const struct scenario *s, struct verdict *v)
{
    const struct qemu *a = &w->qemus[SOURCE], *b = &w->qemus[DESTINATION];
    const struct core *here = &w->daemons[SOURCE].core, *there = &w->daemons[DESTINATION].core;
    bool runs = a->vcpus || b->vcpus;
    if (a->alive && b->alive && here->out.state == OUT_IDLE && there->in.state == IN_IDLE)
        rule_broken(v, "I1", "both hosts keep a guest of their own");
    if (!w->happened) {
        bool moved = here->life.state == CORE_SHUTOFF && here->life.reason == SHUTOFF_MIGRATED &&
                     b->alive && b->vcpus == !s->paused_before && !w->client.failed;
        if (!moved)
            rule_broken(v, "I6", "nothing went wrong, and the guest was not moved");
    }
    if (runs || w->daemons[SOURCE].destroyed || w->daemons[DESTINATION].destroyed ||
        (w->happened & HAPPENED_DEATH))
        return;
    const struct life *l = a->alive ? &here->life : &there->life;
    if (!a->alive && !b->alive)
        rule_broken(v, "I3", "the guest is gone, and nothing had died");
    else if (l->state != CORE_PAUSED ||
             (l->reason == REASON_UNKNOWN && !(w->happened & HAPPENED_HALT)))
        rule_broken(v, "I3", "the guest stands still without a reason");
    else if (l->reason == PAUSED_MIGRATION && here->out.state == OUT_IDLE)
        rule_broken(v, "I3", "the guest stands still for a migration that is over");
}

void rules_check_end(const struct world *w, const struct scenario *s, struct verdict *v)
{
    check_calls(w, v);
    check_rest(w, SOURCE, v);
    check_rest(w, DESTINATION, v);
    check_guest(w, s, v);
    check_mended(w, s, v);
}

const char *rules_name_end(const struct world *w)
{
    const struct core *here = &w->daemons[SOURCE].core;
    const struct qemu *a = &w->qemus[SOURCE], *b = &w->qemus[DESTINATION];
    if (here->out.state == OUT_DOUBT)
        return "in doubt, paused on the source";
    if (here->out.state == OUT_BROKEN || w->daemons[DESTINATION].core.in.state == IN_BROKEN)
        return "broken in post-copy, kept on both ends";
    if (!a->alive && b->alive)
        return "moved";
    if (a->alive)
        return "undone: on the source as before";
    return "gone: killed, destroyed or powered off";
}
