/* qemu_go_on.c - the model QEMU goes on with a migration by itself, a step at a time. */
#include "qemu.h"

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
    if (qemu_is_powering_off(q)) /* a migration that begins does so beside it */
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
    if (variant == 0 && qemu_is_powering_off(q)) {
        qemu_halt(w, h);
        return true;
    }
    if (h == SOURCE)
        return source_goes_on(w, s, variant);
    return variant == 0 ? destination_goes_on(w) : runs_while_it_fails(w);
}
