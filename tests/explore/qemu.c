/* qemu.c - QEMU as its migration looks from the monitor, both ends, 7.2 and 10: what it is told. What it does by itself is in
 * qemu_go_on.c, what goes wrong in qemu_break.c.
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

bool qemu_is_powering_off(const struct qemu *q)
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
    if (!q->alive || q->commands[0] == COMMAND_NONE || qemu_is_powering_off(q))
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
