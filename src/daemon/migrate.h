/* migrate.h - what surrounds the machine of one migration: parameters, addresses, cookies, figures.
 *
 * The machine (core/) decides; this holds what is too large for it, and carries its orders out.
 * One struct serves both directions. It is made by the call that begins the migration, belongs to
 * the guest from the machine's JOB_BEGIN on, and goes with the end of the job.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "daemon/config.h"
#include "daemon/guest.h"
#include "daemon/migrate_uri.h"
#include "daemon/peer.h"
#include "daemon/stats.h"
#include "util/arena.h"
#include "util/fail.h"
#include "wire/cookie.h"
#include "wire/params.h"
#include "wire/rpc.h"

struct client;
struct connector;
struct daemon;
struct emulator;

enum { MIGRATION_ARENA_MAX = 16 << 20, STREAM_URIS_MAX = CONFIG_ADDRESSES_MAX };

/* Where a stream can go to, as the migration URI of a client has it; the best first. */
struct stream_uris {
    char items[STREAM_URIS_MAX][MIGRATE_URI_MAX];
    unsigned count;
};

/* Resuming a broken post-copy (migrate_recover.c). What each attempt brings anew is not in the arena:
 * there may be one a second, for days. */
struct recovery {
    struct stream_uris uris;      /* the destination offers them, the source was offered them */
    unsigned at;                  /* source: the one that is tried, or comes next */
    struct connector *connector;  /* source: to it; NULL: none under way */
    struct timer silence;         /* source: QEMU may never say that it failed */
    struct timer notice;          /* destination: it may notice a break by itself */
    struct timer later;           /* ACT_ASK_LATER; destination: to listen again */
    unsigned laters;              /* in a row; destination: of listening at a port that was given */
    struct peer_waiting *waiting; /* destination: calls that ask for it */
};

/* Whether a post-copy goes on (migrate_watch.c). */
struct watch {
    struct timer tick;
    struct timer client_return; /* the client has so long to come back */
    uint64_t alive;             /* timer_now of the last sign of life */
    uint64_t moved;             /* and of the last progress of QEMU's */
    uint64_t ticked;
    uint64_t progress;          /* source: bytes that QEMU has sent; destination: KiB that it holds */
    bool asking;                /* source: QEMU is asked for them */
    bool all_sent;              /* source: it has none left */
    bool gives_up;              /* source: it was, when asked last, where it may stay for ever */
};

struct migration {
    struct arena arena; /* the strings below */
    bool outgoing;
    uint32_t flags;        /* VIR_MIGRATE_* as the beginning call gave them */
    struct client *driver; /* the connection whose end is EV_CLIENT_GONE; NULL once gone */

    /* parameters */
    const char *uri;             /* of the migration stream; NULL: the destination chooses */
    const char *destination_xml; /* NULL: this guest's own */
    const char *persistent_xml;  /* NULL: the guest's definition */
    const char *destination_name;
    const char *source_name; /* destination: what the source calls it; NULL: the same */
    const char *listen_address;
    uint64_t bandwidth, bandwidth_postcopy, bandwidth_switchover; /* MiB/s, 0: not given */
    int connections;                                              /* multifd; 0: not given */
    int throttle_initial, throttle_increment;                     /* 0: not given */

    /* agreed between the two ends */
    bool preempt;      /* postcopy-preempt on both */
    bool peer_is_baton;
    int paused_reason; /* destination: why the guest stood still at the source, 0: it ran */
    bool definition_lost; /* the destination could not keep the guest's definition, or has not said that it did */

    /* destination: the definition that comes with PERSIST_DEST (migrate_definition.c) */
    bool finish_came;             /* and with it what the source says of the definition */
    bool taken_in;                /* it was told */
    bool written;                 /* and is on the disk */
    const struct domain *arrived; /* while it is in force: g->defined */
    struct domain *before;        /* whose place it took; owned */

    /* destination */
    uint16_t port;        /* from the range; 0: none */
    const char *socket_path; /* of a unix: URI; QEMU makes it, and it is ours until the end */
    const char *listen_uri; /* for QEMU */
    const char *uri_out;  /* for the source */

    /* the peer channel (peer.h) */
    struct peer_token token;                      /* of this attempt; the destination made it */
    const char *peer_addresses[PEER_ADDRESSES_MAX]; /* source: of the destination's daemon */
    unsigned peer_address_count;
    struct peer *peer; /* source; NULL while nothing is to be said */

    struct recovery recovery;
    struct watch watch;
    bool restored; /* by a daemon that came back: who drove it has no connection to it */

    /* p2p source */
    const char *dconnuri;

    const char *xml; /* the migratable document that Begin gave */

    struct job_stats stats; /* last known of QEMU, or of the source's cookie */
    bool stats_final;       /* destination: the source's last, of the whole migration */
};

struct migration *migration_new(bool outgoing, uint32_t flags, struct client *driver);
void migration_free(struct migration *m);

/* Every guest whose migration this client drives hears of it. */
void migrate_client_gone(struct daemon *d, struct client *client);

/* ---- migrate_address.c ---- */
/* listen_uri and uri_out, with a port of the range unless the URI names one; called again, it takes
 * the next port. */
int migrate_choose_address(struct daemon *d, struct migration *m, struct fail *f);
/* Its QEMU listens no more. */
void migrate_release_address(struct daemon *d, struct migration *m);
/* For the stream that resumes a broken post-copy: m->recovery.uris, and where QEMU is to listen
 * (MIGRATE_URI_MAX bytes). Takes another port, too. */
int migrate_choose_recovery(struct daemon *d, struct migration *m, char *ret_listen, struct fail *f);

/* ---- orders of the machine (migrate_qemu.c) ---- */
void migrate_configure_source(struct guest *g); /* -> SOURCE_CONFIGURED, _FAILED */
void migrate_start(struct guest *g);            /* -> MIGRATE_ACCEPTED, _REFUSED */
void migrate_start_postcopy(struct guest *g);   /* -> POSTCOPY_ACCEPTED, _REFUSED */
void migrate_continue(struct guest *g);         /* -> CONTINUE_REFUSED */
void migrate_cancel(struct guest *g, bool by_its_stream); /* -> CANCEL_REFUSED */
void migrate_read_stats(struct guest *g);       /* -> STATS_READ */
/* What callers are told of a migration that failed: QEMU's own words for it. */
void migrate_blame_qemu(struct guest *g, const struct qmp_migrate_info *info);
void migrate_note_stats(struct guest *g);       /* keep QEMU's figures of now; no event */
void migrate_ask(struct guest *g);              /* -> MIG_* */
void migrate_listen(struct guest *g);           /* -> LISTENING, LISTEN_FAILED */
/* The MIG_* event for what query-migrate calls it. */
enum core_event_type migrate_status_event(enum qmp_migration_status status);

/* ---- a broken post-copy (migrate_recover.c) ---- */
void migrate_pause_stream(struct guest *g);   /* -> PAUSE_REFUSED; QEMU's event is its success */
void migrate_recover_listen(struct guest *g); /* -> LISTENING, LISTEN_FAILED */
/* `given`: with the stream that QEMU was given before this daemon came. -> RECOVER_ACCEPTED, _REFUSED */
void migrate_recover(struct guest *g, bool given);
void migrate_ask_later(struct guest *g);      /* -> ASK_AGAIN */
/* Addresses for migrate_recover. False: none of them is one. */
bool migrate_take_uris(struct migration *m, const char *const *uris, unsigned count);
/* That of this host comes first. */
void migrate_prefer_host(struct migration *m, const char *host);
/* The source: the stream of an attempt that is over is not connected any more. */
void migrate_drop_attempt(struct migration *m);
/* For the end of the migration. */
void migrate_recovery_drop(struct migration *m);

/* ---- does it go on? (migrate_watch.c) ---- */
/* After each step: watches what has to be. -> STALLED, CLIENT_GONE */
void migrate_watch(struct guest *g);
/* The other daemon gave a sign of life. */
void migrate_heard(struct guest *g);
/* QEMU was told to break its stream, or to resume it: it has all of its time before it. */
void migrate_ordered(struct guest *g);
void migrate_watch_drop(struct migration *m);

/* ---- p2p (p2p.c): the source's side of the calls that a client makes otherwise ---- */
void p2p_connect(struct guest *g);                /* -> PEER_CONNECTED, PEER_REFUSED */
void p2p_prepare(struct guest *g);                /* -> PEER_PREPARED, PEER_REFUSED */
void p2p_recover(struct guest *g); /* -> PEER_RECOVERABLE, _UNRECOVERABLE */
void p2p_finish(struct guest *g, bool cancelled); /* -> PEER_FINISHED, _FINISH_FAILED, _LOST */

/* ---- the job (migrate_job.c) ---- */
void migrate_job_begin(struct guest *g, bool outgoing);
/* Close the accounts, tell JOB_COMPLETED, make the guest persistent or undefined as asked: the calls
 * that ended it wait until that is on the disk. */
void migrate_job_end(struct guest *g, enum core_result result);
/* The source's final figures of the attempt that is arriving, or was the last to arrive. */
void migrate_take_figures(struct guest *g, const struct cookie_statistics *figures);
/* They are not waited for any more. */
void migrate_figures_over(struct guest *g);
/* One that wants to read the completed job's figures. Embed it; it is the caller's. */
struct job_waiter {
    void (*final)(struct job_waiter *w, struct guest *g);
    struct job_waiter *next;
};
/* `final` is called once, at once unless figures are still to come. */
void migrate_job_when_final(struct guest *g, struct job_waiter *w);
/* What a client reads of the job under way, from the accounts and the last figures. */
void migrate_job_current(const struct guest *g, struct job_stats *ret);

/* ---- the definition (migrate_definition.c) ---- */
/* The destination is given the guest: tell the definition that came with it. */
void migrate_take_in(struct guest *g);
/* The job ended well: g->defining while what it makes of the definition is being written. Also for
 * one that a daemon before this one did not bring to its end. */
void migrate_finish_definition(struct guest *g);
/* It ended otherwise. */
void migrate_drop_definition(struct guest *g);
/* Its job is over well and may leave its definition to be written: for the journal. */
bool migrate_definition_is_due(const struct guest *g);
/* The definition that came with it is not on the disk yet: that the guest was taken is not said before (peer_prove_taken). */
bool migrate_definition_is_awaited(const struct guest *g);
/* Let go of a migration that is over, unless its definition is being written: it is then let go of by that. */
void migrate_release(struct guest *g);

/* ---- cookies (migrate_cookie.c) ---- */
enum cookie_for { COOKIE_PREPARE, COOKIE_PERFORM, COOKIE_FINISH, COOKIE_CONFIRM, COOKIE_FIGURES };
/* The cookie that goes to the step named. */
int migrate_cookie_write(struct guest *g, struct migration *m, enum cookie_for step,
                         struct arena *arena, struct rpc_bytes *ret, struct fail *f);
/* Take in what the other end said for this step. */
/* The arg of FINISH, from its flags and what its cookie said. */
uint8_t migrate_finish_arg(const struct migration *m, uint32_t flags);
int migrate_cookie_read(struct guest *g, struct migration *m, enum cookie_for step,
                        const struct rpc_bytes *bytes, struct fail *f);

/* ---- is it safe? (migrate_check.c) ---- */
int migrate_check_source(const struct guest *g, const struct migration *m, struct fail *f);
/* Has this host room for a guest that is to arrive? */
int migrate_check_memory(const struct domain *document, const struct migration *m, struct fail *f);
/* It takes bandwidth.avail.switchover. */
bool migrate_has_switchover_bandwidth(const struct emulator *e);
/* Flags and parameters, refused by name. */
int migrate_check_flags(uint64_t flags, struct fail *f);
int migrate_read_params(struct migration *m, const struct rpc_params *params, struct fail *f);
