/* What may differ between a running guest and the definition that takes it over, and what may not.
 */
#include "document.h"

#define UUID "<uuid>5a0e0000-0000-4000-8000-000000000001</uuid>"
#define DISK(inside)                                                                               \
    "<disk><source file='/a'/><target dev='vda'/><serial>S</serial>" inside "</disk>"
#define MAC   "<mac address='52:54:00:00:00:01'/>"
#define NIC   "<interface type='user'>" MAC "<model type='virtio'/></interface>"
#define OTHER "<serial type='null'/><rng model='virtio'><backend model='builtin'/></rng>"

static void differ(const char *parts_a, const char *devices_a, const char *parts_b,
                   const char *devices_b, const char *sentence)
{
    auto_domain struct domain *a = accept(parts_a, devices_a), *b = accept(parts_b, devices_b);
    assert_int_equal(domain_check_abi(a, b, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_CONFIG_UNSUPPORTED);
    if (!strstr(fail.text, sentence))
        fail_msg("\"%s\" does not say \"%s\"", fail.text, sentence);
    assert_int_equal(domain_check_abi(a, a, &fail), 0);
}

static void what_belongs_to_a_host_may_differ(void **state)
{
    (void)state;
    auto_domain struct domain *a =
        accept(UUID, DISK("") NIC OTHER "<channel type='unix'><target type='virtio' name='c'/>"
                                        "</channel>");
    auto_domain struct domain *b = accept(
        UUID "<title>other</title>",
        "<disk type='block'><driver cache='none'/><source dev='/dev/b'/><target dev='vda'/>"
        "<serial>S</serial></disk>"
        "<interface type='ethernet'>" MAC "<target dev='tap7'/><model type='virtio'/></interface>"
        "<serial type='pty'/><rng model='virtio'><backend model='random'/></rng>"
        "<channel type='unix'><source mode='bind' path='/x'/><target type='virtio' name='c'/>"
        "</channel><emulator>/opt/qemu</emulator>");
    if (domain_check_abi(a, b, &fail) < 0)
        fail_msg("%s", fail.text);
}

static void what_the_guest_sees_may_not(void **state)
{
    (void)state;
    differ(UUID, "", "<uuid>5a0e0000-0000-4000-8000-000000000002</uuid>", "",
           "uuid '5a0e0000-0000-4000-8000-000000000002' does not match source "
           "'5a0e0000-0000-4000-8000-000000000001'");
    differ(UUID, "", UUID "<vcpu>2</vcpu>", "", "vCPU count 2 does not match source 1");
    differ(UUID, "", UUID "<features><acpi/></features>", "", "feature acpi");
    differ(UUID "<features><vmport state='on'/></features>", "", UUID, "", "vmport 'none'");
    differ(UUID, "", UUID "<pm><suspend-to-mem enabled='no'/></pm>", "", "suspend-to-mem");
    differ(UUID "<cpu><model>Nehalem</model></cpu>", "", UUID, "",
           "CPU model 'qemu64' does not match source 'Nehalem'");
    differ(UUID "<cpu><model>A</model><feature name='x'/></cpu>", "",
           UUID "<cpu><model>A</model><feature name='y'/></cpu>", "", "CPU feature 'none'");
    differ(UUID "<cpu><model>A</model><feature name='x'/></cpu>", "",
           UUID "<cpu><model>A</model><feature name='x' policy='disable'/></cpu>", "",
           "CPU feature policy 'disable'");
    differ(UUID "<clock><timer name='hpet' present='no'/></clock>", "", UUID, "", "timer count");
    differ(UUID, "", UUID "<clock offset='localtime'/>", "", "clock offset 'localtime'");
}

static void devices_and_their_places_may_not(void **state)
{
    (void)state;
    differ(UUID, DISK(""), UUID, "", "disk count 0 does not match source 1");
    differ(UUID, DISK(""), UUID, "<disk><source file='/a'/><target dev='vdb'/></disk>",
           "disk 'none' does not match source 'vda'");
    differ(UUID, DISK(""), UUID, DISK("<readonly/>"), "disk readonly");
    differ(UUID, DISK(""), UUID, "<disk><source file='/a'/><target dev='vda'/></disk>",
           "disk serial 'none' does not match source 'S'");
    differ(UUID, DISK(""), UUID, DISK("<address type='pci' slot='9'/>"),
           "does not match source 'pci 0000:02:00.0'");
    differ(UUID, DISK("<address type='pci' slot='8'/>"), UUID,
           DISK("<address type='pci' slot='9'/>"),
           "disk address 'pci 0000:00:09.0' does not match source 'pci 0000:00:08.0'");
    differ(UUID, NIC, UUID,
           "<interface type='user'><mac address='52:54:00:00:00:02'/><model type='virtio'/>"
           "</interface>",
           "network card mac '52:54:00:00:00:02'");
    differ(UUID, NIC, UUID, "<interface type='user'>" MAC "<model type='e1000e'/></interface>",
           "network card model 'e1000e'");
    differ(UUID, "", UUID, "<controller type='usb' model='piix3-uhci'/>", "controller");
    differ(UUID, "<controller type='virtio-serial' ports='4'/>", UUID,
           "<controller type='virtio-serial' ports='8'/>", "controller ports 8");
    differ(UUID, "", UUID, "<serial type='pty'/>", "serial port count");
    differ(UUID, "<channel type='pty'><target type='virtio' name='a'/></channel>", UUID,
           "<channel type='pty'><target type='virtio' name='b'/></channel>", "channel name 'b'");
    differ(UUID, "<memballoon model='virtio'/>", UUID,
           "<memballoon model='virtio' autodeflate='on'/>", "autodeflate");
    differ(UUID, "<memballoon model='virtio'><address type='pci' slot='9'/></memballoon>", UUID,
           "<memballoon model='none'/>", "memory balloon model 'none'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_belongs_to_a_host_may_differ),
        cmocka_unit_test(what_the_guest_sees_may_not),
        cmocka_unit_test(devices_and_their_places_may_not),
    };
    return cmocka_run_group_tests_name("domain abi", tests, NULL, NULL);
}
