"""What a guest's other calls do while it is on its way to another host."""
import json

import libvirt
import libvirt_qemu

from lib.patience import PATIENCE
from lib.runner import expect, test
from life import BOTH, refused

HMP = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP


def on_its_way(case, qemu):
    """Two hosts, a guest, and a migration that would take minutes; (pair, guest, virsh that drives it)."""
    pair = case.batond_pair()
    guest = case.tiny(qemu=qemu, options="mib=64 rate=2000")
    pair.a.client.connection.defineXML(guest.xml)
    pair.a.virsh("start", "guest")
    guest.wait_ready()
    moving = pair.a.virsh_start("migrate", "--live", "--postcopy", "--bandwidth", "1", "guest", pair.b.uri,
                                pair.b.migrate_uri)
    pair.timeline.wait_for(lambda e: e.host == "a" and e.kind == "iteration", PATIENCE, "the migration's first pass")
    return pair, guest, moving


@test(qemu=BOTH)
def the_monitor_takes_only_questions(case, qemu):
    pair, _, moving = on_its_way(case, qemu)
    for host in (pair.a, pair.b):
        domain = host.client.domain("guest")
        for text, flags in (('{"execute": "cont"}', 0), ('{"execute": "migrate_cancel"}', 0), ("cont", HMP),
                            ('{"execute": "human-monitor-command", "arguments": {"command-line": "cont"}}', 0),
                            ("infocont", HMP), ("info status\ncont", HMP)):
            refused(lambda: libvirt_qemu.qemuMonitorCommand(domain, text, flags),
                    libvirt.VIR_ERR_OPERATION_INVALID, "takes only questions")
        answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, '{"execute": "query-migrate"}', 0))
        expect(answer["return"]["status"] in ("setup", "active"), True, f"{host.name} answers {answer}")
        said = libvirt_qemu.qemuMonitorCommand(domain, "info migrate", HMP)
        expect("setup" in said or "active" in said, True, f"{host.name} says {said}")
    pair.a.virsh("domjobabort", "guest")
    expect(moving.wait(PATIENCE) != 0, True, "virsh migrate failed")
    expect(pair.a.state("guest"), "RUNNING/BOOTED", "state on the source")
    libvirt_qemu.qemuMonitorCommand(pair.a.client.domain("guest"), "stop", HMP)
    pair.a.wait_event("SUSPENDED/PAUSED")


@test(qemu=BOTH)
def both_ends_can_be_looked_at(case, qemu):
    pair, _, moving = on_its_way(case, qemu)
    for host in (pair.a, pair.b):
        domain = host.client.domain("guest")
        expect(domain.controlInfo()[0], libvirt.VIR_DOMAIN_CONTROL_JOB, f"control state on {host.name}")
        (_, figures), = host.client.connection.getAllDomainStats()
        expect((figures["state.state"], figures["state.reason"]), tuple(domain.state()), "state in the statistics")
        expect(domain.info()[:4], [domain.state()[0], domain.maxMemory(), domain.maxMemory(), 1], "info")
        expect("<name>guest</name>" in domain.XMLDesc(), True, "document")
    expect(pair.b.client.domain("guest").isPersistent(), 0, "the guest on the destination is not defined there")
    pair.a.virsh("domjobabort", "guest")
    moving.wait(PATIENCE)
    expect(pair.b.state("guest"), "none", "state on the destination after an abort")


@test(qemu=BOTH)
def metadata_that_would_not_go_with_it_is_refused(case, qemu):
    """The destination has the document since Begin. libvirt refuses it, too, after half a minute."""
    pair, _, moving = on_its_way(case, qemu)
    domain = pair.a.client.domain("guest")
    kind = libvirt.VIR_DOMAIN_METADATA_TITLE
    for flags in (0, libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG):
        refused(lambda: domain.setMetadata(kind, "lost", None, None, flags),
                libvirt.VIR_ERR_OPERATION_INVALID, "would not go with it")
    pair.a.virsh("domjobabort", "guest")
    expect(moving.wait(PATIENCE) != 0, True, "virsh migrate failed")
    domain.setMetadata(kind, "kept", None, None, 0)
    pair.a.virsh("migrate", "--live", "guest", pair.b.uri, pair.b.migrate_uri)
    expect(pair.b.client.domain("guest").metadata(kind, None), "kept", "title at the destination")
