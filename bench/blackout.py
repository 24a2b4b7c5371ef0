"""What stopping the guest ourselves costs: the blackout of one migration, by who stops it and when.

Pre-copy:
  qemu            QEMU stops the guest when what remains fits into the downtime limit
  qemu+pause      the same, with pause-before-switchover
  pass+stop       QEMU's limit is 1 ms, so that it does not get there first; at the beginning of a pass
                  (MIGRATION_PASS) what the pass has found is read, and when it fits into the limit: `stop`
  poll+stop       QEMU's limit is as with qemu; what remains is read every 2 ms, and when 10 ms of it are
                  left in a pass: `stop`
  late+stop       `stop` at pre-switchover: free, but QEMU has stopped the guest already
Post-copy:
  qemu, qemu+pause as above; stop, stop+pause: `stop` right before `migrate-start-postcopy`
"""
import time

from bare import MIB, PLENTY, BarePair

LIMIT_MS = 50
PRECOPY = ["qemu", "qemu+pause", "pass+stop", "poll+stop", "late+stop"]
POSTCOPY = ["qemu", "qemu+pause", "stop", "stop+pause"]
LARGE_MIB = 112  # where nothing limits the stream: QEMU's first 100 ms must not be enough for all of it
POLL = 0.002
POLL_LEFT_MS = 10


class Precopy:
    """One pre-copy migration."""

    def __init__(self, pair, variant, bandwidth):
        self.pair = pair
        self.qmp = pair.source.qmp
        self.variant = variant
        self.bandwidth = bandwidth
        self.passes = 0
        self.waiting = []  # numbers of answers to `stop` and to the question after it
        self.continued = False

    def run(self):
        limit = 1 if self.variant == "pass+stop" else LIMIT_MS
        self.pair.configure(limit, self.bandwidth, pause_before_switchover=self.variant != "qemu")
        began = time.monotonic()
        self.pair.migrate()
        seen = 0
        while True:
            try:
                event, seen = self.qmp.next_event(seen, POLL if self.variant == "poll+stop" else 30)
            except TimeoutError:
                if self.variant != "poll+stop" or time.monotonic() > began + 30:
                    raise
                event = "nothing"
            if event == "completed":
                break
            assert event not in ("failed", "cancelled"), self.qmp.events()
            self.take(event)
        self.pair.destination.qmp.command("cont")
        took = time.monotonic() - began
        return {"blackout": self.pair.blackout(), "wall": took * 1000, "passes": self.passes,
                "owned": self.owned()}

    def take(self, event):
        if event == "MIGRATION_PASS":
            self.passes += 1
            if self.variant == "pass+stop" and self.passes > 1 and self.remaining_ms() <= LIMIT_MS:
                self.stop()
        elif event == "nothing" and self.passes and self.remaining_ms() <= POLL_LEFT_MS:
            self.stop()
        elif event == "pre-switchover" and not self.continued:
            self.continued = True
            if self.variant == "late+stop":
                self.stop()
            self.qmp.command("migrate-continue", state="pre-switchover")

    def remaining_ms(self):
        if self.waiting:
            return float("inf")
        ram = self.qmp.command("query-migrate").get("ram")
        return ram["remaining"] * 1000 / self.bandwidth if ram else float("inf")

    def stop(self):
        """The limit is lifted with it, as QEMU lifts it for its own last pass."""
        self.waiting = [self.qmp.send("stop"), self.qmp.send("query-status"),
                        self.qmp.send("migrate-set-parameters", max_bandwidth=PLENTY)]

    def owned(self):
        """Whether it was our `stop`: QEMU's own leaves another status."""
        if not self.waiting:
            return False
        answers = [self.qmp.answer(number) for number in self.waiting]
        return answers[1]["status"] == "paused"


def postcopy(pair, variant, bandwidth, wait):
    """One post-copy migration, switched `wait` seconds after its beginning."""
    pause = variant.endswith("+pause")
    qmp = pair.source.qmp
    pair.configure(1, bandwidth, pause_before_switchover=pause, postcopy_ram=True)
    began = time.monotonic()
    pair.migrate()
    qmp.wait_event("active")
    time.sleep(max(0.0, began + wait - time.monotonic()))
    ours = [qmp.send("stop"), qmp.send("query-status")] if variant.startswith("stop") else []
    ours.append(qmp.send("migrate-start-postcopy"))
    if pause:
        qmp.wait_any(["pre-switchover"])
        qmp.command("migrate-continue", state="pre-switchover")
    qmp.wait_event("postcopy-active")
    qmp.wait_event("STOP")
    pair.destination.qmp.command("cont")
    qmp.wait_event("completed", 60)
    took = time.monotonic() - began
    answers = [qmp.answer(number) for number in ours]
    events = qmp.events()
    return {"blackout": pair.blackout(), "wall": took * 1000,
            "owned": len(answers) > 1 and answers[1]["status"] == "paused",
            "order": [e for e in events if e in ("STOP", "pre-switchover", "device", "postcopy-active")]}


def measure(version, kind, variant, rate, bandwidth_mib, wait):
    """One migration; what it cost."""
    with BarePair(version, 32 if bandwidth_mib else LARGE_MIB, rate) as pair:
        bandwidth = bandwidth_mib * MIB if bandwidth_mib else PLENTY
        if kind == "pre-copy":
            return Precopy(pair, variant, bandwidth).run()
        return postcopy(pair, variant, bandwidth, wait if bandwidth_mib else wait / 5)
