/* alias.c - the names that devices have while a guest runs, and what else its start settles. */
#include "domain/parse.h"
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

/* libvirt's order: from the last disk on, each with the layers that its document names; then those that
 * were found. */
static void number_nodes(struct domain *d)
{
    unsigned index = 0;
    for (size_t i = d->disk_count; i; i--) {
        struct domain_disk *disk = &d->disks[i - 1];
        disk->source_index = ++index;
        for (size_t k = 0; k < disk->layers_given; k++)
            disk->layers[k].index = ++index;
    }
    for (size_t i = d->disk_count; i; i--) {
        struct domain_disk *disk = &d->disks[i - 1];
        for (size_t k = disk->layers_given; k < disk->layer_count; k++)
            disk->layers[k].index = ++index;
    }
}

int domain_prepare_start(struct domain *d, struct fail *f)
{
    if (domain_assign_aliases(d, f) < 0)
        return -1;
    /* The model was there, so no other may take its place on another host. */
    if (d->cpu.mode == DOMAIN_CPU_CUSTOM)
        d->cpu.fallback = DOMAIN_CPU_FALLBACK_FORBID;
    number_nodes(d);
    for (size_t i = 0; i < d->disk_count; i++) {
        struct domain_disk *disk = &d->disks[i];
        if (disk->shareable && !disk->readonly && disk->cache == DOMAIN_CACHE_DEFAULT)
            disk->cache = DOMAIN_CACHE_NONE; /* a cache would hide what the others write */
        const struct domain_layer *last =
            disk->layer_count ? &disk->layers[disk->layer_count - 1] : NULL;
        if ((last ? last->format : disk->format) == DOMAIN_DISK_RAW)
            disk->chain_ends = true;
    }
    return 0;
}

void domain_settle_clock(struct domain *d, int64_t local_offset)
{
    struct domain_clock *clock = &d->clock;
    if (clock->basis == DOMAIN_BASIS_LOCALTIME)
        clock->adjustment += local_offset;
    clock->basis = DOMAIN_BASIS_UTC;
    clock->adjustment_at_start = clock->adjustment;
}

const char *domain_chain_open_at(const struct domain_disk *disk)
{
    const struct domain_layer *last = disk->layer_count ? &disk->layers[disk->layer_count - 1] : NULL;
    if (disk->chain_ends || (last ? last->format : disk->format) != DOMAIN_DISK_QCOW2)
        return NULL;
    return last ? last->source : disk->source;
}

int domain_add_layer(struct domain *d, struct domain_disk *disk, const struct domain_layer *layer,
                     struct fail *f)
{
    if (disk->layer_count == DOMAIN_LAYERS_MAX)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "backing store for %s is self-referential or too deeply nested", disk->source);
    struct domain_layer *layers =
        domain_grow(d, disk->layers, disk->layer_count, sizeof(*layers), f);
    if (!layers)
        return -1;
    disk->layers = layers;
    layers[disk->layer_count] = *layer;
    layers[disk->layer_count].source = domain_string(d, layer->source);
    if (!layers[disk->layer_count].source)
        return fail_set(f, VIR_ERR_NO_MEMORY, "domain %s: too large", d->name ? d->name : "");
    disk->layer_count++;
    return 0;
}
