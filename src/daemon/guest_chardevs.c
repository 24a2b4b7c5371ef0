/* guest_chardevs.c - live facts of a guest's character devices: in its document, and told to
 * clients.
 *
 * A channel is "connected" while the guest's end is open. QEMU tells of each change; how it was
 * when QEMU came up, or while this daemon was away, it is asked.
 */
#include "daemon/guest_chardevs.h"
#include <libvirt/libvirt.h>
#include <string.h>
#include "daemon/events.h"
#include "wire/qmp.h"

#define AGENT_PORT   "org.qemu.guest_agent.0"
#define ALIAS_PREFIX "char" /* of a device's alias: its character device's label */

/* The agent's state is told when it changes; what it is at a start is a change too. */
static void note_channel(struct guest *g, struct domain_channel *c, bool open, int reason)
{
    enum domain_channel_state state = open ? DOMAIN_CHANNEL_CONNECTED : DOMAIN_CHANNEL_DISCONNECTED;
    if (c->state == state)
        return;
    c->state = state;
    if (c->name && strcmp(c->name, AGENT_PORT) == 0)
        events_tell_agent(g,
                          open ? VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                               : VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED,
                          reason);
}

static struct domain_channel *find_channel(struct guest *g, const char *alias)
{
    for (size_t i = 0; g->live && alias && i < g->live->channel_count; i++)
        if (g->live->channels[i].dev.alias && strcmp(g->live->channels[i].dev.alias, alias) == 0)
            return &g->live->channels[i];
    return NULL;
}

static void note_chardev(struct guest *g, struct json_object *chardev, int reason)
{
    const char *label = qmp_get_string(chardev, "label");
    const char *file = qmp_get_string(chardev, "filename");
    if (!label || strncmp(label, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) != 0)
        return;
    if (file && strncmp(file, "pty:", 4) == 0)
        (void)domain_set_pty(g->live, label, file + 4);
    struct domain_channel *c = find_channel(g, label + strlen(ALIAS_PREFIX));
    if (c)
        note_channel(g, c, qmp_get_bool(chardev, "frontend-open", false), reason);
}

static void note_chardevs(struct guest *g, struct json_object *chardevs, int reason)
{
    if (!json_object_is_type(chardevs, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(chardevs); i++)
        note_chardev(g, json_object_array_get_idx(chardevs, i), reason);
}

void guest_note_chardevs(struct guest *g, struct json_object *chardevs)
{
    note_chardevs(g, chardevs, VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED);
}

static void channels_known(const struct monitor_reply *reply, void *userdata)
{
    struct guest *g = userdata;
    if (reply->outcome == MONITOR_RETURN && g->live)
        note_chardevs(g, reply->value, VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL);
}

void guest_ask_channels(struct guest *g)
{
    if (g->live && g->live->channel_count)
        (void)guest_command(g, "query-chardev", NULL, channels_known);
}

void guest_note_vserport(struct guest *g, const struct qmp_event *e)
{
    struct domain_channel *c = find_channel(g, e->device);
    if (c)
        note_channel(g, c, e->open, VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL);
}
