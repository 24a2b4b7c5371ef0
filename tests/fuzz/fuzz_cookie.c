/* A migration cookie: what is read can be written, and says the same when it is read again. */
#include "fuzz.h"
#include <string.h>
#include "wire/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct cookie cookie, again;
    struct buffer once = {0}, twice = {0};
    struct fail f;
    arena_init(&arena, 64 << 20);
    if (cookie_parse(data, size, &arena, &cookie, &f) == 1) {
        MUST(cookie_write(&cookie, &once, &f) == 0);
        MUST(cookie_parse(buffer_bytes(&once), buffer_size(&once), &arena, &again, &f) == 1);
        MUST(cookie_write(&again, &twice, &f) == 0);
        MUST(buffer_size(&once) == buffer_size(&twice));
        MUST(memcmp(buffer_bytes(&once), buffer_bytes(&twice), buffer_size(&once)) == 0);
    }
    buffer_free(&once);
    buffer_free(&twice);
    arena_free(&arena);
    return 0;
}
