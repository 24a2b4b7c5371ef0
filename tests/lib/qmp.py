"""A bare QEMU, without any daemon: its monitor in the test's hands. For what QEMU does by itself."""
import json
import os
import socket
import subprocess
import threading
import time

from . import guests
from .patience import PATIENCE
from .ports import Console, Ticks


class QmpError(Exception):
    """QEMU refused a command; the text is what it said."""


class Qmp:
    """One monitor. Events are kept in the order in which QEMU said them."""

    def __init__(self, connection, oob=True):
        self._socket = connection
        self._send_bytes = connection.sendall
        self._changed = threading.Condition()
        self._replies = {}
        self._events = []  # (name, data)
        self._greeted = self._closed = False
        self._serial = 0
        threading.Thread(target=self._read, daemon=True).start()
        self._wait(lambda: self._greeted, PATIENCE, "QEMU's greeting")
        self.command("qmp_capabilities", enable=["oob"] if oob else [])

    def _read(self):
        rest = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            *lines, rest = (rest + data).split(b"\n")
            with self._changed:
                for message in map(json.loads, filter(bytes.strip, lines)):
                    self._take(message)
                self._closed = not data
                self._changed.notify_all()
            if not data:
                return

    def _take(self, message):
        if "QMP" in message:
            self._greeted = True
        elif "event" in message:
            self._events.append((message["event"], message.get("data", {})))
        else:
            self._replies[message.get("id")] = message

    def _wait(self, holds, timeout, what):
        deadline = time.monotonic() + timeout
        with self._changed:
            while not holds():
                left = deadline - time.monotonic()
                if self._closed:
                    raise EOFError(f"QEMU's monitor closed while waiting for {what}; events: {self._events}")
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"{what} did not come within {timeout} s; events: {self._events}")

    def send_fd(self, name, fd, **arguments):
        """A command that a descriptor goes with, to its answer."""
        self._send_bytes = lambda data: socket.send_fds(self._socket, [data], [fd])
        try:
            return self.command(name, **arguments)
        finally:
            self._send_bytes = self._socket.sendall

    def send(self, name, oob=False, **arguments):
        """Sends a command; the number to wait for. An underscore in an argument's name is a dash in QEMU's."""
        with self._changed:
            self._serial += 1
            serial = self._serial
        message = {"exec-oob" if oob else "execute": name, "id": serial}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        self._send_bytes(json.dumps(message).encode() + b"\n")
        return serial

    def answer(self, serial, timeout=PATIENCE, what="the answer"):
        self._wait(lambda: serial in self._replies, timeout, what)
        reply = self._replies.pop(serial)
        if "error" in reply:
            raise QmpError(reply["error"]["desc"])
        return reply["return"]

    def command(self, name, timeout=PATIENCE, oob=False, **arguments):
        return self.answer(self.send(name, oob, **arguments), timeout, f"the answer to {name}")

    def refuses(self, name, **arguments):
        """What QEMU says when it refuses; None when it does not."""
        try:
            self.command(name, **arguments)
        except QmpError as error:
            return str(error)
        return None

    def events(self):
        """["STOP", "postcopy-active", ...]: a migration's status stands for its event."""
        with self._changed:
            return [data["status"] if name == "MIGRATION" else name for name, data in self._events]

    def wait_event(self, text, timeout=PATIENCE):
        self._wait(lambda: text in self.events(), timeout, text)

    def wait_count(self, text, count):
        """It was said so many times."""
        self._wait(lambda: self.events().count(text) >= count, PATIENCE, f"{text}, number {count}")

    def wait_any(self, texts, timeout=PATIENCE):
        """The first of these that was said."""
        self._wait(lambda: set(texts) & set(self.events()), timeout, " or ".join(texts))
        return next(text for text in self.events() if text in texts)

    def next_event(self, since, timeout=PATIENCE):
        """(text, the number to go on from) of the first event from number `since` on."""
        self._wait(lambda: len(self._events) > since, timeout, "another event")
        return self.events()[since], since + 1

    def wait_closed(self, timeout=PATIENCE):
        """Returns when QEMU has ended."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"QEMU did not end within {timeout} s; events: {self._events}")

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # or the reader would hold it open
        except OSError:
            pass
        self._socket.close()


class BareQemu:
    """A QEMU with the tiny guest. Both ends of a migration share `ports`."""

    def __init__(self, folder, name, emulator, ports, incoming=False, memory_kib=guests.TINY_KIB, options="",
                 extra=(), ram=None, oob=True):
        path = os.path.join(folder, f"{name}.qmp")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        ram = ram or f"memory-backend-ram,id=ram,size={memory_kib}k"
        arguments = [
            emulator, "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg",
            "-machine", "pc-q35-7.2,memory-backend=ram", "-object", ram, "-m", f"{memory_kib}k",
            "-kernel", f"{guests.GUESTS}/tiny.elf", "-append", options,
            "-chardev", f"socket,id=con,path={ports.console.path}", "-serial", "chardev:con",
            "-chardev", f"socket,id=tick,path={ports.ticks.path}", "-serial", "chardev:tick",
            "-chardev", f"socket,id=qmp,path={path}", "-mon", "chardev=qmp,mode=control", *extra]
        if incoming:
            arguments += ["-incoming", "defer", "-S"]
        self.log_path = os.path.join(folder, f"{name}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            connection, _ = listener.accept()
            connection.settimeout(None)
            self.qmp = Qmp(connection, oob)
        except (OSError, EOFError) as error:
            self.process.kill()
            self.process.wait()
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                raise RuntimeError(f"{name} did not start: {error}: {f.read()}") from error
        finally:
            listener.close()
            os.unlink(path)

    def capabilities(self, **values):
        self.qmp.command("migrate-set-capabilities", capabilities=[
            {"capability": name.replace("_", "-"), "state": value} for name, value in values.items()])

    def status(self):
        return self.qmp.command("query-status")["status"]

    def migration(self):
        return self.qmp.command("query-migrate").get("status")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.qmp.close()


class Ports:
    """The guest's serial ports, for all QEMUs that it lives in."""

    def __init__(self, folder):
        self.console = Console(os.path.join(folder, "bare.con"))
        self.ticks = Ticks(os.path.join(folder, "bare.tick"))

    def close(self):
        self.console.close()
        self.ticks.close()
