/* A definition is there when it is on the disk: not before, not by half, and not when the disk refuses. */
#include "host.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/definition.h"
#include "daemon/guest_change.h"
#include "io/file.h"

static struct domain *document(const char *name, char last_digit)
{
    static const char format[] = "<domain type='qemu'><name>%s</name>"
                                 "<uuid>00000000-0000-4000-8000-00000000000%c</uuid>"
                                 "<memory>65536</memory><os><type arch='x86_64' "
                                 "machine='pc-q35-7.2'>hvm</type></os></domain>";
    struct domain_defaults defaults = {.emulator = "/nonexistent/qemu", .machine = "pc-q35-7.2"};
    struct domain *d;
    struct fail f;
    char xml[1024];
    int n = snprintf(xml, sizeof(xml), format, name, last_digit);
    if (domain_parse(xml, (size_t)n, 0, &d, &f) < 0 || domain_fill_defaults(d, &defaults, &f) < 0)
        fail_msg("%s", f.text);
    return d;
}

/* What was answered, in order: "+" done, or the error's words. */
struct answers {
    unsigned count, failed;
    struct fail last;
};

static void answered(struct guest *g, const struct fail *why, void *userdata)
{
    struct answers *a = userdata;
    (void)g;
    a->count++;
    if (why) {
        a->failed++;
        a->last = *why;
    }
}

static void wait_for(struct host *h, const struct answers *a, unsigned count)
{
    while (a->count < count)
        host_turn(h);
}

static struct registry *guests(struct host *h)
{
    return h->daemon.registry;
}

static const char *path_of(struct host *h, char last_digit, const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/guests/00000000-0000-4000-8000-00000000000%c/%s",
             h->daemon.config.state_dir, last_digit, name);
    return path;
}

static void it_is_there_when_it_is_on_the_disk(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    definition_put(guests(h), document("one", '1'), answered, &a);
    assert_int_equal(a.count, 0);
    assert_null(registry_find_name(guests(h), "one"));
    assert_null(registry_next(guests(h), NULL));
    wait_for(h, &a, 1);
    assert_int_equal(a.failed, 0);
    assert_non_null(registry_find_name(guests(h), "one"));
    assert_int_equal(access(path_of(h, '1', "definition.xml"), F_OK), 0);
}

static void its_name_and_uuid_are_taken_while_it_is_on_its_way(void **state)
{
    struct host *h = *state;
    struct answers first = {0}, others = {0};
    definition_put(guests(h), document("one", '1'), answered, &first);
    definition_put(guests(h), document("one", '2'), answered, &others);
    definition_put(guests(h), document("two", '1'), answered, &others);
    assert_int_equal(others.failed, 2);
    wait_for(h, &first, 1);
    assert_int_equal(first.failed, 0);
    assert_int_equal(guests(h)->count, 1);
}

static void changes_take_turns(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    struct guest *g = host_define(h, document("one", '1'));
    definition_set_autostart(g, true, answered, &a);
    definition_put(guests(h), document("one", '1'), answered, &a);
    definition_set_autostart(g, false, answered, &a);
    definition_set_autostart(g, false, answered, &a);
    definition_set_autostart(g, true, answered, &a);
    assert_false(g->autostart);
    wait_for(h, &a, 5);
    assert_int_equal(a.failed, 0);
    assert_true(g->autostart);
    host_restart(h);
    g = registry_find_name(guests(h), "one");
    assert_non_null(g);
    assert_true(g->autostart);
}

/* Each is asked when the one before it is done. */
static void what_is_gone_by_then_is_refused(void **state)
{
    struct host *h = *state;
    struct answers a = {0}, late = {0};
    struct guest *g = host_define(h, document("one", '1'));
    definition_drop(g, answered, &a);
    definition_set_autostart(g, true, answered, &late);
    definition_drop(g, answered, &late);
    assert_non_null(registry_find_name(guests(h), "one"));
    wait_for(h, &late, 2);
    assert_int_equal(a.failed, 0);
    assert_int_equal(late.failed, 2);
    host_settle(h);
    assert_null(registry_find_name(guests(h), "one"));
    assert_int_equal(guests(h)->count, 0);
    assert_int_equal(access(path_of(h, '1', ""), F_OK), -1);
}

static void what_comes_back_at_once_is_a_guest_like_any_other(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    struct guest *g = host_define(h, document("one", '1'));
    definition_set_autostart(g, true, answered, &a);
    definition_drop(g, answered, &a);
    definition_put(guests(h), document("one", '1'), answered, &a);
    wait_for(h, &a, 3);
    assert_int_equal(a.failed, 0);
    host_settle(h);
    host_restart(h);
    g = registry_find_name(guests(h), "one");
    assert_non_null(g);
    assert_false(g->autostart);
}

/* A folder stands where the new file is to be made. */
static void what_the_disk_refuses_changes_nothing(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    struct guest *g = host_define(h, document("one", '1'));
    const struct domain *before = g->defined;
    assert_int_equal(mkdir(path_of(h, '1', "definition.xml.new"), 0700), 0);
    definition_put(guests(h), document("one", '1'), answered, &a);
    wait_for(h, &a, 1);
    assert_int_equal(a.failed, 1);
    assert_int_equal(a.last.code, VIR_ERR_SYSTEM_ERROR);
    assert_ptr_equal(g->defined, before);
    assert_int_equal(rmdir(path_of(h, '1', "definition.xml.new")), 0);
    assert_int_equal(mkdir(path_of(h, '1', "autostart.new"), 0700), 0);
    definition_set_autostart(g, true, answered, &a);
    wait_for(h, &a, 2);
    assert_int_equal(a.failed, 2);
    assert_false(g->autostart);
    assert_int_equal(rmdir(path_of(h, '1', "autostart.new")), 0);
}

static void a_new_guest_that_the_disk_refuses_leaves_nothing(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    char folder[256];
    snprintf(folder, sizeof(folder), "%s/guests", h->daemon.config.state_dir);
    assert_int_equal(rmdir(folder), 0);
    int fd = open(folder, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    definition_put(guests(h), document("one", '1'), answered, &a);
    wait_for(h, &a, 1);
    assert_int_equal(a.failed, 1);
    host_settle(h);
    assert_int_equal(guests(h)->count, 0);
    assert_int_equal(unlink(folder), 0);
    host_define(h, document("one", '1'));
}

/* An undefine was cut off behind its first half. */
static void an_autostart_does_not_outlive_its_definition(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    struct guest *g = host_define(h, document("one", '1'));
    definition_set_autostart(g, true, answered, &a);
    wait_for(h, &a, 1);
    assert_int_equal(unlink(path_of(h, '1', "definition.xml")), 0);
    host_restart(h);
    assert_null(registry_find_name(guests(h), "one"));
    host_define(h, document("one", '1'));
    host_restart(h);
    assert_false(registry_find_name(guests(h), "one")->autostart);
}

/* What could not be read may be of a QEMU that runs. */
static void a_folder_that_was_left_alone_keeps_its_uuid(void **state)
{
    struct host *h = *state;
    struct answers a = {0};
    host_define(h, document("one", '1'));
    int fd = open(path_of(h, '1', "definition.xml"), O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    close(fd);
    host_restart(h);
    assert_null(registry_find_name(guests(h), "one"));
    definition_put(guests(h), document("one", '1'), answered, &a);
    assert_int_equal(a.failed, 1);
    assert_non_null(strstr(a.last.text, "could not be read"));
    assert_int_equal(guests(h)->count, 0);
}

/* The files of a guest that goes are on their way to the disk as it goes. */
static void a_guest_that_goes_takes_its_last_files_along(void **state)
{
    struct host *h = *state;
    struct guest *g;
    struct fail f;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(registry_add_live(guests(h), document("one", '1'), &g, &f), 0);
        g->core.life.phase = LIFE_STARTING;
        guest_journal_append(g);
        guest_store_live(g, NULL, NULL);
        core_init(&g->core);
        domain_free(g->live);
        g->live = NULL;
        guest_forget_if_over(g);
        if (i % 2) /* or else the next one comes while the last one's file is being written */
            while (guests(h)->count)
                host_turn(h);
    }
    while (guests(h)->count)
        host_turn(h);
    assert_int_equal(access(path_of(h, '1', ""), F_OK), -1);
}

/* A guest that sets its clock again and again, and a disk that takes its time. */
static void of_many_live_documents_the_newest_is_kept(void **state)
{
    struct host *h = *state;
    struct guest *g = host_define(h, document("one", '1'));
    struct buffer text = {.limit = 1 << 20};
    struct fail f;
    unsigned waiting = 0;
    assert_int_equal(domain_copy(g->defined, &g->live, &f), 0);
    g->live->clock.offset = DOMAIN_CLOCK_VARIABLE;
    for (int i = 1; i <= 1000; i++) {
        g->live->clock.adjustment = i;
        guest_store_live(g, NULL, NULL);
    }
    for (const struct guest_change *c = g->changes; c; c = c->next)
        waiting++;
    assert_int_equal(waiting, 2); /* one with the worker, and its successor */
    while (g->changes)
        host_turn(h);
    assert_int_equal(file_read(path_of(h, '1', "live.xml"), 1 << 20, &text, &f), 0);
    assert_int_equal(buffer_append(&text, "", 1), 0);
    assert_non_null(strstr((const char *)buffer_bytes(&text), "adjustment='1000'"));
    buffer_free(&text);
    domain_free(g->live);
    g->live = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(it_is_there_when_it_is_on_the_disk),
        host_test(its_name_and_uuid_are_taken_while_it_is_on_its_way),
        host_test(changes_take_turns),
        host_test(what_is_gone_by_then_is_refused),
        host_test(what_comes_back_at_once_is_a_guest_like_any_other),
        host_test(what_the_disk_refuses_changes_nothing),
        host_test(a_new_guest_that_the_disk_refuses_leaves_nothing),
        host_test(an_autostart_does_not_outlive_its_definition),
        host_test(a_folder_that_was_left_alone_keeps_its_uuid),
        host_test(a_guest_that_goes_takes_its_last_files_along),
        host_test(of_many_live_documents_the_newest_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
