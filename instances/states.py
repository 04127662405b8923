"""States of an instance. `Status` is stored, in the vendor's words; `State` is what holds at a given time.

Source: reference `instances.md` 1.6 and 2.2. Expiry is a date, not a status: the state is computed, so a stopped beat
never leaves an expired instance serving.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

RENEWAL_DAYS = 15
ONE_DAY = timedelta(days=1)
# Days before the end on which the owner is reminded; in the days to renew it is every day.
REMINDER_DAYS = (30, 14, 7, 3, 1)
# How long a released instance can still be looked at; as long as the vendor keeps its automatic backup (3.1).
SHOWN_AFTER_RELEASE = timedelta(days=90)
# The end of what has none: pay-as-you-go runs until it is released. The vendor's other products write this date too.
NEVER = datetime(2999, 9, 8, 16, tzinfo=UTC)


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


def _calendar(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same hour `days` calendar days of the zone later, or earlier."""
    return (moment.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


@lru_cache(maxsize=1024)
def renew_by(end_at: datetime, zone: ZoneInfo) -> datetime:
    """The instant from which an expired instance is released: 15 calendar days of the billing zone after the end."""
    return _calendar(end_at, RENEWAL_DAYS, zone)


def drains(state: State, grace_policy: str, end_at: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether an expired instance still opens, verifies and exports: its owner wants it to, and the days to renew last."""
    return state is State.EXPIRED and grace_policy == GracePolicy.DRAIN and now < renew_by(end_at, zone)


@dataclass(frozen=True, slots=True)
class Reminder:
    """at: the instant it stands for; days_left: until the end, or, once `expired`, until the release."""

    at: datetime
    days_left: int
    expired: bool


def reminder(started_at: datetime, end_at: datetime, now: datetime, zone: ZoneInfo) -> Reminder | None:
    """The newest reminder whose instant has come: after a stop of the clock one stands for all that were missed."""
    last = renew_by(end_at, zone)
    if not started_at < now < last:
        return None
    days = [-days for days in REMINDER_DAYS] if now < end_at else list(range(1, RENEWAL_DAYS))
    due = [at for at in (_calendar(end_at, number, zone) for number in days) if started_at < at <= now]
    if not due:
        return None
    until = end_at if now < end_at else last
    return Reminder(max(due), -int((now - until) // ONE_DAY), expired=now >= end_at)


def end_of_term(start: datetime, months: int, zone: ZoneInfo) -> datetime:
    """00:00 of the day after `start` + `months`, in the billing zone, as UTC; the 31st falls on a shorter month's last day."""
    local = start.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    last = (datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone) - ONE_DAY).day
    day = datetime(year, month, min(local.day, last), tzinfo=zone)
    return (day + ONE_DAY).astimezone(UTC)
