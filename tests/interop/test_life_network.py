"""Network cards on taps: what a stock client sees of them, and what the host has of them."""
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import libvirt

from lib.hosts import BATOND
from lib.runner import expect, skip, test
from life import BOTH, refused

MAC = "52:54:00:aa:bb:0{}"


def card(number, target=""):
    return f"<interface type='ethernet'><mac address='{MAC.format(number)}'/>{target}<model type='virtio'/></interface>"


def apart(case):
    """A host with a network of its own: what is made there concerns nobody else."""
    if not os.path.exists("/dev/net/tun") or subprocess.run(["unshare", "-n", "true"], check=False).returncode:
        skip("this user can make no network namespace, or the kernel has no taps")
    wrapper = os.path.join(case.folder, "batond-apart")
    with open(wrapper, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nexec unshare -n -- {BATOND} \"$@\"\n")
    os.chmod(wrapper, 0o755)
    host = case.batond(program=wrapper).start()
    case.own(host.client)
    return host


def ip(host, *arguments):
    return subprocess.run(["nsenter", "-t", str(host.process.pid), "-n", "ip", *arguments],
                          capture_output=True, text=True, check=False).stdout


def taps(host):
    """{name: (address, flags)} of the taps that the host's kernel has."""
    return {name: (mac, flags.split(",")) for name, flags, mac in
            re.findall(r"\d+: (\S+?):? <(\S*)>.*link/ether (\S+)", ip(host, "-o", "link", "show"))}


def targets(document):
    return [i.get("dev") for i in ElementTree.fromstring(document).findall("devices/interface/target")]


@test(qemu=BOTH)
def a_card_without_a_name_gets_a_tap(case, qemu):
    host = apart(case)
    guest = case.tiny(qemu=qemu, devices=card(1) + card(2, "<target dev='cable'/>"))
    domain = host.client.connection.defineXML(guest.xml)
    expect(targets(domain.XMLDesc()), ["cable"], "targets of the definition")
    domain.create()
    guest.wait_ready()
    expect(targets(domain.XMLDesc()), ["vnet0", "cable"], "targets of the running guest")
    expect(targets(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)), ["cable"], "targets of the definition")
    found = taps(host)
    expect(sorted(found), ["cable", "vnet0"], "taps")
    expect({name: mac for name, (mac, _) in found.items()},
           {"vnet0": "fe:54:00:aa:bb:01", "cable": "fe:54:00:aa:bb:02"}, "the taps' addresses")
    expect(all("UP" in flags for _, flags in found.values()), True, f"the taps are up: {found}")
    expect(re.findall(r"vnet0 +ethernet", host.virsh("domiflist", "guest")) != [], True, "domiflist names it")
    expect(len(domain.interfaceStats("vnet0")), 8, "figures of the tap")

    host.kill9()
    expect(host.start().virsh("domiflist", "guest").count("vnet0"), 1, "the tap after a restart of the daemon")
    host.reconnect().domain("guest").destroy()
    expect(host.state("guest"), "SHUTOFF/DESTROYED", "state")


@test()
def a_tap_lives_as_long_as_its_guest(case):
    host = apart(case)
    first, second = (case.tiny(name, devices=card(n)) for n, name in enumerate(("one", "two")))
    one = host.client.connection.createXML(first.xml)
    two = host.client.connection.createXML(second.xml)
    expect(targets(one.XMLDesc()) + targets(two.XMLDesc()), ["vnet0", "vnet1"], "taps")
    one.destroy()
    expect(sorted(taps(host)), ["vnet1"], "taps once one guest is gone")
    again = host.client.connection.createXML(first.xml)
    expect(targets(again.XMLDesc()), ["vnet0"], "tap of the guest started again")


@test()
def a_tap_that_cannot_be_had_is_said(case):
    host = apart(case)
    c = host.client.connection
    guest = case.tiny(devices=card(1, "<target dev='cable' managed='no'/>"))
    refused(lambda: c.createXML(guest.xml), libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
            "interface 'net0': <target managed='no'/> needs a network device that exists; 'cable' does not")
    ip(host, "tuntap", "add", "cable", "mode", "tap", "vnet_hdr")
    c.createXML(guest.xml)
    guest.wait_ready()
    expect("UP" in taps(host)["cable"][1], False, "somebody else's tap is left as it is")
    taken = case.tiny("late", devices=card(2, "<target dev='cable'/>"))
    refused(lambda: c.createXML(taken.xml), libvirt.VIR_ERR_SYSTEM_ERROR,
            "interface 'net0': open tap 'cable': Device or resource busy")
    expect([d.name() for d in c.listAllDomains()], ["guest"], "guests")
