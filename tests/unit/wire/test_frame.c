/* test_frame.c - frames: built, parsed, cut short at each byte, and broken in each way. */
#include "wire_test.h"
#include "wire/frame.h"

static struct fail fail;

static const struct frame call = {
    .program = PROGRAM_REMOTE,
    .version = 1,
    .procedure = 23,
    .type = FRAME_CALL,
    .serial = 7,
    .status = FRAME_OK,
};

static int parse(const struct buffer *b, size_t limit, struct frame *ret_frame, size_t *ret_needed)
{
    fail = (struct fail){0};
    return frame_parse(buffer_bytes(b), buffer_size(b), limit, ret_frame, ret_needed, &fail);
}

static void a_call_is_these_bytes(void **state)
{
    static const uint8_t bytes[] = {0, 0, 0, 36, 0x20, 0x00, 0x80, 0x86, 0,   0,   0,   1,
                                    0, 0, 0, 23, 0,    0,    0,    0,    0,   0,   0,   7,
                                    0, 0, 0, 0,  0,    0,    0,    3,    'w', 'e', 'b', 0};
    auto_buffer out = {0};
    struct frame got;
    (void)state;
    assert_int_equal(frame_write(&out, &call, bytes + 28, 8, &fail), 0);
    assert_int_equal(buffer_size(&out), sizeof(bytes));
    assert_memory_equal(buffer_bytes(&out), bytes, sizeof(bytes));

    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 1);
    assert_int_equal(got.program, PROGRAM_REMOTE);
    assert_int_equal(got.procedure, 23);
    assert_int_equal(got.type, FRAME_CALL);
    assert_int_equal(got.serial, 7);
    assert_int_equal(got.size, sizeof(bytes));
    assert_int_equal(got.payload_size, 8);
    assert_ptr_equal(got.payload, buffer_bytes(&out) + 28);
}

static void a_frame_cut_short_anywhere_is_waited_for(void **state)
{
    auto_buffer out = {0};
    (void)state;
    assert_int_equal(frame_write(&out, &call, "abcdefghijkl", 12, &fail), 0);
    for (size_t size = 0; size < buffer_size(&out); size++) {
        struct frame got = {.serial = 99};
        size_t needed = 0;
        int r = frame_parse(buffer_bytes(&out), size, FRAME_SIZE_MAX, &got, &needed, &fail);
        assert_int_equal(r, 0);
        assert_int_equal(needed, size < FRAME_HEADER ? FRAME_HEADER : 40);
        assert_int_equal(got.serial, 99);
    }
}

static void the_next_frame_waits_behind_the_first(void **state)
{
    auto_buffer out = {0};
    struct frame got;
    (void)state;
    assert_int_equal(frame_write(&out, &call, "abcd", 4, &fail), 0);
    assert_int_equal(frame_write_keepalive(&out, KEEPALIVE_PONG, &fail), 0);
    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 1);
    buffer_take(&out, got.size);
    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 1);
    assert_int_equal(got.program, PROGRAM_KEEPALIVE);
    assert_int_equal(got.procedure, KEEPALIVE_PONG);
    assert_int_equal(got.type, FRAME_MESSAGE);
    assert_int_equal(got.serial, 0);
    assert_int_equal(got.payload_size, 0);
    buffer_take(&out, got.size);
    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 0);
}

/* A header with one word changed: which of the seven, and its value. */
static void refused(unsigned word, uint32_t value, const char *sentence)
{
    uint8_t bytes[64] = {0};
    struct frame got;
    auto_buffer out = {0};
    assert_int_equal(frame_write(&out, &call, "abcd", 4, &fail), 0);
    memcpy(bytes, buffer_bytes(&out), 32);
    for (unsigned i = 0; i < 4; i++)
        bytes[word * 4 + i] = (uint8_t)(value >> (24 - 8 * i));
    /* With no more than the header there, that is: at once. */
    fail = (struct fail){0};
    assert_int_equal(
        frame_parse(bytes, word == 0 ? 4 : FRAME_HEADER, FRAME_SIZE_MAX, &got, NULL, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_RPC);
    assert_says(&fail, sentence);
}

static void a_broken_header_is_refused_at_once(void **state)
{
    (void)state;
    refused(0, 0, "less than a header");
    refused(0, 27, "less than a header's: 27");
    refused(0, FRAME_SIZE_MAX + 1, "too large");
    refused(0, 0xffffffff, "4294967295 bytes is too large");
    refused(4, 7, "no message type 7");
    refused(4, 0xffffffff, "no message type");
    refused(6, 1, "type 0 can't have status 1");
    refused(6, 3, "type 0 can't have status 3");
}

static void each_type_has_its_statuses(void **state)
{
    static const uint8_t allowed[][3] = {
        [FRAME_CALL] = {1, 0, 0},          [FRAME_REPLY] = {1, 1, 0},
        [FRAME_MESSAGE] = {1, 0, 0},       [FRAME_STREAM] = {1, 1, 1},
        [FRAME_CALL_WITH_FDS] = {1, 0, 0}, [FRAME_REPLY_WITH_FDS] = {1, 1, 0},
        [FRAME_STREAM_HOLE] = {0, 0, 1},
    };
    (void)state;
    for (int type = 0; type <= FRAME_STREAM_HOLE; type++) {
        for (int status = 0; status < 3; status++) {
            auto_buffer out = {0};
            struct frame head = call, got;
            head.type = (enum frame_type)type;
            head.status = (enum frame_status)status;
            assert_int_equal(frame_write(&out, &head, "\0\0\0\0", 4, &fail), 0);
            assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL),
                             allowed[type][status] ? 1 : -1);
        }
    }
}

static void a_server_may_take_less(void **state)
{
    auto_buffer out = {0};
    struct frame got;
    (void)state;
    assert_int_equal(frame_write(&out, &call, "abcdefgh", 8, &fail), 0);
    assert_int_equal(parse(&out, 36, &got, NULL), 1);
    assert_int_equal(parse(&out, 35, &got, NULL), -1);
    assert_says(&fail, "message of 36 bytes is too large, the limit is 35");
    /* A limit over the protocol's own is the protocol's own. */
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff};
    assert_int_equal(frame_parse(huge, 4, SIZE_MAX, &got, NULL, &fail), -1);
}

static void descriptors_are_counted(void **state)
{
    struct frame head = call, got;
    (void)state;
    head.type = FRAME_CALL_WITH_FDS;
    auto_buffer out = {0};
    assert_int_equal(frame_write(&out, &head, "\0\0\0\2abcd", 8, &fail), 0);
    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 1);
    assert_int_equal(got.fds, 2);
    assert_int_equal(got.payload_size, 4);
    assert_memory_equal(got.payload, "abcd", 4);

    auto_buffer many = {0};
    assert_int_equal(frame_write(&many, &head, "\0\0\0\41", 4, &fail), 0);
    assert_int_equal(parse(&many, FRAME_SIZE_MAX, &got, NULL), -1);
    assert_says(&fail, "too many descriptors: 33");

    auto_buffer none = {0};
    assert_int_equal(frame_write(&none, &head, "", 0, &fail), 0);
    assert_int_equal(parse(&none, FRAME_SIZE_MAX, &got, NULL), -1);
    assert_says(&fail, "no room for the number of descriptors");
}

static void what_does_not_fit_is_taken_back(void **state)
{
    struct frame_stream stream = {PROGRAM_REMOTE, 201, 5};
    static uint8_t data[FRAME_STREAM_DATA_MAX + 100];
    auto_buffer out = {.limit = FRAME_STREAM_DATA_MAX + 100};
    (void)state;
    assert_int_equal(frame_write(&out, &call, "abcd", 4, &fail), 0);
    assert_int_equal(frame_write(&out, &call, data, FRAME_STREAM_DATA_MAX + 50, &fail), -1);
    assert_says(&fail, "the output queue is full");
    assert_int_equal(buffer_size(&out), 32);
    /* The first part fits, the second does not: nothing of it stays. */
    assert_int_equal(frame_write_stream_data(&out, &stream, data, sizeof(data), &fail), -1);
    assert_int_equal(buffer_size(&out), 32);
    assert_int_equal(frame_write_stream_finish(&out, &stream, &fail), 0);
    assert_int_equal(buffer_size(&out), 60);
}

static void a_frame_over_the_protocols_limit_is_not_sent(void **state)
{
    auto_buffer out = {0};
    struct frame_mark mark;
    (void)state;
    assert_int_equal(frame_write(&out, &call, "abcd", 4, &fail), 0);
    assert_int_equal(frame_begin(&out, &call, &mark, &fail), 0);
    uint8_t *p = buffer_reserve(&out, FRAME_SIZE_MAX);
    assert_non_null(p);
    buffer_commit(&out, FRAME_SIZE_MAX);
    assert_int_equal(frame_end(&out, mark, &fail), -1);
    assert_says(&fail, "too large");
    assert_int_equal(buffer_size(&out), 32);
}

static void stream_data_go_out_in_parts(void **state)
{
    struct frame_stream stream = {PROGRAM_REMOTE, 201, 5};
    static uint8_t data[FRAME_STREAM_DATA_MAX + 3];
    auto_buffer out = {0};
    struct frame got;
    (void)state;
    memset(data, 'x', sizeof(data));
    assert_int_equal(frame_write_stream_data(&out, &stream, data, 0, &fail), 0);
    assert_int_equal(buffer_size(&out), 0);
    assert_int_equal(frame_write_stream_data(&out, &stream, data, sizeof(data), &fail), 0);
    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 1);
    assert_int_equal(got.payload_size, FRAME_STREAM_DATA_MAX);
    assert_int_equal(got.status, FRAME_CONTINUE);
    assert_int_equal(got.serial, 5);
    buffer_take(&out, got.size);
    assert_int_equal(parse(&out, FRAME_SIZE_MAX, &got, NULL), 1);
    /* No padding: the bytes are the guest's, not XDR's. */
    assert_int_equal(got.payload_size, 3);
    assert_int_equal(got.size, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_these_bytes),
        cmocka_unit_test(a_frame_cut_short_anywhere_is_waited_for),
        cmocka_unit_test(the_next_frame_waits_behind_the_first),
        cmocka_unit_test(a_broken_header_is_refused_at_once),
        cmocka_unit_test(each_type_has_its_statuses),
        cmocka_unit_test(a_server_may_take_less),
        cmocka_unit_test(descriptors_are_counted),
        cmocka_unit_test(what_does_not_fit_is_taken_back),
        cmocka_unit_test(a_frame_over_the_protocols_limit_is_not_sent),
        cmocka_unit_test(stream_data_go_out_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
