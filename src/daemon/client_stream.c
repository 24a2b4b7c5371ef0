/* client_stream.c - streams that a client opened: which frames are whose, and how they end.
 *
 * A stream is known by the procedure and serial of the call that opened it. The client ends it: by
 * an orderly finish or an abort, and waits for our confirmation of either. We say that there is no
 * more data by an empty frame, upon which the client finishes. Data for a stream that is gone are
 * what was on its way when it failed, and are dropped.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "daemon/client.h"
#include "util/log.h"

enum { STREAM_HIGH = 256 * 1024 /* bytes on their way to the client: then its source waits */ };

struct client_stream {
    struct client_stream *next;
    struct client *client;
    struct frame_stream id;
    const struct client_stream_ops *ops;
    void *userdata;
    bool held;
    bool waiting; /* was told that there is enough on its way */
};

struct client_stream *client_stream_open(struct call *call, const struct client_stream_ops *ops,
                                         void *userdata)
{
    struct client *c = call->client;
    if (c->stream_count >= CLIENT_STREAMS_MAX) {
        call_failf(call, VIR_ERR_OPERATION_FAILED, "this connection has %d streams already",
                   CLIENT_STREAMS_MAX);
        return NULL;
    }
    struct client_stream *s = calloc(1, sizeof(*s));
    if (!s) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    s->client = c;
    s->id = (struct frame_stream){
        .program = call->proc->program, .procedure = call->proc->number, .serial = call->serial};
    s->ops = ops;
    s->userdata = userdata;
    s->next = c->streams;
    c->streams = s;
    c->stream_count++;
    return s;
}

static void forget(struct client_stream *s)
{
    struct client *c = s->client;
    client_stream_hold(s, false);
    for (struct client_stream **at = &c->streams; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    c->stream_count--;
    free(s);
}

/* `written` is what writing the frames into `out` returned. */
static void send_frames(struct client *c, struct buffer *out, int written, const struct fail *f)
{
    if (written < 0)
        stream_fail(c->stream, f->code, "write a stream's frame: %s", f->text);
    else
        client_send(c, out);
    buffer_free(out);
}

bool client_stream_send(struct client_stream *s, const void *bytes, size_t size)
{
    struct buffer out = {0};
    struct fail f;
    int r = frame_write_stream_data(&out, &s->id, bytes, size, &f);
    send_frames(s->client, &out, r, &f);
    s->waiting = stream_queued(s->client->stream) > STREAM_HIGH;
    return !s->waiting;
}

void client_stream_send_end(struct client_stream *s)
{
    struct buffer out = {0};
    struct fail f;
    struct frame head = {.program = s->id.program,
                         .version = PROGRAM_VERSION,
                         .procedure = s->id.procedure,
                         .type = FRAME_STREAM,
                         .serial = s->id.serial,
                         .status = FRAME_CONTINUE};
    int r = frame_write(&out, &head, NULL, 0, &f);
    send_frames(s->client, &out, r, &f);
}

static void write_error(struct client_stream *s, const struct fail *why)
{
    struct buffer out = {0};
    struct fail f;
    int r = rpc_write_stream_error(&out, &s->id, VIR_FROM_QEMU, why, &f);
    send_frames(s->client, &out, r, &f);
}

void client_stream_fail(struct client_stream *s, const struct fail *why)
{
    write_error(s, why);
    forget(s);
}

void client_stream_hold(struct client_stream *s, bool hold)
{
    if (s->held == hold)
        return;
    s->held = hold;
    if (hold)
        s->client->held++;
    else
        s->client->held--;
    if (!hold)
        client_go_on(s->client);
}

static struct client_stream *find(struct client *c, const struct frame *frame)
{
    for (struct client_stream *s = c->streams; s; s = s->next)
        if (s->id.program == frame->program && s->id.procedure == frame->procedure &&
            s->id.serial == frame->serial)
            return s;
    return NULL;
}

static void end(struct client_stream *s)
{
    s->ops->ended(s, s->userdata);
    forget(s);
}

static void confirm(struct client_stream *s)
{
    struct buffer out = {0};
    struct fail f;
    int r = frame_write_stream_finish(&out, &s->id, &f);
    send_frames(s->client, &out, r, &f);
}

void client_stream_received(struct client *c, const struct frame *frame)
{
    struct client_stream *s = find(c, frame);
    if (!s) {
        log_debug("client %s: data of a stream that is gone (procedure %" PRId32 ", serial %" PRIu32
                  ")",
                  c->peer.address, frame->procedure, frame->serial);
        return;
    }
    if (frame->type == FRAME_STREAM_HOLE) {
        struct fail f;
        fail_set(&f, VIR_ERR_RPC, "a hole in a stream that is not of a file");
        write_error(s, &f);
        end(s);
        return;
    }
    switch (frame->status) {
    case FRAME_CONTINUE:
        if (frame->payload_size)
            s->ops->data(s, frame->payload, frame->payload_size, s->userdata);
        return;
    case FRAME_OK:
    case FRAME_ERROR:
        confirm(s);
        end(s);
        return;
    }
}

void client_streams_drained(struct client *c)
{
    struct client_stream *next;
    for (struct client_stream *s = c->streams; s; s = next) {
        next = s->next;
        if (!s->waiting)
            continue;
        s->waiting = false;
        s->ops->drained(s, s->userdata);
    }
}

void client_streams_end(struct client *c)
{
    while (c->streams)
        end(c->streams);
}
