/* metadata.h - title, description and the elements of <metadata>, read and changed. Pure.
 *
 * `type` is a virDomainMetadataType: description, title, or the element of the namespace `uri`.
 */
#pragma once
#include "domain/domain.h"
#include "util/arena.h"
#include "util/fail.h"

/* The text in the arena, or the document. -1: VIR_ERR_NO_DOMAIN_METADATA without one,
 * VIR_ERR_INVALID_ARG. */
int metadata_get(const struct domain *d, int type, const char *uri, struct arena *arena,
                 const char **ret_text, struct fail *f);
/* A NULL `text` (for title and description also an empty one) takes it out. `key` is the prefix of
 * an element, which must be given with a text. */
int metadata_set(struct domain *d, int type, const char *text, const char *key, const char *uri,
                 struct fail *f);
