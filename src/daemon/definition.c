/* definition.c - changes of a guest's definition. */
#include "daemon/definition.h"
#include <stdlib.h>
#include "daemon/daemon.h"
#include "daemon/events.h"
#include "daemon/guest_change.h"
#include "daemon/migrate.h"

enum { DEFINED_ADDED = 0, DEFINED_UPDATED = 1, UNDEFINED_REMOVED = 0, TELL_DEFINED = 0, TELL_UNDEFINED = 1 };

struct domain *definition_swap(struct guest *g, struct domain *document)
{
    struct domain *before = g->defined;
    g->defined = document;
    g->autostart &= document != NULL;
    if (g->migration) /* what arrived with it is not in force any more */
        g->migration->arrived = NULL;
    return before;
}

struct domain *definition_replace(struct guest *g, struct domain *document)
{
    struct domain *before = definition_swap(g, document);
    if (document)
        events_tell_lifecycle(g, TELL_DEFINED, before ? DEFINED_UPDATED : DEFINED_ADDED);
    else
        events_tell_lifecycle(g, TELL_UNDEFINED, UNDEFINED_REMOVED);
    return before;
}

struct definition_change {
    struct guest_change change;
    struct domain *document; /* of a definition */
    bool autostart;
    definition_done_fn *done;
    void *userdata;
};

static void submit(struct guest *g, struct definition_change with)
{
    struct definition_change *c = malloc(sizeof(*c));
    if (c) {
        *c = with;
        guest_change(g, &c->change);
        return;
    }
    struct fail f;
    fail_set(&f, VIR_ERR_NO_MEMORY, "out of memory");
    domain_free(with.document);
    with.done(g, &f, with.userdata);
    guest_forget_if_over(g);
}

static void end(struct definition_change *c, struct guest *g, const struct fail *why)
{
    c->done(g, why, c->userdata);
    free(c);
}

/* ---- put in ---------------------------------------------------------------------------------- */

/* What a definition that was cut off left of the one before it is no autostart of this one. */
static int make_put(struct guest_change *change, struct guest *g, struct fail *f)
{
    struct definition_change *c = (struct definition_change *)change;
    (void)f;
    change->definition = GUEST_FILE_WRITTEN;
    change->definition_document = c->document;
    change->autostart = g->defined ? GUEST_FILE_STAYS : GUEST_FILE_REMOVED;
    return 0;
}

static void put_done(struct guest_change *change, struct guest *g, const struct fail *why)
{
    struct definition_change *c = (struct definition_change *)change;
    if (why)
        domain_free(c->document);
    else
        domain_free(definition_replace(g, c->document));
    end(c, g, why);
}

void definition_put(struct registry *r, struct domain *document, definition_done_fn *done,
                    void *userdata)
{
    struct guest *g;
    struct fail f = {0};
    if (registry_reserve(r, document, &g, &f) < 0) {
        domain_free(document);
        done(NULL, &f, userdata);
        return;
    }
    submit(g, (struct definition_change){.change = {.make = make_put, .done = put_done},
                                         .document = document,
                                         .done = done,
                                         .userdata = userdata});
}

/* ---- taken out ------------------------------------------------------------------------------- */

static int make_drop(struct guest_change *change, struct guest *g, struct fail *f)
{
    if (!g->defined)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "cannot undefine transient domain");
    change->definition = change->autostart = GUEST_FILE_REMOVED;
    return 0;
}

static void drop_done(struct guest_change *change, struct guest *g, const struct fail *why)
{
    if (!why)
        domain_free(definition_replace(g, NULL));
    end((struct definition_change *)change, g, why);
}

void definition_drop(struct guest *g, definition_done_fn *done, void *userdata)
{
    submit(g, (struct definition_change){.change = {.make = make_drop, .done = drop_done},
                                         .done = done,
                                         .userdata = userdata});
}

/* ---- started with the host ------------------------------------------------------------------- */

static int make_autostart(struct guest_change *change, struct guest *g, struct fail *f)
{
    struct definition_change *c = (struct definition_change *)change;
    if (!g->defined)
        return fail_set(f, VIR_ERR_OPERATION_INVALID, "cannot set autostart for transient domain");
    if (g->autostart == c->autostart)
        return GUEST_CHANGE_NEEDLESS;
    change->autostart = c->autostart ? GUEST_FILE_WRITTEN : GUEST_FILE_REMOVED;
    return 0;
}

static void autostart_done(struct guest_change *change, struct guest *g, const struct fail *why)
{
    struct definition_change *c = (struct definition_change *)change;
    if (!why)
        g->autostart = c->autostart;
    end(c, g, why);
}

void definition_set_autostart(struct guest *g, bool on, definition_done_fn *done, void *userdata)
{
    submit(g, (struct definition_change){.change = {.make = make_autostart, .done = autostart_done},
                                         .autostart = on,
                                         .done = done,
                                         .userdata = userdata});
}
