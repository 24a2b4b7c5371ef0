/* fake_monitor.h - a monitor, its owner who notes what he is told, and the fake QEMU at the other end of the socket. */
#pragma once

#include "harness.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/monitor.h"
#include "io/timer.h"
#define GREETING                                                                                   \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "             \
    "\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define GREETING_WITHOUT_OOB                                                                       \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "             \
    "\"package\": \"\"}, \"capabilities\": []}}\r\n"

struct fake {
    struct harness *h;
    struct monitor *monitor;
    int qemu; /* the fake QEMU's end */
    bool ready;
    bool closed;
    struct fail why;
    char story[1024]; /* what the owner was told, in order: "event STOP; 1 return; " */
    unsigned told;    /* number of words in it */
    bool free_at_event;
    char pending[65536]; /* bytes from Baton that are not a whole line yet */
    size_t pending_size;
};

struct question {
    struct fake *fake;
    const char *name;
    bool free_in_reply;
};

static inline void tell(struct fake *k, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void tell(struct fake *k, const char *format, ...)
{
    size_t at = strlen(k->story);
    va_list args;
    va_start(args, format);
    vsnprintf(k->story + at, sizeof(k->story) - at, format, args);
    va_end(args);
    k->told++;
}

static inline void on_ready(struct monitor *m, void *userdata)
{
    struct fake *k = userdata;
    (void)m;
    k->ready = true;
}

static inline void on_event(struct monitor *m, const struct monitor_event *event, void *userdata)
{
    struct fake *k = userdata;
    assert_ptr_equal(m, k->monitor);
    tell(k, "event %s; ", event->name);
    if (k->free_at_event) {
        monitor_free(m);
        k->monitor = NULL;
    }
}

static inline void on_closed(struct monitor *m, const struct fail *why, void *userdata)
{
    struct fake *k = userdata;
    assert_ptr_equal(m, k->monitor);
    assert_false(k->closed);
    k->closed = true;
    k->why = *why;
    tell(k, "closed; ");
}

static const struct monitor_ops OPS = {.ready = on_ready, .event = on_event, .closed = on_closed};

static inline void on_reply(const struct monitor_reply *reply, void *userdata)
{
    static const char *const NAMES[] = {"return", "error", "timeout", "closed"};
    struct question *q = userdata;
    struct fake *k = q->fake;
    tell(k, "%s %s; ", q->name, NAMES[reply->outcome]);
    assert_true((reply->outcome == MONITOR_RETURN) == (reply->error == NULL));
    assert_true((reply->outcome == MONITOR_ERROR) == (reply->error_class != NULL));
    if (q->free_in_reply) {
        monitor_free(k->monitor);
        k->monitor = NULL;
    }
}

static inline void start_fake(struct harness *h, struct fake *k, uint64_t deadline)
{
    int fds[2];
    struct fail f;
    make_pair(fds);
    *k = (struct fake){.h = h, .qemu = fds[1]};
    assert_int_equal(monitor_new_fd(h->event, fds[0], deadline, &OPS, k, &k->monitor, &f), 0);
}

static inline void end_fake(struct fake *k)
{
    monitor_free(k->monitor);
    if (k->qemu >= 0)
        close(k->qemu);
}

static inline void hang_up(struct fake *k)
{
    close(k->qemu);
    k->qemu = -1;
}

static inline void qemu_says(struct fake *k, const char *text)
{
    assert_int_equal(write(k->qemu, text, strlen(text)), strlen(text));
}

/* The next line from Baton, or NULL when there is none now. */
static inline struct json_object *next_line(struct fake *k)
{
    char *end;
    while (!(end = memchr(k->pending, '\n', k->pending_size))) {
        ssize_t n =
            read(k->qemu, k->pending + k->pending_size, sizeof(k->pending) - k->pending_size);
        if (n <= 0)
            return NULL;
        k->pending_size += (size_t)n;
    }
    *end = '\0';
    struct json_object *line = json_tokener_parse(k->pending);
    assert_non_null(line);
    k->pending_size -= (size_t)(end + 1 - k->pending);
    memmove(k->pending, end + 1, k->pending_size);
    return line;
}

/* Checks which command comes next, and gives its id. */
static inline uint64_t hear(struct fake *k, const char *key, const char *name)
{
    struct json_object *line = next_line(k), *value;
    assert_non_null(line);
    assert_true(json_object_object_get_ex(line, key, &value));
    assert_string_equal(json_object_get_string(value), name);
    assert_true(json_object_object_get_ex(line, "id", &value));
    uint64_t id = json_object_get_uint64(value);
    json_object_put(line);
    return id;
}

static inline void hear_nothing(struct fake *k)
{
    assert_null(next_line(k));
}

static inline void qemu_returns(struct fake *k, uint64_t id)
{
    char text[128];
    snprintf(text, sizeof(text), "{\"return\": {}, \"id\": %llu}\r\n", (unsigned long long)id);
    qemu_says(k, text);
}

static inline void greet(struct fake *k, const char *greeting)
{
    qemu_says(k, greeting);
    struct pollfd p = {.fd = k->qemu, .events = POLLIN};
    while (poll(&p, 1, 0) == 0)
        assert_true(sd_event_run(k->h->event, 10 * TIMER_SECOND) > 0);
    qemu_returns(k, hear(k, "execute", "qmp_capabilities"));
    run_until(k->h, &k->ready);
}

static inline int ask(struct question *q, struct fake *k, const char *name, unsigned flags,
               uint64_t deadline)
{
    struct fail f;
    struct monitor_command c = {
        .name = name, .flags = flags, .deadline = deadline, .reply = on_reply, .userdata = q};
    q->fake = k;
    q->name = name;
    return monitor_send(k->monitor, &c, &f);
}
