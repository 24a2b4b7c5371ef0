/* unreachable.h - cells of the tables that the explorer does not reach, and why. */
#pragma once
#include "coverage.h"

/* The reason, or NULL if it should be reached. */
const char *unreachable_reason(enum machine m, enum core_event_type e, unsigned state);
