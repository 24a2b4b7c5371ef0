"""A libvirt client of one host: a connection, and all its events in a Timeline."""
import json
import threading

import libvirt
import libvirt_qemu

from . import names
from .patience import PATIENCE

_loop_lock = threading.Lock()
_loop_started = False


def _start_event_loop():
    """libvirt's own event loop, one for the process, in a thread that ends with it."""
    global _loop_started
    with _loop_lock:
        if _loop_started:
            return
        _loop_started = True
        libvirt.virEventRegisterDefaultImpl()
        # Errors are raised as exceptions; libvirt's habit of printing them as well is of no use.
        libvirt.registerErrorHandler(lambda _ctx, _error: None, None)

        def run():
            while True:
                libvirt.virEventRunDefaultImpl()

        threading.Thread(target=run, name="libvirt events", daemon=True).start()


class Client:
    def __init__(self, host, uri, timeline, qemu_events=False):
        _start_event_loop()
        self.host = host
        self.timeline = timeline
        self.connection = libvirt.open(uri)
        self._callbacks = []
        self._qemu_callback = None
        self.connection.setKeepAlive(5, 12)
        for event, callback in (
                (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle),
                (libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, self._on_iteration),
                (libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, self._on_job)):
            self._callbacks.append(self.connection.domainEventRegisterAny(None, event, callback, None))
        if qemu_events:
            self._qemu_callback = libvirt_qemu.qemuMonitorEventRegister(
                self.connection, None, None, self._on_qemu, None)

    def close(self):
        """Ends the connection; harmless when the daemon is gone."""
        try:
            for callback in self._callbacks:
                self.connection.domainEventDeregisterAny(callback)
            if self._qemu_callback is not None:
                libvirt_qemu.qemuMonitorEventDeregister(self.connection, self._qemu_callback)
        except libvirt.libvirtError:
            pass
        self._callbacks = []
        self._qemu_callback = None
        try:
            self.connection.close()
        except libvirt.libvirtError:
            pass

    def hear(self):
        """Returns when everything is in the time line that the daemon had told before this call."""
        self.connection.getLibVersion()  # the answer comes after it,
        for _ in range(2):               # and the loop's thread goes round
            heard = threading.Event()
            timer = libvirt.virEventAddTimeout(0, lambda _timer, event: event.set(), heard)
            came = heard.wait(PATIENCE)
            libvirt.virEventRemoveTimeout(timer)
            assert came, "libvirt's event loop stands still"

    def domain(self, name):
        return self.connection.lookupByName(name)

    def state(self, name):
        """ "RUNNING/BOOTED", or "none" for a domain that the host does not know."""
        try:
            return names.domain_state(*self.domain(name).state())
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            return "none"

    def _on_lifecycle(self, _connection, domain, event, detail, _opaque):
        self.timeline.add(self.host, "lifecycle", domain.name(), names.lifecycle_event(event, detail))

    def _on_iteration(self, _connection, domain, iteration, _opaque):
        self.timeline.add(self.host, "iteration", domain.name(), str(iteration))

    def _on_job(self, _connection, domain, params, _opaque):
        operation = names.job_operation(params.get("operation", 0))
        self.timeline.add(self.host, "job", domain.name(), operation, **params)

    def _on_qemu(self, _connection, domain, event, seconds, micros, details, _opaque):
        data = json.loads(details) if details else {}
        self.timeline.add(self.host, "qemu", domain.name(), event, seconds=seconds, micros=micros, details=data)
