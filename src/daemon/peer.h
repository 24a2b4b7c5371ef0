/* peer.h - the peer channel: two daemons that settle one attempt between them, without a client.
 *
 * The destination gives each attempt a token of 128 random bits and says in Prepare's cookie where
 * its daemon can be reached. Both are in the journals of both ends, so that the channel outlives
 * the daemons. The source is always the one who connects: to the p2p connection that it has, or to
 * the URI of it again; else to one address of the destination's peer_listen after the other. HELLO
 * with the token attaches the connection to the attempt; the token opens nothing else.
 *
 * To add a question: its structures and its row in wire/peer_program.*; on the source a call of
 * peer_request() and the function that takes the answer; on the destination a handler in
 * peer_serve.c, which finds its guest with peer_find_guest(), and its row in dispatch.c.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "daemon/guest.h"
#include "daemon/peer_token.h"
#include "util/buffer.h"
#include "util/fail.h"
#include "wire/peer_program.h"

struct call;
struct client;
struct migration;
struct peer_link;

/* ---- the source (peer.c) ---- */

enum {
    PEER_QUESTIONS_MAX = 6,   /* of one migration, not answered yet */
    PEER_ANSWER_SECONDS = 10, /* to answer a short question */
};

enum peer_outcome {
    PEER_ANSWERED,
    PEER_REFUSED,   /* the other daemon said no; `why` has its words */
    PEER_UNREACHED, /* nobody there, or nobody who knows of this attempt; or it broke meanwhile */
};

/* `ret` is of the procedure's type, PEER_ANSWERED only. The migration may be over by then:
 * g->migration may be NULL, or another. */
typedef void peer_answer_fn(struct guest *g, enum peer_outcome outcome, const void *ret,
                            const struct fail *why);

struct peer_question {
    int32_t procedure; /* 0: none */
    bool sent;
    struct peer *peer;
    struct buffer payload;
    unsigned seconds;
    peer_answer_fn *answered;
};

/* What an outgoing migration has with the other daemon; made when it is first needed. */
struct peer {
    struct guest *guest;
    struct peer_link *link; /* NULL: none now */
    unsigned address;       /* that is tried, or is connected to */
    unsigned tried;         /* addresses that failed in this round */
    bool opened;            /* p2p: the remote program is served over the link */
    bool attaching, attached;
    bool refused; /* and the log has why */
    uint64_t pinged; /* timer_now of the ping without an answer; 0: none */
    struct peer_question questions[PEER_QUESTIONS_MAX];

    /* p2p.c */
    bool handshaking; /* on the way to PEER_CONNECTED, over the remote program */
    bool driving;     /* the machine counts on the connection: its end is an event */
    bool asked_to_prepare;
    bool asked_to_recover; /* and not answered */
    bool resumed; /* over this connection, by a client */

    /* what became of the destination? */
    bool asking;
    bool silent; /* and nobody answers: the machine was told */
    bool refuses; /* silent: it is there, and does not know */
    bool kept;      /* it says that it has the guest's definition on its disk, over the link that stands */
    bool has_guest; /* it says that the guest is there, over the link that stands */
    uint8_t switched;
    unsigned silences;
    struct timer ask_again;
};

/* There is a token, and an address to go to. */
bool peer_can(const struct guest *g);
/* The destination's daemon is there, and its last word is that the guest is, too: there is nothing to guess. */
bool peer_has_guest(const struct guest *g);
/* It is being asked what became of the guest: it has not answered yet, nor is it known to be out of reach. */
bool peer_is_being_asked(const struct guest *g);
/* Asks the other daemon: connects and attaches first where needed. `answered` is called once,
 * within the time that connecting to every address takes, and `seconds` (LINK_NO_DEADLINE:
 * keepalive watches); perhaps before this returns, when there is nothing that could be tried.
 * False: it can't be asked, and `answered` won't be called. */
bool peer_request(struct guest *g, int32_t procedure, const void *args, unsigned seconds,
                  peer_answer_fn *answered);
/* Have a connection at hand that is attached, before it is needed. */
void peer_prepare_channel(struct guest *g);
/* ACT_ASK_PEER -> EV_PROOF_*, until the answer is final or the migration over */
void peer_ask(struct guest *g, uint8_t switched);
/* ACT_PEER_RECOVER -> EV_PEER_RECOVERABLE, _UNRECOVERABLE */
void peer_recover(struct guest *g);
/* Over the channel, which is connected where it is not: its answer is migrate_heard(). A link that has
 * left one unanswered for `patience` microseconds is given up. */
void peer_ping(struct guest *g, uint64_t patience);
/* A link that has left a ping unanswered is given up now. */
void peer_distrust(struct guest *g);
/* The statistics of the whole migration, for the destination's. */
void peer_send_figures(struct guest *g);
/* All that there is of it. */
void peer_drop(struct guest *g);

/* Between peer.c and p2p.c: the object (NULL without memory), and a link of it. */
struct peer *peer_of(struct guest *g);
int peer_link_to(struct peer *p, const char *where, uint64_t patience, struct fail *f);
/* HELLO over the link that is up. */
void peer_attach(struct peer *p);
void p2p_connected(struct peer *p);                    /* its link is up; handshaking only */
void p2p_lost(struct peer *p, const struct fail *why); /* its link is gone; driving only */

/* ---- the destination (peer_serve.c) ---- */

/* One who asks to have QEMU listen again, in its call's arena. */
struct peer_waiting {
    struct call *call;
    struct peer_waiting *next;
};

/* The guest whose attempt this connection is attached to: it is arriving, or has arrived as the
 * last thing that happened to it. NULL: it is over, or gone; the call was answered with an error.
 */
struct guest *peer_find_guest(struct call *call);
/* ACT_PROVE: to everyone who asks about this guest's attempt */
void peer_prove(struct guest *g, uint8_t proof);
/* The definition that a guest brought along is on the disk, or won't be: who asks hears now that it was taken. */
void peer_prove_taken(struct guest *g);
/* ACT_PEER_RECOVERABLE: to everyone who asked for it */
void peer_recoverable(struct guest *g, bool yes);
/* They get no answer any more but that it is over. */
void peer_drop_waiting(struct migration *m);
/* Where peers reach this daemon, at most PEER_ADDRESSES_MAX; the strings are the arena's. */
uint32_t peer_own_addresses(const struct daemon *d, struct arena *arena,
                            const char **ret_addresses);
