/* rpc.c - which procedures there are, and whole frames of them. */
#include "wire/rpc.h"
#include "util/uuid.h"
#include "wire/params.h"
#include "wire/peer_program.h"
#include "wire/remote_tables.h"
#include "wire/rpc_table.h"

static const struct rpc_proc *find_in(const struct rpc_program *program, int32_t number)
{
    unsigned low = 0, high = program->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (program->procs[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < program->count && program->procs[low].number == number)
        return &program->procs[low];
    return NULL;
}

const struct rpc_proc *rpc_find(uint32_t program, int32_t number)
{
    if (program == PROGRAM_REMOTE)
        return find_in(&remote_program, number);
    if (program == PROGRAM_QEMU)
        return find_in(&qemu_program, number);
    if (program == PROGRAM_PEER)
        return find_in(&peer_program, number);
    return NULL;
}

static size_t element_size(enum rpc_type type, const struct rpc_struct *of)
{
    switch (type) {
    case RPC_STRUCT:
        return of->size;
    case RPC_STRING:
        return sizeof(const char *);
    case RPC_U64:
        return sizeof(uint64_t);
    case RPC_I32:
        return sizeof(int32_t);
    case RPC_U32:
    case RPC_I64:
    case RPC_DOUBLE:
    case RPC_U8:
    case RPC_U16:
    case RPC_OPTIONAL_STRING:
    case RPC_UUID:
    case RPC_OPAQUE:
    case RPC_CHARS:
    case RPC_FIXED_CHARS:
    case RPC_OPTIONAL_STRUCT:
    case RPC_ARRAY:
    case RPC_PARAM_VALUE:
        break;
    }
    return 0; /* no table has arrays of these: a unit test goes through all of them */
}

size_t rpc_element_size(const struct rpc_field *array)
{
    return element_size(array->element, array->of);
}

static size_t field_minimum(const struct rpc_field *field, enum rpc_type type)
{
    size_t sum = 0;
    switch (type) {
    case RPC_I64:
    case RPC_U64:
    case RPC_DOUBLE:
        return 8;
    case RPC_I32:
    case RPC_U32:
    case RPC_U8:
    case RPC_U16:
    case RPC_STRING:
    case RPC_OPTIONAL_STRING:
    case RPC_OPAQUE:
    case RPC_CHARS:
    case RPC_OPTIONAL_STRUCT:
    case RPC_ARRAY:
        return 4;
    case RPC_PARAM_VALUE:
        return 8; /* the type, and four bytes of value at least */
    case RPC_UUID:
        return sizeof(struct uuid);
    case RPC_FIXED_CHARS:
        return (size_t)field->limit * 4;
    case RPC_STRUCT:
        for (unsigned i = 0; i < field->of->count; i++)
            sum += field_minimum(&field->of->fields[i], field->of->fields[i].type);
        return sum;
    }
    return 4;
}

size_t rpc_element_minimum(const struct rpc_field *array)
{
    return field_minimum(array, array->element);
}

static int write_frame(struct buffer *out, const struct frame *head, const struct rpc_proc *proc,
                       const struct rpc_struct *s, const void *value, struct fail *f)
{
    struct frame_mark mark;
    if (frame_begin(out, head, &mark, f) < 0)
        return -1;
    if (rpc_encode(s, value, out, f) < 0) {
        frame_cancel(out, mark);
        return fail_prefix(f, "%s", proc->name);
    }
    return frame_end(out, mark, f);
}

static struct frame head_of(const struct rpc_proc *proc, enum frame_type type, uint32_t serial)
{
    return (struct frame){
        .program = proc->program,
        .version = PROGRAM_VERSION,
        .procedure = proc->number,
        .type = type,
        .serial = serial,
        .status = FRAME_OK,
    };
}

int rpc_write_call(struct buffer *out, const struct rpc_proc *proc, uint32_t serial,
                   const void *args, struct fail *f)
{
    struct frame head = head_of(proc, FRAME_CALL, serial);
    return write_frame(out, &head, proc, proc->args, args, f);
}

int rpc_write_reply(struct buffer *out, const struct rpc_proc *proc, uint32_t serial,
                    const void *ret, struct fail *f)
{
    struct frame head = head_of(proc, FRAME_REPLY, serial);
    return write_frame(out, &head, proc, proc->ret, ret, f);
}

int rpc_write_event(struct buffer *out, const struct rpc_proc *proc, const void *event,
                    struct fail *f)
{
    struct frame head = head_of(proc, FRAME_MESSAGE, 1);
    return write_frame(out, &head, proc, proc->args, event, f);
}
