/*
 * The Linux guest: this program is its only one, /init of its initramfs. It does what the tiny
 * guest does, under a real kernel: writes its memory all the time, checks every page it wrote, and
 * ticks.
 *
 * Three threads: the writer; the ticker, of real-time priority so that nothing in the guest delays
 * a tick (ttyS1, one byte a millisecond, the low byte of its number); the console (ttyS0), which
 * answers one-letter commands: s status, v verdict, o power off.
 *
 * Kernel command line: mib=N MiB to write (64), rate=N pages a second, 0 as fast as it can (8000).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../common/pages.h"

enum { TICK_NS = 1000000, SECOND_NS = 1000000000, WRONG_TOLD_MAX = 8 };

static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER; /* guards pages */
static struct pages pages;
static _Atomic uint32_t ticks;
static int console = -1;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vdprintf(console, format, arguments);
    va_end(arguments);
}

static void say_state(const char *what, uint32_t wrong)
{
    say("%s ticks=%" PRIu32 " pages=%" PRIu32 " round=%" PRIu32 " written=%" PRIu32
        " checked=%" PRIu32 " wrong=%" PRIu32 "\n",
        what, ticks, pages.count, pages.round, pages.written, pages.checked, wrong);
}

static int open_port(const char *path, tcflag_t output)
{
    struct termios settings;
    int fd = open(path, O_RDWR | O_NOCTTY);

    if (fd < 0 || tcgetattr(fd, &settings) < 0)
        return fd;
    cfmakeraw(&settings);
    settings.c_oflag |= output;
    cfsetspeed(&settings, B115200);
    (void)tcsetattr(fd, TCSANOW, &settings); /* an emulated port works at any setting */
    return fd;
}

/* The number after "name=" in the kernel's command line. */
static uint32_t read_option(const char *name, uint32_t fallback)
{
    char line[1024] = "";
    size_t length = strlen(name);
    int fd = open("/proc/cmdline", O_RDONLY);
    ssize_t n = read(fd, line, sizeof(line) - 1);

    close(fd);
    line[n < 0 ? 0 : n] = '\0';
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
        if (!strncmp(word, name, length) && word[length] == '=')
            return (uint32_t)strtoul(word + length + 1, NULL, 10);
    return fallback;
}

static void step_deadline(struct timespec *deadline, long ns)
{
    deadline->tv_nsec += ns;
    while (deadline->tv_nsec >= SECOND_NS) {
        deadline->tv_nsec -= SECOND_NS;
        deadline->tv_sec++;
    }
}

static void *run_ticker(void *port)
{
    int fd = *(int *)port;
    struct timespec deadline;
    bool told = false;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    for (;;) {
        uint8_t low = (uint8_t)++ticks;

        if (write(fd, &low, 1) != 1 && !told) {
            say("wrong tick port\n");
            told = true;
        }
        step_deadline(&deadline, TICK_NS);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL))
            continue;
    }
    return NULL;
}

static void obey(char command)
{
    switch (command) {
    case 's':
        pthread_mutex_lock(&pages_lock);
        say_state("status", pages.wrong);
        pthread_mutex_unlock(&pages_lock);
        return;
    case 'v':
        pthread_mutex_lock(&pages_lock);
        say_state("verdict", pages.wrong + pages_verify(&pages));
        pthread_mutex_unlock(&pages_lock);
        return;
    case 'o':
        say("off\n");
        reboot(RB_POWER_OFF);
        return;
    default:
        return;
    }
}

static void *run_console(void *unused)
{
    char command;

    (void)unused;
    while (read(console, &command, 1) == 1)
        obey(command);
    return NULL;
}

static void start_thread(void *(*run)(void *), void *argument, int priority)
{
    struct sched_param parameters = {.sched_priority = priority};
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &parameters);
    if (pthread_create(&thread, &attributes, run, argument))
        say("wrong thread\n");
}

static void visit_page(void)
{
    struct pages_wrong wrong;
    bool right;

    pthread_mutex_lock(&pages_lock);
    right = pages_visit(&pages, &wrong);
    if (!right && pages.wrong <= WRONG_TOLD_MAX)
        say("wrong page=%" PRIu32 " round=%" PRIu32 " %s=%" PRIu32 "\n", wrong.page, wrong.round,
            wrong.is_old ? "holds_round" : "word", wrong.held);
    pthread_mutex_unlock(&pages_lock);
}

/* `rate` pages a second, in portions of 10 ms. */
static void run_writer(uint32_t rate)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    for (;;) {
        for (uint32_t n = 0; n < (rate ? rate / 100 : 1); n++)
            visit_page();
        if (!rate)
            continue;
        step_deadline(&deadline, SECOND_NS / 100);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL))
            continue;
    }
}

int main(void)
{
    static int tick_port;
    uint32_t mib;
    void *base;

    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    console = open_port("/dev/ttyS0", OPOST | ONLCR);
    tick_port = open_port("/dev/ttyS1", 0);
    mib = read_option("mib", 64);
    base = mmap(NULL, (size_t)mib << 20, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (console < 0 || tick_port < 0 || base == MAP_FAILED) {
        say("wrong start: ports %d %d, memory %p\n", console, tick_port, base);
        reboot(RB_POWER_OFF);
    }
    pages_fill(&pages, base, mib, 1);

    start_thread(run_ticker, &tick_port, 50);
    start_thread(run_console, NULL, 40);
    say_state("ready", 0);
    run_writer(read_option("rate", 8000));
    return 0;
}
