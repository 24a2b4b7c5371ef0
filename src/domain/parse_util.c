/* parse_util.c - the small readers that all parsers of the document are made of. */
#include "domain/parse.h"
#include <stdio.h>
#include <string.h>

void *domain_grow(struct domain *d, void *list, size_t count, size_t size, struct fail *f)
{
    /* Room is 4, then doubles: a list is full when its count is one of these, so no capacity has
     * to be kept, and what is left behind in the arena is at most as much as the list. */
    bool full = !count || (count >= 4 && (count & (count - 1)) == 0);
    if (!full)
        return list;
    void *grown = arena_array(&d->arena, count ? count * 2 : 4, size);
    if (!grown) {
        fail_set(f, VIR_ERR_XML_ERROR, "the domain has too many devices");
        return NULL;
    }
    return count ? memcpy(grown, list, count * size) : grown;
}

/* Is `word` one of the space-separated words in `list`? */
static bool is_among(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; size && (at = strstr(at, word)); at += size)
        if ((at == list || at[-1] == ' ') && (at[size] == ' ' || !at[size]))
            return true;
    return false;
}

int parse_refuse_element(struct parse *p, const struct xml_node *n)
{
    if (!n->parent)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED, "element <%.64s> is not supported",
                        n->name);
    return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                    "element <%.32s%s%.64s> in <%.64s> is not supported (line %u)",
                    n->prefix ? n->prefix : "", n->prefix ? ":" : "", n->name, n->parent->name,
                    n->line);
}

int parse_refuse_value(struct parse *p, const struct xml_node *n, const char *attribute,
                       const char *value)
{
    return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                    "%s='%.64s' of <%.64s> is not supported (line %u)", attribute, value, n->name,
                    n->line);
}

int parse_only(struct parse *p, const struct xml_node *n, const char *attributes,
               const char *children)
{
    for (size_t i = 0; i < n->attribute_count; i++) {
        const struct xml_attribute *a = &n->attributes[i];
        if (a->space || !is_among(attributes, a->name))
            return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                            "attribute '%.64s' of <%.64s> is not supported (line %u)", a->name,
                            n->name, n->line);
    }
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c))
        if (c->space || !is_among(children, c->name))
            return parse_refuse_element(p, c);
    return 0;
}

int parse_string(struct parse *p, const char *text, const char **ret_text)
{
    *ret_text = NULL;
    if (!text || !*text)
        return 0;
    *ret_text = domain_string(p->d, text);
    return *ret_text ? 0 : fail_set(p->fail, VIR_ERR_XML_ERROR, "the domain is too large");
}

int parse_attribute(struct parse *p, const struct xml_node *n, const char *name,
                    const char **ret_text)
{
    return parse_string(p, xml_get(n, name), ret_text);
}

int parse_required(struct parse *p, const struct xml_node *n, const char *name,
                   const char **ret_text)
{
    const char *text = xml_get(n, name);
    if (!text || !*text)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <%.64s> needs attribute '%s'",
                        n->line, n->name, name);
    return parse_string(p, text, ret_text);
}

int parse_path(struct parse *p, const struct xml_node *n, const char *name, size_t max,
               const char **ret_path)
{
    const char *text = xml_get(n, name);
    if (text && *text && *text != '/')
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: attribute '%s' of <%.64s>: '%.128s' is not an absolute path",
                        n->line, name, n->name, text);
    if (text && strlen(text) > max)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: attribute '%s' of <%.64s>: the path is longer than %zu bytes",
                        n->line, name, n->name, max);
    return parse_string(p, text, ret_path);
}

int parse_enum_text(struct parse *p, const struct xml_node *n, const char *attribute,
                    const char *text, const struct domain_names *names, unsigned *ret_value)
{
    if (!text)
        return 0;
    int value = names_find(names, text);
    if (value < 0)
        return parse_refuse_value(p, n, attribute, text);
    *ret_value = (unsigned)value;
    return 1;
}

int parse_enum(struct parse *p, const struct xml_node *n, const char *attribute,
               const struct domain_names *names, unsigned *ret_value)
{
    return parse_enum_text(p, n, attribute, xml_get(n, attribute), names, ret_value);
}

int parse_single(struct parse *p, const struct xml_node *n, const char *name,
                 const struct xml_node **ret_child)
{
    *ret_child = NULL;
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c)) {
        if (!xml_is(c, name))
            continue;
        if (*ret_child)
            return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: second <%s> in <%.64s>",
                            c->line, name, n->name);
        *ret_child = c;
    }
    return 0;
}

int parse_verbatim(struct parse *p, const struct xml_node *n, const char **ret_text)
{
    const char *text = xml_node_to_string(n, &p->d->arena);
    if (!text)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "the domain is too large");
    *ret_text = text;
    return 0;
}

static int parse_pci_address(struct parse *p, const struct xml_node *n, struct domain_address *a)
{
    /* <address type='pci'/> alone asks for one to be chosen. */
    if (n->attribute_count == 1)
        return 0;
    if (parse_only(p, n, "type domain bus slot function multifunction", "") < 0)
        return -1;
    unsigned domain = 0, bus = 0, slot = 0, function = 0, multi = 0;
    if (xml_get_uint(n, "domain", 0, 0xffff, &domain, p->fail) < 0 ||
        xml_get_uint(n, "bus", 0, 0xff, &bus, p->fail) < 0 ||
        xml_get_uint(n, "slot", 0, 0x1f, &slot, p->fail) < 0 ||
        xml_get_uint(n, "function", 0, 7, &function, p->fail) < 0 ||
        parse_enum(p, n, "multifunction", &names_on_off, &multi) < 0)
        return -1;
    if (domain)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: PCI domain 0x%04x: only PCI domain 0 is available", n->line,
                        domain);
    if (!bus && !slot && !function)
        return 0; /* 0:0.0 is the host bridge: libvirt reads it as "none given" */
    a->type = DOMAIN_ADDRESS_PCI;
    a->pci.bus = (uint8_t)bus;
    a->pci.slot = (uint8_t)slot;
    a->pci.function = (uint8_t)function;
    a->pci.multifunction = multi;
    return 0;
}

static int parse_serial_address(struct parse *p, const struct xml_node *n, struct domain_address *a)
{
    if (parse_only(p, n, "type controller bus port", "") < 0)
        return -1;
    unsigned controller = 0, bus = 0, port = 0;
    if (xml_get_uint(n, "controller", 0, 255, &controller, p->fail) < 0 ||
        xml_get_uint(n, "bus", 0, 0, &bus, p->fail) < 0 ||
        xml_get_uint(n, "port", 0, 255, &port, p->fail) < 0)
        return -1;
    a->type = DOMAIN_ADDRESS_VIRTIO_SERIAL;
    a->vserial.controller = (uint8_t)controller;
    a->vserial.port = (uint8_t)port;
    return 0;
}

static int parse_address(struct parse *p, const struct xml_node *n, int kind,
                         struct domain_address *a)
{
    const char *type;
    if (parse_required(p, n, "type", &type) < 0)
        return -1;
    if (kind == PARSE_PCI_ADDRESS && strcmp(type, "pci") == 0)
        return parse_pci_address(p, n, a);
    if (kind == PARSE_SERIAL_ADDRESS && strcmp(type, "virtio-serial") == 0)
        return parse_serial_address(p, n, a);
    return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                    "address type='%.32s' of <%.64s> is not supported (line %u)", type,
                    n->parent->name, n->line);
}

/* Aliases are made anew at each start; only a user's own, known by their prefix, are kept. */
static int parse_alias(struct parse *p, const struct xml_node *n, struct domain_device *dev)
{
    const char *name;
    if (parse_only(p, n, "name", "") < 0 || parse_required(p, n, "name", &name) < 0)
        return -1;
    bool user = strncmp(name, "ua-", 3) == 0;
    size_t ok = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
    if (strlen(name) > 128 || (user && name[ok]))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: '%.64s' is not a valid alias",
                        n->line, name);
    if (user || p->live)
        dev->alias = name;
    return 0;
}

int parse_device(struct parse *p, const struct xml_node *n, int address, struct domain_device *dev)
{
    const struct xml_node *alias, *where, *boot;
    if (parse_single(p, n, "alias", &alias) < 0 || parse_single(p, n, "address", &where) < 0 ||
        parse_single(p, n, "boot", &boot) < 0)
        return -1;
    if (alias && parse_alias(p, alias, dev) < 0)
        return -1;
    if (where && parse_address(p, where, address, &dev->address) < 0)
        return -1;
    if (!boot)
        return 0;
    const char *order;
    if (parse_only(p, boot, "order", "") < 0 || parse_required(p, boot, "order", &order) < 0)
        return -1;
    return xml_get_uint(boot, "order", 1, 9999, &dev->boot_order, p->fail) < 0 ? -1 : 0;
}
