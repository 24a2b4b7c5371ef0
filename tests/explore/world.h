/* world.h - two hosts as the explorer sees them: the machines that run in production, and models of
 * everything around them.
 *
 * The whole world is one struct of bytes: it is copied, hashed and compared. What the production
 * daemon does round core_step() is modelled in host.c, QEMU in qemu*.c, the libvirt client in
 * client.c. A move is one thing that happens next; which of the possible moves happens is what the
 * explorer tries out, all of them.
 *
 * What one step orders is executed at once: a daemon is one thread. A crash may come between any
 * two of a step's actions, after its new state is in the journal; or between two steps. What is on
 * its way to a daemon that dies is lost; a command on its way to QEMU may be lost or not.
 */
#pragma once
#include "core/core.h"

enum host { SOURCE, DESTINATION, HOSTS };

/* ---- QEMU ----------------------------------------------------------------------------------- */

/* Commands on their way to QEMU. */
enum command {
    COMMAND_NONE,
    COMMAND_CONT,
    COMMAND_STOP,
    COMMAND_POWERDOWN,
    COMMAND_RESET,
    COMMAND_CONFIGURE,
    COMMAND_MIGRATE,
    COMMAND_START_POSTCOPY,
    COMMAND_CONTINUE,
    COMMAND_CANCEL,
    COMMAND_READ_STATS,
    COMMAND_ASK,
    COMMAND_LISTEN,
    COMMAND_SURVEY, /* of a daemon that came back: query-status and query-migrate */
    COMMAND_PAUSE,  /* migrate-pause */
    COMMAND_RECOVER, /* getfd with a stream, and then: */
    COMMAND_RESUME,  /* migrate with resume */
    COMMAND_RECOVER_LISTEN,
    COMMAND_END_STREAM, /* yank */
    COMMAND_CONT_HARD, /* what QEMU does not refuse in any state */
};

/* Where QEMU's own migration code is. */
enum phase {
    PHASE_NONE,
    /* of a source */
    PHASE_SETUP,
    PHASE_FLOW,       /* the passes of pre-copy */
    PHASE_STUCK,      /* post-copy was ordered: waits for the destination's first answer, for ever */
    PHASE_PC_FIRST,   /* postcopy-active was said before STOP */
    PHASE_STOPPED,    /* vCPUs stopped by QEMU for the switchover */
    PHASE_WAITING,    /* pre-switchover: for migrate-continue */
    PHASE_SWITCHING,  /* the rest of pre-copy is sent, or the package of post-copy is to be */
    PHASE_HUNG,       /* in the middle of that; for ever */
    PHASE_PC_SENT,    /* the package is sent, postcopy-active is not said yet */
    PHASE_SENT,       /* pre-copy: all is sent, the destination's last word is awaited */
    PHASE_PC_FLOW,    /* pages of post-copy */
    PHASE_PC_LAST,    /* all of them are sent, the destination's last word is awaited */
    PHASE_PC_CONNECTING, /* resuming: looks for a stream */
    PHASE_PC_RECOVER, /* resuming: has one */
    PHASE_PC_GIVEN,   /* paused, and it has been given a stream */
    PHASE_PC_PAUSED,
    PHASE_CANCELLING,
    PHASE_GIVING_BACK, /* failed; the vCPUs get their run back */
    /* of a destination */
    PHASE_LISTENING,
    PHASE_LOADING,
    PHASE_LOADING_PC, /* post-copy is active; the devices' state is not all there */
    PHASE_LOADED_PC,  /* post-copy: runs, or could */
    PHASE_LOST_PC,    /* post-copy: paused */
    PHASE_LISTENING_PC, /* post-copy: waits for the stream to be resumed */
    PHASE_RECOVERING_PC,
    /* of both */
    PHASE_OVER,
};

enum stats_read { STATS_UNREAD, STATS_EARLY /* the migration was not over */, STATS_FINAL };

enum { COMMANDS_MAX = 6, REPORTS_MAX = 14 };

struct qemu {
    uint8_t alive;
    uint8_t vcpus;       /* they run */
    uint8_t status;      /* EV_MIG_* that query-migrate gives */
    uint8_t phase;       /* enum phase */
    uint8_t was_running; /* source: QEMU itself stopped the vCPUs */
    uint8_t postcopy;    /* source: migrate-start-postcopy was taken; destination: it is one */
    uint8_t switch_pc;   /* source: this switchover is to post-copy */
    uint8_t autostart;   /* destination: `cont` came while it was loading */
    uint8_t ran;         /* destination: the guest has run here */
    uint8_t whole;       /* destination: it has all of the guest */
    uint8_t itself;      /* source: QEMU restarted the guest by itself after post-copy began */
    uint8_t stats_read;  /* source: enum stats_read */
    uint8_t powered_off; /* by its guest; stands still until it is ended or reset */
    uint8_t commands[COMMANDS_MAX]; /* on their way to QEMU, the next one first */
    uint8_t reports[REPORTS_MAX];   /* on their way to the daemon: core events */
    uint8_t boot_vcpus, boot_status; /* of a report EV_BOOT */
};

/* The migration stream. What was sent can be taken as long as the taker has not noticed a cut. A post-copy that is
 * resumed gets a new one; by then both ends have noticed the end of the one before, or they would not have asked for it. */
struct stream {
    uint8_t open;
    uint8_t cut;
    uint8_t sent;  /* 1 opened; 2 rest of pre-copy, or post-copy's package; 3 its last page */
    uint8_t taken;
    uint8_t shut;  /* the destination's last word is on its way */
    uint8_t postcopy; /* what was sent 2nd is post-copy's package */
};

/* ---- connections and daemons ----------------------------------------------------------------- */

/* Of a caller to a daemon. One call at a time. */
struct connection {
    uint8_t near_end; /* the caller has it open */
    uint8_t far_end;  /* the daemon has it open */
    uint8_t cut;      /* nothing passes any more */
    uint8_t stale;    /* the daemon has not noticed the end of the one before it */
    uint8_t request;  /* 1 + the core event that is on its way, or 0 */
    uint8_t argument;
    uint8_t waits;    /* 1 + the call that the daemon has not answered */
    uint8_t reply;    /* on its way back: 1 + enum core_result */
    uint8_t answers;  /* and to which call: 1 + enum core_call */
};

struct daemon_model {
    struct core core;
    uint8_t up;
    uint8_t surveying;   /* came back: 1 QEMU is asked how it is, 2 it has answered, or is gone */
    uint8_t syncing;     /* journal syncs under way */
    uint8_t drives;      /* the client that began the migration is known by its connection */
    uint8_t job;         /* the accounts of a job are open */
    uint8_t told;        /* last told: enum core_told + 1, 0 nothing */
    uint8_t told_detail;
    uint8_t peer_event;  /* SOURCE, p2p: an EV_PEER_* that comes next, or 0 */
    uint8_t finish;      /* SOURCE: what a client's Finish tells the destination */
    uint8_t destroyed;   /* an operator had the guest destroyed, or it powered itself off */
    uint8_t unpowered;   /* the host lost its power, and its daemon has not heard of it */
    uint8_t took;        /* DESTINATION: its migration ended well: the guest is its own now */
};

/* ---- the client ------------------------------------------------------------------------------ */

enum client_step {
    CLIENT_BEGIN,
    CLIENT_PREPARE,
    CLIENT_PERFORM,
    CLIENT_FINISH,
    CLIENT_FINISH_CANCELLED, /* after a Perform that failed */
    CLIENT_CONFIRM,
    CLIENT_CONFIRM_CANCELLED,
    CLIENT_DONE, /* or dead */
};

struct client_model {
    uint8_t step;   /* enum client_step */
    uint8_t called; /* its call is under way */
    uint8_t failed; /* it reports a failure */
    uint8_t resumes; /* a second client, which takes up a broken post-copy */
};

enum link { TO_SOURCE, TO_DESTINATION, CHANNEL /* the source's daemon carries Finish over it */, LINKS };

struct world {
    struct daemon_model daemons[HOSTS];
    struct qemu qemus[HOSTS];
    struct stream stream;
    struct connection links[LINKS]; /* TO_DESTINATION is the client's, or in p2p the source's */
    struct client_model client;
    uint8_t postcopy_left; /* the operator will switch to post-copy */
    uint8_t happened;      /* enum happened: what the rules must know of it */
    /* the peer channel: the source's daemon asks what became of the destination */
    uint8_t asking; /* 1 + enum core_switched; until there is proof */
    uint8_t asked;  /* the question is with the destination's daemon */
    uint8_t silent; /* the source's machine knows that nobody answers */
    uint8_t proof;  /* on its way back: 1 + enum core_proof */
    uint8_t recover;     /* the destination's daemon is to have its QEMU listen: enum recover_call */
    uint8_t ask_later;   /* the source's timer runs */
    /* budgets: what may still happen, of each kind and of all together (budgets.h); the last of it */
    uint8_t crashes, cuts, deaths, oddities, operations, faults_left;
};

enum recover_call {
    RECOVER_CALL_NONE,
    RECOVER_CALL_SENT,
    RECOVER_CALL_TAKEN,
    RECOVER_CALL_YES, /* the answer is on its way */
    RECOVER_CALL_NO,
};

enum happened {
    HAPPENED_FAULT = 1,
    HAPPENED_DEATH = 2, /* of a QEMU */
    HAPPENED_HALT = 4,  /* the guest was stopped by its user, or by its disk */
    HAPPENED_BACK = 8,  /* the source has it back: what is at the destination is old */
    HAPPENED_SETTLED = 16, /* an operator said that the source's copy is to run */
};

/* ---- what is explored ------------------------------------------------------------------------ */

struct scenario {
    const char *name;
    bool qemu10;
    bool pause_before;
    bool p2p;
    bool postcopy;
    bool paused_before;
    bool own_stop; /* the daemon stops the guest before post-copy */
    bool stock; /* the peer has no channel for proof */
    uint8_t crashes, cuts, deaths, oddities, operations; /* at most, of each */
    uint8_t faults;                                      /* and of all together */
};

enum move_kind {
    /* progress */
    MOVE_COMMAND,   /* QEMU executes the next command; on: host */
    MOVE_QEMU,      /* QEMU goes on; on: host, which: variant */
    MOVE_NOTICE,    /* QEMU notices that the stream is cut; on: host */
    MOVE_REPORT,    /* the daemon takes what QEMU says; on: host */
    MOVE_SYNCED,    /* on: host */
    MOVE_PEER,      /* the source's daemon takes news of its peer connection */
    MOVE_REQUEST,   /* the daemon takes a call; on: link */
    MOVE_REPLY,     /* the caller takes the answer; on: link */
    MOVE_NEAR,      /* the caller notices a cut; on: link */
    MOVE_FAR,       /* the daemon notices a cut, or that the caller closed; on: link */
    MOVE_RESTART,   /* on: host */
    MOVE_POSTCOPY,  /* the operator switches to post-copy */
    MOVE_ASK,       /* the source's question reaches the destination's daemon, or nobody */
    MOVE_PROOF,     /* the source's daemon takes the answer */
    MOVE_RECOVER,   /* the source's call to have it listen reaches the destination's daemon, or nobody */
    MOVE_RECOVERABLE, /* the source's daemon takes the answer */
    MOVE_AGAIN,     /* the source's daemon asks again */
    MOVE_STALL,     /* nothing has come for too long; on: host */
    MOVE_GRACE,     /* the client did not come back to the source's daemon */
    MOVE_RETURN,    /* the client comes back to the source's daemon, and calls Perform again */
    /* what may happen besides; everything below costs budget */
    MOVE_OPERATE,   /* on: host, which: enum core_event_type */
    MOVE_CRASH,     /* a daemon dies between two steps; on: host, which: 1 commands are lost */
    MOVE_CUT_LINK,  /* on: link */
    MOVE_CUT_STREAM,
    MOVE_CUT_CHANNEL,
    MOVE_KILL_QEMU, /* on: host */
    MOVE_KILL_CLIENT, /* which: 1 its last call was not sent */
    MOVE_ODDITY,    /* on: host, which: enum oddity */
    MOVE_KINDS
};

enum oddity {
    ODD_STATUS,          /* QEMU says a status that nobody knows */
    ODD_CONFIGURE_FAILS, /* the command in front is refused */
    ODD_MIGRATE_FAILS,
    ODD_POSTCOPY_FAILS,
    ODD_CONTINUE_FAILS,
    ODD_CANCEL_FAILS,
    ODD_CONT_FAILS,
    ODD_STOP_FAILS,
    ODD_LISTEN_FAILS,
    ODD_START_FAILS,
    ODD_IO_ERROR, /* the guest's disk: QEMU stops it */
    ODD_SYNC_FAILS,
    ODD_POWER_OFF, /* the guest powers itself off */
    ODD_STALL,     /* a stream that flows is taken for a black hole */
    ODD_HANG,      /* at the very beginning of post-copy, or before it */
    ODD_FAIL,      /* there, too: no QEMU that is known says so */
    /* nothing goes wrong: */
    ODD_OVERTAKE,  /* what QEMU says comes in another order than it happened */
    ODD_URGENT,    /* what it executes out of band overtakes what it was told before */
    /* only where no budget leads */
    ODD_STATUS_EARLY,  /* before it has a migration */
    ODD_RECOVER_FAILS,
    ODD_POWER_LOSS,   /* of the host: its daemon and its QEMU are gone together */
    ODD_TAIL_LOST,    /* likewise, and with them what the journal's disk had not been made to hold */
    ODD_COUNT
};

/* What an operator does that takes more than an event: `which` of MOVE_OPERATE. */
enum operation {
    OPERATE_BREAK = 200, /* an abort that breaks the stream of post-copy */
    OPERATE_RESUME,      /* a client begins to resume it */
};

enum { NO_CRASH = 0xff, BEYOND_BUDGET = 0xfe /* no crash, and it costs nothing */ };

struct move {
    uint8_t kind;  /* enum move_kind */
    uint8_t on;
    uint8_t which;
    uint8_t crash; /* the daemon dies when this many of the step's actions are done, NO_CRASH, or BEYOND_BUDGET */
};

/* A rule that a world broke: `what` NULL is none. */
struct verdict {
    const char *rule; /* "I1" ... "I7" */
    const char *what;
};

void world_init(struct world *w, const struct scenario *s);
/* Makes the move. False: it is not possible here, and `w` is spoilt. */
bool world_move(struct world *w, const struct scenario *s, struct move m, struct verdict *v);
/* All moves that there are; those that are progress come first. */
extern const struct move world_moves[];
extern const unsigned world_move_count, world_progress_count;
/* And those that no budget pays for (probe.c). */
extern const unsigned world_beyond_count;
/* False if the move is not possible for a reason that is quickly seen. */
bool move_may_be(const struct world *w, const struct move *m);
/* A daemon takes this move: it may die in the middle of it. */
bool move_may_crash(const struct move *m);
/* The move in words, in a buffer of its own. */
const char *world_name_move(const struct world *before, struct move m);

/* What is checked in every world, and in one where nothing goes on by itself. */
void rules_check(const struct world *w, const struct scenario *s, struct verdict *v);
void rules_check_end(const struct world *w, const struct scenario *s, struct verdict *v);
/* How an end is called in the statistics. */
const char *rules_name_end(const struct world *w);

/* ---- between the parts of the model ---------------------------------------------------------- */

/* qemu.c */
void qemu_start(struct world *w, enum host h);
bool qemu_execute(struct world *w, const struct scenario *s, enum host h, struct verdict *v);
bool qemu_go_on(struct world *w, const struct scenario *s, enum host h, unsigned variant);
bool qemu_notice(struct world *w, const struct scenario *s, enum host h);
void qemu_die(struct world *w, enum host h);
bool qemu_oddity(struct world *w, const struct scenario *s, enum host h, enum oddity o);
void qemu_order(struct world *w, enum host h, enum command c);
void qemu_say(struct world *w, enum host h, enum core_event_type report);

/* host.c */
/* The daemon takes an event. False: `crash` asks for more actions than there were. */
bool host_step(struct world *w, const struct scenario *s, enum host h, struct core_event e,
               uint8_t crash, struct verdict *v);
void host_crash(struct world *w, const struct scenario *s, enum host h, bool lose_commands);
/* False: it is so already, or there is no tail. */
bool host_lose_power(struct world *w, const struct scenario *s, enum host h, bool tail_lost);
bool host_restart(struct world *w, enum host h);
/* It is there, and knows how its guest is. */
bool host_takes_calls(const struct world *w, enum host h);
bool host_take_report(struct world *w, const struct scenario *s, enum host h, uint8_t crash,
                      struct verdict *v);
/* What the destination is told at Prepare. */
uint8_t host_prepare_flags(const struct scenario *s);
/* The driving connection of this daemon ended. */
bool host_client_gone(struct world *w, const struct scenario *s, enum host h, uint8_t crash,
                      struct verdict *v);
/* Called for each step: for the printing of traces. */
extern void (*host_trace)(enum host h, const struct core *before, struct core_event e,
                          const struct core *after, const struct core_actions *actions);

/* client.c */
/* The client's next call, as soon as it can make it. */
void client_go_on(struct world *w, const struct scenario *s);
bool client_waits_on(const struct world *w, enum link l);
bool client_take_reply(struct world *w, const struct scenario *s, enum link l);
bool client_notice(struct world *w, const struct scenario *s, enum link l);
bool client_die(struct world *w, const struct scenario *s, bool unsent);
bool client_return(struct world *w, const struct scenario *s);
bool client_resume(struct world *w, const struct scenario *s);
/* The daemon at its far end. */
enum host link_serves(enum link l);
void link_open(struct connection *c);
void link_cut(struct connection *c);
void link_close(struct connection *c);
/* The daemon has noticed its end. */
void link_served(struct connection *c);

/* peer.c: the moves from MOVE_ASK to MOVE_STALL */
bool peer_asks(struct world *w, const struct scenario *s, struct move m, struct verdict *v);
bool peer_proves(struct world *w, const struct scenario *s, struct move m, struct verdict *v);
bool peer_recovers(struct world *w, const struct scenario *s, struct move m, struct verdict *v);
bool peer_is_recoverable(struct world *w, const struct scenario *s, struct move m, struct verdict *v);
bool peer_asks_again(struct world *w, const struct scenario *s, struct move m, struct verdict *v);
/* Silence is looked for; elsewhere QEMU's own words have to tell that it hangs. */
bool peer_may_stall(const struct core *c);
/* What it is told then: QEMU is asked whether pages remain, just before. */
struct core_event peer_stalled(const struct world *w, enum host h);
bool peer_stalls(struct world *w, const struct scenario *s, struct move m, struct verdict *v);

/* alike.c */
/* What makes no difference any more is cleared: worlds that differ in nothing else are the same. */
void world_forget(struct world *w, const struct scenario *s);

/* rules.c */
void rule_broken(struct verdict *v, const char *rule, const char *what);
/* What is checked at an action, before it is carried out. */
void rules_check_action(const struct world *w, const struct scenario *s, enum host h,
                        const struct core_action *a, struct verdict *v);
