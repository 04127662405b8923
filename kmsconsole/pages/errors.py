"""What broke, in our look and without a word of the inside. 404, 403 and the missing form token are templates alone."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string


def broken(request: HttpRequest) -> HttpResponse:
    """Without the frame: what broke may be the database it asks."""
    return HttpResponse(render_to_string("500.html", {"request_id": getattr(request, "request_id", "")}), status=500)


@login_not_required
def absent(request: HttpRequest) -> HttpResponse:
    """Pages of the login package that this console does not offer; the package wants their names."""
    raise Http404
