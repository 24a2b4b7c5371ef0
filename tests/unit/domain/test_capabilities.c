/* test_capabilities.c - what the host is made of, and the two documents that tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "domain/capabilities.h"
#include "util/xml.h"
#include "emulator_golden.h"

static const char path[] = "/usr/bin/qemu-system-x86_64";

static const char one_socket[] =
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu MHz\t\t: 2596.134\n"
    "physical id\t: 0\ncore id\t\t: 0\n\n"
    "processor\t: 1\nvendor_id\t: AuthenticAMD\ncpu MHz\t\t: 3000.0\n"
    "physical id\t: 0\ncore id\t\t: 1\n\n";

static void add_cpu(char *text, size_t size, unsigned id, unsigned socket, unsigned core)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used,
             "processor\t: %u\nvendor_id\t: GenuineIntel\nphysical id\t: %u\ncore id\t\t: %u\n\n",
             id, socket, core);
}

/* Two sockets of two cores of two threads; each socket is a NUMA cell. */
static void make_two_sockets(struct host_info *host)
{
    char text[2048] = "";
    for (unsigned id = 0; id < 8; id++)
        add_cpu(text, sizeof(text), id, id / 2 % 2, id % 2 * 4);
    struct fail f = {0};
    assert_int_equal(host_info_init(host, "x86_64", &f), 0);
    assert_int_equal(host_info_parse_cpuinfo(host, text, &f), 0);
    assert_int_equal(host_info_add_cell(host, 0, "0-1,4-5\n", "Node 0 MemTotal:  1000 kB\n", &f),
                     0);
    assert_int_equal(host_info_add_cell(host, 1, "2-3,6,7", "Node 1 MemTotal:  2000 kB\n", &f), 0);
}

static void make_one_socket(struct host_info *host)
{
    struct fail f = {0};
    assert_int_equal(host_info_init(host, "x86_64", &f), 0);
    assert_int_equal(host_info_parse_cpuinfo(host, one_socket, &f), 0);
    assert_int_equal(
        host_info_add_cell(host, 0, NULL, "MemTotal:        4810964 kB\nMemFree: 1", &f), 0);
}

static void test_a_small_host(void **state)
{
    (void)state;
    struct host_info host;
    struct host_topology topology;
    make_one_socket(&host);
    host_info_topology(&host, &topology);
    assert_string_equal(host.vendor, "AMD");
    assert_int_equal(host.mhz, 2596);
    assert_int_equal(host_info_memory_kib(&host), 4810964);
    assert_int_equal(topology.cells, 1);
    assert_int_equal(topology.sockets, 1);
    assert_int_equal(topology.cores, 2);
    assert_int_equal(topology.threads, 1);
    host_info_free(&host);
}

/* Of the first processor, whatever the others are. */
static void test_what_the_processor_is(void **state)
{
    (void)state;
    struct host_info host;
    struct fail f = {0};
    assert_int_equal(host_info_init(&host, "x86_64", &f), 0);
    assert_int_equal(host_info_parse_cpuinfo(&host,
                                             "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
                                             "model\t\t: 167\nmodel name\t: 11th Gen\nstepping\t: 1\n"
                                             "microcode\t: 0x5e\n"
                                             "address sizes\t: 39 bits physical, 48 bits virtual\n\n"
                                             "processor\t: 1\nmodel\t\t: 5\nmicrocode\t: 0x1\n",
                                             &f),
                     0);
    assert_true(host.has_signature);
    assert_int_equal(host.family, 6);
    assert_int_equal(host.model, 167);
    assert_int_equal(host.stepping, 1);
    assert_int_equal(host.microcode, 0x5e);
    assert_int_equal(host.physical_bits, 39);
    for (unsigned i = 0; i < 2; i++) {
        host_info_add_page_size(&host, 1048576);
        host_info_add_page_size(&host, 4);
        host_info_add_page_size(&host, 2048);
        host_info_add_page_size(&host, 0);
    }
    assert_int_equal(host.page_size_count, 3);
    assert_int_equal(host.page_kib[0], 4);
    assert_int_equal(host.page_kib[1], 2048);
    assert_int_equal(host.page_kib[2], 1048576);
    host_info_free(&host);
}

static void test_a_host_of_two_sockets(void **state)
{
    (void)state;
    struct host_info host;
    struct host_topology topology;
    make_two_sockets(&host);
    host_info_topology(&host, &topology);
    assert_string_equal(host.vendor, "Intel");
    assert_int_equal(host_info_memory_kib(&host), 3000);
    assert_int_equal(topology.cells, 2);
    assert_int_equal(topology.sockets, 1);
    assert_int_equal(topology.cores, 2);
    assert_int_equal(topology.threads, 2);
    host_info_free(&host);
}

/* One core lost a thread: no regular shape, so one socket with all processors. */
static void test_an_irregular_host(void **state)
{
    (void)state;
    char text[1024] = "";
    struct host_info host;
    struct host_topology topology;
    struct fail f = {0};
    add_cpu(text, sizeof(text), 0, 0, 0);
    add_cpu(text, sizeof(text), 1, 0, 0);
    add_cpu(text, sizeof(text), 2, 0, 1);
    assert_int_equal(host_info_init(&host, "x86_64", &f), 0);
    assert_int_equal(host_info_parse_cpuinfo(&host, text, &f), 0);
    assert_int_equal(host_info_add_cell(&host, 0, NULL, "MemTotal: 1 kB", &f), 0);
    host_info_topology(&host, &topology);
    assert_int_equal(topology.sockets, 1);
    assert_int_equal(topology.cores, 3);
    assert_int_equal(topology.threads, 1);
    host_info_free(&host);
}

static void test_texts_that_make_no_sense(void **state)
{
    (void)state;
    struct host_info host;
    struct fail f = {0};
    make_one_socket(&host);
    assert_int_equal(host_info_add_cell(&host, 7, "3-1", "MemTotal: 1 kB", &f), -1);
    assert_non_null(strstr(f.text, "cell 7"));
    assert_int_equal(host_info_add_cell(&host, 7, "0;1", "MemTotal: 1 kB", &f), -1);
    assert_int_equal(host_info_add_cell(&host, 7, "x", "MemTotal: 1 kB", &f), -1);
    assert_int_equal(host_info_add_cell(&host, 7, "0", "MemFree: 1 kB", &f), -1);
    assert_int_equal(host_info_add_cell(&host, 7, "0", "MemTotal: lots", &f), -1);
    host_info_free(&host);
    assert_int_equal(host_info_init(&host, "x86_64", &f), 0);
    assert_int_equal(host_info_parse_cpuinfo(&host, "nothing\nhere : 1\n", &f), -1);
    assert_non_null(strstr(f.text, "processor"));
    host_info_free(&host);
}

/* The node at PATH ("a/b/c") below the root; ends the test when it is not there. */
static const struct xml_node *at(const struct xml_document *document, const char *where)
{
    const struct xml_node *node = document->root;
    char text[128];
    snprintf(text, sizeof(text), "%s", where);
    for (char *save, *name = strtok_r(text, "/", &save); name; name = strtok_r(NULL, "/", &save))
        if (!(node = xml_child(node, name)))
            fail_msg("no <%s> of %s", name, where);
    return node;
}

static struct xml_document *parse(const struct buffer *text, const char *root)
{
    struct xml_document *document = NULL;
    struct fail f = {0};
    if (xml_parse((const char *)buffer_bytes(text), buffer_size(text), root, &document, &f) < 0)
        fail_msg("%s", f.text);
    return document;
}

static void test_capabilities_tell_the_host_and_its_guests(void **state)
{
    (void)state;
    struct host_info host;
    make_two_sockets(&host);
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    const struct emulator *list[] = {e, e};
    struct capabilities c = {.host = &host, .emulators = list, .emulator_count = 2};
    assert_true(uuid_parse("aaaaaaaa-0000-4000-8000-00000000000a", &c.host_uuid));
    struct buffer text = {0};
    struct fail f = {0};
    assert_int_equal(capabilities_format(&c, &text, &f), 0);
    auto_xml struct xml_document *document = parse(&text, "capabilities");
    assert_string_equal(xml_text(at(document, "host/uuid")),
                        "aaaaaaaa-0000-4000-8000-00000000000a");
    assert_string_equal(xml_text(at(document, "host/cpu/arch")), "x86_64");
    assert_string_equal(xml_text(at(document, "host/cpu/vendor")), "Intel");
    assert_string_equal(xml_get(at(document, "host/cpu/topology"), "threads"), "2");
    at(document, "host/migration_features/live");
    assert_string_equal(xml_get(at(document, "host/topology/cells"), "num"), "2");
    assert_string_equal(xml_text(at(document, "host/topology/cells/cell/memory")), "1000");
    const struct xml_node *cpu = at(document, "host/topology/cells/cell/cpus/cpu");
    assert_string_equal(xml_get(cpu, "siblings"), "0,4");
    assert_string_equal(xml_text(at(document, "guest/arch/emulator")), path);
    const struct xml_node *machine = at(document, "guest/arch/machine");
    assert_string_equal(xml_text(machine), "pc-i440fx-7.2");
    machine = xml_next_element(machine);
    assert_string_equal(xml_text(machine), "pc");
    assert_string_equal(xml_get(machine, "canonical"), "pc-i440fx-7.2");
    const struct xml_node *type = at(document, "guest/arch/domain");
    assert_string_equal(xml_get(type, "type"), "qemu");
    assert_null(xml_next_element(type));
    assert_null(xml_next_element(at(document, "guest")));
    buffer_free(&text);
    host_info_free(&host);
}

static void test_kvm_is_offered_where_it_works(void **state)
{
    (void)state;
    struct host_info host;
    make_one_socket(&host);
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    e->kvm_enabled = true;
    const struct emulator *list[] = {e};
    struct capabilities c = {.host = &host, .emulators = list, .emulator_count = 1};
    struct buffer text = {0};
    struct fail f = {0};
    assert_int_equal(capabilities_format(&c, &text, &f), 0);
    auto_xml struct xml_document *document = parse(&text, "capabilities");
    const struct xml_node *type = xml_next_element(at(document, "guest/arch/domain"));
    assert_string_equal(xml_get(type, "type"), "kvm");
    buffer_free(&text);
    host_info_free(&host);
}

static void test_domcapabilities_tell_one_machine(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-10.0.json", path);
    struct buffer text = {0};
    struct fail f = {0};
    assert_int_equal(domcapabilities_format(e, "q35", DOMAIN_VIRT_QEMU, &text, &f), 0);
    auto_xml struct xml_document *document = parse(&text, "domainCapabilities");
    assert_string_equal(xml_text(at(document, "machine")), "pc-q35-10.0");
    assert_string_equal(xml_text(at(document, "domain")), "qemu");
    assert_string_equal(xml_get(at(document, "vcpu"), "max"), "255");
    assert_string_equal(xml_get(at(document, "devices/graphics"), "supported"), "no");
    assert_string_equal(xml_get(at(document, "devices/disk"), "supported"), "yes");
    bool qemu64 = false;
    const struct xml_node *mode = at(document, "cpu/mode");
    while (strcmp(xml_get(mode, "name"), "custom") != 0)
        mode = xml_next_element(mode);
    for (const struct xml_node *m = xml_first_element(mode); m; m = xml_next_element(m)) {
        assert_null(strstr(xml_text(m), "-v1"));
        assert_string_not_equal(xml_text(m), "host");
        qemu64 = qemu64 || (!strcmp(xml_text(m), "qemu64") && !strcmp(xml_get(m, "usable"), "yes"));
    }
    assert_true(qemu64);
    buffer_free(&text);
}

static void test_domcapabilities_of_what_is_not_there(void **state)
{
    (void)state;
    auto_emulator struct emulator *e = golden_emulator("qemu-7.2.json", path);
    struct buffer text = {0};
    struct fail f = {0};
    assert_int_equal(domcapabilities_format(e, "pc-q35-10.0", DOMAIN_VIRT_QEMU, &text, &f), -1);
    assert_int_equal(f.code, VIR_ERR_INVALID_ARG);
    assert_non_null(strstr(f.text, "pc-q35-10.0"));
    assert_int_equal(domcapabilities_format(e, NULL, DOMAIN_VIRT_KVM, &text, &f), -1);
    assert_non_null(strstr(f.text, "KVM"));
    assert_int_equal(buffer_size(&text), 0);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_host),
        cmocka_unit_test(test_what_the_processor_is),
        cmocka_unit_test(test_a_host_of_two_sockets),
        cmocka_unit_test(test_an_irregular_host),
        cmocka_unit_test(test_texts_that_make_no_sense),
        cmocka_unit_test(test_capabilities_tell_the_host_and_its_guests),
        cmocka_unit_test(test_kvm_is_offered_where_it_works),
        cmocka_unit_test(test_domcapabilities_tell_one_machine),
        cmocka_unit_test(test_domcapabilities_of_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
