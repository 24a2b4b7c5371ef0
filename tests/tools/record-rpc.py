#!/usr/bin/python3
"""Record what stock libvirt clients and daemons say to each other: the files of tests/golden/rpc.

    record-rpc.py OUTDIR [SCENARIO...]

Brings up two private libvirtd ("golden-a" and "golden-b": own mount and UTS namespaces, own folders
below WORK) and a proxy in front of each, drives stock virsh and python-libvirt through the proxies, and
writes one file for each scenario: a line for each frame, in the order in which the proxies saw them,

    A> 0000001c20008086...      from the client to golden-a
    B< 0000002020008086...      from golden-b to the client

as hexadecimal digits. Needs root, libvirt-daemon-system, libvirt-clients, python3-libvirt and
qemu-system-x86. The guest boots a boot sector of 14 bytes that echoes its serial port.
"""
import os
import socket
import struct
import subprocess
import sys
import threading
import time

WORK = "/run/record-rpc"
GUEST = "golden"
UUID = {"a": "6a8e5d0e-0000-4000-8000-00000000000a", "b": "6a8e5d0e-0000-4000-8000-00000000000b"}

# wait for a byte on COM1, send it back: mov dx,3fdh; in al,dx; test al,1; jz; mov dl,f8h; in; out; jmp
ECHO = bytes.fromhex("bafd03eca80174f8b2f8eceeebf2")

XML = f"""<domain type='qemu'>
  <name>{GUEST}</name>
  <uuid>3c1e5375-0000-4000-8000-000000000001</uuid>
  <title>A golden guest</title>
  <memory unit='KiB'>65540</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type><boot dev='fd'/></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='floppy'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='{WORK}/floppy.img'/><target dev='fda' bus='fdc'/><readonly/>
    </disk>
    <controller type='usb' model='none'/>
    <interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
    <serial type='pty'/>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""

DAEMON_CONF = """listen_tls = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
host_uuid = "%s"
log_level = 3
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""
QEMU_CONF = """user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
migration_address = "0.0.0.0"
"""


def start_daemon(host):
    """A libvirtd that sees only its own folders. Returns the process; it ends with its stdin."""
    root = f"{WORK}/{host}"
    for name in ("run", "lib", "cache", "log", "etc"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    with open(f"{root}/etc/libvirtd.conf", "w") as f:
        f.write(DAEMON_CONF % UUID[host])
    with open(f"{root}/etc/qemu.conf", "w") as f:
        f.write(QEMU_CONF)
    script = f"hostname golden-{host}; mount --make-rprivate /;"
    for name, place in (("run", "/run/libvirt"), ("lib", "/var/lib/libvirt"), ("cache", "/var/cache/libvirt"),
                        ("log", "/var/log/libvirt"), ("etc", "/etc/libvirt")):
        script += f"mkdir -p {place}; mount --bind {root}/{name} {place};"
    daemon = subprocess.Popen(["unshare", "-m", "-u", "sh", "-c", script + "exec libvirtd --pid-file /run/libvirt/libvirtd.pid"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if os.path.exists(f"{root}/run/libvirt-sock"):
            return daemon
        time.sleep(0.05)
    sys.exit(f"libvirtd of golden-{host} does not come up: see {root}/log")


class Recorder:
    """Proxies in front of both daemons; `frames` is what went through since the last clear()."""

    def __init__(self):
        self.lock = threading.Lock()
        self.frames = []
        for host in "ab":
            listener = socket.socket(socket.AF_UNIX)
            path = f"{WORK}/{host}.sock"
            if os.path.exists(path):
                os.unlink(path)
            listener.bind(path)
            listener.listen(16)
            threading.Thread(target=self.accept, args=(listener, host), daemon=True).start()

    def accept(self, listener, host):
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{WORK}/{host}/run/libvirt-sock")
            for a, b, way in ((client, server, ">"), (server, client, "<")):
                threading.Thread(target=self.pump, args=(a, b, host.upper() + way), daemon=True).start()

    def pump(self, source, sink, way):
        rest = b""
        while True:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            rest += data
            # noted before it is passed on: a reply never stands before its call
            while len(rest) >= 4:
                size = struct.unpack(">I", rest[:4])[0]
                if len(rest) < size:
                    break
                with self.lock:
                    self.frames.append((way, rest[:size]))
                rest = rest[size:]
            try:
                sink.sendall(data)
            except OSError:
                break
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def take(self):
        with self.lock:
            frames, self.frames = self.frames, []
        return frames


def uri(host, proxied=True):
    path = f"{WORK}/{host}.sock" if proxied else f"{WORK}/{host}/run/libvirt-sock"
    return f"qemu+unix:///system?socket={path}"


def virsh(host, *args, proxied=True, fails=False):
    r = subprocess.run(["virsh", "-c", uri(host, proxied), *args], capture_output=True, text=True, timeout=60)
    if (r.returncode != 0) != fails:
        sys.exit(f"virsh {' '.join(args)}: {r.stdout}{r.stderr}")
    return r.stdout


def python(host, script):
    script = f"import libvirt\nc = libvirt.open('{uri(host)}')\n" + script
    subprocess.run(["/usr/bin/python3", "-c", script], check=True, timeout=60)


def listen(host, *args):
    """A virsh event in the background; returns it once it has registered."""
    p = subprocess.Popen(["virsh", "-c", uri(host), *args], stdout=subprocess.PIPE, text=True)
    time.sleep(0.7)
    return p


def hear(p):
    time.sleep(0.5)
    p.send_signal(2)
    p.communicate(timeout=20)


def ensure(host, state):
    """A new guest, on this host in this state and nowhere else (not recorded)."""
    for h in "ab":
        for command in ("destroy", "undefine"):
            subprocess.run(["virsh", "-c", uri(h, False), command, GUEST], capture_output=True)
    if state != "absent":
        virsh(host, "define", f"{WORK}/guest.xml", proxied=False)
    if state == "running":
        virsh(host, "start", GUEST, proxied=False)
        time.sleep(1)


def define():
    ensure("a", "absent")
    return lambda: virsh("a", "define", f"{WORK}/guest.xml")


def on_shut_off(*args, **kwargs):
    ensure("a", "shut off")
    return lambda: virsh("a", *args, **kwargs)


def on_running(*args, **kwargs):
    ensure("a", "running")
    return lambda: virsh("a", *args, **kwargs)


def several(*commands, state="running"):
    ensure("a", state)

    def run():
        for command in commands:
            virsh("a", *command.split())
    return run


def events():
    ensure("a", "running")

    def run():
        p = listen("a", "event", "--all", "--loop")
        for command in ("suspend", "resume"):
            virsh("a", command, GUEST, proxied=False)
        virsh("a", "metadata", GUEST, "urn:golden", "--key", "g", "--set", "<x/>", proxied=False)
        hear(p)
    return run


def monitor_events():
    ensure("a", "running")

    def run():
        p = listen("a", "qemu-monitor-event", "--loop")
        for command in ("suspend", "resume"):
            virsh("a", command, GUEST, proxied=False)
        hear(p)
    return run


def keepalive():
    return lambda: virsh("a", "-k", "1", "event", "lifecycle", "--timeout", "3", fails=True)


def console():
    ensure("a", "running")

    def run():
        python("a", f"""
d = c.lookupByName('{GUEST}')
s = c.newStream(0)
d.openConsole(None, s, 0)
s.send(b'hello, world')
got = b''
while len(got) < 12:
    got += s.recv(1024)
assert got == b'hello, world', got
s.finish()
s = c.newStream(0)
d.openConsole(None, s, 1)
s.abort()
""")
    return run


def old_calls():
    ensure("a", "running")

    def run():
        python("a", f"""
d = c.lookupByName('{GUEST}')
c.numOfDomains(); c.listDomainsID(); c.numOfDefinedDomains(); c.listDefinedDomains()
c.lookupByID(d.ID()); c.lookupByUUID(d.UUID())
c.getType(); c.getVersion(); c.getLibVersion(); c.getHostname(); c.getInfo(); c.getMaxVcpus('qemu')
c.getFreeMemory(); c.getCellsFreeMemory(0, 1); c.getCPUMap(0); c.getSecurityModel(); c.isSecure()
d.info(); d.maxMemory(); d.maxVcpus(); d.OSType(); d.autostart(); d.setAutostart(1); d.setAutostart(0)
d.vcpus(); d.isActive(); d.isPersistent(); d.isUpdated(); d.state(); d.controlInfo(); d.securityLabel()
d.jobInfo(); d.jobStats(); d.hasManagedSaveImage(); d.snapshotNum(); d.vcpusFlags(1)
d.blockInfo('fda'); d.memoryStats(); d.messages()
d.migrateSetMaxSpeed(100); d.migrateGetMaxSpeed(); d.migrateSetMaxDowntime(250); d.migrateGetMaxDowntime()
""")
    return run


def errors():
    ensure("a", "running")

    def run():
        virsh("a", "domstate", "no-such-guest", fails=True)
        virsh("a", "start", GUEST, fails=True)
        virsh("a", "domjobabort", GUEST, fails=True)
        virsh("a", "define", "/dev/null", fails=True)
    return run


def migration(*extra, post_copy=False):
    ensure("a", "running")

    def run():
        heard = [listen(h, "event", "--all", "--loop") for h in "ab"]
        mover = subprocess.Popen(["virsh", "-c", uri("a"), "migrate", "--live", "--bandwidth", "1", *extra,
                                  GUEST, uri("b"), "tcp://127.0.0.1"], stderr=subprocess.PIPE, text=True)
        time.sleep(0.9)
        virsh("a", "domjobinfo", GUEST)
        if post_copy:
            virsh("a", "migrate-postcopy", GUEST)
        else:
            virsh("a", "migrate-setspeed", GUEST, "1000")
        if mover.wait(timeout=60) != 0:
            sys.exit("migrate: " + mover.stderr.read())
        virsh("b", "domjobinfo", "--completed", "--anystats", GUEST)
        for p in heard:
            hear(p)
    return run


def aborted():
    ensure("a", "running")

    def run():
        mover = subprocess.Popen(["virsh", "-c", uri("a"), "migrate", "--live", "--bandwidth", "1", GUEST, uri("b"),
                                  "tcp://127.0.0.1"], stderr=subprocess.DEVNULL)
        time.sleep(0.9)
        virsh("a", "domjobabort", GUEST)
        mover.wait(timeout=60)
    return run


SCENARIOS = {
    "list-all": lambda: on_shut_off("list", "--all"),
    "define": define,
    "start": lambda: on_shut_off("start", GUEST),
    "start-paused": lambda: on_shut_off("start", "--paused", GUEST),
    "create": lambda: (ensure("a", "absent"), lambda: virsh("a", "create", f"{WORK}/guest.xml"))[1],
    "dumpxml": lambda: on_running("dumpxml", GUEST),
    "dominfo": lambda: on_running("dominfo", GUEST),
    "domjobinfo": lambda: on_running("domjobinfo", GUEST),
    "domstats": lambda: on_running("domstats", GUEST),
    "domblkstat": lambda: on_running("domblkstat", GUEST, "fda"),
    "domifstat": lambda: on_running("domifstat", GUEST, "52:54:00:00:00:01", fails=True),
    "desc": lambda: several(f"desc --title {GUEST}", f"metadata {GUEST} urn:golden --key g --set <x/>",
                            f"metadata {GUEST} urn:golden"),
    "power": lambda: several(f"suspend {GUEST}", f"resume {GUEST}", f"reset {GUEST}", f"reboot {GUEST} --mode acpi",
                             f"shutdown {GUEST} --mode acpi", f"shutdown {GUEST}", f"destroy --graceful {GUEST}",
                             f"undefine {GUEST}"),
    "destroy": lambda: on_running("destroy", GUEST),
    "vcpucount": lambda: several(f"vcpucount {GUEST}", f"vcpuinfo {GUEST}"),
    "qemu-monitor-command": lambda: on_running("qemu-monitor-command", "--hmp", GUEST, "info status"),
    "qemu-monitor-event": monitor_events,
    "events": events,
    "keepalive": keepalive,
    "console": console,
    "old-calls": old_calls,
    "errors": errors,
    "migrate-precopy": lambda: migration(),
    "migrate-postcopy": lambda: migration("--postcopy", "--persistent", "--undefinesource", post_copy=True),
    "migrate-p2p": lambda: on_running("migrate", "--live", "--p2p", "--postcopy", GUEST, uri("b"),
                                      "tcp://127.0.0.1"),
    "migrate-aborted": aborted,
}


def versions():
    return subprocess.run(["virsh", "--version"], capture_output=True, text=True).stdout.strip()


def main():
    out = sys.argv[1]
    wanted = sys.argv[2:] or list(SCENARIOS)
    os.makedirs(WORK, exist_ok=True)
    os.makedirs(out, exist_ok=True)
    with open(f"{WORK}/floppy.img", "wb") as f:
        f.write(ECHO.ljust(510, b"\0") + b"\x55\xaa" + bytes(1474560 - 512))
    with open(f"{WORK}/guest.xml", "w") as f:
        f.write(XML)
    daemons = [start_daemon(h) for h in "ab"]
    try:
        recorder = Recorder()
        for name in wanted:
            run = SCENARIOS[name]()
            recorder.take()
            run()
            time.sleep(0.2)
            frames = recorder.take()
            with open(f"{out}/{name}.hex", "w") as f:
                f.write(f"# {name}: stock client and libvirtd {versions()}, recorded by tests/tools/record-rpc.py\n")
                f.writelines(f"{way} {frame.hex()}\n" for way, frame in frames)
            print(f"{name}: {len(frames)} frames")
        ensure("a", "absent")
    finally:
        for d in daemons:
            d.terminate()
        for d in daemons:
            d.wait()


if __name__ == "__main__":
    main()
