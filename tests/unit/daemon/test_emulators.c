/* Asking binaries what they can do: the real QEMU, and programs that only claim to be one. */
#include "host.h"
#include "../because.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/emulators.h"
#include "io/file.h"
#include "io/process.h"
#include "io/timer.h"
#include "io/worker.h"

#define QEMU "/usr/bin/qemu-system-x86_64"

struct answer {
    unsigned count;
    const struct emulator *emulator;
    struct fail why;
};

static void answered(const struct emulator *emulator, const struct fail *why, void *userdata)
{
    struct answer *a = userdata;
    a->count++;
    a->emulator = emulator;
    if (why)
        a->why = *why;
}

static struct answer ask(struct host *h, const char *path)
{
    struct answer a = {0};
    emulators_get(h->daemon.emulators, path, answered, &a);
    while (!a.count)
        host_turn(h);
    return a;
}

static void refused(struct host *h, const char *path, const char *words)
{
    struct answer a = ask(h, path);
    assert_null(a.emulator);
    if (!strstr(a.why.text, words))
        fail_msg("'%s' is not in: %s", words, a.why.text);
}

/* An executable script in the host's folder. */
static const char *script(struct host *h, const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", h->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\n%s\n", text) > 0);
    close(fd);
    return path;
}

/* QEMU behind a script that notes its process id each time it is run. */
static const char *counted_qemu(struct host *h)
{
    char text[256];
    snprintf(text, sizeof(text), "echo $$ >>%s/runs\nexec " QEMU " \"$@\"", h->folder);
    return script(h, "qemu", text);
}

/* How often it was run; each of those processes is over, or soon will be. */
static unsigned count_runs(struct host *h)
{
    char path[128];
    struct buffer text = {0};
    unsigned lines = 0;
    snprintf(path, sizeof(path), "%s/runs", h->folder);
    (void)file_read(path, 65536, &text, NULL);
    for (size_t i = 0; i < buffer_size(&text); i++)
        lines += buffer_bytes(&text)[i] == '\n';
    buffer_free(&text);
    return lines;
}

static void expect_nothing_left(struct host *h)
{
    struct process_identity identity;
    char path[128], line[32];
    snprintf(path, sizeof(path), "%s/runs", h->folder);
    FILE *runs = fopen(path, "re");
    assert_non_null(runs);
    while (fgets(line, sizeof(line), runs)) {
        uint64_t end = timer_now() + 10 * TIMER_SECOND;
        while (process_identify(atoi(line), &identity, NULL) != PROCESS_GONE)
            if (timer_now() > end)
                fail_msg("QEMU %d is still there", atoi(line));
    }
    fclose(runs);
    snprintf(path, sizeof(path), "%s/probe-1.sock", h->daemon.config.socket_dir);
    assert_int_equal(access(path, F_OK), -1);
}

/* What a restart of the daemon does to it; what was to be written is written. */
static void forget_all(struct host *h)
{
    emulators_free(h->daemon.emulators);
    worker_pool_free(h->daemon.workers);
}

static void remember(struct host *h)
{
    struct fail f;
    assert_int_equal(worker_pool_new(daemon_event(&h->daemon), 1, 16, &h->daemon.workers, &f), 0);
    assert_int_equal(emulators_new(&h->daemon, &h->daemon.emulators, &f), 0);
}

static void need_qemu(void)
{
    if (access(QEMU, X_OK) < 0)
        skip_because("there is no " QEMU);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_a_binary_is_asked_once(void **state)
{
    need_qemu();
    struct host *h = *state;
    const char *path = counted_qemu(h);
    struct answer a = {0}, b = {0};
    assert_null(emulators_known(h->daemon.emulators, path));
    emulators_get(h->daemon.emulators, path, answered, &a);
    emulators_get(h->daemon.emulators, path, answered, &b);
    while (!a.count || !b.count)
        host_turn(h);
    assert_non_null(a.emulator);
    assert_ptr_equal(a.emulator, b.emulator);
    assert_true(a.emulator->version >= EMULATOR_VERSION_MIN);
    unsigned runs = count_runs(h);
    assert_int_equal(runs, a.emulator->kvm_enabled ? 2 : 1);
    assert_ptr_equal(ask(h, path).emulator, a.emulator);
    assert_ptr_equal(emulators_known(h->daemon.emulators, path), a.emulator);
    assert_int_equal(count_runs(h), runs);
    expect_nothing_left(h);
}

static void test_a_restart_asks_nothing(void **state)
{
    need_qemu();
    struct host *h = *state;
    const char *path = counted_qemu(h);
    uint32_t version = ask(h, path).emulator->version;
    unsigned runs = count_runs(h);
    forget_all(h);
    remember(h);
    struct answer a = {0};
    emulators_get(h->daemon.emulators, path, answered, &a);
    assert_int_equal(a.count, 1); /* at once */
    assert_int_equal(a.emulator->version, version);
    assert_int_equal(count_runs(h), runs);
}

static void test_a_changed_binary_is_asked_again(void **state)
{
    need_qemu();
    struct host *h = *state;
    const char *path = counted_qemu(h);
    const struct emulator *before = ask(h, path).emulator;
    unsigned runs = count_runs(h);
    assert_non_null(before);
    path = counted_qemu(h); /* written again: another time of change */
    const struct emulator *after = ask(h, path).emulator;
    assert_non_null(after);
    assert_ptr_not_equal(before, after);
    assert_int_equal(count_runs(h), 2 * runs);
    assert_int_equal(before->version, after->version); /* what was handed out is still good */
}

static void test_what_is_no_program_is_refused_at_once(void **state)
{
    struct host *h = *state;
    refused(h, "qemu", "'qemu' is not an absolute path");
    refused(h, "/nonexistent/qemu", "Cannot check QEMU binary /nonexistent/qemu: No such file");
    refused(h, "/tmp", "is not executable");
    refused(h, "/etc/passwd", "is not executable");
}

static void test_a_qemu_that_dies_is_quoted(void **state)
{
    struct host *h = *state;
    refused(h, script(h, "dies", "echo 'could not load PC BIOS' >&2; exit 1"),
            "its last words: could not load PC BIOS");
}

/* The monitor's socket is descriptor 3; python is the shortest that can accept on one. */
#define ACCEPT                                                                                     \
    "exec /usr/bin/python3 -c \"import socket,time\n"                                              \
    "l = socket.socket(fileno=3)\n"                                                                \
    "s = l.accept()[0]\n"

static void need_python(void)
{
    if (access("/usr/bin/python3", X_OK) < 0)
        skip_because("there is no /usr/bin/python3");
}

static void test_a_qemu_that_prints_junk_is_refused(void **state)
{
    need_python();
    struct host *h = *state;
    refused(h,
            script(h, "junk",
                   ACCEPT "s.send(b'SSH-2.0-dropbear' + bytes([13, 10]))\n"
                          "time.sleep(60)\""),
            "monitor");
}

static void test_a_qemu_that_never_greets_has_a_deadline(void **state)
{
    need_python();
    struct host *h = *state;
    emulators_set_deadline(h->daemon.emulators, TIMER_SECOND / 2);
    refused(h, script(h, "mute", "exec sleep 60"), "it did not greet within 0.5 s");
}

static void test_a_qemu_that_stops_answering_has_a_deadline(void **state)
{
    need_python();
    struct host *h = *state;
    emulators_set_deadline(h->daemon.emulators, 8 * TIMER_SECOND); /* python starts in it, twice */
    refused(h,
            script(h, "half",
                   ACCEPT
                   /* the connection is made twice, and each is greeted */
                   "g = b'{\\\"QMP\\\": {\\\"version\\\": {\\\"qemu\\\": {\\\"micro\\\": 0, "
                   "\\\"minor\\\": 2, \\\"major\\\": 7}, \\\"package\\\": \\\"\\\"}, "
                   "\\\"capabilities\\\": []}}' + bytes([13, 10])\n"
                   "s.send(g)\n"
                   "s = l.accept()[0]\n"
                   "s.send(g)\n"
                   "import json\n"
                   "i = json.loads(s.recv(4096).decode())['id']\n"
                   "s.send(json.dumps({'return': {}, 'id': i}).encode() + bytes([13, 10]))\n"
                   "time.sleep(60)\""),
            "no answer to query-version within 8 s");
}

static void test_those_who_wait_are_told_when_the_daemon_stops(void **state)
{
    struct host *h = *state;
    struct answer a = {0};
    emulators_get(h->daemon.emulators, script(h, "mute", "exec sleep 60"), answered, &a);
    host_turn(h);
    assert_int_equal(a.count, 0);
    emulators_stop(h->daemon.emulators);
    assert_int_equal(a.count, 1);
    assert_non_null(strstr(a.why.text, "the daemon is being stopped"));
}

static void test_a_broken_cache_is_ignored(void **state)
{
    need_qemu();
    struct host *h = *state;
    const char *path = counted_qemu(h);
    assert_non_null(ask(h, path).emulator);
    forget_all(h);
    char command[256];
    snprintf(command, sizeof(command), "for f in %s/*; do echo '{' >$f; done",
             h->daemon.config.cache_dir);
    assert_int_equal(system(command), 0);
    remember(h);
    unsigned runs = count_runs(h);
    assert_non_null(ask(h, path).emulator);
    assert_int_equal(count_runs(h), 2 * runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(test_a_binary_is_asked_once),
        host_test(test_a_restart_asks_nothing),
        host_test(test_a_changed_binary_is_asked_again),
        host_test(test_what_is_no_program_is_refused_at_once),
        host_test(test_a_qemu_that_dies_is_quoted),
        host_test(test_a_qemu_that_prints_junk_is_refused),
        host_test(test_a_qemu_that_never_greets_has_a_deadline),
        host_test(test_a_qemu_that_stops_answering_has_a_deadline),
        host_test(test_those_who_wait_are_told_when_the_daemon_stops),
        host_test(test_a_broken_cache_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
