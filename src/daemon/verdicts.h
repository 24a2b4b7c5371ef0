/* verdicts.h - what became of attempts that are over, for their sources to ask. One journal a host,
 * STATE_DIR/verdicts: it outlives the guests and the daemon.
 *
 * A verdict is found by the token of its attempt alone. The newest VERDICTS_MAX are kept; of an
 * older one nothing is known any more, and nothing is said.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "daemon/peer_token.h"
#include "util/fail.h"
#include "util/uuid.h"

struct daemon;
struct verdicts;

enum {
    VERDICTS_MAX = 4096,
};

struct verdict {
    struct peer_token token;
    struct uuid guest;
    uint8_t proof; /* enum core_proof */
};

/* Reads the journal. Blocks: for the start of the program. -1 only without memory; a journal that
 * can't be read is reported, and what it held is not known. */
int verdicts_new(struct daemon *d, struct verdicts **ret_verdicts, struct fail *f);
void verdicts_free(struct verdicts *v);

/* NULL: nobody here knows. */
const struct verdict *verdicts_find(const struct verdicts *v, const struct peer_token *token);
/* Appended, and then synced; known at once. One of a known token is left as it is. */
void verdicts_add(struct verdicts *v, const struct verdict *verdict);
/* `then` is called once everything that was added is on the disk (or, as the log says, can't be put
 * there): at once where it is. */
typedef void verdicts_durable_fn(void *userdata);
void verdicts_when_durable(struct verdicts *v, verdicts_durable_fn *then, void *userdata);
