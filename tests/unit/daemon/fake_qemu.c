#include "fake_qemu.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/registry.h"
#include "io/monitor.h"
#include "io/timer.h"
#include "util/cleanup.h"

static void on_ready(struct monitor *m, void *userdata)
{
    struct guest *g = userdata;
    (void)m;
    g->monitor_ready = true;
}

static void on_event(struct monitor *m, const struct monitor_event *event, void *userdata)
{
    (void)m;
    (void)event;
    (void)userdata;
}

static void on_closed(struct monitor *m, const struct fail *why, void *userdata)
{
    struct guest *g = userdata;
    (void)why;
    g->monitor = NULL;
    g->monitor_ready = false;
    monitor_free(m);
}

static struct domain *document(const char *name)
{
    static const char format[] =
        "<domain type='qemu'><name>%s</name><memory>65536</memory><vcpu>2</vcpu>"
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>"
        "<disk type='file' device='disk'><source file='/nonexistent/a'/>"
        "<target dev='vda' bus='virtio'/></disk></devices></domain>";
    struct domain_defaults defaults = {.emulator = "/nonexistent/qemu", .machine = "pc-q35-7.2"};
    struct domain *d;
    struct fail f;
    char xml[1024];
    int n = snprintf(xml, sizeof(xml), format, name);
    if (domain_parse(xml, (size_t)n, 0, &d, &f) < 0 || domain_fill_defaults(d, &defaults, &f) < 0)
        fail_msg("%s", f.text);
    return d;
}

struct guest *fake_define(struct host *h, const char *name)
{
    return host_define(h, document(name));
}

/* recv, and the descriptor that came along. */
static ssize_t receive(struct fake *q, void *room, size_t size)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec bytes = {room, size};
    struct msghdr m = {.msg_iov = &bytes,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(q->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS) {
        cleanup_close(&q->got);
        memcpy(&q->got, CMSG_DATA(c), sizeof(q->got));
    }
    return n;
}

char *fake_receive(struct fake *q)
{
    static char line[8192];
    const uint8_t *end;
    while (buffer_size(&q->in) == 0 ||
           !(end = memchr(buffer_bytes(&q->in), '\n', buffer_size(&q->in)))) {
        uint8_t *room = buffer_reserve(&q->in, 4096);
        ssize_t n = receive(q, room, 4096);
        if (n > 0)
            buffer_commit(&q->in, (size_t)n);
        else if (n < 0 && errno == EAGAIN)
            host_turn(q->host);
        else
            fail_msg("the daemon closed the monitor");
    }
    size_t size = (size_t)(end - buffer_bytes(&q->in));
    assert_true(size < sizeof(line));
    memcpy(line, buffer_bytes(&q->in), size);
    line[size] = '\0';
    buffer_take(&q->in, size + 1);
    return line;
}

void fake_expect(struct fake *q, const char *command)
{
    char *line = fake_receive(q);
    char *id = strstr(line, "\"id\"");
    if (!strstr(line, command) || !id)
        fail_msg("QEMU got %s, not %s", line, command);
    q->id = strtoull(id + strcspn(id, "0123456789"), NULL, 10);
}

void fake_say(struct fake *q, const char *text)
{
    assert_int_equal(send(q->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void fake_return(struct fake *q, const char *value)
{
    char line[1024];
    snprintf(line, sizeof(line), "{\"return\": %s, \"id\": %llu}\r\n", value, q->id);
    fake_say(q, line);
}

void fake_refuse(struct fake *q)
{
    char line[256];
    snprintf(
        line, sizeof(line),
        "{\"id\": %llu, \"error\": {\"class\": \"GenericError\", \"desc\": \"no, never\"}}\r\n",
        q->id);
    fake_say(q, line);
}

struct fake fake_start(struct host *h, struct guest *g)
{
    static const struct monitor_ops ops = {on_ready, on_event, on_closed};
    struct fake q = {.host = h, .guest = g, .got = -1};
    struct fail f;
    int pair[2];
    assert_int_equal(domain_copy(g->defined, &g->live, &f), 0);
    assert_int_equal(domain_assign_aliases(g->live, &f), 0);
    g->id = g->live->id = registry_take_id(h->daemon.registry);
    g->core.life = (struct life){
        .phase = LIFE_UP, .state = CORE_RUNNING, .reason = RUNNING_BOOTED, .vcpus = 1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    q.fd = pair[1];
    assert_int_equal(monitor_new_fd(daemon_event(&h->daemon), pair[0], 30 * TIMER_SECOND, &ops, g,
                                    &g->monitor, &f),
                     0);
    fake_say(&q, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7},"
                 " \"package\": \"\"}, \"capabilities\": []}}\r\n");
    fake_expect(&q, "qmp_capabilities");
    fake_return(&q, "{}");
    while (!g->monitor_ready)
        host_turn(h);
    return q;
}

void fake_end(struct fake *q)
{
    close(q->fd);
    q->fd = -1;
    cleanup_close(&q->got);
    buffer_free(&q->in);
}
