/* guest_qemu.c - a guest's QEMU: started, taken over, ended (its monitor: guest_monitor.c).
 *
 * The order of a start: the journal has the process's identity, and the live document is on the
 * disk, before the program is executed; so a daemon that comes back knows every QEMU there is.
 * From then on the process is watched by its identity, the same as after a restart of the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/disk_chain.h"
#include "daemon/guest.h"
#include "daemon/guest_door.h"
#include "daemon/guest_change.h"
#include "daemon/guest_fds.h"
#include "daemon/guest_log.h"
#include "daemon/guest_monitor.h"
#include "daemon/migrate.h"
#include "daemon/registry.h"
#include "domain/command.h"
#include "io/file.h"
#include "util/cleanup.h"
#include "util/log.h"

#define ZONES "/usr/share/zoneinfo"

enum {
    ADOPT_AGAIN_SECONDS = 5,
    CHAIN_SECONDS = 5, /* for the storage to say what a disk lies on */
    GRACE_SECONDS = 15, /* between SIGTERM and SIGKILL */
};

/* ---- places --------------------------------------------------------------------------------- */

static char *runtime_folder(const struct guest *g)
{
    char *path;
    return asprintf(&path, "%s/%d", g->daemon->config.socket_dir, g->id) < 0 ? NULL : path;
}

/* ---- its end -------------------------------------------------------------------------------- */

void guest_release_qemu(struct guest *g)
{
    timer_cancel(&g->kill_timer);
    timer_cancel(&g->monitor_timer);
    timer_cancel(&g->cont_timer);
    guest_drop_door(g);
    timer_cancel(&g->survey.patience);
    g->cont_tries = 0;
    if (g->kept_monitor >= 0)
        close(take_fd(&g->kept_monitor));
    disk_chain_free(g->looking);
    g->looking = NULL;
    process_start_cancel(g->starting);
    g->starting = NULL;
    monitor_free(g->monitor);
    g->monitor = NULL;
    g->monitor_ready = false;
    process_free(g->process);
    g->process = NULL;
    free(g->socket_path);
    g->socket_path = NULL;
}

/* Comes after all that the monitor still had to say: io gives it the lower priority. */
static void process_ended(struct process *p, void *userdata)
{
    (void)p;
    struct guest *g = userdata;
    bool starting = g->core.life.phase == LIFE_STARTING;
    if (starting && !g->explained) /* else that is why it was killed */
        guest_log_note_end(g, "process exited while it was being started");
    else if (g->core.life.phase == LIFE_UP)
        guest_log_note_end(g, "QEMU ended unexpectedly");
    guest_forget_kept_monitor(g);
    guest_release_qemu(g);
    guest_event(g, EV_QEMU_GONE, 0, 0);
    guest_settle(g);
}

static void kill_now(void *userdata)
{
    struct guest *g = userdata;
    struct fail f;
    if (g->process && process_signal(g->process, SIGKILL, &f) < 0)
        log_error("guest %s: %s", g->name, f.text);
}

void guest_kill_qemu(struct guest *g, bool gracefully)
{
    if (!g->process && g->adopted && g->unreachable)
        return; /* adopt_later: it is killed when it is found, or found gone */
    if (!g->process) { /* not started yet, or not found any more */
        guest_release_qemu(g);
        guest_event(g, EV_QEMU_GONE, 0, 0);
        return;
    }
    struct fail f;
    if (!gracefully) {
        kill_now(g);
        return;
    }
    if (process_signal(g->process, SIGTERM, &f) < 0)
        log_error("guest %s: %s", g->name, f.text);
    (void)timer_arm(&g->kill_timer, daemon_event(g->daemon), GRACE_SECONDS * TIMER_SECOND, kill_now,
                    g);
}

void guest_clear_live(struct guest *g)
{
    auto_free char *folder = runtime_folder(g);
    if (folder)
        file_remove_folder(folder);
    domain_free(g->live);
    g->live = NULL;
    g->id = -1;
    g->unreachable = g->adopted = g->tainted_by_monitor = false;
    if (!guest_is_over(g)) /* or else its folder goes */
        guest_store_no_live(g);
}

/* ---- its start ------------------------------------------------------------------------------ */

static void start_failed(struct guest *g)
{
    guest_release_qemu(g);
    guest_event(g, EV_QEMU_START_FAILED, 0, 0);
}

static void live_is_stored(const struct fail *why, void *userdata)
{
    struct guest_callback *c = userdata;
    struct guest *g = guest_find_for_callback(c);
    bool current = g && g->starting && g->id == c->id;
    free(c);
    if (!current)
        return; /* destroyed meanwhile, perhaps started again */
    if (why) {
        g->trouble = *why;
        start_failed(g);
        return;
    }
    process_start_go(g->starting);
}

static void process_ready(struct process_start *s, const struct process_identity *identity,
                          void *userdata)
{
    (void)s;
    struct guest *g = userdata;
    g->identity = *identity;
    struct guest_callback *c = guest_callback_new(g);
    int r = c ? guest_journal_write(g, &g->trouble)
              : fail_set(&g->trouble, VIR_ERR_NO_MEMORY, "out of memory");
    if (r == 0) {
        guest_store_live(g, live_is_stored, c);
        return;
    }
    free(c);
    fail_prefix(&g->trouble, "QEMU is not started");
    start_failed(g);
}

static void process_started(const struct process_identity *identity, void *userdata)
{
    struct guest *g = userdata;
    g->starting = NULL;
    int r = process_adopt(daemon_event(g->daemon), identity, process_ended, g, &g->process,
                          &g->trouble);
    if (r == PROCESS_GONE)
        guest_log_note_end(g, "process exited while it was being started");
    if (r != 0 || guest_connect_monitor(g) < 0) {
        if (r == 0)
            guest_kill_qemu(g, false);
        else
            start_failed(g);
    }
}

static void process_failed(const struct fail *why, void *userdata)
{
    struct guest *g = userdata;
    g->starting = NULL;
    g->trouble = *why;
    start_failed(g);
}

static const struct process_start_ops start_ops = {
    .ready = process_ready,
    .started = process_started,
    .failed = process_failed,
};

static int run(struct guest *g, const struct command *command, const struct guest_fds *fds)
{
    auto_free char *log = guest_log_path(g);
    if (!log)
        return fail_set(&g->trouble, VIR_ERR_NO_MEMORY, "out of memory");
    guest_log_begin(g);
    struct process_spec spec = {
        .program = command->argv[0],
        .arguments = (const char *const *)command->argv,
        .environment = (const char *const *)command->env,
        .log_path = log,
        .fds = fds->list,
        .fd_count = fds->count,
    };
    return process_start_new(daemon_event(g->daemon), &spec, &start_ops, g, &g->starting,
                             &g->trouble);
}

static int build_and_run(struct guest *g, bool incoming, const char *folder, struct guest_fds *fds)
{
    struct command_options options = {
        .emulator = g->emulator,
        .monitor_fd = guest_fds_add_monitor(fds, g->socket_path, &g->trouble),
        .incoming = incoming,
        .state_dir = folder,
        .sandbox = true,
        .now = time(NULL),
    };
    struct command command;
    if (options.monitor_fd < 0 || guest_fds_add_taps(fds, g->live, &g->trouble) < 0)
        return -1;
    options.nets = fds->nets;
    if (command_build(g->live, &options, &command, &g->trouble) < 0)
        return -1;
    int r = run(g, &command, fds);
    command_free(&command);
    return r;
}

/* QEMU would take an unknown zone for utc. */
static int check_zone(const struct domain *d, struct fail *f)
{
    auto_free char *path = NULL;
    if (d->clock.offset != DOMAIN_CLOCK_TIMEZONE)
        return 0;
    if (asprintf(&path, ZONES "/%s", d->clock.timezone) < 0)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    struct stat st; /* a folder of zones is none */
    if (access(path, R_OK) < 0 || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "time zone '%s' is not known on this host (%s)",
                        d->clock.timezone, path);
    return 0;
}

static int64_t local_offset(void)
{
    time_t now = time(NULL);
    struct tm tm;
    return localtime_r(&now, &tm) ? tm.tm_gmtoff : 0;
}

static int start(struct guest *g, bool incoming)
{
    domain_settle_clock(g->live, local_offset());
    auto_free char *folder = runtime_folder(g);
    if (!folder || asprintf(&g->socket_path, "%s/monitor", folder) < 0) {
        g->socket_path = NULL;
        return fail_set(&g->trouble, VIR_ERR_NO_MEMORY, "out of memory");
    }
    if (check_zone(g->live, &g->trouble) < 0 || file_make_folders(folder, 0700, &g->trouble) < 0 ||
        file_make_folders(g->daemon->config.log_dir, 0700, &g->trouble) < 0 ||
        command_prepare(g->live, g->emulator, folder, &g->trouble) < 0)
        return -1;
    struct guest_fds fds = {0};
    int r = build_and_run(g, incoming, folder, &fds);
    guest_fds_close(&fds);
    return r;
}

static void chains_known(const struct fail *why, void *userdata)
{
    struct guest *g = userdata;
    g->looking = NULL;
    if (why)
        g->trouble = *why;
    if (why || start(g, g->looking_incoming) < 0)
        start_failed(g);
}

/* The whole chain of a disk's images is in the command line, so it must be known first. */
void guest_start_qemu(struct guest *g, bool incoming)
{
    g->trouble.text[0] = '\0';
    g->explained = false;
    g->id = g->live->id = registry_take_id(g->daemon->registry);
    g->adopted = g->emulator_is_stored = false;
    g->looking_incoming = g->disks_inactive = incoming;
    int r = disk_chain_ask(g->daemon->workers, daemon_event(g->daemon), g->live,
                           CHAIN_SECONDS * TIMER_SECOND, chains_known, g, &g->looking, &g->trouble);
    if (r < 0 || (r == 0 && start(g, incoming) < 0))
        start_failed(g);
}

static void adopt_again(void *userdata)
{
    struct guest *g = userdata;
    guest_adopt_qemu(g, &g->identity);
}

/* What can't be found out is no proof that it ended. */
static void adopt_later(struct guest *g)
{
    log_error("guest %s: take its QEMU over: %s", g->name, g->trouble.text);
    g->unreachable = true;
    (void)timer_arm(&g->monitor_timer, daemon_event(g->daemon), ADOPT_AGAIN_SECONDS * TIMER_SECOND,
                    adopt_again, g);
}

static enum core_gone how_gone(const struct guest *g)
{
    return uuid_equal(&g->daemon->boot_id, &g->identity.boot_id) ? GONE_MEANWHILE : GONE_WITH_HOST;
}

void guest_adopt_qemu(struct guest *g, const struct process_identity *identity)
{
    g->identity = *identity;
    g->adopted = true;
    guest_claim_kept_monitor(g);
    if (!g->socket_path) {
        auto_free char *folder = runtime_folder(g);
        if (!folder || asprintf(&g->socket_path, "%s/monitor", folder) < 0) {
            g->socket_path = NULL;
            fail_set(&g->trouble, VIR_ERR_NO_MEMORY, "out of memory");
            adopt_later(g);
            return;
        }
    }
    int r = process_adopt(daemon_event(g->daemon), identity, process_ended, g, &g->process,
                          &g->trouble);
    if (r < 0) {
        adopt_later(g);
    } else if (r == PROCESS_GONE) {
        guest_release_qemu(g);
        if (!g->damaged)
            guest_event(g, EV_QEMU_GONE, how_gone(g), 0);
    } else if (guest_connect_monitor(g) < 0) {
        log_warning("guest %s: %s", g->name, g->trouble.text);
        guest_connect_monitor_later(g);
    } else {
        g->unsettled = !g->damaged;
        if (!g->damaged)
            guest_survey_wait(g);
    }
}
