"""Times in signatures: one strict format, fifteen minutes either way of the real clock (reference 5.6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from base.refusal import Refusal

WINDOW = timedelta(minutes=15)
_FORMAT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


@lru_cache(maxsize=64)
def parse(timestamp: str) -> datetime | None:
    """``2026-11-23T22:45:42Z`` as an aware datetime; None for anything else, fractions and offsets included."""
    whole = _FORMAT.fullmatch(timestamp)
    if not whole:
        return None
    try:
        return datetime(*map(int, whole.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def why_not(timestamp: str, now: datetime) -> Refusal | None:
    if not timestamp:
        return Refusal("IllegalTimestamp", who="user")
    moment = parse(timestamp)
    if moment is None:
        return Refusal("InvalidTimeStamp.Format", who="user")
    if abs(now - moment) > WINDOW:
        return Refusal("InvalidTimeStamp.Expired", who="user")
    return None


@lru_cache(maxsize=64)
def _keep_until(timestamp: str) -> datetime | None:
    moment = parse(timestamp)
    return moment + 2 * WINDOW if moment else None


def keep_until(timestamp: str, now: datetime) -> datetime:
    """When a nonce may be forgotten: its timestamp cannot pass any more, not even for a clock that was a window off."""
    return _keep_until(timestamp) or now + 2 * WINDOW
