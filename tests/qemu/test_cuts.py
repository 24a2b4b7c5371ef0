"""The stream is cut as each step of the switchover is told. Whatever it was in time for: one runner, nothing lost,
clients told the truth, and words that say what broke."""
from lib.client import Client
from lib.hosts import VirshError
from lib.move import end_guest, wait_until
from lib.runner import expect, test
from moving import QEMUS, SLOW, query_migrate, running_guest, through_wire

# Whose QEMU says what. "completed" on the destination: the last page has come.
PRE_COPY = ["a STOP", "a pre-switchover", "a device", "b completed", "a completed", "b RESUME"]
POST_COPY = ["a STOP", "a pre-switchover", "a postcopy-active", "b postcopy-active", "b RESUME", "b completed"]

SILENT = ("a STOP", "a pre-switchover")  # QEMU 10 gives it up there and says nothing

STAYED = ("RUNNING/MIGRATION_CANCELED", "none")
MOVED = ("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
# The destination's QEMU ends when its stream does before it has all that it needs to run the guest.
BROKEN = [("PAUSED/POSTCOPY_FAILED", state) for state in ("none", "RUNNING/POSTCOPY_FAILED", "PAUSED/POSTCOPY_FAILED")]


def cut_at(pair, wire, moment):
    """Cuts the wire in the moment in which this process hears of it; once, should it be taken up again."""
    host, text = moment.split()
    left = [wire.cut]

    def hear(entry):
        if entry.kind == "qemu" and entry.host == host and text in (entry.text, entry.data["details"].get("status")):
            if left:
                left.pop()()

    for one in (pair.a, pair.b):
        one.use_client(Client(one.name, one.uri, pair.timeline, qemu_events=True))
    pair.timeline.listen(hear)


def start(move, wire, p2p, *options):
    ways = ("--p2p", "--migrateuri", wire.uri, move.guest.name, move.destination.uri)
    move.start_virsh("migrate", "--live", *options, *(ways if p2p else (move.guest.name, move.destination.uri, wire.uri)))
    move.wait_pass()


def ended(move):
    """What virsh says; nothing when it is content."""
    try:
        move.finish()
        return ""
    except VirshError as error:
        return str(error)


def states(pair, guest):
    return pair.a.state(guest.name), pair.b.state(guest.name)


def agrees(told, state):
    """Is this the state that the last life-cycle event leaves a client with?"""
    if state == "none" or state.startswith("SHUTOFF"):
        return told.startswith("STOPPED")
    return told.startswith(("STARTED", "RESUMED") if state.startswith("RUNNING") else "SUSPENDED")


def judge(pair, guest, move, allowed):
    words = ended(move)
    wait_until(lambda: states(pair, guest) in allowed, f"states {states(pair, guest)}, allowed {allowed}; virsh: {words}")
    found = states(pair, guest)
    expect(bool(words), found != MOVED, f"does virsh fail: '{words}' with {found}")
    for empty in ("QEMU refused", "successfully aborted", "not finalized"):
        assert empty not in words, f"'{words}' is no reason"
    for entry in pair.timeline.entries(kind="job"):
        assert entry.data["success"] or "QEMU refused" != entry.data["errmsg"], f"{entry}: no reason: {entry.data}"
    for host, state in zip((pair.a, pair.b), found):
        host.client.hear()

        def told(host=host):
            return [event for event in host.events(guest.name) if not event.startswith(("DEFINED", "UNDEFINED"))]

        wait_until(lambda state=state, told=told: agrees(told()[-1], state),  # it may be on its way yet
                   lambda host=host, state=state, told=told: f"{host.name}: {state} after {told()}")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    if found in (STAYED, MOVED):
        expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test(qemu=QEMUS, moment=PRE_COPY, p2p=[False, True])
def cut_in_pre_copy(case, qemu, moment, p2p):
    """It goes on at the source, or has arrived."""
    pair, guest, move = running_guest(case, qemu, "mib=16 rate=2000")
    wire = through_wire(case, pair)
    cut_at(pair, wire, moment)
    start(move, wire, p2p, *SLOW)
    pair.a.virsh("migrate-setspeed", guest.name, "1000")
    judge(pair, guest, move, [MOVED] if moment == "b RESUME" else [STAYED, MOVED])


@test(qemu=QEMUS, moment=POST_COPY, p2p=[False, True])
def cut_in_post_copy(case, qemu, moment, p2p):
    """Once the source said postcopy-active it runs again only on proof. In p2p the daemons have that, or mend the stream."""
    pair, guest, move = running_guest(case, qemu, "mib=16 rate=2000")
    wire = through_wire(case, pair)
    cut_at(pair, wire, moment)
    start(move, wire, p2p, "--postcopy", *SLOW, "--postcopy-bandwidth", "20")
    pair.a.virsh("migrate-postcopy", guest.name)
    good = ([MOVED] if moment[0] == "b" or p2p else []) + ([STAYED] if p2p else [])
    if qemu == "10" and moment in SILENT and p2p:  # nobody ran it, and that can be proved
        judge(pair, guest, move, [STAYED])
    else:
        judge(pair, guest, move, [MOVED] if moment == "b completed" else good + BROKEN)


# ---- before post-copy: with preempt QEMU 10 waits there for the destination's first answer, deaf to all else ----


def stuck_before_post_copy(case, p2p, **settings):
    """Our stop has paused the guest; QEMU waits for an answer that the wire keeps."""
    pair, guest, move = running_guest(case, "10", **settings)
    wire = through_wire(case, pair)
    wire.hold(ways=("back",))
    start(move, wire, p2p, "--postcopy", *SLOW)
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.a.wait_event("SUSPENDED/MIGRATED", guest.name)
    return pair, guest, move, wire


def goes_on_at_the_source(pair, guest, move, why):
    words = move.finish_failed()
    assert why in words, words
    wait_until(lambda: states(pair, guest) == STAYED, f"states {states(pair, guest)}")
    move.expect_intact()
    words = pair.a.virsh_try("migrate", "--live", guest.name, pair.b.uri).stderr
    assert "There's a migration process in progress" in words, words  # QEMU's, as long as it lives
    expect(states(pair, guest), STAYED, "states after a second migration")
    pair.a.virsh("suspend", guest.name)
    pair.a.virsh("resume", guest.name)
    guest.verdict()
    end_guest(pair, guest)


@test(p2p=[False, True], pause=[False, True], away=[False, True])
def lost_before_post_copy(case, p2p, pause, away):
    """The answer never comes: the guest has its run back, also from a source's daemon that was away meanwhile."""
    pair, guest, move, wire = stuck_before_post_copy(case, p2p, pause_before_switchover=pause, peers=True)
    if away:
        pair.a.kill9()
    wire.cut()
    if away:
        pair.a.start()
        pair.a.reconnect()
    goes_on_at_the_source(pair, guest, move, "Channel error" if pause and not away else "")


@test(p2p=[False, True])
def aborted_before_post_copy(case, p2p):
    """Nothing is cut, and the answer is still not there: who aborts is not made to wait for it."""
    pair, guest, move, wire = stuck_before_post_copy(case, p2p)
    sent = []

    def stands_still():
        sent.append(query_migrate(pair.a, guest)["ram"]["transferred"])
        return sent[-50:] == sent[-1:] * 50

    wait_until(stands_still, lambda: f"it goes on: {sent[-5:]}")
    pair.a.virsh("domjobabort", guest.name)
    goes_on_at_the_source(pair, guest, move, "operation aborted")
    wire.release()


# ---- the guest stands still, and nobody says that the network swallows everything ----


def goes_on_after_silence(pair, guest, move, wire):
    words = move.finish_failed()
    assert "the guest stood still, and nothing was sent for 2 s" in words, words
    wait_until(lambda: states(pair, guest) == STAYED, f"states {states(pair, guest)}")
    move.expect_intact()
    wire.release()
    move.expect_intact()
    end_guest(pair, guest)


@test(p2p=[False, True])
def silence_before_post_copy(case, p2p):
    """It is not waited for until TCP gives up."""
    pair, guest, move, wire = stuck_before_post_copy(case, p2p, postcopy_stall_timeout=2)
    goes_on_after_silence(pair, guest, move, wire)


@test(qemu=QEMUS, p2p=[False, True], pause=[False, True])
def silence_in_the_switchover(case, qemu, p2p, pause):
    """Of a pre-copy: all of it may be there, but nobody has told the destination to let it run."""
    pair, guest, move = running_guest(case, qemu, postcopy_stall_timeout=2, pause_before_switchover=pause)
    wire = through_wire(case, pair)
    start(move, wire, p2p, *SLOW)
    wire.hold()
    move.let_go()
    goes_on_after_silence(pair, guest, move, wire)
