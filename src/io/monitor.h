/* monitor.h - a QMP connection to a QEMU: commands, their replies, and events.
 *
 * The unix socket is made listening by us (monitor_listen) and handed to QEMU as a descriptor, so
 * it can be connected to before QEMU runs, and again after a restart of the daemon.
 *
 * Everything QEMU says is handed out in the order in which it was written, replies and events
 * alike: what an event proves about a later reply holds. The connection fails as a whole (junk, end
 * of file, no greeting in time): then every command that has no answer gets MONITOR_CLOSED, in the
 * order of sending, and last `closed` is called.
 *
 * QEMU takes out-of-band commands only while fewer than 8 commands wait in its queue; that is why
 * at most MONITOR_PIPELINE ordinary commands are with QEMU at one time. The others wait here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>
#include <systemd/sd-event.h>
#include "util/fail.h"

enum {
    MONITOR_PIPELINE = 4,       /* ordinary commands with QEMU at one time */
    MONITOR_COMMANDS_MAX = 256, /* without an answer yet; one more is refused */
};

struct monitor;

enum monitor_outcome {
    MONITOR_RETURN,  /* `value` is what QEMU returned */
    MONITOR_ERROR,   /* QEMU refused: `error_class` and `error` */
    MONITOR_TIMEOUT, /* no answer by the deadline; it may still be executed. A late answer is
                        dropped */
    MONITOR_CLOSED,  /* the connection ended first; it may have been executed or not */
};

/* All borrowed for the call. */
struct monitor_reply {
    enum monitor_outcome outcome;
    struct json_object *value; /* MONITOR_RETURN only; json_object_get to keep it */
    const char *error_class;   /* "GenericError", "CommandNotFound", ...; MONITOR_ERROR only */
    const char *error;         /* a sentence, for all outcomes but MONITOR_RETURN */
};

typedef void monitor_reply_fn(const struct monitor_reply *reply, void *userdata);

struct monitor_event {
    const char *name;
    struct json_object *data; /* may be NULL; json_object_get to keep it */
    uint64_t wall_clock;      /* QEMU's time stamp, microseconds since 1970; 0 when it had none */
};

struct monitor_ops {
    /* QEMU greeted and took qmp_capabilities: commands may be sent. */
    void (*ready)(struct monitor *m, void *userdata);
    /* Also events from before `ready`. */
    void (*event)(struct monitor *m, const struct monitor_event *event, void *userdata);
    /* Called once, from the loop, unless the owner freed it first. Only monitor_free may follow. */
    void (*closed)(struct monitor *m, const struct fail *why, void *userdata);
};

/* A listening unix socket at `path` (replacing what is there), mode 0600, for QEMU's
 * `-chardev socket,fd=N,server=on,wait=off`. The caller closes its copy once QEMU has its own, or a
 * dead QEMU could not be told from a slow one. */
int monitor_listen(const char *path, int *ret_fd, struct fail *f);

/* Connects and starts the handshake. `deadline` (microseconds) is for the whole of it: a QEMU that
 * does not greet in time fails. When QEMU has greeted, the connection is made a second time, for the
 * first may be a broken one (monitor.c says how). 0, or -1 with `f` when nobody listens there. `ops` is kept by
 * reference. */
int monitor_new(sd_event *event, const char *path, uint64_t deadline, const struct monitor_ops *ops,
                void *userdata, struct monitor **ret_monitor, struct fail *f);
/* The same over a connected socket, which is the monitor's from here on, also on failure. */
int monitor_new_fd(sd_event *event, int fd, uint64_t deadline, const struct monitor_ops *ops,
                   void *userdata, struct monitor **ret_monitor, struct fail *f);
/* The same over a connection on which an earlier daemon did all that, out-of-band commands included. What is
 * still under way on it is passed over: halves of messages, replies to that daemon. Until the first
 * reply of its own it sends one ordinary command only, lest QEMU's queue be full. `ready` comes from
 * the loop. */
int monitor_new_taken_over(sd_event *event, int fd, const struct monitor_ops *ops, void *userdata,
                           struct monitor **ret_monitor, struct fail *f);
/* The connection's descriptor, borrowed; -1 when it is closed. */
int monitor_get_fd(const struct monitor *m);
/* Commands without an answer get MONITOR_CLOSED from here; `closed` is not called. May be called in
 * any callback of the monitor. Harmless on NULL. */
void monitor_free(struct monitor *m);

/* QEMU's version, known from `ready` on: major * 1000000 + minor * 1000 + micro. */
unsigned monitor_get_version(const struct monitor *m);
/* Since when (timer_now) the oldest command that QEMU was sent has had no answer; 0: none waits. */
uint64_t monitor_busy_since(const struct monitor *m);
/* Out-of-band commands are possible. */
bool monitor_has_oob(const struct monitor *m);

enum monitor_flags {
    MONITOR_OOB =
        1, /* executed at once, past what waits. Sent as an ordinary command without oob */
};

struct monitor_command {
    const char *name;
    struct json_object *arguments; /* NULL or an object; taken over by monitor_send in any case */
    unsigned flags;                /* enum monitor_flags */
    const int *fd; /* NULL, or a descriptor that goes with it (getfd); duplicated */
    uint64_t deadline;             /* microseconds from now until MONITOR_TIMEOUT; 0: never */
    monitor_reply_fn *reply; /* called exactly once, if monitor_send said 0; NULL: not needed */
    void *userdata;
};

/* 0, or -1 with `f`: not ready, closed, or too much is waiting. The reply never comes inside the
 * call. */
int monitor_send(struct monitor *m, const struct monitor_command *command, struct fail *f);
