/* guest.h - one guest of this host: its machines, its documents, its QEMU.
 *
 * guest_event() is the one way into the machines: what happened is queued, stepped, written to the
 * journal, and the actions of the step are carried out by interpret.c, in order. Nothing else
 * orders anything from a QEMU that touches the guest's life or a migration.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>
#include "core/accounts.h"
#include "core/core.h"
#include "daemon/guest_survey.h"
#include "daemon/peer_token.h"
#include "daemon/stats.h"
#include "domain/domain.h"
#include "io/loop.h"
#include "io/monitor.h"
#include "io/timer.h"
#include "io/process.h"
#include "util/fail.h"
#include "util/uuid.h"

struct daemon;
struct call;
struct client;
struct connector;
struct disk_chain;
struct emulator;
struct guest;
struct guest_change;
struct migration;
struct job_waiter;
struct journal_file;
struct trace;

/* One that waits for the answer to a call on the machine. Embed it; it is the caller's. */
struct guest_waiter {
    /* Called once. `why` has code and sentence unless the result is RESULT_OK. */
    void (*answered)(struct guest_waiter *w, struct guest *g, enum core_result result,
                     const struct fail *why);
    enum core_call call;
    uint8_t event, arg; /* what was asked; for a call that is put off */
    struct guest_waiter *next;
};

enum {
    GUEST_QUEUE_MAX = 64,
    GUEST_DOWNTIME_DEFAULT = 300, /* ms, QEMU's */
};
#define GUEST_BANDWIDTH_UNSET ((uint64_t)8796093022207) /* MiB/s: what libvirt shows for no limit */

struct guest {
    struct daemon *daemon;
    struct guest *next; /* of the registry */
    char *folder;       /* state: STATE_DIR/guests/UUID */
    char *socket_path;  /* of the monitor, while there is a QEMU */

    /* who it is */
    char name[DOMAIN_NAME_MAX + 1];
    struct uuid uuid;
    int id; /* -1 when not active */

    /* documents */
    struct domain *defined; /* NULL: transient */
    struct domain *live;    /* while there is a QEMU (or one is being started) */
    bool autostart;
    bool elsewhere; /* it may run on another host, by what is known of its migrations: it is not started by itself */
    bool tainted_by_monitor; /* a client used qemu-monitor-command */

    /* decisions */
    struct core core;
    struct accounts accounts;
    struct core_event queue[GUEST_QUEUE_MAX]; /* events that came while a step was under way */
    unsigned queue_head, queue_count;
    bool stepping;
    uint64_t late; /* us that the next event was under way from QEMU to here */
    struct guest_waiter *waiters; /* calls that the machine holds */
    struct guest_waiter *asking;  /* the one whose call is being stepped */
    struct guest_waiter *put_off; /* that came while it was unsettled; in their order */
    struct call *calls_put_off;   /* the same, of calls that are not the machine's */
    struct guest_waiter *held;    /* answered with success, which is not on the disk yet */
    struct loop_later forget;     /* a transient guest that is over */

    /* QEMU */
    const struct emulator *emulator; /* what its QEMU can do, or its binary could at the last start */
    bool emulator_is_stored;         /* in its folder, for as long as that QEMU runs */
    struct disk_chain *looking; /* what its disks lie on, before it is started */
    bool looking_incoming;
    struct process_start *starting;
    struct process *process;
    struct monitor *monitor;
    bool monitor_ready;
    bool adopted; /* found running: QEMU has to be asked for its state */
    bool unsettled; /* and it has not answered yet */
    bool disks_inactive; /* it was started for an arrival, and its guest has not run yet */
    struct guest_survey survey;
    int kept_monitor; /* the connection that systemd had kept, until it is used; else -1 */
    bool monitor_is_kept;
    struct process_identity identity;
    struct timer kill_timer;       /* SIGTERM was sent: SIGKILL when it fires */
    struct timer monitor_timer;    /* the monitor closed: has the process ended? */
    struct timer cont_timer;       /* `cont` came too early: again when it fires */
    unsigned cont_tries;
    struct {                       /* guest_door.c */
        struct connector *connector;
        sd_event_source *answer;
        struct timer patience;
        size_t disk; /* that is being taken back */
        bool failed; /* one could not be */
    } door;
    struct fail trouble;           /* QEMU's or the peer's words for the last failure */
    bool explained;                /* they say why its start is being given up */
    bool unreachable;              /* alive, and its monitor does not answer */

    /* the migration under way, and what is left of the last job */
    struct migration *migration;
    bool defining;              /* it is over, and what it makes of the definition is being written */
    struct migration *proposed; /* of the call being stepped; the machine's JOB_BEGIN takes it */
    struct job_stats completed; /* type JOB_NONE when there is none */
    struct peer_token last_attempt; /* to arrive here; its figures may still come */
    struct timer figures_timer; /* JOB_COMPLETED waits for them, */
    struct job_waiter *figures_waiters; /* and so do these */
    uint64_t max_bandwidth_mib;      /* migrate-setspeed; GUEST_BANDWIDTH_UNSET: no limit */
    uint64_t postcopy_bandwidth_mib; /* 0 = unlimited */
    uint64_t max_downtime_ms;        /* 300 by QEMU's default */

    /* durability */
    struct guest_change *changes; /* of its folder, in their order; the first is being written */
    bool changing;                /* a change takes its turn */
    bool folder_is_durable;       /* its name is known to be on the disk */
    struct journal_file *journal;
    bool journal_is_behind; /* the last record is not in it, nor will be by what is under way */
    struct trace *trace; /* of the migration under way; NULL: none is kept */
    bool damaged; /* the journal can't be trusted: no automatic action */
};

/* ---- life of the object (registry.h keeps them) ---- */
struct guest *guest_new(struct daemon *d, const struct domain *document, struct fail *f);
void guest_free(struct guest *g);

/* For callbacks that can come after the guest is gone: made with malloc, freed by the caller. */
struct guest_callback {
    struct daemon *daemon;
    struct uuid uuid;
    int id; /* of the QEMU that it had then */
};
struct guest_callback *guest_callback_new(const struct guest *g);
/* NULL when the guest is gone. */
struct guest *guest_find_for_callback(const struct guest_callback *c);

/* ---- questions ---- */
static inline bool guest_is_active(const struct guest *g)
{
    return g->core.life.phase != LIFE_OFF;
}
static inline bool guest_is_persistent(const struct guest *g)
{
    return g->defined != NULL;
}
/* Clients see it: not when only its name and uuid are reserved. */
static inline bool guest_is_there(const struct guest *g)
{
    return g->defined || g->live || guest_is_active(g) || core_migrating(&g->core);
}
/* Nothing is left of it, and nothing is under way. */
bool guest_is_over(const struct guest *g);
/* <on_poweroff>restart</on_poweroff> */
static inline bool guest_restarts_on_poweroff(const struct guest *g)
{
    return g->live && g->live->on_poweroff == DOMAIN_ACTION_RESTART;
}
/* The document a client means: live if active, else the definition. */
const struct domain *guest_document(const struct guest *g);

/* ---- into the machine ---- */
/* Something happened. */
void guest_event(struct guest *g, enum core_event_type type, uint8_t arg, uint8_t arg2);
/* A call: `w->answered` is called once, perhaps before this returns. */
void guest_ask(struct guest *g, enum core_event_type type, uint8_t arg, struct guest_waiter *w);
/* QEMU's state is known now, or won't be: calls that were put off are asked. */
void guest_settle(struct guest *g);
/* A guest that is nowhere written down goes when its last QEMU, call, job and file are gone. */
void guest_forget_if_over(struct guest *g);
/* Somebody who waits goes away: it is not answered any more. */
void guest_forget_waiter(struct guest *g, struct guest_waiter *w);
/* The error and sentence for a result, with QEMU's or the peer's words where it has them. */
void guest_explain(const struct guest *g, enum core_result result, enum core_call call,
                   struct fail *ret);

/* ACT_ANSWER and ACT_REFUSE */
void guest_answer_call(struct guest *g, enum core_call call, enum core_result result);
void guest_refuse_call(struct guest *g, enum core_result result);
/* Those that ended a migration, and waited for the disk. */
void guest_answer_held(struct guest *g);

/* interpret.c: carry out one step's actions */
void interpret(struct guest *g, const struct core_event *event, const struct core_actions *actions);

/* ---- QEMU (guest_qemu.c, guest_monitor.c) ---- */
/* Start one for g->live; the result is an EV_QEMU_STARTED or EV_QEMU_START_FAILED. */
void guest_start_qemu(struct guest *g, bool incoming);
void guest_kill_qemu(struct guest *g, bool gracefully);
/* Take over a QEMU that was found in the journal. */
void guest_adopt_qemu(struct guest *g, const struct process_identity *identity);
/* Send one command; `reply` may be NULL. False: it could not be sent, and `reply` won't come. */
bool guest_command(struct guest *g, const char *name, struct json_object *arguments,
                   monitor_reply_fn *reply);
bool guest_command_to(struct guest *g, const char *name, struct json_object *arguments,
                      monitor_reply_fn *reply, void *userdata);
/* The same out of band: carried out at once, also by a QEMU that is blocked. */
bool guest_command_oob(struct guest *g, const char *name, struct json_object *arguments,
                       monitor_reply_fn *reply, void *userdata);
/* Without an answer; QEMU gets a duplicate of the descriptor. */
bool guest_command_fd(struct guest *g, const char *name, struct json_object *arguments, int fd);
/* A question that may wait for ever. */
bool guest_command_patient(struct guest *g, const char *name, monitor_reply_fn *reply, void *userdata);
/* It takes orders. */
bool guest_monitor_answers(const struct guest *g);
/* QEMU has left this command without an answer: in g->trouble. */
void guest_note_silence(struct guest *g, const char *command);
/* What became of its orders can't be known (g->trouble says why): when QEMU answers again it is asked, and the
 * machine is told what it says (EV_BOOT). Until then it takes no orders. */
void guest_distrust_monitor(struct guest *g);
/* The connection itself is no good: the same over another one. */
void guest_drop_monitor(struct guest *g);
/* No QEMU any more: the live document and the id go, and what was written down of them. */
void guest_clear_live(struct guest *g);
/* Let go of the connection and the watch; the process is left as it is. */
void guest_release_qemu(struct guest *g);

/* ---- durable (guest_store.c; documents: guest_change.h) ---- */
/* At the start of the program: what `g->folder` holds, after the definition. Opens the journal and
 * restores the machine, the live document and the last job. 0, GUEST_NOTHING_LEFT (a transient guest
 * that is over), or -1 (files that can't be read). */
enum { GUEST_NOTHING_LEFT = 1 };
int guest_load(struct guest *g, bool *ret_has_process, struct process_identity *ret_identity,
               struct fail *f);
/* Append the machine's state and what goes with it. Negative: it is not there, and a daemon that comes
 * back knows only what was true before. */
int guest_journal_write(struct guest *g, struct fail *f);
/* The same before the actions of a step, which are done in any case; the log says what went wrong. */
void guest_journal_append(struct guest *g);
/* -> EV_SYNCED or EV_SYNC_FAILED */
void guest_journal_sync(struct guest *g);
/* The same, and nobody waits for it. */
void guest_journal_keep(struct guest *g);
/* Keep the completed job's statistics for after a restart. */
void guest_store_job(struct guest *g);

/* Milliseconds and microseconds of CLOCK_BOOTTIME. */
uint64_t guest_clock(void);
