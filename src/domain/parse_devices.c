/* parse_devices.c - <interface>, <input>, <audio>, <rng>, <memballoon>. */
#include "domain/parse.h"
#include <stdio.h>
#include <string.h>

enum { TAP_NAME_MAX = 15 };

static int parse_mac(struct parse *p, const struct xml_node *n, struct domain_interface *i)
{
    const char *text;
    unsigned b[6];
    int used = 0;
    if (parse_only(p, n, "address", "") < 0 || parse_required(p, n, "address", &text) < 0)
        return -1;
    if (strspn(text, "0123456789abcdefABCDEF:") != strlen(text) ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &used) != 6 ||
        text[used])
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: malformed MAC address '%.32s'",
                        n->line, text);
    if (b[0] & 1)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: expected unicast mac address, found multicast '%s'", n->line,
                        text);
    for (int at = 0; at < 6; at++)
        i->mac[at] = (uint8_t)b[at];
    i->has_mac = true;
    return 0;
}

/* Names that begin with "vnet" are the daemon's own: a document that is not live loses them. */
static int parse_tap(struct parse *p, const struct xml_node *n, struct domain_interface *i)
{
    const char *name;
    unsigned managed = 0;
    if (i->type != DOMAIN_INTERFACE_ETHERNET)
        return parse_refuse_element(p, n);
    if (parse_only(p, n, "dev managed", "") < 0 || parse_attribute(p, n, "dev", &name) < 0 ||
        parse_enum(p, n, "managed", &names_yes_no, &managed) < 0)
        return -1;
    if (name && (strlen(name) > TAP_NAME_MAX || strpbrk(name, "/ \t\n,%") ||
                 strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: '%.64s' is not a name of a network device", n->line, name);
    i->managed = managed;
    i->target_generated = name && strncmp(name, "vnet", 4) == 0;
    if (i->target_generated && !p->live) {
        i->target_generated = false;
        return 0;
    }
    i->target = name;
    return 0;
}

static int parse_interface_parts(struct parse *p, const struct xml_node *n,
                                 struct domain_interface *i)
{
    const struct xml_node *mac, *model, *target;
    unsigned nic = DOMAIN_NIC_DEFAULT;
    const char *text;
    if (parse_single(p, n, "mac", &mac) < 0 || parse_single(p, n, "model", &model) < 0 ||
        parse_single(p, n, "target", &target) < 0)
        return -1;
    if (mac && parse_mac(p, mac, i) < 0)
        return -1;
    if (model &&
        (parse_only(p, model, "type", "") < 0 || parse_required(p, model, "type", &text) < 0 ||
         parse_enum(p, model, "type", &names_nic, &nic) < 0))
        return -1;
    i->model = nic;
    return target ? parse_tap(p, target, i) : 0;
}

int parse_interface(struct parse *p, const struct xml_node *n)
{
    struct domain_interface i = {0};
    const char *text;
    unsigned type = 0;
    if (parse_required(p, n, "type", &text) < 0 ||
        parse_enum(p, n, "type", &names_interface_type, &type) < 0 ||
        parse_only(p, n, "type", "mac model target alias address boot") < 0)
        return -1;
    i.type = type;
    if (parse_interface_parts(p, n, &i) < 0 || parse_device(p, n, PARSE_PCI_ADDRESS, &i.dev) < 0)
        return -1;
    struct domain_interface *slot = DOMAIN_PUSH(p->d, interfaces, interface_count, p->fail);
    if (!slot)
        return -1;
    *slot = i;
    return 0;
}

int parse_input(struct parse *p, const struct xml_node *n)
{
    struct domain_input i = {0};
    const char *text;
    unsigned type = 0;
    if (parse_required(p, n, "type", &text) < 0 ||
        parse_enum(p, n, "type", &names_input_type, &type) < 0)
        return -1;
    const char *bus = xml_get(n, "bus");
    if (bus && strcmp(bus, "ps2") != 0)
        return parse_refuse_value(p, n, "bus", bus);
    if (parse_only(p, n, "type bus", "alias") < 0 ||
        parse_device(p, n, PARSE_NO_ADDRESS, &i.dev) < 0)
        return -1;
    i.type = type;
    for (size_t at = 0; at < p->d->input_count; at++)
        if (p->d->inputs[at].type == i.type)
            return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                            "more than one ps2 %s is not supported", text);
    struct domain_input *slot = DOMAIN_PUSH(p->d, inputs, input_count, p->fail);
    if (!slot)
        return -1;
    *slot = i;
    return 0;
}

int parse_audio(struct parse *p, const struct xml_node *n)
{
    const char *type = xml_get(n, "type"), *id = xml_get(n, "id");
    if (!type || strcmp(type, "none") != 0)
        return parse_refuse_value(p, n, "type", type ? type : "");
    if (id && strcmp(id, "1") != 0)
        return parse_refuse_value(p, n, "id", id);
    p->d->audio_none = true;
    return parse_only(p, n, "id type", "");
}

static int parse_rng_backend(struct parse *p, const struct xml_node *n, struct domain_rng *rng)
{
    const char *model, *path = xml_text(n);
    unsigned backend = 0;
    if (parse_only(p, n, "model", "") < 0 || parse_required(p, n, "model", &model) < 0 ||
        parse_enum(p, n, "model", &names_rng_backend, &backend) < 0)
        return -1;
    rng->backend = backend;
    if (backend == DOMAIN_RNG_BUILTIN)
        return 0;
    if (*path && strcmp(path, "/dev/random") != 0 && strcmp(path, "/dev/urandom") != 0 &&
        strcmp(path, "/dev/hwrng") != 0)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "file '%.64s' is not a supported random source", path);
    return parse_string(p, *path ? path : "/dev/random", &rng->path);
}

int parse_rng(struct parse *p, const struct xml_node *n)
{
    struct domain_rng rng = {0};
    const struct xml_node *backend, *rate;
    const char *model = xml_get(n, "model");
    if (!model || strcmp(model, "virtio") != 0)
        return parse_refuse_value(p, n, "model", model ? model : "");
    if (parse_only(p, n, "model", "backend rate alias address") < 0 ||
        parse_single(p, n, "backend", &backend) < 0 || parse_single(p, n, "rate", &rate) < 0 ||
        parse_device(p, n, PARSE_PCI_ADDRESS, &rng.dev) < 0)
        return -1;
    if (!backend)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <rng> needs <backend>", n->line);
    if (parse_rng_backend(p, backend, &rng) < 0)
        return -1;
    const char *bytes;
    if (rate && (parse_only(p, rate, "bytes period", "") < 0 ||
                 parse_required(p, rate, "bytes", &bytes) < 0 ||
                 xml_get_uint(rate, "bytes", 1, INT32_MAX, &rng.rate_bytes, p->fail) < 0 ||
                 xml_get_uint(rate, "period", 1, INT32_MAX, &rng.rate_period, p->fail) < 0))
        return -1;
    struct domain_rng *slot = DOMAIN_PUSH(p->d, rngs, rng_count, p->fail);
    if (!slot)
        return -1;
    *slot = rng;
    return 0;
}

int parse_balloon(struct parse *p, const struct xml_node *n)
{
    struct domain_balloon *balloon = &p->d->balloon;
    const struct xml_node *stats;
    const char *text;
    unsigned model = 0, deflate = 0, reporting = 0;
    if (parse_only(p, n, "model autodeflate freePageReporting", "stats alias address") < 0 ||
        parse_required(p, n, "model", &text) < 0 ||
        parse_enum(p, n, "model", &names_balloon, &model) < 0 ||
        parse_enum(p, n, "autodeflate", &names_on_off, &deflate) < 0 ||
        parse_enum(p, n, "freePageReporting", &names_on_off, &reporting) < 0 ||
        parse_single(p, n, "stats", &stats) < 0 ||
        parse_device(p, n, PARSE_PCI_ADDRESS, &balloon->dev) < 0)
        return -1;
    balloon->model = model;
    balloon->autodeflate = deflate;
    balloon->free_page_reporting = reporting;
    if (!stats)
        return 0;
    return parse_only(p, stats, "period", "") < 0 ||
                   xml_get_uint(stats, "period", 0, INT32_MAX, &balloon->stats_period, p->fail) < 0
               ? -1
               : 0;
}
