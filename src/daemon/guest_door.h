/* guest_door.h - letting a guest's vCPUs run where QEMU refuses `cont` for good. */
#pragma once
#include "daemon/guest.h"

/* -> CONT_DONE or CONT_REFUSED. The proof that nobody else runs the guest is the caller's. */
void guest_open_door(struct guest *g);
/* QEMU is gone, or let go of. */
void guest_drop_door(struct guest *g);
