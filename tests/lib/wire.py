"""Wires in the test's hands: relays for migration streams, and for what daemons and clients say, that can be held and cut."""
import collections
import os
import socket
import struct
import threading

from .patience import PATIENCE

_CHUNK = 1 << 16
_AHEAD = 1 << 18  # bytes that a direction takes in before it has sent them; any number while it is held


class _Direction:
    """One way of one connection: a thread that reads, one that writes, a queue between them."""

    def __init__(self, wire, way, source, sink):
        self._wire = wire
        self._way = way
        self._source = source
        self._sink = sink
        self._queue = collections.deque()
        self._bytes = 0
        self._ended = False
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self):
        changed = self._wire.changed
        while True:
            try:
                data = self._source.recv(_CHUNK)
            except OSError:
                data = b""
            with changed:
                if data:
                    self._queue.append(data)
                    self._bytes += len(data)
                    self._wire.carried += len(data)
                else:
                    self._ended = True
                changed.notify_all()
                while self._bytes > self._wire.ahead and not self._ended and (
                        self._way not in self._wire.held or not self._wire.keeps):
                    changed.wait()
            if not data:
                return

    def _write(self):
        changed = self._wire.changed
        while True:
            with changed:
                while self._way in self._wire.held or not (self._queue or self._ended):
                    changed.wait()
                data = self._queue.popleft() if self._queue else b""
                self._bytes -= len(data)
                changed.notify_all()
            try:
                if not data:
                    self._sink.shutdown(socket.SHUT_WR)
                    return
                self._sink.sendall(data)
            except OSError:
                self._end()
                return

    def _end(self):
        """Nobody is there any more who takes what comes: its sender must hear of that."""
        with self._wire.changed:
            self._ended = True
            self._wire.changed.notify_all()
        try:
            self._source.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is gone, too


class Relay:
    """Takes in each connection that comes to `listener`, and carries it on over one that `dial()` opens."""

    def __init__(self, listener, dial, ahead=_AHEAD):
        self.changed = threading.Condition()
        self.ahead = ahead
        self.held = ()    # ways, "there" and "back"
        self.keeps = True
        self.carried = 0  # bytes, both ways
        self._dial = dial
        self._sockets = []
        self._listener = listener
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = self._dial()
            except OSError:
                near.close()
                continue
            with self.changed:
                self._sockets += [near, far]
            _Direction(self, "there", near, far)
            _Direction(self, "back", far, near)

    def connections(self):
        with self.changed:
            return len(self._sockets) // 2

    def hold(self, ways=("there", "back"), keep=True):
        """Nothing passes any more on these ways. What is sent is kept, so that the sender notices nothing; without
        `keep` no more than was under way, so that he is stuck when his buffer is full."""
        with self.changed:
            self.held, self.keeps = ways, keep

    def release(self):
        with self.changed:
            self.held = ()
            self.changed.notify_all()

    def cut(self):
        """Both ends of every connection are reset; what was held is lost."""
        with self.changed:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            reset(one)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # or else the thread in accept() keeps the address
        self._listener.close()
        self.cut()
        self.release()


class Wire(Relay):
    """Listens at `address:port` and carries each connection on to `target:port`.

    Hand `uri` to `virsh migrate` as its migration URI: the destination listens at the port named
    in it, on its own address, and the source connects to ours.
    """

    def __init__(self, address, target, port, ahead=_AHEAD):
        self.uri = f"tcp://{address}:{port}"
        listener = socket.socket()
        if ahead < _AHEAD:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ahead)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        super().__init__(listener, lambda: socket.create_connection((target, port)), ahead)


class UnixWire(Relay):
    """Listens at one path and carries each connection on to another."""

    def __init__(self, path, target):
        self.path = path
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)

        def dial():
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(target)
            except OSError:
                far.close()
                raise
            return far

        super().__init__(listener, dial)

    def close(self):
        super().close()
        os.unlink(self.path)


class Turnstile:
    """Takes in one caller; the next one's connection stays on its way until he is let in.

    The kernel keeps a queue for callers that nobody has accepted yet. It has room for one: whoever comes
    after that gets no answer, and calls again after a second.
    """

    def __init__(self, address, port=49501):
        self.uri = f"tcp:{address}:{port}"
        self._address = (address, port)
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        self._listener.listen(0)
        self._sockets = [self._listener]

    def callers_waiting(self):
        """Connections on this machine that have called here and have no answer."""
        host = socket.inet_aton(self._address[0])[::-1].hex().upper()
        there = f"{host}:{self._address[1]:04X}"
        with open("/proc/net/tcp", encoding="utf-8") as f:
            fields = [line.split() for line in f]
        return sum(remote == there and state == "02" for _, _, remote, state, *_ in fields)  # SYN_SENT

    def fill(self):
        """The place for the one who may wait is taken."""
        self._sockets.append(socket.create_connection(self._address))

    def take(self, far):
        """The caller whose turn it is; his place is taken at once. What he sends goes to the socket `far`."""
        near, _ = self._listener.accept()
        self.fill()
        self._sockets += [near, far]

        def carry(source, sink):
            try:
                while data := source.recv(_CHUNK):
                    sink.sendall(data)
            except OSError:
                pass

        for ends in ((near, far), (far, near)):
            threading.Thread(target=carry, args=ends, daemon=True).start()
        return near

    def open(self):
        """Lets in the one who has waited; his connection."""
        self._sockets.append(self._listener.accept()[0])
        self._listener.settimeout(PATIENCE)
        self._sockets.append(self._listener.accept()[0])
        return self._sockets[-1]

    def close(self):
        for one in self._sockets:
            one.close()


def reset(connection):
    """Ends it with an RST, whatever other threads do with it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already
    connection.close()
