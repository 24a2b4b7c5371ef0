/* record.h - values in a record's payload: each with a tag, so that versions can differ.
 *
 * A payload is a schema version (u16) and fields, each: tag (u16), kind (u8), length (u32), value;
 * little-endian, no struct's bytes. A reader asks for the tags that it knows, and skips the others: a
 * newer program whose fields must not be skipped gives its records another version. Fields may repeat (lists), and RECORD_BYTES may hold a record of its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/buffer.h"
#include "util/fail.h"

enum record_kind {
    RECORD_U8 = 1,
    RECORD_U32 = 2,
    RECORD_U64 = 3,
    RECORD_STRING = 4, /* without the ending zero, with none inside */
    RECORD_BYTES = 5,
};

/* Writing. An error is remembered and told by record_finish; the puts need no check. */
struct record_writer {
    struct buffer *out;
    int error;
};
void record_begin(struct record_writer *w, struct buffer *out, uint16_t version);
void record_put_u8(struct record_writer *w, uint16_t tag, uint8_t value);
void record_put_u32(struct record_writer *w, uint16_t tag, uint32_t value);
void record_put_u64(struct record_writer *w, uint16_t tag, uint64_t value);
/* NULL writes no field. */
void record_put_string(struct record_writer *w, uint16_t tag, const char *value);
void record_put_bytes(struct record_writer *w, uint16_t tag, const void *bytes, size_t size);
/* 0 or negative errno. */
int record_finish(struct record_writer *w);

/* Reading. */
struct record_field {
    uint16_t tag;
    uint8_t kind;         /* enum record_kind, or one that a newer program invented */
    uint64_t number;      /* the value of a U8, U32 or U64 */
    const uint8_t *bytes; /* the value's bytes, inside the payload */
    size_t size;
};
struct record_reader {
    uint16_t version;
    const uint8_t *bytes; /* the fields */
    size_t size;
    size_t at;
};
/* Checks all of the payload: after 0 every other call on it is safe. -1 with `f` when it is
 * malformed. The payload stays the caller's, and must stay. */
int record_read(struct record_reader *r, const void *payload, size_t size, struct fail *f);
/* The fields in order; false at the end. r->at = 0 starts again. */
bool record_next(struct record_reader *r, struct record_field *ret_field);

/* The first field with this tag, if it is of this kind (numbers: of any width, if the value fits);
 * else the fallback. They don't move record_next. */
uint64_t record_get_number(const struct record_reader *r, uint16_t tag, uint64_t fallback);
uint8_t record_get_u8(const struct record_reader *r, uint16_t tag, uint8_t fallback);
uint32_t record_get_u32(const struct record_reader *r, uint16_t tag, uint32_t fallback);
/* False when there is none. The string has no ending zero: use `size`, or record_get_text. */
bool record_get_bytes(const struct record_reader *r, uint16_t tag, const uint8_t **ret_bytes,
                      size_t *ret_size);
/* A copy, the caller's to free; NULL when there is no such string, or no memory. */
char *record_get_text(const struct record_reader *r, uint16_t tag);
bool record_has(const struct record_reader *r, uint16_t tag);
