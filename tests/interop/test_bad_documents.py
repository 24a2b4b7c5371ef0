"""Domain documents that must not be taken: malformed, huge, with entities, asking for what is not supported."""
import libvirt

from bad import Attacked, libvirt_refuses
from lib.runner import expect, test

XML = libvirt.VIR_ERR_XML_ERROR
UNSUPPORTED = libvirt.VIR_ERR_CONFIG_UNSUPPORTED
MARK = "<memballoon model='none'/>"


def with_device(guest, device):
    return guest.xml.replace(MARK, device + MARK)


def expect_nothing_came_of_it(attacked):
    attacked.expect_served()
    expect(attacked.host.client.connection.listAllDomains(), [], "guests")
    expect(attacked.host.told(), [], "events")
    expect(attacked.host.leftovers(), [], "leftovers")


@test()
def malformed_documents_are_refused(case):
    attacked = Attacked(case)
    guest = case.tiny()
    connection = attacked.host.client.connection
    for text in ("", " ", "\n", "x", "<", "<domain", "<domain>", "<domain/>", "</domain>", guest.xml[:-12],
                 guest.xml + "<more/>", guest.xml + "junk", guest.xml.replace("<name>", "<name"),
                 guest.xml.replace("<name>guest</name>", "<name>gu\x01est</name>"), "<a/>", "<network/>",
                 guest.xml.replace("</devices>", "</device>"), guest.xml.replace("1</vcpu>", "1<vcpu>")):
        for call in (connection.defineXML, connection.createXML):
            try:
                call(text)
                raise AssertionError(f"was taken: {text[:60]!r}")
            except libvirt.libvirtError as error:
                assert error.get_error_code() in (XML, UNSUPPORTED, libvirt.VIR_ERR_INVALID_ARG), f"{text[:40]!r}: {error}"
                assert len(str(error)) > 15, error
    expect_nothing_came_of_it(attacked)


@test()
def no_entity_is_expanded_and_nothing_is_fetched(case):
    """Billions of laughs, files and hosts that a document type names."""
    attacked = Attacked(case)
    guest = case.tiny()
    connection = attacked.host.client.connection
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
    for doctype, name in ((f"<!ENTITY l0 'ha'>{laughs}", "&l11;"),
                          ("<!ENTITY f SYSTEM 'file:///etc/passwd'>", "&f;"),
                          ("<!ENTITY h SYSTEM 'http://127.0.0.1:9/x'>", "&h;"),
                          ("<!ENTITY % p SYSTEM 'file:///dev/zero'> %p;", "guest"),
                          ("", "guest")):
        text = f"<!DOCTYPE domain [{doctype}]>" + guest.xml.replace("<name>guest<", f"<name>{name}<")
        libvirt_refuses(lambda text=text: connection.defineXML(text), XML)
    text = "<!DOCTYPE domain SYSTEM 'file:///dev/zero'>" + guest.xml
    libvirt_refuses(lambda: connection.defineXML(text), XML)
    libvirt_refuses(lambda: connection.defineXML(guest.xml.replace("<name>guest<", "<name>&unknown;<")), XML)
    expect_nothing_came_of_it(attacked)


@test()
def huge_documents_are_refused(case):
    attacked = Attacked(case)
    guest = case.tiny()
    connection = attacked.host.client.connection
    for text in (guest.xml.replace("<name>guest<", f"<name>{'n' * 3000000}<"),
                 guest.xml.replace("</domain>", "<!--" + "c" * 3900000 + "--></domain>"),
                 "<domain>" + "<a>" * 100000,
                 "<domain " + " ".join(f"a{n}='x'" for n in range(100000)) + "/>",
                 with_device(guest, "<serial type='pty'/>" * 30000)):
        try:
            connection.defineXML(text)
            raise AssertionError(f"was taken: {len(text)} bytes")
        except libvirt.libvirtError as error:
            assert error.get_error_code() in (XML, UNSUPPORTED), error
            assert len(str(error)) < 2000, f"an error of {len(str(error))} bytes"
        attacked.expect_served()
    # The client refuses what is over the protocol's limit; nothing of it reaches the daemon.
    libvirt_refuses(lambda: connection.defineXML(guest.xml + " " * 4194304), libvirt.VIR_ERR_RPC)
    expect_nothing_came_of_it(attacked)


@test()
def what_is_not_supported_is_refused_by_name(case):
    attacked = Attacked(case)
    guest = case.tiny()
    connection = attacked.host.client.connection
    for device, word in (("<sound model='ich6'/>", "sound"), ("<hostdev mode='subsystem' type='pci'/>", "hostdev"),
                         ("<tpm model='tpm-tis'/>", "tpm"), ("<filesystem type='mount'/>", "filesystem"),
                         ("<watchdog model='i6300esb'/>", "watchdog"), ("<graphics type='vnc'/>", "graphics"),
                         ("<video><model type='vga'/></video>", "video"), ("<panic model='isa'/>", "panic"),
                         ("<interface type='network'><source network='default'/></interface>", "network"),
                         ("<disk type='network'><target dev='vda'/></disk>", "network"),
                         ("<flying-carpet/>", "flying-carpet")):
        libvirt_refuses(lambda device=device: connection.defineXML(with_device(guest, device)), UNSUPPORTED, word)
    for old, new, code, word in (
            ("<domain type='qemu'", "<domain type='xen'", UNSUPPORTED, "xen"),
            ("arch='x86_64'", "arch='pdp11'", UNSUPPORTED, "pdp11"),
            ("pc-q35-7.2", "pc-q35-99.9", UNSUPPORTED, "pc-q35-99.9"),
            (">hvm<", ">linux<", UNSUPPORTED, "linux"),
            ("<features>", "<memoryBacking><hugepages/></memoryBacking><features>", UNSUPPORTED, "memoryBacking"),
            ("<features>", "<launchSecurity type='sev'/><features>", UNSUPPORTED, "launchSecurity"),
            ("<on_poweroff>destroy", "<on_poweroff>explode", None, "explode"),
            ("<vcpu>1<", "<vcpu>0<", None, "vcpu"),
            ("<vcpu>1<", "<vcpu>99999999999999<", None, "vcpu"),
            ("<vcpu>1<", "<vcpu>-1<", None, "vcpu"),
            ("unit='KiB'", "unit='parsec'", None, "parsec"),
            ("<name>guest<", "<name>../../etc<", None, "name"),
            ("<name>guest<", "<name><", None, "name"),
            (guest.uuid, "not-a-uuid", None, "uuid")):
        text = guest.xml.replace(old, new, 1)
        assert text != guest.xml, old
        try:
            connection.defineXML(text)
        except libvirt.libvirtError as error:
            assert code in (None, error.get_error_code()), f"{new}: {error.get_error_code()} {error}"
            assert word in str(error), f"'{error}' does not say '{word}'"
            continue
        # Machines belong to an emulator: that one is only asked at the start.
        domain = connection.lookupByUUIDString(guest.uuid)
        libvirt_refuses(domain.create, code, word)
        domain.undefine()
    attacked.expect_served()
    expect(connection.listAllDomains(), [], "guests")
