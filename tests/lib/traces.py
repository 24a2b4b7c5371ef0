"""The traces that a test's daemons leave: kept when it is over, and held against the model of QEMU.

With BATON_TRACES=FOLDER the runner keeps those of every test with real QEMUs that passed, as TEST.N-source.jsonl and
TEST.N-destination.jsonl, the two ends of one migration. tests/explore/allow says whether the model QEMU, which the
explorer plays, may do what the real ones did.
"""
import glob
import json
import os
import re
import shutil
import subprocess

from .hosts import BATOND

ALLOW = os.path.join(os.path.dirname(BATOND), "tests", "explore", "allow")


class _Trace:
    def __init__(self, path):
        self.path = path
        self.host = path.split(os.sep)[-4]
        with open(path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f if line.endswith("\n")]
        times = [line["time"] for line in lines if "time" in line]
        self.outgoing = lines[0]["direction"] == "out" if lines else False
        self.uuid = lines[0]["uuid"] if lines else ""
        self.begin, self.end = (times[0], times[-1]) if times else (0, 0)

    def is_to(self, other):
        """Is `other` the far end of this, a source? The two hosts of a test have one clock."""
        return (self.uuid == other.uuid and self.host != other.host and not other.outgoing
                and self.begin <= other.begin <= self.end)


def by_hand(folder):
    """QEMU will be ordered what no daemon's trace has: those of this test say nothing about the model."""
    with open(os.path.join(folder, "by-hand"), "x", encoding="utf-8"):
        pass


def keep(folder, name):
    """Keeps the traces below a test's folder, where there is a place for them. Nothing of fake QEMUs."""
    to = os.environ.get("BATON_TRACES")
    fakes = [path for path in glob.glob(os.path.join(folder, "qemu-*")) if os.path.islink(path)]
    if not to or fakes or os.path.exists(os.path.join(folder, "by-hand")):
        return
    found = [_Trace(path) for path in glob.glob(os.path.join(folder, "*", "lib", "traces", "*.jsonl"))]
    stem = re.sub(r"[^\w.=+-]+", "-", name).strip("-")
    number = 0
    for source in sorted((t for t in found if t.outgoing), key=lambda t: t.begin):
        ends = [t for t in found if source.is_to(t)]
        if len(ends) != 1:  # it came to nothing before there was a second end
            continue
        number += 1
        for side, one in (("source", source), ("destination", ends[0])):
            shutil.copyfile(one.path, os.path.join(to, f"{stem}.{number}-{side}.jsonl"))


def check(folder):
    """[(name, allowed, what was said)] of each test that left traces there."""
    if not glob.glob(os.path.join(folder, "*-source.jsonl")):
        return []
    done = subprocess.run([ALLOW, "--folder", folder], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        match = re.match(r"(ok|not ok) - (.*)\.\d+: ", line)
        if match:
            name = match.group(2)
            good, said = found.get(name, (True, []))
            found[name] = good and match.group(1) == "ok", said
        if found and (match or line.startswith("#")):
            found[name][1].append(line)
    if done.returncode not in (0, 1):
        found["the check itself"] = (False, [done.stdout, done.stderr])
    return [(name, good, "\n".join(said)) for name, (good, said) in found.items()]
