"""SIGKILL at any call of batond that changes the world: what a client was told is true when the daemon is back."""
import mmap
import os
import random
import struct

import libvirt

from lib.fake import FAKE
from lib.move import wait_until
from lib.runner import expect, test

KILL_AT = os.path.join(os.path.dirname(os.path.dirname(FAKE)), "crash", "libkill-at.so")
ORDER = struct.Struct("iiii")  # kill_at.c
TITLE = libvirt.VIR_DOMAIN_METADATA_TITLE


class Killer:
    """Batond's that are started within `armed` die at a call."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "kill-at")
        with open(self.path, "wb") as f:
            f.write(bytes(ORDER.size))
        with open(self.path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), ORDER.size)

    def start(self, host):
        """Counts, and kills nothing yet."""
        ORDER.pack_into(self.memory, 0, 0, 0, 0, -1)
        os.environ.update(LD_PRELOAD=KILL_AT, BATON_KILL_AT=self.path)
        try:
            host.start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["BATON_KILL_AT"]

    def arm(self, left, after):
        ORDER.pack_into(self.memory, 0, left, after, 0, -1)

    def made(self):
        return ORDER.unpack_from(self.memory, 0)[2]

    def died_at(self):
        return ORDER.unpack_from(self.memory, 0)[3]


OFF = {"defined": False, "active": False, "state": None, "speed": None, "autostart": False, "title": None}


def life(guest):
    """[(name, what a client calls, what is true after it)]: the life of a guest."""
    def domain(connection):
        return connection.lookupByName(guest.name)

    running, paused = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED
    return [
        ("define", lambda c: c.defineXML(guest.xml), {"defined": True}),
        ("create", lambda c: domain(c).create(), {"active": True, "state": running}),
        ("suspend", lambda c: domain(c).suspend(), {"state": paused}),
        ("title", lambda c: domain(c).setMetadata(TITLE, "one", None, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG),
         {"title": "one"}),
        ("resume", lambda c: domain(c).resume(), {"state": running}),
        ("speed", lambda c: domain(c).migrateSetMaxSpeed(7), {"speed": 7}),
        ("autostart", lambda c: domain(c).setAutostart(1), {"autostart": True}),
        ("redefine", lambda c: c.defineXML(guest.xml.replace("</name>", "</name><title>two</title>")),
         {"title": "two"}),
        ("destroy", lambda c: domain(c).destroy(), {"active": False, "state": None}),
        ("undefine", lambda c: domain(c).undefine(), OFF),
    ]


def world(host, guest, speed):
    """What a client finds; a figure that was never set is left out."""
    try:
        domain = host.client.connection.lookupByName(guest.name)
    except libvirt.libvirtError:
        return dict(OFF)
    try:
        title = domain.metadata(TITLE, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    except libvirt.libvirtError:
        title = None
    return {"defined": bool(domain.isPersistent()), "active": bool(domain.isActive()),
            "state": domain.state()[0] if domain.isActive() else None,
            "speed": domain.migrateGetMaxSpeed() if speed else None, "autostart": bool(domain.autostart()),
            "title": title}


def live_until_killed(connection, steps):
    """(what is true, what may be true as well, the call that had no answer)."""
    true = dict(OFF)
    for name, call, effect in steps:
        try:
            call(connection)
        except libvirt.libvirtError as error:
            return true, {**true, **effect}, f"{name}: {error}"
        true.update(effect)
    return true, true, "none"


def one_death(host, guest, killer, left, after):
    killer.start(host)
    host.reconnect()
    killer.arm(left, after)
    true, maybe, said = live_until_killed(host.client.connection, life(guest))
    where = f"call {left}, {'after' if after else 'before'} it (number {killer.died_at()}); {said}"
    host.kill9()
    host.start()
    host.reconnect()
    speeds = true["speed"] is not None, maybe["speed"] is not None

    def agrees():
        return world(host, guest, speeds[0]) == true or world(host, guest, speeds[1]) == maybe

    wait_until(agrees, f"{where}: is {world(host, guest, speeds[1])}, was told {true}, or {maybe}")
    if world(host, guest, False)["active"]:
        host.virsh_try("destroy", guest.name)  # a start that was cut off may be on its way to its end
    if world(host, guest, False)["defined"]:
        host.client.domain(guest.name).undefine()
    expect(host.leftovers(), [], f"{where}: leftovers")
    host.stop()


def count_calls(host, guest, killer):
    killer.start(host)
    host.reconnect()
    killer.arm(0, 0)
    expect(live_until_killed(host.client.connection, life(guest))[2], "none", "the call that failed")
    count = killer.made()
    host.stop()
    return count


@test(part=range(4), timeout=120)
def killed_in_the_life_of_a_guest(case, part):
    """Some of the calls that a life takes, others in each part; BATON_KILLS says how many (0: all)."""
    fake = case.fake("10")
    host = case.batond()
    guest = case.fake_guest(fake)
    killer = Killer(case.folder)
    calls = count_calls(host, guest, killer)
    points = [(left, after) for left in range(1, calls + 1) for after in (0, 1)]
    random.Random(1).shuffle(points)
    most = int(os.environ.get("BATON_KILLS", "8"))
    for left, after in points[part::4][:most or None]:
        one_death(host, guest, killer, left, after)
