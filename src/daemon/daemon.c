/* daemon.c - the parts of the daemon are brought up and taken down in order.
 *
 * The pid file comes first: nothing of this root is looked at while another daemon has it. The
 * sockets come last: who can connect finds every guest.
 */
#include "daemon/daemon.h"
#include <stdio.h>
#include <unistd.h>
#include "daemon/emulators.h"
#include "daemon/events.h"
#include "daemon/ports.h"
#include "daemon/registry.h"
#include "daemon/server.h"
#include "daemon/verdicts.h"
#include "io/fd_store.h"
#include "io/file.h"
#include "io/process.h"
#include "io/worker.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { WORKER_THREADS = 2, WORKER_JOBS_MAX = 65536 };

static int make_folders(const struct config *c, struct fail *f)
{
    if (file_make_folders(c->run_dir, 0755, f) < 0 ||
        file_make_folders(c->socket_dir, 0700, f) < 0 ||
        file_make_folders(c->state_dir, 0700, f) < 0 ||
        file_make_folders(c->cache_dir, 0700, f) < 0 || file_make_folders(c->log_dir, 0700, f) < 0)
        return -1;
    return 0;
}

static char *pid_path(const struct config *c)
{
    char *path;
    return asprintf(&path, "%s/batond.pid", c->run_dir) < 0 ? NULL : path;
}

static int lock(struct daemon *d, struct fail *f)
{
    auto_free char *path = pid_path(&d->config);
    if (!path)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    return file_lock_pid(path, &d->pid_fd, f);
}

static void unlock(struct daemon *d)
{
    auto_free char *path = pid_path(&d->config);
    if (d->pid_fd >= 0 && path)
        file_unlock_pid(path, d->pid_fd);
    d->pid_fd = -1;
}

static void probed(const struct emulator *emulator, const struct fail *why, void *userdata)
{
    (void)emulator;
    (void)userdata;
    if (why) /* a probe's own failure was logged by it, the binary's absence was not */
        log_warning("the default emulator can't be used: %s", why->text);
}

static int learn_boot(struct daemon *d, struct fail *f)
{
    struct process_identity self;
    if (process_identify(getpid(), &self, f) < 0)
        return -1;
    d->boot_id = self.boot_id;
    return 0;
}

int daemon_start(struct daemon *d, loop_signal_fn *on_signal, struct fail *f)
{
    struct config *c = &d->config;
    d->pid_fd = -1;
    log_set_level(c->log_level);
    if (make_folders(c, f) < 0 || lock(d, f) < 0 || learn_boot(d, f) < 0 || fd_store_new(&d->fd_store, f) < 0 ||
        loop_init(&d->loop, on_signal, d, f) < 0 ||
        worker_pool_new(daemon_event(d), WORKER_THREADS, WORKER_JOBS_MAX, &d->workers, f) < 0 ||
        events_new(&d->events, f) < 0 ||
        ports_new(c->migration_port_min, c->migration_port_max, &d->ports, f) < 0 ||
        emulators_new(d, &d->emulators, f) < 0 || verdicts_new(d, &d->verdicts, f) < 0 ||
        registry_new(d, &d->registry, f) < 0 ||
        server_new(d, &d->server, f) < 0) {
        daemon_stop(d);
        return -1;
    }
    fd_store_drop_rest(d->fd_store);
    emulators_get(d->emulators, c->emulator, probed, NULL);
    return 0;
}

void daemon_stop(struct daemon *d)
{
    d->ending = true;
    server_stop(d->server);
    emulators_stop(d->emulators);
    worker_pool_free(d->workers); /* what it still answers finds its guests and calls */
    registry_free(d->registry);
    server_free(d->server);
    emulators_free(d->emulators);
    ports_free(d->ports);
    verdicts_free(d->verdicts);
    events_free(d->events);
    fd_store_free(d->fd_store);
    if (d->loop.event)
        loop_free(&d->loop);
    unlock(d);
    config_free(&d->config);
}
