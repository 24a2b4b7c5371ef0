"""Values in a migration's calls that make no sense: parameters, flags, cookies. Each is refused and named."""
import libvirt

from bad import refused
from bad_moves import expect_undisturbed, running
from lib.move import end_guest
from lib.raw_rpc import param
from lib.runner import expect, test
from steps import INT, LIVE, NO_COOKIE, STRING, ULLONG, Steps

INVALID = libvirt.VIR_ERR_INVALID_ARG
UNSUPPORTED = libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED
DOUBLE = 5

# The error, the word that it must say, and the parameters.
PARAMETERS = [
    (INVALID, "bandwidth", [param("bandwidth", STRING, "fast")]),
    (INVALID, "bandwidth", [param("bandwidth", INT, 5)]),
    (INVALID, "bandwidth", [param("bandwidth", DOUBLE, 5.0)]),
    (INVALID, "bandwidth", [param("bandwidth", ULLONG, (1 << 64) - 1)]),
    (INVALID, "bandwidth.postcopy", [param("bandwidth.postcopy", ULLONG, 1 << 63)]),
    (INVALID, "bandwidth", [param("bandwidth", ULLONG, 5)] * 2),
    (INVALID, "migrate_uri", [param("migrate_uri", INT, 5)]),
    (INVALID, "migrate_uri", [param("migrate_uri", STRING, "tcp://a:1")] * 2),
    (INVALID, "destination_name", [param("destination_name", INT, 1)]),
    (INVALID, "persistent_xml", [param("persistent_xml", ULLONG, 1)]),
    (INVALID, "listen_address", [param("listen_address", STRING, "::1"), param("listen_address", STRING, "::1")]),
    (INVALID, "parallel.connections", [param("parallel.connections", INT, 0)]),
    (INVALID, "parallel.connections", [param("parallel.connections", INT, -1)]),
    (INVALID, "parallel.connections", [param("parallel.connections", INT, 1000)]),
    (INVALID, "parallel.connections", [param("parallel.connections", INT, 2)]),  # without the flag
    (INVALID, "auto_converge.initial", [param("auto_converge.initial", INT, -5)]),
    (INVALID, "auto_converge.increment", [param("auto_converge.increment", INT, 100)]),
    (UNSUPPORTED, "telepathy", [param("telepathy", STRING, "on")]),
    (UNSUPPORTED, "''", [param("", STRING, "")]),
    (UNSUPPORTED, "compression", [param("compression", STRING, "mt")]),
    (UNSUPPORTED, "migrate_disks", [param("migrate_disks", STRING, "vda")]),
    (UNSUPPORTED, "tls.destination", [param("tls.destination", STRING, "x")]),
]

FLAGS = [
    (1 << 30, INVALID, "0x40000000"),
    (1 << 21, INVALID, "0x200000"),
    (libvirt.VIR_MIGRATE_TUNNELLED, UNSUPPORTED, "TUNNELLED"),
    (libvirt.VIR_MIGRATE_NON_SHARED_DISK, UNSUPPORTED, "NON_SHARED_DISK"),
    (libvirt.VIR_MIGRATE_NON_SHARED_INC, UNSUPPORTED, "NON_SHARED_INC"),
    (libvirt.VIR_MIGRATE_OFFLINE, UNSUPPORTED, "OFFLINE"),
    (libvirt.VIR_MIGRATE_COMPRESSED, UNSUPPORTED, "COMPRESSED"),
    (libvirt.VIR_MIGRATE_RDMA_PIN_ALL, UNSUPPORTED, "RDMA_PIN_ALL"),
    (libvirt.VIR_MIGRATE_TLS, UNSUPPORTED, "TLS"),
    (libvirt.VIR_MIGRATE_ZEROCOPY, UNSUPPORTED, "ZEROCOPY"),
    (libvirt.VIR_MIGRATE_POSTCOPY | libvirt.VIR_MIGRATE_PARALLEL, UNSUPPORTED, "post-copy"),
]

LAUGHS = "<!DOCTYPE q [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"
OTHER_UUID = "11111111-2222-4333-8444-555555555556"


def cookie(guest, name=None, uid=None, more="", end="\0"):
    """A cookie of another host, whole unless told otherwise."""
    return (f"<qemu-migration><name>{name or guest.name}</name><uuid>{uid or guest.uuid}</uuid><hostname>x</hostname>"
            f"<hostuuid>{OTHER_UUID}</hostuuid>{more}</qemu-migration>{end}").encode()


def bad_cookies(guest):
    """What is wrong with each, and its bytes."""
    whole = cookie(guest)
    return {
        "one byte": b"x",
        "a zero byte": b"\0",
        "no text": b"\xff" * 5000,
        "the beginning of an element": b"<\0",
        "an element that is not closed": b"<qemu-migration>\0",
        "cut off in the middle": whole[:len(whole) // 2] + b"\0",
        "no end": whole[:-20],
        "a zero byte in the middle": whole[:40] + b"\0" + whole[40:],
        "another document": b"<other/>\0",
        "nothing in it": b"<qemu-migration/>\0",
        "entities": f"{LAUGHS}<qemu-migration><name>&b;</name></qemu-migration>\0".encode(),
        "no uuid": cookie(guest, uid="zz"),
        "another guest's uuid": cookie(guest, uid=OTHER_UUID),
        "another guest's name": cookie(guest, name="other"),
        "50000 elements deep": b"<qemu-migration>" + b"<a>" * 50000 + b"\0",
        "longer than any may be": cookie(guest, more=" " * 4194304),
        "100000 capabilities": cookie(guest, more="<capabilities>" + "<cap name='x' auto='no'/>" * 100000 + "</capabilities>"),
        "an unknown feature": cookie(guest, more="<feature name='telepathy'/>"),
        "a feature without a name": cookie(guest, more="<feature/>"),
        "a figure that is none": cookie(guest, more="<statistics><memory_total>much</memory_total></statistics>"),
        "a negative figure": cookie(guest, more="<statistics><memory_total>-1</memory_total></statistics>"),
        "a number of channels that is none":
            cookie(guest, more="<baton version='1'><agreed multifd='-3'/></baton>"),
        "a duration that is none":
            cookie(guest, more="<baton version='1'><times stop_to_performed='1e9'/></baton>"),
    }


@test()
def parameters_that_make_no_sense(case):
    """Of a wrong type, given twice, unknown, out of range; at the source and at the destination."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.document = guest.xml
    for code, word, items in PARAMETERS:
        refused(lambda items=items: steps.begin(*items), code, word)
        refused(lambda items=items: steps.prepare(items=items), code, word)
    refused(lambda: steps.begin(param("auto_converge.initial", INT, 10)), INVALID, "auto_converge")
    refused(lambda: steps.prepare(items=()), INVALID, "destination_xml")
    for text in ("<domain/>", "x", "", "<domain", guest.xml.replace("<name>guest", "<name>a/b")):
        refused(lambda text=text: steps.prepare(items=[param("destination_xml", STRING, text)]), None)
    for name in ("", "a/b", "x" * 5000, "\n"):
        refused(lambda name=name: steps.prepare(items=[param("destination_xml", STRING, guest.xml),
                                                       param("destination_name", STRING, name)]), None, "name")
    refused(lambda: steps.finish(items=()), INVALID, "destination_name")
    refused(lambda: steps.finish(items=[param("destination_name", INT, 3)]), INVALID, "destination_name")
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def flags_that_are_not_supported(case):
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.document = guest.xml
    for flags, code, word in FLAGS:
        for call in (steps.begin, steps.prepare):
            refused(lambda call=call, flags=flags: call(flags=LIVE | flags), code, word)
        refused(lambda flags=flags: steps.perform(flags=LIVE | libvirt.VIR_MIGRATE_PEER2PEER | flags, items=(),
                                                  peer="qemu+tcp://h/system"), code, word)
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test()
def cookies_that_are_garbage_for_prepare(case):
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.begin()
    for what, data in bad_cookies(guest).items():
        told = refused(lambda data=data: steps.prepare(cookie=data), None)
        assert len(told) < 1000, f"{what}: a sentence of {len(told)} bytes"
        expect(pair.b.leftovers(), [], f"leftovers after {what}")
    expect(pair.b.told(guest.name), [], "events of the destination")
    steps.confirm(cookie=NO_COOKIE, cancelled=1)
    expect_undisturbed(pair, guest)
    end_guest(pair, guest)


@test(timeout=90)
def cookies_that_are_garbage_for_the_others(case):
    """Perform and Finish refuse them and go on waiting for a good one; Confirm has heard what counts, and takes it."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.begin()
    steps.prepare()
    for data in bad_cookies(guest).values():
        refused(lambda data=data: steps.perform(cookie=data), None)
    for code, word, items in PARAMETERS:
        refused(lambda items=items: steps.perform(items=items), code, word)
    expect(pair.a.state(guest.name), "RUNNING/BOOTED", "state after all that")
    steps.perform()
    expect(pair.a.state(guest.name), "PAUSED/MIGRATION", "state after Perform")
    for data in bad_cookies(guest).values():
        refused(lambda data=data: steps.finish(cookie=data), None)
    expect(pair.b.state(guest.name), "PAUSED/MIGRATION", "state of the destination after all that")
    steps.finish()
    steps.confirm(cookie=b"\xff" * 5000)
    expect([pair.a.state(guest.name), pair.b.state(guest.name)], ["SHUTOFF/MIGRATED", "RUNNING/MIGRATED"], "states")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test()
def a_whole_cookie_of_a_stranger_is_understood(case):
    """Elements that are not known are none of our business: that is how a stock libvirtd's come through."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest)
    steps.begin()
    steps.prepare(cookie=cookie(guest, more="<weather>fine</weather><baton version='2'><agreed multifd='x'/></baton>"))
    steps.perform(cookie=cookie(guest, more="<lockstate driver='none'/><graphics/>"))
    steps.finish(cookie=cookie(guest, more="<statistics><memory_total>5</memory_total><mood>7</mood></statistics>"))
    steps.confirm(cookie=NO_COOKIE)
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state there")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)


@test()
def a_number_of_connections_that_is_not_agreed(case):
    """Each end refuses one that differs from the other's: QEMU would wait for the others for ever, deaf to its monitor."""
    pair, guest = running(case)
    steps = Steps(case, pair, guest, LIVE | libvirt.VIR_MIGRATE_PARALLEL)
    three = param("parallel.connections", INT, 3)
    steps.begin(three)
    given = [param("migrate_uri", STRING, steps.uri), param("destination_xml", STRING, steps.document)]
    for items in (given, [*given, param("parallel.connections", INT, 2)]):
        refused(lambda items=items: steps.prepare(items=items), None, "parallel connections: 2 and 3")
    steps.prepare(items=[*given, three])
    uri = param("migrate_uri", STRING, steps.uri)
    for items in ([uri], [uri, param("parallel.connections", INT, 2)]):
        refused(lambda items=items: steps.perform(items=items), INVALID, "parallel.connections")
    steps.perform(items=[uri, three])
    steps.finish()
    steps.confirm()
    expect(pair.b.state(guest.name), "RUNNING/MIGRATED", "state there")
    expect(guest.verdict()["wrong"], 0, "wrong pages")
    end_guest(pair, guest)
