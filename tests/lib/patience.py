"""How long a test waits. No verdict hangs on it: what must come is waited for, and a machine that is busy with other
work takes many seconds for what an idle one does in milliseconds. It bounds only how long a failure takes."""
import time

PATIENCE = 60  # seconds for one thing that must come
PROMPT = 20    # seconds for an answer "at once": less than the shortest wait that it must not have been (stock's 30)
TEST = 240     # seconds for a whole test


def wait_until(holds, what, timeout=PATIENCE):
    """For what no event tells, or what may have happened before this client came back."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.005)
