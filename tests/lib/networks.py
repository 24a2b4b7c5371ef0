"""Hosts in network namespaces of their own, with networks between them that can be unplugged.

Each network is a switch (a bridge in a third namespace) with a cable to each host. Unplugged, a cable still
has its carrier on the host's side, and what is sent is swallowed: neither end is told anything.
"""
import os
import subprocess

from .runner import skip


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Networks:
    """Two hosts, 1 and 2, and `count` networks. Host h has the address 10.77.n.h on network n."""

    def __init__(self, count=1):
        self._names = [f"bt{os.getpid()}{which}" for which in ("s", "1", "2")]
        self._made = []
        try:
            for name in self._names:
                _ip("netns", "add", name)
                self._made.append(name)
            for name in self._names:
                _ip("-n", name, "link", "set", "lo", "up")
            for number in range(count):
                self._lay(number)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            self.close()
            skip(f"network namespaces can't be made here: {getattr(error, 'stderr', error)}")

    def _lay(self, number):
        switch = self._names[0]
        _ip("-n", switch, "link", "add", f"net{number}", "type", "bridge", "forward_delay", "0")
        _ip("-n", switch, "link", "set", f"net{number}", "up")
        for host in (1, 2):
            here, there = f"n{number}h{host}", self._names[host]
            _ip("-n", switch, "link", "add", here, "type", "veth", "peer", "name", f"eth{number}", "netns", there)
            _ip("-n", there, "addr", "add", f"{self.address(number, host)}/24", "dev", f"eth{number}")
            _ip("-n", there, "link", "set", f"eth{number}", "up")
            _ip("-n", switch, "link", "set", here, "master", f"net{number}", "up")

    @staticmethod
    def address(number, host):
        return f"10.77.{number}.{host}"

    def addresses(self, host, count):
        return ", ".join(self.address(number, host) for number in range(count))

    def inside(self, host):
        """What a command begins with to run on a host."""
        return ("nsenter", f"--net=/run/netns/{self._names[host]}")

    def unplug(self, number=0):
        for host in (1, 2):
            _ip("-n", self._names[0], "link", "set", f"n{number}h{host}", "nomaster")

    def plug(self, number=0):
        for host in (1, 2):
            _ip("-n", self._names[0], "link", "set", f"n{number}h{host}", "master", f"net{number}")

    def close(self):
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
