"""The five calls of a migration out of their order, twice, from two clients at once, and cut off after each."""
import libvirt

from bad import refused
from bad_moves import expect_undisturbed, running, wait_no_job, wait_nothing_left
from lib.move import end_guest
from lib.patience import PATIENCE
from lib.raw_rpc import Disconnected, RpcError, domain, param, u32
from lib.runner import expect, test
from steps import LIVE, NO_COOKIE, STRING, ULLONG, Steps

INVALID = libvirt.VIR_ERR_INVALID_ARG
OPERATION = libvirt.VIR_ERR_OPERATION_INVALID
SLOW = param("bandwidth", ULLONG, 1)


def prepared(case, pair, guest, *items):
    steps = Steps(case, pair, guest)
    steps.begin(*items)
    steps.prepare()
    return steps


def slow_migration(case, pair, guest):
    """Begun and prepared; its Perform is to last until it gets more bandwidth."""
    return prepared(case, pair, guest, SLOW)


def under_way(pair, steps):
    """Sends a slow Perform and returns, with its serial, when memory flows."""
    serial = steps.ask_perform(items=(param("migrate_uri", STRING, steps.uri), SLOW))
    pair.timeline.wait_for(lambda e: e.kind == "iteration" and e.host == "a", PATIENCE, "the first pass")
    return serial


@test()
def steps_without_the_step_before(case):
    """Perform and Confirm without Begin, Finish without Prepare, on either host."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    refused(steps.perform, OPERATION, "begun")
    for cancelled in (0, 1):
        refused(lambda cancelled=cancelled: steps.confirm(cancelled=cancelled), None)
        for client in (steps.source, steps.destination):
            refused(lambda client=client, cancelled=cancelled: steps.finish(client=client, cancelled=cancelled),
                    libvirt.VIR_ERR_MIGRATE_FINISH_OK if cancelled else libvirt.VIR_ERR_OPERATION_FAILED, guest.name)
    name = domain(guest.name, guest.uuid)
    for call in (steps.begin, steps.perform, steps.confirm):
        refused(lambda call=call: call(client=steps.destination), libvirt.VIR_ERR_NO_DOMAIN)
    refused(lambda: steps.source.call("DOMAIN_MIGRATE_START_POST_COPY", name + u32(0)), OPERATION)
    refused(lambda: steps.source.call("DOMAIN_ABORT_JOB", name), OPERATION)
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def steps_on_the_wrong_host(case):
    """The source's steps asked of the destination, and the other way round."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.begin()
    refused(lambda: steps.prepare(client=steps.source), None)
    refused(lambda: steps.finish(client=steps.source, cookie=NO_COOKIE), libvirt.VIR_ERR_OPERATION_FAILED)
    steps.prepare()
    refused(lambda: steps.begin(client=steps.destination), OPERATION)
    refused(lambda: steps.perform(client=steps.destination), OPERATION)
    refused(lambda: steps.confirm(client=steps.destination), OPERATION)
    refused(lambda: steps.confirm(client=steps.destination, cancelled=1), OPERATION)
    steps.perform()
    steps.finish()
    steps.confirm()
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state there")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test()
def each_step_twice(case):
    """The second of each is refused, and the migration goes its way."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    other = Steps(case, pair, guest)
    steps.begin()
    refused(steps.begin, OPERATION, "another migration job")
    refused(other.begin, OPERATION, "another migration job")
    steps.prepare()
    other.document, other.cookie = steps.document, NO_COOKIE
    refused(other.prepare, None)
    perform = under_way(pair, steps)
    refused(other.perform, OPERATION, "another migration job")
    refused(lambda: other.confirm(cookie=NO_COOKIE), OPERATION)
    refused(lambda: other.perform(peer="qemu+tcp://h/system", flags=LIVE | libvirt.VIR_MIGRATE_PEER2PEER), OPERATION)
    pair.a.virsh("migrate-setspeed", guest.name, "1000")
    steps.performed(perform)
    refused(other.perform, OPERATION)
    refused(other.begin, OPERATION)
    steps.finish()
    refused(steps.finish, libvirt.VIR_ERR_OPERATION_FAILED, guest.name)
    refused(lambda: steps.finish(cancelled=1), libvirt.VIR_ERR_MIGRATE_FINISH_OK)
    steps.confirm()
    refused(steps.confirm, OPERATION)
    refused(lambda: steps.confirm(cancelled=1), OPERATION)
    expect([pair.a.state(guest.name), pair.b.state(guest.name)], ["SHUTOFF/MIGRATED", "RUNNING/MIGRATED"], "states")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test()
def a_second_client_that_meddles_drives_nothing(case):
    """What it asks for is refused, and its end is not the end of the migration."""
    pair, guest = running(case)
    steps = slow_migration(case, pair, guest)
    perform = under_way(pair, steps)
    early = steps.ask_finish(cookie=NO_COOKIE)  # held until the destination has all
    other = Steps(case, pair, guest)
    refused(lambda: other.finish(cookie=NO_COOKIE), OPERATION, "another migration job")
    refused(lambda: other.finish(cookie=NO_COOKIE, cancelled=1), OPERATION, "another migration job")
    other.source.close()
    other.destination.close()
    pair.b.client.hear()
    pair.a.virsh("migrate-setspeed", guest.name, "1000")
    steps.performed(perform)
    steps.destination.answer(early)
    steps.confirm(cookie=NO_COOKIE)
    expect([pair.a.state(guest.name), pair.b.state(guest.name)], ["SHUTOFF/MIGRATED", "RUNNING/MIGRATED"], "states")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test()
def a_client_that_dies_after_begin(case):
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.begin()
    steps.source.close()
    wait_no_job(pair.a, guest)
    expect_undisturbed(pair, guest)
    Steps(case, pair, guest).begin()
    end_guest(pair, guest)


@test()
def a_client_that_dies_after_prepare(case):
    """Both of its connections end; the destination lets go, the source never noticed."""
    pair, guest = running(case)
    steps = slow_migration(case, pair, guest)
    steps.destination.close()
    pair.b.wait_event("STOPPED/DESTROYED", guest.name)
    steps.source.close()
    wait_no_job(pair.a, guest)
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_client_that_dies_while_prepare_is_under_way(case):
    """Nobody is there to hear that the destination is ready, or to undo it."""
    pair, guest = running(case)
    for _ in range(5):
        steps = Steps(case, pair, guest)
        steps.begin()
        steps.ask_prepare()
        steps.destination.close()
        steps.source.close()
        wait_no_job(pair.a, guest)
    wait_nothing_left(pair.b)
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_client_that_dies_while_perform_is_under_way(case):
    """Whichever of its two connections ends first, or alone: the guest goes on at the source."""
    pair, guest = running(case)
    for first in ("source", "destination"):
        steps = slow_migration(case, pair, guest)
        perform = under_way(pair, steps)
        getattr(steps, first).close()
        if first == "destination":
            refused_later(lambda: steps.source.answer(perform))  # pylint: disable=cell-var-from-loop
            steps.source.close()
        wait_no_job(pair.a, guest)
        steps.destination.close()
        wait_nothing_left(pair.b)
        expect_undisturbed(pair, guest)
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


def refused_later(call):
    try:
        call()
    except (RpcError, Disconnected):
        return
    raise AssertionError("was not refused")


@test()
def a_client_that_dies_before_finish(case):
    """Pre-copy: the destination never ran it and lets go. The source can't know that it never will, and waits."""
    pair, guest = running(case)
    steps = prepared(case, pair, guest)
    steps.perform()
    steps.source.close()
    steps.destination.close()
    pair.b.wait_event("STOPPED/DESTROYED", guest.name)
    wait_nothing_left(pair.b)
    expect(pair.a.state(guest.name).split("/")[0], "PAUSED", "state on the source")
    done = pair.a.virsh_try("resume", guest.name)
    assert done.returncode and "whether the destination runs" in done.stderr, done
    end_guest(pair, guest)


@test()
def a_client_that_dies_before_confirm(case):
    """The guest has moved; the source stands still and says that nobody told it so."""
    pair, guest = running(case)
    steps = prepared(case, pair, guest)
    steps.perform()
    steps.finish()
    steps.source.close()
    steps.destination.close()
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state there")
    pair.b.client.hear()
    expect(pair.a.state(guest.name).split("/")[0], "PAUSED", "state on the source")
    done = pair.a.virsh_try("resume", guest.name)
    assert done.returncode, "resumed on the source, too"
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test()
def two_clients_move_it_at_once(case):
    """One of them wins; the other is told that there is a migration."""
    pair, guest = running(case)
    to = (guest.name, pair.b.uri, pair.b.migrate_uri)
    processes = [pair.a.virsh_start("migrate", "--live", *to) for _ in range(4)]
    words = [process.communicate(timeout=PATIENCE)[1] for process in processes]
    expect(sorted(process.returncode for process in processes), [0, 1, 1, 1], f"statuses of virsh: {words}")
    told = [text for text in words if text]
    assert len(told) == 3, words
    for text in told:
        assert "job" in text or "not running" in text or "already" in text, text
    expect([pair.a.state(guest.name), pair.b.state(guest.name)], ["SHUTOFF/MIGRATED", "RUNNING/MIGRATED"], "states")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)
