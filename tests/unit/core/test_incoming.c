/* The destination's side: `cont` is given once, on the right word, and what never ran is undone. */
#include "story.h"

static void precopy(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_PREPARE, EV_QEMU_STARTED, EV_LISTENING);
    ordered(&s, "JOB_BEGIN, SYNC, START_QEMU, LISTEN");
    told(&s, "STARTED/MIGRATED");
    reads(&s, "PAUSED/MIGRATION");
    answered(&s, ""); /* the attempt is not durable yet */
    give(&s, EV_SYNCED);
    answered(&s, "PREPARE OK");
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED);
    ordered(&s, "");
    give(&s, EV_FINISH);
    ordered(&s, "CONT");
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "RESUMED/MIGRATED");
    reads(&s, "RUNNING/MIGRATED");
    answered(&s, "FINISH OK");
    ordered(&s, "JOB_END OK");
}

static void finish_before_the_last_word_of_qemu(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_FINISH);
    ordered(&s, "");
    give(&s, EV_MIG_COMPLETED);
    ordered(&s, "CONT");
    give(&s, EV_CONT_DONE, EV_QEMU_RESUMED);
    told(&s, "RESUMED/MIGRATED");
}

static void postcopy(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_FINISH, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "CONT");
    give(&s, EV_QEMU_RESUMED);
    told(&s, "RESUMED/POSTCOPY");
    reads(&s, "RUNNING/POSTCOPY");
    answered(&s, "");
    give(&s, EV_CONT_DONE, EV_MIG_COMPLETED);
    told(&s, "RESUMED/MIGRATED");
    answered(&s, "FINISH OK");
    ordered(&s, "JOB_END OK");
    nobody_waits(&s);
}

static void postcopy_completed_before_cont(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, EV_MIG_COMPLETED, EV_FINISH, EV_QEMU_RESUMED);
    told(&s, "RESUMED/POSTCOPY, RESUMED/MIGRATED");
    answered(&s, "FINISH OK");
}

static void paused_by_its_user_stays_paused(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_STAY_PAUSED);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_FINISH);
    told(&s, "SUSPENDED/PAUSED");
    reads(&s, "PAUSED/USER");
    answered(&s, "FINISH OK");
    ordered(&s, "JOB_END OK");

    s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, WITH(EV_FINISH, BEGIN_STAY_PAUSED));
    told(&s, "SUSPENDED/PAUSED");
    answered(&s, "");
    give(&s, EV_MIG_COMPLETED);
    told(&s, "");
    answered(&s, "FINISH OK");
    ordered(&s, "JOB_END OK");

    s = prepared_destination(BEGIN_POSTCOPY); /* an I/O error stopped it at the source */
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, WITH(EV_FINISH, BEGIN_STAY_PAUSED | FINISH_IO_ERROR));
    told(&s, "SUSPENDED/IOERROR");
    reads(&s, "PAUSED/IOERROR");
}

/* ---- undone ---- */

static void cancelled_by_the_source(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_FINISH_CANCELLED);
    ordered(&s, "SYNC, KILL_QEMU");
    answered(&s, "");
    give(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
    answered(&s, ""); /* released, not yet durably so */
    give(&s, EV_SYNCED);
    answered(&s, "FINISH CANCELLED");
    ordered(&s, "JOB_END CANCELLED");
    give(&s, EV_FINISH);
    answered(&s, "FINISH NO_JOB");
}

/* Where QEMU has to be asked first, whether there was a stream: its client is still there. */
static void cancelled_before_any_stream(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_FINISH_CANCELLED);
    ordered(&s, "ASK_QEMU");
    give(&s, EV_MIG_NONE, EV_SYNCED, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
    ordered(&s, "SYNC, KILL_QEMU, JOB_END CANCELLED");
    answered(&s, "FINISH CANCELLED");
}

/* The same when all had come and nobody but that client could be asked. */
static void cancelled_before_all_had_come(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_FINISH_CANCELLED);
    give(&s, EV_MIG_COMPLETED, EV_SYNCED, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
    answered(&s, "FINISH CANCELLED");
}

static void stream_ends_and_qemu_with_it(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
    ordered(&s, "SYNC");
    give(&s, EV_FINISH);
    answered(&s, "FINISH NO_JOB");
    give(&s, EV_SYNCED);
    ordered(&s, "JOB_END GUEST_GONE");
}

static void qemu_says_failed(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_FAILED, EV_QEMU_GONE, EV_SYNCED);
    told(&s, "STOPPED/FAILED");
    ordered(&s, "SYNC, KILL_QEMU, JOB_END QEMU_FAILED");
}

static void client_gone_before_anything_could_run(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_CLIENT_GONE);
    ordered(&s, "SYNC, KILL_QEMU");
    give(&s, EV_SYNCED, EV_QEMU_GONE);
    told(&s, "STOPPED/DESTROYED");
    ordered(&s, "JOB_END CLIENT_LEFT");
}

/* Where post-copy is allowed the guest may be here already: QEMU is asked before it is ended. */
static void client_gone_before_any_stream(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_CLIENT_GONE);
    ordered(&s, "ASK_QEMU");
    struct story later = s;
    give(&s, EV_MIG_SETUP, EV_SYNCED, EV_QEMU_GONE);
    ordered(&s, "SYNC, KILL_QEMU, JOB_END CLIENT_LEFT");
    told(&s, "STOPPED/DESTROYED");
    give(&later, EV_MIG_ACTIVE, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&later, "CONT");
}

/* ---- proof for a source that lost touch ---- */

static void asked_before_cont_releases(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_ASKED);
    ordered(&s, "SYNC, KILL_QEMU");
    give(&s, EV_FINISH);
    answered(&s, "FINISH NO_JOB");
    give(&s, EV_QEMU_GONE);
    ordered(&s, "");
    give(&s, EV_SYNCED); /* only now: it is durable */
    ordered(&s, "PROVE RELEASED, JOB_END CANCELLED");
    give(&s, EV_ASKED);
    ordered(&s, "PROVE RELEASED");
}

static void asked_after_cont_waits_for_the_outcome(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_FINISH, EV_ASKED);
    ordered(&s, "CONT");
    struct story dies = s;
    give(&s, EV_QEMU_RESUMED, EV_ASKED);
    ordered(&s, "PROVE TAKEN, JOB_END OK, PROVE TAKEN");
    give(&dies, EV_QEMU_GONE, EV_ASKED);
    ordered(&dies, "PROVE LOST, JOB_END GUEST_GONE, PROVE LOST");
}

static void asked_in_postcopy(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, WITH(EV_ASKED, SWITCHED_POSTCOPY), EV_MIG_POSTCOPY_ACTIVE, EV_CLIENT_GONE,
         EV_QEMU_RESUMED);
    ordered(&s, "PROVE NEEDS_SOURCE, CONT");
    give(&s, EV_MIG_COMPLETED);
    ordered(&s, "PROVE TAKEN, JOB_END OK");
}

static void away_while_the_stream_ended(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE);
    restart(&s, BOOT(0, EV_MIG_COMPLETED));
    ordered(&s, "");
    struct story pre = s;
    give(&s, WITH(EV_ASKED, SWITCHED_POSTCOPY), EV_QEMU_RESUMED);
    ordered(&s, "CONT, PROVE TAKEN, JOB_END OK");
    give(&pre, WITH(EV_ASKED, SWITCHED_PRECOPY));
    ordered(&pre, "SYNC, KILL_QEMU");
}

static void host_was_down_after_prepare(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    restart(&s, WITH(EV_QEMU_GONE, GONE_WITH_HOST));
    give(&s, EV_ASKED); /* `cont` need not have reached the disk: presumed to have run */
    ordered(&s, "JOB_END GUEST_GONE, PROVE LOST");
}

static void start_and_listen_that_fail(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_PREPARE, EV_QEMU_START_FAILED);
    give(&s, EV_SYNCED, EV_SYNCED);
    told(&s, "");
    answered(&s, "PREPARE QEMU_FAILED");
    s = shut_off_guest();
    give(&s, EV_PREPARE, EV_SYNCED, EV_QEMU_STARTED, EV_LISTEN_FAILED, EV_QEMU_GONE, EV_SYNCED);
    told(&s, "");
    answered(&s, "PREPARE QEMU_FAILED");
    nobody_waits(&s);
}

static void journal_that_can_not_be_written(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_PREPARE, EV_SYNC_FAILED, EV_QEMU_STARTED, EV_QEMU_GONE, EV_SYNC_FAILED);
    answered(&s, "PREPARE NOT_DURABLE");
    nobody_waits(&s);
}

static void cont_refused_in_precopy(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_FINISH, EV_CONT_REFUSED, EV_QEMU_GONE, EV_SYNCED);
    told(&s, "STOPPED/FAILED");
    answered(&s, "FINISH QEMU_FAILED");
}

/* ---- post-copy is never undone ---- */

static void client_gone_in_postcopy_settles_it_unattended(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, EV_CLIENT_GONE);
    ordered(&s, "CONT");
    incidents(&s, "UNATTENDED");
    give(&s, EV_QEMU_RESUMED, EV_MIG_COMPLETED);
    told(&s, "RESUMED/POSTCOPY, RESUMED/MIGRATED");
}

static void client_gone_while_postcopy_is_still_open(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_CLIENT_GONE);
    ordered(&s, "");
    give(&s, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "CONT");
}

static void postcopy_breaks(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, EV_FINISH, EV_QEMU_RESUMED,
         EV_MIG_POSTCOPY_PAUSED);
    told(&s, "RESUMED/POSTCOPY, RESUMED/POSTCOPY_FAILED");
    reads(&s, "RUNNING/POSTCOPY_FAILED");
    answered(&s, "FINISH POSTCOPY_FAILED");
    ordered(&s, "CONT");
    give(&s, EV_FINISH_CANCELLED, EV_CLIENT_GONE);
    ordered(&s, "");
}

static void cont_refused_in_postcopy(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, EV_FINISH, EV_CONT_REFUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    ordered(&s, "CONT");
    answered(&s, "FINISH POSTCOPY_FAILED");
}

static void finish_cancelled_too_late(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, EV_FINISH_CANCELLED);
    answered(&s, "FINISH POSTCOPY_ACTIVE");
    ordered(&s, "");
}

/* ---- out of order ---- */

static void calls_out_of_order(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_FINISH, EV_FINISH_CANCELLED);
    answered(&s, "FINISH NO_JOB, FINISH NO_JOB");
    give(&s, EV_PREPARE, EV_FINISH, EV_PREPARE);
    answered(&s, "FINISH STARTING, PREPARE JOB_ACTIVE");
    struct story running = running_guest();
    give(&running, EV_PREPARE);
    answered(&running, "PREPARE ALREADY_RUNNING");
}

static void users_calls_wait_for_the_end(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_SUSPEND, EV_RESUME, EV_SHUTDOWN, EV_ABORT, EV_BEGIN);
    answered(&s, "SUSPEND MIGRATING, RESUME MIGRATING, SHUTDOWN MIGRATING, ABORT INCOMING, "
                 "BEGIN JOB_ACTIVE");
    give(&s, EV_DESTROY, EV_QEMU_GONE);
    give(&s, EV_SYNCED);
    told(&s, "STOPPED/DESTROYED");
    answered(&s, "DESTROY OK");
}

static void started_by_somebody_else(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_QEMU_RESUMED);
    ordered(&s, "STOP");
    incidents(&s, "DESTINATION_RESUMED_ITSELF");
    told(&s, "");
}

/* What QEMU answers to the second `cont` must not be taken for the word that the guest has never run. */
static void away_while_the_guest_ran_and_powered_itself_off(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_FINISH);
    restart(&s, BOOT(0, EV_MIG_COMPLETED));
    ordered(&s, "CONT, CONT");
    give(&s, WITH(EV_QEMU_SHUTDOWN, SHUTDOWN_GUEST), EV_CONT_REFUSED, WITH(EV_ASKED, SWITCHED_PRECOPY));
    ordered(&s, "JOB_END OK, KILL_QEMU, PROVE TAKEN");
    told(&s, "SHUTDOWN/GUEST");
}

/* The disk had not taken the record of `cont`, and the daemon was killed. */
static void runs_and_there_is_no_record_of_it(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED);
    told(&s, "");
    restart(&s, BOOT(FOUND_RUNNING, EV_MIG_COMPLETED));
    give(&s, WITH(EV_ASKED, SWITCHED_PRECOPY));
    ordered(&s, "JOB_END OK, PROVE TAKEN");
    told(&s, "RESUMED/MIGRATED");
}

/* To have the stream broken is no reason to leave the source without the word that it waits for. */
static void broken_on_purpose_after_cont_was_refused(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE, EV_MIG_POSTCOPY_ACTIVE, EV_FINISH, EV_CONT_REFUSED, WITH(EV_ABORT, ABORT_POSTCOPY),
         EV_MIG_COMPLETED, WITH(EV_ASKED, SWITCHED_POSTCOPY));
    ordered(&s, "CONT, PROVE REFUSED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precopy),
        cmocka_unit_test(finish_before_the_last_word_of_qemu),
        cmocka_unit_test(postcopy),
        cmocka_unit_test(postcopy_completed_before_cont),
        cmocka_unit_test(paused_by_its_user_stays_paused),
        cmocka_unit_test(cancelled_by_the_source),
        cmocka_unit_test(cancelled_before_any_stream),
        cmocka_unit_test(cancelled_before_all_had_come),
        cmocka_unit_test(stream_ends_and_qemu_with_it),
        cmocka_unit_test(qemu_says_failed),
        cmocka_unit_test(client_gone_before_anything_could_run),
        cmocka_unit_test(client_gone_before_any_stream),
        cmocka_unit_test(asked_before_cont_releases),
        cmocka_unit_test(asked_after_cont_waits_for_the_outcome),
        cmocka_unit_test(asked_in_postcopy),
        cmocka_unit_test(away_while_the_stream_ended),
        cmocka_unit_test(host_was_down_after_prepare),
        cmocka_unit_test(start_and_listen_that_fail),
        cmocka_unit_test(journal_that_can_not_be_written),
        cmocka_unit_test(cont_refused_in_precopy),
        cmocka_unit_test(client_gone_in_postcopy_settles_it_unattended),
        cmocka_unit_test(client_gone_while_postcopy_is_still_open),
        cmocka_unit_test(postcopy_breaks),
        cmocka_unit_test(cont_refused_in_postcopy),
        cmocka_unit_test(finish_cancelled_too_late),
        cmocka_unit_test(calls_out_of_order),
        cmocka_unit_test(users_calls_wait_for_the_end),
        cmocka_unit_test(started_by_somebody_else),
        cmocka_unit_test(away_while_the_guest_ran_and_powered_itself_off),
        cmocka_unit_test(runs_and_there_is_no_record_of_it),
        cmocka_unit_test(broken_on_purpose_after_cont_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
