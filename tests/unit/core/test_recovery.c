/* A post-copy that broke, at the source: taken up again by the two daemons or for a client, settled, or given back on proof. */
#include "story.h"

static struct story source_with_channel(int flags)
{
    struct story s = running_guest();
    give(&s, WITH(EV_BEGIN, BEGIN_POSTCOPY | flags), WITH(EV_PERFORM, PEER_CHANNEL), EV_SOURCE_CONFIGURED,
         EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED, EV_QEMU_STOPPED,
         EV_MIG_DEVICE, EV_MIG_POSTCOPY_ACTIVE);
    forget_so_far(&s);
    return s;
}

static struct story p2p_with_channel(void)
{
    struct story s = running_guest();
    give(&s, WITH(EV_PERFORM_P2P, BEGIN_POSTCOPY), EV_PEER_CONNECTED, WITH(EV_PEER_PREPARED, PEER_CHANNEL),
         EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE, EV_START_POSTCOPY, EV_QEMU_STOPPED,
         EV_MIG_POSTCOPY_ACTIVE);
    forget_so_far(&s);
    return s;
}

static void the_daemons_mend_it_by_themselves(void **state)
{
    (void)state;
    struct story s = p2p_with_channel();
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    ordered(&s, "ASK_PEER");
    answered(&s, ""); /* who waits in Perform gets its success in the end */
    give(&s, EV_PROOF_NEEDS_SOURCE, EV_PEER_UNRECOVERABLE);
    ordered(&s, "PEER_RECOVER, ASK_LATER");
    give(&s, EV_ASK_AGAIN, EV_PROOF_NEEDS_SOURCE, EV_PEER_RECOVERABLE);
    ordered(&s, "ASK_PEER, PEER_RECOVER, RECOVER");
    told(&s, "");
    give(&s, EV_RECOVER_ACCEPTED, EV_MIG_POSTCOPY_RECOVER);
    told(&s, "SUSPENDED/POSTCOPY");
    reads(&s, "PAUSED/POSTCOPY");
    give(&s, EV_MIG_POSTCOPY_ACTIVE, EV_MIG_COMPLETED, EV_STATS_READ, EV_PEER_FINISHED);
    ordered(&s, "READ_STATS, KILL_QEMU");
    give(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");
    answered(&s, "PERFORM OK");
    nobody_waits(&s);
}

static void an_attempt_that_fails_is_told_and_made_again(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_PROOF_NEEDS_SOURCE, EV_PEER_RECOVERABLE, EV_MIG_POSTCOPY_RECOVER);
    told(&s, "SUSPENDED/POSTCOPY_FAILED, SUSPENDED/POSTCOPY");
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    ordered(&s, "ASK_PEER, PEER_RECOVER, RECOVER, ASK_LATER");
}

static void a_silence_is_made_a_break(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_STALLED);
    ordered(&s, "PAUSE_STREAM");
    told(&s, "");
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
}

static void a_last_page_on_its_way_is_not_thrown_away(void **state)
{
    (void)state;
    struct story s = p2p_with_channel();
    give(&s, WITH(EV_STALLED, STALLED_ALL_SENT));
    ordered(&s, "ASK_PEER");
    struct story t = s;
    give(&t, EV_PROOF_TAKEN, EV_MIG_POSTCOPY_ACTIVE, EV_ASK_AGAIN, EV_STATS_READ, EV_QEMU_GONE); /* it has come */
    told(&t, "STOPPED/MIGRATED");
    answered(&t, "PERFORM OK");

    give(&s, WITH(EV_ABORT, ABORT_POSTCOPY));
    answered(&s, "ABORT ALL_SENT");
    give(&s, EV_PROOF_NEEDS_SOURCE, WITH(EV_STALLED, STALLED_ALL_SENT));
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    answered(&s, "PERFORM POSTCOPY_FAILED");
    give(&s, EV_PROOF_NEEDS_SOURCE, WITH(EV_PERFORM_P2P, BEGIN_RESUME | BEGIN_POSTCOPY));
    ordered(&s, "ASK_PEER"); /* there is nothing to resume */
    answered(&s, "PERFORM ALL_SENT");
    give(&s, EV_MIG_COMPLETED, EV_STATS_READ, EV_PROOF_TAKEN, EV_QEMU_GONE); /* it came late */
    told(&s, "STOPPED/MIGRATED");
}

static void a_qemu_that_hangs_as_it_resumes_has_a_name(void **state)
{
    (void)state;
    struct story s = p2p_with_channel();
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_PROOF_NEEDS_SOURCE, EV_PEER_RECOVERABLE, EV_MIG_POSTCOPY_RECOVER);
    give(&s, EV_STALLED, EV_PAUSE_REFUSED, EV_MIG_POSTCOPY_RECOVER); /* it may only be slow */
    ordered(&s, "ASK_PEER, PEER_RECOVER, RECOVER, PAUSE_STREAM, ASK_QEMU");
    told(&s, "SUSPENDED/POSTCOPY_FAILED, SUSPENDED/POSTCOPY");
    struct story t = s;
    give(&t, EV_STALLED, EV_MIG_POSTCOPY_ACTIVE);
    told(&t, "SUSPENDED/POSTCOPY_FAILED, SUSPENDED/POSTCOPY");

    give(&s, EV_STALLED, EV_PROOF_NEEDS_SOURCE, WITH(EV_PERFORM_P2P, BEGIN_RESUME | BEGIN_POSTCOPY));
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    answered(&s, "PERFORM POSTCOPY_FAILED, PERFORM RESUME_HANGS");
    ordered(&s, "ASK_LATER");
    give(&s, EV_ASK_AGAIN);
    assert_int_equal(s.core.out.state, OUT_BROKEN);
}

static void a_daemon_that_comes_back_resumes_with_what_qemu_has(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_PROOF_NEEDS_SOURCE, EV_PEER_RECOVERABLE);
    restart(&s, BOOT(0, EV_MIG_POSTCOPY_PAUSED));
    ordered(&s, "ASK_PEER, PEER_RECOVER, RECOVER, RECOVER with what it has");
    struct story t = s;
    give(&t, EV_RECOVER_REFUSED, EV_ASK_AGAIN, EV_PROOF_NEEDS_SOURCE); /* it has nothing */
    ordered(&t, "ASK_LATER, ASK_PEER, PEER_RECOVER");
    give(&s, EV_MIG_POSTCOPY_RECOVER, EV_PAUSE_REFUSED); /* nothing was heard of it */
    ordered(&s, "ASK_QEMU");
}

static void what_qemu_gave_up_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct story s = p2p_with_channel();
    give(&s, EV_MIG_FAILED, EV_PROOF_NEEDS_SOURCE);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    answered(&s, "PERFORM POSTCOPY_FAILED");
    give(&s, WITH(EV_PERFORM_P2P, BEGIN_RESUME), WITH(EV_BEGIN, BEGIN_RESUME)); /* it resumes nothing */
    answered(&s, "PERFORM GIVEN_UP, BEGIN GIVEN_UP");
}

/* The client who resumes it has been at the destination meanwhile. */
static void an_answer_from_before_it_was_resumed_says_nothing(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_MIG_POSTCOPY_PAUSED, WITH(EV_BEGIN, BEGIN_RESUME), EV_PERFORM, EV_PROOF_REFUSED, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "ASK_PEER, RECOVER");
    answered(&s, "BEGIN OK, PERFORM OK");
    reads(&s, "PAUSED/POSTCOPY");
}

static void switched_off_it_waits_for_somebody(void **state)
{
    (void)state;
    struct story s = source_with_channel(BEGIN_NO_RECOVERY);
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_PROOF_NEEDS_SOURCE);
    ordered(&s, "ASK_PEER");
    give(&s, WITH(EV_BEGIN, BEGIN_RESUME), WITH(EV_PERFORM, PEER_CHANNEL));
    ordered(&s, "RECOVER");
    give(&s, EV_MIG_POSTCOPY_RECOVER, EV_MIG_POSTCOPY_ACTIVE);
    answered(&s, "BEGIN OK, PERFORM OK");
}

static void broken_on_purpose_only_a_client_mends_it(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_ABORT);
    answered(&s, "ABORT POSTCOPY_ACTIVE");
    give(&s, WITH(EV_ABORT, ABORT_POSTCOPY));
    ordered(&s, "PAUSE_STREAM");
    answered(&s, "");
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    answered(&s, "ABORT OK");
    give(&s, EV_PROOF_NEEDS_SOURCE);
    ordered(&s, "ASK_PEER");
    give(&s, WITH(EV_PERFORM_P2P, BEGIN_RESUME), EV_PEER_CONNECTED, EV_PEER_RECOVERABLE);
    ordered(&s, "PEER_CONNECT, PEER_RECOVER, RECOVER");
    give(&s, EV_MIG_POSTCOPY_ACTIVE);
    ordered(&s, "PEER_FINISH");
    told(&s, "SUSPENDED/POSTCOPY_FAILED, SUSPENDED/POSTCOPY");
}

/* It broke at the destination only: here the stream flows, as far as QEMU knows. */
static void it_is_broken_on_purpose_when_qemu_says_so(void **state)
{
    (void)state;
    struct story broken = source_with_channel(0), s, t;
    give(&broken, EV_PROOF_REFUSED, EV_PROOF_REFUSED);
    reads(&broken, "PAUSED/POSTCOPY_FAILED");
    forget_so_far(&broken);
    give(&broken, WITH(EV_ABORT, ABORT_POSTCOPY), WITH(EV_ABORT, ABORT_POSTCOPY));
    ordered(&broken, "PAUSE_STREAM");
    answered(&broken, "");
    s = broken;
    give(&s, WITH(EV_PERFORM_P2P, BEGIN_RESUME), WITH(EV_BEGIN, BEGIN_RESUME), EV_PERFORM); /* not at this moment */
    answered(&s, "PERFORM JOB_ACTIVE, BEGIN OK, PERFORM JOB_ACTIVE");
    s = t = broken;
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    answered(&s, "ABORT OK");
    s = broken;
    give(&s, EV_PAUSE_REFUSED);
    answered(&s, "ABORT QEMU_FAILED");
    s = broken; /* behind the last page 7.2 does nothing */
    give(&s, EV_STALLED);
    answered(&s, "ABORT ALL_SENT");
    assert_int_equal(s.core.out.held, 0);
    give(&t, EV_MIG_COMPLETED, WITH(EV_ABORT, ABORT_POSTCOPY));
    answered(&t, "ABORT POSTCOPY_ACTIVE, ABORT POSTCOPY_ACTIVE");

    s = source_with_channel(0);
    give(&s, WITH(EV_STALLED, STALLED_ALL_SENT), WITH(EV_STALLED, STALLED_ALL_SENT), WITH(EV_ABORT, ABORT_POSTCOPY));
    answered(&s, "ABORT ALL_SENT");
}

static void a_client_that_can_t_resume_breaks_nothing(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_MIG_POSTCOPY_PAUSED, WITH(EV_BEGIN, BEGIN_RESUME), WITH(EV_BEGIN, BEGIN_RESUME));
    answered(&s, "BEGIN OK, BEGIN JOB_ACTIVE");
    ordered(&s, "ASK_PEER");
    give(&s, EV_PROOF_NEEDS_SOURCE); /* it is the client's now */
    ordered(&s, "");
    give(&s, EV_CONFIRM_CANCELLED); /* its Prepare failed */
    answered(&s, "CONFIRM OK");
    ordered(&s, "ASK_PEER");
    give(&s, EV_PROOF_NEEDS_SOURCE);
    ordered(&s, "PEER_RECOVER");
    reads(&s, "PAUSED/POSTCOPY_FAILED");
}

static void there_is_nothing_to_resume(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, WITH(EV_BEGIN, BEGIN_RESUME));
    answered(&s, "BEGIN NOT_BROKEN");
    s = source_in_precopy(0);
    give(&s, WITH(EV_BEGIN, BEGIN_RESUME), WITH(EV_PERFORM_P2P, BEGIN_RESUME), WITH(EV_ABORT, ABORT_POSTCOPY));
    answered(&s, "BEGIN NOT_BROKEN, PERFORM NOT_BROKEN, ABORT NOT_POSTCOPY");
}

static void proved_released_it_is_given_back_the_hard_way(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    struct core_actions a;
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    core_step(&s.core, (struct core_event){.type = EV_PROOF_RELEASED}, &a);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.list[0].type, ACT_CONT);
    assert_int_equal(a.list[0].a, 1); /* QEMU refuses `cont` here */
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "SUSPENDED/POSTCOPY_FAILED, RESUMED/MIGRATED");
    reads(&s, "RUNNING/MIGRATION_CANCELED");
    assert_int_equal(s.core.out.state, OUT_IDLE);
}

static struct story source_switching(int peer)
{
    struct story s = running_guest();
    give(&s, WITH(EV_BEGIN, BEGIN_POSTCOPY), WITH(EV_PERFORM, peer), EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED,
         EV_MIG_ACTIVE, EV_START_POSTCOPY, EV_POSTCOPY_ACCEPTED, EV_QEMU_STOPPED, EV_MIG_DEVICE);
    forget_so_far(&s);
    return s;
}

static void a_qemu_that_hangs_as_postcopy_begins_has_a_name(void **state)
{
    (void)state;
    struct story s = source_switching(PEER_STOCK);
    give(&s, EV_STALLED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    answered(&s, "PERFORM POSTCOPY_FAILED");
    give(&s, EV_MIG_POSTCOPY_ACTIVE); /* it did not hang */
    told(&s, "SUSPENDED/POSTCOPY");
}

static void a_qemu_that_fails_as_postcopy_begins_goes_on_by_proof_only(void **state)
{
    (void)state;
    struct story s = source_switching(PEER_CHANNEL);
    give(&s, EV_MIG_FAILED, EV_QEMU_RESUMED, EV_QEMU_STOPPED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    ordered(&s, "ASK_PEER, STOP, ASK_PEER");
    struct story t = s;
    give(&t, EV_PROOF_TAKEN); /* it is there, and may run there */
    ordered(&t, "READ_STATS");
    give(&s, EV_PROOF_RELEASED, EV_QEMU_RESUMED, EV_CONT_DONE);
    ordered(&s, "CONT, JOB_END POSTCOPY_FAILED");
    reads(&s, "RUNNING/MIGRATION_CANCELED");

    s = running_guest(); /* and QEMU has not answered who wanted post-copy */
    give(&s, WITH(EV_BEGIN, BEGIN_POSTCOPY), WITH(EV_PERFORM, PEER_CHANNEL), EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED,
         EV_MIG_ACTIVE, EV_START_POSTCOPY, EV_QEMU_STOPPED, EV_MIG_FAILED, EV_POSTCOPY_REFUSED);
    answered(&s, "BEGIN OK, START_POSTCOPY POSTCOPY_FAILED");

    s = source_switching(PEER_STOCK); /* nobody can be asked: no Finish has gone out */
    give(&s, EV_MIG_FAILED, EV_QEMU_RESUMED);
    reads(&s, "RUNNING/MIGRATION_CANCELED");
}

static void finish_that_was_lost_breaks_nothing_where_it_can_be_asked(void **state)
{
    (void)state;
    struct story s = source_with_channel(0);
    give(&s, EV_CONFIRM_CANCELLED, EV_PROOF_NEEDS_SOURCE, EV_MIG_COMPLETED, EV_STATS_READ, EV_PROOF_TAKEN, EV_QEMU_GONE);
    told(&s, "STOPPED/MIGRATED");

    s = source_with_channel(0); /* and its `cont` was refused there */
    give(&s, EV_CONFIRM_CANCELLED, EV_MIG_COMPLETED, EV_STATS_READ, EV_PROOF_REFUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    give(&s, EV_PROOF_TAKEN, EV_QEMU_GONE); /* until somebody got it going */
    told(&s, "STOPPED/MIGRATED");
}

static void an_operator_s_word(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    give(&s, EV_SETTLE_RUN, EV_SETTLE_END);
    answered(&s, "SETTLE NOT_IN_DOUBT, SETTLE NOT_IN_DOUBT");
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ, EV_CLIENT_GONE, EV_PROOF_NONE);
    reads(&s, "PAUSED/MIGRATION");
    forget_so_far(&s);
    give(&s, EV_SETTLE_RUN);
    answered(&s, "SETTLE OK");
    incidents(&s, "SETTLED");
    ordered(&s, "CONT");

    s = source_with_channel(0);
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_SETTLE_END, EV_STATS_READ, EV_QEMU_GONE);
    told(&s, "SUSPENDED/POSTCOPY_FAILED, STOPPED/MIGRATED");
}

/* ---- restarts of the source ---- */

static void a_restart_cancels_no_precopy(void **state)
{
    (void)state;
    struct story s = source_in_precopy(0);
    restart(&s, BOOT(1, EV_MIG_ACTIVE));
    ordered(&s, "");
    give(&s, EV_PERFORM, EV_PERFORM); /* its client comes again; and another one */
    answered(&s, "PERFORM JOB_ACTIVE");
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ);
    answered(&s, "PERFORM OK");

    s = source_in_precopy(0); /* the client does not come */
    restart(&s, BOOT(1, EV_MIG_ACTIVE));
    give(&s, EV_CLIENT_GONE);
    ordered(&s, "CANCEL");
}

static void p2p_goes_on_over_a_restart(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_PERFORM_P2P, EV_PEER_CONNECTED, WITH(EV_PEER_PREPARED, PEER_CHANNEL), EV_SOURCE_CONFIGURED);
    forget_so_far(&s);
    restart(&s, BOOT(1, EV_MIG_NONE)); /* the order was lost */
    give(&s, EV_SOURCE_CONFIGURED, EV_MIG_ACTIVE, EV_PEER_LOST);
    ordered(&s, "CONFIGURE_SOURCE, MIGRATE");
    give(&s, EV_QEMU_STOPPED, EV_MIG_COMPLETED, EV_STATS_READ, EV_PEER_FINISHED, EV_QEMU_GONE);
    ordered(&s, "READ_STATS, PEER_FINISH, KILL_QEMU, JOB_END OK, PEER_CLOSE");
}

static void the_destination_hears_that_it_is_back(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_BEGIN, WITH(EV_PERFORM, PEER_CHANNEL), EV_SOURCE_CONFIGURED, EV_MIGRATE_ACCEPTED, EV_MIG_ACTIVE,
         EV_QEMU_STOPPED, EV_CLIENT_GONE, EV_QEMU_RESUMED, EV_MIG_CANCELLED);
    reads(&s, "RUNNING/MIGRATION_CANCELED");
    forget_so_far(&s);
    give(&s, EV_PEER_LOST); /* nobody is made to wait for it */
    answered(&s, "PERFORM CLIENT_LEFT");
    ordered(&s, "ASK_LATER");
    give(&s, EV_ASK_AGAIN);
    ordered(&s, "PEER_FINISH cancelled");
    give(&s, EV_BEGIN); /* nor is a new migration */
    answered(&s, "BEGIN OK");
    ordered(&s, "PEER_CLOSE, JOB_END CLIENT_LEFT, JOB_BEGIN");
}

static void an_io_error_aborts_where_that_was_asked(void **state)
{
    (void)state;
    struct story s = source_in_precopy(BEGIN_ABORT_ON_ERROR);
    give(&s, EV_QEMU_IO_ERROR, EV_QEMU_STOPPED, EV_MIG_CANCELLED);
    ordered(&s, "CANCEL, JOB_END IO_ERROR");
    told(&s, "SUSPENDED/IOERROR");
    answered(&s, "PERFORM IO_ERROR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_daemons_mend_it_by_themselves),
        cmocka_unit_test(an_attempt_that_fails_is_told_and_made_again),
        cmocka_unit_test(a_silence_is_made_a_break),
        cmocka_unit_test(a_last_page_on_its_way_is_not_thrown_away),
        cmocka_unit_test(a_qemu_that_hangs_as_it_resumes_has_a_name),
        cmocka_unit_test(a_daemon_that_comes_back_resumes_with_what_qemu_has),
        cmocka_unit_test(what_qemu_gave_up_keeps_nobody_waiting),
        cmocka_unit_test(an_answer_from_before_it_was_resumed_says_nothing),
        cmocka_unit_test(switched_off_it_waits_for_somebody),
        cmocka_unit_test(broken_on_purpose_only_a_client_mends_it),
        cmocka_unit_test(it_is_broken_on_purpose_when_qemu_says_so),
        cmocka_unit_test(a_client_that_can_t_resume_breaks_nothing),
        cmocka_unit_test(there_is_nothing_to_resume),
        cmocka_unit_test(proved_released_it_is_given_back_the_hard_way),
        cmocka_unit_test(a_qemu_that_hangs_as_postcopy_begins_has_a_name),
        cmocka_unit_test(a_qemu_that_fails_as_postcopy_begins_goes_on_by_proof_only),
        cmocka_unit_test(finish_that_was_lost_breaks_nothing_where_it_can_be_asked),
        cmocka_unit_test(an_operator_s_word),
        cmocka_unit_test(a_restart_cancels_no_precopy),
        cmocka_unit_test(p2p_goes_on_over_a_restart),
        cmocka_unit_test(the_destination_hears_that_it_is_back),
        cmocka_unit_test(an_io_error_aborts_where_that_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
