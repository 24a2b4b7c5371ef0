/* visited.h - the set of worlds that were met, by their prints.
 *
 * A print is 128 bits of a world's hash, of which the set keeps 96. Two worlds that differ and have
 * the same print would be taken for one: among a hundred million worlds the chance that there is
 * such a pair is below one in 10^12. What it buys is that a world costs 16 bytes here
 * and one miss of the cache, and need not be kept once it was gone on from.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct print {
    uint64_t a, b;
};

struct visited {
    struct slot *slots, *spare; /* it grows from one into the other, all reserved at the start */
    uint64_t mask, slots_max, count;
};

/* Room for so many; 0 or -ENOMEM. */
int visited_open(struct visited *v, uint64_t capacity);
void visited_close(struct visited *v);

struct print visited_print(const void *bytes, size_t size);
/* The print will be asked for soon. */
void visited_prefetch(const struct visited *v, struct print p);
/* The number under which it was added; if it is new it gets `number` and that is returned. */
uint32_t visited_add(struct visited *v, struct print p, uint32_t number);

/* Zeroed memory that costs nothing until it is used; NULL when there is no room. */
void *visited_reserve(uint64_t size);
/* The same in a file without a name, in TMPDIR or /var/tmp: for what is written and read in its order. */
void *visited_reserve_on_disk(uint64_t size);
