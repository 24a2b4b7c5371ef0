/* What a qcow2 header says of the image below, and what a hostile one is told. */
#include "domain/image.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint8_t head[IMAGE_HEAD];
static struct image_below below;
static struct fail fail;

static void put_u32(size_t at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        head[at + (size_t)i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Version 3, the format's extension, the name behind it. */
static size_t make(const char *name, const char *format)
{
    memset(head, 0, sizeof(head));
    memcpy(head, "QFI\xfb", 4);
    put_u32(4, 3);
    put_u32(20, 16);
    put_u32(100, 104);
    size_t at = 104;
    if (format) {
        put_u32(at, 0xe2792aca);
        put_u32(at + 4, (uint32_t)strlen(format));
        memcpy(head + at + 8, format, strlen(format));
        at += 8 + (strlen(format) + 7) / 8 * 8;
    }
    at += 8; /* the end of the extensions */
    if (name) {
        put_u32(12, (uint32_t)at);
        put_u32(16, (uint32_t)strlen(name));
        memcpy(head + at, name, strlen(name));
        at += strlen(name);
    }
    return at;
}

static int look(size_t size)
{
    memset(&fail, 0, sizeof(fail));
    return image_read_below("/images/top.qcow2", head, size, &below, &fail);
}

static void an_image_that_lies_on_nothing_is_the_last(void **state)
{
    (void)state;
    assert_int_equal(look(make(NULL, NULL)), IMAGE_IS_LAST);
    assert_int_equal(look(0), IMAGE_IS_LAST);
    memset(head, 'x', sizeof(head));
    assert_int_equal(look(sizeof(head)), IMAGE_IS_LAST); /* no qcow2: QEMU will say so */
}

static void the_image_below_is_found_where_qemu_looks(void **state)
{
    static const struct {
        const char *name, *format, *path;
    } rows[] = {{"/base.raw", "raw", "/base.raw"},
                {"base.qcow2", "qcow2", "/images/base.qcow2"},
                {"../a/b:c", "qcow2", "/images/../a/b:c"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(look(make(rows[i].name, rows[i].format)), IMAGE_HAS_BELOW);
        assert_string_equal(below.path, rows[i].path);
        assert_int_equal(below.format, rows[i].format[0] == 'r' ? DOMAIN_DISK_RAW : DOMAIN_DISK_QCOW2);
    }
}

static void an_old_header_is_shorter(void **state)
{
    (void)state;
    memset(head, 0, sizeof(head));
    memcpy(head, "QFI\xfb", 4);
    put_u32(4, 2);
    put_u32(72, 0xe2792aca);
    put_u32(76, 3);
    memcpy(head + 80, "raw", 3);
    put_u32(12, 96);
    put_u32(16, 2);
    memcpy(head + 96, "/b", 2);
    assert_int_equal(look(98), IMAGE_HAS_BELOW);
    assert_string_equal(below.path, "/b");
}

static void what_is_not_supported_is_refused_by_name(void **state)
{
    static const struct {
        const char *name, *format, *word;
        int code;
    } rows[] = {{"nbd://host/x", "raw", "nbd://host/x", VIR_ERR_CONFIG_UNSUPPORTED},
                {"json:{\"driver\":\"null-co\"}", "raw", "json:", VIR_ERR_CONFIG_UNSUPPORTED},
                {"/b.vmdk", "vmdk", "vmdk", VIR_ERR_CONFIG_UNSUPPORTED},
                {"/b\n2026-01-01 error: forged", "raw", "control character", VIR_ERR_CONFIG_UNSUPPORTED},
                {"/b", "\x1b[31mraw", "control character", VIR_ERR_CONFIG_UNSUPPORTED},
                {"/b", NULL, "format of backing image '/b'", VIR_ERR_OPERATION_INVALID}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(look(make(rows[i].name, rows[i].format)), -1);
        assert_non_null(strstr(fail.text, rows[i].word));
        assert_non_null(strstr(fail.text, "/images/top.qcow2"));
        assert_int_equal(fail.code, rows[i].code);
    }
    size_t size = make(NULL, NULL);
    head[79] = 4; /* the feature: data in another file */
    assert_int_equal(look(size), -1);
    assert_non_null(strstr(fail.text, "another file"));
}

static void a_header_that_lies_is_malformed(void **state)
{
    (void)state;
    size_t size = make("/b", "raw");
    const size_t at[] = {8 /* the name's place */, 16 /* its size */, 100, 108 /* the format's size */};
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        make("/b", "raw");
        put_u32(at[i], 0xfffffff0);
        assert_int_equal(look(size), -1);
        assert_non_null(strstr(fail.text, "malformed"));
    }
    make("/b", "raw");
    put_u32(16, 0);
    assert_int_equal(look(size), -1);
    make("/b", "raw");
    put_u32(12, 50); /* inside the header */
    assert_int_equal(look(size), -1);
    make("/b", "raw");
    head[size - 1] = '\0';
    assert_int_equal(look(size), -1);
}

/* Every byte of it in turn is another, and it ends at every byte: no answer reaches outside. */
static void no_header_leads_outside(void **state)
{
    (void)state;
    size_t size = make("base.qcow2", "qcow2");
    for (size_t end = 0; end <= size; end++)
        (void)look(end);
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            head[i] ^= (uint8_t)(1u << bit);
            if (look(size) == IMAGE_HAS_BELOW)
                assert_true(below.path[0] == '/' && strlen(below.path) < sizeof(below.path));
            head[i] ^= (uint8_t)(1u << bit);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_that_lies_on_nothing_is_the_last),
        cmocka_unit_test(the_image_below_is_found_where_qemu_looks),
        cmocka_unit_test(an_old_header_is_shorter),
        cmocka_unit_test(what_is_not_supported_is_refused_by_name),
        cmocka_unit_test(a_header_that_lies_is_malformed),
        cmocka_unit_test(no_header_leads_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
