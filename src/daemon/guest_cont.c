/* guest_cont.c - `cont`, and a QEMU that is not ready for it yet.
 *
 * QEMU says that a migration is completed, failed or cancelled before it has put it away, and until
 * then, some milliseconds, it refuses `cont` ("Migration is not finalized yet"). No event tells
 * when that is over. So a source that takes its guest back asks a refusing QEMU for its run state:
 * as long as that is finish-migrate, the order is given again a little later, for a limited time;
 * and once more when it is not, for it may have been when the order came.
 * A broken post-copy leaves QEMU in the same run state for good: there the limit ends it.
 */
#include "daemon/guest_cont.h"
#include "daemon/daemon.h"
#include "wire/qmp.h"

enum { AGAIN_MSEC = 5, TRIES = 400 };

static void refused(struct guest *g)
{
    g->cont_tries = 0;
    guest_event(g, EV_CONT_REFUSED, 0, 0);
}

/* Still the one that the machine ordered: nothing has come between. */
static bool is_returning(const struct guest *g)
{
    return g->core.life.phase == LIFE_UP && g->core.out.state == OUT_RETURNING;
}

static void again(void *userdata)
{
    struct guest *g = userdata;
    if (is_returning(g))
        guest_cont(g);
    else
        refused(g);
}

static void status_known(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct qmp_status status = {0};
    if (reply->outcome == MONITOR_CLOSED)
        return;
    if (reply->outcome != MONITOR_RETURN || !is_returning(g) ||
        qmp_status_decode(reply->value, &status, NULL) < 0) {
        refused(g);
    } else if (status.state != QMP_RUN_FINISH_MIGRATE) { /* put away between the two orders? */
        g->cont_tries = TRIES - 1;
        guest_cont(g);
    } else if (timer_arm(&g->cont_timer, daemon_event(g->daemon), AGAIN_MSEC * TIMER_MSEC, again,
                         g) < 0) {
        refused(g);
    }
}

/* On the destination of a migration it may have been executed, and then this is the guest: QEMU is
 * asked again. Elsewhere the caller hears of it, and what RESUME says later is true then. */
static void unanswered(struct guest *g)
{
    guest_note_silence(g, "cont");
    if (g->core.in.state != IN_IDLE)
        guest_distrust_monitor(g);
    else
        refused(g);
}

static void answered(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    /* When the connection ended, nobody knows whether it was executed: the next one asks. */
    if (reply->outcome == MONITOR_CLOSED)
        return;
    if (reply->outcome == MONITOR_TIMEOUT) {
        unanswered(g);
        return;
    }
    if (reply->outcome == MONITOR_RETURN) {
        g->cont_tries = 0;
        guest_event(g, EV_CONT_DONE, 0, 0);
        return;
    }
    if (g->core.out.outcome == RESULT_OK) /* or else there is an earlier reason for what fails */
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "QEMU said: %s", reply->error);
    if (!is_returning(g) || ++g->cont_tries >= TRIES ||
        !guest_command(g, "query-status", NULL, status_known))
        refused(g);
}

void guest_cont(struct guest *g)
{
    if (!guest_command(g, "cont", NULL, answered))
        refused(g);
}
