/* command.c - the order of the command line, and how arguments are put together.
 *
 * The order is libvirt's: it decides nothing for devices (each has its address), but the two can
 * then be compared with the naked eye. -device, -blockdev, -netdev and -object are JSON, whose
 * strings need no escaping; what has no JSON form is "key=value" with commas doubled.
 */
#include "domain/command_internal.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- arguments ---- */

void command_add(struct command_builder *b, const char *argument)
{
    if (b->no_memory)
        return;
    if (b->argc + 1 >= b->room) {
        size_t room = b->room ? b->room * 2 : 128;
        const char **argv =
            room > COMMAND_ARGS_MAX ? NULL : reallocarray(b->argv, room, sizeof(*argv));
        if (!argv) {
            b->no_memory = true;
            return;
        }
        b->argv = argv;
        b->room = room;
    }
    b->argv[b->argc++] = argument;
    b->argv[b->argc] = NULL;
}

void command_add_pair(struct command_builder *b, const char *option, const char *value)
{
    command_add(b, option);
    command_add(b, value);
}

__attribute__((format(printf, 2, 0))) static const char *
builder_vprintf(struct command_builder *b, const char *format, va_list args)
{
    auto_free char *text = NULL;
    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
        b->no_memory = true;
        return "";
    }
    const char *kept = arena_strdup(&b->arena, text);
    if (!kept)
        b->no_memory = true;
    return kept ? kept : "";
}

const char *command_text(struct command_builder *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = builder_vprintf(b, format, args);
    va_end(args);
    return text;
}

void command_addf(struct command_builder *b, const char *option, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = builder_vprintf(b, format, args);
    va_end(args);
    command_add_pair(b, option, text);
}

void command_add_json(struct command_builder *b, const char *option, struct json_object *json)
{
    const char *text = json ? json_object_to_json_string_ext(
                                  json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                            : NULL;
    if (text)
        command_addf(b, option, "%s", text);
    else
        b->no_memory = true;
    json_object_put(json);
}

const char *command_escape(struct command_builder *b, const char *value)
{
    if (!strchr(value, ','))
        return value;
    char *text = arena_alloc(&b->arena, 2 * strlen(value) + 1);
    if (!text) {
        b->no_memory = true;
        return "";
    }
    char *end = text;
    for (; *value; value++) {
        *end++ = *value;
        if (*value == ',')
            *end++ = ',';
    }
    return text;
}

/* ---- JSON ---- */

void command_json_string(struct json_object *json, const char *key, const char *value)
{
    if (value)
        json_object_object_add(json, key, json_object_new_string(value));
}

void command_json_int(struct json_object *json, const char *key, int64_t value)
{
    json_object_object_add(json, key, json_object_new_int64(value));
}

void command_json_bool(struct json_object *json, const char *key, bool value)
{
    json_object_object_add(json, key, json_object_new_boolean(value));
}

struct json_object *command_device_json(struct command_builder *b, const struct domain_device *dev,
                                        const char *driver)
{
    struct json_object *json = json_object_new_object();
    if (!dev->alias)
        b->no_alias = true;
    command_json_string(json, "driver", driver);
    command_json_string(json, "id", dev->alias);
    return json;
}

/* ---- the whole ---- */

static void add_start(struct command_builder *b)
{
    command_add(b, b->options->emulator->path);
    command_addf(b, "-name", "guest=%s,debug-threads=on", command_escape(b, b->domain->name));
    command_add(b, "-S");
}

static void add_identity(struct command_builder *b)
{
    char uuid[UUID_TEXT];
    uuid_format(&b->domain->uuid, uuid);
    command_addf(b, "-uuid", "%s", uuid);
    command_add_pair(b, "-display", "none");
    command_add(b, "-no-user-config");
    command_add(b, "-nodefaults");
    command_addf(b, "-chardev", "socket,id=charmonitor,fd=%d,server=on,wait=off",
                 b->options->monitor_fd);
    command_add_pair(b, "-mon", "chardev=charmonitor,id=monitor,mode=control");
}

static void add_end(struct command_builder *b)
{
    for (size_t i = 0; i < b->domain->qemu_arg_count; i++)
        command_add(b, b->domain->qemu_args[i]);
    if (b->options->sandbox && emulator_has_option(b->options->emulator, "sandbox"))
        command_add_pair(b, "-sandbox",
                         "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
                         "resourcecontrol=deny");
    command_add_pair(b, "-msg", "timestamp=on");
}

static int add_all(struct command_builder *b)
{
    add_start(b);
    if (command_add_machine(b) < 0)
        return -1;
    command_add_cpu(b);
    command_add_memory(b);
    command_add_smp(b);
    add_identity(b);
    if (command_add_clock(b) < 0)
        return -1;
    command_add_boot(b);
    if (command_add_controllers(b) < 0 || command_add_disks(b) < 0 ||
        command_add_interfaces(b) < 0 || command_add_chardevs(b) < 0)
        return -1;
    if (b->domain->audio_none)
        command_add_pair(b, "-audiodev", "{\"id\":\"audio1\",\"driver\":\"none\"}");
    command_add_preempt_kind(b);
    if (b->options->incoming)
        command_add_pair(b, "-incoming", "defer");
    if (command_add_balloon(b) < 0 || command_add_rngs(b) < 0)
        return -1;
    add_end(b);
    return 0;
}

/* QEMU gets a small, known environment: none of the daemon's variables mean anything to it. */
static const char **make_env(struct command_builder *b, size_t *ret_count)
{
    const struct domain *d = b->domain;
    size_t count = 0, max = 7 + d->qemu_env_count;
    const char **env = arena_array(&b->arena, max + 1, sizeof(*env));
    if (!env) {
        b->no_memory = true;
        return NULL;
    }
    const char *home = b->options->state_dir;
    env[count++] = "LC_ALL=C";
    env[count++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    env[count++] = command_text(b, "HOME=%s", home);
    env[count++] = command_text(b, "XDG_DATA_HOME=%s/.local/share", home);
    env[count++] = command_text(b, "XDG_CACHE_HOME=%s/.cache", home);
    env[count++] = command_text(b, "XDG_CONFIG_HOME=%s/.config", home);
    if (d->clock.offset == DOMAIN_CLOCK_TIMEZONE)
        env[count++] = command_text(b, "TZ=%s", d->clock.timezone);
    for (size_t i = 0; i < d->qemu_env_count; i++) {
        const char *value = d->qemu_env[i].value;
        env[count++] = command_text(b, "%s=%s", d->qemu_env[i].name, value ? value : "");
    }
    *ret_count = count;
    return env;
}

/* The command outlives the domain and the emulator that its texts came from. */
static const char **copy_arguments(struct command_builder *b)
{
    const char **argv = arena_array(&b->arena, b->argc + 1, sizeof(*argv));
    b->no_memory = b->no_memory || !argv;
    for (size_t i = 0; !b->no_memory && i < b->argc; i++) {
        argv[i] = arena_strdup(&b->arena, b->argv[i]);
        b->no_memory = !argv[i];
    }
    return argv;
}

static int builder_finish(struct command_builder *b, struct command *ret_command)
{
    struct command command = {.argc = b->argc};
    if (b->no_alias)
        return fail_set(b->fail, VIR_ERR_INTERNAL_ERROR, "a device of guest '%s' has no alias yet",
                        b->domain->name);
    command.env = make_env(b, &command.env_count);
    command.argv = copy_arguments(b);
    if (b->no_memory)
        return fail_set(b->fail, VIR_ERR_NO_MEMORY, "the command line of guest '%s' is too long",
                        b->domain->name);
    command.arena = b->arena;
    *ret_command = command;
    return 0;
}

int command_build(const struct domain *d, const struct command_options *options,
                  struct command *ret_command, struct fail *f)
{
    struct command_builder b = {.domain = d, .options = options, .fail = f};
    arena_init(&b.arena, COMMAND_ARENA_MAX);
    int result = add_all(&b);
    if (result == 0)
        result = builder_finish(&b, ret_command);
    if (result < 0)
        arena_free(&b.arena);
    free(b.argv);
    return result;
}

void command_free(struct command *command)
{
    arena_free(&command->arena);
    *command = (struct command){0};
}

/* ---- for the log ---- */

static int describe_word(const char *word, struct buffer *out)
{
    if (*word && !word[strcspn(word, " \t\n'\"\\$`*?[]{}()<>|&;#~!")])
        return buffer_printf(out, "%s", word);
    int result = buffer_append(out, "'", 1);
    for (; result == 0 && *word; word++)
        result = *word == '\'' ? buffer_append(out, "'\\''", 4) : buffer_append(out, word, 1);
    return result < 0 ? result : buffer_append(out, "'", 1);
}

int command_describe(const struct command *command, struct buffer *out)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < command->env_count; i++) {
        result = describe_word(command->env[i], out);
        if (result == 0)
            result = buffer_append(out, " ", 1);
    }
    for (size_t i = 0; result == 0 && i < command->argc; i++) {
        result = describe_word(command->argv[i], out);
        if (result == 0)
            result = buffer_append(out, i + 1 < command->argc ? " " : "\n", 1);
    }
    return result;
}
