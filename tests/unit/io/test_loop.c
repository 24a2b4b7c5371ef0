/* The loop, its timers and its workers. */
#include "harness.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/loop.h"
#include "io/timer.h"
#include "io/worker.h"

static void set_flag(void *userdata)
{
    *(bool *)userdata = true;
}

/* ---- loop ---- */

struct signalled {
    struct loop loop;
    int signal;
};

static void on_signal(int signal, void *userdata)
{
    struct signalled *s = userdata;
    s->signal = signal;
    loop_exit(s->loop.event, 7);
}

static void test_signals_arrive_in_the_loop(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < 3; i++) {
        struct signalled s = {0};
        struct fail f;
        assert_int_equal(loop_init(&s.loop, on_signal, &s, &f), 0);
        raise(signals[i]);
        assert_int_equal(loop_run(&s.loop, &f), 7);
        assert_int_equal(s.signal, signals[i]);
        loop_free(&s.loop);
    }
}

static void count_up(void *userdata)
{
    ++*(unsigned *)userdata;
}

static void test_later_runs_once_and_can_be_cancelled(void **state)
{
    struct harness *h = *state;
    struct loop_later later = {0};
    unsigned count = 0;
    assert_true(loop_later_schedule(&later, h->event, count_up, &count) >= 0);
    assert_true(loop_later_schedule(&later, h->event, count_up, &count) >= 0);
    assert_int_equal(count, 0);
    run_ready(h);
    assert_int_equal(count, 1);
    assert_true(loop_later_schedule(&later, h->event, count_up, &count) >= 0);
    loop_later_cancel(&later);
    run_ready(h);
    assert_int_equal(count, 1);
}

/* ---- timer ---- */

static void test_timer_fires_when_due(void **state)
{
    struct harness *h = *state;
    struct timer t = {0};
    bool fired = false;
    uint64_t start = timer_now();
    assert_true(timer_arm(&t, h->event, 20 * TIMER_MSEC, set_flag, &fired) >= 0);
    assert_true(timer_is_armed(&t));
    run_until(h, &fired);
    assert_true(timer_now() - start >= 20 * TIMER_MSEC);
    assert_false(timer_is_armed(&t));
}

static void test_timer_moved_and_cancelled(void **state)
{
    struct harness *h = *state;
    struct timer moved = {0}, cancelled = {0}, never = {0};
    bool moved_fired = false, cancelled_fired = false;
    assert_true(timer_arm(&moved, h->event, 1000 * TIMER_SECOND, set_flag, &moved_fired) >= 0);
    assert_true(timer_arm(&cancelled, h->event, 0, set_flag, &cancelled_fired) >= 0);
    assert_true(timer_arm(&never, h->event, UINT64_MAX, set_flag, &cancelled_fired) >= 0);
    timer_cancel(&cancelled);
    timer_cancel(&cancelled);
    assert_true(timer_arm(&moved, h->event, TIMER_MSEC, set_flag, &moved_fired) >= 0);
    run_until(h, &moved_fired);
    assert_false(cancelled_fired);
    timer_cancel(&never);
}

/* ---- worker ---- */

/* A job that stands still until it is let go, so that the test decides the order of things. */
struct gate {
    int fds[2];
    char mark;
    char *log; /* marks in the order in which the jobs ran; one order at a time writes it */
    unsigned *done_count;
    pthread_t thread;
    bool ran;
};

static void gate_run(void *data)
{
    struct gate *g = data;
    char c;
    g->thread = pthread_self();
    if (g->fds[0] >= 0)
        assert_int_equal(read(g->fds[0], &c, 1), 1);
    if (g->log)
        g->log[strlen(g->log)] = g->mark;
}

static void gate_done(void *data, bool ran)
{
    struct gate *g = data;
    g->ran = ran;
    ++*g->done_count;
}

static void submit(struct harness *h, struct gate *g, const void *order, bool may_be_abandoned)
{
    struct fail f;
    struct worker_job job = {.order = order,
                             .run = gate_run,
                             .done = gate_done,
                             .data = g,
                             .may_be_abandoned = may_be_abandoned};
    assert_int_equal(worker_submit(h->pool, &job, &f), 0);
}

static void open_gate(struct gate *g)
{
    assert_int_equal(write(g->fds[1], "", 1), 1);
}

static void test_work_happens_elsewhere_and_ends_here(void **state)
{
    struct harness *h = *state;
    unsigned done = 0;
    struct gate g = {.fds = {-1, -1}, .done_count = &done};
    submit(h, &g, NULL, false);
    run_until_count(h, &done, 1);
    assert_true(g.ran);
    assert_false(pthread_equal(g.thread, pthread_self()));
}

/* Jobs of one order wait for each other although a thread is free; others overtake them. */
static void test_order_is_kept(void **state)
{
    struct harness *h = *state;
    unsigned done_a = 0, done_b = 0;
    char log[8] = "";
    int order;
    struct gate first = {.mark = '1', .log = log, .done_count = &done_a};
    struct gate second = {.fds = {-1, -1}, .mark = '2', .log = log, .done_count = &done_a};
    struct gate third = {.fds = {-1, -1}, .mark = '3', .log = log, .done_count = &done_a};
    struct gate other = {.fds = {-1, -1}, .done_count = &done_b};
    assert_int_equal(pipe(first.fds), 0);
    submit(h, &first, &order, false);
    submit(h, &second, &order, false);
    submit(h, &third, &order, false);
    submit(h, &other, NULL, false);
    run_until_count(h, &done_b, 1);
    assert_int_equal(done_a, 0);
    open_gate(&first);
    run_until_count(h, &done_a, 3);
    assert_string_equal(log, "123");
    close(first.fds[0]);
    close(first.fds[1]);
}

static void test_queue_is_bounded(void **state)
{
    struct harness *h = *state;
    unsigned done = 0;
    int order;
    struct gate g[65];
    struct fail f;
    memset(g, 0, sizeof(g));
    assert_int_equal(pipe(g[0].fds), 0);
    for (int i = 0; i < 64; i++) {
        if (i > 0)
            g[i].fds[0] = -1;
        g[i].done_count = &done;
        submit(h, &g[i], &order, false);
    }
    struct worker_job job = {.run = gate_run, .done = gate_done, .data = &g[64]};
    assert_int_equal(worker_submit(h->pool, &job, &f), -1);
    assert_non_null(strstr(f.text, "64 jobs"));
    open_gate(&g[0]);
    run_until_count(h, &done, 64);
    close(g[0].fds[0]);
    close(g[0].fds[1]);
}

static void test_shutdown_finishes_what_was_asked_for(void **state)
{
    struct harness *h = *state;
    unsigned done = 0;
    int order;
    struct gate g[5] = {0};
    for (int i = 0; i < 5; i++) {
        g[i].fds[0] = -1;
        g[i].done_count = &done;
        submit(h, &g[i], &order, false);
    }
    worker_pool_free(h->pool);
    h->pool = NULL;
    assert_int_equal(done, 5);
    for (int i = 0; i < 5; i++)
        assert_true(g[i].ran);
}

/* A look-up that hangs does not hold up the end; what waits behind it is told. */
static void test_shutdown_leaves_a_hanging_look_up(void **state)
{
    struct harness *h = *state;
    static unsigned done; /* the abandoned job keeps what it points to */
    static struct gate hanging;
    struct gate behind = {.fds = {-1, -1}, .done_count = &done};
    struct gate sync = {.fds = {-1, -1}, .done_count = &done};
    int order;
    done = 0;
    hanging.done_count = &done;
    assert_int_equal(pipe(hanging.fds), 0);
    submit(h, &hanging, &order, true);
    submit(h, &behind, &order, true);
    submit(h, &sync, NULL, false);
    run_until_count(h, &done, 1);
    worker_pool_free(h->pool);
    h->pool = NULL;
    assert_int_equal(done, 2);
    assert_true(sync.ran);
    assert_false(behind.ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_arrive_in_the_loop),
        harness_test(test_later_runs_once_and_can_be_cancelled),
        harness_test(test_timer_fires_when_due),
        harness_test(test_timer_moved_and_cancelled),
        harness_test(test_work_happens_elsewhere_and_ends_here),
        harness_test(test_order_is_kept),
        harness_test(test_queue_is_bounded),
        harness_test(test_shutdown_finishes_what_was_asked_for),
        harness_test(test_shutdown_leaves_a_hanging_look_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
