/* call.h - one call of a client, from its arrival to its one answer.
 *
 * A handler gets the decoded arguments and either answers at once or keeps the call and answers
 * later. call_reply and call_fail each end the call: exactly one of them is called, once. When the
 * client goes away meanwhile, the answer goes nowhere; the handler need not know.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/arena.h"
#include "util/fail.h"
#include "wire/remote.h"
#include "wire/rpc.h"

struct client;
struct daemon;
struct guest;
struct server;

enum { CALL_ARENA_MAX = 64 * 1024 * 1024 /* arguments and results of one call */ };

struct call {
    struct daemon *daemon;
    struct client *client; /* NULL once it is gone */
    struct server *server;
    const struct rpc_proc *proc;
    uint32_t serial;
    bool read_only;               /* it came over a connection that may only read */
    const void *args;             /* proc->args, in the arena */
    struct arena arena;           /* for arguments and results; freed with the call */
    struct call *previous, *next; /* of the client's calls */
    struct call *next_put_off;    /* of its guest's */
};

typedef void call_handler(struct call *call);

/* `result` is proc->ret's struct, NULL when it has none. */
void call_reply(struct call *call, const void *result);
void call_fail(struct call *call, const struct fail *why);
void call_failf(struct call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The handler of each procedure; NULL where Baton has none (VIR_ERR_NO_SUPPORT). */
call_handler *call_find_handler(uint32_t program, int32_t procedure);

/* ---- what handlers share (call_guest.c) ---- */

/* A guest as the protocol names it; the name is borrowed. */
struct remote_domain call_name_guest(const struct guest *g);
/* The guest that a domain argument names (by uuid). NULL: the call was answered with
 * VIR_ERR_NO_DOMAIN. */
struct guest *call_find_guest(struct call *call, const struct remote_domain *dom);
/* Flags beyond `supported` are refused by number: false, and the call was answered. */
bool call_check_flags(struct call *call, uint64_t flags, uint64_t supported);
/* Right after a restart of the daemon a QEMU that runs has not spoken yet, and takes no orders. True: the
 * call is kept until it has, or won't; then its handler begins anew. */
bool call_wait_for_qemu(struct call *call, struct guest *g);
/* Hand a call of the guest's life (START, SUSPEND, ...) to its machine; it is answered with an
 * empty reply, or the error for the machine's result. */
void call_ask_guest(struct call *call, struct guest *g, uint8_t event_type, uint8_t arg);

/* ---- for client.c and server.c ---- */
/* NULL without memory. */
struct call *call_new(struct client *client, const struct rpc_proc *proc, uint32_t serial);
/* Without an answer. */
void call_free(struct call *call);
