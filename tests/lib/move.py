"""One migration in a test: what it takes to run it with stock virsh, and what is looked at when it is over."""
import threading
import time

from .hosts import VirshError
from .patience import PATIENCE, wait_until  # noqa: F401, tests have both from here
from .runner import expect

# What clients of each host must have been told, no more and no less. PERSIST_DEST and UNDEFINE_SOURCE add theirs.
PRE_COPY = (["SUSPENDED/MIGRATED", "STOPPED/MIGRATED"], ["STARTED/MIGRATED", "RESUMED/MIGRATED"])
POST_COPY_STOP_FIRST = (["SUSPENDED/MIGRATED", "SUSPENDED/POSTCOPY", "STOPPED/MIGRATED"],
                        ["STARTED/MIGRATED", "RESUMED/POSTCOPY", "RESUMED/MIGRATED"])
POST_COPY_STOP_LAST = (["SUSPENDED/POSTCOPY", "STOPPED/MIGRATED"],
                       ["STARTED/MIGRATED", "RESUMED/POSTCOPY", "RESUMED/MIGRATED"])
PAUSED_PRE_COPY = (["STOPPED/MIGRATED"], ["STARTED/MIGRATED", "SUSPENDED/PAUSED"])
PAUSED_POST_COPY = (["SUSPENDED/POSTCOPY", "STOPPED/MIGRATED"], ["STARTED/MIGRATED", "SUSPENDED/PAUSED"])
UNDONE_BEFORE_STOP = ([], ["STARTED/MIGRATED", "STOPPED/FAILED"])
UNDONE_AFTER_STOP = (["SUSPENDED/MIGRATED", "RESUMED/MIGRATED"], UNDONE_BEFORE_STOP[1])
CUT_IN_POST_COPY = ["SUSPENDED/MIGRATED", "SUSPENDED/POSTCOPY", "SUSPENDED/POSTCOPY_FAILED"]  # the source


def post_copy_events(qemu, pause_before_switchover):
    """QEMU before 10 says postcopy-active before STOP, unless it pauses before the switchover."""
    return POST_COPY_STOP_FIRST if qemu != "7.2" or pause_before_switchover else POST_COPY_STOP_LAST


class Move:
    """A guest that runs on `source` and is to go to the pair's other host."""

    def __init__(self, pair, guest, source=None):
        self.pair = pair
        self.guest = guest
        self.source = source or pair.a
        self.destination = pair.other(self.source)
        self._process = None
        self._started = 0.0
        self._seen = {}
        self.mark()

    def mark(self):
        """From here on count the events that expect_events compares."""
        self._seen = {host.name: len(host.events(self.guest.name)) for host in (self.source, self.destination)}

    def start(self, *options):
        """`virsh migrate --live`, client-managed over TCP, beside the test; its end is an entry of the time line."""
        self.start_virsh(
            "migrate", "--live", *options, self.guest.name, self.destination.uri, self.destination.migrate_uri)

    def start_virsh(self, *arguments):
        """Any other virsh command, on the source, that is the migration."""
        process = self._process = self.source.virsh_start(*arguments)

        def wait():
            out, err = process.communicate()
            words = f"status {process.returncode}: {err.strip() or out.strip()}"
            self.pair.timeline.add(self.source.name, "virsh", self.guest.name, words, status=process.returncode)

        self._started = time.monotonic()
        threading.Thread(target=wait, daemon=True).start()

    def let_go(self, *options):
        """A migration that was held by a low bandwidth gets all that there is; "--postcopy": its post-copy does."""
        self.source.virsh("migrate-setspeed", self.guest.name, "2000", *options)

    def kill_virsh(self):
        """The client that manages the migration dies."""
        self._process.kill()
        self.pair.timeline.wait_for(lambda e: self._is_own(e, "virsh"), PATIENCE, "the end of virsh")

    def _is_own(self, entry, kind):
        return (entry.kind == kind and entry.time >= self._started and entry.host == self.source.name
                and entry.guest == self.guest.name)

    def finish(self, timeout=PATIENCE):
        """Waits for virsh; VirshError with its words when it failed."""
        ended = self.pair.timeline.wait_for(lambda e: self._is_own(e, "virsh"), timeout, "the end of virsh migrate")
        if ended.data["status"]:
            raise VirshError(f"virsh migrate: {ended.text}")

    def finish_failed(self, timeout=PATIENCE):
        """Waits for a virsh that is to fail; its words."""
        try:
            self.finish(timeout)
        except VirshError as error:
            return str(error)
        raise AssertionError("virsh migrate ended well, but was to fail")

    def run(self, *options, timeout=PATIENCE):
        self.start(*options)
        self.finish(timeout)

    def wait_pass(self, number=1):
        """Returns when QEMU has begun its pass `number` over the memory."""
        entry = self.pair.timeline.wait_for(
            lambda e: self._is_own(e, "virsh") or self._is_own(e, "iteration") and int(e.text) >= number,
            PATIENCE, f"pass {number} of the migration")
        if entry.kind == "virsh":
            raise VirshError(f"virsh migrate was over before pass {number}: {entry.text}")

    def expect_events(self, expected):
        """Exactly these, on both hosts. The last of each is waited for; none may come after it."""
        for host, names in zip((self.source, self.destination), expected):
            if names:
                self.pair.timeline.wait_for(
                    lambda e, host=host, names=names: self._events(host)[-1:] == names[-1:], PATIENCE,
                    f"{host.name}: {names[-1]}")
        for host in (self.source, self.destination):
            host.client.hear()
        told = [self._events(host) for host in (self.source, self.destination)]
        expect(told, list(expected), "events of source and destination")

    def _events(self, host):
        events = host.events(self.guest.name)[self._seen[host.name]:]
        return [event for event in events if not event.startswith(("DEFINED/", "UNDEFINED/"))]

    def expect_states(self, source, destination):
        expect([host.state(self.guest.name) for host in (self.source, self.destination)], [source, destination],
               "states on source and destination")

    def expect_intact(self):
        """The guest runs where it is now, all its memory is right, and no second copy ever ran."""
        verdict = self.guest.verdict()
        expect(verdict["wrong"], 0, "wrong pages")
        expect(self.guest.ticks.faults()[:3], [], "faults in the ticks")
        return verdict


def statistics(host, guest, flags=("--completed", "--keep-completed")):
    """`virsh domjobinfo --rawstats`: {"type": .., field: ..}, numbers as int."""
    found = {}
    for line in host.virsh("domjobinfo", guest, "--rawstats", *flags).splitlines():
        name, _, value = line.partition(":")
        value = value.strip()
        found[name.strip()] = int(value) if value.lstrip("-").isdigit() else value
    return found


def start_guest(pair, guest, persistent=True):
    """Runs the guest on host a and waits until it has filled its memory and ticks."""
    connection = pair.a.client.connection
    if persistent:
        connection.defineXML(guest.xml).create()
    else:
        connection.createXML(guest.xml, 0)
    guest.wait_ready()
    pair.a.wait_event("STARTED/BOOTED", guest.name)
    return guest


def end_guest(pair, guest):
    """Destroys and undefines it wherever it is; then nothing of it may be left on either host."""
    for host in (pair.a, pair.b):
        state = host.state(guest.name)
        if state == "none":
            continue
        domain = host.client.domain(guest.name)
        persistent = domain.isPersistent()
        if not state.startswith("SHUTOFF"):
            domain.destroy()
        if persistent:
            domain.undefine()
    expect(pair.a.leftovers() + pair.b.leftovers(), [], "leftovers on the hosts")
