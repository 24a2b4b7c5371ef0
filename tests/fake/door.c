/* door.c - the debugger's door: it lets the guest run in states in which `cont` is refused, as the real one does.
 *
 * All that is known of the debugger's protocol is "go on, I leave".
 */
#include "fake.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listener = -1, debugger = -1;

static void close_one(int *fd)
{
    if (*fd < 0)
        return;
    unwatch(*fd);
    close(*fd);
    *fd = -1;
}

static void on_word(int fd)
{
    static const char answer[] = "+$OK#9a";
    char said[64];
    ssize_t n = read(fd, said, sizeof(said));
    if (n > 0 && memmem(said, (size_t)n, "$D#44", 5)) {
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
        guest_resume();
    } else {
        close_one(&debugger);
    }
}

static void on_debugger(int fd)
{
    close_one(&debugger);
    debugger = accept(fd, NULL, NULL);
    if (debugger >= 0)
        watch(debugger, on_word);
}

static bool open_door(const char *path, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (length >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, path, length);
    close_one(&listener);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
        return false;
    watch(listener, on_debugger);
    return true;
}

struct json_object *door_command(struct json_object *arguments, char error[256])
{
    static const char prefix[] = "gdbserver unix:";
    struct json_object *line = NULL;
    json_object_object_get_ex(arguments, "command-line", &line);
    const char *text = line ? json_object_get_string(line) : "";
    (void)error;
    if (strcmp(text, "gdbserver none") == 0) {
        close_one(&debugger);
        close_one(&listener);
        return json_object_new_string("Disabled gdbserver\r\n");
    }
    const char *path = text + sizeof(prefix) - 1;
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0 || !open_door(path, strcspn(path, ",")))
        return json_object_new_string("Could not open gdbserver\r\n");
    return json_object_new_string("Waiting for gdb connection\r\n");
}
