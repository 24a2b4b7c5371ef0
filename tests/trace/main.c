/* replay - says where this build would decide otherwise than a trace.
 *
 *     replay [--all] FILE...
 *
 * Without --all, what somebody outside the daemon notices: what clients are told and answered, what
 * QEMU and the other daemon are ordered. The exit status is 0 when nothing differs, 1 when
 * something does, 2 when a file is no trace.
 */
#include <stdio.h>
#include <string.h>
#include "replay.h"

int main(int argc, char **argv)
{
    struct replay r = {.report = stdout};
    int first = 1, status = 0;
    if (argc > 1 && strcmp(argv[1], "--all") == 0) {
        r.all = true;
        first++;
    }
    if (first >= argc) {
        fprintf(stderr, "usage: %s [--all] FILE...\n", argv[0]);
        return 2;
    }
    for (int i = first; i < argc; i++) {
        int result = replay_trace(&r, argv[i]);
        if (result < 0)
            status = 2;
        else if (result > status)
            status = result;
        if (result == 0)
            printf("%s: %u steps, decided the same\n", argv[i], r.steps);
    }
    return status;
}
