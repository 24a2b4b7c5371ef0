/* Each migration leaves a trace: whole, bounded, and nobody's secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>
#include "daemon/daemon.h"
#include "daemon/guest.h"
#include "daemon/migrate.h"
#include "daemon/trace.h"
#include "domain/emulator.h"
#include "io/file.h"
#include "libvirt/libvirt-domain.h"

#define GUEST_UUID "6b8a2c1e-0000-4000-8000-000000000001"

struct place {
    struct daemon daemon;
    char folder[64];
    struct emulator emulator;
    struct migration migration;
    struct guest guest;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    strcpy(p->folder, "/tmp/baton-trace-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->daemon.config.state_dir = p->folder;
    p->daemon.config.trace_files = 8;
    p->emulator.version = 7002022;
    p->migration =
        (struct migration){.outgoing = true, .flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_POSTCOPY};
    p->guest = (struct guest){.daemon = &p->daemon, .name = "web \"1\"", .emulator = &p->emulator};
    assert_true(uuid_parse(GUEST_UUID, &p->guest.uuid));
    core_init(&p->guest.core);
    p->guest.core.life = (struct life){.phase = LIFE_UP, .state = CORE_RUNNING, .vcpus = 1};
    p->guest.core.life.reason = RUNNING_BOOTED;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char path[128];
    trace_close(&p->guest);
    snprintf(path, sizeof(path), "%s/traces", p->folder);
    if (access(path, F_OK) == 0)
        file_remove_folder(path);
    rmdir(p->folder);
    free(p);
    return 0;
}

/* As guest.c does it. */
static void happens(struct place *p, enum core_event_type type, uint8_t arg, uint8_t arg2)
{
    struct core before = p->guest.core;
    struct core_actions actions;
    struct core_event event = {(uint8_t)type, arg, arg2};
    core_step(&p->guest.core, event, &actions);
    trace_step(&p->guest, 1000, event, &before, &actions);
    for (unsigned i = 0; i < actions.count; i++)
        if (actions.list[i].type == ACT_JOB_BEGIN)
            p->guest.migration = p->guest.proposed;
}

static void begin(struct place *p)
{
    p->guest.proposed = &p->migration;
    happens(p, EV_BEGIN, BEGIN_POSTCOPY | BEGIN_PAUSE_BEFORE, 0);
    assert_int_equal(p->guest.core.out.state, OUT_BEGUN);
}

static void migrate_and_abort(struct place *p)
{
    begin(p);
    happens(p, EV_ABORT, 0, 0);
    assert_false(core_migrating(&p->guest.core));
}

static char *path_of(const struct place *p, unsigned number)
{
    static char path[160];
    snprintf(path, sizeof(path), "%s/traces/" GUEST_UUID "-%u.jsonl", p->folder, number);
    return path;
}

static bool exists(const struct place *p, unsigned number)
{
    return access(path_of(p, number), F_OK) == 0;
}

static unsigned count_files(const struct place *p)
{
    char path[128];
    unsigned count = 0;
    snprintf(path, sizeof(path), "%s/traces", p->folder);
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        count += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* ---- what is in it --------------------------------------------------------------------------- */

struct lines {
    struct json_object *line[64];
    unsigned count;
};

static struct lines read_trace(const struct place *p, unsigned number)
{
    struct lines l = {0};
    char *text = NULL;
    size_t room = 0;
    FILE *f = fopen(path_of(p, number), "re");
    assert_non_null(f);
    while (getline(&text, &room, f) > 0) {
        assert_true(l.count < 64);
        l.line[l.count] = json_tokener_parse(text);
        assert_non_null(l.line[l.count++]);
    }
    free(text);
    fclose(f);
    return l;
}

static void free_lines(struct lines *l)
{
    for (unsigned i = 0; i < l->count; i++)
        json_object_put(l->line[i]);
}

/* A member of a line, as JSON text. */
static const char *said(struct json_object *line, const char *key)
{
    struct json_object *value;
    if (!json_object_object_get_ex(line, key, &value))
        return "nothing";
    return json_object_to_json_string_ext(value,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void it_goes_from_the_first_step_to_the_last(void **state)
{
    struct place *p = *state;
    migrate_and_abort(p);
    happens(p, EV_SUSPEND, 0, 0); /* no migration any more */
    struct lines l = read_trace(p, 1);
    assert_int_equal(l.count, 3);
    assert_string_equal(said(l.line[0], "trace"), "1");
    assert_string_equal(said(l.line[0], "baton"), "\"" BATON_VERSION "\"");
    assert_string_equal(said(l.line[0], "qemu"), "\"7.2.22\"");
    assert_string_equal(said(l.line[0], "guest"), "\"web \\\"1\\\"\"");
    assert_string_equal(said(l.line[0], "direction"), "\"out\"");
    assert_string_equal(said(l.line[0], "flags"), "[\"live\",\"postcopy\"]");
    assert_string_equal(said(l.line[0], "pause_before_switchover"), "true");
    assert_string_equal(said(l.line[0], "restart"), "false");
    assert_string_equal(said(l.line[0], "out"), "\"IDLE\"");
    assert_string_equal(said(l.line[0], "reads"), "\"RUNNING/BOOTED\"");
    assert_string_equal(said(l.line[0], "core"), "{\"life.vcpus\":1}");
    assert_string_equal(said(l.line[1], "time"), "1000");
    assert_string_equal(said(l.line[1], "event"), "\"BEGIN 3\"");
    assert_string_equal(said(l.line[1], "out"), "\"BEGUN\"");
    assert_string_equal(said(l.line[1], "do"), "[\"JOB_BEGIN 1\",\"ANSWER BEGIN OK\"]");
    assert_string_equal(said(l.line[2], "event"), "\"ABORT\"");
    assert_string_equal(said(l.line[2], "out"), "\"IDLE\"");
    assert_string_equal(said(l.line[2], "do"), "[\"JOB_END ABORTED\",\"ANSWER ABORT OK\"]");
    free_lines(&l);
    struct stat st;
    assert_int_equal(stat(path_of(p, 1), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void words_stand_for_numbers_that_may_change(void **state)
{
    struct place *p = *state;
    begin(p);
    happens(p, EV_PERFORM, 0, 0);
    happens(p, EV_SOURCE_CONFIGURED, 0, 0);
    happens(p, EV_CLIENT_GONE, 0, 0);
    happens(p, EV_MIG_CANCELLED, 0, 0);
    struct lines l = read_trace(p, 1);
    assert_int_equal(l.count, 6);
    assert_string_equal(said(l.line[2], "core"), "{\"waiting.PERFORM\":1}");
    assert_string_equal(said(l.line[4], "event"), "\"CLIENT_GONE\"");
    assert_non_null(strstr(said(l.line[4], "core"), "\"out.outcome\":\"CLIENT_LEFT\""));
    assert_non_null(strstr(said(l.line[5], "do"), "\"JOB_END CLIENT_LEFT\""));
    free_lines(&l);
}

static void what_qemu_is_told_is_noted(void **state)
{
    struct place *p = *state;
    struct json_object *caps =
        json_tokener_parse("{\"capabilities\":[{\"capability\":\"events\",\"state\":true},"
                           "{\"capability\":\"multifd\",\"state\":false}]}");
    struct json_object *params = json_tokener_parse("{\"max-bandwidth\":20971520}");
    begin(p);
    p->migration.uri = "tcp://host.example:49152";
    trace_settings(&p->guest, caps, params);
    p->migration.uri =
        "tcp://somebody:secret@host.example:49152"; /* QEMU will not get this either */
    trace_settings(&p->guest, caps, params);
    json_object_put(caps);
    json_object_put(params);
    struct lines l = read_trace(p, 1);
    assert_int_equal(l.count, 4);
    assert_string_equal(said(l.line[2], "qemu"), "\"7.2.22\"");
    assert_string_equal(said(l.line[2], "capabilities"), "[\"events\"]");
    assert_string_equal(said(l.line[2], "parameters"), "{\"max-bandwidth\":20971520}");
    assert_string_equal(said(l.line[2], "uri"), "\"tcp:host.example:49152\"");
    assert_string_equal(said(l.line[3], "uri"), "nothing");
    free_lines(&l);
}

static void a_new_daemon_goes_on_with_it(void **state)
{
    struct place *p = *state;
    migrate_and_abort(p);
    begin(p);
    trace_close(&p->guest); /* the daemon was killed */
    happens(p, EV_BOOT, 1, EV_MIG_NONE);
    assert_false(exists(p, 3));
    struct lines l = read_trace(p, 2);
    assert_int_equal(l.count, 4);
    assert_string_equal(said(l.line[2], "restart"), "true");
    assert_string_equal(said(l.line[2], "out"), "\"BEGUN\"");
    assert_string_equal(said(l.line[2], "flags"), "[\"live\",\"postcopy\"]");
    assert_string_equal(said(l.line[3], "event"), "\"BOOT 1 MIG_NONE\"");
    free_lines(&l);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void the_oldest_of_a_guest_go_first(void **state)
{
    struct place *p = *state;
    p->daemon.config.trace_files = 3;
    for (int i = 0; i < 12; i++)
        migrate_and_abort(p);
    assert_int_equal(count_files(p), 3);
    assert_true(exists(p, 10) && exists(p, 11) && exists(p, 12));
    p->daemon.config.trace_files = 1;
    migrate_and_abort(p);
    assert_int_equal(count_files(p), 1);
    assert_true(exists(p, 13));
}

/* A trace of another guest, written to at this time. */
static void plant(const struct place *p, const char *name, time_t when)
{
    char path[160];
    struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    snprintf(path, sizeof(path), "%s/traces/%s", p->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void the_oldest_of_the_host_go_first(void **state)
{
    struct place *p = *state;
    char name[80], folder[80];
    snprintf(folder, sizeof(folder), "%s/traces", p->folder);
    assert_int_equal(file_make_folders(folder, 0700, NULL), 0);
    plant(p, "notes.txt", 1); /* not ours to remove */
    for (int i = 0; i < TRACE_FILES_TOTAL + 2; i++) {
        snprintf(name, sizeof(name), "6b8a2c1e-0000-4000-8000-%012x-1.jsonl", 0x1000 + i);
        plant(p, name, 1000000 + i);
    }
    migrate_and_abort(p);
    assert_int_equal(count_files(p), TRACE_FILES_TOTAL + 1);
    assert_true(exists(p, 1));
    for (int i = 0; i < 5; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/6b8a2c1e-0000-4000-8000-%012x-1.jsonl", folder,
                 0x1000 + i);
        assert_int_equal(access(path, F_OK) == 0, i >= 3);
    }
}

static void it_ends_with_a_whole_line_where_it_is_full(void **state)
{
    struct place *p = *state;
    struct stat st;
    begin(p);
    for (unsigned i = 0; i < TRACE_BYTES_MAX / 64; i++)
        happens(p, EV_MIG_SETUP, 0, 0);
    assert_int_equal(stat(path_of(p, 1), &st), 0);
    assert_in_range(st.st_size, TRACE_BYTES_MAX - 256, TRACE_BYTES_MAX);
    char last;
    int fd = open(path_of(p, 1), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &last, 1, st.st_size - 1), 1);
    close(fd);
    assert_int_equal(last, '\n');
    happens(p, EV_ABORT, 0, 0);
    migrate_and_abort(p); /* the next one has its own */
    assert_true(exists(p, 2));
}

static void none_is_kept_when_none_is_wanted(void **state)
{
    struct place *p = *state;
    p->daemon.config.trace_files = 0;
    migrate_and_abort(p);
    assert_int_equal(count_files(p), 0);
}

static void a_migration_goes_on_without_one(void **state)
{
    struct place *p = *state;
    p->daemon.config.state_dir = (char *)"/dev/null/state";
    migrate_and_abort(p);
    p->daemon.config.state_dir = p->folder;
    migrate_and_abort(p);
    assert_true(exists(p, 1));
}

#define trace_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        trace_test(it_goes_from_the_first_step_to_the_last),
        trace_test(words_stand_for_numbers_that_may_change),
        trace_test(what_qemu_is_told_is_noted),
        trace_test(a_new_daemon_goes_on_with_it),
        trace_test(the_oldest_of_a_guest_go_first),
        trace_test(the_oldest_of_the_host_go_first),
        trace_test(it_ends_with_a_whole_line_where_it_is_full),
        trace_test(none_is_kept_when_none_is_wanted),
        trace_test(a_migration_goes_on_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
