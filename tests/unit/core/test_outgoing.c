/* The source's side: each row of the table of events, in both of QEMU's orders, and the ways back. */
#include "story.h"

#define POSTCOPY BEGIN_POSTCOPY
#define PBS      (BEGIN_POSTCOPY | BEGIN_PAUSE_BEFORE)

/* ---- what a client sees of a migration that succeeds ---- */

static void precopy(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN);
    ordered(&s, "JOB_BEGIN");
    answered(&s, "BEGIN OK");
    give(&s, EV_PERFORM, EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED, EV_MIG_SETUP, EV_MIG_ACTIVE);
    ordered(&s, "CONFIGURE_SOURCE, MIGRATE");
    reads(&s, "RUNNING/BOOTED");
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED);
    told(&s, "SUSPENDED/MIGRATED");
    reads(&s, "PAUSED/MIGRATION");
    ordered(&s, "READ_STATS");
    answered(&s, "");
    give(&s, EV_STATS_READ);
    answered(&s, "PERFORM OK");
    give(&s, EV_CONFIRM);
    ordered(&s, "KILL_QEMU");
    told(&s, "");
    give(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    reads(&s, "SHUTOFF/MIGRATED");
    ordered(&s, "JOB_END OK");
    answered(&s, "CONFIRM OK");
    nobody_waits(&s);
}

static void precopy_with_pause_before_switchover(void **state)
{
    (void)state;
    struct story s = source_in_precopy(BEGIN_PAUSE_BEFORE);
    give(&s, EV_QEMU_STOPPED, EV_MIG_PRE_SWITCHOVER);
    ordered(&s, "CONTINUE");
    give(&s, EV_MIG_DEVICE, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "SUSPENDED/MIGRATED, STOPPED/MIGRATED");
    nobody_waits(&s);
}

static void postcopy_stop_first(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED);
    ordered(&s, "START_POSTCOPY");
    answered(&s, "START_POSTCOPY OK");
    give(&s, EV_QEMU_STOPPED, EV_MIG_DEVICE);
    told(&s, "SUSPENDED/MIGRATED");
    answered(&s, "");
    give(&s, EV_MIG_POSTCOPY_ACTIVE);
    told(&s, "SUSPENDED/POSTCOPY");
    reads(&s, "PAUSED/POSTCOPY");
    answered(&s, "PERFORM OK");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    answered(&s, "CONFIRM OK");
    nobody_waits(&s);
}

static void postcopy_active_first(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED, EV_MIG_POSTCOPY_ACTIVE);
    told(&s, "");
    reads(&s, "RUNNING/BOOTED");
    give(&s, EV_QEMU_STOPPED);
    told(&s, "SUSPENDED/POSTCOPY");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    nobody_waits(&s);
}

static void postcopy_with_pause_before_switchover(void **state)
{
    (void)state;
    struct story s = source_in_precopy(PBS);
    give(&s, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED, EV_QEMU_STOPPED, EV_MIG_PRE_SWITCHOVER,
         EV_MIG_DEVICE, EV_MIG_POSTCOPY_ACTIVE);
    told(&s, "SUSPENDED/MIGRATED, SUSPENDED/POSTCOPY");
    give(&s, EV_MIG_COMPLETED, EV_CONFIRM);
    ordered(&s, "START_POSTCOPY, CONTINUE, READ_STATS");
    give(&s, EV_STATS_READ);
    ordered(&s, "KILL_QEMU");
    give(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    nobody_waits(&s);
}

static void postcopy_allowed_but_never_entered(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "SUSPENDED/MIGRATED, STOPPED/MIGRATED");
}

static void paused_by_its_user_before(void **state)
{
    (void)state;
    struct story pre = paused_guest();
    story_to_precopy(&pre, 0);
    give(&pre, EV_MIG_DEVICE, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&pre, "STOPPED/MIGRATED");

    struct story post = paused_guest();
    story_to_precopy(&post, POSTCOPY);
    give(&post, EV_START_POSTCOPY, EV_MIG_POSTCOPY_ACTIVE, EV_MIG_COMPLETED, EV_STATS_READ,
         EV_CONFIRM, EV_QEMU_GONE);
    told(&post, "SUSPENDED/POSTCOPY, STOPPED/MIGRATED");
}

static void suspended_during_it(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_SUSPEND, EV_QEMU_STOPPED, EV_STOP_DONE);
    ordered(&s, "STOP");
    told(&s, "SUSPENDED/MIGRATED");
    reads(&s, "PAUSED/MIGRATION");
    answered(&s, "SUSPEND OK");
    give(&s, EV_RESUME);
    answered(&s, "RESUME MIGRATING");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
}

static void suspended_during_it_then_postcopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_SUSPEND, EV_QEMU_STOPPED, EV_STOP_DONE, EV_START_POSTCOPY, EV_MIG_POSTCOPY_ACTIVE);
    told(&s, "SUSPENDED/MIGRATED, SUSPENDED/POSTCOPY");
}

static void io_error_during_it(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_QEMU_IO_ERROR, EV_QEMU_STOPPED);
    told(&s, "SUSPENDED/IOERROR");
    reads(&s, "PAUSED/IOERROR");
    assert_int_equal(s.core.out.ran_before, 0);
    give(&s, EV_ABORT, EV_MIG_CANCELLING, EV_MIG_CANCELLED);
    told(&s, "");
    reads(&s, "PAUSED/IOERROR");
    answered(&s, "ABORT OK, PERFORM ABORTED");
}

static void io_error_then_postcopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_QEMU_IO_ERROR, EV_QEMU_STOPPED, EV_START_POSTCOPY, EV_MIG_POSTCOPY_ACTIVE);
    told(&s, "SUSPENDED/IOERROR, SUSPENDED/POSTCOPY");
}

/* QEMU 7.2 says postcopy-active while the guest still runs. */
static void io_error_between_postcopy_active_and_stop(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_START_POSTCOPY, EV_MIG_POSTCOPY_ACTIVE, EV_QEMU_IO_ERROR, EV_QEMU_STOPPED);
    told(&s, "SUSPENDED/POSTCOPY");
    incidents(&s, "");
    assert_int_equal(s.core.out.reason_before, PAUSED_IOERROR); /* it stays paused over there */
}

/* ---- cancelled and failed before the switchover ---- */

static void aborted_in_precopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_ABORT);
    ordered(&s, "CANCEL");
    answered(&s, "");
    give(&s, EV_MIG_CANCELLING, EV_MIG_CANCELLED);
    told(&s, "");
    reads(&s, "RUNNING/BOOTED");
    answered(&s, "ABORT OK, PERFORM ABORTED");
    ordered(&s, "JOB_END ABORTED");
    give(&s, EV_CONFIRM_CANCELLED);
    answered(&s, "CONFIRM NO_JOB");
}

static void aborted_before_anything(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, EV_ABORT);
    ordered(&s, "JOB_BEGIN, JOB_END ABORTED");
    answered(&s, "BEGIN OK, ABORT OK");
    told(&s, "");
}

static void aborted_while_configuring_and_starting(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, EV_PERFORM, EV_ABORT);
    answered(&s, "BEGIN OK");
    give(&s, EV_SOURCE_CONFIGURED);
    answered(&s, "ABORT OK, PERFORM ABORTED");
    ordered(&s, "JOB_BEGIN, CONFIGURE_SOURCE, JOB_END ABORTED");

    s = running_guest();
    give(&s, EV_BEGIN, EV_PERFORM, EV_SOURCE_CONFIGURED, EV_ABORT, EV_MIGRATE_ACCEPTED);
    ordered(&s, "JOB_BEGIN, CONFIGURE_SOURCE, MIGRATE, CANCEL");
    give(&s, EV_MIG_SETUP, EV_MIG_CANCELLING, EV_MIG_CANCELLED);
    answered(&s, "BEGIN OK, ABORT OK, PERFORM ABORTED");
    told(&s, "");
}

static void aborted_in_pre_switchover(void **state)
{
    (void)state;
    struct story s = source_in_precopy(BEGIN_PAUSE_BEFORE);
    give(&s, EV_QEMU_STOPPED, EV_ABORT);
    ordered(&s, "CANCEL");
    give(&s, EV_MIG_PRE_SWITCHOVER); /* on its way when the cancel went out: no `continue` now */
    ordered(&s, "");
    give(&s, EV_MIG_CANCELLING, EV_QEMU_RESUMED, EV_MIG_CANCELLED);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    reads(&s, "RUNNING/MIGRATION_CANCELED");
    answered(&s, "ABORT OK, PERFORM ABORTED");
}

/* QEMU 7.2 leaves the guest stopped there: it needs `cont`. */
static void aborted_in_pre_switchover_and_left_stopped(void **state)
{
    (void)state;
    struct story s = source_in_precopy(PBS);
    give(&s, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED, EV_QEMU_STOPPED, EV_ABORT, EV_MIG_CANCELLED);
    ordered(&s, "START_POSTCOPY, CANCEL, CONT");
    answered(&s, "START_POSTCOPY OK");
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    answered(&s, "ABORT OK, PERFORM ABORTED");
}

static void abort_is_refused_once_postcopy_may_be_active(void **state)
{
    (void)state;
    struct story s = source_in_precopy(POSTCOPY);
    give(&s, EV_START_POSTCOPY, EV_ABORT);
    answered(&s, "ABORT POSTCOPY_ACTIVE");
    ordered(&s, "START_POSTCOPY");
    give(&s, EV_QEMU_STOPPED, EV_ABORT);
    answered(&s, "ABORT POSTCOPY_ACTIVE");
    give(&s, EV_MIG_POSTCOPY_ACTIVE, EV_ABORT);
    answered(&s, "START_POSTCOPY OK, PERFORM OK, ABORT POSTCOPY_ACTIVE");
    ordered(&s, "");
}

static void cancel_came_too_late(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_ABORT, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ);
    answered(&s, "ABORT SWITCHING, PERFORM OK");
    give(&s, EV_CONFIRM, EV_QEMU_GONE);
    told(&s, "SUSPENDED/MIGRATED, STOPPED/MIGRATED");
}

static void failed_in_precopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_MIG_FAILED, EV_STATS_READ);
    told(&s, "");
    reads(&s, "RUNNING/BOOTED");
    answered(&s, "PERFORM QEMU_FAILED");
    ordered(&s, "READ_STATS, JOB_END QEMU_FAILED");
}

static void failed_in_the_switchover(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_QEMU_STOPPED, EV_MIG_FAILED, EV_QEMU_RESUMED, EV_STATS_READ);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    answered(&s, "PERFORM QEMU_FAILED");
}

static void refused_by_qemu(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, EV_PERFORM, EV_SOURCE_CONFIGURE_FAILED);
    answered(&s, "BEGIN OK, PERFORM QEMU_FAILED");
    give(&s, EV_BEGIN, EV_PERFORM, EV_SOURCE_CONFIGURED, EV_MIGRATE_REFUSED);
    answered(&s, "BEGIN OK, PERFORM QEMU_FAILED");
    told(&s, "");
}

static void given_up_by_its_client(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, EV_CONFIRM_CANCELLED);
    answered(&s, "BEGIN OK, CONFIRM OK");
    ordered(&s, "JOB_BEGIN, JOB_END CANCELLED");

    s = source_in_precopy(0);
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM_CANCELLED);
    ordered(&s, "READ_STATS, ASK_PEER");
    give(&s, EV_PROOF_NONE); /* a stock peer: the client's word has to do */
    ordered(&s, "CONT");
    give(&s, EV_QEMU_RESUMED);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    answered(&s, "PERFORM OK, CONFIRM OK");
    reads(&s, "RUNNING/MIGRATION_CANCELED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precopy),
        cmocka_unit_test(precopy_with_pause_before_switchover),
        cmocka_unit_test(postcopy_stop_first),
        cmocka_unit_test(postcopy_active_first),
        cmocka_unit_test(postcopy_with_pause_before_switchover),
        cmocka_unit_test(postcopy_allowed_but_never_entered),
        cmocka_unit_test(paused_by_its_user_before),
        cmocka_unit_test(suspended_during_it),
        cmocka_unit_test(suspended_during_it_then_postcopy),
        cmocka_unit_test(io_error_during_it),
        cmocka_unit_test(io_error_then_postcopy),
        cmocka_unit_test(io_error_between_postcopy_active_and_stop),
        cmocka_unit_test(aborted_in_precopy),
        cmocka_unit_test(aborted_before_anything),
        cmocka_unit_test(aborted_while_configuring_and_starting),
        cmocka_unit_test(aborted_in_pre_switchover),
        cmocka_unit_test(aborted_in_pre_switchover_and_left_stopped),
        cmocka_unit_test(abort_is_refused_once_postcopy_may_be_active),
        cmocka_unit_test(cancel_came_too_late),
        cmocka_unit_test(failed_in_precopy),
        cmocka_unit_test(failed_in_the_switchover),
        cmocka_unit_test(refused_by_qemu),
        cmocka_unit_test(given_up_by_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
