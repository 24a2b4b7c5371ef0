"""What QEMU gets wrong in a migration: each row of src/core/quirks.c, named as its test there.

The bare part shows on a QEMU without any daemon that the defect is still there; when one is gone, the
test fails and the row wants an upper end. The rest shows that Baton's answer to it holds.
"""
import json
import os
import re
import signal
import socket
import threading

import libvirt

from lib.disks import Disk
from lib.guests import TINY_KIB
from lib.hosts import PROJECT
from lib.move import Move, end_guest, start_guest, wait_until
from lib.qmp import BareQemu, Ports, QmpError
from lib.runner import expect, skip, test
from lib.wire import Turnstile, UnixWire, reset
from moving import (CRAWL, FULL, QEMUS, SLOW, abort_when, enter_post_copy, hold_before_post_copy, query_migrate, refused,
                    running_guest, through_wire)

MIB = 1 << 20
WHOLE_KIB = 40 * 1024  # a multiple of 256 KiB, which TCG before QEMU 9 does not bear


@test()
def every_row_has_its_test(_case):
    """The table names its tests; a name that leads nowhere would look like proof."""
    with open(os.path.join(PROJECT, "src", "core", "quirks.c"), encoding="utf-8") as f:
        table = f.read()
    named = re.findall(r'"(\w+)"\}', table)
    there = set()
    folder = os.path.join(PROJECT, "tests", "qemu")
    for name in os.listdir(folder):
        if name.startswith("test_"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                there |= set(re.findall(r"^def (\w+)", f.read(), re.MULTILINE))
    expect(len(named), table.count("\n    [QUIRK_"), "tests that the rows name")
    expect(sorted(set(named) - there), [], "tests that the table names and nobody has written")


class Bare:
    """Two QEMUs, the guest in the first, and a unix socket between them."""

    def __init__(self, case, version, options=FULL, source_more=(), destination_more=(), **both):
        self.emulator = case.emulator(version)
        self.uri = f"unix:{case.folder}/stream"
        self.ports = case.own(Ports(case.folder))
        self.source = case.own(BareQemu(case.folder, "source", self.emulator, self.ports, options=options,
                                        extra=source_more, **both))
        self.ports.console.wait_line("ready")
        self.destination = case.own(BareQemu(case.folder, "destination", self.emulator, self.ports, incoming=True,
                                             options=options, extra=destination_more, **both))

    def capabilities(self, **values):
        for end in (self.source, self.destination):
            end.capabilities(**{"events": True, "return_path": True, **values})

    def migrate(self, bandwidth=20 * MIB, wire=None):
        self.source.qmp.command("migrate-set-parameters", max_bandwidth=bandwidth, max_postcopy_bandwidth=MIB)
        self.destination.qmp.command("migrate-incoming", uri=self.uri)
        self.source.qmp.command("migrate", uri=f"unix:{wire.path}" if wire else self.uri)

    def into_post_copy(self):
        self.capabilities(postcopy_ram=True)
        self.migrate()
        self.source.qmp.wait_event("active")
        self.source.qmp.command("migrate-start-postcopy")
        self.destination.qmp.wait_event("postcopy-active")

    def moved(self):
        """To the end of a pre-copy; nobody has been given `cont`."""
        self.capabilities()
        self.migrate(0x7FFFFFFF)
        for end in (self.source, self.destination):
            end.qmp.wait_event("completed")


def capabilities_of(host, guest):
    answer = host.virsh("qemu-monitor-command", guest.name, '{"execute":"query-migrate-capabilities"}')
    return {entry["capability"]: entry["state"] for entry in json.loads(answer)["return"]}


# ---- the order of events ----


@test(qemu=QEMUS, pbs=[True, False])
def events_postcopy_stop_first(case, qemu, pbs):
    """Baton's answer, event by event, is in test_order.py: post_copy."""
    bare = Bare(case, qemu)
    bare.capabilities(postcopy_ram=True)
    bare.source.capabilities(pause_before_switchover=pbs)
    bare.migrate()
    bare.source.qmp.wait_event("active")
    bare.source.qmp.command("migrate-start-postcopy")
    if pbs:
        bare.source.qmp.wait_event("pre-switchover")
        bare.source.qmp.command("migrate-continue", state="pre-switchover")
    bare.source.qmp.wait_event("postcopy-active")
    bare.source.qmp.wait_event("STOP")
    order = [event for event in bare.source.qmp.events() if event in ("STOP", "postcopy-active")]
    last = qemu == "7.2" and not pbs
    expect(order, ["postcopy-active", "STOP"] if last else ["STOP", "postcopy-active"], "order on the source")


# ---- cancelling ----


@test(qemu=QEMUS)
def abort_in_postcopy_refused(case, qemu):
    """QEMU before 10 obeys, and the source could run again beside the destination; Baton never asks it."""
    bare = Bare(case, qemu)
    bare.into_post_copy()
    bare.destination.qmp.command("cont")
    bare.destination.qmp.wait_event("RESUME")
    said = bare.source.qmp.refuses("migrate_cancel")
    if qemu == "7.2":
        expect(said, None, "QEMU's refusal of migrate_cancel")
        bare.source.qmp.wait_event("cancelled")
        expect(bare.source.qmp.refuses("cont"), None, "QEMU's refusal of cont")
        expect(bare.source.status(), "running", "status of the source: two runners")
    else:
        assert said and bare.source.migration() == "postcopy-active", (said, bare.source.migration())


@test(qemu=QEMUS)
def abort_in_postcopy_leaves_qemu_alone(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    refused(pair.a, "post-copy", "domjobabort", guest.name)
    expect(query_migrate(pair.a, guest)["status"], "postcopy-active", "status of the source after the abort")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def cancel_in_pre_switchover_of_postcopy(case, qemu):
    """Before 10 it stays stopped, in postmigrate, and `cont` is right. That Baton gives it is in its unit tests:
    the stretch is one millisecond, too short to abort in it on demand."""
    bare = Bare(case, qemu)
    bare.capabilities(postcopy_ram=True)
    bare.source.capabilities(pause_before_switchover=True)
    bare.migrate()
    bare.source.qmp.wait_event("active")
    bare.source.qmp.command("migrate-start-postcopy")
    bare.source.qmp.wait_event("pre-switchover")
    bare.source.qmp.command("migrate_cancel")
    bare.source.qmp.wait_event("cancelled")
    if qemu == "7.2":
        expect(bare.source.status(), "postmigrate", "status after the cancel")
        bare.source.qmp.command("cont")
    bare.source.qmp.wait_event("RESUME")
    expect(bare.source.status(), "running", "status of the source")
    bare.destination.kill()
    expect(bare.ports.console.command("v", "verdict", oldest=True)["wrong"], 0, "wrong pages")


# ---- a source that starts again by itself ----


def cut_before_it_runs(case, pair, guest, move):
    """All is sent, and nothing has arrived when the stream breaks; how many ticks there were until then."""
    wire = through_wire(case, pair)
    guest.console.command("p", "paused")
    move.start("--postcopy", *SLOW)
    move.wait_pass()
    hold_before_post_copy(wire)
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.a.wait_event("SUSPENDED/POSTCOPY", guest.name)
    wait_until(lambda: query_migrate(pair.a, guest)["ram"]["remaining"] == 0, "the source does not send all that it has")
    cut = len(guest.ticks.all())
    wire.cut()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    move.finish_failed()
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    return cut


@test(qemu=["10"])
def source_resumes_itself_is_stopped(case, qemu):
    """The stream breaks between STOP and the destination's turn: QEMU 10 lets its guest go on, Baton stops it."""
    pair, guest, move = running_guest(case, qemu, own_the_stop=0)
    cut_before_it_runs(case, pair, guest, move)
    move.expect_states("PAUSED/POSTCOPY_FAILED", "none")
    expect(query_migrate(pair.a, guest)["status"], "failed", "status of the source's migration")
    answer = json.loads(pair.a.virsh("qemu-monitor-command", guest.name, '{"execute":"query-status"}'))["return"]
    expect(answer["running"], False, "does the source run")
    # How long it ran is the machine's affair; stopped it is in the very step that hears of it.
    with open(pair.a.traces()[-1], encoding="utf-8") as f:
        steps = [step for step in map(json.loads, f) if step.get("event") == "QEMU_RESUMED"]
    expect(["STOP" in step["do"] for step in steps], [True], "stopped as soon as it was heard to run")
    assert "restarted the guest" in pair.a.log_tail(), pair.a.log_tail()
    refused(pair.a, "post-copy", "resume", guest.name)
    end_guest(pair, guest)


@test(qemu=["10"])
def source_that_we_stopped_stays_stopped(case, qemu):
    """The same break after our own stop, which is the default there: QEMU lets nothing go on, not a tick."""
    pair, guest, move = running_guest(case, qemu)
    cut = cut_before_it_runs(case, pair, guest, move)
    move.expect_states("PAUSED/POSTCOPY_FAILED", "none")
    expect(len(guest.ticks.all()), cut, "ticks of the source")
    expect(query_migrate(pair.a, guest)["status"], "failed", "status of the source's migration")
    assert "restarted the guest" not in pair.a.log_tail(), pair.a.log_tail()
    refused(pair.a, "post-copy", "resume", guest.name)
    end_guest(pair, guest)


# ---- the monitor ----


@test(qemu=QEMUS)
def monitor_is_out_of_band(case, qemu):
    """`stop` on a destination whose guest waits for a lost page: QMP stands still until something goes out of band."""
    bare = Bare(case, qemu, "mib=32 rate=0")
    bare.into_post_copy()
    destination = bare.destination.qmp
    destination.command("cont")
    destination.wait_event("RESUME")
    bare.source.kill()
    destination.wait_event("postcopy-paused")
    # The guest runs on until it touches a page that it does not have: its ticks end.
    blocked = destination.send("stop")
    try:
        destination.answer(blocked, 1)
        skip("the guest had all the pages that it needed")
    except TimeoutError:
        pass
    said = None
    try:
        destination.command("migrate-recover", oob=True, uri=f"unix:{case.folder}/again")
    except QmpError as error:
        said = str(error)
    except TimeoutError as error:
        raise AssertionError("not even an order out of band was answered") from error
    expect(said, None, "the refusal of migrate-recover")


@test(qemu=QEMUS)
def a_blocked_monitor_blocks_nobody(case, qemu):
    """The destination of a broken post-copy may not answer its monitor; batond does, at once, and can end it."""
    pair, guest, move = running_guest(case, qemu, "mib=32 rate=0")
    wire = through_wire(case, pair)
    enter_post_copy(move, busy=True)
    wire.cut()
    move.finish_failed()
    for host in (pair.a, pair.b):
        for command in ("domstate", "dominfo", "domjobinfo", "dumpxml", "domstats"):
            expect(host.virsh_try(command, guest.name).returncode, 0, f"virsh {command} on {host.name}")
    end_guest(pair, guest)


# ---- TCG ----


@test(qemu=QEMUS)
def tcg_migration_is_unsafe(case, qemu):
    """128 MiB of RAM on QEMU 7.2: refused with error 81, unless --unsafe, or with RAM of another size."""
    pair = case.batond_pair()
    plain = start_guest(pair, case.tiny("plain", qemu=qemu, memory_kib=128 * 1024))
    domain = pair.a.client.domain("plain")
    params = {libvirt.VIR_MIGRATE_PARAM_URI: pair.b.migrate_uri}
    try:
        domain.migrate3(pair.b.client.connection, params, libvirt.VIR_MIGRATE_LIVE)
        code, words = 0, ""
    except libvirt.libvirtError as error:
        code, words = error.get_error_code(), str(error)
    expect(code, libvirt.VIR_ERR_MIGRATE_UNSAFE if qemu == "7.2" else 0, words)
    if qemu == "7.2":
        assert "131080 KiB" in words, words
        move = Move(pair, plain)
        move.run("--unsafe")
    expect(pair.b.state("plain"), "RUNNING/MIGRATED", "state on the destination")
    end_guest(pair, plain)


@test(qemu=["7.2"])
def tcg_loses_dirty_pages(case, qemu):
    """The defect itself: a few passes over a busy guest, and its memory is wrong."""
    pair, guest, move = running_guest(case, qemu, guest=case.tiny(qemu=qemu, memory_kib=WHOLE_KIB,
                                                                  options="mib=32 rate=6000"))
    move.start("--unsafe", "--bandwidth", "12")
    move.wait_pass(3)
    move.let_go()
    move.finish()
    try:
        wrong = guest.verdict(3)["wrong"]
    except TimeoutError:
        wrong = "all: the guest does not answer any more"
    assert wrong, "no page was lost: is the defect gone?"
    end_guest(pair, guest)


# ---- the two ends ----


@test(qemu=QEMUS)
def capabilities_are_agreed(case, qemu):
    """QEMU compares nothing, tells nothing and believes in a destination that failed; Baton sets it all."""
    bare = Bare(case, qemu, source_more=("-device", "virtio-rng-pci"))
    bare.migrate(0x7FFFFFFF)
    bare.destination.qmp.wait_closed()  # it has no such device as the last that comes
    expect("completed" in bare.source.qmp.events() or "failed" in bare.source.qmp.events(), False,
           "events although they are off")
    # Without a return path nobody tells the source.
    expect(bare.source.migration() in ("completed", "failed"), True, "the end of the source's migration")

    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    there = [capabilities_of(host, guest) for host in (pair.a, pair.b)]
    for name in ("events", "return-path", "postcopy-ram"):
        expect([end[name] for end in there], [True, True], name)
    expect([end["postcopy-preempt"] for end in there], [qemu != "7.2"] * 2, "postcopy-preempt")
    expect([end["multifd"] for end in there], [False, False], "multifd")
    expect((there[0]["pause-before-switchover"], there[1]["late-block-activate"]), (True, True), "each end's own")
    end_guest(pair, guest)


@test(how=["7.2", "10", "10, told"])
def preempt_channel_comes_too_late(case, how):
    """It is still on its way when the migration fails: QEMU aborts, with the guest. From 8 on it can be told to
    connect only when post-copy begins, which Baton does; test_faults.py, stream_reset_in_pre_copy, is the rest."""
    qemu, _, told = how.partition(", ")
    more = ("-global", "migration.x-preempt-pre-7-2=off") if told else ()
    bare = Bare(case, qemu, source_more=more, destination_more=more)
    turnstile = case.own(Turnstile(f"{case.network}.3"))
    bare.uri = f"tcp:{case.network}.2:49502"
    bare.capabilities(postcopy_ram=True, postcopy_preempt=True)
    bare.destination.qmp.command("migrate-incoming", uri=bare.uri)
    bare.source.qmp.command("migrate-set-parameters", max_bandwidth=20 * MIB)
    bare.source.qmp.command("migrate", uri=turnstile.uri)
    if not told:
        wait_until(lambda: turnstile.callers_waiting() == 1, "the preempt channel is not on its way")
    stream = turnstile.take(socket.create_connection((f"{case.network}.2", 49502)))
    bare.source.qmp.wait_event("active")
    expect(turnstile.callers_waiting(), 0 if told else 1, "preempt channels on their way")
    reset(stream)
    bare.source.qmp.wait_event("failed")
    if told:
        expect(bare.source.status(), "running", "status of the source")
        return
    turnstile.open()
    bare.source.qmp.wait_closed()
    expect(bare.source.process.wait(), -signal.SIGABRT, "the end of the source")


@test(qemu=["10"])
def stream_breaks_as_post_copy_begins(case, qemu):
    """Between STOP and postcopy-active: QEMU 10 stays in `device`, the guest whole and still, and no order of the
    migration's brings it out. The preempt channel, for which it waits, gives the time to break the stream."""
    more = ("-global", "migration.x-preempt-pre-7-2=off")
    bare = Bare(case, qemu, source_more=more, destination_more=more)
    turnstile = case.own(Turnstile(f"{case.network}.3"))
    bare.uri = f"tcp:{case.network}.2:49502"
    bare.capabilities(postcopy_ram=True, postcopy_preempt=True)
    source = bare.source.qmp
    bare.destination.qmp.command("migrate-incoming", uri=bare.uri)
    source.command("migrate-set-parameters", max_bandwidth=20 * MIB)
    source.command("migrate", uri=turnstile.uri)
    stream = turnstile.take(socket.create_connection((f"{case.network}.2", 49502)))
    source.wait_event("active")
    source.command("migrate-start-postcopy")
    wait_until(lambda: turnstile.callers_waiting() == 1, "the preempt channel is not on its way")
    reset(stream)
    turnstile.open()
    source.wait_event("device")

    def gave_up():
        with open(bare.source.log_path, encoding="utf-8", errors="replace") as f:
            return "Unknown ending state" in f.read()

    wait_until(gave_up, "QEMU does not say that it gave up")
    expect((bare.source.migration(), bare.source.status()), ("device", "finish-migrate"), "the source")
    for name, arguments in (("cont", {}), ("migrate-pause", {}), ("migrate", {"uri": bare.uri, "resume": True})):
        assert source.refuses(name, **arguments), f"QEMU takes {name}"
    expect(source.refuses("migrate_cancel"), None, "QEMU's refusal of migrate_cancel")
    source.wait_event("cancelling")  # and `cancelled` never comes
    assert source.refuses("cont"), "QEMU takes cont"
    expect((bare.source.migration(), bare.source.status()), ("cancelling", "finish-migrate"), "the source")


@test(qemu=QEMUS, at=["STOP", "device"])
def cancelled_in_the_switchover(case, qemu, at):
    """migrate_cancel there ended 7.2 at the guest's next write to a disk, in 53 of 100 runs at `device`. The end of the
    stream gives the guest its disks back, and then its run."""
    disk = Disk(case.folder, "raw", "vda", 5)
    has_disk = ("-blockdev", json.dumps({"driver": "file", "filename": disk.path, "node-name": "disk"}),
                "-device", "virtio-blk-pci,drive=disk,bus=pcie.0,addr=5")
    bare = Bare(case, qemu, source_more=has_disk, destination_more=has_disk)
    bare.capabilities()
    bare.source.capabilities(pause_before_switchover=at == "device")
    bare.destination.capabilities(late_block_activate=True)
    wire = case.own(UnixWire(f"{case.folder}/wire", f"{case.folder}/stream"))
    wire.hold(ways=("back",))  # it waits in the switchover for the destination's last word
    bare.migrate(bandwidth=200 * MIB, wire=wire)
    source = bare.source.qmp
    if at == "device":
        source.wait_event("pre-switchover")
        source.send("migrate-continue", state="pre-switchover")
    source.wait_event(at)
    source.command("yank", oob=True, instances=[{"type": "migration"}])
    expect(source.wait_any(["failed", "completed"]), "failed", "end of the migration")
    source.wait_event("RESUME")
    bare.destination.kill()
    console = bare.ports.console
    written = console.command("v", "verdict")["disk0"]
    wait_until(lambda: console.command("v", "verdict")["disk0"] > written, "the guest does not write to its disk")
    verdict = console.command("v", "verdict")
    expect((verdict["wrong"], verdict["disk_failed"]), (0, 0), "wrong pages and failed writes")
    bare.source.kill()
    expect(disk.fault(written), "", "what is wrong with the disk")


@test(qemu=QEMUS)
def cancelled_when_told_to_go_on(case, qemu):
    """batond ends the stream then, and the guest goes on with its disks."""
    proxy = case.proxied(qemu)
    disk = Disk(case.folder, "qcow2", "vda", 5)
    pair, guest, move = running_guest(case, qemu, guest=case.fake_guest(proxy, options=FULL, devices=disk.xml))
    held = proxy.hold("source", "command migrate-continue")
    move.start("--unsafe")
    expect(abort_when(held, move).result().returncode, 0, "status of the abort")
    move.finish_failed()
    move.expect_events((["SUSPENDED/MIGRATED", "RESUMED/MIGRATED"], ["STARTED/MIGRATED", "STOPPED/FAILED"]))
    move.expect_states("RUNNING/MIGRATION_CANCELED", "none")
    assert "CANCEL 1" in pair.a.trace_tail(60), pair.a.trace_tail(60)
    move.expect_intact()
    end_guest(pair, guest)
    expect(disk.fault(), "", "what is wrong with the disk")


@test(qemu=QEMUS)
def paused_arrival_moves_on(case, qemu):
    """7.2 ends when a guest that never ran there is to leave again, its disks inactive; so it is refused until it has."""
    disk = Disk(case.folder, "raw", "vda", 5)
    has_disk = ("-blockdev", json.dumps({"driver": "file", "filename": disk.path, "node-name": "disk"}),
                "-device", "virtio-blk-pci,drive=disk,bus=pcie.0,addr=5")
    bare = Bare(case, qemu, source_more=has_disk, destination_more=has_disk)
    bare.source.qmp.command("stop")
    bare.destination.capabilities(late_block_activate=True)
    bare.moved()
    bare.source.kill()
    third = case.own(BareQemu(case.folder, "third", bare.emulator, bare.ports, incoming=True, options=FULL, extra=has_disk))
    onward = f"unix:{case.folder}/onward"
    third.qmp.command("migrate-incoming", uri=onward)
    bare.destination.qmp.command("migrate-set-parameters", max_bandwidth=0x7FFFFFFF)
    bare.destination.qmp.command("migrate", uri=onward)
    if qemu == "7.2":
        bare.destination.qmp.wait_closed()
        with open(bare.destination.log_path, encoding="utf-8") as f:
            assert "Assertion" in f.read()
    else:
        bare.destination.qmp.wait_count("completed", 2)

    pair, guest, move = running_guest(case, qemu, guest=case.tiny(name="other", qemu=qemu, devices=Disk(
        case.folder, "qcow2", "vdb", 6).xml))
    pair.a.virsh("suspend", guest.name)
    move.run("--unsafe")
    back = ("migrate", "--live", "--unsafe", guest.name, pair.a.uri, pair.a.migrate_uri)
    if qemu == "7.2":
        refused(pair.b, "resume it first", *back)
        pair.b.restart()
        refused(pair.b, "resume it first", *back)
        pair.b.virsh("resume", guest.name)
        pair.b.virsh("suspend", guest.name)
    pair.b.virsh(*back)
    expect(pair.a.state(guest.name), "PAUSED/USER", "state where it began")
    pair.a.virsh("resume", guest.name)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def postcopy_with_parallel_refused(case, qemu):
    """10 refuses the two together; 7.2 takes them, and the destination ends with the guest."""
    bare = Bare(case, qemu)
    both = [{"capability": name, "state": True} for name in ("postcopy-ram", "multifd")]
    said = bare.source.qmp.refuses("migrate-set-capabilities", capabilities=both)
    expect(said is None, qemu == "7.2", f"QEMU accepts both: {said}")

    pair, guest, move = running_guest(case, qemu)
    move.start("--postcopy", "--parallel")
    words = move.finish_failed()
    assert "exclude each other" in words, words
    move.expect_events(([], []))
    end_guest(pair, guest)


@test(qemu=QEMUS)
def postcopy_with_file_memory_refused(case, qemu):
    """10 refuses to begin; 7.2 takes it, and the guest is lost."""
    ram = f"memory-backend-file,id=ram,size={TINY_KIB}k,share=on,mem-path={case.folder}/ram"
    bare = Bare(case, qemu, ram=ram)
    said = bare.destination.qmp.refuses("migrate-set-capabilities",
                                        capabilities=[{"capability": "postcopy-ram", "state": True}])
    expect(said is None, qemu == "7.2", f"QEMU accepts it: {said}")

    option = f"memory-backend-file,id=more,size=1M,mem-path={case.folder}/more"
    commandline = (f"<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                   f"<qemu:arg value='-object'/><qemu:arg value='{option}'/></qemu:commandline>")
    pair, guest, move = running_guest(case, qemu, guest=case.tiny(qemu=qemu, extra=commandline))
    move.start("--postcopy")
    words = move.finish_failed()
    assert "memory in a file" in words, words
    move.expect_events(([], []))
    end_guest(pair, guest)


# ---- orders that succeed ----


@test(qemu=QEMUS)
def postcopy_allowed_never_entered(case, qemu):
    """migrate-start-postcopy succeeds when all is over; Baton's side is in test_order.py: only events count."""
    bare = Bare(case, qemu)
    bare.capabilities(postcopy_ram=True)
    bare.migrate(0x7FFFFFFF)
    bare.source.qmp.wait_event("completed")
    expect(bare.source.qmp.refuses("migrate-start-postcopy"), None, "QEMU's refusal")
    expect("postcopy-active" in bare.source.qmp.events(), False, "post-copy was entered")


@test(qemu=QEMUS)
def resume_refused_during_migration(case, qemu):
    """After `completed` QEMU lets the source run again beside the destination; no user's order gets there."""
    bare = Bare(case, qemu)
    bare.moved()
    bare.destination.qmp.command("cont")
    bare.destination.qmp.wait_event("RESUME")
    expect(bare.source.qmp.refuses("cont"), None, "QEMU's refusal of cont on the source")
    expect([bare.source.status(), bare.destination.status()], ["running", "running"], "two runners")

    pair, guest, move = running_guest(case, qemu)
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL)
    move.wait_pass()
    pair.a.virsh("suspend", guest.name)
    refused(pair.a, "migration", "resume", guest.name)
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.a.wait_event("SUSPENDED/POSTCOPY", guest.name)
    for command in ("resume", "suspend", "reset", "reboot", "shutdown"):
        refused(pair.a, "", command, guest.name)
    answer = json.loads(pair.a.virsh("qemu-monitor-command", guest.name, '{"execute":"query-status"}'))["return"]
    expect(answer["running"], False, "does the source run")
    end_guest(pair, guest)


# ---- statistics: test_statistics.py, statistics_cover_postcopy; here what QEMU itself says ----


@test(qemu=QEMUS)
def qemus_own_downtime_leaves_out_the_destination(case, qemu):
    """It ends with the state being sent: a destination that waits, as here, is not in it."""
    bare = Bare(case, qemu)
    bare.into_post_copy()
    last, _, _ = bare.ports.ticks.last()
    bare.destination.qmp.answer(bare.destination.qmp.send("query-chardev"))
    bare.source.qmp.command("migrate-set-parameters", max_postcopy_bandwidth=0)
    for end in (bare.destination, bare.source):
        end.qmp.wait_event("completed")
    threading.Event().wait(0.1)  # so long the destination waits
    bare.destination.qmp.command("cont")
    bare.destination.qmp.wait_event("RESUME")
    bare.ports.console.command("s", "status")
    wait_until(lambda: bare.ports.ticks.first_after(last) is not None, "the guest does not tick again")
    gap = (bare.ports.ticks.first_after(last) - last) * 1000
    said = bare.source.qmp.command("query-migrate").get("downtime", 0)
    assert gap > 2 * said or gap - said > 20, f"QEMU says {said} ms, the guest stood still for {gap:.1f} ms"
