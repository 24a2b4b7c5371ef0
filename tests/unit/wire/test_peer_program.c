/* test_peer_program.c - the private program's bytes: an older Baton must understand a newer one, so
 * what is on the wire today (tests/golden/rpc/peer-program.hex) stays. */
#include "wire_test.h"
#include <stdlib.h>
#include "wire/params.h"
#include "wire/peer_program.h"

static struct fail fail;
static FILE *golden;

enum { LINE_MAX_SIZE = 4096 };

static const uint8_t token[PEER_TOKEN_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const struct uuid guest = {{0xc7, 0xa5, 0xfd, 0xbd, 0xed, 0xaf, 0x94, 0x55, 0x92, 0x6a, 0xd6,
                                   0x5c, 0x16, 0xdb, 0x18, 0x09}};
static const uint8_t cookie[] = "<qemu-migration/>";

/* The next line of the file is this frame. BATON_RECORD=1 prints the lines instead. */
static void expect_golden(const char *way, const struct buffer *frame)
{
    char line[LINE_MAX_SIZE], text[LINE_MAX_SIZE];
    int n = snprintf(text, sizeof(text), "%s ", way);
    for (size_t i = 0; i < buffer_size(frame); i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", buffer_bytes(frame)[i]);
    if (getenv("BATON_RECORD")) {
        fprintf(stderr, "%s\n", text);
        return;
    }
    do
        assert_non_null(fgets(line, sizeof(line), golden));
    while (line[0] == '#');
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(text, line);
}

static void call(int32_t procedure, const void *args)
{
    auto_buffer out = {0};
    if (rpc_write_call(&out, rpc_find(PROGRAM_PEER, procedure), 7, args, &fail) < 0)
        fail_msg("%s", fail.text);
    expect_golden("A>", &out);
}

static void reply(int32_t procedure, const void *ret)
{
    auto_buffer out = {0};
    if (rpc_write_reply(&out, rpc_find(PROGRAM_PEER, procedure), 7, ret, &fail) < 0)
        fail_msg("%s", fail.text);
    expect_golden("A<", &out);
}

static void its_bytes_stay(void **state)
{
    (void)state;
    const char *uris[] = {"tcp://192.0.2.2:49152", "tcp://198.51.100.2:49153"};
    struct rpc_bytes words = {cookie, sizeof(cookie)};
    auto_buffer event = {0};
    golden = fopen(GOLDEN "/rpc/peer-program.hex", "re");
    assert_non_null(golden);

    call(PEER_HELLO,
         &(struct peer_hello){{token, sizeof(token)}, guest, 1, "0.1.0"});
    reply(PEER_HELLO, &(struct peer_hello_ret){"0.1.0", 1});
    call(PEER_ASK, &(struct peer_ask){1});
    reply(PEER_ASK, NULL);
    assert_int_equal(
        rpc_write_event(&event, rpc_find(PROGRAM_PEER, PEER_PROOF), &(struct peer_proof){2}, &fail),
        0);
    expect_golden("A<", &event);
    call(PEER_RECOVER, NULL);
    reply(PEER_RECOVER, &(struct peer_recover_ret){{uris, 2}});
    call(PEER_FINISH, &(struct peer_finish){0x8001, 0, words});
    reply(PEER_FINISH, &(struct peer_finish_ret){words});
    call(PEER_FIGURES, &(struct peer_figures){words});
    reply(PEER_FIGURES, NULL);
    call(PEER_PING, NULL);
    reply(PEER_PING, NULL);
    call(PEER_SETTLE, &(struct peer_settle){"web1", 1, PEER_ACCEPT_RUN});
    reply(PEER_SETTLE, &(struct peer_settle_ret){"it runs"});
    auto_buffer runs = {0};
    assert_int_equal(rpc_write_event(&runs, rpc_find(PROGRAM_PEER, PEER_RUNS),
                                     &(struct peer_runs){0x123456789a}, &fail),
                     0);
    expect_golden("A<", &runs);
    fclose(golden);
}

static int decode(int32_t procedure, const void *bytes, size_t size, void *ret_value)
{
    auto_arena arena = {.limit = 1 << 16};
    fail = (struct fail){0};
    int r =
        rpc_decode(rpc_find(PROGRAM_PEER, procedure)->args, bytes, size, &arena, ret_value, &fail);
    assert_true(arena.used < 4096);
    return r;
}

static void what_lies_is_refused(void **state)
{
    (void)state;
    struct peer_hello hello;
    struct peer_figures figures;
    struct peer_ask ask;
    static const uint8_t long_token[] = {0, 0,  0,  17, 1,  2,  3,  4,  5,  6, 7, 8,
                                         9, 10, 11, 12, 13, 14, 15, 16, 17, 0, 0, 0};
    assert_int_equal(decode(PEER_HELLO, long_token, sizeof(long_token), &hello), -1);
    assert_says(&fail, "token");
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff};
    assert_int_equal(decode(PEER_FIGURES, huge, sizeof(huge), &figures), -1);
    assert_says(&fail, "cookie");
    assert_int_equal(decode(PEER_ASK, huge, 3, &ask), -1);
    assert_says(&fail, "switched");
}

static void who_may_call_what(void **state)
{
    (void)state;
    for (int32_t n = PEER_HELLO; n <= PEER_KEPT; n++) {
        const struct rpc_proc *proc = rpc_find(PROGRAM_PEER, n);
        assert_non_null(proc);
        assert_false(proc->flags & RPC_READ_ONLY_OK);
        bool is_call = n != PEER_PROOF && n != PEER_SETTLE && n != PEER_RUNS && n != PEER_KEPT;
        assert_int_equal(!!(proc->flags & RPC_PEER), is_call);
        assert_int_equal(!!(proc->flags & RPC_BEFORE_OPEN), n == PEER_HELLO);
    }
    assert_null(rpc_find(PROGRAM_PEER, 0));
    assert_null(rpc_find(PROGRAM_PEER, PEER_KEPT + 1));
    assert_null(rpc_procedure_name(PROGRAM_PEER, PEER_KEPT + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_bytes_stay),
        cmocka_unit_test(what_lies_is_refused),
        cmocka_unit_test(who_may_call_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
