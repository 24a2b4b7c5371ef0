/* connect -> FIRST: QEMU's greeting -> connect again
 *         -> GREETING: QEMU's greeting -> NEGOTIATING: reply to qmp_capabilities -> READY
 *            any of them: junk, end of file, the deadline of the handshake -> CLOSED
 *
 * Why twice: QEMU's main loop may take the first connection while another of its threads is still
 * setting the monitor up. Then it greets twice, or reads what we send in a loop that sleeps (7.2
 * and 10 on a busy machine: commands without an answer, for ever). The first greeting says that the
 * setting up is over, so the next connection is whole.
 *
 * Ids begin at a random number: a QEMU that was executing a command for a connection that was lost
 * may write its reply to the next one, where it must not be taken for ours. Such a reply is
 * dropped.
 */
#include "io/monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/address.h"
#include "io/loop.h"
#include "io/monitor_command.h"
#include "io/stream.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/qmp.h"

enum {
    WAITING_MAX = 16 * 1024 * 1024, /* bytes of commands that wait for their turn */
    INPUT_MAX = QMP_LINE_MAX + 64 * 1024,
    OUTPUT_MAX = WAITING_MAX + 2 * QMP_COMMAND_MAX,
};

enum state { FIRST, GREETING, NEGOTIATING, READY, CLOSED };

struct monitor {
    sd_event *event;
    const struct monitor_ops *ops;
    void *userdata;
    char *path; /* to connect to again; NULL when the connection was given to us */
    struct stream *stream;
    int fd; /* the stream's */
    struct qmp_parser parser;
    struct timer handshake;
    struct loop_later begin; /* of a connection that was taken over */
    uint64_t handshake_time;
    struct monitor_list commands;
    enum state state;
    uint64_t next_id;
    unsigned version;
    bool oob;
    bool warned;   /* of a reply to nobody: once is enough */
    bool behind;   /* what comes may still be the earlier daemon's */
    unsigned busy; /* callbacks on the stack: the memory must stay */
    bool freed;
};

static void leave(struct monitor *m)
{
    if (--m->busy > 0 || !m->freed)
        return;
    sd_event_unref(m->event);
    free(m->path);
    free(m);
}

/* No more traffic. */
static void disconnect(struct monitor *m)
{
    m->state = CLOSED;
    timer_cancel(&m->handshake);
    loop_later_cancel(&m->begin);
    stream_free(m->stream);
    m->stream = NULL;
    m->fd = -1;
}

static void answer_all_closed(struct monitor *m, const char *why)
{
    struct monitor_reply reply = {.outcome = MONITOR_CLOSED, .error = why};
    struct monitor_pending *p;
    while ((p = monitor_list_take_first(&m->commands)))
        monitor_pending_answer(p, &reply);
}

void monitor_free(struct monitor *m)
{
    if (!m || m->freed)
        return;
    m->busy++;
    m->freed = true;
    disconnect(m);
    answer_all_closed(m, "the monitor was closed");
    leave(m);
}

/* From the loop only. */
static void fail_monitor(struct monitor *m, const struct fail *why)
{
    if (m->state == CLOSED)
        return;
    m->busy++;
    disconnect(m);
    answer_all_closed(m, why->text);
    if (!m->freed)
        m->ops->closed(m, why, m->userdata);
    leave(m);
}

static void fail_text(struct monitor *m, int code, const char *text)
{
    struct fail why;
    fail_set(&why, code, "monitor: %s", text);
    fail_monitor(m, &why);
}

static void send_pending(struct monitor *m, struct monitor_pending *p)
{
    monitor_list_mark_sent(&m->commands, p);
    /* A failure reaches us, and the command, through the stream's `closed`. */
    (void)stream_send_fds(m->stream, buffer_bytes(&p->bytes), buffer_size(&p->bytes), &p->fd,
                          p->fd >= 0 ? 1 : 0);
    buffer_free(&p->bytes);
    cleanup_close(&p->fd);
    p->fd = -1;
}

static void send_waiting(struct monitor *m)
{
    struct monitor_pending *p;
    unsigned most = m->behind ? 1 : MONITOR_PIPELINE;
    while (m->state == READY && m->commands.ordinary_sent < most &&
           (p = monitor_list_next_waiting(&m->commands)))
        send_pending(m, p);
}

static void on_handshake_deadline(void *userdata)
{
    struct monitor *m = userdata;
    struct fail why;
    fail_set(&why, VIR_ERR_OPERATION_TIMEOUT, "monitor: QEMU did not %s within %llu ms",
             m->state == NEGOTIATING ? "answer qmp_capabilities" : "greet",
             (unsigned long long)(m->handshake_time / TIMER_MSEC));
    fail_monitor(m, &why);
}

static void connect_again(struct monitor *m);

static void on_greeting(struct monitor *m, const struct qmp_message *message)
{
    if (m->state == FIRST) {
        connect_again(m);
        return;
    }
    if (m->state != GREETING) {
        fail_text(m, VIR_ERR_INTERNAL_ERROR, "QEMU greeted twice");
        return;
    }
    m->version = message->version;
    m->oob = message->oob;
    m->state = NEGOTIATING;
    struct fail why = {.text = "out of memory"};
    struct buffer bytes = {0};
    struct json_object *arguments = NULL;
    if (m->oob && (arguments = json_object_new_object())) {
        struct json_object *enable = json_object_new_array();
        json_object_array_add(enable, json_object_new_string("oob"));
        json_object_object_add(arguments, "enable", enable);
    }
    int r = qmp_write_command(&bytes, "qmp_capabilities", arguments, m->next_id, false, &why);
    json_object_put(arguments);
    if (r < 0)
        fail_text(m, VIR_ERR_INTERNAL_ERROR, why.text);
    else
        (void)stream_send(m->stream, buffer_bytes(&bytes), buffer_size(&bytes));
    buffer_free(&bytes);
}

static void on_negotiated(struct monitor *m, const struct qmp_message *message)
{
    if (message->kind == QMP_ERROR) {
        struct fail why;
        fail_set(&why, VIR_ERR_INTERNAL_ERROR, "monitor: QEMU refused qmp_capabilities: %s",
                 message->error);
        fail_monitor(m, &why);
        return;
    }
    m->next_id++;
    m->state = READY;
    timer_cancel(&m->handshake);
    m->ops->ready(m, m->userdata);
}

static void on_reply(struct monitor *m, const struct qmp_message *message)
{
    if (m->state == NEGOTIATING && message->has_id && message->id == m->next_id) {
        on_negotiated(m, message);
        return;
    }
    struct monitor_pending *p =
        message->has_id ? monitor_list_take(&m->commands, message->id) : NULL;
    if (!p && m->behind)
        return;
    if (!p && !m->warned)
        log_warning("monitor: QEMU answered what was not asked on this connection: %s",
                    message->kind == QMP_ERROR ? message->error : "a return value");
    if (!p) {
        m->warned = true;
        return;
    }
    m->behind &= p->oob;
    struct monitor_reply reply = {.outcome = MONITOR_RETURN, .value = message->data};
    if (message->kind == QMP_ERROR)
        reply = (struct monitor_reply){
            .outcome = MONITOR_ERROR, .error_class = message->error_class, .error = message->error};
    send_waiting(m); /* before the callback, which may take its time or free the monitor */
    monitor_pending_answer(p, &reply);
}

static void on_message(struct monitor *m, const struct qmp_message *message)
{
    switch (message->kind) {
    case QMP_GREETING:
        on_greeting(m, message);
        return;
    case QMP_EVENT: {
        struct monitor_event event = {
            .name = message->name, .data = message->data, .wall_clock = message->wall_clock};
        m->ops->event(m, &event, m->userdata);
        return;
    }
    case QMP_RETURN:
    case QMP_ERROR:
        on_reply(m, message);
        return;
    }
}

static void on_received(struct stream *s, struct buffer *in, void *userdata)
{
    struct monitor *m = userdata;
    m->busy++;
    while (m->state != CLOSED && m->stream == s) {
        struct qmp_message message = {0};
        struct fail why;
        int r = qmp_parse(&m->parser, in, &message, &why);
        if (r < 0 && m->behind && buffer_size(in) < QMP_LINE_MAX)
            continue; /* the second half of a line: it was taken off */
        if (r < 0)
            fail_text(m, why.code, why.text);
        if (r <= 0)
            break;
        on_message(m, &message);
        qmp_message_free(&message);
    }
    leave(m);
}

static void on_closed(struct stream *s, const struct fail *why, void *userdata)
{
    (void)s;
    fail_text(userdata, why->code, why->text);
}

static const struct stream_ops STREAM_OPS = {.received = on_received, .closed = on_closed};

static uint64_t random_id(void)
{
    uint32_t random = 0;
    /* Without randomness (never, once the machine is up) an old reply may be taken for a new one.
     */
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = (uint32_t)timer_now();
    return ((uint64_t)random << 20) + 1;
}

static int start_stream(struct monitor *m, int fd, struct fail *f)
{
    struct stream_limits limits = {.input = INPUT_MAX, .output = OUTPUT_MAX};
    m->fd = fd;
    return stream_new(m->event, fd, &STREAM_OPS, m, &limits, &m->stream, f);
}

static int connect_to(const char *path, struct fail *f)
{
    struct sockaddr_un address;
    if (address_unix(path, &address, f) < 0)
        return fail_prefix(f, "monitor: connect to %s", path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* A unix socket connects at once or not at all; EAGAIN says that its queue is full. Refused are we by a
     * QEMU that has ended: as good as an end of file. */
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return fail_set(f, errno == ECONNREFUSED ? VIR_ERR_SYSTEM_ERROR : VIR_ERR_INTERNAL_ERROR,
                        "monitor: connect to %s: %s", path,
                        errno == EAGAIN ? "too many connections are waiting there"
                                        : strerror(errno));
    return take_fd(&fd);
}

/* The deadline of the handshake stays: it is for both connections. */
static void connect_again(struct monitor *m)
{
    struct fail why;
    int fd;
    stream_free(m->stream);
    m->stream = NULL;
    m->parser = (struct qmp_parser){0};
    m->state = GREETING;
    if ((fd = connect_to(m->path, &why)) < 0 || start_stream(m, fd, &why) < 0)
        fail_monitor(m, &why);
}

/* `path` is NULL for a connection that can't be made again. */
static int new_monitor(sd_event *event, const char *path, int fd, uint64_t deadline,
                       const struct monitor_ops *ops, void *userdata, struct monitor **ret_monitor,
                       struct fail *f)
{
    struct monitor *m = calloc(1, sizeof(*m));
    char *copy = path ? strdup(path) : NULL;
    if (!m || (path && !copy)) {
        free(m);
        free(copy);
        close(fd);
        return fail_set(f, VIR_ERR_NO_MEMORY, "monitor: out of memory");
    }
    *m = (struct monitor){
        .event = sd_event_ref(event),
        .ops = ops,
        .userdata = userdata,
        .path = copy,
        .state = path ? FIRST : GREETING,
        .handshake_time = deadline,
        .next_id = random_id(),
    };
    int r = start_stream(m, fd, f);
    if (r == 0 && deadline && timer_arm(&m->handshake, event, deadline, on_handshake_deadline, m) < 0)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (r < 0) {
        monitor_free(m);
        return fail_prefix(f, "monitor");
    }
    *ret_monitor = m;
    return 0;
}

int monitor_new_fd(sd_event *event, int fd, uint64_t deadline, const struct monitor_ops *ops,
                   void *userdata, struct monitor **ret_monitor, struct fail *f)
{
    return new_monitor(event, NULL, fd, deadline, ops, userdata, ret_monitor, f);
}

int monitor_new(sd_event *event, const char *path, uint64_t deadline, const struct monitor_ops *ops,
                void *userdata, struct monitor **ret_monitor, struct fail *f)
{
    int fd = connect_to(path, f);
    return fd < 0 ? -1 : new_monitor(event, path, fd, deadline, ops, userdata, ret_monitor, f);
}

static void begin_taken_over(void *userdata)
{
    struct monitor *m = userdata;
    m->state = READY;
    /* Whatever the earlier daemon had written half is made an error by the first, and the second
     * ends QEMU's skipping; where there is nothing they are white space. */
    (void)stream_send(m->stream, "\n\n", 2);
    m->ops->ready(m, m->userdata);
}

int monitor_new_taken_over(sd_event *event, int fd, const struct monitor_ops *ops, void *userdata,
                           struct monitor **ret_monitor, struct fail *f)
{
    struct monitor *m;
    if (new_monitor(event, NULL, fd, 0, ops, userdata, &m, f) < 0)
        return -1;
    m->oob = m->behind = true;
    if (loop_later_schedule(&m->begin, event, begin_taken_over, m) < 0) {
        monitor_free(m);
        return fail_set(f, VIR_ERR_NO_MEMORY, "monitor: out of memory");
    }
    *ret_monitor = m;
    return 0;
}

int monitor_get_fd(const struct monitor *m)
{
    return m->fd;
}

int monitor_listen(const char *path, int *ret_fd, struct fail *f)
{
    struct sockaddr_un address;
    if (address_unix(path, &address, f) < 0)
        return fail_prefix(f, "monitor: listen at %s", path);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The file gets the mode that its socket has at the bind. */
    if (fd < 0 || fchmod(fd, 0600) < 0 || (unlink(path) < 0 && errno != ENOENT) ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "monitor: listen at %s: %s", path,
                        strerror(errno));
    *ret_fd = take_fd(&fd);
    return 0;
}

unsigned monitor_get_version(const struct monitor *m)
{
    return m->version;
}

uint64_t monitor_busy_since(const struct monitor *m)
{
    for (const struct monitor_pending *p = m->commands.first; p; p = p->next)
        if (p->sent)
            return p->sent_at;
    return 0;
}

bool monitor_has_oob(const struct monitor *m)
{
    return m->oob;
}

static void on_command_deadline(void *userdata)
{
    struct monitor_pending *p = userdata;
    struct monitor *m = p->monitor;
    struct monitor_reply reply = {.outcome = MONITOR_TIMEOUT,
                                  .error = "QEMU did not answer in time"};
    if (!p->sent) { /* it will never be executed */
        monitor_pending_answer(monitor_list_take(&m->commands, p->id), &reply);
        return;
    }
    p->timed_out = true; /* stays in the list, and in QEMU's queue, until the late reply */
    if (p->reply)
        p->reply(&reply, p->userdata);
}

static int prepare(struct monitor *m, const struct monitor_command *command,
                   struct monitor_pending **ret_pending, struct fail *f)
{
    struct monitor_pending *p = calloc(1, sizeof(*p));
    if (!p)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    p->monitor = m;
    p->id = m->next_id++;
    p->oob = (command->flags & MONITOR_OOB) && m->oob;
    p->reply = command->reply;
    p->userdata = command->userdata;
    p->fd = command->fd ? fcntl(*command->fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (command->fd && p->fd < 0) {
        monitor_pending_free(p);
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "duplicate a descriptor: %s", strerror(errno));
    }
    int r = qmp_write_command(&p->bytes, command->name, command->arguments, p->id, p->oob, f);
    if (r == 0 && m->commands.waiting_bytes + buffer_size(&p->bytes) > WAITING_MAX)
        r = fail_set(f, VIR_ERR_OPERATION_FAILED, "too many bytes are waiting for QEMU");
    if (r == 0 && command->deadline &&
        timer_arm(&p->deadline, m->event, command->deadline, on_command_deadline, p) < 0)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (r < 0) {
        monitor_pending_free(p);
        return -1;
    }
    *ret_pending = p;
    return 0;
}

static int submit(struct monitor *m, const struct monitor_command *command, struct fail *f)
{
    struct monitor_pending *p = NULL;
    if (m->state != READY)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "the monitor is not %s",
                        m->state == CLOSED ? "connected" : "ready yet");
    if (m->commands.count >= MONITOR_COMMANDS_MAX)
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "QEMU has not answered %zu commands",
                        m->commands.count);
    if (prepare(m, command, &p, f) < 0)
        return -1;
    monitor_list_add(&m->commands, p);
    if (command->flags & MONITOR_OOB)
        send_pending(m, p);
    else
        send_waiting(m);
    return 0;
}

int monitor_send(struct monitor *m, const struct monitor_command *command, struct fail *f)
{
    int r = submit(m, command, f);
    json_object_put(command->arguments);
    if (r < 0)
        return fail_prefix(f, "monitor: send %s", command->name);
    return 0;
}
