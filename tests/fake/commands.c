/* commands.c - the commands that batond sends, and what the emulator says of itself.
 *
 * The answers to a probe are those that were recorded from the QEMU that is imitated: the name that
 * the fake was started by ends in its version, "qemu-7.2".
 */
#include "fake.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_7_2;
const char *migration_status;
char migration_error[256];

static struct json_object *recorded;
static struct {
    char *name;
    bool on;
} capabilities[CAPABILITIES_MAX];
static unsigned capability_count;
static struct json_object *parameters;

/* In the order in which they were recorded. */
static const char *const probes[] = {"query-version",
                                     "query-target",
                                     "query-kvm",
                                     "query-machines",
                                     "query-cpu-definitions",
                                     "query-commands",
                                     "query-migrate-capabilities",
                                     "qom-list-properties",
                                     "query-command-line-options",
                                     "query-cpu-model-expansion"};

static struct json_object *recorded_answer(const char *name)
{
    for (unsigned i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
        if (strcmp(probes[i], name) == 0)
            return json_object_array_get_idx(recorded, i);
    return NULL;
}

struct json_object *commands_version(void)
{
    return recorded_answer("query-version");
}

bool commands_load(const char *argv0)
{
    size_t size = strlen(argv0);
    is_7_2 = size > 3 && strcmp(argv0 + size - 3, "7.2") == 0;
    recorded = json_object_from_file(is_7_2 ? GOLDEN "/qemu-7.2.json" : GOLDEN "/qemu-10.0.json");
    parameters = json_object_new_object();
    struct json_object *list = recorded ? recorded_answer("query-migrate-capabilities") : NULL;
    for (size_t i = 0; list && i < json_object_array_length(list) && i < CAPABILITIES_MAX; i++) {
        struct json_object *name =
            json_object_object_get(json_object_array_get_idx(list, i), "capability");
        capabilities[capability_count++].name = strdup(json_object_get_string(name));
    }
    return list;
}

bool capability(const char *name)
{
    for (unsigned i = 0; i < capability_count; i++)
        if (strcmp(capabilities[i].name, name) == 0)
            return capabilities[i].on;
    return false;
}

uint64_t parameter(const char *name, uint64_t otherwise)
{
    struct json_object *value;
    return json_object_object_get_ex(parameters, name, &value) ? json_object_get_uint64(value)
                                                               : otherwise;
}

void migration_say(const char *status)
{
    migration_status = status;
    if (!capability("events"))
        return;
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "status", json_object_new_string(status));
    monitor_event("MIGRATION", data);
}

/* ---- questions ------------------------------------------------------------------------------ */

/* One function for each question of the probe would say no more than this. */
#define RECORDED(function, name)                                                                   \
    static struct json_object *function(struct json_object *arguments, char error[256])            \
    {                                                                                              \
        (void)arguments;                                                                           \
        struct json_object *answer = recorded_answer(name);                                        \
        if (!answer)                                                                               \
            snprintf(error, 256, "not recorded");                                                  \
        return json_object_get(answer);                                                            \
    }

RECORDED(query_version, "query-version")
RECORDED(query_target, "query-target")
RECORDED(query_kvm, "query-kvm")
RECORDED(query_machines, "query-machines")
RECORDED(query_cpus, "query-cpu-definitions")
RECORDED(query_commands, "query-commands")
RECORDED(query_properties, "qom-list-properties")
RECORDED(query_options, "query-command-line-options")
RECORDED(query_expansion, "query-cpu-model-expansion")

static struct json_object *query_status(struct json_object *arguments, char error[256])
{
    static const char *const names[] = {"prelaunch",      "inmigrate",   "running", "paused",
                                        "finish-migrate", "postmigrate", "io-error"};
    struct json_object *o = json_object_new_object();
    (void)arguments;
    (void)error;
    json_object_object_add(o, "status", json_object_new_string(names[run_state]));
    if (is_7_2)
        json_object_object_add(o, "singlestep", json_object_new_boolean(false));
    json_object_object_add(o, "running", json_object_new_boolean(guest_runs()));
    return o;
}

static struct json_object *query_capabilities(struct json_object *arguments, char error[256])
{
    struct json_object *list = json_object_new_array();
    (void)arguments;
    (void)error;
    for (unsigned i = 0; i < capability_count; i++) {
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "state", json_object_new_boolean(capabilities[i].on));
        json_object_object_add(o, "capability", json_object_new_string(capabilities[i].name));
        json_object_array_add(list, o);
    }
    return list;
}

static struct json_object *query_parameters(struct json_object *arguments, char error[256])
{
    (void)arguments;
    (void)error;
    return json_object_get(parameters);
}

static struct json_object *query_migrate(struct json_object *arguments, char error[256])
{
    struct json_object *o = outgoing_query();
    (void)arguments;
    (void)error;
    return o ? o : incoming_query();
}

static struct json_object *empty_list(struct json_object *arguments, char error[256])
{
    (void)arguments;
    (void)error;
    return json_object_new_array();
}

/* ---- orders --------------------------------------------------------------------------------- */

static struct json_object *nothing(struct json_object *arguments, char error[256])
{
    (void)arguments;
    (void)error;
    return json_object_new_object();
}

static struct json_object *set_capabilities(struct json_object *arguments, char error[256])
{
    struct json_object *list = NULL;
    json_object_object_get_ex(arguments, "capabilities", &list);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        const char *name = json_object_get_string(json_object_object_get(o, "capability"));
        unsigned k = 0;
        while (k < capability_count && strcmp(capabilities[k].name, name) != 0)
            k++;
        if (k == capability_count) {
            snprintf(error, 256, "Parameter 'capability' does not accept value '%s'", name);
            return NULL;
        }
        capabilities[k].on = json_object_get_boolean(json_object_object_get(o, "state"));
    }
    return json_object_new_object();
}

static struct json_object *set_parameters(struct json_object *arguments, char error[256])
{
    (void)error;
    json_object_object_foreach(arguments, key, value)
        json_object_object_add(parameters, key, json_object_get(value));
    return json_object_new_object();
}

static struct json_object *cont(struct json_object *arguments, char error[256])
{
    (void)arguments;
    if (run_state == RUN_FINISH_MIGRATE) {
        snprintf(error, 256, "Migration is not finalized yet");
        return NULL;
    }
    if (run_state == RUN_INMIGRATE)
        incoming_cont();
    else
        guest_resume();
    return json_object_new_object();
}

static struct json_object *stop(struct json_object *arguments, char error[256])
{
    (void)arguments;
    (void)error;
    if (run_state == RUN_RUNNING || run_state == RUN_PRELAUNCH)
        guest_stop(RUN_PAUSED);
    return json_object_new_object();
}

static struct json_object *powerdown(struct json_object *arguments, char error[256])
{
    (void)arguments;
    (void)error;
    monitor_event("POWERDOWN", NULL);
    if (guest_runs())
        guest_power_off();
    return json_object_new_object();
}

static struct json_object *reset(struct json_object *arguments, char error[256])
{
    struct json_object *data = json_object_new_object();
    (void)arguments;
    (void)error;
    json_object_object_add(data, "guest", json_object_new_boolean(false));
    json_object_object_add(data, "reason", json_object_new_string("host-qmp-system-reset"));
    monitor_event("RESET", data);
    return json_object_new_object();
}

static struct json_object *getfd(struct json_object *arguments, char error[256])
{
    struct json_object *name;
    if (json_object_object_get_ex(arguments, "fdname", &name) &&
        stream_keep(json_object_get_string(name), monitor_take_fd()))
        return json_object_new_object();
    snprintf(error, 256, "No file descriptor supplied via SCM_RIGHTS");
    return NULL;
}

static struct json_object *migrate_pause(struct json_object *arguments, char error[256])
{
    (void)arguments;
    if (outgoing_pause() || incoming_pause())
        return json_object_new_object();
    snprintf(error, 256, "migrate-pause is currently only supported during postcopy-active state");
    return NULL;
}

static struct json_object *yank(struct json_object *arguments, char error[256])
{
    (void)arguments;
    (void)error;
    stream_cut();
    return json_object_new_object();
}

const struct command commands[] = {
    {"query-version", query_version, false},
    {"query-target", query_target, false},
    {"query-kvm", query_kvm, false},
    {"query-machines", query_machines, false},
    {"query-cpu-definitions", query_cpus, false},
    {"query-commands", query_commands, false},
    {"query-migrate-capabilities", query_capabilities, false},
    {"qom-list-properties", query_properties, false},
    {"query-command-line-options", query_options, false},
    {"query-cpu-model-expansion", query_expansion, false},
    {"query-status", query_status, false},
    {"query-migrate", query_migrate, false},
    {"query-migrate-parameters", query_parameters, false},
    {"query-chardev", empty_list, false},
    {"query-block", empty_list, false},
    {"query-blockstats", empty_list, false},
    {"query-cpus-fast", empty_list, false},
    {"quit", nothing, false},
    {"cont", cont, false},
    {"stop", stop, false},
    {"system_powerdown", powerdown, false},
    {"system_reset", reset, false},
    {"migrate-set-capabilities", set_capabilities, false},
    {"migrate-set-parameters", set_parameters, false},
    {"migrate", migrate, false},
    {"migrate_cancel", migrate_cancel, false},
    {"migrate-continue", migrate_continue, false},
    {"migrate-start-postcopy", migrate_start_postcopy, false},
    {"migrate-incoming", migrate_incoming, false},
    {"migrate-recover", migrate_recover, true},
    {"getfd", getfd, false},
    {"human-monitor-command", door_command, false},
    {"blockdev-set-active", nothing, false},
    {"migrate-pause", migrate_pause, true},
    {"yank", yank, true},
    {NULL, NULL, false},
};
