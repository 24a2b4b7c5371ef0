"""What breaks in the middle: QEMUs that die, streams that are cut, clients that go away.

Before the switchover the guest goes on at the source as if nothing had been. After it nothing may start the
source's copy again, and nothing that still holds a page may be ended. Daemons that die are in test_restart.py.
"""
from lib import processes
from lib.move import CUT_IN_POST_COPY, UNDONE_BEFORE_STOP, end_guest, post_copy_events, statistics, wait_until
from lib.runner import expect, test
from moving import CRAWL, QEMUS, SLOW, enter_post_copy, only_qemu, refused, running_guest, through_wire, wait_job


def expect_undone(pair, guest, move):
    """The guest is where it was; it has not noticed, and nothing is left of the attempt."""
    move.expect_states("RUNNING/BOOTED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()


# ---- before the switchover ----


@test(qemu=QEMUS)
def destination_dies_in_pre_copy(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    processes.kill(only_qemu(pair.b))
    move.finish_failed()
    move.expect_events(UNDONE_BEFORE_STOP)
    expect_undone(pair, guest, move)
    move.run()
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def source_dies_in_pre_copy(case, qemu):
    """The guest is gone, as with any QEMU that dies; the destination's half of a copy is not started."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    processes.kill(only_qemu(pair.a))
    move.finish_failed()
    move.expect_events((["STOPPED/FAILED"], ["STARTED/MIGRATED", "STOPPED/FAILED"]))
    move.expect_states("SHUTOFF/CRASHED", "none")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def client_dies_in_pre_copy(case, qemu):
    """A client-managed migration has nobody left to finish it: it is undone on both ends."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    move.kill_virsh()
    pair.b.wait_event("STOPPED/DESTROYED", guest.name)
    wait_job(pair.a, guest)
    move.expect_events(([], ["STARTED/MIGRATED", "STOPPED/DESTROYED"]))
    expect_undone(pair, guest, move)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def stream_reset_in_pre_copy(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    wire = through_wire(case, pair)
    move.start(*SLOW, "--postcopy")
    move.wait_pass()
    wait_until(wire.connections, "the stream is not carried on")  # QEMU sends before anybody has taken its connection
    wire.cut()
    move.finish_failed()
    move.expect_events(UNDONE_BEFORE_STOP)
    for host in (pair.a, pair.b):
        job = wait_job(host, guest)
        assert job.get("success") is False and job.get("errmsg"), job
    expect_undone(pair, guest, move)
    pair.b.migrate_uri = f"tcp://{pair.b.address}"
    move.mark()
    move.run("--postcopy")
    move.expect_intact()
    end_guest(pair, guest)


# ---- after it ----


@test(qemu=QEMUS)
def destination_dies_in_post_copy(case, qemu):
    """The source's QEMU holds what the destination had not got: it stays, it stands still, it says why."""
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    source = only_qemu(pair.a)
    processes.kill(only_qemu(pair.b))
    move.finish_failed()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    move.expect_states("PAUSED/POSTCOPY_FAILED", "none")
    # Stock libvirt makes one wait half a minute for a lock here.
    refused(pair.a, "post-copy", "resume", guest.name)
    expect(only_qemu(pair.a), source, "the source's QEMU")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def source_dies_in_post_copy(case, qemu):
    """The guest goes on where it was resumed, until it needs a page that is gone with its source."""
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    processes.kill(only_qemu(pair.a))
    pair.a.wait_event("STOPPED/FAILED", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    move.finish_failed()
    # The client may have brought the news of the broken stream before the process was seen to end.
    told = [event for event in pair.a.told(guest.name)[2:] if event != "SUSPENDED/POSTCOPY_FAILED"]
    expect(told, ["SUSPENDED/MIGRATED", "SUSPENDED/POSTCOPY", "STOPPED/FAILED"], "events of the source")
    expect(pair.b.told(guest.name), ["STARTED/MIGRATED", "RESUMED/POSTCOPY", "RESUMED/POSTCOPY_FAILED"],
           "events of the destination")
    move.expect_states("SHUTOFF/CRASHED", "RUNNING/POSTCOPY_FAILED")
    expect(wait_job(pair.a, guest).get("success"), False, "success of the source's job")
    refused(pair.b, "post-copy", "suspend", guest.name)
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def client_dies_in_post_copy(case, qemu):
    """Nothing failed, so nothing is said to have: the daemons finish it between them."""
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    move.kill_virsh()
    move.let_go("--postcopy")
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    move.expect_events(post_copy_events(qemu, True))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def client_dies_and_the_guest_moves_for_good(case, qemu, way):
    """Unattended it is defined where it went, and undefined where it was, as he had asked."""
    pair, guest, move = running_guest(case, qemu, peers=way == "client-managed")
    to = [pair.b.uri] if way == "client-managed" else ["--p2p", pair.b.uri]
    move.start_virsh("migrate", "--live", "--postcopy", "--persistent", "--undefinesource", *SLOW,
                     "--postcopy-bandwidth", CRAWL, guest.name, *to)
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    move.kill_virsh()
    move.let_go("--postcopy")
    pair.a.wait_event("UNDEFINED/REMOVED", guest.name)
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "it has not ended on the destination")
    expect(pair.a.state(guest.name), "none", "state of the source")
    assert "Persistent:     yes" in pair.b.virsh("dominfo", guest.name), pair.b.virsh("dominfo", guest.name)
    expect(pair.a.leftovers(), [], "leftovers on the source")
    move.expect_intact()
    end_guest(pair, guest)


def expect_no_way_back(pair, guest):
    """Each end refuses at once what would run, stop or change the guest; its job is still there."""
    for command in ("resume", "suspend", "domjobabort", "reset"):
        refused(pair.a, "post-copy", command, guest.name)
    refused(pair.b, "post-copy", "suspend", guest.name)
    told = statistics(pair.a, guest.name, ())
    expect(told.get("operation"), 5, "operation of the job that stays")


@test(qemu=QEMUS)
def stream_reset_in_post_copy(case, qemu):
    """Both QEMUs live on: nothing is lost, and each host says what it is waiting for."""
    pair, guest, move = running_guest(case, qemu)
    wire = through_wire(case, pair)
    enter_post_copy(move)
    qemus = only_qemu(pair.a), only_qemu(pair.b)
    wire.cut()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    words = move.finish_failed()
    assert "post-copy" in words, words
    move.expect_events((CUT_IN_POST_COPY, ["STARTED/MIGRATED", "RESUMED/POSTCOPY", "RESUMED/POSTCOPY_FAILED"]))
    move.expect_states("PAUSED/POSTCOPY_FAILED", "RUNNING/POSTCOPY_FAILED")
    expect((only_qemu(pair.a), only_qemu(pair.b)), qemus, "the two QEMUs")
    expect_no_way_back(pair, guest)
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


@test(qemu=["7.2"])
def stream_reset_before_the_destination_runs(case, qemu):
    """The source has left for post-copy, its state never arrives. QEMU 10 is in test_quirks.py."""
    pair, guest, move = running_guest(case, qemu)
    wire = through_wire(case, pair)
    move.start("--postcopy", *SLOW)
    move.wait_pass()
    wire.hold()
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.a.wait_event("SUSPENDED/POSTCOPY", guest.name)
    wire.cut()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    move.finish_failed()
    move.expect_events((CUT_IN_POST_COPY, UNDONE_BEFORE_STOP[1]))
    move.expect_states("PAUSED/POSTCOPY_FAILED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    refused(pair.a, "post-copy", "resume", guest.name)
    end_guest(pair, guest)
