/* The source's guest is stopped by us before post-copy: what is ordered and told, and that QEMU's giving up leaves
 * it where it is. */
#include "story.h"

#define OWN (BEGIN_POSTCOPY | BEGIN_OWN_STOP)

/* Our stop goes before the switch; QEMU's order, and what is told, is that of STOP first, on both QEMUs. */
static void goes_before_the_switch(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN);
    give(&s, EV_START_POSTCOPY);
    ordered(&s, "STOP, START_POSTCOPY");
    give(&s, EV_QEMU_STOPPED, EV_STOP_DONE, EV_POSTCOPY_ACCEPTED);
    told(&s, "SUSPENDED/MIGRATED");
    reads(&s, "PAUSED/MIGRATION");
    give(&s, EV_MIG_POSTCOPY_ACTIVE);
    told(&s, "SUSPENDED/POSTCOPY");
    answered(&s, "START_POSTCOPY OK, PERFORM OK");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    nobody_waits(&s);

    s = source_in_precopy(OWN | BEGIN_PAUSE_BEFORE);
    give(&s, EV_START_POSTCOPY, EV_QEMU_STOPPED, EV_STOP_DONE, EV_POSTCOPY_ACCEPTED,
         EV_MIG_PRE_SWITCHOVER, EV_MIG_DEVICE, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "STOP, START_POSTCOPY, CONTINUE");
    told(&s, "SUSPENDED/MIGRATED, SUSPENDED/POSTCOPY");
}

/* The guest is not kept waiting while the stream is being set up. */
static void waits_for_the_stream(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, WITH(EV_BEGIN, OWN), EV_PERFORM, EV_START_POSTCOPY, EV_SOURCE_CONFIGURED,
         EV_MIGRATE_ACCEPTED, EV_MIG_SETUP);
    ordered(&s, "JOB_BEGIN, CONFIGURE_SOURCE, MIGRATE");
    give(&s, EV_MIG_ACTIVE);
    ordered(&s, "STOP, START_POSTCOPY");
}

static void has_nothing_to_do_for_a_guest_that_stands_still(void **state)
{
    (void)state;
    struct story s = paused_guest();
    story_to_precopy(&s, OWN);
    give(&s, EV_START_POSTCOPY, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "START_POSTCOPY");
    told(&s, "SUSPENDED/POSTCOPY");
}

/* QEMU refused the stop: it stops the guest itself, and what it then does is met as ever. */
static void is_refused(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN);
    give(&s, EV_START_POSTCOPY, EV_STOP_REFUSED, EV_POSTCOPY_ACCEPTED, EV_QEMU_STOPPED,
         EV_MIG_DEVICE, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "STOP, START_POSTCOPY");
    told(&s, "SUSPENDED/MIGRATED, SUSPENDED/POSTCOPY");
    give(&s, EV_MIG_FAILED, EV_QEMU_RESUMED);
    ordered(&s, "ASK_PEER, STOP, ASK_PEER");
    incidents(&s, "SOURCE_RESUMED_ITSELF");
}

/* QEMU gives post-copy up at its end. It restarts nothing; on proof that nobody ran it there we do. */
static void leaves_a_way_back_when_postcopy_fails(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN);
    give(&s, EV_START_POSTCOPY, EV_QEMU_STOPPED, EV_STOP_DONE, EV_POSTCOPY_ACCEPTED,
         EV_MIG_POSTCOPY_ACTIVE);
    forget_so_far(&s);
    give(&s, EV_MIG_FAILED);
    ordered(&s, "ASK_PEER");
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    incidents(&s, "");
    struct story proved = s;
    give(&proved, EV_PROOF_RELEASED);
    ordered(&proved, "CONT");
    give(&proved, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&proved, "RESUMED/MIGRATED");
    reads(&proved, "RUNNING/MIGRATION_CANCELED");
    give(&s, EV_PROOF_TAKEN, EV_STATS_READ, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
}

/* The destination's bad news came first: QEMU's own adds that there is a way back. */
static void leaves_a_way_back_when_it_had_broken_before(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN);
    give(&s, EV_START_POSTCOPY, EV_QEMU_STOPPED, EV_STOP_DONE, EV_POSTCOPY_ACCEPTED,
         EV_MIG_POSTCOPY_ACTIVE, EV_CONFIRM_CANCELLED);
    reads(&s, "PAUSED/POSTCOPY_FAILED");
    forget_so_far(&s);
    give(&s, EV_MIG_FAILED);
    ordered(&s, "ASK_PEER");
    give(&s, EV_PROOF_RELEASED);
    ordered(&s, "CONT");
}

/* Before post-copy became active it is as with any other way back. */
static void is_undone_when_cancelled_in_pre_switchover(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN | BEGIN_PAUSE_BEFORE);
    give(&s, EV_START_POSTCOPY, EV_QEMU_STOPPED, EV_STOP_DONE, EV_ABORT, EV_MIG_CANCELLED);
    ordered(&s, "STOP, START_POSTCOPY, CANCEL, CONT");
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    reads(&s, "RUNNING/MIGRATION_CANCELED");
    answered(&s, "ABORT OK, START_POSTCOPY ABORTED, PERFORM ABORTED");
}

/* The daemon died between the two orders: both are given again, as far as they are needed. */
static void is_ordered_again_by_a_daemon_that_came_back(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN);
    give(&s, EV_START_POSTCOPY);
    forget_so_far(&s);
    struct story lost = s;
    restart(&lost, BOOT(1, EV_MIG_ACTIVE));
    ordered(&lost, "STOP, START_POSTCOPY");
    restart(&s, BOOT(0, EV_MIG_ACTIVE));
    ordered(&s, "START_POSTCOPY");
    told(&s, "SUSPENDED/MIGRATED");
}

/* The stream breaks while the order is on its way to QEMU: it is undone behind it. */
static void is_undone_when_the_stream_breaks_before_it(void **state)
{
    (void)state;
    struct story s = source_in_precopy(OWN);
    give(&s, EV_START_POSTCOPY, EV_MIG_FAILED, EV_STATS_READ);
    ordered(&s, "STOP, START_POSTCOPY, READ_STATS, CONT");
    give(&s, EV_QEMU_STOPPED, EV_STOP_DONE, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    reads(&s, "RUNNING/MIGRATION_CANCELED");
}

/* It failed, and QEMU had let the guest run before our `cont` came. */
static void a_cont_that_is_refused_stops_nobody(void **state)
{
    (void)state;
    struct story s = source_in_precopy(BEGIN_POSTCOPY | BEGIN_OWN_STOP);
    give(&s, EV_START_POSTCOPY, EV_QEMU_STOPPED, EV_STOP_DONE, EV_POSTCOPY_ACCEPTED, EV_MIG_FAILED, EV_QEMU_RESUMED,
         EV_STATS_READ, EV_CONT_REFUSED);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    reads(&s, "RUNNING/MIGRATION_CANCELED");
    answered(&s, "START_POSTCOPY OK, PERFORM QEMU_FAILED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cont_that_is_refused_stops_nobody),
        cmocka_unit_test(goes_before_the_switch),
        cmocka_unit_test(waits_for_the_stream),
        cmocka_unit_test(has_nothing_to_do_for_a_guest_that_stands_still),
        cmocka_unit_test(is_refused),
        cmocka_unit_test(leaves_a_way_back_when_postcopy_fails),
        cmocka_unit_test(leaves_a_way_back_when_it_had_broken_before),
        cmocka_unit_test(is_undone_when_cancelled_in_pre_switchover),
        cmocka_unit_test(is_undone_when_the_stream_breaks_before_it),
        cmocka_unit_test(is_ordered_again_by_a_daemon_that_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
