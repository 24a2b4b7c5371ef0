/* peer_link.c - see peer_link.h.
 *
 * A callback may free the link: whoever calls one looks at `gone` before he touches it again.
 */
#include "daemon/peer_link.h"
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/peer_uri.h"
#include "io/connect.h"
#include "io/stream.h"
#include "io/timer.h"
#include "wire/peer_program.h"

enum { REPLY_ARENA_MAX = 16 << 20 };

struct link_call {
    struct peer_link *link;
    const struct rpc_proc *proc; /* NULL: none */
    uint32_t serial;
    peer_link_reply_fn *done;
    void *userdata;
    unsigned seconds;
    struct timer deadline;
};

struct peer_link {
    struct daemon *daemon;
    const struct peer_link_ops *ops;
    void *userdata;
    struct connector *connector;
    struct stream *stream;
    struct timer ping_timer;
    unsigned pings; /* without a sign of life since */
    uint32_t serial;
    struct link_call calls[LINK_CALLS_MAX];
    bool *gone; /* set when the link goes while a callback is under way */
};

/* ---- the end -------------------------------------------------------------------------------- */

void peer_link_free(struct peer_link *l)
{
    if (!l)
        return;
    connect_cancel(l->connector);
    stream_free(l->stream);
    timer_cancel(&l->ping_timer);
    for (int i = 0; i < LINK_CALLS_MAX; i++)
        timer_cancel(&l->calls[i].deadline);
    if (l->gone)
        *l->gone = true;
    free(l);
}

static void lose(struct peer_link *l, const struct fail *why)
{
    const struct peer_link_ops *ops = l->ops;
    void *userdata = l->userdata;
    struct fail copy = *why;
    peer_link_free(l);
    ops->lost(userdata, &copy);
}

static void closed(struct stream *s, const struct fail *why, void *userdata)
{
    (void)s;
    lose(userdata, why);
}

bool peer_link_is_up(const struct peer_link *l)
{
    return l && l->stream;
}

void peer_link_fail(struct peer_link *l, const char *why)
{
    stream_fail(l->stream, VIR_ERR_RPC, "%s", why);
}

/* ---- keepalive ------------------------------------------------------------------------------ */

static void send_keepalive(struct peer_link *l, int procedure)
{
    struct buffer out = {.limit = 1024};
    if (frame_write_keepalive(&out, procedure, NULL) == 0)
        (void)stream_send(l->stream, buffer_bytes(&out), buffer_size(&out));
    buffer_free(&out);
}

static void ping(void *userdata);

static void arm_ping(struct peer_link *l)
{
    int interval = l->daemon->config.keepalive_interval;
    if (interval > 0)
        (void)timer_arm(&l->ping_timer, daemon_event(l->daemon), (uint64_t)interval * TIMER_SECOND,
                        ping, l);
}

static void ping(void *userdata)
{
    struct peer_link *l = userdata;
    if (l->pings >= l->daemon->config.keepalive_count) {
        stream_fail(l->stream, VIR_ERR_RPC, "it answers no keepalive message");
        return;
    }
    l->pings++;
    send_keepalive(l, KEEPALIVE_PING);
    arm_ping(l);
}

void peer_link_keep_alive(struct peer_link *l)
{
    if (!timer_is_armed(&l->ping_timer))
        arm_ping(l);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void too_late(void *userdata)
{
    struct link_call *c = userdata;
    stream_fail(c->link->stream, VIR_ERR_RPC, "it did not answer %s within %u s", c->proc->name,
                c->seconds);
}

static struct link_call *free_call(struct peer_link *l)
{
    for (int i = 0; i < LINK_CALLS_MAX; i++)
        if (!l->calls[i].proc)
            return &l->calls[i];
    return NULL;
}

void peer_link_call_encoded(struct peer_link *l, const struct rpc_proc *proc,
                            const struct buffer *payload, unsigned seconds,
                            peer_link_reply_fn *done, void *userdata)
{
    struct buffer out = {.limit = FRAME_SIZE_MAX};
    struct fail f = {0};
    struct link_call *c = free_call(l);
    if (!c) {
        stream_fail(l->stream, VIR_ERR_RPC, "it left %d calls unanswered", LINK_CALLS_MAX);
        return;
    }
    *c = (struct link_call){l, proc, ++l->serial, done, userdata, seconds, {0}};
    struct frame head = {
        .program = proc->program,
        .version = PROGRAM_VERSION,
        .procedure = proc->number,
        .type = FRAME_CALL,
        .serial = c->serial,
        .status = FRAME_OK,
    };
    if (frame_write(&out, &head, buffer_bytes(payload), buffer_size(payload), &f) < 0)
        stream_fail(l->stream, f.code, "%s", f.text);
    else if (stream_send(l->stream, buffer_bytes(&out), buffer_size(&out)) == 0 && seconds)
        (void)timer_arm(&c->deadline, daemon_event(l->daemon), seconds * TIMER_SECOND, too_late, c);
    buffer_free(&out);
}

void peer_link_call(struct peer_link *l, uint32_t program, int32_t procedure, const void *args,
                    unsigned seconds, peer_link_reply_fn *done, void *userdata)
{
    struct buffer payload = {.limit = FRAME_SIZE_MAX};
    struct fail f = {0};
    const struct rpc_proc *proc = rpc_find(program, procedure);
    if (rpc_encode(proc->args, args, &payload, &f) < 0)
        stream_fail(l->stream, f.code, "%s: %s", proc->name, f.text);
    else
        peer_link_call_encoded(l, proc, &payload, seconds, done, userdata);
    buffer_free(&payload);
}

static struct link_call *find_call(struct peer_link *l, const struct frame *frame)
{
    if (frame->type != FRAME_REPLY)
        return NULL;
    for (int i = 0; i < LINK_CALLS_MAX; i++) {
        const struct rpc_proc *proc = l->calls[i].proc;
        if (proc && l->calls[i].serial == frame->serial && proc->program == frame->program &&
            proc->number == frame->procedure)
            return &l->calls[i];
    }
    return NULL;
}

static void take_reply(struct peer_link *l, struct link_call *c, const struct frame *frame)
{
    struct fail f = {0};
    struct arena arena;
    const struct rpc_proc *proc = c->proc;
    timer_cancel(&c->deadline);
    c->proc = NULL;
    if (frame->status == FRAME_ERROR) {
        rpc_read_error(frame, &f);
        c->done(c->userdata, NULL, &f);
        return;
    }
    arena_init(&arena, REPLY_ARENA_MAX);
    void *ret = proc->ret ? arena_alloc(&arena, proc->ret->size) : NULL;
    if (proc->ret && !ret)
        stream_fail(l->stream, VIR_ERR_NO_MEMORY, "out of memory");
    else if (rpc_decode(proc->ret, frame->payload, frame->payload_size, &arena, ret, &f) < 0)
        stream_fail(l->stream, VIR_ERR_RPC, "reply to %s: %s", proc->name, f.text);
    else
        c->done(c->userdata, ret, NULL);
    arena_free(&arena);
}

static void take(struct peer_link *l, const struct frame *frame)
{
    struct link_call *c = find_call(l, frame);
    if (c)
        take_reply(l, c, frame);
    else if (frame->program == PROGRAM_KEEPALIVE && frame->procedure == KEEPALIVE_PING)
        send_keepalive(l, KEEPALIVE_PONG);
    else if (frame->program == PROGRAM_PEER && frame->type == FRAME_MESSAGE && l->ops->message)
        l->ops->message(l->userdata, frame);
}

/* False: the link may be gone, or nothing more is to be taken. */
static bool take_frame(struct peer_link *l, struct buffer *in)
{
    struct frame frame;
    struct fail f = {0};
    int r = frame_parse(buffer_bytes(in), buffer_size(in), FRAME_SIZE_MAX, &frame, NULL, &f);
    if (r < 0)
        stream_fail(l->stream, f.code, "%s", f.text);
    if (r <= 0)
        return false;
    l->pings = 0;
    /* The payload is copied: the answer may close this connection and with it the buffer. */
    struct buffer copy = {.limit = FRAME_SIZE_MAX};
    bool gone = false;
    if (buffer_append(&copy, frame.payload, frame.payload_size) < 0) {
        stream_fail(l->stream, VIR_ERR_NO_MEMORY, "out of memory");
        return false;
    }
    frame.payload = buffer_bytes(&copy);
    buffer_take(in, frame.size);
    l->gone = &gone;
    take(l, &frame);
    buffer_free(&copy);
    if (!gone)
        l->gone = NULL;
    return !gone;
}

static void received(struct stream *s, struct buffer *in, void *userdata)
{
    (void)s;
    while (take_frame(userdata, in))
        continue;
}

static const struct stream_ops stream_ops = {
    .received = received,
    .closed = closed,
};

/* ---- connecting ----------------------------------------------------------------------------- */

static void connected(int fd, const struct fail *why, void *userdata)
{
    struct peer_link *l = userdata;
    struct fail f;
    struct stream_limits limits = {.input = FRAME_SIZE_MAX, .output = FRAME_SIZE_MAX};
    l->connector = NULL;
    if (fd < 0)
        lose(l, why);
    else if (stream_new(daemon_event(l->daemon), fd, &stream_ops, l, &limits, &l->stream, &f) < 0)
        lose(l, &f);
    else
        l->ops->up(l->userdata);
}

int peer_link_new(struct daemon *d, const char *where, uint64_t patience,
                  const struct peer_link_ops *ops, void *userdata, struct peer_link **ret_link,
                  struct fail *f)
{
    struct peer_uri uri;
    struct peer_link *l = calloc(1, sizeof(*l));
    int r =
        l ? peer_address_parse(where, &uri, f) : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (l)
        *l = (struct peer_link){.daemon = d, .ops = ops, .userdata = userdata};
    if (r == 0 && uri.is_unix)
        r = connect_unix(daemon_event(d), uri.path, patience, connected, l, &l->connector, f);
    else if (r == 0)
        r = connect_tcp(daemon_event(d), d->workers, uri.host, uri.port, patience, connected, l,
                        &l->connector, f);
    if (r < 0) {
        free(l);
        return -1;
    }
    *ret_link = l;
    return 0;
}
