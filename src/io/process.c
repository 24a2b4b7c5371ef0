/* A pid alone proves nothing: it may have been given to another process. A pidfd stands for one
 * process for ever, but not across a restart of the daemon. So the pidfd is opened first, the
 * identity is compared through /proc then, and the pidfd is looked at once more: if the process has
 * not ended by then, what was compared was the pidfd's process. */
#include "io/process.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>
#include "util/cleanup.h"

struct process {
    sd_event_source *source;
    process_ended_fn *ended;
    void *userdata;
    struct process_identity identity;
    int pidfd;
};

/* The first bytes of a /proc file, as text. 0 or negative errno. */
static int read_proc(const char *path, char *ret_text, size_t room)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, ret_text, room - 1);
    if (n < 0)
        return -errno;
    ret_text[n] = '\0';
    return 0;
}

static int read_boot_id(struct uuid *ret_id, struct fail *f)
{
    static const char PATH[] = "/proc/sys/kernel/random/boot_id";
    char text[64];
    int r = read_proc(PATH, text, sizeof(text));
    if (r < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "read %s: %s", PATH, strerror(-r));
    text[strcspn(text, "\n")] = '\0';
    if (!uuid_parse(text, ret_id))
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "read %s: no uuid", PATH);
    return 0;
}

/* Field 22 of /proc/PID/stat. Field 2 is the program's name in parentheses, which may hold
 * anything, also parentheses and spaces: the last ')' ends it. */
static int parse_start_time(const char *stat, uint64_t *ret_time)
{
    const char *p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    return p && sscanf(p, "%" SCNu64, ret_time) == 1 ? 0 : -EINVAL;
}

static int read_start_time(pid_t pid, uint64_t *ret_time, struct fail *f)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int r = read_proc(path, text, sizeof(text));
    if (r == -ENOENT || r == -ESRCH)
        return PROCESS_GONE;
    if (r == 0)
        r = parse_start_time(text, ret_time);
    if (r < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "read %s: %s", path, strerror(-r));
    return 0;
}

/* Also true of a zombie that nobody reaps. */
static bool has_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* A pidfd and the identity of its process. 0, PROCESS_GONE, -1. */
static int open_process(pid_t pid, int *ret_pidfd, struct process_identity *ret_identity,
                        struct fail *f)
{
    struct process_identity identity = {.pid = pid};
    if (pid <= 0)
        return PROCESS_GONE;
    auto_close int pidfd = pidfd_open(pid, 0); /* is always close-on-exec */
    /* EINVAL: the number is a thread's, not a process's */
    if (pidfd < 0 && (errno == ESRCH || errno == EINVAL))
        return PROCESS_GONE;
    if (pidfd < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "watch process %d: %s", (int)pid, strerror(errno));
    int r = read_start_time(pid, &identity.start_time, f);
    if (r != 0)
        return r;
    if (read_boot_id(&identity.boot_id, f) < 0)
        return -1;
    if (has_ended(pidfd))
        return PROCESS_GONE;
    *ret_pidfd = take_fd(&pidfd);
    *ret_identity = identity;
    return 0;
}

int process_identify(pid_t pid, struct process_identity *ret_identity, struct fail *f)
{
    auto_close int pidfd = -1;
    return open_process(pid, &pidfd, ret_identity, f);
}

static int on_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct process *p = userdata;
    (void)source;
    (void)fd;
    (void)revents;
    p->source = sd_event_source_disable_unref(p->source);
    p->ended(p, p->userdata);
    return 0;
}

int process_adopt(sd_event *event, const struct process_identity *identity, process_ended_fn *ended,
                  void *userdata, struct process **ret_process, struct fail *f)
{
    struct process_identity found;
    auto_close int pidfd = -1;
    int r = open_process(identity->pid, &pidfd, &found, f);
    if (r != 0)
        return r;
    if (found.start_time != identity->start_time || !uuid_equal(&found.boot_id, &identity->boot_id))
        return PROCESS_GONE;
    struct process *p = calloc(1, sizeof(*p));
    if (!p)
        return fail_set(f, VIR_ERR_NO_MEMORY, "watch process %d: out of memory", (int)found.pid);
    *p = (struct process){.ended = ended, .userdata = userdata, .identity = found, .pidfd = -1};
    r = sd_event_add_io(event, &p->source, pidfd, EPOLLIN, on_ended, p);
    /* What the program still wrote to its sockets is read before the news of its end. */
    if (r >= 0)
        r = sd_event_source_set_priority(p->source, SD_EVENT_PRIORITY_NORMAL + 10);
    if (r < 0) {
        free(p);
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "watch process %d: %s", (int)found.pid,
                        strerror(-r));
    }
    p->pidfd = take_fd(&pidfd);
    *ret_process = p;
    return 0;
}

void process_free(struct process *p)
{
    if (!p)
        return;
    sd_event_source_disable_unref(p->source);
    close(p->pidfd);
    free(p);
}

const struct process_identity *process_get_identity(const struct process *p)
{
    return &p->identity;
}

int process_signal(struct process *p, int signal, struct fail *f)
{
    if (has_ended(p->pidfd))
        return PROCESS_GONE;
    if (pidfd_send_signal(p->pidfd, signal, NULL, 0) == 0)
        return 0;
    if (errno == ESRCH)
        return PROCESS_GONE;
    return fail_set(f, VIR_ERR_SYSTEM_ERROR, "send signal %d to process %d: %s", signal,
                    (int)p->identity.pid, strerror(errno));
}
