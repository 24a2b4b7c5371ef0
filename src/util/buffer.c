#include "util/buffer.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){.limit = b->limit};
}

uint8_t *buffer_reserve(struct buffer *b, size_t size)
{
    size_t held = buffer_size(b), want;
    if (__builtin_add_overflow(held, size, &want) || (b->limit && want > b->limit)) {
        errno = ENOBUFS;
        return NULL;
    }
    if (b->room - b->end >= size && b->data)
        return b->data + b->end;
    if (b->start) {
        memmove(b->data, b->data + b->start, held);
        b->start = 0;
        b->end = held;
    }
    if (b->room < want || !b->data) {
        size_t room = b->room < 512 ? 1024 : b->room * 2;
        if (room < want)
            room = want;
        uint8_t *data = realloc(b->data, room);
        if (!data) {
            errno = ENOMEM;
            return NULL;
        }
        b->data = data;
        b->room = room;
    }
    return b->data + b->end;
}

void buffer_commit(struct buffer *b, size_t size)
{
    assert(size <= b->room - b->end);
    b->end += size;
}

int buffer_append(struct buffer *b, const void *bytes, size_t size)
{
    uint8_t *p = buffer_reserve(b, size);
    if (!p)
        return -errno;
    if (size)
        memcpy(p, bytes, size);
    buffer_commit(b, size);
    return 0;
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int r = n < 0 ? -EINVAL : 0;
    uint8_t *p = r < 0 ? NULL : buffer_reserve(b, (size_t)n + 1);
    if (p) {
        vsnprintf((char *)p, (size_t)n + 1, format, again);
        buffer_commit(b, (size_t)n);
    } else if (r == 0) {
        r = -errno;
    }
    va_end(again);
    return r;
}

void buffer_take(struct buffer *b, size_t size)
{
    assert(size <= buffer_size(b));
    b->start += size;
    if (b->start == b->end)
        b->start = b->end = 0;
}
