/* Values survive the way to the disk and back, also between versions of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "journal/record.h"

enum tag { TAG_STATE = 1, TAG_PID, TAG_START, TAG_NAME, TAG_COOKIE, TAG_ABSENT, TAG_FUTURE = 900 };

static struct buffer sample(void)
{
    struct buffer b = {0};
    struct record_writer w;
    record_begin(&w, &b, 3);
    record_put_u8(&w, TAG_STATE, 200);
    record_put_u32(&w, TAG_PID, 4000000000);
    record_put_u64(&w, TAG_START, UINT64_MAX);
    record_put_string(&w, TAG_NAME, "wéb1");
    record_put_string(&w, TAG_ABSENT, NULL);
    record_put_bytes(&w, TAG_COOKIE, "a\0b", 3);
    record_put_bytes(&w, TAG_FUTURE, "", 0);
    assert_int_equal(record_finish(&w), 0);
    return b;
}

static void test_values_come_back(void **state)
{
    (void)state;
    struct buffer b = sample();
    struct record_reader r;
    struct fail f;
    assert_int_equal(record_read(&r, buffer_bytes(&b), buffer_size(&b), &f), 0);
    assert_int_equal(r.version, 3);
    assert_int_equal(record_get_u8(&r, TAG_STATE, 0), 200);
    assert_int_equal(record_get_u32(&r, TAG_PID, 0), 4000000000);
    assert_true(record_get_number(&r, TAG_START, 0) == UINT64_MAX);
    char *name = record_get_text(&r, TAG_NAME);
    assert_string_equal(name, "wéb1");
    free(name);
    const uint8_t *bytes;
    size_t size;
    assert_true(record_get_bytes(&r, TAG_COOKIE, &bytes, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "a\0b", 3);
    assert_true(record_has(&r, TAG_FUTURE));
    assert_false(record_has(&r, TAG_ABSENT));
    buffer_free(&b);
}

static void test_what_is_not_there_gets_the_fallback(void **state)
{
    (void)state;
    struct buffer b = sample();
    struct record_reader r;
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(record_read(&r, buffer_bytes(&b), buffer_size(&b), NULL), 0);
    assert_int_equal(record_get_u8(&r, TAG_ABSENT, 9), 9);
    assert_null(record_get_text(&r, TAG_ABSENT));
    assert_false(record_get_bytes(&r, TAG_ABSENT, &bytes, &size));
    /* another kind than asked for, or a number that does not fit */
    assert_int_equal(record_get_u32(&r, TAG_NAME, 9), 9);
    assert_null(record_get_text(&r, TAG_COOKIE));
    assert_int_equal(record_get_u8(&r, TAG_PID, 9), 9);
    assert_int_equal(record_get_u32(&r, TAG_START, 9), 9);
    /* a wider reader takes a narrower number */
    assert_int_equal(record_get_number(&r, TAG_STATE, 9), 200);
    buffer_free(&b);
}

static void test_fields_in_order(void **state)
{
    (void)state;
    static const uint16_t tags[] = {TAG_STATE, TAG_PID,    TAG_START,
                                    TAG_NAME,  TAG_COOKIE, TAG_FUTURE};
    struct buffer b = sample();
    struct record_reader r;
    struct record_field field;
    assert_int_equal(record_read(&r, buffer_bytes(&b), buffer_size(&b), NULL), 0);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        assert_true(record_next(&r, &field));
        assert_int_equal(field.tag, tags[i]);
    }
    assert_false(record_next(&r, &field));
    buffer_free(&b);
}

static void test_cut_off_at_each_byte_is_refused_or_shorter(void **state)
{
    (void)state;
    struct buffer b = sample();
    unsigned accepted = 0;
    for (size_t size = 0; size < buffer_size(&b); size++) {
        struct record_reader r;
        struct fail f = {0};
        if (record_read(&r, buffer_bytes(&b), size, &f) == 0)
            accepted++; /* exactly between two fields */
        else
            assert_string_not_equal(f.text, "");
    }
    assert_int_equal(accepted, 6);
    buffer_free(&b);
}

static void test_malformed_is_refused(void **state)
{
    (void)state;
    struct record_reader r;
    struct fail f;
    static const uint8_t short_number[] = {1, 0, 7, 0, RECORD_U32, 3, 0, 0, 0, 1, 2, 3};
    static const uint8_t zero_inside[] = {1, 0, 7, 0, RECORD_STRING, 2, 0, 0, 0, 'a', 0};
    static const uint8_t huge[] = {1, 0, 7, 0, RECORD_BYTES, 0xff, 0xff, 0xff, 0xff, 1};
    assert_int_equal(record_read(&r, short_number, sizeof(short_number), &f), -1);
    assert_non_null(strstr(f.text, "field 7"));
    assert_int_equal(record_read(&r, zero_inside, sizeof(zero_inside), &f), -1);
    assert_non_null(strstr(f.text, "zero byte"));
    assert_int_equal(record_read(&r, huge, sizeof(huge), &f), -1);
    assert_non_null(strstr(f.text, "cut off"));
}

static void test_a_kind_of_the_future_is_skipped(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 0, 7, 0, 77, 1, 0, 0, 0, 1, 8, 0, RECORD_U8, 1, 0, 0, 0, 4};
    struct record_reader r;
    assert_int_equal(record_read(&r, bytes, sizeof(bytes), NULL), 0);
    assert_int_equal(record_get_u8(&r, 7, 0), 0);
    assert_int_equal(record_get_u8(&r, 8, 0), 4);
}

static void test_writer_remembers_that_it_was_full(void **state)
{
    (void)state;
    struct buffer b = {.limit = 16};
    struct record_writer w;
    record_begin(&w, &b, 1);
    record_put_string(&w, TAG_NAME, "much too long for it");
    record_put_u8(&w, TAG_STATE, 1);
    assert_true(record_finish(&w) < 0);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_what_is_not_there_gets_the_fallback),
        cmocka_unit_test(test_fields_in_order),
        cmocka_unit_test(test_cut_off_at_each_byte_is_refused_or_shorter),
        cmocka_unit_test(test_malformed_is_refused),
        cmocka_unit_test(test_a_kind_of_the_future_is_skipped),
        cmocka_unit_test(test_writer_remembers_that_it_was_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
