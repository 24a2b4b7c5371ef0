/* migrate_cookie.c - what the two ends tell each other through the client. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "core/quirks.h"
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/peer_uri.h"
#include "domain/emulator.h"
#include "libvirt/libvirt-domain.h"
#include "util/log.h"
#include "wire/rpc.h"

enum { STOCK_BLACKOUT_MAX = 24 * 3600 * 1000 /* ms; more is no time that was measured */ };

/* ---- writing -------------------------------------------------------------------------------- */

/* What libvirt knows by name; `automatic` is what this end switches on without being asked. */
static void add_capabilities(const struct guest *g, const struct migration *m, struct cookie *c)
{
    static const struct {
        const char *name;
        bool source, destination;
    } listed[] = {
        {"xbzrle", false, false},
        {"auto-converge", false, false},
        {"rdma-pin-all", false, false},
        {"postcopy-ram", false, false},
        {"pause-before-switchover", true, false},
        {"late-block-activate", false, true},
        {"multifd", false, false},
        {"return-path", true, true},
    };
    c->has_capabilities = true;
    for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
        if (!emulator_has_migration_capability(g->emulator, listed[i].name))
            continue;
        bool automatic = m->outgoing ? listed[i].source : listed[i].destination;
        c->capabilities[c->capability_count++] =
            (struct cookie_capability){listed[i].name, automatic};
    }
}

static bool can_preempt(const struct guest *g)
{
    return emulator_has_migration_capability(g->emulator, "postcopy-preempt") &&
           !quirk_applies(QUIRK_PREEMPT_CHANNEL_ABORTS, g->emulator->version);
}

static void add_baton(const struct guest *g, const struct migration *m, enum cookie_for step,
                      struct arena *arena, struct cookie *c)
{
    struct cookie_baton *b = &c->baton;
    uint64_t now = guest_clock();
    c->has_baton = true;
    b->program = BATON_VERSION;
    b->multifd_channels = (m->flags & VIR_MIGRATE_PARALLEL) ? (uint32_t)m->connections : 0;
    if (step == COOKIE_PREPARE && (m->flags & VIR_MIGRATE_POSTCOPY))
        b->postcopy_preempt = can_preempt(g);
    if (step == COOKIE_PERFORM) {
        b->postcopy_preempt = m->preempt;
        b->address_count = m->token.known ? peer_own_addresses(g->daemon, arena, b->addresses) : 0;
    }
    if (m->token.known && step != COOKIE_PREPARE) {
        char text[PEER_TOKEN_TEXT];
        peer_token_format(&m->token, text);
        b->token = arena_strdup(arena, text);
    }
    if (step == COOKIE_FINISH) {
        b->stop_to_performed = accounts_own_part(&g->accounts, now);
        b->has_stop_to_performed = b->stop_to_performed > 0;
        b->was_paused = g->core.out.reason_before != 0;
        b->paused_reason = g->core.out.reason_before;
    }
    if (step == COOKIE_CONFIRM) {
        b->resume_to_finish = accounts_own_part(&g->accounts, now);
        b->has_resume_to_finish = g->accounts.resumed > 0;
        b->transient = m->definition_lost;
    }
}

/* A stock libvirtd counts the times on from these. */
static void add_wall_clock(const struct guest *g, uint64_t now, struct cookie_statistics *s)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    cookie_stat_set(s, COOKIE_STARTED, ms - accounts_elapsed(&g->accounts, now) / 1000);
    if (g->accounts.stopped)
        cookie_stat_set(s, COOKIE_STOPPED, ms - accounts_own_part(&g->accounts, now) / 1000);
    cookie_stat_set(s, COOKIE_SENT, ms);
}

/* The downtime so far, and never what QEMU expects it to be. */
static void add_statistics(const struct guest *g, const struct migration *m, enum cookie_for step,
                           struct cookie *c)
{
    struct job_stats s = m->stats;
    uint64_t now = guest_clock(), downtime = accounts_own_part(&g->accounts, now);
    s.elapsed_ms = accounts_elapsed(&g->accounts, now) / 1000;
    s.has_downtime =
        step == COOKIE_FINISH ? downtime > 0 : accounts_downtime(&g->accounts, &downtime);
    s.downtime_ms = downtime / 1000;
    c->has_statistics = true;
    stats_to_cookie(&s, &c->statistics);
    if (step == COOKIE_FINISH)
        add_wall_clock(g, now, &c->statistics);
}

static int add_definition(const struct guest *g, const struct migration *m, struct arena *arena,
                          struct cookie *c, struct fail *f)
{
    if (m->persistent_xml) {
        c->domain = m->persistent_xml;
        return 0;
    }
    if (!g->defined)
        return 0;
    struct buffer text = {.limit = COOKIE_SIZE_MAX};
    int r = domain_format(g->defined, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE |
                                          VIR_DOMAIN_XML_MIGRATABLE,
                          &text, f);
    if (r == 0)
        c->domain = arena_strndup(arena, (const char *)buffer_bytes(&text), buffer_size(&text));
    buffer_free(&text);
    return r;
}

/* What the source calls it: in every cookie, whatever it is to be called at the destination. */
static const char *name_at_source(const struct guest *g, const struct migration *m)
{
    return m->source_name ? m->source_name : g->name;
}

int migrate_cookie_write(struct guest *g, struct migration *m, enum cookie_for step,
                         struct arena *arena, struct rpc_bytes *ret, struct fail *f)
{
    struct cookie c = {
        .name = name_at_source(g, m),
        .uuid = g->uuid,
        .hostname = g->daemon->config.hostname,
        .host_uuid = g->daemon->config.host_uuid,
        .lockstate = step == COOKIE_PREPARE,
    };
    if (step == COOKIE_PREPARE || step == COOKIE_PERFORM)
        add_capabilities(g, m, &c);
    add_baton(g, m, step, arena, &c);
    if (step == COOKIE_FINISH || step == COOKIE_CONFIRM || step == COOKIE_FIGURES)
        add_statistics(g, m, step, &c);
    if (step == COOKIE_FINISH && (m->flags & VIR_MIGRATE_PERSIST_DEST) &&
        add_definition(g, m, arena, &c, f) < 0)
        return -1;
    struct buffer text = {.limit = COOKIE_SIZE_MAX};
    int r = cookie_write(&c, &text, f);
    if (r == 0) {
        ret->size = (uint32_t)buffer_size(&text);
        uint8_t *copy = arena_alloc(arena, ret->size);
        ret->data = copy;
        if (copy)
            memcpy(copy, buffer_bytes(&text), ret->size);
        else
            r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the migration cookie");
    }
    buffer_free(&text);
    return r;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int check_identity(const struct guest *g, const struct migration *m, const struct cookie *c,
                          struct fail *f)
{
    if (strcmp(c->name, name_at_source(g, m)) != 0)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "the migration cookie is of guest '%.200s', this one is '%s'", c->name,
                        name_at_source(g, m));
    char ours[UUID_TEXT], theirs[UUID_TEXT];
    uuid_format(&g->uuid, ours);
    uuid_format(&c->uuid, theirs);
    if (!uuid_equal(&g->uuid, &c->uuid))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "the migration cookie is of guest %s, this one is %s", theirs, ours);
    if (uuid_equal(&c->host_uuid, &g->daemon->config.host_uuid)) {
        uuid_format(&c->host_uuid, theirs);
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "Attempt to migrate guest to the same host %s",
                        theirs);
    }
    return 0;
}

static bool has_automatic(const struct cookie *c, const char *name)
{
    for (uint32_t i = 0; i < c->capability_count; i++)
        if (strcmp(c->capabilities[i].name, name) == 0)
            return true;
    return false;
}

/* The two ends of a multifd stream must have the same number of channels, or QEMU hangs. */
static int agree(struct guest *g, struct migration *m, const struct cookie *c, struct fail *f)
{
    bool parallel = m->flags & VIR_MIGRATE_PARALLEL;
    if (parallel && c->has_capabilities && !has_automatic(c, "multifd"))
        return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED,
                        "the other host's QEMU has no parallel migration (multifd)");
    if ((m->flags & VIR_MIGRATE_POSTCOPY) && c->has_capabilities && !has_automatic(c, "postcopy-ram"))
        return fail_set(f, VIR_ERR_OPERATION_UNSUPPORTED,
                        "the other host's QEMU has no post-copy (postcopy-ram)");
    if (parallel && c->has_baton && c->baton.multifd_channels != (uint32_t)m->connections)
        return fail_set(f, VIR_ERR_OPERATION_FAILED,
                        "the two hosts disagree on the number of parallel connections: %d and %u",
                        m->connections, c->baton.multifd_channels);
    m->preempt = c->has_baton && c->baton.postcopy_preempt && (m->flags & VIR_MIGRATE_POSTCOPY) &&
                 can_preempt(g);
    return 0;
}

/* How the destination's daemon can be asked. What is wrong with it is not guessed at. */
static int read_peer(struct migration *m, const struct cookie_baton *b, struct fail *f)
{
    struct peer_uri u;
    if (!b->token)
        return 0;
    if (!peer_token_parse(b->token, &m->token))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "migration cookie: the peer's token is not 32 hexadecimal digits");
    m->peer_address_count = 0;
    for (uint32_t i = 0; i < b->address_count && i < PEER_ADDRESSES_MAX; i++) {
        if (peer_address_parse(b->addresses[i], &u, f) < 0)
            return fail_prefix(f, "migration cookie: the peer's address");
        const char *before = m->peer_addresses[i]; /* each attempt to resume brings them once more */
        bool is_same = before && strcmp(before, b->addresses[i]) == 0;
        const char *copy = is_same ? before : arena_strdup(&m->arena, b->addresses[i]);
        if (!copy)
            return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the peer's address");
        m->peer_addresses[m->peer_address_count++] = copy;
    }
    return 0;
}

/* A Finish that lay somewhere for long must not end another attempt than its own. */
static int check_attempt(const struct migration *m, const struct cookie_baton *b, struct fail *f)
{
    struct peer_token token;
    if (!b->token || !m->token.known)
        return 0;
    if (!peer_token_parse(b->token, &token) || !peer_token_equal(&token, &m->token))
        return fail_set(f, VIR_ERR_OPERATION_INVALID,
                        "this is the end of another attempt to migrate the domain");
    return 0;
}

/* A stock libvirtd's source says when it stopped and when it wrote this, on one clock, cut to ms. */
static void read_stock_times(struct guest *g, const struct cookie_statistics *s)
{
    uint64_t stopped = cookie_stat_get(s, COOKIE_STOPPED), sent = cookie_stat_get(s, COOKIE_SENT);
    if (stopped && sent >= stopped && sent - stopped < STOCK_BLACKOUT_MAX)
        accounts_peer_part(&g->accounts, (sent - stopped + 1) * 1000);
}

static int read_finish(struct guest *g, struct migration *m, const struct cookie *c, struct fail *f)
{
    if (check_attempt(m, &c->baton, f) < 0)
        return -1;
    if (c->domain && !m->persistent_xml) {
        m->persistent_xml = arena_strdup(&m->arena, c->domain);
        if (!m->persistent_xml)
            return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory for the guest's definition");
    }
    if (c->has_statistics && !m->stats_final)
        stats_from_cookie(&m->stats, &c->statistics);
    if (c->has_baton && c->baton.has_stop_to_performed && !g->accounts.resumed)
        accounts_peer_part(&g->accounts, c->baton.stop_to_performed);
    else if (!c->has_baton && c->has_statistics)
        read_stock_times(g, &c->statistics);
    if (c->has_baton && c->baton.was_paused)
        m->paused_reason = c->baton.paused_reason;
    return 0;
}

static int take(struct guest *g, struct migration *m, enum cookie_for step, const struct cookie *c,
                struct fail *f)
{
    if (check_identity(g, m, c, f) < 0)
        return -1;
    m->peer_is_baton |= c->has_baton;
    switch (step) {
    case COOKIE_PERFORM:
        return read_peer(m, &c->baton, f) < 0 ? -1 : agree(g, m, c, f);
    case COOKIE_PREPARE:
        return agree(g, m, c, f);
    case COOKIE_FINISH:
        return read_finish(g, m, c, f);
    case COOKIE_CONFIRM:
        if (c->has_baton && c->baton.has_resume_to_finish)
            accounts_peer_part(&g->accounts, c->baton.resume_to_finish);
        else if (!c->has_baton && !g->accounts.postcopied)
            accounts_peer_part(&g->accounts, 0); /* a stock libvirtd doesn't say: an upper bound */
        m->definition_lost = c->has_baton && c->baton.transient;
        return 0;
    case COOKIE_FIGURES: /* they are taken without a migration, too: migrate_take_figures */
        return 0;
    }
    return 0;
}

int migrate_cookie_read(struct guest *g, struct migration *m, enum cookie_for step,
                        const struct rpc_bytes *bytes, struct fail *f)
{
    struct cookie c;
    struct arena arena; /* of its own: those that are refused must not use up the migration's */
    arena_init(&arena, MIGRATION_ARENA_MAX);
    int r = cookie_parse(bytes->data, bytes->size, &arena, &c, f);
    if (r > 0) /* an empty one says nothing */
        r = take(g, m, step, &c, f);
    arena_free(&arena);
    return r;
}

uint8_t migrate_finish_arg(const struct migration *m, uint32_t flags)
{
    if (m->paused_reason == PAUSED_IOERROR)
        return BEGIN_STAY_PAUSED | FINISH_IO_ERROR;
    return m->paused_reason || flags & VIR_MIGRATE_PAUSED ? BEGIN_STAY_PAUSED : 0;
}
