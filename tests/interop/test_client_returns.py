"""The source's daemon dies in a client-managed pre-copy: its client may come back and perform it again, or stay away."""
from lib.move import end_guest, start_guest, statistics
from lib.runner import expect, test
from steps import Steps

SLOW = 1  # MiB/s


def begun(case, **settings):
    """A pre-copy that is under way, and the daemon that was killed in it."""
    pair = case.batond_pair(**settings)
    guest = start_guest(pair, case.tiny(options="mib=32 rate=4000"))
    pair.a.virsh("migrate-setspeed", guest.name, str(SLOW))
    steps = Steps(case, pair, guest)
    steps.begin()
    steps.prepare()
    steps.ask_perform()
    pair.a.timeline.wait_for(lambda e: e.host == "a" and e.kind == "iteration", 60, "the first pass")
    pair.a.restart()
    return pair, guest, steps


@test()
def client_comes_back(case):
    """It performs again, is answered when it is done, and finishes as if nothing had been."""
    pair, guest, old = begun(case)
    steps = Steps(case, pair, guest)
    steps.destination = old.destination
    steps.cookie, steps.uri = old.cookie, old.uri
    expect(statistics(pair.a, guest.name, ()).get("operation"), 5, "operation of the job that goes on")
    serial = steps.ask_perform()
    pair.a.virsh("migrate-setspeed", guest.name, "2000")
    steps.performed(serial)
    steps.finish()
    steps.confirm()
    expect([pair.a.state(guest.name), pair.b.state(guest.name)], ["SHUTOFF/MIGRATED", "RUNNING/MIGRATED"], "states")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    expect(guest.ticks.faults()[:3], [], "faults in the ticks")
    end_guest(pair, guest)


@test()
def client_stays_away(case):
    """After client_return_timeout it has left: the guest goes on at the source, and nothing is left behind."""
    pair, guest, _steps = begun(case, client_return_timeout=1)
    pair.timeline.wait_for(lambda e: e.kind == "job" and e.host == "a", 60, "the end of the source's job")
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    expect(pair.a.state(guest.name), "RUNNING/BOOTED", "state on the source")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)
