/* config.c - the settings' defaults and places, and what is made up when nobody set it. */
#include "daemon/config.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/migrate_uri.h"
#include "io/file.h"
#include "util/cleanup.h"

enum { SOCKET_PATH_MAX = 107 };

#define EMULATOR_DEFAULT "/usr/bin/qemu-system-x86_64"

void config_init(struct config *c)
{
    *c = (struct config){
        .migration_port_min = 49152,
        .migration_port_max = 49215,
        .pause_before_switchover = CONFIG_AUTO,
        .own_the_stop = CONFIG_AUTO,
        .postcopy_recovery = 1,
        .postcopy_stall_timeout = 10,
        .client_return_timeout = 30,
        .unix_sock_rw_perms = 0700,
        .unix_sock_ro_perms = 0777,
        .keepalive_interval = 5,
        .keepalive_count = 5,
        .qemu_start_timeout = 30,
        .qemu_order_timeout = 60,
        .max_clients = 5000,
        .max_client_requests = 32,
        .trace_files = 8,
        .log_level = LOG_LEVEL_INFO,
    };
}

static void free_places(struct config *c)
{
    free(c->root);
    free(c->run_dir);
    free(c->state_dir);
    free(c->cache_dir);
    free(c->log_dir);
    free(c->socket_dir);
    c->root = c->run_dir = c->state_dir = c->cache_dir = c->log_dir = c->socket_dir = NULL;
}

static void free_addresses(struct config *c)
{
    for (unsigned i = 0; i < c->migration_address_count; i++)
        free(c->migration_addresses[i]);
    c->migration_address_count = 0;
}

void config_free(struct config *c)
{
    free_places(c);
    free(c->hostname);
    free(c->emulator);
    free_addresses(c);
    free(c->listen_tcp_address);
    free(c->peer_listen_path);
    free(c->peer_listen_address);
    free(c->unix_sock_group);
    *c = (struct config){0};
}

/* ---- places ---------------------------------------------------------------------------------- */

static char *absolute(const char *path)
{
    char *result = NULL;
    if (path[0] == '/')
        return strdup(path);
    auto_free char *here = getcwd(NULL, 0);
    if (!here || asprintf(&result, "%s/%s", here, path) < 0)
        return NULL;
    return result;
}

static void drop_slashes(char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
}

static bool set_place(char **ret_place, const char *root, const char *below)
{
    char *path;
    if (asprintf(&path, "%s%s", root, below) < 0)
        return false;
    *ret_place = path;
    return true;
}

int config_set_root(struct config *c, const char *root, struct fail *f)
{
    if (root && !root[0])
        return fail_set(f, VIR_ERR_INVALID_ARG, "the name of the root folder is empty");
    free_places(c);
    if (root && !(c->root = absolute(root)))
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (c->root)
        drop_slashes(c->root);
    const char *at = c->root ? c->root : "";
    if (!set_place(&c->run_dir, at, "/run/libvirt") ||
        !set_place(&c->socket_dir, at, "/run/baton") ||
        !set_place(&c->state_dir, at, root ? "/lib" : "/var/lib/baton") ||
        !set_place(&c->cache_dir, at, root ? "/cache" : "/var/cache/baton") ||
        !set_place(&c->log_dir, at, root ? "/log" : "/var/log/baton"))
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    return 0;
}

/* ---- "ADDR, ADDR" ----------------------------------------------------------------------------- */

static int add_address(struct config *c, const char *text, size_t size, struct fail *f)
{
    if (!migrate_uri_is_host(text, size))
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "'%.*s' is no address", (int)size, text);
    if (c->migration_address_count == CONFIG_ADDRESSES_MAX)
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "there are more than %d addresses",
                        CONFIG_ADDRESSES_MAX);
    char *copy = strndup(text, size);
    if (!copy)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    c->migration_addresses[c->migration_address_count++] = copy;
    return 0;
}

int config_set_migration_address(struct config *c, const char *text, struct fail *f)
{
    static const char blanks[] = " \t";
    free_addresses(c);
    for (const char *at = text;; at++) {
        at += strspn(at, blanks);
        size_t size = strcspn(at, ", \t");
        if (add_address(c, at, size, f) < 0)
            return -1;
        at += size;
        at += strspn(at, blanks);
        if (*at == '\0')
            return 0;
        if (*at != ',')
            return fail_set(f, VIR_ERR_CONF_SYNTAX, "a comma is missing between two addresses");
    }
}

/* ---- "ADDR:PORT" ----------------------------------------------------------------------------- */

static int malformed(const char *text, struct fail *f)
{
    return fail_set(f, VIR_ERR_CONF_SYNTAX,
                    "'%s' is not ADDRESS:PORT (an IPv6 address in brackets, port 1 to 65535)",
                    text);
}

static int split_address(const char *text, char **ret_address, uint16_t *ret_port, struct fail *f)
{
    const char *start = text, *end = strrchr(text, ':');
    if (!end)
        return malformed(text, f);
    const char *port = end + 1;
    if (text[0] == '[') {
        start = text + 1;
        end = strchr(start, ']');
        if (!end || end + 2 != port)
            return malformed(text, f);
    } else if (memchr(text, ':', (size_t)(end - text))) {
        return malformed(text, f);
    }
    char *rest;
    unsigned long number = strtoul(port, &rest, 10);
    if (start == end || port[0] < '0' || port[0] > '9' || *rest || number < 1 || number > 65535)
        return malformed(text, f);
    char *address = strndup(start, (size_t)(end - start));
    if (!address)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    free(*ret_address);
    *ret_address = address;
    *ret_port = (uint16_t)number;
    return 0;
}

int config_set_listen_tcp(struct config *c, const char *text, struct fail *f)
{
    return split_address(text, &c->listen_tcp_address, &c->listen_tcp_port, f);
}

int config_set_peer_listen(struct config *c, const char *text, struct fail *f)
{
    if (text[0] != '/')
        return split_address(text, &c->peer_listen_address, &c->peer_listen_port, f);
    if (strlen(text) > SOCKET_PATH_MAX)
        return fail_set(f, VIR_ERR_CONF_SYNTAX, "'%s': the path of a socket has at most %d bytes",
                        text, SOCKET_PATH_MAX);
    char *path = strdup(text);
    if (!path)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    free(c->peer_listen_path);
    c->peer_listen_path = path;
    return 0;
}

/* ---- what nobody set ------------------------------------------------------------------------- */

static bool read_line(const char *path, char *ret_line, size_t room)
{
    struct buffer bytes = {0};
    bool ok = file_read(path, 4096, &bytes, NULL) == 0 && buffer_append(&bytes, "", 1) == 0;
    if (ok) {
        const char *text = (const char *)buffer_bytes(&bytes);
        snprintf(ret_line, room, "%.*s", (int)strcspn(text, "\n"), text);
    }
    buffer_free(&bytes);
    return ok;
}

/* FNV-1a, to tell daemons of one machine apart; `seed` makes two independent halves of it. */
static uint64_t hash(uint64_t seed, const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (seed * UINT64_C(0x9e3779b97f4a7c15));
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15); /* every bit counts in every byte */
    return h ^ h >> 29;
}

static void mix(struct uuid *uuid, const char *text)
{
    uint64_t half[2] = {hash(1, text), hash(2, text)};
    for (int i = 0; i < 16; i++)
        uuid->byte[i] ^= (uint8_t)(half[i / 8] >> (i % 8 * 8));
    uuid->byte[6] = (uuid->byte[6] & 0x0f) | 0x80; /* RFC 9562: version 8, made by our own rule */
    uuid->byte[8] = (uuid->byte[8] & 0x3f) | 0x80;
}

/* The machine's uuid as libvirt finds it: the firmware's, else the system's. Daemons under several
 * roots on one machine are several hosts to each other: what they must not take for themselves is
 * told by this uuid. */
static void make_host_uuid(struct config *c)
{
    char line[64];
    bool known = (read_line("/sys/class/dmi/id/product_uuid", line, sizeof(line)) &&
                  uuid_parse(line, &c->host_uuid) && !uuid_is_placeholder(&c->host_uuid)) ||
                 (read_line("/etc/machine-id", line, sizeof(line)) &&
                  uuid_parse(line, &c->host_uuid) && !uuid_is_placeholder(&c->host_uuid));
    if (!known) {
        c->host_uuid = (struct uuid){0};
        mix(&c->host_uuid, c->hostname);
    }
    if (c->root)
        mix(&c->host_uuid, c->root);
    c->has_host_uuid = true;
}

static int make_hostname(struct config *c, struct fail *f)
{
    char name[256];
    if (gethostname(name, sizeof(name)) < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "ask for the host's name: %s", strerror(errno));
    name[sizeof(name) - 1] = '\0';
    c->hostname = strdup(name);
    return c->hostname ? 0 : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
}

int config_complete(struct config *c, struct fail *f)
{
    if (!c->run_dir && config_set_root(c, NULL, f) < 0)
        return -1;
    if (!c->hostname && make_hostname(c, f) < 0)
        return -1;
    if (!c->emulator && !(c->emulator = strdup(EMULATOR_DEFAULT)))
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (!c->has_host_uuid)
        make_host_uuid(c);
    return 0;
}
