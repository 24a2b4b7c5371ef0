"""A client of the remote protocol made of bytes, for what no libvirt client would send.

A value of the protocol is the bytes that the functions below make of it; a call is a number and such bytes.
Whatever is waited for has a deadline.
"""
import os
import re
import socket
import struct
import time
import uuid

from .hosts import PROJECT
from .patience import PATIENCE as DEADLINE

REMOTE, QEMU, KEEPALIVE = 0x20008086, 0x20008087, 0x6B656570
CALL, REPLY, MESSAGE, STREAM, CALL_WITH_FDS, REPLY_WITH_FDS, STREAM_HOLE = range(7)
OK, ERROR, CONTINUE = range(3)


def _read_numbers():
    path = os.path.join(PROJECT, "src", "wire", "remote_numbers.h")
    with open(path, encoding="utf-8") as f:
        return {name: int(number) for name, number in re.findall(r"\b(?:REMOTE|QEMU)_(\w+) = (\d+)", f.read())}


NUMBERS = _read_numbers()  # "DOMAIN_CREATE": 9


def u32(value):
    return struct.pack(">I", value & 0xFFFFFFFF)


def u64(value):
    return struct.pack(">Q", value)


def opaque(value):
    return u32(len(value)) + value + bytes(-len(value) % 4)


def string(value):
    return opaque(value.encode())


def optional(value):
    """A string or None."""
    return u32(0) if value is None else u32(1) + string(value)


def domain(name, uid=None, number=-1):
    return string(name) + uuid.UUID(uid or "0" * 32).bytes + u32(number)


def param(name, kind, value):
    """One typed parameter; `kind` as the protocol numbers it: 1 int, 4 ullong, 7 string, ..."""
    if kind == 7:
        data = string(value)
    elif kind in (3, 4):
        data = u64(value)
    elif kind == 5:
        data = struct.pack(">d", value)
    else:
        data = u32(value)
    return string(name) + u32(kind) + data


def params(*items):
    return u32(len(items)) + b"".join(items)


def frame(procedure, payload=b"", program=REMOTE, version=1, kind=CALL, serial=1, status=OK, length=None):
    head = struct.pack(">IIiiIi", program, version, procedure, kind, serial, status)
    return u32(28 + len(payload) if length is None else length) + head + payload


class RpcError(Exception):
    """The daemon answered with an error."""

    def __init__(self, code, words):
        super().__init__(f"error {code}: {words}")
        self.code = code
        self.words = words


class Disconnected(Exception):
    """The daemon closed the connection."""


def _error(payload):
    code, _domain, present = struct.unpack_from(">iiI", payload)
    size = struct.unpack_from(">I", payload, 12)[0] if present else 0
    return RpcError(code, payload[16:16 + size].decode())


class RawClient:
    """One connection. Frames that are not asked for (events) are kept in `messages`."""

    def __init__(self, path, opened=True, flags=0):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(DEADLINE)
        self._socket.connect(path)
        self._bytes = b""
        self._serial = 0
        self.messages = []
        if opened:
            self.open(flags)

    def open(self, flags=0):
        self.call("AUTH_LIST")
        self.call("CONNECT_OPEN", optional("qemu:///system") + u32(flags))

    def send(self, data):
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Disconnected from error

    def ask(self, procedure, payload=b"", program=REMOTE):
        """Sends a call and does not wait; its serial."""
        self._serial += 1
        number = NUMBERS[procedure] if isinstance(procedure, str) else procedure
        self.send(frame(number, payload, program, serial=self._serial))
        return self._serial

    def call(self, procedure, payload=b"", program=REMOTE, timeout=DEADLINE):
        """A call by name or number; its result's bytes, or RpcError."""
        return self.answer(self.ask(procedure, payload, program), timeout)

    def answer(self, serial, timeout=DEADLINE):
        """The answer to what was sent with this serial; what else comes before it is kept."""
        deadline = time.monotonic() + timeout
        while True:
            kind, got, status, payload = self.read(max(deadline - time.monotonic(), 0.001))
            if kind != REPLY or got != serial:
                self.messages.append(payload)
            elif status == ERROR:
                raise _error(payload)
            else:
                return payload

    def read(self, timeout=DEADLINE):
        """The next frame, whatever it is: (type, serial, status, payload)."""
        head = self._take(4, timeout)
        length = struct.unpack(">I", head)[0]
        rest = self._take(length - 4, timeout)
        _program, _version, _procedure, kind, serial, status = struct.unpack_from(">IIiiIi", rest)
        return kind, serial, status, rest[24:]

    def _take(self, size, timeout):
        deadline = time.monotonic() + timeout
        while len(self._bytes) < size:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError as error:
                raise Disconnected from error
            if not data:
                raise Disconnected
            self._bytes += data
        taken, self._bytes = self._bytes[:size], self._bytes[size:]
        return taken

    def wait_end(self, timeout=DEADLINE):
        """Reads until the daemon closes the connection; TimeoutError when it does not."""
        deadline = time.monotonic() + timeout
        while True:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                if not self._socket.recv(1 << 16):
                    return
            except ConnectionResetError:
                return

    def close(self):
        self._socket.close()
