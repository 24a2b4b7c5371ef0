/* main.c - the command line that batond builds, and one loop over everything. */
#include "fake.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { TIMERS_MAX = 16, WATCHES_MAX = 32 };

static struct {
    timer_fn *call;
    uint64_t due;
} timers[TIMERS_MAX];

static struct {
    int fd;
    void (*ready)(int fd);
} watches[WATCHES_MAX];
static unsigned watch_count;

uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void timer_set(timer_fn *call, uint64_t ms)
{
    unsigned free_one = TIMERS_MAX;
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        if (timers[i].call == call) {
            timers[i].due = now_ms() + ms;
            return;
        }
        if (!timers[i].call && free_one == TIMERS_MAX)
            free_one = i;
    }
    if (free_one == TIMERS_MAX)
        abort();
    timers[free_one].call = call;
    timers[free_one].due = now_ms() + ms;
}

void timer_unset(timer_fn *call)
{
    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (timers[i].call == call)
            timers[i].call = NULL;
}

void watch(int fd, void (*ready)(int fd))
{
    if (watch_count == WATCHES_MAX)
        abort();
    watches[watch_count].fd = fd;
    watches[watch_count++].ready = ready;
}

void unwatch(int fd)
{
    for (unsigned i = 0; i < watch_count; i++)
        if (watches[i].fd == fd)
            watches[i--] = watches[--watch_count];
}

void end(int status)
{
    exit(status);
}

static int next_due(void)
{
    uint64_t now = now_ms(), least = 1000;
    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (timers[i].call) {
            uint64_t left = timers[i].due > now ? timers[i].due - now : 0;
            least = left < least ? left : least;
        }
    return (int)least;
}

static void run_timers(void)
{
    uint64_t now = now_ms();
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        timer_fn *call = timers[i].call;
        if (call && timers[i].due <= now) {
            timers[i].call = NULL;
            call();
        }
    }
}

static void run_watches(int timeout)
{
    struct pollfd p[WATCHES_MAX];
    unsigned count = watch_count;
    for (unsigned i = 0; i < count; i++)
        p[i] = (struct pollfd){.fd = watches[i].fd, .events = POLLIN};
    if (poll(p, count, timeout) <= 0)
        return;
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; p[i].revents && k < watch_count; k++)
            if (watches[k].fd == p[i].fd) { /* an earlier one may have closed it */
                watches[k].ready(p[i].fd);
                break;
            }
}

/* QEMU says SHUTDOWN and ends. */
static void terminated(int fd)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return;
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "guest", json_object_new_boolean(false));
    json_object_object_add(data, "reason", json_object_new_string("host-signal"));
    monitor_event("SHUTDOWN", data);
    end(0);
}

static void watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    watch(signalfd(-1, &set, SFD_CLOEXEC), terminated);
}

/* "socket,id=charserial0,path=/x/y": the value of `key`, in a buffer of this function. */
static const char *option(const char *text, const char *key)
{
    static char value[256];
    size_t size = strlen(key);
    for (const char *at = text; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, key, size) == 0 && at[size] == '=') {
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + size + 1, ","), at + size + 1);
            return value;
        }
    return NULL;
}

struct arguments {
    int monitor_fd;
    bool stopped, incoming, probe;
    const char *guest_options;
    const char *ports[2];
};

static void read_chardev(struct arguments *a, const char *text)
{
    const char *id = option(text, "id");
    if (!id)
        return;
    if (strcmp(id, "charmonitor") == 0) {
        const char *fd = option(text, "fd");
        a->monitor_fd = fd ? atoi(fd) : -1;
    } else if (strncmp(id, "charserial", 10) == 0 && (id[10] == '0' || id[10] == '1')) {
        int index = id[10] - '0';
        const char *path = option(text, "path");
        a->ports[index] = path ? strdup(path) : NULL;
    }
}

static void read_arguments(struct arguments *a, char **argv)
{
    *a = (struct arguments){.monitor_fd = -1, .guest_options = ""};
    for (char **at = argv + 1; *at; at++) {
        const char *value = at[1] ? at[1] : "";
        if (strcmp(*at, "-S") == 0)
            a->stopped = true;
        else if (strcmp(*at, "-incoming") == 0)
            a->incoming = true;
        else if (strcmp(*at, "-machine") == 0)
            a->probe = strncmp(value, "none", 4) == 0;
        else if (strcmp(*at, "-append") == 0)
            a->guest_options = value;
        else if (strcmp(*at, "-chardev") == 0)
            read_chardev(a, value);
    }
}

int main(int argc, char **argv)
{
    struct arguments a;
    (void)argc;
    read_arguments(&a, argv);
    if (a.monitor_fd < 0 || !commands_load(argv[0])) {
        fprintf(stderr, "%s: no monitor, or no QEMU to imitate by this name\n", argv[0]);
        return 1;
    }
    watch_signals();
    control_connect(argv[0], a.probe ? "probe" : a.incoming ? "destination" : "source");
    at_point(NULL, "start", "");
    for (int i = 0; i < 2; i++)
        if (a.ports[i])
            guest_add_port(i, a.ports[i]);
    run_state = a.incoming ? RUN_INMIGRATE : RUN_PRELAUNCH;
    if (!a.probe)
        guest_start(a.guest_options, a.incoming);
    monitor_start(a.monitor_fd);
    if (!a.stopped && !a.incoming)
        guest_resume();
    for (;;) {
        run_watches(next_due());
        run_timers();
    }
}
