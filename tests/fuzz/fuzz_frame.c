/* Bytes of a connection: frames, and the values of every procedure in them.
 *
 * What can be decoded can be written again. Arguments then give the same bytes: the codec has one
 * form for each value and reads no other. (In an answer a fixed array of characters may hold
 * anything behind its ending zero.)
 */
#include "fuzz.h"
#include <stdbool.h>
#include "util/arena.h"
#include "wire/frame.h"
#include "wire/rpc.h"

static void check_values(const struct rpc_struct *shape, const struct frame *frame, bool answer)
{
    struct arena arena;
    struct buffer again = {0};
    struct fail f;
    arena_init(&arena, 64 << 20);
    void *value = shape ? arena_alloc(&arena, shape->size) : NULL;
    if (rpc_decode(shape, frame->payload, frame->payload_size, &arena, value, &f) == 0 && shape) {
        MUST(rpc_encode(shape, value, &again, &f) == 0);
        MUST(buffer_size(&again) == frame->payload_size);
        for (size_t i = 0; !answer && i < frame->payload_size; i++)
            MUST(buffer_bytes(&again)[i] == frame->payload[i]);
    }
    buffer_free(&again);
    arena_free(&arena);
}

static void check_frame(const struct frame *frame)
{
    struct fail f;
    (void)rpc_procedure_name(frame->program, frame->procedure);
    const struct rpc_proc *proc = rpc_find(frame->program, frame->procedure);
    if (frame->status == FRAME_ERROR) {
        MUST(rpc_read_error(frame, &f) == -1);
        return;
    }
    if (!proc || frame->type == FRAME_STREAM || frame->type == FRAME_STREAM_HOLE)
        return;
    bool answer = frame->type == FRAME_REPLY || frame->type == FRAME_REPLY_WITH_FDS;
    check_values(answer ? proc->ret : proc->args, frame, answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame;
    struct fail f;
    size_t needed;
    while (size > 0) {
        int r = frame_parse(data, size, FRAME_SIZE_MAX, &frame, &needed, &f);
        if (r == 0)
            MUST(needed > size);
        if (r <= 0)
            return 0;
        MUST(frame.size >= FRAME_HEADER && frame.size <= size);
        MUST(frame.payload + frame.payload_size == data + frame.size);
        check_frame(&frame);
        data += frame.size;
        size -= frame.size;
    }
    return 0;
}
