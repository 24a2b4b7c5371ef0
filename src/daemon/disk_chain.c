/* disk_chain.c - follows an image's backing files.
 *
 * The worker has a copy of the domain and completes its chains; on the loop they are taken over. A job
 * whose storage hangs keeps its copy for itself until it ends, however late that is: whoever asked has
 * gone on by then.
 */
#include "daemon/disk_chain.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/disk_facts.h"
#include "domain/image.h"
#include "io/timer.h"
#include "io/worker.h"
#include "util/cleanup.h"
#include "util/log.h"

struct disk_chain {
    struct domain *domain; /* the caller's */
    struct chain_job *job;
    struct timer deadline;
    disk_chain_fn *done;
    void *userdata;
};

struct chain_job {
    struct disk_chain *asker; /* NULL: nobody waits for it any more; the loop's alone */
    struct domain *copy;
    bool failed;
    struct fail why;
};

static void job_free(struct chain_job *job)
{
    domain_free(job->copy);
    free(job);
}

/* ---- on the worker --------------------------------------------------------------------------- */

static int open_image(const char *path, struct stat *ret_stat, struct fail *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, ret_stat) == 0 &&
        (S_ISREG(ret_stat->st_mode) || S_ISBLK(ret_stat->st_mode)))
        return fd;
    fail_set(f, VIR_ERR_OPERATION_FAILED, "Cannot access storage file '%s': %s", path,
             fd < 0 ? strerror(errno) : "it is no file and no block device");
    if (fd >= 0)
        close(fd);
    return -1;
}

static ssize_t read_head(int fd, uint8_t *head)
{
    size_t size = 0;
    while (size < IMAGE_HEAD) {
        ssize_t n = pread(fd, head + size, IMAGE_HEAD - size, (off_t)size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -1 : (ssize_t)size;
        size += (size_t)n;
    }
    return (ssize_t)size;
}

static int read_below(const char *path, uint8_t *head, struct image_below *ret, struct fail *f)
{
    struct stat st;
    auto_close int fd = open_image(path, &st, f);
    if (fd < 0)
        return -1;
    ssize_t size = read_head(fd, head);
    if (size < 0)
        return fail_set(f, VIR_ERR_SYSTEM_ERROR, "cannot read '%s': %s", path, strerror(errno));
    return image_read_below(path, head, (size_t)size, ret, f);
}

/* The image that a header names: is it there, and what is it? */
static int check_below(const char *above, const struct image_below *below, struct domain_layer *ret,
                       struct fail *f)
{
    struct stat st;
    auto_close int fd = open_image(below->path, &st, f);
    if (fd < 0)
        return fail_prefix(f, "backing file of storage file '%s'", above);
    *ret = (struct domain_layer){
        .type = S_ISBLK(st.st_mode) ? DOMAIN_DISK_BLOCK : DOMAIN_DISK_FILE,
        .format = below->format,
        .source = below->path,
    };
    return 0;
}

static int follow(struct domain *d, struct domain_disk *disk, uint8_t *head, struct fail *f)
{
    const char *path;
    while ((path = domain_chain_open_at(disk))) {
        struct image_below below;
        struct domain_layer layer;
        int r = read_below(path, head, &below, f);
        if (r < 0)
            return -1;
        if (r == IMAGE_IS_LAST) {
            disk->chain_ends = true;
            return 0;
        }
        if (check_below(path, &below, &layer, f) < 0 || domain_add_layer(d, disk, &layer, f) < 0)
            return -1;
    }
    return 0;
}

static void job_run(void *data)
{
    struct chain_job *job = data;
    auto_free uint8_t *head = malloc(IMAGE_HEAD);
    int r = head ? 0 : fail_set(&job->why, VIR_ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; r == 0 && i < job->copy->disk_count; i++) {
        r = follow(job->copy, &job->copy->disks[i], head, &job->why);
        if (r < 0)
            fail_prefix(&job->why, "disk '%s'", job->copy->disks[i].target);
    }
    job->failed = r < 0;
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static int take_over(struct domain *d, const struct domain *found, struct fail *f)
{
    for (size_t i = 0; i < d->disk_count; i++) {
        struct domain_disk *disk = &d->disks[i];
        for (size_t k = disk->layer_count; k < found->disks[i].layer_count; k++)
            if (domain_add_layer(d, disk, &found->disks[i].layers[k], f) < 0)
                return -1;
        disk->chain_ends = found->disks[i].chain_ends;
    }
    return 0;
}

static void finish(struct disk_chain *chain, const struct fail *why)
{
    disk_chain_fn *done = chain->done;
    void *userdata = chain->userdata;
    disk_chain_free(chain);
    done(why, userdata);
}

static void job_done(void *data, bool ran)
{
    struct chain_job *job = data;
    struct disk_chain *chain = job->asker;
    struct fail why = {0};
    if (!chain || !ran) { /* not run: the daemon ends, and whoever asked with it */
        if (chain)
            chain->job = NULL;
        job_free(job);
        return;
    }
    bool failed = job->failed;
    if (failed)
        why = job->why;
    else if (take_over(chain->domain, job->copy, &why) < 0)
        failed = true;
    chain->job = NULL;
    job_free(job);
    finish(chain, failed ? &why : NULL);
}

static void too_late(void *userdata)
{
    struct disk_chain *chain = userdata;
    log_warning("guest %s: its disks' storage did not say in time what the images lie on; QEMU is left "
                "to find out",
                chain->domain->name);
    finish(chain, NULL);
}

void disk_chain_free(struct disk_chain *chain)
{
    if (!chain)
        return;
    timer_cancel(&chain->deadline);
    if (chain->job)
        chain->job->asker = NULL;
    free(chain);
}

static bool anything_is_open(const struct domain *d)
{
    for (size_t i = 0; i < d->disk_count; i++)
        if (domain_chain_open_at(&d->disks[i]))
            return true;
    return false;
}

static struct chain_job *job_new(const struct domain *d, struct fail *f)
{
    struct chain_job *job = calloc(1, sizeof(*job));
    if (!job) {
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (domain_copy(d, &job->copy, f) == 0)
        return job;
    job_free(job);
    return NULL;
}

int disk_chain_ask(struct worker_pool *workers, sd_event *event, struct domain *d, uint64_t patience,
                   disk_chain_fn *done, void *userdata, struct disk_chain **ret_chain, struct fail *f)
{
    if (!anything_is_open(d))
        return 0;
    struct disk_chain *chain = calloc(1, sizeof(*chain));
    struct chain_job *job = chain ? job_new(d, f) : NULL;
    if (!job) {
        free(chain);
        return chain ? -1 : fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    *chain = (struct disk_chain){.domain = d, .job = job, .done = done, .userdata = userdata};
    job->asker = chain;
    struct worker_job work = {
        .order = disk_facts_order(),
        .run = job_run,
        .done = job_done,
        .data = job,
        .may_be_abandoned = true,
    };
    int r = timer_arm(&chain->deadline, event, patience, too_late, chain);
    if (r < 0)
        fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    else
        r = worker_submit(workers, &work, f);
    if (r < 0) {
        disk_chain_free(chain);
        job_free(job);
        return -1;
    }
    *ret_chain = chain;
    return 1;
}
