/* stream.h - bytes over a connected socket, both ways, without blocking and with limits.
 *
 * Input: each turn of the loop reads at most `turn` bytes, so that no connection starves another,
 * and hands the buffer to `received`, which takes what it understands from its front. A buffer that
 * is full although `received` was called ends the stream: the peer sent more than we take.
 * Output: stream_send queues and writes when the socket has room. A queue that would pass its limit
 * ends the stream: a subscriber that does not read costs us bounded memory.
 * Descriptors travel beside the bytes (unix sockets); those received wait in order.
 *
 * The end: `closed` is called exactly once, always from the loop and never inside a call of this
 * header, with the reason. The descriptor is closed by then. stream_free may be called at any
 * time, also in a callback of the stream; after it no callback comes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "util/buffer.h"
#include "util/fail.h"

enum { STREAM_FDS_MAX = 32 /* waiting to be taken; a peer that sends more is disconnected */ };

struct stream;

struct stream_ops {
    /* New bytes, or input was resumed. May be called with nothing new. */
    void (*received)(struct stream *s, struct buffer *in, void *userdata);
    /* The peer will send no more (half-close); all its bytes were handed out. The stream stays open
     * for output. NULL: the stream closes. */
    void (*ended)(struct stream *s, void *userdata);
    /* The output queue became empty. May be NULL. */
    void (*drained)(struct stream *s, void *userdata);
    /* `why` is a sentence about the peer: "end of file", "Connection reset by peer", ... */
    void (*closed)(struct stream *s, const struct fail *why, void *userdata);
};

struct stream_limits {
    size_t turn;   /* bytes read in one turn; 0 = 64 KiB */
    size_t input;  /* bytes held until they are taken; 0 = 1 MiB */
    size_t output; /* bytes queued; 0 = 1 MiB */
    /* A peer that hangs up while input is paused normally ends the stream at once, since nobody is
     * left to be answered. With this, what it had sent is still read once input is resumed. */
    bool keep_input;
};

/* `fd` is the stream's from here on, also on failure. `ops` is kept by reference. */
int stream_new(sd_event *event, int fd, const struct stream_ops *ops, void *userdata,
               const struct stream_limits *limits, struct stream **ret_stream, struct fail *f);
/* Harmless on NULL. Output that is still queued is lost: see stream_close_when_sent. */
void stream_free(struct stream *s);

/* Queue bytes. 0, or -1 when the stream is closed, or is being closed because of this very call
 * (queue too long, no memory): `closed` will say so, the caller need do nothing. */
int stream_send(struct stream *s, const void *bytes, size_t size);
/* The same with descriptors, which arrive with the first of the bytes (size >= 1). They are
 * duplicated: the caller keeps its own. */
int stream_send_fds(struct stream *s, const void *bytes, size_t size, const int *fds, size_t count);
/* Bytes that are queued. */
size_t stream_queued(const struct stream *s);

/* The oldest descriptor received, now the caller's; -1 when there is none. */
int stream_take_fd(struct stream *s);
size_t stream_fd_count(const struct stream *s);

/* Back-pressure: nothing is read until input is resumed, when `received` is called again. */
void stream_pause_input(struct stream *s);
void stream_resume_input(struct stream *s);

/* Half-close: the peer sees the end once all that is queued was written. */
void stream_end_output(struct stream *s);
/* No more input. All that is queued is written and the output half-closed; `closed` is called with
 * `why` once the peer has closed too (to close before it would make the kernel take back, on TCP,
 * what the peer has not read yet), or after `patience` microseconds. */
void stream_close_when_sent(struct stream *s, uint64_t patience, int code, const char *why);
/* Our own reason to end it: no more input or output; `closed` comes from the loop. The first reason
 * stands. */
void stream_fail(struct stream *s, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
