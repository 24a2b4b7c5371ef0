"""What a boot of the host starts by itself: nothing that may run on another host."""
import os

from lib.move import Move, end_guest
from lib.patience import PATIENCE, wait_until
from lib.processes import kill, wait_gone
from lib.runner import expect, test
from moving import QEMUS, SLOW, enter_post_copy, only_qemu, running_guest


def boot(host):
    """The host lost its power, and is back: its daemon and its QEMUs are gone, and what a boot clears away."""
    host.kill9()
    for pid in host.qemu_pids():
        kill(pid)
        wait_gone(pid, PATIENCE)
    os.unlink(os.path.join(host.root, "run", "baton", "autostarted"))
    host.start()
    host.reconnect()


def expect_left_alone(host, guest, boots=1):
    """For the time number `boots`."""
    wait_until(lambda: host.log_tail(1000).count("is not started with the host") == boots
               or not host.state(guest.name).startswith("SHUTOFF"), "nothing is said of its autostart")
    expect(host.state(guest.name).split("/")[0], "SHUTOFF", f"state on {host.name}")


def expect_started(host, guest):
    wait_until(lambda: host.state(guest.name) == "RUNNING/BOOTED", "it was not started")


@test(qemu=QEMUS)
def what_has_moved_away_is_not_started(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    pair.a.virsh("autostart", guest.name)
    move.run()
    boot(pair.a)
    expect_left_alone(pair.a, guest)
    move.expect_intact()
    pair.b.virsh("destroy", guest.name)
    pair.a.virsh("start", guest.name)  # a user knows that it is nowhere else
    boot(pair.a)
    expect_started(pair.a, guest)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def what_was_on_its_way_is_not_started(case, qemu):
    """The source's host goes down in post-copy, when the guest runs at the destination."""
    pair, guest, move = running_guest(case, qemu)
    pair.a.virsh("autostart", guest.name)
    enter_post_copy(move)
    boot(pair.a)
    expect_left_alone(pair.a, guest)
    pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    expect(pair.b.state(guest.name), "RUNNING/POSTCOPY_FAILED", "state at the destination")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def what_did_not_arrive_is_not_started(case, qemu):
    """It had been the destination's before, and is the source's still."""
    pair, guest, move = running_guest(case, qemu)
    pair.a.virsh("autostart", guest.name)
    move.run()
    back = Move(pair, guest, pair.b)
    back.start(*SLOW)
    back.wait_pass()
    boot(pair.a)
    back.finish_failed()
    expect_left_alone(pair.a, guest)
    expect(pair.b.state(guest.name).split("/")[0], "RUNNING", "state at the source")
    boot(pair.a)
    expect_left_alone(pair.a, guest, 2)
    back.expect_intact()
    back.run()
    boot(pair.a)
    expect_started(pair.a, guest)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def what_stayed_is_started(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    pair.a.virsh("autostart", guest.name)
    move.start(*SLOW)
    move.wait_pass()
    kill(only_qemu(pair.b))
    move.finish_failed()
    boot(pair.a)
    expect_started(pair.a, guest)
    end_guest(pair, guest)
