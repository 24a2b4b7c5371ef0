"""The guest agent's channel: who is there, in the document and as events; and the button that a guest may not see."""
import json
import queue
import time
import xml.etree.ElementTree as ElementTree

import libvirt

from lib.runner import expect, test
from life import BOTH, one_host, refused

CHANNELS = """<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<channel type='unix'><target type='virtio' name='org.example.other'/></channel>"""
CONNECTED = (libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED,
             libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL)
DISCONNECTED = (libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED,
                libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL)
STARTED = (DISCONNECTED[0], libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED)


def watch_agent(host):
    told = queue.Queue()
    host.client.connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, lambda c, d, state, reason, _: told.put((state, reason)), None)
    return told


def states(domain, flags=0):
    return [c.get("state") for c in ElementTree.fromstring(domain.XMLDesc(flags)).findall("devices/channel/target")]


@test(qemu=BOTH)
def a_channel_without_an_agent_is_disconnected(case, qemu):
    host, guest = one_host(case, qemu, devices=CHANNELS)
    told = watch_agent(host)
    domain = host.client.connection.defineXML(guest.xml)
    expect(states(domain), [None, None], "states while shut off")
    domain.create()
    expect(told.get(timeout=20), STARTED, "what is told at the start")
    expect(states(domain), ["disconnected"] * 2, "states")
    expect(states(domain, libvirt.VIR_DOMAIN_XML_INACTIVE), [None, None], "states in the definition")
    host.restart()
    deadline = time.monotonic() + 20
    while states(host.client.domain("guest")) != ["disconnected"] * 2:  # QEMU is being asked
        expect(time.monotonic() < deadline, True, "the states are known again after a restart of the daemon")
    expect(told.empty(), True, "nothing else was told")


@test(qemu=BOTH)
def an_agent_comes_and_goes(case, qemu):
    def says(device, is_open):
        return "emit " + json.dumps({"timestamp": {"seconds": 1, "microseconds": 0}, "event": "VSERPORT_CHANGE",
                                     "data": {"open": is_open, "id": device}})
    fake = case.fake(qemu)
    host = case.batond().start()
    case.own(host.client)
    guest = case.fake_guest(fake, devices=CHANNELS)
    told = watch_agent(host)
    domain = host.client.connection.createXML(guest.xml)
    for said in (says("channel1", True), says("channel0", True), says("channel0", True), says("nobody", True),
                 says("channel0", False)):
        fake.on("source", "command system_reset", said)
        domain.reset(0)
    expect([told.get(timeout=20) for _ in range(2)], [CONNECTED, DISCONNECTED], "what is told")
    expect(states(domain), ["disconnected", "connected"], "states")
    expect(told.empty(), True, "nothing else was told")


@test()
def a_guest_that_stands_still_has_no_power_button(case):
    """libvirt's answer; pressed all the same, the guest would go off whenever it is resumed."""
    host, guest = one_host(case, "7.2")
    domain = host.client.connection.createXML(guest.xml, libvirt.VIR_DOMAIN_START_PAUSED)
    for press in (domain.shutdown, lambda: domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)):
        refused(press, libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running")
    domain.resume()
    guest.wait_ready()
    expect(domain.shutdown(), 0, "the button of a guest that runs")
