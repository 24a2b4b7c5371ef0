"""Where a stream arrives: ports of the range, sockets with a path. Nobody's is taken, and none is left behind."""
import os
import socket

from lib.move import PRE_COPY, UNDONE_BEFORE_STOP, Move, end_guest, start_guest, wait_until
from lib.patience import PATIENCE
from lib.runner import expect, test
from moving import QEMUS, SLOW, running_guest

SMALL = "mib=4 rate=100"


def failed(move, sentence, *options):
    """It is refused by the destination in these words, and nothing has happened on the source."""
    move.mark()
    move.start(*options)
    words = move.finish_failed()
    assert sentence in words, f"'{words}' does not say '{sentence}'"
    move.expect_events(([], []))
    expect(move.destination.leftovers(), [], "leftovers on the destination")


def given_up(move, *options):
    """It gets under way and is aborted."""
    move.mark()
    move.start(*SLOW, *options)
    move.wait_pass()
    move.source.virsh("domjobabort", move.guest.name)
    move.finish_failed()
    move.expect_events(UNDONE_BEFORE_STOP)


@test(qemu=QEMUS)
def what_is_at_the_path_stays(case, qemu):
    """QEMU would remove it: a file of somebody's, or the socket of a program that listens."""
    pair, guest, move = running_guest(case, qemu)
    file, listener = (os.path.join(case.folder, name) for name in ("file", "listener"))
    with open(file, "w", encoding="utf-8") as f:
        f.write("precious")
    other = case.own(socket.socket(socket.AF_UNIX))
    other.bind(listener)
    other.listen()
    before = os.stat(listener).st_ino
    for path in (file, listener, case.folder):
        pair.b.migrate_uri = f"unix://{path}"
        failed(move, f"exists already: {path}")
    with open(file, encoding="utf-8") as f:
        expect(f.read(), "precious", "the file")
    expect(os.stat(listener).st_ino, before, "the socket")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def a_path_is_one_migrations(case, qemu):
    """The second of two guests with the same URI hears whose it is; the first arrives."""
    pair, guest, move = running_guest(case, qemu)
    second = Move(pair, start_guest(pair, case.tiny("second", qemu=qemu, options=SMALL)))
    path = os.path.join(case.folder, "stream")
    pair.b.migrate_uri = f"unix://{path}"
    move.start(*SLOW)
    move.wait_pass()
    second.start()
    words = second.finish_failed()
    assert f"in use by the migration of domain '{guest.name}'" in words, words
    second.expect_events(([], []))
    move.let_go()
    move.finish()
    second.run()
    for one in (move, second):
        one.expect_events(PRE_COPY)
        one.expect_intact()
        pair.b.client.domain(one.guest.name).destroy()
        pair.a.client.domain(one.guest.name).undefine()
    expect(pair.a.leftovers() + pair.b.leftovers(), [], "leftovers")
    expect(os.path.exists(path), False, "the socket is still there")


@test(qemu=QEMUS)
def no_socket_is_left(case, qemu):
    """However the attempt ends: given up, or its daemon killed in the middle of it."""
    pair, guest, move = running_guest(case, qemu)
    path = os.path.join(case.folder, "stream")
    pair.b.migrate_uri = f"unix://{path}"
    given_up(move)
    expect(os.path.exists(path), False, "the socket after an abort")
    move.mark()
    move.start(*SLOW)
    move.wait_pass()
    pair.b.kill9()
    move.let_go()  # virsh hears of it only when it comes to Finish
    move.finish_failed()
    pair.b.start()
    pair.b.reconnect()
    wait_until(lambda: pair.b.state(guest.name) == "none", "the attempt is not undone")
    expect(os.path.exists(path), False, "the socket after the undoing")
    move.start_virsh("migrate", "--live", "--p2p", "--migrateuri", pair.b.migrate_uri, guest.name, pair.b.uri)
    move.finish()
    expect(os.path.exists(path), False, "the socket after the arrival")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def no_port_is_given_twice(case, qemu):
    """A range of two, and three guests that set out at once; afterwards each port is free again."""
    pair, guest, move = running_guest(case, qemu, SMALL, migration_port_min=case.port, migration_port_max=case.port + 1)
    moves = [move] + [Move(pair, start_guest(pair, case.tiny(name, qemu=qemu, options=SMALL)))
                      for name in ("second", "third")]
    for one in moves:
        one.start(*SLOW)
    pair.timeline.wait_for(lambda e: e.kind == "virsh", PATIENCE, "the end of the one that found no port")
    lost = [one for one in moves if pair.timeline.entries(kind="virsh", guest=one.guest.name)]
    expect(len(lost), 1, "migrations that were refused")
    words = lost[0].finish_failed()
    assert f"between {case.port} and {case.port + 1}" in words, words
    won = [one for one in moves if one is not lost[0]]
    for one in won:
        one.wait_pass()
    # One that a user names is not QEMU's to share, either.
    pair.b.migrate_uri = f"tcp://{pair.b.address}:{case.port}"
    lost[0].start()
    words = lost[0].finish_failed()
    assert "in use" in words, words
    pair.b.migrate_uri = f"tcp://{pair.b.address}"
    pair.a.virsh("domjobabort", won[0].guest.name)
    won[0].finish_failed()
    pair.a.virsh("migrate-setspeed", won[1].guest.name, "1000")
    won[1].finish()
    for one in (won[0], lost[0]):
        one.run()
    for one in moves:
        expect(one.guest.verdict()["wrong"], 0, f"wrong pages of {one.guest.name}")
        pair.b.client.domain(one.guest.name).destroy()
        pair.a.client.domain(one.guest.name).undefine()
    expect(pair.a.leftovers() + pair.b.leftovers(), [], "leftovers")
