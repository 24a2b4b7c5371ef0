/* A QMP monitor with a fake QEMU at the other end of a socket. */
#include "harness.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/monitor.h"
#include "io/timer.h"

#define GREETING                                                                                   \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "             \
    "\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define GREETING_WITHOUT_OOB                                                                       \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "             \
    "\"package\": \"\"}, \"capabilities\": []}}\r\n"

struct fake {
    struct harness *h;
    struct monitor *monitor;
    int qemu; /* the fake QEMU's end */
    bool ready;
    bool closed;
    struct fail why;
    char story[1024]; /* what the owner was told, in order: "event STOP; 1 return; " */
    unsigned told;    /* number of words in it */
    bool free_at_event;
    char pending[65536]; /* bytes from Baton that are not a whole line yet */
    size_t pending_size;
};

struct question {
    struct fake *fake;
    const char *name;
    bool free_in_reply;
};

static void tell(struct fake *k, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct fake *k, const char *format, ...)
{
    size_t at = strlen(k->story);
    va_list args;
    va_start(args, format);
    vsnprintf(k->story + at, sizeof(k->story) - at, format, args);
    va_end(args);
    k->told++;
}

static void on_ready(struct monitor *m, void *userdata)
{
    struct fake *k = userdata;
    (void)m;
    k->ready = true;
}

static void on_event(struct monitor *m, const struct monitor_event *event, void *userdata)
{
    struct fake *k = userdata;
    assert_ptr_equal(m, k->monitor);
    tell(k, "event %s; ", event->name);
    if (k->free_at_event) {
        monitor_free(m);
        k->monitor = NULL;
    }
}

static void on_closed(struct monitor *m, const struct fail *why, void *userdata)
{
    struct fake *k = userdata;
    assert_ptr_equal(m, k->monitor);
    assert_false(k->closed);
    k->closed = true;
    k->why = *why;
    tell(k, "closed; ");
}

static const struct monitor_ops OPS = {.ready = on_ready, .event = on_event, .closed = on_closed};

static void on_reply(const struct monitor_reply *reply, void *userdata)
{
    static const char *const NAMES[] = {"return", "error", "timeout", "closed"};
    struct question *q = userdata;
    struct fake *k = q->fake;
    tell(k, "%s %s; ", q->name, NAMES[reply->outcome]);
    assert_true((reply->outcome == MONITOR_RETURN) == (reply->error == NULL));
    assert_true((reply->outcome == MONITOR_ERROR) == (reply->error_class != NULL));
    if (q->free_in_reply) {
        monitor_free(k->monitor);
        k->monitor = NULL;
    }
}

static void start_fake(struct harness *h, struct fake *k, uint64_t deadline)
{
    int fds[2];
    struct fail f;
    make_pair(fds);
    *k = (struct fake){.h = h, .qemu = fds[1]};
    assert_int_equal(monitor_new_fd(h->event, fds[0], deadline, &OPS, k, &k->monitor, &f), 0);
}

static void end_fake(struct fake *k)
{
    monitor_free(k->monitor);
    if (k->qemu >= 0)
        close(k->qemu);
}

static void hang_up(struct fake *k)
{
    close(k->qemu);
    k->qemu = -1;
}

static void qemu_says(struct fake *k, const char *text)
{
    assert_int_equal(write(k->qemu, text, strlen(text)), strlen(text));
}

/* The next line from Baton, or NULL when there is none now. */
static struct json_object *next_line(struct fake *k)
{
    char *end;
    while (!(end = memchr(k->pending, '\n', k->pending_size))) {
        ssize_t n =
            read(k->qemu, k->pending + k->pending_size, sizeof(k->pending) - k->pending_size);
        if (n <= 0)
            return NULL;
        k->pending_size += (size_t)n;
    }
    *end = '\0';
    struct json_object *line = json_tokener_parse(k->pending);
    assert_non_null(line);
    k->pending_size -= (size_t)(end + 1 - k->pending);
    memmove(k->pending, end + 1, k->pending_size);
    return line;
}

/* Checks which command comes next, and gives its id. */
static uint64_t hear(struct fake *k, const char *key, const char *name)
{
    struct json_object *line = next_line(k), *value;
    assert_non_null(line);
    assert_true(json_object_object_get_ex(line, key, &value));
    assert_string_equal(json_object_get_string(value), name);
    assert_true(json_object_object_get_ex(line, "id", &value));
    uint64_t id = json_object_get_uint64(value);
    json_object_put(line);
    return id;
}

static void hear_nothing(struct fake *k)
{
    assert_null(next_line(k));
}

static void qemu_returns(struct fake *k, uint64_t id)
{
    char text[128];
    snprintf(text, sizeof(text), "{\"return\": {}, \"id\": %llu}\r\n", (unsigned long long)id);
    qemu_says(k, text);
}

static void greet(struct fake *k, const char *greeting)
{
    qemu_says(k, greeting);
    struct pollfd p = {.fd = k->qemu, .events = POLLIN};
    while (poll(&p, 1, 0) == 0)
        assert_true(sd_event_run(k->h->event, 10 * TIMER_SECOND) > 0);
    qemu_returns(k, hear(k, "execute", "qmp_capabilities"));
    run_until(k->h, &k->ready);
}

static int ask(struct question *q, struct fake *k, const char *name, unsigned flags,
               uint64_t deadline)
{
    struct fail f;
    struct monitor_command c = {
        .name = name, .flags = flags, .deadline = deadline, .reply = on_reply, .userdata = q};
    q->fake = k;
    q->name = name;
    return monitor_send(k->monitor, &c, &f);
}

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
