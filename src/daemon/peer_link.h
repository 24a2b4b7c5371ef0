/* peer_link.h - a connection to another daemon, with this one as its client.
 *
 * p2p.c speaks the remote program over it, peer.c the private one; both may, over the same. Several
 * calls may be under way. Each has a deadline with a name, or is watched by keepalive; a peer that
 * keeps neither has ended the connection.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/fail.h"
#include "wire/frame.h"
#include "wire/rpc.h"

struct daemon;
struct peer_link;

enum {
    LINK_CALLS_MAX = 8, /* under way at a time */
    LINK_NO_DEADLINE = 0,
};

struct peer_link_ops {
    void (*up)(void *userdata);
    /* A message that is no answer; of the private program. */
    void (*message)(void *userdata, const struct frame *frame);
    /* It is gone, and with it the calls under way, which are not answered any more. Also when it
     * could not be made. `l` is free after it. */
    void (*lost)(void *userdata, const struct fail *why);
};

/* The answer to a call: `ret` is of the procedure's type and valid until the callback returns, or
 * `why` is the error that the peer answered with. */
typedef void peer_link_reply_fn(void *userdata, const void *ret, const struct fail *why);

/* `where`: the URI of a p2p migration, or an address of a peers' listener (peer_uri.h), which is
 * to take the connection within `patience` microseconds. `ops` is kept by reference. All callbacks come from the
 * loop, never inside a call of this header. 0, or -1 with `f`. */
int peer_link_new(struct daemon *d, const char *where, uint64_t patience,
                  const struct peer_link_ops *ops, void *userdata, struct peer_link **ret_link,
                  struct fail *f);
/* No callback comes after it, not even when called in one. Harmless on NULL. */
void peer_link_free(struct peer_link *l);
bool peer_link_is_up(const struct peer_link *l); /* false on NULL */
/* It is up, and of no use: `lost` will say so. */
void peer_link_fail(struct peer_link *l, const char *why);

/* One call. `seconds`: to its answer, or LINK_NO_DEADLINE where keepalive watches. When it can't be
 * sent, `lost` will say so. */
void peer_link_call(struct peer_link *l, uint32_t program, int32_t procedure, const void *args,
                    unsigned seconds, peer_link_reply_fn *done, void *userdata);
/* The same, with the arguments encoded. */
void peer_link_call_encoded(struct peer_link *l, const struct rpc_proc *proc,
                            const struct buffer *payload, unsigned seconds,
                            peer_link_reply_fn *done, void *userdata);
/* The peer answers pings: from now on it must. As configured (keepalive_interval, _count). */
void peer_link_keep_alive(struct peer_link *l);
