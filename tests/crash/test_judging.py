"""The judge judged: what it must let pass, and what it must not."""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import history  # noqa: E402
import plan  # noqa: E402
from lib import disks  # noqa: E402
from lib.runner import expect, test  # noqa: E402


def disk_content(newest, changes=None):
    """What a guest's disk holds when record `newest` is on it; `changes` puts other records at some places."""
    content = bytearray(disks.RECORDS * disks.SPREAD)
    held = {n % disks.RECORDS: n for n in range(1, newest + 1)} | (changes or {})
    for place, n in held.items():
        words = [disks.MAGIC, n] + [(n * 0x9E3779B1 + k * 0x85EBCA6B) & 0xFFFFFFFF for k in range(2, 128)]
        struct.pack_into("<128I", content, place * disks.SPREAD, *words)
    return content


@test()
def disks_are_read_rightly(_case):
    for newest in (0, 1, 63, 64, 65, 300):
        expect(disks.records_fault(disk_content(newest), newest), "", f"{newest} records")
    assert "was told" in disks.records_fault(disk_content(10), 11)
    assert "place 5 holds record 5 and not 69" in disks.records_fault(disk_content(70, {5: 5}), 70), "a lost write"
    assert "holds record" in disks.records_fault(disk_content(70, {20: 84}), 70), "another runner's write"
    torn = disk_content(70)
    torn[3 * disks.SPREAD + 400] ^= 1
    assert "place 3 is torn" in disks.records_fault(torn, 70)


def judged(final, *events, source=True):
    return history.fault([("state" if "/" not in e or e.startswith(("RUNNING", "PAUSED", "SHUTOFF")) else "lifecycle", e)
                          for e in events], final, source)


@test()
def histories_are_judged_rightly(_case):
    start = "STARTED/BOOTED"
    right = [
        ("none", ()),
        ("RUNNING/BOOTED", (start,)),
        ("SHUTOFF/MIGRATED", (start, "SUSPENDED/MIGRATED", "SUSPENDED/POSTCOPY", "STOPPED/MIGRATED", "UNDEFINED/REMOVED")),
        ("RUNNING/MIGRATION_CANCELED", (start, "SUSPENDED/MIGRATED", "RESUMED/MIGRATED")),
        ("PAUSED/POSTCOPY", (start, "SUSPENDED/POSTCOPY", "SUSPENDED/POSTCOPY_FAILED", "SUSPENDED/POSTCOPY")),
        ("SHUTOFF/MIGRATED", (start, "PAUSED/POSTCOPY", "STOPPED/MIGRATED")),
    ]
    for final, events in right:
        expect(judged(final, *events), "", f"{events}")
    there = ("STARTED/MIGRATED", "RESUMED/POSTCOPY", "RESUMED/MIGRATED")
    expect(judged("RUNNING/MIGRATED", *there, source=False), "", "a destination's")
    wrong = [
        ("RUNNING/BOOTED", ()),
        ("RUNNING/BOOTED", (start, start)),
        ("PAUSED/MIGRATION", (start, "SUSPENDED/MIGRATED", "SUSPENDED/MIGRATED")),
        ("PAUSED/MIGRATION", (start, "SUSPENDED/POSTCOPY", "SUSPENDED/MIGRATED")),
        ("RUNNING/UNPAUSED", (start, "RESUMED/UNPAUSED")),
        ("RUNNING/BOOTED", (start, "SUSPENDED/MIGRATED")),
        ("none", ("STOPPED/MIGRATED",)),
        ("RUNNING/UNPAUSED", (start, "STOPPED/MIGRATED", "RESUMED/UNPAUSED")),
    ]
    for final, events in wrong:
        assert judged(final, *events), f"{events} and {final} pass"
    assert history.crossed([("lifecycle", "RESUMED/MIGRATED")], [("lifecycle", "RESUMED/MIGRATED")])
    expect(history.crossed([("lifecycle", "SUSPENDED/MIGRATED")], [("lifecycle", "RESUMED/MIGRATED")]), "", "both hosts")


@test()
def a_seed_is_a_fault(_case):
    steps = plan.load_steps()
    for kind in plan.KINDS:
        assert len(steps[kind]) > 80, f"{kind}: {len(steps[kind])} steps"
    plans = [plan.plan(seed, "fake", steps) for seed in range(300)]
    expect(plans, [plan.plan(seed, "fake", steps) for seed in range(300)], "the same seeds")
    assert len({(p["step"], p["action"]) for p in plans}) > 250, "seeds do not differ"
    assert {p["action"] for p in plans} >= set(plan.CALLS) | {plan.POWER_OFF, plan.IO_ERROR + plan.SOURCE}, "a user's call is missing"
    for p in plans:
        assert not p["action"].startswith(plan.IO_ERROR) or p["step"].startswith(plan.FAKE_POINTS), p
        assert "peer channel" not in p["action"] or p["peers"], p
        assert "p2p connection" not in p["action"] or p["p2p"], p
    assert not any(p["step"].startswith(plan.FAKE_POINTS) for p in
                   (plan.plan(seed, "10", steps) for seed in range(100))), "a real QEMU has no points"
