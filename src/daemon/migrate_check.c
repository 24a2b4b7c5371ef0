/* migrate_check.c - what is refused before anything starts. */
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include "core/quirks.h"
#include "daemon/daemon.h"
#include "daemon/host_facts.h"
#include "daemon/migrate.h"
#include "daemon/migrate_uri.h"
#include "domain/emulator.h"
#include "libvirt/libvirt-domain.h"

/* ---- flags and parameters ------------------------------------------------------------------- */

enum {
    SUPPORTED = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST |
                VIR_MIGRATE_UNDEFINE_SOURCE | VIR_MIGRATE_PAUSED | VIR_MIGRATE_CHANGE_PROTECTION |
                VIR_MIGRATE_UNSAFE | VIR_MIGRATE_ABORT_ON_ERROR | VIR_MIGRATE_AUTO_CONVERGE |
                VIR_MIGRATE_PARALLEL | VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_POSTCOPY_RESUME,
};

int migrate_check_flags(uint64_t flags, struct fail *f)
{
    static const struct {
        uint64_t flag;
        const char *name;
    } refused[] = {
        {VIR_MIGRATE_TUNNELLED, "tunnelled migration (VIR_MIGRATE_TUNNELLED)"},
        {VIR_MIGRATE_NON_SHARED_DISK, "migration of storage (VIR_MIGRATE_NON_SHARED_DISK)"},
        {VIR_MIGRATE_NON_SHARED_INC, "migration of storage (VIR_MIGRATE_NON_SHARED_INC)"},
        {VIR_MIGRATE_OFFLINE, "migration of a guest that does not run (VIR_MIGRATE_OFFLINE)"},
        {VIR_MIGRATE_COMPRESSED, "compression (VIR_MIGRATE_COMPRESSED)"},
        {VIR_MIGRATE_RDMA_PIN_ALL, "RDMA (VIR_MIGRATE_RDMA_PIN_ALL)"},
        {VIR_MIGRATE_TLS, "TLS (VIR_MIGRATE_TLS)"},
        {VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES,
         "migration of storage (VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES)"},
        {UINT64_C(1) << 20, "zero copy (VIR_MIGRATE_ZEROCOPY)"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (flags & refused[i].flag)
            return fail_set(f, VIR_ERR_ARGUMENT_UNSUPPORTED, "%s is not supported",
                            refused[i].name);
    if (flags & ~(uint64_t)SUPPORTED)
        return fail_set(f, VIR_ERR_INVALID_ARG, "unknown migration flags 0x%llx",
                        (unsigned long long)(flags & ~(uint64_t)SUPPORTED));
    if ((flags & VIR_MIGRATE_POSTCOPY_RESUME) && !(flags & VIR_MIGRATE_POSTCOPY))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "VIR_MIGRATE_POSTCOPY_RESUME is of use with VIR_MIGRATE_POSTCOPY only");
    if ((flags & VIR_MIGRATE_POSTCOPY) && (flags & VIR_MIGRATE_PARALLEL))
        return fail_set(f, VIR_ERR_ARGUMENT_UNSUPPORTED,
                        "post-copy and parallel migration exclude each other: QEMU refuses them, or "
                        "loses the guest at the end");
    return 0;
}

static int positive(int value, const char *name, int max, struct fail *f)
{
    if (value < 1 || value > max)
        return fail_set(f, VIR_ERR_INVALID_ARG, "migration parameter '%s' must be 1 to %d, not %d",
                        name, max, value);
    return 0;
}

static int read_strings(struct migration *m, const struct rpc_params *p, struct fail *f)
{
    const struct {
        const char *name;
        const char **to;
    } strings[] = {
        {VIR_MIGRATE_PARAM_URI, &m->uri},
        {VIR_MIGRATE_PARAM_DEST_XML, &m->destination_xml},
        {VIR_MIGRATE_PARAM_PERSIST_XML, &m->persistent_xml},
        {VIR_MIGRATE_PARAM_DEST_NAME, &m->destination_name},
        {VIR_MIGRATE_PARAM_LISTEN_ADDRESS, &m->listen_address},
    };
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        const char *value;
        int r = params_get_string(p, strings[i].name, &value, f);
        if (r < 0)
            return -1;
        if (r == 0)
            continue;
        *strings[i].to = arena_strdup(&m->arena, value);
        if (!*strings[i].to)
            return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for migration parameters");
    }
    if (m->listen_address && !migrate_uri_is_host(m->listen_address, strlen(m->listen_address)))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "migration parameter 'listen_address' is no address: '%.200s'",
                        m->listen_address);
    struct migrate_uri checked;
    return m->uri ? migrate_uri_parse(m->uri, &checked, f) : 0;
}

/* In MiB/s; QEMU takes bytes. */
static int read_bandwidth(const struct rpc_params *p, const char *name, uint64_t *ret_mib,
                          struct fail *f)
{
    if (params_get_ullong(p, name, ret_mib, f) < 0)
        return -1;
    if (*ret_mib > GUEST_BANDWIDTH_UNSET)
        return fail_set(f, VIR_ERR_INVALID_ARG, "migration parameter '%s' must be less than %llu",
                        name, (unsigned long long)GUEST_BANDWIDTH_UNSET + 1);
    return 0;
}

static int read_numbers(struct migration *m, const struct rpc_params *p, struct fail *f)
{
    if (read_bandwidth(p, VIR_MIGRATE_PARAM_BANDWIDTH, &m->bandwidth, f) < 0 ||
        read_bandwidth(p, VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, &m->bandwidth_postcopy, f) < 0 ||
        read_bandwidth(p, "bandwidth.avail.switchover", &m->bandwidth_switchover, f) < 0)
        return -1;
    int r = params_get_int(p, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, &m->connections, f);
    if (r < 0 || (r > 0 && positive(m->connections, "parallel.connections", 255, f) < 0))
        return -1;
    if (r > 0 && !(m->flags & VIR_MIGRATE_PARALLEL))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "migration parameter 'parallel.connections' needs the flag "
                        "VIR_MIGRATE_PARALLEL");
    if (r == 0 && (m->flags & VIR_MIGRATE_PARALLEL))
        m->connections = 2; /* QEMU's default, said so that both ends have the same */
    int initial = params_get_int(p, VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, &m->throttle_initial, f);
    int increment =
        params_get_int(p, VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, &m->throttle_increment, f);
    if (initial < 0 || increment < 0 ||
        (initial > 0 && positive(m->throttle_initial, "auto_converge.initial", 99, f) < 0) ||
        (increment > 0 && positive(m->throttle_increment, "auto_converge.increment", 99, f) < 0))
        return -1;
    if ((initial > 0 || increment > 0) && m->outgoing && !(m->flags & VIR_MIGRATE_AUTO_CONVERGE))
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "migration parameters 'auto_converge.*' need the flag "
                        "VIR_MIGRATE_AUTO_CONVERGE");
    return 0;
}

int migrate_read_params(struct migration *m, const struct rpc_params *params, struct fail *f)
{
    static const struct param_known known[] = {
        {VIR_MIGRATE_PARAM_URI, PARAM_STRING, false},
        {VIR_MIGRATE_PARAM_DEST_XML, PARAM_STRING, false},
        {VIR_MIGRATE_PARAM_PERSIST_XML, PARAM_STRING, false},
        {VIR_MIGRATE_PARAM_DEST_NAME, PARAM_STRING, false},
        {VIR_MIGRATE_PARAM_LISTEN_ADDRESS, PARAM_STRING, false},
        {VIR_MIGRATE_PARAM_BANDWIDTH, PARAM_ULLONG, false},
        {VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, PARAM_ULLONG, false},
        {"bandwidth.avail.switchover", PARAM_ULLONG, false},
        {VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, PARAM_INT, false},
        {VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, PARAM_INT, false},
        {VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, PARAM_INT, false},
    };
    if (params_check(params, known, sizeof(known) / sizeof(known[0]), f) < 0)
        return -1;
    return read_strings(m, params, f) < 0 ? -1 : read_numbers(m, params, f);
}

/* ---- storage -------------------------------------------------------------------------------- */

enum sharing { LOCAL, SHARED, COHERENT /* the file system keeps the hosts' caches equal */ };

static enum sharing sharing_of(const char *path)
{
    static const struct {
        unsigned long magic;
        enum sharing sharing;
    } shared[] = {
        {NFS_SUPER_MAGIC, SHARED},  {SMB_SUPER_MAGIC, SHARED},   {0xff534d42 /* cifs */, SHARED},
        {0xfe534d42 /* smb2 */, SHARED}, {AFS_SUPER_MAGIC, SHARED}, {0x01161970 /* gfs2 */, COHERENT},
        {OCFS2_SUPER_MAGIC, COHERENT}, {0x00c36400 /* ceph */, COHERENT},
        {0x47504653 /* gpfs */, COHERENT}, {0x0bd00bd0 /* lustre */, COHERENT},
    };
    struct statfs fs;
    if (statfs(path, &fs) < 0)
        return LOCAL;
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        if ((unsigned long)fs.f_type == shared[i].magic)
            return shared[i].sharing;
    return LOCAL;
}

static int check_disk(const struct domain_disk *disk, struct fail *f)
{
    if (disk->readonly)
        return 0;
    enum sharing sharing = disk->type == DOMAIN_DISK_BLOCK ? SHARED : sharing_of(disk->source);
    if (sharing == LOCAL)
        return fail_set(f, VIR_ERR_MIGRATE_UNSAFE,
                        "Migration without shared storage is unsafe (disk '%s')", disk->target);
    /* A shareable disk has no cache unless its document asked for one (domain_prepare_start). */
    if (sharing == COHERENT || domain_disk_is_coherent(disk))
        return 0;
    return fail_set(f, VIR_ERR_MIGRATE_UNSAFE,
                    "Migration may lead to data corruption if disks use cache other than none or "
                    "directsync (disk '%s')",
                    disk->target);
}

/* ---- the guest ------------------------------------------------------------------------------ */

static int check_tcg(const struct guest *g, struct fail *f)
{
    if (g->live->virt != DOMAIN_VIRT_QEMU || g->core.life.state != CORE_RUNNING ||
        !quirk_applies(QUIRK_TCG_LOSES_DIRTY_PAGES, g->emulator->version) ||
        g->live->memory_kib % QUIRK_TCG_SAFE_UNIT_KIB != 0)
        return 0;
    return fail_set(f, VIR_ERR_MIGRATE_UNSAFE,
                    "QEMU %u.%u loses dirty pages of an emulated (TCG) guest whose memory is a "
                    "multiple of %d KiB, as this one's is; give it other memory (%llu KiB), or use "
                    "QEMU 9 or later",
                    g->emulator->version / 1000000, g->emulator->version / 1000 % 1000,
                    QUIRK_TCG_SAFE_UNIT_KIB, (unsigned long long)g->live->memory_kib + 8);
}

/* The memory may be in a file on a disk only through what the user hands to QEMU himself. */
static int check_memory(const struct guest *g, const struct migration *m, struct fail *f)
{
    if (!(m->flags & VIR_MIGRATE_POSTCOPY))
        return 0;
    for (size_t i = 0; i < g->live->qemu_arg_count; i++)
        if (strstr(g->live->qemu_args[i], "memory-backend-file") ||
            strcmp(g->live->qemu_args[i], "-mem-path") == 0)
            return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED,
                            "post-copy is not possible with guest memory in a file: QEMU refuses "
                            "it, or loses the guest");
    return 0;
}

static int check_disks_are_active(const struct guest *g, struct fail *f)
{
    if (!g->disks_inactive || !g->live->disk_count ||
        !quirk_applies(QUIRK_PAUSED_ARRIVAL_ABORTS, g->emulator->version))
        return 0;
    return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED,
                    "the domain has not run since it was migrated here, and QEMU %u.%u would end, with "
                    "the guest, if it were migrated on before; resume it first",
                    g->emulator->version / 1000000, g->emulator->version / 1000 % 1000);
}

bool migrate_has_switchover_bandwidth(const struct emulator *e)
{
    return e->version >= 8002000;
}

int migrate_check_source(const struct guest *g, const struct migration *m, struct fail *f)
{
    if (!g->live)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "domain is not running");
    if (!g->emulator)
        return fail_set(f, VIR_ERR_OPERATION_FAILED,
                        "it is not known what the domain's emulator %s can do", g->live->emulator);
    if ((m->flags & VIR_MIGRATE_PARALLEL) && !emulator_has_migration_capability(g->emulator, "multifd"))
        return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED, "this QEMU has no parallel migration");
    if (m->bandwidth_switchover && !migrate_has_switchover_bandwidth(g->emulator))
        return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED,
                        "this QEMU has no migration parameter 'bandwidth.avail.switchover'");
    if (check_memory(g, m, f) < 0 || check_disks_are_active(g, f) < 0)
        return -1;
    if (m->flags & VIR_MIGRATE_UNSAFE)
        return 0;
    if (check_tcg(g, f) < 0)
        return -1;
    for (size_t i = 0; i < g->live->disk_count; i++)
        if (check_disk(&g->live->disks[i], f) < 0)
            return -1;
    return 0;
}

/* ---- the destination ------------------------------------------------------------------------ */

/* The kernel grants QEMU more than there is, and ends it when the pages come: in post-copy with the
 * guest. */
int migrate_check_memory(const struct domain *document, const struct migration *m, struct fail *f)
{
    uint64_t available = 0;
    if ((m->flags & VIR_MIGRATE_UNSAFE) || !host_facts_available_memory(&available) ||
        document->current_memory_kib <= available / 1024)
        return 0;
    return fail_set(f, VIR_ERR_MIGRATE_UNSAFE,
                    "the guest has %llu KiB of memory, and this host can give no more than %llu KiB",
                    (unsigned long long)document->current_memory_kib,
                    (unsigned long long)available / 1024);
}
