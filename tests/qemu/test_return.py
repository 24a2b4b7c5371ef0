"""A daemon dies in a peer-to-peer pre-copy and comes back: the migration goes on, and comes out right on both ends."""
from lib import processes
from lib.move import PRE_COPY, end_guest, statistics, wait_until
from lib.runner import expect, test
from moving import QEMUS, SLOW, only_qemu, running_guest, through_wire, wait_job

ENDS = ["source", "destination", "both"]


def start_p2p(move, *options, uri=None):
    uri = [uri] if uri else []
    move.start_virsh("migrate", "--live", "--p2p", *SLOW, *options, move.guest.name, move.destination.uri, *uri)
    move.wait_pass()


def restart(pair, ends):
    for host, name in ((pair.a, "source"), (pair.b, "destination")):
        if ends in (name, "both"):
            host.kill9()
    for host, name in ((pair.a, "source"), (pair.b, "destination")):
        if ends in (name, "both"):
            host.start()
            host.reconnect()


@test(qemu=QEMUS, ends=ENDS)
def pre_copy_goes_on(case, qemu, ends):
    """Killed in the first pass: nothing is cancelled for it, and what was asked for at the end is done."""
    pair, guest, move = running_guest(case, qemu)
    start_p2p(move, "--persistent", "--undefinesource")
    restart(pair, ends)
    expect(statistics(pair.a, guest.name, ()).get("operation"), 5, "operation of the job under way")
    move.let_go()
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "it does not run on the destination")
    wait_until(lambda: pair.a.state(guest.name) == "none", "it is still defined on the source")
    expect(pair.b.client.domain(guest.name).isPersistent(), 1, "persistent on the destination")
    if ends == "destination":
        move.finish()
        wait_job(pair.b, guest)
        move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def switchover_while_the_source_is_away(case, qemu):
    """Its QEMU hands the guest over with nobody there to say Finish; the daemon that comes back does."""
    pair, guest, move = running_guest(case, qemu, pause_before_switchover=0)
    wire = through_wire(case, pair)
    start_p2p(move, uri=wire.uri)
    wire.hold()
    move.let_go()
    pair.a.kill9()
    wire.release()
    with_trace = pair.b.traces()[-1]
    wait_until(lambda: "MIG_COMPLETED" in open(with_trace, encoding="utf-8").read(), "the stream has not ended")
    expect(pair.b.state(guest.name), "PAUSED/MIGRATION", "state of the destination that nobody tells to run")
    pair.a.start()
    pair.a.reconnect()
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "it does not run on the destination")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "it is not over on the source")
    move.expect_intact()
    end_guest(pair, guest)


@test(waits=True, qemu=QEMUS, stall=[0, 3])
def source_is_gone_for_good(case, qemu, stall):
    """Its host dies before a byte was sent: the half-made arrival is undone, whatever a post-copy's patience is."""
    proxy = case.proxied(qemu)
    pair, guest, move = running_guest(case, qemu, guest=case.fake_guest(proxy), postcopy_stall_timeout=stall)
    held = proxy.hold("source", "command migrate-set-parameters")
    move.start_virsh("migrate", "--live", "--unsafe", "--p2p", guest.name, pair.b.uri)
    held.wait()
    source = only_qemu(pair.a)
    pair.a.kill9()
    processes.kill(source)
    held.release()
    pair.b.wait_event("STOPPED/DESTROYED", guest.name)
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    pair.a.start()
    pair.a.reconnect()
    expect(pair.a.state(guest.name), "SHUTOFF/CRASHED", "state of the source")
    end_guest(pair, guest)
