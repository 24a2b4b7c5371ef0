/* migrate_definition.c - what a migration makes of the guest's definition: PERSIST_DEST, UNDEFINE_SOURCE.
 *
 * On the destination the definition is told where libvirt tells it, before the guest runs, but `cont`
 * does not wait for it: it is ordered first (ACT_TAKE_IN comes right behind it). What is in memory
 * from then on is written when that can't delay the guest any more: in post-copy at once, for it is
 * not taken back; else at the end of the job, because a pre-copy whose `cont` QEMU refuses is undone.
 * A migration that goes on without its client learns only at its end, if ever, what to define.
 *
 * The job is over at once; the calls that ended it are answered when the disk has it (the guest is
 * `defining`). Until then the journal's record says so, and a daemon that comes back does it.
 *
 * What the disk does not take is told (UNDEFINED) and logged, but Finish is no failure: it would
 * have the source run the guest again. The source hears of it in the cookie and keeps its own.
 */
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/definition.h"
#include "daemon/guest_change.h"
#include "daemon/migrate.h"
#include "util/cleanup.h"
#include "util/log.h"

static void write_now(struct guest *g);

/* ---- told ------------------------------------------------------------------------------------ */

/* The definition that came with the migration, or else the running document. */
static int make_definition(const struct guest *g, struct domain **ret, struct fail *f)
{
    struct domain *d = NULL;
    const char *xml = g->migration->persistent_xml;
    struct domain_defaults defaults = {.emulator = g->live->emulator,
                                       .machine = g->live->os.machine};
    if (xml ? domain_parse(xml, strlen(xml), 0, &d, f) < 0 : domain_copy(g->live, &d, f) < 0)
        return -1;
    d->id = -1;
    d->uuid = g->uuid;
    d->has_uuid = true;
    d->name = domain_string(d, g->name);
    if (!d->name)
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (!d->name || domain_fill_defaults(d, &defaults, f) < 0) {
        domain_free(d);
        return -1;
    }
    *ret = d;
    return 0;
}

static void log_lost(const struct guest *g, const struct fail *why)
{
    log_error("guest %s migrated, but %s: %s", g->name,
              g->migration->outgoing ? "its definition here could not be removed"
                                     : "it could not be made persistent here",
              why->text);
}

static bool persists(const struct migration *m)
{
    return m && !m->outgoing && (m->flags & VIR_MIGRATE_PERSIST_DEST);
}

static void take_in(struct guest *g)
{
    struct migration *m = g->migration;
    struct domain *d;
    struct fail f = {0};
    m->taken_in = true;
    if (make_definition(g, &d, &f) < 0) {
        m->definition_lost = true;
        log_lost(g, &f);
        return;
    }
    m->before = definition_replace(g, d);
    m->arrived = d;
}

void migrate_take_in(struct guest *g)
{
    struct migration *m = g->migration;
    if (!persists(m) || m->taken_in || !m->finish_came)
        return;
    take_in(g);
    if (g->core.in.postcopied)
        write_now(g);
}

/* Nobody has changed it since. */
static bool is_in_force(const struct guest *g)
{
    return g->migration && g->migration->arrived && g->migration->arrived == g->defined;
}

/* As if it had never come. */
static void take_back(struct guest *g)
{
    struct migration *m = g->migration;
    if (is_in_force(g))
        domain_free(definition_replace(g, take_ptr(m->before)));
}

/* ---- durable --------------------------------------------------------------------------------- */

static int make_arrived(struct guest *g, struct guest_change *c)
{
    if (!is_in_force(g) || g->migration->written)
        return GUEST_CHANGE_NEEDLESS;
    c->definition = GUEST_FILE_WRITTEN;
    c->definition_document = g->defined;
    c->autostart = g->migration->before ? GUEST_FILE_STAYS : GUEST_FILE_REMOVED;
    return 0;
}

static int make_early(struct guest_change *c, struct guest *g, struct fail *f)
{
    (void)f;
    return make_arrived(g, c);
}

/* What failed is tried again at the end of the job. */
static void early_done(struct guest_change *c, struct guest *g, const struct fail *why)
{
    if (!why && is_in_force(g)) {
        g->migration->written = true;
        guest_journal_append(g);
    }
    free(c);
}

static void write_now(struct guest *g)
{
    struct guest_change *c = calloc(1, sizeof(*c));
    if (!c)
        return;
    *c = (struct guest_change){.make = make_early, .done = early_done};
    guest_change(g, c);
}

static int make_finished(struct guest_change *c, struct guest *g, struct fail *f)
{
    (void)f;
    if (!g->migration->outgoing)
        return make_arrived(g, c);
    if (!g->defined)
        return GUEST_CHANGE_NEEDLESS;
    c->definition = c->autostart = GUEST_FILE_REMOVED;
    return 0;
}

bool migrate_definition_is_awaited(const struct guest *g)
{
    return persists(g->migration) && !g->migration->written;
}

static void finished(struct guest_change *c, struct guest *g, const struct fail *why)
{
    struct migration *m = g->migration;
    free(c);
    g->defining = false;
    if (why && g->daemon->ending)
        return; /* the daemon that comes back does it */
    if (why)
        log_lost(g, why);
    if (why && !m->outgoing) {
        take_back(g);
        m->definition_lost = true;
    }
    if (!why && m->outgoing && g->defined)
        domain_free(definition_replace(g, NULL));
    if (migrate_definition_is_awaited(g))
        peer_prove_taken(g);
    guest_answer_held(g);
    if (!g->stepping)
        migrate_release(g);
}

/* The end of this job concerns the definition. */
static bool concerns_definition(const struct migration *m)
{
    return persists(m) || (m && m->outgoing && (m->flags & VIR_MIGRATE_UNDEFINE_SOURCE));
}

bool migrate_definition_is_due(const struct guest *g)
{
    return concerns_definition(g->migration) && !core_migrating(&g->core) && g->accounts.ended &&
           g->accounts.result == RESULT_OK;
}

void migrate_finish_definition(struct guest *g)
{
    struct migration *m = g->migration;
    if (!concerns_definition(m))
        return;
    if (m->outgoing && m->definition_lost) {
        log_warning("guest %s migrated, but the destination has not kept its definition, or has not said so: it "
                    "stays here",
                    g->name);
        return;
    }
    if (persists(m) && !m->taken_in)
        take_in(g);
    struct guest_change *c = calloc(1, sizeof(*c));
    if (!c) {
        struct fail f;
        fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
        log_lost(g, &f);
        return;
    }
    *c = (struct guest_change){.make = make_finished, .done = finished};
    g->defining = true;
    guest_change(g, c);
}

/* In post-copy the guest ran here, whatever came then: its definition stays. */
void migrate_drop_definition(struct guest *g)
{
    if (persists(g->migration) && !g->accounts.postcopied)
        take_back(g);
}

void migrate_release(struct guest *g)
{
    if (g->defining)
        return;
    bool was_due = migrate_definition_is_due(g);
    peer_drop(g);
    migration_free(take_ptr(g->migration));
    if (was_due && guest_is_there(g))
        guest_journal_append(g); /* a daemon that comes back finds nothing due */
    guest_forget_if_over(g);
}
