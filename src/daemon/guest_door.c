/* guest_door.c - letting a guest's vCPUs run where QEMU refuses `cont` for good.
 *
 * A source whose post-copy broke before the destination ran has the guest whole, but QEMU has no
 * command to give it back: in postcopy-paused, and from 10 on in a dead `device`, `cont` is "not
 * finalized yet" for ever. Its debugger's stub starts the vCPUs without that check. So a debugger's
 * socket is opened in the guest's own folder, a debugger comes, lets the guest go on and goes
 * ("detach" of the GDB protocol), and the socket is closed. Measured on 7.2 and 10
 * (tests/qemu/test_way_back.py); the guest can't be migrated any more as long as this QEMU lives.
 *
 * The switchover has made the disks inactive, and a write to one that is ends QEMU with an
 * assertion: first they are taken back, with their image locks. Where the destination's QEMU has
 * those, that is refused, and so is the whole. QEMU before 10 has no command for it; the beginning
 * of an NBD export has that effect, also where the export is refused because a device writes to the
 * disk.
 */
#include "daemon/guest_door.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "domain/domain.h"
#include "domain/emulator.h"
#include "io/connect.h"
#include "util/log.h"

#define PATIENCE (5 * TIMER_SECOND)
enum { PATH_SIZE = 128 };

static const char detach[] = "$D#44";

void guest_drop_door(struct guest *g)
{
    connect_cancel(g->door.connector);
    g->door.answer = sd_event_source_unref(g->door.answer);
    g->door.connector = NULL;
    timer_cancel(&g->door.patience);
}

static void refuse(struct guest *g, const char *why)
{
    log_error("guest %s: QEMU does not let it go on: %s", g->name, why);
    guest_drop_door(g);
    guest_event(g, EV_CONT_REFUSED, 0, 0);
}

/* In the folder of the guest's monitor, which nobody else can enter. */
static void path_of(const struct guest *g, const char *name, char path[PATH_SIZE])
{
    const char *end = strrchr(g->socket_path, '/');
    snprintf(path, PATH_SIZE, "%.*s/%s", (int)(end - g->socket_path), g->socket_path, name);
}

static void order(struct guest *g, const char *name, struct json_object *arguments,
                  monitor_reply_fn *reply)
{
    if (!guest_command(g, name, arguments, reply))
        refuse(g, g->trouble.text);
}

static struct json_object *object(const char *key, struct json_object *value)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, key, value);
    return o;
}

/* It was carried out. When the connection ended nobody knows: the next one asks what is true. */
static bool is_done(struct guest *g, const struct monitor_reply *reply)
{
    if (reply->outcome == MONITOR_CLOSED)
        guest_drop_door(g);
    else if (reply->outcome != MONITOR_RETURN)
        refuse(g, reply->error);
    return reply->outcome == MONITOR_RETURN;
}

/* ---- the debugger ---------------------------------------------------------------------------- */

static void hmp(struct guest *g, const char *line, monitor_reply_fn *reply)
{
    order(g, "human-monitor-command", object("command-line", json_object_new_string(line)), reply);
}

static void shut(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (is_done(g, reply))
        guest_event(g, EV_CONT_DONE, 0, 0);
}

static int answered(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source, (void)events;
    struct guest *g = userdata;
    char said[256];
    ssize_t n = read(fd, said, sizeof(said));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        refuse(g, "it hung up on the debugger");
    } else if (memmem(said, (size_t)n, "OK", 2)) {
        guest_drop_door(g);
        hmp(g, "gdbserver none", shut);
    }
    return 0;
}

static void too_late(void *userdata)
{
    refuse(userdata, "it does not answer the debugger");
}

static void connected(int fd, const struct fail *why, void *userdata)
{
    struct guest *g = userdata;
    char path[PATH_SIZE];
    g->door.connector = NULL;
    path_of(g, "door", path);
    (void)unlink(path); /* QEMU's, which may leave it */
    if (fd < 0) {
        refuse(g, why->text);
        return;
    }
    bool sent = write(fd, detach, sizeof(detach) - 1) == sizeof(detach) - 1;
    if (!sent ||
        sd_event_add_io(daemon_event(g->daemon), &g->door.answer, fd, EPOLLIN, answered, g) < 0 ||
        sd_event_source_set_io_fd_own(g->door.answer, 1) < 0 ||
        timer_arm(&g->door.patience, daemon_event(g->daemon), PATIENCE, too_late, g) < 0) {
        if (!g->door.answer || !sd_event_source_get_io_fd_own(g->door.answer))
            close(fd);
        refuse(g, "the debugger can't talk to it");
    }
}

static void opened(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    struct fail f = {0};
    char path[PATH_SIZE];
    if (!is_done(g, reply))
        return;
    const char *said = json_object_get_string(reply->value);
    path_of(g, "door", path);
    if (!said || !strstr(said, "Waiting for gdb"))
        refuse(g, said ? said : "it opens nothing to a debugger");
    else if (connect_unix(daemon_event(g->daemon), path, PATIENCE, connected, g, &g->door.connector,
                          &f) < 0)
        refuse(g, f.text);
}

static void open_socket(struct guest *g)
{
    char path[PATH_SIZE], line[PATH_SIZE + 64];
    path_of(g, "door", path);
    snprintf(line, sizeof(line), "gdbserver unix:%s,server=on,wait=off", path);
    hmp(g, line, opened);
}

/* ---- the disks ------------------------------------------------------------------------------- */

static void taken(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (!is_done(g, reply))
        return;
    if (g->door.failed)
        refuse(g, "its disks can't be had");
    else
        open_socket(g);
}

static void export_next(struct guest *g);

static void exported(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_ERROR && !strstr(reply->error, "Permission conflict")) {
        log_error("guest %s: disk %s: %s", g->name, g->live->disks[g->door.disk].target,
                  reply->error);
        g->door.failed = true;
    } else if (reply->outcome != MONITOR_ERROR && !is_done(g, reply)) {
        return;
    }
    g->door.disk++;
    export_next(g);
}

static void export_next(struct guest *g)
{
    char path[PATH_SIZE], text[64];
    while (g->door.disk < g->live->disk_count && g->live->disks[g->door.disk].readonly)
        g->door.disk++;
    if (g->door.failed || g->door.disk == g->live->disk_count) {
        path_of(g, "door-nbd", path);
        (void)unlink(path);
        order(g, "nbd-server-stop", NULL, taken);
        return;
    }
    struct json_object *o = object("type", json_object_new_string("nbd"));
    unsigned n = g->live->disks[g->door.disk].source_index;
    snprintf(text, sizeof(text), "baton-%u", n);
    json_object_object_add(o, "id", json_object_new_string(text));
    snprintf(text, sizeof(text), "libvirt-%u-format", n);
    json_object_object_add(o, "node-name", json_object_new_string(text));
    json_object_object_add(o, "writable", json_object_new_boolean(true));
    order(g, "block-export-add", o, exported);
}

static void serving(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (is_done(g, reply))
        export_next(g);
}

static void serve(struct guest *g)
{
    char path[PATH_SIZE];
    path_of(g, "door-nbd", path);
    struct json_object *address = object("type", json_object_new_string("unix"));
    json_object_object_add(address, "data", object("path", json_object_new_string(path)));
    order(g, "nbd-server-start", object("addr", address), serving);
}

void guest_open_door(struct guest *g)
{
    guest_drop_door(g);
    g->door.disk = 0;
    g->door.failed = false;
    if (!g->emulator || !g->socket_path)
        refuse(g, "it is not known what its QEMU can do");
    else if (emulator_has_command(g->emulator, "blockdev-set-active"))
        order(g, "blockdev-set-active", object("active", json_object_new_boolean(true)), taken);
    else if (g->live->disk_count)
        serve(g);
    else
        open_socket(g);
}
