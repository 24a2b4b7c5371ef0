"""A post-copy that broke goes on: by itself, or for a client. In the end the guest says whether it lost anything."""
import os
import signal
import threading
import time

import libvirt

from lib.hosts import VirshError
from lib.move import end_guest, statistics, wait_until
from lib.networks import Networks
from lib.runner import expect, test
from lib.wire import Wire
from mending import (enter, expect_whole, finish_failed, guest_that_moves, history, networked, resume, wait_broken,
                     wait_end, wait_flowing, wait_mended, wait_told)
from moving import QEMUS, only_qemu, query_migrate, refused, through_wire

WAYS = ["client-managed", "p2p"]


# ---- by itself ----

@test(qemu=QEMUS, way=WAYS)
def stream_is_resumed_by_itself(case, qemu, way):
    """The stream is cut twice; the two daemons mend it, and the client that waits gets its success."""
    pair, guest, move = guest_that_moves(case, qemu, way)
    wire = through_wire(case, pair)
    enter(move, way, wire.uri)
    qemus = only_qemu(pair.a), only_qemu(pair.b)
    for times in (1, 2):
        wire.cut()
        wait_broken(pair, times)
        wait_mended(pair, times)
        wait_flowing(wire)
    expect(statistics(pair.a, guest.name, ()).get("operation"), 5, "operation of the job under way")
    expect((only_qemu(pair.a), only_qemu(pair.b)), qemus, "the two QEMUs")
    move.let_go("--postcopy")
    move.finish()
    expect_whole(pair, guest, move, 2)


@test(qemu=QEMUS, way=WAYS)
def black_hole_is_noticed(case, qemu, way):
    """The network swallows everything, and nobody is told; then it is there again."""
    networks = case.own(Networks())
    pair, guest, move = networked(case, networks, 1, way, qemu)
    enter(move, way)
    networks.unplug()
    wait_broken(pair)
    networks.plug()
    plugged = time.monotonic()
    took = wait_mended(pair) - plugged
    print(f"post-copy was active again {took:.2f} s after the network was back")
    assert took < 5, f"post-copy was active again only {took:.1f} s after the network was back"
    move.let_go("--postcopy")
    wait_end(move)
    expect_whole(pair, guest, move, 1)


@test(waits=True, qemu=QEMUS)
def outage_of_a_minute(case, qemu):
    """61 s, after which stock libvirt never recovers: the kernels have given the connections up."""
    networks = case.own(Networks())
    pair, guest, move = networked(case, networks, 1, "p2p", qemu)
    enter(move, "p2p")
    over = time.monotonic() + 61
    networks.unplug()
    wait_broken(pair)
    threading.Event().wait(over - time.monotonic())  # the outage's own length
    networks.plug()
    wait_mended(pair)
    move.let_go("--postcopy")
    wait_end(move)
    expect_whole(pair, guest, move, 1)


@test(qemu=QEMUS, way=WAYS)
def another_network_takes_over(case, qemu, way):
    """The network that the migration began over stays dead; the guest's pages come over the other one."""
    networks = case.own(Networks(2))
    pair, guest, move = networked(case, networks, 2, way, qemu)
    enter(move, way)
    networks.unplug(0)
    wait_broken(pair)
    wait_mended(pair)
    move.let_go("--postcopy")
    wait_end(move)
    expect_whole(pair, guest, move, 1)


@test(qemu=QEMUS, ends=["source", "destination", "both"])
def daemon_is_away_when_it_breaks(case, qemu, ends):
    """The stream breaks while nobody listens to QEMU; the daemon that comes back takes it up."""
    pair, guest, move = guest_that_moves(case, qemu, "p2p")
    wire = through_wire(case, pair)
    enter(move, "p2p", wire.uri)
    away = [host for host, name in ((pair.a, "source"), (pair.b, "destination")) if ends in (name, "both")]
    for host in away:
        host.kill9()
    wire.cut()
    for host in away:
        host.start()
        host.reconnect()
    move.let_go("--postcopy")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "it is not over on the source")
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "it does not run on the destination")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def client_is_gone_when_it_breaks(case, qemu):
    """Nobody waits for anything, and it comes out right all the same."""
    pair, guest, move = guest_that_moves(case, qemu, "client-managed")
    wire = through_wire(case, pair)
    enter(move, "client-managed", wire.uri)
    move.kill_virsh()
    wire.cut()
    wait_broken(pair)
    wait_mended(pair)
    move.let_go("--postcopy")
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    expect_whole(pair, guest, move, 1)


@test(qemu=QEMUS)
def healthy_stream_is_left_alone(case, qemu):
    """The source's daemon is away for longer than the stall time-out, and QEMU goes on: nothing is broken for it."""
    pair, guest, move = guest_that_moves(case, qemu, "p2p", postcopy_stall_timeout=1)
    enter(move, "p2p")
    pair.a.kill9()
    since = time.monotonic()
    wait_until(lambda: time.monotonic() - since > 4, "four stall time-outs pass")
    pair.a.start()
    pair.a.reconnect()
    try:
        move.let_go("--postcopy")
    except VirshError:  # it was over before that
        wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "it is not over, and can't be let go")
    pair.b.wait_event("RESUMED/MIGRATED", guest.name)
    expect("RESUMED/POSTCOPY_FAILED" in pair.b.told(guest.name), False, "the destination said that it broke")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "it is not over on the source")
    move.expect_intact()
    end_guest(pair, guest)


@test(waits=True, qemu=QEMUS)
def destination_stood_still(case, qemu):
    """Its host ran neither QEMU nor its daemon, and the source has broken the stream: it wakes up to both, and goes on."""
    pair, guest, move = guest_that_moves(case, qemu, "p2p", postcopy_stall_timeout=1)
    enter(move, "p2p")
    for times in (1, 2):
        stopped = only_qemu(pair.b), pair.b.process.pid
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        wait_told(pair.a, "SUSPENDED/POSTCOPY_FAILED", times)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        wait_mended(pair, times)
    move.let_go("--postcopy")
    wait_end(move)
    expect_whole(pair, guest, move, 2)


# ---- by hand ----

@test(qemu=QEMUS, way=WAYS)
def stream_is_resumed_by_hand(case, qemu, way):
    """With recovery switched off it waits for an operator, each time that it breaks; then over another URI."""
    pair, guest, move = guest_that_moves(case, qemu, way, postcopy_recovery=0)
    wire = through_wire(case, pair)
    enter(move, way, wire.uri)
    wire.cut()
    wait_broken(pair)
    finish_failed(move)
    move.expect_states("PAUSED/POSTCOPY_FAILED", "RUNNING/POSTCOPY_FAILED")
    refused(pair.a, "post-copy", "resume", guest.name)

    for times in (1, 2):
        resume(move, way, wire.uri)
        wait_mended(pair, times)
        wait_flowing(wire)
        wire.cut()
        wait_broken(pair, times + 1)
        finish_failed(move)
    resume(move, way, f"tcp://{pair.b.address}:{case.port + 1}")
    wait_mended(pair, 3)
    move.let_go("--postcopy")
    move.finish()
    expect_whole(pair, guest, move, 3)


@test(qemu=QEMUS, way=WAYS, end=["source", "destination"])
def broken_on_purpose(case, qemu, way, end):
    """`domjobabort --postcopy` at either end breaks it; the daemons leave it so until somebody resumes it."""
    pair, guest, move = guest_that_moves(case, qemu, way)
    enter(move, way)
    (pair.a if end == "source" else pair.b).virsh("domjobabort", "--postcopy", guest.name)
    wait_broken(pair)
    finish_failed(move)
    move.expect_events(tuple(told[:-2] for told in history(1)))
    for host in (pair.a, pair.b):  # what the daemons know its QEMU may not have noticed yet
        wait_until(lambda host=host: query_migrate(host, guest)["status"] == "postcopy-paused",
                   "QEMU does not notice the break")
    resume(move, way, pair.b.migrate_uri)
    wait_mended(pair)
    move.let_go("--postcopy")
    move.finish()
    expect_whole(pair, guest, move, 1)


@test(qemu=QEMUS, way=WAYS)
def range_of_ports_that_is_full(case, qemu, way):
    """It has one port, and this migration has it: it does for each stream, those that resume it as well."""
    pair, guest, move = guest_that_moves(case, qemu, way, migration_port_min=case.port, migration_port_max=case.port)
    enter(move, way)
    for count in (1, 2):
        pair.a.virsh("domjobabort", "--postcopy", guest.name)
        wait_broken(pair, count)
        finish_failed(move)
        for host in (pair.a, pair.b):
            wait_until(lambda host=host: query_migrate(host, guest)["status"] == "postcopy-paused",
                       "QEMU does not notice the break")
        sent = query_migrate(pair.a, guest)["ram"]["transferred"]
        resume(move, way, None)
        wait_mended(pair, count)
        wait_until(lambda sent=sent: query_migrate(pair.a, guest)["ram"]["transferred"] > sent + (1 << 18),
                   "no pages come")
    move.let_go("--postcopy")
    move.finish()
    expect_whole(pair, guest, move, 2)


@test(qemu=QEMUS)
def resume_of_what_is_not_broken(case, qemu):
    """There is nothing to resume, and nothing is disturbed."""
    pair, guest, move = guest_that_moves(case, qemu, "client-managed")
    resumed = ("migrate", "--live", "--postcopy", "--postcopy-resume", guest.name, pair.b.uri)
    refused(pair.a, "no broken post-copy", *resumed)
    refused(pair.a, "no job is active", "domjobabort", "--postcopy", guest.name)
    enter(move, "client-managed")
    refused(pair.a, "no broken post-copy", *resumed)
    move.let_go("--postcopy")
    move.finish()
    expect_whole(pair, guest, move, 0)


@test(qemu=QEMUS)
def resume_that_is_tried_for_ever(case, qemu):
    """Somebody's script tries until the other host is back: the last of a thousand attempts is as good as the first."""
    pair, guest, move = guest_that_moves(case, qemu, "p2p", postcopy_recovery=0)
    domain = pair.a.client.domain(guest.name)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, f"<long xmlns='urn:x'>{'x' * 20000}</long>", "x", "urn:x",
                       libvirt.VIR_DOMAIN_AFFECT_LIVE)
    wire = through_wire(case, pair)
    enter(move, "p2p", wire.uri)
    wire.cut()
    wait_broken(pair)
    finish_failed(move)
    flags = (libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_POSTCOPY | libvirt.VIR_MIGRATE_POSTCOPY_RESUME
             | libvirt.VIR_MIGRATE_PEER2PEER)
    nobody = os.path.join(case.folder, "nobody")
    for _ in range(1000):
        try:
            domain.migrateToURI3(f"qemu+unix:///system?socket={nobody}", {}, flags)
        except libvirt.libvirtError as error:
            assert f"connect to {nobody}: No such file" in str(error), error
    resume(move, "p2p", wire.uri)
    wait_mended(pair)
    move.let_go("--postcopy")
    move.finish()
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state of the destination")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def ended_while_it_is_mended(case, qemu):
    """Who waits for its end hears that the guest was ended, not what an attempt to mend it had failed of."""
    pair, guest, move = guest_that_moves(case, qemu, "p2p", postcopy_stall_timeout=60)
    wire = Wire(f"{case.network}.3", pair.b.address, case.port)
    enter(move, "p2p", wire.uri)
    wire.close()  # nobody comes through it any more
    wait_broken(pair)
    wait_until(lambda: "ASK_LATER" in pair.a.trace_tail(60), "no attempt fails")
    pair.a.virsh("destroy", guest.name)
    words = move.finish_failed()
    assert "no longer running" in words, words
    expect(statistics(pair.a, guest.name)["errmsg"], "domain is no longer running", "words of the job")
    pair.b.virsh("destroy", guest.name)
    end_guest(pair, guest)
