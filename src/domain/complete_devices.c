/* complete_devices.c - the controllers every machine has, and the two faces of a serial port. */
#include "domain/complete.h"
#include "domain/parse.h"
#include <string.h>

struct domain_controller *complete_add_controller(struct domain *d,
                                                  enum domain_controller_type type,
                                                  enum domain_controller_model model,
                                                  unsigned index, struct fail *f)
{
    struct domain_controller *c = DOMAIN_PUSH(d, controllers, controller_count, f);
    if (c)
        *c = (struct domain_controller){.type = type,
                                        .model = model,
                                        .index = index,
                                        .chassis = -1,
                                        .port = -1,
                                        .chassis_nr = -1,
                                        .ports = -1,
                                        .vectors = -1};
    return c;
}

static bool has_controller(const struct domain *d, enum domain_controller_type type)
{
    for (size_t i = 0; i < d->controller_count; i++)
        if (d->controllers[i].type == type)
            return true;
    return false;
}

static int give_indexes(struct domain *d, struct fail *f)
{
    for (size_t i = 0; i < d->controller_count; i++) {
        struct domain_controller *c = &d->controllers[i];
        if (c->index != DOMAIN_INDEX_NONE)
            continue;
        unsigned index = 0;
        while (domain_find_controller(d, c->type, index))
            index++;
        if (index > 255)
            return fail_set(f, VIR_ERR_XML_ERROR, "too many controllers of type '%s'",
                            domain_controller_type_name(c->type));
        c->index = index;
    }
    return 0;
}

/* The one place of a controller that is part of the machine. */
static int place(struct domain_controller *c, unsigned slot, unsigned function, struct fail *f)
{
    struct domain_address *a = &c->dev.address;
    if (a->type == DOMAIN_ADDRESS_PCI &&
        (a->pci.bus || a->pci.slot != slot || a->pci.function != function))
        return fail_set(f, VIR_ERR_XML_ERROR,
                        "the machine's own %s controller must have PCI address 0:0:%x.%x",
                        domain_controller_type_name(c->type), slot, function);
    a->type = DOMAIN_ADDRESS_PCI;
    a->pci.slot = (uint8_t)slot;
    a->pci.function = (uint8_t)function;
    return 0;
}

static int place_built_in(const struct domain *d, struct domain_controller *c, struct fail *f)
{
    bool q35 = domain_is_q35(d);
    switch (c->type) {
    case DOMAIN_CONTROLLER_SATA:
    case DOMAIN_CONTROLLER_IDE:
        if (q35 != (c->type == DOMAIN_CONTROLLER_SATA) || c->index)
            return fail_set(f, VIR_ERR_CONFIG_UNSUPPORTED,
                            "controller '%s' with index %u is not supported on machine '%s'",
                            domain_controller_type_name(c->type), c->index, d->os.machine);
        return q35 ? place(c, 0x1f, 2, f) : place(c, 1, 1, f);
    case DOMAIN_CONTROLLER_USB:
        if (!q35 && c->index == 0 && c->model == DOMAIN_MODEL_USB_PIIX3_UHCI)
            return place(c, 1, 2, f);
        return 0;
    case DOMAIN_CONTROLLER_PCI:
    case DOMAIN_CONTROLLER_VIRTIO_SERIAL:
        return 0;
    }
    return 0;
}

static int check_usb(const struct domain *d, struct fail *f)
{
    size_t usb = 0, none = 0;
    for (size_t i = 0; i < d->controller_count; i++) {
        usb += d->controllers[i].type == DOMAIN_CONTROLLER_USB;
        none += d->controllers[i].model == DOMAIN_MODEL_USB_NONE;
    }
    if (none && usb > 1)
        return fail_set(f, VIR_ERR_XML_ERROR,
                        "can't add another USB controller: USB is disabled for this domain");
    return 0;
}

static int check_roots(const struct domain *d, struct fail *f)
{
    enum domain_controller_model want =
        domain_is_q35(d) ? DOMAIN_MODEL_PCIE_ROOT : DOMAIN_MODEL_PCI_ROOT;
    for (size_t i = 0; i < d->controller_count; i++) {
        const struct domain_controller *c = &d->controllers[i];
        bool root = c->model == DOMAIN_MODEL_PCI_ROOT || c->model == DOMAIN_MODEL_PCIE_ROOT;
        bool bad = c->type == DOMAIN_CONTROLLER_PCI &&
                   (c->index ? root : c->model != want || c->dev.address.type);
        if (bad)
            return fail_set(f, VIR_ERR_XML_ERROR,
                            "the PCI controller with index='0', and no other, must be model='%s' "
                            "for this machine type, without address",
                            domain_controller_model_name(want));
    }
    return 0;
}

int complete_controllers(struct domain *d, struct fail *f)
{
    bool q35 = domain_is_q35(d);
    if (give_indexes(d, f) < 0)
        return -1;
    for (size_t i = 0; i < d->controller_count; i++)
        if (d->controllers[i].type == DOMAIN_CONTROLLER_USB && !d->controllers[i].model)
            d->controllers[i].model = DOMAIN_MODEL_USB_PIIX3_UHCI;
    if (!has_controller(d, DOMAIN_CONTROLLER_USB) &&
        !complete_add_controller(d, DOMAIN_CONTROLLER_USB,
                                 q35 ? DOMAIN_MODEL_USB_QEMU_XHCI : DOMAIN_MODEL_USB_PIIX3_UHCI, 0,
                                 f))
        return -1;
    if (q35 && !has_controller(d, DOMAIN_CONTROLLER_SATA) &&
        !complete_add_controller(d, DOMAIN_CONTROLLER_SATA, DOMAIN_MODEL_DEFAULT, 0, f))
        return -1;
    if (!domain_find_controller(d, DOMAIN_CONTROLLER_PCI, 0) &&
        !complete_add_controller(d, DOMAIN_CONTROLLER_PCI,
                                 q35 ? DOMAIN_MODEL_PCIE_ROOT : DOMAIN_MODEL_PCI_ROOT, 0, f))
        return -1;
    for (size_t i = 0; i < d->controller_count; i++)
        if (place_built_in(d, &d->controllers[i], f) < 0)
            return -1;
    return check_usb(d, f) < 0 ? -1 : check_roots(d, f);
}

/* ---- serial 0 and console 0 are one device ---- */

static int add_serial_for_console(struct domain *d, struct fail *f)
{
    struct domain_serial *s = DOMAIN_PUSH(d, serials, serial_count, f);
    if (!s)
        return -1;
    *s = (struct domain_serial){
        .source = d->consoles[0].source, .dev = d->consoles[0].dev, .port = -1};
    return 0;
}

static int add_console_in_front(struct domain *d, struct fail *f)
{
    if (!DOMAIN_PUSH(d, consoles, console_count, f))
        return -1;
    memmove(&d->consoles[1], &d->consoles[0], (d->console_count - 1) * sizeof(d->consoles[0]));
    for (size_t i = 1; i < d->console_count; i++)
        d->consoles[i].port = (int)i;
    d->consoles[0] = (struct domain_console){.target = DOMAIN_CONSOLE_SERIAL};
    return 0;
}

static void number_serials(struct domain *d)
{
    for (size_t i = 0; i < d->serial_count; i++) {
        if (d->serials[i].port >= 0)
            continue;
        int highest = -1;
        for (size_t j = 0; j < d->serial_count; j++)
            if (d->serials[j].port > highest)
                highest = d->serials[j].port;
        d->serials[i].port = highest + 1;
    }
}

static int pair_serial_console(struct domain *d, struct fail *f)
{
    bool console = d->console_count && d->consoles[0].target == DOMAIN_CONSOLE_SERIAL;
    if (console && !d->serial_count && add_serial_for_console(d, f) < 0)
        return -1;
    if (!console && d->serial_count && add_console_in_front(d, f) < 0)
        return -1;
    number_serials(d);
    for (size_t i = 0; i < d->serial_count; i++)
        if (d->serials[i].port >= DOMAIN_SERIALS_MAX)
            return fail_set(f, VIR_ERR_XML_ERROR,
                            "serial port %d: the maximum number of ISA serial ports is %d",
                            d->serials[i].port, DOMAIN_SERIALS_MAX);
    if (!d->serial_count)
        return 0;
    d->consoles[0].is_serial0 = true;
    d->consoles[0].port = d->serials[0].port;
    d->consoles[0].source = d->serials[0].source;
    d->consoles[0].dev = d->serials[0].dev;
    return 0;
}

/* ---- virtio-serial ports ---- */

static int need_vserial(struct domain *d, const struct domain_address *a, struct fail *f)
{
    unsigned index = a->type == DOMAIN_ADDRESS_VIRTIO_SERIAL ? a->vserial.controller : 0;
    if (domain_find_controller(d, DOMAIN_CONTROLLER_VIRTIO_SERIAL, index))
        return 0;
    return complete_add_controller(d, DOMAIN_CONTROLLER_VIRTIO_SERIAL, DOMAIN_MODEL_DEFAULT, index,
                                   f)
               ? 0
               : -1;
}

static bool is_at(const struct domain_address *a, unsigned controller, unsigned port)
{
    return a->type == DOMAIN_ADDRESS_VIRTIO_SERIAL && a->vserial.controller == controller &&
           a->vserial.port == port;
}

static size_t count_at(const struct domain *d, unsigned controller, unsigned port)
{
    size_t n = 0;
    for (size_t i = 0; i < d->channel_count; i++)
        n += is_at(&d->channels[i].dev.address, controller, port);
    for (size_t i = 0; i < d->console_count; i++)
        n += is_at(&d->consoles[i].dev.address, controller, port);
    return n;
}

static unsigned port_limit(const struct domain_controller *c)
{
    enum { PORTS_DEFAULT = 31 };
    return c->ports > 0 ? (unsigned)c->ports : PORTS_DEFAULT;
}

/* Port 0 is for a console. 0: no port is free. */
static unsigned free_port(const struct domain *d, unsigned controller)
{
    const struct domain_controller *c =
        domain_find_controller(d, DOMAIN_CONTROLLER_VIRTIO_SERIAL, controller);
    for (unsigned port = 1; c && port < port_limit(c); port++)
        if (!count_at(d, controller, port))
            return port;
    return 0;
}

static int give_port(struct domain *d, struct domain_address *a, struct fail *f)
{
    if (a->type == DOMAIN_ADDRESS_VIRTIO_SERIAL && a->vserial.port)
        return 0;
    unsigned first = 0, last = 255;
    if (a->type == DOMAIN_ADDRESS_VIRTIO_SERIAL)
        first = last = a->vserial.controller;
    unsigned unused = last + 1;
    for (unsigned c = first; c <= last; c++) {
        unsigned port = free_port(d, c);
        if (!domain_find_controller(d, DOMAIN_CONTROLLER_VIRTIO_SERIAL, c) && c < unused)
            unused = c;
        if (!port)
            continue;
        a->type = DOMAIN_ADDRESS_VIRTIO_SERIAL;
        a->vserial.controller = (uint8_t)c;
        a->vserial.bus = 0;
        a->vserial.port = (uint8_t)port;
        return 0;
    }
    if (unused > last)
        return fail_set(f, VIR_ERR_XML_ERROR, "no free virtio-serial port is left");
    if (!complete_add_controller(d, DOMAIN_CONTROLLER_VIRTIO_SERIAL, DOMAIN_MODEL_DEFAULT, unused,
                                 f))
        return -1;
    return give_port(d, a, f);
}

static int check_port(const struct domain *d, const struct domain_address *a, struct fail *f)
{
    if (a->type != DOMAIN_ADDRESS_VIRTIO_SERIAL)
        return 0;
    const struct domain_controller *c =
        domain_find_controller(d, DOMAIN_CONTROLLER_VIRTIO_SERIAL, a->vserial.controller);
    if (c && a->vserial.port >= port_limit(c))
        return fail_set(f, VIR_ERR_XML_ERROR, "virtio-serial controller %u has no port %u",
                        a->vserial.controller, a->vserial.port);
    if (count_at(d, a->vserial.controller, a->vserial.port) > 1)
        return fail_set(f, VIR_ERR_XML_ERROR,
                        "virtio serial port %u on controller %u is already occupied",
                        a->vserial.port, a->vserial.controller);
    return 0;
}

int complete_chardevs(struct domain *d, struct fail *f)
{
    if (pair_serial_console(d, f) < 0)
        return -1;
    for (size_t i = 0; i < d->channel_count; i++)
        if (need_vserial(d, &d->channels[i].dev.address, f) < 0)
            return -1;
    for (size_t i = 0; i < d->console_count; i++)
        if (d->consoles[i].target == DOMAIN_CONSOLE_VIRTIO &&
            need_vserial(d, &d->consoles[i].dev.address, f) < 0)
            return -1;
    /* A console on virtio without an address gets none: QEMU gives it the first free port. */
    for (size_t i = 0; i < d->channel_count; i++)
        if (give_port(d, &d->channels[i].dev.address, f) < 0)
            return -1;
    for (size_t i = 0; i < d->channel_count; i++)
        if (check_port(d, &d->channels[i].dev.address, f) < 0)
            return -1;
    for (size_t i = 0; i < d->console_count; i++)
        if (check_port(d, &d->consoles[i].dev.address, f) < 0)
            return -1;
    return 0;
}
