"""Disks of a tiny guest: made for it, and read when it is over.

The guest writes record n (1, 2, ...) at SPREAD * (n % RECORDS), each when the one before is done (tests/guests/tiny/disk.c).
So the disk holds, at every instant, exactly the newest record of each place up to some n.
"""
import os
import struct
import subprocess

RECORDS, SPREAD, SECTOR, MAGIC = 64, 64 * 1024, 512, 0x42544E44
_MASK = 0xFFFFFFFF


class Disk:
    """An image of `kind` "raw" or "qcow2", on PCI bus 0 at `slot`: there QEMU offers the old virtio protocol."""

    def __init__(self, folder, kind, target, slot):
        self.kind = kind
        self.path = os.path.join(folder, f"{target}.{kind}")
        subprocess.run(["qemu-img", "create", "-q", "-f", kind, self.path, str(RECORDS * SPREAD)], check=True)
        self.xml = (f"<disk type='file' device='disk'><driver name='qemu' type='{kind}' cache='none'/>"
                    f"<source file='{self.path}'/><target dev='{target}' bus='virtio'/>"
                    f"<address type='pci' domain='0x0000' bus='0x00' slot='{slot:#04x}' function='0x0'/></disk>")

    def fault(self, least=0):
        """What is wrong with it when no QEMU has it any more, or "". It must hold `least` records."""
        if self.kind == "qcow2":
            checked = subprocess.run(["qemu-img", "check", "-q", self.path], capture_output=True, text=True, check=False)
            if checked.returncode not in (0, 3):  # 3: leaked clusters, which harm nothing
                return f"qemu-img check: {(checked.stderr or checked.stdout).strip()}"
        return records_fault(self._content(), least)

    def _content(self):
        if self.kind == "raw":
            with open(self.path, "rb") as f:
                return f.read()
        plain = self.path + ".raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", self.path, plain], check=True)
        try:
            with open(plain, "rb") as f:
                return f.read()
        finally:
            os.unlink(plain)


def _record(content, place):
    """The number of the record at a place: 0 when nothing was written there; None: no whole record."""
    sector = content[place * SPREAD:place * SPREAD + SECTOR]
    words = struct.unpack("<128I", sector)
    if not any(words):
        return 0
    n = words[1]
    right = words[0] == MAGIC and all(words[k] == (n * 0x9E3779B1 + k * 0x85EBCA6B) & _MASK for k in range(2, 128))
    return n if right else None


def records_fault(content, least):
    found = [_record(content, place) for place in range(RECORDS)]
    if None in found:
        return f"the record at place {found.index(None)} is torn"
    newest = max(found)
    if newest < least:
        return f"the newest record is {newest}, the guest was told that {least} is written"
    for place, n in enumerate(found):
        expected = max(0, newest - (newest - place) % RECORDS)
        if n != expected:
            return f"place {place} holds record {n} and not {expected}; the newest is {newest}"
    return ""
