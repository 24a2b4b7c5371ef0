/* capabilities.c - `virsh capabilities`: the host, and the guests that it can run. */
#include "domain/capabilities.h"
#include "util/xml.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- host ---- */

/* What the kernel says of the first processor. */
static void write_processor(struct xml_writer *w, const struct host_info *host)
{
    if (host->microcode) {
        xml_open(w, "microcode");
        xml_attr_u64(w, "version", host->microcode);
        xml_close(w);
    }
    if (host->has_signature) {
        xml_open(w, "signature");
        xml_attr_u64(w, "family", host->family);
        xml_attr_u64(w, "model", host->model);
        xml_attr_u64(w, "stepping", host->stepping);
        xml_close(w);
    }
}

/* No <model> and no <feature>: which of libvirt's models a processor is, and which features it has beyond
 * that, is a judgement by libvirt's own catalogue of them, which changes from version to version. A name
 * from another source would be taken for one of those. No <counter> either: its frequency is KVM's to say,
 * to who makes a virtual machine. */
static void write_cpu(struct xml_writer *w, const struct host_info *host)
{
    struct host_topology topology;
    host_info_topology(host, &topology);
    xml_open(w, "cpu");
    xml_element(w, "arch", host->arch);
    xml_element(w, "vendor", host->vendor);
    write_processor(w, host);
    xml_open(w, "topology");
    xml_attr_u64(w, "sockets", topology.sockets);
    xml_attr_u64(w, "dies", 1);
    xml_attr_u64(w, "cores", topology.cores);
    xml_attr_u64(w, "threads", topology.threads);
    xml_close(w);
    if (host->physical_bits) {
        xml_open(w, "maxphysaddr");
        xml_attr(w, "mode", "emulate");
        xml_attr_u64(w, "bits", host->physical_bits);
        xml_close(w);
    }
    for (size_t i = 0; i < host->page_size_count; i++) {
        xml_open(w, "pages");
        xml_attr(w, "unit", "KiB");
        xml_attr_u64(w, "size", host->page_kib[i]);
        xml_close(w);
    }
    xml_close(w);
}

static void write_migration(struct xml_writer *w)
{
    xml_open(w, "migration_features");
    xml_empty(w, "live");
    xml_open(w, "uri_transports");
    xml_element(w, "uri_transport", "tcp");
    xml_element(w, "uri_transport", "unix");
    xml_close(w);
    xml_close(w);
}

/* The processors that share a core, as a list: "0,4". */
static void write_siblings(struct xml_writer *w, const struct host_info *host,
                           const struct host_cpu *cpu)
{
    char text[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < host->cpu_count && used + 12 < sizeof(text); i++) {
        const struct host_cpu *other = &host->cpus[i];
        if (other->socket == cpu->socket && other->core == cpu->core && other->cell == cpu->cell)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", used ? "," : "",
                                     other->id);
    }
    xml_attr(w, "siblings", text);
}

static void write_cell_cpus(struct xml_writer *w, const struct host_info *host, unsigned cell)
{
    unsigned count = 0;
    for (size_t i = 0; i < host->cpu_count; i++)
        count += host->cpus[i].cell == cell;
    xml_open(w, "cpus");
    xml_attr_u64(w, "num", count);
    for (size_t i = 0; i < host->cpu_count; i++) {
        const struct host_cpu *cpu = &host->cpus[i];
        if (cpu->cell != cell)
            continue;
        xml_open(w, "cpu");
        xml_attr_u64(w, "id", cpu->id);
        xml_attr_u64(w, "socket_id", cpu->socket);
        xml_attr_u64(w, "die_id", 0);
        xml_attr_u64(w, "core_id", cpu->core);
        write_siblings(w, host, cpu);
        xml_close(w);
    }
    xml_close(w);
}

static void write_cells(struct xml_writer *w, const struct host_info *host)
{
    xml_open(w, "topology");
    xml_open(w, "cells");
    xml_attr_u64(w, "num", host->cell_count);
    for (size_t i = 0; i < host->cell_count; i++) {
        char memory[24];
        xml_open(w, "cell");
        xml_attr_u64(w, "id", host->cells[i].id);
        snprintf(memory, sizeof(memory), "%" PRIu64, host->cells[i].memory_kib);
        xml_open(w, "memory");
        xml_attr(w, "unit", "KiB");
        xml_close_text(w, memory);
        write_cell_cpus(w, host, host->cells[i].id);
        xml_close(w);
    }
    xml_close(w);
    xml_close(w);
}

static void write_secmodel(struct xml_writer *w)
{
    xml_open(w, "secmodel");
    xml_element(w, "model", "none");
    xml_element(w, "doi", "0");
    xml_close(w);
}

static void write_host(struct xml_writer *w, const struct capabilities *c)
{
    char uuid[UUID_TEXT];
    uuid_format(&c->host_uuid, uuid);
    xml_open(w, "host");
    xml_element(w, "uuid", uuid);
    write_cpu(w, c->host);
    xml_empty(w, "power_management");
    xml_open(w, "iommu");
    xml_attr(w, "support", "no");
    xml_close(w);
    write_migration(w);
    write_cells(w, c->host);
    write_secmodel(w);
    xml_close(w);
}

/* ---- guests ---- */

static void write_machine(struct xml_writer *w, const struct emulator_machine *machine,
                          const char *name)
{
    xml_open(w, "machine");
    if (name != machine->name)
        xml_attr(w, "canonical", machine->name);
    xml_attr_u64(w, "maxCpus", machine->max_cpus);
    if (machine->deprecated)
        xml_attr(w, "deprecated", "yes");
    xml_close_text(w, name);
}

static void write_machine_and_alias(struct xml_writer *w, const struct emulator_machine *machine)
{
    write_machine(w, machine, machine->name);
    if (machine->alias)
        write_machine(w, machine, machine->alias);
}

/* The default comes first: clients take the first one for it. */
static void write_machines(struct xml_writer *w, const struct emulator *e)
{
    const struct emulator_machine *first = emulator_default_machine(e);
    write_machine_and_alias(w, first);
    for (size_t i = 0; i < e->machine_count; i++)
        if (&e->machines[i] != first)
            write_machine_and_alias(w, &e->machines[i]);
}

static void write_domain_type(struct xml_writer *w, const char *type)
{
    xml_open(w, "domain");
    xml_attr(w, "type", type);
    xml_close(w);
}

static void write_guest_features(struct xml_writer *w)
{
    xml_open(w, "features");
    xml_open(w, "acpi");
    xml_attr(w, "default", "on");
    xml_attr(w, "toggle", "yes");
    xml_close(w);
    xml_open(w, "apic");
    xml_attr(w, "default", "on");
    xml_attr(w, "toggle", "no");
    xml_close(w);
    xml_empty(w, "cpuselection");
    xml_empty(w, "deviceboot");
    xml_close(w);
}

static void write_guest(struct xml_writer *w, const struct emulator *e)
{
    xml_open(w, "guest");
    xml_element(w, "os_type", "hvm");
    xml_open(w, "arch");
    xml_attr(w, "name", e->arch);
    xml_element(w, "wordsize", strstr(e->arch, "64") ? "64" : "32");
    xml_element(w, "emulator", e->path);
    write_machines(w, e);
    write_domain_type(w, "qemu");
    if (e->kvm_enabled)
        write_domain_type(w, "kvm");
    xml_close(w);
    write_guest_features(w);
    xml_close(w);
}

int capabilities_format(const struct capabilities *c, struct buffer *out, struct fail *f)
{
    struct xml_writer w = {.out = out};
    xml_open(&w, "capabilities");
    write_host(&w, c);
    for (size_t i = 0; i < c->emulator_count; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++)
            again = again || !strcmp(c->emulators[j]->arch, c->emulators[i]->arch);
        if (!again)
            write_guest(&w, c->emulators[i]);
    }
    xml_close(&w);
    return xml_writer_end(&w, f);
}
