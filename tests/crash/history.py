"""What clients may be told: is this a history that can be, and does it end in the state that is read?

A history is one host's life-cycle events of one guest, and in between what a client read that came back after the
daemon had been away: from there on it counts anew.
"""
OFF = "off"  # the host has no running guest: it is SHUTOFF, or not known

# What each event makes of a guest for the client who gets it.
_AFTER = {
    "STARTED/BOOTED": "RUNNING/BOOTED",
    "STARTED/MIGRATED": "PAUSED/MIGRATION",
    "SUSPENDED/PAUSED": "PAUSED/USER",
    "SUSPENDED/MIGRATED": "PAUSED/MIGRATION",
    "SUSPENDED/IOERROR": "PAUSED/IOERROR",
    "SUSPENDED/API_ERROR": "PAUSED/API_ERROR",
    "SUSPENDED/POSTCOPY": "PAUSED/POSTCOPY",
    "SUSPENDED/POSTCOPY_FAILED": "PAUSED/POSTCOPY_FAILED",
    "RESUMED/UNPAUSED": "RUNNING/UNPAUSED",
    "RESUMED/POSTCOPY": "RUNNING/POSTCOPY",
    "RESUMED/POSTCOPY_FAILED": "RUNNING/POSTCOPY_FAILED",
}

# A second event of the same kind tells only that the reason is another one.
_CORRECTIONS = {
    ("PAUSED/MIGRATION", "PAUSED/POSTCOPY"), ("PAUSED/MIGRATION", "PAUSED/USER"),
    ("PAUSED/USER", "PAUSED/POSTCOPY"), ("PAUSED/IOERROR", "PAUSED/POSTCOPY"), ("PAUSED/MIGRATION", "PAUSED/IOERROR"),
    ("PAUSED/IOERROR", "PAUSED/POSTCOPY_FAILED"), ("PAUSED/POSTCOPY_FAILED", "PAUSED/IOERROR"),
    ("PAUSED/MIGRATION", "PAUSED/POSTCOPY_FAILED"),  # at a destination that had not been told to run
    ("PAUSED/POSTCOPY", "PAUSED/POSTCOPY_FAILED"), ("PAUSED/POSTCOPY_FAILED", "PAUSED/POSTCOPY"),
    ("RUNNING/POSTCOPY", "RUNNING/POSTCOPY_FAILED"), ("RUNNING/POSTCOPY_FAILED", "RUNNING/POSTCOPY"),
    ("RUNNING/POSTCOPY", "RUNNING/MIGRATED"), ("RUNNING/POSTCOPY_FAILED", "RUNNING/MIGRATED"),
}


def _after(event, source):
    if event.startswith("STOPPED/"):
        return OFF
    if event == "RESUMED/MIGRATED":
        return "RUNNING/MIGRATION_CANCELED" if source else "RUNNING/MIGRATED"
    return _AFTER.get(event)


def _kind(state):
    return state.split("/")[0]


def _may_follow(before, after):
    if before == OFF or after == OFF:
        return (before == OFF) != (after == OFF) and after in (OFF, "RUNNING/BOOTED", "PAUSED/MIGRATION")
    if _kind(before) == _kind(after):
        return (before, after) in _CORRECTIONS
    return True


def of_state(state):
    return OFF if state == "none" or state.startswith("SHUTOFF") else state


def fault(history, final, source):
    """What is wrong with a history, or "". It is [(kind, text)] of "lifecycle" and "state"; `final` is what is read now."""
    now, anew = OFF, False
    for kind, text in history:
        if kind == "state":
            # The client reads after it has registered: what it reads may have been told by an event that comes later.
            now, anew = of_state(text), True
            continue
        if text.startswith(("DEFINED/", "UNDEFINED/", "SHUTDOWN/")):
            continue
        after = _after(text, source)
        if after is None:
            return f"{text} is no event for this"
        if not _may_follow(now, after):
            if not anew:
                return f"{text} after {now}"
            continue
        now, anew = after, False
    if now != of_state(final):
        return f"{final} is read after {now} was told"
    return ""


def crossed(source_history, destination_history):
    """What the two hosts' events say that can't be true together, or ""."""
    def told(history):
        return [text for kind, text in history if kind == "lifecycle"]
    ran_there = any(text.startswith("RESUMED/") for text in told(destination_history))
    back = [text for text in told(source_history) if text.startswith("RESUMED/")]
    if ran_there and back:
        return f"{back[0]} on the source, RESUMED on the destination"
    return ""
