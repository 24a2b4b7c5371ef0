/* test_qmp.c - QEMU's monitor: real conversations byte by byte, junk, commands, events, replies. */
#include "wire_test.h"
#include <stdlib.h>
#include "wire/qmp.h"

static struct fail fail;

static void cleanup_json(struct json_object **o)
{
    json_object_put(*o);
}
#define auto_json cleanup(cleanup_json) struct json_object

/* One message of the text; the buffer must be empty then. */
static struct qmp_message one(const char *text)
{
    auto_buffer in = {0};
    struct qmp_parser p = {0};
    struct qmp_message m = {0};
    assert_int_equal(buffer_append(&in, text, strlen(text)), 0);
    if (qmp_parse(&p, &in, &m, &fail) != 1)
        fail_msg("%s", fail.text);
    assert_int_equal(buffer_size(&in), 0);
    return m;
}

static void junk(const char *text, size_t size, const char *sentence)
{
    auto_buffer in = {0};
    struct qmp_parser p = {0};
    struct qmp_message m = {0};
    assert_int_equal(buffer_append(&in, text, size), 0);
    fail = (struct fail){0};
    assert_int_equal(qmp_parse(&p, &in, &m, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_INTERNAL_ERROR);
    assert_says(&fail, sentence);
}

static void a_greeting_says_version_and_oob(void **state)
{
    (void)state;
    struct qmp_message m = one("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "
                               "\"major\": 7}, \"package\": \"Debian 1:7.2\"}, "
                               "\"capabilities\": [\"oob\"]}}\r\n");
    assert_int_equal(m.kind, QMP_GREETING);
    assert_int_equal(m.version, 7002022);
    assert_string_equal(m.package, "Debian 1:7.2");
    assert_true(m.oob);
    qmp_message_free(&m);
    m = one("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 5}}, "
            "\"capabilities\": []}}\n");
    assert_false(m.oob);
    assert_string_equal(m.package, "");
    qmp_message_free(&m);
}

static void replies_carry_their_id(void **state)
{
    (void)state;
    struct qmp_message m = one("{\"return\": {}, \"id\": 18446744073709551615}\r\n");
    assert_int_equal(m.kind, QMP_RETURN);
    assert_true(m.has_id);
    assert_true(m.id == UINT64_MAX);
    qmp_message_free(&m);
    m = one("{\"id\": 7, \"error\": {\"class\": \"GenericError\", \"desc\": \"no way\"}}\r\n");
    assert_int_equal(m.kind, QMP_ERROR);
    assert_int_equal(m.id, 7);
    assert_string_equal(m.error_class, "GenericError");
    assert_string_equal(m.error, "no way");
    qmp_message_free(&m);
    m = one("{\"return\": [], \"id\": \"seven\"}\r\n");
    assert_false(m.has_id);
    qmp_message_free(&m);
    m = one("{\"return\": [], \"id\": -1}\r\n");
    assert_false(m.has_id);
    qmp_message_free(&m);
}

/* A recorded conversation, fed in pieces of `step` bytes: how many messages of each kind. */
static void feed(const char *path, size_t step, unsigned ret_seen[4])
{
    auto_buffer in = {0};
    struct qmp_parser p = {0};
    FILE *file = fopen(path, "re");
    uint8_t bytes[64];
    size_t n;
    assert_non_null(file);
    memset(ret_seen, 0, 4 * sizeof(ret_seen[0]));
    while ((n = fread(bytes, 1, step, file)) > 0) {
        struct qmp_message m;
        int r;
        assert_int_equal(buffer_append(&in, bytes, n), 0);
        while ((r = qmp_parse(&p, &in, &m, &fail)) == 1) {
            ret_seen[m.kind]++;
            qmp_message_free(&m);
        }
        assert_int_equal(r, 0);
    }
    fclose(file);
    assert_int_equal(buffer_size(&in), 0);
}

static void a_real_conversation_comes_in_any_pieces(void **state)
{
    static const char *const files[] = {"/qmp/migration-7.2.txt", "/qmp/migration-10.0.txt"};
    static const unsigned events[] = {9, 10};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char path[1024];
        snprintf(path, sizeof(path), GOLDEN "%s", files[i]);
        for (size_t step = 1; step <= 64; step += 21) {
            unsigned seen[4];
            feed(path, step, seen);
            assert_int_equal(seen[QMP_GREETING], 1);
            assert_int_equal(seen[QMP_ERROR], 1);
            assert_int_equal(seen[QMP_RETURN], 12);
            assert_int_equal(seen[QMP_EVENT], events[i]);
        }
    }
}

#define JUNK(text, sentence) junk(text, sizeof(text) - 1, sentence)

static void junk_is_refused_and_shown(void **state)
{
    (void)state;
    JUNK("qemu: could not load PC BIOS\n", "no JSON object: \"qemu: could not load PC BIOS\"");
    JUNK("{\"return\": \n", "no JSON object");
    JUNK("[1, 2]\n", "no JSON object");
    JUNK("{} {}\n", "no JSON object");
    JUNK("{\"return\": 'single'}\n", "no JSON object");
    JUNK("{\"a\": \"\xff\xfe\"}\n", "no JSON object");
    JUNK("\0\1\2\n", "no JSON object: \"...\"");
    JUNK("{}\n", "no message of its protocol: \"{}\"");
    JUNK("{\"id\": 1}\n", "no message of its protocol");
    JUNK("{\"event\": 5}\n", "no message of its protocol");
    JUNK("{\"event\": \"STOP\", \"data\": []}\n", "no message of its protocol");
    JUNK("{\"error\": {\"class\": \"X\"}}\n", "no message of its protocol");
    JUNK("{\"QMP\": {\"capabilities\": []}}\n", "no message of its protocol");
    JUNK("{\"QMP\": {\"version\": {\"qemu\": {\"major\": -1, \"minor\": 0, \"micro\": 0}}, "
         "\"capabilities\": []}}\n",
         "no message of its protocol");
}

static void nesting_has_a_limit(void **state)
{
    char text[400] = "{\"return\": ";
    (void)state;
    size_t n = strlen(text);
    memset(text + n, '[', 100);
    memset(text + n + 100, ']', 100);
    memcpy(text + n + 200, "}\n", 2);
    junk(text, n + 202, "nests too deep");
}

static void a_line_without_end_has_a_limit(void **state)
{
    auto_buffer in = {0};
    struct qmp_parser p = {0};
    struct qmp_message m;
    (void)state;
    uint8_t *bytes = buffer_reserve(&in, QMP_LINE_MAX + 1);
    assert_non_null(bytes);
    memset(bytes, ' ', QMP_LINE_MAX + 1);
    buffer_commit(&in, QMP_LINE_MAX);
    assert_int_equal(qmp_parse(&p, &in, &m, &fail), 0);
    assert_int_equal(p.scanned, QMP_LINE_MAX); /* it is not looked at again */
    buffer_commit(&in, 1);
    assert_int_equal(qmp_parse(&p, &in, &m, &fail), -1);
    assert_says(&fail, "too long");
}

static void empty_lines_are_nothing(void **state)
{
    auto_buffer in = {0};
    struct qmp_parser p = {0};
    struct qmp_message m;
    (void)state;
    assert_int_equal(buffer_append(&in, "\r\n\n\r\n", 5), 0);
    assert_int_equal(qmp_parse(&p, &in, &m, &fail), 0);
    assert_int_equal(buffer_size(&in), 0);
}

static void a_command_is_one_line(void **state)
{
    auto_buffer out = {0};
    auto_json *arguments = json_object_new_object();
    (void)state;
    json_object_object_add(arguments, "uri", json_object_new_string("unix:/run/\"x\"\n"));
    assert_int_equal(qmp_write_command(&out, "stop", NULL, 1, false, &fail), 0);
    assert_int_equal(qmp_write_command(&out, "migrate-recover", arguments, UINT64_MAX, true, &fail),
                     0);
    static const char text[] = "{\"execute\":\"stop\",\"id\":1}\r\n"
                               "{\"exec-oob\":\"migrate-recover\",\"id\":18446744073709551615,"
                               "\"arguments\":{\"uri\":\"unix:/run/\\\"x\\\"\\n\"}}\r\n";
    assert_int_equal(buffer_size(&out), sizeof(text) - 1);
    assert_memory_equal(buffer_bytes(&out), text, sizeof(text) - 1);
}

static void a_command_that_does_not_fit_leaves_nothing(void **state)
{
    auto_buffer out = {.limit = 20};
    auto_json *arguments = json_object_new_object();
    (void)state;
    assert_int_equal(qmp_write_command(&out, "query-status", NULL, 1, false, &fail), -1);
    assert_says(&fail, "send query-status to QEMU: too much is waiting");
    assert_int_equal(buffer_size(&out), 0);
    out.limit = 0;
    auto_free char *text = malloc(QMP_COMMAND_MAX + 1);
    memset(text, 'x', QMP_COMMAND_MAX);
    text[QMP_COMMAND_MAX] = 0;
    json_object_object_add(arguments, "x", json_object_new_string(text));
    assert_int_equal(qmp_write_command(&out, "stop", arguments, 1, false, &fail), -1);
    assert_says(&fail, "the limit is 4194304");
    assert_int_equal(buffer_size(&out), 0);
}

/* ---- events ---- */

static struct qmp_message event(const char *text, struct qmp_event *ret_event)
{
    struct qmp_message m = one(text);
    assert_int_equal(m.kind, QMP_EVENT);
    qmp_event_decode(m.name, m.data, m.wall_clock, ret_event);
    return m;
}

static void events_that_matter_are_understood(void **state)
{
    struct qmp_event e;
    (void)state;
    struct qmp_message m =
        event("{\"timestamp\": {\"seconds\": 1795470885, \"microseconds\": 308390}, "
              "\"event\": \"MIGRATION\", \"data\": {\"status\": "
              "\"postcopy-active\"}}\r\n",
              &e);
    assert_int_equal(e.kind, QMP_EVENT_MIGRATION);
    assert_int_equal(e.migration, QMP_MIGRATION_POSTCOPY_ACTIVE);
    assert_true(e.wall_clock == UINT64_C(1795470885308390));
    qmp_message_free(&m);

    m = event("{\"event\": \"MIGRATION\", \"data\": {\"status\": \"of-the-future\"}}\n", &e);
    assert_int_equal(e.migration, QMP_MIGRATION_UNKNOWN);
    assert_string_equal(e.migration_text, "of-the-future");
    assert_int_equal(e.wall_clock, 0);
    qmp_message_free(&m);

    m = event("{\"event\": \"STOP\"}\n", &e);
    assert_int_equal(e.kind, QMP_EVENT_STOP);
    qmp_message_free(&m);

    m = event("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
              "\"guest-shutdown\"}}\n",
              &e);
    assert_int_equal(e.kind, QMP_EVENT_SHUTDOWN);
    assert_true(e.guest);
    assert_string_equal(e.reason, "guest-shutdown");
    qmp_message_free(&m);

    m = event("{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"device\": \"\", \"nospace\": true, "
              "\"node-name\": \"libvirt-1-format\", \"reason\": \"No space left on device\", "
              "\"operation\": \"write\", \"action\": \"stop\"}}\n",
              &e);
    assert_int_equal(e.kind, QMP_EVENT_BLOCK_IO_ERROR);
    assert_null(e.device);
    assert_string_equal(e.node, "libvirt-1-format");
    assert_int_equal(e.io_action, QMP_IO_STOP);
    assert_true(e.no_space);
    qmp_message_free(&m);

    m = event(
        "{\"event\": \"VSERPORT_CHANGE\", \"data\": {\"open\": true, \"id\": \"channel0\"}}\n", &e);
    assert_string_equal(e.device, "channel0");
    assert_true(e.open);
    qmp_message_free(&m);

    m = event("{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": -3600}}\n", &e);
    assert_int_equal(e.offset, -3600);
    qmp_message_free(&m);

    m = event("{\"timestamp\": {\"seconds\": -1, \"microseconds\": -1}, \"event\": \"X_NEW\"}\n",
              &e);
    assert_int_equal(e.kind, QMP_EVENT_OTHER);
    assert_string_equal(e.name, "X_NEW");
    assert_int_equal(e.wall_clock, 0);
    qmp_message_free(&m);
}

static void an_event_without_its_data_is_harmless(void **state)
{
    static const char *const names[] = {"SHUTDOWN",         "RESET",
                                        "MIGRATION",        "MIGRATION_PASS",
                                        "BLOCK_IO_ERROR",   "GUEST_PANICKED",
                                        "WATCHDOG",         "DEVICE_DELETED",
                                        "VSERPORT_CHANGE",  "BALLOON_CHANGE",
                                        "BLOCK_JOB_READY",  "RTC_CHANGE",
                                        "UNPLUG_PRIMARY",   "NIC_RX_FILTER_CHANGED",
                                        "JOB_STATUS_CHANGE"};
    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct qmp_event e;
        qmp_event_decode(names[i], NULL, 0, &e);
        assert_int_not_equal(e.kind, QMP_EVENT_OTHER);
        assert_int_equal(e.migration, QMP_MIGRATION_UNKNOWN);
    }
}

/* ---- names ---- */

static void names_go_both_ways(void **state)
{
    (void)state;
    for (int i = QMP_MIGRATION_NONE; i < QMP_MIGRATION_STATUS_COUNT; i++)
        assert_int_equal(
            qmp_migration_status_parse(qmp_migration_status_name((enum qmp_migration_status)i)), i);
    for (int i = QMP_RUN_RUNNING; i < QMP_RUN_STATE_COUNT; i++)
        assert_int_equal(qmp_run_state_parse(qmp_run_state_name((enum qmp_run_state)i)), i);
    for (int i = 0; i < QMP_CAP_COUNT; i++)
        assert_int_equal(qmp_capability_parse(qmp_capability_name((enum qmp_capability)i)), i);
    /* Our word for what we do not know is none of QEMU's. */
    assert_int_equal(qmp_migration_status_parse("unknown"), QMP_MIGRATION_UNKNOWN);
    assert_int_equal(qmp_migration_status_parse(NULL), QMP_MIGRATION_UNKNOWN);
    assert_int_equal(qmp_run_state_parse("nonsense"), QMP_RUN_UNKNOWN);
    assert_int_equal(qmp_capability_parse("nonsense"), -1);
}

/* ---- replies ---- */

/* The reply with this id in a recorded conversation. */
static struct json_object *recorded(const char *file, uint64_t id)
{
    auto_free char *line = malloc(65536);
    char path[1024];
    struct json_object *data = NULL;
    snprintf(path, sizeof(path), GOLDEN "/qmp/%s", file);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (!data && fgets(line, 65536, f)) {
        struct qmp_message m = one(line);
        if (m.kind == QMP_RETURN && m.id == id)
            data = json_object_get(m.data);
        qmp_message_free(&m);
    }
    fclose(f);
    assert_non_null(data);
    return data;
}

static void recorded_replies_are_understood(void **state)
{
    struct qmp_version version;
    struct qmp_status status;
    struct qmp_capabilities caps;
    struct qmp_migrate_info info;
    (void)state;
    auto_json *v = recorded("migration-7.2.txt", 3), *s = recorded("migration-7.2.txt", 10);
    auto_json *c = recorded("migration-7.2.txt", 5), *c10 = recorded("migration-10.0.txt", 5);
    auto_json *idle = recorded("migration-7.2.txt", 6), *last = recorded("migration-7.2.txt", 12);
    auto_json *during = recorded("migration-10.0.txt", 9);

    assert_int_equal(qmp_version_decode(v, &version, &fail), 0);
    assert_int_equal(version.number, 7002022);
    assert_int_equal(qmp_status_decode(s, &status, &fail), 0);
    assert_int_equal(status.state, QMP_RUN_FINISH_MIGRATE);
    assert_false(status.running);

    assert_int_equal(qmp_capabilities_decode(c, &caps, &fail), 0);
    assert_int_equal(caps.unknown, 0);
    assert_int_equal(caps.enabled, 1u << QMP_CAP_EVENTS | 1u << QMP_CAP_RETURN_PATH |
                                       1u << QMP_CAP_PAUSE_BEFORE_SWITCHOVER);
    assert_false(caps.supported >> QMP_CAP_SWITCHOVER_ACK & 1);
    assert_int_equal(qmp_capabilities_decode(c10, &caps, &fail), 0);
    assert_int_equal(caps.unknown, 0);
    assert_true(caps.supported >> QMP_CAP_SWITCHOVER_ACK & 1);

    assert_int_equal(qmp_migrate_info_decode(idle, &info, &fail), 0);
    assert_int_equal(info.status, QMP_MIGRATION_NONE);
    assert_null(info.status_text);
    assert_false(info.has_ram);

    assert_int_equal(qmp_migrate_info_decode(during, &info, &fail), 0);
    assert_int_equal(info.status, QMP_MIGRATION_PRE_SWITCHOVER);
    assert_true(info.has_expected_downtime && !info.has_downtime);
    assert_int_equal(info.setup_time, 113);

    assert_int_equal(qmp_migrate_info_decode(last, &info, &fail), 0);
    assert_int_equal(info.status, QMP_MIGRATION_COMPLETED);
    assert_int_equal(info.total_time, 440);
    assert_int_equal(info.downtime, 57);
    assert_true(info.has_ram);
    assert_int_equal(info.ram.total, 17309696);
    assert_int_equal(info.ram.dirty_sync_count, 3);
    assert_int_equal(info.ram.normal, 123);
    assert_true(info.ram.mbps > 11.2 && info.ram.mbps < 11.3);
}

static void rare_fields_and_large_numbers_stay_whole(void **state)
{
    struct qmp_migrate_info info;
    (void)state;
    auto_json *reply = json_tokener_parse(
        "{\"status\": \"failed\", \"error-desc\": \"Unable to write to socket\", \"ram\": "
        "{\"total\": "
        "18446744073709551615, \"remaining\": -1, \"normal\": 1.5, \"page-size\": \"x\"}, "
        "\"disk\": "
        "{\"total\": 5}, \"xbzrle-cache\": {\"cache-size\": 64, \"overflow\": 2}, "
        "\"cpu-throttle-percentage\": 20, \"dirty-limit-throttle-time-per-round\": 7, "
        "\"dirty-limit-ring-full-time\": 9, \"postcopy-blocktime\": 12, \"blocked-reasons\": [\"a "
        "device\", \"b\"]}");
    assert_int_equal(qmp_migrate_info_decode(reply, &info, &fail), 0);
    assert_int_equal(info.status, QMP_MIGRATION_FAILED);
    assert_string_equal(info.error, "Unable to write to socket");
    assert_true(info.ram.total == UINT64_MAX);
    assert_int_equal(info.ram.remaining, 0);
    assert_int_equal(info.ram.normal, 0);
    assert_int_equal(info.ram.page_size, 0);
    assert_true(info.has_disk && info.disk.total == 5);
    assert_true(info.has_xbzrle && info.xbzrle.overflow == 2);
    assert_true(info.has_cpu_throttle && info.cpu_throttle == 20);
    assert_true(info.has_dirty_limit && info.dirty_limit_ring_full == 9);
    assert_true(info.has_postcopy_blocktime && info.postcopy_blocktime == 12);
    assert_int_equal(info.blocked_reasons, 2);
    assert_string_equal(info.blocked_reason, "a device");
}

static void a_reply_of_another_shape_is_an_error(void **state)
{
    struct qmp_migrate_info info;
    struct qmp_status status;
    struct qmp_version version;
    struct qmp_capabilities caps;
    (void)state;
    auto_json *list = json_tokener_parse("[{\"capability\": 5}, 7, null, {\"state\": true}]");
    auto_json *object = json_tokener_parse("{\"status\": 7}");
    assert_int_equal(qmp_migrate_info_decode(list, &info, &fail), -1);
    assert_says(&fail, "query-migrate");
    assert_int_equal(qmp_migrate_info_decode(NULL, &info, &fail), -1);
    assert_int_equal(qmp_status_decode(object, &status, &fail), -1);
    assert_says(&fail, "query-status");
    assert_int_equal(qmp_version_decode(object, &version, &fail), -1);
    assert_int_equal(qmp_capabilities_decode(object, &caps, &fail), -1);
    assert_int_equal(qmp_capabilities_decode(list, &caps, &fail), 0);
    assert_int_equal(caps.unknown, 4);
    assert_int_equal(caps.enabled, 0);
}

static void capabilities_are_set_one_by_one(void **state)
{
    (void)state;
    auto_json *o =
        qmp_capabilities_encode(1u << QMP_CAP_EVENTS | 1u << QMP_CAP_MULTIFD, 1u << QMP_CAP_EVENTS);
    assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
                        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true},"
                        "{\"capability\":\"multifd\",\"state\":false}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_says_version_and_oob),
        cmocka_unit_test(replies_carry_their_id),
        cmocka_unit_test(a_real_conversation_comes_in_any_pieces),
        cmocka_unit_test(junk_is_refused_and_shown),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_line_without_end_has_a_limit),
        cmocka_unit_test(empty_lines_are_nothing),
        cmocka_unit_test(a_command_is_one_line),
        cmocka_unit_test(a_command_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(events_that_matter_are_understood),
        cmocka_unit_test(an_event_without_its_data_is_harmless),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(recorded_replies_are_understood),
        cmocka_unit_test(rare_fields_and_large_numbers_stay_whole),
        cmocka_unit_test(a_reply_of_another_shape_is_an_error),
        cmocka_unit_test(capabilities_are_set_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
