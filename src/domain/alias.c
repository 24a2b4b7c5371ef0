/* alias.c - the names that devices have while a guest runs, and what else its start settles. */
#include "domain/domain.h"
#include <string.h>

static bool name_device(struct domain_device *dev, const char *alias)
{
    bool user = dev->alias && strncmp(dev->alias, "ua-", 3) == 0;
    if (!user)
        dev->alias = alias;
    return dev->alias;
}

static const char *controller_alias(struct domain *d, const struct domain_controller *c)
{
    switch (c->type) {
    case DOMAIN_CONTROLLER_PCI:
        return arena_printf(&d->arena, c->model == DOMAIN_MODEL_PCIE_ROOT ? "pcie.%u" : "pci.%u",
                            c->index);
    case DOMAIN_CONTROLLER_USB:
        return c->index ? arena_printf(&d->arena, "usb%u", c->index) : domain_string(d, "usb");
    case DOMAIN_CONTROLLER_IDE:
    case DOMAIN_CONTROLLER_SATA: /* QEMU's name for the bus of both */
        return domain_string(d, "ide");
    case DOMAIN_CONTROLLER_VIRTIO_SERIAL:
        return arena_printf(&d->arena, "virtio-serial%u", c->index);
    }
    return NULL;
}

/* "vda" is 0, "vdz" 25, "vdaa" 26. */
static unsigned target_number(const char *target)
{
    unsigned n = 0;
    for (const char *c = target + 2; *c; c++)
        n = n * 26 + (unsigned)(*c - 'a') + 1;
    return n - 1;
}

#define NAME_ALL(list, count, format)                                                              \
    for (size_t i = 0; i < (count); i++)                                                           \
    ok = name_device(&(list)[i].dev, arena_printf(&d->arena, format, (unsigned)i)) && ok

int domain_assign_aliases(struct domain *d, struct fail *f)
{
    bool ok = true;
    for (size_t i = 0; i < d->disk_count; i++)
        ok = name_device(&d->disks[i].dev, arena_printf(&d->arena, "virtio-disk%u",
                                                        target_number(d->disks[i].target))) &&
             ok;
    for (size_t i = 0; i < d->controller_count; i++)
        ok = name_device(&d->controllers[i].dev, controller_alias(d, &d->controllers[i])) && ok;
    NAME_ALL(d->interfaces, d->interface_count, "net%u");
    NAME_ALL(d->serials, d->serial_count, "serial%u");
    NAME_ALL(d->consoles, d->console_count, "console%u");
    NAME_ALL(d->channels, d->channel_count, "channel%u");
    NAME_ALL(d->inputs, d->input_count, "input%u");
    NAME_ALL(d->rngs, d->rng_count, "rng%u");
    if (d->balloon.model == DOMAIN_BALLOON_VIRTIO)
        ok = name_device(&d->balloon.dev, domain_string(d, "balloon0")) && ok;
    if (d->console_count && d->consoles[0].is_serial0)
        d->consoles[0].dev.alias = d->serials[0].dev.alias;
    return ok ? 0 : fail_set(f, VIR_ERR_NO_MEMORY, "domain %s: too large", d->name);
}

static int end_chain(struct domain *d, struct domain_disk *disk)
{
    if (!disk->backing)
        disk->backing = domain_string(d, "<backingStore/>");
    return disk->backing ? 0 : -1;
}

int domain_prepare_start(struct domain *d, struct fail *f)
{
    if (domain_assign_aliases(d, f) < 0)
        return -1;
    /* The model was there, so no other may take its place on another host. */
    if (d->cpu.mode == DOMAIN_CPU_CUSTOM)
        d->cpu.fallback = DOMAIN_CPU_FALLBACK_FORBID;
    for (size_t i = 0; i < d->disk_count; i++) {
        struct domain_disk *disk = &d->disks[i];
        disk->source_index = (unsigned)(d->disk_count - i);
        if (disk->shareable && !disk->readonly && disk->cache == DOMAIN_CACHE_DEFAULT)
            disk->cache = DOMAIN_CACHE_NONE; /* a cache would hide what the others write */
        if (disk->format == DOMAIN_DISK_RAW && end_chain(d, disk) < 0)
            return fail_set(f, VIR_ERR_NO_MEMORY, "domain %s: too large", d->name);
    }
    return 0;
}

/* A qcow2 header, big-endian: magic (4 bytes), version (4), offset of the backing file's name (8; 0
 * without). */
int domain_note_image(struct domain *d, struct domain_disk *disk, const uint8_t *head, size_t size)
{
    static const uint8_t magic[4] = {'Q', 'F', 'I', 0xfb}, none[8] = {0};
    if (disk->format != DOMAIN_DISK_QCOW2 || size < 16 || memcmp(head, magic, 4) != 0 ||
        memcmp(head + 8, none, 8) != 0)
        return 0;
    return end_chain(d, disk);
}
