#include "cli/connection.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "wire/frame.h"
#include "wire/remote.h"
#include "wire/rpc.h"

static int connect_to(const char *path, struct fail *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return fail_set(f, VIR_ERR_INVALID_ARG, "'%s': the path of a socket has at most %zu bytes",
                        path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "no batond at %s: %s", path, strerror(errno));
    return take_fd(&fd);
}

int connection_open(const char *path, struct connection *ret, struct fail *f)
{
    struct remote_open open = {.name = "qemu:///system"};
    *ret = (struct connection){.fd = connect_to(path, f), .in = {.limit = FRAME_SIZE_MAX}};
    if (ret->fd < 0)
        return -1;
    if (connection_call(ret, PROGRAM_REMOTE, REMOTE_CONNECT_OPEN, &open, NULL, NULL, f) == 0)
        return 0;
    connection_close(ret);
    return -1;
}

void connection_close(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
    buffer_free(&c->in);
}

static int send_all(struct connection *c, const struct buffer *out, struct fail *f)
{
    for (size_t sent = 0; sent < buffer_size(out);) {
        ssize_t n = send(c->fd, buffer_bytes(out) + sent, buffer_size(out) - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return fail_set(f, VIR_ERR_SYSTEM_ERROR, "send to batond: %s", strerror(errno));
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int receive(struct connection *c, struct fail *f)
{
    enum { ROOM = 65536 };
    uint8_t *room = buffer_reserve(&c->in, ROOM);
    if (!room)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    ssize_t n = recv(c->fd, room, ROOM, 0);
    if (n == 0)
        return fail_set(f, VIR_ERR_RPC, "batond closed the connection");
    if (n < 0 && errno != EINTR)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "receive from batond: %s", strerror(errno));
    buffer_commit(&c->in, n > 0 ? (size_t)n : 0);
    return 0;
}

/* What is no answer to this call, like a keepalive message, is passed over. */
static int take_answer(struct connection *c, const struct rpc_proc *proc, struct arena *arena,
                       void *ret, struct fail *f)
{
    for (;;) {
        struct frame frame;
        int r =
            frame_parse(buffer_bytes(&c->in), buffer_size(&c->in), FRAME_SIZE_MAX, &frame, NULL, f);
        if (r < 0 || (r == 0 && receive(c, f) < 0))
            return -1;
        if (r == 0)
            continue;
        bool ours = frame.type == FRAME_REPLY && frame.program == proc->program &&
                    frame.procedure == proc->number && frame.serial == c->serial;
        int result = 0;
        if (ours && frame.status == FRAME_ERROR)
            result = rpc_read_error(&frame, f);
        else if (ours && ret)
            result = rpc_decode(proc->ret, frame.payload, frame.payload_size, arena, ret, f);
        buffer_take(&c->in, frame.size);
        if (ours)
            return result;
    }
}

int connection_call(struct connection *c, uint32_t program, int32_t procedure, const void *args,
                    struct arena *arena, void *ret, struct fail *f)
{
    struct buffer out = {.limit = FRAME_SIZE_MAX};
    const struct rpc_proc *proc = rpc_find(program, procedure);
    int r = rpc_write_call(&out, proc, ++c->serial, args, f);
    if (r == 0)
        r = send_all(c, &out, f);
    buffer_free(&out);
    return r < 0 ? -1 : take_answer(c, proc, arena, ret, f);
}
