/* proc_facts.c - reads small files of the kernel's, which never block. */
#include "daemon/proc_facts.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/cleanup.h"

/* The whole of a small file, ended by a zero. */
static bool read_small(const char *path, char *text, size_t room)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, room - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

static bool read_proc(pid_t pid, pid_t tid, const char *file, char *text, size_t room)
{
    char path[80];
    if (tid)
        snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, file);
    else
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return read_small(path, text, room);
}

/* Field `n` (the third is the first after the name), or NULL. The name may hold anything. */
static const char *stat_field(const char *stat, unsigned n)
{
    const char *at = strrchr(stat, ')');
    for (unsigned i = 2; at && i < n; i++) {
        at = strchr(at, ' ');
        if (at)
            at++;
    }
    return at;
}

bool proc_read_times(pid_t pid, pid_t tid, struct proc_times *ret_times)
{
    char text[1024];
    if (!read_proc(pid, tid, "stat", text, sizeof(text)))
        return false;
    const char *user = stat_field(text, 14), *cpu = stat_field(text, 39);
    uint64_t user_ticks, system_ticks;
    if (!user || !cpu || sscanf(user, "%" SCNu64 " %" SCNu64, &user_ticks, &system_ticks) != 2)
        return false;
    uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    *ret_times = (struct proc_times){
        .user_ns = user_ticks * tick_ns,
        .system_ns = system_ticks * tick_ns,
        .cpu = atoi(cpu),
    };
    return true;
}

bool proc_read_rss_kib(pid_t pid, uint64_t *ret_kib)
{
    char text[1024];
    if (!read_proc(pid, 0, "stat", text, sizeof(text)))
        return false;
    const char *rss = stat_field(text, 24);
    uint64_t pages;
    if (!rss || sscanf(rss, "%" SCNu64, &pages) != 1)
        return false;
    *ret_kib = pages * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024);
    return true;
}

/* "wait_sum  :  12.345678" in milliseconds, under a name that changed between kernels. */
static uint64_t read_wait(pid_t pid, pid_t tid)
{
    char text[8192];
    if (!read_proc(pid, tid, "sched", text, sizeof(text)))
        return 0;
    const char *at = strstr(text, "wait_sum");
    at = at ? strchr(at, ':') : NULL;
    uint64_t ms, ns;
    if (!at || sscanf(at + 1, " %" SCNu64 ".%6" SCNu64, &ms, &ns) != 2)
        return 0;
    return ms * 1000000 + ns;
}

bool proc_read_delays(pid_t pid, pid_t tid, struct proc_delays *ret_delays)
{
    char text[128];
    uint64_t ran, delay;
    if (!read_proc(pid, tid, "schedstat", text, sizeof(text)) ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &ran, &delay) != 2)
        return false;
    *ret_delays = (struct proc_delays){.wait_ns = read_wait(pid, tid), .delay_ns = delay};
    return true;
}

/* "NAME: " and eight counters of what came in, eight of what went out; ours are the first four. */
static bool parse_counters(const char *line, const char *name, struct net_counters *c)
{
    size_t size = strlen(name);
    line += strspn(line, " ");
    return strncmp(line, name, size) == 0 && line[size] == ':' &&
           sscanf(line + size + 1,
                  "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %*u %*u %" SCNu64
                  " %" SCNu64 " %" SCNu64 " %" SCNu64,
                  &c->tx_bytes, &c->tx_packets, &c->tx_errs, &c->tx_drop, &c->rx_bytes,
                  &c->rx_packets, &c->rx_errs, &c->rx_drop) == 8;
}

/* Of this process's network namespace, as the taps are; /sys is that of whoever mounted it. */
bool proc_read_tap(const char *name, struct net_counters *ret_counters)
{
    struct net_counters c;
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/self/net/dev", "re");
    while (file && !found && fgets(line, sizeof(line), file))
        found = parse_counters(line, name, &c);
    if (file)
        fclose(file);
    if (found)
        *ret_counters = c;
    return found;
}
