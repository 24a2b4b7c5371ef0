/* A post-copy that broke, at the destination: what listens again, what is proved, what waits for whom. */
#include "story.h"

static struct story draining(int flags)
{
    struct story s = prepared_destination(BEGIN_POSTCOPY | flags);
    give(&s, EV_MIG_ACTIVE, EV_FINISH, EV_MIG_POSTCOPY_ACTIVE, EV_QEMU_RESUMED, EV_CONT_DONE);
    forget_so_far(&s);
    return s;
}

static void it_listens_again_for_the_source(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    told(&s, "RESUMED/POSTCOPY_FAILED");
    answered(&s, ""); /* Finish waits */
    give(&s, EV_ASKED, EV_PEER_RECOVER, EV_PEER_RECOVER);
    ordered(&s, "PROVE NEEDS_SOURCE, RECOVER_LISTEN"); /* once */
    give(&s, EV_LISTENING);
    ordered(&s, "PEER_RECOVERABLE yes");
    give(&s, EV_MIG_POSTCOPY_RECOVER, EV_MIG_POSTCOPY_ACTIVE, EV_MIG_COMPLETED);
    told(&s, "RESUMED/POSTCOPY, RESUMED/MIGRATED");
    answered(&s, "FINISH OK");
}

static void a_break_that_it_has_not_noticed(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, EV_PEER_RECOVER);
    ordered(&s, "PAUSE_STREAM");
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_LISTEN_FAILED);
    ordered(&s, "RECOVER_LISTEN, PEER_RECOVERABLE no");
    give(&s, EV_PEER_RECOVER, EV_LISTENING, EV_MIG_POSTCOPY_PAUSED);
    ordered(&s, "RECOVER_LISTEN, PEER_RECOVERABLE yes");
    reads(&s, "RUNNING/POSTCOPY_FAILED");
}

static void a_client_s_prepare_resumes_what_was_broken_on_purpose(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, WITH(EV_ABORT, ABORT_POSTCOPY), EV_MIG_POSTCOPY_PAUSED);
    answered(&s, "ABORT OK, FINISH POSTCOPY_FAILED");
    ordered(&s, "PAUSE_STREAM");
    give(&s, EV_PEER_RECOVER);
    ordered(&s, "PEER_RECOVERABLE no");
    give(&s, WITH(EV_PREPARE, BEGIN_RESUME), EV_LISTENING);
    ordered(&s, "RECOVER_LISTEN");
    answered(&s, "PREPARE OK");
    give(&s, EV_MIG_POSTCOPY_ACTIVE, EV_FINISH, EV_MIG_COMPLETED);
    answered(&s, "FINISH OK");
    told(&s, "RESUMED/POSTCOPY_FAILED, RESUMED/POSTCOPY, RESUMED/MIGRATED");
}

/* He may give up, and then the source's daemon takes it up; it had heard that it is left to clients. */
static void the_source_hears_that_a_client_resumes_it(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, WITH(EV_ABORT, ABORT_POSTCOPY), EV_MIG_POSTCOPY_PAUSED, WITH(EV_ASKED, SWITCHED_POSTCOPY));
    ordered(&s, "PAUSE_STREAM, PROVE REFUSED");
    give(&s, WITH(EV_PREPARE, BEGIN_RESUME));
    ordered(&s, "PROVE NEEDS_SOURCE, RECOVER_LISTEN");
}

static void silence_breaks_no_stream_here(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, EV_STALLED);
    ordered(&s, "");
    told(&s, "RESUMED/POSTCOPY_FAILED");
    struct story t = s;
    give(&t, EV_MIG_POSTCOPY_ACTIVE); /* more has come, so QEMU was asked */
    told(&t, "RESUMED/POSTCOPY");
    give(&s, EV_MIG_COMPLETED);
    told(&s, "RESUMED/MIGRATED");
    answered(&s, "FINISH OK");
}

static void who_waits_for_what_the_source_leaves_is_told(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, WITH(EV_ASKED, SWITCHED_HELD));
    answered(&s, "");
    give(&s, EV_MIG_POSTCOPY_PAUSED);
    answered(&s, "FINISH POSTCOPY_FAILED");

    s = draining(PREPARE_CHANNEL); /* and so is a source whose stream is broken here on purpose */
    give(&s, WITH(EV_ABORT, ABORT_POSTCOPY), EV_MIG_POSTCOPY_PAUSED, WITH(EV_ASKED, SWITCHED_POSTCOPY));
    ordered(&s, "PAUSE_STREAM, PROVE REFUSED");
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    struct story s = draining(PREPARE_CHANNEL);
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_STALLED);
    answered(&s, "FINISH POSTCOPY_FAILED");
    reads(&s, "RUNNING/POSTCOPY_FAILED");
}

static void a_cont_that_was_refused_can_be_given_again(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY | PREPARE_CHANNEL);
    give(&s, EV_MIG_ACTIVE, EV_FINISH, EV_MIG_POSTCOPY_ACTIVE, EV_CONT_REFUSED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED");
    answered(&s, "FINISH POSTCOPY_FAILED");
    forget_so_far(&s);
    give(&s, EV_MIG_COMPLETED, EV_ASKED);
    ordered(&s, "PROVE REFUSED");
    reads(&s, "PAUSED/POSTCOPY_FAILED");
    give(&s, EV_RESUME, EV_QEMU_RESUMED);
    ordered(&s, "CONT, PROVE TAKEN, JOB_END OK");
    answered(&s, "RESUME OK");
    told(&s, "RESUMED/POSTCOPY, RESUMED/MIGRATED");
}

/* The first `cont` was taken, and the daemon that gave it is no more. */
static void a_second_cont_that_is_refused_is_no_proof(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY | PREPARE_CHANNEL);
    give(&s, EV_MIG_ACTIVE, EV_FINISH, EV_MIG_POSTCOPY_ACTIVE);
    restart(&s, BOOT(0, EV_MIG_POSTCOPY_ACTIVE));
    forget_so_far(&s);
    give(&s, EV_CONT_REFUSED);
    reads(&s, "PAUSED/POSTCOPY_FAILED");
    give(&s, EV_QEMU_RESUMED);
    reads(&s, "RUNNING/POSTCOPY");
    give(&s, EV_QEMU_IO_ERROR, EV_QEMU_STOPPED, EV_QEMU_RESUMED);
    told(&s, "SUSPENDED/POSTCOPY_FAILED, RESUMED/POSTCOPY, SUSPENDED/IOERROR, RESUMED/POSTCOPY");
    give(&s, EV_MIG_POSTCOPY_PAUSED, EV_DESTROY, EV_QEMU_GONE, WITH(EV_ASKED, SWITCHED_UNSEEN));
    ordered(&s, "KILL_QEMU, JOB_END GUEST_GONE, PROVE LOST");
}

/* While it is ended nobody hears whether it has run. */
static void an_arrival_destroyed_as_it_fails_is_not_released(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY | PREPARE_CHANNEL);
    give(&s, EV_MIG_ACTIVE, EV_FINISH, EV_MIG_POSTCOPY_ACTIVE, EV_MIG_FAILED, EV_DESTROY);
    forget_so_far(&s);
    give(&s, EV_QEMU_RESUMED, EV_QEMU_GONE, EV_ASKED);
    ordered(&s, "JOB_END GUEST_GONE, PROVE LOST");
}

/* In pre-copy it is kept for a source that may live or not. */
static void a_cont_that_was_refused_ends_nothing(void **state)
{
    (void)state;
    struct story s = prepared_destination(PREPARE_CHANNEL);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_FINISH, EV_CONT_REFUSED);
    answered(&s, "FINISH QEMU_FAILED");
    ordered(&s, "CONT");
    give(&s, EV_CLIENT_GONE);
    ordered(&s, "");
    give(&s, EV_ASKED);
    ordered(&s, "SYNC, KILL_QEMU");
}

static void all_of_a_guest_is_kept_for_who_may_have_lost_his(void **state)
{
    (void)state;
    struct story s = prepared_destination(PREPARE_CHANNEL);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_FINISH_CANCELLED, EV_CLIENT_GONE);
    answered(&s, "FINISH IN_DOUBT");
    ordered(&s, "");
    struct story t = s;
    give(&s, EV_ASKED); /* the source asks for it */
    ordered(&s, "SYNC, KILL_QEMU");
    give(&t, WITH(EV_FINISH_CANCELLED, FINISH_OF_SOURCE)); /* or has it back */
    ordered(&t, "SYNC, KILL_QEMU");

    s = prepared_destination(PREPARE_CHANNEL);
    give(&s, EV_MIG_ACTIVE, EV_MIG_COMPLETED, EV_SETTLE_RUN);
    answered(&s, "SETTLE NOT_IN_DOUBT"); /* its client is there */
    give(&s, EV_CLIENT_GONE, EV_SETTLE_RUN, EV_QEMU_RESUMED);
    ordered(&s, "CONT, JOB_END OK");
    incidents(&s, "SETTLED");
}

static void a_restart_undoes_nothing_that_the_source_comes_back_to(void **state)
{
    (void)state;
    struct story s = prepared_destination(PREPARE_CHANNEL | PREPARE_P2P);
    give(&s, EV_MIG_ACTIVE, EV_CLIENT_GONE);
    restart(&s, BOOT(0, EV_MIG_ACTIVE));
    ordered(&s, "");
    give(&s, EV_MIG_COMPLETED, EV_FINISH);
    ordered(&s, "CONT");

    s = prepared_destination(PREPARE_CHANNEL | PREPARE_P2P); /* nor for ever */
    give(&s, EV_CLIENT_GONE, EV_STALLED, EV_MIG_SETUP);
    ordered(&s, "ASK_QEMU, SYNC, KILL_QEMU");
}

/* Without a channel nobody can ask, and it may have been post-copy: it is said, and an operator decides. */
static void who_comes_back_to_all_of_a_guest_says_so(void **state)
{
    (void)state;
    struct story s = prepared_destination(BEGIN_POSTCOPY);
    give(&s, EV_MIG_ACTIVE);
    restart(&s, BOOT(0, EV_MIG_COMPLETED));
    incidents(&s, "LEFT_IN_DOUBT");
    give(&s, EV_RESUME, EV_SETTLE_RUN, EV_QEMU_RESUMED);
    answered(&s, "RESUME IN_DOUBT, SETTLE OK");
    reads(&s, "RUNNING/MIGRATED");
}

static void no_new_start_before_the_release_is_durable(void **state)
{
    (void)state;
    struct story s = prepared_destination(0);
    give(&s, EV_DESTROY, EV_QEMU_GONE, EV_START);
    answered(&s, "DESTROY OK, START ENDING");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_listens_again_for_the_source),
        cmocka_unit_test(a_break_that_it_has_not_noticed),
        cmocka_unit_test(a_client_s_prepare_resumes_what_was_broken_on_purpose),
        cmocka_unit_test(the_source_hears_that_a_client_resumes_it),
        cmocka_unit_test(silence_breaks_no_stream_here),
        cmocka_unit_test(who_waits_for_what_the_source_leaves_is_told),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(a_cont_that_was_refused_can_be_given_again),
        cmocka_unit_test(a_second_cont_that_is_refused_is_no_proof),
        cmocka_unit_test(an_arrival_destroyed_as_it_fails_is_not_released),
        cmocka_unit_test(a_cont_that_was_refused_ends_nothing),
        cmocka_unit_test(all_of_a_guest_is_kept_for_who_may_have_lost_his),
        cmocka_unit_test(a_restart_undoes_nothing_that_the_source_comes_back_to),
        cmocka_unit_test(who_comes_back_to_all_of_a_guest_says_so),
        cmocka_unit_test(no_new_start_before_the_release_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
