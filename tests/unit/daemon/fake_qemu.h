/* fake_qemu.h - a guest whose QEMU is played by the test: slow, dumb, dead at the wrong moment. */
#pragma once
#include "host.h"
#include "daemon/guest.h"

struct fake {
    struct host *host;
    struct guest *guest;
    int fd; /* QEMU's end of the monitor */
    struct buffer in;
    unsigned long long id; /* of the last command that QEMU got */
    int got;               /* the descriptor that came last; -1: none, or it was taken */
};

struct guest *fake_define(struct host *h, const char *name);
/* The guest runs, as far as the daemon knows. */
struct fake fake_start(struct host *h, struct guest *g);
void fake_end(struct fake *q);

/* What the daemon sends to QEMU next, without the line's end. */
char *fake_receive(struct fake *q);
/* The next command holds this text. */
void fake_expect(struct fake *q, const char *command);
void fake_say(struct fake *q, const char *text);
void fake_return(struct fake *q, const char *value);
void fake_refuse(struct fake *q);
