"""The names of libvirt's numbers, from its own bindings: "SUSPENDED/MIGRATED", "PAUSED/POSTCOPY"."""
import libvirt


def _names_of(prefix, without=()):
    """{number: name} of libvirt's constants that begin with prefix; longer prefixes of the same beginning left out."""
    names = {}
    for constant, number in vars(libvirt).items():
        name = constant.removeprefix(prefix)
        if constant == name or name == "LAST" or any(name.startswith(other) for other in without):
            continue
        names[number] = name
    return names


_EVENTS = ("DEFINED", "UNDEFINED", "STARTED", "SUSPENDED", "RESUMED", "STOPPED", "SHUTDOWN", "PMSUSPENDED", "CRASHED")
_STATES = ("NOSTATE", "RUNNING", "BLOCKED", "PAUSED", "SHUTDOWN", "SHUTOFF", "CRASHED", "PMSUSPENDED")

_EVENT_NAME = {getattr(libvirt, f"VIR_DOMAIN_EVENT_{name}"): name for name in _EVENTS}
_EVENT_DETAIL = {name: _names_of(f"VIR_DOMAIN_EVENT_{name}_") for name in _EVENTS}
_STATE_NAME = {getattr(libvirt, f"VIR_DOMAIN_{name}"): name for name in _STATES}
_STATE_REASON = {name: _names_of(f"VIR_DOMAIN_{name}_") for name in _STATES}
_JOB_TYPE = {getattr(libvirt, f"VIR_DOMAIN_JOB_{name}"): name
             for name in ("NONE", "BOUNDED", "UNBOUNDED", "COMPLETED", "FAILED", "CANCELLED")}
_JOB_OPERATION = _names_of("VIR_DOMAIN_JOB_OPERATION_", without=("STR_",))


def lifecycle_event(event, detail):
    """A life-cycle event: "STARTED/BOOTED"; a number that has no name here stays a number."""
    name = _EVENT_NAME.get(event, str(event))
    return f"{name}/{_EVENT_DETAIL.get(name, {}).get(detail, detail)}"


def domain_state(state, reason):
    name = _STATE_NAME.get(state, str(state))
    return f"{name}/{_STATE_REASON.get(name, {}).get(reason, reason)}"


def job_type(number):
    return _JOB_TYPE.get(number, str(number))


def job_operation(number):
    return _JOB_OPERATION.get(number, str(number))
