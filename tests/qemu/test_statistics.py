"""The figures of a finished migration: the whole of it, on both ends, and no better than it was."""
import os
import sys
import time

from lib.client import Client
from lib.move import PRE_COPY, end_guest, statistics, wait_until
from lib.runner import expect, test
from moving import QEMUS, SLOW, enter_post_copy, running_guest, wait_job

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "interop"))
from steps import Steps  # noqa: E402  pylint: disable=wrong-import-position

EARLY_MS = 3  # a figure is cut to milliseconds, and so is a stamp

MEMORY = ("memory_total", "memory_processed", "memory_iteration", "memory_page_size", "data_total", "data_processed")


def wall_clock(entry):
    """When QEMU says that it said so, in ms. Both hosts are this machine."""
    return entry.data["seconds"] * 1000 + entry.data["micros"] / 1000


def measured_pair(case, qemu, options, **settings):
    pair, guest, move = running_guest(case, qemu, options, **settings)
    for host in (pair.a, pair.b):
        host.use_client(Client(host.name, host.uri, pair.timeline, qemu_events=True))
    return pair, guest, move


def last(pair, host, text, **data):
    found = [e for e in pair.timeline.entries(host=host, kind="qemu") if e.text == text
             and data.items() <= e.data["details"].items()]
    assert found, f"{host}: no {text} {data} in\n{pair.timeline.render()}"
    return found[-1]


def expect_between(low, value, high, what):
    assert low <= value <= high, f"{what}: {value}, not in {low:.1f}..{high:.1f}"


def stamp(pair, host, text, **data):
    return wall_clock(last(pair, host, text, **data))


def told_at(host, guest):
    """When the end of the job was told here, on the wall clock that QEMU's stamps are of, in ms."""
    wait_job(host, guest)
    entry = host.timeline.entries(host=host.name, kind="job", guest=guest.name)[-1]
    return (entry.time + time.time() - time.monotonic()) * 1000


def expect_times(pair, guest, told, host, way):
    """Against QEMU's own stamps. Between what the figures leave out and what they can't exceed, however long messages
    were on their way: the source's goes to Confirm, less the destination's from RESUME to Finish's answer; the
    destination's leaves out the way from Perform's answer to Finish."""
    stop, resume = stamp(pair, "a", "STOP"), stamp(pair, "b", "RESUME")
    completed = stamp(pair, "b", "MIGRATION", status="completed")
    end = told_at(host, guest)
    if host is pair.a:
        low, high = resume - stop, end - stop - (completed - resume if way == "post-copy" else 0)
    else:
        performed = stamp(pair, "a", "MIGRATION", status="completed" if way == "pre-copy" else "postcopy-active")
        low, high = max(performed - stop, 0), resume - stop
    expect_between(low - EARLY_MS, told["downtime"], high + EARLY_MS, f"downtime on {host.name}")
    began = stamp(pair, "a", "MIGRATION", status="active")
    expect_between(completed - began - EARLY_MS, told["time_elapsed"], end - wall_of_start(pair),
                   f"time_elapsed on {host.name}")


def wall_of_start(pair):
    return (pair.timeline.start + time.time() - time.monotonic()) * 1000


def expect_account(pair, guest, host, way):
    told = statistics(host, guest.name)
    where = f"{host.name}: {told}"
    source = host is pair.a
    expect((told["Job type"], told["operation"]), (3, 5 if source else 4), f"type and operation, {where}")
    assert told["success"] in (1, "yes", True), where
    assert not [name for name in MEMORY if told.get(name, 0) <= 0], where
    assert told["memory_processed"] >= 32 << 20, where
    expect(told["memory_remaining"], 0, f"memory_remaining, {where}")
    assert "setup_time" in told, where
    expect_times(pair, guest, told, host, way)
    if source:
        assert told["memory_normal"] > 0 and told["memory_normal_bytes"] > 0, where
        requests = told.get("memory_postcopy_requests", 0)
        expect(requests > 0, way == "post-copy", f"pages asked for, {where}")
    job = wait_job(host, guest)
    same = {name: value for name, value in job.items() if name in told and not isinstance(value, bool)}
    assert len(same) > 12, job
    expect({name: told[name] for name in same}, same, f"--completed and JOB_COMPLETED on {host.name}")


def migrate(pair, guest, move, way):
    if way == "pre-copy":
        move.run("--bandwidth", "100")
        return
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", "20")
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    move.finish()


@test(qemu=QEMUS, pbs=[1, 0], way=["pre-copy", "post-copy"])
def statistics_cover_postcopy(case, qemu, pbs, way):
    """Every phase is in the figures, and the blackout is never told shorter than it was."""
    pair, guest, move = measured_pair(case, qemu, "mib=32 rate=8000", pause_before_switchover=pbs)
    migrate(pair, guest, move, way)
    move.expect_intact()
    for host in (pair.a, pair.b):
        expect_account(pair, guest, host, way)
    ran = next(at for at, connection, _ in guest.ticks.all() if connection == 1)
    assert (ran + time.time() - time.monotonic()) * 1000 >= stamp(pair, "b", "RESUME") - EARLY_MS, "ran before its RESUME"
    end_guest(pair, guest)


@test(qemu=["7.2"])
def completed_statistics_are_read_once(case, qemu):
    """As with libvirt: reading them takes them away, unless they are to be kept."""
    pair, guest, move = running_guest(case, qemu)
    move.run()
    kept = statistics(pair.a, guest.name)
    expect(statistics(pair.a, guest.name, ("--completed",)), kept, "the statistics that are read")
    expect(statistics(pair.a, guest.name), {"Job type": 0, "": ""}, "what is left of them")
    assert statistics(pair.b, guest.name)["operation"] == 4
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["aborted", "failed"])
def jobs_that_came_to_nothing(case, qemu, way):
    """Both ends account for them: success 0, why, and what it cost."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    if way == "aborted":
        pair.a.virsh("domjobabort", guest.name)
    else:
        pair.b.virsh("destroy", guest.name)
    move.finish_failed()
    expected = {"aborted": (5, 4), "failed": (4, 4)}[way]
    for host, kind in zip((pair.a, pair.b), expected):
        job = wait_job(host, guest)
        expect(job["success"], False, f"success on {host.name}")
        assert job["errmsg"] and job["time_elapsed"] > 0, job
    told = statistics(pair.a, guest.name)
    expect(told["Job type"], expected[0], f"type of the job on the source: {told}")
    assert "downtime" not in told or told["downtime"] == 0, told
    end_guest(pair, guest)


@test(qemu=QEMUS)
def figures_while_post_copy_goes_on(case, qemu):
    """Nothing is told that is not known: QEMU's expectation is over, the source hears of the downtime at the end."""
    pair, guest, move = running_guest(case, qemu)
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", "10")
    move.wait_pass()
    expect(statistics(pair.a, guest.name, ()).get("downtime"), 300, "what QEMU expects of the downtime")
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    source, destination = (statistics(host, guest.name, ()) for host in (pair.a, pair.b))
    expect("downtime" in source, False, f"downtime on the source: {source}")
    assert source["memory_remaining"] > 0 and "memory_postcopy_requests" in source, source
    expect("memory_postcopy_requests" in destination, False, f"pages asked for, on the destination: {destination}")
    pair.a.virsh("migrate-setspeed", guest.name, "1000", "--postcopy")
    move.finish()
    expect(statistics(pair.b, guest.name)["downtime"], destination["downtime"], "downtime on the destination")
    assert statistics(pair.a, guest.name)["downtime"] > 0
    end_guest(pair, guest)


@test(qemu=QEMUS)
def times_survive_restarts(case, qemu):
    """Both daemons are killed in post-copy: the whole migration is accounted for all the same, on both ends."""
    pair, guest, move = running_guest(case, qemu, peers=True)
    began = time.monotonic()
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", "10")
    move.wait_pass()
    flowing = time.monotonic()
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    setup = statistics(pair.a, guest.name, ())["setup_time"]
    for host in (pair.a, pair.b):
        host.restart()
    pair.a.virsh("migrate-setspeed", guest.name, "1000", "--postcopy")
    for host, state in ((pair.a, "SHUTOFF/MIGRATED"), (pair.b, "RUNNING/MIGRATED")):
        wait_until(lambda host=host, state=state: host.state(guest.name) == state, f"{host.name} is not {state}")
    ended = time.monotonic()
    for host in (pair.a, pair.b):
        told = statistics(host, guest.name)
        expect_between((ended - flowing) * 500, told["time_elapsed"], (ended - began) * 1000, f"time_elapsed on {host.name}")
        expect((told["setup_time"], told["memory_remaining"]), (setup, 0), f"setup_time and what is left, {told}")
        assert told["memory_processed"] >= 32 << 20, told
        assert "memory_postcopy_requests" in told, told
    assert statistics(pair.b, guest.name)["downtime"] > 0
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def downtime_without_confirm(case, qemu):
    """The source's client is gone when the guest runs on the other side: its daemon has the figure from the other one."""
    pair, guest, move = running_guest(case, qemu, peers=True)
    steps = Steps(case, pair, guest)
    steps.begin()
    steps.prepare()
    steps.perform()
    steps.finish()
    steps.source.close()
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the source does not conclude")
    for host in (pair.a, pair.b):
        told = wait_job(host, guest)
        assert 0 < told["downtime"] <= told["time_elapsed"], (host.name, told)
        expect(statistics(host, guest.name)["downtime"], told["downtime"], f"downtime on {host.name}")
    move.expect_events(PRE_COPY)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def downtime_of_a_post_copy_that_nobody_attends(case, qemu):
    pair, guest, move = running_guest(case, qemu, peers=True)
    enter_post_copy(move)
    move.kill_virsh()
    pair.a.virsh("migrate-setspeed", guest.name, "1000", "--postcopy")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the source does not conclude")
    for host in (pair.a, pair.b):
        told = wait_job(host, guest)
        assert 0 < told["downtime"] < told["time_elapsed"], (host.name, told)
    end_guest(pair, guest)


@test(qemu=QEMUS)
def figures_that_come_when_the_guest_has_gone_on(case, qemu):
    """The source's daemon was away, and sends its figures when they are of no job any more that the destination tells of."""
    pair, guest, move = running_guest(case, qemu, peers=True)
    third = case.batond("c", pair.timeline, 4).start()
    enter_post_copy(move)
    pair.a.virsh("migrate-setspeed", guest.name, "1000", "--postcopy")
    pair.a.kill9()
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "it does not arrive")
    pair.b.client.connection.defineXML(guest.xml)
    pair.b.virsh("migrate", "--live", guest.name, third.uri, third.migrate_uri)
    told = statistics(pair.b, guest.name)
    pair.a.start()
    pair.a.reconnect()
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the source does not conclude")
    statistics(pair.b, guest.name)  # what came before this is taken in by then
    expect(statistics(pair.b, guest.name), told, "statistics of the destination's own migration")
    third.client.domain(guest.name).destroy()
    end_guest(pair, guest)
