/* test_emulator.c - what QEMU 7.2 and 10 answer to the probe, kept, cached, and misshapen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "emulator_golden.h"

static const char path[] = "/usr/bin/qemu-system-x86_64";

static void test_a_7_2_is_known(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    assert_int_equal(e->version, 7002022);
    assert_string_equal(e->path, path);
    assert_string_equal(e->arch, "x86_64");
    assert_non_null(strstr(e->package, "Debian"));
    assert_true(e->kvm_present);
    assert_false(e->kvm_enabled);
    assert_true(emulator_has_command(e, "migrate-recover"));
    assert_false(emulator_has_command(e, "migrate-recovery"));
    assert_true(emulator_has_migration_capability(e, "pause-before-switchover"));
    assert_false(emulator_has_migration_capability(e, "switchover-ack"));
    assert_true(emulator_has_machine_property(e, "hpet"));
    assert_true(emulator_has_option(e, "sandbox"));
    assert_true(emulator_has_option(e, "action.reboot"));
    assert_false(emulator_has_option(e, "chardev.reconnect-ms"));
}

static void test_a_10_0_is_known(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-10.0.json", path);
    assert_int_equal(e->version, 10000002);
    assert_true(emulator_has_migration_capability(e, "switchover-ack"));
    assert_false(emulator_has_migration_capability(e, "compress"));
    assert_true(emulator_has_option(e, "chardev.reconnect-ms"));
}

static void test_machines_go_by_name_and_alias(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-10.0.json", path);
    const struct emulator_machine *q35 = emulator_find_machine(e, "q35");
    assert_non_null(q35);
    assert_string_equal(q35->name, "pc-q35-10.0");
    assert_string_equal(q35->ram_id, "pc.ram");
    assert_int_equal(q35->max_cpus, 4096);
    assert_ptr_equal(emulator_find_machine(e, "pc-q35-10.0"), q35);
    assert_true(emulator_find_machine(e, "pc-q35-5.2")->deprecated);
    assert_null(emulator_find_machine(e, "none"));
    assert_null(emulator_find_machine(e, "pc-q35-99.0"));
    assert_string_equal(emulator_default_machine(e)->name, "pc-i440fx-10.0");
}

static void test_cpus_say_what_the_host_lacks(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    assert_int_equal(emulator_find_cpu(e, "qemu64")->with[EMULATOR_TCG].usable,
                     EMULATOR_USABLE_YES);
    const struct emulator_cpu *skylake = emulator_find_cpu(e, "Skylake-Server");
    assert_int_equal(skylake->with[EMULATOR_TCG].usable, EMULATOR_USABLE_NO);
    assert_true(emulator_names_have(&skylake->with[EMULATOR_TCG].blockers, "xsavec"));
    assert_int_equal(skylake->with[EMULATOR_KVM].usable, EMULATOR_USABLE_UNKNOWN);
    assert_string_equal(e->host_cpu[EMULATOR_TCG].vendor, "AuthenticAMD");
    assert_true(emulator_names_have(&e->host_cpu[EMULATOR_TCG].features, "avx2"));
    assert_false(emulator_names_have(&e->host_cpu[EMULATOR_TCG].features, "avx512f"));
    assert_null(e->host_cpu[EMULATOR_KVM].vendor);
    assert_null(emulator_find_cpu(e, "Z80"));
}

/* Where KVM works, what TCG can do comes from a second run. */
static void test_tcg_is_added_to_kvm(void **state)
{
    (void)state;
    struct json_object *replies = golden_replies("qemu-7.2.json");
    json_object_array_put_idx(replies, 2, json_tokener_parse("{\"enabled\":true}"));
    auto_emulator struct emulator *e = NULL;
    struct fail f = {0};
    assert_int_equal(golden_probe(replies, path, &e, &f), 0);
    const struct emulator_cpu *qemu64 = emulator_find_cpu(e, "qemu64");
    assert_int_equal(qemu64->with[EMULATOR_KVM].usable, EMULATOR_USABLE_YES);
    assert_int_equal(qemu64->with[EMULATOR_TCG].usable, EMULATOR_USABLE_UNKNOWN);
    struct json_object *list[GOLDEN_REPLIES];
    size_t count = json_object_array_length(replies);
    for (size_t i = 0; i < count; i++)
        list[i] = json_object_array_get_idx(replies, i);
    assert_int_equal(emulator_add_tcg(e, list, count - 1, &f), -1);
    assert_int_equal(emulator_add_tcg(e, list, count, &f), 0);
    assert_int_equal(qemu64->with[EMULATOR_TCG].usable, EMULATOR_USABLE_YES);
    assert_non_null(e->host_cpu[EMULATOR_TCG].vendor);
    json_object_put(replies);
}

static void test_the_cache_gives_back_what_it_got(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    struct json_object *json = emulator_to_json(e);
    auto_emulator struct emulator *again = NULL;
    struct fail f = {0};
    assert_int_equal(emulator_from_json(json, &again, &f), 0);
    assert_true(emulator_identity_equal(&e->identity, &again->identity));
    struct json_object *json_again = emulator_to_json(again);
    assert_true(json_object_equal(json, json_again));
    assert_int_equal(again->version, e->version);
    assert_int_equal(again->machine_count, e->machine_count);
    assert_int_equal(again->cpu_count, e->cpu_count);
    assert_int_equal(emulator_find_cpu(again, "Skylake-Server")->with[EMULATOR_TCG].usable,
                     EMULATOR_USABLE_NO);
    assert_int_equal(emulator_find_cpu(again, "qemu64")->with[EMULATOR_TCG].usable,
                     EMULATOR_USABLE_YES);
    json_object_put(json_again);
    json_object_put(json);
}

static void test_a_changed_binary_is_another(void **state)
{
    (void)state;
    const struct emulator_identity a = {1, 2, 3, 4, 5};
    const struct emulator_identity changed[] = {
        {0, 2, 3, 4, 5}, {1, 0, 3, 4, 5}, {1, 2, 0, 4, 5}, {1, 2, 3, 0, 5}, {1, 2, 3, 4, 0}};
    assert_true(emulator_identity_equal(&a, &a));
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
        assert_false(emulator_identity_equal(&a, &changed[i]));
}

/* Take one member after the other away, then turn it into something else. */
static void test_a_damaged_cache_is_refused(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "cache-version", "path",    "identity",
        "version",       "package", "arch",
        "machines",      "cpus",    "migration-capabilities",
        "commands",      "options", "machine-properties",
    };
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        struct json_object *json = emulator_to_json(e);
        struct emulator *again = NULL;
        struct fail f = {0};
        json_object_object_del(json, needed[i]);
        assert_int_equal(emulator_from_json(json, &again, &f), -1);
        assert_true(f.text[0]);
        json_object_object_add(json, needed[i], json_object_new_boolean(true));
        assert_int_equal(emulator_from_json(json, &again, &f), -1);
        assert_null(again);
        json_object_put(json);
    }
    struct fail f = {0};
    struct emulator *again = NULL;
    assert_int_equal(emulator_from_json(NULL, &again, &f), -1);
}

static void test_a_cache_of_another_version_is_refused(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    struct json_object *json = emulator_to_json(e);
    json_object_object_add(json, "cache-version", json_object_new_int(EMULATOR_CACHE_VERSION + 1));
    struct emulator *again = NULL;
    struct fail f = {0};
    assert_int_equal(emulator_from_json(json, &again, &f), -1);
    assert_non_null(strstr(f.text, "version"));
    json_object_put(json);
}

/* What a running guest goes on being judged by; damaged, it is nobody's. */
static void test_a_running_one_keeps_what_it_can_do(void **state)
{
    static const char *const needed[] = {"cache-version", "path",    "identity",
                                         "version",       "package", "migration-capabilities"};
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    struct json_object *json = emulator_running_to_json(e);
    auto_emulator struct emulator *again = NULL;
    struct fail f = {0};
    assert_int_equal(emulator_running_from_json(json, &again, &f), 0);
    assert_int_equal(again->version, e->version);
    assert_int_equal(again->migration_capabilities.count, e->migration_capabilities.count);
    assert_true(emulator_has_migration_capability(again, "postcopy-ram"));
    assert_true(strlen(json_object_to_json_string(json)) < 4096);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        struct emulator *none = NULL;
        struct json_object *damaged = emulator_running_to_json(e);
        json_object_object_del(damaged, needed[i]);
        assert_int_equal(emulator_running_from_json(damaged, &none, &f), -1);
        assert_null(none);
        json_object_put(damaged);
    }
    json_object_put(json);
}

/* Each answer replaced by an error, then by nonsense; only some may be missing. */
static void test_answers_that_make_no_sense(void **state)
{
    (void)state;
    size_t count;
    const struct emulator_probe_command *commands = emulator_probe_commands(&count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *replies = golden_replies("qemu-7.2.json");
        assert_int_equal(json_object_array_length(replies), count);
        auto_emulator struct emulator *e = NULL;
        struct fail f = {0};
        json_object_array_put_idx(replies, i, NULL);
        assert_int_equal(golden_probe(replies, path, &e, &f), commands[i].may_fail ? 0 : -1);
        if (!commands[i].may_fail)
            assert_non_null(strstr(f.text, commands[i].execute));
        json_object_array_put_idx(replies, i, json_tokener_parse("[{\"name\":7},[],null]"));
        struct emulator *never = NULL;
        if (strcmp(commands[i].execute, "query-kvm") != 0)
            assert_int_equal(golden_probe(replies, path, &never, &f), -1);
        assert_null(never);
        json_object_put(replies);
    }
}

static void test_an_old_emulator_is_refused_by_version(void **state)
{
    (void)state;
    struct json_object *replies = golden_replies("qemu-7.2.json");
    json_object_array_put_idx(
        replies, 0, json_tokener_parse("{\"qemu\":{\"major\":6,\"minor\":2,\"micro\":0}}"));
    struct emulator *e = NULL;
    struct fail f = {0};
    assert_int_equal(golden_probe(replies, path, &e, &f), -1);
    assert_int_equal(f.code, VIR_ERR_CONFIG_UNSUPPORTED);
    assert_non_null(strstr(f.text, "6.2.0"));
    assert_non_null(strstr(f.text, "7.2"));
    json_object_put(replies);
}

static void test_endless_answers_meet_a_limit(void **state)
{
    (void)state;
    struct json_object *replies = golden_replies("qemu-7.2.json");
    struct json_object *names = json_object_new_array(), *name = json_object_new_object();
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = 0;
    json_object_object_add(name, "name", json_object_new_string(text));
    for (int i = 0; i < 2 * EMULATOR_ARENA_MAX / 1000; i++)
        json_object_array_add(names, json_object_get(name));
    json_object_array_put_idx(replies, 5, names);
    struct emulator *e = NULL;
    struct fail f = {0};
    assert_int_equal(golden_probe(replies, path, &e, &f), -1);
    assert_int_equal(f.code, VIR_ERR_NO_MEMORY);
    json_object_put(name);
    json_object_put(replies);
}

static void test_the_probe_runs_no_guest(void **state)
{
    (void)state;
    struct emulator_probe probe;
    emulator_probe_argv(path, 17, &probe);
    assert_string_equal(probe.argv[0], path);
    bool stopped = false, machine = false, monitor = false;
    for (size_t i = 1; probe.argv[i]; i++) {
        stopped = stopped || !strcmp(probe.argv[i], "-S");
        machine = machine || !strcmp(probe.argv[i], "none,accel=kvm:tcg");
        monitor = monitor || strstr(probe.argv[i], ",fd=17,");
    }
    assert_true(stopped && machine && monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_7_2_is_known),
        cmocka_unit_test(test_a_10_0_is_known),
        cmocka_unit_test(test_machines_go_by_name_and_alias),
        cmocka_unit_test(test_cpus_say_what_the_host_lacks),
        cmocka_unit_test(test_tcg_is_added_to_kvm),
        cmocka_unit_test(test_the_cache_gives_back_what_it_got),
        cmocka_unit_test(test_a_changed_binary_is_another),
        cmocka_unit_test(test_a_damaged_cache_is_refused),
        cmocka_unit_test(test_a_cache_of_another_version_is_refused),
        cmocka_unit_test(test_a_running_one_keeps_what_it_can_do),
        cmocka_unit_test(test_answers_that_make_no_sense),
        cmocka_unit_test(test_an_old_emulator_is_refused_by_version),
        cmocka_unit_test(test_endless_answers_meet_a_limit),
        cmocka_unit_test(test_the_probe_runs_no_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
