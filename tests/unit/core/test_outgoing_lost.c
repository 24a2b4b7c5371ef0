/* The source's side when something goes away: the client, the peer, the stream, the guest; and calls out of order. */
#include "story.h"

#define POSTCOPY BEGIN_POSTCOPY

/* ---- proof before resume ---- */

static struct story source_performed(void)
{
    struct story s = source_in_precopy(0);
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ);
    forget_so_far(&s);
    return s;
}

static void answer_of_finish_was_lost(void **state)
{
    (void)state;
    struct story s = source_performed();
    give(&s, EV_CONFIRM_CANCELLED, EV_PROOF_TAKEN, EV_QEMU_GONE);
    ordered(&s, "ASK_PEER, KILL_QEMU, JOB_END OK");
    told(&s, "STOPPED/MIGRATED");
    answered(&s, "CONFIRM OK");
}

static void destination_proves_that_it_never_ran(void **state)
{
    (void)state;
    struct story s = source_performed();
    give(&s, EV_CLIENT_GONE, EV_PROOF_RELEASED);
    ordered(&s, "ASK_PEER, CONT");
    give(&s, EV_QEMU_RESUMED);
    told(&s, "RESUMED/MIGRATED");
}

static void destination_had_it_and_lost_it(void **state)
{
    (void)state;
    struct story s = source_performed();
    give(&s, EV_CONFIRM_CANCELLED, EV_PROOF_LOST, EV_RESUME);
    ordered(&s, "ASK_PEER");
    incidents(&s, "LOST_THERE");
    answered(&s, "CONFIRM IN_DOUBT, RESUME IN_DOUBT");
    reads(&s, "PAUSED/MIGRATION");
}

static void nobody_answers_for_a_while(void **state)
{
    (void)state;
    struct story s = source_performed();
    give(&s, EV_CLIENT_GONE, EV_PROOF_SILENT);
    ordered(&s, "ASK_PEER");
    incidents(&s, "LEFT_IN_DOUBT");
    restart(&s, BOOT(0, EV_MIG_COMPLETED));
    ordered(&s, "ASK_PEER");
    give(&s, EV_PROOF_RELEASED, EV_QEMU_RESUMED);
    told(&s, "RESUMED/MIGRATED");
}

static void an_io_error_that_nobody_heard_of_is_told_as_one(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, WITH(EV_PERFORM, PEER_CHANNEL), EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE);
    restart(&s, BOOT(FOUND_IO_ERROR, EV_MIG_ACTIVE));
    told(&s, "SUSPENDED/IOERROR");
    reads(&s, "PAUSED/IOERROR");
    assert_int_equal(s.core.out.reason_before, PAUSED_IOERROR); /* and goes along */

    s = running_guest(); /* with --abort-on-error */
    give(&s, WITH(EV_BEGIN, BEGIN_ABORT_ON_ERROR), WITH(EV_PERFORM, PEER_CHANNEL), EV_SOURCE_CONFIGURED,
         EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE);
    forget_so_far(&s);
    restart(&s, BOOT(FOUND_IO_ERROR, EV_MIG_ACTIVE));
    ordered(&s, "CANCEL");
    reads(&s, "PAUSED/IOERROR");
}

static void nobody_to_ask_and_nobody_said_a_word(void **state)
{
    (void)state;
    struct story s = source_performed();
    give(&s, EV_CLIENT_GONE, EV_PROOF_NONE);
    ordered(&s, "ASK_PEER");
    reads(&s, "PAUSED/MIGRATION");
    give(&s, EV_RESUME);
    answered(&s, "RESUME IN_DOUBT");
}

static void cont_refused_on_the_way_back(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_QEMU_STOPPED, EV_MIG_CANCELLED, EV_CONT_REFUSED);
    told(&s, "SUSPENDED/MIGRATED, SUSPENDED/API_ERROR");
    reads(&s, "PAUSED/API_ERROR");
    answered(&s, "PERFORM QEMU_FAILED");
}

/* ---- a client that goes away ---- */

static void client_gone_in_precopy(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, EV_CLIENT_GONE);
    ordered(&s, "JOB_BEGIN, JOB_END CLIENT_LEFT");

    s = source_in_precopy(POSTCOPY);
    give(&s, EV_CLIENT_GONE);
    ordered(&s, "CANCEL");
    give(&s, EV_MIG_CANCELLED);
    ordered(&s, "JOB_END CLIENT_LEFT");
    told(&s, "");
}

static void client_gone_in_postcopy_fails_nothing(void **state)
{
    (void)state;
    struct story s = source_in_postcopy();
    give(&s, EV_CLIENT_GONE);
    told(&s, "");
    ordered(&s, "ASK_PEER");
    incidents(&s, "UNATTENDED");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ);
    ordered(&s, "READ_STATS, ASK_PEER");
    give(&s, EV_PROOF_TAKEN);
    ordered(&s, "KILL_QEMU");
    give(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
}

static void client_gone_in_p2p_changes_nothing(void **state)
{
    (void)state;
    struct story s = p2p_in_precopy(0);
    give(&s, EV_CLIENT_GONE);
    ordered(&s, "");
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ, EV_PEER_FINISHED, EV_QEMU_GONE);
    told(&s, "SUSPENDED/MIGRATED, STOPPED/MIGRATED");
    ordered(&s, "READ_STATS, PEER_FINISH, KILL_QEMU, JOB_END OK, PEER_CLOSE");
}

/* ---- p2p ---- */

static void p2p_precopy(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_PERFORM_P2P, EV_PEER_CONNECTED, EV_PEER_PREPARED, EV_SOURCE_CONFIGURED,
         EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ);
    ordered(&s, "JOB_BEGIN, PEER_CONNECT, PEER_PREPARE, CONFIGURE_SOURCE, MIGRATE, READ_STATS, "
                "PEER_FINISH");
    answered(&s, "");
    give(&s, EV_PEER_FINISHED, EV_QEMU_GONE);
    answered(&s, "PERFORM OK");
    told(&s, "SUSPENDED/MIGRATED, STOPPED/MIGRATED");
    nobody_waits(&s);
}

static void p2p_postcopy(void **state)
{
    (void)state;
    struct story s = p2p_in_precopy(POSTCOPY);
    give(&s, EV_START_POSTCOPY, EV_MIG_POSTCOPY_ACTIVE, EV_QEMU_STOPPED);
    ordered(&s, "START_POSTCOPY, PEER_FINISH");
    give(&s, EV_PEER_FINISHED, EV_MIG_COMPLETED, EV_STATS_READ, EV_QEMU_GONE);
    told(&s, "SUSPENDED/POSTCOPY, STOPPED/MIGRATED");
    answered(&s, "START_POSTCOPY OK, PERFORM OK");
}

static void p2p_refused_by_the_peer(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_PERFORM_P2P, EV_PEER_REFUSED);
    answered(&s, "PERFORM PEER_FAILED");
    ordered(&s, "JOB_BEGIN, PEER_CONNECT, PEER_CLOSE, JOB_END PEER_FAILED");
}

static void p2p_undone_tells_the_peer(void **state)
{
    (void)state;
    struct story s = p2p_in_precopy(0);
    give(&s, EV_ABORT, EV_MIG_CANCELLED);
    ordered(&s, "CANCEL, PEER_FINISH cancelled");
    answered(&s, "");
    give(&s, EV_PEER_FINISHED);
    answered(&s, "ABORT OK, PERFORM ABORTED");
    ordered(&s, "PEER_CLOSE, JOB_END ABORTED");
}

static void p2p_finish_failed(void **state)
{
    (void)state;
    struct story s = p2p_in_precopy(0);
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ, EV_PEER_FINISH_FAILED,
         EV_PROOF_RELEASED, EV_QEMU_RESUMED, EV_PEER_FINISHED);
    told(&s, "SUSPENDED/MIGRATED, RESUMED/MIGRATED");
    answered(&s, "PERFORM PEER_FAILED");
}

/* ---- post-copy that breaks ---- */

static void postcopy_breaks(void **state)
{
    (void)state;
    struct story s = source_in_postcopy();
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    reads(&s, "PAUSED/POSTCOPY_FAILED");
    give(&s, EV_RESUME, EV_SUSPEND, EV_ABORT);
    answered(&s, "RESUME POSTCOPY_FAILED, SUSPEND POSTCOPY_FAILED, ABORT POSTCOPY_ACTIVE");
    ordered(&s, "ASK_PEER");
    give(&s, EV_CLIENT_GONE, EV_CONFIRM_CANCELLED);
    ordered(&s, "");
    reads(&s, "PAUSED/POSTCOPY_FAILED");
}

static void destination_could_not_run_in_postcopy(void **state)
{
    (void)state;
    struct story s = source_in_postcopy();
    give(&s, EV_CONFIRM_CANCELLED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    ordered(&s, "ASK_PEER");
    answered(&s, "CONFIRM POSTCOPY_FAILED");
}

/* The stream goes on whatever becomes of Finish: in the end the destination has everything. */
static void finish_is_lost_in_postcopy(void **state)
{
    (void)state;
    struct story s = source_in_postcopy();
    give(&s, EV_CONFIRM_CANCELLED, EV_PROOF_NONE);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ);
    ordered(&s, "ASK_PEER, READ_STATS, ASK_PEER");
    give(&s, EV_PROOF_NONE, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    reads(&s, "SHUTOFF/MIGRATED");

    s = source_in_postcopy(); /* and when it is lost last */
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ, EV_CONFIRM_CANCELLED);
    answered(&s, "CONFIRM OK");
    give(&s, EV_PROOF_NONE, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
}

static void qemu_restarts_the_source_by_itself(void **state)
{
    (void)state;
    struct story s = source_in_postcopy();
    give(&s, EV_MIG_FAILED, EV_QEMU_RESUMED);
    ordered(&s, "ASK_PEER, STOP, ASK_PEER");
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    incidents(&s, "SOURCE_RESUMED_ITSELF");
    reads(&s, "PAUSED/POSTCOPY_FAILED");
    give(&s, EV_QEMU_STOPPED, EV_STOP_DONE);
    told(&s, "");
    give(&s, EV_PROOF_RELEASED); /* it never ran there: settled by proof, not by guessing */
    ordered(&s, "CONT");
    give(&s, EV_QEMU_RESUMED);
    told(&s, "RESUMED/MIGRATED");

    s = source_in_postcopy(); /* and the other way round */
    give(&s, EV_QEMU_RESUMED, EV_MIG_FAILED, EV_QEMU_STOPPED, EV_STOP_DONE);
    ordered(&s, "STOP, ASK_PEER");
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
}

/* ---- the guest's QEMU ends, the guest itself ends ---- */

static void qemu_dies_in_precopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
    reads(&s, "SHUTOFF/CRASHED");
    answered(&s, "PERFORM GUEST_GONE");
    ordered(&s, "JOB_END GUEST_GONE");
}

static void qemu_dies_when_all_is_done_in_postcopy(void **state)
{
    (void)state;
    struct story s = source_in_postcopy();
    give(&s, EV_MIG_COMPLETED, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    ordered(&s, "READ_STATS, JOB_END OK");
}

static void destroyed_in_precopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_DESTROY, EV_MIG_FAILED, EV_QEMU_GONE);
    told(&s, "STOPPED/DESTROYED");
    ordered(&s, "KILL_QEMU, JOB_END GUEST_GONE");
    answered(&s, "DESTROY OK, PERFORM GUEST_GONE");
}

static void guest_powers_itself_off(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, WITH(EV_QEMU_SHUTDOWN, SHUTDOWN_GUEST), EV_QEMU_STOPPED, EV_QEMU_GONE);
    told(&s, "SHUTDOWN/GUEST, STOPPED/SHUTDOWN");
    reads(&s, "SHUTOFF/SHUTDOWN");
    answered(&s, "PERFORM GUEST_GONE");
}

/* ---- out of order, twice, by two ---- */

static void calls_without_their_migration(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_PERFORM, EV_CONFIRM, EV_CONFIRM_CANCELLED, EV_START_POSTCOPY, EV_ABORT);
    answered(&s, "PERFORM NO_JOB, CONFIRM NO_JOB, CONFIRM NO_JOB, START_POSTCOPY NO_JOB, "
                 "ABORT NO_JOB");
    struct story off = shut_off_guest();
    give(&off, EV_BEGIN, EV_PERFORM_P2P);
    answered(&off, "BEGIN NOT_RUNNING, PERFORM NOT_RUNNING");
}

static void two_clients(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_BEGIN, EV_PERFORM, EV_PERFORM_P2P, EV_CONFIRM);
    answered(&s, "BEGIN JOB_ACTIVE, PERFORM JOB_ACTIVE, PERFORM JOB_ACTIVE, CONFIRM NO_JOB");
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ);
    answered(&s, "PERFORM OK"); /* the first one's still waited */
}

static void postcopy_not_allowed(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_START_POSTCOPY);
    answered(&s, "START_POSTCOPY POSTCOPY_NOT_ALLOWED");
    ordered(&s, "");
}

static void unknown_status_changes_nothing(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    struct core before = s.core;
    give(&s, EV_MIG_UNKNOWN);
    incidents(&s, "UNKNOWN_STATUS");
    assert_memory_equal(&before, &s.core, sizeof(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cont_refused_on_the_way_back),
        cmocka_unit_test(answer_of_finish_was_lost),
        cmocka_unit_test(destination_proves_that_it_never_ran),
        cmocka_unit_test(destination_had_it_and_lost_it),
        cmocka_unit_test(nobody_answers_for_a_while),
        cmocka_unit_test(nobody_to_ask_and_nobody_said_a_word),
        cmocka_unit_test(client_gone_in_precopy),
        cmocka_unit_test(client_gone_in_postcopy_fails_nothing),
        cmocka_unit_test(client_gone_in_p2p_changes_nothing),
        cmocka_unit_test(p2p_precopy),
        cmocka_unit_test(p2p_postcopy),
        cmocka_unit_test(p2p_refused_by_the_peer),
        cmocka_unit_test(p2p_undone_tells_the_peer),
        cmocka_unit_test(p2p_finish_failed),
        cmocka_unit_test(postcopy_breaks),
        cmocka_unit_test(destination_could_not_run_in_postcopy),
        cmocka_unit_test(finish_is_lost_in_postcopy),
        cmocka_unit_test(qemu_restarts_the_source_by_itself),
        cmocka_unit_test(qemu_dies_in_precopy),
        cmocka_unit_test(qemu_dies_when_all_is_done_in_postcopy),
        cmocka_unit_test(destroyed_in_precopy),
        cmocka_unit_test(guest_powers_itself_off),
        cmocka_unit_test(calls_without_their_migration),
        cmocka_unit_test(two_clients),
        cmocka_unit_test(postcopy_not_allowed),
        cmocka_unit_test(unknown_status_changes_nothing),
        cmocka_unit_test(an_io_error_that_nobody_heard_of_is_told_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
