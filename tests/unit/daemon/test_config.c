/* The settings file: what it may say, and that nothing in it is silently ignored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/config.h"

/* Loads this text as a file; its path is "FILE" in the error. */
static int load(struct config *c, const char *text, size_t size, struct fail *f)
{
    char path[] = "/tmp/baton-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    config_init(c);
    int r = config_load(c, path, false, f);
    unlink(path);
    return r;
}

static struct config loaded(const char *text)
{
    struct config c;
    struct fail f;
    if (load(&c, text, strlen(text), &f) < 0)
        fail_msg("%s", f.text);
    return c;
}

static void refused(const char *text, const char *words)
{
    struct config c;
    struct fail f = {0};
    assert_int_equal(load(&c, text, strlen(text), &f), -1);
    assert_int_equal(f.code, VIR_ERR_CONF_SYNTAX);
    if (!strstr(f.text, words))
        fail_msg("'%s' is not in: %s", words, f.text);
    config_free(&c);
}

static void test_every_setting_is_read(void **state)
{
    (void)state;
    struct config c = loaded("# a comment\n"
                             "host_uuid = \"11111111-2222-3333-4444-555555555555\"\n"
                             "hostname='a-b'   # behind a value\n"
                             "\temulator = \"/opt/q#mu\"\r\n"
                             "migration_address = \"192.0.2.7 ,2001:db8::7\"\n"
                             "postcopy_recovery = 0\n"
                             "postcopy_stall_timeout = 0\n"
                             "client_return_timeout = 5\n"
                             "migration_port_min = 50000\n"
                             "migration_port_max = 50009\n"
                             "pause_before_switchover = 0\n"
                             "own_the_stop = 1\n"
                             "listen_tcp = \"[::1]:16510\"\n"
                             "unix_sock_group = \"root\"\n"
                             "unix_sock_rw_perms = \"0770\"\n"
                             "unix_sock_ro_perms = \"0700\"\n"
                             "keepalive_interval = -1\n"
                             "keepalive_count = 0\n"
                             "max_clients = 7\n"
                             "max_client_requests = 8\n"
                             "log_level = \"debug\"");
    assert_true(c.has_host_uuid);
    assert_int_equal(c.host_uuid.byte[15], 0x55);
    assert_string_equal(c.hostname, "a-b");
    assert_string_equal(c.emulator, "/opt/q#mu");
    assert_int_equal(c.migration_address_count, 2);
    assert_string_equal(c.migration_addresses[0], "192.0.2.7");
    assert_string_equal(c.migration_addresses[1], "2001:db8::7");
    assert_int_equal(c.postcopy_recovery, 0);
    assert_int_equal(c.postcopy_stall_timeout, 0);
    assert_int_equal(c.client_return_timeout, 5);
    assert_int_equal(c.migration_port_min, 50000);
    assert_int_equal(c.migration_port_max, 50009);
    assert_int_equal(c.pause_before_switchover, CONFIG_OFF);
    assert_int_equal(c.own_the_stop, CONFIG_ON);
    assert_string_equal(c.listen_tcp_address, "::1");
    assert_int_equal(c.listen_tcp_port, 16510);
    struct fail why;
    assert_null(c.peer_listen_address);
    assert_int_equal(config_set_peer_listen(&c, "/run/baton/peer", &why), 0);
    assert_string_equal(c.peer_listen_path, "/run/baton/peer");
    assert_int_equal(config_set_peer_listen(&c, "[::1]:16515", &why), 0);
    assert_string_equal(c.peer_listen_address, "::1");
    assert_int_equal(c.peer_listen_port, 16515);
    assert_string_equal(c.unix_sock_group, "root");
    assert_int_equal(c.unix_sock_rw_perms, 0770);
    assert_int_equal(c.unix_sock_ro_perms, 0700);
    assert_int_equal(c.keepalive_interval, -1);
    assert_int_equal(c.keepalive_count, 0);
    assert_int_equal(c.max_clients, 7);
    assert_int_equal(c.max_client_requests, 8);
    assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
    config_free(&c);
}

static void test_without_settings_the_defaults_hold(void **state)
{
    (void)state;
    struct config c = loaded("\n\n# nothing\n   \n");
    struct fail f;
    assert_int_equal(config_complete(&c, &f), 0);
    assert_string_equal(c.run_dir, "/run/libvirt");
    assert_string_equal(c.state_dir, "/var/lib/baton");
    assert_string_equal(c.emulator, "/usr/bin/qemu-system-x86_64");
    assert_non_null(c.hostname);
    assert_null(c.listen_tcp_address);
    assert_int_equal(c.unix_sock_rw_perms, 0700);
    assert_int_equal(c.pause_before_switchover, CONFIG_AUTO);
    assert_int_equal(c.own_the_stop, CONFIG_AUTO);
    assert_int_equal(c.migration_port_min, 49152);
    assert_int_equal(c.migration_port_max, 49215);
    config_free(&c);
}

static void test_switches_and_levels_have_their_words(void **state)
{
    (void)state;
    struct config c = loaded("pause_before_switchover = \"auto\"\nlog_level = 4\n");
    assert_int_equal(c.pause_before_switchover, CONFIG_AUTO);
    assert_int_equal(c.log_level, LOG_LEVEL_ERROR);
    config_free(&c);
    c = loaded("pause_before_switchover = 1\n");
    assert_int_equal(c.pause_before_switchover, CONFIG_ON);
    config_free(&c);
}

static void test_errors_name_file_line_and_key(void **state)
{
    (void)state;
    refused("\n\nmax_clientz = 5\n", ":3: there is no setting 'max_clientz'");
    refused("max_clients = 5\nmax_clients = 5\n", ":2: max_clients is set a second time");
    refused("max_clients = \"5\"\n", ":1: max_clients wants a number from 1 to 100000");
    refused("max_clients = 0\n", "max_clients wants a number from 1");
    refused("max_clients = 99999999999999999999\n", "max_clients: the number is too large");
    refused("max_clients = 5x\n", "max_clients: there is more after the value");
    refused("hostname = 5\n", "hostname wants a string");
    refused("hostname = \"\"\n", "not an empty one");
    refused("hostname = host1\n", "hostname: the value is neither");
    refused("hostname = \"host1\n", "hostname: the string does not end on its line");
    refused("hostname =\n", "hostname: the value is missing");
    refused("hostname = # none\n", "hostname: the value is missing");
    refused("hostname = [ \"a\" ]\n", "hostname: no setting takes a list");
    refused("hostname\n", "expected `key = value`");
    refused("= 5\n", "expected `key = value`");
    refused("host_uuid = \"12\"\n", "host_uuid: '12' is not a uuid");
    refused("host_uuid = \"00000000-0000-0000-0000-000000000000\"\n", "host_uuid: all digits of");
    refused("hostname = \"two words\"\n", "hostname: 'two words' is not the name of a host");
    refused("hostname = \"a/b\"\n", "hostname: 'a/b' is not the name of a host");
    refused("emulator = \"qemu\"\n", "emulator: 'qemu' is not an absolute path");
    refused("unix_sock_group = \"no such group\"\n",
            "unix_sock_group: there is no group 'no such group'");
    refused("unix_sock_rw_perms = \"0999\"\n", "unix_sock_rw_perms wants octal");
    refused("unix_sock_rw_perms = \"7777\"\n", "unix_sock_rw_perms wants octal");
    refused("unix_sock_rw_perms = 700\n", "unix_sock_rw_perms wants a string");
    refused("migration_port_min = 65536\n", "from 1 to 65535");
    refused("pause_before_switchover = 2\n", "wants \"auto\", 0 or 1");
    refused("log_level = \"loud\"\n", "log_level wants");
    refused("listen_tcp = \"0.0.0.0\"\n", "listen_tcp: '0.0.0.0' is not ADDRESS:PORT");
    refused("peer_listen = \"0.0.0.0\"\n", "peer_listen: '0.0.0.0' is not ADDRESS:PORT");
    refused("peer_listen = \"\"\n", "peer_listen wants a string");
    refused("migration_address = \"a,,b\"\n", "migration_address: '' is no address");
    refused("migration_address = \"a b\"\n", "migration_address: a comma is missing");
    refused("migration_address = \"a,b,c,d,e,f,g,h,i\"\n", "more than 8 addresses");
    refused("postcopy_recovery = 2\n", "postcopy_recovery wants a number from 0 to 1");
    refused("require_proof = 2\n", "require_proof wants a number from 0 to 1");
}

static void test_a_file_that_is_none_is_refused(void **state)
{
    (void)state;
    struct config c;
    struct fail f;
    assert_int_equal(load(&c, "a\0b", 3, &f), -1);
    assert_non_null(strstr(f.text, "not a text file"));
    config_free(&c);
    config_init(&c);
    assert_int_equal(config_load(&c, "/nonexistent/x", false, &f), -1);
    assert_non_null(strstr(f.text, "/nonexistent/x: there is no such file"));
    assert_int_equal(config_load(&c, "/nonexistent/x", true, &f), 0);
    config_free(&c);
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",       ":5",   "a:",      "a:0",   "a:65536",
                                        "a:5x",   "a: 5", "a:-5",    "::1:5", "[::1]5",
                                        "[::1:5", "[]:5", "[::1]x:5"};
    struct config c;
    struct fail f;
    config_init(&c);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (config_set_listen_tcp(&c, wrong[i], &f) == 0)
            fail_msg("'%s' was taken", wrong[i]);
    assert_null(c.listen_tcp_address);
    assert_int_equal(config_set_listen_tcp(&c, "host:1", &f), 0);
    assert_string_equal(c.listen_tcp_address, "host");
    assert_int_equal(config_set_listen_tcp(&c, "[fe80::1]:65535", &f), 0);
    assert_string_equal(c.listen_tcp_address, "fe80::1");
    assert_int_equal(c.listen_tcp_port, 65535);
    config_free(&c);
}

static void test_a_root_has_everything_below_it(void **state)
{
    (void)state;
    struct config c;
    struct fail f;
    config_init(&c);
    assert_int_equal(config_set_root(&c, "/srv/b//", &f), 0);
    assert_string_equal(c.run_dir, "/srv/b/run/libvirt");
    assert_string_equal(c.socket_dir, "/srv/b/run/baton");
    assert_string_equal(c.state_dir, "/srv/b/lib");
    assert_string_equal(c.cache_dir, "/srv/b/cache");
    assert_string_equal(c.log_dir, "/srv/b/log");
    assert_int_equal(config_set_root(&c, "here", &f), 0);
    assert_int_equal(c.run_dir[0], '/');
    assert_int_equal(config_set_root(&c, "", &f), -1);
    config_free(&c);
}

/* Two daemons on one machine are two hosts, and each is the same one after a restart. */
static void test_each_root_is_a_host_of_its_own(void **state)
{
    (void)state;
    static const char *const roots[] = {"/srv/a", "/srv/b", "/srv/a", NULL};
    struct config c[4];
    struct fail f;
    for (int i = 0; i < 4; i++) {
        config_init(&c[i]);
        assert_int_equal(config_set_root(&c[i], roots[i], &f), 0);
        assert_int_equal(config_complete(&c[i], &f), 0);
    }
    assert_true(uuid_equal(&c[0].host_uuid, &c[2].host_uuid));
    assert_false(uuid_equal(&c[0].host_uuid, &c[1].host_uuid));
    assert_false(uuid_equal(&c[0].host_uuid, &c[3].host_uuid));
    for (int i = 0; i < 4; i++)
        config_free(&c[i]);
}

static void test_a_range_of_ports_is_not_upside_down(void **state)
{
    (void)state;
    refused("migration_port_min = 50001\nmigration_port_max = 50000\n",
            ": migration_port_min (50001) is larger");
    refused("migration_port_max = 49000\n", "is larger than migration_port_max (49000)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_setting_is_read),
        cmocka_unit_test(test_without_settings_the_defaults_hold),
        cmocka_unit_test(test_switches_and_levels_have_their_words),
        cmocka_unit_test(test_errors_name_file_line_and_key),
        cmocka_unit_test(test_a_file_that_is_none_is_refused),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_a_root_has_everything_below_it),
        cmocka_unit_test(test_each_root_is_a_host_of_its_own),
        cmocka_unit_test(test_a_range_of_ports_is_not_upside_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
