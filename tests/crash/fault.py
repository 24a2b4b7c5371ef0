"""One fault: two hosts with wires between all that talk to each other, a migration, one thing that breaks at one step."""
import collections
import os
import re
import resource
import threading
import time

from lib import disks, hosts, processes
from lib.fake import FAKE
from lib.move import Move, start_guest
from lib.raw_rpc import Disconnected, RawClient, RpcError, domain, u32, u64
from lib.wire import UnixWire, Wire

import plan as planning
from tap import AFTER, GO, HALF, Tap

TAP = os.path.join(os.path.dirname(os.path.dirname(FAKE)), "crash", "libtap.so")
DELAY = 0.7        # seconds that a wire stands still; nobody's patience ends by then
BLACK_HOLE = 4     # ... or that everybody's does
PORT = 49500
AHEAD = 32 * 1024  # bytes that a wire keeps of what it does not pass on
UNSAFE = ["--unsafe"]  # the disks are on a file system of this machine, which both hosts are
# Short patience, so that a run takes seconds. What a batond of this build does not know yet is left out.
PATIENCE = {"keepalive_interval": 1, "keepalive_count": 2, "postcopy_stall_timeout": 2, "client_return_timeout": 3}


def settings():
    """The settings that this batond has, by name."""
    with open(os.path.join(hosts.PROJECT, "dist", "batond.conf"), encoding="utf-8") as f:
        return set(re.findall(r"^#(\w+) = ", f.read(), re.MULTILINE))


KNOWN = settings()

# A user's calls: the procedure, and what comes behind the domain.
CALLS = {"suspend": ("DOMAIN_SUSPEND", b""), "resume": ("DOMAIN_RESUME", b""), "reset": ("DOMAIN_RESET", u32(0)),
         "shutdown": ("DOMAIN_SHUTDOWN", b""), "destroy": ("DOMAIN_DESTROY", b""),
         "domjobinfo": ("DOMAIN_GET_JOB_INFO", b""), "migrate-postcopy": ("DOMAIN_MIGRATE_START_POST_COPY", u32(0)),
         "setspeed": ("DOMAIN_MIGRATE_SET_MAX_SPEED", u64(1000) + u32(0))}
FILE_LIMIT = 1 << 20  # bytes of a file that a QEMU whose writes fail may still write; its log has fewer


class Call:
    """A user's call, at one end: on its way before the batond that stands at the step goes on."""

    def __init__(self, action, pair, guest):
        self.name, _, end = action.partition(" at the ")
        self.host = pair.a if end == planning.SOURCE else pair.b
        self.answer = None  # "ok", or what was said
        self._domain = domain(guest.name, guest.uuid)
        self._client = RawClient(self.host.socket)
        self._thread = None

    def ask(self):
        procedure, more = CALLS[self.name]
        serial = self._client.ask(procedure, self._domain + more)
        self._thread = threading.Thread(target=self._wait, args=(serial,), daemon=True)
        self._thread.start()

    def _wait(self, serial):
        try:
            self._client.answer(serial)
            self.answer = "ok"
        except RpcError as error:
            self.answer = error.words
        except (Disconnected, OSError) as error:
            self.answer = f"no answer: {error}"

    def is_done(self):
        """It was made, and did what it says."""
        return self.answer == "ok"

    def wait(self, seconds):
        """False: it has no answer by then."""
        if self._thread:
            self._thread.join(seconds)
        return not self._thread or self.answer is not None and not self.answer.startswith("no answer")

    def close(self):
        self._client.close()


class Fault:
    def __init__(self, case, p):
        self.case, self.p = case, p
        self.fired = threading.Event()  # the step has come
        self.broken = threading.Event()  # ... and what is to break there is broken
        self.phase = planning.PHASES[0]
        self.was_cut = False       # the cut of a recovery's post-copy, which is not the fault
        self.fired_in = ""
        self.killed_qemus = set()  # of which host
        self.restarted = set()
        self.seen = []             # every step, in the order in which it came
        self._counts = collections.Counter()
        self._lock = threading.Lock()
        self._deferred = None      # what is done when a batond has done what it stands at
        self.fake = case.fake(p["version"]) if p["qemu"] == "fake" else None
        self.taps = {name: case.own(Tap(name, case.folder, self._at_tap)) for name in "ab"}
        self.pair = self._hosts()
        self._lay_wires()
        self.disks = []
        self.call = None           # a user's, where that is the action
        self.guest = start_guest(self.pair, self._guest())
        # virsh reaches both hosts through the client's wires; the harness looks past them.
        self.virsh_pair = hosts.Pair(*(hosts.Host(host.name, uri, self.wires[planning.STREAM].uri, self.pair.timeline)
                                       for host, uri in zip((self.pair.a, self.pair.b), self._client_uris())))
        self.move = Move(self.virsh_pair, self.guest)

    def _guest(self):
        """The fake has no disks to judge; a real QEMU's guest writes a raw and a qcow2 one all the time."""
        if self.fake:
            return self.case.fake_guest(self.fake)
        self.disks = [disks.Disk(self.case.folder, "raw", "vda", 5), disks.Disk(self.case.folder, "qcow2", "vdb", 6)]
        return self.case.tiny(qemu=self.p["qemu"], options="mib=16 rate=2000",
                              devices="".join(disk.xml.replace("cache=", "error_policy='stop' cache=") for disk in self.disks))

    # ---- the two hosts ----

    def _hosts(self):
        patience = {key: value for key, value in PATIENCE.items() if key in KNOWN}
        common = dict(pause_before_switchover=self.p["pbs"], peers=self.p["peers"], require_proof=self.p["require_proof"],
                      migration_port_min=PORT, migration_port_max=PORT + 3, **patience)
        a = self.case.batond("a", None, 1, **common)
        b = self.case.batond("b", a.timeline, 2, **common)
        os.mkdir(os.path.join(self.case.folder, "w"))
        for host in (a, b):
            self._start(host)
            self.case.own(host.client)
        return hosts.Pair(a, b)

    def _start(self, host):
        loaded = {"LD_PRELOAD": TAP, "BATON_TAP": self.taps[host.name].path}
        if host.name == "a":  # what it says to the other host goes through our wires
            loaded.update(BATON_TAP_WIRES=os.path.join(self.case.folder, "w"), BATON_TAP_PEER=os.path.join(self.case.folder, "b/"))
        os.environ.update(loaded)
        try:
            host.start()
        finally:
            for name in loaded:
                del os.environ[name]

    def _lay_wires(self):
        a, b, folder = self.pair.a, self.pair.b, self.case.folder
        self.wires = {planning.STREAM: Wire(f"{self.case.network}.3", b.address, PORT, AHEAD),
                      planning.CLIENT_A: UnixWire(os.path.join(folder, "client-a"), a.socket),
                      planning.CLIENT_B: UnixWire(os.path.join(folder, "client-b"), b.socket),
                      planning.P2P: UnixWire(os.path.join(folder, "w", os.path.basename(b.socket)), b.socket)}
        if self.p["peers"]:
            self.wires[planning.PEER] = UnixWire(os.path.join(folder, "w", os.path.basename(b.peer_socket)), b.peer_socket)
        for wire in self.wires.values():
            self.case.own(wire)

    def _client_uris(self):
        paths = [self.wires[planning.CLIENT_A].path,
                 self.pair.b.socket if self.p["p2p"] else self.wires[planning.CLIENT_B].path]
        return [f"qemu+unix:///system?socket={path}" for path in paths]

    # ---- steps ----

    def _at_tap(self, host, name):
        if name is None:
            deferred, self._deferred = self._deferred, None
            if deferred:
                deferred()
            return GO
        with self._lock:
            self._note_phase(f"{host} {name}")
            if not self._is_it(f"{host} {name}"):
                return GO
            if self.p["when"] != "before":
                self._deferred = self._break
                return AFTER if self.p["when"] == "after" else HALF
        self._break()
        return GO

    def _at_point(self, point):
        if not self.armed or point.role not in ("source", "destination"):
            return ()
        with self._lock:
            if not self._is_it(f"{planning.FAKE_POINTS}{point.role} {point.name}"):
                return ()
        self._break()
        if self.p["action"].startswith(planning.IO_ERROR):
            return ["disk-error"]
        return ["close"] if self.p["action"] == "close the monitor" else ()

    def _is_it(self, name):
        self._counts[name] += 1
        step = f"{name} #{self._counts[name]}"
        self.seen.append(step)
        if step != self.p["step"] or self.fired.is_set():
            return False
        self.fired_in = self.phase
        self.fired.set()
        return True

    def _note_phase(self, step):
        """What the source's daemon can know, but for the destination's `cont`."""
        reached = {"a sends qmp migrate": "pre-copy", "a reads qmp event STOP": "switchover",
                   "a reads qmp event MIGRATION/pre-switchover": "switchover",
                   "a reads qmp event MIGRATION/postcopy-active": "post-copy",
                   "a reads qmp event MIGRATION/completed": "finish"}.get(step)
        if step == "b sends qmp cont" and self.p["way"] == planning.PRE_COPY:
            reached = "finish"
        if step == "b reads qmp event RESUME" and self.p["way"] == planning.RECOVERY and not self.was_cut:
            self.was_cut = True
            self.seen.clear()
            self.wires[planning.STREAM].cut()
            reached = "recovery"
        if reached and planning.PHASES.index(reached) > planning.PHASES.index(self.phase):
            self.phase = reached

    # ---- what breaks ----

    def begin(self):
        slow = ["--bandwidth", "4" if self.fake else "20", "--postcopy-bandwidth", "8"]  # MiB/s
        post_copy = self.p["way"] != planning.PRE_COPY
        options = UNSAFE + (["--postcopy", *slow] if post_copy else ["--bandwidth", "40"])
        options += ["--p2p"] if self.p["p2p"] else []
        action = self.p["action"]
        if action in planning.CALLS:
            self.call = self.case.own(Call(action, self.pair, self.guest))
        self.armed = True
        if self.fake:
            self.fake.watcher = self._at_point
        for tap in self.taps.values():
            tap.arm(True)
        self.move.start(*options)
        if post_copy:
            threading.Thread(target=self._go_post_copy, daemon=True).start()

    def _go_post_copy(self):
        try:
            self.move.wait_pass()
            self.pair.a.virsh_try("migrate-postcopy", self.guest.name)
        except Exception:  # pylint: disable=broad-except
            pass  # the fault came first

    def _break(self):
        a, b = self.pair.a, self.pair.b
        action = self.p["action"]
        if action.endswith("QEMU"):
            host = a if "source" in action else b
            for pid in host.qemu_pids():
                self.killed_qemus.add(host.name)
                processes.kill(pid)
        if action.endswith("batond"):
            for host in (a, b):
                if "both" in action or ("source" in action) == (host is a):
                    host.process.kill()
                    host.process.wait()  # or else nobody sees that it is to be started again
        if action == "kill -9 the client":
            self.move._process.kill()  # pylint: disable=protected-access
        if ": " in action:
            self._break_wires(*action.split(": "))
        if action == "abort":
            threading.Thread(target=a.virsh_try, args=("domjobabort", self.guest.name), daemon=True).start()
        if action == "stand still":
            time.sleep(0.3)
        if self.call:
            self.call.ask()
        if action == planning.POWER_OFF:
            self.guest.console.send_everywhere("o")
        if action.startswith(planning.IO_ERROR) and not self.fake:
            self._fail_writes(a if planning.SOURCE in action else b, True)
        self.broken.set()

    def _fail_writes(self, host, fail):
        for pid in host.qemu_pids():
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_LIMIT if fail else hard, hard))

    def _broken_wires(self, which):
        if which == planning.LINK:
            return [wire for name, wire in self.wires.items() if name != planning.CLIENT_A]
        return [self.wires[which]]

    def _break_wires(self, what, which):
        for wire in self._broken_wires(which):
            if what == "cut":
                wire.cut()
            else:
                wire.hold(keep=False)

    def over(self):
        """virsh has ended."""
        return any(e.kind == "virsh" for e in self.pair.timeline.entries(guest=self.guest.name))

    def wait(self, seconds=15):
        """Until something broke and has had its time, or nothing will."""
        deadline = time.monotonic() + seconds
        while not self.fired.wait(0.01) and not self.over() and time.monotonic() < deadline:
            pass
        if not self.fired.is_set():
            return
        self.broken.wait(10)
        what = self.p["action"]
        time.sleep(BLACK_HOLE if "black hole" in what else DELAY if "delay" in what else self.p["away"])

    def _come_back(self, host):
        """A client comes back, and reads. What it is told from its coming on stands behind what it read."""
        self.pair.timeline.add(host.name, "state", self.guest.name, "none")
        host.reconnect()
        self.pair.timeline.entries(host=host.name, kind="state")[-1].text = host.state(self.guest.name)

    def heal(self):
        """What was killed is started again, every wire carries; nothing breaks any more."""
        self.armed = False
        self.fired.set()
        for tap in self.taps.values():
            tap.arm(False)
        for wire in self.wires.values():
            wire.release()
        for host in (self.pair.a, self.pair.b):
            if not self.fake:
                self._fail_writes(host, False)
            if host.process.poll() is not None:
                self.restarted.add(host.name)
                self._start(host)
                self._come_back(host)
        # A migration that goes on without its client has nobody who asks for post-copy: it must be able to converge.
        self.pair.a.virsh_try("migrate-setspeed", self.guest.name, "100000")
