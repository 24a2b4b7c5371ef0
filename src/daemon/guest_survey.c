/* guest_survey.c - what a QEMU is asked that ran while nobody listened to it: after a restart of
 * the daemon, when its monitor came back, and when it had left an order without an answer.
 *
 *   query-status -> query-migrate -> EV_BOOT, a power-off that nobody heard, and the calls that
 *   waited for it
 *
 * A QEMU that can be asked has no deadline: it may be blocked, and answers when it is not any more. But after a
 * while the guest is called unreachable, and who waited is told so. What it says out of band, and
 * its events, count meanwhile.
 */
#include "daemon/guest_survey.h"
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "daemon/migrate.h"
#include "util/log.h"
#include "wire/qmp.h"

enum { PATIENCE_SECONDS = 5 };

/* ---- silence ---------------------------------------------------------------------------------- */

static void no_answer(void *userdata)
{
    struct guest *g = userdata;
    fail_set(&g->trouble, VIR_ERR_OPERATION_TIMEOUT,
             "QEMU's monitor is blocked: it has not answered for %d s; it is left alone until it does",
             PATIENCE_SECONDS);
    log_warning("guest %s: %s", g->name, g->trouble.text);
    g->unreachable = true;
    guest_settle(g);
}

void guest_survey_wait(struct guest *g)
{
    (void)timer_arm(&g->survey.patience, daemon_event(g->daemon), PATIENCE_SECONDS * TIMER_SECOND,
                    no_answer, g);
}

static void question(struct guest *g, const char *command, monitor_reply_fn *reply)
{
    guest_survey_wait(g);
    if (guest_command_patient(g, command, reply, g))
        return;
    timer_cancel(&g->survey.patience);
    g->survey.under_way = false;
    guest_drop_monitor(g);
}

/* ---- questions -------------------------------------------------------------------------------- */

/* What QEMU does not say is not guessed: it is asked again over another connection. */
static bool answered(struct guest *g, const struct monitor_reply *reply, const char *command)
{
    timer_cancel(&g->survey.patience);
    if (reply->outcome == MONITOR_RETURN)
        return true;
    g->survey.under_way = false;
    if (reply->outcome == MONITOR_ERROR) {
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "QEMU refused %s: %s", command, reply->error);
        guest_drop_monitor(g);
    }
    return false;
}

static void not_understood(struct guest *g)
{
    g->survey.under_way = false;
    guest_drop_monitor(g);
}

static void over(struct guest *g, enum core_event_type migration)
{
    uint8_t still = g->survey.state == QMP_RUN_IO_ERROR ? FOUND_IO_ERROR : FOUND_STILL;
    g->survey.under_way = g->unreachable = false;
    guest_event(g, EV_BOOT, g->survey.running ? FOUND_RUNNING : still, (uint8_t)migration);
    if (g->survey.state == QMP_RUN_SHUTDOWN)
        guest_event(g, EV_QEMU_SHUTDOWN, SHUTDOWN_GUEST, guest_restarts_on_poweroff(g));
    guest_settle(g);
}

/* A QEMU that fails later has none any more. */
static void over_with_figures(struct guest *g, const struct qmp_migrate_info *info)
{
    stats_from_qmp(&g->migration->stats, info);
    over(g, migrate_status_event(info->status));
}

static void ask(struct guest *g);

static void migration_known(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct qmp_migrate_info info;
    if (!answered(g, reply, "query-migrate"))
        return;
    if (qmp_migrate_info_decode(reply->value, &info, &g->trouble) < 0)
        not_understood(g);
    else if (g->survey.is_old)
        ask(g);
    else if (g->migration && g->migration->outgoing)
        over_with_figures(g, &info);
    else
        over(g, migrate_status_event(info.status));
}

static void status_known(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (!answered(g, reply, "query-status"))
        return;
    struct qmp_status status;
    if (qmp_status_decode(reply->value, &status, &g->trouble) < 0) {
        not_understood(g);
        return;
    }
    g->survey.running = status.running;
    g->disks_inactive &= !status.running;
    g->survey.state = (uint8_t)status.state;
    g->unsettled = true;
    g->survey.is_old = false;
    question(g, "query-migrate", migration_known);
}

static void ask(struct guest *g)
{
    question(g, "query-status", status_known);
}

void guest_survey(struct guest *g)
{
    if (g->survey.under_way)
        return;
    g->survey.under_way = true;
    g->unsettled = true;
    ask(g);
}
