/* process.h - programs that are never our children: started, recognised, watched, signalled.
 *
 * A program is started through an intermediate process that ends at once, so that the program
 * belongs to PID 1 from its first moment and a daemon that is killed leaves it as it was. From its
 * start it is known by its identity alone, and is taken over by process_adopt, the same after each
 * restart of the daemon.
 *
 * Between the fork and the exec the new process waits for process_start_go. A caller that wants to
 * write its identity down first does so in `ready`. If the daemon dies before "go", the program is
 * never executed: nothing runs that no record knows of.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "util/fail.h"
#include "util/uuid.h"

/* What no other process ever has in common with this one. */
struct process_identity {
    struct uuid boot_id; /* /proc/sys/kernel/random/boot_id */
    uint64_t start_time; /* /proc/PID/stat field 22: clock ticks since boot */
    pid_t pid;
};

/* A descriptor that the program gets under this number (3 or more); all others are closed. */
struct process_fd {
    int fd;     /* the caller's, stays open in the daemon */
    int number; /* in the program */
};

enum { PROCESS_FDS_MAX = 64 };

struct process_spec {
    const char *program;            /* an absolute path */
    const char *const *arguments;   /* with argument 0, ended by NULL */
    const char *const *environment; /* the whole of it, "NAME=value", ended by NULL */
    const char *log_path;           /* stdout and stderr are appended; made with mode 0600 */
    const struct process_fd *fds;
    size_t fd_count;
};

struct process_start;

/* All are called from the loop, never inside process_start_new. After `started` or `failed` the
 * process_start is gone. */
struct process_start_ops {
    /* The process exists, known by `identity`, and waits for process_start_go. NULL: goes at once.
     */
    void (*ready)(struct process_start *s, const struct process_identity *identity, void *userdata);
    /* The program is executing (or has ended already: adopt it to know). */
    void (*started)(const struct process_identity *identity, void *userdata);
    /* It does not run and never will: "start /usr/bin/x: execute: No such file or directory". */
    void (*failed)(const struct fail *why, void *userdata);
};

/* Standard input is /dev/null, the working directory /, the umask 0077, a session of its own; the
 * signal mask and dispositions are the defaults. Nothing of `spec` is needed after the call. */
int process_start_new(sd_event *event, const struct process_spec *spec,
                      const struct process_start_ops *ops, void *userdata,
                      struct process_start **ret_start, struct fail *f);
/* Let the waiting process execute its program. */
void process_start_go(struct process_start *s);
/* Forget it, without a callback. Before "go" the program is never executed; after it, it is killed.
 * Harmless on NULL. */
void process_start_cancel(struct process_start *s);

enum { PROCESS_GONE = 1 };

/* Who has this pid now. 0, PROCESS_GONE when nobody (a zombie counts as nobody), -1 with `f`. */
int process_identify(pid_t pid, struct process_identity *ret_identity, struct fail *f);

/* A process that is watched. */
struct process;
/* It ended: called once, from the loop, after what it still wrote to sockets in this turn was
 * handed out. The exit status is nobody's but its parent's. */
typedef void process_ended_fn(struct process *p, void *userdata);

/* Watch the process with this identity. 0, PROCESS_GONE when it has ended (another boot, another
 * process with its pid, a zombie that PID 1 does not reap, nobody), -1 with `f`. */
int process_adopt(sd_event *event, const struct process_identity *identity, process_ended_fn *ended,
                  void *userdata, struct process **ret_process, struct fail *f);
/* Stop watching. The process is left alone. Harmless on NULL. */
void process_free(struct process *p);
const struct process_identity *process_get_identity(const struct process *p);
/* 0, PROCESS_GONE, or -1 with `f`. Can't reach another process that has got the same pid. */
int process_signal(struct process *p, int signal, struct fail *f);
