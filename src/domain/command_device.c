/* command_device.c - controllers, network interfaces, balloon, random number generators.
 *
 * Controllers that are part of the machine (pcie.0, pci.0, the IDE or SATA controller) get no
 * argument: they are there.
 */
#include "domain/command_internal.h"

/* ---- addresses ---- */

static const char *pci_bus(struct command_builder *b, unsigned index)
{
    if (index == 0)
        return domain_is_q35(b->domain) ? "pcie.0" : "pci.0";
    const struct domain_controller *controller =
        domain_find_controller(b->domain, DOMAIN_CONTROLLER_PCI, index);
    if (controller && !controller->dev.alias)
        b->no_alias = true;
    return !controller ? NULL : controller->dev.alias ? controller->dev.alias : "";
}

int command_add_pci_address(struct command_builder *b, struct json_object *json,
                            const struct domain_device *dev)
{
    if (dev->address.type != DOMAIN_ADDRESS_PCI)
        return fail_set(b->fail, VIR_ERR_INTERNAL_ERROR, "it has no PCI address yet");
    const char *bus = pci_bus(b, dev->address.pci.bus);
    if (!bus)
        return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "there is no PCI controller with index %u", dev->address.pci.bus);
    command_json_string(json, "bus", bus);
    if (dev->address.pci.multifunction != DOMAIN_SWITCH_ABSENT)
        command_json_bool(json, "multifunction",
                          dev->address.pci.multifunction == DOMAIN_SWITCH_ON);
    unsigned slot = dev->address.pci.slot, function = dev->address.pci.function;
    command_json_string(json, "addr",
                        function ? command_text(b, "0x%x.0x%x", slot, function)
                                 : command_text(b, "0x%x", slot));
    return 0;
}

static int add_pci_device(struct command_builder *b, struct json_object *json,
                          const struct domain_device *dev)
{
    if (command_add_pci_address(b, json, dev) < 0) {
        json_object_put(json);
        return fail_prefix(b->fail, "device '%s'", dev->alias ? dev->alias : "(without alias)");
    }
    command_add_json(b, "-device", json);
    return 0;
}

/* ---- controllers ---- */

static int add_pci_controller(struct command_builder *b, const struct domain_controller *c)
{
    struct json_object *json = command_device_json(
        b, &c->dev, c->model_name ? c->model_name : domain_pci_device(c->model));
    if (c->port >= 0)
        command_json_int(json, "port", c->port);
    if (c->chassis >= 0)
        command_json_int(json, "chassis", c->chassis);
    if (c->chassis_nr >= 0)
        command_json_int(json, "chassis_nr", c->chassis_nr);
    if (c->hotplug != DOMAIN_SWITCH_ABSENT)
        command_json_bool(json, "hotplug", c->hotplug == DOMAIN_SWITCH_ON);
    return add_pci_device(b, json, &c->dev);
}

static int add_usb_controller(struct command_builder *b, const struct domain_controller *c,
                              const char *driver)
{
    struct json_object *json = command_device_json(b, &c->dev, driver);
    if (c->ports >= 0) { /* as many of USB 2 as of USB 3 */
        command_json_int(json, "p2", c->ports);
        command_json_int(json, "p3", c->ports);
    }
    return add_pci_device(b, json, &c->dev);
}

static int add_virtio_serial(struct command_builder *b, const struct domain_controller *c)
{
    struct json_object *json = command_device_json(b, &c->dev, "virtio-serial-pci");
    if (c->ports >= 0)
        command_json_int(json, "max_ports", c->ports);
    if (c->vectors >= 0)
        command_json_int(json, "vectors", c->vectors);
    return add_pci_device(b, json, &c->dev);
}

static int add_controller(struct command_builder *b, const struct domain_controller *c)
{
    switch (c->model) {
    case DOMAIN_MODEL_PCI_ROOT:
    case DOMAIN_MODEL_PCIE_ROOT:
    case DOMAIN_MODEL_USB_NONE:
        return 0;
    case DOMAIN_MODEL_PCI_BRIDGE:
    case DOMAIN_MODEL_PCIE_ROOT_PORT:
    case DOMAIN_MODEL_PCIE_TO_PCI_BRIDGE:
        return add_pci_controller(b, c);
    case DOMAIN_MODEL_USB_PIIX3_UHCI:
        return add_usb_controller(b, c, "piix3-usb-uhci");
    case DOMAIN_MODEL_USB_QEMU_XHCI:
        return add_usb_controller(b, c, "qemu-xhci");
    case DOMAIN_MODEL_DEFAULT:
        break;
    }
    return c->type == DOMAIN_CONTROLLER_VIRTIO_SERIAL ? add_virtio_serial(b, c) : 0;
}

/* Add the controllers of one type by index: a bus must be there before what is plugged into it. */
static int add_controllers_of(struct command_builder *b, enum domain_controller_type type)
{
    const struct domain *d = b->domain;
    const struct domain_controller *next = NULL;
    for (unsigned from = 0;; from = next->index + 1) {
        next = NULL;
        for (size_t i = 0; i < d->controller_count; i++) {
            const struct domain_controller *c = &d->controllers[i];
            if (c->type == type && c->index >= from && (!next || c->index < next->index))
                next = c;
        }
        if (!next)
            return 0;
        if (add_controller(b, next) < 0)
            return -1;
    }
}

int command_add_controllers(struct command_builder *b)
{
    static const enum domain_controller_type order[] = {
        DOMAIN_CONTROLLER_PCI,  DOMAIN_CONTROLLER_USB,           DOMAIN_CONTROLLER_IDE,
        DOMAIN_CONTROLLER_SATA, DOMAIN_CONTROLLER_VIRTIO_SERIAL,
    };
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (add_controllers_of(b, order[i]) < 0)
            return -1;
    return 0;
}

/* ---- network ---- */

static const char *nic_driver(enum domain_interface_model model)
{
    return model == DOMAIN_NIC_VIRTIO ? "virtio-net-pci" : domain_nic_name(model);
}

static int add_tap(struct command_builder *b, const struct domain_interface *nic, size_t i,
                   struct json_object *json)
{
    const struct command_net none = {-1, -1};
    const struct command_net *net = b->options->nets ? &b->options->nets[i] : &none;
    command_json_string(json, "type", "tap");
    if (net->tap_fd < 0)
        return fail_set(b->fail, VIR_ERR_INTERNAL_ERROR, "interface '%s' has no tap yet",
                        nic->dev.alias);
    command_json_string(json, "fd", command_text(b, "%d", net->tap_fd));
    if (net->vhost_fd >= 0 && nic->model == DOMAIN_NIC_VIRTIO) {
        command_json_bool(json, "vhost", true);
        command_json_string(json, "vhostfd", command_text(b, "%d", net->vhost_fd));
    }
    return 0;
}

static int add_netdev(struct command_builder *b, const struct domain_interface *nic, size_t i)
{
    struct json_object *json = json_object_new_object();
    switch (nic->type) {
    case DOMAIN_INTERFACE_USER:
        command_json_string(json, "type", "user");
        break;
    case DOMAIN_INTERFACE_ETHERNET:
        if (add_tap(b, nic, i, json) < 0) {
            json_object_put(json);
            return -1;
        }
        break;
    }
    command_json_string(json, "id", command_text(b, "host%s", nic->dev.alias));
    command_add_json(b, "-netdev", json);
    return 0;
}

static int add_nic(struct command_builder *b, const struct domain_interface *nic,
                   unsigned boot_index)
{
    const uint8_t *m = nic->mac;
    struct json_object *json = command_device_json(b, &nic->dev, nic_driver(nic->model));
    command_json_string(json, "netdev", command_text(b, "host%s", nic->dev.alias));
    command_json_string(
        json, "mac",
        command_text(b, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]));
    if (boot_index)
        command_json_int(json, "bootindex", boot_index);
    return add_pci_device(b, json, &nic->dev);
}

/* <boot dev='network'/> means the first interface only. */
int command_add_interfaces(struct command_builder *b)
{
    unsigned boot_index = command_boot_position(b->domain, DOMAIN_BOOT_NETWORK);
    for (size_t i = 0; i < b->domain->interface_count; i++) {
        const struct domain_interface *nic = &b->domain->interfaces[i];
        if (add_netdev(b, nic, i) < 0 ||
            add_nic(b, nic, nic->dev.boot_order ? nic->dev.boot_order : boot_index) < 0)
            return -1;
        boot_index = 0;
    }
    return 0;
}

/* ---- the small ones ---- */

int command_add_balloon(struct command_builder *b)
{
    const struct domain_balloon *balloon = &b->domain->balloon;
    if (balloon->model != DOMAIN_BALLOON_VIRTIO)
        return 0;
    struct json_object *json = command_device_json(b, &balloon->dev, "virtio-balloon-pci");
    if (balloon->autodeflate != DOMAIN_SWITCH_ABSENT)
        command_json_bool(json, "deflate-on-oom", balloon->autodeflate == DOMAIN_SWITCH_ON);
    if (balloon->free_page_reporting != DOMAIN_SWITCH_ABSENT)
        command_json_bool(json, "free-page-reporting",
                          balloon->free_page_reporting == DOMAIN_SWITCH_ON);
    return add_pci_device(b, json, &balloon->dev);
}

static void add_rng_backend(struct command_builder *b, const struct domain_rng *rng)
{
    struct json_object *json = json_object_new_object();
    switch (rng->backend) {
    case DOMAIN_RNG_RANDOM:
        command_json_string(json, "qom-type", "rng-random");
        command_json_string(json, "filename", rng->path);
        break;
    case DOMAIN_RNG_BUILTIN:
        command_json_string(json, "qom-type", "rng-builtin");
        break;
    }
    command_json_string(json, "id", command_text(b, "obj%s", rng->dev.alias));
    command_add_json(b, "-object", json);
}

int command_add_rngs(struct command_builder *b)
{
    enum { PERIOD_DEFAULT = 1000 /* ms */ };
    for (size_t i = 0; i < b->domain->rng_count; i++) {
        const struct domain_rng *rng = &b->domain->rngs[i];
        add_rng_backend(b, rng);
        struct json_object *json = command_device_json(b, &rng->dev, "virtio-rng-pci");
        command_json_string(json, "rng", command_text(b, "obj%s", rng->dev.alias));
        if (rng->rate_bytes) {
            command_json_int(json, "max-bytes", rng->rate_bytes);
            command_json_int(json, "period", rng->rate_period ? rng->rate_period : PERIOD_DEFAULT);
        }
        if (add_pci_device(b, json, &rng->dev) < 0)
            return -1;
    }
    return 0;
}
