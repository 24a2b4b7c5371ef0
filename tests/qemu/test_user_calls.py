"""What users may ask of both ends while a guest is in post-copy, while that is broken, and while it is resumed.

Each call is refused at once, with a sentence, and disturbs nothing; or does what it always does. Stock libvirt lets most
of them wait half a minute for a lock.
"""
from lib.move import end_guest, statistics, wait_until
from lib.patience import PATIENCE
from lib.runner import expect, test
from mending import enter, finish_failed, guest_that_moves, history, resume, wait_broken, wait_mended, wait_told
from moving import QEMUS, only_qemu, refused, through_wire, wait_job
from settling import END, RUN, decided, settle

PHASES = ["active", "broken", "recovering"]
CLIENT = "client-managed"


# ---- into the phase, and out of it ----


def in_phase(case, qemu, phase, stall=PATIENCE):
    """(pair, guest, move, wire) in that phase. Broken it is left so; and resumed it gets no further."""
    pair, guest, move = guest_that_moves(case, qemu, CLIENT, postcopy_recovery=phase == "recovering",
                                         postcopy_stall_timeout=stall)
    guest.console.command("p", "paused")  # or else it draws its pages over within seconds
    wire = through_wire(case, pair)
    enter(move, CLIENT, wire.uri)
    if phase == "recovering":
        wire.hold(("there",))  # the source is let in, and not heard
    if phase != "active":
        wire.cut()
        wait_broken(pair)
    if phase == "recovering":  # told behind QEMU's own postcopy-recover
        wait_told(pair.a, "SUSPENDED/POSTCOPY", 2)
        wait_told(pair.b, "RESUMED/POSTCOPY", 2)
    return pair, guest, move, wire


def goes_on(pair, move, wire, phase):
    if phase == "broken":
        finish_failed(move)
        resume(move, CLIENT, wire.uri)
    wire.release()
    if phase != "active":
        wait_mended(pair)
    move.let_go("--postcopy")
    move.finish()


# ---- calls that change nothing ----


def refusals(phase):
    """(at the source, at the destination): {call: what is said}"""
    source = {"domjobabort": "cannot abort migration in post-copy mode"}
    destination = {"domjobabort": "cannot abort incoming migration", "undefine": "transient domain",
                   "migrate-postcopy": "only be started while outgoing migration is in progress"}
    for call in ("suspend", "resume", "shutdown", "reboot", "reset"):
        source[call] = destination[call] = "not while a migration of the domain is under way"
        if phase != "active":
            source[call] = "must not run on the source; recover it with --postcopy-resume"
            destination[call] = "the pages that have not come are at the source; recover it with --postcopy-resume"
    if phase != "active":
        source["migrate-postcopy"] = source["resume"]
    for calls in (source, destination):
        calls["start"] = "already active"
    return source, destination


def refuse_all(pair, guest, phase):
    for host, calls in zip((pair.a, pair.b), refusals(phase)):
        for call, sentence in calls.items():
            refused(host, sentence, call, guest.name)
        other = pair.other(host)
        for options in (("--live",), ("--live", "--p2p")):
            to = (other.uri,) if "--p2p" in options else (other.uri, other.migrate_uri)
            refused(host, "another migration job", "migrate", *options, guest.name, *to)
    if phase == "active":
        refused(pair.a, "no broken post-copy", "migrate", "--live", "--postcopy", "--postcopy-resume", guest.name, pair.b.uri)
        pair.a.virsh("migrate-postcopy", guest.name)  # it is what was asked for


def read_jobs(pair, guest):
    """Both ends go on telling of the job, whatever it stands at."""
    for host, operation in ((pair.a, 5), (pair.b, 4)):
        told = statistics(host, guest.name, ())
        assert told.get("operation") == operation and 0 < told["memory_remaining"] < told["memory_total"], (host.name, told)


@test(qemu=QEMUS, phase=PHASES)
def calls_at_both_ends(case, qemu, phase):
    """Refused with a sentence; the job is told of; an undefined guest goes on, and is known no more when it has left."""
    pair, guest, move, wire = in_phase(case, qemu, phase)
    before = pair.a.state(guest.name), pair.b.state(guest.name)
    told = len(pair.a.told(guest.name)), len(pair.b.told(guest.name))
    refuse_all(pair, guest, phase)
    read_jobs(pair, guest)
    expect((pair.a.state(guest.name), pair.b.state(guest.name)), before, "states after what was refused")
    expect((len(pair.a.told(guest.name)), len(pair.b.told(guest.name))), told, "number of events")
    pair.a.virsh("undefine", guest.name)
    expect(pair.a.state(guest.name), before[0], "state once it is undefined")
    goes_on(pair, move, wire, phase)
    move.expect_events(history(phase != "active"))
    wait_until(lambda: pair.a.state(guest.name) == "none", "the source still knows it")
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state of the destination")
    move.expect_intact()
    end_guest(pair, guest)


# ---- an end is destroyed ----


def keeps_its_half(qemu, phase, end):
    """QEMU 7.2's destination dies of a stream that ends while it is being resumed (RELIABILITY.md)."""
    return not (qemu == "7.2" and phase == "recovering" and end == "source")


@test(qemu=QEMUS, phase=PHASES, end=["source", "destination"])
def destroyed_end(case, qemu, phase, end):
    """Its owner ends a half of the guest. The other half stays, says that post-copy failed, and is his to end, too."""
    pair, guest, move, wire = in_phase(case, qemu, phase, stall=3)
    destroyed, kept = (pair.a, pair.b) if end == "source" else (pair.b, pair.a)
    destroyed.virsh("destroy", guest.name)
    wire.release()
    destroyed.wait_event("STOPPED/DESTROYED", guest.name)
    expect(destroyed.state(guest.name), "SHUTOFF/DESTROYED" if end == "source" else "none", "state where it was destroyed")
    expect(destroyed.qemu_pids(), [], "QEMUs where it was destroyed")
    expect(wait_job(destroyed, guest)["success"], False, "success of the job there")
    move.finish_failed()
    if not keeps_its_half(qemu, phase, end):
        kept.wait_event("STOPPED/FAILED", guest.name)
        end_guest(pair, guest)
        return
    failed = "PAUSED/POSTCOPY_FAILED" if kept is pair.a else "RUNNING/POSTCOPY_FAILED"
    wait_until(lambda: kept.state(guest.name) == failed, lambda: f"the other end reads {kept.state(guest.name)}")
    expect(kept.told(guest.name)[-1], failed.replace("PAUSED", "SUSPENDED").replace("RUNNING", "RESUMED"), "what it told last")
    only_qemu(kept)
    refused(kept, "--postcopy-resume", "resume", guest.name)
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    kept.virsh("destroy", guest.name)
    kept.wait_event("STOPPED/DESTROYED", guest.name)
    end_guest(pair, guest)


# ---- an operator's word ----


def not_settled(host, guest, what, sentence):
    done = settle(host, guest, what, "--accept", RUN if what == "run" else END)
    assert done.returncode == 1 and sentence in done.stderr, (host.name, what, done.stderr)


@test(qemu=QEMUS, phase=PHASES)
def nothing_to_settle(case, qemu, phase):
    """The two daemons know who has the guest: no word of an operator's runs it twice, or throws away what is needed."""
    pair, guest, move, wire = in_phase(case, qemu, phase)
    if phase != "active":
        wait_until(lambda: " PROOF_NEEDS_SOURCE " in pair.a.trace_tail(60), "the source is not told who has the guest")
    for what in ("run", "end"):
        not_settled(pair.a, guest, what, "nothing to settle")
    not_settled(pair.b, guest, "run", "nothing to settle" if phase == "active" else "no way to go on")
    if phase == "active":
        not_settled(pair.b, guest, "end", "nothing to settle")
    goes_on(pair, move, wire, phase)
    move.expect_events(history(phase != "active"))
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def older_half_goes_on(case, qemu):
    """The half at the destination is given up. Then nobody has the guest but its source, and an operator lets it go on."""
    pair, guest, move, _ = in_phase(case, qemu, "broken")
    finish_failed(move)
    decided(pair.b, guest, "end", END)
    pair.b.wait_event("STOPPED/DESTROYED", guest.name)
    expect(pair.b.state(guest.name), "none", "state of the destination")
    wait_until(lambda: " PROOF_LOST " in pair.a.trace_tail(60), "the source does not hear of it")
    expect(pair.a.state(guest.name), "PAUSED/POSTCOPY_FAILED", "state of the source before it is settled")
    decided(pair.a, guest, "run", RUN)
    pair.a.wait_event("RESUMED/MIGRATED", guest.name)
    expect(guest.verdict()["wrong"], 0, "wrong pages of the older half")
    end_guest(pair, guest)


# ---- broken on purpose, while it is resumed ----


@test(qemu=QEMUS, end=["source", "destination"])
def broken_again_on_purpose(case, qemu, end):
    """QEMU 10's source can be had to: then it waits for somebody to resume it. Otherwise it is refused, and goes on."""
    pair, guest, move, wire = in_phase(case, qemu, "recovering")
    abort = ("domjobabort", "--postcopy", guest.name)
    if end == "destination":
        refused(pair.b, "another migration job", *abort)
    elif qemu == "7.2":
        refused(pair.a, "migrate-pause is currently only supported", *abort)
    else:
        pair.a.virsh(*abort)
        expect(pair.a.state(guest.name), "PAUSED/POSTCOPY_FAILED", "state of the source")
        wire.release()
        wait_told(pair.b, "RESUMED/POSTCOPY_FAILED", 2)
        finish_failed(move)
        resume(move, CLIENT, wire.uri)
    goes_on(pair, move, wire, "recovering")
    move.expect_events(history(2 if end == "source" and qemu == "10" else 1))
    move.expect_intact()
    end_guest(pair, guest)
