/* peer_uri.h - where another daemon is: qemu+unix:///system?socket=PATH, qemu+tcp://HOST[:PORT]/
 * system, as users write it; tcp://HOST:PORT, unix:/PATH, as a daemon names its peers' listener.
 * Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "daemon/migrate_uri.h"
#include "util/fail.h"

struct peer_uri {
    bool is_unix;
    char path[108]; /* unix */
    char host[MIGRATE_HOST_MAX]; /* tcp; without brackets */
    uint16_t port;  /* tcp */
};

/* -1 with VIR_ERR_INVALID_ARG naming what is wrong or not supported. */
int peer_uri_parse(const char *text, struct peer_uri *ret_uri, struct fail *f);
/* Either kind. */
int peer_address_parse(const char *text, struct peer_uri *ret_uri, struct fail *f);
