"""What every console request gets: a request id, a caller, the reader's language and zone. Closed by default:
a page answers only people who are logged in, unless its view says otherwise (`login_not_required`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from access import sessions
from access.pages import refused_page
from base import clock, ids
from base.refusal import Refused
from kmsconsole import duties

Answer = Callable[[HttpRequest], HttpResponse]


def request_id(get_response: Answer) -> Answer:
    def answer(request: HttpRequest) -> HttpResponse:
        request.request_id = ids.request_id()  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response

    return answer


def caller(get_response: Answer) -> Answer:
    def answer(request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            request.caller = user.caller(  # type: ignore[attr-defined]
                "console", clock.now(), request_id=request.request_id,  # type: ignore[attr-defined]
                address=request.META.get("REMOTE_ADDR", ""))
            if user.language in dict(settings.LANGUAGES):
                translation.activate(user.language)
                request.LANGUAGE_CODE = user.language
            sessions.seen(request.session, real_now=clock.real_now())
        with timezone.override(_zone(request)):
            response = get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        # Pages show keys and dates of one person: no shared cache, and no copy after logging out.
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.user.is_authenticated:
            return _to(request, duties.first(request))
        if not getattr(view, "login_required", True):
            return None
        login = resolve_url(settings.LOGIN_URL)
        if request.htmx:  # type: ignore[attr-defined]
            # A redirect would swap the login page into a fragment.
            back = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
            return HttpResponse(status=401, headers={"HX-Redirect": f"{login}?next={quote(back, safe='/')}"})
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", login)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """An operation said no where the view had no form to show it in."""
        return refused_page(request, exception.refusals) if isinstance(exception, Refused) else None

    answer.process_view = process_view  # type: ignore[attr-defined]
    answer.process_exception = process_exception  # type: ignore[attr-defined]
    return answer


def no_nul(get_response: Answer) -> Answer:
    """PostgreSQL refuses to look for a text that holds a NUL. No page has one in its path; in a search it finds nothing."""
    def answer(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404
        request.META["QUERY_STRING"] = request.META.get("QUERY_STRING", "").replace("%00", "%EF%BF%BD")
        return get_response(request)

    return answer


def _to(request: HttpRequest, name: str) -> HttpResponse | None:
    if not name:
        return None
    url = resolve_url(name)
    return HttpResponse(status=204, headers={"HX-Redirect": url}) if request.htmx else redirect(url)  # type: ignore[attr-defined]


def _zone(request: HttpRequest) -> ZoneInfo:
    """The reader's choice, else the zone the browser tells by cookie, else the installation's."""
    name = getattr(request.user, "time_zone", "") or request.COOKIES.get("zone", "")
    try:
        return ZoneInfo(name if 0 < len(name) < 64 else settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(settings.TIME_ZONE)
