/* How a QMP monitor ends, and how a connection is had at all: from the socket, or from an earlier daemon. */
#include "fake_monitor.h"
#include <errno.h>

/* ---- the end ---- */

static void test_end_of_file(void **state)
{
    struct fake k;
    struct question a = {0}, b = {0};
    struct fail f;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&a, &k, "quit", 0, 0), 0);
    assert_int_equal(ask(&b, &k, "query-status", 0, 0), 0);
    qemu_says(&k, "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "
                  "\"SHUTDOWN\"}\r\n");
    qemu_returns(&k, hear(&k, "execute", "quit"));
    hang_up(&k);
    run_until(k.h, &k.closed);
    assert_string_equal(k.story, "event SHUTDOWN; quit return; query-status closed; closed; ");
    struct monitor_command c = {.name = "cont"};
    assert_int_equal(monitor_send(k.monitor, &c, &f), -1);
    assert_string_equal(f.text, "monitor: send cont: the monitor is not connected");
    end_fake(&k);
}

static void test_end_in_mid_message(void **state)
{
    struct fake k;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    qemu_says(&k, "{\"timestamp\": {\"seco");
    hang_up(&k);
    run_until(k.h, &k.closed);
    assert_non_null(strstr(k.why.text, "end of file in the middle of a message"));
    assert_string_equal(k.story, "closed; ");
    end_fake(&k);
}

static void test_junk(void **state)
{
    static const char *const JUNK[] = {
        "qemu-system-x86_64: terminating on signal 15\n",
        "{\"event\": \n",
        "[1, 2, 3]\n",
        "{\"neither\": 1}\n",
        "\xff\xfe\n",
        GREETING, /* a second one */
    };
    for (size_t i = 0; i < sizeof(JUNK) / sizeof(JUNK[0]); i++) {
        struct fake k;
        struct question q = {0};
        start_fake(*state, &k, 10 * TIMER_SECOND);
        greet(&k, GREETING);
        assert_int_equal(ask(&q, &k, "query-status", 0, 0), 0);
        qemu_says(&k, JUNK[i]);
        qemu_says(&k, "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "
                      "\"RESUME\"}\r\n");
        run_until(k.h, &k.closed);
        /* nothing behind the junk is believed */
        assert_string_equal(k.story, "query-status closed; closed; ");
        assert_int_equal(strncmp(k.why.text, "monitor: ", 9), 0);
        end_fake(&k);
    }
}

static void test_junk_instead_of_a_greeting(void **state)
{
    struct fake k;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    qemu_says(&k, "HTTP/1.1 400 Bad Request\r\n");
    run_until(k.h, &k.closed);
    assert_false(k.ready);
    end_fake(&k);
}

static void test_endless_line(void **state)
{
    struct harness *h = *state;
    struct fake k;
    char bytes[65536];
    memset(bytes, 'x', sizeof(bytes));
    bytes[0] = '{';
    start_fake(h, &k, 20 * TIMER_SECOND);
    while (!k.closed) {
        ssize_t n = write(k.qemu, bytes, sizeof(bytes));
        assert_true(n > 0 || errno == EAGAIN || errno == EPIPE);
        bytes[0] = 'x';
        run_ready(h);
    }
    assert_int_equal(strncmp(k.why.text, "monitor: ", 9), 0);
    end_fake(&k);
}

static void test_freed_in_its_own_callbacks(void **state)
{
    struct fake k;
    struct question a = {.free_in_reply = true}, b = {0};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&a, &k, "a", 0, 0), 0);
    assert_int_equal(ask(&b, &k, "b", 0, 0), 0);
    qemu_returns(&k, hear(&k, "execute", "a"));
    run_until_count(k.h, &k.told, 2);
    assert_string_equal(k.story, "a return; b closed; ");
    end_fake(&k);

    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    k.free_at_event = true;
    assert_int_equal(ask(&b, &k, "b", 0, 0), 0);
    qemu_says(&k, "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"A\"}\r\n"
                  "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"B\"}\r\n");
    run_until_count(k.h, &k.told, 2);
    run_ready(k.h);
    assert_string_equal(k.story, "event A; b closed; ");
    end_fake(&k);

    /* while it is failing */
    a.free_in_reply = true;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&a, &k, "a", 0, 0), 0);
    assert_int_equal(ask(&b, &k, "b", 0, 0), 0);
    hang_up(&k);
    run_until_count(k.h, &k.told, 2);
    run_ready(k.h);
    assert_string_equal(k.story, "a closed; b closed; ");
    end_fake(&k);
}

static void test_freed_by_a_time_out(void **state)
{
    struct fake k;
    struct question a = {.free_in_reply = true};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&a, &k, "a", 0, TIMER_MSEC), 0);
    run_until_count(k.h, &k.told, 1);
    assert_string_equal(k.story, "a timeout; ");
    end_fake(&k);
}

/* ---- the socket ---- */

static void test_socket_is_there_before_qemu(void **state)
{
    struct harness *h = *state;
    struct fake k = {.h = h};
    struct fail f;
    int listening;
    const char *path = path_in(h, "monitor");
    assert_int_equal(monitor_listen(path, &listening, &f), 0);
    assert_int_equal(monitor_new(h->event, path, 10 * TIMER_SECOND, &OPS, &k, &k.monitor, &f), 0);
    int first = accept4(listening, NULL, NULL, SOCK_NONBLOCK); /* QEMU has started at last */
    assert_int_equal(write(first, GREETING, strlen(GREETING)), strlen(GREETING));
    assert_int_equal(write(first, "\r\n", 2), 2);
    /* a connection that was greeted is given up for one that QEMU takes when it is ready for it */
    struct pollfd waiting = {.fd = listening, .events = POLLIN};
    while (poll(&waiting, 1, 0) == 0)
        assert_true(sd_event_run(h->event, 10 * TIMER_SECOND) > 0);
    k.qemu = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    char byte;
    assert_int_equal(read(first, &byte, 1), 0);
    close(first);
    greet(&k, GREETING);
    end_fake(&k);
    close(listening);

    /* the next QEMU of this guest */
    assert_int_equal(monitor_listen(path, &listening, &f), 0);
    close(listening);
    assert_int_equal(monitor_new(h->event, path, 10 * TIMER_SECOND, &OPS, &k, &k.monitor, &f), -1);
    assert_non_null(strstr(f.text, "Connection refused"));
    assert_int_equal(f.code, VIR_ERR_SYSTEM_ERROR);
    assert_int_equal(monitor_listen(path_in(h, "no/such/folder"), &listening, &f), -1);
    assert_non_null(strstr(f.text, "no/such/folder"));
}

/* It greets, and has ended when it is connected to for good: why is in its log, as with any end of file. */
static void test_qemu_that_ends_after_its_first_greeting(void **state)
{
    struct harness *h = *state;
    struct fake k = {.h = h};
    struct fail f;
    int listening;
    const char *path = path_in(h, "monitor");
    assert_int_equal(monitor_listen(path, &listening, &f), 0);
    assert_int_equal(monitor_new(h->event, path, 10 * TIMER_SECOND, &OPS, &k, &k.monitor, &f), 0);
    k.qemu = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    close(listening);
    qemu_says(&k, GREETING "\r\n");
    run_until(h, &k.closed);
    assert_int_equal(k.why.code, VIR_ERR_SYSTEM_ERROR);
    end_fake(&k);
}

/* ---- a connection that an earlier daemon has left ---- */

/* It died over half a line of QEMU's, and has replies to come. */
static void test_taken_over(void **state)
{
    struct harness *h = *state;
    struct fake k = {.h = h};
    struct question first = {0}, second = {0}, oob = {0};
    struct fail f;
    int fds[2];
    char white[2];
    make_pair(fds);
    k.qemu = fds[1];
    qemu_says(&k, "urn\": {}, \"id\": 4}\r\n{\"return\": {}, \"id\": 5}\r\n"
                  "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\r\n");
    assert_int_equal(monitor_new_taken_over(h->event, fds[0], &OPS, &k, &k.monitor, &f), 0);
    assert_int_equal(ask(&first, &k, "query-status", 0, 0), -1); /* not in the call that made it */
    run_until(h, &k.ready);
    assert_true(monitor_has_oob(k.monitor));
    assert_int_equal(ask(&first, &k, "query-status", 0, 0), 0);
    assert_int_equal(ask(&second, &k, "query-migrate", 0, 0), 0);
    assert_int_equal(ask(&oob, &k, "migrate-pause", MONITOR_OOB, 0), 0);
    run_until_count(h, &k.told, 1);
    assert_string_equal(k.story, "event STOP; ");
    assert_int_equal(read(k.qemu, white, 2), 2); /* ends what the earlier daemon may have written half */
    assert_memory_equal(white, "\n\n", 2);
    uint64_t id = hear(&k, "execute", "query-status"), oob_id = hear(&k, "exec-oob", "migrate-pause");
    hear_nothing(&k); /* QEMU's queue may hold what is not ours */
    qemu_says(&k, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n");
    qemu_returns(&k, oob_id);
    run_until_count(h, &k.told, 2);
    hear_nothing(&k); /* that was out of band: nothing is known of the queue */
    qemu_returns(&k, id);
    run_until_count(h, &k.told, 3);
    qemu_returns(&k, hear(&k, "execute", "query-migrate"));
    run_until_count(h, &k.told, 4);
    assert_string_equal(k.story, "event STOP; migrate-pause return; query-status return; query-migrate return; ");
    /* From here on it is a connection like any other. */
    qemu_says(&k, "junk\r\n");
    run_until(h, &k.closed);
    end_fake(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_taken_over),
        harness_test(test_qemu_that_ends_after_its_first_greeting),
        harness_test(test_end_of_file),
        harness_test(test_end_in_mid_message),
        harness_test(test_junk),
        harness_test(test_junk_instead_of_a_greeting),
        harness_test(test_endless_line),
        harness_test(test_freed_in_its_own_callbacks),
        harness_test(test_freed_by_a_time_out),
        harness_test(test_socket_is_there_before_qemu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
