/* Who hears of what, in which order, and until when. */
#include "host.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "daemon/client.h"
#include "daemon/events.h"
#include "daemon/guest.h"
#include "wire/qmp.h"

#define RW "virtqemud-sock"

/* Enough of a guest to be spoken about. */
static struct guest make_guest(struct host *h, const char *name, uint8_t uuid)
{
    struct guest g = {.daemon = &h->daemon, .id = 3, .core.life.phase = LIFE_UP};
    snprintf(g.name, sizeof(g.name), "%s", name);
    memset(g.uuid.byte, uuid, sizeof(g.uuid.byte));
    return g;
}

static int32_t wish(struct caller *p, int32_t id, const struct guest *only)
{
    struct remote_domain dom = {0};
    struct remote_event_register args = {.event_id = id};
    struct remote_int callback;
    if (only) {
        dom = call_name_guest(only);
        args.dom = &dom;
    }
    peer_expect_reply(p, REMOTE_EVENT_REGISTER, peer_call(p, REMOTE_EVENT_REGISTER, &args),
                      &callback);
    return callback.value;
}

static void expect_lifecycle(struct caller *p, int32_t callback, const char *name, int event,
                             int detail)
{
    struct remote_event_lifecycle e;
    peer_expect_event(p, PROGRAM_REMOTE, REMOTE_EVENT_LIFECYCLE, &e);
    assert_int_equal(e.callback_id, callback);
    assert_string_equal(e.dom.name, name);
    assert_int_equal(e.dom.id, 3);
    assert_int_equal(e.event, event);
    assert_int_equal(e.detail, detail);
}

static void test_events_come_in_order_to_all_who_want_them(void **state)
{
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct caller a = peer_open(h, RW), b = peer_open(h, RW), c = peer_open(h, RW);
    int32_t of_a = wish(&a, 0, NULL), of_b = wish(&b, 0, NULL);
    (void)wish(&c, 1, NULL);
    events_tell_lifecycle(&g, 3, 1);
    events_tell_lifecycle(&g, 3, 7);
    events_tell_lifecycle(&g, 5, 3);
    expect_lifecycle(&a, of_a, "web1", 3, 1);
    expect_lifecycle(&a, of_a, "web1", 3, 7);
    expect_lifecycle(&a, of_a, "web1", 5, 3);
    expect_lifecycle(&b, of_b, "web1", 3, 1);
    peer_expect_nothing(&c);
    peer_close(&a);
    peer_close(&b);
    peer_close(&c);
}

static void test_one_guests_events_are_not_anothers(void **state)
{
    struct host *h = *state;
    struct guest one = make_guest(h, "one", 1), two = make_guest(h, "two", 2);
    struct caller p = peer_open(h, RW);
    int32_t callback = wish(&p, 0, &two);
    events_tell_lifecycle(&one, 2, 0);
    events_tell_lifecycle(&two, 2, 0);
    expect_lifecycle(&p, callback, "two", 2, 0);
    peer_expect_nothing(&p);
    peer_close(&p);
}

static void test_every_id_of_libvirt_9_can_be_wished_for(void **state)
{
    struct caller p = peer_open(*state, RW);
    int32_t last = -1;
    for (int32_t id = 0; id < 27; id++) {
        int32_t callback = wish(&p, id, NULL);
        assert_true(callback > last);
        last = callback;
    }
    static const int32_t unknown[] = {-1, 27, INT32_MAX};
    for (int i = 0; i < 3; i++) {
        struct remote_event_register args = {.event_id = unknown[i]};
        peer_expect_error(&p, peer_call(&p, REMOTE_EVENT_REGISTER, &args), VIR_ERR_INVALID_ARG,
                          "unsupported event ID");
    }
    peer_close(&p);
}

static void test_what_was_taken_back_is_not_told(void **state)
{
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct caller p = peer_open(h, RW), other = peer_open(h, RW);
    struct remote_int callback = {.value = wish(&p, 0, NULL)};
    /* Another connection's registration is none of one's own. */
    peer_expect_error(&other, peer_call(&other, REMOTE_EVENT_DEREGISTER, &callback),
                      VIR_ERR_INVALID_ARG, "could not find event callback");
    events_tell_lifecycle(&g, 2, 0);
    expect_lifecycle(&p, callback.value, "web1", 2, 0);
    peer_expect_reply(&p, REMOTE_EVENT_DEREGISTER,
                      peer_call(&p, REMOTE_EVENT_DEREGISTER, &callback), NULL);
    events_tell_lifecycle(&g, 5, 0);
    peer_expect_nothing(&p);
    peer_expect_error(&p, peer_call(&p, REMOTE_EVENT_DEREGISTER, &callback), VIR_ERR_INVALID_ARG,
                      "could not find event callback");
    peer_close(&p);
    peer_close(&other);
}

static void test_each_event_has_its_own_message(void **state)
{
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct caller p = peer_open(h, RW);
    int32_t reboot = wish(&p, 1, NULL), agent = wish(&p, 18, NULL), pass = wish(&p, 20, NULL),
            job = wish(&p, 21, NULL);
    struct rpc_param param = {"time_elapsed", {PARAM_ULLONG, {.ul = UINT64_MAX}}};
    struct rpc_params params = {&param, 1};
    events_tell_reboot(&g);
    events_tell_agent(&g, 1, 2);
    events_tell_iteration(&g, 7);
    events_tell_job_completed(&g, &params);

    struct remote_event e;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_REBOOT, &e);
    assert_int_equal(e.callback_id, reboot);
    struct remote_event_agent a;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_AGENT_LIFECYCLE, &a);
    assert_int_equal(a.callback_id, agent);
    assert_int_equal(a.state, 1);
    assert_int_equal(a.reason, 2);
    struct remote_event_int i;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_MIGRATION_ITERATION, &i);
    assert_int_equal(i.callback_id, pass);
    assert_int_equal(i.value, 7);
    struct remote_event_params j;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_JOB_COMPLETED, &j);
    assert_int_equal(j.callback_id, job);
    assert_int_equal(j.params.count, 1);
    assert_true(j.params.items[0].value.ul == UINT64_MAX);
    peer_close(&p);
}

static void test_what_qemu_says_has_messages_too(void **state)
{
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct domain_disk disk = {.source = "/srv/web1.img", .source_index = 2};
    struct domain live = {.disks = &disk, .disk_count = 1};
    disk.dev.alias = "virtio-disk0";
    g.live = &live;
    struct caller p = peer_open(h, RW);
    for (int32_t id = 0; id < 27; id++)
        (void)wish(&p, id, NULL);
    struct qmp_event clock = {.kind = QMP_EVENT_RTC_CHANGE, .offset = -3600},
                     dog = {.kind = QMP_EVENT_WATCHDOG, .action = "poweroff"},
                     balloon = {.kind = QMP_EVENT_BALLOON_CHANGE, .actual = 1 << 20},
                     full = {.kind = QMP_EVENT_BLOCK_IO_ERROR,
                             .node = "libvirt-2-format",
                             .io_action = QMP_IO_STOP,
                             .no_space = true},
                     stop = {.kind = QMP_EVENT_STOP};
    events_tell_qemu(&g, &clock);
    events_tell_qemu(&g, &dog);
    events_tell_qemu(&g, &balloon);
    events_tell_qemu(&g, &full);
    events_tell_qemu(&g, &stop); /* the machines' matter */

    struct remote_event_i64 offset;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_RTC_CHANGE, &offset);
    assert_int_equal(offset.value, -3600);
    struct remote_event_int action;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_WATCHDOG, &action);
    assert_int_equal(action.value, 3);
    struct remote_event_u64 kib;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_BALLOON_CHANGE, &kib);
    assert_int_equal(kib.value, 1024);
    struct remote_event_io_error error;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_IO_ERROR, &error);
    assert_string_equal(error.path, "/srv/web1.img");
    assert_string_equal(error.alias, "virtio-disk0");
    assert_int_equal(error.action, 1);
    struct remote_event_io_error_reason reason;
    peer_expect_event(&p, PROGRAM_REMOTE, REMOTE_EVENT_IO_ERROR_REASON, &reason);
    assert_string_equal(reason.reason, "enospc");
    peer_expect_nothing(&p);
    peer_close(&p);
}

/* ---- QEMU's own events ----------------------------------------------------------------------- */

static int32_t wish_monitor(struct caller *p, const char *name, uint32_t flags)
{
    struct remote_monitor_event_register args = {.event = name, .flags = flags};
    struct frame frame;
    uint32_t serial = peer_call_program(p, PROGRAM_QEMU, QEMU_MONITOR_EVENT_REGISTER, &args);
    frame = peer_receive(p);
    assert_int_equal(frame.serial, serial);
    assert_int_equal(frame.status, FRAME_OK);
    assert_int_equal(frame.payload_size, 4);
    return frame.payload[3];
}

static void test_monitor_events_are_chosen_by_name(void **state)
{
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct caller p = peer_open(h, RW);
    int32_t all = wish_monitor(&p, NULL, 0), stop = wish_monitor(&p, "STOP", 0),
            nocase = wish_monitor(&p, "stop", 2);
    (void)wish_monitor(&p, "stop", 0);
    events_tell_monitor(&g, "RESUME", 12, 34, "{}");
    events_tell_monitor(&g, "STOP", 12, 35, NULL);
    struct remote_monitor_event e;
    peer_expect_event(&p, PROGRAM_QEMU, QEMU_MONITOR_EVENT, &e);
    assert_int_equal(e.callback_id, all);
    assert_string_equal(e.event, "RESUME");
    assert_int_equal(e.seconds, 12);
    assert_int_equal(e.micros, 34);
    assert_string_equal(e.details, "{}");
    int32_t expected[] = {all, stop, nocase};
    for (int i = 0; i < 3; i++) {
        peer_expect_event(&p, PROGRAM_QEMU, QEMU_MONITOR_EVENT, &e);
        assert_int_equal(e.callback_id, expected[i]);
        assert_string_equal(e.event, "STOP");
        assert_null(e.details);
    }
    peer_expect_nothing(&p);
    peer_close(&p);
}

static void test_patterns_are_refused_by_name(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct remote_monitor_event_register args = {.event = "ST.*", .flags = 1};
    peer_expect_error(&p, peer_call_program(&p, PROGRAM_QEMU, QEMU_MONITOR_EVENT_REGISTER, &args),
                      VIR_ERR_ARGUMENT_UNSUPPORTED, "REGISTER_REGEX");
    args.flags = 4;
    peer_expect_error(&p, peer_call_program(&p, PROGRAM_QEMU, QEMU_MONITOR_EVENT_REGISTER, &args),
                      VIR_ERR_INVALID_ARG, "0x4");
    peer_close(&p);
}

/* ---- those who don't play along -------------------------------------------------------------- */

static void test_a_client_that_is_gone_is_not_told(void **state)
{
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct caller p = peer_open(h, RW), stays = peer_open(h, RW);
    (void)wish(&p, 0, NULL);
    int32_t callback = wish(&stays, 0, NULL);
    peer_close(&p);
    host_settle(h);
    events_tell_lifecycle(&g, 2, 0);
    expect_lifecycle(&stays, callback, "web1", 2, 0);
    peer_close(&stays);
}

static void test_a_client_that_does_not_read_is_dropped(void **state)
{
    enum { PLENTY = 60000 };
    struct host *h = *state;
    struct guest g = make_guest(h, "web1", 1);
    struct caller deaf = peer_open(h, RW), good = peer_open(h, RW);
    (void)wish(&deaf, 0, NULL);
    int32_t callback = wish(&good, 0, NULL);
    for (int i = 0; i < PLENTY; i++) {
        events_tell_lifecycle(&g, 4, i);
        expect_lifecycle(&good, callback, "web1", 4, i);
    }
    unsigned heard = 0;
    char bytes[4096];
    ssize_t n;
    while ((n = read(deaf.fd, bytes, sizeof(bytes))) > 0)
        heard += (unsigned)n;
    assert_int_equal(n, 0); /* disconnected */
    assert_true(heard < 2 * CLIENT_EVENTS_MAX);
    peer_expect_nothing(&good);
    peer_close(&deaf);
    peer_close(&good);
}

static void test_registrations_have_a_limit(void **state)
{
    struct caller p = peer_open(*state, RW);
    struct remote_event_register args = {.event_id = 0};
    for (int i = 0; i < EVENTS_REGISTRATIONS_MAX; i++)
        (void)wish(&p, 0, NULL);
    peer_expect_error(&p, peer_call(&p, REMOTE_EVENT_REGISTER, &args), VIR_ERR_OPERATION_FAILED,
                      "too many registrations");
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        host_test(test_events_come_in_order_to_all_who_want_them),
        host_test(test_one_guests_events_are_not_anothers),
        host_test(test_every_id_of_libvirt_9_can_be_wished_for),
        host_test(test_what_was_taken_back_is_not_told),
        host_test(test_each_event_has_its_own_message),
        host_test(test_what_qemu_says_has_messages_too),
        host_test(test_monitor_events_are_chosen_by_name),
        host_test(test_patterns_are_refused_by_name),
        host_test(test_a_client_that_is_gone_is_not_told),
        host_test(test_a_client_that_does_not_read_is_dropped),
        host_test(test_registrations_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
