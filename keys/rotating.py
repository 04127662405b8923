"""Rules of rotation: the interval's syntax and range, and when a further version is too early or too many
(reference `keys.md` 7). Pure. Which kinds of key rotate at all stands in `keys.rules`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from base.refusal import Refusal

DAY = 24 * 3600
DAYS = {"3.0": (7, 365), "1.0": (7, 730)}
# Key pairs of the 1.0 edition (7.2).
GAP = timedelta(days=7)
MAX_VERSIONS = 50
_UNITS = {"d": DAY, "h": 3600, "m": 60, "s": 1}
_INTERVAL = re.compile(r"([0-9]{1,9})([dhms])")


def seconds(text: str) -> int | None:
    """``7d``, ``168h``, ``604800s``; None for anything else."""
    found = _INTERVAL.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def why_not_interval(enable: bool, text: str, edition: str = "3.0") -> Iterator[Refusal]:
    """An interval is needed where rotation is switched on, and ignored where it is off."""
    if not enable:
        return
    facts = {"name": "RotationInterval"}
    if not text:
        yield Refusal("MissingParameter", facts, who="user")
        return
    length, (low, high) = seconds(text), DAYS[edition]
    if length is None:
        yield Refusal("InvalidParameter", facts, reason="interval_syntax", who="user")
    elif not low * DAY <= length <= high * DAY:
        yield Refusal("InvalidParameter", {**facts, "low": low, "high": high}, reason="interval_out_of_range", who="user")


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions a key has: how many, and when the newest was made."""

    key: str
    count: int
    newest_at: datetime


def why_not_another_pair(versions: Versions, now: datetime) -> Iterator[Refusal]:
    """What keeps a key pair of the 1.0 edition from one more version now."""
    free_at = versions.newest_at + GAP
    if now < free_at:
        yield Refusal("Rejected.UnsupportedOperation", {"key": versions.key, "newest_at": versions.newest_at, "free_at": free_at},
                      reason="version_too_early", who="time")
    if versions.count >= MAX_VERSIONS:
        yield Refusal("Rejected.LimitExceeded", {"key": versions.key, "limit": MAX_VERSIONS}, reason="quota_versions",
                      who="administrator", lifted_by="CreateKey")
