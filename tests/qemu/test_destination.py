"""A destination that can't take the guest says so at Prepare: nothing has stopped, nothing is left, and it can come later."""
import os

from lib.move import PRE_COPY, Move, end_guest, start_guest
from lib.runner import expect, skip, test
from moving import FULL, QEMUS, running_guest
from small_disk import SmallDisk

WAYS = ["pre-copy", "post-copy"]
DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>
    <source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""


def options(way):
    return ("--postcopy",) if way == "post-copy" else ()


def document_with(case, move, *changes):
    """A file with the guest's document, changed."""
    text = move.source.virsh("dumpxml", "--migratable", move.guest.name)
    for old, new in changes:
        assert old in text, f"no {old} in\n{text}"
        text = text.replace(old, new)
    path = os.path.join(case.folder, "changed.xml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def refused_there(move, sentence, *more):
    """The destination's own words; no event on either host, the guest as it was."""
    state = move.source.state(move.guest.name)
    move.mark()
    move.start(*more)
    words = move.finish_failed()
    assert sentence in words, f"'{words}' does not say '{sentence}'"
    move.expect_events(([], []))
    move.expect_states(state, "none")
    expect(move.destination.leftovers(), [], f"leftovers after '{sentence}'")


@test(qemu=QEMUS, way=WAYS)
def its_disk_is_not_there(case, qemu, way):
    """Missing, no file at all, or not in the format that it is said to have."""
    image, absent = (os.path.join(case.folder, name) for name in ("disk.img", "absent.img"))
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    pair, guest, move = running_guest(case, qemu, guest=case.tiny(qemu=qemu, options=FULL, devices=DISK.format(path=image)))
    for sentence, old, new in (
            (f"Could not open '{absent}': No such file", image, absent),
            (f"Could not open '{case.folder}'", image, case.folder),
            ("Image is not in qcow2 format", "type='raw'", "type='qcow2'")):
        refused_there(move, sentence, *options(way), "--unsafe", "--xml", document_with(case, move, (old, new)))
    move.run(*options(way), "--unsafe")
    move.expect_intact()
    end_guest(pair, guest)


@test(way=WAYS)
def its_machine_is_unknown(case, way):
    """A newer QEMU's machine type on a host with an older one."""
    older, newer = case.emulator("7.2"), case.emulator("10")
    pair, guest, move = running_guest(case, "10", guest=case.tiny(qemu="10", options=FULL, machine="pc-q35-10.0"))
    refused_there(move, "does not support machine type 'pc-q35-10.0'", *options(way), "--xml",
                  document_with(case, move, (newer, older)))
    move.run(*options(way))
    move.expect_intact()
    end_guest(pair, guest)


@test(cpu=["SapphireRapids", "qemu64"])
def its_processor_is_unknown(case, cpu):
    """A newer QEMU's processor, or a feature of one."""
    older, newer = case.emulator("7.2"), case.emulator("10")
    feature = "<feature policy='disable' name='fred'/>" if cpu == "qemu64" else ""
    guest = case.tiny(qemu="10", options=FULL, extra=f"""<cpu mode='custom' match='exact' check='none'>
        <model fallback='forbid'>{cpu}</model>{feature}</cpu>""")
    pair, guest, move = running_guest(case, "10", guest=guest)
    refused_there(move, "fred" if feature else f"cpu model '{cpu}'", "--xml", document_with(case, move, (newer, older)))
    move.run()
    move.expect_intact()
    end_guest(pair, guest)


def memory_of_the_host():
    """(all that there is, what a new process could have) in KiB."""
    with open("/proc/meminfo", encoding="utf-8") as f:
        kib = {name: int(value.split()[0]) for name, value in (line.split(":") for line in f)}
    return kib["MemTotal"] + kib["SwapTotal"], kib["MemAvailable"] + kib["SwapFree"]


@test(qemu=QEMUS, way=WAYS)
def its_memory_is_not_there(case, qemu, way):
    """Linux grants QEMU more than there is, and ends it when the pages come. Who wants that says --unsafe."""
    everything, available = memory_of_the_host()
    # On 7.2 a size that the source takes for safe (lib/guests.py); it would make 10 slow.
    kib = everything // 1024 * 1024 - 64 * 1024 + (8 if qemu == "7.2" else 0)
    if kib < available + 64 * 1024:
        skip(f"of {everything} KiB {available} KiB are free: there is no size between them")
    with open("/proc/sys/vm/overcommit_memory", encoding="utf-8") as f:
        if f.read().strip() == "2":
            skip("this kernel grants nothing that is not there")
    pair, guest, move = running_guest(case, qemu, guest=case.tiny(qemu=qemu, options=FULL, memory_kib=kib))
    refused_there(move, f"the guest has {kib} KiB of memory", *options(way))
    move.start("--unsafe", "--bandwidth", "1", *options(way))
    move.wait_pass()
    pair.a.virsh("domjobabort", guest.name)
    move.finish_failed()
    move.expect_intact()
    end_guest(pair, guest)


def pair_with_small(case, which):
    """(pair, the disk of one of them)"""
    disk = case.own(SmallDisk(os.path.join(case.folder, which, "lib")))
    return case.batond_pair(), disk


@test(qemu=QEMUS, way=WAYS)
def its_disk_is_full(case, qemu, way):
    """The attempt can't be made durable there."""
    pair, small = pair_with_small(case, "b")
    guest = start_guest(pair, case.tiny(qemu=qemu, options=FULL))
    move = Move(pair, guest)
    small.fill()
    refused_there(move, "No space left on device", *options(way))
    refused_there(move, "No space left on device", *options(way), "--persistent")
    small.empty()
    move.run(*options(way), "--persistent")
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def a_disk_of_the_source_that_fills_up_later(case, qemu):
    """Under way it is too late to refuse: the guest arrives, and its source says what it could not keep. A destination
    takes no guest that it can't record (test_full_disk.py)."""
    pair, small = pair_with_small(case, "a")
    guest = start_guest(pair, case.tiny(qemu=qemu, options=FULL))
    move = Move(pair, guest)
    move.start("--bandwidth", "20")
    move.wait_pass()
    small.fill()
    pair.a.virsh("migrate-setspeed", guest.name, "1000")
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    assert "its journal can't be written" in pair.a.log_tail(), pair.a.log_tail()
    small.empty()
    move.expect_intact()
    end_guest(pair, guest)
