"""Post-copies that break and are mended: how a test, or a measurement, gets into one, and sees what became of it."""
from lib.client import Client
from lib.hosts import Pair
from lib.move import Move, end_guest, start_guest, statistics, wait_until
from lib.patience import PATIENCE
from lib.runner import expect
from moving import CRAWL, FULL, SLOW, running_guest

STALL = 3  # seconds: postcopy_stall_timeout of the hosts whose network is unplugged


# ---- on the way ----

def guest_that_moves(case, qemu, way, **settings):
    """As running_guest; the daemons can talk to each other, whoever manages the migration."""
    pair, guest, move = running_guest(case, qemu, peers=way == "client-managed", **settings)
    hear_qemu(pair)
    return pair, guest, move


def hear_qemu(pair):
    """The time line has what each QEMU says of the migration."""
    for host in (pair.a, pair.b):
        host.use_client(Client(host.name, host.uri, host.timeline, qemu_events=True))


def enter(move, way, uri=None, *options):
    """Post-copy that lasts as long as a test needs."""
    to = [move.destination.uri] if way == "client-managed" else ["--p2p", p2p_uri(move)]
    uri = [uri] if uri else []
    move.start_virsh("migrate", "--live", "--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL, *options,
                     move.guest.name, *to, *uri)
    move.wait_pass()
    move.source.virsh("migrate-postcopy", move.guest.name)
    for host, event in ((move.destination, "RESUMED/POSTCOPY"), (move.source, "SUSPENDED/POSTCOPY")):
        host.wait_event(event, move.guest.name)


def p2p_uri(move):
    return move.destination.tcp_uri or move.destination.uri


def resume(move, way, uri, *options):
    """The command with which an operator takes a broken post-copy up; the destination chooses where without a URI."""
    to = [move.destination.uri] if way == "client-managed" else ["--p2p", p2p_uri(move)]
    uri = [uri] if uri else []
    move.start_virsh("migrate", "--live", "--postcopy", "--postcopy-resume", *options, move.guest.name, *to, *uri)


# ---- what happened ----

def wait_count(host, is_it, count, what):
    """The entry number `count` of this host that is such a one."""
    seen = []

    def counts(entry):
        if entry.host == host.name and is_it(entry):
            seen.append(entry)
        return len(seen) == count

    return host.timeline.wait_for(counts, PATIENCE, f"{host.name}: {what}, number {count}")


def wait_told(host, event, count):
    return wait_count(host, lambda e: e.kind == "lifecycle" and e.text == event, count, event)


def wait_broken(pair, count=1):
    wait_told(pair.a, "SUSPENDED/POSTCOPY_FAILED", count)
    wait_told(pair.b, "RESUMED/POSTCOPY_FAILED", count)


def wait_mended(pair, count=1):
    """Both QEMUs say that post-copy is active once more; when the source's did."""
    entries = [wait_count(host, lambda e: e.kind == "qemu" and e.text == "MIGRATION" and
                          e.data["details"]["status"] == "postcopy-active", 1 + count, "postcopy-active")
               for host in (pair.b, pair.a)]
    return entries[-1].time


def wait_flowing(wire):
    """Pages come again. QEMU 10 with postcopy-preempt dies at the destination of a stream that is cut in the very moment
    in which it is resumed (2 of 40 cuts on bare QEMUs; none of 28 a third of a second later, nor without preempt)."""
    carried = wire.carried
    wait_until(lambda: wire.carried > carried + (1 << 18), "no pages come")


def history(times):
    """What the clients of both hosts are told of a post-copy that broke, and was mended, so many times."""
    source = ["SUSPENDED/POSTCOPY_FAILED", "SUSPENDED/POSTCOPY"] * times
    destination = ["RESUMED/POSTCOPY_FAILED", "RESUMED/POSTCOPY"] * times
    return (["SUSPENDED/MIGRATED", "SUSPENDED/POSTCOPY", *source, "STOPPED/MIGRATED"],
            ["STARTED/MIGRATED", "RESUMED/POSTCOPY", *destination, "RESUMED/MIGRATED"])


# ---- networks ----

def networked(case, networks, count, way, qemu):
    """Two hosts that reach each other over these networks only, and a guest that runs on the first."""
    hosts = []
    for number, name in ((1, "a"), (2, "b")):
        peers = {"peer_listen": "0.0.0.0:16515"} if way == "client-managed" or count > 1 else {}
        host = case.batond(name, hosts[0].timeline if hosts else None, address=networks.address(0, number),
                           inside=networks.inside(number), listen_tcp=way == "p2p",
                           migration_address=networks.addresses(number, count), postcopy_stall_timeout=STALL, **peers)
        hosts.append(host.start())
        case.own(host.client)
    pair = Pair(*hosts)
    hear_qemu(pair)
    guest = start_guest(pair, case.tiny(qemu=qemu, options=FULL))
    return pair, guest, Move(pair, guest)


# ---- the end ----

def expect_whole(pair, guest, move, times):
    """It is over, and both hosts and the guest agree on how."""
    move.expect_events(history(times))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    for host in (pair.a, pair.b):
        expect(statistics(host, guest.name)["success"], 1, f"success of the job on {host.name}")
    move.expect_intact()
    end_guest(pair, guest)


def finish_failed(move):
    """virsh was told that post-copy failed."""
    words = move.finish_failed()
    assert "post-copy" in words, words


def wait_end(move):
    """virsh is over. Who waits for longer than the stall time-out is told that post-copy failed, although it goes on."""
    try:
        move.finish()
    except Exception as error:  # pylint: disable=broad-except
        assert "post-copy" in str(error), error
