/* api_domain_device.c - counters and sizes of one device: disks, interfaces, the balloon. */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/daemon.h"
#include "daemon/disk_facts.h"
#include "daemon/proc_facts.h"
#include "daemon/qemu_facts.h"
#include "wire/qmp.h"

/* A question to QEMU about one device; in its call's arena. */
struct device_question {
    struct call *call;
    struct guest *guest;
    const char *path; /* a disk, as the client named it; "" = all */
    struct disk_facts facts;
    struct memory_stats memory;
};

static struct device_question *question_new(struct call *call, struct guest *g, const char *path)
{
    struct device_question *q = arena_alloc(&call->arena, sizeof(*q));
    if (!q) {
        api_fail_memory(call);
        return NULL;
    }
    *q = (struct device_question){.call = call, .guest = g, .path = path};
    return q;
}

static void ask(struct device_question *q, const char *command, monitor_reply_fn *reply)
{
    struct fail f = {0};
    if (!api_ask_qemu(q->guest, command, NULL, API_QUERY_SECONDS, reply, q, &f))
        call_fail(q->call, &f);
}

/* ---- disks ---------------------------------------------------------------------------------- */

/* By target or by source. */
static const struct domain_disk *find_disk(const struct domain *d, const char *path)
{
    for (size_t i = 0; i < d->disk_count; i++)
        if (strcmp(d->disks[i].target, path) == 0 || strcmp(d->disks[i].source, path) == 0)
            return &d->disks[i];
    return NULL;
}

static bool check_disk(struct call *call, const struct domain *d, const char *path)
{
    if (find_disk(d, path))
        return true;
    call_failf(call, VIR_ERR_INVALID_ARG, "invalid path: %s", path);
    return false;
}

/* Of the disk that was asked for, or the sum of all. False: the call was answered. */
static bool read_counters(struct device_question *q, const struct monitor_reply *reply,
                          struct block_counters *ret)
{
    const struct domain *d = q->guest->live;
    struct fail f;
    bool found = false;
    if (reply->outcome == MONITOR_RETURN && d) {
        for (size_t i = 0; i < d->disk_count; i++) {
            const struct domain_disk *disk = &d->disks[i];
            struct block_counters one;
            if ((q->path[0] == '\0' || disk == find_disk(d, q->path)) &&
                qemu_read_block_counters(reply->value, disk->dev.alias, &one)) {
                qemu_add_block_counters(ret, &one);
                ret->highest = one.highest;
                found = true;
            }
        }
    }
    if (found || (reply->outcome == MONITOR_RETURN && q->path[0] == '\0'))
        return true;
    api_explain_reply(reply, &f);
    call_fail(q->call, &f);
    return false;
}

static void block_stats_known(const struct monitor_reply *reply, void *userdata)
{
    struct device_question *q = userdata;
    struct block_counters c = {0};
    if (!read_counters(q, reply, &c))
        return;
    struct remote_block_stats ret = {
        .rd_req = (int64_t)c.rd_requests,
        .rd_bytes = (int64_t)c.rd_bytes,
        .wr_req = (int64_t)c.wr_requests,
        .wr_bytes = (int64_t)c.wr_bytes,
        .errs = -1,
    };
    call_reply(q->call, &ret);
}

void api_domain_block_stats(struct call *call)
{
    const struct remote_domain_string *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_active(call, g) ||
        (a->value[0] != '\0' && !check_disk(call, guest_document(g), a->value)) ||
        call_wait_for_qemu(call, g))
        return;
    struct device_question *q = question_new(call, g, a->value);
    if (q)
        ask(q, "query-blockstats", block_stats_known);
}

enum { BLOCK_STATS_COUNT = 8 };

static void block_params_known(const struct monitor_reply *reply, void *userdata)
{
    struct device_question *q = userdata;
    const struct remote_block_stats_args *a = q->call->args;
    struct block_counters c = {0};
    if (!read_counters(q, reply, &c))
        return;
    struct params_builder b = {.arena = &q->call->arena};
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, (int64_t)c.wr_bytes);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, (int64_t)c.wr_requests);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_READ_BYTES, (int64_t)c.rd_bytes);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_READ_REQ, (int64_t)c.rd_requests);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ, (int64_t)c.fl_requests);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_WRITE_TOTAL_TIMES, (int64_t)c.wr_ns);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_READ_TOTAL_TIMES, (int64_t)c.rd_ns);
    params_add_llong(&b, VIR_DOMAIN_BLOCK_STATS_FLUSH_TOTAL_TIMES, (int64_t)c.fl_ns);
    if (b.failed) {
        api_fail_memory(q->call);
        return;
    }
    struct remote_counted_params ret = {.params = b.params};
    if (ret.params.count > (uint32_t)a->nparams)
        ret.params.count = (uint32_t)a->nparams;
    call_reply(q->call, &ret);
}

void api_domain_block_stats_flags(struct call *call)
{
    const struct remote_block_stats_args *a = call->args;
    uint32_t strings_known = VIR_TYPED_PARAM_STRING_OKAY; /* there is none among them */
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, strings_known, NULL) || !api_check_active(call, g) ||
        (a->path[0] != '\0' && !check_disk(call, guest_document(g), a->path)))
        return;
    if (a->nparams < 0) {
        call_failf(call, VIR_ERR_INVALID_ARG, "a number of parameters can't be negative");
        return;
    }
    if (a->nparams == 0) {
        struct remote_counted_params ret = {.nparams = BLOCK_STATS_COUNT};
        call_reply(call, &ret);
        return;
    }
    if (call_wait_for_qemu(call, g))
        return;
    struct device_question *q = question_new(call, g, a->path);
    if (q)
        ask(q, "query-blockstats", block_params_known);
}

/* How much of a block device an image takes only QEMU knows: up to where it has written. */
static void block_end_known(const struct monitor_reply *reply, void *userdata)
{
    struct device_question *q = userdata;
    struct block_counters c = {0};
    if (!read_counters(q, reply, &c))
        return;
    struct remote_block_info ret = {
        .allocation = c.highest,
        .capacity = q->facts.capacity,
        .physical = q->facts.physical,
    };
    call_reply(q->call, &ret);
}

static void block_facts_known(const struct disk_facts *facts, size_t count, void *userdata)
{
    struct device_question *q = userdata;
    struct call *call = q->call;
    if (count != 1) {
        call_failf(call, VIR_ERR_OPERATION_FAILED, "the daemon is being stopped");
        return;
    }
    if (!facts->known) {
        call_fail(call, &facts->why);
        return;
    }
    q->facts = *facts;
    const struct remote_domain_string_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom); /* it may have gone meanwhile */
    if (!g)
        return;
    q->guest = g;
    if (facts->is_block && guest_is_active(g)) {
        ask(q, "query-blockstats", block_end_known);
        return;
    }
    struct remote_block_info ret = {
        .allocation = facts->allocated,
        .capacity = facts->capacity,
        .physical = facts->physical,
    };
    call_reply(call, &ret);
}

void api_domain_get_block_info(struct call *call)
{
    const struct remote_domain_string_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    struct fail f = {0};
    if (!g || !api_check_flags(call, a->flags, 0, NULL) ||
        !check_disk(call, guest_document(g), a->value))
        return;
    const struct domain_disk *disk = find_disk(guest_document(g), a->value);
    struct disk_question where = {.path = disk->source, .format = disk->format};
    struct device_question *q = question_new(call, g, a->value);
    if (q && disk_facts_ask(call->daemon->workers, &where, 1, block_facts_known, q, &f) < 0)
        call_fail(call, &f);
}

/* ---- interfaces ----------------------------------------------------------------------------- */

static bool has_name(const struct domain_interface *nic, const char *name)
{
    char mac[18];
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", nic->mac[0], nic->mac[1],
             nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5]);
    return strcasecmp(mac, name) == 0 || (nic->target && strcmp(nic->target, name) == 0);
}

void api_domain_interface_stats(struct call *call)
{
    const struct remote_domain_string *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    const struct domain_interface *nic = NULL;
    struct net_counters c;
    if (!g || !api_check_active(call, g))
        return;
    const struct domain *d = guest_document(g);
    for (size_t i = 0; i < d->interface_count && !nic; i++)
        if (has_name(&d->interfaces[i], a->value))
            nic = &d->interfaces[i];
    if (!nic) {
        call_failf(call, VIR_ERR_INVALID_ARG, "'%s' is not a known interface", a->value);
        return;
    }
    if (!nic->target) {
        call_failf(call, VIR_ERR_OPERATION_UNSUPPORTED,
                   "an interface of type 'user' has no device on the host that counts");
        return;
    }
    if (!proc_read_tap(nic->target, &c)) {
        call_failf(call, VIR_ERR_OPERATION_FAILED, "the host has no counters of interface '%s'",
                   nic->target);
        return;
    }
    struct remote_interface_stats ret = {
        .rx_bytes = (int64_t)c.rx_bytes,
        .rx_packets = (int64_t)c.rx_packets,
        .rx_errs = (int64_t)c.rx_errs,
        .rx_drop = (int64_t)c.rx_drop,
        .tx_bytes = (int64_t)c.tx_bytes,
        .tx_packets = (int64_t)c.tx_packets,
        .tx_errs = (int64_t)c.tx_errs,
        .tx_drop = (int64_t)c.tx_drop,
    };
    call_reply(call, &ret);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void answer_memory(struct device_question *q)
{
    const struct remote_memory_stats_args *a = q->call->args;
    struct remote_memory_stat list[MEMORY_STAT_COUNT];
    struct remote_memory_stats ret = {.stats = {.items = list}};
    /* The balloon's size first, as ever; what is new comes at the end and is cut off first. */
    memory_stats_set(&q->memory, MEMORY_ACTUAL, guest_document(q->guest)->current_memory_kib);
    static const uint8_t order[MEMORY_STAT_COUNT] = {
        MEMORY_ACTUAL,      MEMORY_SWAP_IN,     MEMORY_SWAP_OUT,        MEMORY_MAJOR_FAULT,
        MEMORY_MINOR_FAULT, MEMORY_UNUSED,      MEMORY_AVAILABLE,       MEMORY_USABLE,
        MEMORY_LAST_UPDATE, MEMORY_DISK_CACHES, MEMORY_HUGETLB_PGALLOC, MEMORY_HUGETLB_PGFAIL,
        MEMORY_RSS,
    };
    for (unsigned i = 0; i < MEMORY_STAT_COUNT && ret.stats.count < a->max; i++)
        if (q->memory.has & (1u << order[i]))
            list[ret.stats.count++] =
                (struct remote_memory_stat){.tag = order[i], .value = q->memory.value[order[i]]};
    call_reply(q->call, &ret);
}

static void memory_known(const struct monitor_reply *reply, void *userdata)
{
    struct device_question *q = userdata;
    if (reply->outcome == MONITOR_RETURN)
        qemu_read_guest_stats(reply->value, &q->memory);
    answer_memory(q);
}

void api_domain_memory_stats(struct call *call)
{
    const struct remote_memory_stats_args *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    uint64_t rss;
    if (!g || !api_check_flags(call, a->flags, 0, NULL) || !api_check_active(call, g) ||
        call_wait_for_qemu(call, g))
        return;
    struct device_question *q = question_new(call, g, "");
    if (!q)
        return;
    pid_t pid = api_guest_pid(g);
    if (pid && proc_read_rss_kib(pid, &rss))
        memory_stats_set(&q->memory, MEMORY_RSS, rss);
    struct json_object *arguments = api_guest_stats_arguments(g);
    if (!arguments ||
        !api_ask_qemu(g, "qom-get", arguments, API_QUERY_SECONDS, memory_known, q, NULL))
        answer_memory(q);
}
