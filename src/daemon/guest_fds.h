/* guest_fds.h - the descriptors that a guest's QEMU is born with: its monitor, its taps. */
#pragma once
#include "domain/command.h"
#include "io/process.h"

struct guest_fds {
    struct process_fd list[PROCESS_FDS_MAX];
    size_t count;
    struct command_net *nets; /* for command_build: one for each interface */
};

/* A listening socket for the monitor, `path`; its number for command_build. -1 with `f`. */
int guest_fds_add_monitor(struct guest_fds *fds, const char *path, struct fail *f);
/* A tap for each interface that wants one; its name goes into the live document. */
int guest_fds_add_taps(struct guest_fds *fds, struct domain *live, struct fail *f);
/* QEMU has them, or never will. */
void guest_fds_close(struct guest_fds *fds);
