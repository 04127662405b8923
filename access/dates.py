"""Dates in the reader's language and zone. Hours always with the zone, and a distance beside every deadline."""

from __future__ import annotations

from datetime import date as date_type
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import get_language, gettext, ngettext

# The reader cannot tell which of several zones these letters mean.
_AMBIGUOUS = frozenset({"CST", "IST", "BST", "EST", "AST", "PST"})
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def day(moment: datetime) -> str:
    """``23 Dec 2026`` or ``2026年12月23日``."""
    return date_format(timezone.localtime(moment), "j M Y" if _western() else "Y年n月j日")


def plain_day(date: date_type) -> str:
    """The same for a date without an hour, which lies in no zone."""
    return date_format(date, "j M Y" if _western() else "Y年n月j日")


def month(moment: datetime) -> str:
    """``December 2026`` or ``2026年12月``."""
    return date_format(timezone.localtime(moment), "F Y" if _western() else "Y年n月")


def clock_time(moment: datetime) -> str:
    """``23 Dec 2026, 09:00 JST`` or ``2026年12月23日 09:00 (JST)``."""
    local = timezone.localtime(moment)
    hour, zone = local.strftime("%H:%M"), zone_name(local)
    return f"{day(moment)}, {hour} {zone}" if _western() else f"{day(moment)} {hour} ({zone})"


def in_utc(moment: datetime) -> str:
    with timezone.override("UTC"):
        return clock_time(moment)


def zone_name(local: datetime) -> str:
    name = local.tzname() or ""
    if name.isalpha() and name not in _AMBIGUOUS:
        return name
    minutes = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


def days_between(start: datetime, end: datetime) -> int:
    """Whole days, the started one counted: what is left on the last day is 1, not 0."""
    return max(0, -int(-(end - start).total_seconds() // _DAY))


def distance(moment: datetime, now: datetime) -> str:
    """``in 29 days``, ``3 h ago``, ``just now``."""
    seconds = int((moment - now).total_seconds())
    size = abs(seconds)
    if size < _MINUTE:
        return gettext("just now")
    if size < _HOUR:
        n = size // _MINUTE
        return (ngettext("in %(n)d minute", "in %(n)d minutes", n) if seconds > 0
                else ngettext("%(n)d minute ago", "%(n)d minutes ago", n)) % {"n": n}
    if size < 2 * _DAY:
        n = size // _HOUR
        return (ngettext("in %(n)d hour", "in %(n)d hours", n) if seconds > 0
                else ngettext("%(n)d hour ago", "%(n)d hours ago", n)) % {"n": n}
    n = size // _DAY
    return (ngettext("in %(n)d day", "in %(n)d days", n) if seconds > 0
            else ngettext("%(n)d day ago", "%(n)d days ago", n)) % {"n": n}


def countdown(moment: datetime, now: datetime) -> str:
    """``29 d 23 h 59 min``; the units without days in the last day."""
    minutes = max(0, int((moment - now).total_seconds())) // _MINUTE
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"days": days, "hours": hours, "minutes": minutes}
    if days:
        return gettext("%(days)d d %(hours)d h %(minutes)d min") % parts
    return gettext("%(hours)d h %(minutes)d min") % parts


def _western() -> bool:
    return (get_language() or "en") not in ("ja", "zh-hans")
