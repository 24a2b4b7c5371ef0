"""What a user asks of a migration: each parameter and flag acts on QEMU, and on this attempt only."""
import json
import threading

import libvirt

from lib.hosts import Pair
from lib.move import UNDONE_BEFORE_STOP, Move, end_guest, start_guest
from lib.patience import PATIENCE
from lib.runner import expect, test
from moving import FULL, QEMUS, SLOW, running_guest

MIB = 1 << 20
GIVEN = ("--bandwidth", "20", "--auto-converge", "--auto-converge-initial", "50", "--auto-converge-increment", "40")
# QEMU's name of each, its value with GIVEN and the like, and when nothing is said.
EXPECTED = {
    "max-bandwidth": (20 * MIB, 20 * MIB),
    "max-postcopy-bandwidth": (7 * MIB, 0),
    "multifd-channels": (3, 2),
    "cpu-throttle-initial": (50, 20),
    "cpu-throttle-increment": (40, 10),
    "avail-switchover-bandwidth": (30 * MIB, 0),
}


def parameters(host, guest):
    answer = host.virsh("qemu-monitor-command", guest.name, '{"execute":"query-migrate-parameters"}')
    return json.loads(answer)["return"]


def to(move, way):
    """virsh's last arguments."""
    if way == "p2p":
        return ("--p2p", move.guest.name, move.destination.uri)
    return (move.guest.name, move.destination.uri, move.destination.migrate_uri)


def until_aborted(pair, move, way, *options):
    """QEMU's parameters while a migration with these options runs; then it is given up."""
    move.mark()
    move.start_virsh("migrate", "--live", *options, *to(move, way))
    move.wait_pass()
    found = parameters(pair.a, move.guest)
    pair.a.virsh("domjobabort", move.guest.name)
    move.finish_failed()
    move.expect_events(UNDONE_BEFORE_STOP)
    return found


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def parameters_act_on_their_attempt(case, qemu, way):
    """QEMU keeps what it was once told: an attempt without a parameter must not have the one before's."""
    pair, guest, move = running_guest(case, qemu)
    for options, names in (((*GIVEN, "--postcopy", "--postcopy-bandwidth", "7"),
                            ("max-bandwidth", "max-postcopy-bandwidth", "cpu-throttle-initial", "cpu-throttle-increment")),
                           (("--bandwidth", "20", "--parallel", "--parallel-connections", "3"), ("multifd-channels",))):
        given = until_aborted(pair, move, way, *options)
        plain = until_aborted(pair, move, way, "--bandwidth", "20", "--auto-converge")
        for name in names:
            expect((given[name], plain[name]), EXPECTED[name], f"{name}, asked for and then not")
    move.expect_intact()
    end_guest(pair, guest)


def begin_by_api(pair, move, **more):
    """python-libvirt's migration, for what this virsh has no option for; the words of its end are the result's."""
    params = {libvirt.VIR_MIGRATE_PARAM_URI: pair.b.migrate_uri, libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: 20, **more}
    result = []

    def run():
        try:
            pair.a.client.domain(move.guest.name).migrate3(
                pair.b.client.connection, params, libvirt.VIR_MIGRATE_LIVE)
            result.append("")
        except libvirt.libvirtError as error:
            result.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


@test(qemu=QEMUS)
def bandwidth_at_the_switchover(case, qemu):
    """QEMU has it from 8.2 on; an older one can't be told, and the user hears that."""
    pair, guest, move = running_guest(case, qemu)
    name = "avail-switchover-bandwidth"
    asked = {"bandwidth.avail.switchover": 30}
    thread, result = begin_by_api(pair, move, **asked)
    if qemu == "7.2":
        thread.join(20)
        assert "bandwidth.avail.switchover" in result[0], result
        move.expect_events(([], []))
    else:
        pair.timeline.wait_for(lambda e: e.kind == "iteration" and e.host == "a", PATIENCE, "the first pass")
        given = parameters(pair.a, guest)[name]
        pair.a.virsh("domjobabort", guest.name)
        thread.join(20)
        plain = until_aborted(pair, move, "client-managed", "--bandwidth", "20")[name]
        expect((given, plain), EXPECTED[name], name)
    end_guest(pair, guest)


@test(qemu=QEMUS, way=["client-managed", "p2p", "p2p over TCP"], phase=["pre-copy", "post-copy"])
def stays_paused_as_asked(case, qemu, way, phase):
    """--suspend, with all that says what becomes of the guest's definition; p2p also over TCP."""
    a = case.batond("a", None, 1).start()
    b = case.batond("b", a.timeline, 2, listen_tcp=way == "p2p over TCP").start()
    pair = Pair(a, b)
    for host in (a, b):
        case.own(host.client)
    guest = start_guest(pair, case.tiny(qemu=qemu, options=FULL))
    move = Move(pair, guest)
    ways = {"client-managed": (guest.name, b.uri, b.migrate_uri), "p2p": ("--p2p", guest.name, b.uri),
            "p2p over TCP": ("--p2p", guest.name, b.tcp_uri)}
    options = ("--suspend", "--persistent", "--undefinesource", "--dname", "moved")
    move.start_virsh("migrate", "--live", *options, *(("--postcopy", *SLOW) if phase == "post-copy" else ()), *ways[way])
    if phase == "post-copy":
        move.wait_pass()
        a.virsh("migrate-postcopy", guest.name)
    move.finish()
    told = ["SUSPENDED/MIGRATED", *(["SUSPENDED/POSTCOPY"] if phase == "post-copy" else []), "STOPPED/MIGRATED"]
    a.wait_event("UNDEFINED/REMOVED", guest.name)
    expect(a.told(guest.name)[2:], [*told, "UNDEFINED/REMOVED"], "events of the source")
    expect(b.told("moved"), ["STARTED/MIGRATED", "DEFINED/ADDED", "SUSPENDED/PAUSED"], "events of the destination")
    expect((a.state(guest.name), b.state("moved")), ("none", "PAUSED/USER"), "states")
    b.virsh("resume", "moved")
    expect((guest.verdict()["wrong"], guest.ticks.faults()[:3]), (0, []), "wrong pages and faults in the ticks")
    for command in ("destroy", "undefine"):
        b.virsh(command, "moved")
    expect(a.leftovers() + b.leftovers(), [], "leftovers")


@test(qemu=QEMUS)
def parameters_outlive_the_daemon(case, qemu):
    """The source's daemon is killed before QEMU has them: the next one gives the same. With another number of connections
    than the destination expects QEMU would wait for ever."""
    proxy = case.proxied(qemu)
    pair, guest, move = running_guest(case, qemu, guest=case.fake_guest(proxy, options=FULL))
    held = proxy.hold("source", "command migrate-set-parameters")
    options = (*GIVEN, "--parallel", "--parallel-connections", "3")
    move.start_virsh("migrate", "--live", "--unsafe", *options, *to(move, "p2p"))
    held.wait()
    pair.a.kill9()
    held.release()
    pair.a.start()
    pair.a.reconnect()
    move.finish_failed()
    proxy.wait_point("source", "event MIGRATION/active")
    found = parameters(pair.a, guest)
    for name in ("max-bandwidth", "multifd-channels", "cpu-throttle-initial", "cpu-throttle-increment"):
        expect(found[name], EXPECTED[name][0], name)
    pair.b.wait_event("RESUMED/MIGRATED", guest.name)
    pair.a.wait_event("STOPPED/MIGRATED", guest.name)
    move.expect_intact()
    end_guest(pair, guest)
