/* peer.c - the source's side of the peer channel: one link at a time, and the questions over it.
 *
 *   no link --question--> connecting --up--> HELLO --answered--> attached: questions go out
 *      ^                      |                |
 *      +--- next address -----+----------------+   after the last: all questions are unreached
 *
 * The question what became of the destination is asked until it is settled: when nobody answers,
 * again after a while that doubles. An answer can come at any time while the connection lasts; when
 * it breaks, the question is asked again over the next.
 *
 * A callback into the machine may end the migration and free the peer with it: nothing of it is
 * touched afterwards.
 */
#include "daemon/peer.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/daemon.h"
#include "daemon/migrate.h"
#include "daemon/peer_link.h"
#include "daemon/peer_uri.h"
#include "libvirt/libvirt-domain.h"
#include "util/log.h"
#include "wire/frame.h"

#define AGAIN_FIRST (250 * TIMER_MSEC)
#define AGAIN_MAX (32 * TIMER_SECOND)
#define CONNECT_PATIENCE (5 * TIMER_SECOND) /* to one address */
/* The guest waits for its pages: from the network being back to their coming it takes at most one
 * attempt that began too early, and one pause. */
#define URGENT_AGAIN_MAX (500 * TIMER_MSEC)
#define URGENT_CONNECT_PATIENCE (700 * TIMER_MSEC)
enum { DOUBLED_MAX = 7, FIGURES_ARENA_MAX = 1 << 20 };

/* ---- where to ------------------------------------------------------------------------------- */

static unsigned address_count(const struct migration *m)
{
    return m->peer_address_count + (m->dconnuri ? 1 : 0);
}

static const char *address(const struct migration *m, unsigned i)
{
    if (m->dconnuri && i == 0)
        return m->dconnuri;
    return m->peer_addresses[m->dconnuri ? i - 1 : i];
}

bool peer_can(const struct guest *g)
{
    const struct migration *m = g->migration;
    return m && m->outgoing && m->token.known && address_count(m) > 0;
}

/* ---- the object ----------------------------------------------------------------------------- */

struct peer *peer_of(struct guest *g)
{
    struct migration *m = g->migration;
    if (!m->peer) {
        m->peer = calloc(1, sizeof(*m->peer));
        if (m->peer)
            m->peer->guest = g;
    }
    return m->peer;
}

static void drop_link(struct peer *p)
{
    peer_link_free(p->link);
    p->link = NULL;
    p->handshaking = p->opened = p->attaching = p->attached = p->has_guest = p->kept = false;
    p->pinged = 0;
    for (int i = 0; i < PEER_QUESTIONS_MAX; i++)
        p->questions[i].sent = false;
}

void peer_drop(struct guest *g)
{
    struct peer *p = g->migration ? g->migration->peer : NULL;
    if (!p)
        return;
    g->migration->peer = NULL;
    drop_link(p);
    timer_cancel(&p->ask_again);
    for (int i = 0; i < PEER_QUESTIONS_MAX; i++)
        buffer_free(&p->questions[i].payload);
    free(p);
}

/* ---- again, after a while that doubles ------------------------------------------------------ */

static bool is_urgent(const struct peer *p)
{
    uint8_t state = p->guest->core.out.state;
    return state == OUT_POSTCOPY || state == OUT_BROKEN || state == OUT_RECOVERING;
}

static void ask(void *userdata);

static void ask_later(struct peer *p)
{
    uint64_t wait = AGAIN_FIRST << (p->silences < DOUBLED_MAX ? p->silences++ : DOUBLED_MAX);
    uint64_t max = is_urgent(p) ? URGENT_AGAIN_MAX : AGAIN_MAX;
    if (!timer_is_armed(&p->ask_again))
        (void)timer_arm(&p->ask_again, daemon_event(p->guest->daemon), wait < max ? wait : max, ask, p);
}

/* ---- the end of a round --------------------------------------------------------------------- */

/* Nobody can be reached now: who asked is told. */
static void unreached(struct peer *p, const struct fail *why)
{
    struct guest *g = p->guest;
    struct peer_question questions[PEER_QUESTIONS_MAX];
    memcpy(questions, p->questions, sizeof(questions));
    memset(p->questions, 0, sizeof(p->questions));
    p->tried = 0;
    for (int i = 0; i < PEER_QUESTIONS_MAX; i++) {
        buffer_free(&questions[i].payload);
        if (questions[i].procedure)
            questions[i].answered(g, PEER_UNREACHED, NULL, why);
    }
}

/* ---- the link ------------------------------------------------------------------------------- */

static void connect_next(struct peer *p);

static bool is_needed(const struct peer *p)
{
    for (int i = 0; i < PEER_QUESTIONS_MAX; i++)
        if (p->questions[i].procedure)
            return true;
    return false;
}

/* This address does not do: the next, or the round is over. */
static void try_next(struct peer *p, const struct fail *why)
{
    const struct migration *m = p->guest->migration;
    drop_link(p);
    p->address = (p->address + 1) % address_count(m);
    if (++p->tried < address_count(m) && is_needed(p))
        connect_next(p);
    else
        unreached(p, why);
}

static void lost(void *userdata, const struct fail *why)
{
    struct peer *p = userdata;
    struct guest *g = p->guest;
    bool was_attached = p->attached;
    p->link = NULL;
    drop_link(p);
    log_debug("guest %s: the destination's daemon: %s", g->name, why->text);
    if (p->driving) {
        p2p_lost(p, why);
        if (!g->migration || g->migration->peer != p)
            return;
    }
    if (!peer_can(g))
        return;
    if (p->asking)
        ask_later(p);
    if (p->link) /* the machine had it connect again */
        return;
    if (was_attached) /* what it took in is not known: who asked decides */
        unreached(p, why);
    else
        try_next(p, why);
}

static void answered(struct peer_question *q, const void *ret, const struct fail *why)
{
    struct guest *g = q->peer->guest;
    peer_answer_fn *then = q->answered;
    buffer_free(&q->payload);
    *q = (struct peer_question){0};
    then(g, why ? PEER_REFUSED : PEER_ANSWERED, ret, why);
}

static void link_answered(void *userdata, const void *ret, const struct fail *why)
{
    answered(userdata, ret, why);
}

static void send_questions(struct peer *p)
{
    for (int i = 0; i < PEER_QUESTIONS_MAX; i++) {
        struct peer_question *q = &p->questions[i];
        if (!q->procedure || q->sent)
            continue;
        q->sent = true;
        peer_link_call_encoded(p->link, rpc_find(PROGRAM_PEER, q->procedure), &q->payload,
                               q->seconds, link_answered, q);
    }
}

static void attached(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    (void)ret;
    p->attaching = false;
    if (!why) {
        p->attached = true;
        p->tried = 0;
        send_questions(p);
        return;
    }
    /* Not even that it was released: somebody else may be at that address, or its records are lost.
     */
    if (!p->refused)
        log_warning("guest %s: the daemon at %s says of this attempt: %s", p->guest->name,
                    address(p->guest->migration, p->address), why->text);
    p->refused = true;
    if (p->opened) /* the p2p connection serves all the same */
        unreached(p, why);
    else
        try_next(p, why);
}

void peer_attach(struct peer *p)
{
    const struct migration *m = p->guest->migration;
    if (p->attaching || p->attached)
        return;
    struct peer_hello hello = {
        .token = {m->token.byte, sizeof(m->token.byte)},
        .guest = p->guest->uuid,
        .program = BATON_VERSION,
    };
    p->attaching = true;
    peer_link_call(p->link, PROGRAM_PEER, PEER_HELLO, &hello, PEER_ANSWER_SECONDS, attached, p);
}

static void up(void *userdata)
{
    struct peer *p = userdata;
    if (p->handshaking) {
        p2p_connected(p);
        return;
    }
    peer_link_keep_alive(p->link);
    peer_attach(p);
}

/* It may be the last word on the definition, too: there may be no Confirm. */
static void note_definition(struct peer *p)
{
    struct migration *m = p->guest->migration;
    if (m->flags & VIR_MIGRATE_PERSIST_DEST)
        m->definition_lost = !p->kept;
}

static void take_proof(struct peer *p, const struct frame *frame)
{
    struct guest *g = p->guest;
    struct peer_proof proof;
    struct fail f;
    if (rpc_decode(rpc_find(PROGRAM_PEER, PEER_PROOF)->args, frame->payload, frame->payload_size,
                   NULL, &proof, &f) < 0 ||
        proof.proof < 0 || proof.proof >= PROOF_COUNT) {
        log_warning("guest %s: the destination's daemon sent a proof that is none", g->name);
        return;
    }
    if (!p->asking)
        return;
    p->asking = proof.proof == PROOF_NEEDS_SOURCE || proof.proof == PROOF_REFUSED; /* more will come */
    p->silent = false;
    p->has_guest = p->asking;
    if (!p->asking)
        p->silences = 0;
    if (proof.proof == PROOF_TAKEN)
        note_definition(p);
    guest_event(g, EV_PROOF_RELEASED + (enum core_event_type)proof.proof, 0, 0);
}

/* The proof that follows ends the accounts. */
static void take_runs(struct peer *p, const struct frame *frame)
{
    struct peer_runs runs;
    struct fail f;
    if (p->asking && rpc_decode(rpc_find(PROGRAM_PEER, PEER_RUNS)->args, frame->payload, frame->payload_size,
                                NULL, &runs, &f) == 0)
        accounts_peer_part(&p->guest->accounts, runs.microseconds);
}

static void message(void *userdata, const struct frame *frame)
{
    if (frame->procedure == PEER_PROOF)
        take_proof(userdata, frame);
    else if (frame->procedure == PEER_RUNS)
        take_runs(userdata, frame);
    else if (frame->procedure == PEER_KEPT)
        ((struct peer *)userdata)->kept = true;
}

static const struct peer_link_ops link_ops = {
    .up = up,
    .message = message,
    .lost = lost,
};

int peer_link_to(struct peer *p, const char *where, uint64_t patience, struct fail *f)
{
    return peer_link_new(p->guest->daemon, where, patience, &link_ops, p, &p->link, f);
}

static void connect_next(struct peer *p)
{
    struct fail f = {0};
    const char *where = address(p->guest->migration, p->address);
    if (peer_link_to(p, where, is_urgent(p) ? URGENT_CONNECT_PATIENCE : CONNECT_PATIENCE, &f) < 0)
        try_next(p, &f);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void have_channel(struct peer *p)
{
    if (p->attached)
        send_questions(p);
    else if (peer_link_is_up(p->link) && !p->handshaking)
        peer_attach(p);
    else if (!p->link)
        connect_next(p);
}

bool peer_request(struct guest *g, int32_t procedure, const void *args, unsigned seconds,
                  peer_answer_fn *then)
{
    struct fail f = {0};
    struct peer *p = peer_can(g) ? peer_of(g) : NULL;
    struct peer_question *q = NULL;
    for (int i = 0; p && i < PEER_QUESTIONS_MAX && !q; i++)
        if (!p->questions[i].procedure)
            q = &p->questions[i];
    if (!q)
        return false;
    struct buffer payload = {.limit = FRAME_SIZE_MAX};
    if (rpc_encode(rpc_find(PROGRAM_PEER, procedure)->args, args, &payload, &f) < 0) {
        log_error("guest %s: %s", g->name, f.text);
        buffer_free(&payload);
        return false;
    }
    *q = (struct peer_question){procedure, false, p, payload, seconds, then};
    have_channel(p);
    return true;
}

void peer_prepare_channel(struct guest *g)
{
    struct peer *p = peer_can(g) ? peer_of(g) : NULL;
    if (p && !p->attached && !p->attaching)
        have_channel(p);
}

/* ---- what became of the destination? -------------------------------------------------------- */

/* It has just come back, and asks its own QEMU first. That takes seconds at most. */
static bool will_know(enum peer_outcome outcome, const struct fail *why)
{
    return outcome == PEER_REFUSED && why->code == VIR_ERR_OPERATION_TIMEOUT;
}

static void asked(struct guest *g, enum peer_outcome outcome, const void *ret,
                  const struct fail *why)
{
    struct peer *p = g->migration ? g->migration->peer : NULL;
    (void)ret;
    if (!p || !p->asking || outcome == PEER_ANSWERED) /* the answer itself is a message */
        return;
    ask_later(p);
    if (will_know(outcome, why) || (p->silent && p->refuses == (outcome == PEER_REFUSED)))
        return;
    p->refuses = outcome == PEER_REFUSED;
    log_warning(
        "guest %s: the destination's daemon does not say what became of it: %s; it is asked "
        "again and again",
        g->name, why->text);
    if (p->silent)
        return;
    p->silent = true;
    guest_event(g, EV_PROOF_SILENT, 0, 0);
}

static void ask(void *userdata)
{
    struct peer *p = userdata;
    struct peer_ask args = {p->switched};
    if (!peer_request(p->guest, PEER_ASK, &args, PEER_ANSWER_SECONDS, asked))
        ask_later(p);
}

void peer_ask(struct guest *g, uint8_t switched)
{
    struct peer *p = peer_can(g) ? peer_of(g) : NULL;
    if (!p) {
        guest_event(g, EV_PROOF_NONE, 0, 0);
        return;
    }
    p->asking = true;
    p->switched = switched;
    p->silent = false;
    p->silences = 0;
    timer_cancel(&p->ask_again);
    ask(p);
}

bool peer_has_guest(const struct guest *g)
{
    const struct migration *m = g->migration;
    return m && m->outgoing && m->peer && m->peer->has_guest;
}

bool peer_is_being_asked(const struct guest *g)
{
    const struct migration *m = g->migration;
    return m && m->outgoing && m->peer && m->peer->asking && !m->peer->silent;
}

/* ---- is it there? --------------------------------------------------------------------------- */

static void ponged(void *userdata, const void *ret, const struct fail *why)
{
    struct peer *p = userdata;
    (void)ret;
    (void)why; /* a no is a sign of life, too */
    p->pinged = 0;
    migrate_heard(p->guest);
}

void peer_ping(struct guest *g, uint64_t patience)
{
    struct peer *p = peer_can(g) ? peer_of(g) : NULL;
    if (!p)
        return;
    if (!p->attached) {
        peer_prepare_channel(g);
    } else if (!p->pinged) {
        p->pinged = timer_now();
        peer_link_call(p->link, PROGRAM_PEER, PEER_PING, NULL, LINK_NO_DEADLINE, ponged, p);
    } else if (timer_now() - p->pinged >= patience) {
        peer_link_fail(p->link, "it answers no ping");
    }
}

void peer_distrust(struct guest *g)
{
    struct peer *p = g->migration ? g->migration->peer : NULL;
    if (p && p->attached && p->pinged)
        peer_link_fail(p->link, "it answers no ping");
}

/* ---- is it ready for the stream to be resumed? ---------------------------------------------- */

static void prefer_this_network(struct guest *g)
{
    struct migration *m = g->migration;
    struct peer_uri here;
    if (m->peer && peer_address_parse(address(m, m->peer->address), &here, NULL) == 0 &&
        !here.is_unix)
        migrate_prefer_host(m, here.host);
}

static void recoverable(struct guest *g, enum peer_outcome outcome, const void *ret,
                        const struct fail *why)
{
    const struct peer_recover_ret *r = ret;
    if (!g->migration)
        return;
    if (outcome == PEER_ANSWERED && migrate_take_uris(g->migration, r->uris.items, r->uris.count)) {
        prefer_this_network(g);
        guest_event(g, EV_PEER_RECOVERABLE, 0, 0);
        return;
    }
    if (why)
        g->trouble = *why;
    else
        fail_set(&g->trouble, VIR_ERR_OPERATION_FAILED, "it offers no address");
    fail_prefix(&g->trouble, "the destination's daemon");
    guest_event(g, EV_PEER_UNRECOVERABLE, 0, 0);
}

void peer_recover(struct guest *g)
{
    if (!peer_request(g, PEER_RECOVER, NULL, PEER_ANSWER_SECONDS, recoverable))
        guest_event(g, EV_PEER_UNRECOVERABLE, 0, 0);
}

/* ---- figures -------------------------------------------------------------------------------- */

/* Whether they arrived makes no difference here; the other end waits for them only so long. */
static void figures_taken(struct guest *g, enum peer_outcome outcome, const void *ret,
                          const struct fail *why)
{
    (void)ret;
    if (outcome != PEER_ANSWERED)
        log_info("guest %s: the destination did not take the final statistics: %s", g->name,
                 why->text);
}

void peer_send_figures(struct guest *g)
{
    struct arena arena;
    struct peer_figures figures;
    struct fail f;
    if (!peer_can(g) || !g->accounts.postcopied)
        return;
    arena_init(&arena, FIGURES_ARENA_MAX);
    if (migrate_cookie_write(g, g->migration, COOKIE_FIGURES, &arena, &figures.cookie, &f) < 0)
        log_warning("guest %s: its final statistics: %s", g->name, f.text);
    else
        (void)peer_request(g, PEER_FIGURES, &figures, PEER_ANSWER_SECONDS, figures_taken);
    arena_free(&arena);
}
