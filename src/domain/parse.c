/* parse.c - the document's top level, and <devices> as a table of parsers.
 *
 * Parsing only reads: what is absent stays absent, domain_fill_defaults completes it. Every
 * element is either in one of the two tables here, read by a parser, or refused by name.
 */
#include "domain/parse.h"
#include <stdlib.h>
#include <string.h>

#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0"

static int parse_name(struct parse *p, const struct xml_node *n)
{
    if (domain_set_name(p->d, xml_text(n), p->fail) < 0)
        return fail_prefix(p->fail, "XML line %u", n->line);
    return 0;
}

static int parse_uuid(struct parse *p, const struct xml_node *n)
{
    if (!uuid_parse(xml_text(n), &p->d->uuid))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: malformed uuid '%.64s'", n->line,
                        xml_text(n));
    p->d->has_uuid = true;
    return 0;
}

static int parse_title(struct parse *p, const struct xml_node *n)
{
    if (strchr(xml_text(n), '\n'))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: a title can't contain newlines",
                        n->line);
    return parse_string(p, xml_text(n), &p->d->title);
}

static int parse_description(struct parse *p, const struct xml_node *n)
{
    return parse_string(p, xml_text(n), &p->d->description);
}

static int parse_metadata(struct parse *p, const struct xml_node *n)
{
    return parse_verbatim(p, n, &p->d->metadata);
}

/* KB, MB ... are powers of 1000, KiB, k ... powers of 1024; without a unit: KiB. */
static uint64_t unit_bytes(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"b", 1},           {"bytes", 1},        {"KB", 1000},     {"k", 1024},
        {"KiB", 1024},      {"MB", 1000000},     {"M", 1 << 20},   {"MiB", 1 << 20},
        {"GB", 1000000000}, {"G", 1 << 30},      {"GiB", 1 << 30}, {"TB", 1000000000000},
        {"T", 1ull << 40},  {"TiB", 1ull << 40},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].bytes;
    return 0;
}

static int parse_size(struct parse *p, const struct xml_node *n, uint64_t *ret_kib)
{
    const char *unit = xml_get(n, "unit");
    uint64_t each = unit_bytes(unit ? unit : "KiB"), value, bytes;
    if (!each)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: unknown unit '%.32s' of <%s>",
                        n->line, unit, n->name);
    if (xml_parse_u64(xml_text(n), 1, UINT64_MAX, n->name, n->line, &value, p->fail) < 0)
        return -1;
    if (__builtin_mul_overflow(value, each, &bytes) || bytes > 1ull << 50)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <%s> is too large", n->line,
                        n->name);
    *ret_kib = (bytes + 1023) / 1024;
    return 0;
}

static int parse_memory(struct parse *p, const struct xml_node *n)
{
    unsigned dump = 0;
    if (parse_only(p, n, "unit dumpCore", "") < 0 ||
        parse_enum(p, n, "dumpCore", &names_on_off, &dump) < 0)
        return -1;
    p->d->dump_core = dump;
    return parse_size(p, n, &p->d->memory_kib);
}

static int parse_current_memory(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "unit", "") < 0)
        return -1;
    return parse_size(p, n, &p->d->current_memory_kib);
}

static int parse_vcpu(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "placement current", "") < 0)
        return -1;
    const char *placement = xml_get(n, "placement");
    if (placement && strcmp(placement, "static") != 0)
        return parse_refuse_value(p, n, "placement", placement);
    uint64_t count;
    if (xml_parse_u64(xml_text(n), 1, DOMAIN_VCPUS_MAX, "vcpu", n->line, &count, p->fail) < 0)
        return -1;
    p->d->vcpus = (unsigned)count;
    uint64_t current = count;
    if (xml_get_u64(n, "current", 1, count, &current, p->fail) < 0)
        return -1;
    if (current != count)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "attribute 'current' of <vcpu>: fewer CPUs than the maximum (%llu of %llu) "
                        "are not supported",
                        (unsigned long long)current, (unsigned long long)count);
    return 0;
}

static int parse_resource(struct parse *p, const struct xml_node *n)
{
    if (parse_only(p, n, "", "partition") < 0)
        return -1;
    return parse_verbatim(p, n, &p->d->resource);
}

static int parse_action(struct parse *p, const struct xml_node *n, enum domain_action *ret_action)
{
    unsigned value = *ret_action;
    if (parse_only(p, n, "", "") < 0 ||
        parse_enum_text(p, n, "value", xml_text(n), &names_action, &value) < 0)
        return -1;
    *ret_action = value;
    return 0;
}

static int refuse_action(struct parse *p, const struct xml_node *n)
{
    return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED, "action '%s' of <%s> is not supported (line %u)",
                    xml_text(n), n->name, n->line);
}

static int parse_on_poweroff(struct parse *p, const struct xml_node *n)
{
    if (parse_action(p, n, &p->d->on_poweroff) < 0)
        return -1;
    return p->d->on_poweroff < DOMAIN_ACTION_PRESERVE ? 0 : refuse_action(p, n);
}

static int parse_on_reboot(struct parse *p, const struct xml_node *n)
{
    if (parse_action(p, n, &p->d->on_reboot) < 0)
        return -1;
    return p->d->on_reboot < DOMAIN_ACTION_PRESERVE ? 0 : refuse_action(p, n);
}

/* Kept as it is: a guest tells of its crash by a panic device, and there is none here. */
static int parse_on_crash(struct parse *p, const struct xml_node *n)
{
    return parse_action(p, n, &p->d->on_crash);
}

/* There is no security driver here: not to be labelled is what a guest gets, so it may ask for that, of
 * each model. "dynamic" without a model asks for what the host has by itself: none. */
static int parse_seclabel(struct parse *p, const struct xml_node *n)
{
    const char *type = xml_get(n, "type"), *given = xml_get(n, "model"), *relabel = xml_get(n, "relabel");
    unsigned model = DOMAIN_LABEL_NONE;
    if (parse_only(p, n, "type model relabel", "label imagelabel baselabel") < 0 ||
        parse_enum(p, n, "model", &names_label, &model) < 0)
        return -1;
    if (!type && !given)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: missing security model in <seclabel>",
                        n->line);
    bool none = type && strcmp(type, "none") == 0;
    bool dynamic = !type || strcmp(type, "dynamic") == 0;
    if (!none && !dynamic)
        return parse_refuse_value(p, n, "type", type);
    if (dynamic && model != DOMAIN_LABEL_NONE)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "security driver model '%s' of <seclabel> is not available: guests are not "
                        "labelled here (line %u)",
                        given, n->line);
    if (none && relabel && strcmp(relabel, "no") != 0)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "resource relabeling is not compatible with 'none' label type (line %u)", n->line);
    if (p->d->labels & 1u << model)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: seclabel for model %s is already provided",
                        n->line, names_get(&names_label, model));
    p->d->labels |= 1u << model;
    return 0;
}

static int parse_emulator(struct parse *p, const struct xml_node *n)
{
    const char *path = xml_text(n);
    if (parse_only(p, n, "", "") < 0)
        return -1;
    if (*path != '/')
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: emulator '%.128s' is not an absolute path", n->line, path);
    return parse_string(p, path, &p->d->emulator);
}

struct part {
    const char *name;
    int (*parse)(struct parse *p, const struct xml_node *n);
    bool once;
};

static const struct part device_parts[] = {
    {"emulator", parse_emulator, true},
    {"disk", parse_disk, false},
    {"controller", parse_controller, false},
    {"interface", parse_interface, false},
    {"serial", parse_serial, false},
    {"console", parse_console, false},
    {"channel", parse_channel, false},
    {"input", parse_input, false},
    {"audio", parse_audio, true},
    {"rng", parse_rng, false},
    {"memballoon", parse_balloon, true},
};

static int parse_parts(struct parse *p, const struct xml_node *parent, const struct part *parts,
                       size_t count)
{
    uint64_t seen = 0;
    for (const struct xml_node *c = xml_first_element(parent); c; c = xml_next_element(c)) {
        size_t i = 0;
        while (i < count && !xml_is(c, parts[i].name))
            i++;
        if (i == count) {
            if (c->space && strcmp(c->space, QEMU_SPACE) == 0 &&
                strcmp(c->name, "commandline") == 0 && !parent->parent)
                continue; /* read by parse_domain */
            return parse_refuse_element(p, c);
        }
        if (parts[i].once && seen & 1ull << i)
            return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: second <%s> in <%s>", c->line,
                            c->name, parent->name);
        seen |= 1ull << i;
        if (parts[i].parse(p, c) < 0)
            return -1;
    }
    return 0;
}

static int parse_devices(struct parse *p, const struct xml_node *n)
{
    return parse_parts(p, n, device_parts, sizeof(device_parts) / sizeof(device_parts[0]));
}

static const struct part domain_parts[] = {
    {"name", parse_name, true},
    {"uuid", parse_uuid, true},
    {"title", parse_title, true},
    {"description", parse_description, true},
    {"metadata", parse_metadata, true},
    {"memory", parse_memory, true},
    {"currentMemory", parse_current_memory, true},
    {"vcpu", parse_vcpu, true},
    {"resource", parse_resource, true},
    {"os", parse_os, true},
    {"features", parse_features, true},
    {"cpu", parse_cpu, true},
    {"clock", parse_clock, true},
    {"on_poweroff", parse_on_poweroff, true},
    {"on_reboot", parse_on_reboot, true},
    {"on_crash", parse_on_crash, true},
    {"pm", parse_pm, true},
    {"devices", parse_devices, true},
    {"seclabel", parse_seclabel, false},
};

/* Older libvirt rounded sizes in ways that could leave the target a little above the maximum. */
static int check_memory(struct parse *p)
{
    struct domain *d = p->d;
    enum { ROUNDING_KIB = 4096 };
    if (!d->memory_kib)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "memory size must be given in <memory>");
    if (!d->current_memory_kib)
        d->current_memory_kib = d->memory_kib;
    if (d->current_memory_kib <= d->memory_kib)
        return 0;
    if (d->current_memory_kib - d->memory_kib > ROUNDING_KIB)
        return fail_set(
            p->fail, VIR_ERR_XML_ERROR, "current memory '%lluk' exceeds maximum '%lluk'",
            (unsigned long long)d->current_memory_kib, (unsigned long long)d->memory_kib);
    d->current_memory_kib = d->memory_kib;
    return 0;
}

static int parse_head(struct parse *p, const struct xml_node *root)
{
    const char *type = xml_get(root, "type");
    if (!type)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "<domain> needs attribute 'type'");
    unsigned virt = 0, id = 0;
    if (parse_enum(p, root, "type", &names_virt, &virt) < 0)
        return -1;
    p->d->virt = virt;
    for (size_t i = 0; i < root->attribute_count; i++)
        if (root->attributes[i].space || (strcmp(root->attributes[i].name, "type") != 0 &&
                                          strcmp(root->attributes[i].name, "id") != 0))
            return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                            "attribute '%.64s' of <domain> is not supported",
                            root->attributes[i].name);
    int r = xml_get_uint(root, "id", 0, INT32_MAX, &id, p->fail);
    if (r > 0 && p->live)
        p->d->id = (int)id;
    return r < 0 ? -1 : 0;
}

static int parse_domain(struct parse *p, const struct xml_node *root)
{
    p->d->id = -1;
    p->d->vcpus = 1;
    p->d->on_poweroff = DOMAIN_ACTION_DESTROY;
    p->d->on_reboot = DOMAIN_ACTION_RESTART;
    p->d->on_crash = DOMAIN_ACTION_DESTROY;
    if (parse_head(p, root) < 0 ||
        parse_parts(p, root, domain_parts, sizeof(domain_parts) / sizeof(domain_parts[0])) < 0)
        return -1;
    if (!p->d->name)
        return fail_set(p->fail, VIR_ERR_NO_NAME, "the domain has no <name>");
    if (!xml_child(root, "os"))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "the domain has no <os>");
    if (p->d->on_poweroff == DOMAIN_ACTION_RESTART && p->d->on_reboot == DOMAIN_ACTION_DESTROY)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "<on_poweroff> 'restart' with <on_reboot> 'destroy' is not supported");
    const struct xml_node *line = xml_child_ns(root, QEMU_SPACE, "commandline");
    if (line && parse_commandline(p, line) < 0)
        return -1;
    return check_memory(p);
}

int domain_parse(const char *xml, size_t size, unsigned flags, struct domain **ret_domain,
                 struct fail *f)
{
    auto_xml struct xml_document *doc = NULL;
    bool live = flags & DOMAIN_PARSE_LIVE;
    if (!live && size > DOMAIN_XML_MAX)
        return fail_set(f, VIR_ERR_XML_ERROR, "domain XML of %zu bytes; at most %d are accepted",
                        size, DOMAIN_XML_MAX);
    if (xml_parse(xml, size, "domain", &doc, f) < 0)
        return -1;
    auto_domain struct domain *d = domain_new();
    if (!d)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    struct parse p = {.d = d, .fail = f, .live = live};
    if (parse_domain(&p, doc->root) < 0)
        return -1;
    *ret_domain = take_ptr(d);
    return 0;
}
