/* migrate_uri.h - addresses of migration streams: what users write, what QEMU wants. Pure.
 *
 * tcp:HOST:PORT, tcp://HOST[:PORT], unix:PATH, unix://PATH; HOST is a name, an IPv4 address or an
 * IPv6 address in brackets.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/fail.h"

enum { MIGRATE_URI_MAX = 512, MIGRATE_HOST_MAX = 256 };

struct migrate_uri {
    bool is_unix;
    char host[MIGRATE_HOST_MAX]; /* tcp; without brackets */
    uint16_t port;               /* tcp; 0: none given */
    char path[108];              /* unix; fits a socket address */
};

/* Whether it can be a name or an address at all: no blank, no control character, no separator. */
bool migrate_uri_is_host(const char *host, size_t size);
/* -1 with VIR_ERR_INVALID_ARG naming what is wrong. */
int migrate_uri_parse(const char *text, struct migrate_uri *ret_uri, struct fail *f);
/* "tcp:HOST:PORT" or "unix:PATH", as the monitor's commands take it. */
int migrate_uri_for_qemu(const char *text, char *ret_text, size_t size, struct fail *f);
/* HOST with brackets where it needs them, and the port. */
void migrate_uri_format_tcp(const char *prefix, const char *host, uint16_t port, char *ret_text,
                            size_t size);
