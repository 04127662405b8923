"""What a reader prefers. Kept with the account when logged in, by cookie before."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

YEAR = 365 * 24 * 60 * 60
THEMES = ("light", "dark", "")


def _keep(request: HttpRequest, field: str, cookie: str, value: str) -> HttpResponse:
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = HttpResponseRedirect(target, status=303)
    if request.user.is_authenticated:
        setattr(request.user, field, value)
        request.user.save(update_fields=[field])
    return _cookie(response, cookie, value)


def _cookie(response: HttpResponse, name: str, value: str) -> HttpResponse:
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE, httponly=True)
    return response


def keep_cookies(response: HttpResponse, *, language: str, theme: str) -> HttpResponse:
    """The login page speaks like the account that was used last."""
    return _cookie(_cookie(response, settings.LANGUAGE_COOKIE_NAME, language), "theme", theme)


@require_POST
@login_not_required
def language(request: HttpRequest) -> HttpResponse:
    value = request.POST.get("language", "")
    known = value if value in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    return _keep(request, "language", settings.LANGUAGE_COOKIE_NAME, known)


@require_POST
@login_not_required
def theme(request: HttpRequest) -> HttpResponse:
    value = request.POST.get("theme", "")
    return _keep(request, "theme", "theme", value if value in THEMES else "")
