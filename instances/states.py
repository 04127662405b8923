"""States of an instance. `Status` is stored, in the vendor's words; `State` is what holds at a given time.

Source: reference `instances.md` 1.6 and 2.2. Expiry is a date, not a status: the state is computed, so a stopped beat
never leaves an expired instance serving.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

RENEWAL_DAYS = 15
ONE_DAY = timedelta(days=1)


class Status(StrEnum):
    UNINITIALIZED = "Uninitialized"
    CONNECTING = "Connecting"
    CONNECTED = "Connected"
    DISCONNECTED = "Disconnected"
    ERROR = "Error"


class GracePolicy(StrEnum):
    """What the owner wants between expiry and release. STOP is the vendor's; DRAIN is ours: what was made before can still be
    opened, verified and exported, nothing new is made."""

    STOP = "stop"
    DRAIN = "drain"


class State(StrEnum):
    """A status, or what a date has made of it."""

    UNINITIALIZED = "Uninitialized"
    CONNECTING = "Connecting"
    CONNECTED = "Connected"
    DISCONNECTED = "Disconnected"
    ERROR = "Error"
    EXPIRED = "Expired"
    RELEASED = "Released"


def state_at(status: str, end_at: datetime | None, released_at: datetime | None, now: datetime) -> State:
    if released_at is not None:
        return State.RELEASED
    if end_at is not None and end_at <= now:
        return State.EXPIRED
    return State(status)


@lru_cache(maxsize=1024)
def renew_by(end_at: datetime, zone: ZoneInfo) -> datetime:
    """The instant after which an expired instance may be released: 15 calendar days of the billing zone after the end."""
    return (end_at.astimezone(zone) + timedelta(days=RENEWAL_DAYS)).astimezone(UTC)


def end_of_term(start: datetime, months: int, zone: ZoneInfo) -> datetime:
    """00:00 of the day after `start` + `months`, in the billing zone, as UTC; the 31st falls on a shorter month's last day."""
    local = start.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    last = (datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone) - ONE_DAY).day
    day = datetime(year, month, min(local.day, last), tzinfo=zone)
    return (day + ONE_DAY).astimezone(UTC)
