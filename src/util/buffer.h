/* buffer.h - bytes that grow at the end and are taken from the front, with a limit. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data; /* the first byte not yet taken is data[start] */
    size_t start;
    size_t end;
    size_t room;
    size_t limit; /* most bytes held at one time; 0 = none */
};

void buffer_free(struct buffer *b);
static inline size_t buffer_size(const struct buffer *b)
{
    return b->end - b->start;
}
static inline const uint8_t *buffer_bytes(const struct buffer *b)
{
    return b->data ? b->data + b->start : NULL;
}
/* Room for `size` more bytes at the end; NULL past the limit (-> ENOBUFS) or without memory. */
uint8_t *buffer_reserve(struct buffer *b, size_t size);
/* The bytes written to what buffer_reserve gave. */
void buffer_commit(struct buffer *b, size_t size);
/* 0, or -ENOBUFS past the limit, -ENOMEM. */
int buffer_append(struct buffer *b, const void *bytes, size_t size);
int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drop `size` bytes from the front. */
void buffer_take(struct buffer *b, size_t size);
