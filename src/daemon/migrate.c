/* migrate.c - the object of one migration, and who drives it. */
#include "daemon/migrate.h"
#include <stdlib.h>
#include "daemon/daemon.h"
#include "daemon/registry.h"

struct migration *migration_new(bool outgoing, uint32_t flags, struct client *driver)
{
    struct migration *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    arena_init(&m->arena, MIGRATION_ARENA_MAX);
    m->outgoing = outgoing;
    m->flags = flags;
    m->driver = driver;
    return m;
}

void migration_free(struct migration *m)
{
    if (!m)
        return;
    migrate_recovery_drop(m);
    migrate_watch_drop(m);
    domain_free(m->before);
    arena_free(&m->arena);
    free(m);
}

void migrate_client_gone(struct daemon *d, struct client *client)
{
    if (!d->registry)
        return;
    for (struct guest *g = registry_next(d->registry, NULL); g;
         g = registry_next(d->registry, g)) {
        if (!g->migration || g->migration->driver != client)
            continue;
        g->migration->driver = NULL;
        if (core_migrating(&g->core))
            guest_event(g, EV_CLIENT_GONE, 0, 0);
    }
}
