/* journal_file.h - a guest's journal on the disk: opened, appended to, synced, rewritten.
 *
 * The format is journal/journal.h's. An appended record survives the death of the daemon from the
 * moment append returns, and the death of the host once a sync that was asked for afterwards is
 * done. What a record means is the caller's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "journal/journal.h"
#include "util/buffer.h"
#include "util/fail.h"

struct worker_pool;
struct journal_file;

enum { JOURNAL_FILE_MAX = 64 * 1024 * 1024 /* a larger file is not read: -1 */ };

/* What was found. The caller walks over `bytes` with journal_reader_init, and frees them. */
struct journal_found {
    enum journal_outcome outcome;
    char reason[256];    /* what is wrong, for JOURNAL_TORN and JOURNAL_DAMAGED */
    bool cut_off;        /* as the reader says */
    bool created;        /* there was no file */
    bool read_only;      /* it can be read, and the file system takes no writing */
    struct buffer bytes; /* all of the file */
};

/* Opens or makes it (mode 0600). A torn tail is cut off by the first append. A damaged journal can be read but not
 * appended to until it is rewritten; nor can one on a file system that is read-only. -1 with `f` on other
 * errors of the file system. */
int journal_file_open(struct worker_pool *pool, const char *path, struct journal_file **ret_journal,
                      struct journal_found *ret_found, struct fail *f);
/* Callbacks of syncs that are under way still come. Harmless on NULL. */
void journal_file_close(struct journal_file *j);

/* Syncs or a rewrite are under way. False for NULL. */
bool journal_file_is_busy(const struct journal_file *j);

/* 0, or -1 with `f` (disk full, damaged): the record is not there then, and the journal is as
 * before. After a failed sync every append is refused until a rewrite: what the disk holds is not
 * known then. */
int journal_file_append(struct journal_file *j, uint16_t type, const void *payload, size_t size,
                        struct fail *f);

/* `why` is NULL on success. */
typedef void journal_done_fn(const struct fail *why, void *userdata);
/* `done` is called from the loop, once, when all that was appended before is on the disk. -1 with
 * `f` when it could not be queued; `done` is not called then. */
int journal_file_sync(struct journal_file *j, journal_done_fn *done, void *userdata,
                      struct fail *f);

/* The journal has grown to where it should be rewritten. */
bool journal_file_is_large(const struct journal_file *j);
/* One is under way. */
bool journal_file_is_rewriting(const struct journal_file *j);
/* Replace all records by this one, the full state. Records may be appended meanwhile; they follow
 * it. A crash leaves the old journal or the new, with all that was appended. One at a time. A
 * failure leaves the old journal in use. */
int journal_file_rewrite(struct journal_file *j, uint16_t type, const void *payload, size_t size,
                         journal_done_fn *done, void *userdata, struct fail *f);
