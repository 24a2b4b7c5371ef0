/* server.h - the sockets that clients connect to, and all connections. */
#pragma once
#include <stdint.h>
#include "util/fail.h"

struct call;
struct client;
struct daemon;
struct server;

/* Listens at run_dir's virtqemud-sock and virtqemud-sock-ro, and at listen_tcp and peer_listen where
 * configured. */
int server_new(struct daemon *d, struct server **ret_server, struct fail *f);
/* No more clients: listeners and connections are closed. Calls that are still under way are kept
 * for their handlers, and their answers go nowhere. */
void server_stop(struct server *s);
/* The calls that nobody will answer any more go with it. Harmless on NULL. */
void server_free(struct server *s);

unsigned server_client_count(const struct server *s); /* without peers */
/* All connections, by client.next. */
struct client *server_clients(const struct server *s);
/* The TCP port that is listened on; 0 without. */
uint16_t server_tcp_port(const struct server *s);

/* For client.c and call.c. */
struct daemon *server_daemon(const struct server *s);
void server_client_added(struct server *s, struct client *c);
void server_client_gone(struct server *s, struct client *c);
/* Its client is gone; it is answered to nobody. */
void server_adopt_call(struct server *s, struct call *call);
void server_forget_call(struct server *s, struct call *call);
