#include "io/process_child.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const STAGE_NAMES[] = {
    [PROCESS_STAGE_PID] = "pid",         [PROCESS_STAGE_FORK] = "fork",
    [PROCESS_STAGE_FDS] = "descriptors", [PROCESS_STAGE_SETUP] = "set up",
    [PROCESS_STAGE_EXECUTE] = "execute",
};
static_assert(sizeof(STAGE_NAMES) / sizeof(STAGE_NAMES[0]) == PROCESS_STAGES, "a name each");

const char *process_stage_name(enum process_stage stage)
{
    return STAGE_NAMES[stage];
}

static void report(const struct process_child *c, enum process_stage stage, int value)
{
    struct process_report r = {.stage = stage, .value = value};
    (void)!write(c->report_fd, &r, sizeof(r)); /* nobody listens: nobody to tell it to */
}

static _Noreturn void give_up(const struct process_child *c, enum process_stage stage)
{
    report(c, stage, errno);
    _exit(127);
}

/* Everything that we hold goes above all numbers that are asked for, so that no dup2 below hits one
 * that is still needed. */
static int move_up(const struct process_child *c, int fd, int above)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, above);
    if (moved < 0)
        give_up(c, PROCESS_STAGE_FDS);
    return moved;
}

static void put(const struct process_child *c, int fd, int number)
{
    if (dup2(fd, number) < 0) /* without close-on-exec */
        give_up(c, PROCESS_STAGE_FDS);
}

static bool is_asked_for(const struct process_spec *spec, int number)
{
    for (size_t i = 0; i < spec->fd_count; i++)
        if (spec->fds[i].number == number)
            return true;
    return false;
}

static void arrange_fds(struct process_child *c)
{
    const struct process_spec *spec = c->spec;
    int above = 3;
    int moved[PROCESS_FDS_MAX];
    for (size_t i = 0; i < spec->fd_count; i++)
        if (spec->fds[i].number >= above)
            above = spec->fds[i].number + 1;
    c->report_fd = move_up(c, c->report_fd, above);
    c->go_fd = move_up(c, c->go_fd, above);
    c->null_fd = move_up(c, c->null_fd, above); /* a daemon without stdio may hold them as 0..2 */
    c->log_fd = move_up(c, c->log_fd, above);
    for (size_t i = 0; i < spec->fd_count; i++)
        moved[i] = move_up(c, spec->fds[i].fd, above);
    put(c, c->null_fd, STDIN_FILENO);
    put(c, c->log_fd, STDOUT_FILENO);
    put(c, c->log_fd, STDERR_FILENO);
    for (size_t i = 0; i < spec->fd_count; i++)
        put(c, moved[i], spec->fds[i].number);

    int low = c->report_fd < c->go_fd ? c->report_fd : c->go_fd;
    int high = c->report_fd < c->go_fd ? c->go_fd : c->report_fd;
    for (int number = 3; number < above; number++)
        if (!is_asked_for(spec, number))
            close(number);
    if ((low > above && close_range((unsigned)above, (unsigned)low - 1, 0) < 0) ||
        (high > low + 1 && close_range((unsigned)low + 1, (unsigned)high - 1, 0) < 0) ||
        close_range((unsigned)high + 1, ~0U, 0) < 0)
        give_up(c, PROCESS_STAGE_FDS);
}

static void reset_signals(const struct process_child *c)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int n = 1; n < _NSIG; n++)
        (void)sigaction(n, &standard, NULL); /* KILL, STOP and glibc's own refuse */
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        give_up(c, PROCESS_STAGE_SETUP);
}

/* The life of the program-to-be. */
static _Noreturn void become_program(struct process_child *c)
{
    const struct process_spec *spec = c->spec;
    char go;
    arrange_fds(c);
    reset_signals(c);
    umask(0077);
    if (chdir("/") < 0)
        give_up(c, PROCESS_STAGE_SETUP);
    ssize_t n;
    do
        n = read(c->go_fd, &go, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(0); /* the daemon is gone, or wants it no more */
    execve(spec->program, (char *const *)spec->arguments, (char *const *)spec->environment);
    give_up(c, PROCESS_STAGE_EXECUTE);
}

void process_child_intermediate(struct process_child *c)
{
    close(c->close_fd);
    if (setsid() < 0)
        give_up(c, PROCESS_STAGE_SETUP);
    pid_t pid = fork();
    if (pid == 0)
        become_program(c);
    if (pid < 0)
        give_up(c, PROCESS_STAGE_FORK);
    report(c, PROCESS_STAGE_PID, pid);
    _exit(0);
}
