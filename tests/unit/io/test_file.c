/* Small files: replaced whole or not at all, read with a limit; folders and the pid file. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io/file.h"

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void test_replace(void **state)
{
    struct harness *h = *state;
    struct fail f;
    struct stat st;
    const char *path = path_in(h, "web1.xml");
    umask(0777); /* must not matter */
    assert_int_equal(file_replace(path, "old", 3, 0600, &f), 0);
    assert_int_equal(file_replace(path, "newer", 5, 0640, &f), 0);
    umask(022);
    assert_string_equal(text_of(path), "newer");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(access(path_in(h, "web1.xml.new"), F_OK), -1);
}

static void test_replace_takes_over_what_a_crash_left(void **state)
{
    struct harness *h = *state;
    struct fail f;
    write_file(path_in(h, "a"), "old");
    write_file(path_in(h, "a.new"), "half of the n");
    assert_int_equal(file_replace(path_in(h, "a"), "new", 3, 0600, &f), 0);
    assert_string_equal(text_of(path_in(h, "a")), "new");
}

static void test_replace_fails_and_leaves_the_old(void **state)
{
    struct harness *h = *state;
    struct fail f;
    assert_int_equal(file_replace(path_in(h, "no/such/folder"), "x", 1, 0600, &f), -1);
    assert_non_null(strstr(f.text, "No such file or directory"));
    /* a folder in its place */
    assert_int_equal(mkdir(path_in(h, "d"), 0700), 0);
    write_file(path_in(h, "d/x"), "kept");
    assert_int_equal(file_replace(path_in(h, "d"), "x", 1, 0600, &f), -1);
    assert_string_equal(text_of(path_in(h, "d/x")), "kept");
    assert_int_equal(access(path_in(h, "d.new"), F_OK), -1);
}

static void test_remove(void **state)
{
    struct harness *h = *state;
    struct fail f;
    write_file(path_in(h, "a"), "x");
    assert_int_equal(file_remove(path_in(h, "a"), &f), 0);
    assert_int_equal(access(path_in(h, "a"), F_OK), -1);
    assert_int_equal(file_remove(path_in(h, "a"), &f), 0);
}

struct later {
    unsigned done;
    unsigned failed;
    struct fail why;
};

static void on_done(const struct fail *why, void *userdata)
{
    struct later *l = userdata;
    l->done++;
    if (why) {
        l->failed++;
        l->why = *why;
    }
}

static void test_later_in_order(void **state)
{
    struct harness *h = *state;
    struct later l = {0};
    struct fail f;
    const char *path = path_in(h, "a");
    for (int i = 0; i < 20; i++) {
        char text[8];
        int n = snprintf(text, sizeof(text), "%d", i);
        struct file_change c = {.path = path, .bytes = text, .size = (size_t)n, .mode = 0600};
        assert_int_equal(file_change_later(h->pool, &c, 1, false, on_done, &l, &f), 0);
        c.bytes = NULL;
        if (i == 10)
            assert_int_equal(file_change_later(h->pool, &c, 1, false, on_done, &l, &f), 0);
    }
    run_until_count(h, &l.done, 21);
    assert_int_equal(l.failed, 0);
    assert_string_equal(text_of(path), "19");
    struct file_change lost = {.path = path_in(h, "no/such"), .bytes = "x", .size = 1};
    assert_int_equal(file_change_later(h->pool, &lost, 1, false, on_done, &l, &f), 0);
    run_until_count(h, &l.done, 22);
    assert_int_equal(l.failed, 1);
    assert_non_null(strstr(l.why.text, "no/such"));
}

static void test_later_makes_the_folder(void **state)
{
    struct harness *h = *state;
    struct later l = {0};
    struct fail f;
    struct file_change c = {.path = path_in(h, "new/x"), .bytes = "x", .size = 1, .mode = 0600};
    assert_int_equal(file_change_later(h->pool, &c, 1, true, on_done, &l, &f), 0);
    run_until_count(h, &l.done, 1);
    assert_int_equal(l.failed, 0);
    assert_string_equal(text_of(path_in(h, "new/x")), "x");
    file_remove_folder(path_in(h, "new"));
    assert_int_equal(access(path_in(h, "new"), F_OK), -1);
}

/* The second has no room: the first, which had, is not put in force. */
static void test_changes_are_written_before_any_is_in_force(void **state)
{
    struct harness *h = *state;
    struct fail f;
    char a[128], b[128], c[128];
    snprintf(a, sizeof(a), "%s", path_in(h, "a"));
    snprintf(b, sizeof(b), "%s", path_in(h, "b"));
    snprintf(c, sizeof(c), "%s", path_in(h, "c"));
    struct file_change list[] = {
        {.path = a, .bytes = "new", .size = 3, .mode = 0600},
        {.path = c},
        {.path = b, .bytes = "new", .size = 3, .mode = 0600},
    };
    write_file(a, "old");
    write_file(c, "kept");
    assert_int_equal(mkdir(path_in(h, "b.new"), 0700), 0);
    assert_int_equal(file_change(list, 3, &f), -1);
    assert_string_equal(text_of(a), "old");
    assert_string_equal(text_of(c), "kept");
    assert_int_equal(access(path_in(h, "a.new"), F_OK), -1);
    assert_int_equal(rmdir(path_in(h, "b.new")), 0);
    assert_int_equal(file_change(list, 3, &f), 0);
    assert_string_equal(text_of(a), "new");
    assert_string_equal(text_of(b), "new");
    assert_int_equal(access(c, F_OK), -1);
}

static void test_folders(void **state)
{
    struct harness *h = *state;
    struct fail f;
    struct stat st;
    assert_int_equal(file_make_folders(path_in(h, "lib/baton/web1"), 0700, &f), 0);
    assert_int_equal(file_make_folders(path_in(h, "lib/baton/web1/"), 0700, &f), 0);
    assert_int_equal(stat(path_in(h, "lib/baton"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    write_file(path_in(h, "file"), "");
    assert_int_equal(file_make_folders(path_in(h, "file/below"), 0700, &f), -1);
    assert_int_equal(file_make_folders(path_in(h, "file"), 0700, &f), -1);
    assert_non_null(strstr(f.text, "Not a directory"));
}

static void test_read(void **state)
{
    struct harness *h = *state;
    struct buffer b = {0};
    struct fail f;
    const char *path = path_in(h, "a");
    assert_int_equal(file_read(path, 100, &b, &f), FILE_ABSENT);
    write_file(path, "0123456789");
    assert_int_equal(file_read(path, 10, &b, &f), 0);
    assert_int_equal(buffer_size(&b), 10);
    assert_int_equal(file_read(path, 9, &b, &f), -1);
    assert_non_null(strstr(f.text, "more than 9"));
    assert_int_equal(buffer_size(&b), 10);                            /* as it was */
    assert_int_equal(file_read("/proc/self/status", 20, &b, &f), -1); /* has no size before */
    assert_int_equal(buffer_size(&b), 10);
    assert_int_equal(file_read(h->folder, 100, &b, &f), -1);
    assert_non_null(strstr(f.text, "not a regular file"));
    assert_int_equal(mkfifo(path_in(h, "fifo"), 0600), 0);
    assert_int_equal(file_read(path_in(h, "fifo"), 100, &b, &f), -1);
    buffer_free(&b);
}

static void test_tail(void **state)
{
    struct harness *h = *state;
    char text[64];
    const char *path = path_in(h, "log");
    file_read_tail(path, 3, text, sizeof(text));
    assert_string_equal(text, "");
    write_file(path, "");
    file_read_tail(path, 3, text, sizeof(text));
    assert_string_equal(text, "");
    write_file(path, "one\ntwo\nthree\n\n");
    file_read_tail(path, 2, text, sizeof(text));
    assert_string_equal(text, "two\nthree");
    file_read_tail(path, 9, text, sizeof(text));
    assert_string_equal(text, "one\ntwo\nthree");
    file_read_tail(path, 9, text, 8); /* the last seven bytes */
    assert_string_equal(text, "three");
    write_file(path, "bad \x1b[31m\xff\x7f end");
    file_read_tail(path, 1, text, sizeof(text));
    assert_string_equal(text, "bad  [31m?  end");
}

/* In another process: 0 when it got the lock; 1 when it was refused, naming `holder`; else 2. */
static int lock_in_another(const char *path, pid_t holder)
{
    struct fail f;
    int fd = -1, status;
    char expected[64];
    snprintf(expected, sizeof(expected), "another batond (pid %d) is running", (int)holder);
    pid_t child = fork();
    if (child == 0) {
        int r = file_lock_pid(path, &fd, &f);
        _exit(r == 0 ? 0 : strstr(f.text, expected) && strstr(f.text, path) ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void test_second_daemon_is_refused(void **state)
{
    struct harness *h = *state;
    struct fail f;
    int fd = -1;
    const char *path = path_in(h, "batond.pid");
    assert_int_equal(file_lock_pid(path, &fd, &f), 0);
    assert_int_equal(lock_in_another(path, getpid()), 1);
    file_unlock_pid(path, fd);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(lock_in_another(path, 0), 0);
}

/* What the daemon has just forked has its descriptors; killed then, it leaves them behind. */
static void test_lock_is_not_inherited(void **state)
{
    struct harness *h = *state;
    const char *path = path_in(h, "batond.pid");
    int until[2], fd = -1, status;
    struct fail f;
    char byte;
    assert_int_equal(pipe(until), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        int r = file_lock_pid(path, &fd, &f);
        if (r == 0 && fork() == 0) {
            close(until[1]);
            (void)!read(until[0], &byte, 1);
            _exit(0);
        }
        _exit(r == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_int_equal(status, 0);
    assert_int_equal(file_lock_pid(path, &fd, &f), 0);
    file_unlock_pid(path, fd);
    close(until[0]);
    close(until[1]); /* the orphan ends */
}

/* A daemon that was killed leaves its pid file, and no lock. */
static void test_lock_of_a_dead_daemon(void **state)
{
    struct harness *h = *state;
    struct fail f;
    int fd = -1, status;
    const char *path = path_in(h, "batond.pid");
    pid_t child = fork();
    if (child == 0)
        _exit(file_lock_pid(path, &fd, &f) == 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(atoi(text_of(path)), child);
    assert_int_equal(file_lock_pid(path, &fd, &f), 0);
    assert_int_equal(atoi(text_of(path)), getpid());
    file_unlock_pid(path, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_replace),
        harness_test(test_replace_takes_over_what_a_crash_left),
        harness_test(test_replace_fails_and_leaves_the_old),
        harness_test(test_remove),
        harness_test(test_later_in_order),
        harness_test(test_later_makes_the_folder),
        harness_test(test_changes_are_written_before_any_is_in_force),
        harness_test(test_folders),
        harness_test(test_read),
        harness_test(test_tail),
        harness_test(test_second_daemon_is_refused),
        harness_test(test_lock_is_not_inherited),
        harness_test(test_lock_of_a_dead_daemon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
