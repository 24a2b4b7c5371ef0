/* guest.c - the counter that ticks, its pages, its two ports. It speaks as the tiny guest does. */
#include "fake.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum run_state run_state;
struct page pages[PAGES];
uint64_t ticks;

static int ports[2] = {-1, -1};
static uint64_t tick_ms = 1;
static uint64_t wrong;
static unsigned stuck_at = PAGES;

static void on_console(int fd);

void guest_add_port(int index, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fprintf(stderr, "fake: can't connect to %s\n", path);
        end(1);
    }
    ports[index] = fd;
    if (index == 0)
        watch(fd, on_console);
}

static void say(int port, const void *bytes, size_t size)
{
    if (ports[port] >= 0)
        (void)!write(ports[port], bytes, size);
}

static unsigned page_of(uint64_t tick)
{
    return (unsigned)(tick * 37 % PAGES); /* odd: each page comes once in a round */
}

static uint64_t count_wrong(void)
{
    uint64_t bad = 0;
    for (uint64_t t = ticks < PAGES ? 0 : ticks - PAGES; t < ticks; t++) {
        const struct page *p = &pages[page_of(t)];
        bad += p->here && p->tick != t;
    }
    return bad;
}

static void say_state(const char *what, uint64_t bad)
{
    char line[256];
    int size = snprintf(line, sizeof(line),
                        "%s ticks=%" PRIu64 " pages=%d round=%" PRIu64 " written=%" PRIu64
                        " checked=%" PRIu64 " wrong=%" PRIu64 " paused=0\n",
                        what, ticks, PAGES, ticks / PAGES, ticks, ticks, bad);
    say(0, line, (size_t)size);
}

void guest_power_off(void)
{
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "guest", json_object_new_boolean(true));
    json_object_object_add(data, "reason", json_object_new_string("guest-shutdown"));
    monitor_event("SHUTDOWN", data);
    guest_stop(RUN_PAUSED);
}

void guest_meet_error(void)
{
    if (!guest_runs())
        return;
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "device", json_object_new_string(""));
    json_object_object_add(data, "node-name", json_object_new_string("libvirt-1-format"));
    json_object_object_add(data, "operation", json_object_new_string("write"));
    json_object_object_add(data, "action", json_object_new_string("stop"));
    json_object_object_add(data, "reason", json_object_new_string("File too large"));
    monitor_event("BLOCK_IO_ERROR", data);
    guest_stop(RUN_IO_ERROR);
}

static void on_console(int fd)
{
    char bytes[64];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n <= 0) {
        unwatch(fd);
        close(fd);
        ports[0] = -1;
    }
    for (ssize_t i = 0; i < n && guest_runs(); i++) {
        if (bytes[i] == 's')
            say_state("status", wrong);
        else if (bytes[i] == 'v')
            say_state("verdict", wrong + count_wrong());
        else if (bytes[i] == 'o')
            guest_power_off();
    }
}

bool guest_runs(void)
{
    return run_state == RUN_RUNNING;
}

bool guest_is_stuck(void)
{
    return guest_runs() && stuck_at < PAGES;
}

/* One step of the guest: false when it waits for the page. */
static bool step(void)
{
    unsigned number = page_of(ticks);
    struct page *p = &pages[number];
    if (!p->here) {
        stuck_at = number;
        incoming_page_wanted(number);
        return false;
    }
    stuck_at = PAGES;
    if (p->tick != (ticks < PAGES ? 0 : ticks - PAGES))
        wrong++;
    p->tick = ticks;
    p->dirty = true;
    uint8_t low = (uint8_t)ticks++;
    say(1, &low, 1);
    return true;
}

static void tick(void)
{
    if (!guest_runs())
        return;
    if (step())
        timer_set(tick, tick_ms);
}

void guest_page_came(unsigned page)
{
    if (stuck_at != page)
        return;
    stuck_at = PAGES;
    if (guest_runs())
        tick();
    monitor_unblocked();
}

void guest_start(const char *options, bool waits)
{
    const char *us = strstr(options, "tick_us=");
    if (us)
        tick_ms = strtoull(us + 8, NULL, 10) / 1000;
    if (tick_ms == 0)
        tick_ms = 1;
    for (unsigned i = 0; i < PAGES; i++)
        pages[i].here = !waits;
}

void guest_stop(enum run_state state)
{
    bool ran = guest_runs();
    run_state = state;
    timer_unset(tick);
    if (ran)
        monitor_event("STOP", NULL);
}

void guest_resume(void)
{
    if (guest_runs())
        return;
    bool first = ticks == 0;
    run_state = RUN_RUNNING;
    monitor_event("RESUME", NULL);
    if (first)
        say_state("ready", 0);
    tick();
}
