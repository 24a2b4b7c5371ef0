/* A rewrite goes on while records are appended:
 *
 *   loop:   write PATH.new with the full state ... every append goes to both files ... the new file
 *   worker:             sync PATH.new, rename it over PATH, sync the folder             is the
 * journal
 *
 * A daemon that is killed before the rename leaves the old file, complete; after it the new one,
 * complete. Jobs of one journal run in order, so a sync that was asked for during a rewrite runs
 * after its rename, and syncs both files: whichever stands then holds what was promised.
 *
 * Jobs use duplicates of the descriptors, so that closing a journal or ending a rewrite never pulls
 * a file from under the worker.
 */
#include "io/journal_file.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/file.h"
#include "io/worker.h"
#include "util/cleanup.h"

enum { REWRITE_AT = 1024 * 1024 /* bytes from which a rewrite is worth it */ };

/* One file and how much of it is good. */
struct part {
    int fd;
    off_t size;
    bool bad;  /* there is something behind `size` that could not be cut off */
    bool torn; /* there is, and it was not tried yet: who opened it may want to keep the evidence */
};

struct journal_file {
    struct worker_pool *pool;
    char *path;
    struct part now;
    struct part next; /* of a rewrite under way; else fd is -1 */
    off_t state_size; /* of the record that the file began with after the last rewrite */
    uint64_t next_sequence;
    bool folder_is_new; /* its names are not known to be on the disk */
    bool rewriting;
    bool closed; /* freed with its last job */
    unsigned jobs;
    char broken[256]; /* why nothing can be appended; "" if all is well */
};

static void part_close(struct part *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static void release(struct journal_file *j)
{
    if (!j->closed || j->jobs)
        return;
    part_close(&j->now);
    part_close(&j->next);
    free(j->path);
    free(j);
}

void journal_file_close(struct journal_file *j)
{
    if (!j)
        return;
    j->closed = true;
    release(j);
}

bool journal_file_is_busy(const struct journal_file *j)
{
    return j && j->jobs;
}

static int part_cut(struct part *p, off_t size)
{
    p->size = size;
    p->bad = ftruncate(p->fd, size) < 0;
    return p->bad ? -1 : 0;
}

/* All or nothing: what a full disk let through is cut off again. 0 or negative errno. */
static int part_write(struct part *p, const struct buffer *record)
{
    if (p->torn && part_cut(p, p->size) < 0)
        return -errno;
    p->torn = false;
    int r = file_write_all(p->fd, buffer_bytes(record), buffer_size(record));
    if (r == 0)
        p->size += (off_t)buffer_size(record);
    else
        (void)part_cut(p, p->size); /* p->bad tells */
    return r;
}

/* ---- opening ---- */

static int read_all(struct journal_file *j, struct journal_found *found, struct fail *f)
{
    int r = file_read(j->path, JOURNAL_FILE_MAX, &found->bytes, f);
    if (r < 0)
        return -1;
    found->created = r == FILE_ABSENT;
    j->now.fd = open(j->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    found->read_only = j->now.fd < 0 && errno == EROFS && !found->created;
    if (found->read_only)
        snprintf(j->broken, sizeof(j->broken), "%s", strerror(EROFS));
    else if (j->now.fd < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "open %s: %s", j->path, strerror(errno));
    return 0;
}

/* Walks over all records to learn where they end and what is wrong. */
static void inspect(struct journal_file *j, struct journal_found *found)
{
    struct journal_reader reader;
    struct journal_record record;
    journal_reader_init(&reader, buffer_bytes(&found->bytes), buffer_size(&found->bytes));
    while (journal_reader_next(&reader, &record))
        if (reader.count == 1)
            j->state_size = (off_t)reader.good;
    found->outcome = reader.outcome;
    snprintf(found->reason, sizeof(found->reason), "%s", reader.reason);
    j->next_sequence = reader.next_sequence;
    j->now.size = (off_t)reader.good;
    if (reader.outcome == JOURNAL_DAMAGED)
        snprintf(j->broken, sizeof(j->broken), "it is damaged: %.200s", reader.reason);
    found->cut_off = reader.cut_off;
    j->now.torn = reader.outcome == JOURNAL_TORN;
}

int journal_file_open(struct worker_pool *pool, const char *path, struct journal_file **ret_journal,
                      struct journal_found *ret_found, struct fail *f)
{
    struct journal_found found = {0};
    struct journal_file *j = calloc(1, sizeof(*j));
    char *copy = strdup(path);
    if (!j || !copy) {
        free(j);
        free(copy);
        return fail_set(f, VIR_ERR_NO_MEMORY, "open %s: out of memory", path);
    }
    if (strlen(path) + sizeof(".new") > PATH_MAX) {
        free(j);
        free(copy);
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "open %s: %s", path, strerror(ENAMETOOLONG));
    }
    *j = (struct journal_file){
        .pool = pool, .path = copy, .now.fd = -1, .next.fd = -1, .folder_is_new = true};
    if (read_all(j, &found, f) < 0) {
        buffer_free(&found.bytes);
        journal_file_close(j);
        return fail_prefix(f, "journal");
    }
    inspect(j, &found);
    *ret_journal = j;
    *ret_found = found;
    return 0;
}

/* ---- appending ---- */

/* The journal holds something that nobody knows: no record may follow it. */
static void set_broken(struct journal_file *j, const char *what)
{
    if (!j->broken[0])
        snprintf(j->broken, sizeof(j->broken), "%s", what);
}

/* To both files or to none: either may be the one that a crash leaves. */
static int write_record(struct journal_file *j, const struct buffer *record)
{
    off_t before = j->next.size;
    int r = j->next.fd >= 0 ? part_write(&j->next, record) : 0;
    if (r == 0) {
        r = part_write(&j->now, record);
        if (r < 0 && j->next.fd >= 0)
            (void)part_cut(&j->next, before);
    }
    if (j->now.bad || j->next.bad)
        set_broken(j, "an earlier write failed half way");
    return r;
}

int journal_file_append(struct journal_file *j, uint16_t type, const void *payload, size_t size,
                        struct fail *f)
{
    struct buffer bytes = {0};
    struct journal_record record = {
        .type = type, .sequence = j->next_sequence, .payload = payload, .size = size};
    if (j->broken[0])
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "append to %s: %s", j->path, j->broken);
    int r = journal_encode(&bytes, &record);
    if (r == 0)
        r = write_record(j, &bytes);
    buffer_free(&bytes);
    if (r < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "append to %s: %s", j->path, strerror(-r));
    j->next_sequence++;
    return 0;
}

/* ---- jobs ---- */

struct job {
    struct journal_file *journal;
    char *path;
    int fd; /* duplicates, or -1 */
    int next_fd;
    bool sync_folders;
    bool renamed;
    journal_done_fn *done;
    void *userdata;
    int result;
    struct fail why;
};

static void job_free(struct job *b)
{
    if (b->fd >= 0)
        close(b->fd);
    if (b->next_fd >= 0)
        close(b->next_fd);
    free(b->path);
    free(b);
}

static int job_duplicate(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static struct job *job_new(struct journal_file *j, journal_done_fn *done, void *userdata,
                           struct fail *f)
{
    struct job *b = calloc(1, sizeof(*b));
    if (!b) {
        fail_set(f, VIR_ERR_NO_MEMORY, "sync %s: out of memory", j->path);
        return NULL;
    }
    *b = (struct job){.journal = j, .done = done, .userdata = userdata};
    b->fd = job_duplicate(j->now.fd);
    b->next_fd = job_duplicate(j->next.fd);
    b->path = strdup(j->path);
    if (b->fd >= 0 && b->path && (j->next.fd < 0 || b->next_fd >= 0))
        return b;
    fail_set(f, VIR_ERR_SYSTEM_ERROR, "sync %s: %s", j->path, strerror(errno));
    job_free(b);
    return NULL;
}

static int job_submit(struct job *b, void (*run)(void *), void (*done)(void *, bool),
                      struct fail *f)
{
    struct worker_job w = {.order = file_order_of(b->path), .run = run, .done = done, .data = b};
    if (worker_submit(b->journal->pool, &w, f) < 0) {
        fail_prefix(f, "sync %s", b->path);
        job_free(b);
        return -1;
    }
    b->journal->jobs++;
    return 0;
}

/* The journal may be gone after it. */
static void job_finish(struct job *b)
{
    struct journal_file *j = b->journal;
    j->jobs--;
    if (b->done)
        b->done(b->result < 0 ? &b->why : NULL, b->userdata);
    job_free(b);
    release(j);
}

/* ---- sync ---- */

static void run_sync(void *data)
{
    struct job *b = data;
    if (fdatasync(b->fd) < 0 || (b->next_fd >= 0 && fdatasync(b->next_fd) < 0))
        b->result =
            fail_set(&b->why, VIR_ERR_SYSTEM_ERROR, "sync %s: %s", b->path, strerror(errno));
    else if (b->sync_folders)
        b->result = file_sync_new_folder_of(b->path, &b->why);
}

/* After a failed fdatasync the kernel may have dropped the pages and calls them clean: asking again
 * would prove nothing. */
static void sync_done(void *data, bool ran)
{
    struct job *b = data;
    if (!ran)
        b->result =
            fail_set(&b->why, VIR_ERR_OPERATION_FAILED, "sync %s: the daemon is ending", b->path);
    if (b->result < 0)
        set_broken(b->journal, "an earlier sync failed");
    else if (b->sync_folders)
        b->journal->folder_is_new = false;
    job_finish(b);
}

int journal_file_sync(struct journal_file *j, journal_done_fn *done, void *userdata, struct fail *f)
{
    if (j->broken[0])
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "sync %s: %s", j->path, j->broken);
    struct job *b = job_new(j, done, userdata, f);
    if (!b)
        return -1;
    b->sync_folders = j->folder_is_new;
    return job_submit(b, run_sync, sync_done, f);
}

/* ---- rewrite ---- */

bool journal_file_is_rewriting(const struct journal_file *j)
{
    return j->rewriting;
}

bool journal_file_is_large(const struct journal_file *j)
{
    /* A guest whose state alone is large must not be rewritten all the time. */
    return !j->rewriting && j->now.size > REWRITE_AT && j->now.size > 4 * j->state_size;
}

static void name_next(const char *path, char ret_next[PATH_MAX])
{
    snprintf(ret_next, PATH_MAX, "%s.new", path);
}

static void run_rewrite(void *data)
{
    struct job *b = data;
    char next[PATH_MAX];
    name_next(b->path, next);
    if (fsync(b->next_fd) == 0 && rename(next, b->path) == 0)
        b->renamed = true;
    else
        b->result =
            fail_set(&b->why, VIR_ERR_SYSTEM_ERROR, "rewrite %s: %s", b->path, strerror(errno));
    if (b->renamed)
        b->result = file_sync_new_folder_of(b->path, &b->why);
}

static void drop_next(struct journal_file *j)
{
    char next[PATH_MAX];
    name_next(j->path, next);
    unlink(next);
    part_close(&j->next);
    j->next.bad = false;
    j->rewriting = false;
}

/* From here on the new file is the journal. What was wrong with the old one is over. */
static void switch_to_next(struct journal_file *j)
{
    part_close(&j->now);
    j->now = j->next;
    j->next = (struct part){.fd = -1};
    j->rewriting = false;
    if (!j->now.bad)
        j->broken[0] = '\0';
}

static void rewrite_done(void *data, bool ran)
{
    struct job *b = data;
    struct journal_file *j = b->journal;
    if (!ran)
        b->result = fail_set(&b->why, VIR_ERR_OPERATION_FAILED, "rewrite %s: the daemon is ending",
                             b->path);
    if (b->renamed)
        switch_to_next(j);
    else
        drop_next(j);
    if (b->renamed && b->result < 0)
        set_broken(j, "an earlier sync failed");
    else if (b->renamed)
        j->folder_is_new = false;
    job_finish(b);
}

/* The full state takes the number of the last record of the old file, so that what is appended
 * meanwhile has the same number in both. */
static int begin_next(struct journal_file *j, uint16_t type, const void *payload, size_t size,
                      struct fail *f)
{
    char next[PATH_MAX];
    struct buffer bytes = {0};
    struct journal_record record = {
        .type = type, .sequence = j->next_sequence - 1, .payload = payload, .size = size};
    name_next(j->path, next);
    if (unlink(next) < 0 && errno != ENOENT)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(errno));
    auto_close int fd =
        open(next, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(errno));
    struct part part = {.fd = fd};
    int r = journal_encode(&bytes, &record);
    if (r == 0)
        r = part_write(&part, &bytes);
    buffer_free(&bytes);
    if (r < 0) {
        unlink(next);
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s", strerror(-r));
    }
    j->next = part;
    j->next.fd = take_fd(&fd);
    j->state_size = part.size;
    j->rewriting = true;
    return 0;
}

int journal_file_rewrite(struct journal_file *j, uint16_t type, const void *payload, size_t size,
                         journal_done_fn *done, void *userdata, struct fail *f)
{
    assert(!j->rewriting);
    if (begin_next(j, type, payload, size, f) < 0)
        return fail_prefix(f, "rewrite %s", j->path);
    struct job *b = job_new(j, done, userdata, f);
    if (b && job_submit(b, run_rewrite, rewrite_done, f) == 0)
        return 0;
    drop_next(j);
    return -1;
}
