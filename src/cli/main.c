/* main.c - baton, the operator's tool.
 *
 *   baton settle GUEST run|end --accept WORD    where nobody can prove who runs a guest
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/connection.h"
#include "wire/peer_program.h"

enum { EXIT_USAGE = 2 };

struct options {
    char socket[PATH_MAX];
    const char *accept;
    char **words; /* what is no option */
    int count;
};

static const char usage[] =
    "Usage: baton [OPTION]... settle GUEST run|end\n"
    "\n"
    "Decides what the daemons of the two hosts of a migration can't prove, and says so for good: "
    "the\n"
    "decision is recorded in STATE_DIR/settled. It is for when the other host does not come back.\n"
    "  run    the guest, which stands still here, goes on here\n"
    "  end    what this host has of the guest is ended\n"
    "Without --accept nothing is done, and what may be lost is said.\n"
    "\n"
    "  --accept WORD   that you made certain of it\n"
    "  --root DIR      the batond of this root\n"
    "  --socket PATH   the batond behind this socket; default /run/libvirt/virtqemud-sock\n"
    "  --help          print this and exit\n"
    "  --version       print the version and exit\n";

/* 0: go on; else the exit code, less 1. */
static int read_options(int argc, char **argv, struct options *ret)
{
    enum { ACCEPT = 256, ROOT, SOCKET, HELP, VERSION };
    static const struct option options[] = {
        {"accept", required_argument, NULL, ACCEPT}, {"root", required_argument, NULL, ROOT},
        {"socket", required_argument, NULL, SOCKET}, {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},     {NULL, 0, NULL, 0},
    };
    int option;
    snprintf(ret->socket, sizeof(ret->socket), "/run/libvirt/virtqemud-sock");
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case ACCEPT:
            ret->accept = optarg;
            break;
        case ROOT:
            snprintf(ret->socket, sizeof(ret->socket), "%s/run/libvirt/virtqemud-sock", optarg);
            break;
        case SOCKET:
            snprintf(ret->socket, sizeof(ret->socket), "%s", optarg);
            break;
        case HELP:
            fputs(usage, stdout);
            return 1 + EXIT_SUCCESS;
        case VERSION:
            puts("baton " BATON_VERSION);
            return 1 + EXIT_SUCCESS;
        default: /* getopt_long has said what is wrong */
            fputs("Try 'baton --help'.\n", stderr);
            return 1 + EXIT_USAGE;
        }
    }
    ret->words = argv + optind;
    ret->count = argc - optind;
    return 0;
}

static int settle(const struct options *o)
{
    bool run = strcmp(o->words[2], "run") == 0;
    struct connection c;
    struct arena arena;
    struct fail f = {0};
    struct peer_settle args = {o->words[1], run, o->accept ? o->accept : ""};
    struct peer_settle_ret ret;
    arena_init(&arena, 1 << 20);
    int r = connection_open(o->socket, &c, &f);
    if (r == 0) {
        r = connection_call(&c, PROGRAM_PEER, PEER_SETTLE, &args, &arena, &ret, &f);
        connection_close(&c);
    }
    if (r == 0)
        puts(ret.sentence);
    else
        fprintf(stderr, "baton: %s\n", f.text);
    arena_free(&arena);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    int r = read_options(argc, argv, &o);
    if (r != 0)
        return r - 1;
    if (o.count == 3 && strcmp(o.words[0], "settle") == 0 &&
        (strcmp(o.words[2], "run") == 0 || strcmp(o.words[2], "end") == 0))
        return settle(&o);
    fputs(usage, stderr);
    return EXIT_USAGE;
}
