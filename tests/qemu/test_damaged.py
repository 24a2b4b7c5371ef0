"""A destination's journal rots while its daemon is away: what the last good record says may be old, and nothing is done on it."""
import glob
import os

from lib import processes
from lib.move import Move, end_guest, start_guest, wait_until
from lib.runner import expect, test
from moving import FULL, QEMUS, only_qemu
from settling import RUN, decided


def rot(host):
    """One bit of the journal's last record."""
    path, = glob.glob(os.path.join(host.root, "lib", "guests", "*", "journal"))
    with open(path, "r+b") as f:
        f.seek(-3, os.SEEK_END)
        byte = f.read(1)[0]
        f.seek(-3, os.SEEK_END)
        f.write(bytes([byte ^ 1]))


def handed_over(case, qemu):
    """The guest runs at the destination; its daemon died as it ordered that, and of that order its journal is unreadable."""
    proxy = case.proxied(qemu)
    pair = case.batond_pair()
    guest = start_guest(pair, case.fake_guest(proxy, options=FULL))
    move = Move(pair, guest)
    held = proxy.hold("destination", "event RESUME")
    move.start_virsh("migrate", "--live", "--unsafe", "--p2p", guest.name, pair.b.uri)
    held.wait()
    pair.b.kill9()
    held.release()
    rot(pair.b)
    pair.b.start()
    pair.b.reconnect()
    return pair, guest, move


@test(qemu=QEMUS)
def running_guest_is_left_alone(case, qemu):
    """Its source asks what became of it. It is not ended, and nothing is proved: the last good record says that it never ran."""
    pair, guest, move = handed_over(case, qemu)
    there = only_qemu(pair.b)
    words = move.finish_failed()
    assert "before anybody said" in words, words
    wait_until(lambda: "damaged" in pair.a.log_tail(), "the source does not say why it is not told")
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state of the source")
    expect(only_qemu(pair.b), there, "QEMU of the destination")
    assert "error" in pair.b.virsh("domcontrol", guest.name)
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    pair.b.virsh("destroy", guest.name)
    processes.wait_gone(there, 10)
    wait_until(lambda: "has lost it" in pair.a.log_tail(), "the source is not told that it may have run")
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state of the source when the other half is ended")
    decided(pair.a, guest, "run", RUN)
    pair.a.wait_event("RESUMED/MIGRATED", guest.name)
    end_guest(pair, guest)
