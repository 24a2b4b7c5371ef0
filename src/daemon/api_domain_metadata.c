/* api_domain_metadata.c - title, description, and what other programs keep in <metadata>.
 *
 * A program's element lives in its own namespace. It is given and taken without: the namespace is
 * put on every element that has none, under the prefix that the program wants to see in the
 * document, and taken off again for the answer.
 */
#include <libvirt/libvirt.h>
#include <string.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/definition.h"
#include "daemon/events.h"
#include "daemon/guest_change.h"
#include "daemon/metadata.h"
#include "util/cleanup.h"

/* ---- reading -------------------------------------------------------------------------------- */

void api_domain_get_metadata(struct call *call)
{
    const struct remote_get_metadata *a = call->args;
    uint32_t affect = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;
    struct guest *g = call_find_guest(call, &a->dom);
    struct fail f = {0};
    struct remote_string ret = {0};
    if (!g || !api_check_flags(call, a->flags, affect, NULL))
        return;
    const struct domain *d = api_find_document(call, g, a->flags);
    if (!d)
        return;
    if (metadata_get(d, a->type, a->uri, &call->arena, &ret.value, &f) < 0)
        call_fail(call, &f);
    else
        call_reply(call, &ret);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int change_copy(const struct domain *d, const struct remote_set_metadata *a,
                       struct domain **ret_changed, struct fail *f)
{
    auto_domain struct domain *copy = NULL;
    if (domain_copy(d, &copy, f) < 0 ||
        metadata_set(copy, a->type, a->metadata, a->key, a->uri, f) < 0 ||
        domain_check_readable(copy, f) < 0)
        return -1;
    *ret_changed = take_ptr(copy);
    return 0;
}

/* In the call's arena. */
struct metadata_change {
    struct guest_change change;
    struct call *call;
    const struct remote_set_metadata *args;
    bool in_live, in_definition;
    int id; /* of the QEMU whose live document it is */
    struct domain *live, *definition; /* as they are to be */
};

/* VIR_DOMAIN_AFFECT_CURRENT is what there is when its turn comes. */
static int choose(struct metadata_change *c, const struct guest *g, struct fail *f)
{
    uint32_t flags = c->args->flags;
    bool active = guest_is_active(g) && g->live;
    if (g->core.out.state != OUT_IDLE) /* the destination has its documents already, or is about to */
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "not while a migration of the domain is under way: the change would not go with it");
    c->in_live = flags == 0 ? active : (flags & VIR_DOMAIN_AFFECT_LIVE) != 0;
    c->in_definition = flags == 0 ? !active : (flags & VIR_DOMAIN_AFFECT_CONFIG) != 0;
    if (c->in_live && !active)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "domain is not running");
    if (c->in_definition && !g->defined)
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "transient domains do not have any persistent config");
    return 0;
}

static int make(struct guest_change *change, struct guest *g, struct fail *f)
{
    struct metadata_change *c = (struct metadata_change *)change;
    if (choose(c, g, f) < 0 || (c->in_live && change_copy(g->live, c->args, &c->live, f) < 0) ||
        (c->in_definition && change_copy(g->defined, c->args, &c->definition, f) < 0))
        return -1;
    c->id = g->id;
    change->live = c->in_live ? GUEST_FILE_WRITTEN : GUEST_FILE_STAYS;
    change->live_document = c->live;
    change->definition = c->in_definition ? GUEST_FILE_WRITTEN : GUEST_FILE_STAYS;
    change->definition_document = c->definition;
    return 0;
}

/* The live document has gone on meanwhile (its balloon, its terminals): it is changed in place. */
static int put_in_force(struct metadata_change *c, struct guest *g, struct fail *f)
{
    const struct remote_set_metadata *a = c->args;
    if (c->in_definition)
        domain_free(definition_swap(g, take_ptr(c->definition)));
    if (c->in_live && g->live && g->id == c->id)
        return metadata_set(g->live, a->type, a->metadata, a->key, a->uri, f);
    return 0;
}

static void done(struct guest_change *change, struct guest *g, const struct fail *why)
{
    struct metadata_change *c = (struct metadata_change *)change;
    const struct remote_set_metadata *a = c->args;
    struct call *call = c->call;
    struct fail f = {0};
    if (!why && put_in_force(c, g, &f) < 0)
        why = &f;
    domain_free(c->live);
    domain_free(c->definition);
    if (why) {
        call_fail(call, why);
        return;
    }
    events_tell_metadata(g, a->type, a->type == VIR_DOMAIN_METADATA_ELEMENT ? a->uri : NULL);
    call_reply(call, NULL);
}

void api_domain_set_metadata(struct call *call)
{
    const struct remote_set_metadata *a = call->args;
    uint32_t affect = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, affect, NULL))
        return;
    struct metadata_change *c = arena_alloc(&call->arena, sizeof(*c));
    if (!c) {
        api_fail_memory(call);
        return;
    }
    *c = (struct metadata_change){
        .change = {.make = make, .done = done}, .call = call, .args = call->args};
    guest_change(g, &c->change);
}
