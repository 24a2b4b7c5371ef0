/* emulator.h - what is known about one emulator binary.
 *
 * Nothing is guessed from a version number: QEMU is started once without a guest, asked over QMP,
 * and what it said is kept in a cache file next to the binary's identity. This file is pure: the
 * prober (io, daemon) starts `emulator_probe_argv`, sends each of `emulator_probe_commands` in
 * order and hands the replies to emulator_from_qmp. Where KVM works it does so a second time with
 * TCG only, and hands the replies to emulator_add_tcg: a processor is another one there.
 *
 * Ownership: an emulator has one arena; everything lies in it and goes with emulator_free.
 */
#pragma once
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/fail.h"
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EMULATOR_ARENA_MAX = 4 << 20,
    EMULATOR_VERSION_MIN = 7002000, /* JSON -device, the oldest that is tested */
    EMULATOR_CACHE_VERSION = 1,
};

/* The file that was probed. When any of it differs now, it is probed again. */
struct emulator_identity {
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns; /* since 1970 */
};

struct emulator_machine {
    const char *name;   /* "pc-q35-7.2" */
    const char *alias;  /* "q35", NULL without */
    const char *ram_id; /* id of the memory backend that takes the guest's RAM: "pc.ram" */
    unsigned max_cpus;
    bool is_default;
    bool deprecated;
};

/* A sorted list of names. */
struct emulator_names {
    const char **name;
    size_t count;
};

/* What a processor can be depends on who makes it. */
enum emulator_accel { EMULATOR_TCG, EMULATOR_KVM, EMULATOR_ACCELS };
enum emulator_usable { EMULATOR_USABLE_UNKNOWN, EMULATOR_USABLE_YES, EMULATOR_USABLE_NO };

struct emulator_cpu {
    const char *name; /* "qemu64" */
    bool deprecated;
    struct {
        enum emulator_usable usable;
        struct emulator_names blockers; /* features that are lacking, when not usable */
    } with[EMULATOR_ACCELS];
};

/* The most that an accelerator can give a guest on this host. */
struct emulator_host_cpu {
    const char *vendor;             /* "AuthenticAMD"; NULL when unknown */
    struct emulator_names features; /* as QEMU spells them */
};

struct emulator {
    struct arena arena;
    const char *path; /* "/usr/bin/qemu-system-x86_64" */
    struct emulator_identity identity;
    uint32_t version;    /* major * 1000000 + minor * 1000 + micro */
    const char *package; /* "Debian 1:7.2+dfsg-7+deb12u18", "" without */
    const char *arch;    /* "x86_64" */
    bool kvm_present;    /* built with KVM */
    bool kvm_enabled;    /* and it works here */
    struct emulator_machine *machines;
    size_t machine_count;
    struct emulator_cpu *cpus;
    size_t cpu_count;
    struct emulator_host_cpu host_cpu[EMULATOR_ACCELS];
    struct emulator_names commands;               /* of QMP */
    struct emulator_names migration_capabilities; /* as query-migrate-capabilities names them */
    struct emulator_names machine_properties;     /* of -machine, common to all PC machines */
    struct emulator_names options;                /* -sandbox and the like that were asked for */
};

/* ---- probing ---- */

/* The argument vector, NULL-terminated, static but for argv[0] (the path, borrowed). The QMP
 * monitor is a listening unix socket inherited as `monitor_fd`. */
enum { EMULATOR_PROBE_ARGC = 24 };
struct emulator_probe {
    const char *argv[EMULATOR_PROBE_ARGC];
    char chardev[64];
};
void emulator_probe_argv(const char *path, int monitor_fd, struct emulator_probe *ret_probe);
/* The same for the second run, with TCG only. */
void emulator_probe_argv_tcg(const char *path, int monitor_fd, struct emulator_probe *ret_probe);

/* After qmp_capabilities, in this order. */
struct emulator_probe_command {
    const char *execute;
    const char *arguments; /* JSON text of an object, or NULL */
    bool may_fail;         /* an error reply is an answer too */
};
const struct emulator_probe_command *emulator_probe_commands(size_t *ret_count);

/* From what QEMU replied: replies[i] is the "return" value of command i, NULL where it replied with
 * an error. Borrowed. 0 and an emulator for emulator_free, or -1: VIR_ERR_INTERNAL_ERROR for
 * replies that make no sense, VIR_ERR_CONFIG_UNSUPPORTED for a QEMU that is too old. */
int emulator_from_qmp(const char *path, const struct emulator_identity *identity,
                      struct json_object *const *replies, size_t reply_count,
                      struct emulator **ret_emulator, struct fail *f);
/* What the second run says about processors, if the first one had KVM. Without it they are unknown
 * for TCG: their models are not checked, and 'host-model' is refused. */
int emulator_add_tcg(struct emulator *emulator, struct json_object *const *replies,
                     size_t reply_count, struct fail *f);
void emulator_free(struct emulator *emulator);
static inline void cleanup_emulator(struct emulator **emulator)
{
    emulator_free(*emulator);
}
#define auto_emulator cleanup(cleanup_emulator)

/* ---- the cache file ---- */

/* A new JSON object for the caller to json_object_put; NULL without memory. */
struct json_object *emulator_to_json(const struct emulator *emulator);
/* -1: VIR_ERR_INTERNAL_ERROR, not a cache of this version; probe again. Whether the identity is
 * still the binary's is for the caller to compare. */
int emulator_from_json(struct json_object *json, struct emulator **ret_emulator, struct fail *f);
bool emulator_identity_equal(const struct emulator_identity *a, const struct emulator_identity *b);

/* ---- a QEMU that runs ---- */

/* What it goes on being judged by, whatever becomes of its binary: version and migration
 * capabilities. Small; what is read back has nothing else. As above otherwise. */
struct json_object *emulator_running_to_json(const struct emulator *emulator);
int emulator_running_from_json(struct json_object *json, struct emulator **ret_emulator,
                               struct fail *f);

/* ---- questions ---- */

bool emulator_has_command(const struct emulator *emulator, const char *name);
bool emulator_has_migration_capability(const struct emulator *emulator, const char *name);
bool emulator_has_machine_property(const struct emulator *emulator, const char *name);
bool emulator_has_option(const struct emulator *emulator, const char *name);
bool emulator_names_have(const struct emulator_names *names, const char *name);
/* By canonical name or alias; NULL without. */
const struct emulator_machine *emulator_find_machine(const struct emulator *emulator,
                                                     const char *name);
const struct emulator_cpu *emulator_find_cpu(const struct emulator *emulator, const char *name);
/* The default machine; libvirt's "pc" when there is one, whatever QEMU says. Never NULL. */
const struct emulator_machine *emulator_default_machine(const struct emulator *emulator);
