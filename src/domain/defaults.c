/* defaults.c - what libvirt fills in at define, in its order.
 *
 * The order matters where one default makes another: devices first, then the controllers they need,
 * then the addresses of all. Every step leaves alone what is there, so a completed domain comes
 * through unchanged.
 */
#include "domain/complete.h"
#include "domain/format.h"
#include "domain/parse.h"
#include <string.h>
#include <sys/random.h>

static int fill_emulator(struct domain *d, const struct domain_defaults *defaults, struct fail *f)
{
    if (!d->emulator)
        d->emulator = domain_string(d, defaults->emulator);
    return d->emulator ? 0
                       : fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "no emulator is given or known");
}

/* "pc" and "q35" move with QEMU's version; a guest keeps the one that it was defined with. */
static int fill_machine(struct domain *d, const struct domain_defaults *defaults, struct fail *f)
{
    const char *name = d->os.machine ? d->os.machine : defaults->machine;
    const struct domain_machine *found = NULL;
    if (!name)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED, "no machine is given or known");
    for (size_t i = 0; i < defaults->machine_count; i++)
        if (strcmp(defaults->machines[i].name, name) == 0)
            found = &defaults->machines[i];
    if (defaults->machine_count && !found)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "emulator '%.200s' does not support machine type '%.64s'", d->emulator,
                        name);
    d->os.machine = domain_string(d, found && found->canonical ? found->canonical : name);
    return d->os.machine ? 0 : fail_set(f, VIR_ERR_NO_MEMORY, "the domain is too large");
}

static int check_boot_order(const unsigned *orders, size_t count, struct fail *f)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (orders[i] == orders[j])
                return fail_set(f, VIR_ERR_XML_ERROR,
                                "boot order '%u' used for more than one device", orders[i]);
    return 0;
}

static int fill_boot(struct domain *d, struct fail *f)
{
    enum { ORDERED_MAX = 256 };
    unsigned orders[ORDERED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < d->disk_count && count < ORDERED_MAX; i++)
        if (d->disks[i].dev.boot_order)
            orders[count++] = d->disks[i].dev.boot_order;
    for (size_t i = 0; i < d->interface_count && count < ORDERED_MAX; i++)
        if (d->interfaces[i].dev.boot_order)
            orders[count++] = d->interfaces[i].dev.boot_order;
    if (count && d->os.boot_count)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "per-device boot elements cannot be used together with os/boot elements");
    if (!count && !d->os.boot_count)
        d->os.boot[d->os.boot_count++] = DOMAIN_BOOT_HD;
    return check_boot_order(orders, count, f);
}

static int check_topology(const struct domain *d, struct fail *f)
{
    const struct domain_cpu *cpu = &d->cpu;
    uint64_t all = (uint64_t)cpu->sockets * cpu->dies * cpu->cores * cpu->threads;
    if (cpu->sockets && all != d->vcpus)
        return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                        "CPU topology doesn't match maximum vcpu count (%llu, %u)",
                        (unsigned long long)all, d->vcpus);
    return 0;
}

static int fill_cpu(struct domain *d, struct fail *f)
{
    struct domain_cpu *cpu = &d->cpu;
    if (cpu->mode == DOMAIN_CPU_NONE)
        cpu->mode = DOMAIN_CPU_CUSTOM;
    bool unnamed = cpu->mode == DOMAIN_CPU_CUSTOM && !cpu->model;
    if (unnamed) {
        cpu->model = domain_string(d, "qemu64");
        cpu->fallback = DOMAIN_CPU_FALLBACK_FORBID;
        cpu->check = DOMAIN_CPU_CHECK_NONE;
        if (!cpu->model)
            return fail_set(f, VIR_ERR_NO_MEMORY, "the domain is too large");
    }
    if (cpu->mode == DOMAIN_CPU_CUSTOM && !cpu->match)
        cpu->match = DOMAIN_CPU_MATCH_EXACT;
    if (cpu->mode == DOMAIN_CPU_CUSTOM && !cpu->fallback)
        cpu->fallback = DOMAIN_CPU_FALLBACK_ALLOW;
    /* Under TCG a named CPU isn't compared with the host's. */
    bool compared = cpu->mode == DOMAIN_CPU_HOST_MODEL ||
                    (cpu->mode == DOMAIN_CPU_CUSTOM && d->virt == DOMAIN_VIRT_KVM);
    if (!cpu->check)
        cpu->check = compared ? DOMAIN_CPU_CHECK_PARTIAL : DOMAIN_CPU_CHECK_NONE;
    if (cpu->mode == DOMAIN_CPU_HOST_PASSTHROUGH && !cpu->migratable)
        cpu->migratable = DOMAIN_SWITCH_ON;
    return check_topology(d, f);
}

static int fill_interfaces(struct domain *d, struct fail *f)
{
    for (size_t i = 0; i < d->interface_count; i++) {
        struct domain_interface *nic = &d->interfaces[i];
        if (nic->model == DOMAIN_NIC_DEFAULT)
            nic->model = DOMAIN_NIC_RTL8139;
        if (nic->has_mac)
            continue;
        nic->mac[0] = 0x52;
        nic->mac[1] = 0x54;
        nic->mac[2] = 0x00;
        if (getrandom(nic->mac + 3, 3, 0) != 3)
            return fail_set(f, VIR_ERR_INTERNAL_ERROR, "no random bytes for a MAC address");
        nic->has_mac = true;
    }
    return 0;
}

static int add_input(struct domain *d, enum domain_input_type type, struct fail *f)
{
    for (size_t i = 0; i < d->input_count; i++)
        if (d->inputs[i].type == type)
            return 0;
    struct domain_input *input = DOMAIN_PUSH(d, inputs, input_count, f);
    if (!input)
        return -1;
    *input = (struct domain_input){.type = type};
    return 0;
}

/* A user's aliases name devices on the command line and must tell them apart. */
static int check_alias(const struct domain_device *devs[], size_t count, struct fail *f)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (strcmp(devs[i]->alias, devs[j]->alias) == 0)
                return fail_set(f, VIR_ERR_XML_ERROR, "non unique alias detected: %s",
                                devs[i]->alias);
    return 0;
}

#define COLLECT(list, count)                                                                       \
    for (size_t i_ = 0; i_ < (count) && n < ALIASED_MAX; i_++)                                     \
        if ((list)[i_].dev.alias && strncmp((list)[i_].dev.alias, "ua-", 3) == 0)                  \
    devs[n++] = &(list)[i_].dev

static int check_aliases(const struct domain *d, struct fail *f)
{
    enum { ALIASED_MAX = 512 };
    const struct domain_device *devs[ALIASED_MAX];
    size_t n = 0;
    COLLECT(d->disks, d->disk_count);
    COLLECT(d->controllers, d->controller_count);
    COLLECT(d->interfaces, d->interface_count);
    COLLECT(d->serials, d->serial_count);
    /* The console that is serial 0 has the serial's alias. */
    size_t skip = d->console_count && d->consoles[0].is_serial0;
    COLLECT(d->consoles + skip, d->console_count - skip);
    COLLECT(d->channels, d->channel_count);
    COLLECT(d->inputs, d->input_count);
    COLLECT(&d->balloon, 1);
    COLLECT(d->rngs, d->rng_count);
    return check_alias(devs, n, f);
}

int domain_check_readable(const struct domain *d, struct fail *f)
{
    cleanup(buffer_free) struct buffer text = {.limit = XML_SIZE_MAX / 2};
    auto_xml struct xml_document *doc = NULL;
    struct fail why;
    if (domain_format(d, FORMAT_COMPLETE, &text, &why) < 0 ||
        xml_parse((const char *)buffer_bytes(&text), buffer_size(&text), "domain", &doc, &why) <
            0 ||
        doc->nodes > XML_NODES_MAX / 2)
        return fail_set(f, VIR_ERR_XML_ERROR, "the completed domain is too large");
    return 0;
}

int domain_fill_defaults(struct domain *d, const struct domain_defaults *defaults, struct fail *f)
{
    if (!d->has_uuid)
        uuid_generate(&d->uuid);
    d->has_uuid = true;
    if (d->balloon.model == DOMAIN_BALLOON_DEFAULT)
        d->balloon.model = DOMAIN_BALLOON_VIRTIO;
    d->audio_none = true;
    if (fill_emulator(d, defaults, f) < 0 || fill_machine(d, defaults, f) < 0 ||
        fill_boot(d, f) < 0 || fill_cpu(d, f) < 0 || fill_interfaces(d, f) < 0 ||
        add_input(d, DOMAIN_INPUT_MOUSE, f) < 0 || add_input(d, DOMAIN_INPUT_KEYBOARD, f) < 0)
        return -1;
    if (complete_controllers(d, f) < 0 || complete_chardevs(d, f) < 0 || check_aliases(d, f) < 0)
        return -1;
    if (d->os.bios_useserial == DOMAIN_SWITCH_ON && !d->serial_count)
        return fail_set(f, VIR_ERR_XML_ERROR, "need at least one serial port to use BIOS serial output");
    return complete_pci(d, f) < 0 ? -1 : domain_check_readable(d, f);
}
