/* peer_serve.c - the destination's side of the peer channel: what peers may ask.
 *
 * A connection that said HELLO with the token of an attempt speaks for that attempt and for nothing
 * else. The attempt is under way (its guest is found by the token), or it is over and its verdict
 * is kept. Of a token that is neither, nothing is said: that nobody here remembers an attempt does
 * not mean that its guest never ran here. The records may be lost, the verdict may be one of too
 * many, the address may be another host's by now. So the source stays as it is, and asks again.
 */
#include <stdio.h>
#include <string.h>
#include "daemon/api_peer.h"
#include "daemon/client.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/migrate_uri.h"
#include "daemon/peer.h"
#include "daemon/registry.h"
#include "daemon/server.h"
#include "daemon/verdicts.h"
#include "libvirt/libvirt-domain.h"
#include "util/log.h"

enum { ATTACHED_MAX = 8 /* connections that speak for one attempt */ };

/* ---- whose attempt? ------------------------------------------------------------------------- */

static struct guest *find_live(const struct daemon *d, const struct peer_token *token)
{
    struct guest *found = NULL;
    for (struct guest *g = d->registry->first; g; g = g->next)
        if (core_migrating(&g->core) && !g->migration->outgoing &&
            peer_token_equal(&g->migration->token, token))
            found = g;
    return found;
}

static struct guest *find_arrived(const struct daemon *d, const struct peer_token *token)
{
    struct guest *found = NULL;
    for (struct guest *g = d->registry->first; g; g = g->next)
        if (peer_token_equal(&g->last_attempt, token))
            found = g;
    return found;
}

struct guest *peer_find_guest(struct call *call)
{
    struct guest *g = call->client ? find_live(call->daemon, &call->client->token) : NULL;
    if (!g)
        call_failf(call, VIR_ERR_OPERATION_INVALID, "this attempt to migrate the domain is over");
    return g;
}

static bool is_every_address(const char *host)
{
    return strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static uint32_t add_address(struct arena *arena, const char *host, uint16_t port, const char **at)
{
    char text[MIGRATE_URI_MAX];
    migrate_uri_format_tcp("tcp://", host, port, text, sizeof(text));
    *at = arena_strdup(arena, text);
    return *at ? 1 : 0;
}

uint32_t peer_own_addresses(const struct daemon *d, struct arena *arena, const char **ret_addresses)
{
    const struct config *c = &d->config;
    uint32_t count = 0;
    if (c->peer_listen_path) {
        char text[MIGRATE_URI_MAX];
        snprintf(text, sizeof(text), "unix:%s", c->peer_listen_path);
        ret_addresses[0] = arena_strdup(arena, text);
        return ret_addresses[0] ? 1 : 0;
    }
    if (!c->peer_listen_address)
        return 0;
    if (!is_every_address(c->peer_listen_address))
        return add_address(arena, c->peer_listen_address, c->peer_listen_port, ret_addresses);
    for (unsigned i = 0; i < c->migration_address_count; i++)
        count += add_address(arena, c->migration_addresses[i], c->peer_listen_port,
                             ret_addresses + count);
    return count ? count
                 : add_address(arena, c->hostname, c->peer_listen_port, ret_addresses);
}

/* ---- HELLO ---------------------------------------------------------------------------------- */

/* A network that comes and goes leaves connections behind that only keepalive finds dead: the oldest
 * goes. The newest stand first in the list. */
static void make_room(const struct call *call, const struct peer_token *token)
{
    unsigned count = 0;
    struct client *oldest = NULL;
    for (struct client *c = server_clients(call->server); c; c = c->next) {
        if (!c->attached || c->closing || c == call->client || !peer_token_equal(&c->token, token))
            continue;
        oldest = c;
        count++;
    }
    if (count >= ATTACHED_MAX)
        client_close(oldest);
}

void api_peer_hello(struct call *call)
{
    const struct peer_hello *args = call->args;
    struct daemon *d = call->daemon;
    struct client *c = call->client;
    struct peer_token token = {.known = args->token.size == PEER_TOKEN_SIZE};
    if (token.known)
        memcpy(token.byte, args->token.data, PEER_TOKEN_SIZE);
    struct guest *g = find_live(d, &token);
    const struct verdict *verdict = g ? NULL : verdicts_find(d->verdicts, &token);
    if ((!g && !verdict) || !uuid_equal(g ? &g->uuid : &verdict->guest, &args->guest)) {
        log_warning("peer %s: it asks for an attempt that nobody here knows of", c->peer.address);
        call_failf(call, VIR_ERR_AUTH_FAILED,
                   "this host knows of no such attempt; that does not say what became of it");
        return;
    }
    make_room(call, &token);
    client_attach(c, &token);
    if (g)
        migrate_heard(g);
    struct peer_hello_ret ret = {.program = BATON_VERSION, .live = g != NULL};
    call_reply(call, &ret);
}

/* ---- ASK ------------------------------------------------------------------------------------ */

/* The source that concludes by proof gets no Confirm: this is what its downtime needs of us. */
static void send_runs(struct client *c, const struct guest *g)
{
    uint64_t part = g && !g->accounts.outgoing ? accounts_own_part(&g->accounts, guest_clock()) : 0;
    struct peer_runs message = {part};
    if (part)
        client_send_event(c, rpc_find(PROGRAM_PEER, PEER_RUNS), &message);
}

/* Or else the source that was to be undefined stays defined: the definition would be nowhere. */
static void send_kept(struct client *c, const struct guest *g)
{
    if (g && g->defined && !(g->migration && g->migration->definition_lost))
        client_send_event(c, rpc_find(PROGRAM_PEER, PEER_KEPT), NULL);
}

/* `g` is NULL when it is not here any more. */
static void send_proof(struct client *c, const struct guest *g, uint8_t proof)
{
    struct peer_proof message = {proof};
    if (proof == PROOF_TAKEN) {
        send_kept(c, g);
        send_runs(c, g);
    }
    client_send_event(c, rpc_find(PROGRAM_PEER, PEER_PROOF), &message);
}

static void prove(const struct guest *g, uint8_t proof)
{
    const struct peer_token *token = g->migration ? &g->migration->token : &g->last_attempt;
    for (struct client *c = server_clients(g->daemon->server); c; c = c->next)
        if (c->asks && peer_token_equal(&c->token, token))
            send_proof(c, g, proof);
}

void peer_prove(struct guest *g, uint8_t proof)
{
    if (proof != PROOF_TAKEN || !migrate_definition_is_awaited(g))
        prove(g, proof);
}

void peer_prove_taken(struct guest *g)
{
    prove(g, PROOF_TAKEN);
}

/* What the machine says of this guest is so. False: the call was answered. */
static bool is_known(struct call *call, const struct guest *g)
{
    if (g->damaged)
        call_failf(call, VIR_ERR_OPERATION_INVALID,
                   "the guest's journal is damaged there; that does not say what became of it");
    else if (g->unsettled) /* what QEMU did meanwhile is not known yet */
        call_failf(call, VIR_ERR_OPERATION_TIMEOUT, "this daemon has just come back; ask again");
    return !g->damaged && !g->unsettled;
}

void api_peer_ask(struct call *call)
{
    const struct peer_ask *args = call->args;
    struct client *c = call->client;
    struct guest *g = find_live(call->daemon, &c->token);
    const struct verdict *verdict = g ? NULL : verdicts_find(call->daemon->verdicts, &c->token);
    if (args->switched < 0 || args->switched > SWITCHED_HELD) {
        call_failf(call, VIR_ERR_INVALID_ARG, "there is no way to switch over with the number %d",
                   (int)args->switched);
        return;
    }
    if (!g && !verdict) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "nothing is known of this attempt any more");
        return;
    }
    if (g && !is_known(call, g))
        return;
    c->asks = true;
    uint8_t proof = verdict ? verdict->proof : PROOF_COUNT;
    call_reply(call, NULL);
    const struct guest *arrived = g ? NULL : find_arrived(c->daemon, &c->token);
    if (g)
        guest_event(g, EV_ASKED, (uint8_t)args->switched, 0);
    else if (!arrived || !arrived->defining || !migrate_definition_is_awaited(arrived))
        send_proof(c, arrived, proof);
}

/* ---- FINISH: the source carries it itself --------------------------------------------------- */

/* In the call's arena. */
struct finishing {
    struct guest_waiter waiter;
    struct call *call;
};

static void finish_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                            const struct fail *why)
{
    struct call *call = ((struct finishing *)w)->call;
    struct fail f = {0};
    struct peer_finish_ret ret = {{NULL, 0}};
    if (result != RESULT_OK) {
        call_fail(call, why);
        return;
    }
    if (g->migration &&
        migrate_cookie_write(g, g->migration, COOKIE_CONFIRM, &call->arena, &ret.cookie, &f) < 0)
        log_warning("guest %s: %s", g->name, f.text); /* it runs: that is what has to be said */
    call_reply(call, &ret);
}

void api_peer_finish(struct call *call)
{
    const struct peer_finish *args = call->args;
    struct fail f = {0};
    struct guest *g = peer_find_guest(call);
    struct finishing *w = arena_alloc(&call->arena, sizeof(*w));
    if (!g)
        return;
    if (!w)
        fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
    if (!w || (!args->cancelled &&
               migrate_cookie_read(g, g->migration, COOKIE_FINISH, &args->cookie, &f) < 0)) {
        call_fail(call, &f);
        return;
    }
    *w = (struct finishing){{.answered = finish_answered}, call};
    g->migration->finish_came = !args->cancelled;
    if (args->cancelled)
        guest_ask(g, EV_FINISH_CANCELLED, FINISH_OF_SOURCE, &w->waiter);
    else
        guest_ask(g, EV_FINISH, migrate_finish_arg(g->migration, args->flags), &w->waiter);
}

/* ---- FIGURES, PING -------------------------------------------------------------------------- */

/* The guest that came with this attempt, if nothing has been counted since: it may have gone on to a third host. */
static struct guest *find_counted(const struct daemon *d, const struct peer_token *token)
{
    struct guest *g = find_arrived(d, token);
    return g && !core_migrating(&g->core) && !g->accounts.outgoing ? g : NULL;
}

void api_peer_figures(struct call *call)
{
    const struct peer_figures *args = call->args;
    struct fail f = {0};
    struct cookie cookie = {0};
    struct guest *g = find_live(call->daemon, &call->client->token);
    if (!g)
        g = find_counted(call->daemon, &call->client->token);
    if (cookie_parse(args->cookie.data, args->cookie.size, &call->arena, &cookie, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    bool right = g && uuid_equal(&g->uuid, &cookie.uuid) && cookie.has_statistics;
    call_reply(call, NULL);
    if (right)
        migrate_take_figures(g, &cookie.statistics);
}

void api_peer_ping(struct call *call)
{
    struct guest *g = find_live(call->daemon, &call->client->token);
    if (g)
        migrate_heard(g);
    call_reply(call, NULL);
}

/* ---- RECOVER -------------------------------------------------------------------------------- */

/* QEMU may take its time, or for ever; a source asks again over a new connection, for as long. */
static void forget_gone(struct recovery *r)
{
    struct peer_waiting *w, **at = &r->waiting;
    while ((w = *at)) {
        if (w->call->client) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        call_failf(w->call, VIR_ERR_RPC, "the peer is gone");
    }
}

void api_peer_recover(struct call *call)
{
    struct guest *g = peer_find_guest(call);
    struct peer_waiting *w = g ? arena_alloc(&call->arena, sizeof(*w)) : NULL;
    if (!g)
        return;
    if (!w) {
        call_failf(call, VIR_ERR_NO_MEMORY, "out of memory");
        return;
    }
    if (!is_known(call, g))
        return;
    forget_gone(&g->migration->recovery);
    *w = (struct peer_waiting){call, g->migration->recovery.waiting};
    g->migration->recovery.waiting = w;
    migrate_heard(g);
    guest_event(g, EV_PEER_RECOVER, 0, 0);
}

static void reply_uris(struct call *call, const struct stream_uris *uris)
{
    const char *items[STREAM_URIS_MAX];
    struct peer_recover_ret ret = {{items, uris->count}};
    for (unsigned i = 0; i < uris->count; i++)
        items[i] = uris->items[i];
    call_reply(call, &ret);
}

void peer_recoverable(struct guest *g, bool yes)
{
    struct peer_waiting *w;
    struct recovery *r = g->migration ? &g->migration->recovery : NULL;
    while (r && (w = r->waiting)) {
        r->waiting = w->next;
        if (yes)
            reply_uris(w->call, &r->uris);
        else
            call_failf(w->call, VIR_ERR_OPERATION_INVALID,
                       "the stream of this attempt can't be resumed here now%s%s",
                       g->trouble.text[0] ? ": " : "", g->trouble.text);
    }
}

void peer_drop_waiting(struct migration *m)
{
    struct peer_waiting *w;
    while ((w = m->recovery.waiting)) {
        m->recovery.waiting = w->next;
        call_failf(w->call, VIR_ERR_OPERATION_INVALID,
                   "this attempt to migrate the domain is over");
    }
}
