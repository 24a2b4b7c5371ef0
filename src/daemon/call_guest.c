/* call_guest.c - what the handlers of calls on a guest have in common. */
#include "daemon/call.h"
#include <inttypes.h>
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "daemon/registry.h"

struct remote_domain call_name_guest(const struct guest *g)
{
    return (struct remote_domain){.name = g->name, .uuid = g->uuid, .id = guest_is_active(g) ? g->id : -1};
}

struct guest *call_find_guest(struct call *call, const struct remote_domain *dom)
{
    struct guest *g = registry_find_uuid(call->daemon->registry, &dom->uuid);
    if (g)
        return g;
    char uuid[UUID_TEXT];
    uuid_format(&dom->uuid, uuid);
    call_failf(call, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s' (%s)", uuid, dom->name);
    return NULL;
}

bool call_wait_for_qemu(struct call *call, struct guest *g)
{
    if (!g->unsettled || !g->process)
        return false;
    struct call **at = &g->calls_put_off;
    while (*at)
        at = &(*at)->next_put_off;
    call->next_put_off = NULL;
    *at = call;
    return true;
}

bool call_check_flags(struct call *call, uint64_t flags, uint64_t supported)
{
    if (!(flags & ~supported))
        return true;
    call_failf(call, VIR_ERR_INVALID_ARG, "unsupported flags (0x%" PRIx64 ") in %s",
               flags & ~supported, call->proc->name);
    return false;
}

/* In the call's arena. */
struct asked {
    struct guest_waiter waiter;
    struct call *call;
};

static void answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                     const struct fail *why)
{
    struct asked *asked = (struct asked *)w;
    (void)g;
    if (result == RESULT_OK)
        call_reply(asked->call, NULL);
    else
        call_fail(asked->call, why);
}

void call_ask_guest(struct call *call, struct guest *g, uint8_t event_type, uint8_t arg)
{
    struct asked *asked = arena_alloc(&call->arena, sizeof(*asked));
    if (!asked) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    asked->waiter.answered = answered;
    asked->call = call;
    guest_ask(g, (enum core_event_type)event_type, arg, &asked->waiter);
}
