/* Calls on a guest whose QEMU is played by the test: slow, dumb, dead at the wrong moment. */
#include "fake_qemu.h"
#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/registry.h"
#include "io/monitor.h"
#include "io/timer.h"

#define SOCKET "virtqemud-sock"

static struct remote_domain named(const struct guest *g)
{
    return (struct remote_domain){.name = g->name, .uuid = g->uuid, .id = g->id};
}

static uint32_t monitor_call(struct caller *p, const struct guest *g, const char *command,
                             uint32_t flags)
{
    struct remote_monitor_command args = {named(g), command, flags};
    return peer_call_program(p, PROGRAM_QEMU, QEMU_DOMAIN_MONITOR_COMMAND, &args);
}

static void expect_text(struct caller *p, uint32_t serial, const char *text)
{
    struct frame frame = peer_receive(p);
    struct remote_string ret;
    struct fail f;
    assert_int_equal(frame.serial, serial);
    assert_int_equal(frame.status, FRAME_OK);
    if (rpc_decode(rpc_find(PROGRAM_QEMU, QEMU_DOMAIN_MONITOR_COMMAND)->ret, frame.payload,
                   frame.payload_size, &p->arena, &ret, &f) < 0)
        fail_msg("%s", f.text);
    if (!strstr(ret.value, text))
        fail_msg("'%s' is not in: %s", text, ret.value);
}

/* ---- a client's own commands ------------------------------------------------------------------
 */

static void a_command_gets_qemus_answer(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    uint32_t serial = monitor_call(&p, g, " {\"execute\": \"query-name\"}\n", 0);
    fake_expect(&q, "query-name");
    fake_return(&q, "{\"name\": 18446744073709551615}");
    expect_text(&p, serial, "{\"return\":{\"name\":18446744073709551615},\"id\":\"libvirt-");
    serial = monitor_call(&p, g, "{\"execute\": \"x\", \"arguments\": {\"a\": [1]}}", 0);
    fake_expect(&q, "[1]");
    fake_refuse(&q);
    expect_text(&p, serial, "\"error\":{\"class\":\"GenericError\",\"desc\":\"no, never\"}");
    serial = monitor_call(&p, g, "info name", VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
    fake_expect(&q, "human-monitor-command");
    fake_return(&q, "\"web\\r\\n\"");
    expect_text(&p, serial, "web\r\n");
    serial = monitor_call(&p, g, "info name", VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
    fake_expect(&q, "human-monitor-command");
    fake_return(&q, "{}");
    peer_expect_error(&p, serial, VIR_ERR_INTERNAL_ERROR, "makes no sense");
    assert_true(g->tainted_by_monitor);
    peer_close(&p);
    fake_end(&q);
}

static void a_qemu_that_goes_fails_the_call(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    uint32_t serial = monitor_call(&p, g, "{\"execute\": \"quit\"}", 0);
    fake_expect(&q, "quit");
    fake_end(&q);
    peer_expect_error(&p, serial, VIR_ERR_OPERATION_FAILED, "monitor was lost");
    serial = monitor_call(&p, g, "{\"execute\": \"query-name\"}", 0);
    peer_expect_error(&p, serial, VIR_ERR_OPERATION_FAILED, "monitor does not answer");
    peer_close(&p);
}

static void a_client_that_goes_misses_its_answer(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET), other = peer_open(h, SOCKET);
    struct remote_stats_args stats = {0};
    (void)monitor_call(&p, g, "{\"execute\": \"query-name\"}", 0);
    (void)peer_call(&p, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, &stats);
    fake_expect(&q, "query-name");
    peer_close(&p);
    peer_expect_nothing(&other);
    fake_return(&q, "{}");
    peer_expect_nothing(&other);
    peer_close(&other);
    fake_end(&q);
}

static void in_a_migration_only_questions_pass(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    g->core.out.state = OUT_PRECOPY;
    static const struct {
        const char *command;
        uint32_t flags;
    } refused[] = {
        {"{\"execute\": \"cont\"}", 0},
        {"{\"execute\": \"query\"}", 0},
        {"{\"execute\": \"human-monitor-command\", \"arguments\": {}}", 0},
        {"cont", 1},
        {"information", 1},
        {"info a\ncont", 1},
        {"", 1},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        peer_expect_error(&p, monitor_call(&p, g, refused[i].command, refused[i].flags),
                          VIR_ERR_OPERATION_INVALID, "takes only questions");
    uint32_t serial = monitor_call(&p, g, "{\"execute\": \"query-migrate\"}", 0);
    fake_expect(&q, "query-migrate");
    fake_return(&q, "{}");
    expect_text(&p, serial, "return");
    g->core.out.state = OUT_IDLE;
    peer_close(&p);
    fake_end(&q);
}

static void what_is_no_command_never_reaches_qemu(void **state)
{
    static const char *const bad[] = {
        "",
        "garbage",
        "null",
        "5",
        "[]",
        "{}",
        "{\"execute\"",
        "{\"execute\": \"a\"} x",
        "{\"execute\": 5}",
        "{\"execute\": \"a\", \"id\": 1}",
        "{\"execute\": \"a\", \"arguments\": []}",
        "{\"exec-oob\": \"a\"}",
        "{\"execute\": \"\xff\"}",
    };
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t serial = monitor_call(&p, g, bad[i], 0);
        struct frame frame = peer_receive(&p);
        assert_int_equal(frame.serial, serial);
        if (frame.status != FRAME_ERROR)
            fail_msg("%s was taken", bad[i]);
    }
    peer_expect_error(&p, monitor_call(&p, g, "info name", 2), VIR_ERR_INVALID_ARG, "0x2");
    assert_false(g->tainted_by_monitor);
    assert_int_equal(recv(q.fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    peer_close(&p);
    fake_end(&q);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void a_daemon_that_stops_waits_for_the_disk(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    struct remote_stats_args stats = {0};
    struct remote_domain_string_flags image = {.dom = named(g), .value = "vda"};
    struct remote_set_metadata title = {
        .dom = named(g), .type = VIR_DOMAIN_METADATA_TITLE, .metadata = "T"};
    fake_define(h, "off"); /* its image is looked at */
    (void)peer_call(&p, REMOTE_DOMAIN_GET_BLOCK_INFO, &image);
    (void)peer_call(&p, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, &stats);
    (void)peer_call(&p, REMOTE_DOMAIN_SET_METADATA, &title);
    while (!g->live->title)
        host_turn(h);
    peer_close(&p);
    fake_end(&q);
    /* The teardown stops the daemon: what the disk still answers must find its call and guest. */
}

/* ---- figures ----------------------------------------------------------------------------------
 */

static const struct rpc_param *find(const struct remote_stats_record *record, const char *name)
{
    return params_find(&record->params, name);
}

static void a_qemu_that_refuses_gives_fewer_figures(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web"), *off = fake_define(h, "off");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    struct remote_stats_args all = {.stats = VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BLOCK};
    struct remote_stats ret;
    uint32_t serial = peer_call(&p, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, &all);
    fake_expect(&q, "query-cpus-fast");
    fake_refuse(&q);
    fake_expect(&q, "query-blockstats");
    fake_return(&q, "5");
    fake_expect(&q, "query-block");
    fake_return(&q, "[{\"qdev\": \"/machine/peripheral/virtio-disk0\"}]");
    peer_expect_reply(&p, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, serial, &ret);
    assert_int_equal(ret.records.count, 2);
    assert_string_equal(ret.records.items[0].dom.name, g->name);
    assert_int_equal(find(&ret.records.items[0], "vcpu.current")->value.u, 2);
    assert_null(find(&ret.records.items[0], "vcpu.0.time"));
    assert_string_equal(find(&ret.records.items[0], "block.0.name")->value.s, "vda");
    assert_null(find(&ret.records.items[0], "block.0.capacity"));
    assert_string_equal(ret.records.items[1].dom.name, off->name);
    assert_null(find(&ret.records.items[1], "block.0.capacity")); /* no such image */
    peer_close(&p);
    fake_end(&q);
}

static void a_qemu_that_goes_delays_no_statistics(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    struct remote_stats_args all = {0};
    struct remote_stats ret;
    uint32_t serial = peer_call(&p, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, &all);
    fake_expect(&q, "query-cpus-fast");
    fake_end(&q);
    peer_expect_reply(&p, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, serial, &ret);
    assert_int_equal(ret.records.count, 1);
    assert_int_equal(find(&ret.records.items[0], "state.state")->value.i, CORE_RUNNING);
    peer_close(&p);
}

static void a_stuck_qemu_is_told(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET), other = peer_open(h, SOCKET);
    struct remote_domain_flags args = {.dom = named(g)};
    struct remote_control_info info;
    peer_expect_reply(&other, REMOTE_DOMAIN_GET_CONTROL_INFO,
                      peer_call(&other, REMOTE_DOMAIN_GET_CONTROL_INFO, &args), &info);
    assert_int_equal(info.state, VIR_DOMAIN_CONTROL_OK);
    (void)monitor_call(&p, g, "{\"execute\": \"query-name\"}", 0);
    fake_expect(&q, "query-name");
    peer_expect_reply(&other, REMOTE_DOMAIN_GET_CONTROL_INFO,
                      peer_call(&other, REMOTE_DOMAIN_GET_CONTROL_INFO, &args), &info);
    assert_int_equal(info.state, VIR_DOMAIN_CONTROL_OCCUPIED);
    /* Who does not want to wait gets what is known without it. */
    struct remote_stats_args nowait = {.flags = (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT};
    struct remote_stats ret;
    peer_expect_reply(&other, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS,
                      peer_call(&other, REMOTE_CONNECT_GET_ALL_DOMAIN_STATS, &nowait), &ret);
    assert_int_equal(ret.records.count, 1);
    g->unreachable = true;
    peer_expect_reply(&other, REMOTE_DOMAIN_GET_CONTROL_INFO,
                      peer_call(&other, REMOTE_DOMAIN_GET_CONTROL_INFO, &args), &info);
    assert_int_equal(info.state, VIR_DOMAIN_CONTROL_ERROR);
    assert_int_equal(info.details, VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR);
    peer_close(&p);
    peer_close(&other);
    fake_end(&q);
}

static void numbers_that_make_no_sense_are_refused(void **state)
{
    struct host *h = *state;
    struct guest *g = fake_define(h, "web");
    struct fake q = fake_start(h, g);
    struct caller p = peer_open(h, SOCKET);
    struct remote_vcpus_args vcpus[] = {
        {named(g), -1, 1}, {named(g), 1, -1}, {named(g), INT32_MAX, INT32_MAX}};
    for (size_t i = 0; i < sizeof(vcpus) / sizeof(vcpus[0]); i++)
        peer_expect_error(&p, peer_call(&p, REMOTE_DOMAIN_GET_VCPUS, &vcpus[i]),
                          VIR_ERR_INVALID_ARG, "");
    struct remote_block_stats_args block = {named(g), "vda", -1, 0};
    peer_expect_error(&p, peer_call(&p, REMOTE_DOMAIN_BLOCK_STATS_FLAGS, &block),
                      VIR_ERR_INVALID_ARG, "negative");
    struct remote_get_metadata metadata = {.dom = named(g), .type = 99};
    peer_expect_error(&p, peer_call(&p, REMOTE_DOMAIN_GET_METADATA, &metadata), VIR_ERR_INVALID_ARG,
                      "99");
    struct remote_domain_flags count = {named(g),
                                        VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG};
    peer_expect_error(&p, peer_call(&p, REMOTE_DOMAIN_GET_VCPUS_FLAGS, &count), VIR_ERR_INVALID_ARG,
                      "exclude");
    /* Room for more than there is: what there is. */
    struct remote_vcpus_args many = {named(g), 16384, 1};
    struct remote_vcpus ret;
    uint32_t serial = peer_call(&p, REMOTE_DOMAIN_GET_VCPUS, &many);
    fake_expect(&q, "query-cpus-fast");
    fake_return(&q, "[]");
    peer_expect_reply(&p, REMOTE_DOMAIN_GET_VCPUS, serial, &ret);
    assert_int_equal(ret.info.count, 2);
    assert_int_equal(ret.maps.size, 2);
    peer_close(&p);
    fake_end(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(a_command_gets_qemus_answer),
        host_test(a_qemu_that_goes_fails_the_call),
        host_test(a_client_that_goes_misses_its_answer),
        host_test(in_a_migration_only_questions_pass),
        host_test(what_is_no_command_never_reaches_qemu),
        host_test(a_daemon_that_stops_waits_for_the_disk),
        host_test(a_qemu_that_refuses_gives_fewer_figures),
        host_test(a_qemu_that_goes_delays_no_statistics),
        host_test(a_stuck_qemu_is_told),
        host_test(numbers_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
