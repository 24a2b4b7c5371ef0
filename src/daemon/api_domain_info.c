/* api_domain_info.c - short questions about one guest, answered from what is known here.
 *
 * None of them asks QEMU: they answer at once, also when QEMU does not.
 */
#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/migrate.h"
#include "daemon/proc_facts.h"
#include "domain/emulator.h"
#include "io/monitor.h"
#include "io/timer.h"

/* ---- state ---------------------------------------------------------------------------------- */

void api_domain_get_state(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, 0, NULL))
        return;
    struct remote_state ret = {.state = g->core.life.state, .reason = g->core.life.reason};
    call_reply(call, &ret);
}

void api_domain_is_active(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (!g)
        return;
    struct remote_int ret = {.value = guest_is_active(g)};
    call_reply(call, &ret);
}

void api_domain_is_persistent(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (!g)
        return;
    struct remote_int ret = {.value = guest_is_persistent(g)};
    call_reply(call, &ret);
}

/* Has the definition been changed behind the daemon's back? Nothing here can. */
void api_domain_is_updated(struct call *call)
{
    struct remote_int ret = {.value = 0};
    if (call_find_guest(call, call->args))
        call_reply(call, &ret);
}

/* A client that asks for this fears that the guest is stuck: it learns whether QEMU owes answers.
 */
void api_domain_get_control_info(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, 0, NULL) || (!g->damaged && !api_check_active(call, g)))
        return;
    uint64_t since = g->monitor ? monitor_busy_since(g->monitor) : 0;
    struct remote_control_info ret = {.state = VIR_DOMAIN_CONTROL_OK};
    if (g->damaged) {
        ret.state = VIR_DOMAIN_CONTROL_ERROR;
        ret.details = VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL;
    } else if (g->unreachable) {
        ret.state = VIR_DOMAIN_CONTROL_ERROR;
        ret.details = VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR;
    } else if (core_migrating(&g->core)) {
        ret.state = VIR_DOMAIN_CONTROL_JOB;
        ret.state_time = accounts_elapsed(&g->accounts, guest_clock()) / 1000;
    } else if (since != 0) {
        ret.state = VIR_DOMAIN_CONTROL_OCCUPIED;
        ret.state_time = (timer_now() - since) / 1000;
    }
    call_reply(call, &ret);
}

/* ---- what it is ----------------------------------------------------------------------------- */

void api_domain_get_os_type(struct call *call)
{
    struct remote_string ret = {.value = "hvm"};
    if (call_find_guest(call, call->args))
        call_reply(call, &ret);
}

void api_domain_get_info(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (!g)
        return;
    const struct domain *d = guest_document(g);
    struct remote_domain_info ret = {
        .state = g->core.life.state,
        .max_memory = d->memory_kib,
        .memory = d->current_memory_kib,
        .vcpus = (uint16_t)d->vcpus,
    };
    struct proc_times times;
    pid_t pid = api_guest_pid(g);
    if (pid && proc_read_times(pid, 0, &times))
        ret.cpu_time = times.user_ns + times.system_ns;
    call_reply(call, &ret);
}

void api_domain_get_max_memory(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (!g)
        return;
    struct remote_u64 ret = {.value = guest_document(g)->memory_kib};
    call_reply(call, &ret);
}

/* ---- what Baton does not have ---------------------------------------------------------------- */

void api_domain_has_managed_save_image(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct remote_int ret = {.value = 0};
    if (call_find_guest(call, &a->dom) && api_check_flags(call, a->flags, 0, NULL))
        call_reply(call, &ret);
}

void api_domain_snapshot_num(struct call *call)
{
    /* Whatever filter the flags are: of none, none is left. */
    const struct remote_domain_flags *a = call->args;
    struct remote_int ret = {.value = 0};
    if (call_find_guest(call, &a->dom))
        call_reply(call, &ret);
}

void api_domain_get_security_label(struct call *call)
{
    struct remote_security_label ret = {.label = "", .enforcing = 0};
    if (call_find_guest(call, call->args))
        call_reply(call, &ret);
}

/* ---- messages ------------------------------------------------------------------------------- */

enum { MESSAGES_MAX = 8 };

struct messages {
    const char *text[MESSAGES_MAX];
    uint32_t count;
};

static void add_taints(struct messages *m, const struct guest *g)
{
    if (g->live->qemu_arg_count || g->live->qemu_env_count)
        m->text[m->count++] = "tainted: custom configuration parameters specified";
    if (g->tainted_by_monitor)
        m->text[m->count++] = "tainted: custom monitor control commands issued";
    if (geteuid() == 0) /* QEMU runs as the daemon does */
        m->text[m->count++] = "tainted: running with undesirable elevated privileges";
    if (g->live->cpu.mode == DOMAIN_CPU_HOST_PASSTHROUGH)
        m->text[m->count++] = "tainted: use of host cpu passthrough";
}

static void add_deprecations(struct messages *m, const struct guest *g, struct arena *arena)
{
    const struct emulator *e = g->emulator;
    const struct emulator_machine *machine =
        e && g->live->os.machine ? emulator_find_machine(e, g->live->os.machine) : NULL;
    const struct emulator_cpu *cpu =
        e && g->live->cpu.model ? emulator_find_cpu(e, g->live->cpu.model) : NULL;
    const char *text = NULL;
    if (machine && machine->deprecated)
        text = arena_printf(arena, "deprecated configuration: machine type '%s'", machine->name);
    if (text)
        m->text[m->count++] = text;
    text = NULL;
    if (cpu && cpu->deprecated)
        text = arena_printf(arena, "deprecated configuration: CPU model '%s'", cpu->name);
    if (text)
        m->text[m->count++] = text;
}

void api_domain_get_messages(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    uint32_t all = VIR_DOMAIN_MESSAGE_TAINTING | VIR_DOMAIN_MESSAGE_DEPRECATION;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, all, NULL))
        return;
    uint32_t wanted = a->flags ? a->flags : all;
    struct messages m = {0};
    if (g->live && (wanted & VIR_DOMAIN_MESSAGE_TAINTING))
        add_taints(&m, g);
    if (g->live && (wanted & VIR_DOMAIN_MESSAGE_DEPRECATION))
        add_deprecations(&m, g, &call->arena);
    struct remote_messages ret = {.messages = {.items = m.text, .count = m.count}};
    call_reply(call, &ret);
}
