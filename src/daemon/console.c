/* console.c - a stream between a client and a guest's serial port or console.
 *
 *   client <-- frames --> client_stream <-- this --> descriptor <--> QEMU's chardev
 *
 * The descriptor is the pty's slave or a connection to the unix socket that QEMU listens at. It is
 * opened while a client is attached, and at no other time. One client at a time: a second one is
 * refused, or takes over with VIR_DOMAIN_CONSOLE_FORCE.
 *
 * Flow: when the client does not read, the guest's bytes stay in the pty. When the guest does not
 * read, nothing more is taken from the client's connection; a guest that takes nothing for
 * STUCK_SECONDS loses the console, or else one deaf guest would block a connection for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include "daemon/api.h"
#include "daemon/client.h"
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "io/address.h"
#include "io/timer.h"
#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/log.h"

enum {
    READ_SIZE = 16 * 1024,
    WAITING_MAX = 64 * 1024, /* bytes for the guest: then the client has to wait */
    STUCK_SECONDS = 10,
};

struct console {
    struct console *next; /* of all that are open */
    struct daemon *daemon;
    struct uuid guest;
    char *alias;
    struct client_stream *stream;
    int fd;
    sd_event_source *io;
    struct buffer out; /* for the guest */
    bool full;         /* the client has to wait */
    bool client_full;  /* the guest has to wait */
    bool ended;        /* there is no guest any more; the client was told */
    struct timer stuck;
};

/* ---- the end --------------------------------------------------------------------------------- */

static void close_device(struct console *c)
{
    c->io = sd_event_source_disable_unref(c->io);
    timer_cancel(&c->stuck);
    buffer_free(&c->out);
    if (c->fd >= 0)
        close(take_fd(&c->fd));
}

static void console_free(struct console *c)
{
    for (struct console **at = &c->daemon->consoles; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    close_device(c);
    free(c->alias);
    free(c);
}

static void fail_console(struct console *c, const char *why)
{
    struct fail f;
    fail_set(&f, VIR_ERR_OPERATION_FAILED, "console %s: %s", c->alias, why);
    client_stream_fail(c->stream, &f);
    console_free(c);
}

/* The device is gone, with the guest. The client finishes the stream when it has read the end. */
static void end_of_device(struct console *c)
{
    c->ended = true;
    close_device(c);
    client_stream_hold(c->stream, false);
    client_stream_send_end(c->stream);
}

/* ---- both ways ------------------------------------------------------------------------------- */

static void watch(struct console *c)
{
    uint32_t events = (c->client_full ? 0 : EPOLLIN) | (buffer_size(&c->out) ? EPOLLOUT : 0);
    (void)sd_event_source_set_io_events(c->io, events); /* fails only on a dead source */
}

static void guest_is_deaf(void *userdata)
{
    fail_console(userdata, "the guest does not read its input");
}

static void hold_client(struct console *c, bool hold)
{
    c->full = hold;
    if (!hold)
        timer_cancel(&c->stuck);
    else if (timer_arm(&c->stuck, daemon_event(c->daemon), STUCK_SECONDS * TIMER_SECOND,
                       guest_is_deaf, c) < 0)
        log_warning("console %s: out of memory for a timer", c->alias);
    client_stream_hold(c->stream, hold);
}

/* False when the device is gone. */
static bool write_device(struct console *c)
{
    while (buffer_size(&c->out)) {
        ssize_t n = write(c->fd, buffer_bytes(&c->out), buffer_size(&c->out));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return false;
        buffer_take(&c->out, (size_t)n);
        if (c->full)
            hold_client(c, buffer_size(&c->out) >= WAITING_MAX);
    }
    return true;
}

/* False when the device is gone. */
static bool read_device(struct console *c)
{
    uint8_t bytes[READ_SIZE];
    ssize_t n = read(c->fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false; /* a pty whose master was closed says EIO */
    c->client_full = !client_stream_send(c->stream, bytes, (size_t)n);
    return true;
}

static int on_device(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct console *c = userdata;
    bool alive = true;
    (void)source;
    (void)fd;
    if (revents & EPOLLOUT)
        alive = write_device(c);
    if (alive && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        alive = read_device(c);
    if (alive)
        watch(c);
    else
        end_of_device(c);
    return 0;
}

static void from_client(struct client_stream *s, const uint8_t *bytes, size_t size, void *userdata)
{
    struct console *c = userdata;
    (void)s;
    if (c->ended)
        return; /* typed before the end was read */
    if (buffer_append(&c->out, bytes, size) < 0) {
        fail_console(c, "out of memory");
        return;
    }
    if (!write_device(c)) {
        end_of_device(c);
        return;
    }
    if (!c->full && buffer_size(&c->out) >= WAITING_MAX)
        hold_client(c, true);
    watch(c);
}

static void client_ended(struct client_stream *s, void *userdata)
{
    (void)s;
    console_free(userdata);
}

static void client_drained(struct client_stream *s, void *userdata)
{
    struct console *c = userdata;
    (void)s;
    c->client_full = false;
    if (!c->ended)
        watch(c);
}

static const struct client_stream_ops stream_ops = {
    .data = from_client, .ended = client_ended, .drained = client_drained};

/* ---- which device ---------------------------------------------------------------------------- */

struct device {
    const char *alias;
    const struct domain_chardev *source;
};

static bool is_device(const struct domain_device *dev, const char *alias)
{
    return !alias || (dev->alias && strcmp(dev->alias, alias) == 0);
}

/* Without a name: the first console, or serial port. */
static int find_device(const struct domain *d, const char *alias, struct device *ret,
                       struct fail *f)
{
    for (size_t i = 0; i < d->console_count; i++) {
        if (is_device(&d->consoles[i].dev, alias)) {
            *ret = (struct device){d->consoles[i].dev.alias, &d->consoles[i].source};
            return 0;
        }
    }
    for (size_t i = 0; i < d->serial_count; i++) {
        if (is_device(&d->serials[i].dev, alias)) {
            *ret = (struct device){d->serials[i].dev.alias, &d->serials[i].source};
            return 0;
        }
    }
    return fail_set(f, VIR_ERR_INVALID_ARG, "cannot find character device %s",
                    alias ? alias : "default");
}

static int connect_device(const char *path, struct fail *f)
{
    struct sockaddr_un address;
    if (address_unix(path, &address, f) < 0)
        return -1;
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "connect to %s: %s", path, strerror(errno));
    return take_fd(&fd);
}

static int open_pty(const char *path, bool exclusive, struct fail *f)
{
    auto_close int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || (exclusive && ioctl(fd, TIOCEXCL) < 0))
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "open %s: %s", path, strerror(errno));
    return take_fd(&fd);
}

static int open_device(const struct device *device, unsigned flags, struct fail *f)
{
    const struct domain_chardev *source = device->source;
    switch (source->type) {
    case DOMAIN_CHARDEV_PTY:
        if (!source->path)
            break;
        return open_pty(source->path, flags & VIR_DOMAIN_CONSOLE_SAFE, f);
    case DOMAIN_CHARDEV_UNIX:
        if (!source->listen || !source->path)
            break;
        return connect_device(source->path, f);
    case DOMAIN_CHARDEV_FILE:
    case DOMAIN_CHARDEV_TCP:
    case DOMAIN_CHARDEV_NULL:
        break;
    }
    return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED,
                    "character device %s is not using a PTY or a UNIX socket that QEMU listens at",
                    device->alias ? device->alias : "default");
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct console *find_console(const struct guest *g, const char *alias)
{
    for (struct console *c = g->daemon->consoles; c; c = c->next)
        if (!c->ended && uuid_equal(&c->guest, &g->uuid) && strcmp(c->alias, alias) == 0)
            return c;
    return NULL;
}

/* Whoever has it gives way, or is in the way. */
static int make_way(const struct guest *g, const char *alias, unsigned flags, struct fail *f)
{
    struct console *other = find_console(g, alias);
    if (!other)
        return 0;
    if (!(flags & VIR_DOMAIN_CONSOLE_FORCE))
        return fail_set(f, VIR_ERR_OPERATION_FAILED,
                        "Active console session exists for this domain");
    fail_console(other, "another client took over");
    return 0;
}

/* Takes `fd` over, also on failure. */
static struct console *console_new(struct guest *g, const char *alias, int fd)
{
    struct console *c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return NULL;
    }
    c->daemon = g->daemon;
    c->guest = g->uuid;
    c->fd = fd;
    c->next = g->daemon->consoles;
    g->daemon->consoles = c;
    c->alias = strdup(alias);
    if (c->alias &&
        sd_event_add_io(daemon_event(g->daemon), &c->io, fd, EPOLLIN, on_device, c) >= 0)
        return c;
    console_free(c);
    return NULL;
}

void api_domain_open_console(struct call *call)
{
    const struct remote_open_device *args = call->args;
    struct device device = {0};
    struct fail f;
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g ||
        !call_check_flags(call, args->flags, VIR_DOMAIN_CONSOLE_FORCE | VIR_DOMAIN_CONSOLE_SAFE))
        return;
    if (!guest_is_active(g) || !g->live) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
        return;
    }
    const char *alias = args->device;
    int fd = -1;
    if (find_device(g->live, alias, &device, &f) < 0 ||
        make_way(g, device.alias ? device.alias : "", args->flags, &f) < 0 ||
        (fd = open_device(&device, args->flags, &f)) < 0) {
        call_fail(call, &f);
        return;
    }
    struct console *c = console_new(g, device.alias ? device.alias : "", fd);
    if (!c) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    c->stream = client_stream_open(call, &stream_ops, c);
    if (!c->stream)
        console_free(c);
    else
        call_reply(call, NULL);
}
