/* What a client may say to the daemon, and what it gets for what it may not. */
#include "host.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/client.h"
#include "daemon/emulators.h"
#include "daemon/server.h"

#define RW "virtqemud-sock"
#define RO "virtqemud-sock-ro"

static struct frame call_head(int32_t procedure, uint32_t serial)
{
    return (struct frame){.program = PROGRAM_REMOTE,
                          .version = PROGRAM_VERSION,
                          .procedure = procedure,
                          .type = FRAME_CALL,
                          .serial = serial};
}

static void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* ---- the connection -------------------------------------------------------------------------- */

static void test_opens_serves_and_closes(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct remote_string uri;
    struct remote_u64 version;
    peer_expect_reply(&p, REMOTE_CONNECT_GET_URI, peer_call(&p, REMOTE_CONNECT_GET_URI, NULL),
                      &uri);
    assert_string_equal(uri.value, "qemu:///system");
    peer_expect_reply(&p, REMOTE_CONNECT_GET_LIB_VERSION,
                      peer_call(&p, REMOTE_CONNECT_GET_LIB_VERSION, NULL), &version);
    assert_int_equal(version.value, 9000000);
    peer_expect_reply(&p, REMOTE_CONNECT_CLOSE, peer_call(&p, REMOTE_CONNECT_CLOSE, NULL), NULL);
    peer_expect_closed(&p);
    peer_close(&p);
}

static void test_only_what_works_is_a_feature(void **state)
{
    static const int yes[] = {4, 6, 7, 9, 10, 11, 13, 14, 15};
    struct caller p = peer_connect(*state, RW);
    for (int feature = 0; feature < 20; feature++) {
        struct remote_int args = {.value = feature}, has;
        bool expected = false;
        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
            expected |= yes[i] == feature;
        peer_expect_reply(&p, REMOTE_CONNECT_SUPPORTS_FEATURE,
                          peer_call(&p, REMOTE_CONNECT_SUPPORTS_FEATURE, &args), &has);
        assert_int_equal(has.value, expected);
    }
    peer_close(&p);
}

static void test_refuses_uris_of_others(void **state)
{
    static const struct {
        const char *uri;
        int code;
        const char *words;
    } refused[] = {
        {"xen:///system", VIR_ERR_NO_CONNECT, "xen:///system"},
        {"qemu:///embed?root=/x", VIR_ERR_INTERNAL_ERROR, "'/embed?root=/x', try qemu:///system"},
        {"qemu:///systems", VIR_ERR_INTERNAL_ERROR, "try qemu:///system"},
        {"qemu://other/system", VIR_ERR_NO_CONNECT, "qemu://other/system"},
        {"nonsense", VIR_ERR_NO_CONNECT, "nonsense"},
    };
    struct caller p = peer_connect(*state, RW);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct remote_open open = {.name = refused[i].uri};
        peer_expect_error(&p, peer_call(&p, REMOTE_CONNECT_OPEN, &open), refused[i].code,
                          refused[i].words);
    }
    struct remote_open flags = {.flags = 8};
    peer_expect_error(&p, peer_call(&p, REMOTE_CONNECT_OPEN, &flags), VIR_ERR_INVALID_ARG, "0x8");
    struct remote_open none = {0};
    peer_expect_reply(&p, REMOTE_CONNECT_OPEN, peer_call(&p, REMOTE_CONNECT_OPEN, &none), NULL);
    peer_expect_error(&p, peer_call(&p, REMOTE_CONNECT_OPEN, &none), VIR_ERR_INTERNAL_ERROR,
                      "already open");
    peer_close(&p);
}

static void test_nothing_is_served_before_open(void **state)
{
    struct caller p = peer_connect(*state, RW);
    struct remote_list_args list = {.need_results = 1};
    peer_expect_error(&p, peer_call(&p, REMOTE_CONNECT_LIST_ALL_DOMAINS, &list),
                      VIR_ERR_INTERNAL_ERROR, "connection not open");
    /* Not even which procedures there are. */
    struct frame head = call_head(283, 77);
    peer_send_frame(&p, &head, NULL, 0);
    peer_expect_error(&p, 77, VIR_ERR_INTERNAL_ERROR, "connection not open");
    peer_close(&p);
}

static void test_a_read_only_connection_only_reads(void **state)
{
    struct remote_string xml = {.value = "<domain/>"};
    struct remote_list_args list = {.need_results = 1};
    struct remote_list found;
    struct caller p = peer_open(*state, RO);
    peer_expect_error(&p, peer_call(&p, REMOTE_DOMAIN_DEFINE_XML, &xml), VIR_ERR_OPERATION_DENIED,
                      "read only access prevents DOMAIN_DEFINE_XML");
    peer_expect_reply(&p, REMOTE_CONNECT_LIST_ALL_DOMAINS,
                      peer_call(&p, REMOTE_CONNECT_LIST_ALL_DOMAINS, &list), &found);
    peer_close(&p);

    struct remote_open open = {.name = "qemu:///system", .flags = 1};
    p = peer_connect(*state, RW);
    peer_expect_reply(&p, REMOTE_CONNECT_OPEN, peer_call(&p, REMOTE_CONNECT_OPEN, &open), NULL);
    peer_expect_error(&p, peer_call(&p, REMOTE_DOMAIN_DEFINE_XML, &xml), VIR_ERR_OPERATION_DENIED,
                      "read only access prevents DOMAIN_DEFINE_XML");
    peer_close(&p);
}

/* ---- whole frames that are wrong get an answer, and the connection goes on --------------------
 */

static void test_wrong_frames_are_answered(void **state)
{
    static const struct {
        struct frame head;
        size_t payload; /* bytes of zeroes */
        int code;
        const char *words;
    } wrong[] = {
        {{0x12345678, 1, 1, FRAME_CALL, 5, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "Cannot find program 305419896 version 1"},
        {{PROGRAM_REMOTE, 2, 1, FRAME_CALL, 6, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "version 2"},
        {{PROGRAM_REMOTE, 1, 60000, FRAME_CALL, 7, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "unknown procedure: 60000"},
        {{PROGRAM_REMOTE, 1, -1, FRAME_CALL, 8, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "unknown procedure: -1"},
        {{PROGRAM_REMOTE, 1, 283, FRAME_CALL, 9, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_NO_SUPPORT,
         "CONNECT_LIST_ALL_NETWORKS"},
        {{PROGRAM_REMOTE, 1, REMOTE_EVENT_LIFECYCLE, FRAME_CALL, 10, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_NO_SUPPORT,
         "LIFECYCLE"},
        {{PROGRAM_REMOTE, 1, REMOTE_CONNECT_GET_TYPE, FRAME_REPLY, 11, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "Unexpected message type 1"},
        {{PROGRAM_REMOTE, 1, REMOTE_CONNECT_GET_TYPE, FRAME_MESSAGE, 12, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "Unexpected message type 2"},
        {{PROGRAM_REMOTE, 1, REMOTE_DOMAIN_LOOKUP_BY_ID, FRAME_CALL, 14, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "DOMAIN_LOOKUP_BY_ID"},
        {{PROGRAM_REMOTE, 1, REMOTE_DOMAIN_LOOKUP_BY_ID, FRAME_CALL, 15, FRAME_OK, 0, NULL, 0, 0},
         8,
         VIR_ERR_RPC,
         "DOMAIN_LOOKUP_BY_ID"},
        {{PROGRAM_QEMU, 1, 99, FRAME_CALL, 16, FRAME_OK, 0, NULL, 0, 0},
         0,
         VIR_ERR_RPC,
         "unknown procedure: 99"},
    };
    struct caller p = peer_open(*state, RW);
    uint8_t zeroes[16] = {0};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        peer_send_frame(&p, &wrong[i].head, zeroes, wrong[i].payload);
        peer_expect_error(&p, wrong[i].head.serial, wrong[i].code, wrong[i].words);
    }
    peer_expect_nothing(&p);
    peer_close(&p);
}

/* ---- frames that can't be trusted end the connection ------------------------------------------
 */

static void test_a_broken_length_ends_the_connection(void **state)
{
    static const uint32_t lengths[] = {0, 3, 27, FRAME_SIZE_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct caller p = peer_open(*state, RW);
        uint8_t bytes[28] = {0};
        put_u32(bytes, lengths[i]);
        peer_send(&p, bytes, sizeof(bytes));
        peer_expect_closed(&p);
        peer_close(&p);
    }
}

static void test_a_broken_header_ends_the_connection(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct frame head = call_head(REMOTE_CONNECT_GET_TYPE, 1);
    struct buffer out = {0};
    assert_int_equal(frame_write(&out, &head, NULL, 0, NULL), 0);
    put_u32(out.data + 16, 99); /* the type */
    peer_send(&p, buffer_bytes(&out), buffer_size(&out));
    peer_expect_closed(&p);
    buffer_free(&out);
    peer_close(&p);
}

static void test_a_frame_is_small_until_the_connection_is_open(void **state)
{
    uint8_t bytes[28] = {0};
    put_u32(bytes, CLIENT_FRAME_NEW_MAX + 4);
    struct caller p = peer_connect(*state, RW);
    peer_send(&p, bytes, sizeof(bytes));
    peer_expect_closed(&p);
    peer_close(&p);

    put_u32(bytes, CLIENT_FRAME_READ_ONLY_MAX + 4);
    p = peer_open(*state, RO);
    peer_send(&p, bytes, sizeof(bytes));
    peer_expect_closed(&p);
    peer_close(&p);
}

static void test_descriptors_end_the_connection(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct frame head = call_head(REMOTE_CONNECT_GET_TYPE, 1);
    head.type = FRAME_CALL_WITH_FDS;
    uint8_t count[4] = {0, 0, 0, 1};
    struct buffer out = {0};
    assert_int_equal(frame_write(&out, &head, count, sizeof(count), NULL), 0);
    peer_send(&p, buffer_bytes(&out), buffer_size(&out));
    peer_expect_closed(&p);
    buffer_free(&out);
    peer_close(&p);
}

static void test_one_clients_nonsense_disturbs_no_other(void **state)
{
    struct caller good = peer_open(*state, RW), bad = peer_open(*state, RW);
    uint8_t junk[256];
    memset(junk, 0xa5, sizeof(junk));
    peer_send(&bad, junk, sizeof(junk));
    peer_expect_closed(&bad);
    peer_expect_nothing(&good);
    peer_close(&bad);
    peer_close(&good);
}

/* ---- frames in pieces and in bulk ------------------------------------------------------------ */

static void test_a_frame_may_come_byte_by_byte(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct frame head = call_head(REMOTE_CONNECT_GET_TYPE, 900);
    struct buffer out = {0};
    struct remote_string type;
    assert_int_equal(frame_write(&out, &head, NULL, 0, NULL), 0);
    for (size_t i = 0; i < buffer_size(&out); i++) {
        peer_send(&p, buffer_bytes(&out) + i, 1);
        host_settle(*state);
    }
    peer_expect_reply(&p, REMOTE_CONNECT_GET_TYPE, 900, &type);
    buffer_free(&out);
    peer_close(&p);
}

static void test_calls_in_bulk_are_answered_in_order(void **state)
{
    enum { CALLS = 2000 };
    struct host *h = *state;
    struct caller p = peer_open(h, RW);
    struct buffer out = {0};
    struct remote_string type;
    const struct rpc_proc *proc = rpc_find(PROGRAM_REMOTE, REMOTE_CONNECT_GET_TYPE);
    for (uint32_t i = 0; i < CALLS; i++)
        assert_int_equal(rpc_write_call(&out, proc, 5000 + i, NULL, NULL), 0);
    peer_send(&p, buffer_bytes(&out), buffer_size(&out));
    for (uint32_t i = 0; i < CALLS; i++)
        peer_expect_reply(&p, REMOTE_CONNECT_GET_TYPE, 5000 + i, &type);
    buffer_free(&out);
    peer_close(&p);
}

/* It asks and asks and reads nothing: at some point nothing more is taken from it, and nothing is
 * lost once it reads. */
static void test_a_client_that_does_not_read_has_to_wait(void **state)
{
    enum { CALLS = 40000 };
    struct host *h = *state;
    struct caller p = peer_open(h, RW);
    struct buffer out = {0};
    struct remote_string type;
    const struct rpc_proc *proc = rpc_find(PROGRAM_REMOTE, REMOTE_CONNECT_GET_TYPE);
    size_t size = 0, sent = 0;
    for (uint32_t i = 0; i < CALLS; i++)
        assert_int_equal(rpc_write_call(&out, proc, i, NULL, NULL), 0);
    size = buffer_size(&out);
    for (;;) {
        ssize_t n = send(p.fd, buffer_bytes(&out) + sent, size - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
        host_settle(h);
    }
    assert_true(sent < size); /* it was stopped before it had its way */
    for (uint32_t i = 0; i < CALLS; i++) {
        ssize_t n =
            sent < size ? send(p.fd, buffer_bytes(&out) + sent, size - sent, MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        peer_expect_reply(&p, REMOTE_CONNECT_GET_TYPE, i, &type);
    }
    buffer_free(&out);
    peer_close(&p);
}

/* ---- calls that take their time -------------------------------------------------------------- */

/* An emulator that never says a word: who asks for its version has to wait. */
static void use_mute_emulator(struct host *h)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/mute", h->folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\nexec sleep 60\n") > 0);
    close(fd);
    struct config_value value = {.is_string = true, .string = path};
    assert_int_equal(config_set(&h->daemon.config, "emulator", &value, NULL), 0);
}

static void test_only_so_many_calls_are_under_way(void **state)
{
    struct host *h = *state;
    struct caller p = peer_open(h, RW), other = peer_open(h, RW);
    uint32_t last = 0;
    use_mute_emulator(h);
    h->daemon.config.max_client_requests = 3;
    for (int i = 0; i < 3; i++)
        last = peer_call(&p, REMOTE_CONNECT_GET_VERSION, NULL);
    uint32_t waits = peer_call(&p, REMOTE_CONNECT_GET_TYPE, NULL);
    peer_expect_nothing(&other); /* so all that p said was read, or won't be */
    host_settle(h);
    char byte;
    assert_int_equal(recv(p.fd, &byte, 1, MSG_DONTWAIT), -1);
    emulators_stop(h->daemon.emulators);
    for (uint32_t i = 0; i < 3; i++)
        peer_expect_error(&p, last - 2 + i, VIR_ERR_OPERATION_ABORTED, "being stopped");
    struct remote_string type;
    peer_expect_reply(&p, REMOTE_CONNECT_GET_TYPE, waits, &type);
    peer_close(&p);
    peer_close(&other);
}

static void test_the_answer_to_one_who_left_goes_nowhere(void **state)
{
    struct host *h = *state;
    struct caller p = peer_open(h, RW), other = peer_open(h, RW);
    use_mute_emulator(h);
    (void)peer_call(&p, REMOTE_CONNECT_GET_VERSION, NULL);
    peer_close(&p);
    while (server_client_count(h->daemon.server) > 1)
        host_turn(h);
    emulators_stop(h->daemon.emulators);
    peer_expect_nothing(&other);
    (void)peer_call(&other, REMOTE_CONNECT_GET_VERSION, NULL);
    host_settle(h); /* and one is never answered: the daemon ends first */
    peer_close(&other);
}

/* ---- keepalive ------------------------------------------------------------------------------- */

static void test_pings_are_answered(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct frame ping = {.program = PROGRAM_KEEPALIVE,
                         .version = PROGRAM_VERSION,
                         .procedure = KEEPALIVE_PING,
                         .type = FRAME_MESSAGE};
    peer_send_frame(&p, &ping, NULL, 0);
    struct frame pong = peer_receive(&p);
    assert_int_equal(pong.program, PROGRAM_KEEPALIVE);
    assert_int_equal(pong.procedure, KEEPALIVE_PONG);
    assert_int_equal(pong.type, FRAME_MESSAGE);
    assert_int_equal(pong.payload_size, 0);
    ping.procedure = 3;
    peer_send_frame(&p, &ping, NULL, 0);
    peer_expect_closed(&p);
    peer_close(&p);
}

static void test_a_silent_client_is_pinged_and_then_dropped(void **state)
{
    struct host *h = *state;
    h->daemon.config.keepalive_interval = 1;
    h->daemon.config.keepalive_count = 1;
    struct caller p = peer_open(h, RW);
    struct remote_int feature = {.value = REMOTE_FEATURE_PROGRAM_KEEPALIVE}, has;
    peer_expect_reply(&p, REMOTE_CONNECT_SUPPORTS_FEATURE,
                      peer_call(&p, REMOTE_CONNECT_SUPPORTS_FEATURE, &feature), &has);
    struct frame ping = peer_receive(&p);
    assert_int_equal(ping.program, PROGRAM_KEEPALIVE);
    assert_int_equal(ping.procedure, KEEPALIVE_PING);
    peer_expect_closed(&p);
    peer_close(&p);
}

/* ---- many clients ---------------------------------------------------------------------------- */

static void test_clients_over_the_limit_wait(void **state)
{
    struct host *h = *state;
    h->daemon.config.max_clients = 2;
    struct caller a = peer_open(h, RW), b = peer_open(h, RW);
    struct caller c = peer_connect(h, RW);
    uint32_t serial = peer_call(&c, REMOTE_AUTH_LIST, NULL);
    host_settle(h);
    assert_int_equal(server_client_count(h->daemon.server), 2);
    peer_close(&a);
    struct remote_auth_types auth;
    peer_expect_reply(&c, REMOTE_AUTH_LIST, serial, &auth);
    peer_close(&b);
    peer_close(&c);
}

static void test_a_client_that_leaves_is_forgotten(void **state)
{
    struct host *h = *state;
    struct caller p = peer_open(h, RW);
    assert_int_equal(server_client_count(h->daemon.server), 1);
    peer_close(&p);
    while (server_client_count(h->daemon.server))
        host_turn(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(test_opens_serves_and_closes),
        host_test(test_only_what_works_is_a_feature),
        host_test(test_refuses_uris_of_others),
        host_test(test_nothing_is_served_before_open),
        host_test(test_a_read_only_connection_only_reads),
        host_test(test_wrong_frames_are_answered),
        host_test(test_a_broken_length_ends_the_connection),
        host_test(test_a_broken_header_ends_the_connection),
        host_test(test_a_frame_is_small_until_the_connection_is_open),
        host_test(test_descriptors_end_the_connection),
        host_test(test_one_clients_nonsense_disturbs_no_other),
        host_test(test_a_frame_may_come_byte_by_byte),
        host_test(test_calls_in_bulk_are_answered_in_order),
        host_test(test_a_client_that_does_not_read_has_to_wait),
        host_test(test_only_so_many_calls_are_under_way),
        host_test(test_the_answer_to_one_who_left_goes_nowhere),
        host_test(test_pings_are_answered),
        host_test(test_a_silent_client_is_pinged_and_then_dropped),
        host_test(test_clients_over_the_limit_wait),
        host_test(test_a_client_that_leaves_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
