"""batond goes away, by a signal or by force, and comes back: the guests never notice."""
import concurrent.futures
import glob
import json
import os
import socket
import time

import libvirt

from lib import processes, traces
from lib.move import PRE_COPY, UNDONE_BEFORE_STOP, end_guest, statistics, wait_until
from lib.patience import PATIENCE
from lib.qmp import Qmp
from lib.runner import expect, skip, test
from lib.systemd import Manager
from moving import QEMUS, SLOW, enter_post_copy, only_qemu, refused, running_guest, through_wire

WAYS = ["term", "kill"]


def away(host, way):
    """Ends the daemon; its clients lose their connections."""
    if way == "term":
        expect(host.stop(), 0, "exit status after SIGTERM")
    else:
        host.kill9()


def back(host):
    host.start()
    host.reconnect()


def wait_no_job(host, guest):
    wait_until(lambda: host.client.domain(guest.name).jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE,
               f"the job on {host.name} is still there")


def parent_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("PPid:"))


@test(qemu=QEMUS, way=WAYS)
def guests_are_found_again(case, qemu, way):
    """State, reason, id, autostart, consoles: all as it was, and the guests have not missed a tick."""
    host = case.batond().start()
    case.own(host.client)
    running = case.tiny("running", qemu=qemu)
    paused = case.tiny("paused", qemu=qemu)
    transient = case.tiny("transient", qemu=qemu, devices="<serial type='pty'><target port='2'/></serial>")
    for guest in (running, paused):
        host.client.connection.defineXML(guest.xml).create()
    host.client.connection.createXML(transient.xml, 0)
    for guest in (running, paused, transient):
        guest.wait_ready()
    host.virsh("autostart", "running")
    host.virsh("suspend", "paused")
    host.wait_event("SUSPENDED/PAUSED", "paused")
    qemus = host.qemu_pids()
    expect([parent_of(pid) == host.process.pid for pid in qemus], [False] * 3, "QEMUs that are batond's children")

    def seen():
        found = {}
        for guest in (running, paused, transient):
            domain = host.client.domain(guest.name)
            found[guest.name] = (domain.ID(), host.state(guest.name), domain.autostart(), domain.isPersistent(),
                                 domain.XMLDesc())
        return found

    before = seen()
    events = len(host.events())
    away(host, way)
    back(host)
    expect(seen(), before, "the guests after the restart")
    expect(host.told()[events:], [], "events")
    expect(host.qemu_pids(), qemus, "QEMUs")

    host.virsh("resume", "paused")
    host.wait_event("RESUMED/UNPAUSED", "paused")
    expect("/dev/pts/" in before["transient"][-1], True, "a terminal in the document")
    for guest in (running, paused, transient):
        expect(guest.verdict()["wrong"], 0, "wrong pages")
        expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    fresh = case.tiny("fresh", qemu=qemu)
    host.client.connection.createXML(fresh.xml, 0)
    expect(host.client.domain("fresh").ID() > max(entry[0] for entry in before.values()), True, "an id of its own")
    host.virsh("shutdown", "transient")
    host.wait_event("STOPPED/SHUTDOWN", "transient")
    for name in ("running", "paused", "fresh"):
        host.virsh("destroy", name)
    for name in ("running", "paused"):
        host.virsh("undefine", name)
    expect(host.leftovers(), [], "leftovers")


@test(qemu=QEMUS, way=WAYS)
def guest_that_ended_meanwhile(case, qemu, way):
    """A QEMU that died while nobody watched: crashed, as clients would have been told."""
    host = case.batond().start()
    case.own(host.client)
    kept = case.tiny("kept", qemu=qemu)
    transient = case.tiny("transient", qemu=qemu)
    host.client.connection.defineXML(kept.xml).create()
    host.client.connection.createXML(transient.xml, 0)
    qemus = host.qemu_pids()
    away(host, way)
    for pid in qemus:
        processes.kill(pid)
        processes.wait_gone(pid, PATIENCE)
    back(host)
    expect(host.state("kept"), "SHUTOFF/CRASHED", "state of the defined guest")
    expect(host.state("transient"), "none", "state of the transient guest")
    host.virsh("start", "kept")
    expect(host.state("kept"), "RUNNING/BOOTED", "state after the next start")
    host.virsh("destroy", "kept")
    host.virsh("undefine", "kept")
    expect(host.leftovers(), [], "leftovers")


@test(qemu=QEMUS, way=WAYS)
def source_daemon_in_pre_copy(case, qemu, way):
    """The guest runs on at the source, the migration is undone."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    away(pair.a, way)
    move.finish_failed()
    back(pair.a)
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    wait_no_job(pair.a, guest)
    move.expect_events(UNDONE_BEFORE_STOP)
    move.expect_states("RUNNING/BOOTED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    move.mark()
    move.run()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=WAYS)
def destination_daemon_in_pre_copy(case, qemu, way):
    """Nobody can give the guest its `cont` there: it goes on at the source, and what arrived is ended."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    move.wait_pass()
    away(pair.b, way)
    move.let_go()  # virsh hears of it only when it comes to Finish
    move.finish_failed()
    back(pair.b)
    wait_no_job(pair.a, guest)
    state = pair.a.state(guest.name)
    assert state in ("RUNNING/BOOTED", "RUNNING/MIGRATION_CANCELED"), state
    wait_until(lambda: pair.b.state(guest.name) == "none", "the guest is still on the destination")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    move.run()
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=WAYS)
def source_daemon_in_post_copy(case, qemu, way):
    """It goes on and is finished: the guest is where it was resumed, once."""
    pair, guest, move = running_guest(case, qemu)
    wire = through_wire(case, pair)
    enter_post_copy(move)
    wire.hold()
    move.let_go("--postcopy")
    away(pair.a, way)
    wire.release()
    move.finish()  # virsh is content with the destination's word, and warns of the source
    back(pair.a)
    pair.b.wait_event("RESUMED/MIGRATED", guest.name)
    # Its last event may come before a client is back to hear it: the state stays.
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the migration has not ended on the source")
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    told = statistics(pair.a, guest.name)
    assert told["memory_processed"] > 0 and told["time_elapsed"] > 0, told
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=WAYS)
def destination_daemon_in_post_copy(case, qemu, way):
    """The guest runs on there; the daemon that comes back takes the migration up again."""
    pair, guest, move = running_guest(case, qemu)
    enter_post_copy(move)
    away(pair.b, way)
    move.finish_failed()
    back(pair.b)
    move.let_go("--postcopy")
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "the migration has not ended there")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the migration has not ended on the source")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, way=WAYS)
def statistics_survive(case, qemu, way):
    pair, guest, move = running_guest(case, qemu)
    move.run()
    before = [statistics(host, guest.name) for host in (pair.a, pair.b)]
    for host in (pair.a, pair.b):
        away(host, way)
        back(host)
    expect([statistics(host, guest.name) for host in (pair.a, pair.b)], before, "statistics after the restart")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def autostart_once_a_boot(case, qemu):
    """A restart of the daemon starts nothing that a user has shut off."""
    host = case.batond().start()
    case.own(host.client)
    guest = case.tiny(qemu=qemu)
    host.client.connection.defineXML(guest.xml)
    host.virsh("autostart", guest.name)
    away(host, "term")
    back(host)
    expect(host.state(guest.name).split("/")[0], "SHUTOFF", "state after a restart of the daemon")
    away(host, "term")
    os.unlink(os.path.join(host.root, "run", "baton", "autostarted"))  # as a boot of the host does
    back(host)
    wait_until(lambda: host.state(guest.name) == "RUNNING/BOOTED", "it was not started")
    guest.wait_ready()
    host.virsh("destroy", guest.name)
    host.virsh("undefine", guest.name)


@test(qemu=QEMUS)
def guest_powers_itself_off_while_the_daemon_is_away(case, qemu):
    """QEMU has stopped and waits to be ended; the daemon that comes back does that, and says why the guest is off."""
    host = case.batond().start()
    case.own(host.client)
    guest = case.tiny(qemu=qemu)
    host.client.connection.defineXML(guest.xml).create()
    guest.wait_ready()
    host.kill9()
    guest.console.command("o", "off", oldest=True)
    back(host)
    wait_until(lambda: host.state(guest.name) == "SHUTOFF/SHUTDOWN", "the guest is not off")
    expect(host.qemu_pids(), [], "QEMUs")


@test(qemu=QEMUS)
def restart_on_poweroff_while_the_daemon_is_away(case, qemu):
    """It stands still, powered off, until a daemon is there that lets it start again, as its document says."""
    host = case.batond().start()
    case.own(host.client)
    guest = case.tiny(qemu=qemu)
    guest.xml = guest.xml.replace("<on_poweroff>destroy", "<on_poweroff>restart")
    host.client.connection.defineXML(guest.xml).create()
    guest.wait_ready()
    host.kill9()
    said = len(guest.console.lines)
    guest.console.command("o", "off", oldest=True)
    back(host)
    guest.console.wait_line("ready", PATIENCE, said)
    wait_until(lambda: host.state(guest.name).startswith("RUNNING/"), "it runs, and its state does not say so")
    host.virsh("destroy", guest.name)
    host.virsh("undefine", guest.name)


@test(qemu=QEMUS)
def io_error_while_the_daemon_is_away(case, qemu):
    """Nobody heard why the guest stands still; QEMU's state says it."""
    host = case.batond().start()
    case.own(host.client)
    fake = case.fake(qemu)
    guest = case.fake_guest(fake)
    host.client.connection.defineXML(guest.xml).create()
    host.kill9()
    held = fake.hold("source", "command query-status")
    host.start()
    held.wait()
    host.reconnect()
    held.release("io-error")
    host.wait_event("SUSPENDED/IOERROR", guest.name)
    expect(host.state(guest.name), "PAUSED/IOERROR", "state")
    host.virsh("resume", guest.name)
    expect(host.state(guest.name), "RUNNING/UNPAUSED", "state after resume")
    host.virsh("suspend", guest.name)
    expect(host.state(guest.name), "PAUSED/USER", "a pause of its user's is none of the disk's")
    host.virsh("destroy", guest.name)
    host.virsh("undefine", guest.name)


@test(qemu=QEMUS)
def calls_wait_until_qemu_has_spoken(case, qemu):
    """The daemon is back and QEMU has not said yet how it is: what needs QEMU waits for that, and is not refused."""
    host = case.batond(log_level=1).start()
    case.own(host.client)
    fake = case.fake(qemu)
    guest = case.fake_guest(fake)
    host.client.connection.defineXML(guest.xml).create()
    host.kill9()
    held = fake.hold("source", "command query-status")
    host.start()
    held.wait()
    domain = host.reconnect().domain(guest.name)
    postcopy = libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY
    with concurrent.futures.ThreadPoolExecutor() as pool:
        calls = [pool.submit(*call) for call in (
            (domain.migrateSetMaxSpeed, 77), (domain.migrateSetMaxSpeed, 7, postcopy),
            (domain.migrateSetMaxDowntime, 99), (domain.suspend,), (domain.memoryStats,), (domain.jobStats,))]
        for name in ("MIGRATE_SET_MAX_SPEED", "MIGRATE_SET_MAX_DOWNTIME", "SUSPEND", "MEMORY_STATS", "GET_JOB_STATS"):
            wait_until(lambda name=name: f"calls DOMAIN_{name}" in host.log_tail(1000), f"{name} does not come")
        held.release()
        for call in calls:
            call.result(timeout=PATIENCE)  # or else it raises what it was refused with
    for options, value in (((), "77"), (("--postcopy",), "7")):
        expect(host.virsh("migrate-getspeed", guest.name, *options).strip(), value, "the limit of the bandwidth")
    expect(host.virsh("migrate-getmaxdowntime", guest.name).strip(), "99", "the downtime's limit")
    host.virsh("destroy", guest.name)
    host.virsh("undefine", guest.name)


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def migration_waits_until_qemu_has_spoken(case, qemu, way):
    """One that begins before that is not taken for one that the daemon's end cut off."""
    fake = case.fake(qemu)
    pair, guest, move = running_guest(case, qemu, guest=case.fake_guest(fake), log_level=1)
    pair.a.kill9()
    held = fake.hold("source", "command query-status")
    pair.a.start()
    held.wait()
    pair.a.reconnect()
    move.start(*(("--p2p",) if way == "p2p" else ()))
    call = "DOMAIN_MIGRATE_PERFORM3_PARAMS" if way == "p2p" else "DOMAIN_MIGRATE_BEGIN3_PARAMS"
    wait_until(lambda: f"calls {call}" in pair.a.log_tail(1000), "the call does not come")
    held.release()
    move.finish()
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    end_guest(pair, guest)


# ---- a QEMU whose monitor is blocked ----


def broken_arrival(case, qemu, manager):
    """A post-copy that breaks in the middle; then the daemon of the destination is gone. The rest is done by hand."""
    traces.by_hand(case.folder)
    pair, guest, move = running_guest(case, qemu)
    for host in (pair.a, pair.b) if manager else ():
        host.kill9()
        host.manager = case.own(Manager(os.path.join(case.folder, f"notify-{host.name}")))
        back(host)
    wire = through_wire(case, pair)
    enter_post_copy(move, busy=True)
    wire.hold()
    move.let_go("--postcopy")  # once it goes on
    wire.cut()
    move.finish_failed()
    pair.b.wait_event("RESUMED/POSTCOPY_FAILED", guest.name)
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    wait_until(lambda: time.monotonic() - guest.ticks.last()[0] > 0.5, "the guest waits for no page")
    return pair, guest, move


def expect_blocked(pair, guest):
    """The daemon that is back says what it knows, names the trouble, and disturbs nobody."""
    expect(pair.b.state(guest.name), "RUNNING/POSTCOPY_FAILED", "what is known of it")
    wait_until(lambda: "error" in pair.b.virsh("domcontrol", guest.name), "domcontrol does not say it")
    assert "monitor" in pair.b.virsh("domcontrol", guest.name)
    assert "blocked" in pair.b.log_tail(), pair.b.log_tail()
    refused(pair.b, "monitor does not answer", "qemu-monitor-command", guest.name, '{"execute":"query-status"}')
    assert guest.name in pair.b.virsh("list")
    only_qemu(pair.b)


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def listens(address, port):
    local = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}"
    with open("/proc/net/tcp", encoding="utf-8") as f:
        return any(line.split()[1] == local and line.split()[3] == "0A" for line in list(f)[1:])


def order_line(command, **arguments):
    return json.dumps({"execute" if command != "migrate-recover" else "exec-oob": command, "id": 1,
                       **({"arguments": arguments} if arguments else {})}).encode() + b"\n"


@test(qemu=QEMUS, half=[False, True])
def blocked_monitor_is_kept(case, qemu, half):
    """Its connection outlives the daemon, so that what goes out of band still reaches QEMU."""
    pair, guest, move = broken_arrival(case, qemu, True)
    manager = pair.b.manager
    manager.wait_kept(1)
    pair.b.kill9()
    manager.write(order_line("stop"))  # as if the daemon had died over it
    if half:
        manager.write(b'{"execute": "query-sta')
    back(pair.b)
    expect_blocked(pair, guest)
    manager.wait_kept(1)
    # Out of band, over the connection that the daemon holds.
    uri = f"tcp:{pair.b.address}:{case.port + 1}"
    manager.write(order_line("migrate-recover", uri=uri))
    wait_until(lambda: listens(pair.b.address, case.port + 1), "QEMU does not listen")
    pair.a.manager.write(order_line("migrate", uri=uri, resume=True))
    wait_until(lambda: "error" not in pair.b.virsh("domcontrol", guest.name), "it stays unheard")
    expect(pair.b.state(guest.name), "PAUSED/UNKNOWN", "what became of the order that the daemon died over")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the migration does not end")
    pair.b.virsh("resume", guest.name)
    move.expect_intact()
    end_guest(pair, guest)
    manager.wait_kept(0)


@test(qemu=QEMUS)
def blocked_monitor_without_a_store(case, qemu):
    """It can't be asked any more; that is said, nobody waits for it, and it is heard when it is not blocked any more."""
    pair, guest, move = broken_arrival(case, qemu, False)
    pair.b.kill9()
    path = glob.glob(os.path.join(pair.b.root, "run", "baton", "*", "monitor"))[0]
    try:
        qmp = case.own(Qmp(connect(path)))
    except TimeoutError:
        skip("the guest waits for its page with QEMU's own lock held: no new monitor takes an order")
    qmp.send("stop")
    back(pair.b)  # it can't get through, or not to an answer
    expect_blocked(pair, guest)
    uri = f"tcp:{pair.b.address}:{case.port + 1}"
    qmp.command("migrate-recover", oob=True, uri=uri)
    pair.a.kill9()
    path = glob.glob(os.path.join(pair.a.root, "run", "baton", "*", "monitor"))[0]
    source = case.own(Qmp(connect(path)))
    source.command("migrate", uri=uri, resume=True)
    qmp.wait_event("STOP")
    for one in (source, qmp):
        one.close()
    back(pair.a)
    wait_until(lambda: "error" not in pair.b.virsh("domcontrol", guest.name), "it stays unheard")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the migration does not end")
    expect(pair.b.state(guest.name).split("/")[0], "PAUSED", "what the order that nobody heard of has made of it")
    pair.b.virsh("resume", guest.name)
    move.expect_intact()
    end_guest(pair, guest)


# ---- figures ----

TIMES = ("time_elapsed",)


@test(qemu=QEMUS)
def figures_of_a_failure_while_away(case, qemu):
    """QEMU forgets them when it fails; what it had said before is kept."""
    pair, guest, move = running_guest(case, qemu)
    move.start(*SLOW)
    wait_until(lambda: "memory_total" in statistics(pair.a, guest.name, ()), "the migration has no figures")
    before = statistics(pair.a, guest.name, ())
    pair.a.kill9()
    for pid in pair.b.qemu_pids():  # the client's end may have ended it already
        processes.kill(pid)
    back(pair.a)
    wait_no_job(pair.a, guest)
    done = statistics(pair.a, guest.name)
    expect([done["operation"], done["success"]], [5, 0], "operation and success")
    expect(done["memory_total"], before["memory_total"], "memory_total")
    assert 0 < done["time_elapsed"] and done["errmsg"], done
    move.expect_intact()
    end_guest(pair, guest)



@test(qemu=QEMUS, who=["a", "b", "ab"], timeout=90)
def figures_survive(case, qemu, who):
    """In mid post-copy a daemon (or both) is away for a second; what clients read of the job goes on as if it had not."""
    pair, guest, move = running_guest(case, qemu, peers=1)
    began = time.monotonic()
    move.start_virsh("migrate", "--live", "--p2p", "--postcopy", *SLOW, "--postcopy-bandwidth", "4", guest.name,
                     pair.b.uri, pair.b.migrate_uri)
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    pair.b.wait_event("RESUMED/POSTCOPY", guest.name)
    before = {}
    for host in (pair.a, pair.b):
        asked = time.monotonic()
        before[host.name] = statistics(host, guest.name, ()) | {"asked": asked, "answered": time.monotonic()}
    hosts = [host for host in (pair.a, pair.b) if host.name in who]
    for host in hosts:
        host.kill9()
    ready = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > ready, "a second")
    for host in reversed(hosts):
        back(host)
    for host in (pair.a, pair.b):
        then = before[host.name]
        asked, answered = then.pop("asked"), then.pop("answered")
        least = time.monotonic() - answered
        now = statistics(host, guest.name, ())
        expect(sorted(now), sorted(then), f"fields on {host.name}")
        expect(now["operation"], before[host.name]["operation"], "operation")
        passed = (now["time_elapsed"] - then["time_elapsed"]) / 1000
        assert least - 0.002 < passed < time.monotonic() - asked + 0.002, (least, passed)
        if host is pair.b:  # what its source said when post-copy began
            expect({k: v for k, v in now.items() if k not in TIMES},
                   {k: v for k, v in before["b"].items() if k not in TIMES}, "figures on the destination")
        else:
            assert now["data_processed"] >= before["a"]["data_processed"], now
    wait_until(lambda: pair.b.state(guest.name) == "RUNNING/MIGRATED", "the migration has not ended there")
    wait_until(lambda: pair.a.state(guest.name) == "SHUTOFF/MIGRATED", "the migration has not ended here")
    elapsed = time.monotonic() - began
    done = {host.name: statistics(host, guest.name) for host in (pair.a, pair.b)}
    for name, told in done.items():
        assert before[name]["time_elapsed"] / 1000 + 1 < told["time_elapsed"] / 1000 < elapsed, (name, told, elapsed)
        expect(told["success"], 1, "success")
        expect(told["data_remaining"], 0, "data_remaining")
    for field in ("memory_total", "memory_processed", "memory_constant", "memory_normal", "memory_postcopy_requests",
                  "setup_time"):
        expect(done["b"][field], done["a"][field], f"{field} on the destination")
    assert 0 < done["b"]["downtime"] < 2000, done["b"]
    move.expect_intact()
    end_guest(pair, guest)
