"""The source has sent its last page, and the destination has not got it: it may still come, and nothing would send it again."""
import os

from lib.move import end_guest, statistics, wait_until
from lib.runner import expect, test
from lib.wire import UnixWire
from mending import hear_qemu
from moving import CRAWL, QEMUS, SLOW, running_guest, through_wire

STALL = 2  # seconds
MOVED = ("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
BROKEN = ("PAUSED/POSTCOPY_FAILED", "RUNNING/POSTCOPY_FAILED")


def behind_the_last_page(case, qemu, *options):
    """A peer-to-peer post-copy whose rest is held by the wire: to its QEMU all of it is sent."""
    pair, guest, move = running_guest(case, qemu, postcopy_stall_timeout=STALL)
    hear_qemu(pair)
    wire = through_wire(case, pair)
    channel = case.own(UnixWire(os.path.join(case.folder, "p2p"), pair.b.socket))
    guest.console.command("p", "paused")  # or else it draws its pages over within seconds
    move.start_virsh("migrate", "--live", "--p2p", "--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL, *options,
                     "--migrateuri", wire.uri, guest.name, f"qemu+unix:///system?socket={channel.path}")
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    wire.hold(("there",))
    move.let_go("--postcopy")
    return pair, guest, move, wire, channel


def wait_sent(pair, guest):
    wait_until(lambda: statistics(pair.a, guest.name, ()).get("memory_remaining") == 0, "pages remain at the source")


def states(pair, guest):
    return pair.a.state(guest.name), pair.b.state(guest.name)


@test(qemu=QEMUS, hole=["stream", "everything"])
def black_hole_behind_the_last_page(case, qemu, hole):
    """Nobody throws away what is on its way: it stands still, is called so, and when the network is back it is over."""
    pair, guest, move, wire, channel = behind_the_last_page(case, qemu)
    if hole == "everything":
        channel.hold()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    if hole == "everything":
        pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    assert "post-copy" in move.finish_failed()
    wire.release()
    channel.release()
    wait_until(lambda: states(pair, guest) == MOVED, f"it is not over: {states(pair, guest)}")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def cut_behind_the_last_page(case, qemu):
    """QEMU has no way to send it again. Both ends say so, and who waits is told."""
    pair, guest, move, wire, _ = behind_the_last_page(case, qemu)
    wait_sent(pair, guest)
    wire.cut()
    assert "post-copy" in move.finish_failed()
    wait_until(lambda: states(pair, guest) == BROKEN, f"states {states(pair, guest)}, not {BROKEN}")
    expect(pair.a.told(guest.name)[-1], "SUSPENDED/POSTCOPY_FAILED", "what the source told last")
    end_guest(pair, guest)
