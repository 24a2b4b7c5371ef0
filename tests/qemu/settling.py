"""An operator's word, given by `baton settle`."""
import os
import subprocess

from lib.hosts import BATOND
from lib.move import wait_until
from lib.runner import expect

BATON = os.path.join(os.path.dirname(BATOND), "baton")
RUN, END = "it-runs-nowhere-else", "this-copy-is-lost"


def settle(host, guest, what, *options):
    return subprocess.run([BATON, "--root", host.root, "settle", guest.name, what, *options], capture_output=True,
                          text=True, timeout=30, check=False)


def asked_for_a_word(host, guest, what, word, lost):
    """Nothing is done, and it is said what may be lost."""
    before = host.state(guest.name)
    for options in ((), ("--accept", "yes")):
        done = settle(host, guest, what, *options)
        expect(done.returncode, 1, f"status of baton settle {what} {options}")
        assert lost in done.stderr and f"--accept {word}" in done.stderr, done.stderr
    expect(host.state(guest.name), before, "state after nothing was decided")
    assert not os.path.exists(record_of(host)), "nothing was decided, and it was recorded"


def record_of(host):
    return os.path.join(host.root, "lib", "settled")


def settle_at_last(host, guest, what, word):
    """When it is known that nobody answers."""
    seen = []

    def is_known():
        seen.append(settle(host, guest, what, "--accept", word))
        return "at this moment" not in seen[-1].stderr

    wait_until(is_known, "the other daemon is being asked for ever")
    return seen[-1]


def decided(host, guest, what, word):
    done = settle_at_last(host, guest, what, word)
    expect(done.returncode, 0, f"status of baton settle {what}: {done.stderr}")
    with open(record_of(host), encoding="utf-8") as f:
        record = f.read()
    assert f"decision={what} uid={os.getuid()}" in record and f"name={guest.name}" in record, record
    wait_until(lambda: "outcome: done" in open(record_of(host), encoding="utf-8").read(), "the outcome is not recorded")
