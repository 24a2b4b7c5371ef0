/*
 * A page's words: four of them, spread over it, are of the round; the others stay as they were
 * filled. A visit looks at the four and, on every sixteenth, at all.
 */
#include "pages.h"

enum { PAGE_WORDS = 1024, ROUND_WORD_EVERY = 341, ROUNDS_BACK_MAX = 1000 };

static uint32_t *page_address(const struct pages *pages, uint32_t number)
{
    return pages->base + (uintptr_t)number * PAGE_WORDS;
}

static uint32_t expected_word(uint32_t number, uint32_t round, uint32_t k)
{
    uint32_t x = number * 0x9e3779b1u + k * 0x85ebca6bu;

    if (k % ROUND_WORD_EVERY == 0)
        x += round * 0xc2b2ae35u;
    return x ^ x >> 15;
}

static void write_page(const struct pages *pages, uint32_t number, uint32_t round, uint32_t step)
{
    uint32_t *page = page_address(pages, number);

    for (uint32_t k = 0; k < PAGE_WORDS; k += step)
        page[k] = expected_word(number, round, k);
}

static bool page_is_right(const struct pages *pages, uint32_t number, uint32_t round, uint32_t step)
{
    const uint32_t *page = page_address(pages, number);

    for (uint32_t k = 0; k < PAGE_WORDS; k += step)
        if (page[k] != expected_word(number, round, k))
            return false;
    return true;
}

/* What is in a wrong page: mostly a round of the past, for that is how a lost page looks. */
static struct pages_wrong describe_wrong(const struct pages *pages, uint32_t number, uint32_t round)
{
    struct pages_wrong wrong = {.page = number, .round = round};

    for (uint32_t back = 1; back <= round && back <= ROUNDS_BACK_MAX; back++)
        if (page_is_right(pages, number, round - back, ROUND_WORD_EVERY)) {
            wrong.is_old = true;
            wrong.held = round - back;
            return wrong;
        }
    wrong.held = *page_address(pages, number);
    return wrong;
}

static void step_order(const struct pages *pages, uint32_t *number)
{
    *number += pages->stride;
    if (*number >= pages->count)
        *number -= pages->count;
}

void pages_fill(struct pages *pages, void *base, uint32_t mib, uint32_t scattered)
{
    /* A prime above 2 has no divisor in common with a count of mib * 256 pages, mib < 7919. */
    *pages = (struct pages){.base = base, .count = mib * 256, .round = 1};
    pages->stride = scattered ? 7919 % pages->count : 1;
    for (uint32_t number = 0; number < pages->count; number++)
        write_page(pages, number, 0, 1);
}

static void step_visit(struct pages *pages)
{
    step_order(pages, &pages->next);
    if (++pages->visited == pages->count) {
        pages->visited = 0;
        pages->round++;
    }
}

bool pages_visit(struct pages *pages, struct pages_wrong *ret_wrong)
{
    uint32_t number = pages->next;
    uint32_t round = pages->round;
    uint32_t step = (number + round) % 16 == 0 ? 1 : ROUND_WORD_EVERY;
    bool right = page_is_right(pages, number, round - 1, step);

    if (!right) {
        *ret_wrong = describe_wrong(pages, number, round - 1);
        pages->wrong++;
        step = 1;
    } else {
        step = ROUND_WORD_EVERY;
    }
    write_page(pages, number, round, step);
    pages->checked++;
    pages->written++;
    step_visit(pages);
    return right;
}

uint32_t pages_verify(const struct pages *pages)
{
    /* The order is a ring: `next` is the page that waits longest, the last visited the one before.
     */
    uint32_t number = pages->next;
    uint32_t bad = 0;

    for (uint32_t n = 0; n < pages->count; n++) {
        uint32_t round = n < pages->count - pages->visited ? pages->round - 1 : pages->round;

        if (!page_is_right(pages, number, round, 1))
            bad++;
        step_order(pages, &number);
    }
    return bad;
}
