/* disk_facts.c - asks the file system, and the image's header, how large an image is. */
#include "daemon/disk_facts.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/worker.h"
#include "util/cleanup.h"

enum { QCOW2_HEADER = 32, QCOW2_SIZE_AT = 24 };

/* One at a time: a file system that hangs takes one thread, not all. */
static const char one_at_a_time;

const void *disk_facts_order(void)
{
    return &one_at_a_time;
}

static int system_fail(struct fail *f, const char *what, const char *path)
{
    return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s '%s': %s", what, path, strerror(errno));
}

/* The header of a qcow2 image: "QFI" 0xfb, u32 version, ..., at 24 the u64 size; big-endian. */
static int read_qcow2_size(int fd, const char *path, uint64_t *ret_size, struct fail *f)
{
    uint8_t header[QCOW2_HEADER];
    ssize_t n = pread(fd, header, sizeof(header), 0);
    if (n < 0)
        return system_fail(f, "cannot read", path);
    if (n != sizeof(header) || memcmp(header, "QFI\xfb", 4) != 0)
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "'%s' is not a qcow2 image", path);
    uint64_t size;
    memcpy(&size, header + QCOW2_SIZE_AT, sizeof(size));
    *ret_size = be64toh(size);
    return 0;
}

static int read_facts(const char *path, enum domain_disk_format format, struct disk_facts *ret,
                      struct fail *f)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return system_fail(f, "cannot stat", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return fail_set(f, VIR_ERR_OPERATION_FAILED, "'%s' is no file and no block device", path);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return system_fail(f, "cannot open", path);
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return system_fail(f, "cannot seek in", path);
    uint64_t capacity = (uint64_t)end;
    if (format == DOMAIN_DISK_QCOW2 && read_qcow2_size(fd, path, &capacity, f) < 0)
        return -1;
    *ret = (struct disk_facts){
        .known = true,
        .is_block = S_ISBLK(st.st_mode),
        .capacity = capacity,
        .allocated = S_ISBLK(st.st_mode) ? (uint64_t)end : (uint64_t)st.st_blocks * 512,
        .physical = (uint64_t)end,
    };
    return 0;
}

void disk_facts_read(const char *path, enum domain_disk_format format, struct disk_facts *ret)
{
    struct fail why = {0};
    *ret = (struct disk_facts){0};
    if (read_facts(path, format, ret, &why) < 0)
        ret->why = why;
}

/* ---- on the worker --------------------------------------------------------------------------- */

struct look {
    disk_facts_fn *done;
    void *userdata;
    size_t count;
    struct disk_question *questions;
    struct disk_facts *facts;
};

static void look_free(struct look *l)
{
    for (size_t i = 0; l->questions && i < l->count; i++)
        free((char *)l->questions[i].path);
    free(l->questions);
    free(l->facts);
    free(l);
}

static void look_run(void *data)
{
    struct look *l = data;
    for (size_t i = 0; i < l->count; i++)
        disk_facts_read(l->questions[i].path, l->questions[i].format, &l->facts[i]);
}

static void look_done(void *data, bool ran)
{
    struct look *l = data;
    l->done(ran ? l->facts : NULL, ran ? l->count : 0, l->userdata);
    look_free(l);
}

static struct look *look_new(const struct disk_question *questions, size_t count)
{
    struct look *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->count = count;
    l->questions = calloc(count + 1, sizeof(*l->questions));
    l->facts = calloc(count + 1, sizeof(*l->facts));
    bool complete = l->questions && l->facts;
    for (size_t i = 0; complete && i < count; i++) {
        l->questions[i] = questions[i];
        l->questions[i].path = strdup(questions[i].path);
        complete = l->questions[i].path != NULL;
    }
    if (complete)
        return l;
    look_free(l);
    return NULL;
}

int disk_facts_ask(struct worker_pool *workers, const struct disk_question *questions, size_t count,
                   disk_facts_fn *done, void *userdata, struct fail *f)
{
    struct look *l = look_new(questions, count);
    if (!l)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    l->done = done;
    l->userdata = userdata;
    struct worker_job job = {
        .order = &one_at_a_time,
        .run = look_run,
        .done = look_done,
        .data = l,
        .may_be_abandoned = true,
    };
    if (worker_submit(workers, &job, f) == 0)
        return 0;
    look_free(l);
    return -1;
}
