#include "wire/frame.h"
#include "wire/xdr.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int violation(struct fail *f, const char *what, uint32_t value)
{
    return fail_set(f, VIR_ERR_RPC, "malformed message: %s %u", what, value);
}

/* Which statuses a frame of each type may have. */
static bool status_fits(enum frame_type type, uint32_t status)
{
    switch (type) {
    case FRAME_CALL:
    case FRAME_CALL_WITH_FDS:
    case FRAME_MESSAGE:
        return status == FRAME_OK;
    case FRAME_REPLY:
    case FRAME_REPLY_WITH_FDS:
        return status == FRAME_OK || status == FRAME_ERROR;
    case FRAME_STREAM:
        return status <= FRAME_CONTINUE;
    case FRAME_STREAM_HOLE:
        return status == FRAME_CONTINUE;
    }
    return false;
}

static bool type_has_fds(enum frame_type type)
{
    return type == FRAME_CALL_WITH_FDS || type == FRAME_REPLY_WITH_FDS;
}

/* The 24 bytes after the length. The caller knows that they are there. */
static int parse_header(struct xdr_reader *r, struct frame *ret_frame, struct fail *f)
{
    uint32_t word[6];
    for (unsigned i = 0; i < 6; i++)
        (void)xdr_get_u32(r, &word[i]);
    if (word[3] > FRAME_STREAM_HOLE)
        return violation(f, "there is no message type", word[3]);
    if (!status_fits((enum frame_type)word[3], word[5]))
        return fail_set(f, VIR_ERR_RPC, "malformed message: type %u can't have status %u", word[3],
                        word[5]);
    *ret_frame = (struct frame){
        .program = word[0],
        .version = word[1],
        .procedure = (int32_t)word[2],
        .type = (enum frame_type)word[3],
        .serial = word[4],
        .status = (enum frame_status)word[5],
    };
    return 0;
}

int frame_parse(const uint8_t *bytes, size_t size, size_t limit, struct frame *ret_frame,
                size_t *ret_needed, struct fail *f)
{
    struct frame frame;
    uint32_t length;

    if (limit > FRAME_SIZE_MAX)
        limit = FRAME_SIZE_MAX;
    if (ret_needed)
        *ret_needed = FRAME_HEADER;
    if (size < 4)
        return 0;
    struct xdr_reader r = {.at = bytes, .end = bytes + size};
    (void)xdr_get_u32(&r, &length);
    if (length < FRAME_HEADER)
        return violation(f, "its length is less than a header's:", length);
    if (length > limit)
        return fail_set(f, VIR_ERR_RPC, "message of %u bytes is too large, the limit is %zu",
                        length, limit);
    if (size < FRAME_HEADER)
        return 0;
    if (parse_header(&r, &frame, f) < 0)
        return -1;
    if (type_has_fds(frame.type) && length < FRAME_HEADER + 4)
        return violation(f, "no room for the number of descriptors in bytes", length);
    if (ret_needed)
        *ret_needed = length;
    if (type_has_fds(frame.type) && xdr_get_u32(&r, &frame.fds) && frame.fds > FRAME_FDS_MAX)
        return violation(f, "too many descriptors:", frame.fds);
    if (size < length)
        return 0;
    frame.payload = r.at;
    frame.payload_size = (size_t)(bytes + length - r.at);
    frame.size = length;
    *ret_frame = frame;
    return 1;
}

void frame_cancel(struct buffer *out, struct frame_mark mark)
{
    out->end = out->start + mark.at;
}

static int no_room(int error, struct fail *f)
{
    return fail_set(f, error == -ENOMEM ? VIR_ERR_NO_MEMORY : VIR_ERR_RPC, "send a message: %s",
                    error == -ENOMEM ? "out of memory" : "the output queue is full");
}

int frame_begin(struct buffer *out, const struct frame *head, struct frame_mark *ret_mark,
                struct fail *f)
{
    struct frame_mark mark = {.at = buffer_size(out)};
    struct xdr_writer w = {.out = out};
    xdr_put_u32(&w, 0);
    xdr_put_u32(&w, head->program);
    xdr_put_u32(&w, head->version);
    xdr_put_u32(&w, (uint32_t)head->procedure);
    xdr_put_u32(&w, head->type);
    xdr_put_u32(&w, head->serial);
    xdr_put_u32(&w, head->status);
    if (w.error < 0) {
        frame_cancel(out, mark);
        return no_room(w.error, f);
    }
    *ret_mark = mark;
    return 0;
}

int frame_end(struct buffer *out, struct frame_mark mark, struct fail *f)
{
    size_t length = buffer_size(out) - mark.at;
    if (length > FRAME_SIZE_MAX) {
        frame_cancel(out, mark);
        return fail_set(f, VIR_ERR_RPC, "message of %zu bytes is too large, the limit is %d",
                        length, FRAME_SIZE_MAX);
    }
    uint8_t *p = out->data + out->start + mark.at;
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(length >> (24 - 8 * i));
    return 0;
}

int frame_write(struct buffer *out, const struct frame *head, const void *payload, size_t size,
                struct fail *f)
{
    struct frame_mark mark;
    if (frame_begin(out, head, &mark, f) < 0)
        return -1;
    int r = buffer_append(out, payload, size);
    if (r < 0) {
        frame_cancel(out, mark);
        return no_room(r, f);
    }
    return frame_end(out, mark, f);
}

static struct frame stream_head(const struct frame_stream *stream, enum frame_status status)
{
    return (struct frame){
        .program = stream->program,
        .version = PROGRAM_VERSION,
        .procedure = stream->procedure,
        .type = FRAME_STREAM,
        .serial = stream->serial,
        .status = status,
    };
}

int frame_write_stream_data(struct buffer *out, const struct frame_stream *stream, const void *data,
                            size_t size, struct fail *f)
{
    struct frame head = stream_head(stream, FRAME_CONTINUE);
    struct frame_mark before = {.at = buffer_size(out)};
    const uint8_t *at = data;

    while (size > 0) {
        size_t part = size < FRAME_STREAM_DATA_MAX ? size : FRAME_STREAM_DATA_MAX;
        if (frame_write(out, &head, at, part, f) < 0) {
            frame_cancel(out, before);
            return -1;
        }
        at += part;
        size -= part;
    }
    return 0;
}

int frame_write_stream_finish(struct buffer *out, const struct frame_stream *stream, struct fail *f)
{
    struct frame head = stream_head(stream, FRAME_OK);
    return frame_write(out, &head, NULL, 0, f);
}

int frame_write_stream_abort(struct buffer *out, const struct frame_stream *stream, struct fail *f)
{
    struct frame head = stream_head(stream, FRAME_ERROR);
    return frame_write(out, &head, NULL, 0, f);
}

int frame_write_keepalive(struct buffer *out, int procedure, struct fail *f)
{
    struct frame head = {
        .program = PROGRAM_KEEPALIVE,
        .version = PROGRAM_VERSION,
        .procedure = procedure,
        .type = FRAME_MESSAGE,
    };
    return frame_write(out, &head, NULL, 0, f);
}
