/* p2p.c - a peer-to-peer migration: this daemon as the client of the other one.
 *
 * One connection, opened for one migration, speaks the same protocol with the same tables as our
 * server does. One call of it is under way at a time:
 *
 *   connect -> AUTH_LIST -> feature keepalive -> OPEN -> features p2p, v3, parameters
 *     -> PEER_CONNECTED;  Prepare -> PEER_PREPARED;  Finish -> PEER_FINISHED or _FINISH_FAILED
 *
 * An end of the connection is PEER_REFUSED before the other daemon has been asked to prepare
 * anything, and PEER_LOST after that. Each call until Prepare is answered has a deadline, because a
 * peer that takes the connection may never say anything; from the answer about keepalive on it must
 * answer pings, too. Finish takes as long as post-copy does: there the pings have to do.
 *
 * Once Prepare has brought a token, the private program goes over the same connection (peer.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/peer.h"
#include "daemon/peer_link.h"
#include "libvirt/libvirt-domain.h"
#include "util/log.h"
#include "wire/remote.h"

enum {
    HANDSHAKE_SECONDS = 30, /* each answer of it, where keepalive is off; else as long as keepalive
                               would take to notice */
    PREPARE_SECONDS = 300,  /* a QEMU is started there, on a host that may be busy */
    REPLY_ARENA_MAX = 16 << 20,
};

#define CONNECT_PATIENCE (30 * TIMER_SECOND)

enum feature { FEATURE_P2P = 4, FEATURE_V3 = 6, FEATURE_KEEPALIVE = 10, FEATURE_PARAMS = 13 };

/* ---- the connection's end ------------------------------------------------------------------- */

/* Where the migration has failed already, that is what callers are told of: the other daemon was only to hear of it. */
static void blame_peer(struct guest *g, const struct fail *why)
{
    if (g->core.out.outcome != RESULT_OK)
        return;
    g->trouble = *why;
    fail_prefix(&g->trouble, "the destination's daemon");
}

void p2p_lost(struct peer *p, const struct fail *why)
{
    struct guest *g = p->guest;
    bool prepared = p->asked_to_prepare, recovering = p->asked_to_recover;
    p->driving = p->asked_to_prepare = p->asked_to_recover = false;
    blame_peer(g, why);
    guest_event(g, prepared ? EV_PEER_LOST : EV_PEER_REFUSED, 0, 0);
    if (recovering)
        guest_event(g, EV_PEER_UNRECOVERABLE, 0, 0);
}

/* The other daemon is of no use: the connection is let go of, and the machine hears of it. */
static void give_up(struct peer *p, const struct fail *why)
{
    struct guest *g = p->guest;
    struct fail copy = *why;
    bool prepared = p->asked_to_prepare;
    peer_drop(g);
    g->trouble = copy;
    fail_prefix(&g->trouble, "the destination's daemon");
    guest_event(g, prepared ? EV_PEER_LOST : EV_PEER_REFUSED, 0, 0);
}

static void refuse(struct peer *p, const char *sentence)
{
    struct fail why;
    fail_set(&why, VIR_ERR_OPERATION_UNSUPPORTED, "%s", sentence);
    give_up(p, &why);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static unsigned handshake_seconds(const struct config *c)
{
    return c->keepalive_interval > 0 ? (unsigned)c->keepalive_interval * (c->keepalive_count + 1)
                                     : HANDSHAKE_SECONDS;
}

static void ask(struct peer *p, int32_t procedure, const void *args, peer_link_reply_fn *replied)
{
    peer_link_call(p->link, PROGRAM_REMOTE, procedure, args,
                   handshake_seconds(&p->guest->daemon->config), replied, p);
}

static void ask_feature(struct peer *p, enum feature feature, peer_link_reply_fn *replied)
{
    struct remote_int args = {(int32_t)feature};
    ask(p, REMOTE_CONNECT_SUPPORTS_FEATURE, &args, replied);
}

/* The answer about a feature: false, and it is over, unless the peer has it. */
static bool has(struct peer *p, const void *ret, const struct fail *why, const char *sentence)
{
    const struct remote_int *answer = ret;
    if (why)
        give_up(p, why);
    else if (answer->value != 1)
        refuse(p, sentence);
    return !why && answer->value == 1;
}

static void has_params(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    if (has(p, ret, why, "it has no migration with parameters"))
        guest_event(p->guest, EV_PEER_CONNECTED, 0, 0);
}

static void has_v3(void *userdata, const void *ret, const struct fail *why)
{
    if (has(userdata, ret, why, "it has no migration protocol version 3"))
        ask_feature(userdata, FEATURE_PARAMS, has_params);
}

static void has_p2p(void *userdata, const void *ret, const struct fail *why)
{
    if (has(userdata, ret, why, "it has no peer-to-peer migration"))
        ask_feature(userdata, FEATURE_V3, has_v3);
}

static void opened(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    (void)ret;
    if (why) {
        give_up(p, why);
        return;
    }
    p->opened = true;
    p->handshaking = false;
    ask_feature(p, FEATURE_P2P, has_p2p);
}

static void has_keepalive(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    const struct remote_int *answer = ret;
    if (why) {
        give_up(p, why);
        return;
    }
    if (answer->value == 1)
        peer_link_keep_alive(p->link);
    struct remote_open args = {.name = "qemu:///system"};
    ask(p, REMOTE_CONNECT_OPEN, &args, opened);
}

static void auth_listed(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    const struct remote_auth_types *offered = ret;
    if (why) {
        give_up(p, why);
        return;
    }
    for (uint32_t i = 0; i < offered->types.count; i++) {
        if (offered->types.items[i] == 0) {
            ask_feature(p, FEATURE_KEEPALIVE, has_keepalive);
            return;
        }
    }
    refuse(p, "it wants authentication, which is not supported between daemons");
}

void p2p_connected(struct peer *p)
{
    ask(p, REMOTE_AUTH_LIST, NULL, auth_listed);
}

void p2p_connect(struct guest *g)
{
    struct fail f = {0};
    peer_drop(g); /* what a broken post-copy had */
    struct peer *p = peer_of(g);
    int r = p ? peer_link_to(p, g->migration->dconnuri, CONNECT_PATIENCE, &f)
              : fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
    if (p)
        p->driving = p->handshaking = true;
    if (r == 0)
        return;
    peer_drop(g);
    g->trouble = f;
    fail_prefix(&g->trouble, "the destination's daemon");
    guest_event(g, EV_PEER_REFUSED, 0, 0);
}

/* ---- prepare and finish --------------------------------------------------------------------- */

static uint32_t flags_for_peer(const struct guest *g)
{
    const struct migration *m = g->migration;
    bool paused = g->core.out.reason_before != 0, resumed = m->peer && m->peer->resumed;
    return m->flags | (paused ? (uint32_t)VIR_MIGRATE_PAUSED : 0) |
           (resumed ? (uint32_t)VIR_MIGRATE_POSTCOPY_RESUME : 0);
}

static void add_params(const struct migration *m, struct params_builder *b)
{
    params_add_string(b, VIR_MIGRATE_PARAM_URI, m->uri);
    params_add_string(b, VIR_MIGRATE_PARAM_DEST_NAME, m->destination_name);
    params_add_string(b, VIR_MIGRATE_PARAM_LISTEN_ADDRESS, m->listen_address);
    if (m->bandwidth)
        params_add_ullong(b, VIR_MIGRATE_PARAM_BANDWIDTH, m->bandwidth);
    if (m->bandwidth_postcopy)
        params_add_ullong(b, VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, m->bandwidth_postcopy);
    if (m->flags & VIR_MIGRATE_PARALLEL)
        params_add_int(b, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, m->connections);
}

static void prepared(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    const struct remote_prepare_ret *r = ret;
    struct guest *g = p->guest;
    struct migration *m = g->migration;
    struct fail f = {0};
    if (why) { /* an answered error: the other side has undone what it had begun */
        p->asked_to_prepare = false;
        give_up(p, why);
        return;
    }
    if (migrate_cookie_read(g, m, COOKIE_PERFORM, &r->cookie_out, &f) < 0) {
        give_up(p, &f);
        return;
    }
    if (r->uri_out)
        m->uri = arena_strdup(&m->arena, r->uri_out);
    peer_prepare_channel(g);
    guest_event(g, EV_PEER_PREPARED, peer_can(g) ? PEER_CHANNEL : PEER_STOCK, 0);
}

static int send_prepare(struct guest *g, peer_link_reply_fn *replied, struct fail *f)
{
    struct migration *m = g->migration;
    struct peer *p = m->peer;
    struct arena arena;
    struct params_builder b = {.arena = &arena};
    struct remote_prepare_args args = {.flags = flags_for_peer(g)};
    arena_init(&arena, REPLY_ARENA_MAX);
    add_params(m, &b);
    params_add_string(&b, VIR_MIGRATE_PARAM_DEST_XML, m->xml);
    args.params = b.params;
    int r = b.failed ? fail_set(f, VIR_ERR_NO_MEMORY, "out of memory")
                     : migrate_cookie_write(g, m, COOKIE_PREPARE, &arena, &args.cookie_in, f);
    if (r == 0) {
        p->asked_to_prepare = true;
        peer_link_call(p->link, PROGRAM_REMOTE, REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS, &args,
                       PREPARE_SECONDS, replied, p);
    }
    arena_free(&arena);
    return r;
}

void p2p_prepare(struct guest *g)
{
    struct fail f;
    if (send_prepare(g, prepared, &f) < 0)
        give_up(g->migration->peer, &f);
}

/* ---- a client has a broken post-copy resumed ------------------------------------------------ */

static void unrecoverable(struct guest *g, const struct fail *why)
{
    g->trouble = *why;
    fail_prefix(&g->trouble, "the destination's daemon");
    guest_event(g, EV_PEER_UNRECOVERABLE, 0, 0);
}

static void recoverable(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    const struct remote_prepare_ret *r = ret;
    struct guest *g = p->guest;
    struct fail f = {.code = VIR_ERR_OPERATION_FAILED, .text = "it said no migration URI"};
    p->asked_to_recover = false;
    const char *uri = why ? NULL : r->uri_out ? r->uri_out : g->migration->uri;
    if (why)
        f = *why;
    if (!uri || migrate_cookie_read(g, g->migration, COOKIE_PERFORM, &r->cookie_out, &f) < 0 ||
        !migrate_take_uris(g->migration, &uri, 1)) {
        unrecoverable(g, &f);
        return;
    }
    peer_prepare_channel(g);
    guest_event(g, EV_PEER_RECOVERABLE, 0, 0);
}

void p2p_recover(struct guest *g)
{
    struct fail f = {.code = VIR_ERR_OPERATION_FAILED, .text = "the connection is gone"};
    struct peer *p = g->migration->peer;
    if (!p || !p->opened || !peer_link_is_up(p->link)) {
        unrecoverable(g, &f);
        return;
    }
    p->resumed = p->asked_to_recover = true;
    if (send_prepare(g, recoverable, &f) == 0)
        return;
    p->asked_to_recover = false;
    unrecoverable(g, &f);
}

static void take_finish(struct guest *g, const struct rpc_bytes *cookie, const struct fail *why)
{
    struct fail f = {0};
    if (why) {
        if (g->core.out.outcome == RESULT_OK) { /* or else it was told that the migration failed */
            g->trouble = *why;
            fail_prefix(&g->trouble, "the destination");
        }
        guest_event(g, EV_PEER_FINISH_FAILED, 0, 0);
        return;
    }
    if (migrate_cookie_read(g, g->migration, COOKIE_CONFIRM, cookie, &f) < 0)
        log_warning("guest %s: the destination's cookie: %s", g->name, f.text);
    guest_event(g, EV_PEER_FINISHED, 0, 0);
}

static void finished(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    const struct remote_finish_ret *r = ret;
    p->driving = false; /* an end of the connection means nothing any more */
    take_finish(p->guest, why ? NULL : &r->cookie_out, why);
}

static void finish_answered(struct guest *g, enum peer_outcome outcome, const void *ret,
                            const struct fail *why)
{
    const struct peer_finish_ret *r = ret;
    if (!g->migration)
        return;
    if (outcome == PEER_UNREACHED) {
        blame_peer(g, why);
        guest_event(g, EV_PEER_LOST, 0, 0);
    } else {
        take_finish(g, why ? NULL : &r->cookie, why);
    }
}

/* Over the private program: after a loss, or in the place of a client. The answer tells of a loss.
 */
static void finish_as_peer(struct guest *g, bool cancelled, const struct rpc_bytes *cookie)
{
    struct peer_finish args = {
        .flags = flags_for_peer(g),
        .cancelled = cancelled,
        .cookie = *cookie,
    };
    if (g->migration->peer)
        g->migration->peer->driving = false;
    if (!peer_request(g, PEER_FINISH, &args, LINK_NO_DEADLINE, finish_answered))
        guest_event(g, EV_PEER_LOST, 0, 0);
}

static void finish_as_client(struct guest *g, bool cancelled, const struct rpc_bytes *cookie)
{
    struct migration *m = g->migration;
    struct arena arena;
    struct params_builder b = {.arena = &arena};
    struct remote_finish_args args = {
        .flags = flags_for_peer(g), .cancelled = cancelled, .cookie_in = *cookie};
    arena_init(&arena, REPLY_ARENA_MAX);
    add_params(m, &b);
    params_set_string(&b, VIR_MIGRATE_PARAM_DEST_NAME,
                      m->destination_name ? m->destination_name : g->name);
    args.params = b.params;
    peer_link_call(m->peer->link, PROGRAM_REMOTE, REMOTE_DOMAIN_MIGRATE_FINISH3_PARAMS, &args,
                   LINK_NO_DEADLINE, finished, m->peer);
    arena_free(&arena);
}

void p2p_finish(struct guest *g, bool cancelled)
{
    struct migration *m = g->migration;
    struct arena arena;
    struct rpc_bytes cookie = {NULL, 0};
    struct fail f = {0};
    arena_init(&arena, REPLY_ARENA_MAX);
    if (!cancelled && migrate_cookie_write(g, m, COOKIE_FINISH, &arena, &cookie, &f) < 0)
        log_warning("guest %s: its cookie: %s", g->name, f.text);
    if (m->peer && m->peer->opened && peer_link_is_up(m->peer->link))
        finish_as_client(g, cancelled, &cookie);
    else
        finish_as_peer(g, cancelled, &cookie);
    arena_free(&arena);
}
