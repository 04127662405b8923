"""Reading the trail: newest first, narrowed, in bounded steps. Decides nothing about who may.

The table's only indexes are its key and (account, id), so a filter is a walk backwards over ids. One step looks at `LOOK`
rows at most and says how far it came; the reader decides whether to go on. A time becomes an id by halving, because ids and
times grow together; the database does it, in one statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import connection
from django.db.models import Q

from audit.models import Event
from audit.recording import OK

LOOK = 5_000
REFUSED = "refused"
# Reads, logins and calls with keys would bury what somebody decided.
QUIET = ("Describe", "List", "Get", "Encrypt", "Decrypt", "GenerateDataKey", "Lookup", "ConsoleSign")

# The last id before a time, bit by bit, and the first behind it. Each row of `span` reads one entry of the index (account, id).
_FIRST = """
WITH RECURSIVE span(low, step) AS (
    SELECT CAST(0 AS bigint), CAST(4611686018427387904 AS bigint)
    UNION ALL
    SELECT low + CASE WHEN (SELECT account = %(account)s AND at {before} %(moment)s FROM audit_event
                            WHERE {from_step} ORDER BY account, id LIMIT 1) THEN step ELSE 0 END, step / 2
    FROM span WHERE step > 0
)
SELECT CASE WHEN account = %(account)s THEN id ELSE 0 END FROM audit_event WHERE {behind} ORDER BY account, id LIMIT 1
"""
_FROM_STEP, _BEHIND = "account = %(account)s AND id >= low + step", "account = %(account)s AND id > (SELECT MAX(low) FROM span)"
# PostgreSQL may take the order of ids alone for a walk over the events of all accounts; in the order of both columns it cannot.
# SQLite takes such a comparison for one of the first column.
_ROWS_FROM_STEP = "(account, id) >= (%(account)s, low + step)"
_ROWS_BEHIND = "(account, id) > (%(account)s, (SELECT MAX(low) FROM span))"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty means anything. principal and object_id: how they begin, with or without what stands before
    the slash; outcome: ``ok``, ``refused`` or a code; decisions: leave reads and uses of keys out."""

    principal: str = ""
    action: str = ""
    object_id: str = ""
    outcome: str = ""
    door: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    decisions: bool = False

    def condition(self) -> Q:
        """Empty where only the times narrow, and they only say where the walk begins and ends."""
        found = Q()
        if self.principal:
            who = self.principal
            found &= Q(principal__startswith=who) | Q(principal__startswith=f"user/{who}") | Q(access_key_id=who)
        if self.action:
            found &= Q(action=self.action)
        if self.object_id:
            found &= Q(object_id__startswith=self.object_id)
        if self.outcome:
            found &= ~Q(outcome=OK) if self.outcome == REFUSED else Q(outcome=self.outcome)
        if self.door:
            found &= Q(door=self.door)
        if self.request_id:
            found &= Q(request_id=self.request_id.upper())
        if self.decisions:
            found &= ~reduce(or_, (Q(action__startswith=word) for word in QUIET))
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """events: newest first. older: what `before` is for the next step; 0 where nothing is left. looked_to: the time of the
    oldest event that was looked at; None at the beginning of the trail. full: the page is full, so older ones may fit too."""

    events: list[Event]
    older: int
    looked_to: datetime | None
    full: bool


def find(account: str, wanted: Wanted, *, before: int = 0, size: int = 50, look: int = LOOK) -> Found:
    """Events of `account` with ids below `before` (0: the newest). Two queries, and one more for each time that is given."""
    rows, condition = Event.objects.filter(account=account).order_by("-id"), wanted.condition()
    if wanted.until is not None:
        limit = _first(account, wanted.until, before="<=")
        before = min(before, limit) if before and limit else before or limit
    if before:
        rows = rows.filter(id__lt=before)
    if wanted.since is not None:
        rows = rows.filter(id__gte=_first(account, wanted.since, before="<") or 2**62)
    looked: list[tuple[int, datetime]] = list(rows.values_list("id", "at")[look - 1:look + 1]) if condition else []
    bottom, at = looked[0] if looked else (0, None)
    events = list(rows.filter(condition, id__gte=bottom)[:size + 1])
    more, events = len(events) > size or len(looked) > 1, events[:size]
    full = len(events) == size
    if full:
        bottom, at = events[-1].pk, events[-1].at
    return Found(events, bottom if more else 0, at, full)


def _first(account: str, moment: datetime, *, before: str) -> int:
    """The id of the first event that is not `before` the moment: ``<`` it, or ``<=`` it; 0 where there is none."""
    postgres = connection.vendor == "postgresql"
    from_step, behind = (_ROWS_FROM_STEP, _ROWS_BEHIND) if postgres else (_FROM_STEP, _BEHIND)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST.format(before=before, from_step=from_step, behind=behind),
                       {"account": account, "moment": connection.ops.adapt_datetimefield_value(moment)})
        found = cursor.fetchone()
    return int(found[0]) if found else 0
