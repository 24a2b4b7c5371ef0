/* The addresses that users write: streams of migrations, and other daemons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "daemon/migrate_uri.h"
#include "daemon/peer_uri.h"

static void stream_addresses_become_what_qemu_takes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"tcp://10.0.0.2:49152", "tcp:10.0.0.2:49152"},
        {"tcp:host.example:49152", "tcp:host.example:49152"},
        {"tcp://[::1]:49152", "tcp:[::1]:49152"},
        {"unix:/run/m.sock", "unix:/run/m.sock"},
        {"unix:///run/m.sock", "unix:/run/m.sock"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[MIGRATE_URI_MAX];
        struct fail f;
        assert_int_equal(migrate_uri_for_qemu(pairs[i][0], text, sizeof(text), &f), 0);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void nonsense_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "only tcp and unix"},
        {"rdma:host:1", "only tcp and unix"},
        {"exec:rm -rf /", "only tcp and unix"},
        {"tcp:", "no host"},
        {"tcp://:49152", "no host"},
        {"tcp://host:0", "no number"},
        {"tcp://host:65536", "no number"},
        {"tcp://host:-1", "no number"},
        {"tcp://host:12x", "no number"},
        {"tcp://a/b:1", "no host"},
        {"tcp://[::1:49152", "']' is missing"},
        {"tcp://[::1]49152", "behind the host"},
        {"unix:relative", "absolute"},
        {"unix:/12345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "123456789012345678901234567",
         "longer"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct migrate_uri u;
        struct fail f = {0};
        assert_int_equal(migrate_uri_parse(bad[i][0], &u, &f), -1);
        assert_int_equal(f.code, VIR_ERR_INVALID_ARG);
        assert_non_null(strstr(f.text, bad[i][1]));
    }
}

static void a_stream_needs_a_port_at_last(void **state)
{
    (void)state;
    char text[MIGRATE_URI_MAX];
    struct fail f = {0};
    struct migrate_uri u;
    assert_int_equal(migrate_uri_parse("tcp://host", &u, &f), 0);
    assert_int_equal(u.port, 0);
    assert_int_equal(migrate_uri_for_qemu("tcp://host", text, sizeof(text), &f), -1);
}

static void daemons_are_found_by_their_uris(void **state)
{
    (void)state;
    struct peer_uri u;
    struct fail f;
    assert_int_equal(peer_uri_parse("qemu+tcp://b/system", &u, &f), 0);
    assert_false(u.is_unix);
    assert_string_equal(u.host, "b");
    assert_int_equal(u.port, 16509);
    assert_int_equal(peer_uri_parse("qemu+tcp://[fe80::1]:7/system", &u, &f), 0);
    assert_string_equal(u.host, "fe80::1");
    assert_int_equal(u.port, 7);
    assert_int_equal(peer_uri_parse("qemu+unix:///system?socket=%2Ftmp%2Fs", &u, &f), 0);
    assert_true(u.is_unix);
    assert_string_equal(u.path, "/tmp/s");
    assert_int_equal(peer_uri_parse("qemu:///system", &u, &f), 0);
    assert_string_equal(u.path, "/run/libvirt/virtqemud-sock");
}

static void other_daemons_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "nonsense",
        "qemu+ssh://host/system",
        "qemu+tcp:///system",
        "qemu+tcp://host/session",
        "qemu+tcp://host",
        "qemu+tcp://host:x/system",
        "qemu+unix://host/system",
        "qemu+unix:///system?socket=relative",
        "qemu+unix:///system?socket=",
        "xen+tcp://host/system",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct peer_uri u;
        struct fail f = {0};
        assert_int_equal(peer_uri_parse(bad[i], &u, &f), -1);
        assert_int_equal(f.code, VIR_ERR_INVALID_ARG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_addresses_become_what_qemu_takes),
        cmocka_unit_test(nonsense_is_refused_by_name),
        cmocka_unit_test(a_stream_needs_a_port_at_last),
        cmocka_unit_test(daemons_are_found_by_their_uris),
        cmocka_unit_test(other_daemons_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
