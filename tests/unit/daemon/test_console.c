/* A client at a guest's serial port; the test plays QEMU, which has the pty's other end. */
#include "host.h"
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include "daemon/call.h"
#include "daemon/guest.h"
#include "daemon/registry.h"
#include "io/address.h"
#include "util/cleanup.h"

#define RW "virtqemud-sock"

static const char document[] =
    "<domain type='qemu'><name>web1</name><memory unit='MiB'>64</memory>"
    "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
    "<devices><serial type='pty'/><console type='pty'/>"
    "<serial type='unix'><source mode='bind' path='%s'/><target port='1'/></serial>"
    "<serial type='null'><target port='2'/></serial></devices></domain>";

struct qemu {
    struct host *host;
    int master;
    int socket; /* where the second serial port listens */
    struct guest *guest;
};

static int open_pty(char *ret_slave, size_t room)
{
    struct termios raw;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, ret_slave, room), 0);
    assert_int_equal(tcgetattr(master, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(master, TCSANOW, &raw), 0);
    return master;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(address_unix(path, &address, NULL), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* A guest that runs, as far as a console can tell. */
static struct qemu start_guest(struct host *h)
{
    struct qemu q = {.host = h};
    struct fail f;
    struct domain *d;
    char slave[64], path[128], xml[1024];
    struct domain_defaults defaults = {.emulator = "/nonexistent/qemu", .machine = "pc-q35-7.2"};
    q.master = open_pty(slave, sizeof(slave));
    snprintf(path, sizeof(path), "%s/serial", h->folder);
    q.socket = listen_at(path);
    snprintf(xml, sizeof(xml), document, path);
    if (domain_parse(xml, strlen(xml), 0, &d, &f) < 0 ||
        domain_fill_defaults(d, &defaults, &f) < 0 || domain_assign_aliases(d, &f) < 0)
        fail_msg("%s", f.text);
    assert_int_equal(domain_set_pty(d, "charserial0", slave), 1);
    assert_int_equal(registry_add_live(h->daemon.registry, d, &q.guest, &f), 0);
    q.guest->core.life.phase = LIFE_UP;
    return q;
}

static void end_guest(struct qemu *q)
{
    close(q->master);
    close(q->socket);
    q->guest->core.life.phase = LIFE_OFF;
}

/* QEMU writes what its guest says. */
static void say(struct qemu *q, const char *text)
{
    assert_int_equal(write(q->master, text, strlen(text)), strlen(text));
}

/* What the guest has been sent, once it is all there. */
static void expect_heard(struct qemu *q, int fd, const char *text)
{
    char heard[256] = "";
    size_t size = 0;
    while (size < strlen(text)) {
        ssize_t n = read(fd, heard + size, sizeof(heard) - 1 - size);
        if (n > 0)
            size += (size_t)n;
        else
            host_turn(q->host);
    }
    heard[size] = '\0';
    assert_string_equal(heard, text);
}

/* ---- the client's side ----------------------------------------------------------------------- */

static uint32_t ask_console(struct caller *p, const struct qemu *q, const char *device,
                            uint32_t flags)
{
    struct remote_open_device args = {
        .dom = call_name_guest(q->guest), .device = device, .flags = flags};
    return peer_call(p, REMOTE_DOMAIN_OPEN_CONSOLE, &args);
}

static struct frame_stream open_console(struct caller *p, const struct qemu *q, const char *device,
                                        uint32_t flags)
{
    uint32_t serial = ask_console(p, q, device, flags);
    peer_expect_reply(p, REMOTE_DOMAIN_OPEN_CONSOLE, serial, NULL);
    return (struct frame_stream){PROGRAM_REMOTE, REMOTE_DOMAIN_OPEN_CONSOLE, serial};
}

static void type(struct caller *p, const struct frame_stream *s, const char *text)
{
    struct buffer out = {0};
    assert_int_equal(frame_write_stream_data(&out, s, text, strlen(text), NULL), 0);
    peer_send(p, buffer_bytes(&out), buffer_size(&out));
    buffer_free(&out);
}

static struct frame expect_stream(struct caller *p, const struct frame_stream *s,
                                  enum frame_status status)
{
    struct frame frame = peer_receive(p);
    assert_int_equal(frame.type, FRAME_STREAM);
    assert_int_equal(frame.procedure, s->procedure);
    assert_int_equal(frame.serial, s->serial);
    assert_int_equal(frame.status, status);
    return frame;
}

static void expect_shown(struct caller *p, const struct frame_stream *s, const char *text)
{
    struct frame frame = expect_stream(p, s, FRAME_CONTINUE);
    assert_int_equal(frame.payload_size, strlen(text));
    assert_memory_equal(frame.payload, text, strlen(text));
}

static void finish(struct caller *p, const struct frame_stream *s)
{
    struct buffer out = {0};
    assert_int_equal(frame_write_stream_finish(&out, s, NULL), 0);
    peer_send(p, buffer_bytes(&out), buffer_size(&out));
    buffer_free(&out);
    assert_int_equal(expect_stream(p, s, FRAME_OK).payload_size, 0);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_bytes_go_both_ways_until_the_client_leaves(void **state)
{
    struct qemu q = start_guest(*state);
    struct caller p = peer_open(*state, RW);
    struct frame_stream s = open_console(&p, &q, NULL, 0);
    say(&q, "login: ");
    expect_shown(&p, &s, "login: ");
    type(&p, &s, "root\n");
    expect_heard(&q, q.master, "root\n");
    finish(&p, &s);
    type(&p, &s, "too late");
    peer_expect_nothing(&p);
    s = open_console(&p, &q, "serial0", 0);
    finish(&p, &s);
    peer_close(&p);
    end_guest(&q);
}

static void test_a_port_at_a_unix_socket(void **state)
{
    struct qemu q = start_guest(*state);
    struct caller p = peer_open(*state, RW);
    struct frame_stream s = open_console(&p, &q, "serial1", 0);
    auto_close int fd = accept4(q.socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    type(&p, &s, "hello");
    expect_heard(&q, fd, "hello");
    assert_int_equal(write(fd, "world", 5), 5);
    expect_shown(&p, &s, "world");
    finish(&p, &s);
    peer_close(&p);
    end_guest(&q);
}

static void test_an_abort_is_confirmed(void **state)
{
    struct qemu q = start_guest(*state);
    struct caller p = peer_open(*state, RW);
    struct frame_stream s = open_console(&p, &q, NULL, 0);
    struct buffer out = {0};
    assert_int_equal(frame_write_stream_abort(&out, &s, NULL), 0);
    peer_send(&p, buffer_bytes(&out), buffer_size(&out));
    buffer_free(&out);
    expect_stream(&p, &s, FRAME_OK);
    s = open_console(&p, &q, NULL, 0);
    peer_close(&p);
    end_guest(&q);
}

static void test_one_client_at_a_time(void **state)
{
    struct qemu q = start_guest(*state);
    struct caller a = peer_open(*state, RW), b = peer_open(*state, RW);
    struct frame_stream of_a = open_console(&a, &q, NULL, 0);
    peer_expect_error(&b, ask_console(&b, &q, "serial0", 0), VIR_ERR_OPERATION_FAILED,
                      "Active console session exists");
    struct frame_stream of_b = open_console(&b, &q, NULL, VIR_DOMAIN_CONSOLE_FORCE);
    struct frame frame = expect_stream(&a, &of_a, FRAME_ERROR);
    struct fail f;
    rpc_read_error(&frame, &f);
    assert_non_null(strstr(f.text, "another client took over"));
    say(&q, "hi");
    expect_shown(&b, &of_b, "hi");
    peer_expect_nothing(&a);
    peer_close(&b); /* who goes without a word leaves it free */
    host_settle(*state);
    of_a = open_console(&a, &q, NULL, VIR_DOMAIN_CONSOLE_SAFE);
    finish(&a, &of_a);
    peer_close(&a);
    end_guest(&q);
}

static void test_it_ends_with_the_guest(void **state)
{
    struct qemu q = start_guest(*state);
    struct caller p = peer_open(*state, RW);
    struct frame_stream s = open_console(&p, &q, NULL, 0);
    say(&q, "power down");
    expect_shown(&p, &s, "power down");
    end_guest(&q);
    assert_int_equal(expect_stream(&p, &s, FRAME_CONTINUE).payload_size, 0);
    type(&p, &s, "anybody there?");
    finish(&p, &s);
    peer_expect_nothing(&p);
    peer_close(&p);
}

/* It types and types, and nobody reads: it has to wait, with all that it says on this connection,
 * until the guest reads. */
static void test_a_deaf_guest_makes_its_client_wait(void **state)
{
    enum { ROUNDS = 64 };
    struct qemu q = start_guest(*state);
    struct caller p = peer_open(*state, RW), other = peer_open(*state, RW);
    struct frame_stream s = open_console(&p, &q, NULL, 0);
    char text[4097];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < ROUNDS; i++)
        type(&p, &s, text);
    uint32_t serial = peer_call(&p, REMOTE_CONNECT_GET_TYPE, NULL);
    peer_expect_nothing(&other);
    host_settle(*state);
    char byte;
    assert_int_equal(recv(p.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
    for (size_t heard = 0; heard < (size_t)ROUNDS * 4096;) {
        char bytes[4096];
        ssize_t n = read(q.master, bytes, sizeof(bytes));
        if (n > 0)
            heard += (size_t)n;
        else
            host_turn(*state);
    }
    struct remote_string what;
    peer_expect_reply(&p, REMOTE_CONNECT_GET_TYPE, serial, &what);
    peer_close(&p);
    peer_close(&other);
    end_guest(&q);
}

static void test_what_can_not_be_opened_is_refused(void **state)
{
    struct qemu q = start_guest(*state);
    struct caller p = peer_open(*state, RW), reader = peer_open(*state, "virtqemud-sock-ro");
    peer_expect_error(&p, ask_console(&p, &q, "nix", 0), VIR_ERR_INVALID_ARG,
                      "cannot find character device nix");
    peer_expect_error(&p, ask_console(&p, &q, "serial2", 0), VIR_ERR_OPERATION_UNSUPPORTED,
                      "serial2 is not using a PTY");
    peer_expect_error(&p, ask_console(&p, &q, NULL, 8), VIR_ERR_INVALID_ARG, "0x8");
    peer_expect_error(&reader, ask_console(&reader, &q, NULL, 0), VIR_ERR_OPERATION_DENIED,
                      "read only access");
    q.guest->core.life.phase = LIFE_OFF;
    peer_expect_error(&p, ask_console(&p, &q, NULL, 0), VIR_ERR_OPERATION_INVALID, "not running");
    peer_close(&p);
    peer_close(&reader);
    end_guest(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(test_bytes_go_both_ways_until_the_client_leaves),
        host_test(test_a_port_at_a_unix_socket),
        host_test(test_an_abort_is_confirmed),
        host_test(test_one_client_at_a_time),
        host_test(test_it_ends_with_the_guest),
        host_test(test_a_deaf_guest_makes_its_client_wait),
        host_test(test_what_can_not_be_opened_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
