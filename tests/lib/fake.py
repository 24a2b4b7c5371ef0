"""The fake QEMU's reins: where it is, and what it is to do differently there.

    fake = case.fake("10")
    guest = case.fake_guest(fake)
    fake.on("destination", "command cont", "error Failed to get \\"write\\" lock")
    held = fake.hold("source", "event MIGRATION/pre-switchover")

Points are "start", "greet", "command NAME", "reply NAME", "event NAME", "event MIGRATION/STATUS",
"event MIGRATION_PASS/N" and "message NAME" (of the stream between two fakes); roles are "probe", "source" (a QEMU
that was not started for an incoming migration) and "destination". tests/fake/control.c has the orders.
"""
import os
import socket
import threading
import time
from dataclasses import dataclass, field

from .hosts import BATOND
from .patience import PATIENCE

FAKE = os.environ.get("BATON_FAKE", os.path.join(os.path.dirname(BATOND), "tests", "fake", "fake-qemu"))


@dataclass
class Point:
    time: float
    role: str
    pid: int
    name: str


@dataclass
class _Rule:
    role: str
    point: str
    orders: object      # lines, or a function that returns them
    skip: int           # so often it is passed by
    times: int          # so often it is obeyed
    passed: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def applies(self, role, point):
        if self.role != role or self.point != point:
            return False
        self.passed += 1
        return self.skip < self.passed <= self.skip + self.times


class Held:
    """A fake that stands still at a point until it is released."""

    def __init__(self):
        self._here = threading.Event()
        self._go = threading.Event()
        self._orders = ()

    def arrive(self):
        self._here.set()
        self._go.wait()
        return self._orders

    def wait(self, timeout=PATIENCE):
        if not self._here.wait(timeout):
            raise TimeoutError("the fake QEMU did not come to the point where it was to be held")
        return self

    def release(self, *orders):
        self._orders = orders
        self._go.set()


class FakeQemu:
    """An emulator for domain documents: `path`. Every QEMU started by it is held by these reins."""

    def __init__(self, folder, version):
        self.version = version
        self.path = os.path.join(folder, f"qemu-{version}")
        self.points = []
        self.watcher = None  # called at each Point; what it returns is obeyed
        self._rules = []
        self._held = []
        self._changed = threading.Condition()
        os.symlink(FAKE, self.path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path + ".control")
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, role, point, *orders, skip=0, times=1):
        """At this point of a QEMU in this role: these orders, or what one function returns."""
        with self._changed:
            self._rules.append(_Rule(role, point, orders[0] if orders and callable(orders[0]) else orders, skip, times))

    def hold(self, role, point, skip=0):
        held = Held()
        self._held.append(held)
        self.on(role, point, held.arrive, skip=skip)
        return held

    def wait_point(self, role, point, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        with self._changed:
            while not any(p.role == role and p.name == point for p in self.points):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"the fake {role} did not come to '{point}' within {timeout} s; it came to "
                                       f"{[p.name for p in self.points if p.role == role][-12:]}")

    def count(self, role, point):
        with self._changed:
            return sum(p.role == role and p.name == point for p in self.points)

    def forget(self):
        """No rule any more, no point so far."""
        with self._changed:
            self._rules.clear()
            self.points.clear()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rw", encoding="utf-8") as stream:
            try:
                role, pid = stream.readline().split()
                for line in stream:
                    for order in self._orders(Point(time.monotonic(), role, int(pid), line.strip())):
                        stream.write(order + "\n")
                    stream.write("go\n")
                    stream.flush()
            except (OSError, ValueError):
                pass  # it has ended

    def _orders(self, point):
        with self._changed:
            self.points.append(point)
            self._changed.notify_all()
            rule = next((r for r in self._rules if r.applies(point.role, point.name)), None)
        orders = list(self.watcher(point) or ()) if self.watcher else []
        if rule:
            orders += rule.orders() or () if callable(rule.orders) else rule.orders
        return orders

    def close(self):
        self._listener.close()
        for held in self._held:
            held.release()
