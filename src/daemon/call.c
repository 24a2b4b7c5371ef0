/* call.c - the one answer of a call.
 *
 * A call belongs to its client's list until it is answered. When the client goes first, the call
 * moves to the server's list: its handler still holds it and will answer it, to nobody.
 */
#include "daemon/call.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "daemon/client.h"
#include "daemon/server.h"
#include "util/buffer.h"
#include "util/log.h"

struct call *call_new(struct client *client, const struct rpc_proc *proc, uint32_t serial)
{
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->daemon = client->daemon;
    call->client = client;
    call->server = client->server;
    call->proc = proc;
    call->serial = serial;
    call->read_only = client->read_only;
    arena_init(&call->arena, CALL_ARENA_MAX);
    return call;
}

void call_free(struct call *call)
{
    arena_free(&call->arena);
    free(call);
}

/* Out of the list that it is in, and away. */
static void end(struct call *call)
{
    if (call->client)
        client_call_ended(call->client, call);
    else
        server_forget_call(call->server, call);
    call_free(call);
}

static void write_error(const struct call *call, const struct fail *why, struct buffer *out)
{
    struct fail f;
    struct frame head = {.program = call->proc->program,
                         .version = PROGRAM_VERSION,
                         .procedure = call->proc->number,
                         .type = FRAME_CALL,
                         .serial = call->serial};
    if (rpc_write_error(out, &head, VIR_FROM_QEMU, why, &f) < 0)
        stream_fail(call->client->stream, f.code, "answer %s: %s", call->proc->name, f.text);
}

void call_reply(struct call *call, const void *result)
{
    struct buffer out = {0};
    struct fail f;
    assert(!call->proc->ret == !result);
    if (call->client) {
        if (rpc_write_reply(&out, call->proc, call->serial, result, &f) < 0) {
            fail_prefix(&f, "answer %s", call->proc->name);
            log_error("%s", f.text);
            write_error(call, &f, &out);
        }
        client_send(call->client, &out);
        buffer_free(&out);
    }
    end(call);
}

void call_fail(struct call *call, const struct fail *why)
{
    struct buffer out = {0};
    if (call->client) {
        log_debug("%s for %s: error %d: %s", call->proc->name, call->client->peer.address,
                  why->code, why->text);
        write_error(call, why, &out);
        client_send(call->client, &out);
        buffer_free(&out);
    }
    end(call);
}

void call_failf(struct call *call, int code, const char *format, ...)
{
    struct fail f;
    char text[sizeof(f.text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fail_set(&f, code, "%s", text);
    call_fail(call, &f);
}
