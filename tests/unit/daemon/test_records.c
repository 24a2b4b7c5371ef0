/* Records that earlier builds wrote (tests/tools/record-journals): what must be read from each, and that
 * this build does nothing with them that its own records would not make it do.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "daemon/guest_record.h"
#include "daemon/migrate.h"
#include "io/file.h"
#include "journal/journal.h"

enum { SIZE_MAX_OF_ONE = 1 << 20 };

struct kept {
    char name[600];
    struct buffer bytes;
    struct json_object *told;
};

typedef void each_fn(const struct kept *k);

static void read_kept(const char *folder, const char *file, each_fn *each)
{
    struct kept k = {0};
    struct fail f;
    char path[1024];
    snprintf(k.name, sizeof(k.name), "%s/%.*s", folder, (int)(strlen(file) - strlen(".json")), file);
    snprintf(path, sizeof(path), RECORDS "/%s.json", k.name);
    k.told = json_object_from_file(path);
    assert_non_null(k.told);
    snprintf(path, sizeof(path), RECORDS "/%s.record", k.name);
    if (file_read(path, SIZE_MAX_OF_ONE, &k.bytes, &f) != 0)
        fail_msg("%s: %s", k.name, f.text);
    each(&k);
    buffer_free(&k.bytes);
    json_object_put(k.told);
}

static unsigned for_each(each_fn *each)
{
    struct dirent **folders, **files;
    unsigned count = 0;
    int n = scandir(RECORDS, &folders, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof(path), RECORDS "/%s", folders[i]->d_name);
        int m = folders[i]->d_name[0] == '.' ? 0 : scandir(path, &files, NULL, alphasort);
        for (int j = 0; j < m; j++) {
            if (strstr(files[j]->d_name, ".json")) {
                read_kept(folders[i]->d_name, files[j]->d_name, each);
                count++;
            }
            free(files[j]);
        }
        if (folders[i]->d_name[0] != '.')
            free(files);
        free(folders[i]);
    }
    free(folders);
    return count;
}

static const uint8_t *payload(const struct kept *k, size_t *ret_size)
{
    struct journal_reader r;
    struct journal_record record;
    journal_reader_init(&r, buffer_bytes(&k->bytes), buffer_size(&k->bytes));
    if (!journal_reader_next(&r, &record) || record.type != GUEST_RECORD_STATE)
        fail_msg("%s: %s", k->name, r.reason);
    *ret_size = record.size;
    return record.payload;
}

static int load(const uint8_t *bytes, size_t size, struct guest *ret_guest, struct fail *f)
{
    struct guest_moment moment = {0};
    *ret_guest = (struct guest){.id = -1};
    core_init(&ret_guest->core);
    return guest_record_read(ret_guest, bytes, size, &moment, f);
}

static void expect_text(const struct kept *k, const char *key, const char *is)
{
    const char *told = json_object_get_string(json_object_object_get(k->told, key));
    if (strcmp(told, is) != 0)
        fail_msg("%s: %s is %s, and was told as %s", k->name, key, is, told);
}

static void expect_number(const struct kept *k, const char *key, int64_t is)
{
    int64_t told = json_object_get_int64(json_object_object_get(k->told, key));
    if (told != is)
        fail_msg("%s: %s is %lld, and was told as %lld", k->name, key, (long long)is, (long long)told);
}

/* A source that gave its guest away never lets it run; a destination that took it never ends it. */
static void expect_no_harm(const struct kept *k, const struct core *before, enum core_event_type status)
{
    struct core c = *before;
    struct core_actions actions;
    bool given = c.out.state == OUT_POSTCOPY || c.out.state == OUT_BROKEN || c.out.state == OUT_PERFORMED;
    bool taken = c.in.state == IN_RESUMING || c.in.state == IN_DRAINING || c.in.state == IN_BROKEN;
    core_step(&c, (struct core_event){.type = EV_BOOT, .arg = taken, .arg2 = (uint8_t)status}, &actions);
    for (unsigned i = 0; i < actions.count; i++)
        if ((given && actions.list[i].type == ACT_CONT) || (taken && actions.list[i].type == ACT_KILL_QEMU))
            fail_msg("%s: %s after %s", k->name, core_action_name(actions.list[i].type), core_event_name(status));
}

static void is_read(const struct kept *k)
{
    struct guest g;
    struct fail f;
    size_t size;
    const uint8_t *bytes = payload(k, &size);
    if (load(bytes, size, &g, &f) < 0)
        fail_msg("%s: %s", k->name, f.text);
    expect_text(k, "reads", core_state_name(g.core.life.state, g.core.life.reason));
    expect_text(k, "out", out_state_name(g.core.out.state));
    expect_text(k, "in", in_state_name(g.core.in.state));
    expect_number(k, "id", guest_is_active(&g) ? g.id : -1);
    expect_number(k, "elapsed", (int64_t)g.completed.elapsed_ms);
    expect_number(k, "total", (int64_t)g.completed.ram_total);
    assert_int_equal(core_migrating(&g.core), g.migration != NULL);
    static const enum core_event_type seen[] = {EV_MIG_POSTCOPY_ACTIVE, EV_MIG_POSTCOPY_PAUSED, EV_MIG_COMPLETED};
    for (size_t i = 0; core_migrating(&g.core) && i < sizeof(seen) / sizeof(seen[0]); i++)
        expect_no_harm(k, &g.core, seen[i]);
    migration_free(g.migration);
}

static void what_earlier_builds_wrote_is_read(void **state)
{
    (void)state;
    assert_true(for_each(is_read) >= 60);
}

/* Each byte another one, with a checksum that fits: refused, or a state that the machines take. */
static void is_not_trusted(const struct kept *k)
{
    size_t size;
    const uint8_t *good = payload(k, &size);
    uint8_t *bytes = malloc(size);
    memcpy(bytes, good, size);
    for (size_t at = 0; at < size; at++) {
        struct guest g;
        struct fail f;
        struct core_actions actions;
        bytes[at] ^= (uint8_t)(1 + at % 255);
        if (load(bytes, size, &g, &f) == 0) {
            core_step(&g.core, (struct core_event){.type = EV_BOOT, .arg2 = EV_MIG_ACTIVE}, &actions);
            migration_free(g.migration);
        }
        bytes[at] = good[at];
    }
    free(bytes);
}

static void no_byte_of_them_is_trusted(void **state)
{
    (void)state;
    for_each(is_not_trusted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_earlier_builds_wrote_is_read),
        cmocka_unit_test(no_byte_of_them_is_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
