/* monitor.c - QMP: one client at a time, lines both ways, replies and events in one order.
 *
 * A QEMU that is blocked (its guest waits for a page that can't come, and somebody wants it to
 * stand still) answers nothing but what is out of band, until it gets the page.
 */
#include "fake.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { QUEUE_MAX = 64 };

static int listener = -1, client = -1;
static int came = -1; /* a descriptor, not taken yet */
static bool negotiated, blocked;
static struct json_tokener *tokener;
static struct json_object *queue[QUEUE_MAX]; /* while it is blocked */
static unsigned queue_count;
static struct late {
    uint64_t due;
    char *text;
} late[LINES_MAX];
static unsigned late_count;

static void on_connection(int fd);

void monitor_raw(const char *text)
{
    if (client < 0)
        return;
    (void)!send(client, text, strlen(text), MSG_NOSIGNAL);
    (void)!send(client, "\r\n", 2, MSG_NOSIGNAL);
}

static void say_late(void)
{
    for (unsigned i = 0; i < late_count; i++)
        if (late[i].due <= now_ms()) {
            struct late one = late[i];
            memmove(&late[i], &late[i + 1], (--late_count - i) * sizeof(one));
            i--;
            monitor_raw(one.text);
            free(one.text);
        }
    if (late_count)
        timer_set(say_late, 1);
}

/* `data` is given away. */
static void say(struct json_object *data, const struct orders *orders)
{
    const char *text = json_object_to_json_string_ext(data, JSON_C_TO_STRING_SPACED);
    if (orders->late_ms && late_count < LINES_MAX) {
        late[late_count++] = (struct late){now_ms() + orders->late_ms, strdup(text)};
        timer_set(say_late, 1);
    } else if (!orders->drop) {
        monitor_raw(text);
    }
    json_object_put(data);
}

void monitor_close(void)
{
    if (client < 0)
        return;
    unwatch(client);
    close(client);
    client = -1;
    negotiated = false;
    watch(listener, on_connection);
}

void monitor_hang(void)
{
    if (client >= 0)
        unwatch(client);
}

void monitor_event(const char *name, struct json_object *data)
{
    struct orders orders;
    char point[128];
    struct timeval now;
    struct json_object *detail = NULL;
    if (data && !json_object_object_get_ex(data, "status", &detail))
        json_object_object_get_ex(data, "pass", &detail);
    snprintf(point, sizeof(point), "%s%s%s", name, detail ? "/" : "",
             detail ? json_object_get_string(detail) : "");
    gettimeofday(&now, NULL);
    struct json_object *stamp = json_object_new_object(), *event = json_object_new_object();
    json_object_object_add(stamp, "seconds", json_object_new_int64(now.tv_sec));
    json_object_object_add(stamp, "microseconds", json_object_new_int64(now.tv_usec));
    json_object_object_add(event, "timestamp", stamp);
    json_object_object_add(event, "event", json_object_new_string(name));
    if (data)
        json_object_object_add(event, "data", data);
    at_point(&orders, "event", point);
    orders.drop |= !negotiated;
    say(event, &orders);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void reply(const char *name, struct json_object *id, struct json_object *value,
                  const char *error_class, const char *error)
{
    struct json_object *message = json_object_new_object();
    struct orders orders;
    if (error_class) {
        struct json_object *e = json_object_new_object();
        json_object_object_add(e, "class", json_object_new_string(error_class));
        json_object_object_add(e, "desc", json_object_new_string(error));
        json_object_object_add(message, "error", e);
    } else {
        json_object_object_add(message, "return", value);
    }
    json_object_object_add(message, "id", json_object_get(id));
    at_point(&orders, "reply", name);
    say(message, &orders);
}

static const struct command *find(const char *name)
{
    const struct command *c = commands;
    while (c->name && strcmp(c->name, name) != 0)
        c++;
    return c->name ? c : NULL;
}

static void execute(const char *name, struct json_object *request)
{
    struct json_object *arguments = NULL, *id = NULL, *value = NULL;
    struct orders orders;
    char error[256] = "";
    json_object_object_get_ex(request, "arguments", &arguments);
    json_object_object_get_ex(request, "id", &id);
    at_point(&orders, "command", name);
    if (orders.has_error) {
        reply(name, id, NULL, "GenericError", orders.error);
        return;
    }
    if (strcmp(name, "qmp_capabilities") == 0) {
        negotiated = true;
        reply(name, id, json_object_new_object(), NULL, NULL);
        return;
    }
    const struct command *c = find(name);
    if (!c) {
        snprintf(error, sizeof(error), "The command %.100s has not been found", name);
        reply(name, id, NULL, "CommandNotFound", error);
        return;
    }
    value = c->execute(arguments, error);
    if (value)
        reply(name, id, value, NULL, NULL);
    else
        reply(name, id, NULL, "GenericError", error);
    if (strcmp(name, "quit") == 0)
        end(0);
}

static void take(struct json_object *request)
{
    struct json_object *name = NULL;
    if (json_object_object_get_ex(request, "exec-oob", &name)) {
        execute(json_object_get_string(name), request);
        return;
    }
    if (!json_object_object_get_ex(request, "execute", &name))
        return;
    const char *text = json_object_get_string(name);
    blocked |= strcmp(text, "stop") == 0 && incoming_is_paused() && guest_is_stuck();
    if (!blocked)
        execute(text, request);
    else if (queue_count < QUEUE_MAX)
        queue[queue_count++] = json_object_get(request);
}

void monitor_unblocked(void)
{
    struct json_object *name;
    if (!blocked)
        return;
    blocked = false;
    for (unsigned i = 0; i < queue_count; i++) {
        if (json_object_object_get_ex(queue[i], "execute", &name))
            execute(json_object_get_string(name), queue[i]);
        json_object_put(queue[i]);
    }
    queue_count = 0;
}

int monitor_take_fd(void)
{
    int fd = came;
    came = -1;
    return fd;
}

/* recv, and the descriptor that came along. */
static ssize_t receive(int fd, void *bytes, size_t size)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec room = {bytes, size};
    struct msghdr m = {.msg_iov = &room,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS) {
        if (came >= 0)
            close(came);
        memcpy(&came, CMSG_DATA(c), sizeof(came));
    }
    return n;
}

static void on_bytes(int fd)
{
    char bytes[65536];
    ssize_t n = receive(fd, bytes, sizeof(bytes));
    if (n <= 0) {
        monitor_close();
        return;
    }
    for (ssize_t at = 0; at < n && client == fd;) {
        struct json_object *request = json_tokener_parse_ex(tokener, bytes + at, (int)(n - at));
        at += (ssize_t)json_tokener_get_parse_end(tokener);
        if (request) {
            take(request);
            json_object_put(request);
        } else if (json_tokener_get_error(tokener) != json_tokener_continue) {
            json_tokener_reset(tokener);
            at++;
        }
    }
}

static void on_connection(int fd)
{
    struct orders orders;
    client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    unwatch(fd);
    json_tokener_reset(tokener);
    watch(client, on_bytes);
    struct json_object *greeting = json_object_new_object(), *qmp = json_object_new_object(),
                       *can = json_object_new_array();
    json_object_array_add(can, json_object_new_string("oob"));
    json_object_object_add(qmp, "version", json_object_get(commands_version()));
    json_object_object_add(qmp, "capabilities", can);
    json_object_object_add(greeting, "QMP", qmp);
    at_point(&orders, "greet", "");
    say(greeting, &orders);
}

void monitor_start(int listen_fd)
{
    listener = listen_fd;
    tokener = json_tokener_new();
    watch(listener, on_connection);
}
