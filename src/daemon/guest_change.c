/* guest_change.c - one change of a guest at a time, on the worker. */
#include "daemon/guest_change.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"
#include "domain/emulator.h"
#include "io/file.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { DOCUMENT_MAX = 4 << 20, XML_INACTIVE = 2 | 1, XML_LIVE = 1 };

/* ---- what is written ------------------------------------------------------------------------- */

enum { FILES_MAX = 4 };

struct file_list {
    struct file_change list[FILES_MAX];
    char *path[FILES_MAX];
    struct buffer text[FILES_MAX];
    size_t count;
};

static void free_list(struct file_list *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->path[i]);
        buffer_free(&files->text[i]);
    }
}

/* What it holds is the buffer's; NULL without memory. */
static struct buffer *add_file(struct file_list *files, const struct guest *g, const char *name,
                               struct fail *f)
{
    size_t i = files->count++;
    files->text[i] = (struct buffer){.limit = DOCUMENT_MAX};
    if (asprintf(&files->path[i], "%s/%s", g->folder, name) < 0) {
        files->path[i] = NULL;
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    files->list[i] = (struct file_change){.path = files->path[i], .mode = 0600};
    return &files->text[i];
}

static void fill_last(struct file_list *files)
{
    size_t i = files->count - 1;
    files->list[i].bytes = buffer_size(&files->text[i]) ? (const void *)buffer_bytes(&files->text[i]) : "";
    files->list[i].size = buffer_size(&files->text[i]);
}

static int add(struct file_list *files, const struct guest *g, const char *name,
               enum guest_file what, const struct domain *document, unsigned flags, struct fail *f)
{
    if (what == GUEST_FILE_STAYS)
        return 0;
    struct buffer *text = add_file(files, g, name, f);
    if (!text)
        return -1;
    if (what == GUEST_FILE_REMOVED)
        return 0;
    if (document && domain_format(document, flags, text, f) < 0)
        return -1;
    fill_last(files);
    return 0;
}

static int add_emulator(struct file_list *files, const struct guest *g, enum guest_file what,
                        struct fail *f)
{
    if (what != GUEST_FILE_WRITTEN)
        return add(files, g, "emulator.json", what, NULL, 0, f);
    struct buffer *text = add_file(files, g, "emulator.json", f);
    struct json_object *json = emulator_running_to_json(g->emulator);
    const char *words = json ? json_object_to_json_string(json) : NULL;
    int r = text && words ? buffer_append(text, words, strlen(words)) : -1;
    json_object_put(json);
    if (r < 0)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    fill_last(files);
    return 0;
}

static void written(const struct fail *why, void *userdata);

/* A definition that goes goes first, and one that comes comes last: whatever is cut off, an
 * autostart never outlives its definition, nor waits for the next one. */
static int write_files(const struct guest_change *c, struct guest *g, struct fail *f)
{
    struct file_list files = {0};
    bool goes = c->definition == GUEST_FILE_REMOVED;
    int r = goes ? add(&files, g, "definition.xml", c->definition, NULL, 0, f) : 0;
    if (r == 0)
        r = add(&files, g, "autostart", c->autostart, NULL, 0, f);
    if (r == 0)
        r = add_emulator(&files, g, c->emulator, f);
    if (r == 0)
        r = add(&files, g, "live.xml", c->live, c->live_document, XML_LIVE, f);
    if (r == 0 && !goes)
        r = add(&files, g, "definition.xml", c->definition, c->definition_document, XML_INACTIVE, f);
    if (r == 0)
        r = file_change_later(g->daemon->workers, files.list, files.count, !g->folder_is_durable,
                              written, g, f);
    free_list(&files);
    return r;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void end_first(struct guest *g, const struct fail *why)
{
    struct guest_change *c = g->changes;
    g->changes = c->next;
    c->done(c, g, why);
}

/* Until one is with the worker, or none is left. */
static void begin(struct guest *g)
{
    g->changing = true;
    while (g->changes) {
        struct guest_change *c = g->changes;
        struct fail f = {0};
        int r = c->make(c, g, &f);
        if (r == 0)
            r = write_files(c, g, &f);
        if (r == 0)
            return;
        end_first(g, r < 0 ? &f : NULL);
    }
    g->changing = false;
    guest_forget_if_over(g);
}

/* The guest is there: it is not forgotten while something is under way. */
static void written(const struct fail *why, void *userdata)
{
    struct guest *g = userdata;
    g->folder_is_durable |= !why;
    end_first(g, why);
    begin(g);
}

void guest_change(struct guest *g, struct guest_change *c)
{
    struct guest_change **at = &g->changes;
    while (*at)
        at = &(*at)->next;
    c->definition = c->autostart = c->live = c->emulator = GUEST_FILE_STAYS;
    c->next = NULL;
    *at = c;
    if (!g->changing)
        begin(g);
}

/* ---- the live document ----------------------------------------------------------------------- */

struct live_change {
    struct guest_change change;
    void (*done)(const struct fail *why, void *userdata);
    void *userdata;
};

static int make_live(struct guest_change *c, struct guest *g, struct fail *f)
{
    if (!g->live)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "domain is not running");
    c->live = GUEST_FILE_WRITTEN;
    c->live_document = g->live;
    if (g->emulator && !g->emulator_is_stored)
        c->emulator = GUEST_FILE_WRITTEN;
    return 0;
}

static int make_no_live(struct guest_change *c, struct guest *g, struct fail *f)
{
    (void)g;
    (void)f;
    c->live = c->emulator = GUEST_FILE_REMOVED;
    return 0;
}

static void live_changed(struct guest_change *change, struct guest *g, const struct fail *why)
{
    struct live_change *c = (struct live_change *)change;
    if (why)
        log_warning("guest %s: keep its live document: %s", g->name, why->text);
    else if (change->emulator != GUEST_FILE_STAYS)
        g->emulator_is_stored = change->emulator == GUEST_FILE_WRITTEN;
    if (c->done)
        c->done(why, c->userdata);
    free(c);
}

static void change_live(struct guest *g,
                        int (*make)(struct guest_change *, struct guest *, struct fail *),
                        void (*done)(const struct fail *why, void *userdata), void *userdata)
{
    struct live_change *c = calloc(1, sizeof(*c));
    if (c) {
        *c = (struct live_change){{.make = make, .done = live_changed}, done, userdata};
        guest_change(g, &c->change);
        return;
    }
    struct fail f;
    fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
    log_warning("guest %s: keep its live document: %s", g->name, f.text);
    if (done)
        done(&f, userdata);
}

/* The last of those that wait (the first is being written) writes what is then. */
static bool is_due(const struct guest *g)
{
    const struct guest_change *c = g->changes ? g->changes->next : NULL;
    while (c && c->next)
        c = c->next;
    return c && c->make == make_live;
}

void guest_store_live(struct guest *g, void (*done)(const struct fail *why, void *userdata),
                      void *userdata)
{
    if (!done && is_due(g)) /* a guest may set its clock again and again, and a disk may hang */
        return;
    change_live(g, make_live, done, userdata);
}

void guest_store_no_live(struct guest *g)
{
    change_live(g, make_no_live, NULL, NULL);
}
