/* fake.h - a QEMU that is none: the command line, the monitor, the events and the migrations of
 * one.
 *
 * What it does with a migration is what QEMU 7.2 and 10.0 were measured to do, in their orders and
 * with their traps; whose it imitates is in the name that it was started by. The guest in it is a
 * counter that ticks, and pages whose contents follow from the count, so that a page that was lost,
 * came twice or is old shows at once.
 *
 * A test holds its reins: beside the name that it was started by there may be a socket,
 * NAME.control. At each point (a command taken, a reply, an event, a message of the stream) the
 * fake says where it is and stands still until it is told to go on, with orders of what to do
 * differently there.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>

enum {
    PAGES = 256,           /* of the guest */
    PAGE_BYTES = 8 * 1024, /* what one counts for in figures and bandwidths */
    CAPABILITIES_MAX = 64,
    LINES_MAX = 256,
};

enum run_state {
    RUN_PRELAUNCH,
    RUN_INMIGRATE,
    RUN_RUNNING,
    RUN_PAUSED,
    RUN_FINISH_MIGRATE,
    RUN_POSTMIGRATE,
    RUN_IO_ERROR
};

/* ---- time (main.c) ---- */
typedef void timer_fn(void);
uint64_t now_ms(void);
/* Call it after so many ms; once. A timer that is armed again moves. */
void timer_set(timer_fn *call, uint64_t ms);
void timer_unset(timer_fn *call);
/* Calls `ready` whenever the descriptor can be read. */
void watch(int fd, void (*ready)(int fd));
void unwatch(int fd);
void end(int status) __attribute__((noreturn));

/* ---- the test's reins (control.c) ---- */
/* Where we are; what was ordered for this point is done, or left here for the caller. */
struct orders {
    bool drop;        /* it is not said */
    uint64_t late_ms; /* it is said so much later */
    bool has_error;   /* the command is not executed: this is the reply */
    char error[256];
};
void control_connect(const char *argv0, const char *role);
void at_point(struct orders *ret_orders, const char *kind, const char *name);

/* ---- the monitor (monitor.c) ---- */
void monitor_start(int listen_fd);
void monitor_raw(const char *text);
void monitor_close(void);
void monitor_hang(void);
/* The descriptor that came with the last command that had one; -1: none, or it was taken. */
int monitor_take_fd(void);
/* "MIGRATION", {"status": "active"}; takes over `data`. */
void monitor_event(const char *name, struct json_object *data);
/* What was put off because QEMU was blocked. */
void monitor_unblocked(void);

/* Takes a command; the reply, or NULL with the sentence of the error. */
typedef struct json_object *command_fn(struct json_object *arguments, char error[256]);
struct command {
    const char *name;
    command_fn *execute;
    bool oob;
};
extern const struct command commands[]; /* commands.c; ends with an empty name */

/* ---- what it knows (commands.c) ---- */
bool commands_load(const char *argv0);
extern bool is_7_2;
/* The greeting's version object; borrowed. */
struct json_object *commands_version(void);
bool capability(const char *name);
uint64_t parameter(const char *name, uint64_t otherwise);

/* ---- the guest (guest.c) ---- */
extern enum run_state run_state;
struct page {
    uint64_t tick; /* when it was last written */
    bool here, dirty, requested;
};
extern struct page pages[PAGES];
extern uint64_t ticks;
void guest_start(const char *options, bool waits);
void guest_add_port(int index, const char *path);
bool guest_runs(void);
/* It stands at a page that is not here. */
bool guest_is_stuck(void);
void guest_power_off(void);
void guest_meet_error(void);
void guest_page_came(unsigned page);
/* With STOP, with RESUME; nothing when it is so already. */
void guest_stop(enum run_state state);
void guest_resume(void);

/* ---- the debugger's door (door.c) ---- */
command_fn door_command;

/* ---- the stream (stream.c) ---- */
enum message_type {
    MSG_HELLO,    /* source: value: post-copy may come */
    MSG_PAGE,     /* source: page, its value */
    MSG_STATE,    /* source: the end of pre-copy; value: ticks */
    MSG_PACKAGE,  /* source: post-copy begins; value: ticks */
    MSG_GONE,     /* source: this page is not there yet */
    MSG_END,      /* source: that was the last page */
    MSG_AGAIN,    /* source: a recovery */
    MSG_GO_ON,    /* source: the recovery may begin */
    MSG_WANTED,   /* destination: this page, please */
    MSG_HAVE,     /* destination, in a recovery: this page is here */
    MSG_HAVE_ALL, /* that was the last of them */
    MSG_GOING_ON, /* destination: it goes on */
    MSG_SHUT,     /* destination: it is done; value: 0, or it failed */
    MSG_COUNT
};
struct message {
    uint32_t type, page;
    uint64_t value;
};
struct stream_ops {
    void (*message)(const struct message *m);
    void (*broken)(const char *why);
};
/* A descriptor for the URI "fd:NAME". False: there is none. */
bool stream_keep(const char *name, int fd);
/* 0, or -1 with the sentence of the error. */
int stream_connect(const char *uri, const struct stream_ops *ops, char error[256]);
int stream_listen(const char *uri, const struct stream_ops *ops, void (*came)(void),
                  char error[256]);
void stream_send(enum message_type type, uint32_t page, uint64_t value);
bool stream_is_open(void);
/* A page can be sent without waiting. */
bool stream_has_room(void);
void stream_close(void);
/* As if the connection had been cut: `broken` is called soon. */
void stream_cut(void);

/* ---- the migration (outgoing.c, incoming.c) ---- */
extern const char *migration_status; /* "active"; NULL: there was none */
extern char migration_error[256];
void migration_say(const char *status);
struct json_object *outgoing_query(void);
struct json_object *incoming_query(void);
command_fn migrate, migrate_cancel, migrate_continue, migrate_start_postcopy;
command_fn migrate_incoming, migrate_recover;
bool outgoing_pause(void);
bool incoming_pause(void);
void incoming_cont(void);
void incoming_page_wanted(unsigned page);
bool incoming_is_paused(void);
