/* What a replay makes of a journal that a crash or a bad disk left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "journal/crc32c.h"
#include "journal/journal.h"
#include "journal/little_endian.h"
#include "util/buffer.h"

static const char *const PAYLOADS[] = {"define web1", "", "destination may have run: presumed"};
enum { RECORDS = 3 };

static void add(struct buffer *b, uint64_t sequence, const char *payload)
{
    struct journal_record record = {
        .type = 7, .sequence = sequence, .payload = (const void *)payload, .size = strlen(payload)};
    assert_int_equal(journal_encode(b, &record), 0);
}

/* Three records, numbered from 41. `ret_last` is where the last one begins. */
static struct buffer journal_of_three(size_t *ret_last)
{
    struct buffer b = {0};
    for (int i = 0; i < RECORDS; i++) {
        *ret_last = buffer_size(&b);
        add(&b, 41 + (uint64_t)i, PAYLOADS[i]);
    }
    return b;
}

static struct journal_reader replay(const void *bytes, size_t size)
{
    struct journal_reader r;
    struct journal_record record;
    journal_reader_init(&r, bytes, size);
    for (size_t i = 0; journal_reader_next(&r, &record); i++) {
        assert_true(i < RECORDS);
        assert_int_equal(record.type, 7);
        assert_int_equal(record.sequence, 41 + i);
        assert_int_equal(record.size, strlen(PAYLOADS[i]));
        assert_memory_equal(record.payload, PAYLOADS[i], record.size);
    }
    assert_false(journal_reader_next(&r, &record));
    return r;
}

static void test_checksum_is_crc32c(void **state)
{
    (void)state;
    /* RFC 3720, B.4 */
    uint8_t bytes[32];
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void test_format_stays(void **state)
{
    (void)state;
    static const uint8_t expected[] = {'B',  'T',  'N',  'J',  1, 0, 0x34, 0x12, 3, 0, 0, 0,
                                       0xb7, 0x3f, 0x4b, 0x36, 2, 0, 0,    0,    0, 0, 0, 0};
    struct buffer b = {0};
    struct journal_record record = {
        .type = 0x1234, .sequence = 2, .payload = (const uint8_t *)"abc", .size = 3};
    assert_int_equal(journal_encode(&b, &record), 0);
    assert_int_equal(buffer_size(&b), JOURNAL_HEADER + 3);
    assert_memory_equal(buffer_bytes(&b), expected, sizeof(expected));
    assert_int_equal(get_le32(buffer_bytes(&b) + 24), crc32c(0, expected, sizeof(expected)));
    assert_memory_equal(buffer_bytes(&b) + JOURNAL_HEADER, "abc", 3);
    buffer_free(&b);
}

static void test_whole(void **state)
{
    (void)state;
    size_t last;
    struct buffer b = journal_of_three(&last);
    struct journal_reader r = replay(buffer_bytes(&b), buffer_size(&b));
    assert_int_equal(r.outcome, JOURNAL_WHOLE);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.next_sequence, 44);
    assert_string_equal(r.reason, "");

    struct journal_reader empty = replay(buffer_bytes(&b), 0);
    assert_int_equal(empty.outcome, JOURNAL_WHOLE);
    assert_int_equal(empty.next_sequence, 1);
    buffer_free(&b);
}

static void test_torn_at_each_byte(void **state)
{
    (void)state;
    size_t last;
    struct buffer b = journal_of_three(&last);
    for (size_t size = last + 1; size < buffer_size(&b); size++) {
        struct journal_reader r = replay(buffer_bytes(&b), size);
        assert_int_equal(r.outcome, JOURNAL_TORN);
        assert_int_equal(r.count, 2);
        assert_int_equal(r.good, last);
        assert_int_equal(r.next_sequence, 43);
        assert_non_null(strstr(r.reason, "after 2 good records"));
    }
    buffer_free(&b);
}

/* A file system may have grown the file before the data reached it. */
static void test_torn_tail_of_zeros_or_garbage(void **state)
{
    (void)state;
    size_t last;
    struct buffer b = journal_of_three(&last);
    size_t size = buffer_size(&b);
    for (size_t from = size; from-- > last;) {
        b.data[b.start + from] = 0;
        struct journal_reader r = replay(buffer_bytes(&b), size);
        assert_int_equal(r.outcome, JOURNAL_TORN);
        assert_int_equal(r.good, last);
    }
    memset(b.data + b.start + last, 'B', size - last);
    assert_int_equal(replay(buffer_bytes(&b), size).outcome, JOURNAL_TORN);
    buffer_free(&b);
}

/* A flipped bit anywhere: what is before is read, what is behind makes it damage, and never is a
 * wrong record given out. */
static void test_corrupt_at_each_bit(void **state)
{
    (void)state;
    size_t last, middle = JOURNAL_HEADER + strlen(PAYLOADS[0]);
    struct buffer b = journal_of_three(&last);
    uint8_t *bytes = b.data + b.start;
    for (size_t at = 0; at < buffer_size(&b); at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1 << bit);
            struct journal_reader r = replay(bytes, buffer_size(&b));
            assert_int_equal(r.count, at < middle ? 0 : at < last ? 1 : 2);
            assert_int_equal(r.outcome, at < last ? JOURNAL_DAMAGED : JOURNAL_TORN);
            assert_string_not_equal(r.reason, "");
            bytes[at] ^= (uint8_t)(1 << bit);
        }
    }
    buffer_free(&b);
}

static void test_gap_is_damage(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {40, 41, 43, 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct buffer b = {0};
        add(&b, 41, PAYLOADS[0]);
        size_t good = buffer_size(&b);
        add(&b, wrong[i], PAYLOADS[1]);
        struct journal_reader r = replay(buffer_bytes(&b), buffer_size(&b));
        assert_int_equal(r.outcome, JOURNAL_DAMAGED);
        assert_int_equal(r.good, good);
        assert_non_null(strstr(r.reason, "where 42 should be"));
        buffer_free(&b);
    }
}

static void sign_header(uint8_t *record)
{
    put_le32(record + 24, crc32c(0, record, 24));
}

/* Also as the very last record: a newer daemon wrote it, and it means something. */
static void test_unknown_version_is_damage(void **state)
{
    (void)state;
    size_t last;
    struct buffer b = journal_of_three(&last);
    uint8_t *record = b.data + b.start + last;
    put_le16(record + 4, 2);
    sign_header(record);
    struct journal_reader r = replay(buffer_bytes(&b), buffer_size(&b));
    assert_int_equal(r.outcome, JOURNAL_DAMAGED);
    assert_int_equal(r.count, 2);
    assert_non_null(strstr(r.reason, "unknown version 2"));
    buffer_free(&b);
}

static void test_absurd_length_is_damage(void **state)
{
    (void)state;
    size_t last;
    struct buffer b = journal_of_three(&last);
    uint8_t *record = b.data + b.start + last;
    put_le32(record + 8, UINT32_MAX);
    sign_header(record);
    struct journal_reader r = replay(buffer_bytes(&b), buffer_size(&b));
    assert_int_equal(r.outcome, JOURNAL_DAMAGED);
    assert_int_equal(r.good, last);
    buffer_free(&b);
}

static void test_too_large_is_not_written(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct journal_record record = {.payload = (const uint8_t *)"",
                                    .size = JOURNAL_PAYLOAD_MAX + 1};
    assert_true(journal_encode(&b, &record) < 0);
    assert_int_equal(buffer_size(&b), 0);
    b.limit = JOURNAL_HEADER;
    record.size = 1;
    assert_true(journal_encode(&b, &record) < 0);
    assert_int_equal(buffer_size(&b), 0);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_is_crc32c),
        cmocka_unit_test(test_format_stays),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_torn_at_each_byte),
        cmocka_unit_test(test_torn_tail_of_zeros_or_garbage),
        cmocka_unit_test(test_corrupt_at_each_bit),
        cmocka_unit_test(test_gap_is_damage),
        cmocka_unit_test(test_unknown_version_is_damage),
        cmocka_unit_test(test_absurd_length_is_damage),
        cmocka_unit_test(test_too_large_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
