/* file.h - small files, whole: replaced atomically, read with a limit; folders and the pid file.
 *
 * What says "blocks" syncs to the disk: it is for the start of the program or for a worker.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "util/buffer.h"
#include "util/fail.h"

struct worker_pool;

enum { FILE_ABSENT = 1 };

/* What is to become of one file. */
struct file_change {
    const char *path;
    const void *bytes; /* what it is to hold; NULL: it is to be removed (it need not exist) */
    size_t size;
    mode_t mode;
};

/* Blocks. All in one folder: what is new is written first, then put in force in the order of the
 * list. After it returns 0, all is so, also after a power failure; on -1, or after a crash at any
 * point, each file holds either the old or the new bytes, whole; none is new unless those before it
 * in the list are. What has no room on the disk changes nothing. (PATH.new may be left over; the
 * next change replaces it.) */
int file_change(const struct file_change *list, size_t count, struct fail *f);
/* Blocks. The same for one. */
int file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct fail *f);
int file_remove(const char *path, struct fail *f);

/* Blocks. The names in the folder of `path` are on the disk. */
int file_sync_folder_of(const char *path, struct fail *f);
/* Blocks. And the name of that folder in the one above it. */
int file_sync_new_folder_of(const char *path, struct fail *f);
/* All the bytes to a descriptor that blocks (a file). 0 or negative errno. */
int file_write_all(int fd, const void *bytes, size_t size);

/* `why` is NULL on success. */
typedef void file_done_fn(const struct fail *why, void *userdata);
enum { FILE_CHANGES_MAX = 4 /* in one call */ };
/* file_change on the worker; all is copied. Calls for one folder take effect in their order.
 * `new_folder`: the folder is made (mode 0700) if it is not there, and so is its name on the disk.
 * -1 with `f` when it could not be queued; `done` (may be NULL) is not called then. */
int file_change_later(struct worker_pool *pool, const struct file_change *list, size_t count,
                      bool new_folder, file_done_fn *done, void *userdata, struct fail *f);
/* Stands for all jobs in the folder of `path`: the worker's order. */
const void *file_order_of(const char *path);
/* The folder and those above it; those that exist keep their mode. */
int file_make_folders(const char *path, mode_t mode, struct fail *f);
/* And the files in it, if it is there; what can't be removed is logged. Nothing is synced: for what
 * counts for nothing any more. */
void file_remove_folder(const char *path);
/* Appends all of a regular file to `ret_bytes`. 0, FILE_ABSENT, or -1: also when it is larger than
 * `limit`, which is checked before anything is allocated. */
int file_read(const char *path, size_t limit, struct buffer *ret_bytes, struct fail *f);
/* The last `lines` lines of a log, at most `room` - 1 bytes, without the last newline, made
 * printable ASCII; "" when there is nothing to be read. */
void file_read_tail(const char *path, unsigned lines, char *ret_text, size_t room);

/* Makes the pid file and holds it locked as long as this process lives and *ret_fd is open; open the
 * file a second time, and closing that lets go of the lock too. -1 when another daemon holds it,
 * naming its pid. */
int file_lock_pid(const char *path, int *ret_fd, struct fail *f);
/* Removes the file and the lock. */
void file_unlock_pid(const char *path, int fd);
