"""A guest's clock and what it does when it powers itself off, as its document says."""
import calendar
import glob
import os
import re
import time

import libvirt

from lib.move import Move, start_guest, wait_until
from lib.patience import PATIENCE
from lib.runner import expect, test
from life import BOTH, one_host, virsh_refuses

HOUR = 3600
SLACK = 600  # seconds that a machine may be late, far below the hours that are told apart


def clock_of(host, name="guest", *options):
    return re.search("<clock[^>]*>", host.virsh("dumpxml", name, *options)).group()


def adjustment(host, name="guest"):
    return int(re.search(r"offset='variable' adjustment='(-?\d+)' basis='utc'", clock_of(host, name)).group(1))


def guest_clock(host, name="guest"):
    """The guest's clock less the host's, in seconds, as QEMU has it."""
    answer = host.virsh("qemu-monitor-command", name,
                        '{"execute": "qom-get", "arguments": {"path": "/machine", "property": "rtc-time"}}')
    year, month, day, hour, minute, second = (int(re.search(rf'"tm_{field}": ?(\d+)', answer).group(1))
                                              for field in ("year", "mon", "mday", "hour", "min", "sec"))
    return calendar.timegm((1900 + year, 1 + month, day, hour, minute, second, 0, 0, 0)) - time.time()


def stored(host):
    path, = glob.glob(os.path.join(host.root, "**", "live.xml"), recursive=True)
    with open(path, encoding="utf-8") as f:
        return f.read()


def expect_near(actual, expected, what):
    assert abs(actual - expected) < SLACK, f"{what}: {actual}, not about {expected}"


@test(qemu=BOTH)
def a_clock_begins_where_its_document_says(case, qemu):
    host, guest = one_host(case, qemu)
    for clock, offset in (("offset='utc'", 0), ("offset='variable' adjustment='-7200'", -2 * HOUR),
                          ("offset='utc' adjustment='18000'", 5 * HOUR),
                          ("offset='timezone' timezone='Asia/Tokyo'", 9 * HOUR),
                          ("offset='absolute' start='1000000000'", 1000000000 - time.time())):
        host.client.connection.createXML(guest.xml.replace("<on_poweroff>", f"<clock {clock}/><on_poweroff>"),
                                         libvirt.VIR_DOMAIN_START_PAUSED)
        expect_near(guest_clock(host), offset, f"the guest's clock with {clock}")
        host.virsh("destroy", "guest")


@test()
def a_time_zone_that_is_unknown_is_refused(case):
    host, guest = one_host(case, "7.2")
    host.client.connection.defineXML(
        guest.xml.replace("<on_poweroff>", "<clock offset='timezone' timezone='No/Where'/><on_poweroff>"))
    virsh_refuses(host, "time zone 'No/Where' is not known on this host", "start", "guest")


@test(qemu=BOTH)
def a_clock_that_its_guest_sets_is_followed(case, qemu):
    """What the guest does to its clock is told, is in its document, outlives the daemon, and goes along."""
    pair = case.batond_pair()
    guest = case.tiny(qemu=qemu)
    guest.xml = guest.xml.replace("<on_poweroff>", "<clock offset='variable' adjustment='36000'/><on_poweroff>")
    changes = []
    pair.a.client.connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_RTC_CHANGE, lambda _c, domain, offset, _o: changes.append(offset), None)
    start_guest(pair, guest)
    expect(adjustment(pair.a), 10 * HOUR, "the adjustment at the start")
    guest.console.command("c", "clock")
    wait_until(lambda: changes, "the change of the clock is not told")
    assert abs(abs(changes[0] - 10 * HOUR) - HOUR) < SLACK, f"told: {changes[0]}"
    expect(adjustment(pair.a), changes[0], "the adjustment when the guest has set its clock")
    expect(clock_of(pair.a, "guest", "--inactive"), "<clock offset='variable' adjustment='36000' basis='utc'/>",
           "the definition's clock")
    wait_until(lambda: f"adjustment='{changes[0]}'" in stored(pair.a), "the change does not reach the disk")
    pair.a.restart()
    expect(adjustment(pair.a), changes[0], "the adjustment after a restart of the daemon")
    Move(pair, guest).run()
    expect(adjustment(pair.b), changes[0], "the adjustment at the destination")
    expect_near(guest_clock(pair.b), changes[0], "the guest's clock at the destination")


@test(qemu=BOTH)
def a_guest_may_start_again_when_it_powers_itself_off(case, qemu):
    host, guest = one_host(case, qemu)
    guest.xml = guest.xml.replace("<on_poweroff>destroy", "<on_poweroff>restart")
    reboots = []
    host.client.connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, lambda _c, domain, _o: reboots.append(domain.name()), None)
    host.client.connection.createXML(guest.xml)
    guest.wait_ready()
    said = len(guest.console.lines)
    guest.console.command("o", "off")
    _, said = guest.console.wait_line("ready", PATIENCE, said)
    host.virsh("shutdown", "guest")  # in libvirt, too, that is what the document wants
    guest.console.wait_line("ready", PATIENCE, said + 1)
    expect(host.state("guest"), "RUNNING/BOOTED", "state of a guest that has started again")
    wait_until(lambda: reboots, "the restart is not told")
    host.virsh("destroy", "guest")
    host.wait_event("STOPPED/DESTROYED")
    expect(host.told("guest"), ["STARTED/BOOTED", "STOPPED/DESTROYED"], "events")
