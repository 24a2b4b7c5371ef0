"""One record of all that is told, by whoever tells it, in the order in which it arrived here.

Each entry carries this process's monotonic clock. A waiter sleeps until an entry comes that makes
its condition true, or until its deadline: nobody looks again and again.
"""
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Entry:
    time: float     # monotonic, seconds
    host: str
    kind: str       # lifecycle, job, iteration, qemu, state, step, ...
    guest: str
    text: str       # "SUSPENDED/MIGRATED", "postcopy-active"
    data: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.host} {self.guest} {self.kind} {self.text}"


class Timeline:
    def __init__(self):
        self.start = time.monotonic()
        self._changed = threading.Condition()
        self._entries = []
        self._listeners = []

    def add(self, host, kind, guest, text, **data):
        entry = Entry(time.monotonic(), host, kind, guest, text, data)
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener(entry)

    def listen(self, listener):
        """Calls listener(entry) for each entry from now on, in the thread that adds it."""
        with self._changed:
            self._listeners.append(listener)

    def entries(self, host=None, kind=None, guest=None):
        with self._changed:
            return [e for e in self._entries if host in (None, e.host) and kind in (None, e.kind)
                    and guest in (None, e.guest)]

    def texts(self, **which):
        return [e.text for e in self.entries(**which)]

    def wait_for(self, predicate, timeout, what="an entry"):
        """The first entry, past or to come, that predicate(entry) accepts."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for entry in self._entries[seen:]:
                    if predicate(entry):
                        return entry
                seen = len(self._entries)
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"{what} did not come within {timeout} s; told so far:\n{self._render()}")

    def _render(self):
        return "\n".join(f"  {(e.time - self.start) * 1000:9.1f} ms  {e}" for e in self._entries) or "  nothing"

    def render(self):
        with self._changed:
            return self._render()
