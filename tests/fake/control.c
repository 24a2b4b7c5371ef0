/* control.c - the test's reins: one line says where we are, lines until "go" say what to do there.
 *
 *   drop                  it is not said (an event, a reply, a message)
 *   late MS               it is said so much later
 *   error TEXT            the command is not executed; it fails with this sentence
 *   emit TEXT             this is written to the monitor first
 *   close                 the monitor's connection ends
 *   hang                  the monitor reads nothing any more
 *   cut                   the migration's stream ends as if it was reset
 *   resume                the guest is started, by nobody's order
 *   stop                  ... stopped
 *   io-error              ... stopped for an error of a disk
 *   disk-error            a disk fails the guest, if it runs: that is said, and it is stopped for it
 *   exit STATUS TEXT      these are its last words
 */
#include "fake.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *control;

void control_connect(const char *argv0, const char *role)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof(address.sun_path), "%s.control", argv0);
    if (size < 0 || (size_t)size >= sizeof(address.sun_path))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    control = fdopen(fd, "r+");
    setvbuf(control, NULL, _IOLBF, 0);
    fprintf(control, "%s %d\n", role, getpid());
}

/* True when `line` begins with the word; what follows it is in ret_rest. */
static bool word(const char *line, const char *what, const char **ret_rest)
{
    size_t size = strlen(what);
    if (strncmp(line, what, size) != 0 || (line[size] && line[size] != ' '))
        return false;
    *ret_rest = line[size] ? line + size + 1 : "";
    return true;
}

static void obey_exit(const char *rest)
{
    char *words;
    long status = strtol(rest, &words, 10);
    fprintf(stderr, "%s\n", *words == ' ' ? words + 1 : words);
    end((int)status);
}

static void obey(const char *line, struct orders *orders)
{
    const char *rest;
    if (word(line, "drop", &rest)) {
        orders->drop = true;
    } else if (word(line, "late", &rest)) {
        orders->late_ms = strtoull(rest, NULL, 10);
    } else if (word(line, "error", &rest)) {
        orders->has_error = true;
        snprintf(orders->error, sizeof(orders->error), "%s", rest);
    } else if (word(line, "emit", &rest)) {
        monitor_raw(rest);
    } else if (word(line, "close", &rest)) {
        monitor_close();
    } else if (word(line, "hang", &rest)) {
        monitor_hang();
    } else if (word(line, "cut", &rest)) {
        stream_cut();
    } else if (word(line, "resume", &rest)) {
        guest_resume();
    } else if (word(line, "stop", &rest)) {
        guest_stop(RUN_PAUSED);
    } else if (word(line, "io-error", &rest)) {
        guest_stop(RUN_IO_ERROR);
    } else if (word(line, "disk-error", &rest)) {
        guest_meet_error();
    } else if (word(line, "exit", &rest)) {
        obey_exit(rest);
    } else {
        fprintf(stderr, "fake: unknown order '%s'\n", line);
        end(3);
    }
}

enum { ORDERS_MAX = 8, ORDER_SIZE = 4096 };

void at_point(struct orders *ret_orders, const char *kind, const char *name)
{
    struct orders ignored, *orders = ret_orders ? ret_orders : &ignored;
    *orders = (struct orders){0};
    if (!control)
        return;
    char lines[ORDERS_MAX][ORDER_SIZE];
    unsigned count = 0;
    fprintf(control, "%s%s%s\n", kind, name[0] ? " " : "", name);
    while (count < ORDERS_MAX && fgets(lines[count], ORDER_SIZE, control)) {
        lines[count][strcspn(lines[count], "\n")] = '\0';
        if (strcmp(lines[count], "go") == 0)
            break;
        count++;
    }
    if (feof(control) || ferror(control)) { /* the test lets go */
        fclose(control);
        control = NULL;
    }
    for (unsigned i = 0; i < count; i++) /* an order may lead to the next point */
        obey(lines[i], orders);
}
