"""The host's ends of a guest's serial ports: unix sockets that its QEMUs connect to.

Source and destination of a migration are two connections to the same socket, in the order in which
they came. Both ends are read all the time: a port that nobody reads stops the guest.
"""
import mmap
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from .patience import PATIENCE

_TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _receive(connection):
    """What came, or nothing at the end, however it ended."""
    try:
        return connection.recv(4096)
    except OSError:
        return b""


class Console:
    """COM1: the guest's lines, and one-letter commands to it."""

    def __init__(self, path):
        self.path = path
        self.lines = []          # (monotonic seconds, connection number, text)
        self._connections = []
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._connections.append(connection)
                number = len(self._connections) - 1
            threading.Thread(target=self._read, args=(number, connection), daemon=True).start()

    def _read(self, number, connection):
        rest = b""
        while data := _receive(connection):
            *lines, rest = (rest + data).split(b"\n")
            now = time.monotonic()
            with self._changed:
                for line in lines:
                    self.lines.append((now, number, line.decode(errors="replace").strip()))
                self._changed.notify_all()
        with self._changed:
            self._connections[number] = None
        connection.close()

    def wait_line(self, beginning, timeout=PATIENCE, since=0):
        """The first line from number `since` on that begins so; `(text, index)`."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index in range(since, len(self.lines)):
                    if self.lines[index][2].startswith(beginning):
                        return self.lines[index][2], index
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"the guest did not say '{beginning}' within {timeout} s; it said "
                                       f"{[line[2] for line in self.lines[-5:]]}")

    def command(self, letter, answer, timeout=PATIENCE, oldest=False):
        """Sends a command to the newest (or oldest) of the guest's living QEMUs; the answer as a dict of its numbers."""
        with self._changed:
            since = len(self.lines)
        self.send(letter, oldest)
        text, _ = self.wait_line(answer, timeout, since)
        return parse_line(text)

    def send(self, letter, oldest=False):
        """The same, for a command without an answer."""
        with self._changed:
            living = [c for c in self._connections if c is not None]
        if not living:
            raise RuntimeError("the guest has no QEMU")
        self._send(letter.encode(), living if oldest else living[::-1])

    def send_everywhere(self, letter):
        """To each of the guest's QEMUs: the one in which it runs hears it."""
        with self._changed:
            living = [c for c in self._connections if c is not None]
        for one in living:
            try:
                one.sendall(letter.encode())
            except OSError:
                pass  # its QEMU has just ended

    @staticmethod
    def _send(data, connections):
        for connection in connections:
            try:
                connection.sendall(data)
                return
            except OSError:
                pass  # its QEMU has just ended
        raise RuntimeError("the guest's QEMUs have ended")

    def close(self):
        self._listener.close()
        for connection in self._connections:
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass


def parse_line(text):
    """ "verdict pages=12 wrong=0" -> {"pages": 12, "wrong": 0} """
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)\b", text)}


# One tick in the memory that the collector shares: ns of the monotonic clock, connection, the tick's low byte.
_TICK = struct.Struct("=QHBx4x")
_COUNT = struct.Struct("=Q")
_TICKS_MAX = 1 << 20


class Ticks:
    """COM2: a byte a millisecond, stamped by the host's clock in a process of its own.

    The guest's clock stands still with the guest, so what it felt says nothing; the gap between two
    ticks, seen from here, is what a user of the guest would have felt.
    """

    def __init__(self, path):
        self.path = path
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        memory = os.memfd_create("ticks")
        os.ftruncate(memory, _COUNT.size + _TICKS_MAX * _TICK.size)
        self._memory = mmap.mmap(memory, 0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lib.ports", str(listener.fileno()), str(memory)], cwd=_TESTS,
            pass_fds=(listener.fileno(), memory), stdin=subprocess.DEVNULL)
        listener.close()
        os.close(memory)

    def all(self):
        """[(seconds, connection, low byte)], oldest first."""
        count, = _COUNT.unpack_from(self._memory, 0)
        return [(ns / 1e9, connection, low) for ns, connection, low in
                _TICK.iter_unpack(self._memory[_COUNT.size:_COUNT.size + count * _TICK.size])]

    def last(self):
        """(seconds, connection, low byte) of the newest tick; zeros before the first."""
        count, = _COUNT.unpack_from(self._memory, 0)
        if count == 0:
            return 0.0, 0, 0
        ns, connection, low = _TICK.unpack_from(self._memory, _COUNT.size + (count - 1) * _TICK.size)
        return ns / 1e9, connection, low

    def first_after(self, since):
        """When the first tick after a time came, or None."""
        return next((t for t, _, _ in self.all() if t > since), None)

    def handed_over(self):
        """When the last tick came before those of the newest connection: where the last switchover's gap begins."""
        ticks = self.all()
        newest = ticks[-1][1]
        return next((t for t, connection, _ in reversed(ticks) if connection != newest), ticks[0][0])

    def longest_gap(self, since=0.0, until=float("inf")):
        """(seconds, start of the gap on the monotonic clock) of the longest silence between two times."""
        stamps = [t for t, _, _ in self.all() if since <= t <= until]
        gaps = [(b - a, a) for a, b in zip(stamps, stamps[1:])]
        return max(gaps, default=(0.0, since))

    def connections_since(self, since):
        """Those of whom ticks came after a time."""
        return {connection for t, connection, _ in self.all() if t > since}

    def faults(self, until=float("inf")):
        """What must never be: ticks of a source after the destination's first, a tick that came twice or never."""
        faults = []
        newest = 0
        last = None
        for at, connection, low in self.all():
            if at > until:
                break
            if connection < newest:
                faults.append(f"tick {low} from connection {connection} after {newest} began: two runners")
            newest = max(newest, connection)
            if last is not None and low != (last + 1) % 256:
                faults.append(f"tick {low} after {last} on connection {connection}")
            last = low
        return faults

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._memory.close()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass


def _collect(listener, memory):
    """The collector process: stamps each byte that any connection brings."""
    import selectors
    selector = selectors.DefaultSelector()
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, _TICKS_MAX)
    connections = 0
    count = 0
    while True:
        # Of what came together, the source's came first.
        for key, _ in sorted(selector.select(), key=lambda ready: ready[0].data):
            now = time.monotonic_ns()
            if key.fileobj is listener:
                connection, _ = listener.accept()
                selector.register(connection, selectors.EVENT_READ, connections)
                connections += 1
                continue
            data = _receive(key.fileobj)
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            for low in data[:_TICKS_MAX - count]:
                _TICK.pack_into(memory, _COUNT.size + count * _TICK.size, now, key.data, low)
                count += 1
            _COUNT.pack_into(memory, 0, count)


if __name__ == "__main__":
    _collect(socket.socket(fileno=int(sys.argv[1])), mmap.mmap(int(sys.argv[2]), 0))
