/* A guest's journal on a real disk: killed, torn, full, damaged, rewritten. */
#include "harness.h"
#include "../because.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/journal_file.h"

enum { TYPE_STATE = 1, TYPE_STEP = 2 };

struct told {
    unsigned done;
    unsigned failed;
    struct fail why;
};

static void on_done(const struct fail *why, void *userdata)
{
    struct told *t = userdata;
    t->done++;
    if (why) {
        t->failed++;
        t->why = *why;
    }
}

static struct journal_file *open_journal(struct harness *h, struct journal_found *ret_found)
{
    struct journal_file *j = NULL;
    struct fail f = {0};
    if (journal_file_open(h->pool, path_in(h, "journal"), &j, ret_found, &f) < 0)
        fail_msg("%s", f.text);
    return j;
}

static void append(struct journal_file *j, const char *text)
{
    struct fail f = {0};
    if (journal_file_append(j, TYPE_STEP, text, strlen(text), &f) < 0)
        fail_msg("%s", f.text);
}

/* The payloads as one text: "a b c". */
static const char *content(const struct journal_found *found)
{
    static char text[4096];
    size_t at = 0;
    struct journal_reader r;
    struct journal_record record;
    text[0] = '\0';
    journal_reader_init(&r, buffer_bytes(&found->bytes), buffer_size(&found->bytes));
    while (journal_reader_next(&r, &record) && at + record.size + 2 < sizeof(text))
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", at ? " " : "",
                               (int)(record.size < 20 ? record.size : 20), record.payload);
    return text;
}

/* What a daemon that starts now would find. */
static const char *reopened(struct harness *h, enum journal_outcome expected)
{
    struct journal_found found;
    struct journal_file *j = open_journal(h, &found);
    assert_int_equal(found.outcome, expected);
    const char *text = content(&found);
    buffer_free(&found.bytes);
    journal_file_close(j);
    return text;
}

static void test_append_close_open(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct stat st;
    struct journal_file *j = open_journal(h, &found);
    assert_true(found.created);
    assert_int_equal(found.outcome, JOURNAL_WHOLE);
    append(j, "define");
    append(j, "start");
    journal_file_close(j); /* no sync: the daemon's death loses nothing */
    assert_int_equal(stat(path_in(h, "journal"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    j = open_journal(h, &found);
    assert_false(found.created);
    assert_string_equal(content(&found), "define start");
    buffer_free(&found.bytes);
    append(j, "stop");
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "define start stop");
}

static void test_sync_is_told_from_the_loop(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    struct journal_file *j = open_journal(h, &found);
    append(j, "a");
    assert_int_equal(journal_file_sync(j, on_done, &t, &f), 0);
    append(j, "b");
    assert_int_equal(journal_file_sync(j, on_done, &t, &f), 0);
    assert_int_equal(t.done, 0);
    run_until_count(h, &t.done, 2);
    assert_int_equal(t.failed, 0);
    journal_file_close(j);
}

static void test_closed_under_a_sync(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    unsigned before = count_fds();
    struct journal_file *j = open_journal(h, &found);
    append(j, "a");
    assert_int_equal(journal_file_sync(j, on_done, &t, &f), 0);
    journal_file_close(j);
    run_until_count(h, &t.done, 1);
    assert_int_equal(t.failed, 0);
    assert_int_equal(count_fds(), before);
}

static void test_torn_tail_is_cut_off(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct stat st;
    struct journal_file *j = open_journal(h, &found);
    append(j, "first");
    append(j, "second");
    journal_file_close(j);
    assert_int_equal(stat(path_in(h, "journal"), &st), 0);
    assert_int_equal(truncate(path_in(h, "journal"), st.st_size - 3), 0);
    j = open_journal(h, &found);
    assert_int_equal(found.outcome, JOURNAL_TORN);
    assert_non_null(strstr(found.reason, "incomplete record"));
    assert_string_equal(content(&found), "first");
    buffer_free(&found.bytes);
    append(j, "third");
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "first third");
}

static void damage(struct harness *h, off_t at)
{
    int fd = open(path_in(h, "journal"), O_RDWR);
    char c;
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void test_damaged_is_read_but_not_written(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    struct stat before, after;
    struct journal_file *j = open_journal(h, &found);
    append(j, "first");
    append(j, "second");
    append(j, "third");
    journal_file_close(j);
    damage(h, JOURNAL_HEADER + 5 + JOURNAL_HEADER + 1);
    assert_int_equal(stat(path_in(h, "journal"), &before), 0);
    j = open_journal(h, &found);
    assert_int_equal(found.outcome, JOURNAL_DAMAGED);
    assert_string_equal(content(&found), "first");
    buffer_free(&found.bytes);
    assert_int_equal(journal_file_append(j, TYPE_STEP, "x", 1, &f), -1);
    assert_non_null(strstr(f.text, "damaged"));
    assert_int_equal(journal_file_sync(j, on_done, &t, &f), -1);
    assert_int_equal(stat(path_in(h, "journal"), &after), 0);
    assert_int_equal(before.st_size, after.st_size); /* evidence is not touched */

    /* until somebody settles it */
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "settled", 7, on_done, &t, &f), 0);
    run_until_count(h, &t.done, 1);
    assert_int_equal(t.failed, 0);
    append(j, "on");
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "settled on");
}

static void test_rewrite(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    unsigned before = count_fds();
    struct journal_file *j = open_journal(h, &found);
    append(j, "a");
    append(j, "b");
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "ab", 2, on_done, &t, &f), 0);
    append(j, "c"); /* while it is under way: nothing is lost at any moment */
    assert_int_equal(journal_file_sync(j, on_done, &t, &f), 0);
    run_until_count(h, &t.done, 2);
    assert_int_equal(t.failed, 0);
    append(j, "d");
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "ab c d");
    assert_int_equal(access(path_in(h, "journal.new"), F_OK), -1);
    assert_int_equal(count_fds(), before);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n = read(in, bytes, sizeof(bytes));
    assert_true(n >= 0);
    assert_int_equal(write(out, bytes, (size_t)n), n);
    close(in);
    close(out);
}

static void wait_for_byte(void *data)
{
    char c;
    assert_int_equal(read(*(int *)data, &c, 1), 1);
}

static void ignore_done(void *data, bool ran)
{
    (void)data;
    (void)ran;
}

/* Nothing else runs on the worker until a byte comes. */
static void hold_worker(struct worker_pool *pool, int *fd)
{
    struct worker_job job = {.run = wait_for_byte, .done = ignore_done, .data = fd};
    struct fail f;
    assert_int_equal(worker_submit(pool, &job, &f), 0);
}

/* Killed before the rename: the old file has it all; after it: the new one has. Both as they stand
 * while the worker has not run yet. */
static void test_killed_during_a_rewrite(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    struct journal_file *j = open_journal(h, &found);
    append(j, "a");
    append(j, "b");
    journal_file_close(j);
    copy_file(path_in(h, "journal"), path_in(h, "before"));
    j = open_journal(h, &found);
    buffer_free(&found.bytes);
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "ab", 2, on_done, &t, &f), 0);
    append(j, "c");
    run_until_count(h, &t.done, 1);
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "ab c");

    /* The other way: begin again from "before", with the worker out of reach. */
    copy_file(path_in(h, "before"), path_in(h, "journal"));
    struct worker_pool *busy;
    assert_int_equal(worker_pool_new(h->event, 1, 64, &busy, &f), 0);
    assert_int_equal(journal_file_open(busy, path_in(h, "journal"), &j, &found, &f), 0);
    buffer_free(&found.bytes);
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    hold_worker(busy, &gate[0]);
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "ab", 2, on_done, &t, &f), 0);
    append(j, "c");
    copy_file(path_in(h, "journal"), path_in(h, "killed")); /* what a kill would leave now */
    assert_int_equal(write(gate[1], "", 1), 1);
    run_until_count(h, &t.done, 2);
    journal_file_close(j);
    worker_pool_free(busy);
    close(gate[0]);
    close(gate[1]);
    copy_file(path_in(h, "killed"), path_in(h, "journal"));
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "a b c");
}

static void test_rewrite_that_fails_leaves_the_old(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    struct journal_file *j = open_journal(h, &found);
    append(j, "a");
    assert_int_equal(mkdir(path_in(h, "journal.new"), 0700), 0); /* in the way */
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "x", 1, on_done, &t, &f), -1);
    assert_non_null(strstr(f.text, "rewrite"));
    assert_int_equal(rmdir(path_in(h, "journal.new")), 0);

    /* the new file disappears before the rename */
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    hold_worker(h->pool, &gate[0]);
    hold_worker(h->pool, &gate[0]);
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "x", 1, on_done, &t, &f), 0);
    append(j, "b");
    assert_int_equal(unlink(path_in(h, "journal.new")), 0);
    assert_int_equal(write(gate[1], "12", 2), 2);
    run_until_count(h, &t.done, 1);
    assert_int_equal(t.failed, 1);
    append(j, "c");
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "a b c");
    close(gate[0]);
    close(gate[1]);
}

/* A disk that is full in the middle of a record, at each byte of it. */
static void test_full_disk_at_each_byte(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct rlimit was, small;
    struct fail f;
    struct stat st;
    struct journal_file *j = open_journal(h, &found);
    append(j, "first");
    assert_int_equal(stat(path_in(h, "journal"), &st), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    for (rlim_t extra = 0; extra < JOURNAL_HEADER + 6; extra++) {
        small = (struct rlimit){.rlim_cur = (rlim_t)st.st_size + extra, .rlim_max = was.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        int r = journal_file_append(j, TYPE_STEP, "second", 6, &f);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
        assert_int_equal(r, -1);
        assert_non_null(strstr(f.text, "File too large"));
        assert_string_equal(reopened(h, JOURNAL_WHOLE), "first");
    }
    append(j, "third");
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "first third");
}

/* The same during a rewrite: both files stay in step. */
static void test_full_disk_during_a_rewrite(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct rlimit was, small;
    struct told t = {0};
    struct fail f;
    struct journal_file *j = open_journal(h, &found);
    append(j, "first");
    append(j, "second");
    signal(SIGXFSZ, SIG_IGN);
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    hold_worker(h->pool, &gate[0]);
    hold_worker(h->pool, &gate[0]);
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "all", 3, on_done, &t, &f), 0);
    /* Room in the new file, which is shorter; none in the old one. */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = (struct rlimit){.rlim_cur = 2 * JOURNAL_HEADER + 11 + 4, .rlim_max = was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(journal_file_append(j, TYPE_STEP, "no", 2, &f), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    append(j, "third");
    assert_int_equal(write(gate[1], "12", 2), 2);
    run_until_count(h, &t.done, 1);
    assert_int_equal(t.failed, 0);
    journal_file_close(j);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "all third");
    close(gate[0]);
    close(gate[1]);
}

static void test_grows_until_a_rewrite_is_worth_it(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    struct journal_file *j = open_journal(h, &found);
    char *payload = calloc(1, 100000);
    for (int i = 0; i < 10; i++) {
        assert_false(journal_file_is_large(j));
        assert_int_equal(journal_file_append(j, TYPE_STEP, payload, 100000, &f), 0);
    }
    assert_int_equal(journal_file_append(j, TYPE_STEP, payload, 100000, &f), 0);
    assert_true(journal_file_is_large(j));
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "all", 3, on_done, &t, &f), 0);
    assert_false(journal_file_is_large(j)); /* not while it is under way */
    run_until_count(h, &t.done, 1);
    assert_false(journal_file_is_large(j));
    free(payload);
    journal_file_close(j);
}

static void test_not_a_file(void **state)
{
    struct harness *h = *state;
    struct journal_file *j;
    struct journal_found found;
    struct fail f;
    assert_int_equal(mkdir(path_in(h, "journal"), 0700), 0);
    assert_int_equal(journal_file_open(h->pool, path_in(h, "journal"), &j, &found, &f), -1);
    assert_non_null(strstr(f.text, "not a regular file"));
}

/* In a mount namespace of this test's own; for root only. */
static void test_read_only_disk(void **state)
{
    struct harness *h = *state;
    struct journal_found found;
    struct told t = {0};
    struct fail f;
    struct journal_file *j = open_journal(h, &found);
    append(j, "first");
    journal_file_close(j);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(h->folder, h->folder, NULL, MS_BIND, NULL) < 0) {
        skip_because("no mount of one's own is permitted here");
        return;
    }
    assert_int_equal(mount(NULL, h->folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    j = open_journal(h, &found);
    assert_true(found.read_only);
    assert_string_equal(content(&found), "first");
    buffer_free(&found.bytes);
    assert_int_equal(journal_file_append(j, TYPE_STEP, "x", 1, &f), -1);
    assert_non_null(strstr(f.text, "Read-only file system"));
    assert_int_equal(journal_file_sync(j, on_done, &t, &f), -1);
    assert_int_equal(journal_file_rewrite(j, TYPE_STATE, "x", 1, on_done, &t, &f), -1);
    journal_file_close(j);
    assert_int_equal(umount(h->folder), 0);
    assert_string_equal(reopened(h, JOURNAL_WHOLE), "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_append_close_open),
        harness_test(test_sync_is_told_from_the_loop),
        harness_test(test_closed_under_a_sync),
        harness_test(test_torn_tail_is_cut_off),
        harness_test(test_damaged_is_read_but_not_written),
        harness_test(test_rewrite),
        harness_test(test_killed_during_a_rewrite),
        harness_test(test_rewrite_that_fails_leaves_the_old),
        harness_test(test_full_disk_at_each_byte),
        harness_test(test_full_disk_during_a_rewrite),
        harness_test(test_grows_until_a_rewrite_is_worth_it),
        harness_test(test_not_a_file),
        harness_test(test_read_only_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
