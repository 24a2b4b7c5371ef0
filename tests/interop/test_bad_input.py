"""Bytes that no client should send: each gets its error or its end, and nobody else notices.

Documents are in test_bad_documents.py, migrations in test_bad_migrations.py, QEMUs in test_bad_qemu.py.
"""
import struct

import libvirt

from bad import Attacked, refused
from lib.raw_rpc import (CALL_WITH_FDS, CONTINUE, KEEPALIVE, MESSAGE, NUMBERS, QEMU, REPLY, STREAM, RawClient,
                         RpcError, domain, frame, opaque, optional, string, u32)
from lib.runner import expect, test

RPC = libvirt.VIR_ERR_RPC
LIB_VERSION = NUMBERS["CONNECT_GET_LIB_VERSION"]

WRITING = """DOMAIN_CREATE DOMAIN_CREATE_XML DOMAIN_DEFINE_XML DOMAIN_DEFINE_XML_FLAGS DOMAIN_DESTROY DOMAIN_DESTROY_FLAGS
    DOMAIN_REBOOT DOMAIN_RESET DOMAIN_RESUME DOMAIN_SUSPEND DOMAIN_SHUTDOWN DOMAIN_SHUTDOWN_FLAGS DOMAIN_SET_AUTOSTART
    DOMAIN_UNDEFINE DOMAIN_UNDEFINE_FLAGS DOMAIN_CREATE_WITH_FLAGS DOMAIN_SET_METADATA DOMAIN_OPEN_CONSOLE
    DOMAIN_ABORT_JOB DOMAIN_ABORT_JOB_FLAGS DOMAIN_MIGRATE_SET_MAX_DOWNTIME DOMAIN_MIGRATE_SET_MAX_SPEED
    DOMAIN_MIGRATE_GET_MAX_SPEED DOMAIN_MIGRATE_START_POST_COPY DOMAIN_MIGRATE_BEGIN3_PARAMS
    DOMAIN_MIGRATE_PREPARE3_PARAMS DOMAIN_MIGRATE_PERFORM3_PARAMS DOMAIN_MIGRATE_FINISH3_PARAMS
    DOMAIN_MIGRATE_CONFIRM3_PARAMS CONNECT_GET_DOMAIN_CAPABILITIES""".split()
NOT_SERVED = ["AUTH_POLKIT", "DOMAIN_SET_VCPUS_FLAGS"]
WRITING_QEMU = ["DOMAIN_MONITOR_COMMAND", "MONITOR_EVENT_REGISTER", "MONITOR_EVENT_DEREGISTER"]


@test()
def broken_frames_end_their_connection(case):
    attacked = Attacked(case)
    header = frame(LIB_VERSION)[4:]
    for what, data in {
            "a length of 0": u32(0) + header,
            "a length less than a header": u32(27) + header,
            "a length over the limit": u32(33554433 + 4) + header,
            "a length of 4 GiB": u32(0xFFFFFFFF) + header,
            "a type that there is not": frame(LIB_VERSION, kind=7),
            "a negative type": frame(LIB_VERSION, kind=-1),
            "a call with a status": frame(LIB_VERSION, status=CONTINUE),
            "an unknown status": frame(LIB_VERSION, kind=REPLY, status=9),
            "descriptors that were not asked for": frame(LIB_VERSION, u32(0), kind=CALL_WITH_FDS),
            "too many descriptors": frame(LIB_VERSION, u32(33), kind=CALL_WITH_FDS),
            "an unknown keepalive": frame(3, program=KEEPALIVE, kind=MESSAGE),
            "a keepalive of another version": frame(1, program=KEEPALIVE, version=2, kind=MESSAGE),
            "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"}.items():
        client = attacked.client()
        client.send(data)
        try:
            client.wait_end()
        except TimeoutError as error:
            raise AssertionError(f"{what}: the connection stays") from error
        attacked.expect_served()
    log = attacked.host.log_tail(200)
    expect(log.count("was disconnected: "), 13, "lines in the log, one for each")


@test()
def frames_are_small_before_the_connection_is_open(case):
    attacked = Attacked(case)
    client = attacked.client(opened=False)
    client.send(u32(64 * 1024 + 1) + frame(NUMBERS["CONNECT_OPEN"])[4:])
    client.wait_end()
    attacked.expect_served()
    # Read-only clients have nothing long to say either.
    client = attacked.client(read_only=True)
    client.send(u32(4 * 1024 * 1024 + 1) + frame(LIB_VERSION)[4:])
    client.wait_end()
    attacked.expect_served()


@test()
def whole_frames_that_are_wrong_get_an_error_each(case):
    attacked = Attacked(case)
    client = attacked.client()
    for program in (0, 0x20008088, 0xFFFFFFFF):
        refused(lambda program=program: client.call(1, program=program), RPC, "Cannot find program", str(program))
    client.send(frame(LIB_VERSION, version=2, serial=900))
    refused(lambda: client.answer(900), RPC, "Cannot find program", "version 2")
    for number in (0, -1, 100000, 0x7FFFFFFF, -0x80000000):
        refused(lambda number=number: client.call(number), RPC, "unknown procedure", str(number))
    refused(lambda: client.call(99, program=QEMU), RPC, "unknown procedure", "99")
    refused(lambda: client.call(26), libvirt.VIR_ERR_NO_SUPPORT, "DOMAIN_PIN_VCPU", "26")
    # What only the daemon sends, sent to it.
    refused(lambda: client.call(NUMBERS["EVENT_LIFECYCLE"]), libvirt.VIR_ERR_NO_SUPPORT, "LIFECYCLE")
    client.send(frame(LIB_VERSION, kind=REPLY, serial=901))
    client.send(frame(NUMBERS["EVENT_LIFECYCLE"], kind=MESSAGE, serial=902))
    client.send(frame(NUMBERS["DOMAIN_OPEN_CONSOLE"], b"data", kind=STREAM, status=CONTINUE, serial=903))
    client.call("CONNECT_GET_LIB_VERSION")
    attacked.expect_served()


@test()
def nothing_is_served_before_open(case):
    attacked = Attacked(case)
    client = attacked.client(opened=False)
    before_open = {"AUTH_LIST", "AUTH_POLKIT", "CONNECT_SUPPORTS_FEATURE", "CONNECT_OPEN", "CONNECT_CLOSE"}
    for name, number in NUMBERS.items():
        if name in before_open or name.startswith("FEATURE_"):
            continue
        program = QEMU if name in WRITING_QEMU + ["MONITOR_EVENT"] else 0x20008086
        refused(lambda number=number, program=program: client.call(number, program=program),
                libvirt.VIR_ERR_INTERNAL_ERROR, "connection not open")
    for bad in ("lxc:///system", "qemu:///session", "qemu+ssh://elsewhere/system", "\n", "x" * 60000):
        try:
            client.call("CONNECT_OPEN", optional(bad) + u32(0))
            raise AssertionError(f"opened as {bad[:30]}")
        except RpcError as error:
            assert error.words, bad
    refused(lambda: client.call("CONNECT_OPEN", optional(None) + u32(1 << 30)), libvirt.VIR_ERR_INVALID_ARG, "0x40000000")
    client.open()
    client.call("CONNECT_GET_LIB_VERSION")
    attacked.expect_served()


@test()
def a_read_only_connection_changes_nothing(case):
    """Every writing procedure, on the read-only socket and on a connection that was opened so."""
    attacked = Attacked(case)
    guest = case.tiny()
    defined = attacked.host.client.connection.defineXML(guest.xml)
    document = defined.XMLDesc()
    for client in (attacked.client(read_only=True), attacked.client(flags=1), attacked.client(read_only=True, flags=0)):
        client.call("CONNECT_GET_HOSTNAME")
        for name in WRITING + WRITING_QEMU:
            program = QEMU if name in WRITING_QEMU else 0x20008086
            for payload in (b"", domain(guest.name, guest.uuid), domain(guest.name, guest.uuid) + u32(0)):
                refused(lambda: client.call(name, payload, program), libvirt.VIR_ERR_OPERATION_DENIED,  # pylint: disable=cell-var-from-loop
                        "read only")
        # No other number does anything either, whatever it may be in later protocols.
        for number in range(1, 460):
            if number in (NUMBERS["CONNECT_OPEN"], NUMBERS["CONNECT_CLOSE"]):
                continue
            try:
                client.call(number, domain(guest.name, guest.uuid))
            except RpcError:
                pass
    expect(defined.XMLDesc(), document, "the definition after all that")
    expect(attacked.host.told(), ["DEFINED/ADDED"], "events")
    attacked.expect_served()


@test()
def arguments_that_cannot_be_read_are_refused(case):
    """Of every procedure: cut off, with bytes left over, and all ones."""
    attacked = Attacked(case)
    client = attacked.client()
    for name, number in NUMBERS.items():
        event = name.startswith("EVENT_") and name not in ("EVENT_REGISTER", "EVENT_DEREGISTER")
        if event or name.startswith("FEATURE_") or name in NOT_SERVED + ["CONNECT_CLOSE", "MONITOR_EVENT"]:
            continue
        program = QEMU if name in WRITING_QEMU else 0x20008086
        for payload in (b"\0\0\0", b"\xff" * 256):
            refused(lambda: client.call(number, payload, program), RPC)  # pylint: disable=cell-var-from-loop
    attacked.expect_served()
    over = struct.pack(">I", 4194305)
    lookup = NUMBERS["DOMAIN_LOOKUP_BY_NAME"]
    for words, number, payload in (
            ("value", lookup, over + bytes(64)),                               # longer than any string may be
            ("value", lookup, u32(100) + bytes(64)),                           # longer than the frame
            ("value", lookup, u32(3) + b"a\0b\0"),                             # a zero byte within
            ("value", lookup, u32(3) + b"abc\1"),                              # padding that is not zero
            ("", NUMBERS["DOMAIN_MIGRATE_BEGIN3_PARAMS"], domain("g") + u32(65) + bytes(65 * 16)),
            ("", NUMBERS["DOMAIN_MIGRATE_BEGIN3_PARAMS"], domain("g") + u32(0xFFFFFFFF) + bytes(64)),
            ("", NUMBERS["DOMAIN_MIGRATE_BEGIN3_PARAMS"], domain("g") + u32(1) + string("x") + u32(9) + bytes(12)),
            ("", NUMBERS["DOMAIN_MIGRATE_PREPARE3_PARAMS"], u32(0) + u32(4194305) + bytes(64)),
            ("", NUMBERS["CONNECT_GET_ALL_DOMAIN_STATS"], u32(0x7FFFFFFF) + bytes(64))):
        refused(lambda: client.call(number, payload), RPC, words)  # pylint: disable=cell-var-from-loop
    client.call("CONNECT_GET_LIB_VERSION")
    attacked.expect_served()


@test()
def a_client_that_stalls_in_mid_frame_stalls_nobody(case):
    attacked = Attacked(case)
    whole = frame(NUMBERS["DOMAIN_DEFINE_XML"], opaque(b"x" * 100000))
    for end in (1, 3, 4, 27, 28, 29, 1000, len(whole) - 1):
        client = attacked.client()
        client.send(whole[:end])
        attacked.expect_served()
    # One that claims the largest frame that there may be, and goes on sending it slowly, byte by byte.
    slow = attacked.client()
    slow.send(u32(33554432) + frame(NUMBERS["DOMAIN_DEFINE_XML"])[4:])
    for _ in range(200):
        slow.send(b"x")
    attacked.expect_served()
    # What is sent in pieces is served like any other.
    pieces = frame(LIB_VERSION, serial=7)
    client = attacked.client()
    for at in range(len(pieces)):
        client.send(pieces[at:at + 1])
    client.answer(7)


@test()
def a_client_that_does_not_read_its_events_is_disconnected(case):
    """Events pile up to a limit; those who read get every one."""
    attacked = Attacked(case)
    guest = case.tiny()
    greedy = attacked.client()
    for _ in range(64):
        greedy.call("EVENT_REGISTER", u32(0) + u32(0))
    reader = attacked.host.client
    define, undefine = (frame(NUMBERS[name], payload) for name, payload in (
        ("DOMAIN_DEFINE_XML", string(guest.xml)), ("DOMAIN_UNDEFINE", domain(guest.name, guest.uuid))))
    worker = attacked.client()
    rounds = 0
    while "it does not read its events" not in attacked.host.log_tail(20):
        for _ in range(25):
            worker.send(define)
            worker.answer(1)
            worker.send(undefine)
            worker.answer(1)
        rounds += 25
        assert rounds < 2000, "the client that does not read is still there"
    greedy.wait_end()
    reader.hear()
    told = attacked.host.told(guest.name)
    expect(told, ["DEFINED/ADDED", "UNDEFINED/REMOVED"] * rounds, "events of who reads them")
    attacked.expect_served()


@test()
def a_client_that_does_not_read_its_answers_is_served_no_further(case):
    """It asks for much and takes nothing: its questions wait in its own socket."""
    attacked = Attacked(case)
    greedy = attacked.client()
    greedy._socket.settimeout(1)  # pylint: disable=protected-access
    asked = 0
    try:
        while asked < 20000:
            greedy.ask("CONNECT_GET_CAPABILITIES")
            asked += 1
    except TimeoutError:
        pass
    assert asked < 20000, "it could ask for ever without reading"
    attacked.expect_served()
    status = open(f"/proc/{attacked.pid}/status", encoding="ascii").read()
    resident = int(status.split("VmRSS:")[1].split()[0])
    assert resident < 200 * 1024, f"the daemon grew to {resident} KiB"


@test()
def more_clients_than_max_clients_wait_for_their_turn(case):
    attacked = Attacked(case, max_clients=4)  # the harness' and the bystander are two
    third = attacked.client()
    fourth = RawClient(attacked.host.socket)
    late = attacked.client(opened=False)
    serial = late.ask("AUTH_LIST")
    attacked.bystander.call("CONNECT_GET_LIB_VERSION")
    third.call("CONNECT_GET_LIB_VERSION")
    fourth.close()
    late.answer(serial)
    late.call("CONNECT_OPEN", optional(None) + u32(0))
    attacked.bystander.call("CONNECT_GET_LIB_VERSION")


@test()
def who_may_only_look_shuts_nobody_out(case):
    """The read-only socket is everybody's: who fills it must leave room for who rules."""
    attacked = Attacked(case, max_clients=12)  # the harness' and the bystander are two
    lookers = [attacked.client(read_only=True) for _ in range(9)]
    late = attacked.client(read_only=True, opened=False)
    serial = late.ask("AUTH_LIST")
    for _ in range(3):
        attacked.expect_served()
        lookers[0].call("CONNECT_GET_LIB_VERSION")
    lookers.pop().close()
    late.answer(serial)


@test()
def calls_beyond_max_client_requests_wait(case):
    """All are answered in the end, others are served meanwhile."""
    attacked = Attacked(case, max_client_requests=3)
    client = attacked.client()
    serials = [client.ask("CONNECT_GET_LIB_VERSION") for _ in range(500)]
    attacked.expect_served()
    for serial in serials:
        client.answer(serial)


@test()
def a_client_that_goes_in_the_middle_of_its_calls_takes_nobody_along(case):
    attacked = Attacked(case)
    guest = case.tiny()
    for _ in range(20):
        client = attacked.client()
        client.ask("DOMAIN_CREATE_XML", string(guest.xml) + u32(0))
        client.ask("CONNECT_GET_ALL_DOMAIN_STATS", u32(0) + u32(0) + u32(0))
        client.close()
    attacked.expect_served()
    attacked.host.wait_event("STARTED/BOOTED", guest.name)
    attacked.host.client.domain(guest.name).destroy()
    # A connection that is cut within its answer.
    client = attacked.client()
    client.ask("CONNECT_GET_CAPABILITIES")
    client.read()
    client.ask("CONNECT_GET_CAPABILITIES")
    client.close()
    attacked.expect_served()
