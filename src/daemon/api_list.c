/* api_list.c - which guests there are. */
#include "daemon/api.h"
#include <libvirt/libvirt.h>
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "daemon/registry.h"

/* ---- one by its name, uuid or id ------------------------------------------------------------- */

static void answer_found(struct call *call, const struct guest *g)
{
    struct remote_domain dom = call_name_guest(g);
    call_reply(call, &dom);
}

void api_domain_lookup_by_id(struct call *call)
{
    const struct remote_int *args = call->args;
    struct guest *g = registry_find_id(call->daemon->registry, args->value);
    if (g)
        answer_found(call, g);
    else
        call_failf(call, VIR_ERR_NO_DOMAIN, "no domain with matching id %d", args->value);
}

void api_domain_lookup_by_name(struct call *call)
{
    const struct remote_string *args = call->args;
    struct guest *g = registry_find_name(call->daemon->registry, args->value);
    if (g)
        answer_found(call, g);
    else
        call_failf(call, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", args->value);
}

void api_domain_lookup_by_uuid(struct call *call)
{
    const struct remote_uuid *args = call->args;
    struct guest *g = registry_find_uuid(call->daemon->registry, &args->uuid);
    char uuid[UUID_TEXT];
    uuid_format(&args->uuid, uuid);
    if (g)
        answer_found(call, g);
    else
        call_failf(call, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
}

/* ---- all that match -------------------------------------------------------------------------- */

/* virConnectListAllDomainsFlags come in groups. Of a group of which a flag is given, the guest must
 * match one. Managed save images, snapshots and checkpoints are nothing that Baton's guests have.
 */
static unsigned group_of(uint8_t state)
{
    switch ((enum core_state)state) {
    case CORE_RUNNING:
        return VIR_CONNECT_LIST_DOMAINS_RUNNING;
    case CORE_PAUSED:
        return VIR_CONNECT_LIST_DOMAINS_PAUSED;
    case CORE_SHUTOFF:
        return VIR_CONNECT_LIST_DOMAINS_SHUTOFF;
    case CORE_SHUTDOWN:
        return VIR_CONNECT_LIST_DOMAINS_OTHER;
    }
    return 0;
}

/* Of each group, the flag that is true of the guest. */
static unsigned describe(const struct guest *g)
{
    return (guest_is_active(g) ? VIR_CONNECT_LIST_DOMAINS_ACTIVE
                               : VIR_CONNECT_LIST_DOMAINS_INACTIVE) |
           (guest_is_persistent(g) ? VIR_CONNECT_LIST_DOMAINS_PERSISTENT
                                   : VIR_CONNECT_LIST_DOMAINS_TRANSIENT) |
           group_of(g->core.life.state) | VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE |
           (g->autostart ? VIR_CONNECT_LIST_DOMAINS_AUTOSTART
                         : VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART) |
           VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT | VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT;
}

static const unsigned groups[] = {
    VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE,
    VIR_CONNECT_LIST_DOMAINS_PERSISTENT | VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
    VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |
        VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER,
    VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE | VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE,
    VIR_CONNECT_LIST_DOMAINS_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART,
    VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT | VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT,
    VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT | VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT,
};
enum { GROUP_COUNT = sizeof(groups) / sizeof(groups[0]) };

unsigned api_list_flags(void)
{
    unsigned all = 0;
    for (int i = 0; i < GROUP_COUNT; i++)
        all |= groups[i];
    return all;
}

bool api_list_matches(const struct guest *g, unsigned flags)
{
    unsigned traits = describe(g);
    for (int i = 0; i < GROUP_COUNT; i++)
        if ((flags & groups[i]) && !(flags & groups[i] & traits))
            return false;
    return true;
}

void api_connect_list_all_domains(struct call *call)
{
    const struct remote_list_args *args = call->args;
    const struct registry *registry = call->daemon->registry;
    struct remote_list result = {0};
    if (!call_check_flags(call, args->flags, api_list_flags()))
        return;
    result.domains.items =
        arena_array(&call->arena, registry->count + 1, sizeof(struct remote_domain));
    if (!result.domains.items) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    for (const struct guest *g = registry_next(registry, NULL); g; g = registry_next(registry, g))
        if (api_list_matches(g, args->flags))
            result.domains.items[result.ret++] = call_name_guest(g);
    if (args->need_results)
        result.domains.count = result.ret;
    call_reply(call, &result);
}

/* ---- the older lists ------------------------------------------------------------------------- */

static void answer_count(struct call *call, bool active)
{
    const struct registry *r = call->daemon->registry;
    struct remote_int result = {0};
    for (const struct guest *g = registry_next(r, NULL); g; g = registry_next(r, g))
        if (guest_is_active(g) == active)
            result.value++;
    call_reply(call, &result);
}

void api_connect_num_of_domains(struct call *call)
{
    answer_count(call, true);
}

void api_connect_num_of_defined_domains(struct call *call)
{
    answer_count(call, false);
}

/* How many the client takes, of those that there are, and an array for them. False: the call was
 * answered. */
static bool make_room(struct call *call, size_t size, unsigned *ret_room, void **ret_items)
{
    const struct remote_int *args = call->args;
    unsigned count = call->daemon->registry->count;
    if (args->value < 0) {
        call_failf(call, VIR_ERR_INVALID_ARG, "the number of results wanted is %d", args->value);
        return false;
    }
    *ret_room = (unsigned)args->value < count ? (unsigned)args->value : count;
    *ret_items = arena_array(&call->arena, *ret_room + 1, size);
    if (!*ret_items)
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
    return *ret_items != NULL;
}

void api_connect_list_domains(struct call *call)
{
    const struct registry *r = call->daemon->registry;
    unsigned room;
    void *items;
    if (!make_room(call, sizeof(int32_t), &room, &items))
        return;
    struct remote_ids result = {.ids = {.items = items}};
    for (const struct guest *g = registry_next(r, NULL); g; g = registry_next(r, g))
        if (guest_is_active(g) && result.ids.count < room)
            result.ids.items[result.ids.count++] = g->id;
    call_reply(call, &result);
}

void api_connect_list_defined_domains(struct call *call)
{
    const struct registry *r = call->daemon->registry;
    unsigned room;
    void *items;
    if (!make_room(call, sizeof(const char *), &room, &items))
        return;
    struct remote_names result = {.names = {.items = items}};
    for (const struct guest *g = registry_next(r, NULL); g; g = registry_next(r, g))
        if (!guest_is_active(g) && result.names.count < room)
            result.names.items[result.names.count++] = g->name;
    call_reply(call, &result);
}
