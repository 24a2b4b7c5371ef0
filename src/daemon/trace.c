#include "daemon/trace.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "daemon/migrate.h"
#include "daemon/migrate_uri.h"
#include "daemon/trace_line.h"
#include "domain/emulator.h"
#include "io/file.h"
#include "libvirt/libvirt-domain.h"
#include "util/cleanup.h"
#include "util/log.h"

struct trace {
    int fd; /* -1: nothing more is written of this attempt */
    size_t size;
};

/* ---- the folder ----------------------------------------------------------------------------- */

enum { NAME_SIZE = UUID_TEXT + sizeof("-4294967295.jsonl") };

static void format_name(const char *uuid, unsigned number, char ret_name[NAME_SIZE])
{
    snprintf(ret_name, NAME_SIZE, "%s-%u.jsonl", uuid, number);
}

/* Is it a trace of this guest (NULL: of any)? */
static bool parse_name(const char *name, const char *uuid, unsigned *ret_number)
{
    char parsed[NAME_SIZE], whose[UUID_TEXT];
    struct uuid u;
    snprintf(whose, sizeof(whose), "%s", name);
    if (!uuid_parse(whose, &u) || (uuid && strcmp(whose, uuid) != 0) ||
        sscanf(name + strlen(whose), "-%u", ret_number) != 1)
        return false;
    format_name(whose, *ret_number, parsed);
    return strcmp(parsed, name) == 0;
}

struct survey {
    unsigned count, newest, oldest; /* of one guest; count 0: none */
    unsigned total;
};

static struct survey survey(DIR *dir, const char *uuid)
{
    struct survey s = {0};
    unsigned number;
    rewinddir(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (!parse_name(e->d_name, NULL, &number))
            continue;
        s.total++;
        if (!parse_name(e->d_name, uuid, &number))
            continue;
        if (!s.count || number > s.newest)
            s.newest = number;
        if (!s.count || number < s.oldest)
            s.oldest = number;
        s.count++;
    }
    return s;
}

static void remove_trace(DIR *dir, const char *name)
{
    if (unlinkat(dirfd(dir), name, 0) < 0 && errno != ENOENT)
        log_warning("remove the trace %s: %s", name, strerror(errno));
}

/* The one that was written to least recently, whoever's it is. */
static void remove_oldest_of_all(DIR *dir)
{
    char name[NAME_SIZE] = "";
    struct timespec oldest = {0};
    unsigned number;
    rewinddir(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct stat st;
        if (!parse_name(e->d_name, NULL, &number) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!name[0] || st.st_mtim.tv_sec < oldest.tv_sec ||
            (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec < oldest.tv_nsec)) {
            oldest = st.st_mtim;
            snprintf(name, sizeof(name), "%.*s", NAME_SIZE - 1, e->d_name);
        }
    }
    if (name[0])
        remove_trace(dir, name);
}

/* Makes room for one more. Each round removes one file or ends. */
static void make_room(DIR *dir, const char *uuid, unsigned most, struct survey *s)
{
    char name[NAME_SIZE];
    while (s->count >= most) {
        unsigned before = s->count, newest = s->newest;
        format_name(uuid, s->oldest, name);
        remove_trace(dir, name);
        *s = survey(dir, uuid);
        s->newest = newest; /* a number is not given twice */
        if (s->count >= before)
            return;
    }
    for (unsigned over = s->total + 1; over > TRACE_FILES_TOTAL; over--)
        remove_oldest_of_all(dir);
}

static DIR *open_folder(const struct guest *g)
{
    struct fail f = {0};
    auto_free char *path = NULL;
    if (asprintf(&path, "%s/traces", g->daemon->config.state_dir) < 0) {
        path = NULL;
        return NULL;
    }
    if (file_make_folders(path, 0700, &f) < 0) {
        log_warning("guest %s: no trace: %s", g->name, f.text);
        return NULL;
    }
    DIR *dir = opendir(path);
    if (!dir)
        log_warning("guest %s: no trace: open %s: %s", g->name, path, strerror(errno));
    return dir;
}

/* ---- one file ------------------------------------------------------------------------------- */

void trace_close(struct guest *g)
{
    if (g->trace && g->trace->fd >= 0)
        close(g->trace->fd);
    free(g->trace);
    g->trace = NULL;
}

static void give_up(struct trace *t)
{
    close(t->fd);
    t->fd = -1;
}

/* Opens the file of a new attempt, or goes on with that of the one which a daemon before us began.
 */
static void open_trace(struct guest *g, bool begins)
{
    char uuid[UUID_TEXT], name[NAME_SIZE];
    g->trace = malloc(sizeof(*g->trace));
    if (!g->trace)
        return;
    *g->trace = (struct trace){.fd = -1};
    DIR *dir = open_folder(g);
    if (!dir)
        return;
    uuid_format(&g->uuid, uuid);
    struct survey s = survey(dir, uuid);
    if (begins || !s.count) {
        make_room(dir, uuid, g->daemon->config.trace_files, &s);
        s.newest++;
    }
    format_name(uuid, s.newest, name);
    g->trace->fd =
        openat(dirfd(dir), name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (g->trace->fd < 0)
        log_warning("guest %s: no trace: open %s: %s", g->name, name, strerror(errno));
    else if (fstat(g->trace->fd, &st) == 0)
        g->trace->size = (size_t)st.st_size;
    closedir(dir);
}

/* Whole lines only: where the next one has no room, the trace ends. */
static void append(struct guest *g, const struct buffer *line)
{
    struct trace *t = g->trace;
    size_t size = buffer_size(line);
    if (t->fd < 0)
        return;
    if (t->size + size > TRACE_BYTES_MAX) {
        log_info("guest %s: the migration's trace ends here, at its largest size", g->name);
        give_up(t);
        return;
    }
    int r = file_write_all(t->fd, buffer_bytes(line), size);
    if (r < 0) {
        log_warning("guest %s: the migration's trace ends here: %s", g->name, strerror(-r));
        give_up(t);
        return;
    }
    t->size += size;
}

/* ---- header and notes ----------------------------------------------------------------------- */

static void add_text(struct json_object *o, const char *key, const char *text)
{
    json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *flag_names(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {VIR_MIGRATE_LIVE, "live"},
        {VIR_MIGRATE_PEER2PEER, "peer2peer"},
        {VIR_MIGRATE_PERSIST_DEST, "persist-dest"},
        {VIR_MIGRATE_UNDEFINE_SOURCE, "undefine-source"},
        {VIR_MIGRATE_PAUSED, "paused"},
        {VIR_MIGRATE_CHANGE_PROTECTION, "change-protection"},
        {VIR_MIGRATE_UNSAFE, "unsafe"},
        {VIR_MIGRATE_ABORT_ON_ERROR, "abort-on-error"},
        {VIR_MIGRATE_AUTO_CONVERGE, "auto-converge"},
        {VIR_MIGRATE_PARALLEL, "parallel"},
        {VIR_MIGRATE_POSTCOPY, "postcopy"},
    };
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (flags & names[i].flag)
            json_object_array_add(list, json_object_new_string(names[i].name));
    return list;
}

static void add_qemu_version(struct json_object *o, uint32_t version)
{
    char text[40];
    snprintf(text, sizeof(text), "%u.%u.%u", version / 1000000, version / 1000 % 1000,
             version % 1000);
    add_text(o, "qemu", text);
}

/* The object's text, with more members (`state` may be NULL) before its closing brace. */
static int put_object(struct buffer *line, struct json_object *o, const struct core *state)
{
    const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
    size_t size = strlen(text);
    if (!state)
        return buffer_printf(line, "%s\n", text);
    int r = buffer_append(line, text, size - 1);
    if (r == 0)
        r = buffer_append(line, ",", 1);
    if (r == 0)
        r = trace_put_state(line, state);
    return r < 0 ? r : buffer_append(line, "}\n", 2);
}

/* `state` is the one that the steps behind it begin with. */
static void put_header(struct guest *g, const struct core *state, const struct migration *m)
{
    char uuid[UUID_TEXT];
    struct buffer line = {.limit = TRACE_BYTES_MAX};
    struct json_object *o = json_object_new_object();
    uuid_format(&g->uuid, uuid);
    json_object_object_add(o, "trace", json_object_new_int(TRACE_VERSION));
    add_text(o, "baton", BATON_VERSION);
    if (g->emulator)
        add_qemu_version(o, g->emulator->version);
    add_text(o, "guest", g->name);
    add_text(o, "uuid", uuid);
    bool outgoing = m ? m->outgoing : state->out.state != OUT_IDLE;
    add_text(o, "direction", outgoing ? "out" : "in");
    if (m)
        json_object_object_add(o, "flags", flag_names(m->flags));
    if (outgoing)
        json_object_object_add(o, "pause_before_switchover",
                               json_object_new_boolean(g->core.out.pause_before));
    json_object_object_add(o, "restart", json_object_new_boolean(core_migrating(state)));
    if (put_object(&line, o, state) == 0)
        append(g, &line);
    json_object_put(o);
    buffer_free(&line);
}

/* Those that are switched on. */
static struct json_object *names_of(struct json_object *capabilities)
{
    struct json_object *on = json_object_new_array(), *list, *name, *state;
    if (!json_object_object_get_ex(capabilities, "capabilities", &list))
        return on;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (json_object_object_get_ex(one, "capability", &name) &&
            json_object_object_get_ex(one, "state", &state) && json_object_get_boolean(state))
            json_object_array_add(on, json_object_get(name));
    }
    return on;
}

void trace_settings(struct guest *g, struct json_object *capabilities,
                    struct json_object *parameters)
{
    if (!g->trace || g->trace->fd < 0)
        return;
    const struct migration *m = g->migration;
    char uri[MIGRATE_URI_MAX];
    struct buffer line = {.limit = TRACE_BYTES_MAX};
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "time", json_object_new_uint64(guest_clock()));
    add_qemu_version(o, g->emulator->version);
    json_object_object_add(o, "capabilities", names_of(capabilities));
    json_object_object_add(o, "parameters", json_object_get(parameters));
    /* Read and written again: what a user put beside the address (a password) stays out. */
    if (m->outgoing && m->uri && migrate_uri_for_qemu(m->uri, uri, sizeof(uri), NULL) == 0)
        add_text(o, "uri", uri);
    else if (!m->outgoing && m->listen_uri)
        add_text(o, "uri", m->listen_uri);
    if (put_object(&line, o, NULL) == 0)
        append(g, &line);
    json_object_put(o);
    buffer_free(&line);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static bool begins_a_job(const struct core_actions *actions)
{
    for (unsigned i = 0; i < actions->count; i++)
        if (actions->list[i].type == ACT_JOB_BEGIN)
            return true;
    return false;
}

void trace_step(struct guest *g, uint64_t time, struct core_event event, const struct core *before,
                const struct core_actions *actions)
{
    bool begins = begins_a_job(actions);
    if (g->daemon->config.trace_files == 0)
        return;
    if (begins)
        trace_close(g);
    if (begins || (!g->trace && core_migrating(before))) {
        open_trace(g, begins);
        if (g->trace)
            put_header(g, before, begins ? g->proposed : g->migration);
    }
    if (!g->trace)
        return;
    struct buffer line = {.limit = TRACE_BYTES_MAX};
    if (trace_put_step(&line, time, event, before, &g->core, actions) == 0)
        append(g, &line);
    buffer_free(&line);
    if (!core_migrating(&g->core))
        trace_close(g);
}
