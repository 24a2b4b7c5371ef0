/* parse_disk.c - <disk>: virtio disks on files and block devices. */
#include "domain/parse.h"
#include <string.h>

enum { SERIAL_MAX = 36, TARGET_LETTERS_MAX = 3, PATH_BYTES_MAX = 4095 };

/* "default" is the one word among the driver's that means as much as none. */
static int parse_cache(struct parse *p, const struct xml_node *n, unsigned *ret_cache)
{
    const char *text = xml_get(n, "cache");
    if (text && strcmp(text, "default") == 0)
        return 0;
    return parse_enum_text(p, n, "cache", text, &names_disk_cache, ret_cache);
}

static int parse_disk_driver(struct parse *p, const struct xml_node *n, struct domain_disk *disk)
{
    unsigned format = DOMAIN_DISK_RAW, cache = 0, io = 0, discard = 0, zeroes = 0, error = 0,
             rerror = 0;
    if (parse_only(p, n,
                   "name type cache io discard detect_zeroes error_policy rerror_policy queues",
                   "") < 0 ||
        parse_enum(p, n, "type", &names_disk_format, &format) < 0 ||
        parse_cache(p, n, &cache) < 0 ||
        parse_enum(p, n, "io", &names_disk_io, &io) < 0 ||
        parse_enum(p, n, "discard", &names_disk_discard, &discard) < 0 ||
        parse_enum(p, n, "detect_zeroes", &names_disk_detect_zeroes, &zeroes) < 0 ||
        parse_enum(p, n, "error_policy", &names_disk_error, &error) < 0 ||
        parse_enum(p, n, "rerror_policy", &names_disk_error, &rerror) < 0 ||
        xml_get_uint(n, "queues", 1, 1024, &disk->queues, p->fail) < 0)
        return -1;
    const char *name = xml_get(n, "name");
    if (name && strcmp(name, "qemu") != 0)
        return parse_refuse_value(p, n, "name", name);
    if (rerror == DOMAIN_DISK_ERROR_ENOSPACE)
        return parse_refuse_value(p, n, "rerror_policy", "enospace");
    if (io == DOMAIN_IO_NATIVE && cache != DOMAIN_CACHE_NONE && cache != DOMAIN_CACHE_DIRECTSYNC)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "io='native' of <driver> needs cache='none' or 'directsync' (line %u)",
                        n->line);
    disk->format = format;
    disk->cache = cache;
    disk->io = io;
    disk->discard = discard;
    disk->detect_zeroes = zeroes;
    disk->error_policy = error;
    disk->rerror_policy = rerror;
    return 0;
}

/* The number of a block node; a running guest's only. */
static int parse_index(struct parse *p, const struct xml_node *n, unsigned *ret_index)
{
    unsigned index = 0;
    if (xml_get_uint(n, "index", 1, 1u << 30, &index, p->fail) < 0)
        return -1;
    if (p->live)
        *ret_index = index;
    return 0;
}

static int parse_source(struct parse *p, const struct xml_node *n, enum domain_disk_type type,
                        const char **ret_path)
{
    const char *attribute = type == DOMAIN_DISK_FILE ? "file" : "dev";
    if (parse_only(p, n, type == DOMAIN_DISK_FILE ? "file index" : "dev index", "") < 0 ||
        parse_required(p, n, attribute, ret_path) < 0)
        return -1;
    return parse_path(p, n, attribute, PATH_BYTES_MAX, ret_path);
}

/* ---- <backingStore>: what an image lies on, one in the other; the empty one says: on nothing ---- */

static int parse_layer_format(struct parse *p, const struct xml_node *n, struct domain_layer *layer)
{
    const char *text;
    unsigned format = 0;
    if (!n)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "missing disk backing store format");
    if (parse_only(p, n, "type", "") < 0 || parse_required(p, n, "type", &text) < 0 ||
        parse_enum(p, n, "type", &names_disk_format, &format) < 0)
        return -1;
    layer->format = format;
    return 0;
}

static int parse_layer(struct parse *p, const struct xml_node *n, struct domain_layer *layer)
{
    const struct xml_node *format, *source;
    unsigned type = DOMAIN_DISK_FILE;
    if (parse_only(p, n, p->live ? "type index found" : "type index", "format source backingStore") < 0 ||
        parse_enum(p, n, "type", &names_disk_type, &type) < 0 ||
        parse_index(p, n, &layer->index) < 0 || parse_single(p, n, "format", &format) < 0 ||
        parse_single(p, n, "source", &source) < 0 || parse_layer_format(p, format, layer) < 0)
        return -1;
    layer->type = type;
    if (!source)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "missing disk backing store source");
    return parse_source(p, source, type, &layer->source);
}

static int parse_chain(struct parse *p, const struct xml_node *n, struct domain_disk *disk)
{
    enum domain_disk_format above = disk->format;
    while (n) {
        struct domain_layer layer = {0};
        if (!n->attribute_count && !xml_first_element(n)) {
            disk->chain_ends = true;
            return 0;
        }
        if (parse_layer(p, n, &layer) < 0)
            return -1;
        if (above == DOMAIN_DISK_RAW)
            return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                            "storage format 'raw' does not support backing store (disk '%s')",
                            disk->target);
        bool given = !p->live || !xml_get(n, "found");
        if (domain_add_layer(p->d, disk, &layer, p->fail) < 0)
            return -1;
        disk->layers_given += given;
        above = layer.format;
        if (parse_single(p, n, "backingStore", &n) < 0)
            return -1;
    }
    return 0;
}

/* "vda" ... "vdzzz". Other names would need another bus, or clash in the alias virtio-disk0. */
static bool is_target(const char *name)
{
    if (name[0] != 'v' || name[1] != 'd')
        return false;
    size_t letters = strspn(name + 2, "abcdefghijklmnopqrstuvwxyz");
    return letters && letters <= TARGET_LETTERS_MAX && !name[2 + letters];
}

static int parse_disk_target(struct parse *p, const struct xml_node *n, struct domain_disk *disk)
{
    if (parse_only(p, n, "dev bus", "") < 0 || parse_required(p, n, "dev", &disk->target) < 0)
        return -1;
    const char *bus = xml_get(n, "bus");
    if (bus && strcmp(bus, "virtio") != 0)
        return parse_refuse_value(p, n, "bus", bus);
    if (!is_target(disk->target))
        return fail_set(p->fail, bus ? VIR_ERR_XML_ERROR : VIR_ERR_CONFIG_UNSUPPORTED,
                        "target '%.32s' of a disk is not supported: a virtio disk is named 'vda', "
                        "'vdb' ... (line %u)",
                        disk->target, n->line);
    return 0;
}

static int parse_disk_serial(struct parse *p, const struct xml_node *n, struct domain_disk *disk)
{
    const char *text = xml_text(n);
    size_t ok = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+ ");
    if (text[ok])
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "disk serial '%.64s' contains unsafe characters", text);
    if (strlen(text) > SERIAL_MAX)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: disk serial '%.64s' is longer than %d characters", n->line,
                        text, SERIAL_MAX);
    return parse_string(p, text, &disk->serial);
}

static int parse_disk_parts(struct parse *p, const struct xml_node *n, struct domain_disk *disk)
{
    const struct xml_node *driver, *source, *target, *serial, *backing;
    if (parse_single(p, n, "driver", &driver) < 0 || parse_single(p, n, "source", &source) < 0 ||
        parse_single(p, n, "target", &target) < 0 || parse_single(p, n, "serial", &serial) < 0 ||
        parse_single(p, n, "backingStore", &backing) < 0)
        return -1;
    if (!target)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <disk> needs <target>", n->line);
    if (parse_disk_target(p, target, disk) < 0)
        return -1;
    if (!source)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "missing source information for device %s",
                        disk->target);
    if (parse_source(p, source, disk->type, &disk->source) < 0 ||
        parse_index(p, source, &disk->source_index) < 0)
        return -1;
    if (driver && parse_disk_driver(p, driver, disk) < 0)
        return -1;
    if (serial && parse_disk_serial(p, serial, disk) < 0)
        return -1;
    return parse_chain(p, backing, disk);
}

/* Sorted by target, "vdb" before "vdaa". */
static bool comes_before(const struct domain_disk *a, const struct domain_disk *b)
{
    size_t la = strlen(a->target), lb = strlen(b->target);
    return la != lb ? la < lb : strcmp(a->target, b->target) < 0;
}

static int insert_disk(struct parse *p, const struct domain_disk *disk)
{
    struct domain *d = p->d;
    const struct domain_disk *same = domain_find_disk(d, disk->target);
    if (same)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "target '%s' duplicated for disk sources '%.200s' and '%.200s'",
                        disk->target, same->source, disk->source);
    if (!DOMAIN_PUSH(d, disks, disk_count, p->fail))
        return -1;
    size_t at = d->disk_count - 1;
    for (; at && !p->live && comes_before(disk, &d->disks[at - 1]); at--)
        d->disks[at] = d->disks[at - 1];
    d->disks[at] = *disk;
    return 0;
}

int parse_disk(struct parse *p, const struct xml_node *n)
{
    struct domain_disk disk = {0};
    unsigned type = DOMAIN_DISK_FILE;
    if (parse_only(p, n, "type device",
                   "driver source target serial readonly shareable backingStore alias address "
                   "boot") < 0 ||
        parse_enum(p, n, "type", &names_disk_type, &type) < 0)
        return -1;
    disk.type = type;
    const char *device = xml_get(n, "device");
    if (device && strcmp(device, "disk") != 0)
        return parse_refuse_value(p, n, "device", device);
    if (parse_disk_parts(p, n, &disk) < 0 || parse_device(p, n, PARSE_PCI_ADDRESS, &disk.dev) < 0)
        return -1;
    disk.readonly = xml_child(n, "readonly");
    disk.shareable = xml_child(n, "shareable");
    if (disk.shareable && !disk.readonly && disk.format != DOMAIN_DISK_RAW)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "shared access for disk '%s' requires use of supported storage format",
                        disk.target);
    return insert_disk(p, &disk);
}
