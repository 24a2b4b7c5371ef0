"""A host whose disk is full: what it can't record, and could not take back, it does not do."""
import os
import signal

from lib.move import PRE_COPY, UNDONE_AFTER_STOP, end_guest, wait_until
from lib.runner import expect, test
from moving import CRAWL, QEMUS, SLOW, ordered, refused, running_guest, through_wire
from small_disk import SmallDisk


def fill(disk, host, guest):
    """Until the guest's journal takes no record: its last block may have had room for some."""
    disk.fill()

    def is_full():
        host.virsh("migrate-setspeed", guest.name, "1")
        return "can't be written" in host.log_tail()

    wait_until(is_full, "the journal takes whatever comes")


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def nothing_is_handed_over(case, qemu, way):
    """All of the guest is there, and that it is to run there can't be written down: it goes on at the source. Or else a daemon
    that is killed then would prove to the source that it never ran, and end it."""
    disk = case.own(SmallDisk(os.path.join(case.folder, "b", "lib")))
    pair, guest, move = running_guest(case, qemu, peers=way == "client-managed", pause_before_switchover=0)
    wire = through_wire(case, pair)
    to = [pair.b.uri] if way == "client-managed" else ["--p2p", pair.b.uri]
    move.start_virsh("migrate", "--live", *SLOW, guest.name, *to, wire.uri)
    move.wait_pass()
    wire.hold()
    move.let_go()
    pair.a.process.send_signal(signal.SIGSTOP)  # its QEMU goes on
    wire.release()
    wait_until(lambda: ordered(pair.b, "MIG_COMPLETED"), "the destination has not got all of it")
    fill(disk, pair.b, guest)
    pair.a.process.send_signal(signal.SIGCONT)
    words = move.finish_failed()
    assert "can't be written" in words, words
    move.expect_events(UNDONE_AFTER_STOP)
    move.expect_states("RUNNING/MIGRATION_CANCELED", "none")
    move.expect_intact()
    disk.empty()
    move.mark()
    move.run()
    move.expect_intact()
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state when there is room")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def no_post_copy_is_begun(case, qemu):
    """The source could not know afterwards that the guest may run elsewhere: it says so, and pre-copy goes on."""
    disk = case.own(SmallDisk(os.path.join(case.folder, "a", "lib")))
    pair, guest, move = running_guest(case, qemu, peers=True)
    move.start("--postcopy", *SLOW)
    move.wait_pass()
    fill(disk, pair.a, guest)
    refused(pair.a, "can't be written", "migrate-postcopy", guest.name)
    move.let_go()
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    disk.empty()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def nothing_is_sent(case, qemu, way):
    """Of a migration that the source would not know of when it is back."""
    disk = case.own(SmallDisk(os.path.join(case.folder, "a", "lib")))
    pair, guest, move = running_guest(case, qemu, peers=True)
    fill(disk, pair.a, guest)
    to = [pair.b.uri, pair.b.migrate_uri] if way == "client-managed" else ["--p2p", pair.b.uri]
    move.start_virsh("migrate", "--live", guest.name, *to)
    words = move.finish_failed()
    assert "can't be written" in words, words
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    move.expect_states("RUNNING/BOOTED", "none")
    move.expect_intact()
    disk.empty()
    pair.a.virsh("migrate-setspeed", guest.name, "2000")
    move.start_virsh("migrate", "--live", guest.name, *to)
    move.finish()
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def a_definition_that_has_no_place_stays(case, qemu):
    """Nobody is left to tell the source that the destination could not keep it: not undefined, or it would be nowhere."""
    disk = case.own(SmallDisk(os.path.join(case.folder, "b", "lib")))
    pair, guest, move = running_guest(case, qemu, peers=True)
    guest.console.command("p", "paused")
    move.start("--postcopy", "--persistent", "--undefinesource", *SLOW, "--postcopy-bandwidth", CRAWL)
    move.wait_pass()
    disk.fill()
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    move.kill_virsh()
    move.let_go("--postcopy")
    wait_until(lambda: "has not kept its definition" in pair.a.log_tail(), "the source does not know")
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    expect([host.client.domain(guest.name).isPersistent() for host in (pair.a, pair.b)], [1, 0], "persistent")
    disk.empty()
    move.expect_intact()
    end_guest(pair, guest)
