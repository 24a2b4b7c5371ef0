/* Listening and connecting: who gets through, and what the others are told. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io/connect.h"
#include "io/listener.h"
#include "io/timer.h"

struct host {
    struct listener *listener;
    unsigned accepted;
    int fd[40];
    struct listener_peer peer;
    bool free_in_callback;
};

static void on_accept(int fd, const struct listener_peer *peer, void *userdata)
{
    struct host *host = userdata;
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    host->peer = *peer;
    host->fd[host->accepted++] = fd;
    if (host->free_in_callback) {
        listener_free(host->listener);
        host->listener = NULL;
    }
}

static void host_close(struct host *host)
{
    listener_free(host->listener);
    for (unsigned i = 0; i < host->accepted; i++)
        close(host->fd[i]);
}

struct caller {
    struct connector *connector;
    bool done;
    int fd;
    struct fail why;
};

static void on_connected(int fd, const struct fail *why, void *userdata)
{
    struct caller *c = userdata;
    assert_false(c->done);
    assert_true((fd >= 0) == (why == NULL));
    c->done = true;
    c->fd = fd;
    if (why)
        c->why = *why;
}

static int listen_unix(struct harness *h, struct host *host, const char *path, struct fail *f)
{
    struct listener_unix where = {.path = path, .mode = 0660};
    *host = (struct host){0};
    return listener_new_unix(h->event, &where, on_accept, host, &host->listener, f);
}

static void call_unix(struct harness *h, struct caller *c, const char *path)
{
    struct fail f;
    *c = (struct caller){.fd = -1};
    assert_int_equal(
        connect_unix(h->event, path, 10 * TIMER_SECOND, on_connected, c, &c->connector, &f), 0);
    assert_false(c->done); /* never inside the call */
}

static void call_tcp(struct harness *h, struct caller *c, const char *name, uint16_t port,
                     uint64_t timeout)
{
    struct fail f;
    *c = (struct caller){.fd = -1};
    assert_int_equal(
        connect_tcp(h->event, h->pool, name, port, timeout, on_connected, c, &c->connector, &f), 0);
    assert_false(c->done);
}

static void test_unix_client(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct caller c;
    struct fail f;
    struct stat st;
    const char *path = path_in(h, "sock");
    assert_int_equal(listen_unix(h, &host, path, &f), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    call_unix(h, &c, path);
    run_until(h, &c.done);
    run_until_count(h, &host.accepted, 1);
    assert_true(c.fd >= 0);
    assert_true(host.peer.local);
    assert_int_equal(host.peer.uid, getuid());
    assert_int_equal(host.peer.gid, getgid());
    assert_int_equal(host.peer.pid, getpid());
    close(c.fd);
    host_close(&host);
    assert_int_equal(access(path, F_OK), -1); /* it takes its file with it */
}

static void test_live_socket_is_not_stolen(void **state)
{
    struct harness *h = *state;
    struct host first, second;
    struct fail f;
    const char *path = path_in(h, "sock");
    assert_int_equal(listen_unix(h, &first, path, &f), 0);
    assert_int_equal(listen_unix(h, &second, path, &f), -1);
    assert_non_null(strstr(f.text, "another program is listening there"));
    assert_non_null(strstr(f.text, path));
    assert_int_equal(access(path, F_OK), 0);
    host_close(&first);
}

static void test_socket_of_a_dead_daemon_is_replaced(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct fail f;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = path_in(h, "sock");
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd); /* killed: the file stays */
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(listen_unix(h, &host, path, &f), 0);
    host_close(&host);
}

/* What the daemon had just forked when it was killed: it notices, and is gone. */
static void test_socket_of_a_dying_daemon_is_replaced(void **state)
{
    struct harness *h = *state;
    struct host host = {0};
    struct fail f;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = path_in(h, "sock");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    pid_t child = fork();
    if (child == 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, -1);
        _exit(0);
    }
    close(fd);
    assert_int_equal(listen_unix(h, &host, path, &f), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    host_close(&host);
}

static void test_other_files_are_left_alone(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct fail f;
    const char *path = path_in(h, "sock");
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(listen_unix(h, &host, path, &f), -1);
    assert_non_null(strstr(f.text, "something else than a socket"));
    assert_int_equal(access(path, F_OK), 0);
}

static void test_unix_path_too_long(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct connector *c;
    struct fail f;
    char path[120];
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[108] = '\0';
    assert_int_equal(listen_unix(h, &host, path, &f), -1);
    assert_non_null(strstr(f.text, "108 bytes; at most 107"));
    assert_int_equal(connect_unix(h->event, path, TIMER_SECOND, on_connected, NULL, &c, &f), -1);
    assert_non_null(strstr(f.text, "108 bytes; at most 107"));
}

static void test_unknown_group(void **state)
{
    struct harness *h = *state;
    struct listener *l;
    struct fail f;
    struct listener_unix where = {
        .path = path_in(h, "sock"), .mode = 0770, .group = "no-such-group"};
    assert_int_equal(listener_new_unix(h->event, &where, on_accept, NULL, &l, &f), -1);
    assert_non_null(strstr(f.text, "there is no group 'no-such-group'"));
    assert_int_equal(access(where.path, F_OK), -1);
}

static void test_file_of_a_successor_is_left(void **state)
{
    struct harness *h = *state;
    struct host first, second;
    struct fail f;
    const char *path = path_in(h, "sock");
    assert_int_equal(listen_unix(h, &first, path, &f), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(listen_unix(h, &second, path, &f), 0);
    host_close(&first);
    assert_int_equal(access(path, F_OK), 0);
    host_close(&second);
}

static void test_unix_nobody_there(void **state)
{
    struct harness *h = *state;
    struct caller c;
    call_unix(h, &c, path_in(h, "nothing"));
    run_until(h, &c.done);
    assert_int_equal(c.fd, -1);
    assert_non_null(strstr(c.why.text, "nothing: No such file or directory"));
}

static void test_pause_lets_clients_wait(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct caller a, b;
    struct fail f;
    const char *path = path_in(h, "sock");
    assert_int_equal(listen_unix(h, &host, path, &f), 0);
    listener_pause(host.listener);
    call_unix(h, &a, path);
    call_unix(h, &b, path);
    run_until(h, &a.done);
    run_until(h, &b.done);
    run_ready(h);
    assert_int_equal(host.accepted, 0);
    listener_resume(host.listener);
    run_until_count(h, &host.accepted, 2);
    close(a.fd);
    close(b.fd);
    host_close(&host);
}

static void test_listener_freed_by_its_callback(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct caller a, b;
    struct fail f;
    const char *path = path_in(h, "sock");
    assert_int_equal(listen_unix(h, &host, path, &f), 0);
    host.free_in_callback = true;
    call_unix(h, &a, path);
    call_unix(h, &b, path);
    run_until_count(h, &host.accepted, 1);
    run_ready(h);
    assert_int_equal(host.accepted, 1);
    close(a.fd);
    close(b.fd);
    host_close(&host);
}

static void test_flood_of_clients_shares_the_loop(void **state)
{
    struct harness *h = *state;
    struct host host;
    struct caller c[40];
    struct fail f;
    const char *path = path_in(h, "sock");
    assert_int_equal(listen_unix(h, &host, path, &f), 0);
    listener_pause(host.listener);
    for (int i = 0; i < 40; i++)
        call_unix(h, &c[i], path);
    run_until(h, &c[39].done);
    listener_resume(host.listener);
    run_until_count(h, &host.accepted, 1);
    assert_true(host.accepted <= 16);
    run_until_count(h, &host.accepted, 40);
    for (int i = 0; i < 40; i++)
        close(c[i].fd);
    host_close(&host);
}

static void test_tcp_client(void **state)
{
    struct harness *h = *state;
    struct host host = {0};
    struct caller c;
    struct fail f;
    assert_int_equal(
        listener_new_tcp(h->event, "127.0.0.1", 0, on_accept, &host, &host.listener, &f), 0);
    uint16_t port = listener_port(host.listener);
    assert_true(port > 0);
    call_tcp(h, &c, "127.0.0.1", port, 10 * TIMER_SECOND);
    run_until(h, &c.done);
    run_until_count(h, &host.accepted, 1);
    assert_true(c.fd >= 0);
    assert_false(host.peer.local);
    assert_int_equal(strncmp(host.peer.address, "127.0.0.1:", 10), 0);
    close(c.fd);
    host_close(&host);
}

/* A name goes through the worker; where it has several addresses one that answers is enough. */
static void test_tcp_by_name(void **state)
{
    struct harness *h = *state;
    struct host host = {0};
    struct caller c;
    struct fail f;
    assert_int_equal(
        listener_new_tcp(h->event, "127.0.0.1", 0, on_accept, &host, &host.listener, &f), 0);
    call_tcp(h, &c, "localhost", listener_port(host.listener), 10 * TIMER_SECOND);
    run_until(h, &c.done);
    assert_true(c.fd >= 0);
    close(c.fd);
    host_close(&host);
}

static void test_tcp_on_all_addresses(void **state)
{
    struct harness *h = *state;
    struct host host = {0};
    struct caller c;
    struct fail f;
    assert_int_equal(listener_new_tcp(h->event, "*", 0, on_accept, &host, &host.listener, &f), 0);
    call_tcp(h, &c, "127.0.0.1", listener_port(host.listener), 10 * TIMER_SECOND);
    run_until(h, &c.done);
    assert_true(c.fd >= 0);
    close(c.fd);
    host_close(&host);
}

static void test_tcp_port_in_use(void **state)
{
    struct harness *h = *state;
    struct host host = {0};
    struct listener *second;
    struct fail f;
    assert_int_equal(
        listener_new_tcp(h->event, "127.0.0.1", 0, on_accept, &host, &host.listener, &f), 0);
    uint16_t port = listener_port(host.listener);
    assert_int_equal(listener_new_tcp(h->event, "127.0.0.1", port, on_accept, NULL, &second, &f),
                     -1);
    assert_non_null(strstr(f.text, "Address already in use"));
    host_close(&host);
}

static void test_tcp_nonsense_address(void **state)
{
    struct harness *h = *state;
    struct listener *l;
    struct fail f;
    assert_int_equal(listener_new_tcp(h->event, "999.1.2.3", 0, on_accept, NULL, &l, &f), -1);
    assert_non_null(strstr(f.text, "listen at 999.1.2.3:0"));
}

/* A port of this machine that nobody listens at. */
static uint16_t dead_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void test_tcp_refused(void **state)
{
    struct harness *h = *state;
    struct caller c;
    uint16_t port = dead_port();
    char expected[64];
    call_tcp(h, &c, "127.0.0.1", port, 10 * TIMER_SECOND);
    run_until(h, &c.done);
    assert_int_equal(c.fd, -1);
    snprintf(expected, sizeof(expected), "connect to 127.0.0.1:%u: Connection refused", port);
    assert_string_equal(c.why.text, expected);
}

static void test_tcp_unknown_name(void **state)
{
    struct harness *h = *state;
    struct caller c;
    call_tcp(h, &c, "no-such-host.invalid", 1, 20 * TIMER_SECOND);
    run_until(h, &c.done);
    assert_int_equal(c.fd, -1);
    assert_non_null(strstr(c.why.text, "connect to no-such-host.invalid:1: "));
}

/* A listener whose queue is full answers no more: what a black hole looks like on one machine. */
static void test_tcp_deadline(void **state)
{
    struct harness *h = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int hole = socket(AF_INET, SOCK_STREAM, 0), filler[8];
    assert_int_equal(bind(hole, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(hole, 0), 0);
    assert_int_equal(getsockname(hole, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 8; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(filler[i], (struct sockaddr *)&address, size);
    }
    struct caller c;
    call_tcp(h, &c, "127.0.0.1", ntohs(address.sin_port), 50 * TIMER_MSEC);
    run_until(h, &c.done);
    assert_int_equal(c.fd, -1);
    assert_int_equal(c.why.code, VIR_ERR_OPERATION_TIMEOUT);
    assert_non_null(strstr(c.why.text, "no answer in time"));
    for (int i = 0; i < 8; i++)
        close(filler[i]);
    close(hole);
}

static void test_cancel(void **state)
{
    struct harness *h = *state;
    struct caller a, b;
    call_tcp(h, &a, "127.0.0.1", dead_port(), 10 * TIMER_SECOND);
    connect_cancel(a.connector);
    unsigned before = count_fds(); /* the loop has the descriptor of its timers now */
    call_tcp(h, &a, "127.0.0.1", dead_port(), 10 * TIMER_SECOND);
    connect_cancel(a.connector);
    assert_int_equal(count_fds(), before);
    call_tcp(h, &b, "no-such-host.invalid", 1, 10 * TIMER_SECOND);
    connect_cancel(b.connector);
    connect_cancel(NULL);
    run_ready(h);
    worker_pool_free(h->pool); /* the look-up ends, or is left behind */
    h->pool = NULL;
    assert_false(a.done);
    assert_false(b.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_unix_client),
        harness_test(test_live_socket_is_not_stolen),
        harness_test(test_socket_of_a_dead_daemon_is_replaced),
        harness_test(test_socket_of_a_dying_daemon_is_replaced),
        harness_test(test_other_files_are_left_alone),
        harness_test(test_unix_path_too_long),
        harness_test(test_unknown_group),
        harness_test(test_file_of_a_successor_is_left),
        harness_test(test_unix_nobody_there),
        harness_test(test_pause_lets_clients_wait),
        harness_test(test_listener_freed_by_its_callback),
        harness_test(test_flood_of_clients_shares_the_loop),
        harness_test(test_tcp_client),
        harness_test(test_tcp_by_name),
        harness_test(test_tcp_on_all_addresses),
        harness_test(test_tcp_port_in_use),
        harness_test(test_tcp_nonsense_address),
        harness_test(test_tcp_refused),
        harness_test(test_tcp_unknown_name),
        harness_test(test_tcp_deadline),
        harness_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
