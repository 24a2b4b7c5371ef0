/* A unix socket's file outlives its daemon. To tell a left-over from a live one we connect to it:
 * refused means that nobody listens. The daemon's pid file is locked before, so that two daemons of
 * one root never do this at the same time. */
#include "io/listener.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/address.h"
#include "io/timer.h"
#include "util/cleanup.h"
#include "util/log.h"

enum {
    SOCKETS_MAX = 8, /* addresses of one name */
    DYING_MS = 500,
    ACCEPTS_IN_A_TURN = 16 /* so that a flood of connections leaves time for the others */
};

struct listen_socket {
    struct listener *listener;
    sd_event_source *source;
    int fd;
};

struct listener {
    sd_event *event;
    listener_accept_fn *accept;
    void *userdata;
    struct listen_socket socket[SOCKETS_MAX];
    unsigned count;
    uint16_t port;
    bool paused;
    struct timer retry; /* out of descriptors */
    char *path;         /* of the unix socket's file, to be removed */
    dev_t device;
    ino_t inode;
};

static void describe_peer(int fd, struct listener_peer *ret_peer)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    *ret_peer = (struct listener_peer){.uid = (uid_t)-1, .gid = (gid_t)-1, .pid = -1};
    if (getpeername(fd, (struct sockaddr *)&address, &size) < 0)
        address.ss_family = AF_UNSPEC;
    if (address.ss_family != AF_UNIX) {
        address_format((struct sockaddr *)&address, ret_peer->address, sizeof(ret_peer->address));
        return;
    }
    struct ucred who;
    size = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        ret_peer->local = true;
        ret_peer->uid = who.uid;
        ret_peer->gid = who.gid;
        ret_peer->pid = who.pid;
    }
    snprintf(ret_peer->address, sizeof(ret_peer->address), "pid %d", (int)ret_peer->pid);
}

static void set_accepting(struct listener *l, bool on)
{
    for (unsigned i = 0; i < l->count; i++)
        (void)sd_event_source_set_enabled(l->socket[i].source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void on_retry(void *userdata)
{
    struct listener *l = userdata;
    if (!l->paused)
        set_accepting(l, true);
}

/* Out of descriptors or memory: the connection stays in the queue and would wake us at once. */
static void wait_for_better_times(struct listener *l, int error)
{
    log_error("accept a connection: %s; trying again in a second", strerror(error));
    if (timer_arm(&l->retry, l->event, TIMER_SECOND, on_retry, l) >= 0)
        set_accepting(l, false);
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
    struct listen_socket *s = userdata;
    struct listener *l = s->listener;
    (void)revents;
    sd_event_source_ref(source); /* the callback may free the listener */
    for (int i = 0; i < ACCEPTS_IN_A_TURN; i++) {
        struct listener_peer peer;
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
            wait_for_better_times(l, errno);
        if (fd < 0) /* the client may have gone again: that is not our error */
            break;
        describe_peer(fd, &peer);
        if (!peer.local)
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        l->accept(fd, &peer, l->userdata);
        int enabled = SD_EVENT_OFF; /* freed or paused by the callback */
        if (sd_event_source_get_enabled(source, &enabled) <= 0)
            break;
    }
    sd_event_source_unref(source);
    return 0;
}

static int add_socket(struct listener *l, int fd, struct fail *f)
{
    struct listen_socket *s = &l->socket[l->count];
    if (listen(fd, SOMAXCONN) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "listen: %s", strerror(errno));
    int r = sd_event_add_io(l->event, &s->source, fd, EPOLLIN, on_connection, s);
    if (r < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "listen: %s", strerror(-r));
    s->listener = l;
    s->fd = fd;
    l->count++;
    return 0;
}

/* What a daemon that was killed had just forked listens with it for a moment, until it notices that
 * the daemon is gone: then our connection ends. A live daemon waits for our first words. */
static bool ends_by_itself(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&p, 1, DYING_MS) > 0 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* 0 when the place is free, or was freed of a dead daemon's socket. */
static int clear_place(const char *path, const struct sockaddr_un *address, struct fail *f)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "there is something else than a socket");
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(errno));
    int r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
    if (r == EAGAIN || (r == 0 && !ends_by_itself(fd)))
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "another program is listening there");
    if (r != 0 && r != ECONNREFUSED)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "see whether it is in use: %s", strerror(r));
    if (unlink(path) < 0 && errno != ENOENT)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "remove the old socket: %s", strerror(errno));
    return 0;
}

static int set_group(const char *path, const char *name, struct fail *f)
{
    if (!name || !*name)
        return 0;
    errno = 0;
    const struct group *g = getgrnam(name);
    if (!g)
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "there is no group '%s'", name);
    if (chown(path, (uid_t)-1, g->gr_gid) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "give it to group '%s': %s", name,
                        strerror(errno));
    return 0;
}

/* The file gets the mode that its socket has at the bind: only root's. It is opened to others once
 * its group is right. */
static int bind_unix(struct listener *l, const struct listener_unix *where, struct fail *f)
{
    struct sockaddr_un address;
    struct stat st;
    if (address_unix(where->path, &address, f) < 0 || clear_place(where->path, &address, f) < 0)
        return -1;
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(errno));
    l->path = strdup(where->path);
    if (!l->path || stat(where->path, &st) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(errno));
    l->device = st.st_dev;
    l->inode = st.st_ino;
    if (set_group(where->path, where->group, f) < 0)
        return -1;
    if (chmod(where->path, where->mode) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "set its mode: %s", strerror(errno));
    if (add_socket(l, fd, f) < 0)
        return -1;
    (void)take_fd(&fd);
    return 0;
}

static struct listener *listener_alloc(sd_event *event, listener_accept_fn *accept_fn,
                                       void *userdata)
{
    struct listener *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->event = sd_event_ref(event);
    l->accept = accept_fn;
    l->userdata = userdata;
    return l;
}

int listener_new_unix(sd_event *event, const struct listener_unix *where,
                      listener_accept_fn *accept_fn, void *userdata, struct listener **ret_listener,
                      struct fail *f)
{
    struct listener *l = listener_alloc(event, accept_fn, userdata);
    if (!l)
        return fail_set(f, VIR_ERR_NO_MEMORY, "listen at %s: out of memory", where->path);
    if (bind_unix(l, where, f) < 0) {
        listener_free(l);
        return fail_prefix(f, "listen at %s", where->path);
    }
    *ret_listener = l;
    return 0;
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
    else if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
}

/* A bound socket, or negative errno. */
static int bind_tcp(const struct addrinfo *info, uint16_t port)
{
    auto_close int fd =
        socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (info->ai_family == AF_INET6) /* IPv4 has a socket of its own */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    set_port(info->ai_addr, port);
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0)
        return -errno;
    return take_fd(&fd);
}

static int listen_tcp(struct listener *l, const struct addrinfo *info, uint16_t port,
                      struct fail *f)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof(bound);
    auto_close int fd = bind_tcp(info, port);
    if (fd < 0) {
        fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(-fd));
        return fd;
    }
    if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
        l->port = address_port((struct sockaddr *)&bound);
    if (add_socket(l, fd, f) < 0)
        return -EIO;
    (void)take_fd(&fd);
    return 0;
}

/* A machine may lack IPv6, or one of a name's addresses: one that works is enough, unless another
 * program has the port on one of them. */
static int listen_at_all(struct listener *l, const struct addrinfo *list, uint16_t port,
                         struct fail *f)
{
    for (const struct addrinfo *info = list; info && l->count < SOCKETS_MAX; info = info->ai_next)
        if (listen_tcp(l, info, l->count ? l->port : port, f) == -EADDRINUSE)
            return -1;
    return l->count ? 0 : -1;
}

int listener_new_tcp(sd_event *event, const char *host, uint16_t port,
                     listener_accept_fn *accept_fn, void *userdata, struct listener **ret_listener,
                     struct fail *f)
{
    bool all = !host || !*host || strcmp(host, "*") == 0;
    const char *shown = all ? "*" : host;
    struct addrinfo *list = NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct listener *l = listener_alloc(event, accept_fn, userdata);
    if (!l)
        return fail_set(f, VIR_ERR_NO_MEMORY, "listen at %s:%u: out of memory", shown, port);
    int r = getaddrinfo(all ? NULL : host, "0", &hints, &list);
    if (r != 0)
        r = fail_set(f, VIR_ERR_CONF_SYNTAX, "%s", gai_strerror(r));
    else
        r = listen_at_all(l, list, port, f);
    if (list)
        freeaddrinfo(list);
    if (r < 0) {
        listener_free(l);
        return fail_prefix(f, "listen at %s:%u", shown, port);
    }
    *ret_listener = l;
    return 0;
}

static void remove_file(const struct listener *l)
{
    struct stat st;
    if (l->path && stat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        unlink(l->path);
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    remove_file(l);
    free(l->path);
    timer_cancel(&l->retry);
    for (unsigned i = 0; i < l->count; i++) {
        sd_event_source_disable_unref(l->socket[i].source);
        close(l->socket[i].fd);
    }
    sd_event_unref(l->event);
    free(l);
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

void listener_pause(struct listener *l)
{
    l->paused = true;
    set_accepting(l, false);
}

void listener_resume(struct listener *l)
{
    l->paused = false;
    if (!timer_is_armed(&l->retry))
        set_accepting(l, true);
}
