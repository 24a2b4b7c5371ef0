/* Every trace in this folder and in those below it, replayed: the machines decide as recorded, and
 * the outcome is what clients saw.
 *
 * A test for each file. A trace of a user's daemon becomes one by being copied here; where it shows
 * a wrong decision, correct its line or add one with what is expected (read.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "replay.h"

static const char *folder;

static void decides_as_recorded(void **state)
{
    const char *path = *state;
    struct replay r = {.report = stderr};
    assert_int_equal(replay_trace(&r, path), 0);
}

/* ---- the replayer itself -------------------------------------------------------------------- */

/* The outcome of replaying this text. */
static int replay_text(const char *text, struct replay *r)
{
    char path[] = "/tmp/baton-trace-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int result = replay_trace(r, path);
    unlink(path);
    return result;
}

#define HEADER "{\"trace\":1,\"direction\":\"out\"}\n"
#define BEGIN  "{\"event\":\"BEGIN 1\",\"do\":[\"JOB_BEGIN 1\",\"ANSWER BEGIN OK\"]}\n"

static void another_decision_is_told(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        HEADER "{\"event\":\"BEGIN 1\",\"do\":[\"JOB_BEGIN 1\",\"REFUSE JOB_ACTIVE\"]}\n",
        HEADER "{\"event\":\"BEGIN 1\",\"do\":[]}\n",
        HEADER "{\"event\":\"BEGIN 1\",\"reads\":\"PAUSED/MIGRATION\"}\n",
        HEADER BEGIN "{\"expect\":{\"told\":[\"SUSPENDED/MIGRATED\"]}}\n",
        HEADER BEGIN "{\"expect\":{\"reads\":\"SHUTOFF/MIGRATED\"}}\n",
        HEADER BEGIN "{\"expect\":{\"reads\":\"none\"}}\n",
        HEADER BEGIN "{\"expect\":{\"answered\":[\"BEGIN JOB_ACTIVE\"]}}\n",
        HEADER BEGIN "{\"expect\":{\"ordered\":[\"MIGRATE\"]}}\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct replay r = {0};
        assert_int_equal(replay_text(wrong[i], &r), 1);
        assert_int_equal(r.differences, 1);
    }
}

static void what_nobody_notices_may_differ(void **state)
{
    (void)state;
    static const char text[] =
        HEADER BEGIN "{\"event\":\"PERFORM\",\"out\":\"STARTING\",\"do\":[\"SYNC\"]}\n";
    struct replay r = {0}, strict = {.all = true};
    assert_int_equal(replay_text(text, &r), 0);
    assert_int_equal(r.steps, 2);
    assert_int_equal(replay_text(text, &strict), 1);
    assert_int_equal(strict.differences, 2);
}

static void a_trace_of_another_layout_is_replayed_by_name(void **state)
{
    (void)state;
    struct replay r = {0};
    assert_int_equal(replay_text("{\"trace\":1,\"direction\":\"out\",\"life\":\"UP\",\"reads\":"
                                 "\"PAUSED/USER\",\"out\":\"IDLE\",\"in\":\"IDLE\","
                                 "\"core\":{\"life.mood\":3}}\n" BEGIN
                                 "{\"expect\":{\"told\":[],\"reads\":\"PAUSED/USER\"}}\n",
                                 &r),
                     0);
    assert_true(r.expects);
}

static void what_is_no_trace_is_rejected(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        "[]\n",
        "nonsense\n",
        HEADER,
        BEGIN,
        "{\"trace\":2}\n" BEGIN,
        "{\"trace\":1,\"out\":\"FLYING\"}\n" BEGIN,
        "{\"trace\":1,\"reads\":\"PAUSED/HAPPY\"}\n" BEGIN,
        HEADER "{\"event\":\"TELEPORTED\"}\n",
        HEADER "{\"event\":\"BEGIN 256\"}\n",
        HEADER "{\"event\":\"BEGIN 1\",\"do\":3}\n",
        HEADER BEGIN "{\"expect\":{\"told\":3}}\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct replay r = {0};
        assert_int_equal(replay_text(bad[i], &r), -1);
    }
    struct replay r = {0};
    assert_int_equal(replay_trace(&r, "/nonexistent/trace.jsonl"), -1);
}

/* ---- one test a file ------------------------------------------------------------------------ */

static void find(const char *pattern, int flags, glob_t *found)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, pattern);
    (void)glob(path, flags, NULL, found);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(another_decision_is_told),
        cmocka_unit_test(what_nobody_notices_may_differ),
        cmocka_unit_test(a_trace_of_another_layout_is_replayed_by_name),
        cmocka_unit_test(what_is_no_trace_is_rejected),
    };
    enum { OWN = sizeof(own) / sizeof(own[0]) };
    glob_t found = {0};
    folder = argc > 1 ? argv[1] : ".";
    find("*.jsonl", 0, &found);
    find("*/*.jsonl", GLOB_APPEND, &found);
    struct CMUnitTest *tests = calloc(OWN + found.gl_pathc, sizeof(*tests));
    if (!tests)
        return 1;
    memcpy(tests, own, sizeof(own));
    for (size_t i = 0; i < found.gl_pathc; i++)
        tests[OWN + i] = (struct CMUnitTest){.name = found.gl_pathv[i] + strlen(folder) + 1,
                                             .test_func = decides_as_recorded,
                                             .initial_state = found.gl_pathv[i]};
    int failed = _cmocka_run_group_tests("traces", tests, OWN + found.gl_pathc, NULL, NULL);
    free(tests);
    globfree(&found);
    return failed;
}
