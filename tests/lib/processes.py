"""Processes by identity, never by name: what a test started is found by descent, and only that is ended."""
import ctypes
import os
import signal

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Orphans of our descendants become our children. A daemon's QEMU is nobody's child: it would go to PID 1."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _stat(pid):
    """(parent, state) of a process, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), fields[0]


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _all():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(ancestor):
    """Living processes below `ancestor`, zombies left out."""
    parents = {pid: stat for pid in _all() if (stat := _stat(pid))}
    below = {ancestor}
    grew = True
    while grew:
        more = {pid for pid, (parent, _) in parents.items() if parent in below} - below
        below |= more
        grew = bool(more)
    return sorted(pid for pid in below - {ancestor} if parents[pid][1] != "Z")


def with_output_below(folder):
    """Living processes whose standard output is a file below `folder`: how a daemon's log folder finds its QEMUs."""
    found = []
    for pid in _all():
        try:
            path = os.readlink(f"/proc/{pid}/fd/1")
        except OSError:
            continue  # gone, or somebody else's
        if path.startswith(folder + os.sep) and (stat := _stat(pid)) and stat[1] != "Z":
            found.append(pid)
    return sorted(found)


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_gone(pid, timeout):
    """Sleeps until the process has ended; False when it has not by then."""
    import select
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([fd], [], [], timeout)
        return bool(ready)
    finally:
        os.close(fd)
