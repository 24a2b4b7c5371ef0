#include "step_rules.h"
#include <stddef.h>
#include <string.h>

/* One step. */
struct view {
    const struct core *before, *after;
    struct core_event event;
    const struct core_actions *actions;
    int call; /* that the event is, or -1 */
};

static unsigned count_of(const struct view *v, enum core_action_type type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->actions->count; i++)
        n += v->actions->list[i].type == type;
    return n;
}

static unsigned answers_to(const struct view *v, int call)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->actions->count; i++)
        n += v->actions->list[i].type == ACT_ANSWER && v->actions->list[i].a == call;
    return n;
}

/* ---- I1, I2: the source's run ------------------------------------------------------------------ */

/* The destination has the right to run the guest, or may have. */
static bool is_given_away(const struct outgoing *o)
{
    return o->state == OUT_POSTCOPY || o->state == OUT_BROKEN || o->state == OUT_POSTCOPY_DONE ||
           o->state == OUT_RECOVERING || o->state == OUT_CONCLUDING;
}

static const char *check_source_run(const struct view *v)
{
    const struct outgoing *o = &v->before->out;
    if (!is_given_away(o) || !count_of(v, ACT_CONT))
        return NULL;
    if (v->event.type == EV_PROOF_RELEASED || v->event.type == EV_SETTLE_RUN)
        return NULL;
    return "the source is let run again after post-copy was active";
}

static const char *check_cancel(const struct view *v)
{
    const struct outgoing *o = &v->before->out;
    bool may_be_postcopy = o->postcopy_sent && (!o->pause_before || o->continued);
    bool again = o->state == OUT_CANCELLING; /* the first one may have been lost */
    if (count_of(v, ACT_CANCEL) && !again && (is_given_away(o) || may_be_postcopy))
        return "the migration is cancelled although post-copy may be active";
    return NULL;
}

/* ---- I1: the destination's ---------------------------------------------------------------------- */

static const char *check_destination_run(const struct view *v)
{
    if (v->before->in.state == IN_IDLE || !count_of(v, ACT_CONT))
        return NULL;
    if (v->before->in.state < IN_LOADED && v->after->in.state != IN_RESUMING)
        return "the destination is let run before the guest is there";
    if (v->before->in.state == IN_UNDOING)
        return "the destination is let run after it was given up";
    return NULL;
}

/* ---- I3: no copy is ended that is needed --------------------------------------------------------- */

/* A user, an operator or the guest itself wants its end; the last is a repetition. */
static bool is_wanted_end(const struct view *v)
{
    return v->event.type == EV_DESTROY || v->event.type == EV_QEMU_SHUTDOWN || v->event.type == EV_SETTLE_END ||
           v->before->life.phase == LIFE_ENDING || v->before->life.state == CORE_SHUTDOWN;
}

static const char *check_kill(const struct view *v)
{
    if (!count_of(v, ACT_KILL_QEMU) || is_wanted_end(v))
        return NULL;
    const struct outgoing *o = &v->before->out;
    if (o->state != OUT_IDLE && !v->after->out.confirmed && o->state != OUT_CONCLUDING)
        return "the source's QEMU is ended and nobody has said that the destination has the guest";
    const struct incoming *in = &v->before->in;
    if (in->taken)
        return "the destination's QEMU is ended although the guest has run there";
    return NULL;
}

/* A last page that may be on its way is waited for: its stream is not broken for silence. */
static const char *check_pause(const struct view *v)
{
    bool last = v->before->in.state != IN_IDLE ||
                (v->before->out.state == OUT_POSTCOPY && v->event.arg & STALLED_ALL_SENT);
    if (v->event.type == EV_STALLED && last && count_of(v, ACT_PAUSE_STREAM))
        return "a stream is broken for silence that may have its last page on the way";
    return NULL;
}

/* ---- I4: truth ---------------------------------------------------------------------------------- */

/* Is this the event for that state? */
static bool is_event_of(const struct core_action *a)
{
    enum core_reason reason = (enum core_reason)a->b;
    switch ((enum core_state)a->a) {
    case CORE_RUNNING:
        if (a->c == TOLD_STARTED)
            return reason == RUNNING_BOOTED;
        if (a->c != TOLD_RESUMED)
            return false;
        return (a->d == RESUMED_POSTCOPY) == (reason == RUNNING_POSTCOPY) &&
               (a->d == RESUMED_POSTCOPY_FAILED) == (reason == RUNNING_POSTCOPY_FAILED);
    case CORE_PAUSED:
        if (a->c == TOLD_STARTED)
            return true;
        if (a->c != TOLD_SUSPENDED)
            return false;
        return (a->d == SUSPENDED_POSTCOPY) == (reason == PAUSED_POSTCOPY) &&
               (a->d == SUSPENDED_POSTCOPY_FAILED) == (reason == PAUSED_POSTCOPY_FAILED) &&
               (a->d == SUSPENDED_MIGRATED) == (reason == PAUSED_MIGRATION) &&
               (a->d == SUSPENDED_IOERROR) == (reason == PAUSED_IOERROR);
    case CORE_SHUTDOWN:
        return a->c == TOLD_SHUTDOWN;
    case CORE_SHUTOFF:
        return a->c == TOLD_STOPPED;
    }
    return false;
}

/* What nobody has been told of yet, and what is gone again before anybody was. */
static bool is_untold(const struct life *l)
{
    return l->state == CORE_SHUTOFF || (l->state == CORE_PAUSED && l->reason == PAUSED_STARTING_UP);
}

static const char *check_told(const struct view *v)
{
    const struct core_action *last = NULL;
    const struct life *is = &v->after->life;
    for (unsigned i = 0; i < v->actions->count; i++)
        if (v->actions->list[i].type == ACT_TELL)
            last = &v->actions->list[i];
    if (last && (last->a != is->state || last->b != is->reason))
        return "what is told last is not what a client reads";
    return NULL;
}

static const char *check_details(const struct view *v)
{
    for (unsigned i = 0; i < v->actions->count; i++)
        if (v->actions->list[i].type == ACT_TELL && !is_event_of(&v->actions->list[i]))
            return "an event is told that is not the state's";
    return NULL;
}

static const char *check_untold(const struct view *v)
{
    const struct life *was = &v->before->life, *is = &v->after->life;
    if (count_of(v, ACT_TELL))
        return NULL;
    if ((was->state != is->state || was->reason != is->reason) && !(is_untold(was) && is_untold(is)))
        return "what a client reads changes, and no event tells it";
    return NULL;
}

/* A power cycle of a client's is no stop, nor is one that `cont` takes back before it was told. */
static const char *check_runs(const struct view *v)
{
    const struct life *l = &v->after->life;
    if (v->after->out.state == OUT_RETURNING)
        return NULL;
    if (l->phase == LIFE_UP && l->state == CORE_RUNNING && !l->vcpus && !l->rebooting)
        return "QEMU has said that the guest stands still, and a client reads that it runs";
    return NULL;
}

/* ---- I5: accounts -------------------------------------------------------------------------------- */

static const char *check_job(const struct view *v)
{
    unsigned begins = count_of(v, ACT_JOB_BEGIN), ends = count_of(v, ACT_JOB_END);
    if (begins > 1 || ends > 1 || begins + core_migrating(v->before) != ends + core_migrating(v->after))
        return "a job's accounts are not opened and closed with it";
    return NULL;
}

/* ---- I6: calls ----------------------------------------------------------------------------------- */

static const char *check_answers(const struct view *v)
{
    unsigned refusals = count_of(v, ACT_REFUSE);
    if (!refusals && v->call < 0 && !count_of(v, ACT_ANSWER) &&
        memcmp(v->before->waiting, v->after->waiting, sizeof(v->after->waiting)) == 0)
        return NULL; /* the most of all steps */
    if (refusals > 1 || (refusals && v->call < 0))
        return "a call is refused twice, or one that nobody made";
    for (int c = 0; c < CALL_COUNT; c++) {
        bool waited = core_waits(v->before, (enum core_call)c) || (c == v->call && !refusals);
        unsigned answers = answers_to(v, c);
        if (answers > waited)
            return "an answer is given that nobody waits for";
        if (answers + core_waits(v->after, (enum core_call)c) != waited)
            return "a call is forgotten";
    }
    for (unsigned i = 0; i < v->actions->count; i++)
        if (v->actions->list[i].type == ACT_REFUSE && v->actions->list[i].a == RESULT_OK)
            return "a call is refused with success";
    return NULL;
}

static bool says_broken(const struct view *v)
{
    for (unsigned i = 0; i < v->actions->count; i++)
        if (v->actions->list[i].type == ACT_ANSWER && v->actions->list[i].a == CALL_ABORT &&
            v->actions->list[i].b == RESULT_OK)
            return v->after->out.state == OUT_BROKEN;
    return false;
}

/* What was broken on purpose only a client takes up. */
static const char *check_held(const struct view *v)
{
    const struct outgoing *o = &v->before->out, *is = &v->after->out;
    const struct incoming *i = &v->before->in;
    if (says_broken(v) && !is->paused && !is->itself && is->recovery != RECOVERY_HUNG)
        return "it is said that the stream is broken on purpose, and QEMU does not know";
    bool resumes = count_of(v, ACT_RECOVER) || count_of(v, ACT_PEER_RECOVER);
    if (o->held && v->after->out.held && resumes && !o->resuming)
        return "the source resumes what was broken on purpose";
    if (i->held && !i->peer_waits && v->after->in.held && count_of(v, ACT_RECOVER_LISTEN))
        return "the destination waits to be resumed although it was broken on purpose";
    return NULL;
}

/* QEMU resumes only what it knows to be broken. */
static const char *check_resumed(const struct view *v)
{
    const struct outgoing *o = &v->after->out;
    if (count_of(v, ACT_RECOVER) && !o->paused)
        return "QEMU is told to resume what it does not know to be broken";
    if (o->state == OUT_RECOVERING && o->recovery == RECOVERY_PAUSING && o->paused)
        return "what QEMU has paused is not resumed";
    return NULL;
}

/* ---- I7: durability ------------------------------------------------------------------------------ */

static const char *check_durable(const struct view *v)
{
    for (unsigned i = 0; i < v->actions->count; i++) {
        const struct core_action *a = &v->actions->list[i];
        bool prepared = a->type == ACT_ANSWER && a->a == CALL_PREPARE && a->b == RESULT_OK &&
                        v->before->in.state <= IN_PREPARED; /* or it is one that resumes */
        bool released = a->type == ACT_PROVE && a->a == PROOF_RELEASED;
        if ((prepared || released) && v->after->in.syncs)
            return prepared ? "Prepare is answered before the attempt is durable"
                            : "a release is proved before it is durable";
    }
    return NULL;
}

/* ---- the machines themselves ---------------------------------------------------------------------- */

static const char *check_state(const struct view *v)
{
    const struct core *c = v->after;
    if (c->life.phase >= LIFE_COUNT || c->out.state >= OUT_COUNT || c->in.state >= IN_COUNT ||
        c->out.outcome >= RESULT_COUNT || c->in.outcome >= RESULT_COUNT)
        return "a state that does not exist";
    if (c->out.state != OUT_IDLE && c->in.state != IN_IDLE)
        return "both migration machines are under way";
    if ((c->life.phase == LIFE_OFF) != (c->life.state == CORE_SHUTOFF) && c->life.phase == LIFE_OFF)
        return "there is no QEMU, and a client reads that there is a guest";
    return NULL;
}

/* QEMU is ordered something while there is one whose monitor answers. */
static const char *check_orders(const struct view *v)
{
    static const bool of_monitor[ACT_COUNT] = {
        [ACT_CONT] = true,     [ACT_STOP] = true,          [ACT_POWERDOWN] = true,        [ACT_RESET] = true,
        [ACT_CONFIGURE_SOURCE] = true, [ACT_MIGRATE] = true, [ACT_START_POSTCOPY] = true, [ACT_CONTINUE] = true,
        [ACT_CANCEL] = true,   [ACT_READ_STATS] = true,    [ACT_ASK_QEMU] = true,         [ACT_LISTEN] = true,
        [ACT_PAUSE_STREAM] = true, [ACT_RECOVER] = true,   [ACT_RECOVER_LISTEN] = true,
    };
    for (unsigned i = 0; i < v->actions->count; i++)
        if (of_monitor[v->actions->list[i].type] && v->after->life.phase == LIFE_OFF)
            return "a QEMU is ordered something that is not there";
    if (count_of(v, ACT_START_QEMU) && v->before->life.phase != LIFE_OFF)
        return "a second QEMU is started";
    return NULL;
}

const char *step_rules_check(const struct core *before, struct core_event event, const struct core *after,
                             const struct core_actions *actions, bool honest, const char **ret_rule)
{
    static const struct {
        const char *rule;
        const char *(*check)(const struct view *);
        bool needs_honesty;
    } rules[] = {
        {"I6", check_answers, false},         {"I2", check_source_run, false}, {"I2", check_cancel, false},
        {"I1", check_destination_run, false}, {"I3", check_kill, false},       {"I3", check_pause, false},
        {"I4", check_told, false},            {"I4", check_details, true},
        {"I4", check_untold, true},           {"I4", check_runs, true},        {"I5", check_job, false},
        {"I7", check_durable, false},         {"I6", check_state, false},
        {"I6", check_held, false},            {"I6", check_resumed, true},   {"I3", check_orders, false},
    };
    struct view v = {before, after, event, actions, core_call_of((enum core_event_type)event.type)};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *broken = rules[i].needs_honesty && !honest ? NULL : rules[i].check(&v);
        if (broken) {
            *ret_rule = rules[i].rule;
            return broken;
        }
    }
    return NULL;
}
