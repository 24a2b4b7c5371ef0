/* registry.c - all guests of this host. */
#include "daemon/registry.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "daemon/guest_leftovers.h"
#include "daemon/emulators.h"
#include "daemon/migrate.h"
#include "domain/emulator.h"
#include "io/file.h"
#include "util/cleanup.h"
#include "util/log.h"

/* ---- finding -------------------------------------------------------------------------------- */

struct guest *registry_next(const struct registry *r, const struct guest *g)
{
    struct guest *next = g ? g->next : r->first;
    while (next && !guest_is_there(next))
        next = next->next;
    return next;
}

struct guest *registry_find_uuid(const struct registry *r, const struct uuid *uuid)
{
    struct guest *g = registry_next(r, NULL);
    while (g && !uuid_equal(&g->uuid, uuid))
        g = registry_next(r, g);
    return g;
}

struct guest *registry_find_name(const struct registry *r, const char *name)
{
    struct guest *g = registry_next(r, NULL);
    while (g && strcmp(g->name, name) != 0)
        g = registry_next(r, g);
    return g;
}

struct guest *registry_find_id(const struct registry *r, int id)
{
    struct guest *g = registry_next(r, NULL);
    while (g && (g->id != id || !guest_is_active(g)))
        g = registry_next(r, g);
    return g;
}

int registry_take_id(struct registry *r)
{
    return r->next_id++;
}

static void add(struct registry *r, struct guest *g)
{
    struct guest **at = &r->first;
    while (*at)
        at = &(*at)->next;
    *at = g;
    r->count++;
}

static void take_out(struct registry *r, struct guest *g)
{
    for (struct guest **at = &r->first; *at; at = &(*at)->next) {
        if (*at == g) {
            *at = g->next;
            r->count--;
            return;
        }
    }
}

/* ---- documents ------------------------------------------------------------------------------ */

enum { MACHINES_MAX = 512 };

struct reading {
    struct registry *registry;
    struct domain *domain;
    registry_document_fn *done;
    void *userdata;
};

static void add_machine(struct domain_defaults *defaults, struct domain_machine *machines,
                        const char *name, const char *canonical)
{
    if (name && defaults->machine_count < MACHINES_MAX)
        machines[defaults->machine_count++] = (struct domain_machine){name, canonical};
}

static void complete(struct reading *r, const struct emulator *emulator, struct fail *f)
{
    struct domain_machine machines[MACHINES_MAX];
    struct domain_defaults defaults = {
        .emulator = emulator->path,
        .machine = emulator_default_machine(emulator)->name,
        .machines = machines,
    };
    for (size_t i = 0; i < emulator->machine_count; i++) {
        const struct emulator_machine *m = &emulator->machines[i];
        add_machine(&defaults, machines, m->name, NULL);
        add_machine(&defaults, machines, m->alias, m->name);
    }
    struct domain *d = r->domain;
    r->domain = NULL;
    if (domain_fill_defaults(d, &defaults, f) < 0) {
        domain_free(d);
        r->done(NULL, NULL, f, r->userdata);
        return;
    }
    r->done(d, emulator, NULL, r->userdata);
}

static void emulator_known(const struct emulator *emulator, const struct fail *why, void *userdata)
{
    struct reading *r = userdata;
    struct fail f = {0};
    if (!emulator)
        r->done(NULL, NULL, why, r->userdata);
    else
        complete(r, emulator, &f);
    domain_free(r->domain);
    free(r);
}

void registry_read_document(struct registry *registry, const char *xml, registry_document_fn *done,
                            void *userdata)
{
    struct fail f = {0};
    struct domain *domain = NULL;
    if (domain_parse(xml, strlen(xml), 0, &domain, &f) < 0) {
        done(NULL, NULL, &f, userdata);
        return;
    }
    struct reading *r = malloc(sizeof(*r));
    if (!r) {
        domain_free(domain);
        fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
        done(NULL, NULL, &f, userdata);
        return;
    }
    *r = (struct reading){registry, domain, done, userdata};
    const char *path = domain->emulator ? domain->emulator : registry->daemon->config.emulator;
    emulators_get(registry->daemon->emulators, path, emulator_known, r);
}

/* ---- names and uuids -------------------------------------------------------------------------- */

/* Who has this name or uuid already? 0 and the guest (NULL: nobody), or -1: they are two. Also those
 * that are only reserved count. */
static int find_same(const struct registry *r, const struct domain *d, struct guest **ret,
                     struct fail *f)
{
    char uuid[UUID_TEXT];
    *ret = NULL;
    for (struct guest *g = r->first; g; g = g->next) {
        bool same_name = strcmp(g->name, d->name) == 0;
        bool same_uuid = uuid_equal(&g->uuid, &d->uuid);
        uuid_format(&g->uuid, uuid);
        if (same_uuid && !same_name)
            return fail_set(f, VIR_ERR_OPERATION_FAILED,
                            "domain '%s' is already defined with uuid %s", g->name, uuid);
        if (same_name && !same_uuid)
            return fail_set(f, VIR_ERR_OPERATION_FAILED,
                            "domain '%s' already exists with uuid %s", d->name, uuid);
        if (same_name)
            *ret = g;
    }
    return 0;
}

/* What was left alone at the start of the program, because it could not be read, may be of a QEMU
 * that runs: no second guest gets its uuid. */
static int check_folder(const struct guest *g, struct fail *f)
{
    if (access(g->folder, F_OK) < 0)
        return 0;
    return fail_set(f, VIR_ERR_OPERATION_FAILED,
                    "the folder %s is of a guest that could not be read (see the log); when nothing of "
                    "it runs any more, move it away and restart batond",
                    g->folder);
}

int registry_reserve(struct registry *r, const struct domain *document, struct guest **ret_guest,
                     struct fail *f)
{
    struct guest *g = NULL;
    if (find_same(r, document, &g, f) < 0)
        return -1;
    if (!g) {
        if (r->count >= REGISTRY_MAX)
            return fail_set(f, VIR_ERR_OPERATION_FAILED, "this host has %d guests, the most that it takes",
                            REGISTRY_MAX);
        g = guest_new(r->daemon, document, f);
        if (!g)
            return -1;
        if (check_folder(g, f) < 0) {
            guest_free(g);
            return -1;
        }
        add(r, g);
    }
    *ret_guest = g;
    return 0;
}

int registry_add_live(struct registry *r, struct domain *document, struct guest **ret_guest,
                      struct fail *f)
{
    struct guest *g;
    if (registry_reserve(r, document, &g, f) < 0) {
        domain_free(document);
        return -1;
    }
    if (guest_is_active(g) || g->live) {
        fail_set(f, VIR_ERR_OPERATION_INVALID, "domain '%s' is already active", g->name);
        domain_free(document);
        return -1;
    }
    g->live = document;
    *ret_guest = g;
    return 0;
}

void registry_drop_live(struct registry *r, struct guest *g)
{
    (void)r;
    domain_free(take_ptr(g->live));
    guest_forget_if_over(g);
}

void registry_forget(struct registry *r, struct guest *g)
{
    if (!guest_is_over(g))
        return; /* it came back meanwhile, or something is still under way */
    migrate_figures_over(g);
    take_out(r, g);
    file_remove_folder(g->folder);
    guest_free(g);
}

/* ---- at the start of the program ------------------------------------------------------------ */

static void adopted_emulator_known(const struct emulator *emulator, const struct fail *why,
                                   void *userdata)
{
    struct guest *g = guest_find_for_callback(userdata);
    free(userdata);
    if (g && emulator)
        g->emulator = emulator;
    else if (g)
        log_warning("guest %s: %s", g->name, why->text);
}

static void take_over(struct guest *g, const struct process_identity *identity)
{
    struct guest_callback *c = g->emulator ? NULL : guest_callback_new(g);
    if (c)
        emulators_get(g->daemon->emulators, g->live->emulator, adopted_emulator_known, c);
    guest_adopt_qemu(g, identity);
}

static int load_definition(const char *folder, struct domain **ret, struct fail *f)
{
    auto_free char *path = NULL;
    if (asprintf(&path, "%s/definition.xml", folder) < 0)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    struct buffer text = {.limit = 4 << 20};
    int r = file_read(path, 4 << 20, &text, f);
    if (r == 0)
        r = domain_parse((const char *)buffer_bytes(&text), buffer_size(&text), 0, ret, f);
    buffer_free(&text);
    return r;
}

static int load_guest(struct registry *r, const char *uuid_text, struct fail *f)
{
    struct domain stub = {.name = uuid_text};
    if (!uuid_parse(uuid_text, &stub.uuid))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "its name is no uuid");
    struct guest *g = guest_new(r->daemon, &stub, f);
    if (!g)
        return -1;
    bool has_process = false;
    struct process_identity identity;
    auto_free char *autostart = NULL;
    int loaded = load_definition(g->folder, &g->defined, f);
    if (loaded >= 0)
        loaded = guest_load(g, &has_process, &identity, f);
    if (loaded == GUEST_NOTHING_LEFT)
        file_remove_folder(g->folder);
    if (loaded != 0) {
        guest_free(g);
        return loaded < 0 ? -1 : 0;
    }
    snprintf(g->name, sizeof(g->name), "%s", guest_document(g)->name);
    if (g->defined && asprintf(&autostart, "%s/autostart", g->folder) >= 0)
        g->autostart = access(autostart, F_OK) == 0;
    add(r, g);
    if (g->id >= r->next_id)
        r->next_id = g->id + 1;
    if (has_process)
        take_over(g, &identity);
    if (g->migration && !core_migrating(&g->core)) {
        if (!g->damaged)
            migrate_finish_definition(g);
        migrate_release(g);
    }
    return 0;
}

static void start_answered(struct guest_waiter *w, struct guest *g, enum core_result result,
                           const struct fail *why)
{
    if (result != RESULT_OK)
        log_error("autostart of guest %s: %s", g->name, why->text);
    free(w);
}

static void autostart_document(struct domain *domain, const struct emulator *emulator,
                               const struct fail *why, void *userdata)
{
    struct guest *g = guest_find_for_callback(userdata);
    free(userdata);
    struct guest_waiter *w = g && domain ? calloc(1, sizeof(*w)) : NULL;
    if (!w || g->live) {
        if (why)
            log_error("autostart: %s", why->text);
        domain_free(domain);
        free(w);
        return;
    }
    g->live = domain;
    g->emulator = emulator;
    w->answered = start_answered;
    guest_ask(g, EV_START, 0, w);
}

/* Once for each boot of the host: the mark lies where a boot clears it away. */
static void autostart_all(struct registry *r)
{
    auto_free char *mark = NULL;
    struct fail f;
    if (asprintf(&mark, "%s/autostarted", r->daemon->config.socket_dir) < 0 ||
        access(mark, F_OK) == 0)
        return;
    if (file_make_folders(r->daemon->config.socket_dir, 0700, &f) < 0 ||
        file_replace(mark, "", 0, 0600, &f) < 0)
        log_error("autostart: %s", f.text);
    for (struct guest *g = registry_next(r, NULL); g; g = registry_next(r, g)) {
        if (g->autostart && g->elsewhere && !guest_is_active(g)) {
            log_warning("guest %s is not started with the host: it has been migrated, or was on its way, and may run "
                        "on another host; `virsh start` starts it",
                        g->name);
            continue;
        }
        struct buffer text = {.limit = 4 << 20};
        struct guest_callback *c = guest_callback_new(g);
        if (g->autostart && g->defined && !guest_is_active(g) && c &&
            domain_format(g->defined, 2 | 1, &text, &f) == 0 &&
            buffer_append(&text, "", 1) == 0)
            registry_read_document(r, (const char *)buffer_bytes(&text), autostart_document, c);
        else
            free(c);
        buffer_free(&text);
    }
}

int registry_new(struct daemon *d, struct registry **ret_registry, struct fail *f)
{
    struct registry *r = calloc(1, sizeof(*r));
    if (!r || asprintf(&r->folder, "%s/guests", d->config.state_dir) < 0) {
        free(r);
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    r->daemon = d;
    r->next_id = 1;
    d->registry = r;
    DIR *dir = file_make_folders(r->folder, 0700, f) == 0 ? opendir(r->folder) : NULL;
    if (!dir) {
        fail_set(f, VIR_ERR_SYSTEM_ERROR, "open %s: %s", r->folder, strerror(errno));
        registry_free(r);
        d->registry = NULL;
        return -1;
    }
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct fail why = {0};
        if (e->d_name[0] != '.' && load_guest(r, e->d_name, &why) < 0)
            log_error("folder %s/%s is left alone: %s", r->folder, e->d_name, why.text);
    }
    closedir(dir);
    guest_leftovers_remove(r);
    autostart_all(r);
    *ret_registry = r;
    return 0;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    timer_cancel(&r->leftovers_again);
    while (r->first) {
        struct guest *g = r->first;
        r->first = g->next;
        guest_free(g);
    }
    free(r->folder);
    free(r);
}
