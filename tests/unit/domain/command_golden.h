/* command_golden.h - command lines as values: options and what they say, in order.
 *
 * An argument vector becomes a JSON array of [option, value]. JSON values are parsed, "key=value"
 * lists become objects, so that the order of keys and the spelling of commas do not matter. What
 * may differ between libvirt's command line and ours is taken out of both, and only that:
 *
 *   - libvirt's master key (-object secret), which no device refers to;
 *   - descriptors: of the monitor, of taps, of files (-add-fd, /dev/fdset/N); we let QEMU open the
 *     sockets and files that libvirt opens for it, by the path in the document;
 *   - -no-acpi, -no-hpet, the former names of machine properties;
 *   - -m 128 for -m size=131072k;
 *   - reconnect=S for reconnect-ms=1000*S, where the emulator has the latter;
 *   - -action reboot=shutdown: libvirt sends it over QMP (set-action) after the start;
 *   - -global migration.x-preempt-pre-7-2=off: a defect of QEMU's that only we have an answer to;
 *   - "backing": null where no image was read.
 */
#pragma once
#include "domain/command.h"
#include <errno.h>

/* The text of FILE; ends the test when it is not there. For free. */
static inline char *golden_text(const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", GOLDEN, file);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: %s", path, strerror(errno));
    char *text = NULL;
    size_t room = 0;
    ssize_t size = getdelim(&text, &room, 0, f);
    assert_true(size > 0);
    fclose(f);
    return text;
}

/* "a,b=c,,d" -> {"": "a", "b": "c,d"} */
static inline struct json_object *list_to_json(const char *text)
{
    struct json_object *json = json_object_new_object();
    char *copy = strdup(text), *part = copy;
    for (bool more = true; more;) {
        char *end = part, *out = part;
        for (; *end && !(end[0] == ',' && end[1] != ','); end++) {
            if (*end == ',')
                end++;
            *out++ = *end;
        }
        more = *end != 0;
        *out = 0;
        char *equals = strchr(part, '=');
        if (equals)
            *equals = 0;
        json_object_object_add(json, equals ? part : "",
                               json_object_new_string(equals ? equals + 1 : part));
        part = end + 1;
    }
    free(copy);
    return json;
}

static inline bool has_list_value(const char *option)
{
    static const char *const names[] = {"-name",       "-machine", "-cpu",  "-smp",    "-chardev",
                                        "-mon",        "-rtc",     "-boot", "-global", "-m",
                                        "-overcommit", "-sandbox", "-msg",  "-action"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(names[i], option))
            return true;
    return false;
}

/* Items after argv[0]; for json_object_put. */
static inline struct json_object *command_items(const char *const *argv)
{
    struct json_object *items = json_object_new_array();
    for (size_t i = 1; argv[i]; i++) {
        struct json_object *item = json_object_new_array(), *value = NULL;
        const char *option = argv[i], *next = argv[i + 1];
        if (next && next[0] == '{')
            value = json_tokener_parse(next);
        else if (next && next[0] != '-')
            value = has_list_value(option) ? list_to_json(next) : json_object_new_string(next);
        i += value != NULL;
        json_object_array_add(item, json_object_new_string(option));
        json_object_array_add(item, value);
        json_object_array_add(items, item);
    }
    return items;
}

static inline const char *item_option(struct json_object *item)
{
    return json_object_get_string(json_object_array_get_idx(item, 0));
}

static inline const char *item_get(struct json_object *item, const char *key)
{
    struct json_object *value = json_object_array_get_idx(item, 1), *member = NULL;
    return json_object_is_type(value, json_type_object) &&
                   json_object_object_get_ex(value, key, &member)
               ? json_object_get_string(member)
               : NULL;
}

static inline bool item_is(struct json_object *item, const char *option, const char *key,
                           const char *value)
{
    const char *own = key ? item_get(item, key) : NULL;
    return !strcmp(item_option(item), option) && (!key || (own && !strcmp(own, value)));
}

static inline void item_del(struct json_object *item, const char *key)
{
    json_object_object_del(json_object_array_get_idx(item, 1), key);
}

static inline void item_set(struct json_object *item, const char *key, const char *value)
{
    json_object_object_add(json_object_array_get_idx(item, 1), key, json_object_new_string(value));
}

static inline struct json_object *find_item(struct json_object *items, const char *option,
                                            const char *key, const char *value)
{
    for (size_t i = 0; i < json_object_array_length(items); i++)
        if (item_is(json_object_array_get_idx(items, i), option, key, value))
            return json_object_array_get_idx(items, i);
    return NULL;
}

static inline void even_out_chardev(struct json_object *item)
{
    static const char *const host_side[] = {"path", "fd", "append", "logfile", "logappend"};
    bool connects = item_get(item, "path") && !item_get(item, "server") &&
                    item_is(item, "-chardev", "", "socket");
    for (size_t i = connects ? 1 : 0; i < sizeof(host_side) / sizeof(host_side[0]); i++)
        item_del(item, host_side[i]);
    if (item_get(item, "reconnect")) {
        char ms[24];
        snprintf(ms, sizeof(ms), "%s000", item_get(item, "reconnect"));
        item_set(item, "reconnect-ms", ms);
        item_del(item, "reconnect");
    }
}

/* False: the item goes. */
static inline bool even_out_item(struct json_object *items, struct json_object *item)
{
    struct json_object *machine = find_item(items, "-machine", NULL, NULL);
    if (item_is(item, "-object", "qom-type", "secret") || item_is(item, "-add-fd", NULL, NULL) ||
        item_is(item, "-action", "reboot", "shutdown") ||
        item_is(item, "-global", "migration.x-preempt-pre-7-2", "off"))
        return false;
    if (item_is(item, "-no-acpi", NULL, NULL) || item_is(item, "-no-hpet", NULL, NULL)) {
        item_set(machine, item_option(item) + strlen("-no-"), "off");
        return false;
    }
    if (item_is(item, "-chardev", NULL, NULL))
        even_out_chardev(item);
    if (item_is(item, "-blockdev", NULL, NULL))
        item_del(item, "backing");
    if (item_is(item, "-netdev", "type", "tap"))
        item_del(item, "fd");
    if (item_is(item, "-m", NULL, NULL) && item_get(item, "")) {
        char size[32];
        snprintf(size, sizeof(size), "%luk", 1024 * strtoul(item_get(item, ""), NULL, 10));
        item_del(item, "");
        item_set(item, "size", size);
    }
    return true;
}

/* A new array without what may differ. Takes `items`. */
static inline struct json_object *even_out(struct json_object *items)
{
    struct json_object *kept = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (even_out_item(items, item))
            json_object_array_add(kept, json_object_get(item));
    }
    json_object_put(items);
    return kept;
}

/* The recorded arguments, one a line. */
static inline struct json_object *golden_items(const char *name)
{
    const char *argv[512];
    size_t argc = 0;
    char file[128];
    snprintf(file, sizeof(file), "command/%s.args", name);
    char *text = golden_text(file);
    for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        argv[argc++] = line;
    assert_true(argc < 511);
    argv[argc] = NULL;
    struct json_object *items = command_items(argv);
    free(text);
    return items;
}

static inline void assert_same_items(struct json_object *ours, struct json_object *theirs)
{
    size_t count = json_object_array_length(ours), wanted = json_object_array_length(theirs);
    for (size_t i = 0; i < count || i < wanted; i++) {
        struct json_object *a = json_object_array_get_idx(ours, i),
                           *b = json_object_array_get_idx(theirs, i);
        if (!json_object_equal(a, b))
            fail_msg("item %zu:\n  ours     %s\n  libvirt  %s", i, json_object_to_json_string(a),
                     json_object_to_json_string(b));
    }
}
