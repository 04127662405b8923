"""Logging in. django-allauth does the work; nobody signs up, and every attempt is an event."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ChangePasswordForm
from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _

from access import sessions
from access.models import User
from audit import recording
from base import clock
from base.caller import Caller

REFUSED = "Forbidden.LoginFailed"


class Adapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People are made by administrators, or by `manage.py create_user`."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """allauth's "Successfully signed in as …" says nothing the next page does not show."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Nobody's address is known here; what would be mailed stands in the audit trail."""

    def login(self, request: HttpRequest, user: Any) -> None:
        """with: what the person proved, in order: ``password``, ``totp``, ``webauthn``, ``socialaccount`` …"""
        proved = [str(one.get("type") or one["method"]) for one in get_authentication_records(request, user)]
        super().login(request, user)
        recording.record(person(request, user.account_id or "", user.username), "ConsoleSignin", by=proved)

    def logout(self, request: HttpRequest) -> None:
        user: Any = request.user
        if user.is_authenticated:
            recording.record(person(request, user.account_id or "", user.username), "ConsoleSignout")
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        failed(request, str(credentials.get("username", "")))

    def set_password(self, user: Any, password: str) -> None:
        """Not allauth's, which saves the whole row: that would undo what an administrator changed meanwhile."""
        user.set_password(password)
        with transaction.atomic():
            user.move(password=user.password, must_change_password=False)
            sessions.drop(user, but=self.request.session.session_key or "")
            recording.record(person(self.request, user.account_id or "", user.username), "ChangePassword", user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")


class ChangePassword(ChangePasswordForm):
    def clean_password1(self) -> str:
        """A password somebody else has seen must not stay."""
        fresh: str = self.cleaned_data["password1"]
        if fresh == self.cleaned_data.get("oldpassword"):
            raise ValidationError(_("Choose another password than the current one."))
        return fresh


@login_not_required
def to_login(request: HttpRequest) -> HttpResponse:
    """In place of the admin's own form. Who is logged in and still lands here may not enter."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", "/admin/"), resolve_url("account_login"))


def to_password(request: HttpRequest) -> HttpResponse:
    """In place of the admin's own form, which writes no event and knows no rate limit."""
    return HttpResponseRedirect(reverse("account_change_password"))


def failed(request: HttpRequest, name: str, action: str = "ConsoleSignin", **facts: Any) -> None:
    """A try that did not work. The account is the person's, if there is one: their administrator should see it."""
    account = User.objects.filter(username=name).values_list("account_id", flat=True).first() or ""
    recording.write([recording.entry(person(request, account, name), action, outcome=REFUSED, **facts)])


def person(request: HttpRequest, account: str, name: str) -> Caller:
    return Caller(account, f"user/{name}", "console", clock.now(), request_id=getattr(request, "request_id", ""),
                  address=request.META.get("REMOTE_ADDR", ""))
