/* domain.c - a domain's life, and simple questions about it. */
#include "domain/domain.h"
#include "domain/format.h"
#include "domain/names.h"
#include "domain/parse.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct domain *domain_new(void)
{
    struct domain *d = calloc(1, sizeof(*d));
    if (d)
        arena_init(&d->arena, DOMAIN_ARENA_MAX);
    return d;
}

void domain_free(struct domain *d)
{
    if (!d)
        return;
    arena_free(&d->arena);
    free(d);
}

/* A copy is what comes back from the document that leaves nothing out: no second walk over the
 * struct that could forget a field, and the round trip is in use all the time. */
int domain_copy(const struct domain *d, struct domain **ret_domain, struct fail *f)
{
    cleanup(buffer_free) struct buffer text = {.limit = XML_SIZE_MAX};
    struct domain *copy;
    if (domain_format(d, FORMAT_COMPLETE, &text, f) < 0 ||
        domain_parse((const char *)buffer_bytes(&text), buffer_size(&text), DOMAIN_PARSE_LIVE,
                     &copy, f) < 0)
        return fail_prefix(f, "copy domain %s", d->name);
    if (copy->console_count)
        copy->consoles[0].is_serial0 = d->consoles[0].is_serial0;
    *ret_domain = copy;
    return 0;
}

const char *domain_string(struct domain *d, const char *text)
{
    return text ? arena_strdup(&d->arena, text) : NULL;
}

/* A name becomes part of folder and log names, and is shown in lists of one guest a line. */
int domain_set_name(struct domain *d, const char *name, struct fail *f)
{
    if (!*name)
        return fail_set(f, VIR_ERR_XML_ERROR, "the domain's name is empty");
    if (strlen(name) > DOMAIN_NAME_MAX)
        return fail_set(f, VIR_ERR_XML_ERROR, "the domain's name is longer than %d bytes",
                        DOMAIN_NAME_MAX);
    if (strchr(name, '/'))
        return fail_set(f, VIR_ERR_XML_ERROR, "name %s cannot contain '/'", name);
    for (const char *c = name; *c; c++)
        if (iscntrl((unsigned char)*c))
            return fail_set(f, VIR_ERR_XML_ERROR,
                            "the domain's name contains a control character (%s)",
                            *c == '\n' ? "a newline" : "not printable");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail_set(f, VIR_ERR_XML_ERROR, "the domain's name can't be '%s'", name);
    d->name = domain_string(d, name);
    return d->name ? 0 : fail_set(f, VIR_ERR_NO_MEMORY, "the domain's name takes too much memory");
}

bool domain_is_q35(const struct domain *d)
{
    const char *machine = d->os.machine;
    return machine && (strcmp(machine, "q35") == 0 || strncmp(machine, "pc-q35-", 7) == 0);
}

const struct domain_disk *domain_find_disk(const struct domain *d, const char *target)
{
    for (size_t i = 0; i < d->disk_count; i++)
        if (strcmp(d->disks[i].target, target) == 0)
            return &d->disks[i];
    return NULL;
}

const struct domain_controller *
domain_find_controller(const struct domain *d, enum domain_controller_type type, unsigned index)
{
    for (size_t i = 0; i < d->controller_count; i++)
        if (d->controllers[i].type == type && d->controllers[i].index == index)
            return &d->controllers[i];
    return NULL;
}

const char *domain_pci_device(enum domain_controller_model value)
{
    switch (value) {
    case DOMAIN_MODEL_PCI_BRIDGE:
        return "pci-bridge";
    case DOMAIN_MODEL_PCIE_ROOT_PORT:
        return "pcie-root-port";
    case DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE:
        return "pcie-pci-bridge";
    case DOMAIN_MODEL_DEFAULT:
    case DOMAIN_MODEL_PCI_ROOT:
    case DOMAIN_MODEL_PCIE_ROOT:
    case DOMAIN_MODEL_USB_NONE:
    case DOMAIN_MODEL_USB_PIIX3_UHCI:
    case DOMAIN_MODEL_USB_QEMU_XHCI:
        return NULL;
    }
    return NULL;
}

bool domain_disk_is_coherent(const struct domain_disk *disk)
{
    return disk->readonly || disk->cache == DOMAIN_CACHE_NONE ||
           disk->cache == DOMAIN_CACHE_DIRECTSYNC;
}

int domain_set_chardev_path(struct domain *d, struct domain_chardev *source, const char *path)
{
    const char *copy = domain_string(d, path);
    if (path && !copy)
        return -1;
    source->path = copy;
    return 0;
}

static struct domain_chardev *find_pty(struct domain *d, const char *alias)
{
    for (size_t i = 0; i < d->serial_count; i++)
        if (d->serials[i].dev.alias && strcmp(d->serials[i].dev.alias, alias) == 0)
            return &d->serials[i].source;
    for (size_t i = 0; i < d->console_count; i++)
        if (d->consoles[i].dev.alias && strcmp(d->consoles[i].dev.alias, alias) == 0)
            return &d->consoles[i].source;
    for (size_t i = 0; i < d->channel_count; i++)
        if (d->channels[i].dev.alias && strcmp(d->channels[i].dev.alias, alias) == 0)
            return &d->channels[i].source;
    return NULL;
}

int domain_set_pty(struct domain *d, const char *chardev_id, const char *path)
{
    if (strncmp(chardev_id, "char", 4) != 0)
        return 0;
    struct domain_chardev *source = find_pty(d, chardev_id + 4);
    if (!source || source->type != DOMAIN_CHARDEV_PTY)
        return 0;
    if (domain_set_chardev_path(d, source, path) < 0)
        return -1;
    bool first = d->serial_count && source == &d->serials[0].source;
    if (first && d->console_count && d->consoles[0].is_serial0)
        d->consoles[0].source.path = source->path;
    return 1;
}
