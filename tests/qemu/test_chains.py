"""Images that lie on others: what a running guest's document says of them, and that it goes wherever a document goes."""
import os
import re
import subprocess

from lib.disks import Disk
from lib.move import PRE_COPY, Move, end_guest, start_guest
from lib.runner import expect, test
from moving import QEMUS, refused


def lay_under(disk, name, kind):
    """Makes the image of `disk` what lies under a new one that takes its place."""
    below = os.path.join(os.path.dirname(disk.path), f"{name}.{kind}")
    os.rename(disk.path, below)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.basename(below), "-F", kind, disk.path],
                   check=True)
    return below


def chain(document):
    """[(index, format, path)] of each layer, from the top; "end" where the chain is said to end."""
    disk = re.search("<disk .*?</disk>", document, re.S).group()
    layers = re.findall(r"<backingStore type='file'(?: index='(\d+)')?>\s*<format type='(\w+)'/>\s*<source file='([^']+)'/>",
                        disk)
    return layers + (["end"] if "<backingStore/>" in disk else [])


@test(qemu=QEMUS)
def a_guest_moves_with_its_chain(case, qemu):
    pair = case.batond_pair()
    disk = Disk(case.folder, "qcow2", "vda", 3)
    layers = [("3", "qcow2", lay_under(disk, "bottom", "qcow2"))]
    layers.insert(0, ("2", "qcow2", lay_under(disk, "middle", "qcow2")))
    guest = start_guest(pair, case.tiny(qemu=qemu, devices=disk.xml))
    expect(chain(pair.a.virsh("dumpxml", guest.name)), [*layers, "end"], "the chain while it runs")
    for options in (("--inactive",), ("--migratable",)):  # found, not given: another start looks again
        expect(chain(pair.a.virsh("dumpxml", guest.name, *options)), [], f"the chain with {options[0]}")
    pair.a.restart()
    expect(chain(pair.a.virsh("dumpxml", guest.name)), [*layers, "end"], "the chain after a restart of the daemon")
    move = Move(pair, guest)
    move.run("--unsafe")  # this machine stands for two hosts that share a file system
    move.expect_events(PRE_COPY)
    expect(chain(pair.b.virsh("dumpxml", guest.name)), [*layers, "end"], "the chain at the destination")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def what_dumpxml_gives_define_takes(case, qemu):
    """A running guest's document as a definition: the chain is a given one now, and its numbers are dropped."""
    host = case.batond()
    host.start()
    case.own(host.client)
    disk = Disk(case.folder, "qcow2", "vda", 3)
    below = lay_under(disk, "below", "qcow2")
    guest = case.tiny(qemu=qemu, devices=disk.xml)
    path = os.path.join(case.folder, "guest.xml")
    host.client.connection.createXML(guest.xml, 0)
    with open(path, "w", encoding="utf-8") as f:
        f.write(host.virsh("dumpxml", guest.name))
    host.virsh("destroy", guest.name)
    host.virsh("define", path)
    for options in ((), ("--inactive",), ("--migratable",)):
        expect(chain(host.virsh("dumpxml", guest.name, *options)), [("", "qcow2", below), "end"], "the definition")
    host.virsh("start", guest.name)
    expect(chain(host.virsh("dumpxml", guest.name)), [("2", "qcow2", below), "end"], "the chain while it runs")
    host.virsh("destroy", guest.name)
    os.unlink(below)
    refused(host, "No such file or directory", "start", guest.name)
    expect(host.state(guest.name), "SHUTOFF/FAILED", "after a start without what lies below")
