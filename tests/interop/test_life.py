"""A guest's life as stock virsh and python-libvirt see it: states, reasons, exactly these events, known sentences."""
import os
import signal

import libvirt
import libvirt_qemu

from lib import processes
from lib.hosts import VirshError
from lib.patience import PATIENCE
from lib.runner import expect, test
from life import BOTH, one_host, only_qemu, refused, virsh_refuses


@test(qemu=BOTH)
def a_guest_lives(case, qemu):
    host, guest = one_host(case, qemu)
    domain = host.client.connection.defineXML(guest.xml)
    expect(host.state("guest"), "SHUTOFF/UNKNOWN", "state once defined")
    expect((domain.ID(), domain.isActive(), domain.isPersistent()), (-1, 0, 1), "a definition")
    domain.create()
    expect(host.state("guest"), "RUNNING/BOOTED", "state once started")
    guest.wait_ready()
    domain.suspend()
    domain.suspend()
    expect(host.state("guest"), "PAUSED/USER", "state once suspended")
    domain.resume()
    expect(host.state("guest"), "RUNNING/UNPAUSED", "state once resumed")
    domain.destroy()
    expect(host.state("guest"), "SHUTOFF/DESTROYED", "state once destroyed")
    domain.undefine()
    host.wait_event("UNDEFINED/REMOVED")
    expect(host.state("guest"), "none", "state once undefined")
    expect(host.told("guest"),
           ["DEFINED/ADDED", "STARTED/BOOTED", "SUSPENDED/PAUSED", "RESUMED/UNPAUSED", "STOPPED/DESTROYED",
            "UNDEFINED/REMOVED"], "events")
    expect(host.leftovers(), [], "leftovers")


@test(qemu=BOTH)
def a_guest_may_start_paused(case, qemu):
    host, guest = one_host(case, qemu)
    host.client.connection.createXML(guest.xml, libvirt.VIR_DOMAIN_START_PAUSED)
    expect(host.state("guest"), "PAUSED/USER", "state once started")
    host.virsh("resume", "guest")
    guest.wait_ready()
    host.virsh("destroy", "--graceful", "guest")
    host.wait_event("STOPPED/DESTROYED")
    expect(host.told("guest"),
           ["STARTED/BOOTED", "SUSPENDED/PAUSED", "RESUMED/UNPAUSED", "STOPPED/DESTROYED"], "events")
    expect(host.state("guest"), "none", "a transient guest's state after its end")
    expect(host.leftovers(), [], "leftovers")


@test(qemu=BOTH)
def what_cannot_be_done_is_said_in_libvirts_words(case, qemu):
    host, guest = one_host(case, qemu)
    domain = host.client.connection.defineXML(guest.xml)
    off = "Requested operation is not valid: domain is not running"
    for command in ("suspend", "resume", "destroy", "shutdown", "reboot", "reset", "domcontrol"):
        virsh_refuses(host, off, command, "guest")
    virsh_refuses(host, "failed to get domain 'nobody'", "start", "nobody")
    refused(lambda: host.client.connection.lookupByName("nobody"), libvirt.VIR_ERR_NO_DOMAIN,
            "Domain not found: no domain with matching name 'nobody'")
    domain.create()
    refused(domain.create, libvirt.VIR_ERR_OPERATION_INVALID, "domain is already running")
    refused(domain.resume, libvirt.VIR_ERR_OPERATION_INVALID, "domain is already running")
    refused(lambda: host.client.connection.createXML(guest.xml), libvirt.VIR_ERR_OPERATION_INVALID,
            "domain 'guest' is already active")
    domain.undefine()
    refused(domain.undefine, libvirt.VIR_ERR_OPERATION_INVALID, "cannot undefine transient domain")
    refused(lambda: domain.setAutostart(1), libvirt.VIR_ERR_OPERATION_INVALID,
            "cannot set autostart for transient domain")
    domain.destroy()
    refused(domain.state, libvirt.VIR_ERR_NO_DOMAIN, f"no domain with matching uuid '{guest.uuid}' (guest)")


@test()
def flags_that_are_not_supported_are_refused_by_name(case):
    host, guest = one_host(case, "7.2")
    connection = host.client.connection
    domain = connection.defineXML(guest.xml)
    invalid = libvirt.VIR_ERR_INVALID_ARG
    refused(lambda: domain.createWithFlags(libvirt.VIR_DOMAIN_START_AUTODESTROY), invalid,
            "VIR_DOMAIN_START_AUTODESTROY")
    refused(lambda: connection.createXML(guest.xml, libvirt.VIR_DOMAIN_START_AUTODESTROY), invalid,
            "VIR_DOMAIN_START_AUTODESTROY")
    refused(lambda: domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT), invalid,
            "VIR_DOMAIN_SHUTDOWN_GUEST_AGENT")
    refused(lambda: domain.reboot(libvirt.VIR_DOMAIN_REBOOT_INITCTL), invalid, "VIR_DOMAIN_REBOOT_INITCTL")
    refused(lambda: domain.vcpusFlags(libvirt.VIR_DOMAIN_VCPU_GUEST), invalid, "VIR_DOMAIN_VCPU_GUEST")
    refused(lambda: domain.destroyFlags(1 << 20), invalid, "0x100000")
    refused(lambda: domain.XMLDesc(1 << 20), invalid, "0x100000")
    refused(lambda: connection.getAllDomainStats(0, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING), invalid,
            "VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING")
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM |
                         libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)


@test()
def a_limit_that_is_too_large_overflows(case):
    """As libvirt says it; and nothing is kept of what is refused."""
    host, guest = one_host(case, "7.2")
    domain = host.client.connection.defineXML(guest.xml)
    most = 8796093022207
    domain.migrateSetMaxSpeed(5)
    refused(lambda: domain.migrateSetMaxSpeed(most + 1), libvirt.VIR_ERR_OVERFLOW,
            f"bandwidth must be less than {most + 1}")
    expect(domain.migrateGetMaxSpeed(), 5, "the limit after one that was refused")
    postcopy = libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY
    refused(lambda: domain.migrateSetMaxSpeed(6, postcopy), libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running")
    domain.migrateSetMaxSpeed(most)
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    expect((domain.migrateGetMaxSpeed(), domain.migrateGetMaxSpeed(postcopy)), (most, 0), "the limits")
    refused(lambda: domain.migrateSetMaxSpeed(most + 1, postcopy), libvirt.VIR_ERR_OVERFLOW, "must be less than")
    domain.destroy()


@test(qemu=BOTH)
def a_start_that_fails_says_what_qemu_said(case, qemu):
    disk = "<disk type='file' device='disk'><source file='/no/such/disk'/><target dev='vda' bus='virtio'/></disk>"
    host, guest = one_host(case, qemu, devices=disk)
    refused(lambda: host.client.connection.createXML(guest.xml), libvirt.VIR_ERR_INTERNAL_ERROR,
            "Could not open '/no/such/disk': No such file or directory")
    expect(host.state("guest"), "none", "a transient guest that did not start")
    host.client.connection.defineXML(guest.xml)
    virsh_refuses(host, "/no/such/disk", "start", "guest")
    expect(host.state("guest"), "SHUTOFF/FAILED", "a persistent guest that did not start")
    host.virsh("undefine", "guest")
    host.wait_event("UNDEFINED/REMOVED")
    expect(host.told("guest"), ["DEFINED/ADDED", "UNDEFINED/REMOVED"], "events")
    expect(host.leftovers(), [], "leftovers")


@test(qemu=BOTH)
def a_qemu_that_dies_is_a_guest_that_crashed(case, qemu):
    host, guest = one_host(case, qemu)
    host.client.connection.defineXML(guest.xml)
    host.virsh("start", "guest")
    os.kill(only_qemu(host), signal.SIGKILL)
    host.wait_event("STOPPED/FAILED")
    expect(host.state("guest"), "SHUTOFF/CRASHED", "state")
    host.virsh("start", "guest")
    expect(host.state("guest"), "RUNNING/BOOTED", "state once started again")


@test(qemu=BOTH)
def a_qemu_that_hangs_disturbs_nobody(case, qemu):
    host, guest = one_host(case, qemu)
    other = case.tiny("other", qemu)
    connection = host.client.connection
    domain = connection.createXML(guest.xml)
    hung = only_qemu(host)
    connection.createXML(other.xml)
    other.wait_ready()
    os.kill(hung, signal.SIGSTOP)
    waiting = host.virsh_start("qemu-monitor-command", "guest", '{"execute":"query-status"}')
    stats = {d.name(): figures for d, figures in connection.getAllDomainStats(
        0, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)}
    expect(stats["guest"]["state.state"], libvirt.VIR_DOMAIN_RUNNING, "state in the statistics")
    expect("vcpu.0.time" in stats["other"], True, "the other guest has a vCPU time")
    expect(domain.controlInfo()[0], libvirt.VIR_DOMAIN_CONTROL_OCCUPIED, "control state")
    host.virsh("suspend", "other")
    host.virsh("destroy", "guest")
    waiting.wait(10)
    expect(waiting.returncode, 1, "status of the virsh that waited for QEMU")
    expect(host.state("other"), "PAUSED/USER", "the other guest's state")


@test(qemu=BOTH)
def a_daemon_that_was_killed_finds_its_guests_as_they_were(case, qemu):
    host, guest = one_host(case, qemu)
    connection = host.client.connection
    domain = connection.defineXML(guest.xml)
    domain.create()
    guest.wait_ready()
    own = only_qemu(host)
    transient = case.tiny("paused", qemu)
    connection.createXML(transient.xml, libvirt.VIR_DOMAIN_START_PAUSED)
    libvirt_qemu.qemuMonitorCommand(domain, "info status", libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)

    def look():
        return [(d.name(), d.UUIDString(), d.ID(), d.state(), d.isPersistent(), d.messages(), d.XMLDesc())
                for d in host.client.connection.listAllDomains()]

    before = sorted(look())
    pids = host.qemu_pids()
    host.restart()
    expect(sorted(look()), before, "the guests")
    expect(host.qemu_pids(), pids, "their QEMUs")
    host.virsh("resume", "paused")
    transient.wait_ready()
    host.virsh("suspend", "guest")
    expect(host.stop(), 0, "the daemon's exit status at SIGTERM")
    processes.kill(own)
    processes.wait_gone(own, PATIENCE)
    host.start()
    host.reconnect()
    expect(host.qemu_pids(), [pid for pid in pids if pid != own], "QEMUs after one was killed without a daemon")
    expect(host.state("guest"), "SHUTOFF/CRASHED", "the guest that ended without a daemon")
    expect(host.state("paused"), "RUNNING/UNPAUSED", "the guest that went on")


@test()
def a_guest_marked_for_autostart_starts_once_with_the_host(case):
    host, guest = one_host(case, "7.2")
    domain = host.client.connection.defineXML(guest.xml)
    expect(domain.autostart(), 0, "autostart of a new guest")
    host.virsh("autostart", "guest")
    expect(host.client.domain("guest").autostart(), 1, "autostart once set")
    host.restart()
    expect(host.client.domain("guest").autostart(), 1, "autostart after a restart")
    expect(host.state("guest"), "SHUTOFF/UNKNOWN", "the host did not boot: nothing starts")
    host.kill9()
    os.unlink(os.path.join(host.root, "run", "baton", "autostarted"))  # as a boot of the host would
    host.start()
    host.reconnect()
    guest.wait_ready()
    expect(host.state("guest"), "RUNNING/BOOTED", "state after the host's boot")
    host.virsh("autostart", "--disable", "guest")
    expect(host.client.domain("guest").autostart(), 0, "autostart once taken away")


@test(qemu=BOTH)
def a_qemu_that_is_told_to_end_is_a_shutdown(case, qemu):
    host = case.batond().start()
    case.own(host.client)
    guest = case.linux(qemu=qemu)
    host.client.connection.createXML(guest.xml)
    guest.wait_ready(60)
    host.virsh("shutdown", "--mode", "acpi", "guest")  # our guest has no ACPI button: nothing happens
    expect(host.state("guest"), "RUNNING/BOOTED", "state after a power button that nobody heeds")
    os.kill(only_qemu(host), signal.SIGTERM)
    host.wait_event("STOPPED/SHUTDOWN")
    expect(host.told("guest"), ["STARTED/BOOTED", "SHUTDOWN/HOST", "STOPPED/SHUTDOWN"], "events")


@test()
def a_name_and_a_uuid_belong_together(case):
    host, guest = one_host(case, "7.2")
    connection = host.client.connection
    connection.defineXML(guest.xml)
    other_name = guest.xml.replace("<name>guest<", "<name>other<")
    other_uuid = guest.xml.replace(guest.uuid, "11111111-2222-4333-8444-555555555555")
    for define in (connection.defineXML, connection.createXML):
        refused(lambda: define(other_name), libvirt.VIR_ERR_OPERATION_FAILED,
                f"domain 'guest' is already defined with uuid {guest.uuid}")
        refused(lambda: define(other_uuid), libvirt.VIR_ERR_OPERATION_FAILED,
                f"domain 'guest' already exists with uuid {guest.uuid}")
    expect([d.name() for d in connection.listAllDomains()], ["guest"], "guests")


@test()
def a_read_only_client_only_reads(case):
    host, guest = one_host(case, "7.2")
    domain = host.client.connection.createXML(guest.xml)
    reader = libvirt.openReadOnly(host.uri + "-ro")
    seen = reader.lookupByName("guest")
    expect(seen.state(), domain.state(), "state")
    expect(seen.XMLDesc(), domain.XMLDesc(), "document")
    expect(len(reader.getAllDomainStats()), 1, "statistics")
    for call in (seen.suspend, seen.destroy, lambda: seen.setMetadata(1, "title", None, None),
                 lambda: seen.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE),
                 lambda: seen.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE),
                 lambda: libvirt_qemu.qemuMonitorCommand(seen, "info status", 1),
                 lambda: reader.defineXML(guest.xml)):
        refused(call, libvirt.VIR_ERR_OPERATION_DENIED, "")
    reader.close()
    expect(host.state("guest"), "RUNNING/BOOTED", "state after all that")


@test()
def virsh_create_names_what_is_wrong_with_a_document(case):
    host, guest = one_host(case, "7.2")
    path = os.path.join(case.folder, "bad.xml")
    for change, sentence in (
            (lambda x: x[:-20], "XML error"),
            (lambda x: x.replace("<memballoon", "<sound model='ich6'/><memballoon"), "sound"),
            (lambda x: x.replace("pc-q35-7.2", "pc-q35-99"), "pc-q35-99"),
            (lambda x: x.replace("/usr/bin/qemu-system-x86_64", "/usr/bin/no-such-qemu"), "no-such-qemu"),
            (lambda x: "<!DOCTYPE d [<!ENTITY e 'x'>]>" + x, "XML error")):
        with open(path, "w", encoding="utf-8") as f:
            f.write(change(guest.xml))
        virsh_refuses(host, sentence, "create", path)
    expect(host.leftovers(), [], "leftovers")
    try:
        host.virsh("domstate", "guest")
    except VirshError:
        return
    raise AssertionError("a guest came of a bad document")
