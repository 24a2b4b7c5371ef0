/* guest_monitor.h - the connection to a guest's QEMU (its commands: guest.h). */
#pragma once
struct guest;

/* Over the connection that an earlier daemon left with systemd, or a new one. 0, or -1 with g->trouble. */
int guest_connect_monitor(struct guest *g);
/* Some seconds from now. */
void guest_connect_monitor_later(struct guest *g);
/* Take what an earlier daemon had kept of it; nobody else's then. */
void guest_claim_kept_monitor(struct guest *g);
/* There is no QEMU any more: nothing of it is kept. */
void guest_forget_kept_monitor(struct guest *g);
