/* test_rpc.c - payloads that lie, values that don't fit, and errors on the wire. */
#include "wire_test.h"
#include "wire/params.h"
#include "wire/remote.h"
#include "wire/xdr.h"

static struct fail fail;

static const struct rpc_struct *args_of(int32_t number)
{
    return rpc_find(PROGRAM_REMOTE, number)->args;
}

/* Payloads are written as words and texts. */
static void put_word(struct buffer *b, uint32_t value)
{
    struct xdr_writer w = {.out = b};
    xdr_put_u32(&w, value);
}

static void put_text(struct buffer *b, const char *text, size_t size)
{
    struct xdr_writer w = {.out = b};
    xdr_put_u32(&w, (uint32_t)size);
    xdr_put_bytes(&w, text, size);
}

static void put_domain(struct buffer *b)
{
    struct xdr_writer w = {.out = b};
    put_text(b, "web1", 4);
    xdr_put_bytes(&w, "0123456789abcdef", 16);
    xdr_put_u32(&w, 3);
}

static int decode(const struct rpc_struct *s, const struct buffer *b, struct arena *arena,
                  void *ret_value)
{
    fail = (struct fail){0};
    return rpc_decode(s, buffer_bytes(b), buffer_size(b), arena, ret_value, &fail);
}

static void refused(int32_t number, const struct buffer *b, const char *sentence)
{
    auto_arena arena = {.limit = 1 << 20};
    uint8_t value[1024];
    assert_true(args_of(number)->size <= sizeof(value));
    assert_int_equal(decode(args_of(number), b, &arena, value), -1);
    assert_int_equal(fail.code, VIR_ERR_RPC);
    assert_says(&fail, sentence);
    /* Nobody made us allocate what he only claimed. */
    assert_true(arena.used < 4096);
}

static void a_domain_is_decoded(void **state)
{
    auto_arena arena = {.limit = 4096};
    auto_buffer b = {0};
    struct remote_domain_flags got;
    (void)state;
    put_domain(&b);
    put_word(&b, 5);
    assert_int_equal(decode(args_of(REMOTE_DOMAIN_GET_STATE), &b, &arena, &got), 0);
    assert_string_equal(got.dom.name, "web1");
    assert_memory_equal(got.dom.uuid.byte, "0123456789abcdef", 16);
    assert_int_equal(got.dom.id, 3);
    assert_int_equal(got.flags, 5);
}

static void texts_that_lie_are_refused(void **state)
{
    (void)state;
    auto_buffer zero = {0};
    put_text(&zero, "web\0x", 5);
    refused(REMOTE_DOMAIN_LOOKUP_BY_NAME, &zero, "remote_string.value: a zero byte");

    auto_buffer longer = {0};
    put_word(&longer, 5);
    put_word(&longer, 0x41424344);
    refused(REMOTE_DOMAIN_LOOKUP_BY_NAME, &longer, "5 bytes of text, there can be 4 at most");

    auto_buffer over = {0};
    put_word(&over, RPC_STRING_MAX + 1);
    refused(REMOTE_DOMAIN_LOOKUP_BY_NAME, &over, "4194305 bytes of text");

    auto_buffer huge = {0};
    put_word(&huge, 0xffffffff);
    refused(REMOTE_DOMAIN_LOOKUP_BY_NAME, &huge, "4294967295 bytes of text");

    auto_buffer padding = {0};
    put_word(&padding, 3);
    put_word(&padding, 0x41424344);
    refused(REMOTE_DOMAIN_LOOKUP_BY_NAME, &padding, "padding");

    auto_buffer unpadded = {0};
    put_word(&unpadded, 3);
    assert_int_equal(buffer_append(&unpadded, "abc", 3), 0);
    refused(REMOTE_DOMAIN_LOOKUP_BY_NAME, &unpadded, "padding is missing");
}

static void flags_and_arms_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    auto_buffer present = {0};
    put_word(&present, 2);
    put_text(&present, "qemu", 4);
    refused(REMOTE_CONNECT_GET_MAX_VCPUS, &present, "present-flag is neither 0 nor 1");

    auto_buffer pointer = {0};
    put_word(&pointer, 0);
    put_word(&pointer, 0x100);
    refused(REMOTE_EVENT_REGISTER, &pointer, "remote_event_register.dom: its present-flag");

    static const uint32_t types[] = {0, 8, 0x80000000, 0xffffffff};
    for (unsigned i = 0; i < 4; i++) {
        auto_buffer arm = {0};
        put_domain(&arm);
        put_word(&arm, 1);
        put_text(&arm, "bandwidth", 9);
        put_word(&arm, types[i]);
        put_word(&arm, 0);
        put_word(&arm, 0);
        put_word(&arm, 0);
        refused(REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS, &arm, "no such type of parameter");
    }

    auto_buffer boolean = {0};
    put_domain(&boolean);
    put_word(&boolean, 1);
    put_text(&boolean, "yes?", 4);
    put_word(&boolean, PARAM_BOOLEAN);
    put_word(&boolean, 2);
    put_word(&boolean, 0);
    refused(REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS, &boolean, "a boolean is neither 0 nor 1");
}

static void counts_that_lie_allocate_nothing(void **state)
{
    (void)state;
    /* Over the protocol's limit. */
    auto_buffer over = {0};
    put_domain(&over);
    put_word(&over, 65);
    for (unsigned i = 0; i < 65 * 4; i++)
        put_word(&over, 0);
    refused(REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS, &over, "params: 65 elements, there can be 64");

    /* Within it, but more than the bytes that came can hold. */
    auto_buffer claimed = {0};
    put_word(&claimed, 16384);
    for (unsigned i = 0; i < 6; i++)
        put_word(&claimed, 0);
    refused(REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, &claimed,
            "domains: 16384 elements, there can be 1 at most");

    auto_buffer cookie = {0};
    put_word(&cookie, 0); /* no parameters */
    put_word(&cookie, RPC_COOKIE_MAX);
    put_word(&cookie, 0);
    refused(REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS, &cookie,
            "cookie_in: 4194304 bytes, there can be 4");

    auto_buffer more = {0};
    put_word(&more, 0);
    put_word(&more, RPC_COOKIE_MAX + 1);
    refused(REMOTE_DOMAIN_MIGRATE_PREPARE3_PARAMS, &more, "cookie_in: 4194305 bytes");
}

static void a_full_arena_is_an_error(void **state)
{
    auto_arena arena = {.limit = 8};
    auto_buffer b = {0};
    struct remote_string got;
    (void)state;
    put_text(&b, "longer than that", 16);
    assert_int_equal(decode(args_of(REMOTE_DOMAIN_LOOKUP_BY_NAME), &b, &arena, &got), -1);
    assert_says(&fail, "too much memory");
}

static void a_call_without_arguments_has_none(void **state)
{
    auto_arena arena = {.limit = 4096};
    (void)state;
    assert_int_equal(rpc_decode(NULL, NULL, 0, &arena, NULL, &fail), 0);
    assert_int_equal(rpc_decode(NULL, (const uint8_t *)"abcd", 4, &arena, NULL, &fail), -1);
    assert_says(&fail, "4 bytes left over");
}

static void numbers_too_large_for_their_type_are_refused(void **state)
{
    auto_arena arena = {.limit = 4096};
    auto_buffer b = {0};
    struct remote_domain_info got;
    (void)state;
    put_word(&b, 256); /* state, an unsigned char */
    for (unsigned i = 0; i < 7; i++)
        put_word(&b, 0);
    const struct rpc_struct *s = rpc_find(PROGRAM_REMOTE, REMOTE_DOMAIN_GET_INFO)->ret;
    assert_int_equal(decode(s, &b, &arena, &got), -1);
    assert_says(&fail, "remote_domain_info.state: the number is too large");
}

static void what_the_other_side_would_refuse_is_not_sent(void **state)
{
    struct rpc_param params[65];
    auto_buffer out = {0};
    (void)state;
    for (unsigned i = 0; i < 65; i++)
        params[i] = (struct rpc_param){.field = "bandwidth", .value.type = PARAM_ULLONG};
    struct remote_begin_args args = {.dom.name = "web1", .params = {params, 65}};
    const struct rpc_proc *begin = rpc_find(PROGRAM_REMOTE, REMOTE_DOMAIN_MIGRATE_BEGIN3_PARAMS);
    assert_int_equal(rpc_write_call(&out, begin, 1, &args, &fail), -1);
    assert_says(&fail, "DOMAIN_MIGRATE_BEGIN3_PARAMS");
    assert_says(&fail, "its size is 65, the limit 64");
    assert_int_equal(buffer_size(&out), 0);

    args.params.count = 64;
    args.dom.name = NULL;
    assert_int_equal(rpc_write_call(&out, begin, 1, &args, &fail), -1);
    assert_says(&fail, "remote_domain.name: it has no value");
    assert_int_equal(buffer_size(&out), 0);

    args.dom.name = "web1";
    out.limit = 40;
    assert_int_equal(rpc_write_call(&out, begin, 1, &args, &fail), -1);
    assert_says(&fail, "full");
    assert_int_equal(buffer_size(&out), 0);
    out.limit = 0;
    assert_int_equal(rpc_write_call(&out, begin, 1, &args, &fail), 0);
}

/* ---- errors ---- */

static const struct frame some_call = {
    .program = PROGRAM_REMOTE,
    .version = 1,
    .procedure = REMOTE_DOMAIN_RESUME,
    .serial = 12,
};

/* Writes it, and reads the payload back as the client's library does. */
static void error_round_trip(const struct fail *why, struct arena *arena,
                             struct rpc_error *ret_error, struct fail *ret_read)
{
    auto_buffer out = {0};
    struct frame frame;
    assert_int_equal(rpc_write_error(&out, &some_call, VIR_FROM_QEMU, why, &fail), 0);
    assert_int_equal(
        frame_parse(buffer_bytes(&out), buffer_size(&out), FRAME_SIZE_MAX, &frame, NULL, &fail), 1);
    assert_int_equal(frame.type, FRAME_REPLY);
    assert_int_equal(frame.status, FRAME_ERROR);
    assert_int_equal(frame.serial, 12);
    assert_int_equal(frame.procedure, REMOTE_DOMAIN_RESUME);
    assert_int_equal(
        rpc_decode(&rpc_error_struct, frame.payload, frame.payload_size, arena, ret_error, &fail),
        0);
    assert_int_equal(rpc_read_error(&frame, ret_read), -1);
}

static void an_error_has_libvirts_words_in_front(void **state)
{
    auto_arena arena = {.limit = 65536};
    struct rpc_error error;
    struct fail why, back;
    (void)state;
    fail_set(&why, VIR_ERR_OPERATION_INVALID, "the guest is not paused");
    error_round_trip(&why, &arena, &error, &back);
    assert_string_equal(error.message, "Requested operation is not valid: the guest is not paused");
    assert_string_equal(error.str1, "Requested operation is not valid: %s");
    assert_string_equal(error.str2, "the guest is not paused");
    assert_int_equal(error.code, VIR_ERR_OPERATION_INVALID);
    assert_int_equal(error.domain, VIR_FROM_QEMU);
    assert_int_equal(error.level, VIR_ERR_ERROR);
    assert_null(error.dom);
    assert_int_equal(error.int1, -1);
    /* What comes back is the sentence alone, so that passing it on does not pile up the words. */
    assert_int_equal(back.code, VIR_ERR_OPERATION_INVALID);
    assert_string_equal(back.text, "the guest is not paused");

    fail_set(&why, VIR_ERR_OPERATION_FAILED, "operation failed: the words are there already");
    error_round_trip(&why, &arena, &error, &back);
    assert_string_equal(error.message, "operation failed: the words are there already");

    fail_set(&why, VIR_ERR_RPC, "no words for this one");
    error_round_trip(&why, &arena, &error, &back);
    assert_string_equal(error.message, "no words for this one");
}

static void an_error_can_always_be_sent(void **state)
{
    auto_arena arena = {.limit = 65536};
    struct rpc_error error;
    struct fail why = {0}, back;
    (void)state;
    error_round_trip(&why, &arena, &error, &back); /* nobody set it */
    assert_int_equal(error.code, VIR_ERR_INTERNAL_ERROR);
    assert_string_equal(error.message, "unknown error");

    /* Cut off in the middle of a character, and bytes that never were one. */
    char text[1100];
    memset(text, 'x', sizeof(text));
    memcpy(text + 1018, "\xe2\x82\xac", 4);
    fail_set(&why, VIR_ERR_INVALID_ARG, "%s", text);
    error_round_trip(&why, &arena, &error, &back);
    assert_string_equal(error.message + strlen(error.message) - 2, "x?");
    fail_set(&why, VIR_ERR_INVALID_ARG,
             "a\xff b\xc0\x80 c\xed\xa0\x80 d\xf4\x90\x80\x80 \xe2\x82\xac");
    error_round_trip(&why, &arena, &error, &back);
    assert_string_equal(error.str2, "a? b?? c??? d???? \xe2\x82\xac");
}

static void a_peers_error_that_is_none_is_told(void **state)
{
    struct frame frame = {.payload = (const uint8_t *)"abc", .payload_size = 3};
    (void)state;
    assert_int_equal(rpc_read_error(&frame, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_RPC);
    assert_says(&fail, "an error that can't be read");

    auto_buffer b = {0};
    struct rpc_error silent = {.code = VIR_ERR_NO_DOMAIN, .domain = VIR_FROM_QEMU};
    assert_int_equal(rpc_encode(&rpc_error_struct, &silent, &b, &fail), 0);
    frame.payload = buffer_bytes(&b);
    frame.payload_size = buffer_size(&b);
    assert_int_equal(rpc_read_error(&frame, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_NO_DOMAIN);
    assert_says(&fail, "no words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_is_decoded),
        cmocka_unit_test(texts_that_lie_are_refused),
        cmocka_unit_test(flags_and_arms_that_do_not_exist_are_refused),
        cmocka_unit_test(counts_that_lie_allocate_nothing),
        cmocka_unit_test(a_full_arena_is_an_error),
        cmocka_unit_test(a_call_without_arguments_has_none),
        cmocka_unit_test(numbers_too_large_for_their_type_are_refused),
        cmocka_unit_test(what_the_other_side_would_refuse_is_not_sent),
        cmocka_unit_test(an_error_has_libvirts_words_in_front),
        cmocka_unit_test(an_error_can_always_be_sent),
        cmocka_unit_test(a_peers_error_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
