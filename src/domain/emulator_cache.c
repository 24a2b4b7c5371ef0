/* emulator_cache.c - an emulator as a JSON object, the content of its cache file, and back.
 *
 * The file is ours, but a disk can lie: it is read with the same checks as an emulator's answers.
 * A file of another version, or of a binary that changed, is not repaired but written anew.
 */
#include "domain/emulator_internal.h"

/* ---- writing ---- */

static struct json_object *names_to_json(const struct emulator_names *names)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < names->count; i++)
        json_object_array_add(array, json_object_new_string(names->name[i]));
    return array;
}

static void add_string(struct json_object *json, const char *key, const char *value)
{
    if (value)
        json_object_object_add(json, key, json_object_new_string(value));
}

static void add_bool(struct json_object *json, const char *key, bool value)
{
    json_object_object_add(json, key, json_object_new_boolean(value));
}

static struct json_object *identity_to_json(const struct emulator_identity *identity)
{
    struct json_object *json = json_object_new_object();
    json_object_object_add(json, "device", json_object_new_uint64(identity->device));
    json_object_object_add(json, "inode", json_object_new_uint64(identity->inode));
    json_object_object_add(json, "size", json_object_new_uint64(identity->size));
    json_object_object_add(json, "mtime-ns", json_object_new_int64(identity->mtime_ns));
    json_object_object_add(json, "ctime-ns", json_object_new_int64(identity->ctime_ns));
    return json;
}

static struct json_object *machines_to_json(const struct emulator *e)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < e->machine_count; i++) {
        const struct emulator_machine *machine = &e->machines[i];
        struct json_object *json = json_object_new_object();
        add_string(json, "name", machine->name);
        add_string(json, "alias", machine->alias);
        add_string(json, "ram-id", machine->ram_id);
        json_object_object_add(json, "max-cpus", json_object_new_int((int)machine->max_cpus));
        add_bool(json, "default", machine->is_default);
        add_bool(json, "deprecated", machine->deprecated);
        json_object_array_add(array, json);
    }
    return array;
}

static const char *const accel_names[EMULATOR_ACCELS] = {"tcg", "kvm"};

static struct json_object *cpus_to_json(const struct emulator *e)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < e->cpu_count; i++) {
        const struct emulator_cpu *cpu = &e->cpus[i];
        struct json_object *json = json_object_new_object();
        add_string(json, "name", cpu->name);
        add_bool(json, "deprecated", cpu->deprecated);
        for (int accel = 0; accel < EMULATOR_ACCELS; accel++)
            if (cpu->with[accel].usable != EMULATOR_USABLE_UNKNOWN)
                json_object_object_add(json, accel_names[accel],
                                       names_to_json(&cpu->with[accel].blockers));
        json_object_array_add(array, json);
    }
    return array;
}

static struct json_object *host_cpu_to_json(const struct emulator_host_cpu *host)
{
    struct json_object *json = json_object_new_object();
    add_string(json, "vendor", host->vendor);
    json_object_object_add(json, "features", names_to_json(&host->features));
    return json;
}

static struct json_object *host_cpus_to_json(const struct emulator *e)
{
    struct json_object *json = json_object_new_object();
    for (int accel = 0; accel < EMULATOR_ACCELS; accel++)
        json_object_object_add(json, accel_names[accel], host_cpu_to_json(&e->host_cpu[accel]));
    return json;
}

struct json_object *emulator_running_to_json(const struct emulator *e)
{
    struct json_object *json = json_object_new_object();
    if (!json)
        return NULL;
    json_object_object_add(json, "cache-version", json_object_new_int(EMULATOR_CACHE_VERSION));
    add_string(json, "path", e->path);
    json_object_object_add(json, "identity", identity_to_json(&e->identity));
    json_object_object_add(json, "version", json_object_new_int64(e->version));
    add_string(json, "package", e->package);
    add_string(json, "arch", e->arch);
    json_object_object_add(json, "migration-capabilities",
                           names_to_json(&e->migration_capabilities));
    return json;
}

struct json_object *emulator_to_json(const struct emulator *e)
{
    struct json_object *json = emulator_running_to_json(e);
    if (!json)
        return NULL;
    add_bool(json, "kvm-present", e->kvm_present);
    add_bool(json, "kvm-enabled", e->kvm_enabled);
    json_object_object_add(json, "machines", machines_to_json(e));
    json_object_object_add(json, "cpus", cpus_to_json(e));
    json_object_object_add(json, "host-cpus", host_cpus_to_json(e));
    json_object_object_add(json, "commands", names_to_json(&e->commands));
    json_object_object_add(json, "machine-properties", names_to_json(&e->machine_properties));
    json_object_object_add(json, "options", names_to_json(&e->options));
    return json;
}

/* ---- reading ---- */

/* NULL when it is missing, too: a cache file has all its strings, but for those that may be. */
static const char *keep_string(struct emulator *e, struct json_object *json, const char *key)
{
    const char *text = emulator_json_string(json, key);
    return text ? arena_strdup(&e->arena, text) : NULL;
}

static bool get_number(struct json_object *json, const char *key, struct json_object **ret_value)
{
    return json_object_object_get_ex(json, key, ret_value) &&
           json_object_is_type(*ret_value, json_type_int);
}

static int read_identity(struct json_object *json, struct emulator_identity *ret_identity)
{
    struct json_object *identity = NULL, *device, *inode, *size, *mtime, *ctime;
    if (!json_object_object_get_ex(json, "identity", &identity) ||
        !get_number(identity, "device", &device) || !get_number(identity, "inode", &inode) ||
        !get_number(identity, "size", &size) || !get_number(identity, "mtime-ns", &mtime) ||
        !get_number(identity, "ctime-ns", &ctime))
        return -1;
    *ret_identity = (struct emulator_identity){
        .device = json_object_get_uint64(device),
        .inode = json_object_get_uint64(inode),
        .size = json_object_get_uint64(size),
        .mtime_ns = json_object_get_int64(mtime),
        .ctime_ns = json_object_get_int64(ctime),
    };
    return 0;
}

static int read_machines(struct emulator *e, struct json_object *array)
{
    size_t count = array ? json_object_array_length(array) : 0;
    e->machines = count ? arena_array(&e->arena, count, sizeof(*e->machines)) : NULL;
    if (!e->machines)
        return -1;
    for (; e->machine_count < count; e->machine_count++) {
        struct json_object *json = json_object_array_get_idx(array, e->machine_count);
        struct emulator_machine *machine = &e->machines[e->machine_count];
        int max_cpus = emulator_json_int(json, "max-cpus");
        *machine = (struct emulator_machine){
            .name = keep_string(e, json, "name"),
            .alias = keep_string(e, json, "alias"),
            .ram_id = keep_string(e, json, "ram-id"),
            .max_cpus = (unsigned)max_cpus,
            .is_default = emulator_json_bool(json, "default"),
            .deprecated = emulator_json_bool(json, "deprecated"),
        };
        if (!machine->name || !machine->ram_id || max_cpus < 0)
            return -1;
    }
    return 0;
}

static int read_cpu(struct emulator *e, struct json_object *json, struct emulator_cpu *cpu)
{
    cpu->name = keep_string(e, json, "name");
    cpu->deprecated = emulator_json_bool(json, "deprecated");
    for (int accel = 0; accel < EMULATOR_ACCELS; accel++) {
        struct json_object *blockers = emulator_json_array(json, accel_names[accel]);
        if (!blockers)
            continue;
        if (emulator_names_from_json(e, blockers, &cpu->with[accel].blockers) < 0)
            return -1;
        cpu->with[accel].usable =
            cpu->with[accel].blockers.count ? EMULATOR_USABLE_NO : EMULATOR_USABLE_YES;
    }
    return cpu->name ? 0 : -1;
}

static int read_cpus(struct emulator *e, struct json_object *array)
{
    size_t count = array ? json_object_array_length(array) : 0;
    e->cpus = count ? arena_array(&e->arena, count, sizeof(*e->cpus)) : NULL;
    if (!array || (count && !e->cpus))
        return -1;
    for (; e->cpu_count < count; e->cpu_count++)
        if (read_cpu(e, json_object_array_get_idx(array, e->cpu_count), &e->cpus[e->cpu_count]) < 0)
            return -1;
    return 0;
}

static int read_host_cpus(struct emulator *e, struct json_object *json)
{
    struct json_object *hosts = NULL;
    if (!json_object_object_get_ex(json, "host-cpus", &hosts))
        return -1;
    for (int accel = 0; accel < EMULATOR_ACCELS; accel++) {
        struct json_object *host = NULL;
        if (!json_object_object_get_ex(hosts, accel_names[accel], &host))
            return -1;
        e->host_cpu[accel].vendor = keep_string(e, host, "vendor");
        struct json_object *features = emulator_json_array(host, "features");
        if (!features || emulator_names_from_json(e, features, &e->host_cpu[accel].features) < 0)
            return -1;
    }
    return 0;
}

struct names_to_read {
    const char *key;
    struct emulator_names *names;
};

static int read_names(struct emulator *e, struct json_object *json, const struct names_to_read *lists,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json_object *array = emulator_json_array(json, lists[i].key);
        if (!array || emulator_names_from_json(e, array, lists[i].names) < 0)
            return -1;
    }
    return 0;
}

static int read_running(struct emulator *e, struct json_object *json)
{
    const struct names_to_read lists[] = {{"migration-capabilities", &e->migration_capabilities}};
    int version = emulator_json_int(json, "version");
    e->path = keep_string(e, json, "path");
    e->package = keep_string(e, json, "package");
    e->arch = keep_string(e, json, "arch");
    e->version = (uint32_t)version;
    if (version < EMULATOR_VERSION_MIN || !e->path || !e->package || !e->arch ||
        read_identity(json, &e->identity) < 0)
        return -1;
    return read_names(e, json, lists, 1);
}

static int read_all(struct emulator *e, struct json_object *json)
{
    const struct names_to_read lists[] = {
        {"commands", &e->commands},
        {"machine-properties", &e->machine_properties},
        {"options", &e->options},
    };
    e->kvm_present = emulator_json_bool(json, "kvm-present");
    e->kvm_enabled = emulator_json_bool(json, "kvm-enabled");
    if (read_running(e, json) < 0 || read_machines(e, emulator_json_array(json, "machines")) < 0 ||
        read_cpus(e, emulator_json_array(json, "cpus")) < 0 || read_host_cpus(e, json) < 0)
        return -1;
    return read_names(e, json, lists, sizeof(lists) / sizeof(lists[0]));
}

static int from_json(struct json_object *json, int (*read)(struct emulator *, struct json_object *),
                     struct emulator **ret_emulator, struct fail *f)
{
    int version = emulator_json_int(json, "cache-version");
    if (version != EMULATOR_CACHE_VERSION)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "emulator cache: its version is %d, not %d",
                        version, EMULATOR_CACHE_VERSION);
    auto_emulator struct emulator *e = emulator_new();
    if (!e)
        return fail_set(f, VIR_ERR_NO_MEMORY, "emulator cache: no memory");
    if (read(e, json) < 0)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "emulator cache: it is damaged");
    *ret_emulator = take_ptr(e);
    return 0;
}

int emulator_from_json(struct json_object *json, struct emulator **ret_emulator, struct fail *f)
{
    return from_json(json, read_all, ret_emulator, f);
}

int emulator_running_from_json(struct json_object *json, struct emulator **ret_emulator,
                               struct fail *f)
{
    return from_json(json, read_running, ret_emulator, f);
}
