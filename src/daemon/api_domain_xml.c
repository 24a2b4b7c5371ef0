/* api_domain_xml.c - a guest's document. */
#include <libvirt/libvirt.h>
#include "daemon/api.h"
#include "daemon/api_domain.h"
#include "util/buffer.h"

enum {
    XML_FLAGS = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_UPDATE_CPU |
                VIR_DOMAIN_XML_MIGRATABLE,
    /* Secrets, and what is made for another host, are not for those who may only read. */
    XML_FLAGS_READ_WRITE = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE,
};

static int format_document(const struct guest *g, uint32_t flags, struct buffer *out,
                           struct fail *f)
{
    const struct domain *d = guest_document(g);
    if ((flags & VIR_DOMAIN_XML_INACTIVE) && g->defined)
        d = g->defined;
    if (domain_format(d, flags, out, f) < 0)
        return -1;
    if (buffer_append(out, "", 1) < 0)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    return 0;
}

void api_domain_get_xml_desc(struct call *call)
{
    const struct remote_domain_flags *a = call->args;
    struct guest *g = call_find_guest(call, &a->dom);
    if (!g || !api_check_flags(call, a->flags, XML_FLAGS, NULL))
        return;
    if (call->read_only && (a->flags & XML_FLAGS_READ_WRITE)) {
        call_failf(call, VIR_ERR_OPERATION_DENIED,
                   "a read-only connection gets no %s document of a domain",
                   a->flags & VIR_DOMAIN_XML_SECURE ? "secure" : "migratable");
        return;
    }
    struct buffer text = {.limit = RPC_STRING_MAX};
    struct fail f = {0};
    if (format_document(g, a->flags, &text, &f) == 0) {
        struct remote_string ret = {.value = (const char *)buffer_bytes(&text)};
        call_reply(call, &ret);
    } else {
        call_fail(call, &f);
    }
    buffer_free(&text);
}
