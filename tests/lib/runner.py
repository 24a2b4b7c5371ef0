"""Runs tests that read as stories: each a function of a Case, each in a process of its own.

A test module says

    from lib.runner import test, skip

    @test(qemu=["7.2", "10"])
    def a_guest_moves_and_tells(case, qemu):
        pair = case.batond_pair()
        ...

The test runs once for each combination of its parameters. It passes when it returns, fails when it raises or
when it leaves a process behind, and is left out when it calls skip("why"). Whatever it opened through
its Case is closed in reverse order, passed or not.

Two processes stand behind a test: the keeper, a subreaper, to whom the daemons' orphans (their QEMUs) fall and
who reaps them at once, and the test itself. When the test is over or out of time, the keeper ends
what is left below it, and nothing else.
"""
import importlib.util
import itertools
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field

from . import fake, guests, hosts, patience, processes, proxy, traces

_tests = []  # of the module that is being loaded


class Skip(Exception):
    pass


def skip(reason):
    raise Skip(reason)


@dataclass
class Test:
    name: str
    function: object
    arguments: dict
    timeout: float
    waits: bool = False  # it does little but wait for a deadline: it takes no place from those that work

    def run(self, case):
        self.function(case, **self.arguments)


def test(timeout=patience.TEST, waits=False, **parameters):
    """Declares a test; parameters are lists of values to run it with."""
    def declare(function):
        for values in itertools.product(*parameters.values()):
            arguments = dict(zip(parameters, values))
            suffix = ",".join(f"{name}={value}" for name, value in arguments.items())
            name = function.__name__ + (f"[{suffix}]" if suffix else "")
            _tests.append(Test(name, function, arguments, timeout, waits))
        return function
    return declare


def load(path):
    """The tests of one file, in the order of the file, named after it: "precopy/a_guest_moves"."""
    name = os.path.splitext(os.path.basename(path))[0]
    sys.path[:0] = [folder for folder in (os.path.dirname(path),) if folder not in sys.path]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    _tests.clear()
    spec.loader.exec_module(module)
    for one in _tests:
        one.name = f"{name.removeprefix('test_')}/{one.name}"
    return list(_tests)


class Case:
    """What a test asks for; owns what it got."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder  # short, for the sockets in it; the keeper removes it
        # A loopback network of the test's own: tests beside it never want the same port.
        pid = os.getpid()
        self.network = f"127.{1 + (pid >> 8) % 250}.{pid & 255}"
        # And a port, for a test that needs to name one: below those that the kernel gives to connections.
        self.port = 20000 + pid % 10000
        self._owned = []

    def own(self, thing):
        """Closes it after the test."""
        self._owned.append(thing)
        return thing

    def emulator(self, version):
        path = hosts.EMULATORS[version]
        if not os.access(path, os.X_OK):
            skip(f"QEMU {version} is not here ({path})")
        return path

    def batond(self, name="a", timeline=None, number=1, address=None, **settings):
        address = address or f"{self.network}.{number}"
        host = hosts.Batond(name, os.path.join(self.folder, name), timeline, address, **settings)
        return self.own(host)

    def batond_pair(self, **settings):
        """Two batond, started, their clients' events in one time line."""
        a = self.batond("a", None, 1, **settings)
        b = self.batond("b", a.timeline, 2, **settings)
        for host in (a, b):
            host.start()
            self.own(host.client)
        return hosts.Pair(a, b)

    def tiny(self, name="guest", qemu="7.2", options="mib=16 rate=2000", **more):
        return self.own(guests.tiny(name, self.folder, self.emulator(qemu), options=options, **more))

    def linux(self, name="guest", qemu="7.2", options="", **more):
        kernel = os.path.join(guests.GUESTS, "vmlinuz")
        if not os.path.exists(kernel):
            skip(f"the Linux guest's kernel is not here ({kernel})")
        return self.own(guests.linux(name, self.folder, self.emulator(qemu), options=options, **more))

    def fake(self, version):
        """An emulator that is a fake, and its reins."""
        return self.own(fake.FakeQemu(self.folder, version))

    def proxied(self, version):
        """A real QEMU whose monitor can be held."""
        return self.own(proxy.QemuProxy(self.folder, version, self.emulator(version)))

    def fake_guest(self, emulator, name="guest", options="", **more):
        return self.own(guests.tiny(name, self.folder, emulator.path, options=options, **more))

    def explain(self):
        """For a failure: what was told, and what the daemons logged."""
        told = set()
        for thing in self._owned:
            timeline = getattr(thing, "timeline", None)
            if timeline is not None and id(timeline) not in told:
                told.add(id(timeline))
                print("time line:", timeline.render(), sep="\n")
            if isinstance(thing, hosts.Batond):
                print(f"log of {thing.name}:", thing.log_tail(), sep="\n")
                print(f"traces of {thing.name}:", thing.trace_tail(), sep="\n")

    def close(self):
        for thing in reversed(self._owned):
            try:
                thing.close()
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc()


_PASSED, _FAILED, _SKIPPED = 0, 1, 77
_WATCHED = {signal.SIGCHLD, signal.SIGTERM}  # what wakes a keeper


def _run_test(one, folder, report):
    """In the test's process; the exit status. `report` takes the reason of a skip."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    case = Case(one.name, folder)
    try:
        one.run(case)
        return _PASSED
    except Skip as reason:
        os.write(report, str(reason).encode())
        return _SKIPPED
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
        case.explain()
        return _FAILED
    finally:
        case.close()


def _fork(function, *arguments):
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = _FAILED
    try:
        status = function(*arguments)
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _end_descendants(grace=0.0):
    """Ends all that is below this process; the command lines of what did not end by itself within `grace` seconds."""
    left = []
    while below := processes.descendants(os.getpid()):
        for pid in below:
            command = processes.command_line(pid)  # empty: it is ending already
            if not processes.wait_gone(pid, grace) and command:
                left.append(f"{pid} {command[:150]}")
            processes.kill(pid)
        _reap()
    return left


def _reap(block_for=None):
    """Reaps every child that has ended; the status of `block_for` if it is among them."""
    status = None
    while True:
        try:
            pid, how = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == block_for:
            status = os.waitstatus_to_exitcode(how)


def _keep(one, report):
    """The keeper: runs the test in a child, reaps orphans, ends what is left. The status for the runner."""
    processes.become_subreaper()
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    folder = tempfile.mkdtemp(prefix="b", dir="/tmp")
    try:
        status = _watch(_fork(_run_test, one, folder, report), one.timeout)
        if status == _PASSED:
            traces.keep(folder, one.name)
        return status
    finally:
        _end_descendants()
        shutil.rmtree(folder, ignore_errors=True)


def _watch(child, timeout):
    deadline = time.monotonic() + timeout
    status = None
    while status is None:
        left = deadline - time.monotonic()
        got = signal.sigtimedwait(_WATCHED, left) if left > 0 else None
        if got is None:
            print(f"not over after {timeout} s")
            return _FAILED
        if got.si_signo == signal.SIGTERM:
            return _FAILED
        status = _reap(child)
    if status not in (_PASSED, _FAILED, _SKIPPED):
        print(f"the test's process ended with {status}")
        return _FAILED
    left_behind = _end_descendants(grace=1)
    if left_behind and status == _PASSED:
        print("left behind:", *left_behind, sep="\n  ")
        return _FAILED
    return status


class _Running:
    """A test under way: its keeper, its output."""

    def __init__(self, one):
        self.test = one
        self.started = time.monotonic()
        self.output = tempfile.TemporaryFile("w+", prefix="baton-test-")
        self.report, write_end = os.pipe()
        os.set_inheritable(write_end, False)
        self.keeper = _fork(self._in_keeper, write_end)
        os.close(write_end)
        self.pidfd = os.pidfd_open(self.keeper)

    def _in_keeper(self, write_end):
        os.setsid()
        os.dup2(self.output.fileno(), 1)
        os.dup2(self.output.fileno(), 2)
        return _keep(self.test, write_end)

    def finish(self):
        """(status, reason of a skip, output)"""
        _, how = os.waitpid(self.keeper, 0)
        os.close(self.pidfd)
        reason = os.read(self.report, 4096).decode() if os.waitstatus_to_exitcode(how) == _SKIPPED else ""
        os.close(self.report)
        self.output.seek(0)
        return os.waitstatus_to_exitcode(how), reason, self.output.read()

    def end(self):
        processes.kill(self.keeper, signal.SIGTERM)


@dataclass
class Counts:
    passed: int = 0
    failures: list = field(default_factory=list)  # names
    skips: list = field(default_factory=list)     # (name, reason)
    times: list = field(default_factory=list)     # (seconds, name)


def _say_result(running, counts):
    status, reason, output = running.finish()
    seconds = time.monotonic() - running.started
    name = running.test.name
    counts.times.append((seconds, name))
    if status == _PASSED:
        counts.passed += 1
        print(f"ok    {name} ({seconds:.1f} s)")
    elif status == _SKIPPED:
        counts.skips.append((name, reason))
        print(f"skip  {name}: {reason}")
    else:
        counts.failures.append(name)
        print(f"FAIL  {name} ({seconds:.1f} s)")
        print("".join(f"      | {line}\n" for line in output.splitlines()[-120:]), end="")
    sys.stdout.flush()


def run(tests, jobs=2, say=_say_result):
    """Runs the tests, up to `jobs` side by side, and as many that only wait; each that is over goes to `say`, which prints a line for it."""
    counts = Counts()
    waiting = list(tests)
    running = []
    try:
        while waiting or running:
            while one := next((one for one in waiting if _may_start(one, running, jobs)), None):
                waiting.remove(one)
                running.append(_Running(one))
            ready, _, _ = select.select([r.pidfd for r in running], [], [])
            for one in [r for r in running if r.pidfd in ready]:
                running.remove(one)
                say(one, counts)
    finally:
        for one in running:
            one.end()
    return counts


def _may_start(one, running, jobs):
    return sum(r.test.waits == one.waits for r in running) < jobs


def collect(folders, pattern=""):
    tests = []
    for folder in folders:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.startswith("test_") and name.endswith(".py"):
                tests += load(os.path.join(folder, name))
    return [one for one in tests if pattern in one.name]


def expect(actual, expected, what):
    """Compares; a difference names both, one below the other."""
    if actual != expected:
        raise AssertionError(f"{what}:\n  is       {json.dumps(actual)}\n  expected {json.dumps(expected)}")
