/* rpc_decode.c - payload -> value, following the table.
 *
 * The tables nest at most a few levels and never loop, so plain recursion is bounded by our own
 * declarations, not by the peer. What the peer says only ever decides how much is allocated, and
 * that is held by the bytes it really sent: an array's elements each need rpc_minimum bytes on the
 * wire.
 */
#include "wire/rpc.h"
#include "util/uuid.h"
#include "wire/params.h"
#include "wire/rpc_table.h"
#include "wire/xdr.h"
#include <stdbool.h>
#include <string.h>

struct decoder {
    struct xdr_reader in;
    struct arena *arena;
    struct fail *f;
    /* Where we are, for the sentence of a failure. */
    const struct rpc_struct *s;
    const struct rpc_field *field;
};

static int refuse(const struct decoder *d, const char *what)
{
    return fail_set(d->f, VIR_ERR_RPC, "malformed payload: %s.%s: %s", d->s->name, d->field->name,
                    what);
}

static int refuse_count(const struct decoder *d, const char *what, uint32_t count, size_t most)
{
    return fail_set(d->f, VIR_ERR_RPC, "malformed payload: %s.%s: %u %s, there can be %zu at most",
                    d->s->name, d->field->name, count, what, most);
}

static int get_u32(struct decoder *d, uint32_t *ret_value)
{
    return xdr_get_u32(&d->in, ret_value) ? 0 : refuse(d, "it ends too early");
}

static int get_u64(struct decoder *d, uint64_t *ret_value)
{
    return xdr_get_u64(&d->in, ret_value) ? 0 : refuse(d, "it ends too early");
}

/* A count or a length in front, held against the limit and against the bytes that are left when
 * each of what it counts has `minimum` bytes. */
static int get_count(struct decoder *d, const char *what, size_t minimum, uint32_t *ret_count)
{
    uint32_t count;
    if (get_u32(d, &count) < 0)
        return -1;
    if (count > d->field->limit)
        return refuse_count(d, what, count, d->field->limit);
    if (count > xdr_left(&d->in) / minimum)
        return refuse_count(d, what, count, xdr_left(&d->in) / minimum);
    *ret_count = count;
    return 0;
}

static int get_present(struct decoder *d, bool *ret_present)
{
    uint32_t flag;
    if (get_u32(d, &flag) < 0)
        return -1;
    if (flag > 1)
        return refuse(d, "its present-flag is neither 0 nor 1");
    *ret_present = flag;
    return 0;
}

static int get_string(struct decoder *d, const char **ret_string)
{
    const uint8_t *bytes;
    uint32_t size;
    if (get_u32(d, &size) < 0)
        return -1;
    if (size > RPC_STRING_MAX || size > xdr_left(&d->in))
        return refuse_count(d, "bytes of text", size,
                            size > RPC_STRING_MAX ? RPC_STRING_MAX : xdr_left(&d->in));
    if (!xdr_get_bytes(&d->in, size, &bytes))
        return refuse(d, "its padding is missing or not zero");
    if (memchr(bytes, 0, size))
        return refuse(d, "a zero byte in a text");
    *ret_string = arena_strndup(d->arena, (const char *)bytes, size);
    return *ret_string ? 0 : refuse(d, "the message needs too much memory");
}

static int get_opaque(struct decoder *d, struct rpc_bytes *ret_bytes)
{
    const uint8_t *bytes;
    uint32_t size;
    if (get_count(d, "bytes", 1, &size) < 0)
        return -1;
    if (!xdr_get_bytes(&d->in, size, &bytes))
        return refuse(d, "its padding is missing or not zero");
    uint8_t *copy = arena_alloc(d->arena, size);
    if (!copy)
        return refuse(d, "the message needs too much memory");
    memcpy(copy, bytes, size);
    *ret_bytes = (struct rpc_bytes){.data = copy, .size = size};
    return 0;
}

static int get_uuid(struct decoder *d, struct uuid *ret_uuid)
{
    const uint8_t *bytes;
    if (!xdr_get_bytes(&d->in, sizeof(ret_uuid->byte), &bytes))
        return refuse(d, "it ends too early");
    memcpy(ret_uuid->byte, bytes, sizeof(ret_uuid->byte));
    return 0;
}

/* One `char` takes four bytes on the wire, and its sign is a matter of the sender's machine. */
static int get_char(struct decoder *d, char *ret_char)
{
    uint32_t value;
    if (get_u32(d, &value) < 0)
        return -1;
    int32_t number = (int32_t)value;
    if (number < -128 || number > 255)
        return refuse(d, "it is no character");
    *ret_char = (char)number;
    return 0;
}

static int get_fixed_chars(struct decoder *d, char *ret_chars)
{
    for (uint32_t i = 0; i < d->field->limit; i++)
        if (get_char(d, &ret_chars[i]) < 0)
            return -1;
    if (!memchr(ret_chars, 0, d->field->limit))
        return refuse(d, "a text without an end");
    return 0;
}

static int get_chars(struct decoder *d, const char **ret_string)
{
    uint32_t count;
    if (get_count(d, "characters", 4, &count) < 0)
        return -1;
    char *text = arena_alloc(d->arena, (size_t)count + 1);
    if (!text)
        return refuse(d, "the message needs too much memory");
    for (uint32_t i = 0; i < count; i++)
        if (get_char(d, &text[i]) < 0)
            return -1;
    if (count == 0 || strlen(text) != count - 1)
        return refuse(d, "a text that does not end where it says");
    *ret_string = text;
    return 0;
}

static int get_param_value(struct decoder *d, struct rpc_param_value *ret_value)
{
    uint32_t type, word;
    struct rpc_param_value value = {0};
    if (get_u32(d, &type) < 0)
        return -1;
    if (type < PARAM_INT || type > PARAM_STRING)
        return refuse(d, "there is no such type of parameter");
    value.type = (enum param_type)type;
    *ret_value = value;
    switch (value.type) {
    case PARAM_INT:
    case PARAM_UINT:
        return get_u32(d, &ret_value->u);
    case PARAM_LLONG:
    case PARAM_ULLONG:
    case PARAM_DOUBLE:
        return get_u64(d, &ret_value->ul);
    case PARAM_BOOLEAN:
        if (get_u32(d, &word) < 0)
            return -1;
        if (word > 1)
            return refuse(d, "a boolean is neither 0 nor 1");
        ret_value->b = (int32_t)word;
        return 0;
    case PARAM_STRING:
        return get_string(d, &ret_value->s);
    }
    return -1;
}

static int get_small(struct decoder *d, uint32_t most, uint32_t *ret_value)
{
    if (get_u32(d, ret_value) < 0)
        return -1;
    return *ret_value <= most ? 0 : refuse(d, "the number is too large for its type");
}

static int get_struct(struct decoder *d, const struct rpc_struct *s, uint8_t *ret_value);

static int get_array(struct decoder *d, uint8_t *ret_value)
{
    const struct rpc_field *field = d->field;
    struct rpc_array array = {0};
    if (get_count(d, "elements", rpc_element_minimum(field), &array.count) < 0)
        return -1;
    size_t size = rpc_element_size(field);
    uint8_t *items = arena_array(d->arena, array.count, size);
    if (!items)
        return refuse(d, "the message needs too much memory");
    int r = 0;
    for (uint32_t i = 0; i < array.count && r == 0; i++) {
        uint8_t *item = items + i * size;
        if (field->element == RPC_STRUCT)
            r = get_struct(d, field->of, item);
        else if (field->element == RPC_STRING)
            r = get_string(d, (const char **)item);
        else if (field->element == RPC_U64)
            r = get_u64(d, (uint64_t *)item);
        else
            r = get_u32(d, (uint32_t *)item);
    }
    array.items = items;
    memcpy(ret_value, &array, sizeof(array));
    return r;
}

static int get_optional_struct(struct decoder *d, uint8_t **ret_value)
{
    const struct rpc_struct *of = d->field->of;
    bool present = false;
    if (get_present(d, &present) < 0)
        return -1;
    if (!present)
        return 0;
    *ret_value = arena_alloc(d->arena, of->size);
    if (!*ret_value)
        return refuse(d, "the message needs too much memory");
    return get_struct(d, of, *ret_value);
}

static int get_optional_string(struct decoder *d, const char **ret_string)
{
    bool present = false;
    if (get_present(d, &present) < 0)
        return -1;
    return present ? get_string(d, ret_string) : 0;
}

static int get_field(struct decoder *d, uint8_t *at)
{
    uint32_t word = 0;
    int r;
    switch (d->field->type) {
    case RPC_I32:
    case RPC_U32:
        return get_u32(d, (uint32_t *)at);
    case RPC_I64:
    case RPC_U64:
    case RPC_DOUBLE:
        return get_u64(d, (uint64_t *)at);
    case RPC_U8:
        r = get_small(d, UINT8_MAX, &word);
        *at = (uint8_t)word;
        return r;
    case RPC_U16:
        r = get_small(d, UINT16_MAX, &word);
        *(uint16_t *)at = (uint16_t)word;
        return r;
    case RPC_STRING:
        return get_string(d, (const char **)at);
    case RPC_OPTIONAL_STRING:
        return get_optional_string(d, (const char **)at);
    case RPC_UUID:
        return get_uuid(d, (struct uuid *)at);
    case RPC_OPAQUE:
        return get_opaque(d, (struct rpc_bytes *)at);
    case RPC_CHARS:
        return get_chars(d, (const char **)at);
    case RPC_FIXED_CHARS:
        return get_fixed_chars(d, (char *)at);
    case RPC_STRUCT:
        return get_struct(d, d->field->of, at);
    case RPC_OPTIONAL_STRUCT:
        return get_optional_struct(d, (uint8_t **)at);
    case RPC_ARRAY:
        return get_array(d, at);
    case RPC_PARAM_VALUE:
        return get_param_value(d, (struct rpc_param_value *)at);
    }
    return -1;
}

static int get_struct(struct decoder *d, const struct rpc_struct *s, uint8_t *ret_value)
{
    const struct rpc_struct *outer = d->s;
    const struct rpc_field *outer_field = d->field;
    for (unsigned i = 0; i < s->count; i++) {
        d->s = s;
        d->field = &s->fields[i];
        if (get_field(d, ret_value + d->field->offset) < 0)
            return -1;
    }
    d->s = outer;
    d->field = outer_field;
    return 0;
}

int rpc_decode(const struct rpc_struct *s, const uint8_t *bytes, size_t size, struct arena *arena,
               void *ret_value, struct fail *f)
{
    static const uint8_t nothing[1];
    struct decoder d = {.arena = arena, .f = f};
    d.in.at = size > 0 ? bytes : nothing;
    d.in.end = d.in.at + size;
    if (s) {
        memset(ret_value, 0, s->size);
        if (get_struct(&d, s, ret_value) < 0)
            return -1;
    }
    if (xdr_left(&d.in) > 0)
        return fail_set(f, VIR_ERR_RPC, "malformed payload: %zu bytes left over%s%s",
                        xdr_left(&d.in), s ? " after " : "", s ? s->name : "");
    return 0;
}
