/* command.h - the QEMU command line of a guest.
 *
 * The device tree that comes out (machine, cpu, memory, every -device with its id and address) is
 * the one that libvirt 9.0 builds from the same document, so that a guest can move between the two
 * in either direction. Host-side details (descriptors, paths) are our own.
 *
 * The way to a running QEMU:
 *   1. domain_copy of the definition, domain_note_image for each disk whose image can be read, then
 *      command_prepare on the copy: it becomes the live domain;
 *   2. command_build: the argument vector and the environment;
 *   3. the caller forks, passes the descriptors named in the options, and execs.
 * On the destination of a migration the document that came with it takes the place of step 1's.
 */
#pragma once
#include "domain/domain.h"
#include "domain/emulator.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/fail.h"
#include <stdbool.h>
#include <stddef.h>

enum { COMMAND_ARENA_MAX = 8 << 20 };

/* What an interface of type ethernet is connected to. Both are inherited by QEMU; -1: none. */
struct command_net {
    int tap_fd;   /* of an interface of type ethernet; QEMU is given it open */
    int vhost_fd; /* an open /dev/vhost-net, used by virtio interfaces only */
};

struct command_options {
    const struct emulator *emulator; /* what was probed of d->emulator; it is the one run */
    /* A listening unix socket that QEMU inherits under this number: its QMP monitor. */
    int monitor_fd;
    /* QEMU waits for `migrate-incoming`. -S is always there: the guest runs only by `cont`. */
    bool incoming;
    /* An existing folder, QEMU's HOME and XDG folders. */
    const char *state_dir;
    int64_t now; /* seconds since 1970: a variable clock begins from here */
    /* Pass -sandbox (if the emulator has it). */
    bool sandbox;
    /* One for each of d->interfaces, or NULL: all -1. Entries of other types are not looked at. */
    const struct command_net *nets;
};

/* Both lists end with NULL, as execve wants them; argv[0] is the emulator's path. */
struct command {
    struct arena arena;
    const char **argv;
    size_t argc;
    const char **env;
    size_t env_count;
};

/* Make `d` (complete: domain_fill_defaults) what a running guest's domain is, in place:
 * domain_prepare_start, paths of channel sockets without one (CHANNEL_DIR/channel@NAME, the folder
 * is the guest's own), and the cpu: host-model becomes the custom model it stands for on this host.
 * -1: VIR_ERR_CONFIG_UNSUPPORTED naming what this emulator can't do (machine, cpu, number of
 * vcpus). */
int command_prepare(struct domain *d, const struct emulator *emulator, const char *channel_dir,
                    struct fail *f);

/* `d` is a prepared domain. 0, and the caller gives it back with command_free; or -1:
 * VIR_ERR_CONFIG_UNSUPPORTED, VIR_ERR_INTERNAL_ERROR (an unprepared domain, a socket path that is
 * too long), VIR_ERR_NO_MEMORY. */
int command_build(const struct domain *d, const struct command_options *options,
                  struct command *ret_command, struct fail *f);
void command_free(struct command *command);

/* The command as one line for a log, quoted for a shell. */
int command_describe(const struct command *command, struct buffer *out);
