/* tap.c - loaded into a batond by LD_PRELOAD: at each thing that it reads or writes it stands still
 * and asks.
 *
 * What is asked about: a record of a guest's journal, a line of a trace (it names the record that
 * follows), a message of the remote protocol or of the peer channel, a line of QMP. Several that
 * would go through in one call go one by one. The torturer listens at the socket BATON_TAP, and
 * says so by the first byte of the file BATON_TAP.on; before and after that nothing is asked. He
 * breaks something while we stand, or kills us; what he answers:
 *
 *   g   go on
 *   a   do it, then ask again
 *   h   do half of it, then ask again
 *
 * A connection to a unix socket below the folder BATON_TAP_PEER goes to the socket of its name in
 * BATON_TAP_WIRES, if there is one.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FDS_MAX = 1024, SHOWN_MAX = 16 * 1024 };
enum kind { RECORD = 1, TRACE, SENDS, READS, DONE };

/* One direction of a socket: what is left of the message that is under way. */
struct flow {
    uint32_t left; /* bytes of a frame */
    bool line;     /* of QMP: until its end */
};

static struct flow in[FDS_MAX], out[FDS_MAX];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const volatile uint8_t *on;
static const char *wires, *peer;
static int torturer = -1;
static pid_t owner;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_sendmsg)(int, const struct msghdr *, int);
static ssize_t (*real_recvmsg)(int, struct msghdr *, int);
static int (*real_connect)(int, const struct sockaddr *, socklen_t);
static int (*real_close)(int);

static __attribute__((constructor)) void begin(void)
{
    real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    real_sendmsg = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    real_recvmsg = (ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
    real_connect = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    real_close = (int (*)(int))dlsym(RTLD_NEXT, "close");
    const char *path = getenv("BATON_TAP");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char flag[sizeof(address.sun_path) + 4];
    if (!path || strlen(path) >= sizeof(address.sun_path))
        return;
    strcpy(address.sun_path, path);
    snprintf(flag, sizeof(flag), "%s.on", path);
    int fd = open(flag, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (map == MAP_FAILED || real_connect(s, (struct sockaddr *)&address, sizeof(address)) < 0)
        abort();
    real_close(fd);
    torturer = s;
    owner = getpid();
    wires = getenv("BATON_TAP_WIRES"); /* what it points to stays */
    peer = getenv("BATON_TAP_PEER");
    on = map;
    unsetenv("LD_PRELOAD"); /* none of this for the QEMUs */
    unsetenv("BATON_TAP");
    unsetenv("BATON_TAP_WIRES");
    unsetenv("BATON_TAP_PEER");
}

static bool is_on(void)
{
    return on && *on && getpid() == owner;
}

/* The answer; 'g' when there is nobody any more. */
static char ask(enum kind kind, int fd, const void *bytes, size_t size)
{
    uint32_t shown = size > SHOWN_MAX ? SHOWN_MAX : (uint32_t)size;
    struct {
        uint32_t kind;
        int32_t fd;
        uint32_t size;
    } head = {kind, fd, shown};
    char answer = 'g';
    pthread_mutex_lock(&turn);
    if (send(torturer, &head, sizeof(head), MSG_NOSIGNAL) != sizeof(head) ||
        send(torturer, bytes, shown, MSG_NOSIGNAL) != (ssize_t)shown ||
        recv(torturer, &answer, 1, 0) != 1)
        answer = 'g';
    pthread_mutex_unlock(&turn);
    return answer;
}

/* ---- files ---------------------------------------------------------------------------------- */

static enum kind kind_of_file(int fd)
{
    char link[64], path[512] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n > 8 && strcmp(path + n - 8, "/journal") == 0)
        return RECORD;
    return n > 6 && strcmp(path + n - 6, ".jsonl") == 0 ? TRACE : 0;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    enum kind kind = is_on() ? kind_of_file(fd) : 0;
    char answer = kind ? ask(kind, fd, bytes, size) : 'g';
    ssize_t n = real_write(fd, bytes, answer == 'h' ? size / 2 : size);
    if (answer != 'g')
        ask(DONE, fd, "", 0);
    return n;
}

/* ---- sockets -------------------------------------------------------------------------------- */

/* How many of these bytes are of the message that they begin with or are in the midst of;
 * ret_begins: the former. */
static size_t of_one_message(const struct flow *f, const uint8_t *bytes, size_t size,
                             bool *ret_begins)
{
    *ret_begins = !f->left && !f->line;
    if (f->line || (*ret_begins && bytes[0] == '{')) {
        const uint8_t *end = memchr(bytes, '\n', size);
        return end ? (size_t)(end - bytes) + 1 : size;
    }
    uint32_t left = f->left;
    if (*ret_begins && size >= 4)
        left = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
               bytes[3];
    return left && left < size ? left : size;
}

static void passed(struct flow *f, const uint8_t *bytes, size_t size)
{
    if (!f->left && (f->line || bytes[0] == '{')) {
        f->line = bytes[size - 1] != '\n';
        return;
    }
    if (!f->left && size >= 4)
        f->left = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                  bytes[3];
    f->left = f->left > size ? f->left - (uint32_t)size : 0;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (!is_on() || fd >= FDS_MAX || message->msg_iovlen != 1 || !message->msg_iov[0].iov_len)
        return real_sendmsg(fd, message, flags);
    struct iovec part = message->msg_iov[0];
    struct msghdr one = *message;
    bool begins;
    part.iov_len = of_one_message(&out[fd], part.iov_base, part.iov_len, &begins);
    char answer = begins ? ask(SENDS, fd, part.iov_base, part.iov_len) : 'g';
    if (answer == 'h')
        part.iov_len = (part.iov_len + 1) / 2;
    one.msg_iov = &part;
    ssize_t n = real_sendmsg(fd, &one, flags);
    if (n > 0)
        passed(&out[fd], part.iov_base, (size_t)n);
    if (answer != 'g')
        ask(DONE, fd, "", 0);
    return n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    uint8_t peeked[SHOWN_MAX];
    ssize_t size = is_on() && fd < FDS_MAX && message->msg_iovlen == 1
                       ? recv(fd, peeked, sizeof(peeked), MSG_PEEK | MSG_DONTWAIT)
                       : 0;
    if (size <= 0)
        return real_recvmsg(fd, message, flags);
    struct iovec whole = message->msg_iov[0];
    bool begins;
    size_t n = of_one_message(&in[fd], peeked, (size_t)size, &begins);
    char answer = begins ? ask(READS, fd, peeked, n) : 'g';
    if (n < whole.iov_len)
        message->msg_iov[0].iov_len = n;
    ssize_t got = real_recvmsg(fd, message, flags);
    message->msg_iov[0] = whole;
    if (got > 0)
        passed(&in[fd], whole.iov_base, (size_t)got);
    if (answer != 'g')
        ask(DONE, fd, "", 0);
    return got;
}

/* By another name in C: the C library's header declares it for every kind of address at once. */
int redirected_connect(int fd, const struct sockaddr *address, socklen_t size) __asm__("connect");

int redirected_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_un wire = {.sun_family = AF_UNIX};
    const struct sockaddr_un *given = (const struct sockaddr_un *)address;
    const char *name = NULL;
    if (wires && peer && address->sa_family == AF_UNIX &&
        strncmp(given->sun_path, peer, strlen(peer)) == 0)
        name = strrchr(given->sun_path, '/');
    if (!name || strlen(wires) + strlen(name) >= sizeof(wire.sun_path))
        return real_connect(fd, address, size);
    strcpy(wire.sun_path, wires);
    strcat(wire.sun_path, name);
    if (access(wire.sun_path, F_OK) < 0)
        return real_connect(fd, address, size);
    return real_connect(fd, (struct sockaddr *)&wire, sizeof(wire));
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        in[fd] = out[fd] = (struct flow){0};
    return real_close ? real_close(fd) : -1;
}
