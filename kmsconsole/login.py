"""Logging in. django-allauth does the work; nobody signs up, and every attempt is an event."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from audit import recording
from base import clock
from base.caller import Caller

REFUSED = "Forbidden.LoginFailed"


class Adapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People are made by `manage.py create_user`."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """allauth's "Successfully signed in as …" says nothing the next page does not show."""

    def login(self, request: HttpRequest, user: Any) -> None:
        super().login(request, user)
        recording.record(_person(request, user.account_id or "", user.username), "ConsoleSignin")

    def logout(self, request: HttpRequest) -> None:
        user: Any = request.user
        if user.is_authenticated:
            recording.record(_person(request, user.account_id or "", user.username), "ConsoleSignout")
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        person = _person(request, "", str(credentials.get("username", "")))
        recording.write([recording.entry(person, "ConsoleSignin", outcome=REFUSED)])


@login_not_required
def to_login(request: HttpRequest) -> HttpResponse:
    """In place of the admin's own form. Who is logged in and still lands here may not enter."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", "/admin/"), resolve_url("account_login"))


def _person(request: HttpRequest, account: str, name: str) -> Caller:
    return Caller(account, f"user/{name}", "console", clock.now(), request_id=getattr(request, "request_id", ""),
                  address=request.META.get("REMOTE_ADDR", ""))
