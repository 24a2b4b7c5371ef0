/* arena.h - memory that lives as long as one message, with a limit.
 *
 * Everything decoded from one message, one XML document or one reply goes into one arena and is
 * freed with it. An arena that would pass its limit gives NULL: a peer can't make us allocate more.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    size_t used;               /* bytes given out */
    size_t limit;              /* bytes that may be given out */
};

void arena_init(struct arena *a, size_t limit);
void arena_free(struct arena *a);
/* Zeroed, aligned for any type. NULL at the limit or without memory. */
void *arena_alloc(struct arena *a, size_t size);
/* `count` objects of `size`; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
