"""The order of events: every kind of migration, on each QEMU, told to clients exactly so.

QEMU's own order differs by version and by pause-before-switchover; what a client is told, and what it
reads, must be right in each.
"""
from lib import processes
from lib.move import (PAUSED_POST_COPY, PAUSED_PRE_COPY, POST_COPY_STOP_FIRST, PRE_COPY, UNDONE_AFTER_STOP,
                      UNDONE_BEFORE_STOP, Move, end_guest, post_copy_events, statistics,
                      wait_until)
from lib.runner import expect, test
from moving import FULL, SLOW, abort_when, enter_post_copy, only_qemu, refused
from moving import running_guest as running

EACH = {"qemu": ["7.2", "10"], "pbs": [1, 0]}


def running_guest(case, qemu, pbs, options=FULL, **settings):
    return running(case, qemu, options, pause_before_switchover=pbs, **settings)


def expect_whole_account(move, post_copy):
    """Statistics of the finished migration, on both ends: all of it, post-copy included."""
    for host, operation in ((move.source, "Outgoing migration"), (move.destination, "Incoming migration")):
        told = statistics(host, move.guest.name)
        where = f"statistics on {host.name}: {told}"
        assert told.get("operation") in (operation, 5 if host is move.source else 4), where
        assert 0 < told.get("downtime", 0) < told.get("time_elapsed", 0), where
    told = statistics(move.source, move.guest.name)
    # Page by page through a RAM that is full: at least what the guest has written travelled.
    assert told["memory_processed"] >= 32 << 20, told
    assert told["memory_iteration"] >= 2, told
    if post_copy:
        assert "memory_postcopy_requests" in told, told


@test(**EACH)
def pre_copy(case, qemu, pbs):
    pair, guest, move = running_guest(case, qemu, pbs)
    move.run()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    expect_whole_account(move, post_copy=False)
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def post_copy(case, qemu, pbs):
    pair, guest, move = running_guest(case, qemu, pbs)
    enter_post_copy(move)
    move.expect_states("PAUSED/POSTCOPY", "RUNNING/POSTCOPY")
    move.let_go("--postcopy")
    move.finish()
    move.expect_events(post_copy_events(qemu, pbs))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    expect_whole_account(move, post_copy=True)
    move.expect_intact()
    end_guest(pair, guest)


@test(own=[0, 1], **EACH)
def post_copy_whoever_stops_the_guest(case, qemu, pbs, own):
    """With our own stop STOP always comes first; what is told is what is told there."""
    pair, guest, move = running_guest(case, qemu, pbs, own_the_stop=own)
    move.start("--postcopy", *SLOW)
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    move.finish()
    move.expect_events(POST_COPY_STOP_FIRST if own else post_copy_events(qemu, pbs))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def post_copy_by_virsh_itself(case, qemu, pbs):
    # The guest is faster than the stream, so that a second pass comes, at which virsh switches.
    pair, guest, move = running_guest(case, qemu, pbs, "mib=32 rate=12000")
    move.run("--postcopy", "--postcopy-after-precopy", "--bandwidth", "8")
    move.expect_events(post_copy_events(qemu, pbs))
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def post_copy_allowed_but_never_entered(case, qemu, pbs):
    pair, guest, move = running_guest(case, qemu, pbs)
    move.run("--postcopy")
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    expect_whole_account(move, post_copy=False)
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def paused_by_its_user_pre_copy(case, qemu, pbs):
    pair, guest, move = running_guest(case, qemu, pbs)
    pair.a.virsh("suspend", guest.name)
    pair.a.wait_event("SUSPENDED/PAUSED", guest.name)
    move.mark()
    move.run()
    move.expect_events(PAUSED_PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "PAUSED/USER")
    pair.b.virsh("resume", guest.name)
    pair.b.wait_event("RESUMED/UNPAUSED", guest.name)
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def paused_by_its_user_post_copy(case, qemu, pbs):
    pair, guest, move = running_guest(case, qemu, pbs)
    pair.a.virsh("suspend", guest.name)
    pair.a.wait_event("SUSPENDED/PAUSED", guest.name)
    move.mark()
    enter_post_copy(move, busy=True, there="SUSPENDED/PAUSED")
    move.expect_states("PAUSED/POSTCOPY", "PAUSED/USER")
    move.let_go("--postcopy")
    move.finish()
    move.expect_events(PAUSED_POST_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "PAUSED/USER")
    pair.b.virsh("resume", guest.name)
    pair.b.wait_event("RESUMED/UNPAUSED", guest.name)
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def suspended_during_it(case, qemu, pbs):
    """The guest stands still for the rest of the migration, and runs at its end."""
    pair, guest, move = running_guest(case, qemu, pbs)
    move.start(*SLOW)
    move.wait_pass()
    pair.a.virsh("suspend", guest.name)
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state during the migration")
    refused(pair.a, "migration", "resume", guest.name)
    move.let_go()
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    move.expect_intact()
    end_guest(pair, guest)


@test(way=["cancelled", "failed"], **EACH)
def undone_before_stop(case, qemu, pbs, way):
    pair, guest, move = running_guest(case, qemu, pbs)
    before = pair.a.state(guest.name)
    move.start(*SLOW)
    move.wait_pass()
    if way == "cancelled":
        pair.a.virsh("domjobabort", guest.name)
    else:
        processes.kill(only_qemu(pair.b))
    words = move.finish_failed()
    assert ("canceled by client" in words) == (way == "cancelled"), words
    move.expect_events(UNDONE_BEFORE_STOP)
    move.expect_states(before, "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    end_guest(pair, guest)


def cancelled_past_pre_switchover(pair, guest, words):
    """migrate_cancel lets 7.2's migration thread go on before it says that it is to stop: post-copy may begin in
    between, and is then destroyed all the same. The source has all of the guest and can't know that."""
    assert "post-copy" in words, words
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    wait_until(lambda: pair.b.state(guest.name) == "none", "the destination does not let go")
    expect(pair.a.state(guest.name), "PAUSED/POSTCOPY_FAILED", "state of the source")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


@test(qemu=["7.2", "10"], way=["pre-copy", "post-copy"])
def cancelled_in_pre_switchover(case, qemu, way):
    """QEMU waits there for batond, which does not know yet. The stretch is a millisecond long otherwise. Of a post-copy
    7.2 may do one or the other."""
    proxy = case.proxied(qemu)
    pair, guest, move = running_guest(case, qemu, 1, guest=case.fake_guest(proxy, options=FULL))
    held = proxy.hold("source", "event MIGRATION/pre-switchover")
    if way == "pre-copy":
        move.start()
    else:
        move.start("--postcopy", *SLOW)
        move.wait_pass()
        pair.a.virsh("migrate-postcopy", guest.name)
    held.wait()
    pair.a.wait_event("SUSPENDED/MIGRATED", guest.name)
    move.expect_states("PAUSED/MIGRATION", "PAUSED/MIGRATION")
    abort = abort_when(held, move).result()
    words = move.finish_failed()
    if abort.returncode and (qemu, way) == ("7.2", "post-copy"):
        cancelled_past_pre_switchover(pair, guest, abort.stderr)
        return
    expect(abort.returncode, 0, "status of the abort")
    assert "canceled by client" in words, words
    move.expect_events(UNDONE_AFTER_STOP)
    move.expect_states("RUNNING/MIGRATION_CANCELED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    move.mark()
    move.run()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(**EACH)
def there_and_back(case, qemu, pbs):
    """What comes back is a host's own guest again: the same machines from the start."""
    pair, guest, move = running_guest(case, qemu, pbs)
    move.run()
    move.expect_events(PRE_COPY)
    back = Move(pair, guest, pair.b)
    back.start("--postcopy", *SLOW)
    back.wait_pass()
    pair.b.virsh("migrate-postcopy", guest.name)
    back.finish()
    back.expect_events(post_copy_events(qemu, pbs))
    back.expect_states("none", "RUNNING/MIGRATED")
    back.expect_intact()
    end_guest(pair, guest)
