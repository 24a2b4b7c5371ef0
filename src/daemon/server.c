/* server.c - listeners, connections, and the calls whose clients are gone.
 *
 * While there are as many clients as max_clients, the listeners pause: who comes then waits in the
 * kernel's queue until one leaves. The read-only socket's has its share of them only: who may do no
 * more than look can't shut out who rules. The peers' listener is on its own: neither can peers keep
 * clients out, nor clients a peer.
 */
#include "daemon/server.h"
#include <stdio.h>
#include <stdlib.h>
#include "daemon/client.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Connections that have not said which attempt they speak for: when one more comes, the oldest
 * goes. Who wants to shut others out has to be faster than each of them. */
enum { STRANGERS_MAX = 32 };

enum { DOOR_RW, DOOR_RO, DOOR_TCP, DOOR_PEER, DOORS };

struct door {
    struct server *server;
    struct listener *listener;
    enum client_door kind;
    bool paused;
};

struct server {
    struct daemon *daemon;
    struct door doors[DOORS];
    struct client *clients;
    unsigned client_count, anybody_count;
    struct call *orphans;
};

struct daemon *server_daemon(const struct server *s)
{
    return s->daemon;
}

unsigned server_client_count(const struct server *s)
{
    return s->client_count;
}

uint16_t server_tcp_port(const struct server *s)
{
    return s->doors[DOOR_TCP].listener ? listener_port(s->doors[DOOR_TCP].listener) : 0;
}

/* ---- clients --------------------------------------------------------------------------------- */

/* Of four, one stays free for who comes by another way; where there are fewer, the last. */
static unsigned limit_of(const struct server *s, const struct door *door)
{
    unsigned most = s->daemon->config.max_clients;
    return door->kind != CLIENT_READ_ONLY || most == 1 ? most : most - (most + 3) / 4;
}

static void settle_doors(struct server *s)
{
    for (int i = 0; i < DOORS; i++) {
        struct door *door = &s->doors[i];
        unsigned count = door->kind == CLIENT_READ_ONLY ? s->anybody_count : s->client_count;
        bool pause = count >= limit_of(s, door) || s->client_count >= s->daemon->config.max_clients;
        if (!door->listener || door->kind == CLIENT_PEER || pause == door->paused)
            continue;
        door->paused = pause;
        if (!pause) {
            listener_resume(door->listener);
            continue;
        }
        listener_pause(door->listener);
        log_warning("there are %u clients%s, as many as max_clients allows: others have to wait", count,
                    door->kind == CLIENT_READ_ONLY ? " at the read-only socket" : "");
    }
}

void server_client_added(struct server *s, struct client *c)
{
    c->next = s->clients;
    if (c->next)
        c->next->previous = c;
    s->clients = c;
    if (c->from_peer)
        return;
    s->client_count++;
    s->anybody_count += c->from_anybody;
    settle_doors(s);
}

void server_client_gone(struct server *s, struct client *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->previous = c->previous;
    if (c->from_peer)
        return;
    s->client_count--;
    s->anybody_count -= c->from_anybody;
    settle_doors(s);
}

/* The newest stand first in the list. */
static void make_room_for_stranger(struct server *s)
{
    unsigned count = 0;
    struct client *oldest = NULL;
    for (struct client *c = s->clients; c; c = c->next) {
        if (!c->from_peer || c->attached)
            continue;
        oldest = c;
        count++;
    }
    if (count >= STRANGERS_MAX) {
        log_warning("%u connections to the peers' listener don't say what they want: %s has to go",
                    count, oldest->peer.address);
        client_free(oldest);
    }
}

static void accepted(int fd, const struct listener_peer *peer, void *userdata)
{
    struct door *door = userdata;
    struct fail f;
    static const char *const kinds[] = {
        [CLIENT_READ_WRITE] = "", [CLIENT_READ_ONLY] = ", read-only", [CLIENT_PEER] = ", a peer"};
    log_debug("client %s connected%s", peer->address, kinds[door->kind]);
    if (door->kind == CLIENT_PEER)
        make_room_for_stranger(door->server);
    if (client_new(door->server, fd, peer, door->kind, &f) < 0)
        log_error("take client %s: %s", peer->address, f.text);
}

struct client *server_clients(const struct server *s)
{
    return s->clients;
}

/* ---- calls without a client ------------------------------------------------------------------ */

void server_adopt_call(struct server *s, struct call *call)
{
    call->previous = NULL;
    call->next = s->orphans;
    if (call->next)
        call->next->previous = call;
    s->orphans = call;
}

void server_forget_call(struct server *s, struct call *call)
{
    if (call->previous)
        call->previous->next = call->next;
    else
        s->orphans = call->next;
    if (call->next)
        call->next->previous = call->previous;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int listen_unix(struct server *s, int which, const char *name, mode_t mode, struct fail *f)
{
    const struct config *config = &s->daemon->config;
    auto_free char *path = NULL;
    if (asprintf(&path, "%s/%s", config->run_dir, name) < 0) {
        path = NULL;
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    struct listener_unix where = {.path = path, .mode = mode, .group = config->unix_sock_group};
    struct door *door = &s->doors[which];
    if (listener_new_unix(daemon_event(s->daemon), &where, accepted, door, &door->listener, f) < 0)
        return -1;
    log_info("listening at %s%s", path, which == DOOR_RO ? " (read-only)" : "");
    return 0;
}

static int listen_tcp(struct server *s, struct fail *f)
{
    const struct config *config = &s->daemon->config;
    struct door *door = &s->doors[DOOR_TCP];
    if (!config->listen_tcp_address)
        return 0;
    if (listener_new_tcp(daemon_event(s->daemon), config->listen_tcp_address,
                         config->listen_tcp_port, accepted, door, &door->listener, f) < 0)
        return -1;
    log_warning("listening at TCP %s port %u WITHOUT AUTHENTICATION OR ENCRYPTION: whoever reaches "
                "it rules every guest of this host. For private networks only",
                config->listen_tcp_address, listener_port(door->listener));
    return 0;
}

static int listen_peers(struct server *s, struct fail *f)
{
    const struct config *c = &s->daemon->config;
    struct door *door = &s->doors[DOOR_PEER];
    struct listener_unix where = {.path = c->peer_listen_path, .mode = 0700};
    int r = 0;
    if (c->peer_listen_path)
        r = listener_new_unix(daemon_event(s->daemon), &where, accepted, door, &door->listener, f);
    else if (c->peer_listen_address)
        r = listener_new_tcp(daemon_event(s->daemon), c->peer_listen_address, c->peer_listen_port,
                             accepted, door, &door->listener, f);
    if (r < 0)
        return fail_prefix(f, "peer_listen");
    if (door->listener)
        log_info("listening for peers at %s",
                 c->peer_listen_path ? c->peer_listen_path : c->peer_listen_address);
    return 0;
}

int server_new(struct daemon *d, struct server **ret_server, struct fail *f)
{
    struct server *s = calloc(1, sizeof(*s));
    if (!s)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    s->daemon = d;
    for (int i = 0; i < DOORS; i++)
        s->doors[i].server = s;
    s->doors[DOOR_RO].kind = CLIENT_READ_ONLY;
    s->doors[DOOR_PEER].kind = CLIENT_PEER;
    if (listen_unix(s, DOOR_RW, "virtqemud-sock", d->config.unix_sock_rw_perms, f) < 0 ||
        listen_unix(s, DOOR_RO, "virtqemud-sock-ro", d->config.unix_sock_ro_perms, f) < 0 ||
        listen_tcp(s, f) < 0 || listen_peers(s, f) < 0) {
        server_free(s);
        return -1;
    }
    *ret_server = s;
    return 0;
}

void server_stop(struct server *s)
{
    if (!s)
        return;
    for (int i = 0; i < DOORS; i++) {
        listener_free(s->doors[i].listener);
        s->doors[i].listener = NULL;
    }
    while (s->clients)
        client_free(s->clients);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    server_stop(s);
    while (s->orphans) {
        struct call *call = s->orphans;
        s->orphans = call->next;
        call_free(call);
    }
    free(s);
}
