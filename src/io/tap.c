/* tap.c - ioctls on /dev/net/tun, and on the device that comes of it. */
#include "io/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "util/cleanup.h"

#define NAME_PATTERN "vnet%d" /* the kernel puts the number in */

static int failed(struct fail *f, const char *what, const char *name)
{
    return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s '%s': %s", what, name, strerror(errno));
}

/* The host's end must not have the guest's address. A high first byte keeps it from becoming the
 * address of a bridge that the device is put into. */
static int set_mac(int control, const struct tap *tap, const char *name, struct fail *f)
{
    struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    memcpy(request.ifr_hwaddr.sa_data, tap->mac, sizeof(tap->mac));
    request.ifr_hwaddr.sa_data[0] = (char)0xfe;
    return ioctl(control, SIOCSIFHWADDR, &request) < 0 ? failed(f, "set the address of tap", name)
                                                       : 0;
}

static int set_up(int control, const char *name, struct fail *f)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
        return failed(f, "ask for the state of tap", name);
    request.ifr_flags |= IFF_UP;
    return ioctl(control, SIOCSIFFLAGS, &request) < 0 ? failed(f, "switch on tap", name) : 0;
}

static int configure(const struct tap *tap, const char *name, struct fail *f)
{
    auto_close int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        return failed(f, "open a socket for tap", name);
    return set_mac(control, tap, name, f) < 0 ? -1 : set_up(control, name, f);
}

int tap_open(const struct tap *tap, char ret_name[IFNAMSIZ], int *ret_fd, struct fail *f)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    const char *name = tap->name ? tap->name : NAME_PATTERN;
    if (tap->offload)
        request.ifr_flags |= IFF_VNET_HDR;
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
    if (tap->existing && (!tap->name || if_nametoindex(tap->name) == 0))
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "<target managed='no'/> needs a network device that exists; '%s' does not",
                        tap->name ? tap->name : "");
    auto_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return failed(f, "open", "/dev/net/tun");
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return failed(f, "open tap", name);
    if (!tap->existing && configure(tap, request.ifr_name, f) < 0)
        return -1;
    memcpy(ret_name, request.ifr_name, IFNAMSIZ);
    *ret_fd = take_fd(&fd);
    return 0;
}

int tap_open_vhost(void)
{
    return open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
}
