"""make demo's program: all right, without the right to post-copy, and with something wrong."""
import os
import re
import shutil
import signal
import subprocess
import sys

from lib import guests, processes
from lib.hosts import BATOND, PROJECT
from lib.runner import expect, skip, test

NOBODY = 65534


class Demo:
    """The demo under way; what it has printed so far."""

    def __init__(self, *before):
        self.text = ""
        self._process = subprocess.Popen(
            [*before, sys.executable, os.path.join(PROJECT, "demo", "demo")], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "BATON_GUESTS": guests.GUESTS, "BATON_BATOND": BATOND})

    def read_until(self, words):
        for line in self._process.stdout:
            self.text += line
            if words in line:
                return
        raise AssertionError(f"the demo ended without '{words}':\n{self.text}")

    def end(self):
        """Its exit status."""
        self.text += self._process.stdout.read()
        return self._process.wait(30)

    def close(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.communicate(timeout=60)
        for folder in re.findall(r"folders are kept: (\S+)", self.text):
            shutil.rmtree(folder, ignore_errors=True)

    def said(self, *words):
        for w in words:
            assert w in self.text, f"the demo did not say '{w}':\n{self.text}"


@test(timeout=240)
def the_demo_shows_both_migrations(case):
    demo = case.own(Demo())
    expect(demo.end(), 0, f"exit status of the demo:\n{demo.text}")
    demo.said("a → b, pre-copy", "b → a, post-copy", "qemu   STOP", "event  SUSPENDED/POSTCOPY", "state  PAUSED/POSTCOPY",
              "statistics of the finished migration", "blackout: longest gap in the ticks", "0 wrong", "All of it is right")


@test(timeout=240)
def without_userfaultfd_the_demo_says_so(case):
    if os.getuid() != 0:
        skip("only root can become somebody else")
    with open("/proc/sys/vm/unprivileged_userfaultfd", encoding="ascii") as f:
        if f.read().strip() != "0":
            skip("everybody may have a userfaultfd here")
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if subprocess.run([*become, BATOND, "--version"], capture_output=True, check=False).returncode:
        skip("the build is in a folder that nobody else may read")
    demo = case.own(Demo(*become, "env", "BATON_PROBES="))  # those are root's
    expect(demo.end(), 0, f"exit status of the demo:\n{demo.text}")
    demo.said("a → b, pre-copy", "Post-copy is left out: the kernel lets this user have no userfaultfd", "All of it is right")
    assert "post-copy ─" not in demo.text, demo.text


@test(timeout=240)
def a_demo_that_goes_wrong_ends_so(case):
    demo = case.own(Demo())
    demo.read_until("MIGRATION active")
    root = re.search(r"socket=(/tmp/\S+)/a/run/", demo.text).group(1)
    for pid in processes.with_output_below(os.path.join(root, "a", "log")):
        os.kill(pid, signal.SIGKILL)
    expect(demo.end(), 1, f"exit status of the demo:\n{demo.text}")
    demo.said("Wrong:", f"folders are kept: {root}")
