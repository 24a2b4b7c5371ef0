"""Keepalive in both directions: who does not answer is let go, and nobody else."""
import os
import queue
import signal
import time

import libvirt

from lib.patience import wait_until
from lib.runner import expect, test


def wait_log(host, words, count=1):
    wait_until(lambda: host.log_tail(200).count(words) >= count, f"the log does not say '{words}'")


@test()
def a_client_that_stands_still_is_disconnected(case):
    host = case.batond(keepalive_interval=2, keepalive_count=2, log_level="debug").start()
    still, lively = (host.virsh_start("event", "--event", "lifecycle", "--timeout", "60") for _ in range(2))
    wait_log(host, "CALLBACK_REGISTER_ANY", 2)
    os.kill(still.pid, signal.SIGSTOP)
    try:
        wait_log(host, "was disconnected: connection closed due to keepalive timeout")
    finally:
        os.kill(still.pid, signal.SIGCONT)
    expect(host.log_tail(200).count("keepalive timeout"), 1, "clients that were disconnected")
    case.own(host.client)
    host.client.connection.defineXML(case.tiny().xml)
    expect(lively.wait(20), 0, "status of the one who answers the pings")
    expect("Defined" in lively.stdout.read(), True, "it got its event")
    expect(still.wait(20) != 0, True, "the other one's connection is gone")


@test()
def a_daemon_that_stands_still_is_left_by_its_clients(case):
    host = case.batond().start()
    case.own(host.client)  # and with it libvirt's event loop
    connection = libvirt.open(host.uri)
    closed = queue.Queue()
    connection.registerCloseCallback(lambda _connection, reason, _opaque: closed.put(reason), None)
    connection.setKeepAlive(1, 2)
    os.kill(host.process.pid, signal.SIGSTOP)
    try:
        expect(closed.get(timeout=30), libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE, "why the connection was closed")
    finally:
        os.kill(host.process.pid, signal.SIGCONT)
    expect(host.virsh("hostname").strip(), "a", "it serves again")
