/* config.h - the daemon's settings: a file in libvirtd.conf's habit (`key = value`), then options.
 *
 * dist/batond.conf is the commented sample; each key is described there. An unknown key, a value of
 * the wrong type or out of range is an error that names file, line and key.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/fail.h"
#include "util/log.h"
#include "util/uuid.h"

enum config_switch { CONFIG_AUTO, CONFIG_ON, CONFIG_OFF };

enum { CONFIG_ADDRESSES_MAX = 8 };

struct config {
    char *root; /* of --root, absolute; NULL: the system's places */
    /* places; with --root DIR all are below DIR, or else the system's. Absolute, owned. */
    char *run_dir;    /* sockets, pid file: DIR/run/libvirt, /run/libvirt */
    char *state_dir;  /* durable: DIR/lib, /var/lib/baton: guests/UUID/, one folder each, 0700 */
    char *cache_dir;  /* what was probed: DIR/cache, /var/cache/baton */
    char *log_dir;    /* QEMU's logs: DIR/log, /var/log/baton */
    char *socket_dir; /* monitors and channels, short paths: DIR/run/baton, /run/baton */

    bool has_host_uuid;
    struct uuid host_uuid;   /* else made from the machine's own, and the root */
    char *hostname;          /* never NULL after config_complete */
    char *emulator;          /* default emulator; never NULL after config_complete */
    /* What the destination listens on, and offers: the best network first. None: all, hostname. */
    char *migration_addresses[CONFIG_ADDRESSES_MAX];
    unsigned migration_address_count;
    uint16_t migration_port_min, migration_port_max; /* 49152..49215 */
    enum config_switch pause_before_switchover;      /* auto: where QEMU has it */
    enum config_switch own_the_stop; /* post-copy; auto: where QEMU restarts what it stopped */

    char *listen_tcp_address; /* NULL: off */
    uint16_t listen_tcp_port; /* 16509 */
    char *peer_listen_path;    /* the peers' listener: a unix socket, */
    char *peer_listen_address; /* or an address and a port; both NULL: off */
    uint16_t peer_listen_port;
    unsigned require_proof; /* 1: no client's word that the destination does not run the guest; 0 */
    unsigned postcopy_recovery;      /* 1: a broken post-copy is resumed with nobody asking; 1 */
    unsigned postcopy_stall_timeout; /* seconds, 0: never; 10 */
    unsigned client_return_timeout;  /* seconds, after a restart of this daemon; 30 */
    char *unix_sock_group;
    mode_t unix_sock_rw_perms, unix_sock_ro_perms; /* 0700, 0777 */
    int keepalive_interval;                        /* seconds, -1 = off; 5 */
    unsigned keepalive_count;                      /* 5 */
    unsigned max_clients;                          /* 5000 */
    unsigned max_client_requests;                  /* calls under way on one connection; 32 */
    unsigned qemu_start_timeout, qemu_order_timeout; /* seconds; 30, 60 */
    unsigned trace_files;                          /* kept a guest, 0: none; 8 */
    enum log_level log_level;
};

void config_init(struct config *c);
void config_free(struct config *c);
/* Set the places below `root` (NULL: the system's). */
int config_set_root(struct config *c, const char *root, struct fail *f);
/* Read a file; a missing one is an error unless `optional`. */
int config_load(struct config *c, const char *path, bool optional, struct fail *f);
/* "ADDR", or several with commas between them. */
int config_set_migration_address(struct config *c, const char *text, struct fail *f);
/* "ADDR:PORT", "[v6]:PORT" */
int config_set_listen_tcp(struct config *c, const char *text, struct fail *f);
/* The same, or the absolute path of a unix socket. */
int config_set_peer_listen(struct config *c, const char *text, struct fail *f);
/* What was not set: hostname, host uuid, emulator. */
int config_complete(struct config *c, struct fail *f);
/* Each setting as it is in force now, and the places, on stdout. */
void config_print(const struct config *c);

/* ---- for config_file.c and tests ---- */
/* One setting as the file has it. */
struct config_value {
    bool is_string;
    const char *string;
    long long number;
};
/* -1 with VIR_ERR_CONF_SYNTAX: unknown key, wrong type, out of range. */
int config_set(struct config *c, const char *key, const struct config_value *value, struct fail *f);
