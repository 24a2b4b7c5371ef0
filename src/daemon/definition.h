/* definition.h - a guest's definition: put in, taken out, started with the host.
 *
 * Each is a change (guest_change.h): it is in force, told and answered when it is on the disk.
 */
#pragma once
#include <stdbool.h>
#include "daemon/registry.h"

/* Called once, perhaps before the call returns; `why` is NULL on success, and the guest is then
 * there. */
typedef void definition_done_fn(struct guest *g, const struct fail *why, void *userdata);

/* The definition of a new or known guest; takes the document over. Tells DEFINED. A name that
 * belongs to another uuid, or the other way round, is refused, also while that one's definition is
 * still on its way. */
void definition_put(struct registry *r, struct domain *document, definition_done_fn *done,
                    void *userdata);
/* Tells UNDEFINED. An inactive guest goes away with it, after `done`. */
void definition_drop(struct guest *g, definition_done_fn *done, void *userdata);
void definition_set_autostart(struct guest *g, bool on, definition_done_fn *done, void *userdata);

/* What is in force from now on, NULL: none. Gives the one before, which is the caller's. */
struct domain *definition_swap(struct guest *g, struct domain *document);
/* The same, told to clients. */
struct domain *definition_replace(struct guest *g, struct domain *document);
