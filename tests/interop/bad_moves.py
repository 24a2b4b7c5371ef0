"""What the tests of migrations that can't work have in common: a guest that must not notice them."""
import time

import libvirt

from lib.move import start_guest, wait_until
from lib.patience import PROMPT
from lib.runner import expect

LIVE, P2P = libvirt.VIR_MIGRATE_LIVE, libvirt.VIR_MIGRATE_PEER2PEER


def running(case, **settings):
    """A pair, and a guest that runs on the first."""
    pair = case.batond_pair(**settings)
    return pair, start_guest(pair, case.tiny())


def no_job(host, guest):
    return "None" in host.virsh("domjobinfo", guest.name)


def wait_no_job(host, guest):
    """For the end of a job that no client hears of: its own is gone."""
    wait_until(lambda: no_job(host, guest), f"the job on {host.name} does not end")


def wait_nothing_left(host):
    wait_until(lambda: not host.leftovers(), f"{host.name} does not let go: {host.leftovers()}")


def expect_undisturbed(pair, guest):
    """The guest runs where it was, no job, no word about it, nothing left on the other side."""
    expect(pair.a.state(guest.name), "RUNNING/BOOTED", "state of the guest")
    expect(pair.a.told(guest.name), ["DEFINED/ADDED", "STARTED/BOOTED"], "events of the source")
    assert no_job(pair.a, guest), "there is a job"
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    for host in (pair.a, pair.b):
        started = time.monotonic()
        host.client.hear()
        assert time.monotonic() - started < PROMPT, f"{host.name} is slow"


def migrate(pair, guest, uri=None, flags=LIVE, **more):
    """Client-managed, through python-libvirt."""
    parameters = {**({} if uri is None else {libvirt.VIR_MIGRATE_PARAM_URI: uri}), **more}
    return pair.a.client.domain(guest.name).migrate3(pair.b.client.connection, parameters, flags)


def migrate_p2p(pair, guest, uri):
    return pair.a.client.domain(guest.name).migrateToURI3(uri, {}, LIVE | P2P)
