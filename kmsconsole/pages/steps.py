"""Pages that go back step by step: the address of the next step, and the position it begins at."""

from __future__ import annotations

from django.http import HttpRequest

HIGHEST = 2**62


def position(text: str) -> int:
    """The id that `before` names; 0 for none and for nonsense."""
    return min(int(text), HIGHEST) if text.isdecimal() and len(text) < 20 else 0


def address(request: HttpRequest, *, before: int = 0) -> str:
    """This view, from another position; without one, from the newest."""
    asked = request.GET.copy()
    asked.pop("before", None)
    if before:
        asked["before"] = str(before)
    return f"?{asked.urlencode()}"
