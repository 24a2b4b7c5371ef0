"""The other host does not come back: nobody can prove who runs the guest, and an operator decides it, on either end."""
import os
import signal
import subprocess

from lib import processes
from lib.hosts import BATOND
from lib.move import end_guest, wait_until
from lib.patience import PATIENCE
from lib.runner import expect, test
from moving import QEMUS, SLOW, enter_post_copy, refused, running_guest, through_wire

BATON = os.path.join(os.path.dirname(BATOND), "baton")
RUN, END = "it-runs-nowhere-else", "this-copy-is-lost"


def settle(host, guest, what, *options):
    return subprocess.run([BATON, "--root", host.root, "settle", guest.name, what, *options], capture_output=True,
                          text=True, timeout=30, check=False)


def asked_for_a_word(host, guest, what, word, lost):
    """Nothing is done, and it is said what may be lost."""
    before = host.state(guest.name)
    for options in ((), ("--accept", "yes")):
        done = settle(host, guest, what, *options)
        expect(done.returncode, 1, f"status of baton settle {what} {options}")
        assert lost in done.stderr and f"--accept {word}" in done.stderr, done.stderr
    expect(host.state(guest.name), before, "state after nothing was decided")
    assert not os.path.exists(record_of(host)), "nothing was decided, and it was recorded"


def record_of(host):
    return os.path.join(host.root, "lib", "settled")


def decided(host, guest, what, word):
    done = settle(host, guest, what, "--accept", word)
    expect(done.returncode, 0, f"status of baton settle {what}: {done.stderr}")
    with open(record_of(host), encoding="utf-8") as f:
        record = f.read()
    assert f"decision={what} uid={os.getuid()}" in record and f"name={guest.name}" in record, record
    wait_until(lambda: "outcome: done" in open(record_of(host), encoding="utf-8").read(), "the outcome is not recorded")


def ordered(host, action):
    """The newest migration's trace has this order, or this event."""
    with open(host.traces()[-1], encoding="utf-8") as f:
        return action in f.read()


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
