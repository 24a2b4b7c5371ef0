"""The verdict on a fault that has been healed.

    one runner      no tick of the source after the destination's first
    a user's call   has one answer; a guest that was destroyed is gone there, and the other half says so; one that was
                    paused, or met an I/O error, goes on at a word; a call that is refused, or looked only, disturbs nothing
    integrity       the guest's pages and disks are right
    nothing lost    one copy runs, or both stand in a state with a name and a way back; or the fault ended what nobody has twice
    it ends         virsh ends, the state stays as it is
    truth           the events that clients got are a history that can be; the last one agrees with the state
    clean           destroyed, it leaves no process, socket, port or file
"""
import json
import os
import subprocess
import time

import libvirt

from lib import hosts
from lib.patience import PROMPT, holds_in_time

import fault as faults
import history
import plan as planning

SETTLE = 45        # seconds until it must have ended: a daemon in doubt asks again after half a minute at most
UNCHANGED = 3      # seconds that a state must have lasted which nothing says will last
RECOVERED = 10     # ... that recovery by itself may take after healing
STOPPED_AT_ONCE = 100  # ticks of a source that QEMU restarted until batond has stopped it
RUNS = ("moved", "stayed", "resumed by hand", "settled")
SURVIVED = (*RUNS, "recovered", "died with its QEMU", "ended by its user", "powered off")
BATON = os.path.join(os.path.dirname(hosts.BATOND), "baton")
# Not survived, and no daemon's doing. "lost by QEMU": the stream ended when the source had sent its last page and the
# destination had not got it, which QEMU 10 calls failed and 7.2 waits on for ever, and neither can be resumed (trap 1); or in a
# recovery, of which 7.2's destination dies, or whose lost answer its source awaits for ever. "believed": there is no channel, and a client said that the guest does not run
# there; stock libvirt believes it, too.
NAMED = ("lost by QEMU", "believed")
BAD = ("LOST", "DOUBLED", "WRONG", "STUCK", "DISTURBED", "UNTRUE", "UNCLEAN", "HARNESS")


class Judge:
    def __init__(self, fault):
        self.fault = fault
        self.pair, self.guest, self.p = fault.pair, fault.guest, fault.p
        self.found = ("", "")
        self.has_channel = self.p["peers"] or self.p["p2p"]
        self.written = {}  # on each disk, as the guest was told
        self.settled_at = float("inf")

    # ---- what it looks like ----

    def look(self):
        """(state of a, state of b, hosts with a QEMU, a job is under way)"""
        states, busy = [], False
        for host in (self.pair.a, self.pair.b):
            state = host.state(self.guest.name)
            states.append(state)
            if state.split("/")[0] in ("RUNNING", "PAUSED"):
                busy |= host.client.domain(self.guest.name).jobInfo()[0] != 0
        alive = "".join(host.name for host in (self.pair.a, self.pair.b) if host.qemu_pids())
        return (*states, alive, busy)

    def reading(self, a, b, alive, busy):
        """What that is, and how many seconds it must last to be the end; None: not the end."""
        is_up = [state.startswith("RUNNING") or self.stands(state) for state in (a, b)]
        if "POSTCOPY_FAILED" in a + b:
            return self._broken(a, b, alive)
        if all(is_up):
            return "both run", 1
        if any(is_up) and not busy and not (b if is_up[0] else a).startswith("PAUSED"):
            return ("moved" if is_up[1] else "stayed"), UNCHANGED if self.may_stand_soon() else 0.1
        if not alive:
            return self._ended(), 0.3
        if "PAUSED/MIGRATION" in (a, b) and (not self.has_channel or self.ended_qemus()):
            return "in doubt", UNCHANGED  # nobody to ask, or who knew is gone: for an operator
        return None

    def stands(self, state):
        """As its user wanted it, or for its disk."""
        call = self.fault.call
        return (state == "PAUSED/USER" and call and call.name == "suspend" and call.is_done()
                or state == "PAUSED/IOERROR" and self.p["action"].startswith(planning.IO_ERROR))

    def may_stand_soon(self):
        """The guest may be about to go off, or to hear that its disk failed."""
        call, action = self.fault.call, self.p["action"]
        return (call and call.name == "shutdown" and call.is_done()
                or action == planning.POWER_OFF or action.startswith(planning.IO_ERROR))

    def destroyed(self):
        """The host where its user did that."""
        call = self.fault.call
        return call.host.name if call and call.name == "destroy" and call.is_done() else ""

    def ended_qemus(self):
        """Where one was ended from outside."""
        return self.fault.killed_qemus | set(self.destroyed())

    def _ended(self):
        if any("SHUTDOWN/GUEST" in host.events(self.guest.name) for host in (self.pair.a, self.pair.b)):
            return "powered off"
        return "died" if self.ended_qemus() else "gone"

    def _broken(self, a, b, alive):
        if not self.has_channel and b == "RUNNING/MIGRATED":
            return "in doubt", UNCHANGED  # it arrived; the source can't know
        if alive == "a" and not self.ran_there():
            return "in doubt", UNCHANGED  # it had `cont` there, or may have had: for an operator
        if self.ended_qemus():
            return "half of it died", UNCHANGED
        if self.hangs_resuming():
            return ("lost by QEMU", UNCHANGED) if "POSTCOPY_FAILED" in a else None
        if alive != "ab":
            dies = self.p["version"] == "7.2" and self.fault.fired_in == "recovery" and alive == "a"
            return "lost by QEMU" if dies else "gone", UNCHANGED
        if self.last_page_lost():
            return "lost by QEMU", UNCHANGED
        return "broken", RECOVERED if self.has_channel else 0.5

    def last_page_lost(self):
        """The source's QEMU can't be resumed, because all was sent when the stream ended; and it was the fault that ended it."""
        if "black hole" in self.p["action"] or "delay" in self.p["action"]:
            return False
        found = self.asked(self.pair.a)
        return found.get("status") == "failed" or (
            found.get("status") == "postcopy-active" and found.get("ram", {}).get("remaining") == 0)

    def hangs_resuming(self):
        """The source's QEMU 7.2 waits for ever for an answer that the fault cut off while it resumed."""
        return (self.p["version"] == "7.2" and self.p["action"].startswith("cut") and self.fault.fired_in == "recovery"
                and self.asked(self.pair.a).get("status") == "postcopy-recover")

    def asked(self, host):
        """What QEMU there says of the migration."""
        said = host.virsh_try("qemu-monitor-command", self.guest.name, '{"execute": "query-migrate"}')
        return json.loads(said.stdout or "{}").get("return", {})

    def ran_there(self):
        """The destination's QEMU has begun to run the guest, be it that it stood at a missing page at once."""
        return (any(connection for _, connection, _ in self.guest.ticks.all())
                or any(event.startswith("RESUMED") for event in self.pair.b.events(self.guest.name)))

    def settle(self):
        """Waits until it has ended one way or the other: that reading, or None."""
        deadline, seen, since = time.monotonic() + SETTLE, None, 0
        while time.monotonic() < deadline:
            over = self.fault.over() and (not self.fault.call or self.fault.call.wait(0))
            try:
                now = (*self.look(), over)
            except libvirt.libvirtError:
                time.sleep(0.05)
                continue
            if now != seen:
                seen, since = now, time.monotonic()
            self.found = now[:2]
            what = self.reading(*now[:4])
            if what and now[4] and time.monotonic() - since >= what[1]:
                return what[0]
            time.sleep(0.02)
        return None

    def resume_by_hand(self):
        """`virsh migrate --postcopy-resume`, as a person would; what virsh said."""
        options = ["--live", *faults.UNSAFE, "--postcopy", "--postcopy-resume"] + (["--p2p"] if self.p["p2p"] else [])
        done = self.pair.a.virsh_try("migrate", *options, self.guest.name, self.pair.b.uri, f"tcp://{self.pair.b.address}")
        return done.stderr.strip() if done.returncode else ""

    def settle_by_hand(self):
        """`baton settle` where nobody can know, as a person would who has looked at both hosts; what it said no to."""
        a, b = self.found
        orders = []
        if b.startswith("PAUSED"):
            orders.append((self.pair.b, "end" if a.startswith("PAUSED") else "run"))
        if a.startswith("PAUSED"):
            orders.append((self.pair.a, "end" if b.startswith("RUNNING") else "run"))
        for host, what in orders:
            accept = {"run": "it-runs-nowhere-else", "end": "this-copy-is-lost"}[what]
            order = [BATON, "--root", host.root, "settle", self.guest.name, what, "--accept", accept]
            tries = []

            def is_known(order=order, tries=tries):
                tries.append(subprocess.run(order, capture_output=True, text=True, timeout=30, check=False))
                return "being asked at this moment" not in tries[-1].stderr

            holds_in_time(is_known, SETTLE)
            done = tries[-1]
            if done.returncode and "nothing to settle" not in done.stderr:  # what was decided at the other end has told it
                return f"{host.name} {what}: {done.stderr.strip()}"
        return ""

    # ---- the verdict ----

    def judge(self):
        """(outcome, what was seen)"""
        what = self.settle()
        if what == "broken":
            if self.has_channel:
                return "STUCK", f"{self.seen()}: no recovery by itself within {RECOVERED} s"
            if refusal := self.resume_by_hand():
                return "LOST", f"{self.seen()}: not resumed by hand: {refusal}"
            what = "resumed by hand" if self.settle() == "moved" else None
        if what == "in doubt":
            before, self.settled_at = self.seen(), time.monotonic()
            if refusal := self.settle_by_hand():
                return "STUCK", f"{before}: not settled: {refusal}"
            settled = self.settle()
            what = "settled" if settled in ("moved", "stayed") else None
        if what is None:
            return "STUCK", self.seen()
        if wrong := self._call_fault():
            return "STUCK", f"{self.seen()}: {wrong}"
        if what == "stayed" and self._is_harmless():
            return "DISTURBED", f"{self.seen()}: {self._virsh_said()}"
        if refusal := self._let_run():
            return "STUCK", f"{self.seen()}: it does not go on: {refusal}"
        return self._one_runner(what) or self._whole(what) or self._truth() or (self._name(what), self.seen())

    def seen(self):
        return " ".join(self.found)

    def _call_fault(self):
        """What is wrong with the answer to the user's call, or ""."""
        call = self.fault.call
        if not call:
            return ""
        if not call.wait(10):
            return f"{call.name} has no answer"
        if call.name == "destroy" and call.is_done() and call.host.qemu_pids():
            return "destroyed, and its QEMU is there"
        return ""

    def _is_harmless(self):
        """A call that ends no migration. One that begins while another call is being carried out is refused."""
        call = self.fault.call
        return call and not self.destroyed() and "another operation on the domain" not in self._virsh_said()

    def _virsh_said(self):
        return " ".join(e.text for e in self.pair.timeline.entries(kind="virsh"))

    def _let_run(self):
        """A guest that stands still as its user wanted it, or for its disk, goes on when he says so. What virsh said no to."""
        for n, host in enumerate((self.pair.a, self.pair.b)):
            if self.stands(self.found[n]):
                done = host.virsh_try("resume", self.guest.name)
                self.found = self.look()[:2]
                return done.stderr.strip()
        return ""

    def _name(self, what):
        if what in ("died", "half of it died") and self.destroyed():
            return "ended by its user"
        if what in ("died", "half of it died"):
            return "died with its QEMU"
        if what == "moved" and any("POSTCOPY_FAILED" in text for host in (self.pair.a, self.pair.b)
                                   for _, text in self._history(host)):
            return "recovered"
        return what

    def _one_runner(self, what):
        """An operator may go back to a copy that is older than what ran elsewhere; from his word on just one may run."""
        ticks = self.guest.ticks
        ran = [one for one in ticks.faults(self.settled_at) if "two runners" in one]
        restarted = "restarted the guest" in self.pair.a.log_tail(200)
        both = what == "both run" or len(ticks.connections_since(self.settled_at)) > 1
        doubled = both or len(ran) > STOPPED_AT_ONCE or (ran and not restarted)
        if not doubled:
            return None
        if not self.has_channel and not self.p["require_proof"] and self.found[0] == "RUNNING/MIGRATION_CANCELED":
            return "believed", f"{self.seen()}: {len(ran)} ticks"  # as stock libvirt does without a lock manager
        return "DOUBLED", f"{self.seen()}: {len(ran)} ticks"

    def _whole(self, what):
        if what == "gone" or (what in ("died", "half of it died") and not self._may_die()):
            return "LOST", self.seen()
        if any(state.startswith("RUNNING") for state in self.found) and what in RUNS:
            try:
                verdict = self._verdict()
            except (TimeoutError, RuntimeError) as error:
                return "LOST", f"{self.seen()}: {error}"
            if verdict["wrong"] or verdict.get("disk_failed"):
                return "WRONG", f"{self.seen()}: {verdict}"
            self.written = verdict
        return None

    def _was_reset(self):
        return self.fault.call and self.fault.call.name == "reset" and self.fault.call.is_done()

    def _verdict(self):
        if not self._was_reset():
            return self.guest.verdict()
        for _ in range(10):  # who is just starting hears nothing
            try:
                return self.guest.verdict(timeout=3)
            except TimeoutError:
                continue
        return self.guest.verdict()

    def _may_die(self):
        """The QEMU that was killed, or destroyed, had what nobody else has."""
        if "a" in self.ended_qemus():
            return True  # until the destination has everything; then it is `moved`
        return self.ran_there() or self.fault.fired_in == "finish"  # it has been told to run, and did not get to tick

    def _history(self, host):
        return [(e.kind, e.text) for e in self.pair.timeline.entries(host=host.name, guest=self.guest.name)
                if e.kind in ("lifecycle", "state")]

    def _truth(self):
        both = []
        for host, state in zip((self.pair.a, self.pair.b), self.found):
            def wrong(host=host, state=state):
                return history.fault(self._history(host), state, host is self.pair.a)

            if not holds_in_time(lambda wrong=wrong: not wrong(), PROMPT):  # an event may still be on its way to us
                return "UNTRUE", f"{host.name}: {wrong()}: {[text for _, text in self._history(host)]}"
            both.append(self._history(host))
        if wrong := history.crossed(*both):
            return "UNTRUE", wrong
        return None

    # ---- when it is over ----

    def disks(self):
        """What is wrong with the guest's disks, now that no QEMU has them. One that was reset began anew on them."""
        if self._was_reset():
            return ""
        found = [disk.fault(self.written.get(f"disk{n}", 0)) for n, disk in enumerate(self.fault.disks)]
        return "; ".join(f"{disk.kind}: {fault}" for disk, fault in zip(self.fault.disks, found) if fault)

    def clean_up(self):
        """Destroys the guest wherever it is; what is left of it."""
        for host in (self.pair.a, self.pair.b):
            host.virsh_try("destroy", self.guest.name)
            host.virsh_try("undefine", self.guest.name)
        left = self.pair.a.leftovers() + self.pair.b.leftovers()
        return left + [f"port {address}:{port}" for address, port in listening(self.fault.case.network)
                       if not address.endswith(".3")]


def listening(network):
    """Who still listens at an address of the test's own network."""
    found = []
    with open("/proc/net/tcp", encoding="utf-8") as f:
        for line in f.readlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address = ".".join(str(byte) for byte in reversed(bytes.fromhex(local[:8])))
            if state == "0A" and address.startswith(network + "."):
                found.append((address, int(local[9:], 16)))
    return found
