/* command_chardev.c - serial ports, consoles and channels: a host end (-chardev) and a guest end.
 *
 * QEMU makes the listening sockets and opens the files itself, before it enters its sandbox.
 */
#include "domain/command_internal.h"
#include <string.h>
#include <sys/un.h>

static int check_socket_path(struct command_builder *b, const char *path)
{
    size_t most = sizeof((struct sockaddr_un *) { 0 } -> sun_path) - 1;
    if (strlen(path) > most)
        return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "socket path '%s' is longer than the %zu bytes a socket can have", path,
                        most);
    return 0;
}

/* QEMU 9.2 counts the time in milliseconds, and will drop the option that counts it in seconds. */
static const char *reconnect(struct command_builder *b, const struct domain_chardev *source)
{
    if (source->reconnect == DOMAIN_SWITCH_ABSENT || source->listen)
        return "";
    unsigned seconds = source->reconnect == DOMAIN_SWITCH_ON ? source->reconnect_timeout : 0;
    if (emulator_has_option(b->options->emulator, "chardev.reconnect-ms"))
        return command_text(b, ",reconnect-ms=%llu", 1000ULL * seconds);
    return command_text(b, ",reconnect=%u", seconds);
}

static const char *socket_mode(struct command_builder *b, const struct domain_chardev *source)
{
    return source->listen ? ",server=on,wait=off" : reconnect(b, source);
}

static const char *append_mode(enum domain_switch append)
{
    return append == DOMAIN_SWITCH_ON ? "on" : "off";
}

/* The host end's text but for its log; NULL with the failure set. */
static const char *chardev_text(struct command_builder *b, const char *alias,
                                const struct domain_chardev *source)
{
    switch (source->type) {
    case DOMAIN_CHARDEV_PTY:
        return command_text(b, "pty,id=char%s", alias);
    case DOMAIN_CHARDEV_NULL:
        return command_text(b, "null,id=char%s", alias);
    case DOMAIN_CHARDEV_FILE:
        return command_text(b, "file,id=char%s,path=%s,append=%s", alias,
                            command_escape(b, source->path), append_mode(source->append));
    case DOMAIN_CHARDEV_UNIX:
        if (!source->path) {
            fail_set(b->fail, VIR_ERR_INTERNAL_ERROR, "device '%s' has no socket path yet", alias);
            return NULL;
        }
        if (check_socket_path(b, source->path) < 0)
            return NULL;
        return command_text(b, "socket,id=char%s,path=%s%s", alias, command_escape(b, source->path),
                            socket_mode(b, source));
    case DOMAIN_CHARDEV_TCP:
        return command_text(b, "socket,id=char%s,host=%s,port=%s%s%s", alias,
                            command_escape(b, source->host), command_escape(b, source->service),
                            source->telnet ? ",telnet=on" : "", socket_mode(b, source));
    }
    return NULL;
}

static int add_source(struct command_builder *b, const struct domain_device *dev,
                      const struct domain_chardev *source)
{
    const char *text = chardev_text(b, dev->alias, source);
    if (!text)
        return -1;
    if (source->log_file)
        text = command_text(b, "%s,logfile=%s,logappend=%s", text,
                            command_escape(b, source->log_file), append_mode(source->log_append));
    command_add_pair(b, "-chardev", text);
    return 0;
}

/* Without an address QEMU takes the first virtio-serial bus and its next port. */
static int add_virtio_port(struct command_builder *b, const struct domain_device *dev,
                           struct json_object *json)
{
    if (dev->address.type == DOMAIN_ADDRESS_VIRTIO_SERIAL) {
        const struct domain_controller *controller = domain_find_controller(
            b->domain, DOMAIN_CONTROLLER_VIRTIO_SERIAL, dev->address.vserial.controller);
        if (!controller || !controller->dev.alias) {
            json_object_put(json);
            return fail_set(b->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                            "device '%s': there is no virtio-serial controller with index %u",
                            dev->alias, dev->address.vserial.controller);
        }
        command_json_string(
            json, "bus", command_text(b, "%s.%u", controller->dev.alias, dev->address.vserial.bus));
        command_json_int(json, "nr", dev->address.vserial.port);
    }
    command_add_json(b, "-device", json);
    return 0;
}

static int add_serial(struct command_builder *b, const struct domain_serial *serial)
{
    if (add_source(b, &serial->dev, &serial->source) < 0)
        return -1;
    struct json_object *json = command_device_json(b, &serial->dev, "isa-serial");
    command_json_string(json, "chardev", command_text(b, "char%s", serial->dev.alias));
    command_json_int(json, "index", serial->port);
    command_add_json(b, "-device", json);
    return 0;
}

static int add_channel(struct command_builder *b, const struct domain_channel *channel)
{
    if (add_source(b, &channel->dev, &channel->source) < 0)
        return -1;
    struct json_object *json = command_device_json(b, &channel->dev, "virtserialport");
    command_json_string(json, "chardev", command_text(b, "char%s", channel->dev.alias));
    command_json_string(json, "name", channel->name);
    return add_virtio_port(b, &channel->dev, json);
}

static int add_console(struct command_builder *b, const struct domain_console *console)
{
    if (console->target != DOMAIN_CONSOLE_VIRTIO) /* serial0, seen a second time */
        return 0;
    if (add_source(b, &console->dev, &console->source) < 0)
        return -1;
    struct json_object *json = command_device_json(b, &console->dev, "virtconsole");
    command_json_string(json, "chardev", command_text(b, "char%s", console->dev.alias));
    return add_virtio_port(b, &console->dev, json);
}

int command_add_chardevs(struct command_builder *b)
{
    const struct domain *d = b->domain;
    for (size_t i = 0; i < d->serial_count; i++)
        if (add_serial(b, &d->serials[i]) < 0)
            return -1;
    for (size_t i = 0; i < d->channel_count; i++)
        if (add_channel(b, &d->channels[i]) < 0)
            return -1;
    for (size_t i = 0; i < d->console_count; i++)
        if (add_console(b, &d->consoles[i]) < 0)
            return -1;
    return 0;
}
