/* api_connect.c - opening and closing a connection, and who is at the other end of it. */
#include "daemon/api.h"
#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>
#include "daemon/client.h"
#include "daemon/daemon.h"
#include "daemon/emulators.h"

enum {
    AUTH_NONE = 0,
    /* The release of libvirt whose protocol, states and sentences are followed. */
    LIB_VERSION = 9000000,
};

static void reply_string(struct call *call, const char *text)
{
    struct remote_string result = {.value = text};
    call_reply(call, &result);
}

static void reply_int(struct call *call, int32_t value)
{
    struct remote_int result = {.value = value};
    call_reply(call, &result);
}

/* ---- the beginning and the end --------------------------------------------------------------- */

void api_auth_list(struct call *call)
{
    int32_t none = AUTH_NONE;
    struct remote_auth_types result = {.types = {.items = &none, .count = 1}};
    call_reply(call, &result);
}

/* 1 only for what works. */
void api_connect_supports_feature(struct call *call)
{
    const struct remote_int *args = call->args;
    switch ((enum remote_feature)args->value) {
    case REMOTE_FEATURE_PROGRAM_KEEPALIVE:
        client_start_keepalive(call->client);
        reply_int(call, 1);
        return;
    case REMOTE_FEATURE_MIGRATION_P2P:
    case REMOTE_FEATURE_MIGRATION_V3:
    case REMOTE_FEATURE_CHANGE_PROTECTION:
    case REMOTE_FEATURE_TYPED_PARAM_STRING:
    case REMOTE_FEATURE_XML_MIGRATABLE:
    case REMOTE_FEATURE_MIGRATION_PARAMS:
    case REMOTE_FEATURE_EVENT_CALLBACK:
    case REMOTE_FEATURE_CLOSE_CALLBACK:
        reply_int(call, 1);
        return;
    case REMOTE_FEATURE_MIGRATION_V1:
    case REMOTE_FEATURE_REMOTE:
    case REMOTE_FEATURE_MIGRATION_V2:
    case REMOTE_FEATURE_MIGRATION_DIRECT:
    case REMOTE_FEATURE_FD_PASSING:
    case REMOTE_FEATURE_MIGRATION_OFFLINE:
    case REMOTE_FEATURE_NETWORK_UPDATE_ORDER:
        break;
    }
    reply_int(call, 0); /* also what a future client asks for */
}

/* The path that is ours, with what follows it in a URI. */
static bool is_path(const char *path, const char *ours)
{
    size_t size = strlen(ours);
    return strncmp(path, ours, size) == 0 && (!path[size] || path[size] == '?');
}

/* The client has taken transport and host out of the URI. An unprivileged client means the daemon
 * of its own user when it says /session. */
static int check_uri(const char *uri, struct fail *f)
{
    if (!uri || !uri[0])
        return 0;
    if (strncmp(uri, "qemu:", strlen("qemu:")) != 0)
        return fail_set(f, VIR_ERR_NO_CONNECT, "no connection driver available for %s", uri);
    const char *path = uri + strlen("qemu:");
    if (strncmp(path, "//", 2) == 0)
        path += 2;
    if (path[0] != '/')
        return fail_set(f, VIR_ERR_NO_CONNECT, "no connection driver available for %s", uri);
    if (is_path(path, "/system") || (geteuid() != 0 && is_path(path, "/session")))
        return 0;
    return fail_set(f, VIR_ERR_INTERNAL_ERROR, "unexpected QEMU URI path '%s', try qemu:///system",
                    path);
}

void api_connect_open(struct call *call)
{
    const struct remote_open *args = call->args;
    struct fail f;
    if (call->client->opened) {
        call_failf(call, VIR_ERR_INTERNAL_ERROR, "connection already open");
        return;
    }
    if (!call_check_flags(call, args->flags, VIR_CONNECT_RO | VIR_CONNECT_NO_ALIASES))
        return;
    if (check_uri(args->name, &f) < 0) {
        call_fail(call, &f);
        return;
    }
    client_opened(call->client, args->flags & VIR_CONNECT_RO);
    call_reply(call, NULL);
}

void api_connect_close(struct call *call)
{
    struct client *client = call->client;
    call_reply(call, NULL);
    client_close(client);
}

/* Baton closes connections when it ends, and then the client sees the end of the connection itself:
 * there is never a reason to send the message that these are about. */
void api_connect_register_close_callback(struct call *call)
{
    if (call->client->close_callback) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "A close callback is already registered");
        return;
    }
    call->client->close_callback = true;
    call_reply(call, NULL);
}

void api_connect_unregister_close_callback(struct call *call)
{
    if (!call->client->close_callback) {
        call_failf(call, VIR_ERR_OPERATION_INVALID, "A different callback was requested");
        return;
    }
    call->client->close_callback = false;
    call_reply(call, NULL);
}

/* ---- who is this ----------------------------------------------------------------------------- */

void api_connect_get_type(struct call *call)
{
    reply_string(call, "QEMU");
}

void api_connect_get_lib_version(struct call *call)
{
    struct remote_u64 result = {.value = LIB_VERSION};
    call_reply(call, &result);
}

void api_connect_get_hostname(struct call *call)
{
    reply_string(call, call->daemon->config.hostname);
}

void api_connect_get_uri(struct call *call)
{
    reply_string(call, "qemu:///system");
}

/* A unix socket is; TCP here has no encryption. */
void api_connect_is_secure(struct call *call)
{
    reply_int(call, call->client->peer.local);
}

static void reply_version(const struct emulator *emulator, const struct fail *why, void *userdata)
{
    struct call *call = userdata;
    if (!emulator) {
        call_fail(call, why);
        return;
    }
    struct remote_u64 result = {.value = emulator->version};
    call_reply(call, &result);
}

/* That of the default emulator. */
void api_connect_get_version(struct call *call)
{
    emulators_get(call->daemon->emulators, call->daemon->config.emulator, reply_version, call);
}
