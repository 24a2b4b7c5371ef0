/* xdr.h - the primitives of XDR (RFC 4506): big-endian, everything in steps of four bytes.
 *
 * The reader stays inside its bytes: a call that would pass the end returns false and moves
 * nothing. The writer appends to a buffer; its first failure sticks and is asked for once, at the
 * end.
 */
#pragma once
#include "util/buffer.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xdr_reader {
    const uint8_t *at;
    const uint8_t *end;
};

static inline size_t xdr_left(const struct xdr_reader *r)
{
    return (size_t)(r->end - r->at);
}

bool xdr_get_u32(struct xdr_reader *r, uint32_t *ret_value);
bool xdr_get_u64(struct xdr_reader *r, uint64_t *ret_value);
/* `size` bytes and their padding, which must be zero. The pointer is into the reader's bytes. */
bool xdr_get_bytes(struct xdr_reader *r, size_t size, const uint8_t **ret_bytes);

struct xdr_writer {
    struct buffer *out;
    int error; /* the first failure, a negative errno; 0 = none */
};

void xdr_put_u32(struct xdr_writer *w, uint32_t value);
void xdr_put_u64(struct xdr_writer *w, uint64_t value);
/* The bytes and their padding, without a length in front. */
void xdr_put_bytes(struct xdr_writer *w, const void *bytes, size_t size);
