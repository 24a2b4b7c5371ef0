"""A source whose post-copy broke before the destination ran it: the guest is whole and stands still, and QEMU refuses
`cont` for ever. Its debugger's door does not: bare QEMUs, what Baton can rely on."""
import json
import os
import socket
import subprocess

from lib.move import wait_until
from lib.qmp import BareQemu, Ports, QmpError
from lib.runner import expect, test
from lib.wire import Wire

QEMUS = ["7.2", "10"]
MIB = 1 << 20


class Stranded:
    """A source, running a guest with a disk, whose stream ends in the middle of the switchover."""

    def __init__(self, case, version):
        self.image = os.path.join(case.folder, "disk.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", self.image, "1M"], check=True)
        disk = ("-blockdev", json.dumps({"driver": "file", "filename": self.image, "node-name": "file"}),
                "-blockdev", json.dumps({"driver": "qcow2", "file": "file", "node-name": "disk"}),
                "-device", "virtio-blk-pci,drive=disk,id=vda")
        self.folder = case.folder
        self.version = version
        self.ports = case.own(Ports(case.folder))
        ends = [case.own(BareQemu(case.folder, name, case.emulator(version), self.ports, incoming=name == "destination",
                                  options="mib=32 rate=6000", extra=disk)) for name in ("source", "destination")]
        self.source, self.destination = ends
        self.ports.console.wait_line("ready", 20)
        self.wire = case.own(Wire(f"{case.network}.3", f"{case.network}.2", case.port))
        for end in ends:
            end.capabilities(events=True, return_path=True, postcopy_ram=True)
        self.source.capabilities(pause_before_switchover=True)
        self.destination.qmp.command("migrate-incoming", uri=f"tcp:{case.network}.2:{case.port}")
        qmp = self.source.qmp
        qmp.command("migrate-set-parameters", max_bandwidth=20 * MIB, max_postcopy_bandwidth=MIB)
        qmp.command("migrate", uri=self.wire.uri.replace("//", ""))
        qmp.wait_event("active")
        qmp.command("migrate-start-postcopy")
        qmp.wait_event("pre-switchover")

    def go_on(self):
        self.source.qmp.command("migrate-continue", state="pre-switchover")

    def no_ordinary_way(self):
        said = self.source.qmp.refuses("cont")
        assert said and "not finalized" in said, said
        expect(self.source.status(), "finish-migrate", "status of the source")

    def has_disk(self):
        """Does the source hold the image's lock?"""
        tried = subprocess.run(["qemu-io", "-c", "write 0 512", self.image], capture_output=True, text=True, check=False)
        return "lock" in tried.stderr + tried.stdout

    def take_disk(self):
        """The switchover has let go of it; a guest that runs without it ends its QEMU with an assertion."""
        qmp = self.source.qmp
        if self.version != "7.2":
            qmp.command("blockdev-set-active", active=True)
            return
        # There is no such order yet. An export makes its node active before it is refused.
        address = {"type": "unix", "data": {"path": os.path.join(self.folder, "nbd")}}
        qmp.command("nbd-server-start", addr=address)
        said = qmp.refuses("block-export-add", type="nbd", id="export", node_name="disk", writable=True)
        assert "Permission conflict" in said, said
        qmp.command("nbd-server-stop")

    def open_the_door(self):
        """A debugger that lets the guest go on, and goes."""
        path = os.path.join(self.folder, "gdb")
        said = self.source.qmp.command("human-monitor-command", command_line=f"gdbserver unix:{path},server=on,wait=off")
        assert "Waiting for gdb" in said, said
        with socket.socket(socket.AF_UNIX) as debugger:
            debugger.connect(path)
            debugger.sendall(b"$D#44")
            self.source.qmp.wait_event("RESUME")
        self.source.qmp.command("human-monitor-command", command_line="gdbserver none")

    def expect_back(self):
        qmp = self.source.qmp
        expect(self.source.status(), "running", "status of the source")
        qmp.command("stop")
        qmp.command("cont")  # as ever
        verdict = self.ports.console.command("v", "verdict", oldest=True)
        expect((verdict["wrong"], self.ports.ticks.faults()[:3]), (0, []), "wrong pages and faults in the ticks")
        assert self.has_disk(), "another program can write to the guest's disk"
        # It can't be moved any more as long as this QEMU lives.
        said = qmp.refuses("migrate", uri=f"unix:{self.folder}/other")
        assert said and "in progress" in said, said


@test(qemu=QEMUS)
def post_copy_that_never_arrived(case, qemu):
    """postcopy-paused, and the destination is gone with what it had."""
    stranded = Stranded(case, qemu)
    qmp = stranded.source.qmp
    stranded.wire.hold()
    stranded.go_on()
    for event in ("STOP", "postcopy-active"):
        qmp.wait_event(event)
    wait_until(lambda: qmp.command("query-migrate")["ram"]["postcopy-bytes"], "no page is sent")
    stranded.wire.cut()
    qmp.wait_event("postcopy-paused")
    stranded.destination.kill()
    stranded.no_ordinary_way()
    expect(stranded.has_disk(), False, "does the source have the disk")
    stranded.take_disk()
    stranded.open_the_door()
    stranded.expect_back()


@test(qemu=["10"])
def post_copy_that_never_began(case, qemu):
    """`device` for ever: no event tells, but what QEMU answers does. 7.2 is in postcopy-active by then."""
    stranded = Stranded(case, qemu)
    qmp = stranded.source.qmp
    assert "error-desc" not in qmp.command("query-migrate"), qmp.command("query-migrate")
    stranded.wire.cut()
    stranded.go_on()
    qmp.wait_event("device")
    wait_until(lambda: "error-desc" in qmp.command("query-migrate"), "QEMU does not say that it gave up")
    expect(stranded.source.migration(), "device", "status of the migration")
    stranded.destination.kill()
    stranded.no_ordinary_way()
    stranded.take_disk()
    stranded.open_the_door()
    stranded.expect_back()


@test(qemu=["10"])
def a_disk_that_the_destination_has(case, qemu):
    """The door is no way past the fence: what runs elsewhere has the image's lock."""
    stranded = Stranded(case, qemu)
    stranded.go_on()
    stranded.destination.qmp.wait_event("postcopy-active")
    stranded.destination.qmp.command("cont")
    stranded.destination.qmp.wait_event("RESUME")
    stranded.wire.cut()
    stranded.source.qmp.wait_event("postcopy-paused")
    try:
        stranded.take_disk()
        raise AssertionError("the source has taken the disk of a guest that runs on the destination")
    except QmpError as error:
        assert "lock" in str(error), error
