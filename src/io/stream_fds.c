#include "io/stream_fds.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream_fds_batch {
    struct stream_fds_batch *next;
    size_t ahead; /* bytes of the queue that go before; counted down as they are sent */
    size_t count;
    int fd[STREAM_FDS_MAX];
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * STREAM_FDS_MAX)];
};

/* False when some had no room and were closed. */
static bool keep_fds(struct stream_fds_in *in, struct msghdr *message)
{
    bool all = !(message->msg_flags & MSG_CTRUNC);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (in->count < STREAM_FDS_MAX) {
                in->fd[in->count++] = fd;
            } else {
                close(fd);
                all = false;
            }
        }
    }
    return all;
}

ssize_t stream_fds_in_receive(struct stream_fds_in *in, int socket, void *bytes, size_t size)
{
    union control control;
    struct iovec io = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &io,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 || keep_fds(in, &message))
        return n;
    errno = ETOOMANYREFS;
    return -1;
}

int stream_fds_in_take(struct stream_fds_in *in)
{
    if (!in->count)
        return -1;
    int fd = in->fd[0];
    in->count--;
    memmove(in->fd, in->fd + 1, in->count * sizeof(in->fd[0]));
    return fd;
}

void stream_fds_in_free(struct stream_fds_in *in)
{
    for (size_t i = 0; i < in->count; i++)
        close(in->fd[i]);
    in->count = 0;
}

static void batch_free(struct stream_fds_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        close(b->fd[i]);
    free(b);
}

int stream_fds_out_add(struct stream_fds_out *out, size_t ahead, const int *fds, size_t count)
{
    if (count > STREAM_FDS_MAX)
        return -E2BIG;
    struct stream_fds_batch *b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->ahead = ahead;
    for (; b->count < count; b->count++) {
        b->fd[b->count] = fcntl(fds[b->count], F_DUPFD_CLOEXEC, 0);
        if (b->fd[b->count] < 0) {
            int error = errno;
            batch_free(b);
            return -error;
        }
    }
    struct stream_fds_batch **at = &out->first;
    while (*at)
        at = &(*at)->next;
    *at = b;
    return 0;
}

static void attach(struct msghdr *message, union control *control, const struct stream_fds_batch *b)
{
    size_t size = b->count * sizeof(int);
    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), b->fd, size);
}

/* Up to the first byte of the next batch, which begins a call of its own: the receiver is told of
 * descriptors with the bytes of one call. */
ssize_t stream_fds_out_send(struct stream_fds_out *out, int socket, const void *bytes, size_t size)
{
    union control control;
    struct stream_fds_batch *due = out->first && !out->first->ahead ? out->first : NULL;
    struct stream_fds_batch *next = due ? due->next : out->first;
    if (next && next->ahead < size)
        size = next->ahead;
    struct iovec io = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
    if (due)
        attach(&message, &control, due);
    ssize_t n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0)
        return n;
    if (due) {
        out->first = due->next;
        batch_free(due);
    }
    for (struct stream_fds_batch *b = out->first; b; b = b->next)
        b->ahead -= (size_t)n;
    return n;
}

void stream_fds_out_free(struct stream_fds_out *out)
{
    while (out->first) {
        struct stream_fds_batch *b = out->first;
        out->first = b->next;
        batch_free(b);
    }
}
