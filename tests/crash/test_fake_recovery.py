"""The fake QEMU's recoveries of a broken post-copy, in the orders that 7.2 and 10.0 were recorded in."""
import os
import socket
import subprocess

from lib.fake import FAKE
from lib.move import wait_until
from lib.qmp import Qmp
from lib.runner import expect, test

VERSIONS = ["7.2", "10"]
SLOW = 1_000_000  # bytes a second: post-copy lasts two seconds


class Fake:
    """A fake without a daemon."""

    def __init__(self, case, version, *options):
        folder = os.path.join(case.folder, options[0].strip("-") if options else "source")
        os.mkdir(folder)
        program = os.path.join(folder, f"qemu-{version}")
        os.symlink(FAKE, program)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(folder, "qmp"))
            listener.listen()
            with open(os.path.join(folder, "log"), "wb") as log:
                self.process = subprocess.Popen(
                    [program, "-chardev", f"socket,id=charmonitor,fd={listener.fileno()},server=on,wait=off", *options],
                    pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.path.join(folder, "qmp"))
        self.qmp = Qmp(connection)
        self.qmp.command("migrate-set-capabilities", capabilities=[
            {"capability": name, "state": True} for name in ("events", "postcopy-ram", "return-path")])
        self.qmp.command("migrate-set-parameters", max_bandwidth=4 * SLOW, max_postcopy_bandwidth=SLOW)

    def status(self):
        return self.qmp.command("query-migrate").get("status")

    def wait(self, status, count=1):
        wait_until(lambda: self.qmp.events().count(status) >= count, f"{count} times {status}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.qmp.close()


class Pair:
    """Two fakes in the midst of a post-copy."""

    def __init__(self, case, version):
        self.uri = [f"tcp:{case.network}.9:{case.port + n}" for n in range(2)]
        self.source = case.own(Fake(case, version))
        self.destination = case.own(Fake(case, version, "-incoming", "defer", "-S"))
        self.destination.qmp.command("migrate-incoming", uri=self.uri[0])
        self.source.qmp.command("migrate", uri=self.uri[0])
        self.source.wait("active")
        self.source.qmp.command("migrate-start-postcopy")
        self.destination.wait("postcopy-active")
        self.destination.qmp.command("cont")
        self.seen = [len(one.qmp.events()) for one in (self.source, self.destination)]

    def said(self):
        """What each has said since it was last asked."""
        events = [one.qmp.events() for one in (self.source, self.destination)]
        news = [all_of[seen:] for all_of, seen in zip(events, self.seen)]
        self.seen = [len(all_of) for all_of in events]
        return news

    def recover(self, uri):
        self.destination.qmp.command("migrate-recover", oob=True, uri=uri)
        self.source.qmp.command("migrate", uri=uri, resume=True)

    def end(self):
        for one in (self.source, self.destination):
            one.wait("completed")


@test(version=VERSIONS, by=["source", "destination"])
def paused_and_resumed(case, version, by):
    pair = Pair(case, version)
    assert "no paused migration" in pair.source.qmp.refuses("migrate", uri=pair.uri[0], resume=True)
    assert "postcopy is paused" in pair.destination.qmp.refuses("migrate-recover", uri=pair.uri[0])
    pair.said()
    getattr(pair, by).qmp.command("migrate-pause", oob=True)
    pair.source.wait("postcopy-paused")
    expect(pair.said(), [["postcopy-paused"], ["postcopy-paused"]], "after migrate-pause")
    for uri in pair.uri:  # a second address is fine
        pair.destination.qmp.command("migrate-recover", oob=True, uri=uri)
    pair.source.qmp.command("migrate", uri=pair.uri[1], resume=True)
    pair.source.wait("postcopy-active", 2)
    setup = ["setup", "setup"] if version == "7.2" else []
    expect(pair.said(), [([] if version == "7.2" else ["postcopy-recover-setup"]) + ["postcopy-recover", "postcopy-active"],
                         setup + ["postcopy-recover", "postcopy-active"]], "in the recovery")
    pair.end()
    expect(pair.said(), [["completed"], ["completed"]], "at the end")


@test(version=VERSIONS)
def resumed_before_anybody_listens(case, version):
    pair = Pair(case, version)
    pair.source.qmp.command("migrate-pause", oob=True)
    pair.source.wait("postcopy-paused")
    pair.said()
    pair.source.qmp.command("migrate", uri=pair.uri[0], resume=True)
    wait_until(lambda: pair.source.status() == "postcopy-paused", "paused again")
    if version == "10":
        pair.source.wait("postcopy-paused", 2)
    expect(pair.said()[0], ["postcopy-recover-setup", "postcopy-paused"] if version == "10" else [], "refused connection")
    pair.recover(pair.uri[0])
    pair.end()


@test(version=VERSIONS)
def resumed_over_a_socket_that_it_was_given(case, version):
    pair = Pair(case, version)
    pair.source.qmp.command("migrate-pause", oob=True)
    pair.source.wait("postcopy-paused")
    assert "No file descriptor" in pair.source.qmp.refuses("getfd", fdname="one")
    pair.destination.qmp.command("migrate-recover", oob=True, uri=pair.uri[0])
    with socket.create_connection((f"{case.network}.9", case.port)) as stream:
        pair.source.qmp.send_fd("getfd", stream.fileno(), fdname="one")
    pair.source.qmp.command("migrate", uri="fd:one", resume=True)
    pair.end()


def break_in_recovery(case, pair):
    """Takes the source's call, passes on its first words, and hangs up before the destination's can get back."""
    with socket.socket() as listener:
        listener.bind((f"{case.network}.8", case.port))
        listener.listen()
        with socket.create_connection((f"{case.network}.9", case.port)) as far:  # the destination waits for it
            pair.source.qmp.command("migrate", uri=f"tcp:{case.network}.8:{case.port}", resume=True)
            near, _ = listener.accept()
            with near:
                pair.source.wait("postcopy-recover")
                far.sendall(near.recv(4096))
                pair.destination.wait("postcopy-recover")


@test(version=VERSIONS)
def broken_while_it_recovers(case, version):
    pair = Pair(case, version)
    pair.source.qmp.command("migrate-pause", oob=True)
    pair.source.wait("postcopy-paused")
    pair.destination.qmp.command("migrate-recover", oob=True, uri=pair.uri[0])
    pair.said()
    break_in_recovery(case, pair)
    if version == "7.2":  # the destination dies, its source waits for ever
        pair.destination.qmp.wait_closed()
        assert "no paused migration" in pair.source.qmp.refuses("migrate", uri=pair.uri[0], resume=True)
        expect(pair.source.status(), "postcopy-recover", "the source's status")
        return
    for one in (pair.source, pair.destination):
        one.wait("postcopy-paused", 2)
    pair.recover(pair.uri[1])
    pair.end()
