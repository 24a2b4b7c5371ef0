/* main.c - batond's command line, and its life from start to signal. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { EXIT_USAGE = 2 };

struct options {
    const char *root;
    const char *config;
    const char *hostname;
    const char *listen_tcp;
    bool check;
};

static const char usage[] =
    "Usage: batond [OPTION]...\n"
    "Runs and migrates the QEMU guests of this host; serves libvirt's remote protocol.\n"
    "\n"
    "  --root DIR              keep everything below DIR: sockets, state, logs, pid file\n"
    "  --config FILE           settings; default /etc/baton/batond.conf, or\n"
    "                          DIR/etc/batond.conf with --root\n"
    "  --hostname NAME         the name of this host\n"
    "  --listen-tcp ADDR:PORT  also listen there, WITHOUT AUTHENTICATION OR ENCRYPTION\n"
    "  --check-config          read the settings, print them and exit\n"
    "  --help                  print this and exit\n"
    "  --version               print the version and exit\n"
    "\n"
    "virsh reaches it with -c qemu:///system, or -c 'qemu:///system?socket=DIR/run/libvirt/"
    "virtqemud-sock'.\n";

/* 0: go on; else the exit code, less 1. */
static int read_options(int argc, char **argv, struct options *ret)
{
    enum { ROOT = 256, CONFIG, HOSTNAME, LISTEN, CHECK, HELP, VERSION };
    static const struct option options[] = {
        {"root", required_argument, NULL, ROOT},
        {"config", required_argument, NULL, CONFIG},
        {"hostname", required_argument, NULL, HOSTNAME},
        {"listen-tcp", required_argument, NULL, LISTEN},
        {"check-config", no_argument, NULL, CHECK},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case ROOT:
            ret->root = optarg;
            break;
        case CONFIG:
            ret->config = optarg;
            break;
        case HOSTNAME:
            ret->hostname = optarg;
            break;
        case LISTEN:
            ret->listen_tcp = optarg;
            break;
        case CHECK:
            ret->check = true;
            break;
        case HELP:
            fputs(usage, stdout);
            return 1 + EXIT_SUCCESS;
        case VERSION:
            puts("batond " BATON_VERSION);
            return 1 + EXIT_SUCCESS;
        default: /* getopt_long has said what is wrong */
            fputs("Try 'batond --help'.\n", stderr);
            return 1 + EXIT_USAGE;
        }
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "batond: unexpected argument '%s'\nTry 'batond --help'.\n", argv[optind]);
    return 1 + EXIT_USAGE;
}

/* ---- settings -------------------------------------------------------------------------------- */

/* The file given, or the usual one if it is there. */
static int load_file(struct config *c, const struct options *o, struct fail *f)
{
    auto_free char *path = NULL;
    if (o->config)
        return config_load(c, o->config, false, f);
    if (!c->root)
        return config_load(c, "/etc/baton/batond.conf", true, f);
    if (asprintf(&path, "%s/etc/batond.conf", c->root) < 0) {
        path = NULL;
        return fail_set(f, VIR_ERR_NO_MEMORY, "out of memory");
    }
    return config_load(c, path, true, f);
}

static int load_config(struct config *c, const struct options *o, struct fail *f)
{
    struct config_value hostname = {.is_string = true, .string = o->hostname};
    config_init(c);
    if (config_set_root(c, o->root, f) < 0)
        return fail_prefix(f, "--root");
    if (load_file(c, o, f) < 0)
        return -1;
    if (o->hostname && config_set(c, "hostname", &hostname, f) < 0)
        return fail_prefix(f, "--hostname");
    if (o->listen_tcp && config_set_listen_tcp(c, o->listen_tcp, f) < 0)
        return fail_prefix(f, "--listen-tcp");
    return config_complete(c, f);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct program {
    struct daemon daemon; /* first: the signal handler gets the daemon */
    struct options options;
};

/* The log's level can change while the daemon runs; all else is read at its start. */
static void reload(struct program *p)
{
    struct config c;
    struct fail f;
    if (load_config(&c, &p->options, &f) < 0) {
        log_error("SIGHUP: the settings stay as they were: %s", f.text);
    } else {
        log_set_level(c.log_level);
        log_info("SIGHUP: the log's level was read again; other settings are read at the start");
    }
    config_free(&c);
}

static void on_signal(int signal, void *userdata)
{
    struct program *p = userdata;
    if (signal == SIGHUP) {
        reload(p);
        return;
    }
    log_info("%s: stopping; the guests go on", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    loop_notify_stopping();
    loop_exit(daemon_event(&p->daemon), EXIT_SUCCESS);
}

/* Each client and each guest takes descriptors; what the administrator allows is taken. And what
 * others may see of our files is said where they are made. */
static void set_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            log_warning("allow %ju open files: %s", (uintmax_t)files.rlim_max, strerror(errno));
    }
    umask(0022);
}

static int run(struct program *p)
{
    struct fail f;
    set_limits();
    if (daemon_start(&p->daemon, on_signal, &f) < 0) {
        log_error("batond can't start: %s", f.text);
        return EXIT_FAILURE;
    }
    log_info("batond " BATON_VERSION " serves %s", p->daemon.config.run_dir);
    loop_notify_ready();
    int r = loop_run(&p->daemon.loop, &f);
    if (r < 0)
        log_error("%s", f.text);
    daemon_stop(&p->daemon);
    return r < 0 ? EXIT_FAILURE : r;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct fail f;
    int r = read_options(argc, argv, &program.options);
    if (r != 0)
        return r - 1;
    if (load_config(&program.daemon.config, &program.options, &f) < 0) {
        fprintf(stderr, "batond: %s\n", f.text);
        config_free(&program.daemon.config);
        return EXIT_USAGE;
    }
    if (!program.options.check)
        return run(&program);
    config_print(&program.daemon.config);
    config_free(&program.daemon.config);
    return EXIT_SUCCESS;
}
