"""What the tests of bad input have in common: a daemon under attack, and a bystander whom it must go on serving."""
import time

import libvirt

from lib.patience import PROMPT
from lib.raw_rpc import RawClient, RpcError
from lib.runner import expect


class Attacked:
    """A host, a raw client to misbehave with, and a bystander."""

    def __init__(self, case, **settings):
        self.case = case
        self.host = case.batond(**settings).start()
        case.own(self.host.client)
        self.bystander = case.own(RawClient(self.host.socket))
        self.pid = self.host.process.pid

    def client(self, read_only=False, **options):
        return self.case.own(RawClient(self.host.socket + ("-ro" if read_only else ""), **options))

    def expect_served(self):
        """The bystander's connection, and a new one, work as ever; the daemon is the one that was started."""
        started = time.monotonic()
        self.bystander.call("CONNECT_GET_LIB_VERSION")
        client = RawClient(self.host.socket)
        client.call("CONNECT_GET_HOSTNAME")
        client.close()
        took = time.monotonic() - started
        assert took < PROMPT, f"the bystander had to wait {took:.1f} s"
        expect(self.host.process.poll(), None, "status of the daemon")


def refused(call, code, *words, within=PROMPT):
    """The raw call must be answered with this error (None: any), at once, and name what was wrong."""
    started = time.monotonic()
    try:
        call()
    except RpcError as error:
        took = time.monotonic() - started
        expect(error.code, code or error.code, f"the error's number ({error.words})")
        for word in words:
            assert word in error.words, f"'{error.words}' does not say '{word}'"
        assert took < within, f"refused only after {took:.1f} s: {error.words}"
        return error.words
    raise AssertionError(f"was not refused: {' '.join(words)}")


def libvirt_refuses(call, code, *words, within=PROMPT):
    """The same through python-libvirt."""
    def raw():
        try:
            call()
        except libvirt.libvirtError as error:
            raise RpcError(error.get_error_code(), str(error)) from error
    return refused(raw, code, *words, within=within)
