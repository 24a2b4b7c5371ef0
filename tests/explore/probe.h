/* probe.h - moves beyond the budgets, for what no budget reaches. */
#pragma once
#include "world.h"

/* Calls `make` for each move that is wanted here; true if it was possible. */
void probe_each(const struct world *w, bool (*make)(void *data, struct move m), void *data);
