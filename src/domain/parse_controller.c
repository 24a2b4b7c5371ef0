/* parse_controller.c - <controller>.
 *
 * Controllers keep libvirt's order: a new one goes before the first of its type that has a larger
 * index, else right behind the last of its type. An index that is not given is chosen by
 * domain_fill_defaults; until then it is INDEX_NONE, which sorts last.
 */
#include "domain/parse.h"
#include <string.h>

static void insert_controller(struct domain *d, const struct domain_controller *c)
{
    size_t last = d->controller_count - 1, at = last;
    bool found = false;
    for (size_t i = last; i-- > 0;) {
        const struct domain_controller *other = &d->controllers[i];
        if (other->type != c->type)
            continue;
        if (other->index > c->index)
            at = i;
        else if (!found)
            at = i + 1;
        found = true;
    }
    memmove(&d->controllers[at + 1], &d->controllers[at], (last - at) * sizeof(*c));
    d->controllers[at] = *c;
}

static bool model_fits(enum domain_controller_type type, enum domain_controller_model model)
{
    switch (model) {
    case DOMAIN_MODEL_DEFAULT:
        return type != DOMAIN_CONTROLLER_PCI;
    case DOMAIN_MODEL_PCI_ROOT:
    case DOMAIN_MODEL_PCIE_ROOT:
    case DOMAIN_MODEL_PCI_BRIDGE:
    case DOMAIN_MODEL_PCIE_ROOT_PORT:
    case DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE:
        return type == DOMAIN_CONTROLLER_PCI;
    case DOMAIN_MODEL_USB_NONE:
    case DOMAIN_MODEL_USB_PIIX3_UHCI:
    case DOMAIN_MODEL_USB_QEMU_XHCI:
        return type == DOMAIN_CONTROLLER_USB;
    }
    return false;
}

/* An optional small number that is -1 when absent. */
static int get_optional(struct parse *p, const struct xml_node *n, const char *name, unsigned min,
                        unsigned max, int *ret_value)
{
    unsigned value = 0;
    int r = xml_get_uint(n, name, min, max, &value, p->fail);
    if (r > 0)
        *ret_value = (int)value;
    return r < 0 ? -1 : 0;
}

static int parse_target(struct parse *p, const struct xml_node *n, struct domain_controller *c)
{
    unsigned hotplug = 0;
    bool port = c->model == DOMAIN_MODEL_PCIE_ROOT_PORT;
    if (parse_only(p, n,
                   port                                  ? "chassis port hotplug"
                   : c->model == DOMAIN_MODEL_PCI_BRIDGE ? "chassisNr"
                                                         : "",
                   "") < 0 ||
        get_optional(p, n, "chassis", 0, 255, &c->chassis) < 0 ||
        get_optional(p, n, "port", 0, 255, &c->port) < 0 ||
        get_optional(p, n, "chassisNr", 1, 255, &c->chassis_nr) < 0 ||
        parse_enum(p, n, "hotplug", &names_on_off, &hotplug) < 0)
        return -1;
    c->hotplug = hotplug;
    return 0;
}

/* The name of QEMU's device for a model; there is one for each. */
static int parse_model_name(struct parse *p, const struct xml_node *n, struct domain_controller *c)
{
    const char *want = domain_pci_device(c->model);
    const char *name = NULL;
    if (parse_only(p, n, "name", "") < 0 || parse_required(p, n, "name", &name) < 0)
        return -1;
    if (!want || strcmp(name, want) != 0)
        return parse_refuse_value(p, n, "name", name);
    c->model_name = name;
    return 0;
}

static int parse_controller_head(struct parse *p, const struct xml_node *n,
                                 struct domain_controller *c)
{
    unsigned type = 0, model = DOMAIN_MODEL_DEFAULT;
    const char *text;
    if (parse_required(p, n, "type", &text) < 0 ||
        parse_enum(p, n, "type", &names_controller_type, &type) < 0 ||
        parse_enum(p, n, "model", &names_controller_model, &model) < 0 ||
        xml_get_uint(n, "index", 0, 255, &c->index, p->fail) < 0)
        return -1;
    c->type = type;
    c->model = model;
    if (model_fits(type, model))
        return 0;
    if (model == DOMAIN_MODEL_DEFAULT)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: a pci controller needs a model",
                        n->line);
    return parse_refuse_value(p, n, "model", xml_get(n, "model"));
}

static const char *attributes_of(const struct domain_controller *c)
{
    switch (c->type) {
    case DOMAIN_CONTROLLER_USB:
        return c->model == DOMAIN_MODEL_USB_QEMU_XHCI ? "type index model ports"
                                                      : "type index model";
    case DOMAIN_CONTROLLER_VIRTIO_SERIAL:
        return "type index ports vectors";
    case DOMAIN_CONTROLLER_PCI:
        return "type index model";
    case DOMAIN_CONTROLLER_IDE:
    case DOMAIN_CONTROLLER_SATA:
        return "type index";
    }
    return "";
}

int parse_controller(struct parse *p, const struct xml_node *n)
{
    struct domain_controller c = {.index = DOMAIN_INDEX_NONE,
                                  .chassis = -1,
                                  .port = -1,
                                  .chassis_nr = -1,
                                  .ports = -1,
                                  .vectors = -1};
    if (parse_controller_head(p, n, &c) < 0)
        return -1;
    bool pci = c.type == DOMAIN_CONTROLLER_PCI;
    int most = c.type == DOMAIN_CONTROLLER_USB ? 15 : 31; /* of xhci, of virtio-serial */
    if (parse_only(p, n, attributes_of(&c), pci ? "alias address model target" : "alias address") <
            0 ||
        get_optional(p, n, "ports", 1, (unsigned)most, &c.ports) < 0 ||
        get_optional(p, n, "vectors", 0, 128, &c.vectors) < 0 ||
        parse_device(p, n, PARSE_PCI_ADDRESS, &c.dev) < 0)
        return -1;
    const struct xml_node *name, *target;
    if (parse_single(p, n, "model", &name) < 0 || parse_single(p, n, "target", &target) < 0)
        return -1;
    if (name && parse_model_name(p, name, &c) < 0)
        return -1;
    if (target && parse_target(p, target, &c) < 0)
        return -1;
    if (c.index != DOMAIN_INDEX_NONE && domain_find_controller(p->d, c.type, c.index))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "multiple '%s' controllers with index '%u'",
                        domain_controller_type_name(c.type), c.index);
    if (!DOMAIN_PUSH(p->d, controllers, controller_count, p->fail))
        return -1;
    if (p->live) /* ours: the order is already what it is to be */
        p->d->controllers[p->d->controller_count - 1] = c;
    else
        insert_controller(p->d, &c);
    return 0;
}
