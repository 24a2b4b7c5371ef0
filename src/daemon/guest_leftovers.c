/* guest_leftovers.c - folders of sockets whose QEMU was never executed.
 *
 * A daemon that is killed between making SOCKET_DIR/ID and writing down the process that was to use
 * it leaves the folder without a guest that knows of it. It goes when nobody listens at its
 * monitor: a QEMU that lives listens there for as long as it lives, whatever became of its guest's
 * record. What the daemon had just forked listens there, too, until it has noticed that nobody is there
 * to have it executed: so it is looked at again for some seconds.
 */
#include "daemon/guest_leftovers.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/registry.h"
#include "io/address.h"
#include "io/file.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { TRIES = 10, AGAIN_MSEC = 500 };

static bool nobody_listens(const char *folder)
{
    struct sockaddr_un address;
    auto_free char *path = NULL;
    if (asprintf(&path, "%s/monitor", folder) < 0 || address_unix(path, &address, NULL) < 0)
        return false;
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
           (errno == ECONNREFUSED || errno == ENOENT);
}

/* False when somebody listens in one. */
static bool remove_all(struct registry *r, const struct config *config)
{
    bool all = true;
    DIR *dir = opendir(config->socket_dir);
    if (!dir)
        return true;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        char *rest;
        unsigned long id = strtoul(e->d_name, &rest, 10);
        auto_free char *folder = NULL;
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || *rest || id > INT32_MAX ||
            registry_find_id(r, (int)id) ||
            asprintf(&folder, "%s/%s", config->socket_dir, e->d_name) < 0)
            continue;
        if (!nobody_listens(folder)) {
            all = false;
            continue;
        }
        log_info("removing %s, which a start that was cut off has left", folder);
        file_remove_folder(folder);
    }
    closedir(dir);
    return all;
}

static void again(void *userdata)
{
    struct registry *r = userdata;
    struct daemon *d = r->daemon;
    if (!remove_all(r, &d->config) && ++r->leftovers_tries < TRIES)
        (void)timer_arm(&r->leftovers_again, daemon_event(d), AGAIN_MSEC * TIMER_MSEC, again, r);
}

void guest_leftovers_remove(struct registry *r)
{
    r->leftovers_tries = 0;
    again(r);
}
