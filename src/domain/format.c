/* format.c - the document from the struct, in libvirt's order of elements. */
#include "domain/format.h"
#include <libvirt/libvirt-domain.h>
#include <stdio.h>

#define QEMU_SPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* Attributes with "on"/"off" and "yes"/"no"; absent ones write nothing. */
static void attr_on_off(struct format *o, const char *name, enum domain_switch value)
{
    xml_attr(&o->w, name, names_get(&names_on_off, value));
}

static void attr_yes_no(struct format *o, const char *name, enum domain_switch value)
{
    xml_attr(&o->w, name, names_get(&names_yes_no, value));
}

static void format_identity(struct format *o)
{
    const struct domain *d = o->d;
    xml_element(&o->w, "name", d->name);
    if (d->has_uuid) {
        char uuid[UUID_TEXT];
        uuid_format(&d->uuid, uuid);
        xml_element(&o->w, "uuid", uuid);
    }
    xml_element(&o->w, "title", d->title);
    xml_element(&o->w, "description", d->description);
    if (d->metadata)
        xml_raw(&o->w, d->metadata);
}

static void format_kib(struct format *o, const char *name, uint64_t kib, enum domain_switch dump)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)kib);
    xml_open(&o->w, name);
    attr_on_off(o, "dumpCore", dump);
    xml_attr(&o->w, "unit", "KiB");
    xml_close_text(&o->w, text);
}

static void format_resources(struct format *o)
{
    const struct domain *d = o->d;
    char vcpus[12];
    format_kib(o, "memory", d->memory_kib, d->dump_core);
    format_kib(o, "currentMemory", d->current_memory_kib, DOMAIN_SWITCH_ABSENT);
    snprintf(vcpus, sizeof(vcpus), "%u", d->vcpus);
    xml_open(&o->w, "vcpu");
    xml_attr(&o->w, "placement", "static");
    xml_close_text(&o->w, vcpus);
    if (d->resource)
        xml_raw(&o->w, d->resource);
}

static void format_bios(struct format *o, const struct domain_os *os)
{
    if (!os->bios_useserial && !os->has_reboot_timeout)
        return;
    xml_open(&o->w, "bios");
    attr_yes_no(o, "useserial", os->bios_useserial);
    if (os->has_reboot_timeout)
        xml_attr_i64(&o->w, "rebootTimeout", os->reboot_timeout);
    xml_close(&o->w);
}

static void format_os(struct format *o)
{
    const struct domain_os *os = &o->d->os;
    xml_open(&o->w, "os");
    xml_open(&o->w, "type");
    xml_attr(&o->w, "arch", "x86_64");
    xml_attr(&o->w, "machine", os->machine);
    xml_close_text(&o->w, "hvm");
    xml_element(&o->w, "kernel", os->kernel);
    xml_element(&o->w, "initrd", os->initrd);
    xml_element(&o->w, "cmdline", os->cmdline);
    for (size_t i = 0; i < os->boot_count; i++) {
        xml_open(&o->w, "boot");
        xml_attr(&o->w, "dev", names_get(&names_boot, os->boot[i]));
        xml_close(&o->w);
    }
    if (os->boot_menu) {
        xml_open(&o->w, "bootmenu");
        attr_yes_no(o, "enable", os->boot_menu);
        if (os->has_boot_menu_timeout)
            xml_attr_u64(&o->w, "timeout", os->boot_menu_timeout);
        xml_close(&o->w);
    }
    format_bios(o, os);
    xml_close(&o->w);
}

static void format_feature_state(struct format *o, const char *name, enum domain_switch state)
{
    if (!state)
        return;
    xml_open(&o->w, name);
    attr_on_off(o, "state", state);
    xml_close(&o->w);
}

static void format_features(struct format *o)
{
    const struct domain_features *features = &o->d->features;
    if (!features->acpi && !features->apic && !features->pae && !features->hap && !features->pmu &&
        !features->vmport && !features->smm)
        return;
    xml_open(&o->w, "features");
    if (features->acpi)
        xml_empty(&o->w, "acpi");
    if (features->apic)
        xml_empty(&o->w, "apic");
    if (features->pae)
        xml_empty(&o->w, "pae");
    format_feature_state(o, "hap", features->hap);
    format_feature_state(o, "pmu", features->pmu);
    format_feature_state(o, "vmport", features->vmport);
    format_feature_state(o, "smm", features->smm);
    xml_close(&o->w);
}

static void format_cpu_model(struct format *o, const struct domain_cpu *cpu)
{
    if (!cpu->model && !cpu->fallback && !cpu->vendor_id)
        return;
    xml_open(&o->w, "model");
    xml_attr(&o->w, "fallback", names_get(&names_cpu_fallback, cpu->fallback));
    xml_attr(&o->w, "vendor_id", cpu->vendor_id);
    if (cpu->model)
        xml_close_text(&o->w, cpu->model);
    else
        xml_close(&o->w);
}

static void format_topology(struct format *o, const struct domain_cpu *cpu)
{
    if (!cpu->sockets)
        return;
    xml_open(&o->w, "topology");
    xml_attr_u64(&o->w, "sockets", cpu->sockets);
    xml_attr_u64(&o->w, "dies", cpu->dies);
    xml_attr_u64(&o->w, "cores", cpu->cores);
    xml_attr_u64(&o->w, "threads", cpu->threads);
    xml_close(&o->w);
}

static void format_cpu(struct format *o)
{
    const struct domain_cpu *cpu = &o->d->cpu;
    if (cpu->mode == DOMAIN_CPU_NONE)
        return;
    xml_open(&o->w, "cpu");
    xml_attr(&o->w, "mode", names_get(&names_cpu_mode, cpu->mode));
    xml_attr(&o->w, "match", names_get(&names_cpu_match, cpu->match));
    xml_attr(&o->w, "check", names_get(&names_cpu_check, cpu->check));
    attr_on_off(o, "migratable", cpu->migratable);
    format_cpu_model(o, cpu);
    xml_element(&o->w, "vendor", cpu->vendor);
    format_topology(o, cpu);
    for (size_t i = 0; i < cpu->feature_count; i++) {
        xml_open(&o->w, "feature");
        xml_attr(&o->w, "policy", names_get(&names_cpu_policy, cpu->features[i].policy));
        xml_attr(&o->w, "name", cpu->features[i].name);
        xml_close(&o->w);
    }
    xml_close(&o->w);
}

static void format_offset(struct format *o, const struct domain_clock *clock)
{
    xml_attr(&o->w, "offset", names_get(&names_clock_offset, clock->offset));
    switch (clock->offset) {
    case DOMAIN_CLOCK_UTC:
    case DOMAIN_CLOCK_LOCALTIME:
        xml_attr(&o->w, "adjustment", clock->reset ? "reset" : NULL);
        return;
    case DOMAIN_CLOCK_VARIABLE:
        xml_attr_i64(&o->w, "adjustment", clock->adjustment);
        xml_attr(&o->w, "basis", names_get(&names_clock_basis, clock->basis));
        if (o->complete)
            xml_attr_i64(&o->w, "adjustment0", clock->adjustment_at_start);
        return;
    case DOMAIN_CLOCK_TIMEZONE:
        xml_attr(&o->w, "timezone", clock->timezone);
        return;
    case DOMAIN_CLOCK_ABSOLUTE:
        xml_attr_u64(&o->w, "start", clock->start);
        return;
    }
}

static void format_clock(struct format *o)
{
    const struct domain_clock *clock = &o->d->clock;
    xml_open(&o->w, "clock");
    format_offset(o, clock);
    for (size_t i = 0; i < clock->timer_count; i++) {
        const struct domain_timer *t = &clock->timers[i];
        xml_open(&o->w, "timer");
        xml_attr(&o->w, "name", names_get(&names_timer, t->name));
        attr_yes_no(o, "present", t->present);
        xml_attr(&o->w, "tickpolicy", names_get(&names_tick, t->tickpolicy));
        xml_attr(&o->w, "track", names_get(&names_track, t->track));
        if (t->frequency)
            xml_attr_u64(&o->w, "frequency", t->frequency);
        xml_close(&o->w);
    }
    xml_close(&o->w);
}

static void format_pm_switch(struct format *o, const char *name, enum domain_switch value)
{
    if (!value)
        return;
    xml_open(&o->w, name);
    attr_yes_no(o, "enabled", value);
    xml_close(&o->w);
}

static void format_life(struct format *o)
{
    const struct domain *d = o->d;
    xml_element(&o->w, "on_poweroff", names_get(&names_action, d->on_poweroff));
    xml_element(&o->w, "on_reboot", names_get(&names_action, d->on_reboot));
    xml_element(&o->w, "on_crash", names_get(&names_action, d->on_crash));
    if (!d->pm_suspend_to_mem && !d->pm_suspend_to_disk)
        return;
    xml_open(&o->w, "pm");
    format_pm_switch(o, "suspend-to-mem", d->pm_suspend_to_mem);
    format_pm_switch(o, "suspend-to-disk", d->pm_suspend_to_disk);
    xml_close(&o->w);
}

static void format_commandline(struct format *o)
{
    const struct domain *d = o->d;
    if (!d->qemu_arg_count && !d->qemu_env_count)
        return;
    xml_open(&o->w, "qemu:commandline");
    for (size_t i = 0; i < d->qemu_arg_count; i++) {
        xml_open(&o->w, "qemu:arg");
        xml_attr(&o->w, "value", d->qemu_args[i]);
        xml_close(&o->w);
    }
    for (size_t i = 0; i < d->qemu_env_count; i++) {
        xml_open(&o->w, "qemu:env");
        xml_attr(&o->w, "name", d->qemu_env[i].name);
        xml_attr(&o->w, "value", d->qemu_env[i].value);
        xml_close(&o->w);
    }
    xml_close(&o->w);
}

static void format_label(struct format *o, enum domain_label model)
{
    xml_open(&o->w, "seclabel");
    xml_attr(&o->w, "type", "none");
    xml_attr(&o->w, "model", names_get(&names_label, model));
    xml_close(&o->w);
}

static void format_domain(struct format *o)
{
    const struct domain *d = o->d;
    xml_open(&o->w, "domain");
    xml_attr(&o->w, "type", names_get(&names_virt, d->virt));
    if (o->live && d->id >= 0)
        xml_attr_i64(&o->w, "id", d->id);
    if (d->qemu_arg_count || d->qemu_env_count)
        xml_attr(&o->w, "xmlns:qemu", QEMU_SPACE);
    format_identity(o);
    format_resources(o);
    format_os(o);
    format_features(o);
    format_cpu(o);
    format_clock(o);
    format_life(o);
    format_devices(o);
    for (unsigned model = DOMAIN_LABEL_NONE; model <= DOMAIN_LABEL_APPARMOR; model++)
        if (d->labels & 1u << model)
            format_label(o, model);
    format_commandline(o);
    xml_close(&o->w);
}

int domain_format(const struct domain *d, unsigned flags, struct buffer *out, struct fail *f)
{
    const unsigned known = VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE |
                           VIR_DOMAIN_XML_UPDATE_CPU | VIR_DOMAIN_XML_MIGRATABLE | FORMAT_COMPLETE;
    if (flags & ~known)
        return fail_set(f, VIR_ERR_INVALID_ARG, "unsupported flags (0x%x) of a domain's XML",
                        flags & ~known);
    bool complete = flags & FORMAT_COMPLETE;
    bool migratable = flags & VIR_DOMAIN_XML_MIGRATABLE;
    struct format o = {
        .d = d,
        .w = {.out = out},
        .complete = complete,
        .live = complete || (d->id >= 0 && !migratable && !(flags & VIR_DOMAIN_XML_INACTIVE)),
        .migratable = migratable && !complete,
    };
    format_domain(&o);
    return xml_writer_end(&o.w, f) < 0 ? fail_prefix(f, "domain %s", d->name) : 0;
}
