/* What is filled in where the document says nothing, beyond what the golden documents show. */
#include "document.h"

static void what_a_host_knows_is_taken_from_it(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept_text("<domain type='kvm'><name>a</name>"
                                               "<memory>65536</memory><os><type>hvm</type></os>"
                                               "</domain>");
    assert_string_equal(d->os.machine, "pc-i440fx-7.2");
    assert_string_equal(d->emulator, "/usr/bin/qemu-system-x86_64");
    assert_true(d->has_uuid);
    assert_int_equal(d->uuid.byte[6] >> 4, 4);
    assert_int_equal(d->cpu.check, DOMAIN_CPU_CHECK_NONE);
    assert_int_equal(d->current_memory_kib, 65536);
    assert_int_equal(d->id, -1);
}

static void without_a_host_nothing_is_made_up(void **state)
{
    (void)state;
    const char *text = "<domain type='qemu'><name>a</name><memory>65536</memory>"
                       "<os><type>hvm</type></os></domain>";
    struct domain_defaults none = {0}, emulator = {.emulator = "/qemu"};
    auto_domain struct domain *d = NULL;
    assert_int_equal(domain_parse(text, strlen(text), 0, &d, &fail), 0);
    assert_int_equal(domain_fill_defaults(d, &none, &fail), -1);
    assert_non_null(strstr(fail.text, "no emulator"));
    assert_int_equal(domain_fill_defaults(d, &emulator, &fail), -1);
    assert_non_null(strstr(fail.text, "no machine"));
    /* Without a list of machines a name is taken as it is. */
    emulator.machine = "q35";
    assert_int_equal(domain_fill_defaults(d, &emulator, &fail), 0);
    assert_string_equal(d->os.machine, "q35");
    assert_true(domain_is_q35(d));
}

static void a_mac_address_is_made_once(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept("", "<interface type='user'/><interface type='user'/>");
    const struct domain_interface *a = &d->interfaces[0], *b = &d->interfaces[1];
    assert_memory_equal(a->mac, "\x52\x54\x00", 3);
    assert_memory_not_equal(a->mac, b->mac, 6);
    uint8_t first[6];
    memcpy(first, a->mac, 6);
    assert_int_equal(domain_fill_defaults(d, &document_defaults, &fail), 0);
    assert_memory_equal(d->interfaces[0].mac, first, 6);
}

static void kvm_guests_have_their_cpu_compared(void **state)
{
    (void)state;
    auto_domain struct domain *named =
        accept_text("<domain type='kvm'><name>a</name><memory>65536</memory>"
                    "<os><type>hvm</type></os><cpu><model>Nehalem</model></cpu></domain>");
    assert_int_equal(named->cpu.mode, DOMAIN_CPU_CUSTOM);
    assert_int_equal(named->cpu.match, DOMAIN_CPU_MATCH_EXACT);
    assert_int_equal(named->cpu.check, DOMAIN_CPU_CHECK_PARTIAL);
    assert_int_equal(named->cpu.fallback, DOMAIN_CPU_FALLBACK_ALLOW);
    auto_domain struct domain *host =
        accept_text("<domain type='kvm'><name>a</name><memory>65536</memory>"
                    "<os><type>hvm</type></os><cpu mode='host-passthrough'/></domain>");
    assert_int_equal(host->cpu.check, DOMAIN_CPU_CHECK_NONE);
    assert_int_equal(host->cpu.migratable, DOMAIN_SWITCH_ON);
}

static void disks_are_sorted_and_named_by_target(void **state)
{
    (void)state;
    auto_domain struct domain *d =
        accept("", "<disk><source file='/3'/><target dev='vdaa'/></disk>"
                   "<disk type='block'><source dev='/dev/x'/><target dev='vdz'/></disk>"
                   "<disk><source file='/1'/><target dev='vda'/></disk>");
    assert_int_equal(domain_prepare_start(d, &fail), 0);
    static const struct {
        const char *target, *alias, *source;
        unsigned index;
    } want[] = {{"vda", "virtio-disk0", "/1", 3},
                {"vdz", "virtio-disk25", "/dev/x", 2},
                {"vdaa", "virtio-disk26", "/3", 1}};
    assert_int_equal(d->disk_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(d->disks[i].target, want[i].target);
        assert_string_equal(d->disks[i].dev.alias, want[i].alias);
        assert_string_equal(d->disks[i].source, want[i].source);
        assert_int_equal(d->disks[i].source_index, want[i].index);
    }
    assert_ptr_equal(domain_find_disk(d, "vdz"), &d->disks[1]);
    assert_null(domain_find_disk(d, "vdb"));
}

static void a_serial_port_and_its_console_are_one(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept("", "<serial type='pty'><target port='2'/></serial>"
                                              "<console type='null'/>");
    assert_int_equal(d->serial_count, 1);
    assert_int_equal(d->console_count, 1);
    assert_true(d->consoles[0].is_serial0);
    assert_int_equal(d->consoles[0].source.type, DOMAIN_CHARDEV_PTY);
    assert_int_equal(d->consoles[0].port, 2);
    assert_int_equal(domain_prepare_start(d, &fail), 0);
    assert_int_equal(domain_set_pty(d, "charserial0", "/dev/pts/7"), 1);
    assert_string_equal(d->serials[0].source.path, "/dev/pts/7");
    assert_string_equal(d->consoles[0].source.path, "/dev/pts/7");
}

static void ptys_of_devices_that_are_not_there_are_passed_over(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept("", "<serial type='null'/>");
    assert_int_equal(domain_prepare_start(d, &fail), 0);
    assert_int_equal(domain_set_pty(d, "charserial0", "/dev/pts/7"), 0);
    assert_int_equal(domain_set_pty(d, "charserial9", "/dev/pts/7"), 0);
    assert_int_equal(domain_set_pty(d, "x", "/dev/pts/7"), 0);
    assert_int_equal(domain_set_pty(d, "compat_monitor0", "/dev/pts/7"), 0);
    assert_null(d->serials[0].source.path);
}

static void a_chain_is_said_to_end_only_where_it_was_seen(void **state)
{
    (void)state;
    auto_domain struct domain *d =
        accept("", "<disk><source file='/1'/><target dev='vda'/></disk>"
                   "<disk><driver type='qcow2'/><source file='/2'/><target dev='vdb'/></disk>"
                   "<disk><driver type='qcow2'/><source file='/3'/><backingStore/><target dev='vdc'/></disk>");
    assert_int_equal(domain_prepare_start(d, &fail), 0);
    assert_true(d->disks[0].chain_ends);
    assert_false(d->disks[1].chain_ends);
    assert_true(d->disks[2].chain_ends);
    assert_null(domain_chain_open_at(&d->disks[0]));
    assert_string_equal(domain_chain_open_at(&d->disks[1]), "/2");
    assert_null(domain_chain_open_at(&d->disks[2]));
    struct domain_layer below = {.format = DOMAIN_DISK_QCOW2, .source = "/below"};
    assert_int_equal(domain_add_layer(d, &d->disks[1], &below, &fail), 0);
    assert_string_equal(domain_chain_open_at(&d->disks[1]), "/below");
    below.format = DOMAIN_DISK_RAW;
    assert_int_equal(domain_add_layer(d, &d->disks[1], &below, &fail), 0);
    assert_null(domain_chain_open_at(&d->disks[1]));
}

static void caches_that_two_hosts_may_share(void **state)
{
    (void)state;
    struct domain_disk disk = {.cache = DOMAIN_CACHE_DEFAULT};
    assert_false(domain_disk_is_coherent(&disk));
    disk.readonly = true;
    assert_true(domain_disk_is_coherent(&disk));
    disk.readonly = false;
    static const struct {
        enum domain_disk_cache cache;
        bool coherent;
    } rows[] = {{DOMAIN_CACHE_NONE, true},
                {DOMAIN_CACHE_DIRECTSYNC, true},
                {DOMAIN_CACHE_WRITEBACK, false},
                {DOMAIN_CACHE_WRITETHROUGH, false},
                {DOMAIN_CACHE_UNSAFE, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        disk.cache = rows[i].cache;
        assert_int_equal(domain_disk_is_coherent(&disk), rows[i].coherent);
    }
}

static void boot_orders_replace_the_boot_devices(void **state)
{
    (void)state;
    auto_domain struct domain *plain = accept("", "");
    assert_int_equal(plain->os.boot_count, 1);
    assert_int_equal(plain->os.boot[0], DOMAIN_BOOT_HD);
    auto_domain struct domain *ordered =
        accept("", "<interface type='user'><boot order='1'/></interface>");
    assert_int_equal(ordered->os.boot_count, 0);
    refuse_text("<domain type='qemu'><name>a</name><memory>65536</memory>"
                "<os><type>hvm</type><boot dev='hd'/></os><devices>"
                "<interface type='user'><boot order='1'/></interface></devices></domain>",
                VIR_ERR_CONFIG_UNSUPPORTED, "cannot be used together");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_host_knows_is_taken_from_it),
        cmocka_unit_test(without_a_host_nothing_is_made_up),
        cmocka_unit_test(a_mac_address_is_made_once),
        cmocka_unit_test(kvm_guests_have_their_cpu_compared),
        cmocka_unit_test(disks_are_sorted_and_named_by_target),
        cmocka_unit_test(a_serial_port_and_its_console_are_one),
        cmocka_unit_test(ptys_of_devices_that_are_not_there_are_passed_over),
        cmocka_unit_test(a_chain_is_said_to_end_only_where_it_was_seen),
        cmocka_unit_test(caches_that_two_hosts_may_share),
        cmocka_unit_test(boot_orders_replace_the_boot_devices),
    };
    return cmocka_run_group_tests_name("domain defaults", tests, NULL, NULL);
}
