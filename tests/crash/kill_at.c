/* kill_at.c - loaded into a batond by LD_PRELOAD: it dies by SIGKILL before or after its n-th call that changes the
 * world: files, sockets, processes.
 *
 * BATON_KILL_AT names a file shared with the test: four numbers of 32 bits: how many calls are left (0: it never
 * dies), whether it dies after the call, how many were made since the test began to count, and which call it died
 * at, as an index of `names`. The calls of all threads count.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct order {
    _Atomic int32_t left;
    int32_t after;
    _Atomic int32_t made;
    int32_t died_at;
};

static struct order *order;
static pid_t self;

static __attribute__((constructor)) void begin(void)
{
    const char *path = getenv("BATON_KILL_AT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    order = map == MAP_FAILED ? NULL : map;
    self = getpid();
}

/* True when this is the one. In a child that was forked nothing counts: it is QEMU's beginning. */
static int is_due(void)
{
    if (!order || getpid() != self)
        return 0;
    order->made++;
    return order->left > 0 && --order->left == 0;
}

static void die(int call)
{
    order->died_at = call;
    kill(self, SIGKILL);
    for (;;)
        pause();
}

#define CALLS(X)                                                                                   \
    X(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))                  \
    X(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode))                \
    X(int, openat, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode))  \
    X(int, openat64, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode)) \
    X(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))                 \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))               \
    X(int, fsync, (int fd), (fd))                                                                  \
    X(int, fdatasync, (int fd), (fd))                                                              \
    X(int, rename, (const char *from, const char *to), (from, to))                                 \
    X(int, renameat, (int d, const char *from, int e, const char *to), (d, from, e, to))           \
    X(int, unlink, (const char *path), (path))                                                     \
    X(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))                   \
    X(int, mkdir, (const char *path, mode_t mode), (path, mode))                                   \
    X(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))                   \
    X(int, rmdir, (const char *path), (path))                                                      \
    X(int, ftruncate, (int fd, off_t size), (fd, size))                                            \
    X(int, ftruncate64, (int fd, off_t size), (fd, size))                                          \
    X(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))                      \
    X(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))                   \
    X(pid_t, fork, (void), ())                                                                     \
    X(int, socketpair, (int d, int t, int p, int *fds), (d, t, p, fds))                            \
    X(int, pipe2, (int *fds, int flags), (fds, flags))                                             \
    X(int, pidfd_send_signal, (int fd, int n, siginfo_t *i, unsigned flags), (fd, n, i, flags))

enum call {
#define X(type, name, parameters, arguments) CALL_##name,
    CALLS(X)
#undef X
};

/* By another name in C: the headers declare some otherwise. */
#define X(type, name, parameters, arguments)                                                       \
    type my_##name parameters __asm__(#name);                                                      \
    type my_##name parameters                                                                      \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
        if (!is_due())                                                                             \
            return real arguments;                                                                 \
        type r = order->after ? real arguments : (type) - 1;                                       \
        if (getpid() != self) /* what was just forked goes on, and finds its parent gone */        \
            return r;                                                                              \
        die(CALL_##name);                                                                          \
        return (type) - 1;                                                                         \
    }
CALLS(X)
#undef X
