/* connect.h - connecting to a unix socket or to host and port, without blocking, with a deadline.
 *
 * A name is looked up on the worker; each of its addresses is tried in turn within the deadline.
 */
#pragma once
#include <stdint.h>
#include <systemd/sd-event.h>
#include "util/fail.h"

struct worker_pool;
struct connector;

/* Called once, from the loop, never inside connect_*: with a connected non-blocking descriptor that
 * is the receiver's, or -1 and the reason, which names the destination. The connector is gone by
 * then. */
typedef void connect_done_fn(int fd, const struct fail *why, void *userdata);

/* `timeout` in microseconds. 0, or -1 with `f` (a path that does not fit, no memory). */
int connect_unix(sd_event *event, const char *path, uint64_t timeout, connect_done_fn *done,
                 void *userdata, struct connector **ret_connector, struct fail *f);
/* `host` is a name or an address; an IPv6 address also in brackets. */
int connect_tcp(sd_event *event, struct worker_pool *pool, const char *host, uint16_t port,
                uint64_t timeout, connect_done_fn *done, void *userdata,
                struct connector **ret_connector, struct fail *f);
/* `done` is not called any more. Harmless on NULL. */
void connect_cancel(struct connector *c);
