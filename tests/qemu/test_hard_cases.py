"""The hard cases of a live migration: an end of either QEMU in post-copy and what must remain, post-copy asked for too
early and too late, clients that die in the one moment that counts, or are too many."""
import os
import sys

import libvirt

from lib import processes
from lib.move import POST_COPY_STOP_FIRST, PRE_COPY, Move, end_guest, start_guest, statistics, wait_until
from lib.patience import PATIENCE
from lib.raw_rpc import param
from lib.runner import expect, test
from moving import FULL, QEMUS, SLOW, enter_post_copy, only_qemu, refused, running_guest, through_wire

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "interop"))
from steps import LIVE, STRING, ULLONG, Steps  # noqa: E402  pylint: disable=wrong-import-position

POSTCOPY = libvirt.VIR_MIGRATE_POSTCOPY
NOT_RUNNING = "only be started while outgoing migration is in progress"


# ---- a QEMU ends in post-copy ----


def restart_both(pair):
    for host in (pair.a, pair.b):
        host.restart()


@test(qemu=QEMUS)
def remains_of_a_guest_are_kept(case, qemu):
    """Its source is gone with pages that it needs. What is left of it is for its owner to look at, and to end."""
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    remains = only_qemu(pair.b)
    processes.kill(only_qemu(pair.a))
    move.finish_failed()
    pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    restart_both(pair)
    expect(pair.a.state(guest.name), "SHUTOFF/CRASHED", "state on the source")
    expect((pair.b.state(guest.name), only_qemu(pair.b)), ("RUNNING/POSTCOPY_FAILED", remains), "what is left of it")
    for command in ("resume", "suspend", "reset"):
        refused(pair.b, "the pages that have not come are at the source", command, guest.name)
    refused(pair.b, "already active", "start", guest.name)
    assert statistics(pair.b, guest.name, ())["operation"] == 4
    expect(only_qemu(pair.b), remains, "the QEMU of what is left")
    pair.b.virsh("destroy", guest.name)
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    end_guest(pair, guest)


@test(qemu=QEMUS, peers=[False, True])
def the_source_of_a_lost_guest_stays(case, qemu, peers):
    """It ran on the destination, whose QEMU is gone: what stands still here is older, and never starts by itself."""
    pair, guest, move = running_guest(case, qemu, peers=peers)
    enter_post_copy(move)
    source = only_qemu(pair.a)
    processes.kill(only_qemu(pair.b))
    move.finish_failed()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    ticks = len(guest.ticks.all())
    restart_both(pair)
    move.expect_states("PAUSED/POSTCOPY_FAILED", "none")
    for command in ("resume", "suspend", "reset"):
        refused(pair.a, "post-copy", command, guest.name)
    refused(pair.a, "already active", "start", guest.name)
    expect((only_qemu(pair.a), len(guest.ticks.all()), guest.ticks.faults()[:3]), (source, ticks, []),
           "the source's QEMU, all ticks, faults in them")
    end_guest(pair, guest)


# ---- post-copy asked for too early, and too late ----


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def post_copy_before_the_stream_flows(case, qemu, way):
    """Nothing passes yet: the order is kept, and carried out when it can be."""
    pair, guest, move = running_guest(case, qemu)
    wire = through_wire(case, pair)
    refused(pair.a, NOT_RUNNING, "migrate-postcopy", guest.name)
    wire.hold()
    ways = (("--p2p", "--migrateuri", wire.uri, guest.name, pair.b.uri) if way == "p2p" else
            (guest.name, pair.b.uri, wire.uri))
    move.start_virsh("migrate", "--live", "--postcopy", *SLOW, *ways)
    pair.b.wait_event("STARTED/MIGRATED", guest.name)
    pair.a.virsh("migrate-postcopy", guest.name)
    refused(pair.b, NOT_RUNNING, "migrate-postcopy", guest.name)
    wire.release()
    move.finish()
    move.expect_events(POST_COPY_STOP_FIRST)
    move.expect_intact()
    for host in (pair.a, pair.b):
        refused(host, NOT_RUNNING, "migrate-postcopy", guest.name)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def post_copy_after_it_has_arrived(case, qemu):
    """QEMU would say yes to it and mean nothing (trap 8): Baton says no, and the migration ends as pre-copy."""
    pair, guest, move = running_guest(case, qemu)
    steps = Steps(case, pair, guest, LIVE | POSTCOPY)
    for step in (steps.begin, steps.prepare, steps.perform):
        step()
    for step in (steps.finish, steps.confirm):
        refused(pair.a, "already switched over", "migrate-postcopy", guest.name)
        refused(pair.b, NOT_RUNNING, "migrate-postcopy", guest.name)
        step()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


# ---- clients ----


@test(qemu=QEMUS, peers=[False, True])
def client_dies_before_finish_of_post_copy(case, qemu, peers):
    """The source has let go, the destination has not been told to begin: it begins, and both ends are right."""
    pair, guest, move = running_guest(case, qemu, peers=peers)
    steps = Steps(case, pair, guest, LIVE | POSTCOPY)
    limits = (param("bandwidth", ULLONG, 20), param("bandwidth.postcopy", ULLONG, 20))
    steps.begin(*limits)
    steps.prepare()
    perform = steps.ask_perform(items=(param("migrate_uri", STRING, steps.uri), *limits))
    move.mark()
    pair.timeline.wait_for(lambda e: e.kind == "iteration" and e.host == "a", PATIENCE, "the first pass")
    pair.a.virsh("migrate-postcopy", guest.name)
    steps.performed(perform)
    expect(pair.b.state(guest.name), "PAUSED/MIGRATION", "state there before Finish")
    steps.source.close()
    steps.destination.close()
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    expect((pair.a.state(guest.name), pair.b.state(guest.name)), ("SHUTOFF/MIGRATED", "RUNNING/MIGRATED"), "states")
    expect(pair.a.told(guest.name)[-3:], POST_COPY_STOP_FIRST[0], "events of the source")
    expect(pair.b.told(guest.name), POST_COPY_STOP_FIRST[1], "events of the destination")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["pre-copy", "post-copy"])
def clients_that_are_too_many(case, qemu, way):
    """Two destinations, eight clients, half of them p2p: one moves the guest, the others hear that it is on its way."""
    pair, guest, move = running_guest(case, qemu)
    third = case.batond("c", pair.timeline, 4).start()
    case.own(third.client)
    options = ("--postcopy", *SLOW) if way == "post-copy" else SLOW
    clients = []
    for host in (pair.b, third) * 2:
        clients.append(pair.a.virsh_start("migrate", "--live", *options, guest.name, host.uri, host.migrate_uri))
        clients.append(pair.a.virsh_start("migrate", "--live", "--p2p", *options, guest.name, host.uri))
    pair.timeline.wait_for(lambda e: e.kind == "iteration" and e.host == "a", PATIENCE, "the first pass")
    if way == "post-copy":
        pair.a.virsh("migrate-postcopy", guest.name)
    else:
        pair.a.virsh("migrate-setspeed", guest.name, "1000")
    words = [client.communicate(timeout=40)[1] for client in clients]
    expect(sorted(client.returncode for client in clients), [0] + [1] * 7, f"statuses of virsh: {words}")
    for text in filter(None, words):
        assert "another migration job" in text or "not running" in text, text
    states = sorted(host.state(guest.name) for host in (pair.b, third))
    expect(states, ["RUNNING/MIGRATED", "none"], "states on the destinations")
    arrived, other = (pair.b, third) if pair.b.state(guest.name) != "none" else (third, pair.b)
    expect((other.told(guest.name), other.leftovers()), ([], []), "what the other destination heard and has")
    expect((guest.verdict()["wrong"], guest.ticks.faults()[:3]), (0, []), "wrong pages and faults in the ticks")
    arrived.virsh("destroy", guest.name)
    end_guest(pair, guest)


# ---- the destination's host is gone for good ----


def destination_died(case, qemu, way):
    """In the switchover. The guest goes on at the source, whose daemon has yet to tell a host that may have all of it."""
    proxy = case.proxied(qemu)
    pair = case.batond_pair(peers=way == "client-managed")
    guest = start_guest(pair, case.fake_guest(proxy, options=FULL))
    move = Move(pair, guest)
    wire = through_wire(case, pair)
    to = [pair.b.uri] if way == "client-managed" else ["--p2p", pair.b.uri]
    switchover, handed = proxy.hold("source", "command migrate-continue"), proxy.hold("source", "event MIGRATION/device")
    move.start_virsh("migrate", "--live", "--unsafe", *SLOW, guest.name, *to, wire.uri)
    move.wait_pass()
    move.let_go()
    switchover.wait()
    wire.hold()
    switchover.release()
    handed.wait()
    qemu_there = only_qemu(pair.b)
    pair.b.kill9()
    processes.kill(qemu_there)
    wire.cut()
    handed.release()
    words = move.finish_failed()
    assert "job 'migration out' failed" in words, words
    expect(pair.a.state(guest.name), "RUNNING/MIGRATION_CANCELED", "state of the source")
    wait_until(lambda: "ASK_AGAIN" in pair.a.trace_tail(), "the destination is not told again")
    return pair, guest, move


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def destination_dies_in_the_switchover(case, qemu, way):
    """What had failed is told, and the guest is its user's again; when the other host is back, it hears of it."""
    pair, guest, move = destination_died(case, qemu, way)
    told = len(pair.a.told(guest.name))
    for call in ("suspend", "resume"):
        pair.a.virsh(call, guest.name)
    expect(pair.a.told(guest.name)[told:], ["SUSPENDED/PAUSED", "RESUMED/UNPAUSED"], "what was told of them")
    move.expect_intact()
    pair.a.virsh("reset", guest.name)
    pair.a.restart()
    expect(pair.a.state(guest.name).split("/")[0], "RUNNING", "state after a restart")
    pair.a.virsh("suspend", guest.name)
    pair.a.virsh("resume", guest.name)
    pair.b.start()
    pair.b.reconnect()
    wait_until(lambda: pair.a.client.domain(guest.name).jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE, "the job does not end")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def guest_ends_while_its_destination_is_dead(case, qemu):
    """Asked by its user; and its migration has failed of what it failed of."""
    pair, guest, _ = destination_died(case, qemu, "p2p")
    pair.a.virsh("shutdown", guest.name)
    pair.a.wait_event("STOPPED/SHUTDOWN", guest.name)
    expect(pair.a.state(guest.name), "SHUTOFF/SHUTDOWN", "state of the source")
    words = statistics(pair.a, guest.name)["errmsg"]
    assert "job 'migration out' failed" in words, words
    pair.b.start()
    pair.b.reconnect()
    end_guest(pair, guest)
