/* Documents that are refused, and the sentence that says why. */
#include "document.h"
#include "util/xml.h"

#define BAD         VIR_ERR_XML_ERROR
#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED

#define DISK(inside)                                                                               \
    "<disk type='file'><source file='/a.raw'/><target dev='vda' bus='virtio'/>" inside "</disk>"
#define NIC(inside) "<interface type='user'>" inside "</interface>"

static void what_is_not_a_domain_is_refused(void **state)
{
    (void)state;
    refuse_text("", BAD, "empty");
    refuse_text("<domain", BAD, "line 1");
    refuse_text("<network/>", BAD, "root element is <network>");
    refuse_text("<domain/>", BAD, "attribute 'type'");
    refuse_text("<domain type='xen'/>", UNSUPPORTED, "type='xen'");
    refuse_text("<domain type='qemu'/>", VIR_ERR_NO_NAME, "no <name>");
    refuse_text("<domain type='qemu'><name>a</name></domain>", BAD, "no <os>");
    refuse_text("<domain type='qemu'><name>a</name><os/></domain>", BAD, "<os> needs <type>");
    refuse_text("<domain type='qemu'><name>a</name><os><type>hvm</type></os></domain>", BAD,
                "<memory>");
    refuse_text("<domain type='qemu' style='x'><name>a</name></domain>", UNSUPPORTED, "'style'");
    refuse_text("<!DOCTYPE domain [<!ENTITY n 'g'>]><domain type='qemu'><name>&n;</name></domain>",
                BAD, "document type");
}

static void a_document_too_large_or_too_deep_is_refused(void **state)
{
    (void)state;
    auto_free char *title = malloc(DOMAIN_XML_MAX + 1);
    memset(title, 'x', DOMAIN_XML_MAX);
    title[DOMAIN_XML_MAX] = 0;
    auto_free char *parts = NULL, *deep = calloc(1, 8192);
    assert_true(asprintf(&parts, "<title>%s</title>", title) > 0);
    refuse(BAD, "at most 1048576", parts, "");
    /* Within the limit, but four times as long when it is written again. */
    memset(title, '>', DOMAIN_XML_MAX - 1000);
    title[DOMAIN_XML_MAX - 1000] = 0;
    free(parts);
    assert_true(asprintf(&parts, "<title>%s</title>", title) > 0);
    refuse(BAD, "the completed domain is too large", parts, "");
    strcat(deep, "<metadata>");
    for (int i = 0; i < 100; i++)
        strcat(deep, "<a>");
    for (int i = 0; i < 100; i++)
        strcat(deep, "</a>");
    strcat(deep, "</metadata>");
    refuse(BAD, "nested too deep", deep, "");
}

static void refuse_name(const char *name, const char *sentence)
{
    auto_free char *text = NULL;
    assert_true(asprintf(&text,
                         "<domain type='qemu'><name>%s</name><memory>1024</memory>"
                         "<os><type>hvm</type></os></domain>",
                         name) > 0);
    refuse_text(text, BAD, sentence);
}

static void names_that_could_leave_their_place_are_refused(void **state)
{
    (void)state;
    char name[DOMAIN_NAME_MAX + 2];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    refuse_name("", "name is empty");
    refuse_name("a/b", "name a/b cannot contain '/'");
    refuse_name("../../etc", "cannot contain '/'");
    refuse_name(".", "can't be '.'");
    refuse_name("..", "can't be '..'");
    refuse_name("a\nb", "a newline");
    refuse_name("a&#9;b", "control character");
    refuse_name(name, "longer than 255");
}

static void what_would_change_the_guest_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "maxMemory", "memtune", "memoryBacking",  "numatune",       "blkiotune",  "cputune",
        "iothreads", "genid",   "vcpus",          "sysinfo",        "bootloader", "idmap",
        "perf",      "keywrap", "launchSecurity", "on_lockfailure", "nosuchthing"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char text[64], sentence[96];
        snprintf(text, sizeof(text), "<%s/>", parts[i]);
        snprintf(sentence, sizeof(sentence), "element <%s> in <domain> is not supported", parts[i]);
        refuse(UNSUPPORTED, sentence, text, "");
    }
    static const char *const devices[] = {
        "filesystem", "hostdev", "redirdev", "redirfilter", "smartcard", "hub",   "graphics",
        "video",      "sound",   "watchdog", "panic",       "tpm",       "shmem", "memory",
        "iommu",      "vsock",   "crypto",   "nvram",       "parallel",  "lease", "nosuchthing"};
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        char text[64], sentence[96];
        snprintf(text, sizeof(text), "<%s type='x' model='y'/>", devices[i]);
        snprintf(sentence, sizeof(sentence), "element <%s> in <devices> is not supported",
                 devices[i]);
        refuse(UNSUPPORTED, sentence, "", text);
    }
    refuse(UNSUPPORTED, "element <qemu:override>", "<qemu:override/>", "");
    refuse(UNSUPPORTED, "element <qemu:arg>", "", "<qemu:arg value='-foo'/>");
    refuse(UNSUPPORTED, "element <x:y> in <domain>", "<x:y xmlns:x='urn:x'/>", "");
}

static void sizes_and_counts_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *part, *sentence;
        int code;
    } bad[] = {
        {"<memory>0</memory>", "memory: 0 is not between", BAD},
        {"<memory>-1</memory>", "'-1' is not a number", BAD},
        {"<memory>lots</memory>", "'lots' is not a number", BAD},
        {"<memory></memory>", "'' is not a number", BAD},
        {"<memory unit='MiB'>99999999999999999999</memory>", "is not a number", BAD},
        {"<memory unit='TiB'>18446744073709551615</memory>", "<memory> is too large", BAD},
        {"<memory unit='acres'>1</memory>", "unknown unit 'acres'", BAD},
        {"<memory slots='1'>1</memory>", "attribute 'slots' of <memory>", UNSUPPORTED},
        {"<memory>1024</memory><memory>1024</memory>", "second <memory>", BAD},
        {"<memory>1024</memory><currentMemory>9999</currentMemory>", "exceeds maximum", BAD},
        {"<memory>1024</memory><vcpu>0</vcpu>", "vcpu: 0 is not between 1 and 255", BAD},
        {"<memory>1024</memory><vcpu>256</vcpu>", "vcpu: 256", BAD},
        {"<memory>1024</memory><vcpu>two</vcpu>", "'two' is not a number", BAD},
        {"<memory>1024</memory><vcpu cpuset='0-3'>1</vcpu>", "'cpuset' of <vcpu>", UNSUPPORTED},
        {"<memory>1024</memory><vcpu placement='auto'>1</vcpu>", "placement='auto'", UNSUPPORTED},
        {"<memory>1024</memory><vcpu current='1'>2</vcpu>", "1 of 2", UNSUPPORTED},
        {"<memory>1024</memory><vcpu current='3'>2</vcpu>", "3 is not between", BAD},
        {"<memory>1024</memory><uuid>123</uuid>", "malformed uuid '123'", BAD},
        {"<memory>1024</memory><title>a\nb</title>", "can't contain newlines", BAD},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        auto_free char *text = NULL;
        assert_true(
            asprintf(&text,
                     "<domain type='qemu'><name>a</name><os><type>hvm</type></os>%s</domain>",
                     bad[i].part) > 0);
        refuse_text(text, bad[i].code, bad[i].sentence);
    }
}

static void the_machine_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *os, *sentence;
        int code;
    } bad[] = {
        {"<type>linux</type>", "os type 'linux'", UNSUPPORTED},
        {"<type arch='aarch64'>hvm</type>", "arch='aarch64'", UNSUPPORTED},
        {"<type machine='microvm'>hvm</type>", "machine='microvm'", UNSUPPORTED},
        {"<type machine='pc-q35-99.0'>hvm</type>", "does not support machine type", UNSUPPORTED},
        {"<type machine='q35,smm=on'>hvm</type>", "malformed machine", BAD},
        {"<type>hvm</type><loader>/x</loader>", "element <loader> in <os>", UNSUPPORTED},
        {"<type>hvm</type><nvram/>", "element <nvram>", UNSUPPORTED},
        {"<type>hvm</type><smbios mode='host'/>", "element <smbios>", UNSUPPORTED},
        {"<type>hvm</type><kernel>vmlinuz</kernel>", "not an absolute path", BAD},
        {"<type>hvm</type><cmdline>quiet</cmdline>", "needs <kernel>", BAD},
        {"<type>hvm</type><boot dev='moon'/>", "dev='moon'", UNSUPPORTED},
        {"<type>hvm</type><boot/>", "needs attribute 'dev'", BAD},
        {"<type>hvm</type><type>hvm</type>", "second <type>", BAD},
        {"<type>hvm</type><bios rebootTimeout='99999'/>", "99999 is not between", BAD},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        auto_free char *text = NULL;
        assert_true(asprintf(&text,
                             "<domain type='qemu'><name>a</name><memory>1024</memory><os>%s</os>"
                             "</domain>",
                             bad[i].os) > 0);
        refuse_text(text, bad[i].code, bad[i].sentence);
    }
    refuse_text("<domain type='qemu'><name>a</name><memory>1</memory>"
                "<os firmware='efi'><type>hvm</type></os></domain>",
                UNSUPPORTED, "attribute 'firmware' of <os>");
}

static void features_cpu_and_clock_are_checked(void **state)
{
    (void)state;
    refuse_text("<domain type='qemu'><name>g</name><memory>65536</memory><os><type>hvm</type>"
                "<bios useserial='yes'/></os><devices/></domain>",
                BAD, "need at least one serial port");
    refuse(UNSUPPORTED, "'preserve' of <on_poweroff>", "<on_poweroff>preserve</on_poweroff>", "");
    refuse(UNSUPPORTED, "'preserve' of <on_reboot>", "<on_reboot>preserve</on_reboot>", "");
    refuse(UNSUPPORTED, "element <hyperv> in <features>", "<features><hyperv/></features>", "");
    refuse(UNSUPPORTED, "element <kvm> in <features>", "<features><kvm/></features>", "");
    refuse(UNSUPPORTED, "attribute 'eoi' of <apic>", "<features><apic eoi='on'/></features>", "");
    refuse(UNSUPPORTED, "mode='host-mode'", "<cpu mode='host-mode'/>", "");
    refuse(UNSUPPORTED, "match='minimum'", "<cpu match='minimum'><model>a</model></cpu>", "");
    refuse(UNSUPPORTED, "element <numa> in <cpu>", "<cpu><numa/></cpu>", "");
    refuse(UNSUPPORTED, "element <cache> in <cpu>", "<cpu><cache/></cpu>", "");
    refuse(BAD, "malformed CPU model", "<cpu><model>a,+avx</model></cpu>", "");
    refuse(BAD, "malformed CPU feature", "<cpu><model>a</model><feature name='a=on,b'/></cpu>", "");
    refuse(BAD, "'avx' specified more than once",
           "<cpu><model>a</model><feature name='avx'/><feature name='avx'/></cpu>", "");
    refuse(BAD, "features need a CPU model", "<cpu><feature name='avx'/></cpu>", "");
    refuse(BAD, "needs sockets, cores", "<cpu><topology sockets='1'/></cpu>", "");
    refuse(BAD, "0 is not between", "<cpu><topology sockets='0' cores='1' threads='1'/></cpu>", "");
    refuse(UNSUPPORTED, "doesn't match maximum vcpu count (4, 1)",
           "<cpu><topology sockets='2' cores='2' threads='1'/></cpu>", "");
    refuse(BAD, "vendor_id must be 12", "<cpu><model vendor_id='me'>a</model></cpu>", "");
    refuse(UNSUPPORTED, "offset='moon'", "<clock offset='moon'/>", "");
    refuse(BAD, "'x' is no number of seconds", "<clock adjustment='x'/>", "");
    refuse(BAD, "is no number of seconds", "<clock offset='variable' adjustment='99999999999999'/>", "");
    refuse(UNSUPPORTED, "'adjustment' of <clock>", "<clock offset='timezone' timezone='UTC' adjustment='1'/>", "");
    refuse(UNSUPPORTED, "'adjustment0' of <clock>", "<clock offset='variable' adjustment0='1'/>", "");
    refuse(UNSUPPORTED, "basis='moon'", "<clock offset='variable' basis='moon'/>", "");
    refuse(UNSUPPORTED, "basis='localtime'", "<clock offset='utc' basis='localtime'/>", "");
    refuse(BAD, "missing 'timezone'", "<clock offset='timezone'/>", "");
    refuse(UNSUPPORTED, "timezone='/etc/passwd'", "<clock offset='timezone' timezone='/etc/passwd'/>", "");
    refuse(UNSUPPORTED, "timezone='../x'", "<clock offset='timezone' timezone='../x'/>", "");
    refuse(BAD, "missing 'start'", "<clock offset='absolute'/>", "");
    refuse(BAD, "'start'", "<clock offset='absolute' start='-5'/>", "");
    refuse(UNSUPPORTED, "'track' of timer 'pit'", "<clock><timer name='pit' track='guest'/></clock>", "");
    refuse(UNSUPPORTED, "name='hypervclock'", "<clock><timer name='hypervclock'/></clock>", "");
    refuse(UNSUPPORTED, "tickpolicy='discard' of timer 'rtc'",
           "<clock><timer name='rtc' tickpolicy='discard'/></clock>", "");
    refuse(BAD, "second timer 'pit'", "<clock><timer name='pit'/><timer name='pit'/></clock>", "");
    refuse(UNSUPPORTED, "value='rename-restart'", "<on_crash>rename-restart</on_crash>", "");
    refuse(UNSUPPORTED, "'coredump-destroy' of <on_poweroff>", "<on_poweroff>coredump-destroy</on_poweroff>", "");
    refuse(UNSUPPORTED, "'restart' with <on_reboot> 'destroy'",
           "<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>", "");
    refuse(UNSUPPORTED, "type='static'", "<seclabel type='static' model='dac'/>", "");
    refuse(UNSUPPORTED, "model 'dac' of <seclabel> is not available",
           "<seclabel type='dynamic' model='dac' relabel='yes'><label>+0:+0</label></seclabel>", "");
    refuse(UNSUPPORTED, "model 'selinux' of <seclabel> is not available", "<seclabel model='selinux'/>", "");
    refuse(UNSUPPORTED, "model='x' of <seclabel>", "<seclabel type='none' model='x'/>", "");
    refuse(UNSUPPORTED, "relabeling is not compatible", "<seclabel type='none' relabel='yes'/>", "");
    refuse(BAD, "missing security model", "<seclabel/>", "");
    refuse(BAD, "model dac is already provided",
           "<seclabel type='none' model='dac'/><seclabel type='none' model='dac'/>", "");
    refuse(BAD, "not a valid name of an environment",
           "<qemu:commandline><qemu:env name='A=B'/></qemu:commandline>", "");
    refuse(BAD, "needs attribute 'value'", "<qemu:commandline><qemu:arg/></qemu:commandline>", "");
    refuse(UNSUPPORTED, "element <qemu:x>", "<qemu:commandline><qemu:x/></qemu:commandline>", "");
}

static void disks_are_checked(void **state)
{
    (void)state;
    refuse(UNSUPPORTED, "type='network' of <disk>", "", "<disk type='network'/>");
    refuse(UNSUPPORTED, "device='cdrom' of <disk>", "", "<disk device='cdrom'/>");
    refuse(UNSUPPORTED, "bus='scsi'", "",
           "<disk><source file='/a'/><target dev='sda' bus='scsi'/></disk>");
    refuse(BAD, "<disk> needs <target>", "", "<disk><source file='/a'/></disk>");
    refuse(BAD, "missing source information for device vda", "",
           "<disk><target dev='vda'/></disk>");
    refuse(BAD, "needs attribute 'file'", "", "<disk><source/><target dev='vda'/></disk>");
    refuse(BAD, "not an absolute path", "", "<disk><source file='a'/><target dev='vda'/></disk>");
    refuse(UNSUPPORTED, "attribute 'dev' of <source>", "",
           "<disk type='file'><source dev='/a'/><target dev='vda'/></disk>");
#define ON(format, chain)                                                                          \
    "<disk><driver type='" format "'/><source file='/a'/><target dev='vda'/>" chain "</disk>"
    refuse(BAD, "missing disk backing store format", "", ON("qcow2", "<backingStore type='file'/>"));
    refuse(BAD, "missing disk backing store source", "",
           ON("qcow2", "<backingStore type='file'><format type='raw'/></backingStore>"));
    refuse(UNSUPPORTED, "'raw' does not support backing store (disk 'vda')", "",
           ON("raw", "<backingStore type='file'><format type='raw'/><source file='/b'/></backingStore>"));
    refuse(UNSUPPORTED, "type='network' of <backingStore>", "",
           ON("qcow2", "<backingStore type='network'><format type='raw'/><source/></backingStore>"));
    refuse(UNSUPPORTED, "type='vmdk' of <format>", "",
           ON("qcow2", "<backingStore type='file'><format type='vmdk'/><source file='/b'/></backingStore>"));
    refuse(UNSUPPORTED, "'found' of <backingStore>", "",
           ON("qcow2", "<backingStore type='file' found='yes'><format type='raw'/><source file='/b'/>"
                       "</backingStore>"));
    refuse(UNSUPPORTED, "element <seclabel>", "",
           ON("qcow2", "<backingStore type='file'><format type='raw'/><source file='/b'><seclabel/></source>"
                       "</backingStore>"));
    refuse(UNSUPPORTED, "target 'sda' of a disk", "",
           "<disk><source file='/a'/><target dev='sda'/></disk>");
    refuse(BAD, "target 'vd1' of a disk", "",
           "<disk><source file='/a'/><target dev='vd1' bus='virtio'/></disk>");
    refuse(BAD, "target 'vdaaaa'", "",
           "<disk><source file='/a'/><target dev='vdaaaa' bus='virtio'/></disk>");
    refuse(BAD, "target 'vda' duplicated for disk sources '/a.raw' and '/a.raw'", "",
           DISK("") DISK(""));
    refuse(UNSUPPORTED, "type='vmdk'", "", DISK("<driver type='vmdk'/>"));
    refuse(UNSUPPORTED, "cache='sometimes'", "", DISK("<driver cache='sometimes'/>"));
    refuse(UNSUPPORTED, "io='native' of <driver> needs cache", "", DISK("<driver io='native'/>"));
    refuse(UNSUPPORTED, "rerror_policy='enospace'", "", DISK("<driver rerror_policy='enospace'/>"));
    refuse(UNSUPPORTED, "attribute 'iothread' of <driver>", "", DISK("<driver iothread='1'/>"));
    refuse(UNSUPPORTED, "attribute 'copy_on_read'", "", DISK("<driver copy_on_read='on'/>"));
    refuse(UNSUPPORTED, "element <iotune> in <disk>", "", DISK("<iotune/>"));
    refuse(UNSUPPORTED, "element <encryption>", "", DISK("<encryption format='luks'/>"));
    refuse(UNSUPPORTED, "element <transient>", "", DISK("<transient/>"));
    refuse(UNSUPPORTED, "element <geometry>", "", DISK("<geometry cyls='1'/>"));
    refuse(UNSUPPORTED, "element <reservations> in <source>", "",
           "<disk><source file='/a'><reservations/></source><target dev='vda'/></disk>");
    refuse(UNSUPPORTED, "shared access for disk 'vda'", "",
           DISK("<driver type='qcow2'/><shareable/>"));
    refuse(UNSUPPORTED, "unsafe characters", "", DISK("<serial>a,b=c</serial>"));
    refuse(BAD, "longer than 36", "",
           DISK("<serial>1234567890123456789012345678901234567</serial>"));
    refuse(UNSUPPORTED, "attribute 'loadparm' of <boot>", "",
           DISK("<boot order='1' loadparm='2'/>"));
    refuse(BAD, "0 is not between 1 and 9999", "", DISK("<boot order='0'/>"));
    refuse(BAD, "boot order '1' used for more than one", "",
           DISK("<boot order='1'/>") NIC("<boot order='1'/>"));
}

static void addresses_and_aliases_are_checked(void **state)
{
    (void)state;
    refuse(UNSUPPORTED, "address type='drive'", "", DISK("<address type='drive'/>"));
    refuse(BAD, "needs attribute 'type'", "", DISK("<address/>"));
    refuse(BAD, "0x20 is not between 0 and 31", "", DISK("<address type='pci' slot='0x20'/>"));
    refuse(BAD, "8 is not between 0 and 7", "", DISK("<address type='pci' function='8'/>"));
    refuse(BAD, "only PCI domain 0", "", DISK("<address type='pci' domain='1' slot='3'/>"));
    refuse(BAD, "'x' is not a number", "", DISK("<address type='pci' bus='x'/>"));
    refuse(BAD, "double use of PCI address 0000:00:08.0", "",
           DISK("<address type='pci' slot='8'/>") NIC("<address type='pci' slot='8'/>"));
    refuse(BAD, "double use of PCI address 0000:00:1f.0", "",
           DISK("<address type='pci' slot='0x1f'/>"));
    refuse(BAD, "the slot must be 0 to 0", "", DISK("<address type='pci' bus='1' slot='1'/>"));
    refuse(BAD, "the slot must be 1 to 31", "",
           DISK("<address type='pci' bus='0' slot='0' "
                "function='1'/>"));
    refuse(UNSUPPORTED, "element <acpi> in <disk>", "", DISK("<acpi index='1'/>"));
    refuse(BAD, "'ua-a b' is not a valid alias", "", DISK("<alias name='ua-a b'/>"));
    refuse(BAD, "non unique alias detected: ua-x", "",
           DISK("<alias name='ua-x'/>") NIC("<alias name='ua-x'/>"));
    refuse(BAD, "second <alias>", "", DISK("<alias name='ua-x'/><alias name='ua-y'/>"));
}

static void controllers_are_checked(void **state)
{
    (void)state;
    refuse(UNSUPPORTED, "type='scsi' of <controller>", "", "<controller type='scsi'/>");
    refuse(BAD, "a pci controller needs a model", "", "<controller type='pci'/>");
    refuse(UNSUPPORTED, "model='pcie-expander-bus'", "",
           "<controller type='pci' model='pcie-expander-bus'/>");
    refuse(UNSUPPORTED, "model='qemu-xhci'", "", "<controller type='pci' model='qemu-xhci'/>");
    refuse(UNSUPPORTED, "model='ich9-ehci1'", "", "<controller type='usb' model='ich9-ehci1'/>");
    refuse(UNSUPPORTED, "element <master>", "",
           "<controller type='usb' model='piix3-uhci'><master startport='0'/></controller>");
    refuse(UNSUPPORTED, "name='ioh3420'", "",
           "<controller type='pci' index='1' model='pcie-root-port'><model name='ioh3420'/>"
           "</controller>");
    refuse(UNSUPPORTED, "element <pcihole64>", "",
           "<controller type='pci' model='pcie-root'><pcihole64>1</pcihole64></controller>");
    refuse(BAD, "multiple 'usb' controllers with index '0'", "",
           "<controller type='usb' index='0'/><controller type='usb' index='0'/>");
    refuse(BAD, "must be model='pcie-root'", "", "<controller type='pci' model='pci-root'/>");
    refuse(BAD, "USB is disabled", "",
           "<controller type='usb' model='none'/><controller type='usb' model='qemu-xhci'/>");
    refuse(UNSUPPORTED, "controller 'ide' with index 0", "", "<controller type='ide'/>");
    refuse(UNSUPPORTED, "controller 'sata' with index 1", "",
           "<controller type='sata' index='1'/>");
    refuse(BAD, "must have PCI address 0:0:1f.2", "",
           "<controller type='sata'><address type='pci' slot='5'/></controller>");
    refuse(BAD, "can't hold such a controller", "",
           "<controller type='pci' index='1' model='pcie-root-port'/>"
           "<controller type='pci' index='2' model='pcie-root-port'>"
           "<address type='pci' bus='1' slot='0'/></controller>");
    refuse(BAD, "bus must be less than index", "",
           "<controller type='pci' index='1' model='pci-bridge'/>");
    refuse(BAD, "256 is not between", "", "<controller type='usb' index='256'/>");
}

static void interfaces_are_checked(void **state)
{
    (void)state;
    refuse(BAD, "needs attribute 'type'", "", "<interface/>");
    refuse(UNSUPPORTED, "type='bridge' of <interface>", "", "<interface type='bridge'/>");
    refuse(UNSUPPORTED, "type='network'", "", "<interface type='network'/>");
    refuse(UNSUPPORTED, "type='ne2k_pci'", "", NIC("<model type='ne2k_pci'/>"));
    refuse(UNSUPPORTED, "element <script>", "",
           "<interface type='ethernet'><script path='/x'/></interface>");
    refuse(UNSUPPORTED, "element <bandwidth>", "", NIC("<bandwidth/>"));
    refuse(UNSUPPORTED, "element <mtu>", "", NIC("<mtu size='9000'/>"));
    refuse(UNSUPPORTED, "element <link>", "", NIC("<link state='down'/>"));
    refuse(UNSUPPORTED, "element <target> in <interface>", "", NIC("<target dev='tap0'/>"));
    refuse(BAD, "malformed MAC address 'xx'", "", NIC("<mac address='xx'/>"));
    refuse(BAD, "malformed MAC", "", NIC("<mac address='52:54:00:00:00:01:02'/>"));
    refuse(BAD, "malformed MAC", "", NIC("<mac address='52:54:00:00:00:1x'/>"));
    refuse(BAD, "found multicast", "", NIC("<mac address='01:00:5e:00:00:01'/>"));
    refuse(BAD, "not a name of a network device", "",
           "<interface type='ethernet'><target dev='sixteencharslong'/></interface>");
    refuse(BAD, "not a name of a network device", "",
           "<interface type='ethernet'><target dev='../x'/></interface>");
}

static void character_devices_are_checked(void **state)
{
    (void)state;
    refuse(BAD, "needs attribute 'type'", "", "<serial/>");
    refuse(UNSUPPORTED, "type='stdio' of <serial>", "", "<serial type='stdio'/>");
    refuse(UNSUPPORTED, "type='spicevmc' of <channel>", "", "<channel type='spicevmc'/>");
    refuse(BAD, "needs a <source> with its path", "", "<serial type='unix'/>");
    refuse(BAD, "needs attribute 'path'", "", "<serial type='file'><source/></serial>");
    refuse(BAD, "not an absolute path", "", "<serial type='file'><source path='x'/></serial>");
    refuse(BAD, "longer than 107", "",
           "<serial type='unix'><source path='/123456789012345678901234567890123456789012345678901"
           "234567890123456789012345678901234567890123456789012345678'/></serial>");
    refuse(UNSUPPORTED, "mode='sideways'", "",
           "<serial type='unix'><source mode='sideways' path='/x'/></serial>");
    refuse(UNSUPPORTED, "element <reconnect> in <source mode='bind'>", "",
           "<serial type='unix'><source path='/x'><reconnect enabled='yes' timeout='1'/></source>"
           "</serial>");
    refuse(BAD, "needs a <source> with its service", "", "<serial type='tcp'/>");
    refuse(BAD, "65536 is not between", "",
           "<serial type='tcp'><source host='a' service='65536'/></serial>");
    refuse(BAD, "malformed host", "",
           "<serial type='tcp'><source host='a,server=on' service='1'/></serial>");
    refuse(UNSUPPORTED, "tls='yes'", "",
           "<serial type='tcp'><source host='a' service='1' tls='yes'/></serial>");
    refuse(UNSUPPORTED, "element <source> in <serial>", "",
           "<serial type='null'><source path='/x'/></serial>");
    refuse(UNSUPPORTED, "element <protocol>", "", "<serial type='pty'><protocol/></serial>");
    refuse(UNSUPPORTED, "type='pci-serial'", "",
           "<serial type='pty'><target type='pci-serial'/></serial>");
    refuse(BAD, "second serial port 1", "",
           "<serial type='pty'><target port='1'/></serial>"
           "<serial type='pty'><target port='1'/></serial>");
    refuse(BAD, "4 is not between", "", "<serial type='pty'><target port='4'/></serial>");
    refuse(UNSUPPORTED, "more than 4 ISA serial ports", "",
           "<serial type='pty'/><serial type='pty'/><serial type='pty'/><serial type='pty'/>"
           "<serial type='pty'/>");
    refuse(UNSUPPORTED, "type='sclp'", "", "<console type='pty'><target type='sclp'/></console>");
    refuse(UNSUPPORTED, "only the first console", "",
           "<console type='pty'><target type='virtio'/></console><console type='pty'/>");
    refuse(BAD, "<channel> needs <target>", "", "<channel type='pty'/>");
    refuse(UNSUPPORTED, "type='guestfwd'", "",
           "<channel type='pty'><target type='guestfwd'/></channel>");
    refuse(BAD, "malformed channel name", "",
           "<channel type='unix'><target type='virtio' name='../x'/></channel>");
    refuse(BAD, "port 1 on controller 0 is already occupied", "",
           "<channel type='pty'><target type='virtio'/><address type='virtio-serial' port='1'/>"
           "</channel><channel type='pty'><target type='virtio'/><address type='virtio-serial' "
           "port='1'/></channel>");
    refuse(BAD, "controller 0 has no port 31", "",
           "<channel type='pty'><target type='virtio'/><address type='virtio-serial' port='31'/>"
           "</channel>");
}

static void small_devices_are_checked(void **state)
{
    (void)state;
    refuse(UNSUPPORTED, "type='tablet' of <input>", "", "<input type='tablet' bus='usb'/>");
    refuse(UNSUPPORTED, "bus='usb' of <input>", "", "<input type='mouse' bus='usb'/>");
    refuse(UNSUPPORTED, "type='spice' of <audio>", "", "<audio id='1' type='spice'/>");
    refuse(UNSUPPORTED, "model='virtio-transitional'", "",
           "<rng model='virtio-transitional'><backend model='random'/></rng>");
    refuse(UNSUPPORTED, "model='egd'", "", "<rng model='virtio'><backend model='egd'/></rng>");
    refuse(BAD, "<rng> needs <backend>", "", "<rng model='virtio'/>");
    refuse(UNSUPPORTED, "file '/etc/passwd' is not", "",
           "<rng model='virtio'><backend model='random'>/etc/passwd</backend></rng>");
    refuse(BAD, "needs attribute 'bytes'", "",
           "<rng model='virtio'><backend model='random'/><rate/></rng>");
    refuse(UNSUPPORTED, "model='xen' of <memballoon>", "", "<memballoon model='xen'/>");
    refuse(BAD, "second <memballoon>", "",
           "<memballoon model='none'/><memballoon model='virtio'/>");
    refuse(UNSUPPORTED, "element <driver> in <memballoon>", "",
           "<memballoon model='virtio'><driver iommu='on'/></memballoon>");
    refuse(BAD, "not an absolute path", "", "<emulator>qemu</emulator>");
}

static void more_devices_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    enum { MANY = 300 };
    auto_free char *devices = malloc(MANY * 120 + 1);
    char *end = devices;
    *end = 0;
    for (int i = 0; i < MANY; i++)
        end += sprintf(end,
                       "<interface type='user'><mac address='52:54:00:00:%02x:%02x'/>"
                       "<model type='virtio'/></interface>",
                       i / 256, i % 256);
    refuse(VIR_ERR_INTERNAL_ERROR, "no more available PCI slots", "", devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_a_domain_is_refused),
        cmocka_unit_test(a_document_too_large_or_too_deep_is_refused),
        cmocka_unit_test(names_that_could_leave_their_place_are_refused),
        cmocka_unit_test(what_would_change_the_guest_is_refused_by_name),
        cmocka_unit_test(sizes_and_counts_are_checked),
        cmocka_unit_test(the_machine_is_checked),
        cmocka_unit_test(features_cpu_and_clock_are_checked),
        cmocka_unit_test(disks_are_checked),
        cmocka_unit_test(addresses_and_aliases_are_checked),
        cmocka_unit_test(controllers_are_checked),
        cmocka_unit_test(interfaces_are_checked),
        cmocka_unit_test(character_devices_are_checked),
        cmocka_unit_test(small_devices_are_checked),
        cmocka_unit_test(more_devices_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests_name("domain refuse", tests, NULL, NULL);
}
