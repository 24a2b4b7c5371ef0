/* api_domain_define.c - definitions: put in, taken out, started with the host. */
#include <libvirt/libvirt.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "daemon/daemon.h"
#include "daemon/definition.h"
#include "daemon/registry.h"

/* ---- define --------------------------------------------------------------------------------- */

static void defined(struct guest *g, const struct fail *why, void *userdata)
{
    struct call *call = userdata;
    if (why) {
        call_fail(call, why);
        return;
    }
    struct remote_domain dom = call_name_guest(g);
    call_reply(call, &dom);
}

static void define_document(struct domain *document, const struct emulator *emulator,
                            const struct fail *why, void *userdata)
{
    (void)emulator; /* looked up again when the guest is started */
    struct call *call = userdata;
    if (document)
        definition_put(call->daemon->registry, document, defined, call);
    else
        call_fail(call, why);
}

void api_domain_define_xml(struct call *call)
{
    const struct remote_string *a = call->args;
    registry_read_document(call->daemon->registry, a->value, define_document, call);
}

void api_domain_define_xml_flags(struct call *call)
{
    /* Every document is validated: an element that is not known is refused. */
    const struct remote_xml_flags *a = call->args;
    if (api_check_flags(call, a->flags, VIR_DOMAIN_DEFINE_VALIDATE, NULL))
        registry_read_document(call->daemon->registry, a->xml, define_document, call);
}

/* ---- undefine ------------------------------------------------------------------------------- */

enum {
    /* Whether or not a saved image, snapshots, NVRAM or a TPM should go too: there are none. */
    UNDEFINE_FLAGS = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                     VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
                     VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_TPM |
                     VIR_DOMAIN_UNDEFINE_KEEP_TPM,
};

static void changed(struct guest *g, const struct fail *why, void *userdata)
{
    (void)g;
    if (why)
        call_fail(userdata, why);
    else
        call_reply(userdata, NULL);
}

static void undefine(struct call *call, const struct remote_domain *dom, uint32_t flags)
{
    struct guest *g = call_find_guest(call, dom);
    if (!g || !api_check_flags(call, flags, UNDEFINE_FLAGS, NULL))
        return;
    if ((flags & VIR_DOMAIN_UNDEFINE_NVRAM) && (flags & VIR_DOMAIN_UNDEFINE_KEEP_NVRAM))
        call_failf(call, VIR_ERR_OPERATION_INVALID, "cannot both keep and delete nvram");
    else if ((flags & VIR_DOMAIN_UNDEFINE_TPM) && (flags & VIR_DOMAIN_UNDEFINE_KEEP_TPM))
        call_failf(call, VIR_ERR_OPERATION_INVALID, "cannot both keep and delete TPM");
    else
        definition_drop(g, changed, call);
}

void api_domain_undefine(struct call *call)
{
    undefine(call, call->args, 0);
}

void api_domain_undefine_flags(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    undefine(call, &a->dom, a->flags);
}

/* ---- autostart ------------------------------------------------------------------------------ */

void api_domain_get_autostart(struct call *call)
{
    struct guest *g = call_find_guest(call, call->args);
    if (!g)
        return;
    struct remote_int ret = {.value = g->autostart};
    call_reply(call, &ret);
}

void api_domain_set_autostart(struct call *call)
{
    const struct remote_domain_int *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (g)
        definition_set_autostart(g, a->value != 0, changed, call);
}
