/* guest_fds.c - what QEMU inherits is opened here and closed here again.
 *
 * Taps are among it: QEMU may not make any itself, and a name that the kernel chose is not known
 * before. A tap lives as long as its QEMU, with or without this daemon.
 */
#include "daemon/guest_fds.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/monitor.h"
#include "io/tap.h"

static int add(struct guest_fds *fds, int fd, struct fail *f)
{
    if (fds->count == PROCESS_FDS_MAX) {
        close(fd);
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "more than %d descriptors for one guest",
                        PROCESS_FDS_MAX);
    }
    fds->list[fds->count++] = (struct process_fd){.fd = fd, .number = fd};
    return fd;
}

int guest_fds_add_monitor(struct guest_fds *fds, const char *path, struct fail *f)
{
    int fd;
    return monitor_listen(path, &fd, f) < 0 ? -1 : add(fds, fd, f);
}

static int add_tap(struct guest_fds *fds, struct domain *live, struct domain_interface *nic,
                   struct command_net *net, struct fail *f)
{
    char name[IFNAMSIZ];
    bool named = nic->target && !nic->target_generated;
    struct tap tap = {
        .name = named ? nic->target : NULL,
        .existing = nic->managed == DOMAIN_SWITCH_OFF,
        .offload = nic->model == DOMAIN_NIC_VIRTIO,
    };
    int fd;
    memcpy(tap.mac, nic->mac, sizeof(tap.mac));
    if (tap_open(&tap, name, &fd, f) < 0 || (net->tap_fd = add(fds, fd, f)) < 0)
        return fail_prefix(f, "interface '%s'", nic->dev.alias);
    nic->target_generated = !named;
    nic->target = arena_strdup(&live->arena, name);
    if (!nic->target)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    fd = live->virt == DOMAIN_VIRT_KVM && tap.offload ? tap_open_vhost() : -1;
    return fd < 0 ? 0 : (net->vhost_fd = add(fds, fd, f)) < 0 ? -1 : 0;
}

int guest_fds_add_taps(struct guest_fds *fds, struct domain *live, struct fail *f)
{
    fds->nets = calloc(live->interface_count + 1, sizeof(*fds->nets));
    if (!fds->nets)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < live->interface_count; i++) {
        fds->nets[i] = (struct command_net){.tap_fd = -1, .vhost_fd = -1};
        if (live->interfaces[i].type == DOMAIN_INTERFACE_ETHERNET &&
            add_tap(fds, live, &live->interfaces[i], &fds->nets[i], f) < 0)
            return -1;
    }
    return 0;
}

void guest_fds_close(struct guest_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++)
        close(fds->list[i].fd);
    free(fds->nets);
    *fds = (struct guest_fds){0};
}
