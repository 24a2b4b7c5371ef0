"""The program and its connection: options, settings, sockets, the host's facts, lists, consoles, events."""
import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import libvirt

from lib.hosts import BATOND, Batond
from lib.patience import PATIENCE, wait_until
from lib.runner import expect, test
from life import BOTH, one_host, refused, virsh_refuses

PTY = """
<domain type='qemu'><name>{name}</name><memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices><emulator>{emulator}</emulator><serial type='pty'/><console type='pty'/></devices>
</domain>"""


def run(*arguments):
    return subprocess.run([BATOND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                          check=False)


def said(done, status, text):
    if done.returncode != status or text not in done.stdout + done.stderr:
        raise AssertionError(f"{done.args}: status {done.returncode}, not {status}, or not '{text}': "
                             f"{done.stdout}{done.stderr}")


@test()
def what_the_command_line_says_wrongly_is_said(case):
    said(run("--help"), 0, "--check-config")
    said(run("--version"), 0, "batond ")
    said(run("--nonsense"), 2, "--nonsense")
    said(run("start"), 2, "unexpected argument 'start'")
    said(run("--config"), 2, "--config")
    said(run("--config", "/nonexistent"), 2, "/nonexistent: there is no such file")
    said(run("--listen-tcp", "16509"), 2, "--listen-tcp: '16509' is not ADDRESS:PORT")
    path = os.path.join(case.folder, "wrong.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("# one\nmax_clients = many\n")
    said(run("--check-config", "--config", path), 2, f"{path}:2: max_clients")
    sample = os.path.join(os.path.dirname(__file__), "..", "..", "dist", "batond.conf")
    said(run("--check-config", "--root", case.folder, "--config", sample), 0, "max_clients = 5000")


@test()
def the_sample_shows_the_defaults(case):
    sample = os.path.join(os.path.dirname(__file__), "..", "..", "dist", "batond.conf")
    shown = os.path.join(case.folder, "shown.conf")
    # What depends on the host, or is off, has an example instead.
    examples = ("host_uuid", "hostname", "migration_address", "listen_tcp", "peer_listen",
                "unix_sock_group")
    with open(sample, encoding="utf-8") as f, open(shown, "w", encoding="utf-8") as out:
        for line in f:
            key = line[1:].split(" = ")[0]
            if line[0] == "#" and line[1:2].isalpha() and key not in examples:
                out.write(line[1:])
    with_sample = run("--check-config", "--root", case.folder, "--config", shown)
    expect(with_sample.returncode, 0, with_sample.stderr)
    expect(with_sample.stdout, run("--check-config", "--root", case.folder).stdout, "settings in force")


@test()
def a_bad_value_of_each_setting_is_named(case):
    """File, line and setting, whichever it is; and each one that is good comes back as it was given."""
    bad = {"host_uuid": '"x"', "hostname": '"a b"', "emulator": '"qemu"', "migration_address": '"a b"',
           "pause_before_switchover": "2", "own_the_stop": '"yes"', "listen_tcp": '"here"', "peer_listen": '"here"',
           "unix_sock_group": '"no such group"', "unix_sock_rw_perms": '"8"', "unix_sock_ro_perms": "0777",
           "keepalive_interval": "-2", "log_level": '"loud"'}
    good = {"host_uuid": '"6695eb01-f6a4-8304-79aa-97f2502e193f"', "hostname": '"h"', "emulator": '"/bin/true"',
            "migration_address": '"127.0.0.1, 127.0.0.2"', "migration_port_min": "50000", "migration_port_max": "50001",
            "pause_before_switchover": "0", "own_the_stop": "1", "listen_tcp": '"[::1]:7"', "peer_listen": '"/tmp/peer"',
            "unix_sock_group": '"root"', "unix_sock_rw_perms": '"0770"', "unix_sock_ro_perms": '"0700"',
            "log_level": '"debug"'}
    sample = os.path.join(os.path.dirname(__file__), "..", "..", "dist", "batond.conf")
    with open(sample, encoding="utf-8") as f:
        settings = re.findall(r"^#(\w+) = ", f.read(), re.M)
    path = os.path.join(case.folder, "one.conf")
    for key in settings:
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"\n{key} = {bad.get(key, -5)}\n")
        said(run("--check-config", "--config", path), 2, f"batond: {path}:2: {key}")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"{key} = {good.get(key, 1)}\n" for key in settings)
    shown = run("--check-config", "--root", case.folder, "--config", path)
    expect(shown.stderr, "", "what is said of good values")
    expect(dict(line.split(" = ") for line in shown.stdout.splitlines() if not line.startswith("#")),
           {key: good.get(key, "1") for key in settings}, "the settings in force")


@test()
def a_root_has_one_daemon(case):
    host = case.batond().start()
    second = run("--root", host.root)
    said(second, 1, f"another batond (pid {host.process.pid}) is running")
    expect(host.virsh("hostname").strip(), "a", "the first one still serves")
    expect(host.stop(), 0, "exit status")
    expect(os.listdir(host.run_dir), [], "left in the folder of sockets")
    host.start()
    host.kill9()
    host.start()  # what a killed one left is no hindrance
    expect(host.virsh("hostname").strip(), "a", "hostname")


@test()
def a_hangup_reads_the_logs_level_again(case):
    host = case.batond().start()
    host.configure(hostname="other", log_level="debug")
    host.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while "debug:" not in host.log_tail():
        expect(time.monotonic() < deadline, True, "the log became talkative in time")
        host.virsh("hostname")
    expect(host.virsh("hostname").strip(), "a", "what is read at the start stays")


@test(qemu=BOTH)
def the_host_is_described(case, qemu):
    host = case.batond(emulator=case.emulator(qemu), host_uuid="6695eb01-f6a4-8304-79aa-97f2502e193f").start()
    c = case.own(host.client).connection
    expect(c.getType(), "QEMU", "type")
    expect(c.getVersion() // 1000000, {"7.2": 7, "10": 10}[qemu], "QEMU's major version")
    expect(c.getHostname(), "a", "hostname")
    expect(c.getInfo()[2], os.cpu_count(), "processors")
    expect(c.getCPUMap()[0], os.cpu_count(), "processors of the map")
    expect(c.getFreeMemory() > 0, True, "free memory")
    expect(c.getMaxVcpus("kvm") > 1, True, "vcpus")
    expect(c.getSecurityModel(), ["none", "0"], "security model")
    expect((c.isAlive(), c.isSecure(), c.isEncrypted()), (1, 1, 0), "alive, secure, encrypted")
    capabilities = ElementTree.fromstring(c.getCapabilities())
    expect(capabilities.findtext("host/uuid"), "6695eb01-f6a4-8304-79aa-97f2502e193f", "host uuid")
    expect(capabilities.findtext("guest/arch/emulator"), case.emulator(qemu), "emulator")
    of_domain = ElementTree.fromstring(c.getDomainCapabilities(None, None, "q35", "qemu", 0))
    expect(of_domain.findtext("machine").startswith("pc-q35-"), True, "machine")
    refused(lambda: c.getDomainCapabilities(None, "armv7l", None, None, 0), libvirt.VIR_ERR_INVALID_ARG, "armv7l")
    refused(lambda: c.getDomainCapabilities("/nonexistent/qemu", None, None, None, 0), libvirt.VIR_ERR_SYSTEM_ERROR,
            "Cannot check QEMU binary /nonexistent/qemu")
    virsh_refuses(host, "Baton does not serve", "net-list")
    virsh_refuses(host, "this function is not supported by the connection driver", "pool-list")


@test(qemu=["7.2"])
def each_filter_of_the_list_chooses(case, qemu):
    host, guest = one_host(case, qemu)
    c = host.client.connection
    c.defineXML(PTY.format(name="off", emulator=case.emulator(qemu))).setAutostart(1)
    guest_paused = c.createXML(PTY.format(name="paused", emulator=case.emulator(qemu)), libvirt.VIR_DOMAIN_START_PAUSED)
    c.defineXML(guest.xml).create()

    def names(*flags):
        total = 0
        for flag in flags:
            total |= getattr(libvirt, "VIR_CONNECT_LIST_DOMAINS_" + flag)
        return sorted(d.name() for d in c.listAllDomains(total))

    everybody = ["guest", "off", "paused"]
    expect(names(), everybody, "all")
    expect(names("ACTIVE"), ["guest", "paused"], "active")
    expect(names("INACTIVE"), ["off"], "inactive")
    expect(names("ACTIVE", "INACTIVE"), everybody, "both")
    expect(names("PERSISTENT"), ["guest", "off"], "persistent")
    expect(names("TRANSIENT"), ["paused"], "transient")
    expect(names("RUNNING"), ["guest"], "running")
    expect(names("PAUSED"), ["paused"], "paused")
    expect(names("SHUTOFF"), ["off"], "shut off")
    expect(names("OTHER"), [], "other")
    expect(names("RUNNING", "SHUTOFF"), ["guest", "off"], "running or shut off")
    expect(names("ACTIVE", "PERSISTENT"), ["guest"], "active and persistent")
    expect(names("AUTOSTART"), ["off"], "autostart")
    expect(names("NO_AUTOSTART"), ["guest", "paused"], "no autostart")
    for what in ("MANAGEDSAVE", "HAS_SNAPSHOT", "HAS_CHECKPOINT"):
        expect(names(what), [], what)
        expect(names("NO_" + what.removeprefix("HAS_")), everybody, "no " + what)
    refused(lambda: c.listAllDomains(1 << 20), libvirt.VIR_ERR_INVALID_ARG, "0x100000")
    expect((c.numOfDomains(), c.numOfDefinedDomains()), (2, 1), "older counts")
    expect(sorted(c.listDomainsID()), sorted(c.lookupByName(n).ID() for n in ("guest", "paused")), "older list of ids")
    expect(c.listDefinedDomains(), ["off"], "older list of names")
    expect(c.lookupByID(guest_paused.ID()).name(), "paused", "by id")
    refused(lambda: c.lookupByID(99), libvirt.VIR_ERR_NO_DOMAIN, "no domain with matching id 99")
    refused(lambda: c.lookupByName("nobody"), libvirt.VIR_ERR_NO_DOMAIN, "no domain with matching name 'nobody'")


@test()
def tcp_serves_whom_it_is_told_to(case):
    host = Batond("a", os.path.join(case.folder, "a"), None, f"{case.network}.1", listen_tcp=True)
    case.own(host).start()
    virsh = subprocess.run(["virsh", "-q", "-c", host.tcp_uri, "hostname"], capture_output=True, text=True, timeout=PATIENCE,
                           check=False)
    said(virsh, 0, "a")
    expect("WITHOUT AUTHENTICATION" in host.log_tail(), True, "the log warns")
    c = libvirt.open(host.tcp_uri)
    expect((c.isSecure(), c.isEncrypted()), (0, 0), "secure, encrypted")
    c.close()


@test(qemu=BOTH)
def a_console_is_one_clients_at_a_time(case, qemu):
    host, _ = one_host(case, qemu)
    c = host.client.connection
    domain = c.createXML(PTY.format(name="guest", emulator=case.emulator(qemu)), libvirt.VIR_DOMAIN_START_PAUSED)
    first, second = c.newStream(0), c.newStream(0)
    domain.openConsole(None, first, 0)
    expect(first.send(b"hello\n"), 6, "bytes taken")
    refused(lambda: domain.openConsole("serial0", c.newStream(0), 0), libvirt.VIR_ERR_OPERATION_FAILED,
            "Active console session exists for this domain")
    domain.openConsole(None, second, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
    refused(lambda: first.recv(10), libvirt.VIR_ERR_OPERATION_FAILED, "another client took over")
    second.abort()
    third = c.newStream(0)
    domain.openConsole(None, third, libvirt.VIR_DOMAIN_CONSOLE_SAFE)
    host.virsh("destroy", "guest")
    expect(third.recv(10), b"", "what is read at the guest's end")
    third.finish()


@test(qemu=["7.2"])
def virsh_sees_the_events_that_it_waits_for(case, qemu):
    host = case.batond(log_level="debug").start()
    guest = case.tiny(qemu=qemu)
    waits = host.virsh_start("event", "--all", "--loop", "--timeout", str(PATIENCE))
    monitor = host.virsh_start("qemu-monitor-event", "--event", "RESUME", "--timeout", str(PATIENCE))
    # Both have registered before anything happens: the log tells of each call.
    wait_until(lambda: host.log_tail(200).count("CALLBACK_REGISTER_ANY") >= 27
               and "MONITOR_EVENT_REGISTER" in host.log_tail(200), "virsh has not registered")
    case.own(host.client)
    host.client.connection.defineXML(guest.xml).create()
    expect(monitor.wait(PATIENCE), 0, "status of virsh qemu-monitor-event")
    expect("RESUME" in monitor.stdout.read(), True, "RESUME was shown")
    host.virsh("destroy", "guest")
    shown = ""
    while "Stopped" not in shown:
        line = waits.stdout.readline()
        expect(line != "", True, f"virsh event went on after: {shown}")
        shown += line
    waits.send_signal(signal.SIGINT)
    waits.wait(PATIENCE)
    expect([word for word in ("Defined Added", "Started Booted", "Stopped Destroyed") if word not in shown], [],
           f"events that are missing in: {shown}")
