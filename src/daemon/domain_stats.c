/* domain_stats.c - names and orders are what clients (exporters, virsh domstats) know. */
#include "daemon/domain_stats.h"
#include <libvirt/libvirt.h>
#include <string.h>
#include "daemon/proc_facts.h"
#include "daemon/qemu_facts.h"
#include "wire/qmp.h"

uint32_t domain_stats_groups(void)
{
    /* There are no I/O threads, and so nothing to say of them. */
    return VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
           VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK |
           VIR_DOMAIN_STATS_IOTHREAD | VIR_DOMAIN_STATS_DIRTYRATE;
}

unsigned domain_stats_questions(const struct domain *d, uint32_t groups)
{
    unsigned ask = 0;
    if (groups & VIR_DOMAIN_STATS_VCPU)
        ask |= 1u << STATS_CPUS;
    if ((groups & VIR_DOMAIN_STATS_BALLOON) && d->balloon.model == DOMAIN_BALLOON_VIRTIO)
        ask |= 1u << STATS_BALLOON | 1u << STATS_GUEST_STATS;
    if ((groups & VIR_DOMAIN_STATS_BLOCK) && d->disk_count)
        ask |= 1u << STATS_BLOCK_STATS | 1u << STATS_BLOCK;
    if (groups & VIR_DOMAIN_STATS_DIRTYRATE)
        ask |= 1u << STATS_DIRTY_RATE;
    return ask;
}

/* ---- state, CPU, memory ---------------------------------------------------------------------- */

static void add_state(struct params_builder *b, const struct domain_figures *f)
{
    params_add_int(b, "state.state", f->state);
    params_add_int(b, "state.reason", f->reason);
}

static void add_cpu(struct params_builder *b, const struct domain_figures *f)
{
    struct proc_times t;
    if (!f->pid || !proc_read_times(f->pid, 0, &t))
        return;
    params_add_ullong(b, "cpu.time", t.user_ns + t.system_ns);
    params_add_ullong(b, "cpu.user", t.user_ns);
    params_add_ullong(b, "cpu.system", t.system_ns);
}

static void add_balloon(struct params_builder *b, const struct domain_figures *f)
{
    static const uint8_t order[] = {
        MEMORY_SWAP_IN,     MEMORY_SWAP_OUT,        MEMORY_MAJOR_FAULT,    MEMORY_MINOR_FAULT,
        MEMORY_UNUSED,      MEMORY_AVAILABLE,       MEMORY_USABLE,         MEMORY_LAST_UPDATE,
        MEMORY_DISK_CACHES, MEMORY_HUGETLB_PGALLOC, MEMORY_HUGETLB_PGFAIL, MEMORY_RSS,
    };
    struct memory_stats s = {0};
    uint64_t current = f->document->current_memory_kib, rss;
    (void)qemu_read_balloon(f->replies[STATS_BALLOON], &current); /* else as last known */
    params_add_ullong(b, "balloon.current", current);
    params_add_ullong(b, "balloon.maximum", f->document->memory_kib);
    if (f->replies[STATS_GUEST_STATS])
        qemu_read_guest_stats(f->replies[STATS_GUEST_STATS], &s);
    if (f->pid && proc_read_rss_kib(f->pid, &rss))
        memory_stats_set(&s, MEMORY_RSS, rss);
    for (size_t i = 0; i < sizeof(order); i++)
        if (s.has & (1u << order[i]))
            params_add_ullong(b, params_name(b, "balloon.%s", memory_stat_name(order[i])),
                              s.value[order[i]]);
}

static void add_vcpus(struct params_builder *b, const struct domain_figures *f)
{
    unsigned count = f->document->vcpus;
    pid_t threads[DOMAIN_VCPUS_MAX];
    params_add_uint(b, "vcpu.current", count);
    params_add_uint(b, "vcpu.maximum", count);
    if (!f->active)
        return;
    qemu_read_vcpu_threads(f->replies[STATS_CPUS], threads, DOMAIN_VCPUS_MAX);
    for (unsigned i = 0; i < count && i < DOMAIN_VCPUS_MAX; i++) {
        struct proc_times t;
        struct proc_delays delays;
        params_add_int(b, params_name(b, "vcpu.%u.state", i), VIR_VCPU_RUNNING);
        if (!f->pid || !threads[i] || !proc_read_times(f->pid, threads[i], &t))
            continue;
        params_add_ullong(b, params_name(b, "vcpu.%u.time", i), t.user_ns + t.system_ns);
        if (!proc_read_delays(f->pid, threads[i], &delays))
            continue;
        params_add_ullong(b, params_name(b, "vcpu.%u.wait", i), delays.wait_ns);
        params_add_ullong(b, params_name(b, "vcpu.%u.delay", i), delays.delay_ns);
    }
}

/* ---- devices -------------------------------------------------------------------------------- */

static void add_counter(struct params_builder *b, const char *device, size_t index,
                        const char *counter, uint64_t value)
{
    params_add_ullong(b, params_name(b, "%s.%zu.%s", device, index, counter), value);
}

static void add_interfaces(struct params_builder *b, const struct domain_figures *f)
{
    const struct domain *d = f->document;
    if (!f->active)
        return;
    params_add_uint(b, "net.count", (uint32_t)d->interface_count);
    for (size_t i = 0; i < d->interface_count; i++) {
        struct net_counters c;
        if (!d->interfaces[i].target) /* type user: nothing on the host counts */
            continue;
        params_add_string(b, params_name(b, "net.%zu.name", i), d->interfaces[i].target);
        if (!proc_read_tap(d->interfaces[i].target, &c))
            continue;
        add_counter(b, "net", i, "rx.bytes", c.rx_bytes);
        add_counter(b, "net", i, "rx.pkts", c.rx_packets);
        add_counter(b, "net", i, "rx.errs", c.rx_errs);
        add_counter(b, "net", i, "rx.drop", c.rx_drop);
        add_counter(b, "net", i, "tx.bytes", c.tx_bytes);
        add_counter(b, "net", i, "tx.pkts", c.tx_packets);
        add_counter(b, "net", i, "tx.errs", c.tx_errs);
        add_counter(b, "net", i, "tx.drop", c.tx_drop);
    }
}

static void add_sizes(struct params_builder *b, size_t index, uint64_t allocation,
                      uint64_t capacity, uint64_t physical)
{
    add_counter(b, "block", index, "allocation", allocation);
    add_counter(b, "block", index, "capacity", capacity);
    add_counter(b, "block", index, "physical", physical);
}

static void add_running_disk(struct params_builder *b, const struct domain_figures *f,
                             const struct domain_disk *disk, size_t index)
{
    struct block_counters c;
    struct block_sizes sizes;
    const char *alias = disk->dev.alias;
    bool counted = alias && qemu_read_block_counters(f->replies[STATS_BLOCK_STATS], alias, &c);
    if (disk->source_index)
        params_add_uint(b, params_name(b, "block.%zu.backingIndex", index), disk->source_index);
    if (counted) {
        add_counter(b, "block", index, "rd.reqs", c.rd_requests);
        add_counter(b, "block", index, "rd.bytes", c.rd_bytes);
        add_counter(b, "block", index, "rd.times", c.rd_ns);
        add_counter(b, "block", index, "wr.reqs", c.wr_requests);
        add_counter(b, "block", index, "wr.bytes", c.wr_bytes);
        add_counter(b, "block", index, "wr.times", c.wr_ns);
        add_counter(b, "block", index, "fl.reqs", c.fl_requests);
        add_counter(b, "block", index, "fl.times", c.fl_ns);
    }
    if (!alias || !qemu_read_block_sizes(f->replies[STATS_BLOCK], alias, &sizes))
        return;
    /* A raw image that nothing was written to takes no room; it is as long as the disk. */
    bool raw = disk->format == DOMAIN_DISK_RAW;
    uint64_t physical = sizes.allocated == 0 && raw ? sizes.capacity : sizes.allocated;
    add_sizes(b, index, counted ? c.highest : 0, sizes.capacity, physical);
}

static void add_disks(struct params_builder *b, const struct domain_figures *f)
{
    const struct domain *d = f->document;
    params_add_uint(b, "block.count", (uint32_t)d->disk_count);
    for (size_t i = 0; i < d->disk_count; i++) {
        const struct domain_disk *disk = &d->disks[i];
        params_add_string(b, params_name(b, "block.%zu.name", i), disk->target);
        params_add_string(b, params_name(b, "block.%zu.path", i), disk->source);
        if (f->active) {
            add_running_disk(b, f, disk, i);
            continue;
        }
        const struct disk_facts *facts = f->find_facts ? f->find_facts(disk, f->userdata) : NULL;
        if (facts && facts->known)
            add_sizes(b, i, facts->allocated, facts->capacity, facts->physical);
    }
}

/* ---- the dirty rate -------------------------------------------------------------------------- */

static void add_dirty_rate(struct params_builder *b, const struct domain_figures *f)
{
    static const char *const statuses[] = {"unstarted", "measuring", "measured"};
    struct json_object *reply = f->replies[STATS_DIRTY_RATE];
    const char *status = reply ? qmp_get_string(reply, "status") : NULL;
    const char *mode = reply ? qmp_get_string(reply, "mode") : NULL;
    int number = -1;
    for (int i = 0; status && i < 3; i++)
        if (strcmp(status, statuses[i]) == 0)
            number = i;
    if (number < 0)
        return;
    params_add_int(b, "dirtyrate.calc_status", number);
    params_add_llong(b, "dirtyrate.calc_start_time", qmp_get_i64(reply, "start-time", 0));
    params_add_int(b, "dirtyrate.calc_period", (int32_t)qmp_get_i64(reply, "calc-time", 0));
    params_add_string(b, "dirtyrate.calc_mode", mode);
    if (number == 2)
        params_add_llong(b, "dirtyrate.megabytes_per_second", qmp_get_i64(reply, "dirty-rate", 0));
}

void domain_stats_add(struct params_builder *b, const struct domain_figures *f, uint32_t groups)
{
    static const struct {
        uint32_t group;
        void (*add)(struct params_builder *b, const struct domain_figures *f);
    } all[] = {
        {VIR_DOMAIN_STATS_STATE, add_state},          {VIR_DOMAIN_STATS_CPU_TOTAL, add_cpu},
        {VIR_DOMAIN_STATS_BALLOON, add_balloon},      {VIR_DOMAIN_STATS_VCPU, add_vcpus},
        {VIR_DOMAIN_STATS_INTERFACE, add_interfaces}, {VIR_DOMAIN_STATS_BLOCK, add_disks},
        {VIR_DOMAIN_STATS_DIRTYRATE, add_dirty_rate},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (groups & all[i].group)
            all[i].add(b, f);
}
