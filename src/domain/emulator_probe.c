/* emulator_probe.c - what an emulator is asked, and what its answers say.
 *
 * One QEMU with the machine "none": it needs no firmware, no memory and no disk, and answers about
 * every machine type it has. `accel=kvm:tcg` takes KVM where it works; query-kvm then says so.
 */
#include "domain/emulator_internal.h"
#include <stdio.h>
#include <string.h>

enum probe {
    PROBE_VERSION,
    PROBE_TARGET,
    PROBE_KVM,
    PROBE_MACHINES,
    PROBE_CPUS,
    PROBE_COMMANDS,
    PROBE_MIGRATION,
    PROBE_MACHINE_PROPERTIES,
    PROBE_OPTIONS,
    PROBE_HOST_CPU,
    PROBE_COUNT,
};

enum { CPUS_MAX = 4096 /* QEMU 10 has 170 */ };

static const struct emulator_probe_command probe_commands[PROBE_COUNT] = {
    [PROBE_VERSION] = {"query-version", NULL, false},
    [PROBE_TARGET] = {"query-target", NULL, false},
    [PROBE_KVM] = {"query-kvm", NULL, true},
    [PROBE_MACHINES] = {"query-machines", NULL, false},
    [PROBE_CPUS] = {"query-cpu-definitions", NULL, true},
    [PROBE_COMMANDS] = {"query-commands", NULL, false},
    [PROBE_MIGRATION] = {"query-migrate-capabilities", NULL, false},
    [PROBE_MACHINE_PROPERTIES] = {"qom-list-properties", "{\"typename\":\"generic-pc-machine\"}",
                                  true},
    [PROBE_OPTIONS] = {"query-command-line-options", NULL, true},
    [PROBE_HOST_CPU] = {"query-cpu-model-expansion",
                        "{\"type\":\"full\",\"model\":{\"name\":\"max\"}}", true},
};

const struct emulator_probe_command *emulator_probe_commands(size_t *ret_count)
{
    *ret_count = PROBE_COUNT;
    return probe_commands;
}

static void probe_argv(const char *path, int monitor_fd, const char *machine,
                       struct emulator_probe *p)
{
    snprintf(p->chardev, sizeof(p->chardev), "socket,id=charmonitor,fd=%d,server=on,wait=off",
             monitor_fd);
    const char *const argv[] = {
        path,
        "-S",
        "-no-user-config",
        "-nodefaults",
        "-nographic",
        "-machine",
        machine,
        "-chardev",
        p->chardev,
        "-mon",
        "chardev=charmonitor,id=monitor,mode=control",
        NULL,
    };
    _Static_assert(sizeof(argv) <= sizeof(p->argv), "the argument vector has room");
    memcpy(p->argv, argv, sizeof(argv));
}

void emulator_probe_argv(const char *path, int monitor_fd, struct emulator_probe *ret_probe)
{
    probe_argv(path, monitor_fd, "none,accel=kvm:tcg", ret_probe);
}

void emulator_probe_argv_tcg(const char *path, int monitor_fd, struct emulator_probe *ret_probe)
{
    probe_argv(path, monitor_fd, "none,accel=tcg", ret_probe);
}

/* ---- JSON ---- */

const char *emulator_json_string(struct json_object *json, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(json, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    const char *text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

bool emulator_json_bool(struct json_object *json, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(json, key, &value) &&
           json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

int emulator_json_int(struct json_object *json, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(json, key, &value) || !json_object_is_type(value, json_type_int))
        return -1;
    int64_t number = json_object_get_int64(value);
    return number >= 0 && number <= INT32_MAX ? (int)number : -1;
}

struct json_object *emulator_json_array(struct json_object *json, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(json, key, &value) &&
                   json_object_is_type(value, json_type_array)
               ? value
               : NULL;
}

/* ---- replies ---- */

struct probe_reader {
    struct emulator *emulator;
    struct json_object *const *replies;
    struct fail *fail;
};

static int bad_reply(struct probe_reader *r, enum probe probe)
{
    return fail_set(r->fail, VIR_ERR_INTERNAL_ERROR,
                    "emulator %s: its answer to '%s' makes no sense", r->emulator->path,
                    probe_commands[probe].execute);
}

static int no_memory(struct probe_reader *r)
{
    return fail_set(r->fail, VIR_ERR_NO_MEMORY, "emulator %s: its answers are too long",
                    r->emulator->path);
}

/* The array that answers `probe`; NULL: none, when that is allowed, or with the failure set. */
static int reply_array(struct probe_reader *r, enum probe probe, struct json_object **ret_array)
{
    struct json_object *reply = r->replies[probe];
    if (!reply ? !probe_commands[probe].may_fail : !json_object_is_type(reply, json_type_array))
        return bad_reply(r, probe);
    *ret_array = reply;
    return 0;
}

static int read_version(struct probe_reader *r)
{
    struct emulator *e = r->emulator;
    struct json_object *reply = r->replies[PROBE_VERSION], *qemu = NULL;
    if (!json_object_object_get_ex(reply, "qemu", &qemu))
        return bad_reply(r, PROBE_VERSION);
    int major = emulator_json_int(qemu, "major"), minor = emulator_json_int(qemu, "minor"),
        micro = emulator_json_int(qemu, "micro");
    if (major < 0 || major > 4000 || minor < 0 || minor > 999 || micro < 0 || micro > 999)
        return bad_reply(r, PROBE_VERSION);
    e->version = (uint32_t)major * 1000000 + (uint32_t)minor * 1000 + (uint32_t)micro;
    if (e->version < EMULATOR_VERSION_MIN)
        return fail_set(r->fail, VIR_ERR_CONFIG_UNSUPPORTED,
                        "emulator %s is QEMU %d.%d.%d; %d.%d or later is needed", e->path, major,
                        minor, micro, EMULATOR_VERSION_MIN / 1000000,
                        EMULATOR_VERSION_MIN / 1000 % 1000);
    const char *package = emulator_json_string(reply, "package");
    e->package = arena_strdup(&e->arena, package ? package : "");
    return e->package ? 0 : no_memory(r);
}

static int read_target(struct probe_reader *r)
{
    const char *arch = emulator_json_string(r->replies[PROBE_TARGET], "arch");
    if (!arch)
        return bad_reply(r, PROBE_TARGET);
    r->emulator->arch = arena_strdup(&r->emulator->arena, arch);
    r->emulator->kvm_present = emulator_json_bool(r->replies[PROBE_KVM], "present");
    r->emulator->kvm_enabled = emulator_json_bool(r->replies[PROBE_KVM], "enabled");
    return r->emulator->arch ? 0 : no_memory(r);
}

static int read_machine(struct probe_reader *r, struct json_object *json,
                        struct emulator_machine *ret_machine)
{
    struct arena *a = &r->emulator->arena;
    const char *name = emulator_json_string(json, "name");
    const char *alias = emulator_json_string(json, "alias");
    const char *ram_id = emulator_json_string(json, "default-ram-id");
    int max_cpus = emulator_json_int(json, "cpu-max");
    if (!name || max_cpus < 0)
        return bad_reply(r, PROBE_MACHINES);
    struct emulator_machine machine = {
        .name = arena_strdup(a, name),
        .alias = alias ? arena_strdup(a, alias) : NULL,
        .ram_id = ram_id ? arena_strdup(a, ram_id) : NULL,
        .max_cpus = (unsigned)max_cpus,
        .is_default = emulator_json_bool(json, "is-default"),
        .deprecated = emulator_json_bool(json, "deprecated"),
    };
    if (!machine.name || (alias && !machine.alias) || (ram_id && !machine.ram_id))
        return no_memory(r);
    *ret_machine = machine;
    return 0;
}

/* The machine "none" has no place for a guest; one without RAM of its own can't take our memory. */
static int read_machines(struct probe_reader *r)
{
    struct emulator *e = r->emulator;
    struct json_object *array = NULL;
    if (reply_array(r, PROBE_MACHINES, &array) < 0)
        return -1;
    size_t count = json_object_array_length(array);
    e->machines = arena_array(&e->arena, count, sizeof(*e->machines));
    if (!e->machines)
        return count ? no_memory(r) : bad_reply(r, PROBE_MACHINES);
    for (size_t i = 0; i < count; i++) {
        struct emulator_machine *machine = &e->machines[e->machine_count];
        if (read_machine(r, json_object_array_get_idx(array, i), machine) < 0)
            return -1;
        if (machine->ram_id && strcmp(machine->name, "none") != 0)
            e->machine_count++;
    }
    return e->machine_count ? 0 : bad_reply(r, PROBE_MACHINES);
}

/* ---- processors ---- */

static int read_cpu_names(struct probe_reader *r, struct json_object *array)
{
    struct emulator *e = r->emulator;
    size_t count = array ? json_object_array_length(array) : 0;
    if (count > CPUS_MAX)
        return bad_reply(r, PROBE_CPUS);
    e->cpus = count ? arena_array(&e->arena, count, sizeof(*e->cpus)) : NULL;
    if (count && !e->cpus)
        return no_memory(r);
    for (; e->cpu_count < count; e->cpu_count++) {
        struct json_object *json = json_object_array_get_idx(array, e->cpu_count);
        struct emulator_cpu *cpu = &e->cpus[e->cpu_count];
        const char *name = emulator_json_string(json, "name");
        if (!name)
            return bad_reply(r, PROBE_CPUS);
        cpu->deprecated = emulator_json_bool(json, "deprecated");
        if (!(cpu->name = arena_strdup(&e->arena, name)))
            return no_memory(r);
    }
    return 0;
}

/* By name: the second run's list need not be in the order of the first. */
static int read_usable(struct probe_reader *r, struct json_object *array, enum emulator_accel accel)
{
    struct emulator *e = r->emulator;
    for (size_t i = 0; i < e->cpu_count; i++) {
        struct json_object *json = NULL;
        for (size_t j = i; j < i + json_object_array_length(array) && !json; j++) {
            struct json_object *item =
                json_object_array_get_idx(array, j % json_object_array_length(array));
            const char *name = emulator_json_string(item, "name");
            json = name && !strcmp(name, e->cpus[i].name) ? item : NULL;
        }
        struct json_object *blockers = emulator_json_array(json, "unavailable-features");
        if (!blockers)
            continue;
        bool usable = json_object_array_length(blockers) == 0;
        e->cpus[i].with[accel].usable = usable ? EMULATOR_USABLE_YES : EMULATOR_USABLE_NO;
        if (emulator_names_from_json(e, blockers, &e->cpus[i].with[accel].blockers) < 0)
            return bad_reply(r, PROBE_CPUS);
    }
    return 0;
}

/* {"model": {"name": .., "props": {"sse2": true, .., "vendor": ".."}}} */
static int read_host_cpu(struct probe_reader *r, enum emulator_accel accel)
{
    struct emulator *e = r->emulator;
    struct json_object *model = NULL, *props = NULL;
    if (!r->replies[PROBE_HOST_CPU])
        return 0;
    if (!json_object_object_get_ex(r->replies[PROBE_HOST_CPU], "model", &model) ||
        !json_object_object_get_ex(model, "props", &props) ||
        !json_object_is_type(props, json_type_object))
        return bad_reply(r, PROBE_HOST_CPU);
    struct emulator_host_cpu host = {0};
    const char *vendor = emulator_json_string(props, "vendor");
    host.vendor = vendor ? arena_strdup(&e->arena, vendor) : NULL;
    host.features.name =
        arena_array(&e->arena, (size_t)json_object_object_length(props) + 1, sizeof(char *));
    if ((vendor && !host.vendor) || !host.features.name)
        return no_memory(r);
    json_object_object_foreach(props, key, value)
    {
        if (!json_object_is_type(value, json_type_boolean) || !json_object_get_boolean(value))
            continue;
        host.features.name[host.features.count] = arena_strdup(&e->arena, key);
        if (!host.features.name[host.features.count++])
            return no_memory(r);
    }
    emulator_names_sort(&host.features);
    e->host_cpu[accel] = host;
    return 0;
}

static int read_cpus(struct probe_reader *r, enum emulator_accel accel)
{
    struct json_object *array = NULL;
    if (reply_array(r, PROBE_CPUS, &array) < 0)
        return -1;
    if (!r->emulator->cpus && read_cpu_names(r, array) < 0)
        return -1;
    if (array && read_usable(r, array, accel) < 0)
        return -1;
    return read_host_cpu(r, accel);
}

/* ---- lists of names ---- */

/* [{KEY: "a"}, {KEY: "b"}] -> a, b */
static int read_names(struct probe_reader *r, enum probe probe, const char *key,
                      struct emulator_names *ret_names)
{
    struct json_object *array = NULL;
    if (reply_array(r, probe, &array) < 0)
        return -1;
    size_t count = array ? json_object_array_length(array) : 0;
    struct emulator_names names = {0};
    names.name = count ? arena_array(&r->emulator->arena, count, sizeof(*names.name)) : NULL;
    if (count && !names.name)
        return no_memory(r);
    for (size_t i = 0; i < count; i++) {
        const char *name = emulator_json_string(json_object_array_get_idx(array, i), key);
        if (!name)
            return bad_reply(r, probe);
        names.name[names.count] = arena_strdup(&r->emulator->arena, name);
        if (!names.name[names.count++])
            return no_memory(r);
    }
    emulator_names_sort(&names);
    *ret_names = names;
    return 0;
}

/* [{option: "o", parameters: [{name: "p"}]}] -> o, o.p */
static int read_option(struct probe_reader *r, struct json_object *json,
                       struct emulator_names *names)
{
    struct arena *a = &r->emulator->arena;
    const char *option = emulator_json_string(json, "option");
    struct json_object *parameters = emulator_json_array(json, "parameters");
    if (!option || !parameters)
        return bad_reply(r, PROBE_OPTIONS);
    size_t count = json_object_array_length(parameters);
    names->name[names->count] = arena_strdup(a, option);
    if (!names->name[names->count++])
        return no_memory(r);
    for (size_t i = 0; i < count; i++) {
        const char *name = emulator_json_string(json_object_array_get_idx(parameters, i), "name");
        if (!name)
            return bad_reply(r, PROBE_OPTIONS);
        names->name[names->count] = arena_printf(a, "%s.%s", option, name);
        if (!names->name[names->count++])
            return no_memory(r);
    }
    return 0;
}

static int read_options(struct probe_reader *r)
{
    struct json_object *array = NULL;
    if (reply_array(r, PROBE_OPTIONS, &array) < 0)
        return -1;
    size_t count = array ? json_object_array_length(array) : 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *parameters =
            emulator_json_array(json_object_array_get_idx(array, i), "parameters");
        most += 1 + (parameters ? json_object_array_length(parameters) : 0);
    }
    struct emulator_names names = {0};
    names.name = most ? arena_array(&r->emulator->arena, most, sizeof(*names.name)) : NULL;
    if (most && !names.name)
        return no_memory(r);
    for (size_t i = 0; i < count; i++)
        if (read_option(r, json_object_array_get_idx(array, i), &names) < 0)
            return -1;
    emulator_names_sort(&names);
    r->emulator->options = names;
    return 0;
}

static int read_all(struct probe_reader *r)
{
    struct emulator *e = r->emulator;
    if (read_version(r) < 0 || read_target(r) < 0 || read_machines(r) < 0 ||
        read_cpus(r, e->kvm_enabled ? EMULATOR_KVM : EMULATOR_TCG) < 0 ||
        read_names(r, PROBE_COMMANDS, "name", &e->commands) < 0 ||
        read_names(r, PROBE_MIGRATION, "capability", &e->migration_capabilities) < 0 ||
        read_names(r, PROBE_MACHINE_PROPERTIES, "name", &e->machine_properties) < 0)
        return -1;
    return read_options(r);
}

static int check_count(const char *path, size_t reply_count, struct fail *f)
{
    if (reply_count != PROBE_COUNT)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "emulator %s: it gave %zu answers of %d", path,
                        reply_count, PROBE_COUNT);
    return 0;
}

int emulator_add_tcg(struct emulator *e, struct json_object *const *replies, size_t reply_count,
                     struct fail *f)
{
    struct probe_reader reader = {.emulator = e, .replies = replies, .fail = f};
    return check_count(e->path, reply_count, f) < 0 ? -1 : read_cpus(&reader, EMULATOR_TCG);
}

int emulator_from_qmp(const char *path, const struct emulator_identity *identity,
                      struct json_object *const *replies, size_t reply_count,
                      struct emulator **ret_emulator, struct fail *f)
{
    if (check_count(path, reply_count, f) < 0)
        return -1;
    auto_emulator struct emulator *e = emulator_new();
    if (!e || !(e->path = arena_strdup(&e->arena, path)))
        return fail_set(f, VIR_ERR_NO_MEMORY, "emulator %s: no memory", path);
    e->identity = *identity;
    struct probe_reader reader = {.emulator = e, .replies = replies, .fail = f};
    if (read_all(&reader) < 0)
        return -1;
    *ret_emulator = take_ptr(e);
    return 0;
}
