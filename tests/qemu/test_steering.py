"""A migration under way, and everything that a user can do to it: other commands, limits, options."""
import os
import re

from lib.move import PRE_COPY, UNDONE_BEFORE_STOP, Move, end_guest, post_copy_events, statistics
from lib.runner import expect, test
from moving import CRAWL, QEMUS, SLOW, enter_post_copy, refused, running_guest, through_wire, wait_job

BUSY = "mib=32 rate=12000"  # faster than a slow stream: such a migration never converges by itself


@test(qemu=QEMUS)
def other_commands_during_pre_copy(case, qemu):
    """Looked at, limited, aborted: all at once. What does not go together with a migration is refused."""
    pair, guest, move = running_guest(case, qemu)
    name = guest.name
    before = pair.a.state(name)
    move.start(*SLOW)
    move.wait_pass()
    refused(pair.a, "another migration", "migrate", "--live", name, pair.b.uri, pair.b.migrate_uri)
    refused(pair.a, "VIR_MIGRATE_POSTCOPY", "migrate-postcopy", name)
    for command in ("resume", "shutdown", "reboot", "reset"):
        refused(pair.a, "migration", command, name)
    for command in ("suspend", "resume", "shutdown", "reboot", "reset", "domjobabort"):
        refused(pair.b, "migration", command, name)

    told = statistics(pair.a, name, ())
    expect((told["operation"], told["memory_total"] > 36 << 20), (5, True), "the job on the source")
    assert 0 < told["memory_processed"] < told["memory_total"] and told["memory_remaining"] > 0, told
    expect(statistics(pair.b, name, ()).get("operation"), 4, "the job on the destination")

    pair.a.virsh("migrate-setmaxdowntime", name, "77")
    expect(pair.a.virsh("migrate-getmaxdowntime", name).strip(), "77", "the downtime's limit")
    pair.a.virsh("migrate-setspeed", name, "3")
    expect(pair.a.virsh("migrate-getspeed", name).strip(), "3", "the limit of the bandwidth")
    answer = pair.a.virsh("qemu-monitor-command", name, '{"execute":"query-migrate-parameters"}')
    for parameter in ('"max-bandwidth":3145728', '"downtime-limit":77'):
        assert parameter in answer, answer

    pair.a.virsh("domjobabort", name)
    move.finish_failed()
    refused(pair.a, "no job", "domjobabort", name)
    move.expect_events(UNDONE_BEFORE_STOP)
    move.expect_states(before, "none")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def set_speed_takes_effect_at_once(case, qemu):
    """Without it this migration would not end."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    move.let_go()
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    refused(pair.a, "outgoing migration", "migrate-postcopy", guest.name)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def source_destroyed_in_pre_copy(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    pair.a.virsh("destroy", guest.name)
    move.finish_failed()
    move.expect_events((["STOPPED/DESTROYED"], UNDONE_BEFORE_STOP[1]))
    move.expect_states("SHUTOFF/DESTROYED", "none")
    expect(wait_job(pair.a, guest).get("success"), False, "success of the job")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def destination_destroyed_in_pre_copy(case, qemu):
    """What arrives can be thrown away where it arrives: the source has all of it."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    pair.b.virsh("destroy", guest.name)
    move.finish_failed()
    move.expect_events(([], ["STARTED/MIGRATED", "STOPPED/DESTROYED"]))
    move.expect_states("RUNNING/BOOTED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def guest_powers_itself_off_in_pre_copy(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    guest.console.command("o", "off", oldest=True)
    move.finish_failed()
    move.expect_events((["SHUTDOWN/GUEST", "STOPPED/SHUTDOWN"], UNDONE_BEFORE_STOP[1]))
    move.expect_states("SHUTOFF/SHUTDOWN", "none")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def guest_resets_itself_in_pre_copy(case, qemu):
    """A reset is nothing to a migration: the guest boots while it is on its way."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    _, booted = guest.console.wait_line("ready")
    guest.console.command("r", "reset", oldest=True)
    guest.console.wait_line("ready", since=booted + 1)
    move.let_go()
    move.finish()
    move.expect_events(PRE_COPY)
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def timeout_suspends(case, qemu):
    """It does not converge; virsh suspends it after a second, and it runs again when it has arrived."""
    pair, guest, move = running_guest(case, qemu, BUSY)
    move.run("--timeout", "1", "--timeout-suspend", "--bandwidth", "20")
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def timeout_starts_post_copy(case, qemu):
    pair, guest, move = running_guest(case, qemu, BUSY)
    move.run("--postcopy", "--timeout", "1", "--timeout-postcopy", *SLOW)
    move.expect_events(post_copy_events(qemu, True))
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def not_live(case, qemu):
    """Without --live the guest stands still from the beginning to the end."""
    pair, guest, move = running_guest(case, qemu)
    move.start_virsh("migrate", *SLOW, guest.name, pair.b.uri, pair.b.migrate_uri)
    move.wait_pass()
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state on the source")
    move.let_go()
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    expect(statistics(pair.a, guest.name)["memory_iteration"] <= 3, True, "few passes: nothing was written")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def options_that_go_together(case, qemu):
    """Another name, kept there, gone here, throttled, watched for errors."""
    pair, guest, move = running_guest(case, qemu, "mib=32 rate=0")
    move.start("--dname", "moved", "--persistent", "--undefinesource", "--change-protection", "--abort-on-error",
               "--auto-converge", "--auto-converge-initial", "30", "--auto-converge-increment", "20", "--bandwidth", "16")
    throttle = 0
    for number in range(2, 10):  # QEMU takes some passes to see that it does not converge
        move.wait_pass(number)
        throttle = throttle or statistics(pair.a, guest.name, ()).get("auto_converge_throttle", 0)
        if throttle:
            break
    assert throttle >= 30, throttle
    move.let_go()
    move.finish()
    expect(pair.a.state(guest.name), "none", "state of the undefined guest on the source")
    expect(pair.a.told(guest.name)[-3:], ["SUSPENDED/MIGRATED", "STOPPED/MIGRATED", "UNDEFINED/REMOVED"],
           "events on the source")
    expect(pair.b.told("moved"), ["STARTED/MIGRATED", "DEFINED/ADDED", "RESUMED/MIGRATED"],
           "events on the destination")
    domain = pair.b.client.domain("moved")
    expect((domain.isPersistent(), domain.UUIDString()), (1, guest.uuid), "persistent, and who it is")
    move.expect_intact()
    domain.destroy()
    domain.undefine()
    expect(pair.a.leftovers() + pair.b.leftovers(), [], "leftovers")


@test(qemu=QEMUS)
def documents_for_the_destination(case, qemu):
    """--xml for what runs there, --persistent-xml for what is kept there."""
    pair, guest, move = running_guest(case, qemu)
    files = {}
    for kind in ("live", "kept"):
        text = pair.a.virsh("dumpxml", "--migratable", *(["--inactive"] if kind == "kept" else []), guest.name)
        files[kind] = os.path.join(case.folder, f"{kind}.xml")
        with open(files[kind], "w", encoding="utf-8") as f:
            f.write(re.sub(r"(<name>[^<]*</name>)", rf"\1<title>{kind} there</title>", text))
    move.run("--persistent", "--xml", files["live"], "--persistent-xml", files["kept"])
    move.expect_events(PRE_COPY)
    assert "<title>live there</title>" in pair.b.virsh("dumpxml", guest.name)
    assert "<title>kept there</title>" in pair.b.virsh("dumpxml", "--inactive", guest.name)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def document_of_another_guest_is_refused(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    path = os.path.join(case.folder, "other.xml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(pair.a.virsh("dumpxml", "--migratable", guest.name).replace("<vcpu ", "<vcpu ").replace(
            ">1</vcpu>", ">2</vcpu>"))
    move.start("--xml", path)
    assert "vcpu" in move.finish_failed().lower()
    move.expect_events(([], []))
    end_guest(pair, guest)


@test(qemu=QEMUS)
def in_parallel(case, qemu):
    """As many connections as were asked for, and one for the rest, on both ends."""
    pair, guest, move = running_guest(case, qemu)
    wire = through_wire(case, pair)
    move.start("--parallel", "--parallel-connections", "3", *SLOW)
    move.wait_pass()
    answer = pair.b.virsh("qemu-monitor-command", guest.name, '{"execute":"query-migrate-parameters"}')
    assert '"multifd-channels":3' in answer, answer
    expect(wire.connections(), 4, "connections of the stream")
    move.let_go()
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def over_a_unix_socket(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    path = os.path.join(case.folder, "stream")
    pair.b.migrate_uri = f"unix://{path}"
    move.start("--postcopy", *SLOW)
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    move.finish()
    move.expect_events(post_copy_events(qemu, True))
    move.expect_intact()
    expect(os.path.exists(path), False, "the socket is still there")
    end_guest(pair, guest)


@test(qemu=QEMUS)
def abort_in_post_copy_twice(case, qemu):
    """Refused each time, and nothing comes of it."""
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    for _ in range(2):
        refused(pair.a, "post-copy", "domjobabort", guest.name)
    refused(pair.b, "incoming migration", "domjobabort", guest.name)
    told = statistics(pair.a, guest.name, ())
    assert told["operation"] == 5 and told["memory_remaining"] > 0, told
    expect(statistics(pair.b, guest.name, ()).get("operation"), 4, "the job on the destination")
    move.let_go("--postcopy")
    move.finish()
    move.expect_events(post_copy_events(qemu, True))
    move.expect_intact()
    end_guest(pair, guest)


# ---- peer to peer: the source's daemon drives it ----


def move_p2p(move, *options):
    move.start_virsh("migrate", "--live", "--p2p", *options, move.guest.name, move.destination.uri)


@test(qemu=QEMUS, way=["pre-copy", "post-copy"])
def peer_to_peer(case, qemu, way):
    pair, guest, move = running_guest(case, qemu)
    if way == "pre-copy":
        move_p2p(move)
    else:
        move_p2p(move, "--postcopy", *SLOW)
        move.wait_pass()
        pair.a.virsh("migrate-postcopy", guest.name)
    move.finish()
    move.expect_events(PRE_COPY if way == "pre-copy" else post_copy_events(qemu, True))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    for host in (pair.a, pair.b):
        told = statistics(host, guest.name)
        assert 0 < told["downtime"] < told["time_elapsed"], told
    move.expect_intact()
    back = Move(pair, guest, pair.b)
    move_p2p(back)
    back.finish()
    back.expect_events(PRE_COPY)
    back.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, phase=["pre-copy", "post-copy"])
def peer_to_peer_goes_on_without_its_client(case, qemu, phase):
    pair, guest, move = running_guest(case, qemu)
    guest.console.command("p", "paused")
    move_p2p(move, "--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL)
    move.wait_pass()
    if phase == "post-copy":
        pair.a.virsh("migrate-postcopy", guest.name)
        pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    move.kill_virsh()
    move.let_go(*(["--postcopy"] if phase == "post-copy" else []))
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    move.expect_events(PRE_COPY if phase == "pre-copy" else post_copy_events(qemu, True))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=["7.2"])
def peer_to_peer_refused_and_aborted(case, qemu):
    pair, guest, move = running_guest(case, qemu)
    state = pair.a.state(guest.name)
    other = pair.b.client.connection.defineXML(guest.xml.replace(f"<name>{guest.name}<", "<name>other<"))
    move_p2p(move)
    words = move.finish_failed()
    assert "already defined with uuid" in words, words
    other.undefine()
    move.expect_events(([], []))
    move_p2p(move, *SLOW)
    move.wait_pass()
    pair.a.virsh("domjobabort", guest.name)
    move.finish_failed()
    move.expect_events(UNDONE_BEFORE_STOP)
    move.expect_states(state, "none")
    move.expect_intact()
    end_guest(pair, guest)
