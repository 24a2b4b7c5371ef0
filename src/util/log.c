#include "util/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level lowest = LOG_LEVEL_INFO;
static int target = STDERR_FILENO;

void log_set_level(enum log_level level)
{
    lowest = level;
}

enum log_level log_get_level(void)
{
    return lowest;
}

void log_set_fd(int fd)
{
    target = fd;
}

void log_write(enum log_level level, const char *format, ...)
{
    static const char *const name[] = {"debug", "info", "warning", "error"};
    static const int priority[] = {7, 6, 4, 3};
    if (level < lowest)
        return;
    char line[2048];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);
    size_t n = 0;
    if (target == STDERR_FILENO && getenv("JOURNAL_STREAM"))
        n = (size_t)snprintf(line, sizeof(line), "<%d>", priority[level]);
    else
        n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
    if (n > 4)
        n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03ldZ ", now.tv_nsec / 1000000);
    n += (size_t)snprintf(line + n, sizeof(line) - n, "%s: ", name[level]);
    va_list args;
    va_start(args, format);
    int wrote = vsnprintf(line + n, sizeof(line) - n - 1, format, args);
    va_end(args);
    if (wrote < 0)
        return;
    n += (size_t)wrote < sizeof(line) - n - 1 ? (size_t)wrote : sizeof(line) - n - 2;
    line[n++] = '\n';
    /* a log that can't be written can't be complained about either */
    (void)!write(target, line, n);
}
