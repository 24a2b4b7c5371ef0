/* capabilities.h - the two documents that tell a client what a host and an emulator can do:
 * `virsh capabilities` and `virsh domcapabilities`.
 *
 * They say what this daemon supports, not all that QEMU could do.
 */
#pragma once
#include "domain/domain.h"
#include "domain/emulator.h"
#include "domain/host.h"
#include "util/buffer.h"
#include "util/fail.h"
#include "util/uuid.h"

struct capabilities {
    struct uuid host_uuid;
    const struct host_info *host;
    const struct emulator *const *emulators; /* at most one for each architecture is written */
    size_t emulator_count;
};

/* Append the document. -1: VIR_ERR_NO_MEMORY. */
int capabilities_format(const struct capabilities *capabilities, struct buffer *out,
                        struct fail *f);

/* For one emulator, machine (a name or an alias; NULL: the default) and kind of domain. -1:
 * VIR_ERR_INVALID_ARG for a machine or a kind that the emulator does not have. */
int domcapabilities_format(const struct emulator *emulator, const char *machine,
                           enum domain_virt virt, struct buffer *out, struct fail *f);
