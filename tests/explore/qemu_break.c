/* qemu_break.c - the model QEMU where something goes wrong: a stream that is cut, and what is rare. */
#include "qemu.h"
#include <string.h>

/* ---- the stream is cut ------------------------------------------------------------------------- */

/* QEMU gives the guest its run back by itself, a moment after it has said that it failed. */
static bool source_fails(struct world *w)
{
    struct qemu *q = &w->qemus[SOURCE];
    qemu_over(w, SOURCE, EV_MIG_FAILED);
    if (q->was_running)
        q->phase = PHASE_GIVING_BACK;
    return true;
}

static bool source_notices(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[SOURCE];
    switch ((enum phase)q->phase) {
    case PHASE_SETUP:
    case PHASE_FLOW:
    case PHASE_STOPPED:
    case PHASE_SENT:
        return source_fails(w);
    case PHASE_SWITCHING:
        if (!q->switch_pc)
            return source_fails(w);
        if (q->status != EV_MIG_POSTCOPY_ACTIVE)
            return false; /* found out when the package is sent */
        q->was_running = 0; /* 7.2 leaves it stopped, and takes `cont` */
        qemu_over(w, SOURCE, EV_MIG_FAILED);
        return true;
    case PHASE_PC_FLOW:
    case PHASE_PC_RECOVER: /* where 7.2 waits for the destination's answer for ever */
        if (q->phase == PHASE_PC_RECOVER && !s->qemu10)
            return false;
        q->phase = PHASE_PC_PAUSED;
        qemu_say_status(w, SOURCE, EV_MIG_POSTCOPY_PAUSED);
        return true;
    case PHASE_PC_LAST: /* 10 resumes the guest by itself, 7.2 hangs */
        return s->qemu10 ? source_fails(w) : false;
    case PHASE_NONE:
    case PHASE_STUCK:
    case PHASE_HUNG:
    case PHASE_PC_FIRST:
    case PHASE_WAITING:
    case PHASE_PC_SENT:
    case PHASE_PC_CONNECTING:
    case PHASE_PC_GIVEN:
    case PHASE_PC_PAUSED:
    case PHASE_CANCELLING:
    case PHASE_GIVING_BACK:
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

/* A stream that is cut while it is being resumed ends the destination of 7.2. */
static bool destination_notices(struct world *w, const struct scenario *s)
{
    struct qemu *q = &w->qemus[DESTINATION];
    if (q->phase == PHASE_RECOVERING_PC && !s->qemu10) {
        w->happened |= HAPPENED_DEATH;
        qemu_die(w, DESTINATION);
        return true;
    }
    if (q->phase >= PHASE_LISTENING && q->phase <= PHASE_LOADING_PC) {
        qemu_say_status(w, DESTINATION, EV_MIG_FAILED);
        qemu_die(w, DESTINATION);
        return true;
    }
    if (q->phase != PHASE_LOADED_PC && q->phase != PHASE_RECOVERING_PC)
        return false;
    q->phase = PHASE_LOST_PC;
    qemu_say_status(w, DESTINATION, EV_MIG_POSTCOPY_PAUSED);
    return true;
}

bool qemu_notice(struct world *w, const struct scenario *s, enum host h)
{
    if (!w->qemus[h].alive || !w->stream.open || !w->stream.cut)
        return false;
    return h == SOURCE ? source_notices(w, s) : destination_notices(w, s);
}

/* ---- what is rare ------------------------------------------------------------------------------ */

/* QEMU refuses the command in front of its queue. */
static bool refuse(struct world *w, enum host h, enum command c, enum core_event_type refusal)
{
    struct qemu *q = &w->qemus[h];
    if (q->commands[0] != c)
        return false;
    (void)qemu_take_command(q);
    qemu_say(w, h, refusal);
    return true;
}

/* The first that may be heard before the first of all, or NULL: the answer to a command waits while other threads go on,
 * and it is there before the event of a status that the command has met already. What the vCPUs do is said as it is done. */
static uint8_t *find_overtaker(uint8_t *r)
{
    enum row first = qemu_row_of(*r - 1), row = first;
    for (; *r && (row = qemu_row_of(*r - 1)) == first; r++)
        if (first == ROW_ALONE || (first == ROW_EVENTS && *r - 1 < EV_MIG_NONE))
            return NULL;
    return *r && row != ROW_ALONE ? r : NULL;
}

static bool overtake(uint8_t *reports)
{
    uint8_t *r = reports[0] ? find_overtaker(reports) : NULL;
    if (!r)
        return false;
    uint8_t said = *r;
    memmove(reports + 1, reports, (size_t)(r - reports));
    reports[0] = said;
    return true;
}

static bool hurry(uint8_t *commands)
{
    for (unsigned i = 1; i < COMMANDS_MAX && commands[i]; i++) {
        uint8_t c = commands[i];
        if (c != COMMAND_PAUSE && c != COMMAND_RECOVER_LISTEN && c != COMMAND_END_STREAM)
            continue;
        memmove(commands + 1, commands, i);
        commands[0] = c;
        return true;
    }
    return false;
}

static bool may_hang(const struct qemu *q)
{
    return (q->phase == PHASE_FLOW && q->postcopy) || (q->phase == PHASE_SWITCHING && q->switch_pc);
}

bool qemu_oddity(struct world *w, const struct scenario *s, enum host h, enum oddity o)
{
    struct qemu *q = &w->qemus[h];
    if (!q->alive)
        return false;
    switch (o) {
    case ODD_STATUS:
        if (q->phase == PHASE_NONE)
            return false;
        qemu_say(w, h, EV_MIG_UNKNOWN);
        return w->daemons[h].up;
    case ODD_CONFIGURE_FAILS:
        return refuse(w, h, COMMAND_CONFIGURE, EV_SOURCE_CONFIGURE_FAILED);
    case ODD_MIGRATE_FAILS:
        return refuse(w, h, COMMAND_MIGRATE, EV_MIGRATE_REFUSED);
    case ODD_POSTCOPY_FAILS:
        return refuse(w, h, COMMAND_START_POSTCOPY, EV_POSTCOPY_REFUSED);
    case ODD_CONTINUE_FAILS: /* its only reason: that it does not wait there any more */
        return q->phase != PHASE_WAITING && refuse(w, h, COMMAND_CONTINUE, EV_CONTINUE_REFUSED);
    case ODD_CANCEL_FAILS: /* the end of the stream: there is none yet */
        return refuse(w, h, COMMAND_END_STREAM, EV_CANCEL_REFUSED);
    case ODD_CONT_FAILS:
        return refuse(w, h, COMMAND_CONT, EV_CONT_REFUSED);
    case ODD_STOP_FAILS: /* that of a guest that QEMU let run is the last resort; QEMU has no reason to refuse it */
        return !q->itself && !(q->vcpus && w->daemons[h].core.out.state == OUT_BROKEN) && refuse(w, h, COMMAND_STOP, EV_STOP_REFUSED);
    case ODD_LISTEN_FAILS:
        return refuse(w, h, COMMAND_LISTEN, EV_LISTEN_FAILED);
    case ODD_START_FAILS:
        if (q->reports[0] != EV_QEMU_STARTED + 1)
            return false;
        q->alive = 0;
        q->reports[0] = EV_QEMU_START_FAILED + 1;
        return true;
    case ODD_IO_ERROR:
        if (!q->vcpus)
            return false;
        qemu_say(w, h, EV_QEMU_IO_ERROR);
        qemu_halt(w, h);
        return true;
    case ODD_POWER_OFF:
        if (!q->vcpus)
            return false;
        q->powered_off = 1; /* it stops a moment later */
        qemu_say(w, h, EV_QEMU_SHUTDOWN);
        return true;
    case ODD_HANG:
        if (!s->qemu10 || !may_hang(q))
            return false;
        qemu_hang_up(w); /* why it hangs */
        q->phase = q->phase == PHASE_FLOW ? PHASE_STUCK : PHASE_HUNG;
        return true;
    case ODD_FAIL:
        if (!s->qemu10 || !q->switch_pc || (q->phase != PHASE_SWITCHING && q->phase != PHASE_PC_SENT))
            return false;
        qemu_hang_up(w);
        return source_fails(w);
    case ODD_STATUS_EARLY:
        qemu_say(w, h, EV_MIG_UNKNOWN);
        return w->daemons[h].up && q->phase == PHASE_NONE;
    case ODD_RECOVER_FAILS:
        return refuse(w, h, COMMAND_RECOVER, EV_RECOVER_REFUSED);
    case ODD_OVERTAKE:
        return overtake(q->reports);
    case ODD_URGENT:
        return hurry(q->commands);
    case ODD_STALL:
    case ODD_SYNC_FAILS:
    case ODD_POWER_LOSS:
    case ODD_TAIL_LOST:
    case ODD_COUNT:
        return false;
    }
    return false;
}
