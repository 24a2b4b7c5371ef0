#include "io/connect.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/address.h"
#include "io/loop.h"
#include "io/timer.h"
#include "io/worker.h"
#include "util/cleanup.h"

/* Lives on while the worker uses it, also when the connector was cancelled meanwhile. */
struct lookup {
    struct connector *connector; /* NULL: cancelled */
    char *host;
    char port[8];
    struct addrinfo *list;
    int result;
};

struct connector {
    sd_event *event;
    connect_done_fn *done;
    void *userdata;
    uint64_t ends_at;
    struct timer deadline;
    struct timer share; /* of the deadline, for one of several addresses */
    struct loop_later later;
    struct lookup *lookup;   /* under way */
    struct addrinfo *list;   /* of a finished look-up */
    struct addrinfo *next;   /* the address to try next */
    sd_event_source *source; /* the attempt under way */
    int fd;
    char *name; /* of the destination, for people */
    struct fail why;
};

static void lookup_free(struct lookup *k)
{
    if (!k)
        return;
    if (k->list)
        freeaddrinfo(k->list);
    free(k->host);
    free(k);
}

void connect_cancel(struct connector *c)
{
    if (!c)
        return;
    timer_cancel(&c->deadline);
    timer_cancel(&c->share);
    loop_later_cancel(&c->later);
    sd_event_source_disable_unref(c->source);
    if (c->lookup)
        c->lookup->connector = NULL;
    if (c->list)
        freeaddrinfo(c->list);
    if (c->fd >= 0)
        close(c->fd);
    sd_event_unref(c->event);
    free(c->name);
    free(c);
}

/* `c` is gone after it. */
static void finish(struct connector *c, int fd)
{
    connect_done_fn *done = c->done;
    void *userdata = c->userdata;
    struct fail why = c->why;
    if (fd < 0)
        fail_prefix(&why, "connect to %s", c->name);
    connect_cancel(c);
    done(fd, fd < 0 ? &why : NULL, userdata);
}

static void on_deadline(void *userdata)
{
    struct connector *c = userdata;
    fail_set(&c->why, VIR_ERR_OPERATION_TIMEOUT,
             c->lookup ? "the name was not resolved in time" : "no answer in time");
    finish(c, -1);
}

static void on_later(void *userdata)
{
    struct connector *c = userdata;
    finish(c, take_fd(&c->fd));
}

/* The end may not come inside connect_*. */
static void finish_later(struct connector *c)
{
    if (loop_later_schedule(&c->later, c->event, on_later, c) < 0)
        (void)timer_arm(&c->deadline, c->event, 0, on_deadline, c);
}

static struct connector *connector_new(sd_event *event, uint64_t timeout, connect_done_fn *done,
                                       void *userdata)
{
    struct connector *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->event = sd_event_ref(event);
    c->done = done;
    c->userdata = userdata;
    c->fd = -1;
    c->ends_at = timer_now() + timeout;
    if (timer_arm(&c->deadline, event, timeout, on_deadline, c) >= 0)
        return c;
    connect_cancel(c);
    return NULL;
}

static void try_next(struct connector *c);

/* Give up the attempt under way. */
static void drop_attempt(struct connector *c)
{
    timer_cancel(&c->share);
    c->source = sd_event_source_disable_unref(c->source);
    close(take_fd(&c->fd));
}

static void on_share_used(void *userdata)
{
    struct connector *c = userdata;
    drop_attempt(c);
    fail_set(&c->why, VIR_ERR_OPERATION_TIMEOUT, "no answer in time");
    try_next(c);
}

/* An address that swallows everything must leave time for those after it. */
static void arm_share(struct connector *c)
{
    unsigned left = 1;
    uint64_t now = timer_now();
    for (const struct addrinfo *info = c->next; info; info = info->ai_next)
        left++;
    if (left > 1 && c->ends_at > now)
        (void)timer_arm(&c->share, c->event, (c->ends_at - now) / left, on_share_used, c);
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct connector *c = userdata;
    int error = 0;
    socklen_t size = sizeof(error);
    (void)source;
    (void)revents;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error == 0) {
        finish(c, take_fd(&c->fd));
        return 0;
    }
    drop_attempt(c);
    fail_set(&c->why, VIR_ERR_SYSTEM_ERROR, "%s", strerror(error));
    try_next(c);
    return 0;
}

/* 1: connected; 0: under way; negative errno. */
static int attempt(struct connector *c, const struct addrinfo *info)
{
    auto_close int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    int r = connect(fd, info->ai_addr, info->ai_addrlen) == 0;
    if (!r && errno != EINPROGRESS)
        return -errno;
    if (!r) {
        int added = sd_event_add_io(c->event, &c->source, fd, EPOLLOUT, on_writable, c);
        if (added < 0)
            return added;
    }
    c->fd = take_fd(&fd);
    return r;
}

/* Ends in an attempt under way or in a scheduled finish. */
static void try_next(struct connector *c)
{
    while (c->next) {
        const struct addrinfo *info = c->next;
        c->next = info->ai_next;
        int r = attempt(c, info);
        if (r == 0) {
            arm_share(c);
            return;
        }
        if (r > 0)
            break;
        fail_set(&c->why, VIR_ERR_SYSTEM_ERROR, "%s", strerror(-r));
    }
    finish_later(c);
}

int connect_unix(sd_event *event, const char *path, uint64_t timeout, connect_done_fn *done,
                 void *userdata, struct connector **ret_connector, struct fail *f)
{
    struct sockaddr_un address;
    if (address_unix(path, &address, f) < 0)
        return fail_prefix(f, "connect to %s", path);
    struct connector *c = connector_new(event, timeout, done, userdata);
    if (!c || !(c->name = strdup(path))) {
        connect_cancel(c);
        return fail_set(f, VIR_ERR_NO_MEMORY, "connect to %s: out of memory", path);
    }
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* A unix socket connects at once or not at all; EAGAIN says that its queue is full. */
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        fail_set(&c->why, VIR_ERR_SYSTEM_ERROR, "%s",
                 errno == EAGAIN ? "too many connections are waiting there" : strerror(errno));
        if (c->fd >= 0)
            close(take_fd(&c->fd));
    }
    finish_later(c);
    *ret_connector = c;
    return 0;
}

static int resolve(struct lookup *k, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    return getaddrinfo(k->host, k->port, &hints, &k->list);
}

static void run_lookup(void *data)
{
    struct lookup *k = data;
    k->result = resolve(k, AI_ADDRCONFIG);
}

static void lookup_done(void *data, bool ran)
{
    struct lookup *k = data;
    struct connector *c = k->connector;
    if (c) {
        c->lookup = NULL;
        c->list = c->next = take_ptr(k->list);
        if (!ran)
            fail_set(&c->why, VIR_ERR_SYSTEM_ERROR, "the daemon is ending");
        else if (k->result != 0)
            fail_set(&c->why, VIR_ERR_UNKNOWN_HOST, "%s", gai_strerror(k->result));
        try_next(c);
    }
    lookup_free(k);
}

static struct lookup *lookup_new(const char *host, uint16_t port)
{
    struct lookup *k = calloc(1, sizeof(*k));
    size_t size = strlen(host);
    if (!k)
        return NULL;
    snprintf(k->port, sizeof(k->port), "%u", port);
    if (size > 2 && host[0] == '[' && host[size - 1] == ']')
        k->host = strndup(host + 1, size - 2);
    else
        k->host = strdup(host);
    if (k->host)
        return k;
    free(k);
    return NULL;
}

/* An address needs no look-up, so it does not wait behind one that hangs. */
static int start_lookup(struct connector *c, struct worker_pool *pool, struct lookup *k,
                        struct fail *f)
{
    if (resolve(k, AI_NUMERICHOST) == 0) {
        c->list = c->next = take_ptr(k->list);
        lookup_free(k);
        try_next(c);
        return 0;
    }
    struct worker_job job = {
        .order = (const void *)getaddrinfo, /* one look-up at a time */
        .run = run_lookup,
        .done = lookup_done,
        .data = k,
        .may_be_abandoned = true,
    };
    k->connector = c;
    if (worker_submit(pool, &job, f) < 0) {
        lookup_free(k);
        return -1;
    }
    c->lookup = k;
    return 0;
}

int connect_tcp(sd_event *event, struct worker_pool *pool, const char *host, uint16_t port,
                uint64_t timeout, connect_done_fn *done, void *userdata,
                struct connector **ret_connector, struct fail *f)
{
    struct lookup *k = lookup_new(host, port);
    struct connector *c = connector_new(event, timeout, done, userdata);
    if (!k || !c || asprintf(&c->name, "%s:%u", host, port) < 0) {
        if (c)
            c->name = NULL;
        lookup_free(k);
        connect_cancel(c);
        return fail_set(f, VIR_ERR_NO_MEMORY, "connect to %s:%u: out of memory", host, port);
    }
    if (start_lookup(c, pool, k, f) < 0) {
        connect_cancel(c);
        return fail_prefix(f, "connect to %s:%u", host, port);
    }
    *ret_connector = c;
    return 0;
}
