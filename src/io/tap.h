/* tap.h - the host's end of a guest's network card: a tap device. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/fail.h"

struct tap {
    const char *name; /* NULL: the first "vnetN" that is free */
    bool existing;    /* it was made by somebody else, and is used as it is */
    bool offload;     /* frames come with a header of what is still to be done to them (virtio) */
    uint8_t mac[6];   /* of the guest's card */
};

/* The descriptor is close-on-exec. A device that was made here goes when the last holder of the
 * descriptor does. `ret_name` is the device's. */
int tap_open(const struct tap *tap, char ret_name[IFNAMSIZ], int *ret_fd, struct fail *f);
/* What makes the traffic of a tap cheaper under KVM; -1: this host does not have it. */
int tap_open_vhost(void);
