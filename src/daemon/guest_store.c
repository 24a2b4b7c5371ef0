/* guest_store.c - what of a guest outlives the daemon: one folder, mode 0700.
 *
 *   definition.xml   the inactive document; absent: transient
 *   autostart        exists: to be started with the host
 *   live.xml         the document of the QEMU that runs; written before QEMU is executed
 *   emulator.json    what that QEMU can do; its binary may be another one by now
 *   journal          the machines' state after each step, before the step's actions
 *
 * The last record of the journal is the state. Its loss to a crash of the host costs nothing that
 * the host's crash did not take with it, but for what the machine ordered to be synced.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/emulators.h"
#include "daemon/guest.h"
#include "daemon/guest_record.h"
#include "daemon/migrate.h"
#include "daemon/ports.h"
#include "daemon/verdicts.h"
#include "io/file.h"
#include "io/journal_file.h"
#include "io/worker.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { DOCUMENT_MAX = 4 << 20, EMULATOR_FILE_MAX = 64 << 10 };

static char *path_of(const struct guest *g, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", g->folder, name) < 0 ? NULL : path;
}

/* ---- the journal ---------------------------------------------------------------------------- */

static int open_journal(struct guest *g, struct journal_found *found, struct fail *f)
{
    auto_free char *path = path_of(g, "journal");
    if (!path)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (file_make_folders(g->folder, 0700, f) < 0)
        return -1;
    return journal_file_open(g->daemon->workers, path, &g->journal, found, f);
}

static void rewritten(const struct fail *why, void *userdata)
{
    struct guest *g = guest_find_for_callback(userdata);
    free(userdata);
    if (why)
        log_warning("rewrite a journal: %s", why->text);
    if (g && why)
        g->journal_is_behind = true;
    else if (g && g->journal_is_behind)
        guest_journal_append(g);
    if (g)
        guest_forget_if_over(g);
}

/* What grows for ever is cut down to its last record now and then; and one in which something went wrong is
 * whole again then. */
static int rewrite(struct guest *g, const struct buffer *record, struct fail *f)
{
    struct guest_callback *c = guest_callback_new(g);
    if (!c)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    int r = journal_file_rewrite(g->journal, GUEST_RECORD_STATE, buffer_bytes(record),
                                 buffer_size(record), rewritten, c, f);
    if (r < 0)
        free(c);
    return r;
}

/* A guest that is new here finds no journal; one that is there after all is not this guest's to
 * append to. */
static int open_late(struct guest *g, struct fail *f)
{
    struct journal_found found = {0};
    int r = open_journal(g, &found, f);
    buffer_free(&found.bytes);
    if (r == 0 && !found.created) {
        g->damaged = true;
        r = fail_set(f, VIR_ERR_INTERNAL_ERROR, "there is one of another guest's life");
    }
    return r;
}

static int append(struct guest *g, const struct buffer *record, struct fail *f)
{
    int r = journal_file_append(g->journal, GUEST_RECORD_STATE, buffer_bytes(record),
                                buffer_size(record), f);
    struct fail why;
    g->journal_is_behind = r < 0;
    if (!journal_file_is_large(g->journal) && (r == 0 || journal_file_is_rewriting(g->journal)))
        return r;
    if (rewrite(g, record, &why) == 0)
        g->journal_is_behind = false; /* once that is done */
    else
        log_error("guest %s: %s", g->name, why.text);
    return r;
}

int guest_journal_write(struct guest *g, struct fail *f)
{
    if (g->damaged)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "its journal is damaged");
    struct buffer record = {.limit = DOCUMENT_MAX};
    struct guest_moment now = {g->daemon->boot_id, guest_clock()};
    int r = g->journal ? 0 : open_late(g, f);
    if (r == 0 && guest_record_write(g, &now, &record) < 0)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (r == 0)
        r = append(g, &record, f);
    buffer_free(&record);
    return r;
}

void guest_journal_append(struct guest *g)
{
    struct fail f;
    if (!g->damaged && guest_journal_write(g, &f) < 0)
        log_error("guest %s: its journal can't be written: %s", g->name, f.text);
}

/* The guest may have gone meanwhile: it is looked up again. */
static void all_synced(void *userdata)
{
    struct guest *g = guest_find_for_callback(userdata);
    free(userdata);
    if (g)
        guest_event(g, EV_SYNCED, 0, 0);
}

static void synced(const struct fail *why, void *userdata)
{
    struct guest_callback *c = userdata;
    struct guest *g = guest_find_for_callback(c);
    if (g && !why) {
        verdicts_when_durable(g->daemon->verdicts, all_synced, c);
        return;
    }
    free(c);
    if (!g)
        return;
    g->trouble = *why;
    guest_event(g, EV_SYNC_FAILED, 0, 0);
}

/* From UNDOING on nothing else can become of the attempt. Its source may ask when the guest is
 * forgotten here: so its release is not only in the guest's own folder before it is told. */
static void keep_release(struct guest *g)
{
    const struct migration *m = g->migration;
    if (m && m->token.known && g->core.in.state == IN_UNDOING)
        verdicts_add(g->daemon->verdicts, &(struct verdict){m->token, g->uuid, PROOF_RELEASED});
}

void guest_journal_sync(struct guest *g)
{
    keep_release(g);
    struct guest_callback *c = guest_callback_new(g);
    if (c && g->journal && journal_file_sync(g->journal, synced, c, &g->trouble) == 0)
        return;
    free(c);
    guest_event(g, EV_SYNC_FAILED, 0, 0);
}

static void is_kept(const struct fail *why, void *userdata)
{
    struct guest *g = guest_find_for_callback(userdata);
    free(userdata);
    if (why)
        log_warning("sync a journal: %s", why->text);
    if (g)
        guest_forget_if_over(g);
}

void guest_journal_keep(struct guest *g)
{
    struct fail f = {.text = "out of memory"};
    struct guest_callback *c = guest_callback_new(g);
    if (c && g->journal && journal_file_sync(g->journal, is_kept, c, &f) == 0)
        return;
    free(c);
    log_warning("guest %s: sync its journal: %s", g->name, f.text);
}

void guest_store_job(struct guest *g)
{
    guest_journal_append(g);
}

/* ---- at the start of the program ------------------------------------------------------------ */

static int load_live(struct guest *g, struct fail *f)
{
    auto_free char *path = path_of(g, "live.xml");
    struct buffer text = {.limit = DOCUMENT_MAX};
    int r = path ? file_read(path, DOCUMENT_MAX, &text, f) : -1;
    if (r == 0)
        r = domain_parse((const char *)buffer_bytes(&text), buffer_size(&text), DOMAIN_PARSE_LIVE,
                         &g->live, f);
    buffer_free(&text);
    return r == FILE_ABSENT ? fail_set(f, VIR_ERR_INTERNAL_ERROR, "live.xml is missing") : r;
}

/* Not there, or not readable: what the binary can do now is the best that is left (registry.c). */
static void load_emulator(struct guest *g)
{
    auto_free char *path = path_of(g, "emulator.json");
    struct buffer text = {0};
    struct fail f = {0};
    int r = path ? file_read(path, EMULATOR_FILE_MAX, &text, &f) : FILE_ABSENT;
    struct json_object *json = NULL;
    if (r == 0 && buffer_append(&text, "", 1) == 0)
        json = json_tokener_parse((const char *)buffer_bytes(&text));
    if (json)
        g->emulator = emulators_keep_running(g->daemon->emulators, json, &f);
    if (!g->emulator && r != FILE_ABSENT)
        log_warning("guest %s: what its QEMU can do can't be read: %s", g->name,
                    f.text[0] ? f.text : "emulator.json is not JSON");
    g->emulator_is_stored = g->emulator != NULL;
    json_object_put(json);
    buffer_free(&text);
}

static int load_state(struct guest *g, const struct journal_found *found, struct fail *f)
{
    struct journal_reader reader;
    struct journal_record record, last = {0};
    journal_reader_init(&reader, buffer_bytes(&found->bytes), buffer_size(&found->bytes));
    while (journal_reader_next(&reader, &record))
        last = record;
    struct guest_moment then = {0};
    if (last.payload && last.type != GUEST_RECORD_STATE)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "record %llu is of no kind that this Baton knows",
                        (unsigned long long)last.sequence);
    if (last.payload && guest_record_read(g, last.payload, last.size, &then, f) < 0)
        return -1;
    bool same_boot = then.clock && uuid_equal(&then.boot, &g->daemon->boot_id);
    if (then.clock && !same_boot && !g->accounts.ended)
        guest_record_move_times(&g->accounts, then.clock, guest_clock());
    if (found->outcome == JOURNAL_TORN && same_boot && !found->cut_off)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "%s, and no crash of the host was between",
                        found->reason);
    if (found->outcome == JOURNAL_TORN)
        log_info("guest %s: journal: %s; dropped", g->name, found->reason);
    if (found->outcome == JOURNAL_DAMAGED)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "%s", found->reason);
    return 0;
}

/* The last good record of a damaged journal may be old: a guest that had arrived is presumed to have run, so that
 * neither its QEMU's end nor an operator's destroy proves that it never did. */
static void presume_run(struct incoming *in)
{
    if (in->state == IN_IDLE || in->state == IN_UNDOING)
        return;
    *in = (struct incoming){.state = IN_DRAINING, .taken = 1, .channel = in->channel, .p2p = in->p2p};
}

/* Nobody has this identity any more; not when it can't be known. */
static bool is_gone(const struct process_identity *identity)
{
    struct process_identity found;
    struct fail f;
    int r = process_identify(identity->pid, &found, &f);
    return r == PROCESS_GONE || (r == 0 && (found.start_time != identity->start_time ||
                                            !uuid_equal(&found.boot_id, &identity->boot_id)));
}

/* The journal is ahead of the document when a start was cut off, and behind it when the host lost
 * its power at an end: neither may cost the guest its definition. */
static int load_live_or_definition(struct guest *g, struct fail *f)
{
    int r = load_live(g, f);
    if (r == 0)
        return 0;
    if (!g->defined)
        return !g->damaged && is_gone(&g->identity) ? GUEST_NOTHING_LEFT : -1;
    if (!is_gone(&g->identity))
        log_error("guest %s: %s; its definition is taken for what runs", g->name, f->text);
    return domain_copy(g->defined, &g->live, f);
}

static bool has_left(const struct life *l)
{
    return l->phase == LIFE_OFF && l->state == CORE_SHUTOFF && l->reason == SHUTOFF_MIGRATED;
}

int guest_load(struct guest *g, bool *ret_has_process, struct process_identity *ret_identity,
               struct fail *f)
{
    struct journal_found found = {0};
    if (open_journal(g, &found, f) < 0)
        return -1;
    int r = load_state(g, &found, f);
    if (r == 0 && found.read_only)
        r = fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(EROFS));
    buffer_free(&found.bytes);
    if (r < 0) {
        g->damaged = true;
        presume_run(&g->core.in);
        log_error("guest %s: journal: %s; nothing is done by itself for this guest", g->name,
                  f->text);
    }
    if (g->last_attempt.known && g->core.in.verdict) /* the daemon ended before it was kept */
        verdicts_add(g->daemon->verdicts,
                     &(struct verdict){g->last_attempt, g->uuid, g->core.in.verdict - 1});
    /* The last of its records may be lost with the host, and QEMU went on while no daemon listened. */
    g->elsewhere |= core_migrating(&g->core) || has_left(&g->core.life);
    bool active = g->core.life.phase != LIFE_OFF;
    if (!active && !g->defined)
        return g->damaged ? fail_set(f, VIR_ERR_INTERNAL_ERROR, "it holds no document")
                          : GUEST_NOTHING_LEFT;
    r = active ? load_live_or_definition(g, f) : 0;
    if (r != 0)
        return r;
    if (active) {
        g->live->id = g->id;
        load_emulator(g);
    }
    if (core_migrating(&g->core))
        (void)ports_claim(g->daemon->ports, g->migration->port);
    *ret_has_process = active;
    *ret_identity = g->identity;
    return 0;
}
