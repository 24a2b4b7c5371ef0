"""A client-managed migration whose five calls are in the test's hands, one by one, with whatever is to be wrong in them."""
import struct

import libvirt

from lib.raw_rpc import RawClient, domain, opaque, optional, param, params, u32

STRING, INT, ULLONG = 7, 1, 4
LIVE, P2P = libvirt.VIR_MIGRATE_LIVE, libvirt.VIR_MIGRATE_PEER2PEER
NO_COOKIE = b""


class Reader:
    """A reply's bytes, taken from the front."""

    def __init__(self, data):
        self._data = data

    def number(self):
        value = struct.unpack_from(">I", self._data)[0]
        self._data = self._data[4:]
        return value

    def skip(self, size):
        self._data = self._data[size:]

    def opaque(self):
        size = self.number()
        value, self._data = self._data[:size], self._data[size + -size % 4:]
        return value

    def string(self):
        return self.opaque().decode()


class Steps:
    """The calls in their order; each keeps what the next one needs, unless that is given."""

    def __init__(self, case, pair, guest, flags=LIVE):
        self.guest = guest
        self.flags = flags
        self.source = case.own(RawClient(pair.a.socket))
        self.destination = case.own(RawClient(pair.b.socket))
        self.cookie = NO_COOKIE
        self.document = ""
        self.uri = pair.b.migrate_uri

    def _name(self):
        return domain(self.guest.name, self.guest.uuid)

    def begin(self, *items, client=None, flags=None):
        reply = Reader((client or self.source).call(
            "DOMAIN_MIGRATE_BEGIN3_PARAMS", self._name() + params(*items) + self._flags(flags)))
        self.cookie = reply.opaque()
        self.document = reply.string()

    def ask_prepare(self, cookie=None, items=None, client=None, flags=None):
        if items is None:
            items = (param("migrate_uri", STRING, self.uri), param("destination_xml", STRING, self.document))
        return (client or self.destination).ask(
            "DOMAIN_MIGRATE_PREPARE3_PARAMS", params(*items) + self._opaque(cookie) + self._flags(flags))

    def prepare(self, **wrong):
        reply = Reader((wrong.get("client") or self.destination).answer(self.ask_prepare(**wrong)))
        self.cookie = reply.opaque()
        if reply.number():
            self.uri = reply.string()

    def ask_perform(self, cookie=None, items=None, client=None, flags=None, peer=None):
        if items is None:
            items = (param("migrate_uri", STRING, self.uri),)
        return (client or self.source).ask(
            "DOMAIN_MIGRATE_PERFORM3_PARAMS",
            self._name() + optional(peer) + params(*items) + self._opaque(cookie) + self._flags(flags))

    def performed(self, serial, client=None):
        """Takes the answer to a Perform."""
        self.cookie = Reader((client or self.source).answer(serial)).opaque()

    def perform(self, **wrong):
        self.performed(self.ask_perform(**wrong), wrong.get("client"))

    def ask_finish(self, cookie=None, cancelled=0, items=None, client=None, flags=None):
        if items is None:
            items = (param("destination_name", STRING, self.guest.name),)
        return (client or self.destination).ask(
            "DOMAIN_MIGRATE_FINISH3_PARAMS",
            params(*items) + self._opaque(cookie) + self._flags(flags) + u32(cancelled))

    def finish(self, **wrong):
        reply = Reader((wrong.get("client") or self.destination).answer(self.ask_finish(**wrong)))
        reply.string()
        reply.skip(16 + 4)  # the uuid and the id
        self.cookie = reply.opaque()

    def confirm(self, cookie=None, cancelled=0, items=(), client=None, flags=None):
        (client or self.source).call(
            "DOMAIN_MIGRATE_CONFIRM3_PARAMS",
            self._name() + params(*items) + self._opaque(cookie) + self._flags(flags) + u32(cancelled))

    def _opaque(self, cookie):
        return opaque(self.cookie if cookie is None else cookie)

    def _flags(self, flags):
        return u32(self.flags if flags is None else flags)
