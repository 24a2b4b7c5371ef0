/* migrate_address.c - where a destination listens, and where the source is told to connect to.
 *
 * A migration that was given a URI stays with it. Else it goes over the first of this host's
 * networks (migration_address), and what resumes a broken post-copy over any of them: for that QEMU
 * has only one address to listen at, so it is all of them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/migrate_uri.h"
#include "daemon/ports.h"
#include "daemon/registry.h"

/* A stream's two ends. */
struct ends {
    char listen[MIGRATE_URI_MAX]; /* for QEMU here */
    struct stream_uris uris;      /* for the source */
};

static void add_uri(struct stream_uris *u, const char *prefix, const char *host, uint16_t port)
{
    migrate_uri_format_tcp(prefix, host, port, u->items[u->count++], MIGRATE_URI_MAX);
}

/* `host` is the one that the migration was given, or "". */
static const char *listen_address(const struct config *c, const struct migration *m,
                                  const char *host)
{
    if (m->listen_address)
        return m->listen_address;
    for (unsigned i = 0; i < c->migration_address_count; i++)
        if (strcmp(c->migration_addresses[i], host) == 0)
            return c->migration_addresses[i];
    return c->migration_address_count ? c->migration_addresses[0] : "0.0.0.0";
}

static const char *every_address(const struct config *c)
{
    for (unsigned i = 0; i < c->migration_address_count; i++)
        if (strchr(c->migration_addresses[i], ':'))
            return "::";
    return "0.0.0.0";
}

/* The URI has a port, or one of the range is taken in the place of the one before. */
static int choose_port(struct daemon *d, struct migration *m, const char *address, uint16_t given,
                       uint16_t *ret_port, struct fail *f)
{
    uint16_t before = m->port;
    *ret_port = given;
    if (given)
        return 0;
    if (ports_take(d->ports, address, &m->port, f) < 0)
        return -1; /* the one before is still its own, and is released with it */
    ports_release(d->ports, before);
    *ret_port = m->port;
    return 0;
}

static void offer(const struct config *c, const char *host, uint16_t port, unsigned networks,
                  struct stream_uris *u)
{
    if (host[0]) {
        add_uri(u, "tcp://", host, port);
        return;
    }
    for (unsigned i = 0; i < c->migration_address_count && i < networks; i++)
        add_uri(u, "tcp:", c->migration_addresses[i], port);
    if (u->count == 0)
        add_uri(u, "tcp:", c->hostname, port);
}

/* A QEMU that was ended leaves its socket behind; what can't be removed is refused by the next one.
 */
static void remove_socket(struct migration *m)
{
    struct stat st;
    if (m->socket_path && lstat(m->socket_path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(m->socket_path);
    m->socket_path = NULL;
}

/* QEMU removes whatever is at the path before it listens there: a user's file, or the socket of
 * another migration, whose source would then come here. */
static int claim_socket(struct daemon *d, struct migration *m, const char *path, struct fail *f)
{
    struct stat st;
    if (m->socket_path && strcmp(m->socket_path, path) == 0)
        return 0;
    for (const struct guest *g = registry_next(d->registry, NULL); g;
         g = registry_next(d->registry, g))
        if (g->migration && g->migration->socket_path &&
            strcmp(g->migration->socket_path, path) == 0)
            return fail_set(f, VIR_ERR_OPERATION_FAILED,
                            "the socket %.107s is in use by the migration of domain '%s'", path,
                            g->name);
    if (lstat(path, &st) == 0)
        return fail_set(f, VIR_ERR_OPERATION_FAILED,
                        "the path of the migration's socket exists already: %.107s", path);
    remove_socket(m);
    m->socket_path = arena_strdup(&m->arena, path);
    return m->socket_path
               ? 0
               : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the migration's address");
}

/* `again`: for the stream that resumes a broken post-copy. In a range that is full its own port has to do for
 * that: QEMU listens there no more, or lets go of it when it hears of this. */
static int choose(struct daemon *d, struct migration *m, bool again, struct ends *ret, struct fail *f)
{
    const struct config *c = &d->config;
    struct migrate_uri u = {0};
    uint16_t port;
    ret->uris.count = 0;
    if (m->uri && migrate_uri_parse(m->uri, &u, f) < 0)
        return -1;
    if (u.is_unix) {
        snprintf(ret->listen, sizeof(ret->listen), "unix:%s", u.path);
        snprintf(ret->uris.items[ret->uris.count++], MIGRATE_URI_MAX, "%s", m->uri);
        return claim_socket(d, m, u.path, f);
    }
    bool several = !u.host[0] && !m->listen_address && again && c->migration_address_count > 1;
    const char *address = several ? every_address(c) : listen_address(c, m, u.host);
    if (choose_port(d, m, address, u.port, &port, f) < 0 && !(again && (port = m->port)))
        return -1;
    migrate_uri_format_tcp("tcp:", address, port, ret->listen, sizeof(ret->listen));
    offer(c, u.host, port, again ? STREAM_URIS_MAX : 1, &ret->uris);
    return 0;
}

int migrate_choose_address(struct daemon *d, struct migration *m, struct fail *f)
{
    struct ends ends;
    if (choose(d, m, false, &ends, f) < 0)
        return -1;
    m->listen_uri = arena_strdup(&m->arena, ends.listen);
    m->uri_out = arena_strdup(&m->arena, ends.uris.items[0]);
    return m->listen_uri && m->uri_out
               ? 0
               : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the migration's address");
}

int migrate_choose_recovery(struct daemon *d, struct migration *m, char *ret_listen, struct fail *f)
{
    struct ends ends;
    if (choose(d, m, true, &ends, f) < 0)
        return -1;
    memcpy(ret_listen, ends.listen, sizeof(ends.listen));
    m->recovery.uris = ends.uris;
    return 0;
}

void migrate_release_address(struct daemon *d, struct migration *m)
{
    ports_release(d->ports, m->port);
    m->port = 0;
    remove_socket(m);
}
