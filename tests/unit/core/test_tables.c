/* Every (state, event) pair of every machine is declared, and every name is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "core/machine.h"

static void every_pair_of_life_is_declared(void **state)
{
    (void)state;
    for (int e = EV_START; e < EV_COUNT; e++)
        for (int s = 0; s < LIFE_COUNT; s++)
            if (!life_table[e][s].take)
                fail_msg("life: %s in %s", core_event_name(e), life_phase_name(s));
}

static void every_pair_of_outgoing_is_declared(void **state)
{
    (void)state;
    for (int e = 0; e < EV_COUNT; e++)
        for (int s = 0; s < OUT_COUNT; s++)
            if ((e < EV_PREPARE || e >= EV_START) && !outgoing_table[e][s].take)
                fail_msg("outgoing: %s in %s", core_event_name(e), out_state_name(s));
}

static void every_pair_of_incoming_is_declared(void **state)
{
    (void)state;
    for (int e = EV_PREPARE; e < EV_COUNT; e++)
        for (int s = 0; s < IN_COUNT; s++)
            if (!incoming_table[e][s].take)
                fail_msg("incoming: %s in %s", core_event_name(e), in_state_name(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_life_is_declared),
        cmocka_unit_test(every_pair_of_outgoing_is_declared),
        cmocka_unit_test(every_pair_of_incoming_is_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
