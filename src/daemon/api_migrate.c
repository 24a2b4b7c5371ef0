/* api_migrate.c - the calls of a migration that its client manages: Begin, Prepare, Perform,
 * Finish, Confirm.
 *
 * Each reads its arguments, refuses what is not supported, hands the rest to the machine and
 * answers when the machine does. What crosses between the hosts is in the cookies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/quirks.h"
#include "daemon/api.h"
#include "daemon/api_migrate.h"
#include "daemon/api_migrate_parts.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/ports.h"
#include "daemon/registry.h"
#include "domain/emulator.h"
#include "libvirt/libvirt-domain.h"
#include "util/log.h"

static bool ask(struct call *call, struct guest *g, enum core_event_type type, uint8_t arg,
                migrate_answered_fn *answered)
{
    struct migrate_asked *a = arena_alloc(&call->arena, sizeof(*a));
    if (!a) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return false;
    }
    *a = (struct migrate_asked){{.answered = answered}, call};
    guest_ask(g, type, arg, &a->waiter);
    return true;
}

/* The call of a waiter that was answered; NULL when it was answered with an error just now. */
static struct call *take_call(struct guest_waiter *w, enum core_result result,
                              const struct fail *why)
{
    struct migrate_asked *a = (struct migrate_asked *)w;
    struct call *call = a->call;
    if (result == RESULT_OK)
        return call;
    call_fail(call, why);
    return NULL;
}

/* The migration that a call proposes: the machine takes it with JOB_BEGIN, or it goes again. */
static void drop_proposed(struct guest *g)
{
    migration_free(g->proposed);
    g->proposed = NULL;
}

/* The last one is over, but not all on the disk. */
static int check_free(const struct guest *g, struct fail *f)
{
    if (!g->defining)
        return 0;
    return fail_set(f, VIR_ERR_OPERATION_INVALID, "another migration job of the domain is active");
}

/* ---- Begin ---------------------------------------------------------------------------------- */

void migrate_begin_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                            const struct fail *why)
{
    struct call *call = take_call(w, result, why);
    if (!call)
        return;
    struct fail f = {.code = VIR_ERR_NO_MEMORY, .text = "out of memory"};
    struct remote_begin_ret ret = {.xml = arena_strdup(&call->arena, g->migration->xml)};
    if (!ret.xml || migrate_cookie_write(g, g->migration, COOKIE_PREPARE, &call->arena,
                                         &ret.cookie_out, &f) < 0)
        call_fail(call, &f);
    else
        call_reply(call, &ret);
}

/* What the destination is to start from: the user's document, if it is the same guest, or ours. */
int migrate_make_document(const struct guest *g, struct migration *m, struct fail *f)
{
    struct buffer text = {.limit = MIGRATION_ARENA_MAX / 4};
    const struct domain *document = g->live;
    auto_domain struct domain *given = NULL;
    if (m->destination_xml) {
        struct domain_defaults defaults = {.emulator = g->live->emulator,
                                           .machine = g->live->os.machine};
        if (domain_parse(m->destination_xml, strlen(m->destination_xml), 0, &given, f) < 0 ||
            domain_fill_defaults(given, &defaults, f) < 0 ||
            domain_check_abi(g->live, given, f) < 0)
            return fail_prefix(f, "the document for the destination");
        document = given;
    }
    int r = domain_format(document, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE, &text, f);
    if (r == 0)
        m->xml = arena_strndup(&m->arena, (const char *)buffer_bytes(&text), buffer_size(&text));
    if (r == 0 && !m->xml)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the migration's document");
    buffer_free(&text);
    return r;
}

static bool owns_the_stop(const struct guest *g)
{
    switch (g->daemon->config.own_the_stop) {
    case CONFIG_AUTO:
        return quirk_applies(QUIRK_SOURCE_RESUMES_ITSELF, g->emulator->version);
    case CONFIG_ON:
        return true;
    case CONFIG_OFF:
        return false;
    }
    return false;
}

uint8_t migrate_begin_flags(const struct guest *g, const struct migration *m)
{
    uint8_t arg = 0;
    if (m->flags & VIR_MIGRATE_POSTCOPY)
        arg |= BEGIN_POSTCOPY;
    if (!(m->flags & VIR_MIGRATE_LIVE))
        arg |= BEGIN_NOT_LIVE;
    if (g->daemon->config.pause_before_switchover != CONFIG_OFF &&
        emulator_has_migration_capability(g->emulator, "pause-before-switchover"))
        arg |= BEGIN_PAUSE_BEFORE;
    if (owns_the_stop(g))
        arg |= BEGIN_OWN_STOP;
    if (g->daemon->config.require_proof)
        arg |= BEGIN_REQUIRE_PROOF;
    if (m->flags & VIR_MIGRATE_ABORT_ON_ERROR)
        arg |= BEGIN_ABORT_ON_ERROR;
    if (!g->daemon->config.postcopy_recovery)
        arg |= BEGIN_NO_RECOVERY;
    return arg;
}

/* A migration out of this host, as far as it can be known before anything starts. */
static int propose(struct call *call, struct guest *g, const struct rpc_params *params,
                   uint32_t flags, struct fail *f)
{
    if (check_free(g, f) < 0 || migrate_check_flags(flags, f) < 0)
        return -1;
    drop_proposed(g);
    struct migration *m = migration_new(true, flags, call->client);
    if (!m)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    g->proposed = m;
    if (migrate_read_params(m, params, f) < 0 || migrate_check_source(g, m, f) < 0 ||
        migrate_make_document(g, m, f) < 0) {
        drop_proposed(g);
        return -1;
    }
    return 0;
}

void api_migrate_begin(struct call *call)
{
    const struct remote_begin_args *args = call->args;
    struct fail f = {0};
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || call_wait_for_qemu(call, g))
        return;
    if (args->flags & VIR_MIGRATE_POSTCOPY_RESUME) {
        migrate_resume_begin(call, g);
        return;
    }
    if (propose(call, g, &args->params, args->flags, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    ask(call, g, EV_BEGIN, migrate_begin_flags(g, g->proposed), migrate_begin_answered);
    drop_proposed(g);
}

/* ---- Prepare -------------------------------------------------------------------------------- */

struct preparing {
    struct call *call;
    struct migration *migration;
};

static void prepare_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                             const struct fail *why)
{
    struct call *call = take_call(w, result, why);
    if (!call)
        return;
    struct fail f = {0};
    struct remote_prepare_ret ret = {.uri_out = arena_strdup(&call->arena, g->migration->uri_out)};
    if (migrate_cookie_write(g, g->migration, COOKIE_PERFORM, &call->arena, &ret.cookie_out, &f) < 0)
        call_fail(call, &f);
    else
        call_reply(call, &ret);
}

static int rename_document(struct domain *document, struct migration *m, struct fail *f)
{
    if (!m->destination_name)
        return 0;
    m->source_name = arena_strdup(&m->arena, document->name);
    if (!m->source_name)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the domain's name");
    if (domain_set_name(document, m->destination_name, f) < 0)
        return fail_prefix(f, "migration parameter 'destination_name'");
    return 0;
}

/* The source's daemon can come back over the p2p URI, or to the peers' listener. */
static int offer_channel(const struct daemon *d, struct migration *m, struct fail *f)
{
    bool reachable = m->flags & VIR_MIGRATE_PEER2PEER || d->config.peer_listen_address ||
                     d->config.peer_listen_path;
    return reachable ? peer_token_make(&m->token, f) : 0;
}

static int prepare_guest(struct preparing *p, struct domain *document,
                         const struct emulator *emulator, struct fail *f)
{
    struct call *call = p->call;
    struct daemon *d = call->daemon;
    const struct remote_prepare_args *args = call->args;
    struct migration *m = p->migration;
    struct guest *g;
    if (rename_document(document, m, f) < 0 || migrate_check_memory(document, m, f) < 0) {
        domain_free(document);
        return -1;
    }
    if (registry_add_live(d->registry, document, &g, f) < 0)
        return -1;
    g->emulator = emulator;
    if (check_free(g, f) < 0 || migrate_cookie_read(g, m, COOKIE_PREPARE, &args->cookie_in, f) < 0 ||
        migrate_choose_address(d, m, f) < 0 || offer_channel(d, m, f) < 0) {
        registry_drop_live(d->registry, g);
        return -1;
    }
    p->migration = NULL;
    g->proposed = m;
    uint8_t arg = (m->flags & VIR_MIGRATE_POSTCOPY ? BEGIN_POSTCOPY : 0) |
                  (m->flags & VIR_MIGRATE_PAUSED ? BEGIN_STAY_PAUSED : 0) |
                  (m->token.known && m->peer_is_baton ? PREPARE_CHANNEL : 0) |
                  (m->flags & VIR_MIGRATE_PEER2PEER ? PREPARE_P2P : 0);
    ask(call, g, EV_PREPARE, arg, prepare_answered);
    if (g->proposed)
        ports_release(d->ports, g->proposed->port);
    drop_proposed(g);
    if (!core_migrating(&g->core) && !guest_is_active(g))
        registry_drop_live(d->registry, g);
    return 0;
}

static void document_read(struct domain *document, const struct emulator *emulator,
                          const struct fail *why, void *userdata)
{
    struct preparing *p = userdata;
    struct fail f = {0};
    if (why)
        f = *why;
    if (document && !p->call->client) { /* nobody would undo it */
        domain_free(document);
        document = NULL;
        fail_set(&f, VIR_ERR_RPC, "the client is gone");
    }
    struct call *call = p->call;
    if (!document || prepare_guest(p, document, emulator, &f) < 0) {
        if (p->migration)
            ports_release(call->daemon->ports, p->migration->port);
        call_fail(call, &f);
    }
    migration_free(p->migration);
    free(p);
}

void api_migrate_prepare(struct call *call)
{
    const struct remote_prepare_args *args = call->args;
    struct fail f = {0};
    if (args->flags & VIR_MIGRATE_POSTCOPY_RESUME) {
        migrate_resume_prepare(call);
        return;
    }
    struct preparing *p = calloc(1, sizeof(*p));
    if (p)
        p->migration = migration_new(false, args->flags, call->client);
    if (!p || !p->migration)
        fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
    else if (migrate_check_flags(args->flags, &f) == 0 &&
             migrate_read_params(p->migration, &args->params, &f) == 0) {
        p->call = call;
        if (p->migration->destination_xml) {
            registry_read_document(call->daemon->registry, p->migration->destination_xml,
                                   document_read, p);
            return;
        }
        fail_set(&f, VIR_ERR_INVALID_ARG, "migration parameter 'destination_xml' is missing");
    }
    if (p)
        migration_free(p->migration);
    free(p);
    call_fail(call, &f);
}

/* ---- Perform -------------------------------------------------------------------------------- */

void migrate_perform_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                              const struct fail *why)
{
    struct call *call = take_call(w, result, why);
    if (!call)
        return;
    struct fail f = {0};
    struct remote_perform_ret ret = {0};
    /* In p2p nobody is left to carry one on, and libvirt's client takes it for an error. */
    if (!(g->migration->flags & VIR_MIGRATE_PEER2PEER) &&
        migrate_cookie_write(g, g->migration, COOKIE_FINISH, &call->arena, &ret.cookie_out, &f) < 0)
        call_fail(call, &f);
    else
        call_reply(call, &ret);
}

/* p2p: this daemon does with the destination what a client would do otherwise. */
static void perform_p2p(struct call *call, struct guest *g, const struct remote_perform_args *args)
{
    struct fail f = {0};
    if (!args->dconnuri) {
        call_failf(call, VIR_ERR_INVALID_ARG, "a peer-to-peer migration needs the destination's URI");
        return;
    }
    if (propose(call, g, &args->params, args->flags, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    g->proposed->dconnuri = arena_strdup(&g->proposed->arena, args->dconnuri);
    if (!g->proposed->dconnuri) {
        drop_proposed(g);
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    uint8_t arg = migrate_begin_flags(g, g->proposed);
    ask(call, g, EV_PERFORM_P2P, arg, migrate_perform_answered);
    drop_proposed(g);
}

/* Read on trial: what is wrong with them leaves the migration as it was begun. */
static int try_params(const struct migration *begun, const struct rpc_params *params,
                      struct fail *f)
{
    struct migration *m = migration_new(true, begun->flags, NULL);
    int r = m ? migrate_read_params(m, params, f) : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (r == 0 && !m->uri)
        r = fail_set(f, VIR_ERR_INVALID_ARG, "migration parameter 'migrate_uri' is missing");
    /* The destination has agreed to so many, and QEMU would wait for the others for ever. */
    if (r == 0 && m->connections != begun->connections)
        r = fail_set(f, VIR_ERR_INVALID_ARG,
                     "migration parameter 'parallel.connections' is %d, and was %d in Begin",
                     m->connections, begun->connections);
    migration_free(m);
    return r;
}

/* The daemon has come back, and QEMU has gone on as it was told: nothing of it may change, but somebody
 * has to see it through. */
static bool has_lost_client(const struct guest *g)
{
    return g->migration->restored && !g->migration->driver && g->core.out.client &&
           !core_waits(&g->core, CALL_PERFORM);
}

/* The parameters of Perform take the place of Begin's: the URI is now the destination's. */
static int take_perform(struct call *call, struct guest *g, const struct remote_perform_args *args,
                        struct fail *f)
{
    struct migration *m = g->migration;
    if (!m || !m->outgoing || g->core.out.p2p)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "no migration of the domain was begun");
    if (g->core.out.state != OUT_BEGUN && has_lost_client(g)) {
        m->driver = call->client;
        return 0;
    }
    if (g->core.out.state != OUT_BEGUN) /* nothing of it may change, nor who drives it */
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "another migration job of the domain is active");
    if (migrate_check_flags(args->flags, f) < 0 || try_params(m, &args->params, f) < 0 ||
        migrate_cookie_read(g, m, COOKIE_PERFORM, &args->cookie_in, f) < 0 ||
        migrate_read_params(m, &args->params, f) < 0)
        return -1;
    m->driver = call->client;
    return 0;
}

void api_migrate_perform(struct call *call)
{
    const struct remote_perform_args *args = call->args;
    struct fail f = {0};
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g || call_wait_for_qemu(call, g))
        return;
    if (args->flags & VIR_MIGRATE_POSTCOPY_RESUME) {
        migrate_resume_perform(call, g);
        return;
    }
    if (args->flags & VIR_MIGRATE_PEER2PEER) {
        perform_p2p(call, g, args);
        return;
    }
    if (args->dconnuri)
        call_failf(call, VIR_ERR_INVALID_ARG,
                   "the destination's URI is for a peer-to-peer migration only");
    else if (take_perform(call, g, args, &f) < 0)
        call_fail(call, &f);
    else
        ask(call, g, EV_PERFORM, peer_can(g) ? PEER_CHANNEL : PEER_STOCK, migrate_perform_answered);
}

/* ---- Finish --------------------------------------------------------------------------------- */

/* Given up as asked, whatever had gone wrong here before. With any other error libvirt's client would
 * forget what Perform said, which is why it asked. */
static bool is_given_up(const struct guest_waiter *w, const struct guest *g, enum core_result result)
{
    return result != RESULT_OK && w->event == EV_FINISH_CANCELLED &&
           g->core.in.verdict == 1 + PROOF_RELEASED;
}

static void finish_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                            const struct fail *why)
{
    struct fail aborted;
    fail_set(&aborted, VIR_ERR_MIGRATE_FINISH_OK, "migration successfully aborted");
    struct call *call = take_call(w, result, is_given_up(w, g, result) ? &aborted : why);
    if (!call)
        return;
    struct fail f = {0};
    struct remote_finish_ret ret = {.dom = call_name_guest(g)};
    if (g->migration && migrate_cookie_write(g, g->migration, COOKIE_CONFIRM, &call->arena,
                                             &ret.cookie_out, &f) < 0)
        log_warning("guest %s: %s", g->name, f.text); /* it runs: that is what has to be said */
    call_reply(call, &ret);
}

void api_migrate_finish(struct call *call)
{
    const struct remote_finish_args *args = call->args;
    struct fail f = {0};
    const char *name;
    int named = params_get_string(&args->params, VIR_MIGRATE_PARAM_DEST_NAME, &name, &f);
    if (named == 0)
        fail_set(&f, VIR_ERR_INVALID_ARG, "migration parameter 'destination_name' is missing");
    if (named <= 0) {
        call_fail(call, &f);
        return;
    }
    struct guest *g = registry_find_name(call->daemon->registry, name);
    if (!g || !g->migration || g->migration->outgoing) {
        call_failf(call, args->cancelled ? VIR_ERR_MIGRATE_FINISH_OK : VIR_ERR_OPERATION_FAILED,
                   "no migration of domain '%s' to this host is under way", name);
        return;
    }
    if (core_waits(&g->core, CALL_FINISH)) { /* neither its cookie nor its end may count */
        call_failf(call, VIR_ERR_OPERATION_INVALID,
                   "another migration job of the domain is active");
        return;
    }
    if (!args->cancelled &&
        migrate_cookie_read(g, g->migration, COOKIE_FINISH, &args->cookie_in, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    g->migration->driver = call->client;
    g->migration->finish_came = !args->cancelled;
    ask(call, g, args->cancelled ? EV_FINISH_CANCELLED : EV_FINISH,
        args->cancelled ? 0 : migrate_finish_arg(g->migration, args->flags), finish_answered);
}

/* ---- Confirm -------------------------------------------------------------------------------- */

static void confirm_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                             const struct fail *why)
{
    (void)g;
    struct call *call = take_call(w, result, why);
    if (call)
        call_reply(call, NULL);
}

/* Or else there is nothing that the destination could tell the accounts. */
static bool awaits_confirm(const struct guest *g)
{
    uint8_t state = g->core.out.state;
    return g->migration && g->migration->outgoing &&
           (state == OUT_POSTCOPY || state == OUT_PERFORMED || state == OUT_POSTCOPY_DONE ||
            state == OUT_DOUBT);
}

void api_migrate_confirm(struct call *call)
{
    const struct remote_confirm_args *args = call->args;
    struct fail f = {0};
    struct guest *g = call_find_guest(call, &args->dom);
    if (!g)
        return;
    if (!args->cancelled && awaits_confirm(g) &&
        migrate_cookie_read(g, g->migration, COOKIE_CONFIRM, &args->cookie_in, &f) < 0)
        log_warning("guest %s: the destination's cookie: %s", g->name, f.text);
    ask(call, g, args->cancelled ? EV_CONFIRM_CANCELLED : EV_CONFIRM, 0, confirm_answered);
}
