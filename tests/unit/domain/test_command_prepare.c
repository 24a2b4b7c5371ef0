/* test_command_prepare.c - what a start settles, what it refuses, and what only our side decides:
 * sizes, taps, sockets, environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "command_golden.h"
#include "emulator_golden.h"

static const char qemu[] = "/usr/bin/qemu-system-x86_64";
static const char folder[] = "/run/baton/7";

/* A small guest; TYPE is the domain's type, MIDDLE stands before the devices, DEVICES among them.
 */
static struct domain *make_guest(const char *type, const char *middle, const char *devices)
{
    char text[8192];
    const struct domain_defaults defaults = {.emulator = qemu, .machine = "pc-q35-7.2"};
    snprintf(text, sizeof(text),
             "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
             "<name>g1</name><memory unit='KiB'>131080</memory><vcpu>2</vcpu>"
             "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>%s"
             "<devices><emulator>%s</emulator>%s</devices></domain>",
             type, middle, qemu, devices);
    struct domain *d = NULL;
    struct fail f = {0};
    if (domain_parse(text, strlen(text), 0, &d, &f) < 0 ||
        domain_fill_defaults(d, &defaults, &f) < 0)
        fail_msg("%s", f.text);
    return d;
}

static struct command_options make_options(const struct emulator *e)
{
    return (struct command_options){
        .emulator = e, .monitor_fd = 7, .state_dir = "/var/lib/baton/g1", .sandbox = true};
}

/* The items of a guest that can be built. */
static struct json_object *build(const char *type, const char *middle, const char *devices,
                                 struct emulator *e)
{
    auto_domain struct domain *d = make_guest(type, middle, devices);
    struct command_options options = make_options(e);
    struct command command;
    struct fail f = {0};
    if (command_prepare(d, e, folder, &f) < 0 || command_build(d, &options, &command, &f) < 0)
        fail_msg("%s", f.text);
    struct json_object *items = command_items(command.argv);
    command_free(&command);
    return items;
}

static void assert_refused(const char *type, const char *middle, struct emulator *e,
                           const char *word)
{
    auto_domain struct domain *d = make_guest(type, middle, "");
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), -1);
    assert_int_equal(f.code, VIR_ERR_CONFIG_UNSUPPORTED);
    if (!strstr(f.text, word))
        fail_msg("'%s' does not name '%s'", f.text, word);
}

static struct emulator *qemu_7_2(void)
{
    return golden_emulator("qemu-7.2.json", qemu);
}

/* ---- what is settled ---- */

static void test_memory_is_exact_to_the_kib(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    struct json_object *items = build("qemu", "", "", e);
    assert_string_equal(item_get(find_item(items, "-m", NULL, NULL), "size"), "131080k");
    struct json_object *ram = find_item(items, "-object", "id", "pc.ram");
    assert_string_equal(item_get(ram, "size"), "134225920");
    json_object_put(items);
}

static void test_a_channel_gets_a_socket_of_its_own(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest(
        "qemu", "",
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        "<channel type='unix'><target type='virtio'/></channel>"
        "<channel type='unix'><target type='virtio' name='..'/></channel>"
        "<channel type='unix'><source mode='bind' path='/own'/>"
        "<target type='virtio' name='own'/></channel>");
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    assert_string_equal(d->channels[0].source.path, "/run/baton/7/channel@org.qemu.guest_agent.0");
    assert_true(d->channels[0].source.listen && d->channels[0].source.path_generated);
    assert_string_equal(d->channels[1].source.path, "/run/baton/7/channel@channel1");
    assert_string_equal(d->channels[2].source.path, "/run/baton/7/channel@..");
    assert_string_equal(d->channels[3].source.path, "/own");
    assert_false(d->channels[3].source.path_generated);
}

/* After a restart of the daemon it is still ours, and does not travel to another host. */
static void test_a_made_up_path_stays_made_up(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d =
        make_guest("qemu", "", "<channel type='unix'><target type='virtio' name='a'/></channel>");
    struct fail f = {0};
    struct buffer text = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    d->id = 7;
    assert_int_equal(domain_format(d, 0, &text, &f), 0);
    auto_domain struct domain *again = NULL;
    assert_int_equal(domain_parse((const char *)buffer_bytes(&text), buffer_size(&text),
                                  DOMAIN_PARSE_LIVE, &again, &f),
                     0);
    assert_string_equal(again->channels[0].source.path, "/run/baton/7/channel@a");
    assert_true(again->channels[0].source.path_generated);
    buffer_free(&text);
}

static void test_host_model_becomes_what_the_host_has(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest(
        "qemu", "<cpu mode='host-model'><feature policy='disable' name='avx2'/></cpu>", "");
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    assert_int_equal(d->cpu.mode, DOMAIN_CPU_CUSTOM);
    assert_int_equal(strncmp(d->cpu.model, "EPYC", 4), 0); /* what the TCG of 7.2 comes near to */
    bool aes = false, avx2 = false;
    for (size_t i = 0; i < d->cpu.feature_count; i++) {
        const struct domain_cpu_feature *feature = &d->cpu.features[i];
        bool on = feature->policy == DOMAIN_CPU_POLICY_REQUIRE;
        aes = aes || (!strcmp(feature->name, "aes") && on);
        if (!strcmp(feature->name, "avx2")) {
            assert_false(avx2 || on);
            avx2 = true;
        }
        assert_string_not_equal(feature->name, "avx512f");
    }
    assert_true(aes && avx2);
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
}

static void test_a_reboot_that_ends_the_guest(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    struct json_object *items = build("qemu", "<on_reboot>destroy</on_reboot>", "", e);
    assert_non_null(find_item(items, "-action", "reboot", "shutdown"));
    json_object_put(items);
    items = build("qemu", "<on_reboot>restart</on_reboot>", "", e);
    assert_null(find_item(items, "-action", NULL, NULL));
    json_object_put(items);
}

/* QEMU 9.2 has reconnect-ms; both still have what the document asks for. */
static void test_reconnect_goes_by_what_the_emulator_has(void **state)
{
    static const char serial[] = "<serial type='unix'><source mode='connect' path='/s'>"
                                 "<reconnect enabled='yes' timeout='3'/></source></serial>";
    (void)state;
    auto_emulator struct emulator *old = qemu_7_2();
    auto_emulator struct emulator *new = golden_emulator("qemu-10.0.json", qemu);
    struct json_object *items = build("qemu", "", serial, old);
    assert_string_equal(item_get(find_item(items, "-chardev", "id", "charserial0"), "reconnect"),
                        "3");
    json_object_put(items);
    items = build("qemu", "", serial, new);
    assert_string_equal(item_get(find_item(items, "-chardev", "id", "charserial0"), "reconnect-ms"),
                        "3000");
    json_object_put(items);
}

static struct json_object *format_node(struct json_object *items, const char *name)
{
    return json_object_array_get_idx(find_item(items, "-blockdev", "node-name", name), 1);
}

static void test_a_backing_file_is_hidden_only_on_proof(void **state)
{
#define QCOW2(chain)                                                                               \
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"                           \
    "<source file='/a'/>" chain "<target dev='vda' bus='virtio'/></disk>"
    static const struct {
        const char *disk;
        bool ends;
    } cases[] = {{QCOW2(""), false}, {QCOW2("<backingStore/>"), true}};
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_domain struct domain *d = make_guest("qemu", "", cases[i].disk);
        struct command_options options = make_options(e);
        struct command command;
        struct fail f = {0};
        assert_int_equal(command_prepare(d, e, folder, &f), 0);
        assert_int_equal(command_build(d, &options, &command, &f), 0);
        struct json_object *items = command_items(command.argv);
        assert_int_equal(
            json_object_object_get_ex(format_node(items, "libvirt-1-format"), "backing", NULL),
            cases[i].ends);
        json_object_put(items);
        command_free(&command);
    }
}

/* Recorded from libvirt 9.0: the numbers, and what each node is told. */
static void test_a_chain_is_given_to_qemu_image_by_image(void **state)
{
    static const char disks[] =
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' "
        "discard='unmap' detect_zeroes='on'/><source file='/a'/>"
        "<backingStore type='file'><format type='qcow2'/><source file='/b'/>"
        "<backingStore type='block'><format type='raw'/><source dev='/dev/c'/></backingStore>"
        "</backingStore><target dev='vda' bus='virtio'/></disk>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d'/>"
        "<backingStore type='file'><format type='qcow2'/><source file='/e'/><backingStore/>"
        "</backingStore><target dev='vdb' bus='virtio'/></disk>";
    static const struct {
        const char *name, *text;
    } nodes[] = {
        {"libvirt-3-format",
         "{\"node-name\":\"libvirt-3-format\",\"read-only\":false,\"discard\":\"unmap\","
         "\"detect-zeroes\":\"on\",\"cache\":{\"direct\":true,\"no-flush\":false},\"driver\":\"qcow2\","
         "\"file\":\"libvirt-3-storage\",\"backing\":\"libvirt-4-format\"}"},
        {"libvirt-4-format",
         "{\"node-name\":\"libvirt-4-format\",\"read-only\":true,\"discard\":\"unmap\","
         "\"cache\":{\"direct\":true,\"no-flush\":false},\"driver\":\"qcow2\","
         "\"file\":\"libvirt-4-storage\",\"backing\":\"libvirt-5-format\"}"},
        {"libvirt-5-storage",
         "{\"driver\":\"host_device\",\"filename\":\"/dev/c\",\"node-name\":\"libvirt-5-storage\","
         "\"cache\":{\"direct\":true,\"no-flush\":false},\"auto-read-only\":true,"
         "\"discard\":\"unmap\"}"},
        {"libvirt-5-format",
         "{\"node-name\":\"libvirt-5-format\",\"read-only\":true,\"discard\":\"unmap\","
         "\"cache\":{\"direct\":true,\"no-flush\":false},\"driver\":\"raw\","
         "\"file\":\"libvirt-5-storage\"}"},
        {"libvirt-1-format",
         "{\"node-name\":\"libvirt-1-format\",\"read-only\":false,\"driver\":\"qcow2\","
         "\"file\":\"libvirt-1-storage\",\"backing\":\"libvirt-2-format\"}"},
        {"libvirt-2-format",
         "{\"node-name\":\"libvirt-2-format\",\"read-only\":true,\"driver\":\"qcow2\","
         "\"file\":\"libvirt-2-storage\",\"backing\":null}"},
    };
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest("qemu", "", disks);
    struct command_options options = make_options(e);
    struct command command;
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    assert_int_equal(command_build(d, &options, &command, &f), 0);
    struct json_object *items = command_items(command.argv);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        assert_string_equal(json_object_to_json_string_ext(format_node(items, nodes[i].name),
                                                           JSON_C_TO_STRING_PLAIN |
                                                               JSON_C_TO_STRING_NOSLASHESCAPE),
                            nodes[i].text);
    json_object_put(items);
    command_free(&command);
}

/* The option's value of `name`; "" when it is not there. */
static const char *option_after(const struct command *command, const char *name)
{
    for (size_t i = 0; i + 1 < command->argc; i++)
        if (strcmp(command->argv[i], name) == 0)
            return command->argv[i + 1];
    return "";
}

static bool has_env(const struct command *command, const char *word)
{
    for (size_t i = 0; i < command->env_count; i++)
        if (strcmp(command->env[i], word) == 0)
            return true;
    return false;
}

static void test_the_clock_begins_where_its_document_says(void **state)
{
    static const struct {
        const char *clock, *rtc;
        bool zone;
    } cases[] = {
        {"<clock offset='utc' adjustment='reset'/>", "base=utc", false},
        {"<clock offset='localtime'/>", "base=localtime", false},
        {"<clock offset='timezone' timezone='Europe/Berlin'/>", "base=localtime", true},
        {"<clock offset='variable' adjustment='3600'/>", "base=2026-11-28T23:52:50", false},
        {"<clock offset='variable' adjustment='-60' basis='localtime'/>", "base=2026-11-29T00:51:50", false},
        {"<clock offset='absolute' start='1000000000'/>", "base=2001-09-09T01:46:40", false},
        {"<clock><timer name='rtc' tickpolicy='catchup' track='guest'/></clock>",
         "base=utc,clock=vm,driftfix=slew", false},
        {"<clock><timer name='rtc' track='wall'/></clock>", "base=utc,clock=host", false},
    };
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_domain struct domain *d = make_guest("qemu", cases[i].clock, "");
        struct command_options options = make_options(e);
        struct command command;
        struct fail f = {0};
        options.now = 1795906370; /* 2026-11-28T22:52:50 */
        domain_settle_clock(d, 7200);
        assert_int_equal(command_prepare(d, e, folder, &f), 0);
        assert_int_equal(command_build(d, &options, &command, &f), 0);
        assert_string_equal(option_after(&command, "-rtc"), cases[i].rtc);
        assert_int_equal(has_env(&command, "TZ=Europe/Berlin"), cases[i].zone);
        command_free(&command);
    }
    auto_domain struct domain *d = make_guest("qemu", "<clock offset='variable' adjustment='-2000'/>", "");
    struct command_options options = make_options(e);
    struct command command;
    struct fail f = {0};
    options.now = 1000;
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    assert_int_equal(command_build(d, &options, &command, &f), -1);
    assert_non_null(strstr(f.text, "clock would begin -1000 seconds"));
}

/* What libvirt 9.0 starts, too: its own check of migrations counts on it. */
static void test_a_disk_written_by_several_guests_is_not_cached(void **state)
{
#define SHARED(driver, more)                                                                       \
    "<disk type='file' device='disk'><driver name='qemu' type='raw'" driver "/>"                   \
    "<source file='/images/a.raw'/><target dev='vda' bus='virtio'/><shareable/>" more "</disk>"
    static const struct {
        const char *disk;
        enum domain_disk_cache cache;
    } cases[] = {{SHARED("", ""), DOMAIN_CACHE_NONE},
                 {SHARED(" cache='default'", ""), DOMAIN_CACHE_NONE},
                 {SHARED(" cache='writeback'", ""), DOMAIN_CACHE_WRITEBACK},
                 {SHARED("", "<readonly/>"), DOMAIN_CACHE_DEFAULT}};
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_domain struct domain *d = make_guest("qemu", "", cases[i].disk);
        struct fail f = {0};
        assert_int_equal(command_prepare(d, e, folder, &f), 0);
        assert_int_equal(d->disks[0].cache, cases[i].cache);
    }
}

/* ---- the host's side ---- */

static void test_a_tap_is_given_open(void **state)
{
    static const char nic[] = "<interface type='ethernet'><mac address='52:54:00:00:00:01'/>"
                              "<target dev='tap7' managed='no'/><model type='virtio'/></interface>";
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest("qemu", "", nic);
    struct command_options options = make_options(e);
    const struct command_net nets[] = {{.tap_fd = 12, .vhost_fd = 13}};
    struct command command;
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    assert_int_equal(command_build(d, &options, &command, &f), -1);
    assert_string_equal(f.text, "interface 'net0' has no tap yet");

    options.nets = nets;
    assert_int_equal(command_build(d, &options, &command, &f), 0);
    struct json_object *items = command_items(command.argv);
    struct json_object *tap = find_item(items, "-netdev", "id", "hostnet0");
    assert_string_equal(item_get(tap, "fd"), "12");
    assert_string_equal(item_get(tap, "vhostfd"), "13");
    assert_null(item_get(tap, "ifname"));
    json_object_put(items);
    command_free(&command);
}

static void test_the_environment_and_the_last_arguments(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest(
        "qemu",
        "<qemu:commandline><qemu:arg value='-icount'/><qemu:arg value='shift=1,sleep=off'/>"
        "<qemu:env name='ONE' value='a b'/><qemu:env name='EMPTY'/></qemu:commandline>",
        "");
    struct command_options options = make_options(e);
    options.sandbox = false;
    struct command command;
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, folder, &f), 0);
    assert_int_equal(command_build(d, &options, &command, &f), 0);
    assert_null(command.argv[command.argc]);
    assert_null(command.env[command.env_count]);
    assert_string_equal(command.env[0], "LC_ALL=C");
    assert_string_equal(command.env[command.env_count - 2], "ONE=a b");
    assert_string_equal(command.env[command.env_count - 1], "EMPTY=");
    struct buffer text = {0};
    assert_int_equal(command_describe(&command, &text), 0);
    assert_int_equal(buffer_append(&text, "", 1), 0);
    const char *line = (const char *)buffer_bytes(&text);
    assert_non_null(strstr(line, " 'ONE=a b' EMPTY= /usr/bin/qemu-system-x86_64 -name "));
    assert_non_null(strstr(line, " -icount shift=1,sleep=off "));
    assert_null(strstr(line, "-sandbox"));
    buffer_free(&text);
    command_free(&command);
}

/* ---- what is refused ---- */

static void test_what_the_emulator_lacks_is_named(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    assert_refused("kvm", "", e, "KVM");
    assert_refused("qemu", "<cpu mode='host-passthrough'/>", e, "host-passthrough");
    assert_refused("qemu", "<cpu><model>Z80</model></cpu>", e, "Z80");
    assert_refused("qemu", "<cpu check='partial'><model>Skylake-Server</model></cpu>", e,
                   "Skylake-Server");
    struct emulator_machine *machine = e->machines;
    while (strcmp(machine->name, "pc-q35-7.2") != 0)
        machine++;
    machine->max_cpus = 1;
    assert_refused("qemu", "", e, "2 vcpus");
    machine->name = "pc-q35-other";
    assert_refused("qemu", "", e, "pc-q35-7.2");
}

static void test_a_missing_feature_can_be_done_without(void **state)
{
    char cpu[4096] = "<cpu check='partial'><model>Skylake-Server</model>";
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    const struct emulator_names *blockers =
        &emulator_find_cpu(e, "Skylake-Server")->with[EMULATOR_TCG].blockers;
    for (size_t i = 0; i < blockers->count; i++) {
        size_t used = strlen(cpu);
        snprintf(cpu + used, sizeof(cpu) - used, "<feature policy='disable' name='%s'/>",
                 blockers->name[i]);
    }
    strcat(cpu, "</cpu>");
    json_object_put(build("qemu", cpu, "", e));
    json_object_put(build("qemu", "<cpu check='none'><model>Skylake-Server</model></cpu>", "", e));
}

static void test_host_model_needs_to_know_the_host(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    e->host_cpu[EMULATOR_TCG] = (struct emulator_host_cpu){0};
    assert_refused("qemu", "<cpu mode='host-model'/>", e, "host-model");
}

/* Properties that a QEMU does not have are not silently left out. */
static void test_what_cannot_be_switched_off_is_refused(void **state)
{
    static const char *const middles[] = {
        "<clock offset='utc'><timer name='hpet' present='no'/></clock><features><acpi/></features>",
        "", "<features><acpi/></features><on_reboot>destroy</on_reboot>"};
    static const char *const words[] = {"hpet", "acpi", "on_reboot"};
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    e->machine_properties = e->options = (struct emulator_names){0};
    for (size_t i = 0; i < 3; i++) {
        auto_domain struct domain *d = make_guest("qemu", middles[i], "");
        struct command_options options = make_options(e);
        struct command command;
        struct fail f = {0};
        assert_int_equal(command_prepare(d, e, folder, &f), 0);
        assert_int_equal(command_build(d, &options, &command, &f), -1);
        assert_int_equal(f.code, VIR_ERR_CONFIG_UNSUPPORTED);
        assert_non_null(strstr(f.text, words[i]));
    }
}

static void test_a_socket_path_that_no_socket_can_have(void **state)
{
    (void)state;
    char long_folder[128];
    snprintf(long_folder, sizeof(long_folder), "/%0100d", 1);
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest(
        "qemu", "", "<channel type='unix'><target type='virtio' name='seven77'/></channel>");
    struct command_options options = make_options(e);
    struct command command;
    struct fail f = {0};
    assert_int_equal(command_prepare(d, e, long_folder, &f), 0);
    assert_int_equal(command_build(d, &options, &command, &f), -1);
    assert_non_null(strstr(f.text, "107 bytes"));
}

static void test_an_unprepared_domain_is_not_built(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = qemu_7_2();
    auto_domain struct domain *d = make_guest("qemu", "", "<serial type='pty'/>");
    struct command_options options = make_options(e);
    struct command command;
    struct fail f = {0};
    assert_int_equal(command_build(d, &options, &command, &f), -1);
    assert_int_equal(f.code, VIR_ERR_INTERNAL_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_exact_to_the_kib),
        cmocka_unit_test(test_a_channel_gets_a_socket_of_its_own),
        cmocka_unit_test(test_a_made_up_path_stays_made_up),
        cmocka_unit_test(test_host_model_becomes_what_the_host_has),
        cmocka_unit_test(test_a_reboot_that_ends_the_guest),
        cmocka_unit_test(test_reconnect_goes_by_what_the_emulator_has),
        cmocka_unit_test(test_a_backing_file_is_hidden_only_on_proof),
        cmocka_unit_test(test_a_chain_is_given_to_qemu_image_by_image),
        cmocka_unit_test(test_the_clock_begins_where_its_document_says),
        cmocka_unit_test(test_a_disk_written_by_several_guests_is_not_cached),
        cmocka_unit_test(test_a_tap_is_given_open),
        cmocka_unit_test(test_the_environment_and_the_last_arguments),
        cmocka_unit_test(test_what_the_emulator_lacks_is_named),
        cmocka_unit_test(test_a_missing_feature_can_be_done_without),
        cmocka_unit_test(test_host_model_needs_to_know_the_host),
        cmocka_unit_test(test_what_cannot_be_switched_off_is_refused),
        cmocka_unit_test(test_a_socket_path_that_no_socket_can_have),
        cmocka_unit_test(test_an_unprepared_domain_is_not_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
