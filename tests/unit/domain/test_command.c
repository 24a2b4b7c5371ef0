/* test_command.c - our command lines against those that a stock libvirtd built.
 *
 * tests/golden/command/NAME.xml is the document, NAME.args what libvirt 9.0 made of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "command_golden.h"
#include "emulator_golden.h"

enum { MACHINES_MAX = 400 };

/* A definition, completed for the emulator. */
static struct domain *parse_golden(const char *name, const struct emulator *e)
{
    static struct domain_machine machines[MACHINES_MAX];
    struct domain_defaults defaults = {
        .emulator = e->path, .machine = emulator_default_machine(e)->name, .machines = machines};
    for (size_t i = 0; i < e->machine_count; i++) {
        const struct emulator_machine *machine = &e->machines[i];
        machines[defaults.machine_count++] = (struct domain_machine){.name = machine->name};
        if (machine->alias)
            machines[defaults.machine_count++] =
                (struct domain_machine){.name = machine->alias, .canonical = machine->name};
    }
    char file[128];
    snprintf(file, sizeof(file), "command/%s.xml", name);
    char *text = golden_text(file);
    struct domain *d = NULL;
    struct fail f = {0};
    if (domain_parse(text, strlen(text), 0, &d, &f) < 0 ||
        domain_fill_defaults(d, &defaults, &f) < 0)
        fail_msg("%s: %s", name, f.text);
    free(text);
    return d;
}

static struct command build_golden(const char *name, const struct emulator *e, bool incoming)
{
    const struct command_net nets[] = {{.tap_fd = 30, .vhost_fd = -1}, {-1, -1}};
    const struct command_options options = {
        .emulator = e,
        .monitor_fd = 29,
        .incoming = incoming,
        .state_dir = "/var/lib/baton/qemu/guest",
        .sandbox = true,
        .nets = nets,
    };
    auto_domain struct domain *d = parse_golden(name, e);
    struct command command = {0};
    struct fail f = {0};
    if (command_prepare(d, e, "/run/channel/target/guest", &f) < 0 ||
        command_build(d, &options, &command, &f) < 0)
        fail_msg("%s: %s", name, f.text);
    return command;
}

/* libvirt's cookie carries what QEMU really enabled, and its destination names that; the model has
 * it anyway. */
static void drop_cookie_features(struct json_object *items)
{
    struct json_object *cpu = find_item(items, "-cpu", "", "qemu64");
    item_del(cpu, "hypervisor");
    item_del(cpu, "lahf-lm");
}

static void check_golden(const char *name, const struct emulator *e)
{
    struct command command = build_golden(name, e, !strcmp(name, "incoming"));
    assert_string_equal(command.argv[0], e->path);
    struct json_object *ours = even_out(command_items(command.argv));
    struct json_object *theirs = even_out(golden_items(name));
    if (!strcmp(name, "incoming"))
        drop_cookie_features(theirs);
    print_message("           %s\n", name);
    assert_same_items(ours, theirs);
    json_object_put(ours);
    json_object_put(theirs);
    command_free(&command);
}

static void test_qemu_7_2_gets_what_libvirt_gives_it(void **state)
{
    static const char *const names[] = {"q35-disks", "q35-kernel", "q35-options",
                                        "pc-block",  "pc-more",    "incoming"};
    (void)state;
    auto_emulator struct emulator *e =
        golden_emulator("qemu-7.2.json", "/usr/bin/qemu-system-x86_64");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_golden(names[i], e);
}

static void test_kvm_gets_what_libvirt_gives_it(void **state)
{
    (void)state;
    auto_emulator struct emulator *e =
        golden_emulator("qemu-7.2.json", "/usr/bin/qemu-system-x86_64");
    e->kvm_enabled = true;
    check_golden("kvm-host", e);
}

static void test_qemu_10_gets_what_libvirt_gives_it(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-10.0.json", "/usr/local/bin/qemu-10");
    check_golden("q35-modern", e);
}

/* The documents of 7.2 machines on QEMU 10: the same guest, whoever runs it. */
static void test_qemu_10_gets_the_same_guests(void **state)
{
    static const char *const names[] = {"q35-disks", "q35-kernel", "q35-options", "pc-block",
                                        "incoming"};
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-10.0.json", "/usr/local/bin/qemu-10");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_golden(names[i], e);
}

/* Only a machine that has the old kind of preempt channel is told to do without, and only where the
 * emulator knows how. */
static void test_the_preempt_channel_comes_late(void **state)
{
    static const struct {
        const char *name, *emulator, *path;
        bool told;
    } rows[] = {
        {"q35-disks", "qemu-7.2.json", "/usr/bin/qemu-system-x86_64", false},
        {"q35-disks", "qemu-10.0.json", "/usr/local/bin/qemu-10", true},
        {"pc-block", "qemu-10.0.json", "/usr/local/bin/qemu-10", true},
        {"q35-modern", "qemu-10.0.json", "/usr/local/bin/qemu-10", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        auto_emulator struct emulator *e = golden_emulator(rows[i].emulator, rows[i].path);
        struct command command = build_golden(rows[i].name, e, false);
        bool told = false;
        for (size_t j = 0; j < command.argc; j++)
            told |= !strcmp(command.argv[j], "migration.x-preempt-pre-7-2=off");
        assert_int_equal(told, rows[i].told);
        command_free(&command);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qemu_7_2_gets_what_libvirt_gives_it),
        cmocka_unit_test(test_kvm_gets_what_libvirt_gives_it),
        cmocka_unit_test(test_qemu_10_gets_what_libvirt_gives_it),
        cmocka_unit_test(test_qemu_10_gets_the_same_guests),
        cmocka_unit_test(test_the_preempt_channel_comes_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
