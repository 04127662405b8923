"""Before a sensitive change people show once more who they are: by password, code or passkey, within the last five minutes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate, get_reauthentication_flows
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url

View = Callable[..., HttpResponse]


def ask(request: HttpRequest, back: str) -> HttpResponse | None:
    """The way to the page that asks, which leads on to `back`; None for who has shown it already, or has nothing to show."""
    if did_recently_reauthenticate(request) or not get_reauthentication_flows(request.user):
        return None
    url = f"{resolve_url('account_reauthenticate')}?{urlencode({'next': back})}"
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url, status=303)


def proved(view: View) -> View:
    """Leads to the page that asks, and back to the page of the dialog. What a form held when the time ran out is asked again:
    a change must not be done by the click that only answers a question."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = ask(request, request.get_full_path())
        return view(request, *args, **kwargs) if asked is None else asked

    return answer
