/* daemon.h - the one object that holds everything of a running batond. */
#pragma once
#include <systemd/sd-event.h>
#include "daemon/config.h"
#include "io/loop.h"
#include "util/uuid.h"

struct fd_store;
struct worker_pool;
struct registry;
struct server;
struct events;
struct emulators;
struct ports;
struct verdicts;
struct console;

struct daemon {
    struct config config;
    struct loop loop;
    struct fd_store *fd_store; /* what an earlier daemon left with systemd */
    struct worker_pool *workers;
    struct registry *registry;   /* all guests */
    struct server *server;       /* listeners and clients */
    struct events *events;       /* who wants to hear what */
    struct emulators *emulators; /* what was probed */
    struct ports *ports;         /* migration ports given out */
    struct verdicts *verdicts;   /* of attempts that are over */
    struct console *consoles;    /* that clients are attached to */
    struct uuid boot_id;         /* of the host, as long as it runs */
    bool ending;                 /* what is not on the disk by now is the next daemon's */
    int pid_fd;                  /* the locked pid file */
};

static inline sd_event *daemon_event(const struct daemon *d)
{
    return d->loop.event;
}

/* The configuration is complete. In order: folders, pid file, loop, workers, emulators, guests,
 * sockets. On -1 everything is taken down again. */
int daemon_start(struct daemon *d, loop_signal_fn *on_signal, struct fail *f);
/* Clients are disconnected; QEMUs go on. */
void daemon_stop(struct daemon *d);
