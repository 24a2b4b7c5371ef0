/* rpc_encode.c - value -> payload, following the table.
 *
 * What is over a limit, or NULL where the protocol has no null, is our own mistake or something a
 * guest or an operator made too large; either way the other side would refuse the message, so it is
 * refused here, with the name of the field. */
#include "wire/rpc.h"
#include "util/uuid.h"
#include "wire/params.h"
#include "wire/rpc_table.h"
#include "wire/xdr.h"
#include <errno.h>
#include <string.h>

struct encoder {
    struct xdr_writer out;
    struct fail *f;
    const struct rpc_struct *s;
    const struct rpc_field *field;
};

static int refuse(const struct encoder *e, const char *what)
{
    return fail_set(e->f, VIR_ERR_RPC, "can't send %s.%s: %s", e->s->name, e->field->name, what);
}

static int refuse_size(const struct encoder *e, size_t size, size_t most)
{
    return fail_set(e->f, VIR_ERR_RPC, "can't send %s.%s: its size is %zu, the limit %zu",
                    e->s->name, e->field->name, size, most);
}

static int put_string(struct encoder *e, const char *string)
{
    if (!string)
        return refuse(e, "it has no value");
    size_t size = strlen(string);
    if (size > RPC_STRING_MAX)
        return refuse_size(e, size, RPC_STRING_MAX);
    xdr_put_u32(&e->out, (uint32_t)size);
    xdr_put_bytes(&e->out, string, size);
    return 0;
}

static int put_optional_string(struct encoder *e, const char *string)
{
    xdr_put_u32(&e->out, string ? 1 : 0);
    return string ? put_string(e, string) : 0;
}

static int put_opaque(struct encoder *e, const struct rpc_bytes *bytes)
{
    if (bytes->size > e->field->limit)
        return refuse_size(e, bytes->size, e->field->limit);
    xdr_put_u32(&e->out, bytes->size);
    xdr_put_bytes(&e->out, bytes->data, bytes->size);
    return 0;
}

/* Characters go out as libvirt's do: a plain char, sign extended. */
static void put_char_array(struct encoder *e, const char *chars, size_t count)
{
    for (size_t i = 0; i < count; i++)
        xdr_put_u32(&e->out, (uint32_t)(int32_t)(signed char)chars[i]);
}

static int put_fixed_chars(struct encoder *e, const char *chars)
{
    if (!memchr(chars, 0, e->field->limit))
        return refuse(e, "it is a text without an end");
    put_char_array(e, chars, e->field->limit);
    return 0;
}

static int put_chars(struct encoder *e, const char *text)
{
    if (!text)
        return refuse(e, "it has no value");
    size_t count = strlen(text) + 1;
    if (count > e->field->limit)
        return refuse_size(e, count, e->field->limit);
    xdr_put_u32(&e->out, (uint32_t)count);
    put_char_array(e, text, count);
    return 0;
}

static int put_param_value(struct encoder *e, const struct rpc_param_value *value)
{
    xdr_put_u32(&e->out, value->type);
    switch (value->type) {
    case PARAM_INT:
    case PARAM_UINT:
        xdr_put_u32(&e->out, value->u);
        return 0;
    case PARAM_LLONG:
    case PARAM_ULLONG:
    case PARAM_DOUBLE:
        xdr_put_u64(&e->out, value->ul);
        return 0;
    case PARAM_BOOLEAN:
        xdr_put_u32(&e->out, value->b ? 1 : 0);
        return 0;
    case PARAM_STRING:
        return put_string(e, value->s);
    }
    return refuse(e, "there is no such type of parameter");
}

static int put_struct(struct encoder *e, const struct rpc_struct *s, const uint8_t *value);

static int put_array(struct encoder *e, const uint8_t *at)
{
    const struct rpc_field *field = e->field;
    struct rpc_array array;
    memcpy(&array, at, sizeof(array));
    if (array.count > field->limit)
        return refuse_size(e, array.count, field->limit);
    xdr_put_u32(&e->out, array.count);
    size_t size = rpc_element_size(field);
    int r = 0;
    for (uint32_t i = 0; i < array.count && r == 0; i++) {
        const uint8_t *item = (const uint8_t *)array.items + i * size;
        if (field->element == RPC_STRUCT)
            r = put_struct(e, field->of, item);
        else if (field->element == RPC_STRING)
            r = put_string(e, *(const char *const *)item);
        else if (field->element == RPC_U64)
            xdr_put_u64(&e->out, *(const uint64_t *)item);
        else
            xdr_put_u32(&e->out, *(const uint32_t *)item);
    }
    return r;
}

static int put_optional_struct(struct encoder *e, const uint8_t *value)
{
    xdr_put_u32(&e->out, value ? 1 : 0);
    return value ? put_struct(e, e->field->of, value) : 0;
}

static int put_field(struct encoder *e, const uint8_t *at)
{
    switch (e->field->type) {
    case RPC_I32:
    case RPC_U32:
        xdr_put_u32(&e->out, *(const uint32_t *)at);
        return 0;
    case RPC_I64:
    case RPC_U64:
    case RPC_DOUBLE:
        xdr_put_u64(&e->out, *(const uint64_t *)at);
        return 0;
    case RPC_U8:
        xdr_put_u32(&e->out, *at);
        return 0;
    case RPC_U16:
        xdr_put_u32(&e->out, *(const uint16_t *)at);
        return 0;
    case RPC_STRING:
        return put_string(e, *(const char *const *)at);
    case RPC_OPTIONAL_STRING:
        return put_optional_string(e, *(const char *const *)at);
    case RPC_UUID:
        xdr_put_bytes(&e->out, ((const struct uuid *)at)->byte, sizeof(struct uuid));
        return 0;
    case RPC_OPAQUE:
        return put_opaque(e, (const struct rpc_bytes *)at);
    case RPC_CHARS:
        return put_chars(e, *(const char *const *)at);
    case RPC_FIXED_CHARS:
        return put_fixed_chars(e, (const char *)at);
    case RPC_STRUCT:
        return put_struct(e, e->field->of, at);
    case RPC_OPTIONAL_STRUCT:
        return put_optional_struct(e, *(const uint8_t *const *)at);
    case RPC_ARRAY:
        return put_array(e, at);
    case RPC_PARAM_VALUE:
        return put_param_value(e, (const struct rpc_param_value *)at);
    }
    return -1;
}

static int put_struct(struct encoder *e, const struct rpc_struct *s, const uint8_t *value)
{
    const struct rpc_struct *outer = e->s;
    const struct rpc_field *outer_field = e->field;
    for (unsigned i = 0; i < s->count; i++) {
        e->s = s;
        e->field = &s->fields[i];
        if (put_field(e, value + e->field->offset) < 0)
            return -1;
    }
    e->s = outer;
    e->field = outer_field;
    return 0;
}

int rpc_encode(const struct rpc_struct *s, const void *value, struct buffer *out, struct fail *f)
{
    struct encoder e = {.out.out = out, .f = f};
    struct frame_mark before = {.at = buffer_size(out)};
    if (!s)
        return 0;
    int r = put_struct(&e, s, value);
    if (r == 0 && e.out.error < 0)
        r = fail_set(f, e.out.error == -ENOMEM ? VIR_ERR_NO_MEMORY : VIR_ERR_RPC,
                     "can't send %s: %s", s->name,
                     e.out.error == -ENOMEM ? "out of memory" : "the message or the queue is full");
    if (r < 0)
        frame_cancel(out, before);
    return r;
}
