"""An emulator's binary that is replaced while guests of the old one run."""
import os

import libvirt

from lib import guests
from lib.hosts import EMULATORS
from lib.runner import expect, test
from life import refused


def install(path, version):
    """Puts a QEMU of this version where the other one was, as a package does."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nexec {EMULATORS[version]} \"$@\"\n")
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


def unsafe(domain, uri):
    refused(lambda: domain.migrateToURI3(uri, {}, libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_LIVE),
            libvirt.VIR_ERR_MIGRATE_UNSAFE, "QEMU 7.2 loses dirty pages")


@test()
def a_running_guest_is_judged_by_the_qemu_that_runs_it(case):
    """Its memory has a size with which a QEMU before 9 must not be migrated."""
    case.emulator("10")
    qemu = os.path.join(case.folder, "qemu")
    install(qemu, "7.2")
    host, other = case.batond(emulator=qemu).start(), case.batond("b", number=2).start()
    case.own(host.client)
    guest = case.own(guests.tiny("guest", case.folder, qemu, 36 * 1024, "mib=4 rate=100"))
    domain = host.client.connection.defineXML(guest.xml)
    domain.create()
    guest.wait_ready()
    unsafe(domain, other.uri)

    install(qemu, "10")
    expect(host.client.connection.getVersion() // 1000000, 10, "the new QEMU is seen")
    unsafe(domain, other.uri)
    for _ in range(2):
        host.restart()
        expect(host.client.connection.getVersion() // 1000000, 10, "the new QEMU is seen after a restart")
        unsafe(host.client.domain("guest"), other.uri)

    os.unlink(qemu)
    host.restart()
    unsafe(host.client.domain("guest"), other.uri)
    expect(host.state("guest"), "RUNNING/BOOTED", "a guest whose emulator's file is gone")

    install(qemu, "10")
    domain = host.client.domain("guest")
    domain.destroy()
    domain.create()
    guest.wait_ready()
    host.restart()
    host.virsh("migrate", "--live", "--p2p", "guest", other.uri, other.migrate_uri)
    expect(other.state("guest"), "RUNNING/MIGRATED", "a guest of the new QEMU moves")
    host.virsh("undefine", "guest")
    expect(host.leftovers(), [], "what is left of it")
