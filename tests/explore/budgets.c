#include "budgets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_covered(const uint8_t *left, const uint8_t *by)
{
    for (size_t i = 0; i < sizeof(struct world) - WORLD_BYTES; i++)
        if (left[i] > by[i])
            return false;
    return true;
}

static unsigned add_new(struct budgets *b, const uint8_t *left)
{
    unsigned number = b->count++;
    if (number == BUDGETS_MAX) {
        fputs("explore: these budgets can be used up in more ways than BUDGETS_MAX\n", stderr);
        exit(2);
    }
    memcpy(b->left[number], left, sizeof(b->left[number]));
    for (unsigned i = 0; i <= number; i++) {
        b->covering[i] |= (uint32_t)is_covered(b->left[i], left) << number;
        b->covering[number] |= (uint32_t)is_covered(left, b->left[i]) << i;
    }
    return number;
}

bool budgets_add(struct budgets *b, uint32_t *met_with, const struct world *w)
{
    const uint8_t *left = (const uint8_t *)w + WORLD_BYTES;
    unsigned number = 0;
    while (number < b->count && memcmp(b->left[number], left, sizeof(b->left[number])) != 0)
        number++;
    if (number == b->count)
        number = add_new(b, left);
    if (*met_with & b->covering[number])
        return false;
    *met_with |= 1u << number;
    return true;
}
