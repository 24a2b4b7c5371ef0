"""What the tests of migrations that go wrong, or otherwise than usual, have in common."""
import concurrent.futures
import json
import time

from lib.move import Move, start_guest, wait_until
from lib.patience import PATIENCE, PROMPT
from lib.runner import expect
from lib.wire import Wire

QEMUS = ["7.2", "10"]
FULL = "mib=32 rate=4000"    # the tiny guest's options: nearly all of its memory is in use
CRAWL = "1"                  # MiB/s: all of its memory takes half a minute
SLOW = ("--bandwidth", CRAWL)  # and it writes faster: pre-copy goes on until post-copy begins, or Move.let_go()


def running_guest(case, qemu, options=FULL, guest=None, **settings):
    """Two hosts, a guest that runs on the first, and its way to the second."""
    pair = case.batond_pair(**settings)
    guest = start_guest(pair, guest or case.tiny(qemu=qemu, options=options))
    return pair, guest, Move(pair, guest)


def ordered(host, what):
    """The newest migration's trace has this order, or this event."""
    with open(host.traces()[-1], encoding="utf-8") as f:
        return what in f.read()


def through_wire(case, pair):
    """From here on the guests of host a travel through a wire that the test can cut."""
    wire = case.own(Wire(f"{case.network}.3", pair.b.address, case.port))
    pair.b.migrate_uri = wire.uri
    return wire


def hold_before_post_copy(wire):
    """Nothing reaches the destination any more. Its first answer is what QEMU 10 waits for before it begins post-copy."""
    wait_until(lambda: wire.carried > 65536, "the stream does not begin")
    wire.hold(ways=("there",))


def enter_post_copy(move, busy=False, there="RESUMED/POSTCOPY"):
    """Starts a migration and returns when the guest is on the destination, most of its pages still to come.

    One that writes would draw them over within seconds: it does not, unless it is to be `busy`.
    """
    if not busy:
        move.guest.console.command("p", "paused")
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL)
    move.wait_pass()
    move.source.virsh("migrate-postcopy", move.guest.name)
    move.destination.wait_event(there, move.guest.name)


def abort_when(held, move):
    """domjobabort while the source's QEMU, or what it says, stands still at a point; the future of what virsh says."""
    held.wait()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        abort = pool.submit(move.source.virsh_try, "domjobabort", move.guest.name)
        # The call must have reached the machine before QEMU goes on.
        wait_until(lambda: " ABORT " in move.source.trace_tail(60), "the abort does not reach the machine")
        held.release()
    return abort


def query_migrate(host, guest):
    answer = host.virsh("qemu-monitor-command", guest.name, '{"execute":"query-migrate"}')
    return json.loads(answer)["return"]


def only_qemu(host):
    pids = host.qemu_pids()
    expect(len(pids), 1, f"QEMU processes of {host.name}")
    return pids[0]


def wait_job(host, guest, timeout=PATIENCE, count=1):
    """The JOB_COMPLETED number `count` of a guest on a host, past or to come."""
    seen = []

    def counts(entry):
        if entry.kind == "job" and entry.host == host.name and entry.guest == guest.name:
            seen.append(entry)
        return len(seen) == count

    host.timeline.wait_for(counts, timeout, f"JOB_COMPLETED on {host.name}")
    return seen[-1].data


def refused(host, sentence, *arguments, within=PROMPT):
    """virsh is told no, at once, and why."""
    asked = time.monotonic()
    done = host.virsh_try(*arguments)
    took = time.monotonic() - asked
    assert done.returncode, f"virsh {' '.join(arguments)} was not refused"
    assert sentence in done.stderr, f"virsh {' '.join(arguments)}: '{done.stderr.strip()}' does not say '{sentence}'"
    assert took < within, f"virsh {' '.join(arguments)} was refused only after {took:.1f} s"
    return done.stderr.strip()
