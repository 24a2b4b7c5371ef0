"""The demo's page: two columns, a host each, and what happened in the middle of a line's time.

Entries come from several threads and two daemons; QEMU's events carry QEMU's own time, which is older
than their arrival. So an entry waits a moment before it is printed, and the page is in order of time.
"""
import heapq
import itertools
import os
import sys
import threading
import time

WIDTH = 96
COLUMN = 42
_SETTLE = 0.15  # seconds that an entry waits for older ones

_COLOURS = {"event": "1;32", "state": "36", "qemu": "33", "step": "1", "guest": "1;34", "ticks": "1;35", "bad": "1;31", "dim": "2",
            "good": "1;32", "head": "1"}


def _use_colour():
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


class Page:
    def __init__(self):
        self._colour = _use_colour()
        self._heap = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._origin = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def paint(self, text, colour):
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._colour else text

    def line(self, text="", colour=None):
        """A line between the time lines; first all that is waiting is printed."""
        self.settle()
        print(self.paint(text, colour) if colour else text, flush=True)

    def title(self, text):
        self.line()
        self.line(f"── {text} " + "─" * (WIDTH - len(text) - 4), "head")

    def time_line(self):
        """Starts a time line: its zero is now."""
        self.settle()
        self._origin = time.monotonic()
        self.line(f"       ms   {'host a':{COLUMN}} host b", "dim")

    def show(self, at, host, kind, text):
        """An entry of the time line; kind is event, state, qemu, guest, step or ticks."""
        with self._changed:
            heapq.heappush(self._heap, (at, next(self._order), host, kind, text))
            self._changed.notify_all()

    def settle(self):
        """Returns when all entries that were shown so far are printed."""
        with self._changed:
            while self._heap:
                self._changed.wait(_SETTLE)

    def _run(self):
        while True:
            with self._changed:
                while not self._heap or self._heap[0][0] + _SETTLE > time.monotonic():
                    self._changed.notify_all()
                    wait = self._heap[0][0] + _SETTLE - time.monotonic() if self._heap else None
                    self._changed.wait(None if wait is None else max(wait, 0.001))
                at, _, host, kind, text = self._heap[0]
                self._print(at, host, kind, text)
                heapq.heappop(self._heap)
                self._changed.notify_all()

    def _print(self, at, host, kind, text):
        stamp = f"{(at - self._origin) * 1000:9.1f}"
        cell = f"{kind:6} {text}"[:COLUMN]
        painted = self.paint(f"{kind:6}", "dim") + self.paint(cell[6:], kind)
        if host == "b":
            print(f"{stamp}   {'':{COLUMN}} {painted}", flush=True)
        elif host == "a":
            print(f"{stamp}   {painted}", flush=True)
        else:
            print(f"{stamp}   {self.paint(text, kind)}", flush=True)

    def table(self, head, rows):
        """Three columns of text: what, and what each host says."""
        self.line(f"  {head[0]:34} {head[1]:>26} {head[2]:>26}", "dim")
        for what, one, other in rows:
            self.line(f"  {what:34} {one:>26} {other:>26}")


class Verdicts:
    """What must be true at the end; each is printed when it is judged."""

    def __init__(self, page):
        self._page = page
        self.wrong = []

    def judge(self, right, text, detail=""):
        mark = self._page.paint("ok   ", "good") if right else self._page.paint("WRONG", "bad")
        self._page.line(f"  {mark} {text}")
        if not right:
            self.wrong.append(text)
            for line in detail.splitlines():
                self._page.line(f"        {line}", "bad")
