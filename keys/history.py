"""What the audit trail says about one key. The trail has no index on its objects (`audit.models.Event`), so each page looks at
a stretch of it and says how far it came: the cost does not grow with the trail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q

from access.models import Role
from audit.models import Event
from base.caller import Caller
from keys.models import Alias, Key
from keys.states import CRYPTOGRAPHY

STRETCH, SIZE = 20_000, 50
MAY_READ = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
READING = ("Describe", "List", "Get")


@dataclass(frozen=True, slots=True)
class Line:
    """One event, or several of the same kind in a row. first_at is the earliest of them."""

    event: Event
    count: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Newest first. older: the id to go on before, None at the beginning of the trail; looked_to: the date this page came to."""

    lines: list[Line]
    older: int | None
    looked_to: datetime | None


def may_read(caller: Caller) -> bool:
    """Events name people and addresses; they are for administrators and auditors."""
    return bool(MAY_READ & set(caller.roles))


def about(key: Key) -> Q:
    """Events of the key, of its aliases, and of calls that name it beside another: a batch, a destination."""
    aliases = list(Alias.objects.filter(key=key).values_list("name", flat=True))
    return (Q(object_kind="key", object_id__in=(key.pk, key.arn)) | Q(object_kind="alias", object_id__in=aliases)
            | Q(detail__contains=key.pk))


def history(key: Key, *, before: int | None = None, changes_only: bool = False) -> History:
    """A page of the events older than `before`. Three queries, over ``STRETCH`` ids at most."""
    top = before or (Event.objects.filter(account=key.account_id).aggregate(top=Max("pk"))["top"] or 0) + 1
    rows = Event.objects.filter(about(key), account=key.account_id, pk__lt=top, pk__gte=top - STRETCH)
    if changes_only:
        quiet = Q(action__in=CRYPTOGRAPHY)
        for verb in READING:
            quiet |= Q(action__startswith=verb)
        rows = rows.exclude(quiet)
    found = list(rows.order_by("-pk")[:SIZE + 1])
    shown = found[:SIZE]
    bottom = shown[-1].pk if len(found) > SIZE else top - STRETCH
    seen = Event.objects.filter(account=key.account_id, pk__gte=bottom, pk__lt=top).order_by("pk").first()
    # Numbers of events are given over all accounts: nothing of this one may lie in a stretch, and more below it.
    more = len(found) > SIZE or Event.objects.filter(account=key.account_id, pk__lt=bottom).exists()
    return History(folded(shown), bottom if more else None, seen.at if seen else None)


def folded(events: Iterable[Event]) -> list[Line]:
    """Neighbours of one caller, action and outcome in one hour become one line."""
    lines: list[Line] = []
    for event in events:
        last = lines[-1] if lines else None
        if last is not None and _same(last.event, event):
            lines[-1] = Line(last.event, last.count + 1, event.at)
        else:
            lines.append(Line(event, 1, event.at))
    return lines


def _same(one: Event, other: Event) -> bool:
    return ((one.principal, one.action, one.outcome, one.door) == (other.principal, other.action, other.outcome, other.door)
            and (one.at - other.at).total_seconds() < 3600)
