"""What stock clients read of a guest: documents, counters, statistics, QEMU's own words."""
import json
import os
import queue
import subprocess

import libvirt
import libvirt_qemu

from lib.patience import PATIENCE
from lib.runner import expect, test
from life import BOTH, one_host, refused, virsh_refuses

HMP = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
KIB, MIB = 1024, 1024 * 1024


def disks(case):
    """A qcow2 and a raw image, and the elements that make them vda and vdb."""
    qcow2 = os.path.join(case.folder, "a.qcow2")
    raw = os.path.join(case.folder, "b.raw")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", qcow2, "64M"], check=True)
    with open(raw, "wb") as f:
        f.truncate(16 * MIB)
    return qcow2, raw, "".join(
        f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'/><source file='{path}'/>"
        f"<target dev='{target}' bus='virtio'/></disk>"
        for kind, path, target in (("qcow2", qcow2, "vda"), ("raw", raw, "vdb")))


def lines(text):
    """ "a=1\\n b=2" or "a: 1" -> {"a": "1", "b": "2"} """
    pairs = (line.replace(":", "=", 1).split("=", 1) for line in text.splitlines() if "=" in line or ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


@test(qemu=BOTH)
def virsh_reads_all_there_is(case, qemu):
    qcow2, raw, devices = disks(case)
    host, guest = one_host(case, qemu, devices=devices)
    host.client.connection.defineXML(guest.xml)
    host.virsh("start", "guest")
    guest.wait_ready()
    info = lines(host.virsh("dominfo", "guest"))
    expect([info[key] for key in ("Name", "OS Type", "State", "CPU(s)", "Persistent", "Autostart", "Managed save")],
           ["guest", "hvm", "running", "1", "yes", "disable", "no"], "dominfo")
    expect(host.virsh("domid", "guest").strip(), "1", "domid")
    expect(host.virsh("domuuid", "guest").strip(), guest.uuid, "domuuid")
    expect(host.virsh("domstate", "--reason", "guest").strip(), "running (booted)", "domstate")
    expect(host.virsh("domcontrol", "guest").strip(), "ok", "domcontrol")
    expect([line.split() for line in host.virsh("domblklist", "guest").splitlines() if line],
           [["vda", qcow2], ["vdb", raw]], "domblklist")
    expect([line.split() for line in host.virsh("vcpucount", "guest").splitlines() if line],
           [["maximum", "config", "1"], ["maximum", "live", "1"], ["current", "config", "1"],
            ["current", "live", "1"]], "vcpucount")
    expect(lines(host.virsh("domblkinfo", "guest", "vda"))["Capacity"], str(64 * MIB), "capacity of vda")
    expect(host.virsh("domblkstat", "guest", "vdb").splitlines()[0], "vdb rd_req 0", "domblkstat")
    virsh_refuses(host, "invalid argument: invalid path: vdz", "domblkstat", "guest", "vdz")
    virsh_refuses(host, "'nix' is not a known interface", "domifstat", "guest", "nix")
    cpu = lines(host.virsh("vcpuinfo", "guest"))
    expect((cpu["VCPU"], cpu["State"]), ("0", "running"), "vcpuinfo")
    expect(set(host.virsh("dommemstat", "guest").split()) >= {"actual", "rss"}, True, "dommemstat")


@test(qemu=BOTH)
def statistics_are_there_running_and_shut_off(case, qemu):
    _, _, devices = disks(case)
    host, guest = one_host(case, qemu, devices=devices)
    connection = host.client.connection
    domain = connection.defineXML(guest.xml)

    def figures(stats=0, flags=0):
        (_, found), = connection.domainListGetStats([domain], stats, flags)
        return found

    off = figures()
    expect({name: off[name] for name in ("state.state", "vcpu.current", "block.count", "block.0.name",
                                         "block.0.capacity", "block.1.capacity", "block.1.physical")},
           {"state.state": libvirt.VIR_DOMAIN_SHUTOFF, "vcpu.current": 1, "block.count": 2, "block.0.name": "vda",
            "block.0.capacity": 64 * MIB, "block.1.capacity": 16 * MIB, "block.1.physical": 16 * MIB}, "shut off")
    expect("cpu.time" in off, False, "a CPU time of a guest that is shut off")
    domain.create()
    guest.wait_ready()
    on = figures()
    expect({name: on[name] for name in ("state.state", "state.reason", "vcpu.0.state", "block.0.capacity",
                                        "block.1.capacity", "block.0.rd.bytes", "balloon.maximum")},
           {"state.state": libvirt.VIR_DOMAIN_RUNNING, "state.reason": libvirt.VIR_DOMAIN_RUNNING_BOOTED,
            "vcpu.0.state": libvirt.VIR_VCPU_RUNNING, "block.0.capacity": 64 * MIB, "block.1.capacity": 16 * MIB,
            "block.0.rd.bytes": on["block.0.rd.bytes"], "balloon.maximum": domain.maxMemory()}, "running")
    expect(on["balloon.rss"] * KIB > 16 * MIB and on["vcpu.0.time"] > 0, True, "memory and time")
    expect(sorted(figures(libvirt.VIR_DOMAIN_STATS_STATE)), ["state.reason", "state.state"], "one group")
    enforce = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS
    refused(lambda: figures(libvirt.VIR_DOMAIN_STATS_PERF, enforce), libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED, "0x40")
    expect(figures(libvirt.VIR_DOMAIN_STATS_PERF), {}, "a group that there is not")
    inactive = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE
    expect(connection.getAllDomainStats(0, inactive), [], "guests that are shut off")


@test(qemu=BOTH)
def a_client_commands_the_monitor(case, qemu):
    host, guest = one_host(case, qemu)
    domain = host.client.connection.createXML(guest.xml)

    def qmp(text):
        return json.loads(libvirt_qemu.qemuMonitorCommand(domain, text, 0))

    expect(domain.messages(libvirt.VIR_DOMAIN_MESSAGE_TAINTING)[-1:] ==
           ["tainted: custom monitor control commands issued"], False, "tainted before")
    answer = qmp('{"execute": "query-status"}')
    expect((answer["return"]["running"], answer["id"].startswith("libvirt-")), (True, True), "query-status")
    expect(qmp('{"execute": "nothing-like-it"}')["error"]["class"], "CommandNotFound", "an unknown command")
    expect(libvirt_qemu.qemuMonitorCommand(domain, "info status", HMP).startswith("VM status: running"), True, "HMP")
    expect("tainted: custom monitor control commands issued" in domain.messages(), True, "tainted after")
    for text, sentence in (("garbage", "cannot parse json garbage"), ("[]", "must be a JSON object"),
                           ("{}", "needs a member 'execute'"), ('{"execute": "stop", "id": 1}', "'id'"),
                           ('{"execute": "stop"} {"execute": "stop"}', "cannot parse json"),
                           ('{"execute": "stop", "arguments": 5}', "'arguments'"),
                           ('{"exec-oob": "stop"}', "'exec-oob'"), ('{"execute": "stop"', "cannot parse json")):
        try:
            qmp(text)
        except libvirt.libvirtError as error:
            expect(sentence in str(error), True, f"'{error}' says '{sentence}'")
            continue
        raise AssertionError(f"{text} was taken")
    expect(host.state("guest"), "RUNNING/BOOTED", "state after commands that were refused")
    qmp('{"execute": "stop"}')
    host.wait_event("SUSPENDED/PAUSED")
    expect(host.state("guest"), "PAUSED/UNKNOWN", "state after a client's stop behind the daemon's back")
    host.virsh("resume", "guest")
    qmp('{"execute": "quit"}')
    host.wait_event("STOPPED/SHUTDOWN")


@test(qemu=BOTH)
def a_document_is_what_it_was_defined_as(case, qemu):
    host, guest = one_host(case, qemu)
    connection = host.client.connection
    domain = connection.defineXML(guest.xml)
    inactive = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    expect(connection.defineXML(inactive).XMLDesc(), inactive, "the definition, defined again")
    domain.create()
    expect(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), inactive, "the definition while it runs")
    live = domain.XMLDesc()
    expect(" id='1'" in live.splitlines()[0] and "<alias name='serial0'/>" in live, True, "the live document")
    migratable = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE)
    expect("<uuid>" + guest.uuid in migratable, True, "the migratable document")
    connection.defineXML(guest.xml.replace("<vcpu>1<", "<vcpu>2<"))
    expect((domain.vcpusFlags(libvirt.VIR_DOMAIN_AFFECT_LIVE), domain.vcpusFlags(libvirt.VIR_DOMAIN_AFFECT_CONFIG)),
           (1, 2), "vCPUs that it runs with, and will")
    domain.destroy()
    expect(domain.maxVcpus(), 2, "vCPUs of the new definition")


@test()
def metadata_is_kept(case):
    host, guest = one_host(case, "7.2")
    connection = host.client.connection
    title, element = libvirt.VIR_DOMAIN_METADATA_TITLE, libvirt.VIR_DOMAIN_METADATA_ELEMENT
    live, config = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
    domain = connection.defineXML(guest.xml)
    told = queue.Queue()
    connection.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                                      lambda _c, _d, kind, uri, _o: told.put((kind, uri)), None)
    host.virsh("desc", "guest", "--title", "Mail & news")
    expect(host.virsh("desc", "guest", "--title").strip(), "Mail & news", "title")
    host.virsh("metadata", "guest", "http://example.com/x", "--key", "x", "--set", "<app><part/></app>")
    expect([told.get(timeout=PATIENCE), told.get(timeout=PATIENCE)], [(title, None), (element, "http://example.com/x")],
           "changes told")
    domain.create()
    domain.setMetadata(title, "now", None, None, live)
    expect((domain.metadata(title, None, live), domain.metadata(title, None, config)), ("now", "Mail & news"),
           "titles")
    document = domain.XMLDesc()
    host.restart()
    domain = host.client.domain("guest")
    expect(domain.XMLDesc(), document, "document after a restart")
    expect(domain.metadata(element, "http://example.com/x"), "<app><part/></app>", "element")
    refused(lambda: domain.metadata(element, "http://example.com/y"), libvirt.VIR_ERR_NO_DOMAIN_METADATA,
            "Requested metadata element is not present")
    refused(lambda: domain.setMetadata(title, "two\nlines", None, None), libvirt.VIR_ERR_INVALID_ARG, "newlines")
    refused(lambda: domain.setMetadata(element, "<a", "x", "http://example.com/x"), libvirt.VIR_ERR_XML_ERROR, "XML")
    expect(domain.XMLDesc(), document, "document after what was refused")
