/* registry.h - all guests of this host, found by name, uuid and id. */
#pragma once
#include "daemon/guest.h"

struct registry {
    struct daemon *daemon;
    struct guest *first; /* in the order in which they came; also those that are only reserved */
    unsigned count;
    int next_id;         /* of the next guest to be started; survives a restart */
    char *folder;        /* STATE_DIR/guests */
    struct timer leftovers_again;
    unsigned leftovers_tries;
};

enum { REGISTRY_MAX = 16384 /* guests; what one list reply can carry */ };

/* Load every guest's folder; take running ones over. Blocks: for the start of the program. */
int registry_new(struct daemon *d, struct registry **ret_registry, struct fail *f);
/* The guests' QEMUs go on. */
void registry_free(struct registry *r);

/* Those that there are, in order; NULL at the end (and before the first). A guest whose definition
 * is only on its way has its name and uuid reserved, and is not there yet. */
struct guest *registry_next(const struct registry *r, const struct guest *g);
struct guest *registry_find_uuid(const struct registry *r, const struct uuid *uuid);
struct guest *registry_find_name(const struct registry *r, const char *name);
struct guest *registry_find_id(const struct registry *r, int id);

/* For a definition, or a guest to be created, from a document: checks the
 * emulator, fills in the defaults. Asynchronous because the emulator may have to be probed. `done`
 * is called once, perhaps before it returns; `domain` is then the receiver's, or NULL with `why`. */
typedef void registry_document_fn(struct domain *domain, const struct emulator *emulator,
                                  const struct fail *why, void *userdata);
void registry_read_document(struct registry *r, const char *xml, registry_document_fn *done,
                            void *userdata);
/* The guest with this document's name and uuid, known or from now on reserved. A name that belongs to
 * another uuid, or the other way round, is refused. Who puts nothing in calls guest_forget_if_over. */
int registry_reserve(struct registry *r, const struct domain *document, struct guest **ret_guest,
                     struct fail *f);
/* A guest without a definition (or the known one, inactive), ready for START or PREPARE, whose
 * g->live is `document`; takes the domain over. Refused where it is active already. */
int registry_add_live(struct registry *r, struct domain *document, struct guest **ret_guest,
                      struct fail *f);
/* What registry_add_live put in, before it was started. */
void registry_drop_live(struct registry *r, struct guest *g);
/* The id of the next guest to be started. */
int registry_take_id(struct registry *r);
/* Forget a guest of which nothing is left, and remove its folder. Harmless when there still is
 * something. Called from the loop, not inside a step. */
void registry_forget(struct registry *r, struct guest *g);
