/* emulator_run.c - start a QEMU without a guest, ask it one question after another, end it.
 *
 *   start -> started: connect to its monitor -> greeted: command 0 -> reply -> ... -> done, SIGKILL
 *
 * It may print junk, die at once, hang before it greets or between two answers: the process's end,
 * the monitor's and one timer over all of it lead to the same place, fail_run. It has nothing that
 * could be lost, so it is killed.
 */
#include "daemon/emulator_run.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "domain/emulator.h"
#include "io/file.h"
#include "io/monitor.h"
#include "io/process.h"
#include "io/timer.h"
#include "util/cleanup.h"
#include "util/log.h"

#define PREFIX "probe-"

enum { MONITOR_NUMBER = 3, LOG_LINES = 5, LEFTOVER_SECONDS = 60 };

struct emulator_run {
    struct daemon *daemon;
    char *path;
    char *socket_path;
    char *log_path;
    uint64_t patience;
    int listen_fd;
    struct process_start *start;
    struct process *process;
    struct monitor *monitor;
    struct timer deadline;
    bool greeted;
    struct json_object **replies;
    size_t count, next;
    emulator_run_fn *done;
    void *userdata;
};

void emulator_run_free(struct emulator_run *run)
{
    if (!run)
        return;
    timer_cancel(&run->deadline);
    monitor_free(run->monitor);
    process_start_cancel(run->start);
    if (run->process)
        (void)process_signal(run->process, SIGKILL, NULL); /* gone already, or soon */
    process_free(run->process);
    if (run->listen_fd >= 0)
        close(run->listen_fd);
    if (run->socket_path)
        unlink(run->socket_path);
    if (run->log_path)
        unlink(run->log_path);
    for (size_t i = 0; i < run->count; i++)
        json_object_put(run->replies[i]);
    free(run->replies);
    free(run->socket_path);
    free(run->log_path);
    free(run->path);
    free(run);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void fail_run(struct emulator_run *run, const struct fail *why)
{
    struct fail f = *why;
    char words[512];
    file_read_tail(run->log_path, LOG_LINES, words, sizeof(words));
    for (char *end = words; (end = strchr(end, '\n'));)
        *end = ' ';
    if (words[0])
        fail_set(&f, why->code, "%s; its last words: %s", why->text, words);
    fail_prefix(&f, "ask %s what it can do", run->path);
    emulator_run_fn *done = run->done;
    void *userdata = run->userdata;
    emulator_run_free(run);
    done(NULL, 0, &f, userdata);
}

static void __attribute__((format(printf, 2, 3)))
fail_because(struct emulator_run *run, const char *format, ...)
{
    struct fail f;
    char text[sizeof(f.text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fail_set(&f, VIR_ERR_INTERNAL_ERROR, "%s", text);
    fail_run(run, &f);
}

static void succeed(struct emulator_run *run)
{
    run->done(run->replies, run->count, NULL, run->userdata);
    emulator_run_free(run);
}

static void too_late(void *userdata)
{
    struct emulator_run *run = userdata;
    double seconds = (double)run->patience / TIMER_SECOND;
    if (run->greeted)
        fail_because(run, "no answer to %s within %g s",
                     emulator_probe_commands(&(size_t){0})[run->next].execute, seconds);
    else
        fail_because(run, "it did not greet within %g s", seconds);
}

/* ---- questions ------------------------------------------------------------------------------- */

static void ask_next(struct emulator_run *run);

static void answered(const struct monitor_reply *reply, void *userdata)
{
    struct emulator_run *run = userdata;
    const struct emulator_probe_command *command =
        &emulator_probe_commands(&(size_t){0})[run->next];
    switch (reply->outcome) {
    case MONITOR_RETURN:
        run->replies[run->next] = json_object_get(reply->value);
        break;
    case MONITOR_ERROR:
        if (command->may_fail)
            break;
        fail_because(run, "it refused %s: %s", command->execute, reply->error);
        return;
    case MONITOR_TIMEOUT:
    case MONITOR_CLOSED:
        return; /* `closed`, or whoever freed the monitor, deals with it */
    }
    run->next++;
    ask_next(run);
}

static void ask_next(struct emulator_run *run)
{
    size_t count;
    struct fail f;
    const struct emulator_probe_command *command = emulator_probe_commands(&count);
    if (run->next == count) {
        succeed(run);
        return;
    }
    command += run->next;
    struct monitor_command c = {
        .name = command->execute,
        .arguments = command->arguments ? json_tokener_parse(command->arguments) : NULL,
        .reply = answered,
        .userdata = run};
    if (monitor_send(run->monitor, &c, &f) < 0)
        fail_run(run, &f);
}

static void greeted(struct monitor *m, void *userdata)
{
    struct emulator_run *run = userdata;
    (void)m;
    run->greeted = true;
    ask_next(run);
}

static void happened(struct monitor *m, const struct monitor_event *event, void *userdata)
{
    (void)m;
    (void)event;
    (void)userdata; /* without a guest nothing happens that would matter here */
}

static void hung_up(struct monitor *m, const struct fail *why, void *userdata)
{
    (void)m;
    fail_run(userdata, why);
}

static const struct monitor_ops monitor_ops = {
    .ready = greeted, .event = happened, .closed = hung_up};

/* ---- the process ----------------------------------------------------------------------------- */

static void ended(struct process *p, void *userdata)
{
    (void)p;
    fail_because(userdata, "it ended before it had answered");
}

static void started(const struct process_identity *identity, void *userdata)
{
    struct emulator_run *run = userdata;
    struct fail f;
    sd_event *event = daemon_event(run->daemon);
    run->start = NULL;
    close(take_fd(&run->listen_fd));
    int r = process_adopt(event, identity, ended, run, &run->process, &f);
    if (r == PROCESS_GONE)
        fail_because(run, "it ended at once");
    else if (r < 0 || monitor_new(event, run->socket_path, 2 * run->patience /* ours comes first */,
                                  &monitor_ops, run, &run->monitor, &f) < 0)
        fail_run(run, &f);
}

static void not_started(const struct fail *why, void *userdata)
{
    struct emulator_run *run = userdata;
    run->start = NULL;
    fail_run(run, why);
}

static const struct process_start_ops start_ops = {.started = started, .failed = not_started};

static int start(struct emulator_run *run, bool tcg, struct fail *f)
{
    static const char *const environment[] = {
        "LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
        NULL};
    struct emulator_probe probe;
    if (tcg)
        emulator_probe_argv_tcg(run->path, MONITOR_NUMBER, &probe);
    else
        emulator_probe_argv(run->path, MONITOR_NUMBER, &probe);
    struct process_fd fd = {.fd = run->listen_fd, .number = MONITOR_NUMBER};
    struct process_spec spec = {
        .program = run->path,
        .arguments = probe.argv,
        .environment = environment,
        .log_path = run->log_path,
        .fds = &fd,
        .fd_count = 1,
    };
    return process_start_new(daemon_event(run->daemon), &spec, &start_ops, run, &run->start, f);
}

static bool name_files(struct emulator_run *run)
{
    static unsigned number;
    const struct config *config = &run->daemon->config;
    number++;
    if (asprintf(&run->socket_path, "%s/" PREFIX "%u.sock", config->socket_dir, number) < 0) {
        run->socket_path = NULL;
        return false;
    }
    if (asprintf(&run->log_path, "%s/" PREFIX "%u.log", config->log_dir, number) < 0) {
        run->log_path = NULL;
        return false;
    }
    unlink(run->log_path);
    return true;
}

int emulator_run_new(struct daemon *d, const struct emulator_run_spec *spec, emulator_run_fn *done,
                     void *userdata, struct emulator_run **ret_run, struct fail *f)
{
    struct emulator_run *run = calloc(1, sizeof(*run));
    if (!run)
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    *run = (struct emulator_run){.daemon = d,
                                 .listen_fd = -1,
                                 .patience = spec->deadline,
                                 .done = done,
                                 .userdata = userdata};
    (void)emulator_probe_commands(&run->count);
    run->path = strdup(spec->path);
    run->replies = calloc(run->count, sizeof(*run->replies));
    int r = 0;
    if (!run->path || !run->replies || !name_files(run) ||
        timer_arm(&run->deadline, daemon_event(d), spec->deadline, too_late, run) < 0)
        r = fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    if (r < 0 || monitor_listen(run->socket_path, &run->listen_fd, f) < 0 ||
        start(run, spec->tcg, f) < 0) {
        if (!run->replies)
            run->count = 0;
        emulator_run_free(run);
        return fail_prefix(f, "ask %s what it can do", spec->path);
    }
    *ret_run = run;
    return 0;
}

/* ---- what a killed daemon left --------------------------------------------------------------- */

static void leftover_ready(struct monitor *m, void *userdata)
{
    struct monitor_command quit = {.name = "quit"};
    (void)userdata;
    (void)monitor_send(m, &quit, NULL); /* `closed` comes in any case */
}

static void leftover_closed(struct monitor *m, const struct fail *why, void *userdata)
{
    (void)why;
    (void)userdata;
    monitor_free(m);
}

static const struct monitor_ops leftover_ops = {
    .ready = leftover_ready, .event = happened, .closed = leftover_closed};

void emulator_run_clean_up(struct daemon *d)
{
    DIR *folder = opendir(d->config.socket_dir);
    if (!folder)
        return;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        struct monitor *m;
        auto_free char *path = NULL;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            asprintf(&path, "%s/%s", d->config.socket_dir, entry->d_name) < 0)
            continue;
        if (monitor_new(daemon_event(d), path, LEFTOVER_SECONDS * TIMER_SECOND, &leftover_ops,
                        NULL, &m, NULL) == 0)
            log_info("ending a QEMU that was being asked when the daemon ended last time");
        unlink(path);
    }
    closedir(folder);
}
