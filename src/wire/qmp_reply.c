/* qmp_reply.c - reading objects, and the replies that migration depends on. */
#include "wire/qmp.h"
#include <math.h>
#include <string.h>

struct json_object *qmp_get(struct json_object *object, const char *key)
{
    struct json_object *value;
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value))
        return NULL;
    return value;
}

const char *qmp_get_string(struct json_object *object, const char *key)
{
    struct json_object *value = qmp_get(object, key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

bool qmp_get_bool(struct json_object *object, const char *key, bool fallback)
{
    struct json_object *value = qmp_get(object, key);
    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : fallback;
}

uint64_t qmp_get_u64(struct json_object *object, const char *key, uint64_t fallback)
{
    struct json_object *value = qmp_get(object, key);
    /* json_object_get_int64 gives INT64_MAX for what is above it, never a negative number. */
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return fallback;
    return json_object_get_uint64(value);
}

int64_t qmp_get_i64(struct json_object *object, const char *key, int64_t fallback)
{
    struct json_object *value = qmp_get(object, key);
    if (!json_object_is_type(value, json_type_int) || json_object_get_uint64(value) > INT64_MAX)
        return fallback;
    return json_object_get_int64(value);
}

double qmp_get_double(struct json_object *object, const char *key, double fallback)
{
    struct json_object *value = qmp_get(object, key);
    if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
        return fallback;
    double number = json_object_get_double(value);
    return isfinite(number) ? number : fallback;
}

/* A duration or a counter that may be missing. */
static bool optional_u64(struct json_object *object, const char *key, uint64_t *ret_value)
{
    struct json_object *value = qmp_get(object, key);
    if (!json_object_is_type(value, json_type_int))
        return false;
    *ret_value = qmp_get_u64(object, key, 0);
    return true;
}

static bool decode_ram(struct json_object *ram, struct qmp_migrate_ram *ret_ram)
{
    *ret_ram = (struct qmp_migrate_ram){
        .transferred = qmp_get_u64(ram, "transferred", 0),
        .remaining = qmp_get_u64(ram, "remaining", 0),
        .total = qmp_get_u64(ram, "total", 0),
        .duplicate = qmp_get_u64(ram, "duplicate", 0),
        .normal = qmp_get_u64(ram, "normal", 0),
        .normal_bytes = qmp_get_u64(ram, "normal-bytes", 0),
        .dirty_pages_rate = qmp_get_u64(ram, "dirty-pages-rate", 0),
        .page_size = qmp_get_u64(ram, "page-size", 0),
        .mbps = qmp_get_double(ram, "mbps", 0),
        .dirty_sync_count = qmp_get_u64(ram, "dirty-sync-count", 0),
        .postcopy_requests = qmp_get_u64(ram, "postcopy-requests", 0),
        .postcopy_bytes = qmp_get_u64(ram, "postcopy-bytes", 0),
        .precopy_bytes = qmp_get_u64(ram, "precopy-bytes", 0),
        .downtime_bytes = qmp_get_u64(ram, "downtime-bytes", 0),
        .multifd_bytes = qmp_get_u64(ram, "multifd-bytes", 0),
    };
    return json_object_is_type(ram, json_type_object);
}

static bool decode_disk(struct json_object *disk, struct qmp_migrate_disk *ret_disk)
{
    *ret_disk = (struct qmp_migrate_disk){
        .transferred = qmp_get_u64(disk, "transferred", 0),
        .remaining = qmp_get_u64(disk, "remaining", 0),
        .total = qmp_get_u64(disk, "total", 0),
        .mbps = qmp_get_double(disk, "mbps", 0),
    };
    return json_object_is_type(disk, json_type_object);
}

static bool decode_xbzrle(struct json_object *x, struct qmp_migrate_xbzrle *ret_xbzrle)
{
    *ret_xbzrle = (struct qmp_migrate_xbzrle){
        .cache_size = qmp_get_u64(x, "cache-size", 0),
        .bytes = qmp_get_u64(x, "bytes", 0),
        .pages = qmp_get_u64(x, "pages", 0),
        .cache_miss = qmp_get_u64(x, "cache-miss", 0),
        .overflow = qmp_get_u64(x, "overflow", 0),
    };
    return json_object_is_type(x, json_type_object);
}

static void decode_blocked(struct json_object *reasons, struct qmp_migrate_info *info)
{
    if (!json_object_is_type(reasons, json_type_array) || json_object_array_length(reasons) == 0)
        return;
    struct json_object *first = json_object_array_get_idx(reasons, 0);
    info->blocked_reasons = (unsigned)json_object_array_length(reasons);
    if (json_object_is_type(first, json_type_string))
        info->blocked_reason = json_object_get_string(first);
}

int qmp_migrate_info_decode(struct json_object *reply, struct qmp_migrate_info *ret_info,
                            struct fail *f)
{
    if (!json_object_is_type(reply, json_type_object))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "QEMU's query-migrate returned no object");
    struct qmp_migrate_info info = {
        .status_text = qmp_get_string(reply, "status"),
        .error = qmp_get_string(reply, "error-desc"),
    };
    /* An idle QEMU leaves the status out. */
    info.status =
        info.status_text ? qmp_migration_status_parse(info.status_text) : QMP_MIGRATION_NONE;
    info.has_total_time = optional_u64(reply, "total-time", &info.total_time);
    info.has_downtime = optional_u64(reply, "downtime", &info.downtime);
    info.has_expected_downtime = optional_u64(reply, "expected-downtime", &info.expected_downtime);
    info.has_setup_time = optional_u64(reply, "setup-time", &info.setup_time);
    info.has_ram = decode_ram(qmp_get(reply, "ram"), &info.ram);
    info.has_disk = decode_disk(qmp_get(reply, "disk"), &info.disk);
    info.has_xbzrle = decode_xbzrle(qmp_get(reply, "xbzrle-cache"), &info.xbzrle);
    info.has_cpu_throttle = optional_u64(reply, "cpu-throttle-percentage", &info.cpu_throttle);
    info.has_dirty_limit =
        optional_u64(reply, "dirty-limit-throttle-time-per-round", &info.dirty_limit_throttle) &&
        optional_u64(reply, "dirty-limit-ring-full-time", &info.dirty_limit_ring_full);
    info.has_postcopy_blocktime =
        optional_u64(reply, "postcopy-blocktime", &info.postcopy_blocktime);
    decode_blocked(qmp_get(reply, "blocked-reasons"), &info);
    *ret_info = info;
    return 0;
}

int qmp_status_decode(struct json_object *reply, struct qmp_status *ret_status, struct fail *f)
{
    const char *text = qmp_get_string(reply, "status");
    if (!text)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "QEMU's query-status returned no status");
    *ret_status = (struct qmp_status){
        .state = qmp_run_state_parse(text),
        .text = text,
        .running = qmp_get_bool(reply, "running", false),
    };
    return 0;
}

int qmp_version_decode(struct json_object *reply, struct qmp_version *ret_version, struct fail *f)
{
    struct json_object *qemu = qmp_get(reply, "qemu");
    uint64_t major = qmp_get_u64(qemu, "major", 1000), minor = qmp_get_u64(qemu, "minor", 1000);
    uint64_t micro = qmp_get_u64(qemu, "micro", 1000);
    const char *package = qmp_get_string(reply, "package");
    if (major > 999 || minor > 999 || micro > 999)
        return fail_set(f, VIR_ERR_INTERNAL_ERROR, "QEMU says no version that makes sense");
    *ret_version = (struct qmp_version){
        .major = (unsigned)major,
        .minor = (unsigned)minor,
        .micro = (unsigned)micro,
        .number = (unsigned)(major * 1000000 + minor * 1000 + micro),
        .package = package ? package : "",
    };
    return 0;
}

int qmp_capabilities_decode(struct json_object *reply, struct qmp_capabilities *ret_capabilities,
                            struct fail *f)
{
    struct qmp_capabilities caps = {0};
    if (!json_object_is_type(reply, json_type_array))
        return fail_set(f, VIR_ERR_INTERNAL_ERROR,
                        "QEMU's query-migrate-capabilities returned no list");
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        struct json_object *item = json_object_array_get_idx(reply, i);
        int cap = qmp_capability_parse(qmp_get_string(item, "capability"));
        if (cap < 0) {
            caps.unknown++;
            continue;
        }
        caps.supported |= UINT32_C(1) << cap;
        if (qmp_get_bool(item, "state", false))
            caps.enabled |= UINT32_C(1) << cap;
    }
    *ret_capabilities = caps;
    return 0;
}

/* One {"capability": ..., "state": ...}; NULL without memory. */
static struct json_object *capability_object(enum qmp_capability cap, bool state)
{
    struct json_object *item = json_object_new_object();
    struct json_object *name = json_object_new_string(qmp_capability_name(cap));
    struct json_object *value = json_object_new_boolean(state);
    if (item && name && json_object_object_add(item, "capability", name) == 0) {
        name = NULL;
        if (value && json_object_object_add(item, "state", value) == 0)
            return item;
    }
    json_object_put(name);
    json_object_put(value);
    json_object_put(item);
    return NULL;
}

struct json_object *qmp_capabilities_encode(uint32_t which, uint32_t values)
{
    struct json_object *root = json_object_new_object(), *list = json_object_new_array();
    if (!root || !list || json_object_object_add(root, "capabilities", list) < 0) {
        json_object_put(list);
        json_object_put(root);
        return NULL;
    }
    for (int cap = 0; cap < QMP_CAP_COUNT; cap++) {
        if (!(which >> cap & 1))
            continue;
        struct json_object *item = capability_object((enum qmp_capability)cap, values >> cap & 1);
        if (!item || json_object_array_add(list, item) < 0) {
            json_object_put(item);
            json_object_put(root);
            return NULL;
        }
    }
    return root;
}
