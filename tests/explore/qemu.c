/* qemu.c - QEMU as its migration looks from the monitor, both ends, 7.2 and 10.
 *
 * The order of its events, what it does at a cut, how it takes a cancel: as measured. Between two
 * of its steps anything else may happen, also where the real one has a lock; so this model does
 * more than QEMU, never less.
 */
#include "qemu.h"
#include <string.h>

void qemu_start(struct world *w, enum host h)
{
    w->qemus[h] = (struct qemu){.alive = 1, .status = EV_MIG_NONE};
}

void qemu_order(struct world *w, enum host h, enum command c)
{
    struct qemu *q = &w->qemus[h];
    if (!q->alive)
        return;
    for (unsigned i = 0; i < COMMANDS_MAX; i++) {
        if (q->commands[i] == COMMAND_NONE) {
            q->commands[i] = (uint8_t)c;
            return;
        }
    }
    __builtin_trap(); /* COMMANDS_MAX is too small for what the machines do */
}

void qemu_say(struct world *w, enum host h, enum core_event_type report)
{
    struct qemu *q = &w->qemus[h];
    const struct daemon_model *d = &w->daemons[h];
    if (!d->up)
        return; /* nobody is connected */
    if (d->surveying == 1 && report != EV_BOOT && report != EV_QEMU_GONE)
        return; /* the survey will stand for it */
    for (unsigned i = 0; i < REPORTS_MAX; i++) {
        if (q->reports[i] == 0) {
            q->reports[i] = (uint8_t)(report + 1);
            return;
        }
    }
    __builtin_trap();
}

void qemu_say_status(struct world *w, enum host h, enum core_event_type status)
{
    w->qemus[h].status = (uint8_t)status;
    qemu_say(w, h, status);
}

void qemu_run(struct world *w, enum host h)
{
    struct qemu *q = &w->qemus[h];
    if (q->vcpus)
        return;
    q->vcpus = 1;
    if (h == DESTINATION)
        q->ran = 1;
    qemu_say(w, h, EV_QEMU_RESUMED);
}

void qemu_halt(struct world *w, enum host h)
{
    struct qemu *q = &w->qemus[h];
    if (!q->vcpus)
        return;
    q->vcpus = 0;
    q->itself = 0;
    qemu_say(w, h, EV_QEMU_STOPPED);
}

/* Its end of the stream closes. */
void qemu_hang_up(struct world *w)
{
    if (w->stream.open)
        w->stream.cut = 1;
}

void qemu_die(struct world *w, enum host h)
{
    struct qemu *q = &w->qemus[h];
    struct qemu last = *q;
    *q = (struct qemu){.status = EV_MIG_NONE,
                       .ran = last.ran,
                       .whole = last.whole,
                       .postcopy = h == DESTINATION && last.postcopy,
                       .boot_vcpus = last.boot_vcpus,
                       .boot_status = last.boot_status};
    if (last.reports[0] != EV_QEMU_STARTED + 1) /* or else its monitor never came to answer */
        memcpy(q->reports, last.reports, sizeof(q->reports)); /* its last words */
    qemu_hang_up(w);
    qemu_say(w, h, EV_QEMU_GONE);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* The run state in which `cont` is refused: finish-migrate. */
static bool in_switchover(const struct qemu *q)
{
    return q->phase >= PHASE_STOPPED && q->phase <= PHASE_PC_PAUSED;
}

static void cont(struct world *w, enum host h, struct verdict *v)
{
    struct qemu *q = &w->qemus[h];
    if (h == SOURCE && in_switchover(q) && w->daemons[h].up && w->daemons[h].core.out.state == OUT_IDLE)
        rule_broken(v, "I3", "the guest is its user's again, and QEMU refuses to let it run");
    if (h == DESTINATION && q->phase >= PHASE_LISTENING && q->phase <= PHASE_LOADING_PC) {
        q->autostart = 1;
    } else if (in_switchover(q) || (q->phase >= PHASE_CANCELLING && q->phase <= PHASE_GIVING_BACK && q->was_running) || q->powered_off) {
        qemu_say(w, h, EV_CONT_REFUSED);
        return;
    } else {
        qemu_run(w, h);
    }
    qemu_say(w, h, EV_CONT_DONE);
}

static void migrate(struct world *w)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (q->phase != PHASE_NONE && q->phase != PHASE_OVER) {
        qemu_say(w, SOURCE, EV_MIGRATE_REFUSED);
        return;
    }
    q->phase = PHASE_SETUP;
    q->postcopy = q->switch_pc = q->was_running = 0;
    qemu_say_status(w, SOURCE, EV_MIG_SETUP);
    qemu_say(w, SOURCE, EV_MIGRATE_ACCEPTED);
}

static void continue_switch(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (q->phase != PHASE_WAITING) {
        qemu_say(w, SOURCE, EV_CONTINUE_REFUSED);
        return;
    }
    q->phase = PHASE_SWITCHING;
    qemu_say_status(w, SOURCE, !q->switch_pc || s->qemu10 ? EV_MIG_DEVICE : EV_MIG_POSTCOPY_ACTIVE);
}

static void cancel(struct world *w, const struct scenario *s, struct verdict *v)
{
    struct qemu *q = &w->qemus[SOURCE];
    bool postcopy = (q->switch_pc && q->phase >= PHASE_SWITCHING && q->phase <= PHASE_PC_PAUSED) ||
                    q->phase == PHASE_PC_FIRST;
    if (postcopy) {
        rule_broken(v, "I2", "migrate_cancel reached a QEMU in post-copy");
        return;
    }
    if (s->qemu10 && q->status == EV_MIG_POSTCOPY_ACTIVE) {
        qemu_say(w, SOURCE, EV_CANCEL_REFUSED);
        return;
    }
    if (q->phase < PHASE_SETUP || q->phase > PHASE_PC_PAUSED)
        return; /* too late, or too early: accepted without effect */
    if (!s->qemu10 && q->phase >= (s->pause_before ? PHASE_SWITCHING : PHASE_STOPPED))
        rule_broken(v, "I3", "migrate_cancel reached a QEMU 7.2 that hands the disks over");
    if (q->phase != PHASE_STUCK)
        q->phase = PHASE_CANCELLING;
    qemu_say_status(w, SOURCE, EV_MIG_CANCELLING);
}

/* Both say `setup`; asked, 7.2 knows of none before the stream comes. */
static void listen_for(struct world *w, const struct scenario *s)
{
    w->qemus[DESTINATION].phase = PHASE_LISTENING;
    if (s->qemu10)
        w->qemus[DESTINATION].status = EV_MIG_SETUP;
    qemu_say(w, DESTINATION, EV_MIG_SETUP);
    qemu_say(w, DESTINATION, EV_LISTENING);
}

static void start_postcopy(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE];
    bool known = q->phase != PHASE_NONE && s->postcopy;
    if (known)
        q->postcopy = 1;
    qemu_say(w, SOURCE, known ? EV_POSTCOPY_ACCEPTED : EV_POSTCOPY_REFUSED);
}

/* The stream is given up. Refused where QEMU is not in post-copy, or knows already; by 7.2 also while it resumes. */
static void pause_stream(struct world *w, const struct scenario *s, enum host h)
{
    struct qemu *q = &w->qemus[h];
    bool flows = h == SOURCE ? (q->status == EV_MIG_POSTCOPY_ACTIVE && q->phase >= PHASE_SWITCHING &&
                                q->phase < PHASE_PC_PAUSED) ||
                                   (s->qemu10 && (q->phase == PHASE_PC_CONNECTING || q->phase == PHASE_PC_RECOVER))
                             : q->phase == PHASE_LOADED_PC || q->phase == PHASE_RECOVERING_PC;
    if (!flows) {
        qemu_say(w, h, EV_PAUSE_REFUSED);
        return;
    }
    qemu_hang_up(w);
    if (q->phase == PHASE_PC_LAST) /* the end of the stream, as any other's */
        return;
    q->phase = h == SOURCE ? PHASE_PC_PAUSED : PHASE_LOST_PC;
    qemu_say_status(w, h, EV_MIG_POSTCOPY_PAUSED);
}

/* `given`: with the stream that it was given before; or else, where nobody listens, it looks for one itself. 7.2 says
 * that it recovers at once, 10 first that it sets up, and the other when it is connected. */
static void resume(struct world *w, const struct scenario *s, bool given)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (q->phase != PHASE_PC_GIVEN && (given || q->phase != PHASE_PC_PAUSED)) {
        qemu_say(w, SOURCE, EV_RECOVER_REFUSED);
        return;
    }
    q->phase = q->phase == PHASE_PC_GIVEN ? PHASE_PC_RECOVER : PHASE_PC_CONNECTING;
    qemu_say_status(w, SOURCE, s->qemu10 ? EV_MIG_SETUP : EV_MIG_POSTCOPY_RECOVER);
    qemu_say(w, SOURCE, EV_RECOVER_ACCEPTED);
}

/* The daemon has connected a stream and gives it to QEMU; what it resumes with comes behind. */
static void recover(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE], *d = &w->qemus[DESTINATION];
    bool paused = q->phase == PHASE_PC_PAUSED || q->phase == PHASE_PC_GIVEN;
    if (!paused || !d->alive || d->phase != PHASE_LISTENING_PC) {
        resume(w, s, false);
        return;
    }
    q->phase = PHASE_PC_GIVEN;
    w->stream = (struct stream){.open = 1, .sent = 2, .taken = 2};
    d->phase = PHASE_RECOVERING_PC;
    qemu_say_status(w, DESTINATION, EV_MIG_POSTCOPY_RECOVER);
    memmove(q->commands + 1, q->commands, COMMANDS_MAX - 1);
    q->commands[0] = COMMAND_RESUME;
}

static void listen_again(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[DESTINATION];
    bool lost = q->phase == PHASE_LOST_PC || q->phase == PHASE_LISTENING_PC;
    if (lost)
        q->phase = PHASE_LISTENING_PC;
    if (lost && !s->qemu10) /* though it says paused when it is asked */
        qemu_say(w, DESTINATION, EV_MIG_SETUP);
    qemu_say(w, DESTINATION, lost ? EV_LISTENING : EV_LISTEN_FAILED);
}

/* From its SHUTDOWN to its STOP nothing else stops it or lets it run. */
static bool is_powering_off(const struct qemu *q)
{
    return q->powered_off && q->vcpus;
}

enum row qemu_row_of(enum core_event_type type)
{
    if ((type >= EV_QEMU_STOPPED && type <= EV_QEMU_IO_ERROR) || (type >= EV_MIG_NONE && type <= EV_MIG_UNKNOWN))
        return ROW_EVENTS;
    if (type == EV_LISTENING || type == EV_LISTEN_FAILED || type == EV_PAUSE_REFUSED)
        return ROW_URGENT;
    return type == EV_QEMU_STARTED || type == EV_QEMU_GONE || type == EV_BOOT ? ROW_ALONE : ROW_ANSWERS;
}

enum command qemu_take_command(struct qemu *q)
{
    enum command c = q->commands[0];
    memmove(q->commands, q->commands + 1, COMMANDS_MAX - 1);
    q->commands[COMMANDS_MAX - 1] = COMMAND_NONE;
    return c;
}

/* QEMU notices it like a cut; the destination may not have, yet. */
static void end_stream(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (q->phase == PHASE_NONE || q->phase == PHASE_OVER)
        qemu_say(w, SOURCE, EV_CANCEL_REFUSED);
    w->stream.cut |= w->stream.open;
    (void)qemu_notice(w, s, SOURCE);
}

bool qemu_execute(struct world *w, const struct scenario *s, enum host h, struct verdict *v)
{
    struct qemu *q = &w->qemus[h];
    if (!q->alive || q->commands[0] == COMMAND_NONE || is_powering_off(q))
        return false;
    switch (qemu_take_command(q)) {
    case COMMAND_NONE:
        return false;
    case COMMAND_CONT:
        cont(w, h, v);
        return true;
    case COMMAND_STOP:
        q->autostart = 0;
        qemu_halt(w, h);
        qemu_say(w, h, EV_STOP_DONE);
        return true;
    case COMMAND_RESET:
        q->powered_off = 0;
        qemu_say(w, h, EV_POWER_DONE);
        return true;
    case COMMAND_POWERDOWN:
        qemu_say(w, h, EV_POWER_DONE);
        return true;
    case COMMAND_CONFIGURE:
        qemu_say(w, h, EV_SOURCE_CONFIGURED);
        return true;
    case COMMAND_MIGRATE:
        migrate(w);
        return true;
    case COMMAND_START_POSTCOPY:
        start_postcopy(w, s);
        return true;
    case COMMAND_CONTINUE:
        continue_switch(w, s);
        return true;
    case COMMAND_CANCEL:
        cancel(w, s, v);
        return true;
    case COMMAND_READ_STATS:
        q->stats_read = q->phase == PHASE_OVER || q->phase == PHASE_GIVING_BACK ? STATS_FINAL : STATS_EARLY;
        qemu_say(w, h, EV_STATS_READ);
        return true;
    case COMMAND_ASK:
        qemu_say(w, h, q->status);
        return true;
    case COMMAND_LISTEN:
        listen_for(w, s);
        return true;
    case COMMAND_SURVEY:
        w->daemons[h].surveying = 2;
        q->boot_vcpus = q->vcpus;
        q->boot_status = q->status;
        qemu_say(w, h, EV_BOOT);
        if (q->powered_off && (h == DESTINATION || (!in_switchover(q) && q->status != EV_MIG_COMPLETED)))
            /* or else it has another run state */
            qemu_say(w, h, EV_QEMU_SHUTDOWN);
        return true;
    case COMMAND_PAUSE:
        pause_stream(w, s, h);
        return true;
    case COMMAND_RECOVER:
        recover(w, s);
        return true;
    case COMMAND_RESUME:
        resume(w, s, true);
        return true;
    case COMMAND_RECOVER_LISTEN:
        listen_again(w, s);
        return true;
    case COMMAND_END_STREAM:
        end_stream(w, s);
        return true;
    case COMMAND_CONT_HARD:
        q->powered_off = 0; /* its guest waits for its end, and runs: nothing stops it any more */
        q->phase = PHASE_OVER;
        qemu_run(w, h);
        qemu_say(w, h, EV_CONT_DONE);
        return true;
    }
    return false;
}

/* ---- the source goes on ----------------------------------------------------------------------- */

void qemu_over(struct world *w, enum host h, enum core_event_type status)
{
    w->qemus[h].phase = PHASE_OVER;
    qemu_say_status(w, h, status);
}

/* The destination may say that it is active before the source does. */
static bool connect(struct world *w)
{
    struct qemu *d = &w->qemus[DESTINATION];
    if (w->stream.open) {
        w->qemus[SOURCE].phase = PHASE_FLOW;
        qemu_say_status(w, SOURCE, EV_MIG_ACTIVE);
    } else if (d->alive && d->phase == PHASE_LISTENING) {
        w->stream = (struct stream){.open = 1, .sent = 1};
    } else {
        qemu_over(w, SOURCE, EV_MIG_FAILED);
    }
    return true;
}

static void stop_for_switch(struct world *w)
{
    struct qemu *q = &w->qemus[SOURCE];
    q->was_running = q->vcpus;
    qemu_halt(w, SOURCE);
    q->phase = PHASE_STOPPED;
}

/* The passes end: variant 0 to the end of pre-copy, 1 to post-copy if that was asked for. */
static bool converge(struct world *w, const struct scenario *s, unsigned variant)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (variant > 1 || (variant == 1 && !q->postcopy))
        return false;
    q->switch_pc = (uint8_t)variant;
    if (q->switch_pc && !s->qemu10 && !s->pause_before) {
        q->phase = PHASE_PC_FIRST;
        qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_ACTIVE);
    } else {
        stop_for_switch(w);
    }
    return true;
}

static bool stopped(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (s->pause_before) {
        q->phase = PHASE_WAITING;
        qemu_say_status(w, SOURCE, EV_MIG_PRE_SWITCHOVER);
        return true;
    }
    q->phase = PHASE_SWITCHING;
    if (s->qemu10)
        qemu_say_status(w, SOURCE, EV_MIG_DEVICE);
    return true;
}

/* The passes of pre-copy take longer than the destination's accepting the connection. */
static bool switch_over(struct world *w)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (q->switch_pc && !w->stream.taken && w->qemus[DESTINATION].alive && !w->stream.cut)
        return false;
    w->stream.sent = 2;
    w->stream.postcopy = q->switch_pc;
    if (!q->switch_pc)
        q->phase = PHASE_SENT;
    else if (q->status == EV_MIG_POSTCOPY_ACTIVE)
        q->phase = PHASE_PC_FLOW;
    else
        q->phase = PHASE_PC_SENT;
    return true;
}

static bool end_when_shut(struct world *w)
{
    if (!w->stream.shut)
        return false;
    w->stream = (struct stream){0};
    qemu_over(w, SOURCE, EV_MIG_COMPLETED);
    return true;
}

/* On 7.2 a post-copy that is cancelled before it begins is left stopped. */
static bool cancelled(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (q->was_running && (s->qemu10 || !q->switch_pc))
        qemu_run(w, SOURCE);
    q->was_running = 0;
    qemu_hang_up(w);
    qemu_over(w, SOURCE, EV_MIG_CANCELLED);
    return true;
}

/* A destination that still has the old stream does not listen, and will notice its end when it does. */
static bool connect_again(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE], *d = &w->qemus[DESTINATION];
    if (!d->alive || d->phase != PHASE_LISTENING_PC) {
        q->phase = PHASE_PC_PAUSED;
        qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_PAUSED);
        return true;
    }
    w->stream = (struct stream){.open = 1, .sent = 2, .taken = 2};
    q->phase = PHASE_PC_RECOVER;
    d->phase = PHASE_RECOVERING_PC;
    qemu_say_status(w, DESTINATION, EV_MIG_POSTCOPY_RECOVER);
    if (s->qemu10)
        qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_RECOVER);
    return true;
}

/* The destination's word that it goes on. */
static bool go_on_recovering(struct world *w)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (w->stream.cut)
        return false;
    if (q->status == EV_MIG_SETUP) {
        qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_RECOVER);
        return true;
    }
    q->phase = PHASE_PC_FLOW;
    qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_ACTIVE);
    return true;
}

static bool source_goes_on(struct world *w, const struct scenario *s, unsigned variant)
{
    struct qemu *q = &w->qemus[SOURCE];
    if (is_powering_off(q)) /* a migration that begins does so beside it */
        return variant == 1 && q->phase == PHASE_SETUP && connect(w);
    if (variant > 0 && q->phase != PHASE_FLOW)
        return false;
    switch ((enum phase)q->phase) {
    case PHASE_SETUP:
        return connect(w);
    case PHASE_FLOW:
        return converge(w, s, variant);
    case PHASE_PC_FIRST:
        stop_for_switch(w);
        q->phase = PHASE_SWITCHING;
        return true;
    case PHASE_STOPPED:
        return stopped(w, s);
    case PHASE_SWITCHING:
        return switch_over(w);
    case PHASE_PC_SENT:
        q->phase = PHASE_PC_FLOW;
        qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_ACTIVE);
        return true;
    case PHASE_PC_FLOW:
        q->phase = PHASE_PC_LAST;
        w->stream.sent = 3;
        return true;
    case PHASE_SENT:
    case PHASE_PC_LAST:
        return end_when_shut(w);
    case PHASE_CANCELLING:
        return cancelled(w, s);
    case PHASE_GIVING_BACK:
        q->was_running = 0;
        q->itself = q->switch_pc;
        q->phase = PHASE_OVER;
        qemu_run(w, SOURCE);
        return true;
    case PHASE_PC_CONNECTING:
        return connect_again(w, s);
    case PHASE_PC_RECOVER:
        return go_on_recovering(w);
    case PHASE_NONE:
    case PHASE_STUCK:
    case PHASE_HUNG:
    case PHASE_WAITING:
    case PHASE_PC_GIVEN:
    case PHASE_PC_PAUSED:
    case PHASE_LISTENING:
    case PHASE_LOADING:
    case PHASE_LOADING_PC:
    case PHASE_LOADED_PC:
    case PHASE_LOST_PC:
    case PHASE_LISTENING_PC:
    case PHASE_RECOVERING_PC:
    case PHASE_OVER:
        return false;
    }
    return false;
}

/* ---- the destination goes on ------------------------------------------------------------------ */

static bool destination_goes_on(struct world *w)
{
    struct qemu *q = &w->qemus[DESTINATION];
    struct stream *st = &w->stream;
    if (q->phase == PHASE_LOADING_PC) { /* the devices' state, which came behind that news */
        q->phase = PHASE_LOADED_PC;
        if (q->autostart)
            qemu_run(w, DESTINATION);
        return true;
    }
    if (q->phase == PHASE_RECOVERING_PC && !st->cut && w->qemus[SOURCE].phase != PHASE_PC_GIVEN) {
        q->phase = PHASE_LOADED_PC;
        qemu_say_status(w, DESTINATION, EV_MIG_POSTCOPY_ACTIVE);
        return true;
    }
    if (q->phase > PHASE_LOADED_PC && q->phase <= PHASE_RECOVERING_PC)
        return false;
    if (!st->open || st->taken >= st->sent || q->phase == PHASE_OVER)
        return false;
    st->taken++;
    if (st->taken == 1) {
        q->phase = PHASE_LOADING;
        qemu_say_status(w, DESTINATION, EV_MIG_ACTIVE);
    } else if (st->taken == 2 && st->postcopy) {
        q->phase = PHASE_LOADING_PC;
        q->postcopy = 1;
        qemu_say_status(w, DESTINATION, EV_MIG_POSTCOPY_ACTIVE);
    } else {
        q->whole = 1;
        st->shut = 1;
        qemu_over(w, DESTINATION, EV_MIG_COMPLETED);
        if (q->autostart)
            qemu_run(w, DESTINATION);
    }
    return true;
}

/* One of its threads gives post-copy up and ends the process while another obeys a `cont`. */
static bool runs_while_it_fails(struct world *w)
{
    struct qemu *q = &w->qemus[DESTINATION];
    if (q->phase != PHASE_LOADING_PC || !w->stream.cut)
        return false;
    if (!q->autostart && q->commands[0] != COMMAND_CONT)
        return false;
    qemu_say_status(w, DESTINATION, EV_MIG_FAILED);
    qemu_run(w, DESTINATION);
    w->happened |= HAPPENED_DEATH;
    qemu_die(w, DESTINATION);
    return true;
}

bool qemu_go_on(struct world *w, const struct scenario *s, enum host h, unsigned variant)
{
    struct qemu *q = &w->qemus[h];
    if (!q->alive)
        return false;
    if (variant == 0 && is_powering_off(q)) {
        qemu_halt(w, h);
        return true;
    }
    if (h == SOURCE)
        return source_goes_on(w, s, variant);
    return variant == 0 ? destination_goes_on(w) : runs_while_it_fails(w);
}
