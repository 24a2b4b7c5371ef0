#include "host.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/definition.h"
#include "io/address.h"
#include "io/timer.h"
#include "util/log.h"

#define GENEROUS (60 * TIMER_SECOND)

enum { ARENA_MAX = 64 << 20 };

static int start(struct host *h)
{
    struct fail f = {0};
    struct config_value emulator = {.is_string = true, .string = "/nonexistent/qemu"};
    struct config *c = &h->daemon.config;
    config_init(c);
    c->log_level = getenv("BATON_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR;
    if (config_set_root(c, h->folder, &f) < 0 || config_set(c, "emulator", &emulator, &f) < 0 ||
        config_complete(c, &f) < 0 || daemon_start(&h->daemon, NULL, &f) < 0) {
        print_error("%s\n", f.text);
        return -1;
    }
    return 0;
}

int host_setup(void **state)
{
    struct host *h = calloc(1, sizeof(*h));
    signal(SIGPIPE, SIG_IGN);
    strcpy(h->folder, "/tmp/baton-daemon-XXXXXX");
    if (!mkdtemp(h->folder) || start(h) < 0)
        return -1;
    *state = h;
    return 0;
}

void host_restart(struct host *h)
{
    daemon_stop(&h->daemon);
    h->daemon = (struct daemon){0};
    assert_int_equal(start(h), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int host_teardown(void **state)
{
    struct host *h = *state;
    daemon_stop(&h->daemon);
    nftw(h->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(h);
    return 0;
}

void host_turn(struct host *h)
{
    int r = sd_event_run(daemon_event(&h->daemon), GENEROUS);
    assert_true(r >= 0);
    if (r == 0)
        fail_msg("what was waited for did not happen");
}

void host_settle(struct host *h)
{
    while (sd_event_run(daemon_event(&h->daemon), 0) > 0)
        ;
}

static void defined(struct guest *g, const struct fail *why, void *userdata)
{
    if (why)
        fail_msg("%s", why->text);
    *(struct guest **)userdata = g;
}

struct guest *host_define(struct host *h, struct domain *document)
{
    struct guest *g = NULL;
    definition_put(h->daemon.registry, document, defined, &g);
    while (!g)
        host_turn(h);
    return g;
}

/* ---- a client -------------------------------------------------------------------------------- */

struct caller peer_connect(struct host *h, const char *socket_name)
{
    struct caller p = {.host = h};
    char path[128];
    struct sockaddr_un address;
    snprintf(path, sizeof(path), "%s/%s", h->daemon.config.run_dir, socket_name);
    assert_int_equal(address_unix(path, &address, NULL), 0);
    p.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(p.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    arena_init(&p.arena, ARENA_MAX);
    return p;
}

struct caller peer_open(struct host *h, const char *socket_name)
{
    struct caller p = peer_connect(h, socket_name);
    struct remote_int feature = {.value = REMOTE_FEATURE_EVENT_CALLBACK}, has;
    struct remote_auth_types auth;
    struct remote_open open = {.name = "qemu:///system"};
    peer_expect_reply(&p, REMOTE_AUTH_LIST, peer_call(&p, REMOTE_AUTH_LIST, NULL), &auth);
    assert_int_equal(auth.types.count, 1);
    assert_int_equal(auth.types.items[0], 0);
    peer_expect_reply(&p, REMOTE_CONNECT_SUPPORTS_FEATURE,
                      peer_call(&p, REMOTE_CONNECT_SUPPORTS_FEATURE, &feature), &has);
    assert_int_equal(has.value, 1);
    peer_expect_reply(&p, REMOTE_CONNECT_OPEN, peer_call(&p, REMOTE_CONNECT_OPEN, &open), NULL);
    return p;
}

void peer_close(struct caller *p)
{
    close(p->fd);
    buffer_free(&p->in);
    arena_free(&p->arena);
}

void peer_send(struct caller *p, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size) {
        ssize_t n = send(p->fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            host_turn(p->host);
            continue;
        }
        if (n < 0)
            return; /* the daemon has closed: the test will see that */
        at += n;
        size -= (size_t)n;
    }
}

uint32_t peer_call_program(struct caller *p, uint32_t program, int32_t procedure, const void *args)
{
    struct buffer out = {0};
    const struct rpc_proc *proc = rpc_find(program, procedure);
    assert_non_null(proc);
    assert_int_equal(rpc_write_call(&out, proc, ++p->host->serial, args, NULL), 0);
    peer_send(p, buffer_bytes(&out), buffer_size(&out));
    buffer_free(&out);
    return p->host->serial;
}

uint32_t peer_call(struct caller *p, int32_t procedure, const void *args)
{
    return peer_call_program(p, PROGRAM_REMOTE, procedure, args);
}

void peer_send_frame(struct caller *p, const struct frame *head, const void *payload, size_t size)
{
    struct buffer out = {0};
    assert_int_equal(frame_write(&out, head, payload, size, NULL), 0);
    peer_send(p, buffer_bytes(&out), buffer_size(&out));
    buffer_free(&out);
}

/* False at the end of the connection. */
static bool receive_more(struct caller *p)
{
    for (;;) {
        uint8_t *room = buffer_reserve(&p->in, 65536);
        assert_non_null(room);
        ssize_t n = recv(p->fd, room, 65536, 0);
        if (n > 0)
            buffer_commit(&p->in, (size_t)n);
        if (n > 0)
            return true;
        if (n == 0 || errno != EAGAIN)
            return false;
        host_turn(p->host);
    }
}

struct frame peer_receive(struct caller *p)
{
    static struct buffer last; /* the payload outlives the frame's place in the input */
    struct frame frame;
    struct fail f;
    int r;
    while ((r = frame_parse(buffer_bytes(&p->in), buffer_size(&p->in), FRAME_SIZE_MAX, &frame, NULL,
                            &f)) == 0)
        if (!receive_more(p))
            fail_msg("the connection ended where a frame was expected");
    if (r < 0)
        fail_msg("%s", f.text);
    buffer_take(&last, buffer_size(&last));
    assert_int_equal(buffer_append(&last, frame.payload, frame.payload_size), 0);
    frame.payload = buffer_bytes(&last);
    buffer_take(&p->in, frame.size);
    return frame;
}

static void decode(struct caller *p, const struct rpc_struct *shape, const struct frame *frame,
                   void *ret)
{
    struct fail f;
    arena_free(&p->arena);
    arena_init(&p->arena, ARENA_MAX);
    if (rpc_decode(shape, frame->payload, frame->payload_size, &p->arena, ret, &f) < 0)
        fail_msg("%s", f.text);
}

void peer_expect_reply(struct caller *p, int32_t procedure, uint32_t serial, void *ret)
{
    struct frame frame = peer_receive(p);
    struct fail f;
    if (frame.status == FRAME_ERROR) {
        rpc_read_error(&frame, &f);
        fail_msg("error %d: %s", f.code, f.text);
    }
    assert_int_equal(frame.type, FRAME_REPLY);
    assert_int_equal(frame.procedure, procedure);
    assert_int_equal(frame.serial, serial);
    decode(p, rpc_find(PROGRAM_REMOTE, procedure)->ret, &frame, ret);
}

void peer_expect_error(struct caller *p, uint32_t serial, int code, const char *words)
{
    struct frame frame = peer_receive(p);
    struct fail f;
    assert_int_equal(frame.status, FRAME_ERROR);
    assert_int_equal(frame.serial, serial);
    rpc_read_error(&frame, &f);
    assert_int_equal(f.code, code);
    if (!strstr(f.text, words))
        fail_msg("'%s' is not in: %s", words, f.text);
}

void peer_expect_event(struct caller *p, uint32_t program, int32_t procedure, void *ret)
{
    struct frame frame = peer_receive(p);
    assert_int_equal(frame.type, FRAME_MESSAGE);
    assert_int_equal(frame.program, program);
    assert_int_equal(frame.procedure, procedure);
    decode(p, rpc_find(program, procedure)->args, &frame, ret);
}

void peer_expect_closed(struct caller *p)
{
    while (receive_more(p))
        ;
    if (buffer_size(&p->in))
        fail_msg("%zu bytes came before the connection was closed", buffer_size(&p->in));
}

void peer_expect_nothing(struct caller *p)
{
    struct remote_string type;
    peer_expect_reply(p, REMOTE_CONNECT_GET_TYPE, peer_call(p, REMOTE_CONNECT_GET_TYPE, NULL),
                      &type);
    assert_string_equal(type.value, "QEMU");
}
