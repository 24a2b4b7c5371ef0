/* frame.h - the frame of libvirt's remote protocol.
 *
 * u32 length (counts itself), then the header: u32 program, u32 version, i32 procedure, i32 type,
 * u32 serial, i32 status; then the payload. Everything is big-endian. A frame *_WITH_FDS has the
 * number of its descriptors between header and payload; the descriptors come beside the bytes.
 *
 * frame_parse looks at the front of what has arrived. It refuses a frame as early as its bytes show
 * that it is wrong: the length after four bytes, the header after 28. The payload points into the
 * caller's bytes; nothing is allocated or copied.
 */
#pragma once
#include "util/buffer.h"
#include "util/fail.h"
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER = 28,              /* length and header, in bytes */
    FRAME_SIZE_MAX = 4 + 33554432,  /* the protocol's limit for a whole frame */
    FRAME_STREAM_DATA_MAX = 262120, /* payload of one; every libvirt takes it */
    FRAME_FDS_MAX = 32,
};

enum {
    PROGRAM_REMOTE = 0x20008086,
    PROGRAM_QEMU = 0x20008087,
    PROGRAM_KEEPALIVE = 0x6b656570,
    PROGRAM_VERSION = 1, /* of all three */
};

enum { KEEPALIVE_PING = 1, KEEPALIVE_PONG = 2 };

enum frame_type {
    FRAME_CALL = 0,
    FRAME_REPLY = 1,
    FRAME_MESSAGE = 2, /* an event, or keepalive */
    FRAME_STREAM = 3,
    FRAME_CALL_WITH_FDS = 4,
    FRAME_REPLY_WITH_FDS = 5,
    FRAME_STREAM_HOLE = 6,
};

enum frame_status {
    FRAME_OK = 0,       /* on a stream: it is finished */
    FRAME_ERROR = 1,    /* the payload is a struct rpc_error; a client's abort has none */
    FRAME_CONTINUE = 2, /* streams only: data */
};

struct frame {
    uint32_t program;
    uint32_t version;
    int32_t procedure;
    enum frame_type type;
    uint32_t serial; /* a reply carries its call's; an event 1 (as libvirt sends), keepalive 0 */
    enum frame_status status;
    /* The rest is set by frame_parse and ignored by frame_begin. */
    uint32_t fds;           /* descriptors that belong to it: 0 to FRAME_FDS_MAX */
    const uint8_t *payload; /* borrowed */
    size_t payload_size;
    size_t size; /* of the whole frame: what to take off the front */
};

/* 1: `ret_frame` is the first frame. 0: more bytes are needed; `ret_needed` (may be NULL) says how
 * many there must be in all before it is worth asking again. -1: a violation; the connection can't
 * go on, `f` (VIR_ERR_RPC) names what was wrong. `limit` is the largest frame that is accepted, at
 * most FRAME_SIZE_MAX. Which programs and procedures exist is not looked at. */
int frame_parse(const uint8_t *bytes, size_t size, size_t limit, struct frame *ret_frame,
                size_t *ret_needed, struct fail *f);

/* Building in place: frame_begin, append the payload to `out`, frame_end. `out` may hold earlier
 * frames. On failure frame_end takes the unfinished frame back out of `out`. 0, or -1 with `f`. */
struct frame_mark {
    size_t at; /* bytes in `out` before this frame */
};
int frame_begin(struct buffer *out, const struct frame *head, struct frame_mark *ret_mark,
                struct fail *f);
int frame_end(struct buffer *out, struct frame_mark mark, struct fail *f);
/* Take the unfinished frame back. */
void frame_cancel(struct buffer *out, struct frame_mark mark);

/* A whole frame with these payload bytes. 0, or -1 with `f`; then nothing was added to `out`. */
int frame_write(struct buffer *out, const struct frame *head, const void *payload, size_t size,
                struct fail *f);

/* Streams. `program`, `procedure`, `serial` are of the call that opened it. Data longer than
 * FRAME_STREAM_DATA_MAX go out as several frames; data of no bytes send nothing (an empty one would
 * mean the end to the other side). */
struct frame_stream {
    uint32_t program;
    int32_t procedure;
    uint32_t serial;
};
int frame_write_stream_data(struct buffer *out, const struct frame_stream *stream, const void *data,
                            size_t size, struct fail *f);
/* The orderly end: also what answers the client's. */
int frame_write_stream_finish(struct buffer *out, const struct frame_stream *stream,
                              struct fail *f);
/* A client's abort has no payload. The server's is rpc_write_stream_error. */
int frame_write_stream_abort(struct buffer *out, const struct frame_stream *stream, struct fail *f);

int frame_write_keepalive(struct buffer *out, int procedure /* KEEPALIVE_PING or _PONG */,
                          struct fail *f);
