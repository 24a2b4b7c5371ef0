"""Orders and faults that a real QEMU does not show on demand: a fake one does."""
import json

from lib.move import PRE_COPY, UNDONE_AFTER_STOP, UNDONE_BEFORE_STOP, Move, end_guest, post_copy_events, start_guest, wait_until
from lib.runner import expect, test
from moving import QEMUS, abort_when, refused, wait_job

SLOW = ("--bandwidth", "4")  # MiB/s: the fake has 2 MiB, and the guest writes faster
CRAWL = ("--postcopy-bandwidth", "1")
UNDONE = UNDONE_AFTER_STOP[0]
START, ORDER = 6, 5  # seconds: what is well answers within them on a busy machine, too
PATIENCE = {"qemu_start_timeout": START, "qemu_order_timeout": ORDER}
UNKNOWN = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": %s}'


def fake_guest(case, qemu, **settings):
    fake = case.fake(qemu)
    pair = case.batond_pair(**settings)
    guest = start_guest(pair, case.fake_guest(fake))
    return fake, pair, guest, Move(pair, guest)


def into_post_copy(move):
    """Starts a migration, and asks for post-copy once it is in its first pass."""
    move.start("--postcopy", *SLOW, *CRAWL)
    move.wait_pass()
    move.source.virsh("migrate-postcopy", move.guest.name)


def expect_at_home(pair, guest, move, events, state, there=UNDONE_BEFORE_STOP[1]):
    """Undone whole: the guest runs at its source, nothing is left of the attempt, and it can still move."""
    move.expect_events((events, there))
    move.expect_states(state, "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    move.mark()
    move.run()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, pbs=[1, 0])
def it_is_like_the_real_one(case, qemu, pbs):
    """There by pre-copy, back by post-copy: the events, states and the guest's own verdict."""
    _, pair, guest, move = fake_guest(case, qemu, pause_before_switchover=pbs)
    move.run()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    back = Move(pair, guest, pair.b)
    into_post_copy(back)
    back.finish()
    back.expect_events(post_copy_events(qemu, pbs))
    back.expect_intact()
    end_guest(pair, guest)


# ---- aborts in the narrow places ----


@test(qemu=QEMUS, way=["precopy", "postcopy"])
def cancelled_in_pre_switchover(case, qemu, way):
    fake, pair, guest, move = fake_guest(case, qemu, pause_before_switchover=1)
    held = fake.hold("source", "event MIGRATION/pre-switchover")
    if way == "postcopy":
        into_post_copy(move)
    else:
        move.start()
    abort = abort_when(held, move)
    assert "canceled by client" in move.finish_failed()
    expect(abort.result().returncode, 0, abort.result().stderr)
    expect_at_home(pair, guest, move, UNDONE, "RUNNING/MIGRATION_CANCELED")


@test(qemu=QEMUS)
def abort_meets_completed(case, qemu):
    """QEMU has completed when the abort comes: it is refused, and the migration goes on to its end."""
    fake, pair, guest, move = fake_guest(case, qemu)
    held = fake.hold("source", "event MIGRATION/completed")
    move.start()
    abort = abort_when(held, move)
    move.finish()
    assert "too late" in abort.result().stderr, abort.result()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


# ---- QEMU's own ways ----


@test(qemu=["10"])
def source_resumes_itself_at_the_very_end(case, qemu):
    """The last word is lost: QEMU 10 lets its guest run, although the destination runs it. It is stopped at once."""
    fake, pair, guest, move = fake_guest(case, qemu, own_the_stop=0)
    fake.on("source", "message end", "cut")
    into_post_copy(move)
    fake.wait_point("source", "event RESUME")
    fake.wait_point("source", "command stop")
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    move.finish_failed()
    move.expect_states("PAUSED/POSTCOPY_FAILED", "RUNNING/POSTCOPY_FAILED")
    assert "restarted the guest" in pair.a.log_tail(), pair.a.log_tail()
    told = pair.a.virsh("qemu-monitor-command", guest.name, '{"execute":"query-status"}')
    expect(json.loads(told)["return"]["running"], False, "does the source run")
    end_guest(pair, guest)


@test(qemu=QEMUS, point=["active", "device", "completed"])
def unknown_status_and_events(case, qemu, point):
    """What a QEMU of the future says is noted; it costs nobody anything."""
    if qemu == "7.2" and point == "device":
        point = "pre-switchover"
    fake, pair, guest, move = fake_guest(case, qemu)
    future = [f"emit {UNKNOWN % event}" for event in (
        '"MIGRATION", "data": {"status": "wonderland"}', '"MIGRATION", "data": {"status": 7}', '"MIGRATION"',
        '"A_NEW_ONE", "data": {"a": [1, {}]}', '"STOP", "data": {"reason": "moon"}' if point == "completed"
        else '"ANOTHER"')]
    fake.on("source", f"event MIGRATION/{point}", *future)
    fake.on("destination", "event MIGRATION/active", *future[:4])
    move.run()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    assert "wonderland" in pair.a.log_tail() and "wonderland" in pair.b.log_tail(), pair.a.log_tail()
    end_guest(pair, guest)


@test(qemu=QEMUS, how=["late 300", "drop", "late 300, post-copy"])
def stop_late_or_never(case, qemu, how):
    """The vCPUs stand still, and the event that says so comes behind the others, or not at all. (The hand-over to post-copy
    waits for it: a QEMU that never says it has not been seen.)"""
    how, _, way = how.partition(", ")
    fake, pair, guest, move = fake_guest(case, qemu)
    fake.on("source", "event STOP", how)
    if way:
        into_post_copy(move)
        move.finish()
    else:
        move.run()
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    if not way:
        move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


# ---- QEMU says no ----

REFUSALS = {
    "migrate-set-capabilities": "source", "migrate-set-parameters": "source", "migrate": "source",
    "migrate-incoming": "destination", "cont": "destination",
}


@test(qemu=QEMUS, command=REFUSALS)
def order_refused(case, qemu, command):
    """Its sentence reaches the user, the guest stays where it was."""
    fake, pair, guest, move = fake_guest(case, qemu)
    fake.on(REFUSALS[command], f"command {command}", "error the moon is full")
    state = pair.a.state(guest.name)
    move.start()
    words = move.finish_failed()
    assert "the moon is full" in words, words
    expect_at_home(pair, guest, move, UNDONE if command == "cont" else [],
                   "RUNNING/MIGRATION_CANCELED" if command == "cont" else state,
                   [] if command == "migrate-incoming" else UNDONE_BEFORE_STOP[1])


@test(qemu=QEMUS, command=["migrate-set-capabilities", "migrate-set-parameters"])
def order_refused_at_the_destination(case, qemu, command):
    fake, pair, guest, move = fake_guest(case, qemu)
    fake.on("destination", f"command {command}", "error the moon is full")
    state = pair.a.state(guest.name)
    move.start()
    words = move.finish_failed()
    assert "the moon is full" in words, words
    expect_at_home(pair, guest, move, [], state, [])


@test(qemu=QEMUS)
def post_copy_refused(case, qemu):
    fake, pair, guest, move = fake_guest(case, qemu)
    fake.on("source", "command migrate-start-postcopy", "error the moon is full")
    move.start("--postcopy", *SLOW)
    move.wait_pass()
    refused(pair.a, "the moon is full", "migrate-postcopy", guest.name)
    pair.a.virsh("migrate-setspeed", guest.name, "1000")
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def cont_refused_in_post_copy(case, qemu):
    """Both are kept, neither runs."""
    fake, pair, guest, move = fake_guest(case, qemu)
    fake.on("destination", "command cont", "error the moon is full", times=1000)
    into_post_copy(move)
    move.finish_failed()
    pair.b.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    expect(pair.a.state(guest.name).split("/")[0], "PAUSED", "state on the source")
    expect(pair.b.state(guest.name), "PAUSED/POSTCOPY_FAILED", "state on the destination")
    expect([len(host.qemu_pids()) for host in (pair.a, pair.b)], [1, 1], "QEMUs")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def cont_refused_at_the_source(case, qemu):
    """An abort in pre-switchover gives the guest back, and QEMU does not take it: paused, and it says why."""
    fake, pair, guest, move = fake_guest(case, qemu, pause_before_switchover=1)
    fake.on("source", "command cont", "error the moon is full", times=1000)
    held = fake.hold("source", "event MIGRATION/pre-switchover")
    # Only 7.2 leaves the guest stopped there; of 10 it is asked to.
    fake.on("source", "event RESUME", "drop", "stop")
    into_post_copy(move)
    abort = abort_when(held, move)
    move.finish_failed()
    abort.result()
    pair.a.wait_event("SUSPENDED/API_ERROR", guest.name)
    states = pair.a.state(guest.name), pair.b.state(guest.name)
    assert states in (("PAUSED/API_ERROR", "none"), ("PAUSED/14", "none")), states  # older bindings lack the name
    refused(pair.a, "the moon is full", "resume", guest.name)
    fake.forget()
    pair.a.virsh("resume", guest.name)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def cont_too_early_at_the_source(case, qemu):
    """QEMU refuses it, and has put the migration away when it is asked what it is about: it is told again."""
    fake, pair, guest, move = fake_guest(case, qemu, pause_before_switchover=1)
    fake.on("source", "command cont", "error Migration is not finalized yet")
    held = fake.hold("source", "event MIGRATION/pre-switchover")
    into_post_copy(move)
    abort = abort_when(held, move)
    move.finish_failed()
    expect(abort.result().returncode, 0, abort.result().stderr)
    fake.forget()
    expect_at_home(pair, guest, move, UNDONE, "RUNNING/MIGRATION_CANCELED")


# ---- QEMU says nothing ----


@test(waits=True, qemu=QEMUS, command=["stop", "cont", "system_reset"])
def order_without_answer(case, qemu, command):
    """The caller hears by the deadline that QEMU did not answer; what is carried out later is told then."""
    fake, pair, guest, _ = fake_guest(case, qemu, **PATIENCE)
    if command == "cont":
        pair.a.virsh("suspend", guest.name)
    fake.on("source", f"command {command}", "hang")
    call = {"stop": "suspend", "cont": "resume", "system_reset": "reset"}[command]
    fake.on("source", f"reply {command}", "drop")
    fake.on("source", "event STOP", "drop")
    fake.on("source", "event RESUME", "drop")
    refused(pair.a, f"QEMU did not answer '{command}' within {ORDER} s", call, guest.name)
    fake.forget()
    other = case.fake_guest(fake, "other")
    pair.a.client.connection.createXML(other.xml, 0)  # nobody else is disturbed
    other.wait_ready()
    pair.a.virsh("destroy", "other")
    end_guest(pair, guest)


@test(waits=True, qemu=QEMUS, where=["source migrate-set-capabilities", "source migrate-set-parameters", "source migrate",
                         "destination migrate-set-capabilities", "destination migrate-incoming"])
def migration_order_without_answer(case, qemu, where):
    """By the deadline the migration is given up; the guest never noticed."""
    fake, pair, guest, move = fake_guest(case, qemu, **PATIENCE)
    role, command = where.split()
    fake.on(role, f"command {command}", "hang", "drop")
    if command == "migrate":
        fake.on(role, "event MIGRATION/setup", "drop")
        fake.on(role, "event MIGRATION_PASS/1", "drop")
        fake.on(role, "event MIGRATION/active", "drop")
    fake.on(role, f"reply {command}", "drop")
    move.start("--bandwidth", "1")  # it must not converge before the deadline
    words = move.finish_failed()
    assert "did not answer" in words, words
    expect(pair.b.state(guest.name), "none", "state on the destination")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    expect(pair.a.state(guest.name).split("/")[0], "RUNNING", "state on the source")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["precopy", "postcopy"], happened=[True, False])
def cont_without_answer(case, qemu, way, happened):
    """On the destination it proves nothing: QEMU is asked over another connection, and ends nothing meanwhile."""
    fake, pair, guest, move = fake_guest(case, qemu, **PATIENCE)
    if happened:
        fake.on("destination", "event RESUME", "drop")
        fake.on("destination", "reply cont", "drop")
    else:
        fake.on("destination", "command cont", "error unheard")
        fake.on("destination", "reply cont", "drop")
    if way == "precopy":
        move.start()
    else:
        into_post_copy(move)
    move.finish()
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, role=["source", "destination"], point=["MIGRATION/active", "MIGRATION/postcopy-active"])
def monitor_lost_and_back(case, qemu, role, point):
    """The connection ends, and what was said meanwhile is lost: QEMU is asked, and the migration ends one way."""
    fake, pair, guest, move = fake_guest(case, qemu)
    fake.on(role, f"event {point}", "close")
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", "4")
    fake.wait_point("source", "event MIGRATION/active")
    pair.a.virsh_try("migrate-postcopy", guest.name)
    try:
        move.finish()
    except Exception as error:  # pylint: disable=broad-except
        print(error)
    wait_job(pair.a, guest)
    moved = pair.b.state(guest.name) != "none"
    move.expect_states(*(("SHUTOFF/MIGRATED", "RUNNING/MIGRATED") if moved else (pair.a.state(guest.name), "none")))
    if not moved:
        expect(pair.a.state(guest.name).split("/")[0], "RUNNING", "state on the source")
    if point == "MIGRATION/postcopy-active":
        expect(moved, True, "whether it moved")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, order=["stop", "resume"])
def event_while_a_daemon_that_came_back_asks(case, qemu, order):
    """Between QEMU's two answers it says STOP (RESUME): the first answer is old then. What it is now counts, once."""
    fake, pair, guest, move = fake_guest(case, qemu)
    if order == "resume":
        pair.a.virsh("suspend", guest.name)
    pair.a.kill9()
    held = fake.hold("source", "command query-migrate")
    pair.a.start()
    held.wait()
    pair.a.reconnect()
    move.mark()
    held.release(order)
    pair.a.virsh("resume" if order == "stop" else "suspend", guest.name)  # waits until it is known what is true
    told = ["SUSPENDED/PAUSED", "RESUMED/UNPAUSED"]
    move.expect_events((told if order == "stop" else told[::-1], []))
    move.expect_states("RUNNING/UNPAUSED" if order == "stop" else "PAUSED/USER", "none")
    end_guest(pair, guest)


# ---- a QEMU that does not come up ----

BAD_STARTS = {
    "dies": ("start", ["exit 3 fake: the moon is full"], "the moon is full"),
    "junk": ("greet", ["drop", "emit %!$ hello"], "monitor"),
    "silent": ("greet", ["drop"], f"did not greet within {START}000 ms"),
    "deaf": ("command query-chardev", ["drop", "hang"], f"did not answer query-chardev within {START} s"),
    "dies-late": ("command query-chardev", ["exit 4 fake: the moon is full"], "the moon is full"),
}


@test(qemu=QEMUS, how=BAD_STARTS)
def bad_start(case, qemu, how):
    """The user hears why, by a deadline at the latest; it leaves nothing, and another guest does not notice."""
    point, orders, sentence = BAD_STARTS[how]
    fake, pair, guest, _ = fake_guest(case, qemu, **PATIENCE)
    other = case.fake_guest(fake, "other")
    pair.a.client.connection.defineXML(other.xml)
    fake.on("source", point, *orders, times=2)
    fake.on("source", point.replace("command", "reply"), "drop")
    words = refused(pair.a, sentence, "start", "other")
    assert "start" in words or "monitor" in words, words
    expect(pair.a.state("other"), "SHUTOFF/FAILED", "state")
    expect(pair.a.state(guest.name), "RUNNING/BOOTED", "state of the guest beside it")
    expect(len(pair.a.qemu_pids()), 1, "QEMUs")
    fake.forget()
    pair.a.virsh("start", "other")
    other.wait_ready()
    for name in ("other", guest.name):
        pair.a.virsh("destroy", name)
        pair.a.virsh("undefine", name)
    expect(pair.a.leftovers(), [], "leftovers")


@test(qemu=QEMUS, how=BAD_STARTS)
def bad_start_of_the_destination(case, qemu, how):
    point, orders, sentence = BAD_STARTS[how]
    if "query-chardev" in point:
        point = point.replace("query-chardev", "migrate-set-capabilities")
        sentence = sentence.replace(f"answer query-chardev within {START} s", "answer 'set migration capabilities'")
    fake, pair, guest, move = fake_guest(case, qemu, **PATIENCE)
    fake.on("destination", point, *orders, times=2)
    fake.on("destination", point.replace("command", "reply"), "drop")
    state = pair.a.state(guest.name)
    move.start()
    words = move.finish_failed()
    assert sentence.split(" within")[0] in words, words
    fake.forget()
    expect_at_home(pair, guest, move, [], state, [])


@test(waits=True, qemu=QEMUS, how=["junk", "silent", "dies"])
def bad_emulator(case, qemu, how):
    """What can't be asked what it can do is refused, by a deadline, with its last words."""
    point, orders, sentence = BAD_STARTS[how]
    fake = case.fake(qemu)
    host = case.batond(**PATIENCE).start()
    fake.on("probe", point, *orders, times=9)
    sentence = {"silent": "did not greet", "junk": "ask"}.get(how, sentence)
    refused(host, sentence, "domcapabilities", "--emulatorbin", fake.path)
    fake.forget()
    host.virsh("domcapabilities", "--emulatorbin", fake.path)
