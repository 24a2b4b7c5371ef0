/* listener.h - sockets that clients connect to: unix and TCP. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "util/fail.h"

/* Who connected. */
struct listener_peer {
    bool local; /* a unix socket: the kernel says who it is */
    uid_t uid;  /* local only, else (uid_t)-1 */
    gid_t gid;
    pid_t pid;
    char address[64]; /* for the log and for virsh: "192.0.2.7:40000", "[::1]:40000", or "pid 12" */
};

struct listener;

/* `fd` is the receiver's: non-blocking, close-on-exec. */
typedef void listener_accept_fn(int fd, const struct listener_peer *peer, void *userdata);

struct listener_unix {
    const char *path;
    mode_t mode;
    const char *group; /* NULL or "": unchanged */
};

/* Listens at a unix socket. A socket that is left over from a daemon that died is replaced; one
 * behind which somebody listens is left alone, and so is anything that is not a socket: -1. */
int listener_new_unix(sd_event *event, const struct listener_unix *where,
                      listener_accept_fn *accept, void *userdata, struct listener **ret_listener,
                      struct fail *f);
/* Listens at every address of `host` (NULL, "" or "*": all of this machine's). `port` 0 lets the
 * kernel choose. A name is looked up at once: this is for the start of the program. */
int listener_new_tcp(sd_event *event, const char *host, uint16_t port, listener_accept_fn *accept,
                     void *userdata, struct listener **ret_listener, struct fail *f);
/* Closes, and removes the unix socket's file unless somebody else put another one there. */
void listener_free(struct listener *l);

/* The TCP port that is listened on. */
uint16_t listener_port(const struct listener *l);
/* While the daemon has as many clients as it takes, new ones wait in the kernel's queue. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
