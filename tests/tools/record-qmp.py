#!/usr/bin/python3
"""Record what a real QEMU writes to its monitor around a migration: the files of tests/golden/qmp.

    record-qmp.py EMULATOR OUTFILE

Two QEMUs of that emulator, 16 MiB of empty memory, migrated over a unix socket. OUTFILE gets the source's
side of the conversation as it came, a line for each message.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile


class Qemu:
    def __init__(self, emulator, folder, name, *options):
        path = f"{folder}/{name}.qmp"
        self.process = subprocess.Popen([emulator, "-machine", "q35,accel=tcg", "-m", "16", "-nodefaults",
                                         "-display", "none", "-qmp", f"unix:{path},server=on,wait=on", *options],
                                        stderr=subprocess.DEVNULL)
        self.lines = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the emulator does not start")
        self.file = self.socket.makefile("rb")
        self.id = 0
        self.read()
        self.command("qmp_capabilities", enable=["oob"])

    def read(self):
        line = self.file.readline()
        self.lines.append(line)
        return json.loads(line)

    def command(self, name, **arguments):
        self.id += 1
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments, "id": self.id}).encode())
        while True:
            m = self.read()
            if m.get("id") == self.id:
                return m.get("return")

    def wait(self, status):
        while True:
            m = self.read()
            if m.get("event") == "MIGRATION" and m["data"]["status"] == status:
                return

    def end(self):
        self.process.kill()
        self.process.wait()


def main():
    emulator, out = sys.argv[1:]
    os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Qemu(emulator, folder, "source")
        destination = Qemu(emulator, folder, "destination", "-incoming", "defer")
        caps = [{"capability": c, "state": True} for c in ("events", "return-path", "pause-before-switchover")]
        for q in (source, destination):
            q.command("migrate-set-capabilities", capabilities=caps)
        source.command("query-version")
        source.command("query-status")
        source.command("query-migrate-capabilities")
        source.command("query-migrate")
        source.command("no-such-command")
        destination.command("migrate-incoming", uri=f"unix:{folder}/stream")
        source.command("migrate", uri=f"unix:{folder}/stream")
        source.wait("pre-switchover")
        source.command("query-migrate")
        source.command("query-status")
        source.command("migrate-continue", state="pre-switchover")
        source.wait("completed")
        source.command("query-migrate")
        source.command("query-status")
        source.end()
        destination.end()
    with open(out, "wb") as f:
        f.write(b"".join(source.lines))
    print(f"{out}: {len(source.lines)} messages")


if __name__ == "__main__":
    main()
