#include "daemon/migrate_uri.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(const char *text, const char *why, struct fail *f)
{
    return fail_set(f, VIR_ERR_INVALID_ARG, "migration URI '%.200s': %s", text, why);
}

bool migrate_uri_is_host(const char *host, size_t size)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  ".-_:%";
    for (size_t i = 0; i < size; i++)
        if (!memchr(allowed, host[i], sizeof(allowed) - 1))
            return false;
    return size > 0 && size < MIGRATE_HOST_MAX;
}

static int parse_unix(const char *text, const char *path, struct migrate_uri *u, struct fail *f)
{
    if (path[0] != '/')
        return bad(text, "the path of the socket must be absolute", f);
    if (strlen(path) >= sizeof(u->path))
        return bad(text, "the path of the socket is longer than 107 bytes", f);
    u->is_unix = true;
    memcpy(u->path, path, strlen(path) + 1);
    return 0;
}

static int parse_port(const char *text, const char *digits, struct migrate_uri *u, struct fail *f)
{
    char *end;
    unsigned long port = strtoul(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || port == 0 || port > 65535)
        return bad(text, "the port is no number from 1 to 65535", f);
    u->port = (uint16_t)port;
    return 0;
}

static int parse_tcp(const char *text, const char *rest, struct migrate_uri *u, struct fail *f)
{
    const char *host = rest, *end;
    if (rest[0] == '[') {
        host++;
        end = strchr(host, ']');
        if (!end)
            return bad(text, "']' is missing", f);
        rest = end + 1;
    } else {
        end = rest + strcspn(rest, ":");
        rest = end;
    }
    size_t size = (size_t)(end - host);
    if (!migrate_uri_is_host(host, size))
        return bad(text, "it names no host", f);
    memcpy(u->host, host, size);
    u->host[size] = '\0';
    if (rest[0] == '\0')
        return 0;
    if (rest[0] != ':')
        return bad(text, "there is something behind the host", f);
    return parse_port(text, rest + 1, u, f);
}

int migrate_uri_parse(const char *text, struct migrate_uri *ret_uri, struct fail *f)
{
    struct migrate_uri u = {0};
    int r;
    if (strncmp(text, "tcp://", 6) == 0)
        r = parse_tcp(text, text + 6, &u, f);
    else if (strncmp(text, "tcp:", 4) == 0)
        r = parse_tcp(text, text + 4, &u, f);
    else if (strncmp(text, "unix://", 7) == 0)
        r = parse_unix(text, text + 7, &u, f);
    else if (strncmp(text, "unix:", 5) == 0)
        r = parse_unix(text, text + 5, &u, f);
    else
        r = bad(text, "only tcp and unix are supported", f);
    if (r == 0)
        *ret_uri = u;
    return r;
}

void migrate_uri_format_tcp(const char *prefix, const char *host, uint16_t port, char *ret_text,
                            size_t size)
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(ret_text, size, "%s%s%s%s:%u", prefix, v6 ? "[" : "", host, v6 ? "]" : "", port);
}

int migrate_uri_for_qemu(const char *text, char *ret_text, size_t size, struct fail *f)
{
    struct migrate_uri u;
    if (!text)
        return fail_set(f, VIR_ERR_INVALID_ARG, "no migration URI");
    if (migrate_uri_parse(text, &u, f) < 0)
        return -1;
    if (!u.is_unix && u.port == 0)
        return bad(text, "it has no port", f);
    if (u.is_unix)
        snprintf(ret_text, size, "unix:%s", u.path);
    else
        migrate_uri_format_tcp("tcp:", u.host, u.port, ret_text, size);
    return 0;
}
