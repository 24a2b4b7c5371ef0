/* file_later.c - the same as file.c on a worker: a job that owns copies of all it needs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "io/file.h"
#include "io/worker.h"
#include "util/cleanup.h"

struct file_job {
    struct file_change list[FILE_CHANGES_MAX]; /* paths and bytes are the job's */
    size_t count;
    bool new_folder;
    file_done_fn *done;
    void *userdata;
    int result;
    struct fail why;
};

static void job_free(struct file_job *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->count; i++) {
        free((char *)j->list[i].path);
        free((void *)j->list[i].bytes);
    }
    free(j);
}

/* One address for one folder, odd, so that it is no object's. That two folders may share one only
 * makes them wait for each other. */
const void *file_order_of(const char *path)
{
    const char *end = strrchr(path, '/');
    uintptr_t hash = 5381;
    for (; end && path < end; path++)
        hash = hash * 33 + (unsigned char)*path;
    return (const void *)(hash | 1);
}

/* ---- changes --------------------------------------------------------------------------------- */

static int make_folder_of(const char *path, struct fail *f)
{
    auto_free char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
    if (!folder)
        return fail_set(f, VIR_ERR_NO_MEMORY, "make the folder of %s: out of memory", path);
    return file_make_folders(folder, 0700, f);
}

static void job_run(void *data)
{
    struct file_job *j = data;
    const char *path = j->list[0].path;
    if (j->new_folder)
        j->result = make_folder_of(path, &j->why);
    if (j->result == 0)
        j->result = file_change(j->list, j->count, &j->why);
    if (j->result == 0 && j->new_folder)
        j->result = file_sync_new_folder_of(path, &j->why);
}

static void job_done(void *data, bool ran)
{
    struct file_job *j = data;
    if (!ran)
        j->result = fail_set(&j->why, VIR_ERR_OPERATION_FAILED, "write %s: the daemon is ending",
                             j->list[0].path);
    if (j->done)
        j->done(j->result < 0 ? &j->why : NULL, j->userdata);
    job_free(j);
}

static int add(struct file_job *j, const struct file_change *c)
{
    struct file_change *copy = &j->list[j->count++];
    *copy = (struct file_change){.path = strdup(c->path), .size = c->size, .mode = c->mode};
    void *bytes = c->bytes ? malloc(c->size ? c->size : 1) : NULL;
    copy->bytes = bytes;
    if (!copy->path || (c->bytes && !bytes))
        return -1;
    if (bytes && c->size)
        memcpy(bytes, c->bytes, c->size);
    return 0;
}

int file_change_later(struct worker_pool *pool, const struct file_change *list, size_t count,
                      bool new_folder, file_done_fn *done, void *userdata, struct fail *f)
{
    struct file_job *j = calloc(1, sizeof(*j));
    int r = j ? 0 : -1;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add(j, &list[i]);
    if (r < 0) {
        job_free(j);
        return fail_set(f, VIR_ERR_NO_MEMORY, "write %s: out of memory", list[0].path);
    }
    j->new_folder = new_folder;
    j->done = done;
    j->userdata = userdata;
    struct worker_job w = {
        .order = file_order_of(list[0].path), .run = job_run, .done = job_done, .data = j};
    if (worker_submit(pool, &w, f) == 0)
        return 0;
    job_free(j);
    return fail_prefix(f, "write %s", list[0].path);
}
