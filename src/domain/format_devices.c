/* format_devices.c - <devices>, in libvirt's order of devices and of the elements in each. */
#include "domain/format.h"
#include <string.h>

static void format_pci(struct format *o, const struct domain_address *a)
{
    xml_open(&o->w, "address");
    xml_attr(&o->w, "type", "pci");
    xml_attrf(&o->w, "domain", "0x%04x", a->pci.domain);
    xml_attrf(&o->w, "bus", "0x%02x", a->pci.bus);
    xml_attrf(&o->w, "slot", "0x%02x", a->pci.slot);
    xml_attrf(&o->w, "function", "0x%x", a->pci.function);
    xml_attr(&o->w, "multifunction", names_get(&names_on_off, a->pci.multifunction));
    xml_close(&o->w);
}

static void format_address(struct format *o, const struct domain_address *a)
{
    switch (a->type) {
    case DOMAIN_ADDRESS_NONE:
        return;
    case DOMAIN_ADDRESS_PCI:
        format_pci(o, a);
        return;
    case DOMAIN_ADDRESS_VIRTIO_SERIAL:
        xml_open(&o->w, "address");
        xml_attr(&o->w, "type", "virtio-serial");
        xml_attr_u64(&o->w, "controller", a->vserial.controller);
        xml_attr_u64(&o->w, "bus", a->vserial.bus);
        xml_attr_u64(&o->w, "port", a->vserial.port);
        xml_close(&o->w);
        return;
    }
}

/* What each device ends with. */
static void format_device(struct format *o, const struct domain_device *dev)
{
    if (dev->boot_order) {
        xml_open(&o->w, "boot");
        xml_attr_u64(&o->w, "order", dev->boot_order);
        xml_close(&o->w);
    }
    bool user = dev->alias && strncmp(dev->alias, "ua-", 3) == 0;
    if (dev->alias && (o->live || user)) {
        xml_open(&o->w, "alias");
        xml_attr(&o->w, "name", dev->alias);
        xml_close(&o->w);
    }
    format_address(o, &dev->address);
}

static void format_disk_driver(struct format *o, const struct domain_disk *disk)
{
    xml_open(&o->w, "driver");
    xml_attr(&o->w, "name", "qemu");
    xml_attr(&o->w, "type", names_get(&names_disk_format, disk->format));
    xml_attr(&o->w, "cache", names_get(&names_disk_cache, disk->cache));
    xml_attr(&o->w, "error_policy", names_get(&names_disk_error, disk->error_policy));
    xml_attr(&o->w, "rerror_policy", names_get(&names_disk_error, disk->rerror_policy));
    xml_attr(&o->w, "io", names_get(&names_disk_io, disk->io));
    xml_attr(&o->w, "discard", names_get(&names_disk_discard, disk->discard));
    xml_attr(&o->w, "detect_zeroes", names_get(&names_disk_detect_zeroes, disk->detect_zeroes));
    if (disk->queues)
        xml_attr_u64(&o->w, "queues", disk->queues);
    xml_close(&o->w);
}

static void format_source(struct format *o, enum domain_disk_type type, const char *path, unsigned index)
{
    xml_open(&o->w, "source");
    xml_attr(&o->w, type == DOMAIN_DISK_FILE ? "file" : "dev", path);
    if (o->live && index)
        xml_attr_u64(&o->w, "index", index);
    xml_close(&o->w);
}

/* What was found at the start is a running guest's only: another host, or another start, looks again. */
static void format_chain(struct format *o, const struct domain_disk *disk)
{
    size_t count = o->live ? disk->layer_count : disk->layers_given;
    for (size_t i = 0; i < count; i++) {
        const struct domain_layer *layer = &disk->layers[i];
        xml_open(&o->w, "backingStore");
        xml_attr(&o->w, "type", names_get(&names_disk_type, layer->type));
        if (o->live && layer->index)
            xml_attr_u64(&o->w, "index", layer->index);
        if (o->complete && i >= disk->layers_given)
            xml_attr(&o->w, "found", "yes");
        xml_open(&o->w, "format");
        xml_attr(&o->w, "type", names_get(&names_disk_format, layer->format));
        xml_close(&o->w);
        format_source(o, layer->type, layer->source, 0);
    }
    if (disk->chain_ends && count == disk->layer_count)
        xml_empty(&o->w, "backingStore");
    for (size_t i = 0; i < count; i++)
        xml_close(&o->w);
}

static void format_disk(struct format *o, const struct domain_disk *disk)
{
    xml_open(&o->w, "disk");
    xml_attr(&o->w, "type", names_get(&names_disk_type, disk->type));
    xml_attr(&o->w, "device", "disk");
    format_disk_driver(o, disk);
    format_source(o, disk->type, disk->source, disk->source_index);
    format_chain(o, disk);
    xml_open(&o->w, "target");
    xml_attr(&o->w, "dev", disk->target);
    xml_attr(&o->w, "bus", "virtio");
    xml_close(&o->w);
    if (disk->readonly)
        xml_empty(&o->w, "readonly");
    if (disk->shareable)
        xml_empty(&o->w, "shareable");
    xml_element(&o->w, "serial", disk->serial);
    format_device(o, &disk->dev);
    xml_close(&o->w);
}

static void attr_if_given(struct format *o, const char *name, int value)
{
    if (value >= 0)
        xml_attr_i64(&o->w, name, value);
}

static void format_controller_target(struct format *o, const struct domain_controller *c)
{
    if (c->chassis < 0 && c->port < 0 && c->chassis_nr < 0 && !c->hotplug)
        return;
    xml_open(&o->w, "target");
    attr_if_given(o, "chassisNr", c->chassis_nr);
    attr_if_given(o, "chassis", c->chassis);
    if (c->port >= 0)
        xml_attrf(&o->w, "port", "0x%x", (unsigned)c->port);
    xml_attr(&o->w, "hotplug", names_get(&names_on_off, c->hotplug));
    xml_close(&o->w);
}

static void format_controller(struct format *o, const struct domain_controller *c)
{
    xml_open(&o->w, "controller");
    xml_attr(&o->w, "type", names_get(&names_controller_type, c->type));
    if (c->index != DOMAIN_INDEX_NONE)
        xml_attr_u64(&o->w, "index", c->index);
    xml_attr(&o->w, "model", names_get(&names_controller_model, c->model));
    attr_if_given(o, "ports", c->ports);
    attr_if_given(o, "vectors", c->vectors);
    if (c->model_name) {
        xml_open(&o->w, "model");
        xml_attr(&o->w, "name", c->model_name);
        xml_close(&o->w);
    }
    format_controller_target(o, c);
    format_device(o, &c->dev);
    xml_close(&o->w);
}

/* On the pc machine the receiver has pci-root and its one USB controller by itself; libvirt leaves
 * them out, so that a receiver that knows neither can take the guest. */
static bool is_implied(const struct domain *d, const struct domain_controller *c)
{
    size_t same_type = 0;
    for (size_t i = 0; i < d->controller_count; i++)
        same_type += d->controllers[i].type == c->type;
    return !domain_is_q35(d) && same_type == 1 && c->index == 0 &&
           (c->model == DOMAIN_MODEL_PCI_ROOT || c->model == DOMAIN_MODEL_USB_PIIX3_UHCI);
}

/* For another host the controllers of a type stand together and in order of their index, where the
 * first of them stands here: libvirt's order after it has read a document. */
static void format_by_index(struct format *o, enum domain_controller_type type)
{
    for (unsigned index = 0; index < 256; index++) {
        const struct domain_controller *c = domain_find_controller(o->d, type, index);
        if (c && !is_implied(o->d, c))
            format_controller(o, c);
    }
}

static void format_controllers(struct format *o)
{
    unsigned written = 0;
    for (size_t i = 0; i < o->d->controller_count; i++) {
        const struct domain_controller *c = &o->d->controllers[i];
        if (!o->migratable) {
            format_controller(o, c);
        } else if (!(written & 1u << c->type)) {
            format_by_index(o, c->type);
            written |= 1u << c->type;
        }
    }
}

static void format_interface(struct format *o, const struct domain_interface *i)
{
    bool named = i->target && (o->live || !i->target_generated);
    xml_open(&o->w, "interface");
    xml_attr(&o->w, "type", names_get(&names_interface_type, i->type));
    if (i->has_mac) {
        xml_open(&o->w, "mac");
        xml_attrf(&o->w, "address", "%02x:%02x:%02x:%02x:%02x:%02x", i->mac[0], i->mac[1],
                  i->mac[2], i->mac[3], i->mac[4], i->mac[5]);
        xml_close(&o->w);
    }
    if (named || i->managed) {
        xml_open(&o->w, "target");
        xml_attr(&o->w, "dev", named ? i->target : NULL);
        xml_attr(&o->w, "managed", names_get(&names_yes_no, i->managed));
        xml_close(&o->w);
    }
    if (i->model) {
        xml_open(&o->w, "model");
        xml_attr(&o->w, "type", names_get(&names_nic, i->model));
        xml_close(&o->w);
    }
    format_device(o, &i->dev);
    xml_close(&o->w);
}

static void format_reconnect(struct format *o, const struct domain_chardev *c)
{
    if (!c->reconnect)
        return;
    xml_open(&o->w, "reconnect");
    xml_attr(&o->w, "enabled", names_get(&names_yes_no, c->reconnect));
    if (c->reconnect == DOMAIN_SWITCH_ON)
        xml_attr_u64(&o->w, "timeout", c->reconnect_timeout);
    xml_close(&o->w);
}

static void format_path(struct format *o, const struct domain_chardev *c)
{
    bool given = c->path && (o->live || (c->type != DOMAIN_CHARDEV_PTY && !c->path_generated));
    if (!given)
        return;
    xml_open(&o->w, "source");
    if (c->type == DOMAIN_CHARDEV_UNIX)
        xml_attr(&o->w, "mode", c->listen ? "bind" : "connect");
    xml_attr(&o->w, "path", c->path);
    if (c->type == DOMAIN_CHARDEV_FILE)
        xml_attr(&o->w, "append", names_get(&names_on_off, c->append));
    format_reconnect(o, c);
    xml_close(&o->w);
}

static void format_tcp(struct format *o, const struct domain_chardev *c)
{
    xml_open(&o->w, "source");
    xml_attr(&o->w, "mode", c->listen ? "bind" : "connect");
    xml_attr(&o->w, "host", c->host);
    xml_attr(&o->w, "service", c->service);
    if (o->live)
        xml_attr(&o->w, "tls", "no");
    format_reconnect(o, c);
    xml_close(&o->w);
    xml_open(&o->w, "protocol");
    xml_attr(&o->w, "type", c->telnet ? "telnet" : "raw");
    xml_close(&o->w);
}

static void format_chardev(struct format *o, const struct domain_chardev *c)
{
    if (c->type == DOMAIN_CHARDEV_TCP)
        format_tcp(o, c);
    else
        format_path(o, c);
    if (!c->log_file)
        return;
    xml_open(&o->w, "log");
    xml_attr(&o->w, "file", c->log_file);
    xml_attr(&o->w, "append", names_get(&names_on_off, c->log_append));
    xml_close(&o->w);
}

static void format_serial(struct format *o, const struct domain_serial *s)
{
    xml_open(&o->w, "serial");
    xml_attr(&o->w, "type", names_get(&names_chardev_type, s->source.type));
    format_chardev(o, &s->source);
    xml_open(&o->w, "target");
    xml_attr(&o->w, "type", "isa-serial");
    attr_if_given(o, "port", s->port);
    xml_open(&o->w, "model");
    xml_attr(&o->w, "name", "isa-serial");
    xml_close(&o->w);
    xml_close(&o->w);
    format_device(o, &s->dev);
    xml_close(&o->w);
}

static void format_console(struct format *o, const struct domain_console *c)
{
    xml_open(&o->w, "console");
    xml_attr(&o->w, "type", names_get(&names_chardev_type, c->source.type));
    if (o->live && c->source.type == DOMAIN_CHARDEV_PTY && c->port == 0)
        xml_attr(&o->w, "tty", c->source.path);
    format_chardev(o, &c->source);
    xml_open(&o->w, "target");
    xml_attr(&o->w, "type", names_get(&names_console_target, c->target));
    xml_attr_i64(&o->w, "port", c->port);
    xml_close(&o->w);
    format_device(o, &c->dev);
    xml_close(&o->w);
}

static void format_channel(struct format *o, const struct domain_channel *c)
{
    xml_open(&o->w, "channel");
    xml_attr(&o->w, "type", names_get(&names_chardev_type, c->source.type));
    format_chardev(o, &c->source);
    xml_open(&o->w, "target");
    xml_attr(&o->w, "type", "virtio");
    xml_attr(&o->w, "name", c->name);
    if (o->live)
        xml_attr(&o->w, "state", names_get(&names_channel_state, c->state));
    xml_close(&o->w);
    format_device(o, &c->dev);
    xml_close(&o->w);
}

/* A receiver adds the keyboard by itself, as libvirt does; it is left out like pci-root. */
static void format_input(struct format *o, const struct domain_input *i)
{
    if (o->migratable && i->type == DOMAIN_INPUT_KEYBOARD)
        return;
    xml_open(&o->w, "input");
    xml_attr(&o->w, "type", names_get(&names_input_type, i->type));
    xml_attr(&o->w, "bus", "ps2");
    format_device(o, &i->dev);
    xml_close(&o->w);
}

static void format_balloon(struct format *o, const struct domain_balloon *b)
{
    if (!b->model)
        return;
    xml_open(&o->w, "memballoon");
    xml_attr(&o->w, "model", names_get(&names_balloon, b->model));
    xml_attr(&o->w, "autodeflate", names_get(&names_on_off, b->autodeflate));
    xml_attr(&o->w, "freePageReporting", names_get(&names_on_off, b->free_page_reporting));
    if (b->stats_period) {
        xml_open(&o->w, "stats");
        xml_attr_u64(&o->w, "period", b->stats_period);
        xml_close(&o->w);
    }
    format_device(o, &b->dev);
    xml_close(&o->w);
}

static void format_rng(struct format *o, const struct domain_rng *r)
{
    xml_open(&o->w, "rng");
    xml_attr(&o->w, "model", "virtio");
    if (r->rate_bytes) {
        xml_open(&o->w, "rate");
        xml_attr_u64(&o->w, "bytes", r->rate_bytes);
        if (r->rate_period)
            xml_attr_u64(&o->w, "period", r->rate_period);
        xml_close(&o->w);
    }
    xml_open(&o->w, "backend");
    xml_attr(&o->w, "model", names_get(&names_rng_backend, r->backend));
    if (r->path)
        xml_close_text(&o->w, r->path);
    else
        xml_close(&o->w);
    format_device(o, &r->dev);
    xml_close(&o->w);
}

static void format_audio(struct format *o)
{
    if (!o->d->audio_none || o->migratable)
        return;
    xml_open(&o->w, "audio");
    xml_attr(&o->w, "id", "1");
    xml_attr(&o->w, "type", "none");
    xml_close(&o->w);
}

void format_devices(struct format *o)
{
    const struct domain *d = o->d;
    xml_open(&o->w, "devices");
    xml_element(&o->w, "emulator", d->emulator);
    for (size_t i = 0; i < d->disk_count; i++)
        format_disk(o, &d->disks[i]);
    format_controllers(o);
    for (size_t i = 0; i < d->interface_count; i++)
        format_interface(o, &d->interfaces[i]);
    for (size_t i = 0; i < d->serial_count; i++)
        format_serial(o, &d->serials[i]);
    for (size_t i = 0; i < d->console_count; i++)
        format_console(o, &d->consoles[i]);
    for (size_t i = 0; i < d->channel_count; i++)
        format_channel(o, &d->channels[i]);
    for (size_t i = 0; i < d->input_count; i++)
        format_input(o, &d->inputs[i]);
    format_audio(o);
    format_balloon(o, &d->balloon);
    for (size_t i = 0; i < d->rng_count; i++)
        format_rng(o, &d->rngs[i]);
    xml_close(&o->w);
}
