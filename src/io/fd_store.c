#include "io/fd_store.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "util/log.h"

struct fd_store {
    char **names; /* NULL: it was taken */
    int count;
};

int fd_store_new(struct fd_store **ret_store, struct fail *f)
{
    struct fd_store *s = calloc(1, sizeof(*s));
    if (!s)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    int r = sd_listen_fds_with_names(true, &s->names); /* all of them are close-on-exec after it */
    if (r < 0)
        log_warning("take what systemd has kept: %s", strerror(-r));
    s->count = r < 0 ? 0 : r;
    *ret_store = s;
    return 0;
}

void fd_store_free(struct fd_store *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->count; i++) {
        if (s->names[i])
            close(SD_LISTEN_FDS_START + i);
        free(s->names[i]);
    }
    free(s->names);
    free(s);
}

int fd_store_take(struct fd_store *s, const char *name)
{
    for (int i = 0; i < s->count; i++) {
        if (!s->names[i] || strcmp(s->names[i], name) != 0)
            continue;
        free(take_ptr(s->names[i]));
        return SD_LISTEN_FDS_START + i;
    }
    return -1;
}

void fd_store_drop_rest(struct fd_store *s)
{
    for (int i = 0; i < s->count; i++) {
        if (!s->names[i])
            continue;
        log_info("letting go of '%s', which systemd has kept for nobody", s->names[i]);
        fd_store_drop(s->names[i]);
        close(SD_LISTEN_FDS_START + i);
        free(take_ptr(s->names[i]));
    }
}

static void tell(const char *order, const char *name, const int *fd)
{
    char state[320];
    snprintf(state, sizeof(state), "%s=1\nFDNAME=%s", order, name);
    int r = sd_pid_notify_with_fds(0, 0, state, fd, fd ? 1 : 0);
    if (r < 0)
        log_warning("tell systemd %s of %s: %s", order, name, strerror(-r));
}

void fd_store_keep(const char *name, int fd)
{
    tell("FDSTORE", name, &fd);
}

void fd_store_drop(const char *name)
{
    tell("FDSTOREREMOVE", name, NULL);
}
