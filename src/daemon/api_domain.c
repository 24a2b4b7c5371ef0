/* api_domain.c - what the families of domain calls share. */
#include "daemon/api_domain.h"
#include <libvirt/libvirt.h>
#include <stdio.h>
#include "io/monitor.h"
#include "io/process.h"
#include "io/timer.h"

bool api_check_flags(struct call *call, uint32_t flags, uint32_t supported,
                     const struct api_flag *refused)
{
    for (const struct api_flag *r = refused; r && r->name; r++) {
        if (flags & r->flag) {
            call_failf(call, VIR_ERR_INVALID_ARG, "flag %s is not supported", r->name);
            return false;
        }
    }
    return call_check_flags(call, flags, supported);
}

bool api_check_active(struct call *call, const struct guest *g)
{
    if (guest_is_active(g))
        return true;
    call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
    return false;
}

const struct domain *api_find_document(struct call *call, const struct guest *g, uint32_t affect)
{
    if (affect == (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)) {
        call_failf(call, VIR_ERR_INVALID_ARG,
                   "flags VIR_DOMAIN_AFFECT_LIVE and VIR_DOMAIN_AFFECT_CONFIG exclude each other");
        return NULL;
    }
    if (affect & VIR_DOMAIN_AFFECT_CONFIG) {
        if (!g->defined)
            call_failf(call, VIR_ERR_OPERATION_INVALID,
                       "transient domains do not have any persistent config");
        return g->defined;
    }
    if ((affect & VIR_DOMAIN_AFFECT_LIVE) && !api_check_active(call, g))
        return NULL;
    return guest_document(g);
}

bool api_ask_qemu(struct guest *g, const char *command, struct json_object *arguments,
                  unsigned seconds, monitor_reply_fn *reply, void *userdata, struct fail *f)
{
    if (!guest_monitor_answers(g)) {
        json_object_put(arguments);
        fail_set(f, VIR_ERR_OPERATION_FAILED, "QEMU's monitor does not answer");
        return false;
    }
    struct monitor_command c = {
        .name = command,
        .arguments = arguments,
        .deadline = seconds * TIMER_SECOND,
        .reply = reply,
        .userdata = userdata,
    };
    return monitor_send(g->monitor, &c, f) == 0;
}

void api_explain_reply(const struct monitor_reply *reply, struct fail *ret)
{
    switch (reply->outcome) {
    case MONITOR_RETURN:
        fail_set(ret, VIR_ERR_INTERNAL_ERROR, "QEMU's answer makes no sense");
        return;
    case MONITOR_ERROR:
        fail_set(ret, VIR_ERR_OPERATION_FAILED, "QEMU said: %s", reply->error);
        return;
    case MONITOR_TIMEOUT:
        fail_set(ret, VIR_ERR_OPERATION_TIMEOUT, "QEMU's monitor gave no answer in time");
        return;
    case MONITOR_CLOSED:
        fail_set(ret, VIR_ERR_OPERATION_FAILED, "the connection to QEMU's monitor was lost: %s",
                 reply->error);
        return;
    }
}

pid_t api_guest_pid(const struct guest *g)
{
    return g->process ? process_get_identity(g->process)->pid : 0;
}

struct json_object *api_guest_stats_arguments(const struct guest *g)
{
    char path[128];
    if (!g->live || g->live->balloon.model != DOMAIN_BALLOON_VIRTIO || !g->live->balloon.dev.alias)
        return NULL;
    snprintf(path, sizeof(path), "/machine/peripheral/%s", g->live->balloon.dev.alias);
    struct json_object *arguments = json_object_new_object();
    if (!arguments)
        return NULL;
    json_object_object_add(arguments, "path", json_object_new_string(path));
    json_object_object_add(arguments, "property", json_object_new_string("guest-stats"));
    return arguments;
}

void api_fail_memory(struct call *call)
{
    call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
}
