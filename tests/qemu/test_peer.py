"""Two daemons that settle an attempt between them: proof, the last figures, and strangers at the peers' listener."""
import os
import signal
import socket
import struct
import sys

import libvirt

from lib.move import PRE_COPY, end_guest, statistics, wait_until
from lib.raw_rpc import DEADLINE, NUMBERS, REMOTE, frame, opaque, string, u32
from lib.runner import expect, test
from moving import QEMUS, SLOW, ordered, running_guest, wait_job

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "interop"))
from steps import Steps  # noqa: E402  pylint: disable=wrong-import-position

PEER = 0x6261746F
HELLO, ASK = 1, 2
AUTH_FAILED, OPERATION_DENIED, RPC = 45, 29, 39
HELLO_SECONDS = 10


def move_p2p(move, *options):
    move.start_virsh("migrate", "--live", "--p2p", *options, move.guest.name, move.destination.uri)


def enter(move, managed):
    """Post-copy that is over soon, in which the guest asks for pages."""
    if managed:
        move.start("--postcopy", *SLOW, "--postcopy-bandwidth", "20")
    else:
        move_p2p(move, "--postcopy", *SLOW, "--postcopy-bandwidth", "20")
    move.wait_pass()
    move.source.virsh("migrate-postcopy", move.guest.name)
    move.finish()


@test(qemu=QEMUS, way=["client-managed", "p2p"])
def destination_has_the_whole_account(case, qemu, way):
    """Only the source's QEMU counts the pages that were asked for; the destination tells them all the same."""
    pair, guest, move = running_guest(case, qemu, peers=way == "client-managed")
    enter(move, way == "client-managed")
    source, destination = (statistics(host, guest.name) for host in (pair.a, pair.b))
    for name in ("memory_postcopy_requests", "memory_processed", "memory_normal"):
        expect(destination[name], source[name], f"{name} on the destination")
    job = wait_job(pair.b, guest)
    expect(job["memory_postcopy_requests"], source["memory_postcopy_requests"], "in JOB_COMPLETED")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def lost_finish_is_settled_by_proof(case, qemu):
    """The destination's daemon dies with Finish unread: the source stands still until it has proof, and goes on."""
    pair, guest, move = running_guest(case, qemu)
    move_p2p(move, *SLOW)
    move.wait_pass()
    pair.b.process.send_signal(signal.SIGSTOP)
    move.let_go()
    pair.a.wait_event("SUSPENDED/MIGRATED", guest.name)
    wait_until(lambda: ordered(pair.a, "PEER_FINISH"), "the source has not sent Finish")
    pair.b.kill9()
    move.finish_failed()
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state in doubt")
    pair.b.start()
    pair.b.reconnect()
    pair.a.wait_event("RESUMED/MIGRATED", guest.name)
    move.expect_states("RUNNING/MIGRATION_CANCELED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    move.mark()
    move_p2p(move)
    move.finish()
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS, restarted=[0, 1])
def undefined_by_proof(case, qemu, restarted):
    """Its client dies before Confirm: the source is undefined when the destination says that it has the definition."""
    pair, guest, _ = running_guest(case, qemu, peers=True)
    steps = Steps(case, pair, guest, libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST |
                  libvirt.VIR_MIGRATE_UNDEFINE_SOURCE)
    steps.begin()
    steps.prepare()
    steps.perform()
    steps.finish()
    if restarted:
        pair.b.restart()
    steps.source.close()
    pair.a.wait_event("UNDEFINED/REMOVED", guest.name)
    expect(pair.a.state(guest.name), "none", "state on the source")
    expect(pair.b.client.domain(guest.name).isPersistent(), 1, "persistent on the destination")
    end_guest(pair, guest)


class Stranger:
    """A connection to the peers' listener."""

    def __init__(self, host):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(DEADLINE + HELLO_SECONDS)
        self._socket.connect(host.peer_socket)

    def send(self, data):
        self._socket.sendall(data)

    def error(self):
        """The number of the error that it is answered with; None when the connection was closed."""
        head = b""
        while len(head) < 32:
            data = self._socket.recv(4096)
            if not data:
                return None
            head += data
        size, status, code = struct.unpack_from(">I20xii", head)
        assert size >= 32 and status == 1, head
        return code


def hello(token):
    return frame(HELLO, opaque(token) + bytes(16) + u32(0) + string("0.1.0"), program=PEER)


@test(waits=True)
def strangers_at_the_peers_listener(case):
    """A token that nobody gave out opens nothing, and nothing else is served there."""
    host = case.batond(peers=True).start()
    stranger = Stranger(host)
    for token in (bytes(16), b"short", b""):
        stranger.send(hello(token))
        expect(stranger.error(), AUTH_FAILED, f"answer to the token {token}")
    stranger.send(frame(ASK, u32(0), program=PEER))
    expect(stranger.error(), OPERATION_DENIED, "answer to a question before HELLO")
    stranger.send(frame(NUMBERS["CONNECT_OPEN"], u32(0) + u32(0), program=REMOTE))
    expect(stranger.error(), RPC, "answer to a libvirt client")

    for junk in (b"GET / HTTP/1.0\r\n\r\n" * 4, b"\xff" * 64, frame(HELLO, bytes(8192), program=PEER)):
        stranger = Stranger(host)
        stranger.send(junk)
        expect(stranger.error(), None, f"answer to {junk[:16]}")

    many = [Stranger(host) for _ in range(40)]
    many[-1].send(hello(bytes(16)))
    expect(many[-1].error(), AUTH_FAILED, "answer to the newest of many")
    expect(many[0].error(), None, "the oldest of many")
    silent = Stranger(host)
    expect(silent.error(), None, "answer to silence")
    expect("virtqemud" in host.virsh("uri"), True, "clients are served all the while")


@test()
def silent_destination(case):
    """A host that takes the connection and says nothing: the guest never noticed, and virsh is told soon."""
    pair, guest, move = running_guest(case, "7.2", keepalive_interval=1, keepalive_count=1)
    with socket.socket(socket.AF_UNIX) as mute:
        path = pair.b.root + "/mute"
        mute.bind(path)
        mute.listen()
        move.start_virsh("migrate", "--live", "--p2p", guest.name, f"qemu+unix:///system?socket={path}")
        words = move.finish_failed()
    assert "AUTH_LIST within 2 s" in words, words
    expect(pair.a.state(guest.name), "RUNNING/BOOTED", "state on the source")
    move.expect_intact()
    end_guest(pair, guest)
