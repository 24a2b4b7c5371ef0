/* One guest's figures under the names that clients read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>
#include "daemon/domain_stats.h"

static struct arena arena;
static struct domain_disk disk = {
    .dev = {.alias = "virtio-disk0"},
    .format = DOMAIN_DISK_RAW,
    .source = "/images/a.raw",
    .target = "vda",
    .source_index = 1,
};
static struct domain_interface nics[] = {
    {.type = DOMAIN_INTERFACE_USER},
    {.type = DOMAIN_INTERFACE_ETHERNET, .target = "lo"},
};
static struct domain guest = {
    .vcpus = 1,
    .memory_kib = 2048,
    .current_memory_kib = 1024,
    .disks = &disk,
    .disk_count = 1,
    .interfaces = nics,
    .interface_count = 2,
    .balloon = {.model = DOMAIN_BALLOON_VIRTIO, .dev = {.alias = "balloon0"}},
};

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct rpc_params stats(const struct domain_figures *f, uint32_t groups)
{
    struct params_builder b = {.arena = &arena};
    domain_stats_add(&b, f, groups);
    assert_false(b.failed);
    return b.params;
}

static uint64_t number(const struct rpc_params *p, const char *name)
{
    uint64_t value = 0;
    struct fail f;
    if (params_get_ullong(p, name, &value, &f) != 1)
        fail_msg("%s is missing", name);
    return value;
}

static void a_running_guest_has_what_qemu_said(void **state)
{
    (void)state;
    struct domain_figures f = {
        .document = &guest,
        .active = true,
        .state = 1,
        .reason = 5,
        .pid = getpid(),
        .replies =
            {
                [STATS_BALLOON] = json_tokener_parse("{\"actual\": 1572864}"),
                [STATS_BLOCK_STATS] = json_tokener_parse(
                    "[{\"qdev\": \"/machine/peripheral/virtio-disk0/virtio-backend\","
                    "  \"stats\": {\"rd_operations\": 3}}]"),
                [STATS_BLOCK] = json_tokener_parse(
                    "[{\"qdev\": \"/machine/peripheral/virtio-disk0/virtio-backend\","
                    "  \"inserted\": {\"image\": {\"virtual-size\": 4096, \"actual-size\": 0}}}]"),
            },
    };
    struct rpc_params p = stats(&f, domain_stats_groups());
    assert_string_equal(p.items[0].field, "state.state");
    assert_int_equal(p.items[0].value.i, 1);
    assert_int_equal(number(&p, "balloon.current"), 1536);
    assert_int_equal(number(&p, "balloon.maximum"), 2048);
    assert_true(number(&p, "balloon.rss") > 0);
    assert_int_equal(number(&p, "block.0.rd.reqs"), 3);
    assert_int_equal(number(&p, "block.0.capacity"), 4096);
    assert_int_equal(number(&p, "block.0.physical"), 4096);
    assert_string_equal(params_find(&p, "net.1.name")->value.s, "lo");
    (void)number(&p, "net.1.rx.bytes");
    assert_null(params_find(&p, "net.0.name"));
    assert_null(params_find(&p, "vcpu.0.time")); /* its thread is not known */
    for (int i = 0; i < STATS_QUESTION_COUNT; i++)
        json_object_put(f.replies[i]);
}

static const struct disk_facts *images(const struct domain_disk *d, void *userdata)
{
    return strcmp(d->source, "/images/a.raw") == 0 ? userdata : NULL;
}

static void a_guest_that_is_off_has_its_images(void **state)
{
    (void)state;
    struct disk_facts facts = {.known = true, .capacity = 3, .allocated = 2, .physical = 1};
    struct domain_figures f = {
        .document = &guest, .state = 5, .find_facts = images, .userdata = &facts};
    struct rpc_params p = stats(&f, domain_stats_groups());
    assert_int_equal(number(&p, "balloon.current"), 1024);
    assert_int_equal(number(&p, "block.0.capacity"), 3);
    assert_int_equal(number(&p, "block.0.allocation"), 2);
    assert_int_equal(number(&p, "block.0.physical"), 1);
    assert_null(params_find(&p, "cpu.time"));
    assert_null(params_find(&p, "net.count"));
    assert_null(params_find(&p, "block.0.rd.reqs"));
    facts.known = false;
    p = stats(&f, VIR_DOMAIN_STATS_BLOCK);
    assert_string_equal(params_find(&p, "block.0.path")->value.s, "/images/a.raw");
    assert_null(params_find(&p, "block.0.capacity"));
}

static void only_what_is_wanted_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(domain_stats_questions(&guest, VIR_DOMAIN_STATS_STATE), 0);
    assert_int_equal(domain_stats_questions(&guest, VIR_DOMAIN_STATS_VCPU), 1 << STATS_CPUS);
    assert_int_equal(domain_stats_questions(&guest, VIR_DOMAIN_STATS_BLOCK),
                     1 << STATS_BLOCK_STATS | 1 << STATS_BLOCK);
    struct domain bare = {.vcpus = 1};
    assert_int_equal(domain_stats_questions(&bare, VIR_DOMAIN_STATS_BLOCK), 0);
    assert_int_equal(domain_stats_questions(&bare, VIR_DOMAIN_STATS_BALLOON), 0);
    struct domain_figures f = {.document = &guest, .active = true, .state = 3};
    struct rpc_params p = stats(&f, VIR_DOMAIN_STATS_STATE);
    assert_int_equal(p.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_running_guest_has_what_qemu_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_guest_that_is_off_has_its_images, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_is_wanted_is_asked_for, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
