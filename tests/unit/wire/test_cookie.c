/* test_cookie.c - the migration cookie: libvirt's own, ours, and garbage. */
#include "wire_test.h"
#include <stdlib.h>
#include "wire/cookie.h"

static struct fail fail;

static const char begin[] = /* as a stock libvirtd writes it in Begin */
    "<qemu-migration>\n"
    "  <name>web1</name>\n"
    "  <uuid>3c1e5375-0000-4000-8000-000000000001</uuid>\n"
    "  <hostname>hosta</hostname>\n"
    "  <hostuuid>6a8e5d0e-0000-4000-8000-00000000000a</hostuuid>\n"
    "  <feature name='lockstate'/>\n"
    "  <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>\n"
    "  <capabilities>\n"
    "    <cap name='xbzrle' auto='no'/>\n"
    "    <cap name='pause-before-switchover' auto='yes'/>\n"
    "  </capabilities>\n"
    "  <network><interface index='0' vporttype='openvswitch'/></network>\n"
    "  <nbd port='49153'><disk target='vda' capacity='1024'/></nbd>\n"
    "  <of-the-future/>\n"
    "</qemu-migration>\n";

static int parse(const char *text, struct arena *arena, struct cookie *ret_cookie)
{
    fail = (struct fail){0};
    return cookie_parse((const uint8_t *)text, strlen(text) + 1, arena, ret_cookie, &fail);
}

static void libvirts_cookie_is_read(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    struct cookie c;
    char uuid[UUID_TEXT];
    (void)state;
    assert_int_equal(parse(begin, &arena, &c), 1);
    assert_string_equal(c.name, "web1");
    assert_string_equal(c.hostname, "hosta");
    uuid_format(&c.uuid, uuid);
    assert_string_equal(uuid, "3c1e5375-0000-4000-8000-000000000001");
    uuid_format(&c.host_uuid, uuid);
    assert_string_equal(uuid, "6a8e5d0e-0000-4000-8000-00000000000a");
    assert_true(c.lockstate);
    assert_string_equal(
        c.cpu, "<cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>");
    assert_true(c.has_capabilities);
    assert_int_equal(c.capability_count, 2);
    assert_string_equal(c.capabilities[0].name, "xbzrle");
    assert_false(c.capabilities[0].automatic);
    assert_true(c.capabilities[1].automatic);
    assert_true(c.has_nbd);
    assert_int_equal(c.nbd_port, 49153);
    assert_null(c.domain);
    assert_false(c.has_statistics);
    assert_false(c.has_baton);
}

static struct cookie full_cookie(void)
{
    struct cookie c = {
        .name = "web<1>",
        .hostname = "hosta",
        .lockstate = true,
        .cpu = "<cpu mode='host-model'/>",
        .domain = "<domain type='qemu'><name>web&lt;1&gt;</name></domain>",
        .has_capabilities = true,
        .capabilities = {{"events", true}, {"multifd", false}},
        .capability_count = 2,
        .has_statistics = true,
        .statistics = {.has_delta = true, .delta = -12},
        .has_baton = true,
        .baton =
            {
                .program = "0.1.0",
                .token = "5f3a",
                .addresses = {"tcp:[2001:db8::1]:16515", "unix:/run/baton/peer"},
                .address_count = 2,
                .agreed = {"postcopy-ram", "return-path"},
                .agreed_count = 2,
                .multifd_channels = 4,
                .postcopy_preempt = true,
                .has_stop_to_performed = true,
                .stop_to_performed = 34567,
                .has_resume_to_finish = true,
                .was_paused = true,
                .paused_reason = 5,
            },
    };
    assert_true(uuid_parse("3c1e5375-0000-4000-8000-000000000001", &c.uuid));
    assert_true(uuid_parse("6a8e5d0e-0000-4000-8000-00000000000a", &c.host_uuid));
    for (int i = 0; i < COOKIE_STAT_COUNT; i++)
        cookie_stat_set(&c.statistics, (enum cookie_stat)i, UINT64_MAX - (uint64_t)i);
    return c;
}

static void all_of_ours_comes_back(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    auto_buffer out = {0}, again = {0};
    struct cookie c = full_cookie(), got;
    (void)state;
    assert_int_equal(cookie_write(&c, &out, &fail), 0);
    assert_int_equal(buffer_bytes(&out)[buffer_size(&out) - 1], 0);
    if (cookie_parse(buffer_bytes(&out), buffer_size(&out), &arena, &got, &fail) < 0)
        fail_msg("%s", fail.text);
    assert_string_equal(got.name, "web<1>");
    assert_string_equal(got.domain, c.domain);
    assert_memory_equal(&got.statistics, &c.statistics, sizeof(c.statistics));
    const struct cookie_baton *b = &got.baton;
    assert_true(got.has_baton);
    assert_string_equal(b->program, "0.1.0");
    assert_string_equal(b->token, "5f3a");
    assert_int_equal(b->address_count, 2);
    assert_string_equal(b->addresses[1], "unix:/run/baton/peer");
    assert_int_equal(b->agreed_count, 2);
    assert_string_equal(b->agreed[0], "postcopy-ram");
    assert_int_equal(b->multifd_channels, 4);
    assert_true(b->postcopy_preempt);
    assert_true(b->has_stop_to_performed);
    assert_int_equal(b->stop_to_performed, 34567);
    assert_true(b->has_resume_to_finish);
    assert_int_equal(b->resume_to_finish, 0);
    assert_true(b->was_paused);
    assert_int_equal(b->paused_reason, 5);
    assert_int_equal(cookie_write(&got, &again, &fail), 0);
    assert_int_equal(buffer_size(&out), buffer_size(&again));
    assert_memory_equal(buffer_bytes(&out), buffer_bytes(&again), buffer_size(&out));
}

static void everything_of_ours_is_inside_one_element(void **state)
{
    auto_buffer out = {0};
    struct cookie c = full_cookie();
    (void)state;
    assert_int_equal(cookie_write(&c, &out, &fail), 0);
    const char *text = (const char *)buffer_bytes(&out);
    const char *baton = strstr(text, "  <baton version='1'");
    const char *end = strstr(text, "  </baton>\n</qemu-migration>\n");
    assert_non_null(baton);
    assert_non_null(end);
    assert_ptr_equal(strstr(baton + 4, "\n  <"), end - 1);
    /* What a libvirtd requires to be said when a <domain> is in it. */
    assert_non_null(strstr(text, "<feature name='persistent'/>"));
}

static void no_bytes_are_no_cookie(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    struct cookie c = {.name = "as it was"};
    (void)state;
    assert_int_equal(cookie_parse(NULL, 0, &arena, &c, &fail), 0);
    assert_string_equal(c.name, "as it was");
}

/* The Begin cookie with `what` (which is in it) made into `with`. */
static void refused(const char *what, const char *with, int code, const char *sentence)
{
    auto_arena arena = {.limit = 1 << 20};
    struct cookie c;
    char text[4096];
    const char *at = strstr(begin, what);
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - begin), begin, with, at + strlen(what));
    assert_int_equal(parse(text, &arena, &c), -1);
    assert_int_equal(fail.code, code);
    assert_says(&fail, sentence);
}

static void what_is_missing_or_malformed_is_named(void **state)
{
    (void)state;
    refused("<name>web1</name>", "", VIR_ERR_INTERNAL_ERROR, "there is no <name>");
    refused("<name>web1</name>", "<name/>", VIR_ERR_INTERNAL_ERROR, "there is no <name>");
    refused("<hostname>hosta</hostname>", "", VIR_ERR_INTERNAL_ERROR, "no <hostname>");
    refused("6a8e5d0e-", "6a8e5d0-", VIR_ERR_INTERNAL_ERROR, "<hostuuid> is no uuid");
    refused("'lockstate'", "'memory-hotplug'", VIR_ERR_OPERATION_UNSUPPORTED,
            "feature 'memory-hotplug'");
    refused(" name='lockstate'", "", VIR_ERR_XML_ERROR, "a <feature> without a name");
    refused("auto='yes'", "auto='maybe'", VIR_ERR_XML_ERROR, "must be yes or no");
    refused("cap name='xbzrle'", "cap", VIR_ERR_XML_ERROR, "a <cap> without a name");
    refused("49153", "65536", VIR_ERR_XML_ERROR, "65535");
    refused("<of-the-future/>", "<statistics><downtime>-1</downtime></statistics>",
            VIR_ERR_XML_ERROR, "downtime");
    refused("<of-the-future/>", "<statistics><delta>--1</delta></statistics>", VIR_ERR_XML_ERROR,
            "delta");
    refused("<of-the-future/>", "<baton version='1'><times resume_to_finish='x'/></baton>",
            VIR_ERR_XML_ERROR, "resume_to_finish");
    refused("<of-the-future/>", "<baton version='1'><agreed multifd='256'/></baton>",
            VIR_ERR_XML_ERROR, "multifd");
    refused("</qemu-migration>", "", VIR_ERR_XML_ERROR, "migration cookie: ");
    refused("<qemu-migration>", "<!DOCTYPE q [<!ENTITY e 'x'>]><qemu-migration>", VIR_ERR_XML_ERROR,
            "migration cookie: ");
}

static void garbage_is_refused(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    struct cookie c;
    (void)state;
    assert_int_equal(parse("", &arena, &c), -1);
    assert_int_equal(fail.code, VIR_ERR_XML_ERROR);
    assert_int_equal(parse("\x7f\x45LF", &arena, &c), -1);
    assert_int_equal(parse("<domain/>", &arena, &c), -1);
    assert_int_equal(fail.code, VIR_ERR_INTERNAL_ERROR);
    assert_says(&fail, "it is a <domain>, not a <qemu-migration>");
    /* Its end: no zero byte, or one in the middle. */
    assert_int_equal(cookie_parse((const uint8_t *)begin, sizeof(begin) - 1, &arena, &c, &fail),
                     -1);
    assert_says(&fail, "zero byte");
    assert_int_equal(cookie_parse((const uint8_t *)"<a\0/>", 6, &arena, &c, &fail), -1);
    assert_says(&fail, "zero byte");
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t size = 1; size < sizeof(begin) - 2; size++) {
        auto_arena arena = {.limit = 1 << 20};
        struct cookie c;
        char text[sizeof(begin)];
        snprintf(text, sizeof(text), "%.*s", (int)size, begin);
        assert_int_equal(parse(text, &arena, &c), -1);
    }
}

static void a_huge_one_is_refused_before_it_is_read(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    auto_free uint8_t *bytes = calloc(1, COOKIE_SIZE_MAX + 1);
    struct cookie c;
    (void)state;
    memset(bytes, ' ', COOKIE_SIZE_MAX);
    assert_int_equal(cookie_parse(bytes, COOKIE_SIZE_MAX + 1, &arena, &c, &fail), -1);
    assert_says(&fail, "the limit is 4194304");
    bytes[COOKIE_SIZE_MAX - 1] = 0;
    assert_int_equal(cookie_parse(bytes, COOKIE_SIZE_MAX, &arena, &c, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_XML_ERROR);
}

static void more_of_anything_than_there_can_be_is_refused(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    auto_buffer text = {0};
    struct cookie c;
    (void)state;
    const char *middle = strstr(begin, "    <cap name");
    assert_int_equal(buffer_append(&text, begin, (size_t)(middle - begin)), 0);
    for (unsigned i = 0; i <= COOKIE_CAPABILITIES_MAX; i++)
        assert_int_equal(buffer_printf(&text, "<cap name='x%u'/>", i), 0);
    assert_int_equal(buffer_append(&text, middle, strlen(middle) + 1), 0);
    assert_int_equal(cookie_parse(buffer_bytes(&text), buffer_size(&text), &arena, &c, &fail), -1);
    assert_says(&fail, "more than 64 capabilities");

    auto_arena small = {.limit = 20};
    assert_int_equal(parse(begin, &small, &c), -1);
    assert_int_equal(fail.code, VIR_ERR_NO_MEMORY);
}

static void a_baton_of_another_version_is_as_good_as_none(void **state)
{
    auto_arena arena = {.limit = 1 << 20};
    struct cookie c;
    char text[4096];
    const char *at = strstr(begin, "<of-the-future/>");
    (void)state;
    snprintf(text, sizeof(text), "%.*s<baton version='2'><agreed multifd='x'/></baton>%s",
             (int)(at - begin), begin, at);
    assert_int_equal(parse(text, &arena, &c), 1);
    assert_false(c.has_baton);
}

static void what_cant_be_written_leaves_nothing(void **state)
{
    auto_buffer out = {.limit = 300};
    struct cookie c = full_cookie();
    (void)state;
    assert_int_equal(buffer_append(&out, "before", 6), 0);
    assert_int_equal(cookie_write(&c, &out, &fail), -1);
    assert_int_equal(buffer_size(&out), 6);
    out.limit = 0;
    c.hostname = "bell \a";
    assert_int_equal(cookie_write(&c, &out, &fail), -1);
    assert_int_equal(buffer_size(&out), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libvirts_cookie_is_read),
        cmocka_unit_test(all_of_ours_comes_back),
        cmocka_unit_test(everything_of_ours_is_inside_one_element),
        cmocka_unit_test(no_bytes_are_no_cookie),
        cmocka_unit_test(what_is_missing_or_malformed_is_named),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_huge_one_is_refused_before_it_is_read),
        cmocka_unit_test(more_of_anything_than_there_can_be_is_refused),
        cmocka_unit_test(a_baton_of_another_version_is_as_good_as_none),
        cmocka_unit_test(what_cant_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
