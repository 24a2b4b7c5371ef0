"""Two bare QEMUs and a guest that ticks: the ground of the measurements, without any daemon.

The guest's clock stands still with the guest, so what it felt says nothing. Its ticks (a byte a millisecond,
stamped by the host in a process of their own) say how long nobody got anything from it.
"""
import os
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
PROJECT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(PROJECT, "tests"))
sys.dont_write_bytecode = True
os.environ.setdefault("BATON_QEMU10", os.path.join(PROJECT, "build", "qemu10", "qemu-system-x86_64"))

from lib import guests, hosts  # noqa: E402  pylint: disable=wrong-import-position
from lib.qmp import BareQemu, Ports  # noqa: E402  pylint: disable=wrong-import-position

MIB = 1 << 20
# TCG before QEMU 9 loses dirty pages in a RAM of a whole number of 256 KiB; where it does not, the whole number
# is looked through faster.
ODD_KIB = {"7.2": 8}
PLENTY = 40 * 1024 * MIB  # bytes a second: no limit


def end_orderly():
    """Ended by a signal, a measurement ends its QEMUs too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def emulators(wanted):
    """Those of the wanted QEMUs that are here; says which are not."""
    found = []
    for version in wanted:
        if os.access(hosts.EMULATORS[version], os.X_OK):
            found.append(version)
        else:
            print(f"QEMU {version} is not here ({hosts.EMULATORS[version]}): left out")
    return found


class BarePair:
    """The guest runs in `source`; `destination` waits for it with -S. A context manager: all ends with it."""

    def __init__(self, version, mib, rate, source_more=(), uri=None):
        """The guest writes `mib` MiB, `rate` pages a second (0: as fast as it can)."""
        self.folder = tempfile.mkdtemp(prefix="b", dir="/tmp")
        self.uri = uri or f"unix:{self.folder}/stream"
        self.ports = Ports(self.folder)
        self.source = self.destination = None
        try:
            memory_kib = (mib + 4) * 1024 + ODD_KIB.get(version, 0)
            both = {"options": f"mib={mib} rate={rate}", "memory_kib": memory_kib}
            emulator = hosts.EMULATORS[version]
            self.source = BareQemu(self.folder, "source", emulator, self.ports, extra=source_more, **both)
            self.ports.console.wait_line("ready", 30)
            self.destination = BareQemu(self.folder, "destination", emulator, self.ports, incoming=True, **both)
        except BaseException:
            self.close()
            raise

    def configure(self, limit_ms, bandwidth, listen=None, **capabilities):
        """Both ends are ready; the destination listens."""
        for end in (self.source, self.destination):
            end.capabilities(**{"events": True, "return_path": True, **capabilities})
        self.source.qmp.command("migrate-set-parameters", max_bandwidth=bandwidth, max_postcopy_bandwidth=0,
                                downtime_limit=limit_ms)
        self.destination.qmp.command("migrate-incoming", uri=listen or self.uri)

    def migrate(self):
        self.source.qmp.command("migrate", uri=self.uri)

    def blackout(self):
        """Milliseconds from the source's last tick to the destination's first."""
        deadline = time.monotonic() + 10
        while self.ports.ticks.last()[1] == 0:
            if time.monotonic() > deadline:
                raise TimeoutError("the destination never ticked")
            time.sleep(0.002)
        ticks = self.ports.ticks.all()
        before = max(at for at, connection, _ in ticks if connection == 0)
        after = min(at for at, connection, _ in ticks if connection == 1)
        return (after - before) * 1000

    def close(self):
        for end in (self.source, self.destination):
            if end is not None:
                end.close()
        self.ports.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
