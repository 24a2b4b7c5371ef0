#include "io/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "util/log.h"

static int fail_errno(struct fail *f, int error, const char *verb, const char *path)
{
    return fail_set(f, VIR_ERR_SYSTEM_ERROR, "%s %s: %s", verb, path, strerror(error));
}

/* The folder in which `path` stands. False when it does not fit. */
static bool folder_of(const char *path, char ret_folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= PATH_MAX)
        return false;
    if (!slash)
        strcpy(ret_folder, ".");
    else if (n == 0)
        strcpy(ret_folder, "/");
    else
        snprintf(ret_folder, PATH_MAX, "%.*s", (int)n, path);
    return true;
}

int file_sync_folder_of(const char *path, struct fail *f)
{
    char folder[PATH_MAX];
    if (!folder_of(path, folder))
        return fail_errno(f, ENAMETOOLONG, "sync the folder of", path);
    auto_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return fail_errno(f, errno, "sync", folder);
    return 0;
}

int file_sync_new_folder_of(const char *path, struct fail *f)
{
    char folder[PATH_MAX];
    if (file_sync_folder_of(path, f) < 0)
        return -1;
    if (!folder_of(path, folder))
        return fail_errno(f, ENAMETOOLONG, "sync the folder of", path);
    return file_sync_folder_of(folder, f);
}

int file_write_all(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

/* ---- changes --------------------------------------------------------------------------------- */

static int name_fresh(const char *path, char ret_fresh[PATH_MAX], struct fail *f)
{
    if ((size_t)snprintf(ret_fresh, PATH_MAX, "%s.new", path) >= PATH_MAX)
        return fail_errno(f, ENAMETOOLONG, "write", path);
    return 0;
}

/* PATH.new, whole and on the disk; on -1 there is none. */
static int write_fresh(const struct file_change *c, struct fail *f)
{
    char fresh[PATH_MAX];
    if (name_fresh(c->path, fresh, f) < 0)
        return -1;
    if (unlink(fresh) < 0 && errno != ENOENT)
        return fail_errno(f, errno, "remove", fresh);
    auto_close int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, c->mode);
    if (fd < 0)
        return fail_errno(f, errno, "create", fresh);
    int r = file_write_all(fd, c->bytes, c->size);
    /* The umask must not have its way, and the mode must be there before the name is. */
    if (r == 0 && (fchmod(fd, c->mode) < 0 || fsync(fd) < 0))
        r = -errno;
    if (r == 0)
        return 0;
    unlink(fresh);
    return fail_errno(f, -r, "write", fresh);
}

static void drop_fresh(const struct file_change *c)
{
    char fresh[PATH_MAX];
    if (c->bytes && name_fresh(c->path, fresh, NULL) == 0)
        unlink(fresh);
}

static int put_in_force(const struct file_change *c, struct fail *f)
{
    char fresh[PATH_MAX];
    if (!c->bytes)
        return unlink(c->path) < 0 && errno != ENOENT ? fail_errno(f, errno, "remove", c->path) : 0;
    if (name_fresh(c->path, fresh, f) < 0)
        return -1;
    return rename(fresh, c->path) < 0 ? fail_errno(f, errno, "replace", c->path) : 0;
}

int file_change(const struct file_change *list, size_t count, struct fail *f)
{
    size_t written = 0, done = 0;
    while (written < count && (!list[written].bytes || write_fresh(&list[written], f) == 0))
        written++;
    while (written == count && done < count && put_in_force(&list[done], f) == 0)
        done++;
    if (done == count)
        return count ? file_sync_folder_of(list[0].path, f) : 0;
    for (size_t i = done; i < written; i++)
        drop_fresh(&list[i]);
    return -1;
}

int file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct fail *f)
{
    struct file_change c = {.path = path, .bytes = bytes, .size = size, .mode = mode};
    return file_change(&c, 1, f);
}

int file_remove(const char *path, struct fail *f)
{
    struct file_change c = {.path = path};
    return file_change(&c, 1, f);
}

int file_make_folders(const char *path, mode_t mode, struct fail *f)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof(part))
        return fail_errno(f, ENAMETOOLONG, "make folder", path);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, mode) == 0 || errno == EEXIST)
            continue;
        return fail_errno(f, errno, "make folder", part);
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return fail_errno(f, errno, "make folder", path);
    if (!S_ISDIR(st.st_mode))
        return fail_errno(f, ENOTDIR, "make folder", path);
    return 0;
}

void file_remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(dir), e->d_name, 0) < 0 && errno != ENOENT)
            log_warning("remove %s/%s: %s", path, e->d_name, strerror(errno));
    closedir(dir);
    if (rmdir(path) < 0)
        log_warning("remove %s: %s", path, strerror(errno));
}

static int read_up_to(int fd, size_t limit, struct buffer *bytes, const char *path, struct fail *f)
{
    size_t total = 0;
    for (;;) {
        uint8_t *p = buffer_reserve(bytes, 4096);
        if (!p)
            return fail_errno(f, errno, "read", path);
        ssize_t n = read(fd, p, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(f, errno, "read", path);
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > limit) /* it grew while it was read, or has no size (/proc) */
            return fail_set(f, VIR_ERR_INTERNAL_ERROR, "read %s: larger than %zu bytes", path,
                            limit);
        buffer_commit(bytes, (size_t)n);
    }
}

int file_read(const char *path, size_t limit, struct buffer *ret_bytes, struct fail *f)
{
    struct stat st;
    /* O_NONBLOCK: a fifo in its place must not stop us. */
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return FILE_ABSENT;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(f, errno, "read", path);
    if (!S_ISREG(st.st_mode))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "read %s: not a regular file", path);
    if (st.st_size > 0 && (size_t)st.st_size > limit)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "read %s: its %lld bytes are more than %zu",
                        path, (long long)st.st_size, limit);
    size_t before = buffer_size(ret_bytes);
    if (read_up_to(fd, limit, ret_bytes, path, f) == 0)
        return 0;
    ret_bytes->end -= buffer_size(ret_bytes) - before;
    return -1;
}

/* What goes into an error must be UTF-8 whatever the program wrote: plain ASCII is. */
static void make_printable(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
            text[i] = text[i] < 0 ? '?' : ' ';
}

void file_read_tail(const char *path, unsigned lines, char *ret_text, size_t room)
{
    struct stat st;
    ret_text[0] = '\0';
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || room < 2)
        return;
    off_t from = st.st_size > (off_t)(room - 1) ? st.st_size - (off_t)(room - 1) : 0;
    ssize_t n = pread(fd, ret_text, room - 1, from);
    if (n < 0)
        n = 0;
    while (n > 0 && (ret_text[n - 1] == '\n' || ret_text[n - 1] == '\0'))
        n--;
    ret_text[n] = '\0';
    make_printable(ret_text, (size_t)n);
    char *start = ret_text + n;
    while (start > ret_text && (start[-1] != '\n' || --lines > 0))
        start--;
    memmove(ret_text, start, strlen(start) + 1);
}

/* The lock is the process's, not the descriptor's: what a daemon that was killed had just forked
 * still has its descriptors for a moment, and must not stand in the way of the next one. */
static int lock_for_us(int fd, const char *path, struct fail *f)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return fail_errno(f, errno, "lock", path);
    pid_t holder = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
    return fail_set(f, VIR_ERR_OPERATION_INVALID, "another batond (pid %d) is running: it holds %s",
                    (int)holder, path);
}

/* Is what was locked still what stands at `path`? The last owner removes the file as it goes. */
static bool is_same_file(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

int file_lock_pid(const char *path, int *ret_fd, struct fail *f)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
            return fail_errno(f, errno, "open", path);
        if (lock_for_us(fd, path, f) < 0)
            return -1;
        if (!is_same_file(fd, path))
            continue;
        char text[32];
        int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
        int r = ftruncate(fd, 0) < 0 ? -errno : file_write_all(fd, text, (size_t)n);
        if (r < 0)
            return fail_errno(f, -r, "write", path);
        *ret_fd = take_fd(&fd);
        return 0;
    }
    return fail_set(f, VIR_ERR_OPERATION_INVALID, "lock %s: it keeps being replaced", path);
}

void file_unlock_pid(const char *path, int fd)
{
    if (is_same_file(fd, path))
        unlink(path);
    close(fd);
}
