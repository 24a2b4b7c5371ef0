/* budgets.h - what may still happen in a world, and the worlds that need not be gone on from for it.
 *
 * Nothing that happens depends on how much more may happen, but that it may: what a world can do it can do with more left,
 * too, and has more left after it. So one that was met with at least as much of each kind left, and of all together, is
 * not gone on from again: a rule that it can break the other can break, on a way that is no longer. (Where nothing can
 * be cut or die a client hears at once, client.c; what that is like with more left is argued there.) Progress is the
 * same with any of them.
 */
#pragma once
#include "world.h"
#include <stddef.h>

enum {
    WORLD_BYTES = offsetof(struct world, crashes), /* that make it the world that it is */
    BUDGETS_MAX = 32,                              /* of one scenario */
};

struct budgets {
    uint8_t left[BUDGETS_MAX][sizeof(struct world) - WORLD_BYTES]; /* each that was met */
    uint32_t covering[BUDGETS_MAX]; /* those that have as much, or more, as bits */
    unsigned count;
};

/* Notes that this world was met with what it has left, in `met_with`. False: with as much it was met before. */
bool budgets_add(struct budgets *b, uint32_t *met_with, const struct world *w);
