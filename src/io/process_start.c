/* Three processes and two pipes:
 *
 *   daemon ──fork──► intermediate ──fork──► program-to-be
 *     ▲                  │ exits at once        │ waits for "go", then executes
 *     └──── report ◄─────┴──────────────────────┘
 *     └──── go ────────────────────────────────►
 *
 * Both write messages to the report pipe: the pid, or what failed. The program's end of it is
 * closed by its exec, so end of file after the pid means that the program runs. The go pipe ends
 * with the daemon: who reads end of file there leaves without executing anything.
 *
 * Between fork and exec only async-signal-safe functions are called: another thread of the daemon
 * may have held any lock at the fork. All that needs memory is prepared before.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io/process.h"
#include "io/process_child.h"
#include "util/cleanup.h"
#include "util/log.h"

struct process_start {
    sd_event *event;
    const struct process_start_ops *ops;
    void *userdata;
    sd_event_source *report;
    sd_event_source *reaper;
    int report_fd;
    int go_fd;     /* -1 once let go */
    int reaper_fd; /* pidfd of the intermediate process */
    pid_t intermediate;
    struct process_identity identity;
    bool known;  /* `identity` is set */
    bool failed; /* `why` is set */
    bool reaped;
    bool busy;      /* inside `ready` */
    bool cancelled; /* inside it */
    struct fail why;
    char *name;
};

static void destroy(struct process_start *s)
{
    sd_event_source_disable_unref(s->report);
    sd_event_source_disable_unref(s->reaper);
    if (s->report_fd >= 0)
        close(s->report_fd);
    if (s->go_fd >= 0)
        close(s->go_fd);
    if (s->reaper_fd >= 0)
        close(s->reaper_fd);
    sd_event_unref(s->event);
    free(s->name);
    free(s);
}

/* The intermediate process makes a few system calls and exits, whatever happens: where the loop
 * has not reaped it yet, this waits for that moment. */
static void reap_now(struct process_start *s)
{
    while (s->intermediate > 0 && !s->reaped && waitpid(s->intermediate, NULL, 0) < 0)
        if (errno != EINTR)
            break;
    s->reaped = true;
}

static void nobody_listens(struct process *p, void *userdata)
{
    (void)p;
    (void)userdata;
}

/* It executes its program already, or is about to. */
static void kill_let_go(struct process_start *s)
{
    struct process *p;
    if (process_adopt(s->event, &s->identity, nobody_listens, NULL, &p, &s->why) != 0)
        return;
    if (process_signal(p, SIGKILL, &s->why) < 0)
        log_error("%s", s->why.text);
    process_free(p);
}

void process_start_cancel(struct process_start *s)
{
    if (!s)
        return;
    reap_now(s);
    if (s->known && s->go_fd < 0)
        kill_let_go(s);
    if (s->busy)
        s->cancelled = true;
    else
        destroy(s);
}

void process_start_go(struct process_start *s)
{
    if (s->go_fd < 0)
        return;
    /* Fails only where the process is gone already; the report pipe tells of that. */
    (void)!write(s->go_fd, "", 1);
    close(take_fd(&s->go_fd));
}

/* All that there was to hear was heard, and nobody is left to be reaped. */
static void finish(struct process_start *s)
{
    const struct process_start_ops *ops = s->ops;
    void *userdata = s->userdata;
    struct process_identity identity = s->identity;
    struct fail why = s->why;
    bool failed = s->failed || !s->known;
    if (!s->known && !s->failed)
        fail_set(&why, VIR_ERR_INTERNAL_ERROR, "it ended before it was executed");
    if (s->go_fd >= 0 && !failed) {
        failed = true; /* end of file although it was never let go: somebody killed it */
        fail_set(&why, VIR_ERR_INTERNAL_ERROR, "it was killed before it was executed");
    }
    if (failed)
        fail_prefix(&why, "start %s", s->name);
    destroy(s);
    if (failed)
        ops->failed(&why, userdata);
    else
        ops->started(&identity, userdata);
}

static void finish_if_complete(struct process_start *s)
{
    if (s->report_fd < 0 && s->reaped)
        finish(s);
}

/* It waits for us, so the pid is still its own. */
static void learn_pid(struct process_start *s, pid_t pid)
{
    int r = process_identify(pid, &s->identity, &s->why);
    if (r == PROCESS_GONE)
        fail_set(&s->why, VIR_ERR_INTERNAL_ERROR, "it ended before it was executed");
    if (r != 0) {
        s->failed = true;
        close(take_fd(&s->go_fd)); /* without "go" it ends */
        return;
    }
    s->known = true;
    if (!s->ops->ready) {
        process_start_go(s);
        return;
    }
    s->busy = true;
    s->ops->ready(s, &s->identity, s->userdata);
    s->busy = false;
}

static void hear(struct process_start *s, const struct process_report *report)
{
    if (report->stage == PROCESS_STAGE_PID) {
        learn_pid(s, report->value);
        return;
    }
    s->failed = true;
    fail_set(&s->why, VIR_ERR_SYSTEM_ERROR, "%s: %s", process_stage_name(report->stage),
             strerror(report->value));
}

static int on_report(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct process_start *s = userdata;
    struct process_report report;
    (void)source;
    (void)revents;
    ssize_t n = read(fd, &report, sizeof(report)); /* so short that it is written as one */
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n == (ssize_t)sizeof(report)) {
        hear(s, &report);
        if (s->cancelled)
            destroy(s);
        return 0;
    }
    s->report = sd_event_source_disable_unref(s->report);
    close(take_fd(&s->report_fd));
    finish_if_complete(s);
    return 0;
}

static int on_intermediate_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct process_start *s = userdata;
    (void)source;
    (void)fd;
    (void)revents;
    reap_now(s);
    s->reaper = sd_event_source_disable_unref(s->reaper);
    finish_if_complete(s);
    return 0;
}

/* No signal may reach a handler or a default action of ours between fork and exec. */
static pid_t fork_quietly(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static int open_log(const char *path, struct fail *f)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "open its log %s: %s", path, strerror(errno));
    (void)fcntl(fd, F_SETFL, O_APPEND); /* O_NONBLOCK was only for a fifo in its place */
    return fd;
}

static int watch(struct process_start *s, struct fail *f)
{
    s->reaper_fd = pidfd_open(s->intermediate, 0);
    int r = s->reaper_fd < 0 ? -errno : 0;
    if (r >= 0)
        r = sd_event_add_io(s->event, &s->reaper, s->reaper_fd, EPOLLIN, on_intermediate_ended, s);
    if (r >= 0)
        r = sd_event_add_io(s->event, &s->report, s->report_fd, EPOLLIN, on_report, s);
    if (r < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "watch it: %s", strerror(-r));
    return 0;
}

static int fork_program(struct process_start *s, const struct process_spec *spec, struct fail *f)
{
    int report[2], go[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "make a pipe: %s", strerror(errno));
    s->report_fd = report[0];
    auto_close int report_end = report[1];
    if (pipe2(go, O_CLOEXEC) < 0 || fcntl(s->report_fd, F_SETFL, O_NONBLOCK) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "make a pipe: %s", strerror(errno));
    s->go_fd = go[1];
    auto_close int go_end = go[0];
    auto_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "open /dev/null: %s", strerror(errno));
    auto_close int log_fd = open_log(spec->log_path, f);
    if (log_fd < 0)
        return -1;

    struct process_child child = {
        .spec = spec,
        .report_fd = report_end,
        .go_fd = go_end,
        .close_fd = s->go_fd,
        .null_fd = null_fd,
        .log_fd = log_fd,
    };
    pid_t pid = fork_quietly();
    if (pid == 0)
        process_child_intermediate(&child);
    if (pid < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "fork: %s", strerror(errno));
    s->intermediate = pid;
    return watch(s, f);
}

int process_start_new(sd_event *event, const struct process_spec *spec,
                      const struct process_start_ops *ops, void *userdata,
                      struct process_start **ret_start, struct fail *f)
{
    assert(spec->fd_count <= PROCESS_FDS_MAX);
    struct process_start *s = calloc(1, sizeof(*s));
    char *name = strdup(spec->program);
    if (!s || !name) {
        free(s);
        free(name);
        return fail_set(f, VIR_ERR_NO_MEMORY, "start %s: out of memory", spec->program);
    }
    *s = (struct process_start){
        .event = sd_event_ref(event),
        .ops = ops,
        .userdata = userdata,
        .report_fd = -1,
        .go_fd = -1,
        .reaper_fd = -1,
        .name = name,
    };
    if (fork_program(s, spec, f) < 0) {
        fail_prefix(f, "start %s", spec->program);
        process_start_cancel(s);
        return -1;
    }
    *ret_start = s;
    return 0;
}
