/* Programs that are not our children: started, known, watched, signalled. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io/file.h"
#include "io/process.h"
#include "io/stream.h"

struct run {
    struct process_start *start;
    bool ready;
    bool finished; /* started or failed */
    bool started;
    bool ended;
    bool hold; /* the test says go */
    bool cancel_when_ready;
    struct process_identity identity;
    struct fail why;
    struct process *process;
};

static void on_ready(struct process_start *s, const struct process_identity *identity,
                     void *userdata)
{
    struct run *r = userdata;
    assert_ptr_equal(s, r->start);
    assert_false(r->finished);
    r->ready = true;
    r->identity = *identity;
    if (r->cancel_when_ready)
        process_start_cancel(s);
    else if (!r->hold)
        process_start_go(s);
}

static void on_started(const struct process_identity *identity, void *userdata)
{
    struct run *r = userdata;
    assert_false(r->finished);
    r->finished = r->started = true;
    r->identity = *identity;
}

static void on_failed(const struct fail *why, void *userdata)
{
    struct run *r = userdata;
    assert_false(r->finished);
    r->finished = true;
    r->why = *why;
}

static void on_ended(struct process *p, void *userdata)
{
    struct run *r = userdata;
    assert_ptr_equal(p, r->process);
    r->ended = true;
}

static const struct process_start_ops OPS = {
    .ready = on_ready, .started = on_started, .failed = on_failed};

static const char *const ENVIRONMENT[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};

static void start(struct harness *h, struct run *r, const struct process_spec *spec)
{
    struct fail f = {0};
    int result = process_start_new(h->event, spec, &OPS, r, &r->start, &f);
    if (result < 0)
        fail_msg("%s", f.text);
    assert_false(r->ready || r->finished); /* never inside the call */
}

/* A shell command, with its output in FOLDER/log. */
static void start_shell(struct harness *h, struct run *r, const char *command,
                        const struct process_fd *fds, size_t fd_count)
{
    const char *arguments[] = {"sh", "-c", command, NULL};
    struct process_spec spec = {.program = "/bin/sh",
                                .arguments = arguments,
                                .environment = ENVIRONMENT,
                                .log_path = path_in(h, "log"),
                                .fds = fds,
                                .fd_count = fd_count};
    start(h, r, &spec);
}

static void adopt(struct harness *h, struct run *r)
{
    struct fail f = {0};
    if (process_adopt(h->event, &r->identity, on_ended, r, &r->process, &f) != 0)
        r->ended = true; /* that fast */
}

/* Runs a command to its end; what it wrote is the result. */
static const char *output_of(struct harness *h, const char *command, const struct process_fd *fds,
                             size_t fd_count)
{
    struct run r = {0};
    (void)unlink(path_in(h, "log"));
    start_shell(h, &r, command, fds, fd_count);
    run_until(h, &r.finished);
    assert_true(r.started);
    adopt(h, &r);
    run_until(h, &r.ended);
    process_free(r.process);
    return text_of(path_in(h, "log"));
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    int parent = -1;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    const char *p = strrchr(text_of(path), ')');
    if (p)
        sscanf(p + 2, "%*c %d", &parent);
    return parent;
}

static void test_runs_and_is_not_our_child(void **state)
{
    struct harness *h = *state;
    struct run r = {0};
    start_shell(h, &r, "echo hello; echo oops >&2; exec sleep 600", NULL, 0);
    run_until(h, &r.finished);
    assert_true(r.started);
    assert_int_not_equal(parent_of(r.identity.pid), getpid());
    assert_int_equal(getsid(r.identity.pid) != getsid(0), 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to be reaped */
    assert_int_equal(errno, ECHILD);

    struct fail f;
    adopt(h, &r);
    assert_non_null(r.process);
    assert_int_equal(process_get_identity(r.process)->pid, r.identity.pid);
    assert_int_equal(process_signal(r.process, 0, &f), 0);
    assert_false(r.ended);
    assert_int_equal(process_signal(r.process, SIGKILL, &f), 0);
    run_until(h, &r.ended);
    assert_int_equal(process_signal(r.process, SIGKILL, &f), PROCESS_GONE);
    process_free(r.process);
}

static void test_output_is_appended_to_the_log(void **state)
{
    struct harness *h = *state;
    struct stat st;
    assert_string_equal(output_of(h, "echo out; echo err >&2", NULL, 0), "out\nerr\n");
    assert_int_equal(stat(path_in(h, "log"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct run r = {0};
    start_shell(h, &r, "echo again", NULL, 0);
    run_until(h, &r.finished);
    adopt(h, &r);
    run_until(h, &r.ended);
    process_free(r.process);
    assert_string_equal(text_of(path_in(h, "log")), "out\nerr\nagain\n");
}

static void test_surroundings_are_clean(void **state)
{
    struct harness *h = *state;
    setenv("BATON_SECRET", "1", 1);
    assert_string_equal(output_of(h, "env | grep -c BATON_SECRET; pwd; umask; cat", NULL, 0),
                        "0\n/\n0077\n");
    /* blocked signals and ignored ones would be inherited through exec */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    const char *signals = output_of(h, "grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL, 0);
    unsigned long long blocked, ignored;
    assert_int_equal(sscanf(signals, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
    assert_int_equal(blocked, 0);
    /* 32 and 33 are the C library's own: it lets nobody set them, and who started us may have. */
    assert_int_equal(ignored & ~(3ULL << 31), 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_only_the_given_descriptors(void **state)
{
    struct harness *h = *state;
    int fds[2], other[2];
    assert_int_equal(pipe(fds), 0); /* without close-on-exec, to be leaked by a careless exec */
    assert_int_equal(pipe(other), 0);
    assert_int_equal(write(fds[1], "first\n", 6), 6);
    assert_int_equal(write(other[1], "other\n", 6), 6);
    /* The numbers are each other's, and one is far away. */
    struct process_fd map[] = {{.fd = fds[0], .number = other[0]},
                               {.fd = other[0], .number = fds[0]},
                               {.fd = fds[1], .number = 100}};
    char command[256], expected[256];
    snprintf(command, sizeof(command), "head -n1 <&%d; head -n1 <&%d; ls -v /proc/$$/fd", other[0],
             fds[0]);
    snprintf(expected, sizeof(expected), "first\nother\n0\n1\n2\n%d\n%d\n100\n",
             fds[0] < other[0] ? fds[0] : other[0], fds[0] < other[0] ? other[0] : fds[0]);
    assert_string_equal(output_of(h, command, map, 3), expected);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(other[i]);
    }
}

static void test_nothing_leaks_here(void **state)
{
    struct harness *h = *state;
    unsigned before = count_fds();
    (void)output_of(h, "true", NULL, 0);
    assert_int_equal(count_fds(), before);
}

static void test_no_such_program(void **state)
{
    struct harness *h = *state;
    struct run r = {0};
    const char *arguments[] = {"qemu", NULL};
    struct process_spec spec = {.program = "/nonexistent/qemu",
                                .arguments = arguments,
                                .environment = ENVIRONMENT,
                                .log_path = path_in(h, "log")};
    start(h, &r, &spec);
    run_until(h, &r.finished);
    assert_false(r.started);
    assert_string_equal(r.why.text, "start /nonexistent/qemu: execute: No such file or directory");
}

static void test_program_that_may_not_be_executed(void **state)
{
    struct harness *h = *state;
    struct run r = {0};
    char program[256];
    const char *arguments[] = {"x", NULL};
    snprintf(program, sizeof(program), "%s", path_in(h, "x"));
    close(open(program, O_CREAT | O_WRONLY, 0600));
    struct process_spec spec = {.program = program,
                                .arguments = arguments,
                                .environment = ENVIRONMENT,
                                .log_path = path_in(h, "log")};
    start(h, &r, &spec);
    run_until(h, &r.finished);
    assert_false(r.started);
    assert_non_null(strstr(r.why.text, "execute: Permission denied"));
}

static void test_log_that_can_not_be_opened(void **state)
{
    struct harness *h = *state;
    struct process_start *s;
    struct fail f;
    unsigned before = count_fds();
    const char *arguments[] = {"true", NULL};
    struct process_spec spec = {.program = "/bin/true",
                                .arguments = arguments,
                                .environment = ENVIRONMENT,
                                .log_path = path_in(h, "no/such/log")};
    assert_int_equal(process_start_new(h->event, &spec, &OPS, NULL, &s, &f), -1);
    assert_non_null(strstr(f.text, "start /bin/true: open its log"));
    assert_int_equal(count_fds(), before);
}

static void test_program_that_dies_at_once(void **state)
{
    struct harness *h = *state;
    struct run r = {0};
    char tail[128];
    start_shell(h, &r, "echo 'sh: -device nonsense: not valid' >&2; exit 1", NULL, 0);
    run_until(h, &r.finished);
    assert_true(r.started); /* it was executed: that it ended is another piece of news */
    adopt(h, &r);
    run_until(h, &r.ended);
    process_free(r.process);
    file_read_tail(path_in(h, "log"), 1, tail, sizeof(tail));
    assert_string_equal(tail, "sh: -device nonsense: not valid");
}

struct last_words {
    struct run *run;
    bool heard;
    bool heard_first;
};

static void on_words(struct stream *s, struct buffer *in, void *userdata)
{
    struct last_words *w = userdata;
    (void)s;
    buffer_take(in, buffer_size(in));
    w->heard = true;
    w->heard_first = !w->run->ended;
}

static void on_words_closed(struct stream *s, const struct fail *why, void *userdata)
{
    (void)s;
    (void)why;
    (void)userdata;
}

/* A QEMU says SHUTDOWN and ends: that it ended is told last. */
static void test_last_words_come_before_the_end(void **state)
{
    static const struct stream_ops ops = {.received = on_words, .closed = on_words_closed};
    struct harness *h = *state;
    struct run r = {0};
    struct last_words w = {.run = &r};
    struct stream *s;
    struct fail f;
    int fds[2];
    make_pair(fds);
    assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0); /* the shell waits in read */
    struct process_fd map[] = {{.fd = fds[1], .number = 3}};
    start_shell(h, &r, "read go <&3; echo SHUTDOWN >&3", map, 1);
    close(fds[1]);
    run_until(h, &r.finished);
    adopt(h, &r);
    assert_int_equal(stream_new(h->event, fds[0], &ops, &w, NULL, &s, &f), 0);
    assert_int_equal(stream_send(s, "go\n", 3), 0);
    /* The loop looks again only when both have happened. */
    int pidfd = pidfd_open(r.identity.pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 20000), 1);
    close(pidfd);
    run_until(h, &r.ended);
    run_until(h, &w.heard);
    assert_true(w.heard_first);
    stream_free(s);
    process_free(r.process);
}

/* Before "go" it exists and does nothing: time to write down who it is. */
static void test_waits_for_go(void **state)
{
    struct harness *h = *state;
    struct run r = {.hold = true};
    struct process_identity again;
    struct fail f;
    start_shell(h, &r, "echo ran", NULL, 0);
    run_until(h, &r.ready);
    assert_int_equal(process_identify(r.identity.pid, &again, &f), 0);
    assert_true(again.start_time == r.identity.start_time);
    adopt(h, &r);
    assert_non_null(r.process);
    run_ready(h);
    assert_false(r.finished);
    assert_string_equal(text_of(path_in(h, "log")), "");
    process_start_go(r.start);
    run_until(h, &r.finished);
    assert_true(r.started);
    assert_int_equal(process_identify(r.identity.pid, &again, &f) < 0, 0);
    run_until(h, &r.ended); /* the identity from before exec still is its own */
    assert_string_equal(text_of(path_in(h, "log")), "ran\n");
    process_free(r.process);
}

static void test_cancelled_is_never_executed(void **state)
{
    struct harness *h = *state;
    struct run r = {.hold = true}, inside = {.cancel_when_ready = true}, early = {0};
    unsigned before = count_fds();
    start_shell(h, &r, "echo ran", NULL, 0);
    run_until(h, &r.ready);
    adopt(h, &r);
    process_start_cancel(r.start);
    run_until(h, &r.ended);
    process_free(r.process);

    start_shell(h, &inside, "echo ran", NULL, 0);
    run_until(h, &inside.ready);
    start_shell(h, &early, "echo ran", NULL, 0);
    process_start_cancel(early.start);
    process_start_cancel(NULL);
    run_ready(h);
    assert_false(r.finished || inside.finished || early.finished);
    assert_int_equal(count_fds(), before);
    assert_string_equal(text_of(path_in(h, "log")), "");
}

static void test_cancelled_after_go_is_killed(void **state)
{
    struct harness *h = *state;
    struct run r = {.hold = true};
    start_shell(h, &r, "exec sleep 60", NULL, 0);
    run_until(h, &r.ready);
    adopt(h, &r);
    process_start_go(r.start);
    process_start_cancel(r.start);
    run_until(h, &r.ended);
    assert_false(r.finished);
    process_free(r.process);
}

static void test_killed_while_it_waits(void **state)
{
    struct harness *h = *state;
    struct run r = {.hold = true};
    start_shell(h, &r, "echo ran", NULL, 0);
    run_until(h, &r.ready);
    assert_int_equal(kill(r.identity.pid, SIGKILL), 0);
    run_until(h, &r.finished);
    assert_false(r.started);
    assert_non_null(strstr(r.why.text, "killed before it was executed"));
}

/* The daemon dies with a program in waiting: nothing may run that no record knows of. */
static void test_daemon_that_dies_before_go(void **state)
{
    struct harness *h = *state;
    int pipe_fds[2];
    struct process_identity identity;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        struct harness own = *h;
        struct run r = {.hold = true};
        if (sd_event_new(&own.event) < 0)
            _exit(1);
        start_shell(&own, &r, "echo ran", NULL, 0);
        run_until(&own, &r.ready);
        (void)!write(pipe_fds[1], &r.identity, sizeof(r.identity));
        pause();
    }
    assert_int_equal(read(pipe_fds[0], &identity, sizeof(identity)), sizeof(identity));
    struct run r = {.identity = identity};
    adopt(h, &r);
    assert_false(r.ended);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    run_until(h, &r.ended);
    process_free(r.process);
    assert_string_equal(text_of(path_in(h, "log")), "");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* ---- identity ---- */

static int adopt_identity(struct harness *h, const struct process_identity *identity)
{
    struct process *p = NULL;
    struct fail f;
    int r = process_adopt(h->event, identity, on_ended, NULL, &p, &f);
    process_free(p);
    return r;
}

static void test_only_the_same_process_is_adopted(void **state)
{
    struct harness *h = *state;
    struct process_identity me, other;
    struct fail f;
    assert_int_equal(process_identify(getpid(), &me, &f), 0);
    assert_int_equal(me.pid, getpid());
    assert_true(me.start_time > 0);
    assert_int_equal(adopt_identity(h, &me), 0);
    other = me;
    other.start_time++;
    assert_int_equal(adopt_identity(h, &other), PROCESS_GONE);
    other = me;
    other.boot_id.byte[0] ^= 1;
    assert_int_equal(adopt_identity(h, &other), PROCESS_GONE);
    other = me;
    other.pid = -1;
    assert_int_equal(adopt_identity(h, &other), PROCESS_GONE);
    other.pid = 0;
    assert_int_equal(adopt_identity(h, &other), PROCESS_GONE);
}

static void test_zombie_counts_as_gone(void **state)
{
    struct harness *h = *state;
    struct process_identity child, again;
    struct fail f;
    int fds[2];
    char c;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork(); /* our own child, which we do not reap: as with a PID 1 that doesn't */
    if (pid == 0) {
        close(fds[1]);
        (void)!read(fds[0], &c, 1);
        _exit(0);
    }
    struct run r = {0};
    assert_int_equal(process_identify(pid, &child, &f), 0);
    r.identity = child;
    adopt(h, &r);
    assert_false(r.ended);
    close(fds[1]);
    run_until(h, &r.ended);
    assert_int_equal(process_signal(r.process, SIGTERM, &f), PROCESS_GONE);
    assert_int_equal(process_identify(pid, &again, &f), PROCESS_GONE);
    assert_int_equal(adopt_identity(h, &child), PROCESS_GONE);
    process_free(r.process);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(process_identify(pid, &again, &f), PROCESS_GONE);
    close(fds[0]);
}

/* /proc/PID/stat holds the program's name, which may look like the rest of the line. */
static void test_nasty_program_name(void **state)
{
    struct harness *h = *state;
    struct run r = {0};
    struct process_identity again;
    struct fail f;
    start_shell(
        h, &r,
        "printf ') 1 2 3 (' > /proc/$$/comm; echo named; kill -STOP $$",
        NULL, 0);
    run_until(h, &r.finished);
    adopt(h, &r);
    while (strcmp(text_of(path_in(h, "log")), "named\n") != 0 && !r.ended)
        (void)sd_event_run(h->event, 1000);
    assert_int_equal(process_identify(r.identity.pid, &again, &f), 0);
    assert_true(again.start_time == r.identity.start_time);
    assert_int_equal(process_signal(r.process, SIGKILL, &f), 0);
    run_until(h, &r.ended);
    process_free(r.process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_runs_and_is_not_our_child),
        harness_test(test_output_is_appended_to_the_log),
        harness_test(test_surroundings_are_clean),
        harness_test(test_only_the_given_descriptors),
        harness_test(test_nothing_leaks_here),
        harness_test(test_no_such_program),
        harness_test(test_program_that_may_not_be_executed),
        harness_test(test_log_that_can_not_be_opened),
        harness_test(test_program_that_dies_at_once),
        harness_test(test_last_words_come_before_the_end),
        harness_test(test_waits_for_go),
        harness_test(test_cancelled_is_never_executed),
        harness_test(test_cancelled_after_go_is_killed),
        harness_test(test_killed_while_it_waits),
        harness_test(test_daemon_that_dies_before_go),
        harness_test(test_only_the_same_process_is_adopted),
        harness_test(test_zombie_counts_as_gone),
        harness_test(test_nasty_program_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
