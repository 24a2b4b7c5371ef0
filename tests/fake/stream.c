/* stream.c - the connection between two fakes: messages of one size, in either direction. */
#include "fake.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const names[MSG_COUNT] = {
    [MSG_HELLO] = "hello",       [MSG_PAGE] = "page",         [MSG_STATE] = "state",
    [MSG_PACKAGE] = "package",   [MSG_GONE] = "gone",         [MSG_END] = "end",
    [MSG_AGAIN] = "again",       [MSG_GO_ON] = "go-on",       [MSG_WANTED] = "wanted",
    [MSG_HAVE] = "have",         [MSG_HAVE_ALL] = "have-all", [MSG_SHUT] = "shut",
    [MSG_GOING_ON] = "going-on",
};

enum { BUFFER_BYTES = 32 * 1024 }; /* no more pages than that are on their way unseen */

static const struct stream_ops *operations;
static void (*connection_came)(void);
static int stream = -1, listener = -1;
static char unix_path[108];
static struct message incoming;
static size_t have;

/* ---- addresses: "tcp:HOST:PORT", "unix:PATH" ------------------------------------------------ */

static int unix_socket(const char *path, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", path);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static struct addrinfo *look_up(const char *text, bool passive)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port = strrchr(text, ':');
    const char *start = text[0] == '[' ? text + 1 : text;
    if (!port)
        return NULL;
    snprintf(host, sizeof(host), "%.*s", (int)(port - start - (text[0] == '[')), start);
    return getaddrinfo(host[0] ? host : NULL, port + 1, &hints, &found) == 0 ? found : NULL;
}

static int open_tcp(const char *text, bool passive, char error[256])
{
    struct addrinfo *a = look_up(text, passive);
    int on = 1;
    int fd = a ? socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int r = fd < 0    ? -1
            : passive ? bind(fd, a->ai_addr, a->ai_addrlen)
                      : connect(fd, a->ai_addr, a->ai_addrlen);
    if (r == 0 && passive)
        r = listen(fd, 1);
    if (r < 0) {
        snprintf(error, 256,
                 passive ? "Failed to find an available port: %s"
                         : "Failed to connect to '%2$s': %1$s",
                 strerror(errno), text);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (a)
        freeaddrinfo(a);
    return fd;
}

static int open_unix(const char *path, bool passive, char error[256])
{
    struct sockaddr_un address;
    int fd = unix_socket(path, &address);
    if (passive)
        unlink(path);
    if (fd >= 0 &&
        (passive ? bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0
                 : connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)) {
        snprintf(error, 256, "Failed to %s '%s': %s", passive ? "bind socket to" : "connect to",
                 path, strerror(errno));
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Of getfd. */
static int kept = -1;
static char kept_name[64];

bool stream_keep(const char *name, int fd)
{
    if (kept >= 0)
        close(kept);
    kept = fd;
    snprintf(kept_name, sizeof(kept_name), "%s", name);
    return fd >= 0;
}

static int open_uri(const char *uri, bool passive, char error[256])
{
    if (strncmp(uri, "unix:", 5) == 0)
        return open_unix(uri + 5, passive, error);
    if (strncmp(uri, "tcp:", 4) == 0)
        return open_tcp(uri + 4, passive, error);
    if (strncmp(uri, "fd:", 3) == 0 && kept >= 0 && strcmp(uri + 3, kept_name) == 0) {
        int fd = kept;
        kept = -1;
        return fd;
    }
    snprintf(error, 256, "unknown migration protocol: %s", uri);
    return -1;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void lose(const char *why)
{
    stream_close();
    operations->broken(why);
}

/* A page's message has the weight of a page: it counts as here when all of it has come. */
static size_t weight(const struct message *m)
{
    return sizeof(*m) + (m->type == MSG_PAGE ? PAGE_BYTES : 0);
}

/* How many of these bytes were used: up to the end of a message, at most. */
static size_t take_bytes(const char *bytes, size_t size)
{
    size_t whole = have < sizeof(incoming) ? sizeof(incoming) : weight(&incoming);
    size_t used = whole - have < size ? whole - have : size;
    if (have < sizeof(incoming))
        memcpy((char *)&incoming + have, bytes, used);
    have += used;
    if (have < sizeof(incoming) || have < weight(&incoming))
        return used;
    struct message m = incoming;
    have = 0;
    operations->message(&m);
    return used;
}

static void on_bytes(int fd)
{
    char bytes[65536];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        lose(n < 0 ? "Unable to read from socket: Connection reset by peer"
                   : "Channel error: Input/output error");
        return;
    }
    for (size_t at = 0; at < (size_t)n && stream == fd;)
        at += take_bytes(bytes + at, (size_t)n - at);
}

bool stream_has_room(void)
{
    struct pollfd p = {.fd = stream, .events = POLLOUT};
    return stream >= 0 && poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
}

void stream_send(enum message_type type, uint32_t page, uint64_t value)
{
    static char bytes[sizeof(struct message) + PAGE_BYTES];
    struct message m = {.type = type, .page = page, .value = value};
    struct orders orders = {0};
    if (type != MSG_PAGE && type != MSG_GONE && type != MSG_HAVE && type != MSG_WANTED)
        at_point(&orders, "message", names[type]);
    if (stream >= 0 && !orders.drop) /* an end is noticed by reading */
        (void)!send(stream, memcpy(bytes, &m, sizeof(m)), weight(&m), MSG_NOSIGNAL);
}

bool stream_is_open(void)
{
    return stream >= 0;
}

void stream_cut(void)
{
    if (stream >= 0)
        shutdown(stream, SHUT_RDWR);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void stop_listening(void)
{
    if (listener < 0)
        return;
    unwatch(listener);
    close(listener);
    listener = -1;
    if (unix_path[0])
        unlink(unix_path);
}

void stream_close(void)
{
    stop_listening();
    if (stream < 0)
        return;
    unwatch(stream);
    close(stream);
    stream = -1;
    have = 0;
}

int stream_connect(const char *uri, const struct stream_ops *ops, char error[256])
{
    stream_close();
    operations = ops;
    int buffer = BUFFER_BYTES;
    stream = open_uri(uri, false, error);
    if (stream < 0)
        return -1;
    setsockopt(stream, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    watch(stream, on_bytes);
    return 0;
}

static void on_connection(int fd)
{
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return;
    stop_listening();
    stream = connection;
    watch(stream, on_bytes);
    connection_came();
}

int stream_listen(const char *uri, const struct stream_ops *ops, void (*came)(void),
                  char error[256])
{
    stream_close();
    operations = ops;
    connection_came = came;
    snprintf(unix_path, sizeof(unix_path), "%s", strncmp(uri, "unix:", 5) == 0 ? uri + 5 : "");
    listener = open_uri(uri, true, error);
    if (listener < 0)
        return -1;
    watch(listener, on_connection);
    return 0;
}
