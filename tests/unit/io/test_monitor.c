/* A QMP monitor with a fake QEMU at the other end of a socket: the handshake, and commands. */
#include "fake_monitor.h"

/* ---- the handshake ---- */

static void test_greeting(void **state)
{
    struct fake k;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(monitor_get_version(k.monitor), 7002022);
    assert_true(monitor_has_oob(k.monitor));
    end_fake(&k);
}

static void test_oob_is_enabled_when_offered(void **state)
{
    struct harness *h = *state;
    struct fake k;
    struct json_object *line, *arguments, *enable;
    start_fake(h, &k, 10 * TIMER_SECOND);
    qemu_says(&k, GREETING);
    while (!(line = next_line(&k)))
        assert_true(sd_event_run(h->event, 10 * TIMER_SECOND) > 0);
    assert_true(json_object_object_get_ex(line, "arguments", &arguments));
    assert_true(json_object_object_get_ex(arguments, "enable", &enable));
    assert_string_equal(json_object_to_json_string_ext(enable, JSON_C_TO_STRING_PLAIN),
                        "[\"oob\"]");
    json_object_put(line);
    end_fake(&k);
}

static void test_qemu_that_never_greets(void **state)
{
    struct fake k;
    start_fake(*state, &k, 30 * TIMER_MSEC);
    run_until(k.h, &k.closed);
    assert_string_equal(k.why.text, "monitor: QEMU did not greet within 30 ms");
    assert_int_equal(k.why.code, VIR_ERR_OPERATION_TIMEOUT);
    assert_false(k.ready);
    end_fake(&k);
}

static void test_qemu_that_greets_and_falls_silent(void **state)
{
    struct fake k;
    start_fake(*state, &k, 30 * TIMER_MSEC);
    qemu_says(&k, GREETING);
    run_until(k.h, &k.closed);
    assert_string_equal(k.why.text, "monitor: QEMU did not answer qmp_capabilities within 30 ms");
    end_fake(&k);
}

static void test_qemu_that_refuses_the_handshake(void **state)
{
    struct harness *h = *state;
    struct fake k;
    char text[128];
    start_fake(h, &k, 10 * TIMER_SECOND);
    qemu_says(&k, GREETING);
    struct pollfd p = {.fd = k.qemu, .events = POLLIN};
    while (poll(&p, 1, 0) == 0)
        assert_true(sd_event_run(h->event, 10 * TIMER_SECOND) > 0);
    snprintf(text, sizeof(text),
             "{\"id\": %llu, \"error\": {\"class\": \"GenericError\", \"desc\": \"not today\"}}\n",
             (unsigned long long)hear(&k, "execute", "qmp_capabilities"));
    qemu_says(&k, text);
    run_until(h, &k.closed);
    assert_non_null(strstr(k.why.text, "not today"));
    end_fake(&k);
}

static void test_not_ready_yet(void **state)
{
    struct fake k;
    struct question q = {0};
    struct fail f;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    struct monitor_command c = {.name = "cont",
                                .arguments = json_object_new_object(), /* taken over, not leaked */
                                .reply = on_reply,
                                .userdata = &q};
    assert_int_equal(monitor_send(k.monitor, &c, &f), -1);
    assert_string_equal(f.text, "monitor: send cont: the monitor is not ready yet");
    end_fake(&k);
    assert_string_equal(k.story, "");
}

/* ---- commands ---- */

static void test_replies_find_their_commands(void **state)
{
    struct fake k;
    struct question a = {0}, b = {0}, c = {0};
    char text[128];
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&a, &k, "query-a", 0, 0), 0);
    assert_int_equal(ask(&b, &k, "query-b", 0, 0), 0);
    assert_int_equal(ask(&c, &k, "query-c", 0, 0), 0);
    uint64_t id_a = hear(&k, "execute", "query-a");
    uint64_t id_b = hear(&k, "execute", "query-b");
    uint64_t id_c = hear(&k, "execute", "query-c");
    qemu_returns(&k, id_c); /* out of order */
    snprintf(
        text, sizeof(text),
        "{\"id\": %llu, \"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"no such\"}}\r\n",
        (unsigned long long)id_a);
    qemu_says(&k, text);
    qemu_returns(&k, id_b);
    run_until_count(k.h, &k.told, 3);
    assert_string_equal(k.story, "query-c return; query-a error; query-b return; ");
    end_fake(&k);
}

static void test_events_and_replies_keep_their_order(void **state)
{
    struct fake k;
    struct question q = {0};
    char text[512];
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&q, &k, "stop", 0, 0), 0);
    uint64_t id = hear(&k, "execute", "stop");
    snprintf(text, sizeof(text),
             "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"STOP\"}\r\n"
             "{\"return\": {}, \"id\": %llu}\r\n"
             "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 3}, \"event\": \"RESUME\"}\r\n",
             (unsigned long long)id);
    /* One byte a turn: what is cut anywhere is put together again. */
    for (const char *p = text; *p; p++) {
        assert_int_equal(write(k.qemu, p, 1), 1);
        run_ready(k.h);
    }
    run_until_count(k.h, &k.told, 3);
    assert_string_equal(k.story, "event STOP; stop return; event RESUME; ");
    end_fake(&k);
}

/* QEMU's queue of eight must have room left for a command that goes out of band. */
static void test_pipeline_is_bounded_and_oob_passes_it(void **state)
{
    struct fake k;
    struct question q[6] = {0}, oob = {0};
    static const char *const NAMES[] = {"q0", "q1", "q2", "q3", "q4", "q5"};
    uint64_t id[6];
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    for (int i = 0; i < 6; i++)
        assert_int_equal(ask(&q[i], &k, NAMES[i], 0, 0), 0);
    assert_int_equal(ask(&oob, &k, "migrate-pause", MONITOR_OOB, 0), 0);
    for (int i = 0; i < MONITOR_PIPELINE; i++)
        id[i] = hear(&k, "execute", NAMES[i]);
    uint64_t oob_id = hear(&k, "exec-oob", "migrate-pause");
    hear_nothing(&k);
    qemu_returns(&k, oob_id);
    run_until_count(k.h, &k.told, 1);
    hear_nothing(&k); /* it had no place in the pipeline */
    qemu_returns(&k, id[0]);
    run_until_count(k.h, &k.told, 2);
    id[4] = hear(&k, "execute", "q4");
    hear_nothing(&k);
    for (int i = 1; i < 5; i++)
        qemu_returns(&k, id[i]);
    run_until_count(k.h, &k.told, 6);
    qemu_returns(&k, hear(&k, "execute", "q5"));
    run_until_count(k.h, &k.told, 7);
    assert_string_equal(k.story, "migrate-pause return; q0 return; q1 return; q2 return; "
                                 "q3 return; q4 return; q5 return; ");
    end_fake(&k);
}

/* Its owner lets go of it at once; the command may have to wait. */
static void test_a_descriptor_goes_with_its_command(void **state)
{
    struct fake k;
    struct question q[MONITOR_PIPELINE] = {0};
    uint64_t id = 0;
    int end[2];
    struct fail f;
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    for (int i = 0; i < MONITOR_PIPELINE; i++)
        assert_int_equal(ask(&q[i], &k, "q", 0, 0), 0);
    assert_int_equal(pipe(end), 0);
    struct monitor_command c = {.name = "getfd", .fd = &end[1]};
    assert_int_equal(monitor_send(k.monitor, &c, &f), 0);
    close(end[1]);
    for (int i = 0; i < MONITOR_PIPELINE; i++)
        id = hear(&k, "execute", "q");
    qemu_returns(&k, id);
    run_until_count(k.h, &k.told, 1);

    char line[256], control[CMSG_SPACE(sizeof(int))], byte = 0;
    struct iovec bytes = {line, sizeof(line)};
    struct msghdr m = {.msg_iov = &bytes,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    assert_true(recvmsg(k.qemu, &m, MSG_DONTWAIT) > 0);
    assert_non_null(CMSG_FIRSTHDR(&m));
    memcpy(&end[1], CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(end[1]));
    assert_int_equal(write(end[1], "x", 1), 1);
    close(end[1]);
    assert_int_equal(read(end[0], &byte, 1), 1);
    assert_int_equal(read(end[0], &byte, 1), 0); /* there is no third one */
    close(end[0]);
    end_fake(&k);
}

static void test_oob_without_oob_is_an_ordinary_command(void **state)
{
    struct fake k;
    struct question q = {0};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING_WITHOUT_OOB);
    assert_false(monitor_has_oob(k.monitor));
    assert_int_equal(ask(&q, &k, "migrate-pause", MONITOR_OOB, 0), 0);
    qemu_returns(&k, hear(&k, "execute", "migrate-pause"));
    run_until_count(k.h, &k.told, 1);
    assert_string_equal(k.story, "migrate-pause return; ");
    end_fake(&k);
}

static void test_late_reply_is_swallowed(void **state)
{
    struct fake k;
    struct question slow = {0}, next = {0};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&slow, &k, "query-migrate", 0, 10 * TIMER_MSEC), 0);
    run_until_count(k.h, &k.told, 1);
    assert_string_equal(k.story, "query-migrate timeout; ");
    assert_int_equal(ask(&next, &k, "query-status", 0, 0), 0);
    qemu_returns(&k, hear(&k, "execute", "query-migrate"));
    qemu_returns(&k, hear(&k, "execute", "query-status"));
    run_until_count(k.h, &k.told, 2);
    assert_string_equal(k.story, "query-migrate timeout; query-status return; ");
    end_fake(&k);
    assert_string_equal(k.story, "query-migrate timeout; query-status return; ");
}

/* What had to wait behind a QEMU that hangs, and timed out, is never sent any more. */
static void test_command_that_timed_out_in_our_queue_is_not_sent(void **state)
{
    struct fake k;
    struct question q[MONITOR_PIPELINE] = {0}, late = {0}, last = {0};
    uint64_t id[MONITOR_PIPELINE];
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    for (int i = 0; i < MONITOR_PIPELINE; i++)
        assert_int_equal(ask(&q[i], &k, "q", 0, 0), 0);
    assert_int_equal(ask(&late, &k, "cont", 0, 10 * TIMER_MSEC), 0);
    assert_int_equal(ask(&last, &k, "query-status", 0, 0), 0);
    run_until_count(k.h, &k.told, 1);
    assert_string_equal(k.story, "cont timeout; ");
    for (int i = 0; i < MONITOR_PIPELINE; i++)
        id[i] = hear(&k, "execute", "q");
    qemu_returns(&k, id[0]);
    run_until_count(k.h, &k.told, 2);
    (void)hear(&k, "execute", "query-status");
    hear_nothing(&k);
    end_fake(&k);
}

static void test_answers_to_nobody_are_dropped(void **state)
{
    struct fake k;
    struct question q = {0};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(ask(&q, &k, "query-status", 0, 0), 0);
    qemu_returns(&k, 7); /* of a connection before this one */
    qemu_says(&k, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"what?\"}}\n");
    qemu_returns(&k, hear(&k, "execute", "query-status"));
    run_until_count(k.h, &k.told, 1);
    assert_string_equal(k.story, "query-status return; ");
    end_fake(&k);
}

static void test_tells_since_when_qemu_owes_an_answer(void **state)
{
    struct fake k;
    struct question a = {0}, b = {0};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    assert_int_equal(monitor_busy_since(k.monitor), 0);
    uint64_t before = timer_now();
    assert_int_equal(ask(&a, &k, "a", 0, TIMER_MSEC), 0);
    uint64_t between = timer_now();
    assert_true(monitor_busy_since(k.monitor) >= before);
    assert_int_equal(ask(&b, &k, "b", 0, 0), 0);
    assert_true(monitor_busy_since(k.monitor) <= between); /* the oldest counts */
    run_until_count(k.h, &k.told, 1);
    assert_string_equal(k.story, "a timeout; ");
    assert_true(monitor_busy_since(k.monitor) <= between); /* it still owes that one */
    qemu_returns(&k, hear(&k, "execute", "a"));
    qemu_returns(&k, hear(&k, "execute", "b"));
    run_until_count(k.h, &k.told, 2);
    assert_int_equal(monitor_busy_since(k.monitor), 0);
    end_fake(&k);
}

static void test_commands_are_bounded(void **state)
{
    struct fake k;
    struct question q = {0};
    start_fake(*state, &k, 10 * TIMER_SECOND);
    greet(&k, GREETING);
    for (int i = 0; i < MONITOR_COMMANDS_MAX; i++)
        assert_int_equal(ask(&q, &k, "q", i % 2 ? MONITOR_OOB : 0, 0), 0);
    assert_int_equal(ask(&q, &k, "q", 0, 0), -1);
    assert_int_equal(ask(&q, &k, "q", MONITOR_OOB, 0), -1);
    q.name = "x";
    k.story[0] = '\0';
    k.told = 0;
    monitor_free(k.monitor); /* each of them gets its answer */
    k.monitor = NULL;
    assert_int_equal(k.told, MONITOR_COMMANDS_MAX);
    end_fake(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_greeting),
        harness_test(test_oob_is_enabled_when_offered),
        harness_test(test_qemu_that_never_greets),
        harness_test(test_qemu_that_greets_and_falls_silent),
        harness_test(test_qemu_that_refuses_the_handshake),
        harness_test(test_not_ready_yet),
        harness_test(test_replies_find_their_commands),
        harness_test(test_events_and_replies_keep_their_order),
        harness_test(test_pipeline_is_bounded_and_oob_passes_it),
        harness_test(test_a_descriptor_goes_with_its_command),
        harness_test(test_oob_without_oob_is_an_ordinary_command),
        harness_test(test_late_reply_is_swallowed),
        harness_test(test_command_that_timed_out_in_our_queue_is_not_sent),
        harness_test(test_answers_to_nobody_are_dropped),
        harness_test(test_tells_since_when_qemu_owes_an_answer),
        harness_test(test_commands_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
