#include "daemon/peer_uri.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/migrate_uri.h"

enum { TCP_PORT = 16509 };

static int bad(const char *text, const char *why, struct fail *f)
{
    return fail_set(f, VIR_ERR_INVALID_ARG, "the destination's URI '%.200s': %s", text, why);
}

/* %41 and the like, as libvirt clients write a path into a query. */
static bool unescape(const char *in, size_t size, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        char c = in[i];
        if (c == '%' && i + 2 < size) {
            char digits[3] = {in[i + 1], in[i + 2], '\0'}, *end;
            c = (char)strtoul(digits, &end, 16);
            if (*end || !c)
                return false;
            i += 2;
        }
        if (n + 1 >= room)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n > 0;
}

static int parse_unix(const char *text, const char *query, struct peer_uri *u, struct fail *f)
{
    const char *value = query ? strstr(query, "socket=") : NULL;
    u->is_unix = true;
    if (!value) {
        snprintf(u->path, sizeof(u->path), "/run/libvirt/virtqemud-sock");
        return 0;
    }
    value += strlen("socket=");
    if (!unescape(value, strcspn(value, "&"), u->path, sizeof(u->path)) || u->path[0] != '/')
        return bad(text, "the socket must be an absolute path of at most 107 bytes", f);
    return 0;
}

static int parse_tcp(const char *text, const char *host, const char *path, struct peer_uri *u,
                     struct fail *f)
{
    const char *end = path, *colon = NULL;
    if (host[0] == '[') {
        host++;
        end = memchr(host, ']', (size_t)(path - host));
        if (!end)
            return bad(text, "']' is missing", f);
        colon = end[1] == ':' ? end + 1 : NULL;
    } else {
        colon = memchr(host, ':', (size_t)(path - host));
        end = colon ? colon : path;
    }
    size_t size = (size_t)(end - host);
    if (!migrate_uri_is_host(host, size))
        return bad(text, "it names no host", f);
    memcpy(u->host, host, size);
    u->host[size] = '\0';
    u->port = TCP_PORT;
    if (colon) {
        char *stop;
        unsigned long port = strtoul(colon + 1, &stop, 10);
        if (stop != path || port == 0 || port > 65535)
            return bad(text, "the port is no number from 1 to 65535", f);
        u->port = (uint16_t)port;
    }
    return 0;
}

int peer_uri_parse(const char *text, struct peer_uri *ret_uri, struct fail *f)
{
    struct peer_uri u = {0};
    const char *authority = strstr(text, "://");
    if (!authority)
        return bad(text, "it is no URI", f);
    authority += 3;
    const char *path = strchr(authority, '/');
    if (!path || strncmp(path, "/system", 7) != 0 || (path[7] && path[7] != '?'))
        return bad(text, "its path must be /system", f);
    const char *query = path[7] == '?' ? path + 8 : NULL;
    int r;
    if (strncmp(text, "qemu+unix://", 12) == 0 || strncmp(text, "qemu:///", 8) == 0)
        r = authority == path ? parse_unix(text, query, &u, f)
                              : bad(text, "a host can't be reached through a unix socket", f);
    else if (strncmp(text, "qemu+tcp://", 11) == 0)
        r = parse_tcp(text, authority, path, &u, f);
    else
        r = bad(text, "only qemu+unix and qemu+tcp are supported between daemons", f);
    if (r == 0)
        *ret_uri = u;
    return r;
}

int peer_address_parse(const char *text, struct peer_uri *ret_uri, struct fail *f)
{
    struct migrate_uri u;
    if (strncmp(text, "qemu", 4) == 0)
        return peer_uri_parse(text, ret_uri, f);
    if (migrate_uri_parse(text, &u, f) < 0)
        return -1;
    if (!u.is_unix && u.port == 0)
        return fail_set(f, VIR_ERR_INVALID_ARG, "the address '%.200s' has no port", text);
    *ret_uri = (struct peer_uri){.is_unix = u.is_unix, .port = u.port};
    snprintf(ret_uri->path, sizeof(ret_uri->path), "%s", u.path);
    snprintf(ret_uri->host, sizeof(ret_uri->host), "%s", u.host);
    return 0;
}
