"""The other host does not come back: nobody can prove who runs the guest, and an operator decides it, on either end."""
import signal

from lib import processes
from lib.move import end_guest, wait_until
from lib.patience import PATIENCE
from lib.runner import expect, test
from moving import QEMUS, SLOW, enter_post_copy, ordered, refused, running_guest, through_wire
from settling import END, RUN, asked_for_a_word, decided, settle, settle_at_last

def lose_host(host):
    """Its daemon and its QEMUs are gone, and don't come back."""
    qemus = host.qemu_pids()
    host.kill9()
    for pid in qemus:
        processes.kill(pid)
        processes.wait_gone(pid, 10)


def source_in_doubt(case, qemu):
    """Finish was sent, and its host is gone."""
    pair, guest, move = running_guest(case, qemu)
    move.start_virsh("migrate", "--live", "--p2p", *SLOW, guest.name, pair.b.uri)
    move.wait_pass()
    pair.b.process.send_signal(signal.SIGSTOP)
    move.let_go()
    pair.a.wait_event("SUSPENDED/MIGRATED", guest.name)
    wait_until(lambda: ordered(pair.a, "PEER_FINISH"), "the source has not sent Finish")
    lose_host(pair.b)
    move.finish_failed()
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state in doubt")
    refused(pair.a, "before anybody said", "resume", guest.name)
    return pair, guest, move


@test(qemu=QEMUS)
def source_is_to_run(case, qemu):
    pair, guest, move = source_in_doubt(case, qemu)
    asked_for_a_word(pair.a, guest, "run", RUN, "two writers")
    decided(pair.a, guest, "run", RUN)
    pair.a.wait_event("RESUMED/MIGRATED", guest.name)
    move.expect_intact()
    done = settle(pair.a, guest, "run", "--accept", RUN)
    assert done.returncode == 1 and "nothing to settle" in done.stderr, done.stderr
    pair.b.start()
    pair.b.reconnect()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def source_is_to_end(case, qemu):
    pair, guest, move = source_in_doubt(case, qemu)
    asked_for_a_word(pair.a, guest, "end", END, "lost for good")
    decided(pair.a, guest, "end", END)
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    expect(pair.a.state(guest.name), "SHUTOFF/MIGRATED", "state of the source")
    expect(pair.a.qemu_pids(), [], "QEMU of the source")
    pair.b.start()
    pair.b.reconnect()
    wait_until(lambda: pair.b.state(guest.name) == "none", "the destination still has it")
    end_guest(pair, guest)
    del move


def destination_in_doubt(case, qemu):
    """It has all of the guest, and its source is gone before it said Finish."""
    pair, guest, move = running_guest(case, qemu, pause_before_switchover=0)
    wire = through_wire(case, pair)
    move.start_virsh("migrate", "--live", "--p2p", *SLOW, guest.name, pair.b.uri, wire.uri)
    move.wait_pass()
    wire.hold()
    move.let_go()
    pair.a.process.send_signal(signal.SIGSTOP)  # its QEMU goes on
    wire.release()
    wait_until(lambda: ordered(pair.b, "MIG_COMPLETED"), "the destination has not got all of it")
    lose_host(pair.a)
    move.finish_failed()
    expect(pair.b.state(guest.name), "PAUSED/MIGRATION", "state in doubt")
    return pair, guest


@test(qemu=QEMUS)
def destination_is_to_run(case, qemu):
    pair, guest = destination_in_doubt(case, qemu)
    asked_for_a_word(pair.b, guest, "run", RUN, "the source")
    decided(pair.b, guest, "run", RUN)
    pair.b.wait_event("RESUMED/MIGRATED", guest.name)
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state of the destination")
    verdict = guest.verdict()
    expect(verdict["wrong"], 0, "wrong pages")
    pair.a.start()
    pair.a.reconnect()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def destination_is_to_end(case, qemu):
    pair, guest = destination_in_doubt(case, qemu)
    decided(pair.b, guest, "end", END)
    pair.b.timeline.wait_for(lambda e: e.host == "b" and e.text.startswith("STOPPED/"), PATIENCE, "the end")
    wait_until(lambda: pair.b.state(guest.name) == "none", "the destination still has it")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    pair.a.start()
    pair.a.reconnect()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def broken_post_copy_is_to_end(case, qemu):
    """The destination is gone with the newer half, and the older half is given up."""
    pair, guest, move = running_guest(case, qemu, peers=True)
    enter_post_copy(move)
    lose_host(pair.b)
    move.finish_failed()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    decided(pair.a, guest, "end", END)
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    expect(pair.a.state(guest.name), "SHUTOFF/MIGRATED", "state of the source")
    pair.b.start()
    pair.b.reconnect()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def source_that_has_just_come_back(case, qemu):
    """Its daemon does not know yet that the destination's answers, and has the guest: obeyed, an operator would run both."""
    pair, guest, move = running_guest(case, qemu, peers=True, postcopy_recovery=0)
    wire = through_wire(case, pair)
    enter_post_copy(move)
    wire.cut()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    move.finish_failed()
    pair.a.kill9()
    pair.b.process.send_signal(signal.SIGSTOP)
    pair.a.start()
    pair.a.reconnect()
    done = settle(pair.a, guest, "run", "--accept", RUN)
    assert done.returncode == 1 and "being asked at this moment" in done.stderr, done
    pair.b.process.send_signal(signal.SIGCONT)
    done = settle_at_last(pair.a, guest, "run", RUN)
    assert done.returncode == 1 and "the guest is there" in done.stderr, done
    move.expect_states("PAUSED/POSTCOPY_FAILED", "RUNNING/POSTCOPY_FAILED")
    expect(ordered(pair.a, "SETTLE_RUN"), False, "the machine has heard of it")
    for host in (pair.a, pair.b):
        host.virsh("destroy", guest.name)
    end_guest(pair, guest)


# ---- a client's word is not enough ----

@test(qemu=QEMUS)
def no_client_is_believed(case, qemu):
    """No channel, and require_proof: virsh says that the destination does not run it, and the guest waits all the same."""
    pair, guest, move = running_guest(case, qemu, require_proof=1)
    move.start(*SLOW)
    move.wait_pass()
    pair.b.process.send_signal(signal.SIGSTOP)
    move.let_go()
    pair.a.wait_event("SUSPENDED/MIGRATED", guest.name)
    wait_until(lambda: ordered(pair.a, "ANSWER PERFORM OK"), "Perform is not answered")
    lose_host(pair.b)
    move.finish_failed()
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state in doubt")
    refused(pair.a, "before anybody said", "resume", guest.name)
    decided(pair.a, guest, "run", RUN)
    pair.a.wait_event("RESUMED/MIGRATED", guest.name)
    move.expect_intact()
    pair.b.start()
    pair.b.reconnect()
    end_guest(pair, guest)
