/* capabilities_domain.c - `virsh domcapabilities`: what a domain on one machine may have.
 *
 * Clients (virt-install, virt-manager) read it to choose devices, so it lists exactly what the
 * domain parser takes, and "no" for the kinds of devices that it refuses.
 */
#include "domain/capabilities.h"
#include "util/xml.h"
#include <string.h>

static void write_supported(struct xml_writer *w, const char *name, bool supported)
{
    xml_open(w, name);
    xml_attr(w, "supported", supported ? "yes" : "no");
}

static void write_no(struct xml_writer *w, const char *name)
{
    write_supported(w, name, false);
    xml_close(w);
}

/* `values` ends with NULL. */
static void write_enum(struct xml_writer *w, const char *name, const char *const *values)
{
    xml_open(w, "enum");
    xml_attr(w, "name", name);
    for (; *values; values++)
        xml_element(w, "value", *values);
    xml_close(w);
}

#define ENUM(w, name, ...)                                                                         \
    write_enum(w, name, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void write_os(struct xml_writer *w)
{
    write_supported(w, "os", true);
    ENUM(w, "firmware");
    write_no(w, "loader");
    xml_close(w);
}

/* ---- cpu ---- */

static void write_mode(struct xml_writer *w, const char *name, bool supported,
                       const char *migratable)
{
    xml_open(w, "mode");
    xml_attr(w, "name", name);
    xml_attr(w, "supported", supported ? "yes" : "no");
    if (supported && migratable)
        ENUM(w, migratable, "on", "off");
    xml_close(w);
}

/* "EPYC-v2" is a version of EPYC; documents name models without it. "base" is a building block. */
static bool is_model(const char *name)
{
    static const char *const others[] = {"max", "host", "base"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strcmp(name, others[i]))
            return false;
    const char *dash = strrchr(name, '-');
    return !(dash && dash[1] == 'v' && dash[2] && !dash[2 + strspn(dash + 2, "0123456789")]);
}

static const char *usable_name(enum emulator_usable usable)
{
    switch (usable) {
    case EMULATOR_USABLE_UNKNOWN:
        return "unknown";
    case EMULATOR_USABLE_YES:
        return "yes";
    case EMULATOR_USABLE_NO:
        return "no";
    }
    return "unknown";
}

static void write_models(struct xml_writer *w, const struct emulator *e, enum emulator_accel accel)
{
    xml_open(w, "mode");
    xml_attr(w, "name", "custom");
    xml_attr(w, "supported", "yes");
    for (size_t i = 0; i < e->cpu_count; i++) {
        const struct emulator_cpu *cpu = &e->cpus[i];
        if (!is_model(cpu->name))
            continue;
        xml_open(w, "model");
        xml_attr(w, "usable", usable_name(cpu->with[accel].usable));
        if (cpu->deprecated)
            xml_attr(w, "deprecated", "yes");
        xml_close_text(w, cpu->name);
    }
    xml_close(w);
}

static void write_cpu(struct xml_writer *w, const struct emulator *e, enum domain_virt virt)
{
    enum emulator_accel accel = virt == DOMAIN_VIRT_KVM ? EMULATOR_KVM : EMULATOR_TCG;
    xml_open(w, "cpu");
    write_mode(w, "host-passthrough", virt == DOMAIN_VIRT_KVM, "hostPassthroughMigratable");
    write_mode(w, "maximum", emulator_find_cpu(e, "max") != NULL, "maximumMigratable");
    write_mode(w, "host-model", e->host_cpu[accel].features.count != 0, NULL);
    write_models(w, e, accel);
    xml_close(w);
}

/* ---- devices ---- */

static void write_devices(struct xml_writer *w)
{
    xml_open(w, "devices");
    write_supported(w, "disk", true);
    ENUM(w, "diskDevice", "disk");
    ENUM(w, "bus", "virtio");
    ENUM(w, "model", "virtio");
    xml_close(w);
    write_no(w, "graphics");
    write_no(w, "video");
    write_no(w, "hostdev");
    write_supported(w, "rng", true);
    ENUM(w, "model", "virtio");
    ENUM(w, "backendModel", "random", "builtin");
    xml_close(w);
    write_no(w, "filesystem");
    write_no(w, "tpm");
    write_no(w, "redirdev");
    write_supported(w, "channel", true);
    ENUM(w, "type", "pty", "unix");
    xml_close(w);
    xml_close(w);
}

static void write_features(struct xml_writer *w)
{
    static const char *const absent[] = {"backup", "sev", "sgx", "hyperv"};
    xml_open(w, "features");
    write_no(w, "gic");
    write_no(w, "vmcoreinfo");
    write_no(w, "genid");
    xml_open(w, "backingStoreInput");
    xml_attr(w, "supported", "yes");
    xml_close(w);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        write_no(w, absent[i]);
    xml_close(w);
}

int domcapabilities_format(const struct emulator *e, const char *machine_name,
                           enum domain_virt virt, struct buffer *out, struct fail *f)
{
    const struct emulator_machine *machine =
        machine_name ? emulator_find_machine(e, machine_name) : emulator_default_machine(e);
    if (!machine)
        return fail_set(f, VIR_ERR_INVALID_ARG, "the machine '%s' is not supported by emulator %s",
                        machine_name, e->path);
    if (virt == DOMAIN_VIRT_KVM && !e->kvm_enabled)
        return fail_set(f, VIR_ERR_INVALID_ARG, "KVM is not usable with emulator %s on this host",
                        e->path);
    struct xml_writer w = {.out = out};
    xml_open(&w, "domainCapabilities");
    xml_element(&w, "path", e->path);
    xml_element(&w, "domain", virt == DOMAIN_VIRT_KVM ? "kvm" : "qemu");
    xml_element(&w, "machine", machine->name);
    xml_element(&w, "arch", e->arch);
    xml_open(&w, "vcpu");
    bool fewer = machine->max_cpus < DOMAIN_VCPUS_MAX;
    xml_attr_u64(&w, "max", fewer ? machine->max_cpus : DOMAIN_VCPUS_MAX);
    xml_close(&w);
    write_no(&w, "iothreads");
    write_os(&w);
    write_cpu(&w, e, virt);
    write_no(&w, "memoryBacking");
    write_devices(&w);
    write_features(&w);
    xml_close(&w);
    return xml_writer_end(&w, f);
}
