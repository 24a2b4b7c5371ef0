/* api_migrate_resume.c - the calls of a migration with VIR_MIGRATE_POSTCOPY_RESUME: a client takes
 * up a post-copy that broke, by the same steps as it began.
 *
 * Nothing is begun anew: the broken migration's object is kept, and what these calls say of it
 * takes the place of what it had: who drives it, over which URI, whether the source does the
 * client's work (p2p). When the machine refuses the call, all that is put back. Which migration a
 * Prepare means its cookie says; the document that comes with it is that of a guest that runs here
 * already.
 */
#include <string.h>
#include "daemon/api_migrate_parts.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/registry.h"
#include "libvirt/libvirt-domain.h"

enum { COOKIE_ARENA_MAX = 16 << 20 };

/* What a call may change. */
struct terms {
    uint32_t flags;
    struct client *driver;
    const char *uri, *dconnuri, *listen_address;
};

/* In the call's arena. */
struct resuming {
    struct migrate_asked asked; /* first */
    migrate_answered_fn *then;
    struct migration *migration; /* whose these were: */
    struct terms before;
};

static struct terms terms_of(const struct migration *m)
{
    return (struct terms){m->flags, m->driver, m->uri, m->dconnuri, m->listen_address};
}

static void set_terms(struct migration *m, const struct terms *t)
{
    m->flags = t->flags;
    m->driver = t->driver;
    m->uri = t->uri;
    m->dconnuri = t->dconnuri;
    m->listen_address = t->listen_address;
}

static void answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                     const struct fail *why)
{
    struct resuming *r = (struct resuming *)w;
    if (result != RESULT_OK && g->migration == r->migration)
        set_terms(g->migration, &r->before);
    r->then(w, g, result, why);
}

static void ask(struct call *call, struct guest *g, enum core_event_type type, uint8_t arg,
                migrate_answered_fn *then, const struct terms *terms)
{
    struct resuming *r = arena_alloc(&call->arena, sizeof(*r));
    if (!r) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    *r = (struct resuming){
        .asked = {{.answered = answered}, call},
        .then = then,
        .migration = g->migration,
        .before = terms_of(g->migration),
    };
    set_terms(g->migration, terms);
    guest_ask(g, type, arg, &r->asked.waiter);
}

static int nothing_broken(struct fail *f)
{
    return fail_set(f, VIR_ERR_OPERATION_INVALID,
                    "there is no broken post-copy migration of the domain to resume");
}

static int check(const struct guest *g, uint32_t flags, struct fail *f)
{
    if (migrate_check_flags(flags, f) < 0)
        return -1;
    return g->migration && g->migration->outgoing ? 0 : nothing_broken(f);
}

/* Copies what a string parameter said; one that was not given stays NULL. What it says is mostly what it said
 * before (`*ret`): somebody may try again every second, for days. */
static int copy(struct migration *m, const char *text, const char **ret, struct fail *f)
{
    if (text && *ret && strcmp(text, *ret) == 0)
        return 0;
    *ret = text ? arena_strdup(&m->arena, text) : NULL;
    return text && !*ret ? fail_set(f, VIR_ERR_NO_MEMORY, "out of memory") : 0;
}

/* The other end reads it no more; it only has to be there. */
static int have_document(const struct guest *g, struct fail *f)
{
    return g->migration->xml ? 0 : migrate_make_document(g, g->migration, f);
}

/* The parameters that have a meaning here: where the stream goes, and how fast. */
static int read_params(struct guest *g, const struct rpc_params *params, struct terms *t,
                       struct fail *f)
{
    struct migration *m = g->migration, *given = migration_new(m->outgoing, m->flags, NULL);
    int r = given ? migrate_read_params(given, params, f)
                  : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (r == 0 && (copy(m, given->uri, &t->uri, f) < 0 ||
                   copy(m, given->listen_address, &t->listen_address, f) < 0))
        r = -1;
    if (r == 0 && given->bandwidth_postcopy)
        m->bandwidth_postcopy = given->bandwidth_postcopy;
    migration_free(given);
    return r;
}

/* What is asked for in the end may be asked for again, or now. */
static uint32_t merge_flags(const struct migration *m, uint32_t given)
{
    const uint32_t added = VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;
    const uint32_t way = VIR_MIGRATE_PEER2PEER;
    return (m->flags & ~way) | (given & (added | way));
}

static void set_bandwidth(struct guest *g)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "max-postcopy-bandwidth",
                           json_object_new_uint64(g->migration->bandwidth_postcopy << 20));
    (void)guest_command(g, "migrate-set-parameters", o, NULL);
}

/* ---- Begin ---------------------------------------------------------------------------------- */

void migrate_resume_begin(struct call *call, struct guest *g)
{
    const struct remote_begin_args *args = call->args;
    struct fail f = {0};
    if (check(g, args->flags, &f) < 0 || have_document(g, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    struct terms terms = terms_of(g->migration);
    terms.flags = merge_flags(g->migration, args->flags & ~(uint32_t)VIR_MIGRATE_PEER2PEER);
    terms.driver = call->client;
    ask(call, g, EV_BEGIN, migrate_begin_flags(g, g->migration) | BEGIN_RESUME,
        migrate_begin_answered, &terms);
}

/* ---- Prepare -------------------------------------------------------------------------------- */

static void prepare_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                             const struct fail *why)
{
    struct call *call = ((struct migrate_asked *)w)->call;
    struct fail f = {0};
    if (result != RESULT_OK) {
        call_fail(call, why);
        return;
    }
    struct remote_prepare_ret ret = {.uri_out = g->migration->recovery.uris.items[0]};
    if (migrate_cookie_write(g, g->migration, COOKIE_PERFORM, &call->arena, &ret.cookie_out, &f) <
        0)
        call_fail(call, &f);
    else
        call_reply(call, &ret);
}

/* The guest whose arrival the source's cookie means. */
static struct guest *find_arriving(struct call *call, struct fail *f)
{
    const struct remote_prepare_args *args = call->args;
    struct cookie cookie;
    struct arena arena;
    arena_init(&arena, COOKIE_ARENA_MAX);
    int r = cookie_parse(args->cookie_in.data, args->cookie_in.size, &arena, &cookie, f);
    struct guest *g = r > 0 ? registry_find_uuid(call->daemon->registry, &cookie.uuid) : NULL;
    arena_free(&arena);
    if (r == 0)
        fail_set(f, VIR_ERR_INVALID_ARG, "the migration cookie is missing");
    if (g && g->migration && !g->migration->outgoing)
        return g;
    if (r > 0)
        nothing_broken(f);
    return NULL;
}

void migrate_resume_prepare(struct call *call)
{
    const struct remote_prepare_args *args = call->args;
    struct fail f = {0};
    struct guest *g = migrate_check_flags(args->flags, &f) < 0 ? NULL : find_arriving(call, &f);
    if (!g) {
        call_fail(call, &f);
        return;
    }
    struct terms terms = terms_of(g->migration);
    if (read_params(g, &args->params, &terms, &f) < 0 ||
        migrate_cookie_read(g, g->migration, COOKIE_PREPARE, &args->cookie_in, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    terms.flags = merge_flags(g->migration, args->flags);
    terms.driver = call->client;
    ask(call, g, EV_PREPARE, BEGIN_POSTCOPY | BEGIN_RESUME, prepare_answered, &terms);
}

/* ---- Perform -------------------------------------------------------------------------------- */

static void perform_p2p(struct call *call, struct guest *g, struct terms *terms)
{
    const struct remote_perform_args *args = call->args;
    struct fail f = {0};
    if (!args->dconnuri)
        fail_set(&f, VIR_ERR_INVALID_ARG, "a peer-to-peer migration needs the destination's URI");
    if (!args->dconnuri || copy(g->migration, args->dconnuri, &terms->dconnuri, &f) < 0 ||
        have_document(g, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    ask(call, g, EV_PERFORM_P2P, migrate_begin_flags(g, g->migration) | BEGIN_RESUME,
        migrate_perform_answered, terms);
}

/* The client has begun it, and prepared the destination. */
static void perform_managed(struct call *call, struct guest *g, const struct terms *terms)
{
    const struct remote_perform_args *args = call->args;
    struct fail f = {0};
    if (args->dconnuri)
        fail_set(&f, VIR_ERR_INVALID_ARG,
                 "the destination's URI is for a peer-to-peer migration only");
    else if (!terms->uri)
        fail_set(&f, VIR_ERR_INVALID_ARG, "migration parameter 'migrate_uri' is missing");
    else if (!g->core.out.resuming)
        nothing_broken(&f);
    else if (migrate_cookie_read(g, g->migration, COOKIE_PERFORM, &args->cookie_in, &f) == 0 &&
             !migrate_take_uris(g->migration, &terms->uri, 1))
        fail_set(&f, VIR_ERR_INVALID_ARG, "migration URI '%.200s' has no port", terms->uri);
    if (f.text[0])
        call_fail(call, &f);
    else
        ask(call, g, EV_PERFORM, peer_can(g) ? PEER_CHANNEL : PEER_STOCK, migrate_perform_answered,
            terms);
}

void migrate_resume_perform(struct call *call, struct guest *g)
{
    const struct remote_perform_args *args = call->args;
    struct fail f = {0};
    struct terms terms = {0};
    if (check(g, args->flags, &f) == 0) {
        terms = terms_of(g->migration);
        if (read_params(g, &args->params, &terms, &f) == 0) {
            terms.flags = merge_flags(g->migration, args->flags);
            terms.driver = call->client;
        }
    }
    if (f.text[0]) {
        call_fail(call, &f);
        return;
    }
    if (g->migration->bandwidth_postcopy)
        set_bandwidth(g);
    if (args->flags & VIR_MIGRATE_PEER2PEER)
        perform_p2p(call, g, &terms);
    else
        perform_managed(call, g, &terms);
}
