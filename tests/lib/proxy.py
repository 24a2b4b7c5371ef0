"""A real QEMU whose monitor goes through the test's hands: what it says, or is told, can be held back.

    proxy = case.proxied("10")
    guest = case.fake_guest(proxy)
    held = proxy.hold("source", "event MIGRATION/pre-switchover")
    ...
    held.wait()
    held.release()

An emulator for domain documents: a program that swaps the socket at which batond looks for the monitor for one of
its own, gives the first to the test and becomes QEMU, with the process id that batond knows. Points are
"command NAME", "event NAME" and "event MIGRATION/STATUS"; what comes behind in the same direction waits as well.
"""
import json
import os
import socket
import sys
import threading

from . import processes
from .fake import Held
from .patience import PATIENCE

_PROGRAM = """#!{python}
import os, re, socket, sys
found = re.search(r"socket,id=charmonitor,fd=([0-9]+)", " ".join(sys.argv))
if found and "-uuid" in sys.argv:  # and not only asked what it can do
    fd = int(found.group(1))
    role = "destination" if "-incoming" in sys.argv else "source"
    with socket.socket(socket.AF_UNIX) as control:
        control.connect({control!r})
        socket.send_fds(control, [f"{{role}} {{os.getpid()}}".encode()], [fd])
        _, (other,), _, _ = socket.recv_fds(control, 1, 1)
    os.dup2(other, fd)
os.execv({emulator!r}, [{emulator!r}, *sys.argv[1:]])
"""


def _point(line):
    """What a line of QMP is: "command cont", "event STOP", "event MIGRATION/active", "" for the rest."""
    try:
        message = json.loads(line)
    except ValueError:
        return ""
    command = message.get("execute") or message.get("exec-oob")
    if command:
        return f"command {command}"
    if message.get("event") == "MIGRATION":
        return f"event MIGRATION/{message['data']['status']}"
    return f"event {message['event']}" if "event" in message else ""


class QemuProxy:
    def __init__(self, folder, version, emulator):
        self.version = version
        self.path = os.path.join(folder, f"qemu-{version}.proxied")
        self.points = []  # (role, point), in the order in which they passed
        self._changed = threading.Condition()
        self._rules = []  # [role, point, held], each for once
        self._held = []
        self._folder = folder
        self._count = 0
        control = self.path + ".control"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(control)
        self._listener.listen()
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(_PROGRAM.format(python=sys.executable, control=control, emulator=emulator))
        os.chmod(self.path, 0o755)
        self._start(self._accept)

    def hold(self, role, point):
        held = Held()
        with self._changed:
            self._held.append(held)
            self._rules.append((role, point, held))
        return held

    def wait_point(self, role, point, timeout=PATIENCE):
        """Returns when it has passed."""
        with self._changed:
            if not self._changed.wait_for(lambda: (role, point) in self.points, timeout):
                raise TimeoutError(f"'{point}' did not pass the {role}'s monitor within {timeout} s; there passed "
                                   f"{[p for r, p in self.points if r == role][-12:]}")

    @staticmethod
    def _start(work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self):
        """Each QEMU that comes up gives its monitor's socket and gets another one."""
        while True:
            try:
                control, _ = self._listener.accept()
            except OSError:
                return
            with control:
                who, (theirs,), _, _ = socket.recv_fds(control, 64, 1)
                self._count += 1
                path = f"{self.path}.{self._count}"
                with socket.socket(socket.AF_UNIX) as ours:
                    ours.bind(path)
                    ours.listen()
                    socket.send_fds(control, [b"."], [ours.fileno()])
            role, pid = who.decode().split()
            listener = socket.socket(fileno=theirs)
            self._start(self._serve, role, listener, path)
            self._start(self._end, int(pid), listener)

    @staticmethod
    def _end(pid, listener):
        """A QEMU that has ended listens no more."""
        processes.wait_gone(pid, None)
        listener.shutdown(socket.SHUT_RDWR)

    def _serve(self, role, listener, path):
        listener.setblocking(True)
        while True:
            try:
                batond, _ = listener.accept()
                qemu = socket.socket(socket.AF_UNIX)
                qemu.connect(path)
            except OSError:
                listener.close()
                return
            self._start(self._carry, role, batond, qemu)
            self._start(self._carry, role, qemu, batond)

    def _carry(self, role, source, sink):
        try:
            with source.makefile("rb") as lines:
                for line in lines:
                    self._pass(role, line)
                    sink.sendall(line)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already

    def _pass(self, role, line):
        point = _point(line)
        with self._changed:
            rule = next((r for r in self._rules if r[:2] == (role, point)), None)
            if rule:
                self._rules.remove(rule)
        if rule:
            rule[2].arrive()
        with self._changed:
            self.points.append((role, point))
            self._changed.notify_all()

    def close(self):
        self._listener.close()
        for held in self._held:
            held.release()
