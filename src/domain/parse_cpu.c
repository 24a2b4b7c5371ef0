/* parse_cpu.c - <cpu>. */
#include "domain/parse.h"
#include <string.h>

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

/* Names go onto a command line between commas. */
static int check_word(struct parse *p, const struct xml_node *n, const char *what, const char *text)
{
    if (!*text || text[strspn(text, WORD)] || strlen(text) > 64)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: malformed CPU %s '%.64s'",
                        n->line, what, text);
    return 0;
}

static int parse_cpu_model(struct parse *p, const struct xml_node *n)
{
    struct domain_cpu *cpu = &p->d->cpu;
    unsigned fallback = 0;
    if (parse_only(p, n, "fallback vendor_id", "") < 0 ||
        parse_enum(p, n, "fallback", &names_cpu_fallback, &fallback) < 0 ||
        parse_attribute(p, n, "vendor_id", &cpu->vendor_id) < 0)
        return -1;
    cpu->fallback = fallback;
    if (cpu->vendor_id && (strlen(cpu->vendor_id) != 12 || strchr(cpu->vendor_id, ',')))
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: vendor_id must be 12 characters, without a comma", n->line);
    if (!*xml_text(n))
        return 0;
    if (check_word(p, n, "model", xml_text(n)) < 0)
        return -1;
    return parse_string(p, xml_text(n), &cpu->model);
}

static int parse_topology(struct parse *p, const struct xml_node *n)
{
    struct domain_cpu *cpu = &p->d->cpu;
    cpu->dies = 1;
    if (parse_only(p, n, "sockets dies cores threads", "") < 0)
        return -1;
    if (!xml_get(n, "sockets") || !xml_get(n, "cores") || !xml_get(n, "threads"))
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: <topology> needs sockets, cores and threads", n->line);
    return xml_get_uint(n, "sockets", 1, DOMAIN_VCPUS_MAX, &cpu->sockets, p->fail) < 0 ||
                   xml_get_uint(n, "dies", 1, DOMAIN_VCPUS_MAX, &cpu->dies, p->fail) < 0 ||
                   xml_get_uint(n, "cores", 1, DOMAIN_VCPUS_MAX, &cpu->cores, p->fail) < 0 ||
                   xml_get_uint(n, "threads", 1, DOMAIN_VCPUS_MAX, &cpu->threads, p->fail) < 0
               ? -1
               : 0;
}

static int parse_cpu_feature(struct parse *p, const struct xml_node *n)
{
    const char *name;
    unsigned policy = DOMAIN_CPU_POLICY_REQUIRE;
    if (parse_only(p, n, "name policy", "") < 0 || parse_required(p, n, "name", &name) < 0 ||
        check_word(p, n, "feature", name) < 0 ||
        parse_enum(p, n, "policy", &names_cpu_policy, &policy) < 0)
        return -1;
    for (size_t i = 0; i < p->d->cpu.feature_count; i++)
        if (strcmp(p->d->cpu.features[i].name, name) == 0)
            return fail_set(p->fail, VIR_ERR_XML_ERROR,
                            "XML line %u: CPU feature '%s' specified more than once", n->line,
                            name);
    struct domain_cpu_feature *slot = DOMAIN_PUSH(p->d, cpu.features, cpu.feature_count, p->fail);
    if (!slot)
        return -1;
    *slot = (struct domain_cpu_feature){.name = name, .policy = policy};
    return 0;
}

static int parse_cpu_head(struct parse *p, const struct xml_node *n)
{
    struct domain_cpu *cpu = &p->d->cpu;
    unsigned mode = DOMAIN_CPU_CUSTOM, match = 0, check = 0, migratable = 0;
    if (parse_only(p, n, "mode match check migratable", "model vendor topology feature") < 0 ||
        parse_enum(p, n, "mode", &names_cpu_mode, &mode) < 0 ||
        parse_enum(p, n, "match", &names_cpu_match, &match) < 0 ||
        parse_enum(p, n, "check", &names_cpu_check, &check) < 0 ||
        parse_enum(p, n, "migratable", &names_on_off, &migratable) < 0)
        return -1;
    cpu->mode = mode;
    cpu->match = match;
    cpu->check = check;
    cpu->migratable = migratable;
    if (migratable && mode != DOMAIN_CPU_HOST_PASSTHROUGH && mode != DOMAIN_CPU_MAXIMUM)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: attribute 'migratable' is only for CPU modes "
                        "host-passthrough and maximum",
                        n->line);
    return 0;
}

static int check_cpu(struct parse *p, const struct xml_node *n)
{
    const struct domain_cpu *cpu = &p->d->cpu;
    bool custom = cpu->mode == DOMAIN_CPU_CUSTOM;
    if (!custom && cpu->match)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: attribute 'match' is only for CPU mode custom", n->line);
    if (!custom && cpu->model)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "a CPU model name in mode '%s' is not supported", xml_get(n, "mode"));
    if (custom && !cpu->model && cpu->feature_count)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: CPU features need a CPU model name", n->line);
    return 0;
}

int parse_cpu(struct parse *p, const struct xml_node *n)
{
    struct domain_cpu *cpu = &p->d->cpu;
    const struct xml_node *model, *vendor, *topology;
    if (parse_cpu_head(p, n) < 0 || parse_single(p, n, "model", &model) < 0 ||
        parse_single(p, n, "vendor", &vendor) < 0 || parse_single(p, n, "topology", &topology) < 0)
        return -1;
    if (model && parse_cpu_model(p, model) < 0)
        return -1;
    if (vendor && (check_word(p, vendor, "vendor", xml_text(vendor)) < 0 ||
                   parse_string(p, xml_text(vendor), &cpu->vendor) < 0))
        return -1;
    if (topology && parse_topology(p, topology) < 0)
        return -1;
    for (const struct xml_node *c = xml_first_element(n); c; c = xml_next_element(c))
        if (xml_is(c, "feature") && parse_cpu_feature(p, c) < 0)
            return -1;
    return check_cpu(p, n);
}
