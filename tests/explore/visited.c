#include "visited.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct slot {
    uint64_t b;
    uint32_t a;      /* the high half */
    uint32_t number; /* 1 + number; 0: free */
};

enum { SLOTS_MIN = 1 << 16 };

void *visited_reserve(uint64_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    (void)madvise(p, size, MADV_HUGEPAGE); /* faster where it is possible */
    return p;
}

void *visited_reserve_on_disk(uint64_t size)
{
    const char *folder = getenv("TMPDIR");
    int fd = open(folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    void *p = MAP_FAILED;
    if (fd < 0)
        return NULL;
    if (ftruncate(fd, (off_t)size) == 0)
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    (void)close(fd);
    return p == MAP_FAILED ? NULL : p;
}

int visited_open(struct visited *v, uint64_t capacity)
{
    uint64_t slots = SLOTS_MIN;
    while (slots < capacity * 2)
        slots *= 2;
    *v = (struct visited){.mask = SLOTS_MIN - 1, .slots_max = slots};
    v->slots = visited_reserve(slots * sizeof(struct slot));
    v->spare = visited_reserve(slots * sizeof(struct slot));
    return v->slots && v->spare ? 0 : -ENOMEM;
}

void visited_close(struct visited *v)
{
    munmap(v->slots, v->slots_max * sizeof(struct slot));
    munmap(v->spare, v->slots_max * sizeof(struct slot));
}

/* ---- prints ------------------------------------------------------------------------------------ */

static uint64_t fold(uint64_t x, uint64_t y)
{
    unsigned __int128 product = (unsigned __int128)x * y;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Two hashes that know nothing of each other, each in two halves that need not wait for one another. */
struct print visited_print(const void *bytes, size_t size)
{
    /* odd numbers with as many ones as zeros */
    uint64_t a[2] = {0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu}, b[2] = {0xd6e8feb86659fd93u, 0xa3b195354a39b70du};
    const uint8_t *at = bytes;
    for (size_t left = size; left > 0;) {
        uint64_t words[4] = {0};
        size_t now = left < sizeof(words) ? left : sizeof(words);
        memcpy(words, at, now);
        for (int i = 0; i < 2; i++) {
            a[i] = fold(words[2 * i] ^ a[i], words[2 * i + 1] ^ 0xa0761d6478bd642fu);
            b[i] = fold(words[2 * i + 1] ^ b[i], words[2 * i] ^ 0xe7037ed1a0b428dbu);
        }
        at += now;
        left -= now;
    }
    return (struct print){fold(a[0] ^ 0x8ebc6af09c88c6e3u, a[1]), fold(b[0] ^ 0x589965cc75374cc3u, b[1])};
}

/* ---- the table --------------------------------------------------------------------------------- */

void visited_prefetch(const struct visited *v, struct print p)
{
    __builtin_prefetch(&v->slots[p.b & v->mask]);
}

static struct slot *find(struct slot *slots, uint64_t mask, const struct slot *wanted)
{
    for (uint64_t at = wanted->b & mask;; at = (at + 1) & mask) {
        struct slot *s = &slots[at];
        if (s->number == 0 || (s->b == wanted->b && s->a == wanted->a))
            return s;
    }
}

static void grow(struct visited *v)
{
    uint64_t mask = v->mask * 2 + 1;
    (void)madvise(v->spare, (mask + 1) * sizeof(*v->spare), MADV_POPULATE_WRITE);
    for (uint64_t i = 0; i <= v->mask; i++)
        if (v->slots[i].number)
            *find(v->spare, mask, &v->slots[i]) = v->slots[i];
    (void)madvise(v->slots, (v->mask + 1) * sizeof(*v->slots), MADV_DONTNEED);
    struct slot *old = v->slots;
    v->slots = v->spare;
    v->spare = old;
    v->mask = mask;
}

uint32_t visited_add(struct visited *v, struct print p, uint32_t number)
{
    struct slot wanted = {.b = p.b, .a = (uint32_t)(p.a >> 32), .number = number + 1};
    struct slot *s = find(v->slots, v->mask, &wanted);
    if (s->number)
        return s->number - 1;
    *s = wanted;
    if (++v->count * 4 > v->mask * 3 && v->mask + 1 < v->slots_max)
        grow(v);
    return number;
}
