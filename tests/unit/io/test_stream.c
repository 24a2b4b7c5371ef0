/* Bytes and descriptors over a socket, and all the ways in which that ends. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/stream.h"
#include "io/timer.h"

struct peer {
    struct stream *stream;
    int other; /* the test's end of the pair */
    char got[256];
    size_t got_size;
    unsigned received; /* calls */
    size_t largest_turn;
    bool ended;
    bool drained;
    bool closed;
    bool take; /* what is received; else it stays */
    bool pause_after_one;
    bool free_in_callback;
    struct fail why;
};

static void on_received(struct stream *s, struct buffer *in, void *userdata)
{
    struct peer *p = userdata;
    size_t size = buffer_size(in);
    p->received++;
    if (size > p->largest_turn)
        p->largest_turn = size;
    if (p->pause_after_one) {
        assert_true(p->got_size < sizeof(p->got));
        p->got[p->got_size++] = (char)buffer_bytes(in)[0];
        buffer_take(in, 1);
        stream_pause_input(s);
        return;
    }
    if (p->take) {
        size_t room = sizeof(p->got) - p->got_size;
        size_t kept = size < room ? size : room;
        memcpy(p->got + p->got_size, buffer_bytes(in), kept);
        p->got_size += kept;
        buffer_take(in, size);
    }
    if (p->free_in_callback) {
        stream_free(s);
        p->stream = NULL;
        p->closed = true;
    }
}

static void on_ended(struct stream *s, void *userdata)
{
    (void)s;
    ((struct peer *)userdata)->ended = true;
}

static void on_drained(struct stream *s, void *userdata)
{
    (void)s;
    ((struct peer *)userdata)->drained = true;
}

static void on_closed(struct stream *s, const struct fail *why, void *userdata)
{
    struct peer *p = userdata;
    assert_ptr_equal(s, p->stream);
    assert_false(p->closed);
    p->closed = true;
    p->why = *why;
}

static const struct stream_ops OPS = {
    .received = on_received, .drained = on_drained, .closed = on_closed};
static const struct stream_ops OPS_HALF = {
    .received = on_received, .ended = on_ended, .drained = on_drained, .closed = on_closed};

static void open_peer(struct harness *h, struct peer *p, const struct stream_ops *ops,
                      const struct stream_limits *limits)
{
    int fds[2];
    struct fail f;
    make_pair(fds);
    *p = (struct peer){.other = fds[1], .take = true};
    assert_int_equal(stream_new(h->event, fds[0], ops, p, limits, &p->stream, &f), 0);
}

static void close_peer(struct peer *p)
{
    stream_free(p->stream);
    if (p->other >= 0)
        close(p->other);
}

static void hang_up(struct peer *p)
{
    close(p->other);
    p->other = -1;
}

static void say(struct peer *p, const char *text)
{
    assert_int_equal(write(p->other, text, strlen(text)), strlen(text));
}

/* All that is there for the other end now. */
static size_t drain_other(struct peer *p)
{
    char bytes[65536];
    size_t total = 0;
    ssize_t n;
    while ((n = read(p->other, bytes, sizeof(bytes))) > 0)
        total += (size_t)n;
    return total;
}

static void test_bytes_both_ways(void **state)
{
    struct harness *h = *state;
    struct peer p;
    char text[8] = "";
    open_peer(h, &p, &OPS, NULL);
    say(&p, "hello");
    run_until_count(h, &p.received, 1);
    assert_memory_equal(p.got, "hello", 5);
    assert_int_equal(stream_send(p.stream, "world", 5), 0);
    assert_int_equal(stream_queued(p.stream), 0); /* went out at once */
    assert_int_equal(read(p.other, text, sizeof(text)), 5);
    assert_string_equal(text, "world");
    close_peer(&p);
}

static void test_what_is_not_taken_stays(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    p.take = false;
    say(&p, "hal");
    run_until_count(h, &p.received, 1);
    p.take = true;
    say(&p, "ves");
    run_until_count(h, &p.received, 2);
    assert_memory_equal(p.got, "halves", 6);
    close_peer(&p);
}

static void test_end_of_file(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    say(&p, "bye");
    hang_up(&p);
    run_until(h, &p.closed);
    assert_memory_equal(p.got, "bye", 3);
    assert_string_equal(p.why.text, "end of file");
    assert_int_equal(stream_send(p.stream, "x", 1), -1);
    run_ready(h);
    close_peer(&p);
}

static void test_end_in_mid_message(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    p.take = false;
    say(&p, "half a mess");
    hang_up(&p);
    run_until(h, &p.closed);
    assert_string_equal(p.why.text, "end of file in the middle of a message (11 bytes)");
    close_peer(&p);
}

static void test_one_turn_is_bounded(void **state)
{
    struct harness *h = *state;
    struct peer p;
    struct stream_limits limits = {.turn = 16, .input = 1024};
    char bytes[160];
    memset(bytes, 'x', sizeof(bytes));
    open_peer(h, &p, &OPS, &limits);
    assert_int_equal(write(p.other, bytes, sizeof(bytes)), sizeof(bytes));
    run_until_count(h, &p.received, 10);
    assert_int_equal(p.largest_turn, 16);
    close_peer(&p);
}

static void test_message_too_large(void **state)
{
    struct harness *h = *state;
    struct peer p;
    struct stream_limits limits = {.turn = 64, .input = 64};
    char bytes[100];
    memset(bytes, 'x', sizeof(bytes));
    open_peer(h, &p, &OPS, &limits);
    p.take = false;
    assert_int_equal(write(p.other, bytes, sizeof(bytes)), sizeof(bytes));
    run_until(h, &p.closed);
    assert_int_equal(p.why.code, VIR_ERR_RPC);
    assert_string_equal(p.why.text, "a message is larger than the 64 bytes allowed");
    close_peer(&p);
}

/* The subscriber that never reads costs its own connection, and bounded memory. */
static void test_slow_reader_overflows(void **state)
{
    struct harness *h = *state;
    struct peer p;
    struct stream_limits limits = {.output = 100000};
    char bytes[10000];
    memset(bytes, 'e', sizeof(bytes));
    open_peer(h, &p, &OPS, &limits);
    int r = 0;
    for (int i = 0; i < 1000 && r == 0; i++) {
        r = stream_send(p.stream, bytes, sizeof(bytes));
        assert_true(stream_queued(p.stream) <= 100000);
        assert_false(p.closed); /* never inside the call */
    }
    assert_int_equal(r, -1);
    run_until(h, &p.closed);
    assert_non_null(strstr(p.why.text, "does not read"));
    close_peer(&p);
}

static void test_queue_drains(void **state)
{
    struct harness *h = *state;
    struct peer p;
    struct stream_limits limits = {.output = 4 << 20};
    char *bytes = calloc(1, 2 << 20);
    open_peer(h, &p, &OPS, &limits);
    assert_int_equal(stream_send(p.stream, bytes, 2 << 20), 0);
    assert_true(stream_queued(p.stream) > 0);
    size_t total = 0;
    while (!p.drained) {
        total += drain_other(&p);
        assert_true(sd_event_run(h->event, TIMER_MSEC) >= 0);
    }
    total += drain_other(&p);
    assert_int_equal(total, 2 << 20);
    assert_int_equal(stream_queued(p.stream), 0);
    free(bytes);
    close_peer(&p);
}

static void test_pause_and_resume(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    p.pause_after_one = true;
    say(&p, "abc");
    run_until_count(h, &p.received, 1);
    say(&p, "d");
    run_ready(h);
    assert_int_equal(p.received, 1); /* paused: nothing is read or handed out */
    for (unsigned i = 2; i <= 4; i++) {
        stream_resume_input(p.stream);
        run_until_count(h, &p.received, i);
    }
    assert_memory_equal(p.got, "abcd", 4);
    close_peer(&p);
}

static void test_peer_gone_while_paused(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    stream_pause_input(p.stream);
    say(&p, "who will read this?");
    hang_up(&p);
    run_until(h, &p.closed);
    assert_int_equal(p.received, 0);
    close_peer(&p);
}

static void test_keep_input_of_a_peer_gone_while_paused(void **state)
{
    struct harness *h = *state;
    struct peer p;
    struct stream_limits limits = {.keep_input = true};
    open_peer(h, &p, &OPS, &limits);
    stream_pause_input(p.stream);
    say(&p, "last words");
    hang_up(&p);
    run_ready(h);
    assert_false(p.closed);
    stream_resume_input(p.stream);
    run_until(h, &p.closed);
    assert_memory_equal(p.got, "last words", 10);
    close_peer(&p);
}

/* What a peer said before it died is heard although we can't write to it any more. */
static void test_last_words_after_a_failed_write(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    say(&p, "shutdown");
    hang_up(&p);
    (void)stream_send(p.stream, "cont", 4);
    run_until(h, &p.closed);
    assert_memory_equal(p.got, "shutdown", 8);
    close_peer(&p);
}

static void test_half_close(void **state)
{
    struct harness *h = *state;
    struct peer p;
    char text[8] = "";
    open_peer(h, &p, &OPS_HALF, NULL);
    say(&p, "in");
    shutdown(p.other, SHUT_WR);
    run_until(h, &p.ended);
    assert_memory_equal(p.got, "in", 2);
    assert_false(p.closed);
    assert_int_equal(stream_send(p.stream, "out", 3), 0);
    stream_end_output(p.stream);
    assert_int_equal(read(p.other, text, sizeof(text)), 3);
    assert_string_equal(text, "out");
    assert_int_equal(read(p.other, text, sizeof(text)), 0);
    run_until(h, &p.closed); /* both directions ended */
    assert_string_equal(p.why.text, "end of file");
    close_peer(&p);
}

static void test_close_when_sent(void **state)
{
    struct harness *h = *state;
    struct peer p;
    struct stream_limits limits = {.output = 4 << 20};
    char *bytes = calloc(1, 2 << 20);
    open_peer(h, &p, &OPS, &limits);
    assert_int_equal(stream_send(p.stream, bytes, 2 << 20), 0);
    stream_close_when_sent(p.stream, 20 * TIMER_SECOND, VIR_ERR_AUTH_FAILED, "not allowed");
    assert_int_equal(stream_send(p.stream, "more", 4), -1);
    say(&p, "ignored");
    size_t total = 0;
    while (total < 2 << 20) {
        total += drain_other(&p);
        assert_true(sd_event_run(h->event, TIMER_MSEC) >= 0);
    }
    run_ready(h);
    assert_int_equal(p.received, 0);
    assert_false(p.closed); /* the peer has not closed yet */
    hang_up(&p);
    run_until(h, &p.closed);
    assert_int_equal(p.why.code, VIR_ERR_AUTH_FAILED);
    assert_string_equal(p.why.text, "not allowed");
    free(bytes);
    close_peer(&p);
}

static void test_close_when_sent_is_not_for_ever(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    stream_close_when_sent(p.stream, 5 * TIMER_MSEC, VIR_ERR_RPC, "you broke it");
    run_until(h, &p.closed);
    assert_string_equal(p.why.text, "you broke it");
    close_peer(&p);
}

static void test_own_reason_comes_from_the_loop(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    stream_fail(p.stream, VIR_ERR_RPC, "program %d is unknown", 7);
    stream_fail(p.stream, VIR_ERR_RPC, "a later reason");
    assert_false(p.closed);
    run_until(h, &p.closed);
    assert_string_equal(p.why.text, "program 7 is unknown");
    close_peer(&p);
}

static void test_free_inside_a_callback(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    p.free_in_callback = true;
    say(&p, "x");
    run_until(h, &p.closed);
    assert_int_equal(read(p.other, p.got, 1), 0);
    close_peer(&p);
}

static void test_free_before_the_reason_was_told(void **state)
{
    struct harness *h = *state;
    struct peer p;
    open_peer(h, &p, &OPS, NULL);
    stream_fail(p.stream, VIR_ERR_RPC, "never heard");
    stream_free(p.stream);
    p.stream = NULL;
    run_ready(h);
    assert_false(p.closed);
    close_peer(&p);
}

/* ---- descriptors ---- */

static int temporary_pipe(int *ret_write)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    *ret_write = fds[1];
    return fds[0];
}

static void connect_two(struct harness *h, struct peer *a, struct peer *b)
{
    int fds[2];
    struct fail f;
    make_pair(fds);
    *a = (struct peer){.other = -1, .take = true};
    *b = (struct peer){.other = -1, .take = true};
    assert_int_equal(stream_new(h->event, fds[0], &OPS, a, NULL, &a->stream, &f), 0);
    assert_int_equal(stream_new(h->event, fds[1], &OPS, b, NULL, &b->stream, &f), 0);
}

static void test_descriptors_arrive_in_order(void **state)
{
    struct harness *h = *state;
    struct peer a, b;
    unsigned before = count_fds();
    connect_two(h, &a, &b);
    int write_end[3];
    for (int i = 0; i < 3; i++) {
        int read_end = temporary_pipe(&write_end[i]);
        assert_int_equal(stream_send(a.stream, "head", 4), 0);
        assert_int_equal(stream_send_fds(a.stream, "f", 1, &read_end, 1), 0);
        close(read_end);
    }
    while (b.got_size < 15)
        assert_true(sd_event_run(h->event, 1000000) > 0);
    assert_memory_equal(b.got, "headfheadfheadf", 15);
    assert_int_equal(stream_fd_count(b.stream), 3);
    for (int i = 0; i < 3; i++) {
        char c = 0, number = (char)('0' + i);
        int fd = stream_take_fd(b.stream);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(write_end[i], &number, 1), 1);
        assert_int_equal(read(fd, &c, 1), 1);
        assert_int_equal(c, number);
        close(fd);
        close(write_end[i]);
    }
    assert_int_equal(stream_take_fd(b.stream), -1);
    close_peer(&a);
    close_peer(&b);
    assert_int_equal(count_fds(), before);
}

/* Descriptors behind a queue that has to wait. */
static void test_descriptors_keep_their_place_in_the_queue(void **state)
{
    struct harness *h = *state;
    struct peer a, b;
    connect_two(h, &a, &b);
    int write_end, read_end = temporary_pipe(&write_end);
    size_t size = 600000;
    char *bytes = calloc(1, size);
    assert_int_equal(stream_send(a.stream, bytes, size), 0);
    assert_true(stream_queued(a.stream) > 0);
    assert_int_equal(stream_send_fds(a.stream, "1", 1, &read_end, 1), 0);
    assert_int_equal(stream_send_fds(a.stream, "2", 1, &write_end, 1), 0);
    assert_int_equal(stream_send(a.stream, bytes, size / 3), 0);
    run_until(h, &a.drained);
    run_ready(h);
    assert_int_equal(stream_fd_count(b.stream), 2);
    close(read_end);
    close(write_end);
    int got_read = stream_take_fd(b.stream), got_write = stream_take_fd(b.stream);
    char c = 0;
    assert_int_equal(write(got_write, "z", 1), 1);
    assert_int_equal(read(got_read, &c, 1), 1);
    close(got_read);
    close(got_write);
    free(bytes);
    close_peer(&a);
    close_peer(&b);
}

static void test_too_many_descriptors(void **state)
{
    struct harness *h = *state;
    struct peer a, b;
    unsigned before = count_fds();
    connect_two(h, &a, &b);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i <= STREAM_FDS_MAX; i++)
        (void)stream_send_fds(a.stream, "f", 1, &fd, 1);
    close(fd);
    run_until(h, &b.closed);
    assert_non_null(strstr(b.why.text, "more than 32 descriptors"));
    close_peer(&a);
    close_peer(&b);
    assert_int_equal(count_fds(), before);
}

static void test_nothing_leaks_with_a_full_queue(void **state)
{
    struct harness *h = *state;
    struct peer p;
    unsigned before = count_fds();
    open_peer(h, &p, &OPS, NULL);
    char *bytes = calloc(1, 900000);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(stream_send(p.stream, bytes, 900000), 0);
    assert_int_equal(stream_send_fds(p.stream, "f", 1, &fd, 1), 0);
    close(fd);
    free(bytes);
    close_peer(&p);
    assert_int_equal(count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_bytes_both_ways),
        harness_test(test_what_is_not_taken_stays),
        harness_test(test_end_of_file),
        harness_test(test_end_in_mid_message),
        harness_test(test_one_turn_is_bounded),
        harness_test(test_message_too_large),
        harness_test(test_slow_reader_overflows),
        harness_test(test_queue_drains),
        harness_test(test_pause_and_resume),
        harness_test(test_peer_gone_while_paused),
        harness_test(test_keep_input_of_a_peer_gone_while_paused),
        harness_test(test_last_words_after_a_failed_write),
        harness_test(test_half_close),
        harness_test(test_close_when_sent),
        harness_test(test_close_when_sent_is_not_for_ever),
        harness_test(test_own_reason_comes_from_the_loop),
        harness_test(test_free_inside_a_callback),
        harness_test(test_free_before_the_reason_was_told),
        harness_test(test_descriptors_arrive_in_order),
        harness_test(test_descriptors_keep_their_place_in_the_queue),
        harness_test(test_too_many_descriptors),
        harness_test(test_nothing_leaks_with_a_full_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
