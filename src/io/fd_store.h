/* fd_store.h - descriptors that systemd keeps for us while no daemon runs.
 *
 * The manager of a service (`FileDescriptorStoreMax=` in its unit) takes duplicates of descriptors over
 * NOTIFY_SOCKET, each with a name, and gives them to the next start, as LISTEN_FDS. It lets one go by
 * itself when the other end hangs up. Where there is no manager, or it keeps none, nothing is kept.
 */
#pragma once
#include "util/fail.h"

struct fd_store;

/* Takes what was kept, out of the environment: once, and before a program is executed. */
int fd_store_new(struct fd_store **ret_store, struct fail *f);
/* What nobody took is let go. Harmless on NULL. */
void fd_store_free(struct fd_store *s);

/* The one with this name, now the caller's; it stays in the manager's hands too. -1: there is none. */
int fd_store_take(struct fd_store *s, const char *name);
/* Let go of all that nobody took, the manager's too. */
void fd_store_drop_rest(struct fd_store *s);

/* Have it kept. `name` is ASCII without colons, at most 255 bytes. The caller keeps its own. */
void fd_store_keep(const char *name, int fd);
/* Have it let go. Harmless when it is not kept. */
void fd_store_drop(const char *name);
