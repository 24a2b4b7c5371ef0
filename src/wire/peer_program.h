/* peer_program.h - Baton's private program: what two batond say to each other without a client.
 *
 * It travels in the same frames, over a listener of its own (peer_listen) or over any read-write
 * connection of the remote program: in p2p the source uses the connection that it has.
 *
 *   source                                   destination
 *     HELLO token, guest  ---------------->    the connection is now attached to this attempt
 *     ASK how it was switched ------------>    answered when the question was taken in
 *                         <----------------  PROOF, one or more: what became of the guest there (with KEPT, RUNS)
 *     RECOVER             ---------------->    answered with the addresses of the new stream
 *     FINISH              ---------------->    the source carries its client's Finish itself
 *     FIGURES             ---------------->    the statistics of the whole migration
 *     PING                ---------------->    it lives, and so does its daemon
 *
 * Everything but HELLO is refused on a connection that is not attached. A token that opens nothing,
 * be it wrong or of an attempt that nobody here remembers, is refused with VIR_ERR_AUTH_FAILED;
 * that is no proof of anything.
 *
 * SETTLE is the operator's, on a read-write connection of this host that was opened: it is never
 * served on the peers' listener.
 */
#pragma once
#include <stdint.h>
#include "util/uuid.h"
#include "wire/rpc.h"

enum { PROGRAM_PEER = 0x6261746f /* "bato"; version PROGRAM_VERSION */ };

enum peer_procedure {
    PEER_HELLO = 1,
    PEER_ASK = 2,
    PEER_PROOF = 3, /* a message */
    PEER_RECOVER = 4,
    PEER_FINISH = 5,
    PEER_FIGURES = 6,
    PEER_PING = 7,
    PEER_SETTLE = 8,
    PEER_RUNS = 9, /* a message, right before a PROOF that the guest was taken */
    PEER_KEPT = 10, /* likewise: it has a definition there, on the disk */
};

enum {
    PEER_TOKEN_SIZE = 16, /* random bytes: 32 hexadecimal digits in the cookie and the journal */
    PEER_ADDRESSES_MAX = 8,
};

struct peer_hello {
    struct rpc_bytes token; /* PEER_TOKEN_SIZE bytes */
    struct uuid guest;
    uint32_t flags;      /* none yet; unknown ones are ignored */
    const char *program; /* "0.1.0": of the sender */
};

struct peer_hello_ret {
    const char *program;
    int32_t live; /* 1: the attempt is under way here; 0: it is over, and what became of it is known */
};

struct peer_ask {
    int32_t switched; /* enum core_switched */
};

struct peer_proof {
    int32_t proof; /* enum core_proof */
};

/* How long the guest has been running there, on that host's clock: what Confirm's cookie would have said. */
struct peer_runs {
    uint64_t microseconds;
};

struct peer_addresses {
    const char **items;
    uint32_t count;
};

struct peer_recover_ret {
    struct peer_addresses uris; /* of the stream, as Prepare gives it; the best first */
};

struct peer_finish {
    uint32_t flags; /* VIR_MIGRATE_*, as Finish has them */
    int32_t cancelled;
    struct rpc_bytes cookie; /* Finish's */
};

struct peer_finish_ret {
    struct rpc_bytes cookie; /* Confirm's */
};

struct peer_figures {
    struct rpc_bytes cookie; /* one with <statistics> */
};

struct peer_settle {
    const char *guest;    /* name or uuid */
    int32_t run;          /* 1: it is to run here; 0: this host's half is to end */
    const char *accepted; /* PEER_ACCEPT_RUN or PEER_ACCEPT_END */
};

struct peer_settle_ret {
    const char *sentence; /* what was done */
};

/* What the operator has to say: it names what is lost if it is not so. */
#define PEER_ACCEPT_RUN "it-runs-nowhere-else"
#define PEER_ACCEPT_END "this-copy-is-lost"
