/* events.c - who wants to hear what, and telling them.
 *
 * The registrations for each event are kept in one list, in the order in which they came. An event
 * is written to each connection at once, behind what is queued there: so replies and events keep
 * the order in which they happened.
 */
#include "daemon/events.h"
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/client.h"
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "wire/remote.h"

enum { MONITOR = EVENTS_IDS, LISTS };
enum { NAME_MAX_BYTES = 256 };

struct registration {
    struct registration *next;
    struct client *client;
    int32_t callback;
    bool of_one;
    struct uuid uuid;
    unsigned flags;
    char name[]; /* of the monitor's event; "" for every one */
};

struct events {
    struct registration *lists[LISTS];
};

/* virConnectDomainQemuMonitorEventRegisterFlags */
enum { MONITOR_REGEX = 1, MONITOR_NOCASE = 2 };

int events_new(struct events **ret_events, struct fail *f)
{
    *ret_events = calloc(1, sizeof(**ret_events));
    return *ret_events ? 0 : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
}

static void drop(struct registration **at)
{
    struct registration *r = *at;
    *at = r->next;
    r->client->registrations--;
    free(r);
}

void events_free(struct events *e)
{
    for (int i = 0; e && i < LISTS; i++)
        while (e->lists[i])
            drop(&e->lists[i]);
    free(e);
}

/* ---- registrations --------------------------------------------------------------------------- */

static int check_wish(const struct client *c, const struct events_wish *wish, struct fail *f)
{
    if (!wish->monitor && (wish->id < 0 || wish->id >= EVENTS_IDS))
        return fail_set(f, VIR_ERR_INVALID_ARG, "unsupported event ID %d", wish->id);
    if (wish->flags & ~(unsigned)(MONITOR_REGEX | MONITOR_NOCASE))
        return fail_set(f, VIR_ERR_INVALID_ARG, "unsupported flags (0x%x)", wish->flags);
    if (wish->flags & MONITOR_REGEX)
        return fail_set(f, VIR_ERR_ARGUMENT_UNSUPPORTED,
                        "the flag VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX: give the "
                        "event's name");
    if (wish->name && strlen(wish->name) > NAME_MAX_BYTES)
        return fail_set(f, VIR_ERR_INVALID_ARG, "the event's name has %zu bytes; at most %d",
                        strlen(wish->name), NAME_MAX_BYTES);
    if (c->registrations >= EVENTS_REGISTRATIONS_MAX || c->next_callback == INT32_MAX)
        return fail_set(f, VIR_ERR_OPERATION_FAILED,
                        "this connection has too many registrations for events (at most %d)",
                        EVENTS_REGISTRATIONS_MAX);
    return 0;
}

int events_register(struct daemon *d, struct client *client, const struct events_wish *wish,
                    int32_t *ret_callback, struct fail *f)
{
    const char *name = wish->name ? wish->name : "";
    if (check_wish(client, wish, f) < 0)
        return -1;
    struct registration *r = calloc(1, sizeof(*r) + strlen(name) + 1);
    if (!r)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    r->client = client;
    r->callback = client->next_callback++;
    r->of_one = wish->of_one;
    r->uuid = wish->uuid;
    r->flags = wish->flags;
    strcpy(r->name, name);
    struct registration **at = &d->events->lists[wish->monitor ? MONITOR : wish->id];
    while (*at)
        at = &(*at)->next;
    *at = r;
    client->registrations++;
    *ret_callback = r->callback;
    return 0;
}

int events_deregister(struct daemon *d, struct client *client, bool monitor, int32_t callback,
                      struct fail *f)
{
    for (int i = monitor ? MONITOR : 0; i < (monitor ? LISTS : MONITOR); i++) {
        for (struct registration **at = &d->events->lists[i]; *at; at = &(*at)->next) {
            if ((*at)->client != client || (*at)->callback != callback)
                continue;
            drop(at);
            return 0;
        }
    }
    return fail_set(f, VIR_ERR_INVALID_ARG, "could not find event callback %d for deletion",
                    callback);
}

void events_forget_client(struct daemon *d, struct client *client)
{
    for (int i = 0; i < LISTS && client->registrations; i++) {
        struct registration **at = &d->events->lists[i];
        while (*at) {
            if ((*at)->client == client)
                drop(at);
            else
                at = &(*at)->next;
        }
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static bool concerns(const struct registration *r, const struct guest *g)
{
    return !r->of_one || uuid_equal(&r->uuid, &g->uuid);
}

void events_send(struct guest *g, int id, int32_t procedure, void *event, int32_t *callback)
{
    const struct rpc_proc *proc = rpc_find(PROGRAM_REMOTE, procedure);
    for (struct registration *r = g->daemon->events->lists[id]; r; r = r->next) {
        if (!concerns(r, g))
            continue;
        *callback = r->callback;
        client_send_event(r->client, proc, event);
    }
}

void events_tell_lifecycle(struct guest *g, int event, int detail)
{
    struct remote_event_lifecycle e = {.dom = call_name_guest(g), .event = event, .detail = detail};
    events_send(g, VIR_DOMAIN_EVENT_ID_LIFECYCLE, REMOTE_EVENT_LIFECYCLE, &e, &e.callback_id);
}

void events_tell_reboot(struct guest *g)
{
    struct remote_event e = {.dom = call_name_guest(g)};
    events_send(g, VIR_DOMAIN_EVENT_ID_REBOOT, REMOTE_EVENT_REBOOT, &e, &e.callback_id);
}

void events_tell_iteration(struct guest *g, int pass)
{
    struct remote_event_int e = {.dom = call_name_guest(g), .value = pass};
    events_send(g, VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, REMOTE_EVENT_MIGRATION_ITERATION, &e,
                &e.callback_id);
}

void events_tell_job_completed(struct guest *g, const struct rpc_params *params)
{
    struct remote_event_params e = {.dom = call_name_guest(g), .params = *params};
    events_send(g, VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, REMOTE_EVENT_JOB_COMPLETED, &e,
                &e.callback_id);
}

void events_tell_agent(struct guest *g, int state, int reason)
{
    struct remote_event_agent e = {.dom = call_name_guest(g), .state = state, .reason = reason};
    events_send(g, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, REMOTE_EVENT_AGENT_LIFECYCLE, &e,
                &e.callback_id);
}

void events_tell_metadata(struct guest *g, int type, const char *uri)
{
    struct remote_event_metadata e = {.dom = call_name_guest(g), .type = type, .uri = uri};
    events_send(g, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, REMOTE_EVENT_METADATA_CHANGE, &e,
                &e.callback_id);
}

static bool wants_monitor_event(const struct registration *r, const char *name)
{
    if (!r->name[0])
        return true;
    return (r->flags & MONITOR_NOCASE ? strcasecmp(r->name, name) : strcmp(r->name, name)) == 0;
}

void events_tell_monitor(struct guest *g, const char *name, int64_t seconds, uint32_t micros,
                         const char *details)
{
    const struct rpc_proc *proc = rpc_find(PROGRAM_QEMU, QEMU_MONITOR_EVENT);
    struct remote_monitor_event e = {.dom = call_name_guest(g),
                                     .event = name,
                                     .seconds = seconds,
                                     .micros = micros,
                                     .details = details};
    for (struct registration *r = g->daemon->events->lists[MONITOR]; r; r = r->next) {
        if (!concerns(r, g) || !wants_monitor_event(r, name))
            continue;
        e.callback_id = r->callback;
        client_send_event(r->client, proc, &e);
    }
}
