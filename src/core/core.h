/* core.h - what decides: the machines of one guest on one host.
 *
 * Three machines share one guest: its life (is there a QEMU, do its vCPUs run, what does a client
 * read), its outgoing migration and its incoming one. Each is a table: every (state, event) pair
 * names the function that takes it. core_step() is the only way in: state + event -> state +
 * actions. Nothing here does I/O, reads a clock, allocates, or keeps a pointer; the daemon
 * interprets the actions, in order, after it has written the new state to the journal.
 *
 * The state is bytes only, without padding: it can be copied, compared, hashed and printed. What is
 * large (XML, addresses, cookies) or absolute (times, byte counts) stays outside.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/told.h"

/* ---- events: what happened ---------------------------------------------------------------- */

/* Calls are held until an ANSWER, or refused within the step that they came in. */
#define CORE_CALLS(X)                                                                              \
    X(START)                                                                                       \
    X(SUSPEND)                                                                                     \
    X(RESUME)                                                                                      \
    X(DESTROY)                                                                                     \
    X(SHUTDOWN)                                                                                    \
    X(REBOOT)                                                                                      \
    X(RESET)                                                                                       \
    X(ABORT)                                                                                       \
    X(BEGIN)                                                                                       \
    X(PERFORM)                                                                                     \
    X(CONFIRM)                                                                                     \
    X(START_POSTCOPY)                                                                              \
    X(PREPARE)                                                                                     \
    X(FINISH)                                                                                      \
    X(SETTLE)

enum core_call {
#define X(name) CALL_##name,
    CORE_CALLS(X)
#undef X
        CALL_COUNT
};

/* Only the outgoing machine takes these. */
#define CORE_OUTGOING_EVENTS(X)                                                                    \
    X(BEGIN)             /* call; arg: BEGIN_* flags */                                            \
    X(PERFORM)           /* call, client-managed; arg: the peer can be asked (core_peer) */        \
    X(PERFORM_P2P)       /* call; arg: BEGIN_* flags */                                            \
    X(CONFIRM)           /* call: the destination runs the guest */                                \
    X(CONFIRM_CANCELLED) /* call: the client gave the migration up */                              \
    X(START_POSTCOPY)    /* call */                                                                \
    X(SOURCE_CONFIGURED) /* capabilities and parameters are set */                                 \
    X(SOURCE_CONFIGURE_FAILED)                                                                     \
    X(MIGRATE_ACCEPTED) /* reply of `migrate` */                                                   \
    X(MIGRATE_REFUSED)                                                                             \
    X(POSTCOPY_ACCEPTED) /* reply of `migrate-start-postcopy` */                                   \
    X(POSTCOPY_REFUSED)                                                                            \
    X(CONTINUE_REFUSED) /* reply of `migrate-continue` */                                          \
    X(CANCEL_REFUSED)   /* reply of `migrate_cancel`, or `yank` */                                 \
    X(RECOVER_ACCEPTED) /* reply of `migrate` with resume */                                       \
    X(RECOVER_REFUSED)                                                                             \
    X(STATS_READ)       /* final statistics, or the news that there are none */                    \
    X(PEER_CONNECTED)   /* p2p: the other daemon has what it takes; or: attached again */          \
    X(PEER_PREPARED)    /* p2p: Prepare answered; arg: the peer can be asked (core_peer) */        \
    X(PEER_REFUSED)     /* p2p: no connection, or Prepare refused; or: the attempt is no more */   \
    X(PEER_FINISHED)    /* p2p: Finish answered: the guest runs (or waits) there */                \
    X(PEER_FINISH_FAILED) /* p2p: Finish answered with an error */                                 \
    X(PEER_LOST)        /* p2p: the connection to the other daemon is gone */                    \
    /* what ACT_ASK_PEER brings, one or more */                                                    \
    X(PROOF_RELEASED)     /* it never ran there and never will; that is durable there */           \
    X(PROOF_TAKEN)        /* it is the destination's: all of it is there */                        \
    X(PROOF_NEEDS_SOURCE) /* post-copy: it runs there, or may, and pages are missing */            \
    X(PROOF_LOST)         /* it was given `cont` there, or may have been, and its QEMU is gone */  \
    X(PROOF_REFUSED)      /* its `cont` was refused there, or it was broken on purpose: somebody has to decide */ \
    X(PROOF_SILENT)       /* nobody answers for now; the daemon goes on asking */                  \
    X(PROOF_NONE)         /* there is nobody to ask: the peer has no such channel */             \
    X(PEER_RECOVERABLE)   /* the destination's QEMU waits for the stream to be resumed */          \
    X(PEER_UNRECOVERABLE) /* it does not, or nobody answers */                                     \
    X(ASK_AGAIN)          /* the timer of ACT_ASK_LATER */

/* Only the incoming machine takes these. */
#define CORE_INCOMING_EVENTS(X)                                                                    \
    X(PREPARE)          /* call; arg: BEGIN_* flags */                                             \
    X(FINISH)           /* call; arg: 0, or BEGIN_STAY_PAUSED, with FINISH_IO_ERROR or not */      \
    X(FINISH_CANCELLED) /* call; arg: FINISH_OF_SOURCE or 0 */                                                                 \
    X(LISTENING)        /* capabilities are set and QEMU waits for the stream */                   \
    X(LISTEN_FAILED)                                                                               \
    X(SYNCED)           /* an ACT_SYNC is done; one for each */                                    \
    X(SYNC_FAILED)                                                                                 \
    X(ASKED)            /* the source's daemon lost touch; arg: enum core_switched */              \
    X(PEER_RECOVER)     /* the source's daemon asks to have `migrate-recover` run */

/* The migration machine that is under way takes these, or else life. */
#define CORE_SHARED_EVENTS(X)                                                                      \
    X(START)         /* call; arg: stay paused */                                                  \
    X(SUSPEND)       /* call */                                                                    \
    X(RESUME)        /* call */                                                                    \
    X(DESTROY)       /* call; arg: graceful */                                                     \
    X(SHUTDOWN)      /* call */                                                                    \
    X(REBOOT)        /* call */                                                                    \
    X(RESET)         /* call */                                                                    \
    X(ABORT)         /* call; arg: ABORT_POSTCOPY or 0 */                                          \
    X(SETTLE_RUN)    /* call, an operator's word where nobody can know: the guest goes on here */  \
    X(SETTLE_END)    /* call, likewise: what is here is not needed */                              \
    X(STALLED)       /* post-copy: nothing has gone on for too long; arg: STALLED_ALL_SENT or 0 */ \
    X(CLIENT_GONE)   /* the client that drives the migration closed its connection */              \
    X(QEMU_STARTED)  /* the process runs and its monitor answers; vCPUs are stopped */             \
    X(QEMU_START_FAILED)                                                                           \
    X(QEMU_GONE)     /* the process has ended; arg: enum core_gone */                              \
    X(QEMU_STOPPED)  /* STOP */                                                                    \
    X(QEMU_RESUMED)  /* RESUME */                                                                  \
    X(QEMU_SHUTDOWN) /* SHUTDOWN; arg: a SHUTDOWN_* detail; arg2: its guest is to start again */   \
    X(QEMU_IO_ERROR) /* BLOCK_IO_ERROR with action stop: a STOP follows */                         \
    X(CONT_DONE)     /* reply of `cont` */                                                         \
    X(CONT_REFUSED)                                                                                \
    X(STOP_DONE) /* reply of `stop` */                                                             \
    X(STOP_REFUSED)                                                                                \
    X(POWER_DONE) /* reply of system_powerdown or system_reset; arg: the call */                   \
    X(POWER_REFUSED)                                                                               \
    X(PAUSE_REFUSED) /* reply of `migrate-pause`; its success is MIG_POSTCOPY_PAUSED */            \
    X(MIG_NONE) /* QEMU says that it never began */                                                \
    X(MIG_SETUP)                                                                                   \
    X(MIG_ACTIVE)                                                                                  \
    X(MIG_PRE_SWITCHOVER)                                                                          \
    X(MIG_DEVICE)                                                                                  \
    X(MIG_POSTCOPY_ACTIVE)                                                                         \
    X(MIG_POSTCOPY_PAUSED)                                                                         \
    X(MIG_POSTCOPY_RECOVER)                                                                        \
    X(MIG_COMPLETED)                                                                               \
    X(MIG_FAILED)                                                                                  \
    X(MIG_CANCELLING)                                                                              \
    X(MIG_CANCELLED)                                                                               \
    X(MIG_UNKNOWN) /* a status of a QEMU from the future */                                        \
    X(BOOT)        /* this daemon started (or its monitor came back) and found the guest; arg: enum  \
                      core_found; arg2: the MIG_* event for what query-migrate says. It stands for all    \
                      that QEMU said before: earlier events are not given, calls wait for it.      \
                      QEMU_GONE takes its place when there is no QEMU any more but the record      \
                      has one, or a migration. */

enum core_event_type {
#define X(name) EV_##name,
    CORE_OUTGOING_EVENTS(X) CORE_INCOMING_EVENTS(X) CORE_SHARED_EVENTS(X)
#undef X
        EV_COUNT
};

/* arg of BEGIN, PERFORM_P2P and PREPARE */
enum core_begin_flag {
    BEGIN_POSTCOPY = 1,     /* post-copy is allowed */
    BEGIN_PAUSE_BEFORE = 2, /* QEMU will have pause-before-switchover */
    BEGIN_STAY_PAUSED = 4,  /* the destination does not start the vCPUs */
    BEGIN_NOT_LIVE = 8,     /* the guest is stopped before its memory is sent */
    BEGIN_RESUME = 16,      /* take up a post-copy that broke */
    /* of the source only */
    BEGIN_ABORT_ON_ERROR = 32, /* an I/O error of the guest's in pre-copy cancels */
    BEGIN_REQUIRE_PROOF = 64,  /* a client's word that the destination does not run it is not enough */
    BEGIN_NO_RECOVERY = 128,   /* a broken post-copy waits for somebody to resume it */
    BEGIN_OWN_STOP = BEGIN_STAY_PAUSED, /* the guest is stopped by us before post-copy, not by QEMU */
    /* of PREPARE, in the place of what it has no use for */
    PREPARE_CHANNEL = BEGIN_PAUSE_BEFORE, /* the source's daemon gets what it takes to ask and to come back */
    PREPARE_P2P = BEGIN_ABORT_ON_ERROR,   /* the source's daemon is the one who prepares */
};

/* arg of FINISH, beside BEGIN_STAY_PAUSED */
enum { FINISH_IO_ERROR = 1 /* that is why it stood still at the source */ };

/* arg of FINISH_CANCELLED */
enum { FINISH_OF_SOURCE = 1 /* the source's daemon says so itself: its guest is back */ };

/* arg of PERFORM and PEER_PREPARED */
enum core_peer { PEER_STOCK, PEER_CHANNEL };

/* arg of ABORT */
enum { ABORT_POSTCOPY = 1 /* break the stream of post-copy; recovery takes it up */ };

/* arg of STALLED */
enum { STALLED_ALL_SENT = 1 /* the source's QEMU has sent its last page and waits for the destination's word */ };

/* arg of BOOT: the vCPUs */
enum core_found {
    FOUND_STILL,
    FOUND_RUNNING,
    FOUND_IO_ERROR, /* still, for that */
};

/* arg of QEMU_GONE */
enum core_gone {
    GONE_NOW,
    GONE_MEANWHILE, /* found so when this daemon came back */
    GONE_WITH_HOST, /* the host itself was down: the record may lack what was not synced */
};

/* How the source's QEMU was, or is, handing the guest over. */
enum core_switched {
    SWITCHED_PRECOPY,
    SWITCHED_POSTCOPY,
    SWITCHED_UNSEEN, /* its daemon was away, or QEMU has turned back by itself; it can go on */
    SWITCHED_HELD,   /* post-copy, broken on purpose: nobody takes it up until a client does */
};

struct core_event {
    uint8_t type; /* enum core_event_type */
    uint8_t arg;  /* as said at the event, else 0 */
    uint8_t arg2;
};

/* ---- actions: what is ordered --------------------------------------------------------------- */

#define CORE_ACTIONS(X)                                                                            \
    X(TELL)         /* state a, reason b is in force; clients get life-cycle event c, detail d */  \
    X(ANSWER)       /* all waiting calls of kind a get result b */                                 \
    X(REFUSE)       /* the call of this event gets result a */                                     \
    X(START_QEMU)   /* a: for an incoming migration */                                             \
    X(KILL_QEMU)    /* a: gracefully (SIGTERM first) */                                            \
    X(CONT)         /* a: 1 QEMU has given the migration up and refuses it: the hard way */        \
    X(STOP)                                                                                        \
    X(POWERDOWN)    /* a: the call */                                                              \
    X(RESET)        /* a: the call */                                                              \
    X(CONFIGURE_SOURCE) /* set capabilities and parameters -> SOURCE_CONFIGURED */                 \
    X(MIGRATE)                                                                                     \
    X(START_POSTCOPY)                                                                              \
    X(CONTINUE)     /* migrate-continue from pre-switchover */                                     \
    X(CANCEL)       /* migrate_cancel; a: 1 QEMU may be handing the disks over: the stream is ended \
                       instead; never once post-copy may be active */                              \
    X(READ_STATS)   /* -> STATS_READ */                                                            \
    X(ASK_QEMU)     /* query-migrate; the status comes back as its MIG_ event */                   \
    X(LISTEN)       /* set capabilities, migrate-incoming -> LISTENING */                          \
    X(SYNC)         /* -> SYNCED once the journal is on the disk */                                \
    X(PEER_CONNECT) /* p2p -> PEER_CONNECTED or PEER_REFUSED */                                    \
    X(PEER_PREPARE)                                                                                \
    X(PEER_FINISH)  /* a: cancelled */                                                             \
    X(PEER_CLOSE)                                                                                  \
    X(ASK_PEER)     /* what became of the destination? a: enum core_switched; until the job ends, or \
                       PROOF_RELEASED, _TAKEN, _LOST or _NONE came */                              \
    X(PROVE)        /* the answer to ASKED; a: enum core_proof; nobody may be there to hear it */  \
    X(ASK_LATER)    /* a timer, with back-off -> ASK_AGAIN */                                      \
    X(PAUSE_STREAM) /* migrate-pause, out of band -> MIG_POSTCOPY_PAUSED or PAUSE_REFUSED */       \
    X(RECOVER)      /* `migrate` with resume -> RECOVER_ACCEPTED or _REFUSED; a: 1 with the stream  \
                       that QEMU was given before this daemon came */                              \
    X(RECOVER_LISTEN) /* migrate-recover, out of band -> LISTENING or LISTEN_FAILED */             \
    X(PEER_RECOVER) /* have the destination's daemon do that -> PEER_RECOVERABLE, _UNRECOVERABLE */ \
    X(PEER_RECOVERABLE) /* the answer to EV_PEER_RECOVER; a: 1 yes, 0 no */                        \
    X(TAKE_IN)      /* destination: `cont` is ordered, or not wanted: the definition may be told */  \
    X(JOB_BEGIN)    /* a: 1 out, 0 in */                                                           \
    X(JOB_END)      /* a: a core_result; the accounts are closed, JOB_COMPLETED is told */         \
    X(INCIDENT)     /* a: enum core_incident; logged and traced */

enum core_action_type {
#define X(name) ACT_##name,
    CORE_ACTIONS(X)
#undef X
        ACT_COUNT
};

/* What the destination can prove to a source that lost touch. As an event: EV_PROOF_RELEASED + it. */
enum core_proof {
    PROOF_RELEASED,
    PROOF_TAKEN,
    PROOF_NEEDS_SOURCE,
    PROOF_LOST,
    PROOF_REFUSED,
    PROOF_COUNT
};

/* What a call is answered with. The daemon has a libvirt error and a sentence for each. */
#define CORE_RESULTS(X)                                                                            \
    X(OK)                                                                                          \
    X(NOT_RUNNING)          /* the guest is shut off */                                            \
    X(ALREADY_RUNNING)      /* it is running, or already has a QEMU */                             \
    X(STARTING)             /* it is being started */                                              \
    X(ENDING)               /* its QEMU is being ended */                                          \
    X(MIGRATING)            /* not while a migration is under way */                               \
    X(JOB_ACTIVE)           /* another migration of this guest is under way */                     \
    X(NO_JOB)               /* there is no migration to which this call belongs */                 \
    X(ABORTED)              /* by a client's abort */                                              \
    X(CLIENT_LEFT)          /* the client that drove it went away */                               \
    X(QEMU_FAILED)          /* QEMU refused or failed; the daemon has its words */                 \
    X(GUEST_GONE)           /* its QEMU ended */                                                   \
    X(POSTCOPY_ACTIVE)      /* cannot be undone any more: post-copy has, or may have, begun */     \
    X(POSTCOPY_FAILED)      /* broke in post-copy; the source must not run, recovery takes it up */ \
    X(POSTCOPY_NOT_ALLOWED) /* the migration was begun without post-copy */                        \
    X(SWITCHING)            /* too late: the switchover has begun */                               \
    X(IN_DOUBT)             /* nobody has said whether the destination runs the guest */           \
    X(PEER_FAILED)          /* the other daemon refused or failed; the daemon has its words */     \
    X(PEER_LOST)            /* the connection to the other daemon broke */                         \
    X(INCOMING)             /* an incoming migration can't be aborted, only destroyed */           \
    X(CANCELLED)            /* the client gave it up */                                            \
    X(NOT_DURABLE)          /* the journal could not be written */                                 \
    X(NOT_BROKEN)           /* there is no broken post-copy to resume */                           \
    X(NOT_POSTCOPY)         /* there is no post-copy to pause */                                   \
    X(IO_ERROR)             /* the guest met an I/O error, and that was to abort it */             \
    X(NOT_IN_DOUBT)         /* there is nothing for an operator to settle */                       \
    X(NO_WAY_BACK)          /* QEMU can't go on with the guest here */                             \
    X(ALL_SENT)             /* QEMU has sent all of the guest: there is nothing to resume */       \
    X(RESUME_HANGS)         /* QEMU waits for ever for what was lost as post-copy was resumed */   \
    X(GIVEN_UP)             /* QEMU has given post-copy up, or hangs as it begins: it resumes nothing */ \
    X(REBOOTING)            /* a client asked for a reboot that has not happened yet */            \
    X(DESTROYED)            /* a client had it destroyed while it was being started */

enum core_result {
#define X(name) RESULT_##name,
    CORE_RESULTS(X)
#undef X
        RESULT_COUNT
};

#define CORE_INCIDENTS(X)                                                                          \
    X(SOURCE_RESUMED_ITSELF) /* QEMU restarted the guest after post-copy began; stopped at once */ \
    X(DESTINATION_RESUMED_ITSELF)                                                                  \
    X(UNKNOWN_STATUS)                                                                              \
    X(UNEXPECTED)     /* a declared impossibility happened; the state was kept */                  \
    X(LEFT_IN_DOUBT)  /* nobody knows whether the destination runs the guest; it stays paused */   \
    X(UNATTENDED)     /* the driving client left in post-copy; the migration goes on */            \
    X(LOST_THERE)     /* the destination was given the guest and lost it; what is here is older */ \
    X(SETTLED)        /* an operator decided what nobody could prove; recorded durably */

enum core_incident {
#define X(name) INCIDENT_##name,
    CORE_INCIDENTS(X)
#undef X
        INCIDENT_COUNT
};

struct core_action {
    uint8_t type; /* enum core_action_type */
    uint8_t a, b, c, d;
};

enum { CORE_ACTIONS_MAX = 16 /* of one step; asserted */ };

struct core_actions {
    struct core_action list[CORE_ACTIONS_MAX];
    uint8_t count;
};

/* ---- states --------------------------------------------------------------------------------- */

/*
 *            START            QEMU_STARTED          kill
 *   OFF ------------> STARTING ---------> UP ---------------> ENDING
 *    ^                   | QEMU_START_FAILED   | QEMU_GONE       | QEMU_GONE
 *    +-------------------+---------------------+-----------------+
 */
#define LIFE_PHASES(X)                                                                             \
    X(OFF)      /* no QEMU */                                                                      \
    X(STARTING) /* a QEMU is on its way; nothing has been told yet */                              \
    X(UP)       /* QEMU's monitor answers */                                                       \
    X(ENDING)   /* killed; nothing that it still says counts */

enum life_phase {
#define X(name) LIFE_##name,
    LIFE_PHASES(X)
#undef X
        LIFE_COUNT
};

struct life {
    uint8_t phase;
    uint8_t state;  /* what a client reads: enum core_state */
    uint8_t reason; /* and its reason */
    uint8_t vcpus;  /* evidence: QEMU's vCPUs run */
    uint8_t stay_paused; /* START asked for no `cont` */
    uint8_t io_error;    /* the next STOP is the I/O error's */
    uint8_t rebooting;   /* a power-off that follows is a client's reboot */
    uint8_t end_reason;  /* SHUTOFF_* to be told when the process is gone */
    uint8_t end_detail;  /* STOPPED_* */
    uint8_t by_door;     /* QEMU refuses `cont`: a post-copy that it has not given up is over for everybody else */
};

/*
 *   client-managed             p2p
 *   BEGIN                      PERFORM_P2P
 *     |                          |
 *   BEGUN                     CONNECTING -> PREPARING
 *     | PERFORM                  |
 *     +---------> CONFIGURING <--+
 *                     |
 *                  STARTING ----------+--- abort, failure, client gone --> CANCELLING
 *                     |               |                                        |
 *                  PRECOPY -----------+                                    RETURNING (`cont`)
 *                   /    \            |                                        |
 *          SWITCHING ------+----------+                     p2p: UNDOING (Finish cancelled)
 *           |        \     |                                                   |
 *       PERFORMED   POSTCOPY <---> BROKEN <---> RECOVERING                   IDLE
 *       |     \        |   ^----------------------'
 *     DOUBT    \   POSTCOPY_DONE
 *               \   /
 *            CONCLUDING (QEMU is ended) -> IDLE
 *
 * From POSTCOPY on no way leads to RETURNING: the source never runs again.
 */
#define OUT_STATES(X)                                                                              \
    X(IDLE)                                                                                        \
    X(BEGUN)         /* Begin answered; nothing was done to the guest */                           \
    X(CONNECTING)    /* p2p: on the way to the other daemon */                                     \
    X(PREPARING)     /* p2p: Prepare sent */                                                       \
    X(CONFIGURING)   /* QEMU is given its capabilities and parameters */                           \
    X(STARTING)      /* `migrate` sent; not active yet */                                          \
    X(PRECOPY)       /* the stream flows, the guest runs (or is paused by its user) */             \
    X(SWITCHING)     /* QEMU stopped the vCPUs; pre- or post-copy is still open */                 \
    X(POSTCOPY)      /* the destination has the right to run; the source never again */            \
    X(BROKEN)        /* post-copy failed; both QEMUs are kept */                                   \
    X(PERFORMED)     /* pre-copy: the destination has all of it and may be given `cont` */         \
    X(POSTCOPY_DONE) /* post-copy: the destination has all of it */                                \
    X(CANCELLING)    /* migrate_cancel sent, or QEMU failed; its last word is awaited */           \
    X(RETURNING)     /* `cont` sent: the guest goes on here */                                     \
    X(UNDOING)       /* p2p: the destination is told that it is over */                            \
    X(CONCLUDING)    /* moved; this QEMU is being ended */                                         \
    X(DOUBT)         /* pre-copy: moved or not, nobody has said; stays paused */                   \
    X(RECOVERING)    /* a broken post-copy is being resumed */

enum out_state {
#define X(name) OUT_##name,
    OUT_STATES(X)
#undef X
        OUT_COUNT
};

struct outgoing {
    uint8_t state;
    uint8_t p2p;
    uint8_t postcopy_allowed;
    uint8_t pause_before;    /* pause-before-switchover is on in QEMU */
    uint8_t postcopy_wanted; /* migrate-start-postcopy was, or is to be, sent */
    uint8_t postcopy_sent;
    uint8_t continued;       /* migrate-continue was sent */
    uint8_t ran_before;      /* a failure gives the vCPUs back their run */
    uint8_t reason_before;   /* PAUSED_*, if it did not run */
    uint8_t suspended;       /* an order of ours, a client's or not, is why it stands still */
    uint8_t client;          /* enum core_client: who carries Finish, the client or in p2p the connection */
    uint8_t denied;          /* somebody said that the destination does not run it */
    uint8_t itself;          /* QEMU gave post-copy up and restarted the guest by itself, or would have: it can go on */
    uint8_t paused;          /* QEMU said postcopy-paused: active again is a recovery */
    uint8_t confirmed;       /* the destination runs it: Confirm, or Finish's answer in p2p */
    uint8_t stats_read;
    uint8_t finish_sent;     /* p2p */
    uint8_t not_live;        /* the guest is stopped before `migrate` */
    uint8_t cancelled;       /* migrate_cancel was sent */
    uint8_t outcome;         /* enum core_result, told when the undoing is done */
    uint8_t channel;         /* the destination's daemon can be asked, and come back to */
    uint8_t require_proof;
    uint8_t no_recovery;
    uint8_t abort_on_error;
    uint8_t completed;       /* QEMU says so, although the destination does not run it */
    uint8_t held;            /* broken on purpose: nobody resumes it until a client does */
    uint8_t resuming;        /* a client has begun to resume it */
    uint8_t recovery;        /* enum core_recovery */
    uint8_t own_stop;        /* the guest is stopped by us before post-copy */
    uint8_t stood_still;     /* since `migrate`: the destination may have got all of it */
};

/* 0 is false. */
enum core_client {
    CLIENT_LEFT,
    CLIENT_THERE,
    CLIENT_RETURNS, /* the daemon was away: it may come again, until the daemon says that it is gone */
};

/* How far an attempt to resume a broken post-copy has come. */
enum core_recovery {
    RECOVERY_NONE,
    RECOVERY_PEER,    /* the destination is being made ready */
    RECOVERY_PAUSING, /* QEMU has not noticed the break: it is told */
    RECOVERY_ORDERED, /* `migrate` with resume sent: from here on `paused` is its failure */
    RECOVERY_UNTOLD,  /* UNDOING: the destination could not be told yet; nobody waits for that */
    RECOVERY_HUNG,    /* BROKEN: given up for broken before QEMU had said that post-copy began */
    RECOVERY_ALL_SENT, /* POSTCOPY, BROKEN: the last page is sent, and it has stood still since */
    RECOVERY_STANDS,   /* RECOVERING, BROKEN: ordered; QEMU stands still since, and was told to give it up */
    RECOVERY_COUNT
};

/*
 *   PREPARE -> STARTING -> PREPARED -> LOADING --------> LOADED (pre-copy: all is here)
 *                                        |                 | Finish
 *                                    POSTCOPY --Finish--> RESUMING (`cont`) -> IDLE
 *                                        |                 |
 *                                      BROKEN <-------- DRAINING (post-copy goes on) -> IDLE
 *                                        |                 |
 *                                        +-- RECOVERING ---+
 *
 *   Until `cont`: UNDOING ends the process, makes that durable, and only then answers.
 */
#define IN_STATES(X)                                                                               \
    X(IDLE)                                                                                        \
    X(STARTING) /* a QEMU is being started for it */                                               \
    X(PREPARED) /* Prepare answered, or about to be when the attempt is durable */                 \
    X(LOADING)  /* the stream flows */                                                             \
    X(LOADED)   /* pre-copy: all is here; never ran */                                             \
    X(POSTCOPY) /* the source will never run again; not yet given `cont` */                        \
    X(RESUMING) /* `cont` sent: from here on it is presumed to run */                              \
    X(DRAINING) /* runs (or stays paused for its user) while pages still come */                   \
    X(BROKEN)   /* post-copy failed */                                                             \
    X(UNDOING)  /* never ran, never will */                                                        \
    X(RECOVERING) /* post-copy failed; QEMU waits, or is about to, for the stream to be resumed */

enum in_state {
#define X(name) IN_##name,
    IN_STATES(X)
#undef X
        IN_COUNT
};

/* The source's daemon waits for proof. */
enum in_asked {
    ASKED_NOT,
    ASKED_PROOF,
    ASKED_LEFT, /* post-copy: and nobody there takes up what is broken, or will be */
};

struct incoming {
    uint8_t state;
    uint8_t postcopy_allowed;
    uint8_t stay_paused; /* the PAUSED_* for which it stays so, or 0 */
    uint8_t postcopied; /* postcopy-active was seen */
    uint8_t completed;  /* QEMU has all pages */
    uint8_t unseen;     /* LOADED: it may have been post-copy; the daemon was away */
    uint8_t broken;     /* the stream of post-copy is broken */
    uint8_t finish;     /* Finish came before its time and is held */
    uint8_t client;     /* the driving client is there */
    uint8_t syncs;      /* journal syncs under way, of any attempt: what must be durable is so at 0 */
    uint8_t gone;       /* UNDOING: the process is gone */
    uint8_t outcome;    /* enum core_result for Finish or Prepare when undone */
    uint8_t asked;      /* enum in_asked */
    uint8_t verdict;    /* of the last attempt, kept when IDLE: 1 + enum core_proof, 0 none */
    uint8_t channel;    /* the source's daemon can ask, and come back */
    uint8_t p2p;        /* it is the source's daemon that carries Finish */
    uint8_t taken;      /* the guest has run here, or stands still here for its user */
    uint8_t reason;     /* BROKEN: the PAUSED_* of a guest that stands still on its own account */
    uint8_t held;       /* broken on purpose here: only a client takes it up */
    uint8_t peer_waits; /* for the answer to PEER_RECOVER */
    uint8_t listening;  /* RECOVERING: QEMU has not answered yet that it listens */
    uint8_t failed;     /* QEMU gave post-copy up: it ends, and if it said no RESUME before, it never ran */
};

struct core {
    struct life life;
    struct outgoing out;
    struct incoming in;
    uint8_t waiting[2]; /* bit mask over enum core_call, low byte first: calls that are held */
};

/* A guest that is defined and shut off. */
void core_init(struct core *c);
/* The one step. `ret` is emptied first. */
void core_step(struct core *c, struct core_event event, struct core_actions *ret);

static inline bool core_waits(const struct core *c, enum core_call call)
{
    return c->waiting[call / 8] >> (call % 8) & 1;
}
/* A migration is under way, in either direction. */
bool core_migrating(const struct core *c);
/* The call that an event is, or -1. */
int core_call_of(enum core_event_type type);

const char *core_event_name(enum core_event_type type);
const char *core_action_name(enum core_action_type type);
const char *core_call_name(enum core_call call);
const char *core_result_name(enum core_result result);
const char *core_incident_name(enum core_incident incident);
const char *life_phase_name(enum life_phase phase);
const char *out_state_name(enum out_state state);
const char *in_state_name(enum in_state state);
/* "SUSPENDED/POSTCOPY", "PAUSED/POSTCOPY": as the clients' tools print them. */
const char *core_told_name(enum core_told told, enum core_detail detail);
const char *core_state_name(enum core_state state, enum core_reason reason);
