/* client.h - one connection of a libvirt client: frames in, answers and events out.
 *
 * The life of a connection:
 *
 *   new -> open (CONNECT_OPEN succeeded) -> closing (CONNECT_CLOSE, or a violation) -> gone
 *
 * Before `open` a frame may only be small, and only what a client needs in order to open may be
 * called. A connection of the peers' listener is never opened: it serves the private program, and of
 * that only HELLO until a token attached it to an attempt (peer.h). What one client can make grow is limited: frames, calls under way, queued answers, queued
 * events, registrations, streams.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "daemon/call.h"
#include "daemon/peer_token.h"
#include "io/listener.h"
#include "io/stream.h"
#include "io/timer.h"
#include "util/fail.h"
#include "wire/frame.h"
#include "wire/rpc.h"

struct daemon;
struct server;
struct client_stream;

enum {
    CLIENT_FRAME_NEW_MAX = 64 * 1024,             /* bytes, before CONNECT_OPEN */
    CLIENT_FRAME_READ_ONLY_MAX = 4 * 1024 * 1024, /* nothing that only reads says more */
    CLIENT_OUTPUT_MAX = FRAME_SIZE_MAX + 8 * 1024 * 1024,
    CLIENT_OUTPUT_HIGH = 1024 * 1024, /* with more waiting, no further call is taken */
    CLIENT_EVENTS_MAX = 1024 * 1024,  /* bytes of events that a client has not read */
    CLIENT_STREAMS_MAX = 16,
    CLIENT_OPEN_SECONDS = 60, /* from connecting to CONNECT_OPEN */
    CLIENT_HELLO_SECONDS = 10, /* from connecting to the peers' listener to HELLO */
    CLIENT_FRAME_STRANGER_MAX = 4096, /* bytes, before HELLO */
    CLIENT_FRAME_PEER_MAX = RPC_COOKIE_MAX + 64 * 1024,
    CLIENT_CLOSE_SECONDS = 5, /* to read what was queued when the connection is closed in order */
};

struct client {
    struct server *server;
    struct daemon *daemon;
    struct client *previous, *next; /* of the server's clients */
    struct stream *stream;
    struct listener_peer peer;
    bool read_only; /* the read-only socket, or opened so */
    bool from_peer; /* came to the peers' listener */
    bool from_anybody;  /* it came by the read-only socket, which is open to everybody */
    bool attached;  /* HELLO: to the attempt that this token opens */
    bool asks;      /* waits for proof */
    struct peer_token token;
    bool opened;
    bool closing; /* what still comes is not looked at */

    struct call *calls; /* under way */
    unsigned call_count;
    unsigned held; /* streams that can take no more now: no input */
    struct client_stream *streams;
    unsigned stream_count;

    int32_t next_callback; /* ids of event registrations; per connection */
    unsigned registrations;
    size_t event_bytes; /* queued since the output was last empty */

    bool close_callback; /* registered for the connection's end */
    bool keepalive;      /* the client answers pings */
    struct timer timer;  /* until `open`: the deadline for it; then the next ping */
    uint64_t last_heard; /* monotonic us */
    unsigned pings;      /* without a sign of life since */
};

enum client_door { CLIENT_READ_WRITE, CLIENT_READ_ONLY, CLIENT_PEER };

/* Takes `fd` over, also on failure. */
int client_new(struct server *server, int fd, const struct listener_peer *peer,
               enum client_door door, struct fail *f);
/* HELLO was answered: it speaks for this attempt, and is pinged from now on. */
void client_attach(struct client *c, const struct peer_token *token);
/* CONNECT_OPEN succeeded. */
void client_opened(struct client *c, bool read_only);
/* Drop the connection without further words: its calls lose their client, streams and
 * registrations end. */
void client_free(struct client *c);
/* The client asked for the program keepalive: it is pinged from now on, as configured. */
void client_start_keepalive(struct client *c);
/* Close the connection in order, once everything queued is out. Calls still under way get no
 * answer.
 */
void client_close(struct client *c);

/* Whole frames to the client, in this order. */
void client_send(struct client *c, const struct buffer *frames);
/* An event. A client that does not read its events is disconnected. */
void client_send_event(struct client *c, const struct rpc_proc *proc, const void *event);
/* A call ended: the next may be taken. */
void client_call_ended(struct client *c, struct call *call);

/* ---- streams (client_stream.c) ---- */

struct client_stream_ops {
    /* Data from the client, never empty. */
    void (*data)(struct client_stream *s, const uint8_t *bytes, size_t size, void *userdata);
    /* The client finished (orderly) or aborted it, or is gone. The stream is free after the call;
     * what the client has to be answered was answered. */
    void (*ended)(struct client_stream *s, void *userdata);
    /* The client takes more again. */
    void (*drained)(struct client_stream *s, void *userdata);
};

/* Opens the stream that this call asked for; answer the call afterwards. NULL: the call was
 * answered with why not. */
struct client_stream *client_stream_open(struct call *call, const struct client_stream_ops *ops,
                                         void *userdata);
/* Data to the client. False: there is enough on its way; go on at `drained`. */
bool client_stream_send(struct client_stream *s, const void *bytes, size_t size);
/* There is no more data; the client will finish the stream. */
void client_stream_send_end(struct client_stream *s);
/* End it with an error. The stream is free after the call; `ended` is not called. */
void client_stream_fail(struct client_stream *s, const struct fail *why);
/* Take no more data from the client until released: nothing is read of its connection. */
void client_stream_hold(struct client_stream *s, bool hold);

/* For client.c. */
void client_stream_received(struct client *c, const struct frame *frame);
void client_streams_drained(struct client *c);
void client_streams_end(struct client *c);
/* Take what has come, as far as the limits allow. */
void client_go_on(struct client *c);
