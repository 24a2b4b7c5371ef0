"""Hosts: a batond of our own with its root in a short folder, a stock libvirtd that somebody else runs, pairs of them."""
import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from . import processes
from .client import Client
from .patience import PATIENCE, wait_until
from .timeline import Timeline

PROJECT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BATOND = os.environ.get("BATON_BATOND", os.path.join(PROJECT, "build", "batond"))
EMULATORS = {
    "7.2": os.environ.get("BATON_QEMU7", "/usr/bin/qemu-system-x86_64"),
    "10": os.environ.get("BATON_QEMU10", os.path.join(PROJECT, "build", "qemu10", "qemu-system-x86_64")),
}


# What a batond found out about the emulators, for the hosts that tests make; see keep_probes.
PROBES = os.environ.get("BATON_PROBES", "")


# Only with this does virsh hear of each end of its jobs; see virsh_quit.c.
VIRSH_QUIT = os.path.join(os.path.dirname(BATOND), "tests", "lib", "libvirsh-quit.so")


class VirshError(Exception):
    """virsh ended with a status other than 0; the text is what it said."""


class Host:
    """Anything that stock clients reach by a URI."""

    def __init__(self, name, uri, migrate_uri, timeline):
        self.name = name
        self.uri = uri
        self.migrate_uri = migrate_uri  # where this host's guests are to arrive
        self.timeline = timeline
        self._client = None

    @property
    def client(self):
        """A python-libvirt client whose events go to the time line; opened when first asked for."""
        if self._client is None:
            self._client = Client(self.name, self.uri, self.timeline)
        return self._client

    def use_client(self, client):
        """Takes a client that was opened with other wishes; closes the one before."""
        if self._client is not None:
            self._client.close()
        self._client = client

    def reconnect(self):
        """A new client, after the daemon has been away."""
        if self._client is not None:
            self._client.close()
            self._client = None
        return self.client

    def virsh(self, *arguments, timeout=PATIENCE):
        """Runs virsh; its output. VirshError when it says no."""
        done = self.virsh_try(*arguments, timeout=timeout)
        if done.returncode:
            raise VirshError(f"virsh {' '.join(arguments)}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def virsh_try(self, *arguments, timeout=PATIENCE):
        """The same, for a command that is expected to fail: the CompletedProcess."""
        with self.virsh_start(*arguments) as process:
            try:
                words, error = process.communicate(timeout=timeout)
            finally:
                process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, words, error)

    def virsh_start(self, *arguments):
        """Runs virsh beside the test; the caller waits for it or ends it. With SIGPIPE ignored, as it is here: or else a
        daemon that is killed can take its virsh along."""
        return subprocess.Popen(["virsh", "-q", "-c", self.uri, *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                restore_signals=False, env={**os.environ, "LD_PRELOAD": VIRSH_QUIT})

    def state(self, guest):
        return self.client.state(guest)

    def events(self, guest=None):
        """The life-cycle events so far, by name, in order."""
        return self.timeline.texts(host=self.name, kind="lifecycle", guest=guest)

    def told(self, guest=None):
        """The same, with all that the daemon has told by now."""
        self.client.hear()
        return self.events(guest)

    def wait_event(self, text, guest=None, timeout=PATIENCE):
        return self.timeline.wait_for(
            lambda e: e.host == self.name and e.kind == "lifecycle" and e.text == text and guest in (None, e.guest),
            timeout, f"{self.name}: {text}")

    def close(self):
        if self._client is not None:
            self._client.close()
            self._client = None


class Batond(Host):
    """A batond with everything below `root`. Keep the path short: a socket's has 107 bytes."""

    def __init__(self, name, root, timeline=None, address="127.0.0.1", program=BATOND, listen_tcp=False,
                 peers=False, inside=(), **settings):
        self.root = root
        self._inside = inside  # what its command begins with: networks.Networks has it
        self.peer_socket = os.path.join(root, "peer")  # where other daemons reach it, with `peers`
        self._peer_sockets = [self.peer_socket] if peers else []
        if peers:
            settings["peer_listen"] = self.peer_socket
        self.run_dir = os.path.join(root, "run", "libvirt")
        self.socket = os.path.join(self.run_dir, "virtqemud-sock")
        self.address = address
        self.tcp_uri = f"qemu+tcp://{address}/system" if listen_tcp else None
        self.process = None
        self.manager = None  # systemd.Manager, where one keeps its descriptors
        self._program = program
        self._listen_tcp = listen_tcp
        os.makedirs(root, exist_ok=True)
        if os.path.isdir(PROBES):  # a daemon of long standing has probed its emulators long ago
            shutil.copytree(PROBES, os.path.join(root, "cache"), dirs_exist_ok=True)
        self.config = os.path.join(root, "batond.conf")
        self.log = os.path.join(root, "batond.log")
        self.configure(**{"hostname": name, "migration_address": address, **settings})
        super().__init__(name, f"qemu+unix:///system?socket={self.socket}", f"tcp://{address}", timeline or Timeline())

    def configure(self, **settings):
        """Writes the configuration file; takes effect with the next start."""
        with open(self.config, "w", encoding="utf-8") as f:
            for key, value in settings.items():
                f.write(f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {int(value)}\n")

    def start(self, *options, timeout=PATIENCE):
        """Starts the daemon and returns when it takes connections."""
        arguments = [*self._inside, self._program, "--root", self.root, "--config", self.config, *options]
        if self._listen_tcp:
            arguments += ["--listen-tcp", f"{self.address}:16509"]
        more = {}
        if self.manager:
            arguments, more = self.manager.command(arguments)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
        for fd in more.get("pass_fds", ()):
            os.close(fd)
        wait_until(self._answers, lambda: f"batond {self.name} takes no connection:\n{self.log_tail()}", timeout)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"batond {self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
        return all(self._is_listening(path) for path in (self.socket, *self._peer_sockets))

    def _is_listening(self, path):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) != 0:
                return False
            # What a daemon that was killed had just forked listens there for a moment, too.
            pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return pid == self.process.pid

    def stop(self, timeout=PATIENCE):
        """SIGTERM; the exit status. Its guests go on."""
        return self._end(signal.SIGTERM, timeout)

    def kill9(self):
        return self._end(signal.SIGKILL, PATIENCE)

    def _end(self, number, timeout):
        if self.process is None:
            return None
        self.process.send_signal(number)
        status = self.process.wait(timeout)
        self.process = None
        return status

    def restart(self, *options):
        """kill -9, start, and a new client."""
        self.kill9()
        self.start(*options)
        self.reconnect()

    def log_tail(self, lines=30):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except FileNotFoundError:
            return ""

    def traces(self, uuid="*"):
        """The paths of the migrations' traces of a guest (of all), the newest last."""
        found = glob.glob(os.path.join(self.root, "lib", "traces", f"{uuid}-*.jsonl"))
        return sorted(found, key=lambda path: (os.stat(path).st_mtime, len(path), path))

    def trace_tail(self, lines=20):
        """What each migration that this host took part in last decided, for a person to read."""
        found = []
        for path in self.traces()[-2:]:
            found.append(f"{os.path.basename(path)}:")
            with open(path, encoding="utf-8") as f:
                for line in map(json.loads, f.readlines()[-lines:]):
                    if "event" in line:
                        found.append(f"  {line['time'] / 1e6:12.6f} {line['event']:22} {line['reads']:26} "
                                     f"{line['out']}/{line['in']}  {', '.join(line['do'])}")
        return "\n".join(found)

    def qemu_pids(self):
        return processes.with_output_below(os.path.join(self.root, "log"))

    def leftovers(self, timeout=PATIENCE):
        """What a host without guests must not have: QEMUs, sockets beside the daemon's own, guests' folders.

        A guest's folder goes when the disk has the last of its files, a moment after the guest.
        """
        with contextlib.suppress(AssertionError):  # the caller says what is left
            wait_until(lambda: not self._leftovers(), "", timeout)
        return self._leftovers()

    def _leftovers(self):
        # A QEMU with the machine "none" is the daemon asking an emulator what it can do.
        commands = {pid: processes.command_line(pid) for pid in self.qemu_pids()}
        found = [f"process {pid}: {command[:80]}" for pid, command in commands.items() if "-machine none" not in command]
        ours = {os.path.join(self.run_dir, name) for name in
                ("virtqemud-sock", "virtqemud-sock-ro", "virtqemud-admin-sock")} | {self.peer_socket}
        with open("/proc/net/unix", encoding="utf-8") as f:
            paths = {line.split()[-1] for line in f if self.root + "/" in line}
        found += [f"socket {path}" for path in sorted(paths - ours) if "/probe-" not in path]
        for folder, _, names in os.walk(os.path.join(self.root, "run", "baton")):
            # "autostarted" says that this boot of the host has had its autostart.
            found += [f"file {os.path.join(folder, name)}" for name in names
                      if name != "autostarted" and not name.startswith("probe-")]
        guests = os.path.join(self.root, "lib", "guests")
        if os.path.isdir(guests):
            found += [f"folder {os.path.join(guests, name)}" for name in os.listdir(guests)]
        return found

    def close(self):
        """Ends the guests, the daemon and the client; what is left then was not the daemon's to end."""
        super().close()
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill9()
        for pid in self.qemu_pids():
            processes.kill(pid)
            processes.wait_gone(pid, PATIENCE)


class Pair:
    """Two hosts with one time line, `a` and `b`."""

    def __init__(self, a, b):
        self.a = a
        self.b = b
        self.timeline = a.timeline

    def other(self, host):
        return self.b if host is self.a else self.a

    def migrate(self, guest, source, *options, timeout=PATIENCE):
        """`virsh migrate` from source to the other host, client-managed, over TCP."""
        destination = self.other(source)
        return source.virsh("migrate", "--live", *options, guest, destination.uri, destination.migrate_uri,
                            timeout=timeout)

    def close(self):
        self.a.close()
        self.b.close()


def stock_pair(uri_a, uri_b, migrate_a, migrate_b):
    """Two hosts that run already, whatever daemon is behind their URIs."""
    timeline = Timeline()
    return Pair(Host("a", uri_a, migrate_a, timeline), Host("b", uri_b, migrate_b, timeline))


def batond_pair(folder, addresses=("127.0.0.1", "127.0.0.2"), **settings):
    """Two batond on this machine, started. Loopback addresses of their own keep their ports apart."""
    timeline = Timeline()
    a = Batond("a", os.path.join(folder, "a"), timeline, addresses[0], **settings)
    b = Batond("b", os.path.join(folder, "b"), timeline, addresses[1], **settings)
    a.start()
    b.start()
    return Pair(a, b)


def keep_probes(folder):
    """Has one batond probe all emulators and keeps what it found in `folder`. Each host of a test would do it
    again otherwise, with and without KVM, and under load a KVM that does not work can hang for long."""
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as root:
        host = Batond("probe", os.path.join(root, "p"))
        host.start()
        try:
            for emulator in EMULATORS.values():
                if os.access(emulator, os.X_OK):
                    host.virsh("domcapabilities", "--emulatorbin", emulator, timeout=120)
        finally:
            host.stop()
        shutil.copytree(os.path.join(host.root, "cache"), folder, dirs_exist_ok=True)
