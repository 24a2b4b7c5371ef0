/* guest_change.h - changes of what a guest's folder holds: definition, autostart, live document.
 *
 * The changes of one guest take turns. When it is a change's turn, `make` looks at the guest as it
 * is then and says what is to be written; a worker writes and syncs it; `done` puts it in force. So
 * what a client reads is on the disk, and what the disk does not take changes nothing. A guest with
 * changes under way keeps its place in the registry, its name and its uuid.
 */
#pragma once
#include <stdbool.h>
#include "daemon/guest.h"

enum guest_file { GUEST_FILE_STAYS, GUEST_FILE_WRITTEN, GUEST_FILE_REMOVED };

enum { GUEST_CHANGE_NEEDLESS = 1 };

/* Embed it; it is the caller's again when `done` is called, which happens exactly once. */
struct guest_change {
    /* 0 with the fields below filled; GUEST_CHANGE_NEEDLESS: it is so already; -1: refused. */
    int (*make)(struct guest_change *c, struct guest *g, struct fail *f);
    /* `why` is NULL when it is on the disk. */
    void (*done)(struct guest_change *c, struct guest *g, const struct fail *why);
    enum guest_file definition, autostart, live, emulator;
    const struct domain *definition_document, *live_document; /* for GUEST_FILE_WRITTEN; borrowed */
    struct guest_change *next;
};

/* `done` may be called before this returns. */
void guest_change(struct guest *g, struct guest_change *c);

/* Write g->live as it is at its turn; `done` (may be NULL) comes once, `why` NULL on success. */
void guest_store_live(struct guest *g, void (*done)(const struct fail *why, void *userdata),
                      void *userdata);
/* The guest is shut off: drop the live document. */
void guest_store_no_live(struct guest *g);
