"""Why the daemon connects the stream that resumes a post-copy, and hands it to QEMU: bare QEMUs, without any daemon.

When one of these shows that a defect is gone, migrate_recover.c may leave more to QEMU.
"""
import os
import socket

from lib.move import wait_until
from lib.qmp import BareQemu, Ports, Qmp
from lib.runner import expect, test
from lib.wire import Turnstile, Wire
from moving import FULL, QEMUS

MIB = 1 << 20


class Broken:
    """Two QEMUs in a post-copy whose stream was cut; the destination has been made to listen again, at `address`."""

    def __init__(self, case, qemu, preempt=False):
        more = ("-global", "migration.x-preempt-pre-7-2=off") if preempt else ()
        wire = case.own(Wire(f"{case.network}.3", f"{case.network}.2", case.port))
        ports = case.own(Ports(case.folder))
        self.monitor = os.path.join(case.folder, "daemon.qmp")  # of the source, to come and go as a daemon does
        self.source = case.own(BareQemu(case.folder, "source", case.emulator(qemu), ports, options=FULL, extra=(
            "-chardev", f"socket,id=daemon,path={self.monitor},server=on,wait=off", "-mon", "chardev=daemon,mode=control", *more)))
        ports.console.wait_line("ready")
        self.destination = case.own(
            BareQemu(case.folder, "destination", case.emulator(qemu), ports, incoming=True, options=FULL, extra=more))
        for end in (self.source, self.destination):
            end.capabilities(events=True, return_path=True, postcopy_ram=True, **({"postcopy_preempt": True} if preempt else {}))
        self.source.qmp.command("migrate-set-parameters", max_bandwidth=20 * MIB, max_postcopy_bandwidth=MIB)
        self.destination.qmp.command("migrate-incoming", uri=f"tcp:{case.network}.2:{case.port}")
        self.source.qmp.command("migrate", uri=wire.uri.replace("//", ""))
        self.source.qmp.wait_event("active")
        self.source.qmp.command("migrate-start-postcopy")
        self.destination.qmp.wait_event("postcopy-active")
        self.destination.qmp.command("cont")
        wire.cut()
        for end in (self.source, self.destination):
            end.qmp.wait_event("postcopy-paused")
        self.address = (f"{case.network}.2", case.port + 1)
        self.destination.qmp.command("migrate-recover", oob=True, uri="tcp:%s:%d" % self.address)

    def resume(self):
        """With a stream that was connected for it."""
        with socket.create_connection(self.address) as stream:
            self.source.qmp.send_fd("getfd", stream.fileno(), fdname="resume")
            self.source.qmp.command("migrate", uri="fd:resume", resume=True)
        for end in (self.source, self.destination):
            end.qmp.wait_count("postcopy-active", 2)


@test(qemu=QEMUS)
def stream_that_is_closed_at_once(case, qemu):
    """7.2's destination dies of it, and the guest with it; 10.0's waits for the next one."""
    broken = Broken(case, qemu)
    socket.create_connection(broken.address).close()
    if qemu == "7.2":
        broken.destination.qmp.wait_closed()
        expect(broken.destination.process.wait(), -11, "how the destination ended")
        return
    broken.destination.qmp.wait_count("postcopy-paused", 2)
    broken.destination.qmp.command("migrate-recover", oob=True, uri="tcp:%s:%d" % broken.address)
    broken.resume()


@test(qemu=QEMUS)
def connection_that_fails(case, qemu):
    """7.2's source says nothing of it, 10.0's says paused, and takes the next one."""
    broken = Broken(case, qemu)
    dead = f"tcp:{case.network}.77:{case.port}"
    before = len(broken.source.qmp.events())
    broken.source.qmp.command("migrate", uri=dead, resume=True)
    if qemu == "7.2":  # which at times dies of the next one
        for _ in range(50):  # each turn of its loop, the connection fails in one of them
            expect(broken.source.qmp.command("query-migrate")["status"], "postcopy-paused", "status")
        expect(broken.source.qmp.events()[before:], [], "what was told of the failure")
        return
    broken.source.qmp.wait_count("postcopy-paused", 2)
    broken.resume()


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return Qmp(connection)


@test(qemu=QEMUS)
def descriptor_outlives_its_daemon(case, qemu):
    """QEMU keeps what it was given, for the daemon that comes back to resume with. And has it once."""
    broken = Broken(case, qemu)
    daemon = connect(broken.monitor)
    with socket.create_connection(broken.address) as stream:
        daemon.send_fd("getfd", stream.fileno(), fdname="resume")
    broken.destination.qmp.wait_event("postcopy-recover")
    daemon.close()
    daemon = connect(broken.monitor)
    daemon.command("migrate", uri="fd:resume", resume=True)
    for end in (broken.source, broken.destination):
        end.qmp.wait_count("postcopy-active", 2)
    daemon.close()


@test(qemu=["10"])
def descriptor_that_is_taken_back(case, qemu):
    """The destination, which had taken the connection, waits for the next one then. (7.2's would die.)"""
    broken = Broken(case, qemu)
    with socket.create_connection(broken.address) as stream:
        broken.source.qmp.send_fd("getfd", stream.fileno(), fdname="resume")
    broken.destination.qmp.wait_event("postcopy-recover")
    broken.source.qmp.command("closefd", fdname="resume")
    broken.destination.qmp.wait_count("postcopy-paused", 2)
    broken.destination.qmp.command("migrate-recover", oob=True, uri="tcp:%s:%d" % broken.address)
    broken.resume()


@test(qemu=QEMUS)
def descriptor_that_never_came(case, qemu):
    """QEMU says so, and what is broken can be resumed as before."""
    broken = Broken(case, qemu)
    assert "resume" in broken.source.qmp.refuses("migrate", uri="fd:resume", resume=True)
    if broken.source.migration() != "postcopy-paused":
        broken.source.qmp.wait_count("postcopy-paused", 2)
    broken.resume()


@test(qemu=QEMUS)
def answer_that_is_lost(case, qemu):
    """The source resumes, and the stream ends before the destination has answered: 7.2's waits for that for ever."""
    broken = Broken(case, qemu)
    ours, its = socket.socketpair()
    with its:
        broken.source.qmp.send_fd("getfd", its.fileno(), fdname="resume")
    broken.source.qmp.command("migrate", uri="fd:resume", resume=True)
    broken.source.qmp.wait_event("postcopy-recover")
    with ours:
        assert ours.recv(1), "the stream ended"
    if qemu == "7.2":
        for _ in range(50):
            expect(broken.source.migration(), "postcopy-recover", "status")
        assert "only supported during postcopy-active" in broken.source.qmp.refuses("migrate-pause", oob=True)
        assert "no paused migration" in broken.source.qmp.refuses("migrate", uri="fd:resume", resume=True)
        return
    broken.source.qmp.wait_count("postcopy-paused", 2)
    broken.resume()


@test(qemu=["10"])
def with_preempt_qemu_connects_by_itself(case, qemu):
    """It takes no stream that was connected for it, and nothing ends its attempt before TCP does. What Baton makes of
    that is in test_recovery.py: another_network_takes_over."""
    broken = Broken(case, qemu, preempt=True)
    source = broken.source.qmp
    with socket.socketpair()[0] as stream:
        source.send_fd("getfd", stream.fileno(), fdname="resume")
    assert "multi-channel" in source.refuses("migrate", uri="fd:resume", resume=True)
    turnstile = case.own(Turnstile(f"{case.network}.3"))
    turnstile.fill()
    source.command("migrate", uri=turnstile.uri, resume=True)
    wait_until(lambda: turnstile.callers_waiting() == 1, "QEMU does not connect")
    assert "only supported during postcopy-active" in source.refuses("migrate-pause", oob=True)
    assert "no paused migration" in source.refuses("migrate", uri="tcp:%s:%d" % broken.address, resume=True)
    expect(broken.source.migration(), "postcopy-recover-setup", "status")
