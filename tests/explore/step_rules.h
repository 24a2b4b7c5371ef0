/* step_rules.h - the invariants that show in one step of one guest's machines, whoever the others are.
 *
 * The explorer asks them of every step that it plays, the fuzzer (tests/fuzz/fuzz_core.c) of steps
 * that no QEMU, client or peer would cause: but for a few, which need a QEMU that says what it does,
 * they hold whatever comes.
 */
#pragma once
#include "core/core.h"

/* NULL, or what is broken; and in ret_rule the invariant, "I1" ... "I7". */
const char *step_rules_check(const struct core *before, struct core_event event, const struct core *after,
                             const struct core_actions *actions, bool honest, const char **ret_rule);
