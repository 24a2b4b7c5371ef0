#include "journal/record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "journal/little_endian.h"

enum { VERSION_SIZE = 2, FIELD_HEADER = 7 };

void record_begin(struct record_writer *w, struct buffer *out, uint16_t version)
{
    uint8_t bytes[VERSION_SIZE];
    put_le16(bytes, version);
    *w = (struct record_writer){.out = out};
    w->error = buffer_append(out, bytes, sizeof(bytes));
}

static void put(struct record_writer *w, uint16_t tag, uint8_t kind, const void *value, size_t size)
{
    if (w->error)
        return;
    if (size > UINT32_MAX) {
        w->error = -EMSGSIZE;
        return;
    }
    uint8_t *p = buffer_reserve(w->out, FIELD_HEADER + size);
    if (!p) {
        w->error = -errno;
        return;
    }
    put_le16(p, tag);
    p[2] = kind;
    put_le32(p + 3, (uint32_t)size);
    if (size)
        memcpy(p + FIELD_HEADER, value, size);
    buffer_commit(w->out, FIELD_HEADER + size);
}

void record_put_u8(struct record_writer *w, uint16_t tag, uint8_t value)
{
    put(w, tag, RECORD_U8, &value, 1);
}

void record_put_u32(struct record_writer *w, uint16_t tag, uint32_t value)
{
    uint8_t bytes[4];
    put_le32(bytes, value);
    put(w, tag, RECORD_U32, bytes, sizeof(bytes));
}

void record_put_u64(struct record_writer *w, uint16_t tag, uint64_t value)
{
    uint8_t bytes[8];
    put_le64(bytes, value);
    put(w, tag, RECORD_U64, bytes, sizeof(bytes));
}

void record_put_string(struct record_writer *w, uint16_t tag, const char *value)
{
    if (value)
        put(w, tag, RECORD_STRING, value, strlen(value));
}

void record_put_bytes(struct record_writer *w, uint16_t tag, const void *bytes, size_t size)
{
    put(w, tag, RECORD_BYTES, bytes, size);
}

int record_finish(struct record_writer *w)
{
    return w->error;
}

/* How long a value of this kind is; -1 when that is free. */
static long size_of_kind(uint8_t kind)
{
    return kind == RECORD_U8 ? 1 : kind == RECORD_U32 ? 4 : kind == RECORD_U64 ? 8 : -1;
}

static int check_field(const struct record_reader *r, size_t at, size_t *ret_next, struct fail *f)
{
    if (r->size - at < FIELD_HEADER)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "record: field header cut off at byte %zu", at);
    const uint8_t *p = r->bytes + at;
    size_t size = get_le32(p + 3);
    unsigned tag = get_le16(p);
    if (r->size - at - FIELD_HEADER < size)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "record: field %u is cut off", tag);
    long must = size_of_kind(p[2]);
    if (must >= 0 && size != (size_t)must)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "record: field %u has %zu bytes for a number",
                        tag, size);
    if (p[2] == RECORD_STRING && memchr(p + FIELD_HEADER, 0, size))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "record: string %u holds a zero byte", tag);
    *ret_next = at + FIELD_HEADER + size;
    return 0;
}

int record_read(struct record_reader *r, const void *payload, size_t size, struct fail *f)
{
    if (size < VERSION_SIZE)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "record: too short");
    struct record_reader read = {
        .version = get_le16(payload),
        .bytes = (const uint8_t *)payload + VERSION_SIZE,
        .size = size - VERSION_SIZE,
    };
    for (size_t at = 0; at < read.size;)
        if (check_field(&read, at, &at, f) < 0)
            return -1;
    *r = read;
    return 0;
}

bool record_next(struct record_reader *r, struct record_field *ret_field)
{
    if (r->at >= r->size)
        return false;
    const uint8_t *p = r->bytes + r->at;
    struct record_field field = {
        .tag = get_le16(p),
        .kind = p[2],
        .bytes = p + FIELD_HEADER,
        .size = get_le32(p + 3),
    };
    if (field.kind == RECORD_U8)
        field.number = field.bytes[0];
    else if (field.kind == RECORD_U32)
        field.number = get_le32(field.bytes);
    else if (field.kind == RECORD_U64)
        field.number = get_le64(field.bytes);
    r->at += FIELD_HEADER + field.size;
    *ret_field = field;
    return true;
}

static bool find(const struct record_reader *r, uint16_t tag, struct record_field *ret_field)
{
    struct record_reader from_start = *r;
    from_start.at = 0;
    while (record_next(&from_start, ret_field))
        if (ret_field->tag == tag)
            return true;
    return false;
}

static uint64_t get_up_to(const struct record_reader *r, uint16_t tag, uint64_t most,
                          uint64_t fallback)
{
    struct record_field field;
    if (!find(r, tag, &field) || size_of_kind(field.kind) < 0 || field.number > most)
        return fallback;
    return field.number;
}

uint64_t record_get_number(const struct record_reader *r, uint16_t tag, uint64_t fallback)
{
    return get_up_to(r, tag, UINT64_MAX, fallback);
}

uint8_t record_get_u8(const struct record_reader *r, uint16_t tag, uint8_t fallback)
{
    return (uint8_t)get_up_to(r, tag, UINT8_MAX, fallback);
}

uint32_t record_get_u32(const struct record_reader *r, uint16_t tag, uint32_t fallback)
{
    return (uint32_t)get_up_to(r, tag, UINT32_MAX, fallback);
}

bool record_get_bytes(const struct record_reader *r, uint16_t tag, const uint8_t **ret_bytes,
                      size_t *ret_size)
{
    struct record_field field;
    if (!find(r, tag, &field) || (field.kind != RECORD_BYTES && field.kind != RECORD_STRING))
        return false;
    *ret_bytes = field.bytes;
    *ret_size = field.size;
    return true;
}

char *record_get_text(const struct record_reader *r, uint16_t tag)
{
    struct record_field field;
    if (!find(r, tag, &field) || field.kind != RECORD_STRING)
        return NULL;
    char *text = malloc(field.size + 1);
    if (!text)
        return NULL;
    memcpy(text, field.bytes, field.size);
    text[field.size] = '\0';
    return text;
}

bool record_has(const struct record_reader *r, uint16_t tag)
{
    struct record_field field;
    return find(r, tag, &field);
}
