/* api_domain_life.c - starting, pausing and ending a guest.
 *
 * Each of these is a question to the guest's machine, which answers when it is done. Flags that ask
 * for what Baton does not have are refused before that.
 */
#include <libvirt/libvirt.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/daemon.h"
#include "daemon/emulators.h"
#include "daemon/registry.h"

/* ---- start ---------------------------------------------------------------------------------- */

/* A start under way. It lies in its call's arena, and goes with the answer. */
struct start {
    struct guest_waiter waiter;
    struct call *call;
    struct uuid uuid;   /* while no machine holds the call, the guest may go */
    uint32_t flags;     /* VIR_DOMAIN_START_* */
    bool answer_domain; /* the call wants to know the guest that it started */
};

enum {
    /* There are no saved images and no NVRAM here, so that what concerns them has nothing to do;
     * every document is validated anyway. */
    START_FLAGS = VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_BYPASS_CACHE |
                  VIR_DOMAIN_START_FORCE_BOOT | VIR_DOMAIN_START_VALIDATE |
                  VIR_DOMAIN_START_RESET_NVRAM,
};

static const struct api_flag start_refused[] = {
    API_FLAG(VIR_DOMAIN_START_AUTODESTROY),
    {0, NULL},
};

static struct start *start_new(struct call *call, uint32_t flags, bool answer_domain)
{
    struct start *s = arena_alloc(&call->arena, sizeof(*s));
    if (!s) {
        api_fail_memory(call);
        return NULL;
    }
    s->call = call;
    s->flags = flags;
    s->answer_domain = answer_domain;
    return s;
}

static void start_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                           const struct fail *why)
{
    struct start *s = (struct start *)w;
    if (result != RESULT_OK) {
        call_fail(s->call, why);
        return;
    }
    struct remote_domain dom = call_name_guest(g);
    call_reply(s->call, s->answer_domain ? &dom : NULL);
}

/* The guest has its live document. */
static void start_run(struct start *s, struct guest *g)
{
    s->waiter.answered = start_answered;
    guest_ask(g, EV_START, (s->flags & VIR_DOMAIN_START_PAUSED) != 0, &s->waiter);
}

/* A shut-off guest, whose emulator is known by now. */
static void start_defined(const struct emulator *emulator, const struct fail *why, void *userdata)
{
    struct start *s = userdata;
    struct call *call = s->call;
    struct guest *g = emulator ? registry_find_uuid(call->daemon->registry, &s->uuid) : NULL;
    struct fail f = {0};
    if (!emulator) {
        call_fail(call, why);
    } else if (!g || !g->defined) {
        call_failf(call, VIR_ERR_OPERATION_FAILED, "the domain was undefined meanwhile");
    } else if (guest_is_active(g)) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is already running");
    } else {
        struct domain *live;
        if (domain_copy(g->defined, &live, &f) < 0 ||
            registry_add_live(call->daemon->registry, live, &g, &f) < 0) {
            call_fail(call, &f);
            return;
        }
        g->emulator = emulator;
        start_run(s, g);
    }
}

static void start_guest(struct call *call, const struct remote_domain *dom, uint32_t flags,
                        bool answer_domain)
{
    struct guest *g = call_find_guest(call, dom);
    if (!g || !api_check_flags(call, flags, START_FLAGS, start_refused))
        return;
    if (guest_is_active(g) || !g->defined) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is already running");
        return;
    }
    struct start *s = start_new(call, flags, answer_domain);
    if (!s)
        return;
    s->uuid = g->uuid;
    emulators_get(call->daemon->emulators, g->defined->emulator, start_defined, s);
}

void api_domain_create(struct call *call)
{
    start_guest(call, call->args, 0, false);
}

void api_domain_create_with_flags(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    start_guest(call, &a->dom, a->flags, true);
}

static void start_document(struct domain *document, const struct emulator *emulator,
                           const struct fail *why, void *userdata)
{
    struct start *s = userdata;
    struct call *call = s->call;
    struct guest *g;
    struct fail f = {0};
    if (!document) {
        call_fail(call, why);
        return;
    }
    if (registry_add_live(call->daemon->registry, document, &g, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    g->emulator = emulator;
    start_run(s, g);
}

void api_domain_create_xml(struct call *call)
{
    const struct remote_xml_flags *a = call->args;
    if (!api_check_flags(call, a->flags, START_FLAGS, start_refused))
        return;
    struct start *s = start_new(call, a->flags, true);
    if (s)
        registry_read_document(call->daemon->registry, a->xml, start_document, s);
}

/* ---- pause and resume ----------------------------------------------------------------------- */

void api_domain_suspend(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (g)
        call_ask_guest(call, g, EV_SUSPEND, 0);
}

void api_domain_resume(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (g)
        call_ask_guest(call, g, EV_RESUME, 0);
}

/* ---- the end -------------------------------------------------------------------------------- */

static const struct api_flag destroy_refused[] = {
    API_FLAG(VIR_DOMAIN_DESTROY_REMOVE_LOGS),
    {0, NULL},
};

static const struct api_flag shutdown_refused[] = {
    API_FLAG(VIR_DOMAIN_SHUTDOWN_GUEST_AGENT),
    API_FLAG(VIR_DOMAIN_SHUTDOWN_INITCTL),
    API_FLAG(VIR_DOMAIN_SHUTDOWN_SIGNAL),
    API_FLAG(VIR_DOMAIN_SHUTDOWN_PARAVIRT),
    {0, NULL},
};

static const struct api_flag reboot_refused[] = {
    API_FLAG(VIR_DOMAIN_REBOOT_GUEST_AGENT),
    API_FLAG(VIR_DOMAIN_REBOOT_INITCTL),
    API_FLAG(VIR_DOMAIN_REBOOT_SIGNAL),
    API_FLAG(VIR_DOMAIN_REBOOT_PARAVIRT),
    {0, NULL},
};

void api_domain_destroy(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (g)
        call_ask_guest(call, g, EV_DESTROY, false);
}

void api_domain_destroy_flags(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (g && api_check_flags(call, a->flags, VIR_DOMAIN_DESTROY_GRACEFUL, destroy_refused))
        call_ask_guest(call, g, EV_DESTROY, (a->flags & VIR_DOMAIN_DESTROY_GRACEFUL) != 0);
}

/* A guest that stands still does not see its power button; pressed all the same, it would go off at
 * the next resume, whenever that is. */
static void press_power_button(struct call *call, struct guest *g)
{
    if (guest_is_active(g) && g->core.life.state != CORE_RUNNING && !core_migrating(&g->core))
        call_failf(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
    else
        call_ask_guest(call, g, EV_SHUTDOWN, 0);
}

void api_domain_shutdown(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (g)
        press_power_button(call, g);
}

void api_domain_shutdown_flags(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (g && api_check_flags(call, a->flags, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN, shutdown_refused))
        press_power_button(call, g);
}

void api_domain_reboot(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (g && api_check_flags(call, a->flags, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN, reboot_refused))
        call_ask_guest(call, g, EV_REBOOT, 0);
}

void api_domain_reset(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (g && api_check_flags(call, a->flags, 0, NULL))
        call_ask_guest(call, g, EV_RESET, 0);
}
