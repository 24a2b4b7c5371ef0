"""Guests that check their memory and tick: their domain XML, and the host's ends of their ports."""
import os
import subprocess
import uuid

from .hosts import PROJECT
from .patience import PATIENCE
from .ports import Console, Ticks

GUESTS = os.environ.get("BATON_GUESTS", os.path.join(PROJECT, "build", "guests"))

# TCG before QEMU 9 loses dirty pages when the RAM is a multiple of 256 KiB. These sizes escape that, for a
# price: QEMU walks page by page through a RAM of such a size, some 5 us each, whenever it looks for dirty pages.
TINY_KIB = 36 * 1024 + 8
LINUX_KIB = 160 * 1024 + 8


def build():
    subprocess.run([os.path.join(PROJECT, "tests", "guests", "build"), GUESTS], check=True)


class Guest:
    """A domain's definition and its ports. Make it before the domain starts: QEMU connects to them."""

    def __init__(self, name, folder, emulator, boot, memory_kib, machine="pc-q35-7.2", domain_type="qemu",
                 devices="", features="<acpi/>", extra="", ticks=True):
        self.name = name
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, os.path.join(folder, name)))
        self.console = Console(os.path.join(folder, f"{name}.con"))
        self.ticks = Ticks(os.path.join(folder, f"{name}.tick")) if ticks else None
        tick_port = f"""
    <serial type='unix'><source mode='connect' path='{self.ticks.path}'/><target port='1'/></serial>""" if ticks else ""
        self.xml = f"""<domain type='{domain_type}'>
  <name>{name}</name>
  <uuid>{self.uuid}</uuid>
  <memory unit='KiB'>{memory_kib}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    {boot}
  </os>
  <features>{features}</features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <serial type='unix'><source mode='connect' path='{self.console.path}'/><target port='0'/></serial>{tick_port}
    <memballoon model='none'/>
    {devices}
  </devices>
  {extra}
</domain>
"""

    def wait_ready(self, timeout=PATIENCE):
        return self.console.wait_line("ready", timeout)

    def status(self):
        return self.console.command("s", "status")

    def verdict(self, timeout=PATIENCE):
        """Lets the guest check every page: {"pages": .., "wrong": .., ...}."""
        return self.console.command("v", "verdict", timeout)

    def close(self):
        self.console.close()
        if self.ticks:
            self.ticks.close()


def tiny(name, folder, emulator, memory_kib=TINY_KIB, options="", **more):
    """The tiny guest: boots in some hundred ms. Options are its command line: "mib=32 rate=2000"."""
    boot = f"<kernel>{GUESTS}/tiny.elf</kernel><cmdline>{options}</cmdline>"
    return Guest(name, folder, emulator, boot, memory_kib, **more)


def linux(name, folder, emulator, memory_kib=LINUX_KIB, options="", **more):
    """Debian's kernel with our init."""
    quiet = "quiet panic=1 tsc=reliable no_timer_check nokaslr cryptomgr.notests"
    boot = (f"<kernel>{GUESTS}/vmlinuz</kernel><initrd>{GUESTS}/initrd.cpio</initrd>"
            f"<cmdline>console=hvc0 {quiet} {options}</cmdline>")
    return Guest(name, folder, emulator, boot, memory_kib, **more)
