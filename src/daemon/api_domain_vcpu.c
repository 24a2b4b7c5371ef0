/* api_domain_vcpu.c - how many vCPUs a guest has, and where they run. */
#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/proc_facts.h"
#include "daemon/qemu_facts.h"

enum { VCPU_RUNNING = VIR_VCPU_RUNNING, VCPU_MAPS_MAX = 8388608 };

static const struct api_flag count_refused[] = {
    API_FLAG(VIR_DOMAIN_VCPU_GUEST), /* asks the guest's agent */
    API_FLAG(VIR_DOMAIN_VCPU_HOTPLUGGABLE),
    {0, NULL},
};

void api_domain_get_vcpus_flags(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    uint32_t affect = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, affect | VIR_DOMAIN_VCPU_MAXIMUM, count_refused))
        return;
    const struct domain *d = api_find_document(call, g, a->flags & affect);
    if (!d)
        return;
    /* vCPUs are neither plugged nor unplugged: the maximum is what there is. */
    struct remote_int ret = {.value = (int32_t)d->vcpus};
    call_reply(call, &ret);
}

void api_domain_get_max_vcpus(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (!g)
        return;
    struct remote_int ret = {.value = (int32_t)guest_document(g)->vcpus};
    call_reply(call, &ret);
}

/* ---- each vCPU ------------------------------------------------------------------------------ */

struct vcpus_question {
    struct call *call;
    struct guest *guest;
};

/* All vCPUs may run on every CPU of the host: nothing is pinned. */
static bool fill_maps(struct call *call, uint32_t count, uint32_t length, struct rpc_bytes *ret)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint8_t *maps = arena_alloc(&call->arena, (size_t)count * length + 1);
    if (!maps)
        return false;
    for (uint32_t v = 0; v < count; v++)
        for (long cpu = 0; cpu < online && cpu / 8 < (long)length; cpu++)
            maps[(size_t)v * length + (size_t)cpu / 8] |= (uint8_t)(1u << (cpu % 8));
    *ret = (struct rpc_bytes){.data = maps, .size = count * length};
    return true;
}

static void vcpus_known(const struct monitor_reply *reply, void *userdata)
{
    struct vcpus_question *q = userdata;
    struct call *call = q->call;
    const struct remote_vcpus_args *a = call->args;
    pid_t threads[DOMAIN_VCPUS_MAX], pid = api_guest_pid(q->guest);
    uint32_t count = (uint32_t)a->max_info;
    struct remote_vcpus ret = {0};

    if (reply->outcome != MONITOR_RETURN || !q->guest->live) {
        struct fail f;
        api_explain_reply(reply, &f);
        call_fail(call, &f);
        return;
    }
    if (count > q->guest->live->vcpus)
        count = q->guest->live->vcpus;
    qemu_read_vcpu_threads(reply->value, threads, DOMAIN_VCPUS_MAX);
    ret.info.items = arena_array(&call->arena, count + 1, sizeof(*ret.info.items));
    if (!ret.info.items || !fill_maps(call, count, (uint32_t)a->map_length, &ret.maps)) {
        api_fail_memory(call);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct proc_times times;
        struct remote_vcpu *v = &ret.info.items[i];
        *v = (struct remote_vcpu){.number = i, .state = VCPU_RUNNING, .cpu = -1};
        if (pid && threads[i] && proc_read_times(pid, threads[i], &times)) {
            v->cpu_time = times.user_ns + times.system_ns;
            v->cpu = times.cpu;
        }
    }
    ret.info.count = count;
    call_reply(call, &ret);
}

void api_domain_get_vcpus(struct call *call)
{
    const struct remote_vcpus_args *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    struct fail f = {0};
    if (!g)
        return;
    if (a->max_info < 0 || a->map_length < 0 ||
        (int64_t)a->max_info * a->map_length > VCPU_MAPS_MAX) {
        call_failf(call, VIR_ERR_INVALID_ARG, "%d vCPUs with maps of %d bytes are too many",
                   a->max_info, a->map_length);
        return;
    }
    if (!guest_is_active(g)) {
        call_failf(call, VIR_ERR_OPERATION_INVALID,
                   "cannot retrieve vcpu information for inactive domain");
        return;
    }
    if (call_wait_for_qemu(call, g))
        return;
    struct vcpus_question *q = arena_alloc(&call->arena, sizeof(*q));
    if (!q) {
        api_fail_memory(call);
        return;
    }
    *q = (struct vcpus_question){call, g};
    if (!api_ask_qemu(g, "query-cpus-fast", NULL, API_QUERY_SECONDS, vcpus_known, q, &f))
        call_fail(call, &f);
}
