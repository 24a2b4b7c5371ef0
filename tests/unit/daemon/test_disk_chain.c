/* What an image lies on is read by the worker; storage that hangs keeps nobody waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/disk_chain.h"
#include "daemon/disk_facts.h"
#include "io/timer.h"
#include "io/worker.h"
#include "util/cleanup.h"

enum { LONG = 60 };

static sd_event *event;
static struct worker_pool *pool;
static char folder[] = "/tmp/baton-chain-XXXXXX";

/* ---- a guest with one disk, and images ---- */

static void path_of(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s", folder, name);
}

static void write_image(const char *name, const char *below, const char *format)
{
    uint8_t head[512] = "QFI\xfb";
    head[7] = 3;
    head[103] = 104;
    if (below) {
        memcpy(head + 104, "\xe2\x79\x2a\xca", 4);
        head[111] = (uint8_t)strlen(format);
        memcpy(head + 112, format, strlen(format));
        head[15] = 128;
        head[19] = (uint8_t)strlen(below);
        memcpy(head + 128, below, strlen(below));
    }
    char path[128];
    path_of(path, sizeof(path), name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(head, 1, sizeof(head), f), sizeof(head));
    assert_int_equal(fclose(f), 0);
}

static struct domain *guest_on(const char *image)
{
    char xml[512];
    struct domain *d;
    struct fail f;
    int n = snprintf(xml, sizeof(xml),
                     "<domain type='qemu'><name>g</name><memory>1024</memory><os><type>hvm</type></os>"
                     "<devices><disk><driver type='qcow2'/><source file='%s/%s'/><target dev='vda'/>"
                     "</disk></devices></domain>",
                     folder, image);
    assert_int_equal(domain_parse(xml, (size_t)n, 0, &d, &f), 0);
    return d;
}

/* ---- asked, and answered ---- */

struct answer {
    bool came, failed;
    struct fail why;
};

static void answered(const struct fail *why, void *userdata)
{
    struct answer *a = userdata;
    assert_false(a->came);
    a->came = true;
    a->failed = why;
    if (why)
        a->why = *why;
}

static struct answer ask(struct domain *d)
{
    struct answer a = {0};
    struct disk_chain *chain;
    struct fail f;
    assert_int_equal(disk_chain_ask(pool, event, d, LONG * TIMER_SECOND, answered, &a, &chain, &f), 1);
    while (!a.came)
        assert_true(sd_event_run(event, UINT64_MAX) >= 0);
    return a;
}

static void a_chain_is_followed_to_its_end(void **state)
{
    (void)state;
    auto_domain struct domain *d = guest_on("top");
    write_image("top", "middle", "qcow2");
    write_image("middle", "bottom", "raw");
    write_image("bottom", "never read", "qcow2"); /* raw: what it holds is its guest's affair */
    struct answer a = ask(d);
    assert_false(a.failed);
    const struct domain_disk *disk = &d->disks[0];
    assert_int_equal(disk->layer_count, 2);
    assert_int_equal(disk->layers_given, 0);
    assert_non_null(strstr(disk->layers[0].source, "/middle"));
    assert_int_equal(disk->layers[0].format, DOMAIN_DISK_QCOW2);
    assert_non_null(strstr(disk->layers[1].source, "/bottom"));
    assert_int_equal(disk->layers[1].format, DOMAIN_DISK_RAW);
}

static void what_cannot_be_followed_is_an_error_that_names_it(void **state)
{
    static const struct {
        const char *below, *format, *word;
    } rows[] = {{"gone", "qcow2", "/gone': No such file"},
                {"folder", "raw", "no file and no block device"},
                {"pipe", "raw", "no file and no block device"},
                {"nbd:x:1", "raw", "'nbd:x:1'"},
                {"top", "qcow2", "self-referential"}};
    (void)state;
    char path[128];
    path_of(path, sizeof(path), "folder");
    assert_true(mkdir(path, 0700) == 0);
    path_of(path, sizeof(path), "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        auto_domain struct domain *d = guest_on("top");
        write_image("top", rows[i].below, rows[i].format);
        struct answer a = ask(d);
        assert_true(a.failed);
        assert_non_null(strstr(a.why.text, rows[i].word));
        assert_non_null(strstr(a.why.text, "disk 'vda'"));
        assert_int_equal(d->disks[0].layer_count, 0);
    }
}

static void nobody_is_asked_about_what_is_known(void **state)
{
    (void)state;
    struct disk_chain *chain;
    struct fail f;
    auto_domain struct domain *d = guest_on("top");
    d->disks[0].chain_ends = true;
    assert_int_equal(disk_chain_ask(pool, event, d, LONG * TIMER_SECOND, answered, NULL, &chain, &f), 0);
}

/* ---- storage that hangs: a job of the same order that waits for us ---- */

static int hold[2], held[2];

static void wait_for_us(void *data)
{
    (void)data;
    char byte = 0;
    assert_int_equal(write(held[1], &byte, 1), 1);
    assert_int_equal(read(hold[0], &byte, 1), 1);
}

static void went_on(void *data, bool ran)
{
    *(bool *)data = ran;
}

static void block_storage(bool *ret_went_on)
{
    struct worker_job job = {.order = disk_facts_order(),
                             .run = wait_for_us,
                             .done = went_on,
                             .data = ret_went_on,
                             .may_be_abandoned = true};
    struct fail f;
    char byte;
    assert_int_equal(pipe(hold) + pipe(held), 0);
    assert_int_equal(worker_submit(pool, &job, &f), 0);
    assert_int_equal(read(held[0], &byte, 1), 1);
}

static void release_storage(const bool *went)
{
    assert_int_equal(write(hold[1], "", 1), 1);
    while (!*went)
        assert_true(sd_event_run(event, UINT64_MAX) >= 0);
    for (int i = 0; i < 2; i++) {
        close(hold[i]);
        close(held[i]);
    }
}

static void storage_that_hangs_keeps_nobody_waiting(void **state)
{
    (void)state;
    bool went = false;
    struct answer a = {0};
    struct disk_chain *chain;
    struct fail f;
    auto_domain struct domain *d = guest_on("top");
    write_image("top", NULL, NULL);
    block_storage(&went);
    assert_int_equal(disk_chain_ask(pool, event, d, TIMER_SECOND / 20, answered, &a, &chain, &f), 1);
    while (!a.came)
        assert_true(sd_event_run(event, UINT64_MAX) >= 0);
    assert_false(a.failed);
    assert_false(d->disks[0].chain_ends); /* nobody has seen it */
    release_storage(&went);
}

static void who_goes_away_is_not_answered(void **state)
{
    (void)state;
    bool went = false;
    struct answer a = {0};
    struct disk_chain *chain;
    struct fail f;
    auto_domain struct domain *d = guest_on("top");
    block_storage(&went);
    assert_int_equal(disk_chain_ask(pool, event, d, LONG * TIMER_SECOND, answered, &a, &chain, &f), 1);
    disk_chain_free(chain);
    release_storage(&went);
    struct answer next = ask(d); /* it was behind the one that nobody waits for */
    assert_false(next.failed || a.came);
}

static int set_up(void **state)
{
    struct fail f;
    (void)state;
    return !mkdtemp(folder) || sd_event_new(&event) < 0 || worker_pool_new(event, 2, 16, &pool, &f) < 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"top", "middle", "bottom", "pipe", "folder"};
    char path[128];
    (void)state;
    worker_pool_free(pool);
    sd_event_unref(event);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(path, sizeof(path), names[i]);
        (void)remove(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_followed_to_its_end),
        cmocka_unit_test(what_cannot_be_followed_is_an_error_that_names_it),
        cmocka_unit_test(nobody_is_asked_about_what_is_known),
        cmocka_unit_test(storage_that_hangs_keeps_nobody_waiting),
        cmocka_unit_test(who_goes_away_is_not_answered),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
