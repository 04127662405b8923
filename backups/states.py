"""Words and dates of backups. Pure.

Source: reference `instances.md` 3. An automatic backup once a day at 00:00 of the billing zone; looked back 90 days; kept
while the instance lives and for 90 days after its release.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

QUERYABLE = timedelta(days=90)
KEPT_AFTER_RELEASE = timedelta(days=90)
TRY_AGAIN_AFTER = timedelta(hours=1)
DOWNLOAD_FOR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)


class Kind(StrEnum):
    """FINAL is made of an expired instance, before it is released. UPLOADED came from outside, or from an earlier database."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    FINAL = "final"
    UPLOADED = "uploaded"


class State(StrEnum):
    """WAITING: asked for, and not begun."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Outcome(StrEnum):
    """What became of one key of a restore."""

    RESTORED = "restored"
    REFUSED = "refused"


def midnight_before(now: datetime, zone: ZoneInfo) -> datetime:
    """The latest 00:00 of `zone` that is not after `now`, in UTC."""
    local = now.astimezone(zone)
    return datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)


def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    local = (now.astimezone(zone) + ONE_DAY)
    return datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)
