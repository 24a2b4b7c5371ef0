"""What a guest does by itself at the destination before all of it has come: it powers itself off, or meets an I/O error.

Both with the stream flowing, and with it broken. The source holds pages of it, and is let go only when they have come.
"""
import resource

from lib import disks
from lib.move import end_guest, wait_until
from lib.runner import expect, test
from mending import enter, finish_failed, guest_that_moves, history, resume, wait_broken, wait_mended
from moving import FULL, QEMUS, SLOW, only_qemu, refused, running_guest, through_wire, wait_job

WAY = "client-managed"


def in_post_copy(case, qemu, broken, guest=None):
    """(pair, guest, move, wire): the guest is at the destination, its pages are not; broken, nobody takes it up."""
    pair, guest, move = guest_that_moves(case, qemu, WAY, guest=guest, postcopy_recovery=0)
    guest.console.command("p", "paused")  # or else it draws its pages over within seconds, or waits for one
    wire = through_wire(case, pair)
    enter(move, WAY, wire.uri, "--unsafe")
    if broken:
        break_it(pair, move, wire)
    return pair, guest, move, wire


def break_it(pair, move, wire):
    wire.cut()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", move.guest.name)
    finish_failed(move)


def goes_on(pair, move, wire, broken):
    if broken:
        resume(move, WAY, wire.uri, "--unsafe")
        wait_mended(pair)
    move.let_go("--postcopy")
    move.finish()


# ---- it powers itself off ----


@test(qemu=QEMUS, broken=[False, True])
def powered_off(case, qemu, broken):
    """It is told at once. The guest's QEMU is ended when all of it has come, and the migration has ended well."""
    pair, guest, move, wire = in_post_copy(case, qemu, broken)
    guest.console.command("o", "off")
    pair.b.wait_event("SHUTDOWN/GUEST", guest.name)
    move.expect_states("PAUSED/POSTCOPY_FAILED" if broken else "PAUSED/POSTCOPY", "SHUTDOWN/USER")
    refused(pair.b, "migration", "resume", guest.name)
    goes_on(pair, move, wire, broken)
    source, destination = history(broken)
    move.expect_events((source, [*destination[:2 + broken], "SHUTDOWN/GUEST", "STOPPED/SHUTDOWN"]))
    move.expect_states("SHUTOFF/MIGRATED", "none")
    for host in (pair.a, pair.b):
        expect(wait_job(host, guest)["success"], True, f"success of the job on {host.name}")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


# ---- it meets an I/O error ----


def guest_with_disk(case, qemu):
    disk = disks.Disk(case.folder, "raw", "vda", 5)
    return disk, case.tiny(qemu=qemu, options=FULL, devices=disk.xml.replace("cache=", "error_policy='stop' cache="))


def fail_writes(host, fail):
    """The kernel takes no byte from its QEMU behind the first MiB of a file any more."""
    pid = only_qemu(host)
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 20 if fail else hard, hard))


def write_record(guest):
    """One more is on the disk. That takes pages, and after a break none comes."""
    before = guest.status()["disk0"]

    def is_written():
        guest.console.command("w", "ordered")
        return guest.status()["disk0"] > before

    wait_until(is_written, "nothing is written")


def meet_error(host, guest):
    fail_writes(host, True)

    def stands_still():
        guest.console.send("w")  # whoever stands still answers nothing
        return "SUSPENDED/IOERROR" in host.events(guest.name)

    wait_until(stands_still, "it meets no error")


@test(qemu=QEMUS, when=["in post-copy", "before a break", "after a break"])
def io_error(case, qemu, when):
    """It stands still for that, through the rest of the migration, and goes on when its user says so."""
    disk, guest = guest_with_disk(case, qemu)
    pair, guest, move, wire = in_post_copy(case, qemu, False, guest)
    write_record(guest)
    if when == "after a break":
        break_it(pair, move, wire)
    meet_error(pair.b, guest)
    if when == "before a break":
        break_it(pair, move, wire)
    refused(pair.b, "migration", "resume", guest.name)
    goes_on(pair, move, wire, when != "in post-copy")
    there = {"in post-copy": ["SUSPENDED/IOERROR"], "after a break": ["RESUMED/POSTCOPY_FAILED", "SUSPENDED/IOERROR"],
             "before a break": ["SUSPENDED/IOERROR", "SUSPENDED/POSTCOPY_FAILED", "SUSPENDED/IOERROR"]}[when]
    source, destination = history(when != "in post-copy")
    move.expect_events((source, destination[:2] + there))
    move.expect_states("SHUTOFF/MIGRATED", "PAUSED/IOERROR")
    fail_writes(pair.b, False)
    expect_it_goes_on(pair, guest, move, disk)


def expect_it_goes_on(pair, guest, move, disk):
    pair.b.virsh("resume", guest.name)
    pair.b.wait_event("RESUMED/UNPAUSED", guest.name)
    guest.console.command("g", "going")
    verdict = move.expect_intact()
    end_guest(pair, guest)
    expect(disk.fault(verdict["disk0"]), "", "the disk")


@test(qemu=QEMUS, phase=["pre-copy", "post-copy"])
def io_error_before_it_goes(case, qemu, phase):
    """At the source, in pre-copy: it stands still for that, and does so where it arrives."""
    disk, guest = guest_with_disk(case, qemu)
    pair, guest, move = running_guest(case, qemu, guest=guest)
    move.start("--unsafe", *SLOW, *(["--postcopy"] if phase == "post-copy" else []))
    move.wait_pass()
    meet_error(pair.a, guest)
    if phase == "post-copy":
        pair.a.virsh("migrate-postcopy", guest.name)
    else:
        move.let_go()
    move.finish()
    corrected = ["SUSPENDED/POSTCOPY"] if phase == "post-copy" else []
    move.expect_events((["SUSPENDED/IOERROR", *corrected, "STOPPED/MIGRATED"], ["STARTED/MIGRATED", "SUSPENDED/IOERROR"]))
    move.expect_states("SHUTOFF/MIGRATED", "PAUSED/IOERROR")
    expect_it_goes_on(pair, guest, move, disk)
