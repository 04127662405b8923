"""`/search/`: the search field as a page, and its results as the palette (Ctrl K)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access.pages import caller_of, page
from kmsconsole.finding import LONGEST, find


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:LONGEST]
    return page(request, "search.html", fragments=("palette", "hits"), text=text, groups=find(caller_of(request), text))
