/* abi.c - may one definition take over a guest that runs with another?
 *
 * Compared is what the guest sees or what QEMU's stream depends on: machine, memory, CPUs, each
 * device with its model and address. Not compared is what belongs to a host: paths, taps, caches,
 * chardev back ends, the emulator's path. The name may change too (libvirt's --dname).
 */
#include "domain/domain.h"
#include "domain/names.h"
#include <stdio.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int differ(struct fail *f, const char *what, const char *from, const char *to)
{
    return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                    "target domain %s '%.200s' does not match source '%.200s'", what,
                    to ? to : "none", from ? from : "none");
}

static int differ_number(struct fail *f, const char *what, uint64_t from, uint64_t to)
{
    return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                    "target domain %s %llu does not match source %llu", what,
                    (unsigned long long)to, (unsigned long long)from);
}

#define CHECK_NUMBER(what, field)                                                                  \
    if (from->field != to->field)                                                                  \
    return differ_number(f, what, (uint64_t)from->field, (uint64_t)to->field)
#define CHECK_STRING(what, field)                                                                  \
    if (!same(from->field, to->field))                                                             \
    return differ(f, what, from->field, to->field)
#define CHECK_NAME(what, field, names)                                                             \
    if (from->field != to->field)                                                                  \
    return differ(f, what, names_get(&(names), from->field), names_get(&(names), to->field))

static void address_text(const struct domain_address *a, char *ret_text, size_t size)
{
    switch (a->type) {
    case DOMAIN_ADDRESS_NONE:
        snprintf(ret_text, size, "none");
        return;
    case DOMAIN_ADDRESS_PCI:
        snprintf(ret_text, size, "pci %04x:%02x:%02x.%x%s", a->pci.domain, a->pci.bus, a->pci.slot,
                 a->pci.function, a->pci.multifunction == DOMAIN_SWITCH_ON ? " multifunction" : "");
        return;
    case DOMAIN_ADDRESS_VIRTIO_SERIAL:
        snprintf(ret_text, size, "virtio-serial %u:%u:%u", a->vserial.controller, a->vserial.bus,
                 a->vserial.port);
        return;
    }
}

static int check_address(const char *what, const struct domain_device *from,
                         const struct domain_device *to, struct fail *f)
{
    char a[64], b[64], text[160];
    address_text(&from->address, a, sizeof(a));
    address_text(&to->address, b, sizeof(b));
    if (strcmp(a, b) == 0)
        return 0;
    snprintf(text, sizeof(text), "%s address", what);
    return differ(f, text, a, b);
}

static int check_cpu(const struct domain_cpu *from, const struct domain_cpu *to, struct fail *f)
{
    CHECK_NAME("CPU mode", mode, names_cpu_mode);
    CHECK_STRING("CPU model", model);
    CHECK_STRING("CPU vendor_id", vendor_id);
    CHECK_NUMBER("CPU sockets", sockets);
    CHECK_NUMBER("CPU dies", dies);
    CHECK_NUMBER("CPU cores", cores);
    CHECK_NUMBER("CPU threads", threads);
    CHECK_NUMBER("CPU feature count", feature_count);
    for (size_t i = 0; i < from->feature_count; i++) {
        size_t j = 0;
        while (j < to->feature_count && strcmp(from->features[i].name, to->features[j].name) != 0)
            j++;
        if (j == to->feature_count)
            return differ(f, "CPU feature", from->features[i].name, NULL);
        if (from->features[i].policy != to->features[j].policy)
            return differ(f, "CPU feature policy",
                          names_get(&names_cpu_policy, from->features[i].policy),
                          names_get(&names_cpu_policy, to->features[j].policy));
    }
    return 0;
}

static int check_clock(const struct domain_clock *from, const struct domain_clock *to,
                       struct fail *f)
{
    CHECK_NAME("clock offset", offset, names_clock_offset);
    CHECK_NUMBER("timer count", timer_count);
    for (size_t i = 0; i < from->timer_count; i++) {
        const struct domain_timer *a = &from->timers[i], *b = &to->timers[i];
        if (a->name != b->name || a->present != b->present || a->tickpolicy != b->tickpolicy ||
            a->frequency != b->frequency)
            return differ(f, "timer", names_get(&names_timer, a->name),
                          names_get(&names_timer, b->name));
    }
    return 0;
}

static int check_machine(const struct domain *from, const struct domain *to, struct fail *f)
{
    if (!uuid_equal(&from->uuid, &to->uuid)) {
        char a[UUID_TEXT], b[UUID_TEXT];
        uuid_format(&from->uuid, a);
        uuid_format(&to->uuid, b);
        return differ(f, "uuid", a, b);
    }
    CHECK_NAME("virt type", virt, names_virt);
    CHECK_NUMBER("memory (KiB)", memory_kib);
    CHECK_NUMBER("vCPU count", vcpus);
    CHECK_STRING("OS machine", os.machine);
    CHECK_NUMBER("feature acpi", features.acpi);
    CHECK_NUMBER("feature apic", features.apic);
    CHECK_NUMBER("feature pae", features.pae);
    CHECK_NAME("feature pmu", features.pmu, names_on_off);
    CHECK_NAME("feature vmport", features.vmport, names_on_off);
    CHECK_NAME("feature smm", features.smm, names_on_off);
    CHECK_NAME("pm suspend-to-mem", pm_suspend_to_mem, names_yes_no);
    CHECK_NAME("pm suspend-to-disk", pm_suspend_to_disk, names_yes_no);
    return check_cpu(&from->cpu, &to->cpu, f) < 0 ? -1 : check_clock(&from->clock, &to->clock, f);
}

static int check_disk(const struct domain_disk *from, const struct domain_disk *to, struct fail *f)
{
    CHECK_STRING("disk serial", serial);
    CHECK_NUMBER("disk queues", queues);
    CHECK_NUMBER("disk readonly", readonly);
    return check_address("disk", &from->dev, &to->dev, f);
}

static int check_controller(const struct domain_controller *from,
                            const struct domain_controller *to, struct fail *f)
{
    CHECK_NAME("controller model", model, names_controller_model);
    CHECK_NUMBER("controller ports", ports);
    CHECK_NUMBER("controller vectors", vectors);
    CHECK_NUMBER("controller chassis", chassis);
    CHECK_NUMBER("controller port", port);
    CHECK_NUMBER("controller chassisNr", chassis_nr);
    CHECK_NAME("controller hotplug", hotplug, names_on_off);
    return check_address("controller", &from->dev, &to->dev, f);
}

/* The order in the document may differ: the target names a disk. */
static int check_disks(const struct domain *from, const struct domain *to, struct fail *f)
{
    CHECK_NUMBER("disk count", disk_count);
    for (size_t i = 0; i < from->disk_count; i++) {
        const struct domain_disk *other = domain_find_disk(to, from->disks[i].target);
        if (!other)
            return differ(f, "disk", from->disks[i].target, NULL);
        if (check_disk(&from->disks[i], other, f) < 0)
            return -1;
    }
    return 0;
}

/* Type and index name a controller. */
static int check_controllers(const struct domain *from, const struct domain *to, struct fail *f)
{
    CHECK_NUMBER("controller count", controller_count);
    for (size_t i = 0; i < from->controller_count; i++) {
        const struct domain_controller *a = &from->controllers[i];
        const struct domain_controller *b = domain_find_controller(to, a->type, a->index);
        if (!b)
            return differ(f, "controller", domain_controller_type_name(a->type), NULL);
        if (check_controller(a, b, f) < 0)
            return -1;
    }
    return 0;
}

static int check_interface(const struct domain_interface *from, const struct domain_interface *to,
                           struct fail *f)
{
    if (memcmp(from->mac, to->mac, sizeof(from->mac)) != 0) {
        char a[18], b[18];
        const uint8_t *m = from->mac, *n = to->mac;
        snprintf(a, sizeof(a), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        snprintf(b, sizeof(b), "%02x:%02x:%02x:%02x:%02x:%02x", n[0], n[1], n[2], n[3], n[4], n[5]);
        return differ(f, "network card mac", a, b);
    }
    CHECK_NAME("network card model", model, names_nic);
    return check_address("network card", &from->dev, &to->dev, f);
}

static int check_channel(const struct domain_channel *from, const struct domain_channel *to,
                         struct fail *f)
{
    CHECK_STRING("channel name", name);
    return check_address("channel", &from->dev, &to->dev, f);
}

static int check_chardevs(const struct domain *from, const struct domain *to, struct fail *f)
{
    CHECK_NUMBER("serial port count", serial_count);
    for (size_t i = 0; i < from->serial_count; i++)
        if (from->serials[i].port != to->serials[i].port)
            return differ_number(f, "serial port", (uint64_t)from->serials[i].port,
                                 (uint64_t)to->serials[i].port);
    CHECK_NUMBER("console count", console_count);
    for (size_t i = 0; i < from->console_count; i++) {
        if (from->consoles[i].target != to->consoles[i].target)
            return differ(f, "console target",
                          names_get(&names_console_target, from->consoles[i].target),
                          names_get(&names_console_target, to->consoles[i].target));
        if (check_address("console", &from->consoles[i].dev, &to->consoles[i].dev, f) < 0)
            return -1;
    }
    CHECK_NUMBER("channel count", channel_count);
    for (size_t i = 0; i < from->channel_count; i++)
        if (check_channel(&from->channels[i], &to->channels[i], f) < 0)
            return -1;
    return 0;
}

static int check_small(const struct domain *from, const struct domain *to, struct fail *f)
{
    CHECK_NAME("memory balloon model", balloon.model, names_balloon);
    CHECK_NAME("memory balloon autodeflate", balloon.autodeflate, names_on_off);
    CHECK_NAME("memory balloon freePageReporting", balloon.free_page_reporting, names_on_off);
    if (check_address("memory balloon", &from->balloon.dev, &to->balloon.dev, f) < 0)
        return -1;
    CHECK_NUMBER("rng count", rng_count);
    for (size_t i = 0; i < from->rng_count; i++)
        if (check_address("rng", &from->rngs[i].dev, &to->rngs[i].dev, f) < 0)
            return -1;
    return 0;
}

int domain_check_abi(const struct domain *from, const struct domain *to, struct fail *f)
{
    if (check_machine(from, to, f) < 0 || check_disks(from, to, f) < 0 ||
        check_controllers(from, to, f) < 0)
        return -1;
    CHECK_NUMBER("network card count", interface_count);
    for (size_t i = 0; i < from->interface_count; i++)
        if (check_interface(&from->interfaces[i], &to->interfaces[i], f) < 0)
            return -1;
    return check_chardevs(from, to, f) < 0 ? -1 : check_small(from, to, f);
}
