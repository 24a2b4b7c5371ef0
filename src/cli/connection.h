/* connection.h - a connection to the batond of this host, one call at a time. */
#pragma once
#include <stdint.h>
#include "util/arena.h"
#include "util/buffer.h"
#include "util/fail.h"

struct connection {
    int fd;
    uint32_t serial;
    struct buffer in;
};

/* To the read-write socket at `path`, opened. 0, or -1 with `f`. */
int connection_open(const char *path, struct connection *ret, struct fail *f);
void connection_close(struct connection *c);
/* Returns when it is answered. `ret` is of the procedure's type, its strings the arena's (NULL where it
 * has no result). -1 with what the daemon said, or with what is wrong with the connection. */
int connection_call(struct connection *c, uint32_t program, int32_t procedure, const void *args,
                    struct arena *arena, void *ret, struct fail *f);
