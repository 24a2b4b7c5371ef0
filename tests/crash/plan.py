"""What a seed means: which migration, at which step of it what breaks.

The steps of each kind of migration are in the file `steps`: each line has the kinds in which the step comes, as bits of
a hexadecimal number, and its name. `torture --record-steps` writes it anew, from migrations in which nothing breaks (of
a recovery: nothing more).
"""
import itertools
import os
import random
import re

STEPS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "steps")

PRE_COPY, POST_COPY, RECOVERY = WAYS = ("pre-copy", "post-copy", "recovery")  # the last: of a post-copy that was cut
KINDS = list(itertools.product(WAYS, (False, True), ("7.2", "10"), (0, 1)))  # way, p2p, version, pbs

KILLS = ["kill -9 the source's QEMU", "kill -9 the destination's QEMU", "kill -9 the source's batond",
         "kill -9 the destination's batond", "kill -9 both batond", "kill -9 the client"]
STREAM, CLIENT_A, CLIENT_B, P2P, PEER = WIRES = (
    "the stream", "the client's connection to the source", "the client's connection to the destination",
    "the p2p connection", "the peer channel")
PHASES = ["begin", "pre-copy", "switchover", "post-copy", "recovery", "finish"]
LINK = "all between the hosts"
BREAKS = ["cut", "delay", "black hole"]
OF_FAKES = ["close the monitor", "stand still"]
# What a user asks of an end, and what a guest does by itself. An I/O error comes to a fake at one of its own points only.
SOURCE, DESTINATION = ENDS = ("source", "destination")
CALLS = [f"{call} at the {end}" for call in ("suspend", "resume", "reset", "shutdown", "destroy", "domjobinfo") for end in ENDS] + [
    "setspeed at the source", "migrate-postcopy at the source"]
POWER_OFF = "power-off by the guest"
IO_ERROR = "I/O error at the "
# Some of the fake's own points are the stream's messages, which no daemon sees.
FAKE_POINTS = "QEMU "


def load_steps():
    """{kind: [step]}"""
    found = {kind: [] for kind in KINDS}
    with open(STEPS, encoding="utf-8") as f:
        for line in f:
            mask, _, name = line.rstrip("\n").partition(" ")
            for bit, kind in enumerate(KINDS):
                if int(mask, 16) >> bit & 1:
                    found[kind].append(name)
    return found


def save_steps(found):
    """`found`: {kind: set of steps}"""
    masks = {}
    for bit, kind in enumerate(KINDS):
        for step in found[kind]:
            masks[step] = masks.get(step, 0) | 1 << bit
    with open(STEPS, "w", encoding="utf-8") as f:
        f.writelines(f"{mask:06x} {step}\n" for step, mask in sorted(masks.items(), key=lambda item: item[0]))


def _actions(p):
    wires = [STREAM, CLIENT_A, LINK] + ([P2P] if p["p2p"] else [CLIENT_B]) + ([PEER] if p["peers"] else [])
    return KILLS + [f"{what}: {wire}" for wire in wires for what in BREAKS] + ["abort"]


def _acts(qemu, step):
    failing = ENDS if qemu != "fake" else step.split()[1:2] if step.startswith(FAKE_POINTS) else ()
    return CALLS + 2 * [POWER_OFF] + 2 * [IO_ERROR + end for end in failing]


def _own_death(r, step):
    """At a step of a batond: it dies there, having done nothing, half or all of it."""
    host, _, what = step.partition(" ")
    whose = "source" if host == "a" else "destination"
    when = "before" if what.startswith("reads") else r.choice(["before", "half", "after"])
    return {"action": f"kill -9 the {whose}'s batond", "when": when}


def plan(seed, qemu, steps):
    r = random.Random(seed)
    p = {"seed": seed, "qemu": qemu, "version": r.choice(["7.2", "10"]) if qemu == "fake" else qemu,
         "way": r.choice(2 * [PRE_COPY, POST_COPY] + [RECOVERY]), "p2p": r.random() < 0.4, "pbs": int(r.random() < 0.7),
         "peers": r.random() < 0.8, "when": "before", "away": r.choice([0.05, 0.2, 0.8])}
    p["peers"] |= p["way"] == RECOVERY  # without a channel nobody recovers by himself
    p["require_proof"] = int(not p["peers"] and r.random() < 0.5)
    all_steps = steps[p["way"], p["p2p"], p["version"], p["pbs"]]
    p["step"] = step = r.choice([s for s in all_steps if qemu == "fake" or not s.startswith(FAKE_POINTS)])
    if r.random() < 0.35:
        return {**p, "action": r.choice(_acts(qemu, step))}
    if step.startswith(FAKE_POINTS):
        return {**p, "action": r.choice(_actions(p) + OF_FAKES)}
    return {**p, **(_own_death(r, step) if r.random() < 0.3 else {"action": r.choice(_actions(p))})}


def undisturbed(number):
    """A migration in which nothing breaks, of kind `number`."""
    way, p2p, version, pbs = KINDS[number]
    return {"seed": number, "qemu": "fake", "version": version, "way": way, "p2p": p2p, "pbs": pbs, "peers": True,
            "require_proof": 0, "when": "before", "away": 0, "step": "", "action": "nothing"}


# A connection's housekeeping, and what an emulator is asked that a daemon has not met before.
_NO_STEP = re.compile(r"SUPPORTS_FEATURE|AUTH_LIST|CONNECT_GET_|CONNECT_CLOSE|CALLBACK|qom-list-properties"
                      r"|query-(command|cpu|kvm|machines|migrate-capabilities|target|version)")


def is_step(name):
    return not _NO_STEP.search(name)
