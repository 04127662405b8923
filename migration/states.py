"""States of a run and of its items (reference `migration.md` 2.4, completed)."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """STOPPED: somebody or something stopped it; it goes on where it was, or is closed."""

    DRAFT = "Draft"
    RUNNING = "Running"
    STOPPED = "Stopped"
    SUCCEEDED = "Succeeded"
    PARTLY_SUCCEEDED = "PartlySucceeded"
    FAILED = "Failed"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    CANCELLED = "Cancelled"


class ItemState(StrEnum):
    """COPYING and VERIFYING are a worker's: when it dies, the item is PENDING again."""

    PENDING = "Pending"
    REFUSED = "Refused"
    COPYING = "Copying"
    VERIFYING = "Verifying"
    SWITCHED = "Switched"
    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"


# One of these per account at a time.
OPEN = (RunState.RUNNING, RunState.STOPPED, RunState.ROLLING_BACK)
WORKING = (RunState.RUNNING, RunState.ROLLING_BACK)
DONE = (RunState.SUCCEEDED, RunState.PARTLY_SUCCEEDED, RunState.FAILED)
IN_HAND = (ItemState.COPYING, ItemState.VERIFYING)


def ended(counts: dict[str, int]) -> RunState:
    """What a run is when nothing is left to move. counts: items by state."""
    moved = counts.get(ItemState.SWITCHED, 0)
    if moved == sum(counts.values()):
        return RunState.SUCCEEDED
    return RunState.PARTLY_SUCCEEDED if moved else RunState.FAILED
