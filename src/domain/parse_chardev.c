/* parse_chardev.c - <serial>, <console>, <channel>: where the bytes go, and what the guest sees. */
#include "domain/parse.h"
#include <string.h>

enum { UNIX_PATH_MAX = 107, FILE_PATH_MAX = 4095, HOST_MAX = 255 };

static int parse_reconnect(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    const struct xml_node *again;
    unsigned enabled = 0;
    if (parse_single(p, n, "reconnect", &again) < 0)
        return -1;
    if (!again)
        return 0;
    if (parse_only(p, again, "enabled timeout", "") < 0 ||
        parse_enum(p, again, "enabled", &names_yes_no, &enabled) < 0 ||
        xml_get_uint(again, "timeout", 1, 86400, &c->reconnect_timeout, p->fail) < 0)
        return -1;
    c->reconnect = enabled;
    if (enabled == DOMAIN_SWITCH_ON && c->listen)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "element <reconnect> in <source mode='bind'> is not supported (line %u)",
                        again->line);
    if (enabled == DOMAIN_SWITCH_ON && !c->reconnect_timeout)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <reconnect> needs a timeout",
                        again->line);
    return 0;
}

static int parse_mode(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    const char *mode = xml_get(n, "mode");
    c->listen = c->type == DOMAIN_CHARDEV_UNIX; /* libvirt's default; tcp's is connect */
    if (!mode)
        return 0;
    c->listen = strcmp(mode, "bind") == 0;
    return c->listen || strcmp(mode, "connect") == 0 ? 0 : parse_refuse_value(p, n, "mode", mode);
}

static int parse_unix(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    if (parse_only(p, n, "mode path", "reconnect") < 0 || parse_mode(p, n, c) < 0 ||
        parse_path(p, n, "path", UNIX_PATH_MAX, &c->path) < 0)
        return -1;
    return parse_reconnect(p, n, c);
}

static int parse_file(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    unsigned append = 0;
    const char *path;
    if (parse_only(p, n, "path append", "") < 0 || parse_required(p, n, "path", &path) < 0 ||
        parse_path(p, n, "path", FILE_PATH_MAX, &c->path) < 0 ||
        parse_enum(p, n, "append", &names_on_off, &append) < 0)
        return -1;
    c->append = append;
    return 0;
}

static int parse_tcp(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    if (parse_only(p, n, "mode host service tls", "reconnect") < 0 || parse_mode(p, n, c) < 0 ||
        parse_attribute(p, n, "host", &c->host) < 0 ||
        parse_required(p, n, "service", &c->service) < 0)
        return -1;
    const char *tls = xml_get(n, "tls");
    if (tls && strcmp(tls, "no") != 0)
        return parse_refuse_value(p, n, "tls", tls);
    uint64_t port;
    if (xml_parse_u64(c->service, 1, 65535, "attribute 'service' of <source>", n->line, &port,
                      p->fail) < 0)
        return -1;
    if (!c->host && !c->listen)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <source> needs attribute 'host'",
                        n->line);
    if (c->host && (strlen(c->host) > HOST_MAX || strpbrk(c->host, ", /")))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: malformed host '%.64s'", n->line,
                        c->host);
    return parse_reconnect(p, n, c);
}

static int parse_protocol(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    if (parse_only(p, n, "type", "") < 0)
        return -1;
    const char *type = xml_get(n, "type");
    if (c->type != DOMAIN_CHARDEV_TCP)
        return parse_refuse_element(p, n);
    c->telnet = type && strcmp(type, "telnet") == 0;
    return !type || c->telnet || strcmp(type, "raw") == 0 ? 0
                                                          : parse_refuse_value(p, n, "type", type);
}

static int parse_log(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    unsigned append = 0;
    const char *path;
    if (parse_only(p, n, "file append", "") < 0 || parse_required(p, n, "file", &path) < 0 ||
        parse_path(p, n, "file", FILE_PATH_MAX, &c->log_file) < 0 ||
        parse_enum(p, n, "append", &names_on_off, &append) < 0)
        return -1;
    c->log_append = append;
    return 0;
}

static int parse_pty(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    const char *path;
    if (parse_only(p, n, "path", "") < 0 || parse_path(p, n, "path", FILE_PATH_MAX, &path) < 0)
        return -1;
    c->path = p->live ? path : NULL;
    return 0;
}

static int parse_source(struct parse *p, const struct xml_node *n, struct domain_chardev *c)
{
    switch (c->type) {
    case DOMAIN_CHARDEV_PTY:
        return parse_pty(p, n, c);
    case DOMAIN_CHARDEV_UNIX:
        return parse_unix(p, n, c);
    case DOMAIN_CHARDEV_FILE:
        return parse_file(p, n, c);
    case DOMAIN_CHARDEV_TCP:
        return parse_tcp(p, n, c);
    case DOMAIN_CHARDEV_NULL:
        return parse_refuse_element(p, n);
    }
    return -1;
}

/* Without a source only a channel on a unix socket can do; pty and null need none. */
static int check_source(struct parse *p, const struct xml_node *n, const struct domain_chardev *c,
                        bool path_optional)
{
    bool missing = (c->type == DOMAIN_CHARDEV_UNIX && !c->path && !path_optional) ||
                   (c->type == DOMAIN_CHARDEV_FILE && !c->path) ||
                   (c->type == DOMAIN_CHARDEV_TCP && !c->service);
    if (missing)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: <%s type='%s'> needs a <source> with its %s", n->line,
                        n->name, names_get(&names_chardev_type, c->type),
                        c->type == DOMAIN_CHARDEV_TCP ? "service" : "path");
    return 0;
}

static int parse_chardev(struct parse *p, const struct xml_node *n, bool path_optional,
                         struct domain_chardev *c)
{
    const struct xml_node *source, *protocol, *log;
    const char *text;
    unsigned type = 0;
    if (parse_only(p, n, "type tty", "source protocol log target alias address") < 0 ||
        parse_required(p, n, "type", &text) < 0 ||
        parse_enum(p, n, "type", &names_chardev_type, &type) < 0 ||
        parse_single(p, n, "source", &source) < 0 ||
        parse_single(p, n, "protocol", &protocol) < 0 || parse_single(p, n, "log", &log) < 0)
        return -1;
    *c = (struct domain_chardev){.type = type, .listen = type == DOMAIN_CHARDEV_UNIX};
    if (source && parse_source(p, source, c) < 0)
        return -1;
    if (protocol && parse_protocol(p, protocol, c) < 0)
        return -1;
    if (log && parse_log(p, log, c) < 0)
        return -1;
    return check_source(p, n, c, path_optional);
}

/* <target type='isa-serial' port='0'><model name='isa-serial'/></target> */
static int parse_serial_target(struct parse *p, const struct xml_node *n, struct domain_serial *s)
{
    const struct xml_node *model;
    unsigned port = 0;
    if (parse_only(p, n, "type port", "model") < 0 || parse_single(p, n, "model", &model) < 0)
        return -1;
    const char *type = xml_get(n, "type");
    if (type && strcmp(type, "isa-serial") != 0)
        return parse_refuse_value(p, n, "type", type);
    const char *name = model ? xml_get(model, "name") : NULL;
    if (model && (parse_only(p, model, "name", "") < 0))
        return -1;
    if (name && strcmp(name, "isa-serial") != 0)
        return parse_refuse_value(p, model, "name", name);
    int r = xml_get_uint(n, "port", 0, DOMAIN_SERIALS_MAX - 1, &port, p->fail);
    if (r > 0)
        s->port = (int)port;
    return r < 0 ? -1 : 0;
}

int parse_serial(struct parse *p, const struct xml_node *n)
{
    struct domain_serial s = {.port = -1};
    const struct xml_node *target;
    if (parse_chardev(p, n, false, &s.source) < 0 || parse_single(p, n, "target", &target) < 0 ||
        parse_device(p, n, PARSE_NO_ADDRESS, &s.dev) < 0)
        return -1;
    if (target && parse_serial_target(p, target, &s) < 0)
        return -1;
    if (p->d->serial_count == DOMAIN_SERIALS_MAX)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "more than %d ISA serial ports are not supported", DOMAIN_SERIALS_MAX);
    for (size_t i = 0; s.port >= 0 && i < p->d->serial_count; i++)
        if (p->d->serials[i].port == s.port)
            return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: second serial port %d",
                            n->line, s.port);
    struct domain_serial *slot = DOMAIN_PUSH(p->d, serials, serial_count, p->fail);
    if (!slot)
        return -1;
    *slot = s;
    return 0;
}

int parse_console(struct parse *p, const struct xml_node *n)
{
    struct domain_console c = {.target = DOMAIN_CONSOLE_SERIAL};
    const struct xml_node *target;
    unsigned kind = DOMAIN_CONSOLE_SERIAL, port = 0;
    if (parse_chardev(p, n, false, &c.source) < 0 || parse_single(p, n, "target", &target) < 0)
        return -1;
    if (target && (parse_only(p, target, "type port", "") < 0 ||
                   parse_enum(p, target, "type", &names_console_target, &kind) < 0 ||
                   xml_get_uint(target, "port", 0, 255, &port, p->fail) < 0))
        return -1;
    c.target = kind;
    bool serial = kind == DOMAIN_CONSOLE_SERIAL;
    if (parse_device(p, n, serial ? PARSE_NO_ADDRESS : PARSE_SERIAL_ADDRESS, &c.dev) < 0)
        return -1;
    if (serial && p->d->console_count)
        return fail_set(p->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "only the first console can be a serial port");
    c.port = serial ? (int)port : (int)p->d->console_count;
    struct domain_console *slot = DOMAIN_PUSH(p->d, consoles, console_count, p->fail);
    if (!slot)
        return -1;
    *slot = c;
    return 0;
}

static int parse_channel_target(struct parse *p, const struct xml_node *n, struct domain_channel *c)
{
    const char *type;
    unsigned state = 0;
    if (parse_only(p, n, "type name state", "") < 0 || parse_required(p, n, "type", &type) < 0 ||
        parse_attribute(p, n, "name", &c->name) < 0 ||
        parse_enum(p, n, "state", &names_channel_state, &state) < 0)
        return -1;
    if (strcmp(type, "virtio") != 0)
        return parse_refuse_value(p, n, "type", type);
    if (c->name && (strlen(c->name) > DOMAIN_NAME_MAX || strpbrk(c->name, "/\n\t\r")))
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: malformed channel name '%.64s'",
                        n->line, c->name);
    if (p->live)
        c->state = state;
    return 0;
}

/* Of a running guest's document: the next start makes a new one. */
static void take_generated_path(const struct parse *p, struct domain_chardev *c)
{
    if (c->type != DOMAIN_CHARDEV_UNIX || !c->path ||
        (!strstr(c->path, DOMAIN_CHANNEL_FOLDER) && !strstr(c->path, DOMAIN_CHANNEL_FILE)))
        return;
    c->path_generated = p->live;
    if (!p->live)
        c->path = NULL;
}

int parse_channel(struct parse *p, const struct xml_node *n)
{
    struct domain_channel c = {0};
    const struct xml_node *target;
    if (parse_chardev(p, n, true, &c.source) < 0 || parse_single(p, n, "target", &target) < 0 ||
        parse_device(p, n, PARSE_SERIAL_ADDRESS, &c.dev) < 0)
        return -1;
    if (!target)
        return fail_set(p->fail, VIR_ERR_XML_ERROR, "XML line %u: <channel> needs <target>",
                        n->line);
    if (parse_channel_target(p, target, &c) < 0)
        return -1;
    take_generated_path(p, &c.source);
    if (c.source.type == DOMAIN_CHARDEV_UNIX && !c.source.path && !c.source.listen)
        return fail_set(p->fail, VIR_ERR_XML_ERROR,
                        "XML line %u: a channel that connects needs a path", n->line);
    struct domain_channel *slot = DOMAIN_PUSH(p->d, channels, channel_count, p->fail);
    if (!slot)
        return -1;
    *slot = c;
    return 0;
}
