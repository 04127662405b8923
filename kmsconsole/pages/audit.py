"""`/audit/`: who did what, also what was refused. Pages by time: a total would have to count the whole trail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from access import trail
from access.pages import caller_of, page, page_size
from api.calls import CALLS
from audit.models import Event
from audit.recording import OK
from audit.searching import Found, Wanted
from kmsconsole.pages import steps

DOORS = ("api", "console", "console-1.0", "clock", "shell")
FIELDS = ("principal", "action", "object", "outcome", "door", "request", "since", "until")
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Line:
    """An event as a row. facts: what the event says beside its columns; url: where its object lives."""

    event: Event
    facts: list[tuple[str, str]]
    url: str

    @property
    def refused(self) -> bool:
        return self.event.outcome != OK


def lines(events: list[Event]) -> list[Line]:
    return [Line(event, _facts(event.detail), object_url(event.object_kind, event.object_id)) for event in events]


def _facts(detail: str) -> list[tuple[str, str]]:
    """Name and value in plain text, whatever the event holds."""
    found: Mapping[str, Any] = json.loads(detail)
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) for name, value in found.items()
            if value not in ("", None, [])]


_PAGES = {"key": "keys:detail", "instance": "instances:detail"}


def object_url(kind: str, name: str) -> str:
    """The page of an event's object; empty where it has none."""
    if kind == "alias":
        return f"{reverse('aliases:list')}?{urlencode({'q': name})}"
    try:
        return reverse(_PAGES[kind], args=[name.rsplit("/", 1)[-1]])
    except (KeyError, NoReverseMatch):
        return ""


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    caller, asked = caller_of(request), request.GET
    shown = {name: asked.get(name, "")[:LONGEST].strip() for name in FIELDS}
    decisions = asked.get("show") != "all" and not any(shown.values())
    if why_not := trail.why_not_look(caller):
        return page(request, "audit/list.html", status=403, why_not=why_not)
    found = trail.lookup_events(caller, wanted=_wanted(shown, decisions), size=page_size(request),
                                before=steps.position(asked.get("before", "")))
    return page(request, "audit/list.html", fragments=("list",), found=found, lines=lines(found.events), shown=shown,
                decisions=decisions, actions=sorted(CALLS), doors=DOORS, filtered=any(shown.values()),
                older=steps.address(request, before=found.older) if found.older else "",
                newest=steps.address(request) if asked.get("before") else "",
                gone_back=_gone_back(found))


def _wanted(shown: Mapping[str, str], decisions: bool) -> Wanted:
    return Wanted(principal=shown["principal"], action=shown["action"], object_id=shown["object"], outcome=shown["outcome"],
                  door=shown["door"], request_id=shown["request"], since=_moment(shown["since"]), until=_moment(shown["until"]),
                  decisions=decisions)


def _moment(text: str) -> datetime | None:
    """What the browser's field for date and time sends, in the reader's zone; nonsense filters nothing."""
    try:
        found = parse_datetime(text)
        aware = timezone.make_aware(found) if found and timezone.is_naive(found) else found
        return aware.astimezone(UTC) if aware else None
    except (ValueError, OverflowError):
        return None


def _gone_back(found: Found) -> datetime | None:
    """How far a search came that found less than a page: the rest of the trail is only a click away, but not looked at."""
    return found.looked_to if found.older and not found.full else None
