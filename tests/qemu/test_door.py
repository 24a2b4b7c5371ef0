"""A source whose post-copy broke before the destination ran gets its guest back on proof of that, although QEMU refuses
`cont` (test_way_back.py has what bare QEMUs do)."""
import os
import subprocess

from lib.move import end_guest, wait_until
from lib.runner import expect, test
from moving import CRAWL, FULL, QEMUS, SLOW, hold_before_post_copy, query_migrate, refused, running_guest, through_wire

DISK = """<disk type='file' device='disk'><driver name='qemu' type='{type}' cache='none'/>
    <source file='{path}'/><target dev='{target}' bus='virtio'/>{more}</disk>"""
TOLD = (["SUSPENDED/MIGRATED", "SUSPENDED/POSTCOPY", "SUSPENDED/POSTCOPY_FAILED", "RESUMED/MIGRATED"],
        ["STARTED/MIGRATED", "STOPPED/FAILED"])


def disks(case):
    """One of each format, and one that nobody writes to."""
    made = []
    for type_, target, more in (("raw", "vda", ""), ("qcow2", "vdb", ""), ("raw", "vdc", "<readonly/>")):
        path = os.path.join(case.folder, f"{target}.img")
        subprocess.run(["qemu-img", "create", "-q", "-f", type_, path, "1M"], check=True)
        made.append(DISK.format(type=type_, path=path, target=target, more=more))
    return "\n".join(made)


def is_locked(path):
    done = subprocess.run(["qemu-io", "-f", "raw", "-c", "write 0 512", path], capture_output=True, text=True, check=False)
    return "lock" in done.stderr + done.stdout


def broken_before_it_ran(case, qemu, way, devices, paused=False):
    """Post-copy has begun on the source, nothing of its switchover arrives, and the stream ends."""
    guest = case.tiny(qemu=qemu, options=FULL, devices=devices)
    pair, guest, move = running_guest(case, qemu, guest=guest, peers=way == "client-managed")
    if paused:
        pair.a.virsh("suspend", guest.name)
        pair.a.wait_event("SUSPENDED/PAUSED", guest.name)
        move.mark()
    wire = through_wire(case, pair)
    options = ("--live", "--unsafe", "--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL)
    if way == "p2p":
        move.start_virsh("migrate", *options, "--p2p", "--migrateuri", wire.uri, guest.name, pair.b.uri)
    else:
        move.start_virsh("migrate", *options, guest.name, pair.b.uri, wire.uri)
    move.wait_pass()
    hold_before_post_copy(wire)
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.a.wait_event("SUSPENDED/POSTCOPY", guest.name)
    # Or else 7.2 gives post-copy up.
    wait_until(lambda: query_migrate(pair.a, guest)["ram"]["postcopy-bytes"] > 50000, "no pages are sent")
    wire.cut()
    return pair, guest, move


@test(qemu=QEMUS, way=["client-managed", "p2p"], storage=[False, True])
def a_guest_that_never_left_goes_on(case, qemu, way, storage):
    """It goes on where it was, with its disks."""
    pair, guest, move = broken_before_it_ran(case, qemu, way, disks(case) if storage else "")
    pair.a.wait_event("RESUMED/MIGRATED", guest.name)
    words = move.finish_failed()
    assert way != "p2p" or "it goes on here" in words, words
    move.expect_events(TOLD)
    move.expect_states("RUNNING/MIGRATION_CANCELED", "none")
    move.expect_intact()
    if storage:
        expect([is_locked(os.path.join(case.folder, f"{name}.img")) for name in ("vda", "vdb")], [True, True],
               "who else can write to the guest's disks")
    pair.a.virsh("suspend", guest.name)
    pair.a.virsh("resume", guest.name)
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    # 7.2 may say instead, at once or later, that it failed: then it takes an ordinary `cont`.
    told = pair.a.trace_tail()
    assert "CONT 1" in told or (qemu == "7.2" and "MIG_FAILED" in told), told
    # A QEMU that stands in postcopy-paused takes no second one.
    if query_migrate(pair.a, guest)["status"] != "failed":
        refused(pair.a, "in progress", "migrate", "--live", "--unsafe", "--p2p", guest.name, pair.b.uri, within=20)
        expect(pair.a.state(guest.name).split("/")[0], "RUNNING", "state after another try")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def a_paused_guest_that_never_left_is_resumed(case, qemu, way):
    """It is its user's again, who lets it go on: by the door, which he does not see."""
    pair, guest, move = broken_before_it_ran(case, qemu, way, disks(case), paused=True)
    move.finish_failed()
    wait_until(lambda: pair.a.state(guest.name) == "PAUSED/USER", "its user does not have it back")
    wait_until(lambda: pair.a.virsh("domjobinfo", guest.name).split()[2] == "None", "the job goes on")
    pair.a.virsh("resume", guest.name)
    pair.a.wait_event("RESUMED/UNPAUSED", guest.name)
    move.expect_states("RUNNING/UNPAUSED", "none")
    move.expect_intact()
    end_guest(pair, guest)
