/* The whole way with a real QEMU: its monitor's socket before it runs, held until "go", the
 * handshake, commands, a second connection as after a restart of the daemon, and its end. Skipped
 * where there is none. BATON_QEMU names another one. */
#include "harness.h"
#include "../because.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/file.h"
#include "io/monitor.h"
#include "io/process.h"
#include "io/timer.h"

struct guest {
    struct harness *h;
    struct process_start *start;
    struct process *process;
    struct process_identity identity;
    struct monitor *monitor;
    char socket[256];
    int listening;
    bool held, started, ready, closed, ended;
    unsigned replies, events;
    char status[32];
    char last_event[32];
};

static void on_held(struct process_start *s, const struct process_identity *identity,
                    void *userdata)
{
    struct guest *g = userdata;
    (void)s;
    g->held = true;
    g->identity = *identity;
}

static void on_started(const struct process_identity *identity, void *userdata)
{
    struct guest *g = userdata;
    assert_true(identity->start_time == g->identity.start_time);
    g->started = true;
}

static void on_failed(const struct fail *why, void *userdata)
{
    (void)userdata;
    fail_msg("%s", why->text);
}

static const struct process_start_ops START_OPS = {
    .ready = on_held, .started = on_started, .failed = on_failed};

static void on_ended(struct process *p, void *userdata)
{
    (void)p;
    ((struct guest *)userdata)->ended = true;
}

static void on_ready(struct monitor *m, void *userdata)
{
    (void)m;
    ((struct guest *)userdata)->ready = true;
}

static void on_event(struct monitor *m, const struct monitor_event *event, void *userdata)
{
    struct guest *g = userdata;
    (void)m;
    snprintf(g->last_event, sizeof(g->last_event), "%s", event->name);
    assert_true(event->wall_clock > 0);
    g->events++;
}

static void on_closed(struct monitor *m, const struct fail *why, void *userdata)
{
    (void)m;
    (void)why;
    ((struct guest *)userdata)->closed = true;
}

static const struct monitor_ops MONITOR_OPS = {
    .ready = on_ready, .event = on_event, .closed = on_closed};

static void on_status(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct json_object *status;
    assert_int_equal(reply->outcome, MONITOR_RETURN);
    assert_true(json_object_object_get_ex(reply->value, "status", &status));
    snprintf(g->status, sizeof(g->status), "%s", json_object_get_string(status));
    g->replies++;
}

static void on_reply(const struct monitor_reply *reply, void *userdata)
{
    assert_int_equal(reply->outcome, MONITOR_RETURN);
    ((struct guest *)userdata)->replies++;
}

static void send_command(struct guest *g, const char *name, unsigned flags, monitor_reply_fn *reply)
{
    struct fail f;
    struct monitor_command c = {
        .name = name, .flags = flags, .deadline = 20 * TIMER_SECOND, .reply = reply, .userdata = g};
    if (monitor_send(g->monitor, &c, &f) < 0)
        fail_msg("%s", f.text);
}

static const char *qemu_path(void)
{
    const char *path = getenv("BATON_QEMU");
    return path ? path : "/usr/bin/qemu-system-x86_64";
}

static void start_qemu(struct guest *g)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    const char *arguments[] = {qemu_path(),
                               "-machine",
                               "none",
                               "-nodefaults",
                               "-display",
                               "none",
                               "-S",
                               "-chardev",
                               "socket,id=mon,fd=3,server=on,wait=off",
                               "-mon",
                               "chardev=mon,mode=control",
                               NULL};
    struct fail f;
    assert_int_equal(monitor_listen(g->socket, &g->listening, &f), 0);
    struct process_fd fds[] = {{.fd = g->listening, .number = 3}};
    struct process_spec spec = {.program = qemu_path(),
                                .arguments = arguments,
                                .environment = environment,
                                .log_path = path_in(g->h, "log"),
                                .fds = fds,
                                .fd_count = 1};
    if (process_start_new(g->h->event, &spec, &START_OPS, g, &g->start, &f) < 0)
        fail_msg("%s", f.text);
    run_until(g->h, &g->held);
    assert_int_equal(process_adopt(g->h->event, &g->identity, on_ended, g, &g->process, &f), 0);
}

static void connect_monitor(struct guest *g)
{
    struct fail f;
    g->ready = g->closed = false;
    if (monitor_new(g->h->event, g->socket, 20 * TIMER_SECOND, &MONITOR_OPS, g, &g->monitor, &f) <
        0)
        fail_msg("%s", f.text);
}

static void test_from_start_to_end(void **state)
{
    if (access(qemu_path(), X_OK) < 0)
        skip_because("there is no QEMU");
    struct guest g = {.h = *state};
    snprintf(g.socket, sizeof(g.socket), "%s", path_in(*state, "monitor"));
    start_qemu(&g);
    connect_monitor(&g); /* before it is executed at all */
    process_start_go(g.start);
    close(g.listening);
    run_until(g.h, &g.started);
    run_until(g.h, &g.ready);
    assert_true(monitor_get_version(g.monitor) > 7000000);
    assert_true(monitor_has_oob(g.monitor));
    send_command(&g, "query-status", 0, on_status);
    run_until_count(g.h, &g.replies, 1);
    assert_string_equal(g.status, "prelaunch");

    monitor_free(g.monitor); /* the daemon restarts */
    connect_monitor(&g);
    run_until(g.h, &g.ready);
    for (int i = 0; i < 100; i++)
        send_command(&g, "query-status", 0, on_status);
    run_until_count(g.h, &g.replies, 101);
    send_command(&g, "cont", 0, on_reply);
    run_until_count(g.h, &g.replies, 102);
    assert_string_equal(g.last_event, "RESUME");
    send_command(&g, "quit", 0, on_reply);
    run_until(g.h, &g.ended);
    run_until(g.h, &g.closed);
    assert_string_equal(g.last_event, "SHUTDOWN");
    monitor_free(g.monitor);
    process_free(g.process);
    assert_string_equal(text_of(path_in(g.h, "log")), "");
}

/* A QEMU that is killed closes its monitor; the process's end is told for itself. */
static void test_killed(void **state)
{
    if (access(qemu_path(), X_OK) < 0)
        skip_because("there is no QEMU");
    struct guest g = {.h = *state};
    struct fail f;
    snprintf(g.socket, sizeof(g.socket), "%s", path_in(*state, "monitor"));
    start_qemu(&g);
    connect_monitor(&g);
    process_start_go(g.start);
    close(g.listening);
    run_until(g.h, &g.ready);
    assert_int_equal(process_signal(g.process, SIGKILL, &f), 0);
    run_until(g.h, &g.closed);
    run_until(g.h, &g.ended);
    monitor_free(g.monitor);
    process_free(g.process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_from_start_to_end),
        harness_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
