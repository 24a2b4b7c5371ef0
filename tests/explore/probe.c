/* probe.c - what is beyond the budgets: each event that comes from outside, in each state, once.
 *
 * The budgets decide how many things go wrong on one way; a call, a crash or a word of QEMU's in a state that only a
 * fault leads to would take one more. Where a pair of state and event has not been met in this scenario it is tried
 * without budget in the first world where it can be, and gone on from like any other.
 */
#include "probe.h"
#include "coverage.h"
#include "core/machine.h"

enum {
    WAYS_MAX = 2,         /* that are gone on from, for the event may be overtaken */
    ATTEMPTS_MAX = 2000,  /* in worlds where the move turns out to be impossible */
};

static struct {
    uint16_t attempts;
    uint8_t ways;
} tried[EV_COUNT][MACHINES][OUT_COUNT];
static uint8_t nothing_left[OUT_COUNT][IN_COUNT][LIFE_COUNT][LIFE_COUNT];

/* The event that the move gives the daemon, at once or as the next thing that its QEMU says; EV_COUNT: none. */
static enum core_event_type event_of(const struct move *m)
{
    static const uint8_t of_oddity[ODD_COUNT] = {
        [ODD_STATUS] = EV_MIG_UNKNOWN, [ODD_CONFIGURE_FAILS] = EV_SOURCE_CONFIGURE_FAILED,
        [ODD_MIGRATE_FAILS] = EV_MIGRATE_REFUSED, [ODD_POSTCOPY_FAILS] = EV_POSTCOPY_REFUSED,
        [ODD_CONTINUE_FAILS] = EV_CONTINUE_REFUSED, [ODD_CANCEL_FAILS] = EV_CANCEL_REFUSED,
        [ODD_CONT_FAILS] = EV_CONT_REFUSED, [ODD_STOP_FAILS] = EV_STOP_REFUSED,
        [ODD_LISTEN_FAILS] = EV_LISTEN_FAILED, [ODD_START_FAILS] = EV_QEMU_START_FAILED,
        [ODD_IO_ERROR] = EV_QEMU_IO_ERROR, [ODD_SYNC_FAILS] = EV_SYNC_FAILED, [ODD_POWER_OFF] = EV_QEMU_SHUTDOWN,
        [ODD_STALL] = EV_STALLED, [ODD_HANG] = EV_COUNT, [ODD_FAIL] = EV_COUNT, [ODD_OVERTAKE] = EV_COUNT, [ODD_URGENT] = EV_COUNT,
        [ODD_STATUS_EARLY] = EV_MIG_UNKNOWN,
        [ODD_RECOVER_FAILS] = EV_RECOVER_REFUSED, [ODD_POWER_LOSS] = EV_COUNT, [ODD_TAIL_LOST] = EV_COUNT,
    };
    if (m->kind == MOVE_CRASH)
        return m->which ? EV_COUNT : EV_BOOT;
    if (m->kind == MOVE_KILL_QEMU)
        return EV_QEMU_GONE;
    if (m->kind == MOVE_ODDITY)
        return of_oddity[m->which];
    if (m->kind != MOVE_OPERATE || m->which == OPERATE_RESUME)
        return EV_COUNT;
    return m->which == OPERATE_BREAK ? EV_ABORT : m->which;
}

/* It would come after what QEMU has said already, and find another state. */
static bool is_overtaken(const struct world *w, const struct move *m)
{
    bool said = m->kind == MOVE_ODDITY && m->which != ODD_START_FAILS && m->which != ODD_SYNC_FAILS && m->which != ODD_STALL;
    return (said || m->kind == MOVE_KILL_QEMU) && w->qemus[m->on].reports[0];
}

static bool is_wanted(const struct world *w, const struct move *m, bool *left)
{
    enum core_event_type e = event_of(m);
    if (e == EV_COUNT)
        return false;
    enum machine machine;
    unsigned state;
    if (!coverage_find(&w->daemons[m->on].core, e, &machine, &state) || coverage->led_to[machine][e][state])
        return false;
    if (tried[e][machine][state].ways >= WAYS_MAX || tried[e][machine][state].attempts >= ATTEMPTS_MAX)
        return false;
    *left = true;
    if (is_overtaken(w, m))
        return false;
    tried[e][machine][state].attempts++;
    return true;
}

void probe_each(const struct world *w, bool (*make)(void *data, struct move m), void *data)
{
    uint8_t *done = &nothing_left[w->daemons[SOURCE].core.out.state][w->daemons[DESTINATION].core.in.state]
                                 [w->daemons[SOURCE].core.life.phase][w->daemons[DESTINATION].core.life.phase];
    if (*done || w->faults_left) /* what it pays for is met anyway */
        return;
    bool left = false;
    for (unsigned i = world_progress_count; i < world_beyond_count; i++) {
        struct move m = world_moves[i];
        m.crash = BEYOND_BUDGET;
        if (!is_wanted(w, &m, &left) || !make(data, m))
            continue;
        enum machine machine;
        unsigned state;
        (void)coverage_find(&w->daemons[m.on].core, event_of(&m), &machine, &state);
        tried[event_of(&m)][machine][state].ways++;
    }
    *done = !left;
}
