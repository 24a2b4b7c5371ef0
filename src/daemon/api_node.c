/* api_node.c - the host, and what it can do for guests. */
#include "daemon/api.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/emulators.h"
#include "daemon/host_facts.h"
#include "domain/capabilities.h"

/* ---- the host -------------------------------------------------------------------------------- */

void api_node_get_info(struct call *call)
{
    struct host_info host;
    struct host_topology topology;
    struct fail f;
    if (host_facts_read(&host, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    host_info_topology(&host, &topology);
    struct remote_node_info result = {
        .memory = host_info_memory_kib(&host),
        .cpus = (int32_t)host.cpu_count,
        .mhz = (int32_t)host.mhz,
        .nodes = (int32_t)topology.cells,
        .sockets = (int32_t)topology.sockets,
        .cores = (int32_t)topology.cores,
        .threads = (int32_t)topology.threads,
    };
    snprintf(result.model, sizeof(result.model), "%s", host.arch);
    host_info_free(&host);
    call_reply(call, &result);
}

void api_node_get_cpu_map(struct call *call)
{
    const struct remote_cpu_map_args *args = call->args;
    struct host_map map;
    struct fail f;
    if (!call_check_flags(call, args->flags, 0))
        return;
    if (host_facts_read_map(&map, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    struct remote_cpu_map result = {.ret = (int32_t)map.present};
    if (args->need_map)
        result.map = (struct rpc_bytes){.data = map.online, .size = (map.present + 7) / 8};
    if (args->need_online)
        result.online = map.online_count;
    call_reply(call, &result);
}

void api_node_get_free_memory(struct call *call)
{
    struct remote_u64 result = {.value = host_facts_all_free_memory()};
    call_reply(call, &result);
}

void api_node_get_cells_free_memory(struct call *call)
{
    const struct remote_cells_args *args = call->args;
    struct remote_cells result = {0};
    if (args->start < 0 || args->max < 1 || args->max > HOST_CELLS_MAX ||
        args->start >= HOST_CELLS_MAX) {
        call_failf(call, VIR_ERR_INVALID_ARG, "cells from %" PRId32 ", at most %" PRId32,
                   args->start, args->max);
        return;
    }
    result.cells.items = arena_array(&call->arena, (size_t)args->max, sizeof(uint64_t));
    if (!result.cells.items) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    uint32_t *count = &result.cells.count;
    while (*count < (uint32_t)args->max &&
           host_facts_free_memory((unsigned)args->start + *count, &result.cells.items[*count]))
        ++*count;
    if (*count)
        call_reply(call, &result);
    else
        call_failf(call, VIR_ERR_INVALID_ARG, "there is no cell %" PRId32, args->start);
}

/* There is none: what a libvirt without a driver for one says. */
void api_node_get_security_model(struct call *call)
{
    struct remote_security_model result = {.model = "none", .doi = "0"};
    call_reply(call, &result);
}

/* ---- what its emulators can do --------------------------------------------------------------- */

static void reply_max_vcpus(const struct emulator *emulator, const struct fail *why, void *userdata)
{
    struct call *call = userdata;
    if (!emulator) {
        call_fail(call, why);
        return;
    }
    struct remote_int result = {.value = (int32_t)emulator_default_machine(emulator)->max_cpus};
    call_reply(call, &result);
}

void api_connect_get_max_vcpus(struct call *call)
{
    const struct remote_optional_string *args = call->args;
    if (args->value && strcasecmp(args->value, "qemu") != 0 &&
        strcasecmp(args->value, "kvm") != 0) {
        call_failf(call, VIR_ERR_INVALID_ARG, "unknown type '%s'", args->value);
        return;
    }
    emulators_get(call->daemon->emulators, call->daemon->config.emulator, reply_max_vcpus, call);
}

/* Ends the call with the document, or why there is none. Takes `document` over. */
static void reply_document(struct call *call, int formatted, struct buffer *document,
                           const struct fail *why)
{
    struct fail f;
    if (formatted == 0 && buffer_append(document, "", 1) < 0) {
        formatted = fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
        why = &f;
    }
    struct remote_string result = {.value = (const char *)buffer_bytes(document)};
    if (formatted < 0)
        call_fail(call, why);
    else
        call_reply(call, &result);
    buffer_free(document);
}

/* Without an emulator there is still a host to be described. */
static void reply_capabilities(const struct emulator *emulator, const struct fail *why,
                               void *userdata)
{
    struct call *call = userdata;
    struct host_info host;
    struct buffer document = {0};
    struct fail f;
    (void)why; /* logged by the prober */
    if (host_facts_read(&host, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    struct capabilities c = {
        .host_uuid = call->daemon->config.host_uuid,
        .host = &host,
        .emulators = &emulator,
        .emulator_count = emulator ? 1 : 0,
    };
    int r = capabilities_format(&c, &document, &f);
    host_info_free(&host);
    reply_document(call, r, &document, &f);
}

void api_connect_get_capabilities(struct call *call)
{
    emulators_get(call->daemon->emulators, call->daemon->config.emulator, reply_capabilities, call);
}

static int format_domain(const struct call *call, const struct emulator *emulator,
                         struct buffer *out, struct fail *f)
{
    const struct remote_domain_caps_args *args = call->args;
    enum domain_virt virt = emulator->kvm_enabled ? DOMAIN_VIRT_KVM : DOMAIN_VIRT_QEMU;
    if (args->arch && strcmp(args->arch, emulator->arch) != 0)
        return fail_set(f, VIR_ERR_INVALID_ARG,
                        "architecture from emulator '%s' doesn't match "
                        "given architecture '%s'",
                        emulator->arch, args->arch);
    if (args->virttype && strcmp(args->virttype, "qemu") == 0)
        virt = DOMAIN_VIRT_QEMU;
    else if (args->virttype && strcmp(args->virttype, "kvm") == 0)
        virt = DOMAIN_VIRT_KVM;
    else if (args->virttype)
        return fail_set(f, VIR_ERR_INVALID_ARG, "unknown virttype: %s", args->virttype);
    return domcapabilities_format(emulator, args->machine, virt, out, f);
}

static void reply_domain_capabilities(const struct emulator *emulator, const struct fail *why,
                                      void *userdata)
{
    struct call *call = userdata;
    struct buffer document = {0};
    struct fail f;
    if (!emulator) {
        call_fail(call, why);
        return;
    }
    int r = format_domain(call, emulator, &document, &f);
    reply_document(call, r, &document, &f);
}

void api_connect_get_domain_capabilities(struct call *call)
{
    const struct remote_domain_caps_args *args = call->args;
    const char *path = args->emulator ? args->emulator : call->daemon->config.emulator;
    if (!call_check_flags(call, args->flags, 0))
        return;
    /* Looking at a document must not start programs that the client chose. */
    if (call->read_only && strcmp(path, call->daemon->config.emulator) != 0 &&
        !emulators_known(call->daemon->emulators, path)) {
        call_failf(call, VIR_ERR_OPERATION_DENIED, "read only access prevents probing %s", path);
        return;
    }
    emulators_get(call->daemon->emulators, path, reply_domain_capabilities, call);
}
