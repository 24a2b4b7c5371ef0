"""Migrations to places where no guest can go: refused before anything starts, or given up by a named deadline.

What is wrong in the calls' values is in test_bad_values.py, in their order in test_bad_steps.py.
"""
import socket
import subprocess

import libvirt

from bad import libvirt_refuses, refused
from bad_moves import LIVE, P2P, expect_undisturbed, migrate, migrate_p2p, no_job, running
from lib.move import end_guest, wait_until
from lib.patience import PATIENCE, PROMPT
from lib.runner import expect, test
from steps import NO_COOKIE, Steps

INVALID = libvirt.VIR_ERR_INVALID_ARG


class BlackHole:
    """Takes connections and never says a word."""

    def __init__(self, address):
        self._listener = socket.create_server((address, 0))
        self.port = self._listener.getsockname()[1]

    def close(self):
        self._listener.close()


@test()
def nonsense_for_a_migration_uri(case):
    """Refused by the source where it is to begin, and by the destination where it is to listen."""
    pair, guest = running(case)
    for uri in ("", "nonsense", "tcp:", "tcp://", "tcp://:1", "tcp://host:0", "tcp://host:99999", "tcp://host:12x",
                "tcp://[::1", "tcp://[::1]x", "tcp://host:-1", "rdma://host", "exec:rm -rf /", "fd:3", "unix:relative",
                "unix:/" + "x" * 200, "tcp://" + "h" * 5000, "tcp://a b:1\n", "http://host/"):
        libvirt_refuses(lambda uri=uri: migrate(pair, guest, uri), INVALID, "migration URI")
        steps = Steps(case, pair, guest)
        steps.document, steps.uri = guest.xml, uri
        refused(steps.prepare, INVALID, "migration URI")
        expect(pair.b.leftovers(), [], f"leftovers after {uri[:30]}")
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def nonsense_for_the_destinations_uri(case):
    """libvirt's client refuses some of these itself: here they reach the daemon."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest, LIVE | P2P)
    for uri in ("", "nonsense", "://", "qemu:///session", "qemu+ssh://host/system", "qemu+tcp:///system",
                "qemu+tcp://h:0/system", "qemu+tcp://h:99999/system", "qemu+unix:///system?socket=relative",
                "qemu+tcp://[::1/system", "xen:///", "xen+tcp://h/", "qemu+tls://h/system", "qemu+tcp://\x01\n/system",
                "qemu+unix:///system?socket=/" + "x" * 300, "qemu+tcp://" + "h" * 100000 + "/system"):
        refused(lambda uri=uri: steps.perform(peer=uri, items=(), cookie=NO_COOKIE), INVALID, "URI", uri[:100])
    refused(lambda: steps.perform(peer=None, items=(), cookie=NO_COOKIE), INVALID, "URI")
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_destination_that_is_not_there(case):
    pair, guest = running(case)
    for uri, words, within in (
            (f"qemu+tcp://{case.network}.9:1/system", "refused", PROMPT),
            ("qemu+unix:///system?socket=/no/such/socket", "/no/such/socket", PROMPT),
            ("qemu+tcp://no-such-host.invalid/system", "no-such-host.invalid", 2 * PATIENCE)):  # up to the resolver
        libvirt_refuses(lambda uri=uri: migrate_p2p(pair, guest, uri), None, words, within=within)
        expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test(peers=[False, True])
def a_stream_that_never_begins(case, peers):
    """QEMU can't connect: what had been prepared is undone, and is said to have failed, not that its client went away."""
    pair, guest = running(case, peers=peers)
    libvirt_refuses(lambda: migrate(pair, guest, "tcp://no-such-host.invalid"), None, "no-such-host.invalid",
                    within=2 * PATIENCE)
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    expect(pair.b.told(guest.name), ["STARTED/MIGRATED", "STOPPED/FAILED"], "events of the destination")
    job = pair.b.timeline.wait_for(lambda e: e.kind == "job" and e.host == pair.b.name, PATIENCE, "JOB_COMPLETED")
    assert "cancelled by its client" in job.data.get("errmsg", ""), job
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_stream_into_a_black_hole_can_be_aborted(case):
    """The source's QEMU connects to somebody who reads nothing. Silence is no failure; an abort ends it."""
    pair, guest = running(case)
    hole = case.own(BlackHole(f"{case.network}.7"))
    process = pair.a.virsh_start("migrate", "--live", guest.name, pair.b.uri, f"tcp://{case.network}.7:{hole.port}")
    pair.b.wait_event("STARTED/MIGRATED", guest.name)
    wait_until(lambda: not no_job(pair.a, guest), "the job never began")
    expect(pair.a.state(guest.name), "RUNNING/BOOTED", "state in the middle of it")
    for _ in range(10):  # an abort before QEMU has begun is answered, too
        pair.a.virsh_try("domjobabort", guest.name)
        try:
            process.wait(2)
            break
        except subprocess.TimeoutExpired:
            pass
    assert process.poll() is not None, "abort does not end it"
    pair.b.wait_event("STOPPED/FAILED", guest.name)
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_migration_to_oneself(case):
    pair, guest = running(case)
    source = pair.a.client.domain(guest.name)
    libvirt_refuses(lambda: source.migrate3(pair.a.client.connection, {}, LIVE), None, "")
    libvirt_refuses(lambda: source.migrateToURI3(pair.a.uri, {}, LIVE | P2P), None, "")
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_migration_to_a_host_with_the_same_uuid(case):
    """Cloned machines: the guest's own host by another name."""
    pair, guest = running(case, host_uuid="11111111-2222-4333-8444-555555555555")
    libvirt_refuses(lambda: migrate(pair, guest), None, "same host")
    libvirt_refuses(lambda: migrate_p2p(pair, guest, pair.b.uri), None, "same host")
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def a_guest_that_exists_on_the_other_side(case):
    pair, guest = running(case)
    there = pair.b.client.connection.defineXML(guest.xml)
    there.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    libvirt_refuses(lambda: migrate(pair, guest), None, "already active")
    libvirt_refuses(lambda: migrate_p2p(pair, guest, pair.b.uri), None, "already active")
    expect(pair.b.state(guest.name), "PAUSED/USER", "the other side's own guest")
    there.destroy()
    there.undefine()
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)
