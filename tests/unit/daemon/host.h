/* host.h - what the tests of the server share: a whole daemon in this process, below a folder of
 * its own, and clients that speak to it frame by frame.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "daemon/daemon.h"
#include "domain/domain.h"
#include "wire/remote.h"
#include "wire/rpc.h"

struct guest;

struct host {
    struct daemon daemon;
    char folder[64];
    unsigned serial; /* of the last call */
};

/* For cmocka_unit_test_setup_teardown: *state is a struct host. Its emulator does not exist. */
int host_setup(void **state);
int host_teardown(void **state);
/* The daemon goes and comes back. */
void host_restart(struct host *h);
#define host_test(f) cmocka_unit_test_setup_teardown(f, host_setup, host_teardown)

/* A guest with this definition, which is on the disk. */
struct guest *host_define(struct host *h, struct domain *document);

/* One turn of the loop; fails the test when nothing happens for long. */
void host_turn(struct host *h);
/* What is ready now, and no more. */
void host_settle(struct host *h);

/* ---- a client ---- */

struct caller {
    struct host *host;
    int fd;
    struct buffer in;
    struct arena arena; /* what the last expect_ decoded */
};

/* A connection to the socket of that name. */
struct caller peer_connect(struct host *h, const char *socket);
/* The same, opened as virsh does it. */
struct caller peer_open(struct host *h, const char *socket);
void peer_close(struct caller *p);

void peer_send(struct caller *p, const void *bytes, size_t size);
/* The call's serial. */
uint32_t peer_call(struct caller *p, int32_t procedure, const void *args);
uint32_t peer_call_program(struct caller *p, uint32_t program, int32_t procedure, const void *args);
/* A frame of any kind, with these bytes as its payload. */
void peer_send_frame(struct caller *p, const struct frame *head, const void *payload, size_t size);

/* The next frame; its payload is good until the next call. */
struct frame peer_receive(struct caller *p);
/* The next frame is the answer to this call: decoded into `ret` (NULL: it has no result). */
void peer_expect_reply(struct caller *p, int32_t procedure, uint32_t serial, void *ret);
/* The next frame is an error reply with this number and these words in it. */
void peer_expect_error(struct caller *p, uint32_t serial, int code, const char *words);
/* The next frame is this event. */
void peer_expect_event(struct caller *p, uint32_t program, int32_t procedure, void *ret);
/* The daemon closes the connection, having sent nothing more. */
void peer_expect_closed(struct caller *p);
/* Nothing comes: a call that is made now is answered next. */
void peer_expect_nothing(struct caller *p);
