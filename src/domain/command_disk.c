/* command_disk.c - disks: two block nodes and a virtio-blk device for each.
 *
 * libvirt-N-storage is the file or the device, libvirt-N-format the image in it. The cache mode
 * splits into three switches: does the host's page cache take part (direct), are flushes dropped
 * (no-flush), and does the guest see a write cache (write-cache of the device):
 *
 *   none        direct            write-cache
 *   writeback                     write-cache
 *   directsync  direct
 *   writethrough
 *   unsafe              no-flush  write-cache
 */
#include "domain/command_internal.h"
#include <string.h>

struct cache_switches {
    bool direct, no_flush, write_cache;
};

static bool cache_switches(enum domain_disk_cache cache, struct cache_switches *ret_switches)
{
    switch (cache) {
    case DOMAIN_CACHE_DEFAULT: /* QEMU's own: writeback */
        return false;
    case DOMAIN_CACHE_NONE:
        *ret_switches = (struct cache_switches){.direct = true, .write_cache = true};
        return true;
    case DOMAIN_CACHE_WRITETHROUGH:
        *ret_switches = (struct cache_switches){0};
        return true;
    case DOMAIN_CACHE_WRITEBACK:
        *ret_switches = (struct cache_switches){.write_cache = true};
        return true;
    case DOMAIN_CACHE_DIRECTSYNC:
        *ret_switches = (struct cache_switches){.direct = true};
        return true;
    case DOMAIN_CACHE_UNSAFE:
        *ret_switches = (struct cache_switches){.no_flush = true, .write_cache = true};
        return true;
    }
    return false;
}

static void add_cache(struct json_object *json, const struct domain_disk *disk)
{
    struct cache_switches switches;
    if (!cache_switches(disk->cache, &switches))
        return;
    struct json_object *cache = json_object_new_object();
    command_json_bool(cache, "direct", switches.direct);
    command_json_bool(cache, "no-flush", switches.no_flush);
    json_object_object_add(json, "cache", cache);
}

static const char *block_error(enum domain_disk_error policy)
{
    return policy == DOMAIN_DISK_ERROR_ENOSPACE ? "enospc" : domain_disk_error_name(policy);
}

/* Zeroes can be turned into holes only where holes may be made. */
static const char *detect_zeroes(const struct domain_disk *disk)
{
    if (disk->detect_zeroes == DOMAIN_DETECT_ZEROES_UNMAP && disk->discard != DOMAIN_DISCARD_UNMAP)
        return "on";
    return domain_detect_zeroes_name(disk->detect_zeroes);
}

/* One image of a disk: the disk itself, or what it lies on. */
struct image {
    const struct domain_disk *disk;
    struct domain_layer at;
    bool is_top;
    unsigned below; /* index of the next; 0: none that is known */
};

static void add_storage_node(struct command_builder *b, const struct image *image)
{
    const struct domain_disk *disk = image->disk;
    struct json_object *json = json_object_new_object();
    command_json_string(json, "driver",
                        image->at.type == DOMAIN_DISK_BLOCK ? "host_device" : "file");
    command_json_string(json, "filename", image->at.source);
    command_json_string(json, "aio", domain_io_name(disk->io));
    command_json_string(json, "node-name", command_text(b, "libvirt-%u-storage", image->at.index));
    add_cache(json, disk);
    command_json_bool(json, "auto-read-only", true);
    command_json_string(json, "discard", "unmap");
    command_add_json(b, "-blockdev", json);
}

/* null says that the chain ends here; without a word QEMU goes by the image's header. */
static void add_below(struct command_builder *b, struct json_object *json, const struct image *image)
{
    if (image->below)
        command_json_string(json, "backing", command_text(b, "libvirt-%u-format", image->below));
    else if (image->disk->chain_ends && image->at.format == DOMAIN_DISK_QCOW2)
        json_object_object_add(json, "backing", NULL);
}

static void add_format_node(struct command_builder *b, const struct image *image)
{
    const struct domain_disk *disk = image->disk;
    struct json_object *json = json_object_new_object();
    command_json_string(json, "node-name", command_text(b, "libvirt-%u-format", image->at.index));
    command_json_bool(json, "read-only", !image->is_top || disk->readonly);
    command_json_string(json, "discard", domain_discard_name(disk->discard));
    command_json_string(json, "detect-zeroes", image->is_top ? detect_zeroes(disk) : NULL);
    add_cache(json, disk);
    command_json_string(json, "driver", domain_format_name(image->at.format));
    command_json_string(json, "file", command_text(b, "libvirt-%u-storage", image->at.index));
    add_below(b, json, image);
    command_add_json(b, "-blockdev", json);
}

/* From the bottom: an image's node must be there when the one above names it. */
static void add_images(struct command_builder *b, const struct domain_disk *disk)
{
    unsigned below = 0;
    for (size_t i = disk->layer_count; i; i--) {
        struct image image = {.disk = disk, .at = disk->layers[i - 1], .below = below};
        add_storage_node(b, &image);
        add_format_node(b, &image);
        below = image.at.index;
    }
    struct image top = {
        .disk = disk,
        .at = {disk->type, disk->format, disk->source, disk->source_index},
        .is_top = true,
        .below = below,
    };
    add_storage_node(b, &top);
    add_format_node(b, &top);
}

/* A space in a serial number reaches the guest as "\ ": libvirt has always passed it so, and the
 * guest's serial must not change when it moves. */
static const char *disk_serial(struct command_builder *b, const char *serial)
{
    char *text = arena_alloc(&b->arena, 2 * strlen(serial) + 1);
    if (!text) {
        b->no_memory = true;
        return "";
    }
    char *end = text;
    for (; *serial; serial++) {
        if (*serial == ' ')
            *end++ = '\\';
        *end++ = *serial;
    }
    return text;
}

static int add_disk_device(struct command_builder *b, const struct domain_disk *disk,
                           unsigned boot_index)
{
    struct json_object *json = command_device_json(b, &disk->dev, "virtio-blk-pci");
    if (disk->queues)
        command_json_int(json, "num-queues", disk->queues);
    if (command_add_pci_address(b, json, &disk->dev) < 0) {
        json_object_put(json);
        return fail_prefix(b->fail, "disk '%s'", disk->target);
    }
    if (disk->shareable)
        command_json_bool(json, "share-rw", true);
    command_json_string(json, "drive", command_text(b, "libvirt-%u-format", disk->source_index));
    if (boot_index)
        command_json_int(json, "bootindex", boot_index);
    struct cache_switches switches;
    if (cache_switches(disk->cache, &switches))
        command_json_string(json, "write-cache", switches.write_cache ? "on" : "off");
    if (disk->serial)
        command_json_string(json, "serial", disk_serial(b, disk->serial));
    command_json_string(json, "werror", block_error(disk->error_policy));
    command_json_string(json, "rerror", block_error(disk->rerror_policy));
    command_add_json(b, "-device", json);
    return 0;
}

/* <boot dev='hd'/> means the first disk only. */
int command_add_disks(struct command_builder *b)
{
    unsigned boot_index = command_boot_position(b->domain, DOMAIN_BOOT_HD);
    for (size_t i = 0; i < b->domain->disk_count; i++) {
        const struct domain_disk *disk = &b->domain->disks[i];
        if (!disk->source_index)
            return fail_set(b->fail, VIR_ERR_INTERNAL_ERROR, "disk '%s' has no block node yet",
                            disk->target);
        add_images(b, disk);
        unsigned own = disk->dev.boot_order ? disk->dev.boot_order : boot_index;
        if (add_disk_device(b, disk, own) < 0)
            return -1;
        boot_index = 0;
    }
    return 0;
}
