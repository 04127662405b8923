"""`/timeline/`: everything with a date, as twelve weeks and as a list."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access.pages import caller_of, page
from access.rules import why_not_permitted
from kmsconsole import timeline as dates

# Of the drawing: one week, the longest bar, the line they stand on.
STEP, HEIGHT, FLOOR = 40, 72, 80


@require_safe
def timeline(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    if why_not := why_not_permitted(caller, "ListKeys"):
        return page(request, "timeline.html", status=403, why_not=why_not)
    kinds = [kind for kind in request.GET.getlist("kind") if kind in dates.SOURCES]
    found = dates.entries(caller, kinds)
    weeks = dates.weeks(caller.at, found)
    listed = found[:dates.MOST]
    highest = max((week.entries for week in weeks), default=0) or 1
    bars = [{"week": week, "x": STEP * number, "height": (tall := HEIGHT * week.entries // highest), "top": FLOOR - tall}
            for number, week in enumerate(weeks)]
    return page(request, "timeline.html", fragments=("list",), found=listed, months=dates.by_month(listed), bars=bars,
                kinds=kinds, sources=[(name, source, name in kinds) for name, source in dates.SOURCES.items()],
                shown=dates.SOURCES, more=len(found) > dates.MOST)
