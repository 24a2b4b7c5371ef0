"""What stopping the guest ourselves is worth: what a source does when its migration breaks, by who stopped it.

`stop` is ours right before `migrate-start-postcopy` (in pre-copy: while the memory still flows); with `qemu` it is
QEMU's. `+pause` is with pause-before-switchover. The question is whether the source's guest runs again with nobody
having said so, and whether the destination's runs too; then whether `cont` gives the source its guest back.
"""
import os
import signal
import time
from dataclasses import dataclass

from bare import MIB, PLENTY, BarePair
from lib.qmp import QmpError
from lib.wire import Wire

PORT = 49500
WATCH = 0.3  # seconds in which a source that restarts itself has done so
SETTLED = ("failed", "cancelled", "postcopy-paused", "completed")
BOTH = ["qemu", "qemu+pause", "stop", "stop+pause"]
PAUSED = ["qemu+pause", "stop+pause"]


class Run:
    """One migration that is to break. The stream goes through a wire."""

    def __init__(self, version, variant, fault):
        pid = os.getpid()
        network = f"127.{1 + (pid >> 8) % 250}.{pid & 255}"
        self.wire = Wire(f"{network}.3", f"{network}.2", PORT)
        try:
            self.pair = BarePair(version, fault.mib, fault.rate, uri=self.wire.uri.replace("//", ""))
        except BaseException:
            self.wire.close()
            raise
        self.qmp = self.pair.source.qmp
        self.own = variant.startswith("stop")
        self.pause = variant.endswith("+pause")
        self.given = False  # the destination was given `cont`
        self.pair.configure(1 if fault.postcopy else 300, 20 * MIB, f"tcp:{network}.2:{PORT}",
                            pause_before_switchover=self.pause, postcopy_ram=fault.postcopy)

    def begin(self, seconds):
        """The memory flows for so long."""
        self.pair.migrate()
        self.qmp.wait_event("active")
        time.sleep(seconds)

    def sent_all(self):
        """Nothing is left to send; what the wire holds it has taken in."""
        deadline = time.monotonic() + 20
        while self.qmp.command("query-migrate")["ram"]["remaining"]:
            if time.monotonic() > deadline:
                raise TimeoutError("there is always something left to send")
            time.sleep(0.01)

    def start_postcopy(self):
        orders = (["stop"] if self.own else []) + ["migrate-start-postcopy"]
        for number in [self.qmp.send(order) for order in orders]:
            self.qmp.answer(number)
        if self.pause:
            self.qmp.wait_event("pre-switchover")

    def go_on(self):
        if self.pause:
            self.qmp.command("migrate-continue", state="pre-switchover")

    def give(self):
        """The destination may run."""
        self.qmp.wait_event("postcopy-active")
        self.pair.destination.qmp.command("cont")
        self.pair.destination.qmp.wait_event("RESUME")
        self.given = True

    def verdict(self):
        """What became of the source."""
        since = len(self.qmp.events())
        mark = time.monotonic()
        try:
            self.qmp.wait_any(SETTLED, 3)
        except TimeoutError:
            pass
        time.sleep(WATCH)
        running = self.qmp.command("query-status")["running"]
        events = self.qmp.events()
        ticks = self.pair.ports.ticks.all()
        theirs = self.given and self.pair.destination.process.poll() is None
        return {"resumed": running, "doubled": running and theirs,
                "end": f"{self.pair.source.migration()}, {self.pair.source.status()}",
                "events": events, "after": events[since:],
                "ticks": sum(1 for at, connection, _ in ticks if connection == 0 and at > mark),
                "back": self.take_back(running)}

    def take_back(self, running):
        """Whether the source can have its guest back, and its memory is whole. In truth this is forbidden where
        the destination may have run."""
        if not running:
            try:
                self.qmp.command("cont")
            except QmpError:
                return "refused"
            if not self.qmp.command("query-status")["running"]:
                return "without effect"
        try:
            wrong = self.pair.ports.console.command("v", "verdict", 10, oldest=True)["wrong"]
        except (TimeoutError, RuntimeError):
            return "runs not"
        return "runs, whole" if wrong == 0 else f"runs, {wrong} pages wrong"

    def close(self):
        self.wire.close()
        self.pair.close()


# ---- post-copy ----

def last_handshake(run):
    """Post-copy up to the last page; what the destination says in the end is held."""
    run.begin(0.1)
    run.start_postcopy()
    run.go_on()
    run.give()
    run.wire.hold(["back"])
    run.pair.destination.qmp.wait_event("completed", 30)


def cut_at_the_end(run):
    last_handshake(run)
    run.wire.cut()


def killed_at_the_end(run):
    last_handshake(run)
    run.pair.destination.kill()
    run.wire.cut()


def cut_before_it_runs(run):
    """All of it is sent, and the wire keeps it: the destination never gets the device state."""
    run.begin(0.1)
    run.wire.hold()
    run.start_postcopy()
    run.go_on()
    run.qmp.wait_event("postcopy-active")
    run.qmp.wait_event("STOP")
    run.sent_all()
    run.wire.cut()


def cut_in_post_copy(run):
    """Pages are missing on the destination."""
    run.qmp.command("migrate-set-parameters", max_postcopy_bandwidth=MIB)
    run.begin(0.1)
    run.start_postcopy()
    run.go_on()
    run.give()
    run.wire.cut()


def cancelled_in_pre_switchover_of_post_copy(run):
    run.begin(0.1)
    run.start_postcopy()
    run.qmp.command("migrate_cancel")


# ---- pre-copy ----

def begin_precopy(run):
    """To the moment when the guest stands still, the stream held."""
    run.begin(0.1)
    if run.own:
        run.qmp.command("stop")
    run.qmp.command("migrate-set-parameters", max_bandwidth=PLENTY)
    run.qmp.wait_event("pre-switchover", 30)


def cancelled_in_pre_switchover(run):
    begin_precopy(run)
    run.qmp.command("migrate_cancel")


def cut_in_pre_switchover(run):
    begin_precopy(run)
    run.wire.hold()
    run.wire.cut()
    run.go_on()


def killed_in_the_blackout(run):
    begin_precopy(run)
    run.pair.destination.process.send_signal(signal.SIGSTOP)
    run.qmp.send("migrate-continue", state="pre-switchover")
    run.qmp.wait_event("device")
    run.pair.destination.kill()


def cancelled_before_switchover(run):
    """Ours only: QEMU has not stopped the guest when it is cancelled."""
    run.begin(0.1)
    if run.own:
        run.qmp.command("stop")
    run.qmp.command("migrate_cancel")


def cut_before_switchover(run):
    run.begin(0.1)
    if run.own:
        run.qmp.command("stop")
    run.wire.cut()


@dataclass
class Fault:
    does: object
    variants: list
    postcopy: bool = False
    mib: int = 16
    rate: int = 2000


FAULTS = {
    "post-copy: cut after the last page": Fault(cut_at_the_end, BOTH, True),
    "post-copy: destination killed after the last page": Fault(killed_at_the_end, BOTH, True),
    "post-copy: cut between STOP and RUN": Fault(cut_before_it_runs, BOTH, True),
    "post-copy: cut with pages missing": Fault(cut_in_post_copy, BOTH, True),
    "post-copy: cancelled in pre-switchover": Fault(cancelled_in_pre_switchover_of_post_copy, PAUSED, True),
    "pre-copy: cancelled before switchover": Fault(cancelled_before_switchover, ["qemu", "stop"]),
    "pre-copy: cut before switchover": Fault(cut_before_switchover, ["qemu", "stop"]),
    "pre-copy: cancelled in pre-switchover": Fault(cancelled_in_pre_switchover, PAUSED),
    "pre-copy: cut in pre-switchover": Fault(cut_in_pre_switchover, PAUSED),
    "pre-copy: destination killed in the blackout": Fault(killed_in_the_blackout, PAUSED),
}


def measure(version, fault, variant):
    run = Run(version, variant, FAULTS[fault])
    try:
        FAULTS[fault].does(run)
        return run.verdict()
    finally:
        run.close()
