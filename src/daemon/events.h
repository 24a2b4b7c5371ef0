/* events.h - telling clients what happened.
 *
 * One place turns a change of a guest into messages to every client that registered for it.
 * Messages keep the order in which they were told, on each connection.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "util/fail.h"
#include "util/uuid.h"
#include "wire/params.h"

struct daemon;
struct client;
struct guest;
struct call;
struct events;
struct qmp_event;

/* virDomainEventID: 0 LIFECYCLE, 1 REBOOT, 20 MIGRATION_ITERATION, 21 JOB_COMPLETED, ... */
void events_tell_lifecycle(struct guest *g, int event, int detail);
void events_tell_reboot(struct guest *g);
void events_tell_iteration(struct guest *g, int pass);
void events_tell_job_completed(struct guest *g, const struct rpc_params *params);
/* An event of QEMU's, for those who registered at the qemu program. `details` is JSON or NULL. */
void events_tell_monitor(struct guest *g, const char *name, int64_t seconds, uint32_t micros,
                         const char *details);
/* The agent: VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_..., ..._REASON_... */
void events_tell_agent(struct guest *g, int state, int reason);
/* VIR_DOMAIN_METADATA_TITLE, ...; `uri` of an element, else NULL */
void events_tell_metadata(struct guest *g, int type, const char *uri);
/* What QEMU says that decides nothing here, but that clients may want to hear: a changed clock, a
 * watchdog, an I/O error, the balloon's size (events_qemu.c). */
void events_tell_qemu(struct guest *g, const struct qmp_event *event);

/* A client is gone: so are its registrations. */
void events_forget_client(struct daemon *d, struct client *client);

/* ---- who wants to hear what (api_event.c) ---- */

enum {
    EVENTS_IDS = 27,                 /* virDomainEventID 0..26 can be registered for */
    EVENTS_REGISTRATIONS_MAX = 1024, /* on one connection */
};

struct events_wish {
    bool monitor; /* events of QEMU's monitor, else `id` */
    int32_t id;   /* virDomainEventID */
    bool of_one;  /* only of the guest with `uuid` */
    struct uuid uuid;
    const char *name; /* monitor: pattern for the event's name, copied; NULL: every one */
    unsigned flags;   /* monitor: virConnectDomainQemuMonitorEventRegisterFlags */
};

int events_new(struct events **ret_events, struct fail *f);
/* Harmless on NULL. */
void events_free(struct events *e);
/* 0 and the id by which the client knows the registration, or -1. */
int events_register(struct daemon *d, struct client *client, const struct events_wish *wish,
                    int32_t *ret_callback, struct fail *f);
/* -1 when the client has no such registration of this kind. */
int events_deregister(struct daemon *d, struct client *client, bool monitor, int32_t callback,
                      struct fail *f);

/* For events_qemu.c: to all who wished for this id. `event` is the procedure's payload, `callback`
 * its first member, which each receiver has its own value of. */
void events_send(struct guest *g, int id, int32_t procedure, void *event, int32_t *callback);
