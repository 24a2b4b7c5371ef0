/* holes.h - what is known not to hold, by name, and why.
 *
 * Each is printed with the number of times that the explorer ran into it. A finding that is none of
 * them fails; a hole that a full run did not run into fails too: it is closed, take it out.
 */
#pragma once
#include "world.h"

enum hole { HOLE_LATE_STREAM, HOLE_STOCK_PEER, HOLES };

/* The known hole that this finding is, or HOLES. */
enum hole hole_of(const struct verdict *v, const struct world *before, const struct scenario *s,
                  struct move m);
const char *hole_name(enum hole h);
const char *hole_reason(enum hole h);
