"""How long a test waits. No verdict hangs on it: what must come is waited for, and a machine that is busy with other
work takes many seconds for what an idle one does in milliseconds. It bounds only how long a failure takes."""
import time

PATIENCE = 60  # seconds for one thing that must come
PROMPT = 20    # seconds for an answer "at once": less than the shortest wait that it must not have been (stock's 30)
TEST = 240     # seconds for a whole test


def holds_in_time(holds, timeout=PATIENCE):
    """For what no event tells, or what may have happened before this client came back."""
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
    return True


def wait_until(holds, what, timeout=PATIENCE):
    """Likewise, and it must come."""
    assert holds_in_time(holds, timeout), what if isinstance(what, str) else what()
