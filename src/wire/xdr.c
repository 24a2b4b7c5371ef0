#include "wire/xdr.h"
#include <string.h>

static const uint8_t zeros[4];

bool xdr_get_u32(struct xdr_reader *r, uint32_t *ret_value)
{
    if (xdr_left(r) < 4)
        return false;
    const uint8_t *p = r->at;
    *ret_value = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    r->at += 4;
    return true;
}

bool xdr_get_u64(struct xdr_reader *r, uint64_t *ret_value)
{
    uint32_t high, low;
    if (xdr_left(r) < 8 || !xdr_get_u32(r, &high) || !xdr_get_u32(r, &low))
        return false;
    *ret_value = (uint64_t)high << 32 | low;
    return true;
}

bool xdr_get_bytes(struct xdr_reader *r, size_t size, const uint8_t **ret_bytes)
{
    size_t padding = -size & 3;
    if (size > xdr_left(r) || padding > xdr_left(r) - size ||
        memcmp(r->at + size, zeros, padding) != 0)
        return false;
    *ret_bytes = r->at;
    r->at += size + padding;
    return true;
}

static void append(struct xdr_writer *w, const void *bytes, size_t size)
{
    if (w->error == 0)
        w->error = buffer_append(w->out, bytes, size);
}

void xdr_put_u32(struct xdr_writer *w, uint32_t value)
{
    append(w, (uint8_t[4]){value >> 24, value >> 16, value >> 8, value}, 4);
}

void xdr_put_u64(struct xdr_writer *w, uint64_t value)
{
    xdr_put_u32(w, value >> 32);
    xdr_put_u32(w, (uint32_t)value);
}

void xdr_put_bytes(struct xdr_writer *w, const void *bytes, size_t size)
{
    append(w, bytes, size);
    append(w, zeros, -size & 3);
}
