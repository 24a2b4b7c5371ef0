/* api_event.c - registering for events, and taking it back. */
#include "daemon/api.h"
#include "daemon/events.h"

static void answer(struct call *call, int registered, int32_t callback, const struct fail *why)
{
    struct remote_int result = {.value = callback};
    if (registered < 0)
        call_fail(call, why);
    else
        call_reply(call, &result);
}

void api_event_register(struct call *call)
{
    const struct remote_event_register *args = call->args;
    struct events_wish wish = {.id = args->event_id, .of_one = args->dom != NULL};
    int32_t callback = 0;
    struct fail f;
    if (args->dom)
        wish.uuid = args->dom->uuid;
    int r = events_register(call->daemon, call->client, &wish, &callback, &f);
    answer(call, r, callback, &f);
}

void api_monitor_event_register(struct call *call)
{
    const struct remote_monitor_event_register *args = call->args;
    struct events_wish wish = {
        .monitor = true, .of_one = args->dom != NULL, .name = args->event, .flags = args->flags};
    int32_t callback = 0;
    struct fail f;
    if (args->dom)
        wish.uuid = args->dom->uuid;
    int r = events_register(call->daemon, call->client, &wish, &callback, &f);
    answer(call, r, callback, &f);
}

static void deregister(struct call *call, bool monitor)
{
    const struct remote_int *args = call->args;
    struct fail f;
    if (events_deregister(call->daemon, call->client, monitor, args->value, &f) < 0)
        call_fail(call, &f);
    else
        call_reply(call, NULL);
}

void api_event_deregister(struct call *call)
{
    deregister(call, false);
}

void api_monitor_event_deregister(struct call *call)
{
    deregister(call, true);
}
