"""What a batond with the tap in it (tap.c) reads and writes, by name, while it stands still there.

    record EVENT                          the journal's record of what that event made of the guest
    sends|reads call|reply|event NAME     a message of the remote protocol; of the peer channel it is peer-NAME
    sends qmp COMMAND
    reads qmp reply COMMAND, reads qmp event NAME, reads qmp event MIGRATION/STATUS
"""
import collections
import mmap
import os
import re
import socket
import struct
import threading

from lib.hosts import PROJECT
from lib.raw_rpc import QEMU, REMOTE

RECORD, TRACE, SENDS, READS, DONE = range(1, 6)
PEER = 0x6261746F
GO, AFTER, HALF = b"g", b"a", b"h"

_QUESTION = struct.Struct("=IiI")


def _names(header, prefix):
    """{number: name}, as the enum in a header of src/wire has them."""
    with open(os.path.join(PROJECT, "src", "wire", header), encoding="utf-8") as f:
        body = re.search(rf"enum {prefix.lower()}_procedure \{{(.*?)\}};", f.read(), re.DOTALL).group(1)
    return {int(number): name for name, number in re.findall(rf"\b{prefix}_(\w+) = (\d+)", body)}


_PROCEDURES = {REMOTE: _names("remote_numbers.h", "REMOTE"), QEMU: _names("remote_numbers.h", "QEMU"),
               PEER: {number: f"peer-{name}" for number, name in _names("peer_program.h", "PEER").items()}}
_TYPES = {0: "call", 1: "reply", 2: "event", 4: "call", 5: "reply"}


def name_of_frame(data):
    """ "call DOMAIN_MIGRATE_FINISH3_PARAMS"; None for keepalive, and for what is no message of ours."""
    if len(data) < 28:
        return None
    program, _, procedure, kind = struct.unpack_from(">IIiI", data, 4)
    if program not in _PROCEDURES:
        return None
    name = _PROCEDURES[program].get(procedure, str(procedure))
    return f"{_TYPES[kind]} {name}" if kind in _TYPES else None


class Tap:
    """One host's. `step(host, name)` is called in the tap's thread while batond stands there; it returns GO, or AFTER or
    HALF, and is then called once more, with None for the name, when that is done."""

    def __init__(self, host, folder, step):
        self.host = host
        self.path = os.path.join(folder, f"tap-{host}")
        self._step = step
        with open(self.path + ".on", "wb") as f:
            f.write(b"\0")
        with open(self.path + ".on", "r+b") as f:
            self._on = mmap.mmap(f.fileno(), 1)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, on):
        self._on[0] = int(on)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        naming = _Naming()
        with connection, connection.makefile("rb") as questions:
            try:
                while head := questions.read(_QUESTION.size):
                    kind, fd, size = _QUESTION.unpack(head)
                    data = questions.read(size)
                    name = naming.name(kind, fd, data)
                    connection.sendall(self._step(self.host, name) if name or kind == DONE else GO)
            except (OSError, struct.error):
                pass  # it was killed

    def close(self):
        self.arm(False)
        self._listener.close()


class _Naming:
    """What one batond's reads and writes are called; it remembers what a reply or a record belongs to."""

    def __init__(self):
        self._event = ""
        self._commands = collections.defaultdict(dict)  # by descriptor: {id: command}

    def name(self, kind, fd, data):
        if kind == TRACE:
            found = re.search(rb'"event": ?"(\w+)"', data)
            self._event = found.group(1).decode() if found else self._event
            return None
        if kind == RECORD:
            return f"record {self._event}".strip()
        if kind not in (SENDS, READS):
            return None
        what = self._name_of_line(fd, data) if data[:1] == b"{" else name_of_frame(data)
        return f"{'sends' if kind == SENDS else 'reads'} {what}" if what else None

    def _name_of_line(self, fd, data):
        number = re.search(rb'"id": ?"?([\w-]+)', data)
        if command := re.search(rb'"exec(?:ute|-oob)": ?"([\w-]+)"', data):
            if number:
                self._commands[fd][number.group(1)] = command.group(1).decode()
            return f"qmp {command.group(1).decode()}"
        if event := re.search(rb'"event": ?"(\w+)"', data):
            status = re.search(rb'"status": ?"([\w-]+)"', data) or re.search(rb'"pass": ?(\d+)', data)
            return f"qmp event {event.group(1).decode()}" + (f"/{status.group(1).decode()}" if status else "")
        if number:
            return f"qmp reply {self._commands[fd].pop(number.group(1), '?')}"
        return None
