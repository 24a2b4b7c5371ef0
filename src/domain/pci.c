/* pci.c - a PCI address for every device that needs one, where libvirt would put it.
 *
 * The bus numbers are the indexes of the pci controllers. A first, dry run reserves what is given,
 * hands out the rest and adds buses where there is no room; the controllers of the new buses are
 * then added to the domain and the run is repeated, because they need addresses themselves, until
 * nothing is added any more. The last run writes the addresses.
 *
 *   q35  a PCIe device wants a bus that can be hot plugged into: a root port of its own. Root ports
 *        share slots of pcie-root, eight functions each. A device of old PCI needs a bridge
 *        behind a root port.
 *   pc   one bus for all; when it is full, a bridge.
 *
 * A q35 guest without any pci controller of its own gets one root port more than it uses, for
 * something to be plugged into it later; a pc guest keeps a slot for the bridge it may need.
 * Addresses given in the document may put a device where it would not be put by itself.
 */
#include "domain/complete.h"
#include "domain/parse.h"
#include <string.h>

enum {
    PCI_DEVICE = 1,
    PCIE_DEVICE = 2,
    HOTPLUG = 4,   /* the device wants it, the bus has it */
    ROOT_PORT = 8, /* what follows are controllers */
    PCIE_TO_PCI = 16,
    PCI_BRIDGE = 32,
    AGGREGATE = 64, /* several share a slot, a function each */
    ENDPOINT = PCI_DEVICE | PCIE_DEVICE,
    KINDS = ENDPOINT | ROOT_PORT | PCIE_TO_PCI | PCI_BRIDGE,
};
enum { BUSES_MAX = 256, SLOTS = 32 };

struct bus {
    enum domain_controller_model model;
    uint8_t used[SLOTS]; /* a bit a function */
    bool aggregate[SLOTS];
};

struct buses {
    struct domain *d;
    struct fail *fail;
    struct bus bus[BUSES_MAX];
    unsigned count;
    bool write; /* the last run */
};

static unsigned bus_accepts(const struct bus *b)
{
    switch (b->model) {
    case DOMAIN_MODEL_PCI_ROOT:
    case DOMAIN_MODEL_PCI_BRIDGE:
    case DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE:
        return PCI_DEVICE | PCI_BRIDGE | HOTPLUG;
    case DOMAIN_MODEL_PCIE_ROOT:
        return PCIE_DEVICE | ROOT_PORT;
    case DOMAIN_MODEL_PCIE_ROOT_PORT:
        return PCIE_DEVICE | PCIE_TO_PCI | HOTPLUG;
    case DOMAIN_MODEL_DEFAULT:
    case DOMAIN_MODEL_USB_NONE:
    case DOMAIN_MODEL_USB_PIIX3_UHCI:
    case DOMAIN_MODEL_USB_QEMU_XHCI:
        return 0;
    }
    return 0;
}

static unsigned first_slot(const struct bus *b)
{
    return b->model == DOMAIN_MODEL_PCIE_ROOT_PORT ? 0 : 1;
}

static unsigned last_slot(const struct bus *b)
{
    return b->model == DOMAIN_MODEL_PCIE_ROOT_PORT ? 0 : SLOTS - 1;
}

static unsigned controller_wants(const struct domain *d, const struct domain_controller *c)
{
    unsigned pcie = domain_is_q35(d) ? PCIE_DEVICE | HOTPLUG : PCI_DEVICE | HOTPLUG;
    if (c->type == DOMAIN_CONTROLLER_VIRTIO_SERIAL)
        return pcie;
    switch (c->model) {
    case DOMAIN_MODEL_PCIE_ROOT_PORT:
        return ROOT_PORT | AGGREGATE;
    case DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE:
        return PCIE_TO_PCI;
    case DOMAIN_MODEL_PCI_BRIDGE:
        return PCI_BRIDGE;
    case DOMAIN_MODEL_USB_QEMU_XHCI:
        return pcie;
    case DOMAIN_MODEL_USB_PIIX3_UHCI:
        return PCI_DEVICE | HOTPLUG;
    case DOMAIN_MODEL_DEFAULT: /* ide, sata: built in */
    case DOMAIN_MODEL_PCI_ROOT:
    case DOMAIN_MODEL_PCIE_ROOT:
    case DOMAIN_MODEL_USB_NONE:
        return 0;
    }
    return 0;
}

static unsigned nic_wants(const struct domain *d, const struct domain_interface *i)
{
    switch (i->model) {
    case DOMAIN_NIC_VIRTIO:
    case DOMAIN_NIC_E1000E:
        return domain_is_q35(d) ? PCIE_DEVICE | HOTPLUG : PCI_DEVICE | HOTPLUG;
    case DOMAIN_NIC_DEFAULT:
    case DOMAIN_NIC_E1000:
    case DOMAIN_NIC_RTL8139:
        return PCI_DEVICE | HOTPLUG;
    }
    return 0;
}

/* ---- buses ---- */

static int no_room(struct buses *b)
{
    return fail_set(b->fail, VIR_ERR_INTERNAL_ERROR, "no more available PCI slots");
}

static int add_bus(struct buses *b, enum domain_controller_model model)
{
    if (b->write || b->count == BUSES_MAX)
        return no_room(b);
    b->bus[b->count++] = (struct bus){.model = model};
    return 0;
}

static enum domain_controller_model usual_model(const struct buses *b)
{
    return domain_is_q35(b->d) ? DOMAIN_MODEL_PCIE_ROOT_PORT : DOMAIN_MODEL_PCI_BRIDGE;
}

/* A new bus for what found no room. An old PCI bus on q35 comes with the root port it sits in. */
static int grow(struct buses *b, unsigned wants)
{
    if (wants & ROOT_PORT)
        return no_room(b);
    if (!domain_is_q35(b->d) || !(wants & (PCI_DEVICE | PCI_BRIDGE)))
        return add_bus(b, usual_model(b));
    for (unsigned i = 0; i < b->count; i++)
        if (bus_accepts(&b->bus[i]) & PCI_BRIDGE)
            return add_bus(b, DOMAIN_MODEL_PCI_BRIDGE);
    if (add_bus(b, DOMAIN_MODEL_PCIE_ROOT_PORT) < 0)
        return -1;
    b->bus[b->count - 1].used[0] = 1;
    return add_bus(b, DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE);
}

static void mark(struct bus *bus, unsigned slot, unsigned function, unsigned wants)
{
    bus->aggregate[slot] = (wants & AGGREGATE) && (!bus->used[slot] || bus->aggregate[slot]);
    bus->used[slot] |= (uint8_t)(1u << function);
}

/* The function in this slot that the device may take; -1: none. */
static int free_function(const struct bus *bus, unsigned slot, unsigned wants)
{
    if (!bus->used[slot])
        return 0;
    if (!(wants & AGGREGATE) || !bus->aggregate[slot] || bus->used[slot] == 0xff)
        return -1;
    return __builtin_ctz(~(unsigned)bus->used[slot]);
}

static bool find_free(const struct buses *b, unsigned wants, struct domain_address *ret_address)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct bus *bus = &b->bus[i];
        unsigned accepts = bus_accepts(bus);
        if (!(accepts & wants & KINDS) || ((wants & HOTPLUG) && !(accepts & HOTPLUG)))
            continue;
        for (unsigned slot = first_slot(bus); slot <= last_slot(bus); slot++) {
            int function = free_function(bus, slot, wants);
            if (function < 0)
                continue;
            *ret_address = (struct domain_address){
                .type = DOMAIN_ADDRESS_PCI,
                .pci = {.bus = (uint8_t)i, .slot = (uint8_t)slot, .function = (uint8_t)function}};
            return true;
        }
    }
    return false;
}

static int take_next(struct buses *b, unsigned wants, struct domain_address *ret_address)
{
    if (!find_free(b, wants, ret_address) &&
        (grow(b, wants) < 0 || !find_free(b, wants, ret_address)))
        return no_room(b);
    mark(&b->bus[ret_address->pci.bus], ret_address->pci.slot, ret_address->pci.function, wants);
    return 0;
}

/* An address from the document: an endpoint may sit on any bus, a controller where it works. */
static int take_given(struct buses *b, unsigned wants, const struct domain_address *a)
{
    while (a->pci.bus >= b->count)
        if (add_bus(b, usual_model(b)) < 0)
            return -1;
    struct bus *bus = &b->bus[a->pci.bus];
    if (a->pci.slot < first_slot(bus) || a->pci.slot > last_slot(bus))
        return fail_set(b->fail, VIR_ERR_XML_ERROR,
                        "invalid PCI address 0000:%02x:%02x.%x: the slot must be %u to %u on this "
                        "bus",
                        a->pci.bus, a->pci.slot, a->pci.function, first_slot(bus), last_slot(bus));
    bool fits = wants & ENDPOINT ? bus_accepts(bus) & ENDPOINT : bus_accepts(bus) & wants & KINDS;
    if (!fits)
        return fail_set(b->fail, VIR_ERR_XML_ERROR,
                        "PCI address 0000:%02x:%02x.%x: the bus, a '%s', can't hold such a "
                        "controller",
                        a->pci.bus, a->pci.slot, a->pci.function,
                        domain_controller_model_name(bus->model));
    if (bus->used[a->pci.slot] & 1u << a->pci.function)
        return fail_set(b->fail, VIR_ERR_XML_ERROR,
                        "attempted double use of PCI address 0000:%02x:%02x.%x", a->pci.bus,
                        a->pci.slot, a->pci.function);
    mark(bus, a->pci.slot, a->pci.function, wants);
    return 0;
}

/* ---- the domain's devices, in the order in which libvirt serves them ---- */

enum pass { GIVEN, MISSING };

static int serve(struct buses *b, enum pass pass, unsigned wants, struct domain_address *a)
{
    if (!wants)
        return 0;
    if (a->type == DOMAIN_ADDRESS_PCI)
        return pass == GIVEN ? take_given(b, wants, a) : 0;
    if (pass == GIVEN)
        return 0;
    struct domain_address found;
    if (take_next(b, wants, &found) < 0)
        return -1;
    if (b->write)
        *a = found;
    return 0;
}

static int serve_controllers(struct buses *b, enum pass pass, bool pci)
{
    struct domain *d = b->d;
    for (size_t i = 0; i < d->controller_count; i++) {
        struct domain_controller *c = &d->controllers[i];
        bool built_in = !domain_is_q35(d) && c->type == DOMAIN_CONTROLLER_USB && !c->index &&
                        c->model == DOMAIN_MODEL_USB_PIIX3_UHCI;
        if (pci == (c->type == DOMAIN_CONTROLLER_PCI) && !built_in &&
            serve(b, pass, controller_wants(d, c), &c->dev.address) < 0)
            return -1;
    }
    return 0;
}

static int serve_all(struct buses *b, enum pass pass)
{
    struct domain *d = b->d;
    unsigned virtio = domain_is_q35(d) ? PCIE_DEVICE | HOTPLUG : PCI_DEVICE | HOTPLUG;
    if (serve_controllers(b, pass, true) < 0)
        return -1;
    for (size_t i = 0; i < d->interface_count; i++)
        if (serve(b, pass, nic_wants(d, &d->interfaces[i]), &d->interfaces[i].dev.address) < 0)
            return -1;
    if (serve_controllers(b, pass, false) < 0)
        return -1;
    for (size_t i = 0; i < d->disk_count; i++)
        if (serve(b, pass, virtio, &d->disks[i].dev.address) < 0)
            return -1;
    if (d->balloon.model == DOMAIN_BALLOON_VIRTIO &&
        serve(b, pass, virtio, &d->balloon.dev.address) < 0)
        return -1;
    for (size_t i = 0; i < d->rng_count; i++)
        if (serve(b, pass, virtio, &d->rngs[i].dev.address) < 0)
            return -1;
    return 0;
}

/* ---- runs ---- */

/* The buses of the controllers there are; one that is missing between them is a usual one. */
static void set_up(struct buses *b)
{
    const struct domain *d = b->d;
    memset(b->bus, 0, sizeof(b->bus));
    b->count = 0;
    for (size_t i = 0; i < d->controller_count; i++) {
        const struct domain_controller *c = &d->controllers[i];
        if (c->type != DOMAIN_CONTROLLER_PCI)
            continue;
        b->bus[c->index].model = c->model;
        if (c->index >= b->count)
            b->count = c->index + 1;
    }
    for (unsigned i = 0; i < b->count; i++)
        if (!b->bus[i].model)
            b->bus[i].model = usual_model(b);
    /* pc: ISA bridge, IDE, USB, power management; q35: LPC, SATA, SMBus */
    if (domain_is_q35(d))
        b->bus[0].used[0x1f] = 1 << 0 | 1 << 2 | 1 << 3;
    else
        b->bus[0].used[1] = 0x0f;
}

static int run(struct buses *b)
{
    set_up(b);
    return serve_all(b, GIVEN) < 0 ? -1 : serve_all(b, MISSING);
}

static int add_controllers(struct buses *b)
{
    for (unsigned i = 1; i < b->count; i++)
        if (!domain_find_controller(b->d, DOMAIN_CONTROLLER_PCI, i) &&
            !complete_add_controller(b->d, DOMAIN_CONTROLLER_PCI, b->bus[i].model, i, b->fail))
            return -1;
    return 0;
}

static bool all_have_controllers(const struct buses *b)
{
    for (unsigned i = 1; i < b->count; i++)
        if (!domain_find_controller(b->d, DOMAIN_CONTROLLER_PCI, i))
            return false;
    return true;
}

static int first_run(struct buses *b)
{
    struct domain_address spare;
    set_up(b);
    bool simple = b->count <= 1;
    if (serve_all(b, GIVEN) < 0)
        return -1;
    if (!domain_is_q35(b->d) && find_free(b, PCI_BRIDGE, &spare) &&
        take_next(b, PCI_BRIDGE, &spare) < 0)
        return -1;
    if (serve_all(b, MISSING) < 0)
        return -1;
    if (domain_is_q35(b->d) && simple && b->count > 1 &&
        take_next(b, PCIE_DEVICE | HOTPLUG, &spare) < 0)
        return -1;
    return 0;
}

/* ---- what follows from the addresses ---- */

static void set_multifunction(const struct buses *b, struct domain_address *a)
{
    if (a->type == DOMAIN_ADDRESS_PCI && !a->pci.function && !a->pci.multifunction &&
        b->bus[a->pci.bus].used[a->pci.slot] & ~1u)
        a->pci.multifunction = DOMAIN_SWITCH_ON;
}

static void set_all_multifunction(const struct buses *b)
{
    struct domain *d = b->d;
    for (size_t i = 0; i < d->controller_count; i++)
        set_multifunction(b, &d->controllers[i].dev.address);
    for (size_t i = 0; i < d->interface_count; i++)
        set_multifunction(b, &d->interfaces[i].dev.address);
    for (size_t i = 0; i < d->disk_count; i++)
        set_multifunction(b, &d->disks[i].dev.address);
    for (size_t i = 0; i < d->rng_count; i++)
        set_multifunction(b, &d->rngs[i].dev.address);
    set_multifunction(b, &d->balloon.dev.address);
}

static int set_controller(struct domain_controller *c, struct fail *f)
{
    const struct domain_address *a = &c->dev.address;
    if (c->type != DOMAIN_CONTROLLER_PCI || !c->index)
        return 0;
    if (a->pci.bus >= c->index)
        return fail_set(f, VIR_ERR_XML_ERROR,
                        "PCI controller at index %u (0x%02x) has bus='0x%02x', but bus must be "
                        "less than index",
                        c->index, c->index, a->pci.bus);
    c->model_name = domain_pci_device(c->model);
    if (c->model == DOMAIN_MODEL_PCI_BRIDGE && c->chassis_nr < 0)
        c->chassis_nr = (int)c->index;
    if (c->model == DOMAIN_MODEL_PCIE_ROOT_PORT && c->chassis < 0)
        c->chassis = (int)c->index;
    if (c->model == DOMAIN_MODEL_PCIE_ROOT_PORT && c->port < 0)
        c->port = a->pci.slot << 3 | a->pci.function;
    return 0;
}

int complete_pci(struct domain *d, struct fail *f)
{
    struct buses b = {.d = d, .fail = f};
    if (first_run(&b) < 0)
        return -1;
    while (!all_have_controllers(&b))
        if (add_controllers(&b) < 0 || run(&b) < 0)
            return -1;
    b.write = true;
    if (run(&b) < 0)
        return -1;
    set_all_multifunction(&b);
    for (size_t i = 0; i < d->controller_count; i++)
        if (set_controller(&d->controllers[i], f) < 0)
            return -1;
    return 0;
}
