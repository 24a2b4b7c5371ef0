"""Migrations that are refused: by the destination, by its QEMU, or because they are not safe. What breaks by itself is
in test_faults.py."""
import fcntl
import os
import socket
import struct
import uuid

import libvirt

from lib.guests import GUESTS
from lib.move import CUT_IN_POST_COPY, PRE_COPY, UNDONE_AFTER_STOP, UNDONE_BEFORE_STOP, end_guest
from lib.runner import expect, test
from moving import CRAWL, FULL, QEMUS, SLOW, only_qemu, refused, running_guest

# ---- the destination can't run it ----

DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='{cache}'/>
    <source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""


class LockedImage:
    """An image that somebody else has open for himself alone: QEMU can't have it for writing."""

    def __init__(self, path):
        self._file = open(path, "w+b")
        self._file.truncate(1 << 20)
        # QEMU's convention: a lock on byte 200 + n says that permission n is not shared; writing is 1.
        fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 201, 1, 0))

    def close(self):
        self._file.close()


def guest_whose_disk_is_locked_there(case, qemu):
    """The hosts, the guest, its move, and the arguments that make `cont` fail on the destination."""
    here, there, document = (os.path.join(case.folder, name) for name in ("here.img", "there.img", "there.xml"))
    with open(here, "wb") as f:
        f.truncate(1 << 20)
    guest = case.tiny(qemu=qemu, options=FULL, devices=DISK.format(cache="none", path=here))
    pair, guest, move = running_guest(case, qemu, guest=guest)
    with open(document, "w", encoding="utf-8") as f:
        f.write(pair.a.virsh("dumpxml", "--migratable", guest.name).replace(here, there))
    case.own(LockedImage(there))
    return pair, guest, move, ("--unsafe", "--xml", document)


@test(qemu=QEMUS)
def cont_refused_in_pre_copy(case, qemu):
    """It has all of the guest and can't run it: it says so, lets go for ever, and the source goes on."""
    pair, guest, move, options = guest_whose_disk_is_locked_there(case, qemu)
    move.start(*options)
    words = move.finish_failed()
    assert "lock" in words, words
    move.expect_events(UNDONE_AFTER_STOP)
    move.expect_states("RUNNING/MIGRATION_CANCELED", "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def cont_refused_in_post_copy(case, qemu):
    """Nothing is thrown away: both QEMUs stay, neither runs the guest."""
    pair, guest, move, options = guest_whose_disk_is_locked_there(case, qemu)
    move.start("--postcopy", *SLOW, "--postcopy-bandwidth", CRAWL, *options)
    move.wait_pass()
    pair.a.virsh("migrate-postcopy", guest.name)
    move.finish_failed()
    pair.a.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    pair.b.wait_event("SUSPENDED/POSTCOPY_FAILED", guest.name)
    move.expect_events((CUT_IN_POST_COPY, ["STARTED/MIGRATED", "SUSPENDED/POSTCOPY_FAILED"]))
    move.expect_states("PAUSED/POSTCOPY_FAILED", "PAUSED/POSTCOPY_FAILED")
    only_qemu(pair.a)
    only_qemu(pair.b)
    refused(pair.a, "post-copy", "resume", guest.name)
    refused(pair.b, "lock", "resume", guest.name)  # that is the way back, once nobody holds it any more
    expect(pair.b.state(guest.name), "PAUSED/POSTCOPY_FAILED", "state after it was refused again")
    end_guest(pair, guest)


# ---- the destination refuses ----


def expect_untouched(pair, guest, move, state):
    """Refused before anything began: no event, no change, nothing left of the attempt."""
    move.expect_events(([], []))
    expect(pair.a.state(guest.name), state, "state on the source")
    told = pair.a.virsh("domjobinfo", guest.name)
    assert "None" in told, told


def document_with(case, pair, guest, old, new):
    """A file with the guest's document, changed; both names of the change are checked to be there."""
    text = pair.a.virsh("dumpxml", "--migratable", guest.name)
    assert old in text, f"no {old} in\n{text}"
    path = os.path.join(case.folder, "changed.xml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    return path


@test(qemu=QEMUS)
def destination_refuses(case, qemu):
    """Each refusal is the destination's own sentence, and after all of them the guest still moves."""
    pair, guest, move = running_guest(case, qemu, migration_port_min=case.port, migration_port_max=case.port)
    state = pair.a.state(guest.name)

    def attempt(sentence, *options):
        move.start(*options)
        words = move.finish_failed()
        assert sentence in words, f"'{words}' does not say '{sentence}'"
        expect_untouched(pair, guest, move, state)
        expect(pair.b.leftovers(), [], f"leftovers after '{sentence}'")

    kernel = f"{GUESTS}/tiny.elf"
    absent = os.path.join(case.folder, "absent.elf")
    attempt(absent, "--xml", document_with(case, pair, guest, kernel, absent))
    emulator = os.path.join(case.folder, "no-qemu")
    attempt(emulator, "--xml", document_with(case, pair, guest, case.emulator(qemu), emulator))
    with socket.create_server((pair.b.address, case.port)):
        attempt(str(case.port))

    # The same name with another uuid, the same uuid with another name, and the guest itself.
    for text, sentence in ((guest.xml.replace(guest.uuid, str(uuid.uuid4())), "already exists with uuid"),
                           (guest.xml.replace(f"<name>{guest.name}<", "<name>other<"), "already defined with uuid")):
        other = pair.b.client.connection.defineXML(text)
        move.start()
        words = move.finish_failed()
        assert sentence in words, words
        other.undefine()
        expect_untouched(pair, guest, move, state)
    move.run()
    move.expect_intact()
    end_guest(pair, guest)


@test(qemu=QEMUS)
def nobody_listens(case, qemu):
    """The destination waits at an address that does not lead to it: the source hears so at once."""
    pair, guest, move = running_guest(case, qemu)
    state = pair.a.state(guest.name)
    pair.b.migrate_uri = f"tcp://{case.network}.4:{case.port}"
    move.start()
    words = move.finish_failed()
    assert "refused" in words, words
    move.expect_events(UNDONE_BEFORE_STOP)
    move.expect_states(state, "none")
    expect(pair.b.leftovers(), [], "leftovers on the destination")
    pair.b.migrate_uri = f"tcp://{pair.b.address}"
    move.mark()
    move.run()
    move.expect_intact()
    end_guest(pair, guest)


# ---- it is not safe ----


def migrate_by_api(pair, guest, flags=0):
    """python-libvirt's migration; 0, or the number of its error and what it says."""
    try:
        pair.a.client.domain(guest.name).migrate3(
            pair.b.client.connection, {libvirt.VIR_MIGRATE_PARAM_URI: pair.b.migrate_uri},
            libvirt.VIR_MIGRATE_LIVE | flags)
    except libvirt.libvirtError as error:
        return error.get_error_code(), str(error)
    return 0, ""


@test(qemu=QEMUS, cache=["writeback", "none"])
def unsafe_disk(case, qemu, cache):
    """A local file is not where the other host looks for it, whatever its cache mode."""
    image = os.path.join(case.folder, "disk.img")
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    guest = case.tiny(qemu=qemu, options=FULL, devices=DISK.format(cache=cache, path=image))
    pair, guest, move = running_guest(case, qemu, guest=guest)
    code, words = migrate_by_api(pair, guest)
    expect(code, libvirt.VIR_ERR_MIGRATE_UNSAFE, words)
    assert "shared storage" in words and "vda" in words, words
    move.expect_events(([], []))
    expect(migrate_by_api(pair, guest, libvirt.VIR_MIGRATE_UNSAFE), (0, ""), "--unsafe")
    move.expect_events(PRE_COPY)
    move.expect_intact()
    end_guest(pair, guest)
