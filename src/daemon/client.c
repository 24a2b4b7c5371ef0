/* client.c - the frames of one connection, from the first byte to its end.
 *
 * Frames are taken off the input one by one and each is dealt with at once. Before each frame we
 * ask whether this client may have more (may_take): enough calls under way, enough queued, a stream
 * that is full - then the rest stays in the kernel until one of these changes (client_go_on).
 *
 * A frame that is whole but wrong gets an error reply, and the connection goes on. When not even
 * the frame can be trusted (length, header, descriptors), the connection ends with one line in the
 * log.
 */
#include "daemon/client.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/events.h"
#include "daemon/migrate.h"
#include "daemon/server.h"
#include "util/log.h"
#include "wire/peer_program.h"

/* The connection can't go on. */
static void __attribute__((format(printf, 3, 4)))
break_off(struct client *c, int code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    c->closing = true;
    stream_fail(c->stream, code, "%s", text);
}

/* ---- output ---------------------------------------------------------------------------------- */

void client_send(struct client *c, const struct buffer *frames)
{
    if (buffer_size(frames))
        (void)stream_send(c->stream, buffer_bytes(frames), buffer_size(frames)); /* `closed` says */
}

void client_send_event(struct client *c, const struct rpc_proc *proc, const void *event)
{
    struct buffer out = {0};
    struct fail f;
    if (rpc_write_event(&out, proc, event, &f) < 0) {
        log_error("write event %s: %s", proc->name, f.text);
        return;
    }
    c->event_bytes = stream_queued(c->stream) ? c->event_bytes + buffer_size(&out) : 0;
    if (c->event_bytes > CLIENT_EVENTS_MAX)
        break_off(c, VIR_ERR_RPC, "it does not read its events: %zu bytes are waiting",
                  c->event_bytes);
    else
        client_send(c, &out);
    buffer_free(&out);
}

static void refuse(struct client *c, const struct frame *frame, const struct fail *why)
{
    struct buffer out = {0};
    struct fail f;
    log_debug("client %s: %s", c->peer.address, why->text);
    if (rpc_write_error(&out, frame, VIR_FROM_RPC, why, &f) < 0)
        break_off(c, f.code, "write an error: %s", f.text);
    else
        client_send(c, &out);
    buffer_free(&out);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static const char *program_name(uint32_t program)
{
    return program == PROGRAM_QEMU ? "QEMU" : program == PROGRAM_PEER ? "PEER" : "REMOTE";
}

/* What this connection is for. */
static bool serves(const struct client *c, const struct frame *frame)
{
    if (frame->version != PROGRAM_VERSION)
        return false;
    if (frame->program == PROGRAM_PEER)
        return true;
    return !c->from_peer && (frame->program == PROGRAM_REMOTE || frame->program == PROGRAM_QEMU);
}

/* The private program: a token opens it, and then no more than the peers' questions. */
static int check_peer_call(const struct client *c, const struct rpc_proc *proc, struct fail *f)
{
    bool hello = proc->number == PEER_HELLO;
    if (proc->flags & RPC_PEER && !hello && !c->attached)
        return fail_set(f, VIR_ERR_OPERATION_DENIED, "%s before HELLO", proc->name);
    if (!(proc->flags & RPC_PEER) && c->from_peer)
        return fail_set(f, VIR_ERR_OPERATION_DENIED, "%s is not for peers", proc->name);
    return 0;
}

/* May this procedure be called, by this client, now? */
static int check_call(const struct client *c, const struct frame *frame, struct fail *f)
{
    if (!serves(c, frame))
        return fail_set(f, VIR_ERR_RPC, "Cannot find program %" PRIu32 " version %" PRIu32,
                        frame->program, frame->version);
    const char *name = rpc_procedure_name(frame->program, frame->procedure);
    if (!name)
        return fail_set(f, VIR_ERR_RPC, "unknown procedure: %" PRId32, frame->procedure);
    const struct rpc_proc *proc = rpc_find(frame->program, frame->procedure);
    bool attached = c->attached && proc && proc->flags & RPC_PEER;
    if (!c->opened && !c->from_peer && !attached && !(proc && proc->flags & RPC_BEFORE_OPEN))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "connection not open (%s was called)", name);
    if (!proc || !call_find_handler(frame->program, frame->procedure))
        return fail_set(f, VIR_ERR_NO_SUPPORT, "Baton does not serve %s (%s %" PRId32 ")", name,
                        program_name(frame->program), frame->procedure);
    if (c->read_only && (frame->program == PROGRAM_PEER ||
                         !(proc->flags & (RPC_READ_ONLY_OK | RPC_BEFORE_OPEN))))
        return fail_set(f, VIR_ERR_OPERATION_DENIED, "read only access prevents %s", name);
    return frame->program == PROGRAM_PEER ? check_peer_call(c, proc, f) : 0;
}

static int decode_call(struct call *call, const struct frame *frame, struct fail *f)
{
    const struct rpc_struct *shape = call->proc->args;
    void *args = NULL;
    if (shape && !(args = arena_alloc(&call->arena, shape->size)))
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (rpc_decode(shape, frame->payload, frame->payload_size, &call->arena, args, f) < 0)
        return fail_prefix(f, "%s", call->proc->name);
    call->args = args;
    return 0;
}

static void take_call(struct client *c, const struct frame *frame)
{
    struct fail f;
    if (check_call(c, frame, &f) < 0) {
        refuse(c, frame, &f);
        return;
    }
    struct call *call = call_new(c, rpc_find(frame->program, frame->procedure), frame->serial);
    if (!call) {
        break_off(c, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    if (decode_call(call, frame, &f) < 0) {
        call_free(call);
        refuse(c, frame, &f);
        return;
    }
    log_debug("client %s calls %s", c->peer.address, call->proc->name);
    call->next = c->calls;
    if (call->next)
        call->next->previous = call;
    c->calls = call;
    c->call_count++;
    call_find_handler(frame->program, frame->procedure)(call);
}

void client_call_ended(struct client *c, struct call *call)
{
    if (call->previous)
        call->previous->next = call->next;
    else
        c->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    c->call_count--;
    client_go_on(c);
}

/* ---- keepalive ------------------------------------------------------------------------------- */

static void take_keepalive(struct client *c, const struct frame *frame)
{
    struct buffer out = {0};
    struct fail f;
    if (frame->version != PROGRAM_VERSION || frame->type != FRAME_MESSAGE ||
        (frame->procedure != KEEPALIVE_PING && frame->procedure != KEEPALIVE_PONG)) {
        break_off(c, VIR_ERR_RPC,
                  "unknown keepalive message %" PRId32 " (version %" PRIu32 ", type %d)",
                  frame->procedure, frame->version, (int)frame->type);
        return;
    }
    if (frame->procedure == KEEPALIVE_PONG)
        return; /* that something came is all it says, and was noted */
    if (frame_write_keepalive(&out, KEEPALIVE_PONG, &f) < 0)
        break_off(c, f.code, "answer a ping: %s", f.text);
    else
        client_send(c, &out);
    buffer_free(&out);
}

static void ping(struct client *c)
{
    struct buffer out = {0};
    struct fail f;
    if (frame_write_keepalive(&out, KEEPALIVE_PING, &f) < 0)
        log_error("write a ping: %s", f.text);
    else
        client_send(c, &out);
    buffer_free(&out);
    c->pings++;
}

static bool may_take(const struct client *c);

static void time_to_ping(void *userdata)
{
    struct client *c = userdata;
    const struct config *config = &c->daemon->config;
    uint64_t interval = (uint64_t)config->keepalive_interval * TIMER_SECOND;
    uint64_t idle = timer_now() - c->last_heard;
    uint64_t next = interval;
    if (!may_take(c)) {
        /* We don't read now, so silence says nothing about the client. */
    } else if (idle < interval) {
        next = interval - idle;
    } else if (c->pings >= config->keepalive_count) {
        break_off(c, VIR_ERR_INTERNAL_ERROR, "connection closed due to keepalive timeout");
        return;
    } else {
        ping(c);
    }
    if (timer_arm(&c->timer, daemon_event(c->daemon), next, time_to_ping, c) < 0)
        break_off(c, VIR_ERR_NO_MEMORY, "out of memory");
}

void client_start_keepalive(struct client *c)
{
    c->keepalive = true;
    if ((c->opened || c->attached) && c->daemon->config.keepalive_interval > 0)
        time_to_ping(c);
}

/* ---- input ----------------------------------------------------------------------------------- */

static bool may_take(const struct client *c)
{
    return !c->closing && c->held == 0 && c->call_count < c->daemon->config.max_client_requests &&
           stream_queued(c->stream) < CLIENT_OUTPUT_HIGH;
}

void client_go_on(struct client *c)
{
    if (may_take(c))
        stream_resume_input(c->stream);
}

static void take_frame(struct client *c, const struct frame *frame)
{
    struct fail f;
    if (frame->program == PROGRAM_KEEPALIVE) {
        take_keepalive(c, frame);
        return;
    }
    switch (frame->type) {
    case FRAME_CALL:
        take_call(c, frame);
        return;
    case FRAME_STREAM:
    case FRAME_STREAM_HOLE:
        client_stream_received(c, frame);
        return;
    case FRAME_CALL_WITH_FDS:
    case FRAME_REPLY_WITH_FDS:
        /* What follows such a frame on the wire depends on who takes the descriptors, and Baton has
         * said that it takes none (feature 8). */
        break_off(c, VIR_ERR_RPC, "it sent file descriptors, which Baton does not take");
        return;
    case FRAME_REPLY:
    case FRAME_MESSAGE:
        fail_set(&f, VIR_ERR_RPC, "Unexpected message type %d", (int)frame->type);
        refuse(c, frame, &f);
        return;
    }
}

static size_t frame_limit(const struct client *c)
{
    if (c->from_peer)
        return c->attached ? CLIENT_FRAME_PEER_MAX : CLIENT_FRAME_STRANGER_MAX;
    if (c->attached)
        return FRAME_SIZE_MAX;
    if (!c->opened)
        return CLIENT_FRAME_NEW_MAX;
    return c->read_only ? CLIENT_FRAME_READ_ONLY_MAX : FRAME_SIZE_MAX;
}

static void received(struct stream *s, struct buffer *in, void *userdata)
{
    struct client *c = userdata;
    c->last_heard = timer_now();
    c->pings = 0;
    while (may_take(c)) {
        struct frame frame;
        struct fail f;
        int r = frame_parse(buffer_bytes(in), buffer_size(in), frame_limit(c), &frame, NULL, &f);
        if (r == 0)
            return;
        if (r < 0) {
            break_off(c, f.code, "%s", f.text);
            return;
        }
        take_frame(c, &frame);
        buffer_take(in, frame.size);
    }
    if (!c->closing)
        stream_pause_input(s);
}

static void drained(struct stream *s, void *userdata)
{
    struct client *c = userdata;
    (void)s;
    c->event_bytes = 0;
    client_streams_drained(c);
    client_go_on(c);
}

static void closed(struct stream *s, const struct fail *why, void *userdata)
{
    struct client *c = userdata;
    (void)s;
    if (why->code == VIR_ERR_SYSTEM_ERROR || why->code == VIR_ERR_OK)
        log_debug("client %s: %s", c->peer.address, why->text);
    else
        log_warning("client %s was disconnected: %s", c->peer.address, why->text);
    migrate_client_gone(c->daemon, c);
    client_free(c);
}

static const struct stream_ops stream_ops = {
    .received = received,
    .drained = drained,
    .closed = closed,
};

/* ---- life ------------------------------------------------------------------------------------ */

static void too_slow_to_open(void *userdata)
{
    struct client *c = userdata;
    if (c->from_peer)
        break_off(c, VIR_ERR_RPC, "it did not say which attempt it speaks for within %d s",
                  CLIENT_HELLO_SECONDS);
    else
        break_off(c, VIR_ERR_RPC, "it did not open a connection within %d s", CLIENT_OPEN_SECONDS);
}

int client_new(struct server *server, int fd, const struct listener_peer *peer,
               enum client_door door, struct fail *f)
{
    static const struct stream_limits client_limits = {.input = FRAME_SIZE_MAX + 64 * 1024,
                                                       .output = CLIENT_OUTPUT_MAX};
    static const struct stream_limits peer_limits = {.input = CLIENT_FRAME_PEER_MAX + 64 * 1024,
                                                     .output = CLIENT_FRAME_PEER_MAX};
    const struct stream_limits *limits = door == CLIENT_PEER ? &peer_limits : &client_limits;
    unsigned patience = door == CLIENT_PEER ? CLIENT_HELLO_SECONDS : CLIENT_OPEN_SECONDS;
    struct client *c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    c->server = server;
    c->daemon = server_daemon(server);
    c->peer = *peer;
    c->read_only = c->from_anybody = door == CLIENT_READ_ONLY;
    c->from_peer = door == CLIENT_PEER;
    c->next_callback = 1;
    c->last_heard = timer_now();
    sd_event *event = daemon_event(c->daemon);
    if (stream_new(event, fd, &stream_ops, c, limits, &c->stream, f) < 0) {
        free(c);
        return -1;
    }
    if (timer_arm(&c->timer, event, patience * TIMER_SECOND, too_slow_to_open, c) < 0) {
        stream_free(c->stream);
        free(c);
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    server_client_added(server, c);
    return 0;
}

void client_opened(struct client *c, bool read_only)
{
    c->opened = true;
    c->read_only |= read_only;
    timer_cancel(&c->timer);
    if (c->keepalive)
        client_start_keepalive(c);
}

void client_attach(struct client *c, const struct peer_token *token)
{
    c->attached = true;
    c->token = *token;
    if (!c->opened)
        timer_cancel(&c->timer);
    if (!c->keepalive)
        client_start_keepalive(c);
}

void client_close(struct client *c)
{
    c->closing = true;
    timer_cancel(&c->timer);
    stream_close_when_sent(c->stream, CLIENT_CLOSE_SECONDS * TIMER_SECOND, VIR_ERR_OK,
                           "it closed the connection");
}

void client_free(struct client *c)
{
    struct call *call;
    client_streams_end(c);
    events_forget_client(c->daemon, c);
    while ((call = c->calls)) {
        c->calls = call->next;
        call->client = NULL;
        server_adopt_call(c->server, call);
    }
    timer_cancel(&c->timer);
    stream_free(c->stream);
    server_client_gone(c->server, c);
    free(c);
}
