"""`/why/`: paste anything, read what it is, whether it works now, and what would make it work."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from access.pages import caller_of, page
from kmsconsole.diagnosing import LONGEST, diagnose
from kmsconsole.pages.audit import lines
from kmsconsole.questions import questions


@require_http_methods(["GET", "HEAD", "POST"])
def why(request: HttpRequest) -> HttpResponse:
    """A name may stand in the address, so that a finding can be sent; a ciphertext is long and comes by POST."""
    caller = caller_of(request)
    text = (request.POST.get("q") or request.GET.get("q", ""))[:LONGEST].strip()
    found = diagnose(caller, text) if text else None
    return page(request, "why.html", fragments=("finding",), text=text, found=found, questions=questions(caller),
                lines=lines(list(found.events)) if found else [])
