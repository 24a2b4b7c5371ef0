/* config_file.c - the configuration file: its syntax and its keys.
 *
 * A line is `key = value`; the value a whole number or a string in quotation marks, on the same
 * line. What follows a # outside a string is a comment. A key is given once.
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/config.h"
#include "io/file.h"
#include "util/cleanup.h"

enum { FILE_SIZE_MAX = 1024 * 1024 };

/* ---- keys ------------------------------------------------------------------------------------ */

enum kind {
    KIND_HOST,   /* char *: the name of a host */
    KIND_PATH,   /* char *: absolute */
    KIND_GROUP,  /* char *: there is one of this name */
    KIND_NUMBER, /* int or unsigned */
    KIND_PORT,   /* uint16_t */
    KIND_MODE,   /* mode_t, a string of octal digits as in libvirtd.conf */
    KIND_UUID,
    KIND_SWITCH, /* "auto", 0, 1 */
    KIND_LEVEL,  /* "debug" to "error", or libvirtd.conf's 1 to 4 */
    KIND_LISTEN, /* "ADDRESS:PORT" */
    KIND_PEER,   /* the same, or "/PATH" */
    KIND_ADDRESSES,
};

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    long long min, max;
};

static const struct key keys[] = {
    {"host_uuid", KIND_UUID, offsetof(struct config, host_uuid), 0, 0},
    {"hostname", KIND_HOST, offsetof(struct config, hostname), 1, 255},
    {"emulator", KIND_PATH, offsetof(struct config, emulator), 1, 4095},
    {"migration_address", KIND_ADDRESSES, 0, 0, 0},
    {"migration_port_min", KIND_PORT, offsetof(struct config, migration_port_min), 1, 65535},
    {"migration_port_max", KIND_PORT, offsetof(struct config, migration_port_max), 1, 65535},
    {"pause_before_switchover", KIND_SWITCH, offsetof(struct config, pause_before_switchover), 0,
     1},
    {"own_the_stop", KIND_SWITCH, offsetof(struct config, own_the_stop), 0, 1},
    {"listen_tcp", KIND_LISTEN, 0, 0, 0},
    {"peer_listen", KIND_PEER, 0, 0, 0},
    {"require_proof", KIND_NUMBER, offsetof(struct config, require_proof), 0, 1},
    {"postcopy_recovery", KIND_NUMBER, offsetof(struct config, postcopy_recovery), 0, 1},
    {"postcopy_stall_timeout", KIND_NUMBER, offsetof(struct config, postcopy_stall_timeout), 0,
     86400},
    {"client_return_timeout", KIND_NUMBER, offsetof(struct config, client_return_timeout), 1,
     86400},
    {"unix_sock_group", KIND_GROUP, offsetof(struct config, unix_sock_group), 1, 255},
    {"unix_sock_rw_perms", KIND_MODE, offsetof(struct config, unix_sock_rw_perms), 0, 0777},
    {"unix_sock_ro_perms", KIND_MODE, offsetof(struct config, unix_sock_ro_perms), 0, 0777},
    {"keepalive_interval", KIND_NUMBER, offsetof(struct config, keepalive_interval), -1, 86400},
    {"keepalive_count", KIND_NUMBER, offsetof(struct config, keepalive_count), 0, 10000},
    {"max_clients", KIND_NUMBER, offsetof(struct config, max_clients), 1, 100000},
    {"max_client_requests", KIND_NUMBER, offsetof(struct config, max_client_requests), 1, 1000},
    {"qemu_start_timeout", KIND_NUMBER, offsetof(struct config, qemu_start_timeout), 1, 86400},
    {"qemu_order_timeout", KIND_NUMBER, offsetof(struct config, qemu_order_timeout), 1, 86400},
    {"trace_files", KIND_NUMBER, offsetof(struct config, trace_files), 0, 100},
    {"log_level", KIND_LEVEL, offsetof(struct config, log_level), 1, 4},
};
enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

_Static_assert(sizeof(int) == sizeof(unsigned), "KIND_NUMBER writes either");

static int find_key(const char *name)
{
    for (int i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0)
            return i;
    return -1;
}

static int want_string(const struct key *key, const struct config_value *v, struct fail *f)
{
    if (v->is_string && v->string[0])
        return 0;
    return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s wants a string in quotation marks%s", key->name,
                    v->is_string ? ", not an empty one" : "");
}

static int want_number(const struct key *key, const struct config_value *v, struct fail *f)
{
    if (!v->is_string && v->number >= key->min && v->number <= key->max)
        return 0;
    return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s wants a number from %lld to %lld", key->name,
                    key->min, key->max);
}

static int set_string(char **at, const struct key *key, const struct config_value *v,
                      struct fail *f)
{
    if ((long long)strlen(v->string) > key->max)
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s is longer than %lld bytes", key->name,
                        key->max);
    char *copy = strdup(v->string);
    if (!copy)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    free(*at);
    *at = copy;
    return 0;
}

/* It goes into URIs, to be resolved by others. */
static int check_host(const struct key *key, const char *name, struct fail *f)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
            return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s: '%s' is not the name of a host", key->name,
                            name);
    return 0;
}

static int check_path(const struct key *key, const char *path, struct fail *f)
{
    return path[0] == '/' ? 0
                          : fail_set(f, VIR_ERR_CONF_SYNTAX, "%s: '%s' is not an absolute path",
                                     key->name, path);
}

static int check_group(const struct key *key, const char *name, struct fail *f)
{
    return getgrnam(name)
               ? 0
               : fail_set(f, VIR_ERR_CONF_SYNTAX, "%s: there is no group '%s'", key->name, name);
}

static int set_checked(char **at, const struct key *key, const struct config_value *v,
                       int (*check)(const struct key *, const char *, struct fail *),
                       struct fail *f)
{
    if (want_string(key, v, f) < 0 || check(key, v->string, f) < 0)
        return -1;
    return set_string(at, key, v, f);
}

static int set_mode(mode_t *at, const struct key *key, const struct config_value *v, struct fail *f)
{
    if (want_string(key, v, f) < 0)
        return -1;
    char *rest;
    unsigned long mode = strtoul(v->string, &rest, 8);
    if (v->string[0] < '0' || v->string[0] > '7' || *rest || (long long)mode > key->max)
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s wants octal permissions like \"0770\"",
                        key->name);
    *at = (mode_t)mode;
    return 0;
}

static int set_switch(enum config_switch *at, const struct key *key, const struct config_value *v,
                      struct fail *f)
{
    if (v->is_string && strcmp(v->string, "auto") == 0)
        *at = CONFIG_AUTO;
    else if (!v->is_string && (v->number == 0 || v->number == 1))
        *at = v->number ? CONFIG_ON : CONFIG_OFF;
    else
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s wants \"auto\", 0 or 1", key->name);
    return 0;
}

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static int set_level(enum log_level *at, const struct key *key, const struct config_value *v,
                     struct fail *f)
{
    for (int i = 0; i < 4; i++) {
        if (v->is_string ? strcmp(v->string, level_names[i]) == 0 : v->number == i + 1) {
            *at = (enum log_level)i;
            return 0;
        }
    }
    return fail_set(f, VIR_ERR_CONF_SYNTAX,
                    "%s wants \"debug\", \"info\", \"warning\" or \"error\"", key->name);
}

static int set_uuid(struct config *c, const struct key *key, const struct config_value *v,
                    struct fail *f)
{
    if (want_string(key, v, f) < 0)
        return -1;
    if (!uuid_parse(v->string, &c->host_uuid))
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s: '%s' is not a uuid", key->name, v->string);
    if (uuid_is_placeholder(&c->host_uuid))
        return fail_set(f, VIR_ERR_CONF_SYNTAX,
                        "%s: all digits of '%s' are the same, as other hosts' may be", key->name,
                        v->string);
    c->has_host_uuid = true;
    return 0;
}

int config_set(struct config *c, const char *name, const struct config_value *v, struct fail *f)
{
    int index = find_key(name);
    if (index < 0)
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "there is no setting '%s'", name);
    const struct key *key = &keys[index];
    void *at = (char *)c + key->offset;
    switch (key->kind) {
    case KIND_HOST:
        return set_checked(at, key, v, check_host, f);
    case KIND_PATH:
        return set_checked(at, key, v, check_path, f);
    case KIND_GROUP:
        return set_checked(at, key, v, check_group, f);
    case KIND_NUMBER:
        if (want_number(key, v, f) < 0)
            return -1;
        *(int *)at = (int)v->number;
        return 0;
    case KIND_PORT:
        if (want_number(key, v, f) < 0)
            return -1;
        *(uint16_t *)at = (uint16_t)v->number;
        return 0;
    case KIND_MODE:
        return set_mode(at, key, v, f);
    case KIND_UUID:
        return set_uuid(c, key, v, f);
    case KIND_SWITCH:
        return set_switch(at, key, v, f);
    case KIND_LEVEL:
        return set_level(at, key, v, f);
    case KIND_LISTEN:
        if (want_string(key, v, f) < 0)
            return -1;
        return config_set_listen_tcp(c, v->string, f) < 0 ? fail_prefix(f, "%s", key->name) : 0;
    case KIND_PEER:
        if (want_string(key, v, f) < 0)
            return -1;
        return config_set_peer_listen(c, v->string, f) < 0 ? fail_prefix(f, "%s", key->name) : 0;
    case KIND_ADDRESSES:
        if (want_string(key, v, f) < 0)
            return -1;
        return config_set_migration_address(c, v->string, f) < 0 ? fail_prefix(f, "%s", key->name)
                                                                 : 0;
    }
    return -1;
}

/* ---- what is in force ------------------------------------------------------------------------ */

static void print_address(const char *key, const char *address, uint16_t port)
{
    printf(strchr(address, ':') ? "%s = \"[%s]:%u\"\n" : "%s = \"%s:%u\"\n", key, address, port);
}

static void print_addresses(const struct config *c, const char *key)
{
    for (unsigned i = 0; i < c->migration_address_count; i++)
        printf(i == 0 ? "%s = \"%s" : "%.0s, %s", key, c->migration_addresses[i]);
    if (c->migration_address_count)
        printf("\"\n");
}

static void print_peer(const struct config *c, const char *key)
{
    if (c->peer_listen_path)
        printf("%s = \"%s\"\n", key, c->peer_listen_path);
    else if (c->peer_listen_address)
        print_address(key, c->peer_listen_address, c->peer_listen_port);
}

/* In the words of the file; nothing for what is off. */
static void print_key(const struct config *c, const struct key *key)
{
    static const char *const switches[] = {
        [CONFIG_AUTO] = "\"auto\"", [CONFIG_ON] = "1", [CONFIG_OFF] = "0"};
    const void *at = (const char *)c + key->offset;
    char uuid[UUID_TEXT];
    switch (key->kind) {
    case KIND_HOST:
    case KIND_PATH:
    case KIND_GROUP:
        if (*(char *const *)at)
            printf("%s = \"%s\"\n", key->name, *(char *const *)at);
        return;
    case KIND_NUMBER:
        printf("%s = %d\n", key->name, *(const int *)at);
        return;
    case KIND_PORT:
        printf("%s = %u\n", key->name, *(const uint16_t *)at);
        return;
    case KIND_MODE:
        printf("%s = \"0%o\"\n", key->name, *(const mode_t *)at);
        return;
    case KIND_UUID:
        uuid_format(at, uuid);
        printf("%s = \"%s\"\n", key->name, uuid);
        return;
    case KIND_SWITCH:
        printf("%s = %s\n", key->name, switches[*(const enum config_switch *)at]);
        return;
    case KIND_LEVEL:
        printf("%s = \"%s\"\n", key->name, level_names[*(const enum log_level *)at]);
        return;
    case KIND_LISTEN:
        if (c->listen_tcp_address)
            print_address(key->name, c->listen_tcp_address, c->listen_tcp_port);
        return;
    case KIND_PEER:
        print_peer(c, key->name);
        return;
    case KIND_ADDRESSES:
        print_addresses(c, key->name);
        return;
    }
}

void config_print(const struct config *c)
{
    printf("# sockets and pid file: %s\n# state: %s\n# cache: %s\n# logs: %s\n# monitors: %s\n",
           c->run_dir, c->state_dir, c->cache_dir, c->log_dir, c->socket_dir);
    for (int i = 0; i < KEY_COUNT; i++)
        print_key(c, &keys[i]);
}

/* ---- syntax ---------------------------------------------------------------------------------- */

static int syntax(struct fail *f, const char *what)
{
    return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s", what);
}

static char *skip_blanks(char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\r')
        p++;
    return p;
}

static bool is_end(const char *p)
{
    return *p == '\0' || *p == '#';
}

/* The value at `p`, which is cut into pieces. */
static int read_value(char *p, struct config_value *ret, struct fail *f)
{
    char *rest;
    if (*p == '"' || *p == '\'') {
        char *end = strchr(p + 1, *p);
        if (!end)
            return syntax(f, "the string does not end on its line");
        *end = '\0';
        *ret = (struct config_value){.is_string = true, .string = p + 1};
        rest = end + 1;
    } else if (isdigit((unsigned char)*p) || (*p == '-' && isdigit((unsigned char)p[1]))) {
        errno = 0;
        *ret = (struct config_value){.number = strtoll(p, &rest, 10)};
        if (errno)
            return syntax(f, "the number is too large");
    } else if (*p == '[') {
        return syntax(f, "no setting takes a list");
    } else {
        return syntax(f, is_end(p)
                             ? "the value is missing"
                             : "the value is neither a number nor a string in quotation marks");
    }
    return is_end(skip_blanks(rest)) ? 0 : syntax(f, "there is more after the value");
}

static int read_line(struct config *c, char *line, bool *seen, struct fail *f)
{
    struct config_value value;
    char *name = skip_blanks(line);
    if (is_end(name))
        return 0;
    char *end = name;
    while (isalnum((unsigned char)*end) || *end == '_')
        end++;
    char *equals = skip_blanks(end);
    if (end == name || *equals != '=')
        return syntax(f, "expected `key = value`");
    *end = '\0';
    if (read_value(skip_blanks(equals + 1), &value, f) < 0)
        return fail_prefix(f, "%s", name);
    int index = find_key(name);
    if (index >= 0 && seen[index])
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s is set a second time", name);
    if (index >= 0)
        seen[index] = true;
    return config_set(c, name, &value, f);
}

static int read_text(struct config *c, char *text, size_t size, const char *path, struct fail *f)
{
    bool seen[KEY_COUNT] = {false};
    if (memchr(text, '\0', size))
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "%s: not a text file", path);
    char *next;
    for (unsigned number = 1; text; text = next, number++) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        if (read_line(c, text, seen, f) < 0)
            return fail_prefix(f, "%s:%u", path, number);
    }
    if (c->migration_port_min > c->migration_port_max)
        return fail_set(f, VIR_ERR_CONF_SYNTAX,
                        "%s: migration_port_min (%u) is larger than migration_port_max (%u)", path,
                        c->migration_port_min, c->migration_port_max);
    return 0;
}

int config_load(struct config *c, const char *path, bool optional, struct fail *f)
{
    struct buffer bytes = {0};
    int r = file_read(path, FILE_SIZE_MAX, &bytes, f);
    size_t size = buffer_size(&bytes);
    if (r == FILE_ABSENT)
        r = optional ? 0 : fail_set(f, VIR_ERR_CONF_SYNTAX, "%s: there is no such file", path);
    else if (r == 0 && buffer_append(&bytes, "", 1) < 0)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    else if (r == 0)
        r = read_text(c, (char *)bytes.data + bytes.start, size, path, f);
    buffer_free(&bytes);
    return r < 0 ? -1 : 0;
}
