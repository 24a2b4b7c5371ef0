"""A stock libvirtd on the other side, as its cookies show it: they lack our element. What it knows by libvirt's own
elements is used, and what it needs of them is there. Moves between batond and real ones are not for a machine
without them; docs/RELIABILITY.md has what was seen."""
import re
import time

import libvirt

from bad_moves import running
from lib.move import end_guest, statistics
from lib.patience import PATIENCE
from lib.raw_rpc import param
from lib.runner import expect, test
from steps import LIVE, STRING, ULLONG, Steps

TRAVEL = 2000  # ms that the cookie is on its way: more than a busy machine's own share


class StockSteps(Steps):
    """Neither end hears from the other that it is a Baton."""

    def hide(self):
        self.cookie = re.sub(rb"<baton\b.*</baton>", b"", self.cookie, flags=re.DOTALL)
        assert b"baton" not in self.cookie, self.cookie

    def figure(self, name):
        found = re.search(rf"<{name}>(\d+)</{name}>".encode(), self.cookie)
        return int(found.group(1)) if found else None


def downtimes(pair, guest):
    return [statistics(host, guest.name).get("downtime") for host in (pair.a, pair.b)]


@test(looked=[False, True])
def times_between_strangers(case, looked):
    """Each clock by itself: how long the source had stopped when it wrote its cookie, and what came after it here."""
    pair, guest = running(case)
    steps = StockSteps(case, pair, guest)
    steps.begin()
    steps.hide()
    steps.prepare()
    steps.hide()
    begun = time.time() * 1000
    slow = (param("migrate_uri", STRING, steps.uri), param("bandwidth", ULLONG, 20))
    perform = steps.ask_perform(items=slow)
    pair.timeline.wait_for(lambda e: e.kind == "iteration" and e.host == "a", PATIENCE, "the first pass")
    if looked:  # what QEMU expects of the downtime must not be taken for it
        expect(statistics(pair.a, guest.name, ()).get("downtime"), 300, "expected downtime")
    pair.a.virsh("migrate-setspeed", guest.name, "1000")
    steps.performed(perform)
    steps.hide()
    started, stopped, sent = (steps.figure(name) for name in ("started", "stopped", "sent"))
    assert begun - 3000 < started < stopped <= sent <= time.time() * 1000, (begun, started, stopped, sent)
    assert sent - stopped <= steps.figure("downtime") + 1 < TRAVEL, steps.cookie
    time.sleep(TRAVEL / 1000)
    steps.finish()
    steps.hide()
    there = steps.figure("downtime")
    steps.confirm()
    source, destination = downtimes(pair, guest)
    expect(there, destination, "what the source is told of the downtime")
    assert sent - stopped < destination < TRAVEL < source, f"downtime {source} and {destination}, {sent - stopped} of it known"
    end_guest(pair, guest)


@test(times=[(5000, 4000), (0, 1 << 50), (1, 1 << 60)])
def a_stranger_with_odd_times(case, times):
    """Nothing is made of a blackout that ended before it began, or lasted for years."""
    pair, guest = running(case)
    steps = StockSteps(case, pair, guest)
    steps.begin()
    steps.prepare()
    steps.perform()
    steps.hide()
    for name, value in zip(("stopped", "sent"), times):
        steps.cookie = re.sub(rf"<{name}>\d+".encode(), f"<{name}>{value}".encode(), steps.cookie)
    steps.finish()
    steps.confirm()
    expect(downtimes(pair, guest)[1], None, "downtime on the destination")
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state there")
    end_guest(pair, guest)


@test()
def post_copy_between_strangers(case):
    """The source of a post-copy hears nothing of when the guest ran again, and claims nothing."""
    pair, guest = running(case)
    steps = StockSteps(case, pair, guest, LIVE | libvirt.VIR_MIGRATE_POSTCOPY)
    steps.begin()
    steps.hide()
    steps.prepare()
    steps.hide()
    perform = steps.ask_perform(items=(param("migrate_uri", STRING, steps.uri), param("bandwidth", ULLONG, 20)))
    pair.timeline.wait_for(lambda e: e.kind == "iteration" and e.host == "a", PATIENCE, "the first pass")
    pair.a.virsh("migrate-postcopy", guest.name)
    steps.performed(perform)
    steps.hide()
    steps.finish()
    steps.hide()
    steps.confirm()
    source, destination = downtimes(pair, guest)
    expect(source, None, "downtime on the source")
    assert destination > 0, destination
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state there")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)
