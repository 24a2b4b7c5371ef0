#include "daemon/guest_record.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "daemon/core_fields.h"
#include "daemon/migrate.h"

/* ---- values by tag -------------------------------------------------------------------------- */

struct item {
    uint16_t tag;
    uint8_t size; /* 1: uint8_t or bool, 4, 8 */
    bool is_bool;
    size_t offset;
};

#define ITEM(tag, type, field)                                                                     \
    {                                                                                              \
        tag, sizeof(((type *)0)->field), _Generic(((type *)0)->field, bool : true, default : false), \
            offsetof(type, field)                                                                  \
    }

#define CORE(tag, field) ITEM(tag, struct core, field),
static const struct item core_items[] = {CORE_FIELDS(CORE)};
/* `waiting` is not written: the callers die with the daemon. */
_Static_assert(sizeof(core_items) / sizeof(core_items[0]) == sizeof(struct core) - 2,
               "a field of the machines is not in the journal");

#define ACCOUNT(tag, field) ITEM(tag, struct accounts, field)
static const struct item account_items[] = {
    ACCOUNT(200, outgoing),  ACCOUNT(201, postcopied), ACCOUNT(202, ended),
    ACCOUNT(203, result),    ACCOUNT(204, began),      ACCOUNT(205, stopped),
    ACCOUNT(206, performed), ACCOUNT(207, finish),     ACCOUNT(208, resumed),
    ACCOUNT(209, over),      ACCOUNT(210, peer_part),  ACCOUNT(211, peer_part_known),
};

/* X(tag, field): the last job's have 300 more, those of the migration under way 500. */
#define JOB_FIELDS(X)                                                                              \
    X(0, type) X(1, operation) X(2, elapsed_ms)                                                    \
    X(3, has_downtime) X(4, downtime_ms) X(5, has_setup)                                           \
    X(6, setup_ms) X(7, has_ram) X(8, ram_total)                                                   \
    X(9, ram_processed) X(10, ram_remaining) X(11, ram_bps)                                        \
    X(12, ram_constant) X(13, ram_normal) X(14, ram_normal_bytes)                                  \
    X(15, ram_dirty_rate) X(16, ram_iteration) X(17, ram_page_size)                                \
    X(18, has_postcopy_requests) X(19, ram_postcopy_requests) X(20, disk_total)                    \
    X(21, disk_processed) X(22, disk_remaining) X(23, disk_bps)                                    \
    X(24, has_throttle) X(25, auto_converge_throttle)
#define LAST_JOB(tag, field) ITEM(300 + tag, struct job_stats, field),
static const struct item job_items[] = {JOB_FIELDS(LAST_JOB)};
#define MIGRATION(tag, field) ITEM(500 + tag, struct job_stats, field),
static const struct item migration_items[] = {JOB_FIELDS(MIGRATION)};
enum { TAG_JOB_ERROR = 326 };

/* What was asked for, and QEMU may not have been told yet. */
#define GIVEN(tag, field) ITEM(tag, struct migration, field)
static const struct item given_items[] = {
    GIVEN(431, bandwidth),        GIVEN(432, bandwidth_postcopy), GIVEN(433, bandwidth_switchover),
    GIVEN(434, connections),      GIVEN(435, throttle_initial),   GIVEN(436, throttle_increment),
    GIVEN(437, definition_lost),
};

#define GUEST(tag, field) ITEM(tag, struct guest, field)
static const struct item guest_items[] = {
    GUEST(1, id),
    GUEST(2, identity.start_time),
    GUEST(3, identity.pid),
    GUEST(5, max_bandwidth_mib),
    GUEST(6, postcopy_bandwidth_mib),
    GUEST(7, max_downtime_ms),
    GUEST(8, tainted_by_monitor),
    GUEST(11, disks_inactive),
    GUEST(12, elsewhere),
};
enum {
    TAG_BOOT_ID = 4,
    TAG_MOMENT_BOOT = 9,
    TAG_MOMENT_CLOCK = 10,
    TAG_MIGRATION_FLAGS = 400,
    TAG_MIGRATION_PORT = 401,
    TAG_MIGRATION_PERSISTENT_XML = 402,
    TAG_MIGRATION_WRITTEN = 403,      /* the definition that came with it is on the disk */
    TAG_MIGRATION_DEFINITION_DUE = 404, /* it is over, and its definition still to be written */
    TAG_MIGRATION_SOURCE_NAME = 405,
    TAG_MIGRATION_TOKEN = 410,
    TAG_MIGRATION_PEER_ADDRESS = 411, /* each of them */
    TAG_MIGRATION_DCONNURI = 412,
    TAG_MIGRATION_NAME = 413,
    TAG_MIGRATION_PEER_IS_BATON = 414,
    TAG_LAST_ATTEMPT = 415,
    /* where a broken stream is resumed, and how */
    TAG_MIGRATION_URI = 416,
    TAG_MIGRATION_LISTEN_ADDRESS = 417,
    TAG_MIGRATION_PREEMPT = 418,
    TAG_MIGRATION_STATS_FINAL = 419,
    TAG_MIGRATION_SOCKET = 430,
};

static void put(struct record_writer *w, const void *object, const struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = (const uint8_t *)object + items[i].offset;
        uint32_t u32;
        uint64_t u64;
        switch (items[i].size) {
        case 1:
            record_put_u8(w, items[i].tag, *at);
            break;
        case 4:
            memcpy(&u32, at, sizeof(u32));
            record_put_u32(w, items[i].tag, u32);
            break;
        default:
            memcpy(&u64, at, sizeof(u64));
            record_put_u64(w, items[i].tag, u64);
            break;
        }
    }
}

static uint64_t most(const struct item *i)
{
    return i->is_bool ? 1 : i->size == 1 ? UINT8_MAX : i->size == 4 ? UINT32_MAX : UINT64_MAX;
}

/* A value that is not there leaves the field as it is. One that does not fit is another program's, and
 * is not cut down to something that means something else here. */
static int get(const struct record_reader *r, void *object, const struct item *items, size_t count,
               struct fail *f)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = (uint8_t *)object + items[i].offset;
        if (!record_has(r, items[i].tag))
            continue;
        uint64_t u64 = record_get_number(r, items[i].tag, 0);
        uint32_t u32 = (uint32_t)u64;
        if (u64 > most(&items[i]) || record_get_number(r, items[i].tag, 1) != u64)
            return fail_set(f, VIR_ERR_INTERNAL_ERROR, "the record's field %u makes no sense",
                            items[i].tag);
        if (items[i].size == 1)
            *at = (uint8_t)u64;
        else if (items[i].size == 4)
            memcpy(at, &u32, sizeof(u32));
        else
            memcpy(at, &u64, sizeof(u64));
    }
    return 0;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void put_token(struct record_writer *w, uint16_t tag, const struct peer_token *t)
{
    if (t->known)
        record_put_bytes(w, tag, t->byte, sizeof(t->byte));
}

/* Of the machine's verdict. */
static const struct peer_token *last_attempt(const struct guest *g)
{
    return g->migration && !g->migration->outgoing ? &g->migration->token : &g->last_attempt;
}

static void put_migration(struct record_writer *w, const struct migration *m)
{
    record_put_u32(w, TAG_MIGRATION_FLAGS, m->flags);
    record_put_u32(w, TAG_MIGRATION_PORT, m->port);
    record_put_string(w, TAG_MIGRATION_SOCKET, m->socket_path);
    record_put_string(w, TAG_MIGRATION_PERSISTENT_XML, m->persistent_xml);
    put_token(w, TAG_MIGRATION_TOKEN, &m->token);
    for (unsigned i = 0; i < m->peer_address_count; i++)
        record_put_string(w, TAG_MIGRATION_PEER_ADDRESS, m->peer_addresses[i]);
    record_put_string(w, TAG_MIGRATION_DCONNURI, m->dconnuri);
    record_put_string(w, TAG_MIGRATION_NAME, m->destination_name);
    record_put_u8(w, TAG_MIGRATION_PEER_IS_BATON, m->peer_is_baton);
    put(w, &m->stats, migration_items, COUNT(migration_items));
    record_put_u8(w, TAG_MIGRATION_STATS_FINAL, m->stats_final);
    record_put_string(w, TAG_MIGRATION_URI, m->uri);
    record_put_string(w, TAG_MIGRATION_LISTEN_ADDRESS, m->listen_address);
    record_put_u8(w, TAG_MIGRATION_PREEMPT, m->preempt);
    put(w, m, given_items, COUNT(given_items));
}

int guest_record_write(const struct guest *g, const struct guest_moment *now, struct buffer *out)
{
    struct record_writer w;
    record_begin(&w, out, GUEST_RECORD_VERSION);
    record_put_bytes(&w, TAG_MOMENT_BOOT, &now->boot, sizeof(now->boot));
    record_put_u64(&w, TAG_MOMENT_CLOCK, now->clock);
    put(&w, g, guest_items, COUNT(guest_items));
    record_put_bytes(&w, TAG_BOOT_ID, &g->identity.boot_id, sizeof(g->identity.boot_id));
    put(&w, &g->core, core_items, COUNT(core_items));
    put(&w, &g->accounts, account_items, COUNT(account_items));
    put(&w, &g->completed, job_items, COUNT(job_items));
    record_put_string(&w, TAG_JOB_ERROR, g->completed.error[0] ? g->completed.error : NULL);
    bool due = g->migration && migrate_definition_is_due(g);
    if (due || (g->migration && core_migrating(&g->core))) { /* or else nobody reads it */
        put_migration(&w, g->migration);
        record_put_u8(&w, TAG_MIGRATION_WRITTEN, g->migration->written);
        record_put_u8(&w, TAG_MIGRATION_DEFINITION_DUE, due);
        record_put_string(&w, TAG_MIGRATION_SOURCE_NAME, g->migration->source_name);
    }
    put_token(&w, TAG_LAST_ATTEMPT, last_attempt(g));
    return record_finish(&w);
}

static void read_text(const struct record_reader *r, uint16_t tag, struct arena *arena,
                      const char **ret_text)
{
    auto_free char *text = record_get_text(r, tag);
    *ret_text = text ? arena_strdup(arena, text) : NULL;
}

static void read_token(const struct record_reader *r, uint16_t tag, struct peer_token *ret_token)
{
    const uint8_t *bytes;
    size_t size;
    ret_token->known = record_get_bytes(r, tag, &bytes, &size) &&
                       size == sizeof(ret_token->byte);
    if (ret_token->known)
        memcpy(ret_token->byte, bytes, size);
}

static void read_addresses(const struct record_reader *reader, struct migration *m)
{
    struct record_reader r = *reader;
    struct record_field field;
    r.at = 0;
    while (m->peer_address_count < PEER_ADDRESSES_MAX && record_next(&r, &field)) {
        if (field.tag != TAG_MIGRATION_PEER_ADDRESS || field.kind != RECORD_STRING)
            continue;
        const char *text = arena_strndup(&m->arena, (const char *)field.bytes, field.size);
        if (text)
            m->peer_addresses[m->peer_address_count++] = text;
    }
}

static int read_migration(struct guest *g, const struct record_reader *r, struct fail *f)
{
    struct migration *m =
        migration_new(core_migrating(&g->core) ? g->core.out.state != OUT_IDLE : g->accounts.outgoing,
                      record_get_u32(r, TAG_MIGRATION_FLAGS, 0), NULL);
    if (!m)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    m->port = (uint16_t)record_get_u32(r, TAG_MIGRATION_PORT, 0);
    m->written = m->taken_in = record_get_u8(r, TAG_MIGRATION_WRITTEN, 0);
    read_text(r, TAG_MIGRATION_SOCKET, &m->arena, &m->socket_path);
    read_text(r, TAG_MIGRATION_PERSISTENT_XML, &m->arena, &m->persistent_xml);
    read_text(r, TAG_MIGRATION_DCONNURI, &m->arena, &m->dconnuri);
    read_text(r, TAG_MIGRATION_NAME, &m->arena, &m->destination_name);
    m->peer_is_baton = record_get_u8(r, TAG_MIGRATION_PEER_IS_BATON, 0);
    read_text(r, TAG_MIGRATION_URI, &m->arena, &m->uri);
    read_text(r, TAG_MIGRATION_LISTEN_ADDRESS, &m->arena, &m->listen_address);
    m->preempt = record_get_u8(r, TAG_MIGRATION_PREEMPT, 0);
    m->restored = true;
    read_token(r, TAG_MIGRATION_TOKEN, &m->token);
    read_addresses(r, m);
    read_text(r, TAG_MIGRATION_SOURCE_NAME, &m->arena, &m->source_name);
    m->stats_final = record_get_u8(r, TAG_MIGRATION_STATS_FINAL, 0);
    if (get(r, &m->stats, migration_items, COUNT(migration_items), f) < 0 ||
        get(r, m, given_items, COUNT(given_items), f) < 0) {
        migration_free(m);
        return -1;
    }
    g->migration = m;
    return 0;
}

static bool life_is_sane(const struct life *l)
{
    bool state = l->state == CORE_RUNNING || l->state == CORE_PAUSED || l->state == CORE_SHUTDOWN ||
                 l->state == CORE_SHUTOFF;
    return l->phase < LIFE_COUNT && state && l->reason <= PAUSED_API_ERROR &&
           l->end_reason <= SHUTOFF_FAILED && l->end_detail <= STOPPED_FAILED;
}

/* Numbers from the disk index tables, and are told to clients: what is out of range is no state of ours. */
static bool is_sane(const struct guest *g)
{
    const struct outgoing *out = &g->core.out;
    const struct incoming *in = &g->core.in;
    return life_is_sane(&g->core.life) && out->state < OUT_COUNT && out->outcome < RESULT_COUNT &&
           out->reason_before <= PAUSED_API_ERROR && out->recovery < RECOVERY_COUNT &&
           out->client <= CLIENT_RETURNS &&
           in->state < IN_COUNT && in->outcome < RESULT_COUNT && in->verdict <= PROOF_COUNT &&
           in->reason <= PAUSED_API_ERROR && (out->state == OUT_IDLE || in->state == IN_IDLE) &&
           g->accounts.result < RESULT_COUNT && g->completed.type <= JOB_CANCELLED;
}

static int read_fields(struct guest *g, const struct record_reader *r, struct fail *f)
{
    if (get(r, g, guest_items, COUNT(guest_items), f) < 0 ||
        get(r, &g->core, core_items, COUNT(core_items), f) < 0 ||
        get(r, &g->accounts, account_items, COUNT(account_items), f) < 0 ||
        get(r, &g->completed, job_items, COUNT(job_items), f) < 0)
        return -1;
    return is_sane(g) ? 0 : fail_set(f, VIR_ERR_INTERNAL_ERROR, "the record holds a state that does not exist");
}

static void read_uuid(const struct record_reader *r, uint16_t tag, struct uuid *ret_uuid)
{
    const uint8_t *bytes;
    size_t size;
    if (record_get_bytes(r, tag, &bytes, &size) && size == sizeof(*ret_uuid))
        memcpy(ret_uuid, bytes, size);
}

void guest_record_move_times(struct accounts *a, uint64_t from, uint64_t now)
{
    uint64_t *times[] = {&a->began, &a->stopped, &a->performed, &a->finish, &a->resumed, &a->over};
    for (size_t i = 0; i < COUNT(times); i++)
        if (*times[i])
            *times[i] = *times[i] + now > from ? *times[i] + now - from : 1;
}

int guest_record_read(struct guest *g, const uint8_t *payload, size_t size,
                      struct guest_moment *ret_moment, struct fail *f)
{
    struct record_reader r;
    if (record_read(&r, payload, size, f) < 0)
        return -1;
    if (r.version != GUEST_RECORD_VERSION)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "the record is of %s Baton (version %u)",
                        r.version ? "a newer" : "no", r.version);
    if (read_fields(g, &r, f) < 0) {
        core_init(&g->core);
        return -1;
    }
    read_uuid(&r, TAG_BOOT_ID, &g->identity.boot_id);
    read_uuid(&r, TAG_MOMENT_BOOT, &ret_moment->boot);
    ret_moment->clock = record_get_number(&r, TAG_MOMENT_CLOCK, 0);
    auto_free char *error = record_get_text(&r, TAG_JOB_ERROR);
    snprintf(g->completed.error, sizeof(g->completed.error), "%s", error ? error : "");
    read_token(&r, TAG_LAST_ATTEMPT, &g->last_attempt);
    bool wanted = core_migrating(&g->core) || record_get_u8(&r, TAG_MIGRATION_DEFINITION_DUE, 0);
    if (!wanted || read_migration(g, &r, f) == 0)
        return 0;
    core_init(&g->core);
    return -1;
}
