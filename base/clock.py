"""The product's clock: the only place that reads the system's.

`now` may be shifted in test mode and decides dates (deletion, expiry, sweeps). `real_now` is never shifted; request
signatures and sessions use it, because the other side's clock is the real one.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

FARTHEST = timedelta(days=36500)
_NONE = timedelta()
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class ClockOffsetError(ValueError):
    """KMS_CLOCK_OFFSET is unreadable, or set outside test mode."""


@lru_cache(maxsize=16)
def parse_offset(text: str) -> timedelta:
    """``+400d``, ``-2h``, ``+1d12h`` -> timedelta; empty -> zero. Raises ClockOffsetError."""
    if not text:
        return timedelta()
    whole = re.fullmatch(r"([+-]?)((?:\d{1,6}[dhms])+)", text.strip())
    if not whole:
        raise ClockOffsetError(f"KMS_CLOCK_OFFSET must look like +400d, -2h or +1d12h, not {text!r}")
    parts = re.findall(r"(\d+)([dhms])", whole[2])
    seconds = sum(timedelta(**{_UNITS[unit]: int(number)}).total_seconds() for number, unit in parts)
    if seconds > FARTHEST.total_seconds():
        raise ClockOffsetError(f"KMS_CLOCK_OFFSET goes {FARTHEST.days} days at most: past that, dates leave the calendar")
    shift = timedelta(seconds=seconds)
    return -shift if whole[1] == "-" else shift


def test_mode() -> bool:
    return os.environ.get("KMS_TEST_MODE", "") in ("1", "true", "yes")


def offset() -> timedelta:
    """The shift of the product's clock. Raises ClockOffsetError when one is set outside test mode."""
    text = os.environ.get("KMS_CLOCK_OFFSET", "")
    if not text:
        return _NONE
    if not test_mode():
        raise ClockOffsetError("KMS_CLOCK_OFFSET works only with KMS_TEST_MODE=1")
    return parse_offset(text)


def real_now() -> datetime:
    return datetime.now(UTC)


def now() -> datetime:
    """The product's time, aware, UTC, whole seconds, as every date of the API is."""
    return (real_now() + offset()).replace(microsecond=0)


def iso(moment: datetime | None) -> str:
    """``2026-11-23T22:45:42Z``, the API's one time format; empty for None."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
