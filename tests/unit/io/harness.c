#include "harness.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "io/timer.h"

#define GENEROUS (60 * TIMER_SECOND)

int harness_setup(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    struct fail f;
    if (!h)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    strcpy(h->folder, "/tmp/baton-io-XXXXXX");
    if (!mkdtemp(h->folder) || sd_event_new(&h->event) < 0 ||
        worker_pool_new(h->event, 2, 64, &h->pool, &f) < 0)
        return -1;
    *state = h;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int harness_teardown(void **state)
{
    struct harness *h = *state;
    worker_pool_free(h->pool);
    sd_event_unref(h->event);
    nftw(h->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(h);
    return 0;
}

void run_until_count(struct harness *h, const unsigned *count, unsigned least)
{
    uint64_t end = timer_now() + GENEROUS;
    while (*count < least) {
        uint64_t now = timer_now();
        if (now >= end)
            fail_msg("what was waited for did not happen");
        assert_true(sd_event_run(h->event, end - now) >= 0);
    }
}

void run_until(struct harness *h, const bool *flag)
{
    uint64_t end = timer_now() + GENEROUS;
    while (!*flag) {
        uint64_t now = timer_now();
        if (now >= end)
            fail_msg("what was waited for did not happen");
        assert_true(sd_event_run(h->event, end - now) >= 0);
    }
}

void run_ready(struct harness *h)
{
    while (sd_event_run(h->event, 0) > 0)
        ;
}

const char *path_in(struct harness *h, const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", h->folder, name);
    return path;
}

void make_pair(int ret_fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds),
                     0);
}

unsigned count_fds(void)
{
    unsigned count = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

const char *text_of(const char *path)
{
    static char text[4096];
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return text;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}
