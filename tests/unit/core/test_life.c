/* A guest's life outside migrations. */
#include "story.h"

static void start_and_destroy(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_START, EV_QEMU_STARTED);
    ordered(&s, "START_QEMU, CONT");
    told(&s, "");
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "STARTED/BOOTED");
    answered(&s, "START OK");
    give(&s, EV_DESTROY, EV_QEMU_GONE);
    told(&s, "STOPPED/DESTROYED");
    answered(&s, "DESTROY OK");
    reads(&s, "SHUTOFF/DESTROYED");
}

static void start_paused(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, WITH(EV_START, 1), EV_QEMU_STARTED);
    ordered(&s, "START_QEMU");
    told(&s, "STARTED/BOOTED, SUSPENDED/PAUSED");
    reads(&s, "PAUSED/USER");
}

static void starts_that_fail(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_START, EV_QEMU_START_FAILED);
    told(&s, "");
    answered(&s, "START QEMU_FAILED");
    reads(&s, "SHUTOFF/FAILED");
    give(&s, EV_START, EV_QEMU_STARTED, EV_CONT_REFUSED, EV_QEMU_GONE);
    told(&s, "");
    answered(&s, "START QEMU_FAILED");
    give(&s, EV_START, EV_START);
    answered(&s, "START STARTING");
}

static void destroyed_before_it_has_started(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_START, EV_DESTROY, EV_QEMU_GONE); /* its disks are looked at still */
    answered(&s, "DESTROY OK, START DESTROYED");
    told(&s, "");
    reads(&s, "SHUTOFF/DESTROYED");
    give(&s, EV_START, EV_QEMU_STARTED, EV_DESTROY, EV_QEMU_GONE); /* its `cont` is not answered */
    answered(&s, "DESTROY OK, START DESTROYED");
}

static void suspend_and_resume(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_SUSPEND, EV_SUSPEND, EV_QEMU_STOPPED, EV_STOP_DONE);
    ordered(&s, "STOP");
    told(&s, "SUSPENDED/PAUSED");
    answered(&s, "SUSPEND OK");
    reads(&s, "PAUSED/USER");
    give(&s, EV_SUSPEND);
    answered(&s, "SUSPEND OK");
    give(&s, EV_RESUME, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "RESUMED/UNPAUSED");
    answered(&s, "RESUME OK");
    give(&s, EV_RESUME);
    answered(&s, "RESUME ALREADY_RUNNING");
}

static void io_error_pauses(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_QEMU_IO_ERROR, EV_QEMU_STOPPED);
    told(&s, "SUSPENDED/IOERROR");
    reads(&s, "PAUSED/IOERROR");
}

static void somebody_at_the_monitor(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_QEMU_STOPPED, EV_QEMU_RESUMED);
    told(&s, "SUSPENDED/PAUSED, RESUMED/UNPAUSED");
}

static void powers_itself_off(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_SHUTDOWN, WITH(EV_POWER_DONE, CALL_SHUTDOWN));
    answered(&s, "SHUTDOWN OK");
    give(&s, WITH(EV_QEMU_SHUTDOWN, SHUTDOWN_GUEST), EV_QEMU_STOPPED, EV_QEMU_GONE);
    told(&s, "SHUTDOWN/GUEST, STOPPED/SHUTDOWN");
    ordered(&s, "POWERDOWN, KILL_QEMU");
    reads(&s, "SHUTOFF/SHUTDOWN");
}

static void reboots(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_REBOOT, WITH(EV_POWER_DONE, CALL_REBOOT),
         WITH(EV_QEMU_SHUTDOWN, SHUTDOWN_GUEST), EV_QEMU_STOPPED, EV_QEMU_RESUMED, EV_CONT_DONE);
    ordered(&s, "POWERDOWN, RESET, CONT");
    told(&s, "");
    reads(&s, "RUNNING/BOOTED");
}

#define WANTED_AGAIN(detail) (WITH(EV_QEMU_SHUTDOWN, detail) | 1 << 16)

/* <on_poweroff>restart</on_poweroff>, and nobody asked for anything. */
static void starts_again_when_it_powers_itself_off(void **state)
{
    (void)state;
    struct story s = running_guest();
    for (int i = 0; i < 2; i++) {
        give(&s, WANTED_AGAIN(SHUTDOWN_GUEST), EV_QEMU_STOPPED, EV_QEMU_RESUMED, EV_CONT_DONE);
        ordered(&s, "RESET, CONT");
        told(&s, "");
        reads(&s, "RUNNING/BOOTED");
    }
    give(&s, EV_SHUTDOWN, WITH(EV_POWER_DONE, CALL_SHUTDOWN), WANTED_AGAIN(SHUTDOWN_GUEST), EV_QEMU_STOPPED);
    restart(&s, BOOT(0, EV_MIG_NONE)); /* it had not got as far as cont */
    ordered(&s, "POWERDOWN, RESET, CONT, RESET, CONT");
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE, WANTED_AGAIN(SHUTDOWN_HOST), EV_QEMU_STOPPED, EV_QEMU_GONE);
    told(&s, "SHUTDOWN/HOST, STOPPED/SHUTDOWN"); /* it was not the guest */
}

/* On the other host nobody would know that it is to start again. */
static void is_not_sent_away_before_it_has_rebooted(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_REBOOT, WITH(EV_POWER_DONE, CALL_REBOOT), EV_BEGIN);
    answered(&s, "REBOOT OK, BEGIN REBOOTING");
    give(&s, EV_RESET, WITH(EV_POWER_DONE, CALL_RESET), EV_BEGIN);
    answered(&s, "RESET OK, BEGIN OK");
}

static void starts_again_when_it_powered_itself_off_meanwhile(void **state)
{
    (void)state;
    struct story s = running_guest();
    restart(&s, BOOT(0, EV_MIG_NONE));
    give(&s, WANTED_AGAIN(SHUTDOWN_GUEST));
    ordered(&s, "RESET, CONT");
    told(&s, "SUSPENDED/PAUSED");
    give(&s, EV_QEMU_RESUMED, EV_CONT_DONE);
    told(&s, "RESUMED/UNPAUSED");
    reads(&s, "RUNNING/UNPAUSED");
}

static void dies(void **state)
{
    (void)state;
    struct story s = running_guest();
    give(&s, EV_SUSPEND, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
    reads(&s, "SHUTOFF/CRASHED");
    answered(&s, "SUSPEND GUEST_GONE");
    nobody_waits(&s);
}

static void calls_on_a_guest_that_is_off(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_SUSPEND, EV_RESUME, EV_DESTROY, EV_SHUTDOWN, EV_REBOOT, EV_RESET, EV_ABORT);
    answered(&s, "SUSPEND NOT_RUNNING, RESUME NOT_RUNNING, DESTROY NOT_RUNNING, "
                 "SHUTDOWN NOT_RUNNING, REBOOT NOT_RUNNING, RESET NOT_RUNNING, ABORT NO_JOB");
}

/* ---- the daemon was away ---- */

static void found_as_it_was(void **state)
{
    (void)state;
    struct story s = running_guest();
    restart(&s, BOOT(1, EV_MIG_NONE));
    told(&s, "");
    restart(&s, BOOT(0, EV_MIG_NONE));
    told(&s, "SUSPENDED/PAUSED");
    restart(&s, BOOT(1, EV_MIG_NONE));
    told(&s, "RESUMED/UNPAUSED");
    restart(&s, EV_QEMU_GONE);
    told(&s, "STOPPED/FAILED");
}

static void found_in_the_middle_of_a_start_or_an_end(void **state)
{
    (void)state;
    struct story s = shut_off_guest();
    give(&s, EV_START);
    restart(&s, BOOT(0, EV_MIG_NONE));
    ordered(&s, "START_QEMU, KILL_QEMU");
    restart(&s, BOOT(0, EV_MIG_NONE));
    ordered(&s, "KILL_QEMU");
    give(&s, EV_QEMU_GONE);
    told(&s, "");
    reads(&s, "SHUTOFF/FAILED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_and_destroy),
        cmocka_unit_test(start_paused),
        cmocka_unit_test(starts_that_fail),
        cmocka_unit_test(destroyed_before_it_has_started),
        cmocka_unit_test(suspend_and_resume),
        cmocka_unit_test(io_error_pauses),
        cmocka_unit_test(somebody_at_the_monitor),
        cmocka_unit_test(powers_itself_off),
        cmocka_unit_test(reboots),
        cmocka_unit_test(is_not_sent_away_before_it_has_rebooted),
        cmocka_unit_test(starts_again_when_it_powers_itself_off),
        cmocka_unit_test(starts_again_when_it_powered_itself_off_meanwhile),
        cmocka_unit_test(dies),
        cmocka_unit_test(calls_on_a_guest_that_is_off),
        cmocka_unit_test(found_as_it_was),
        cmocka_unit_test(found_in_the_middle_of_a_start_or_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
