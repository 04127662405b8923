"""`/account/`: one's own preferences, ways of signing in, sessions and AccessKeys. Nobody needs a permission for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_safe

from access import people_gate, sessions
from access.models import AccessKey, User
from access.pages import ActionForm, caller_of, done, page, posted
from access.views import THEMES, keep_cookies
from base import clock
from kmsconsole import duties
from kmsconsole.context import ROLES

# Places that people know; the data base has some 200 more names that nobody would look for.
_AREAS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
ZONES = ("UTC", *sorted(name for name in available_timezones() if name.startswith(_AREAS)))


class Profile(forms.Form):
    """Empty means: as the browser and the system say."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)
    theme = forms.ChoiceField(choices=[(theme, theme) for theme in THEMES], required=False)
    time_zone = forms.ChoiceField(choices=[("", ""), *((zone, zone) for zone in ZONES)], required=False)


class Session(ActionForm):
    """number: of the session to end; without one all others end."""

    number = forms.IntegerField(min_value=1, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    now = {"language": user.language or request.LANGUAGE_CODE, "theme": user.theme, "time_zone": user.time_zone}
    form = Profile(posted(request), initial=now)
    if form.is_valid():
        User.objects.filter(pk=user.pk).update(**form.cleaned_data)
        with override(form.cleaned_data["language"]):
            answer = done(request, "account", _("Saved."))
        return keep_cookies(answer, language=form.cleaned_data["language"], theme=form.cleaned_data["theme"])
    return page(request, "account/profile.html", status=400 if form.is_bound else 200, form=form, tab="profile", zones=ZONES,
                chosen={name: form[name].value() for name in now}, role_name=ROLES.get(user.role, ""),
                policies=[name for name, _document in people_gate.policies_of(user)])


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    found = list(Authenticator.objects.filter(user=user).order_by("created_at", "pk"))
    codes = next((one for one in found if one.type == Authenticator.Type.RECOVERY_CODES), None)
    return page(request, "account/security.html", tab="security",
                passkeys=[one for one in found if one.type == Authenticator.Type.WEBAUTHN],
                app=next((one for one in found if one.type == Authenticator.Type.TOTP), None), codes=codes,
                unused=len(codes.wrap().get_unused_codes()) if codes else 0, total=settings.MFA_RECOVERY_CODE_COUNT,
                must=duties.lacks_factor(user), required=user.role in settings.KMS_REQUIRE_MFA,
                identities=list(SocialAccount.objects.filter(user=user)), can_disconnect=user.has_usable_password(),
                can_prove=bool(get_reauthentication_flows(user)), named=_named_host(request))


@require_http_methods(["GET", "HEAD", "POST"])
def own_sessions(request: HttpRequest) -> HttpResponse:
    caller, form = caller_of(request), Session(posted(request))
    user: Any = request.user
    current = request.session.session_key or ""
    if form.is_valid():
        number = form.cleaned_data["number"]
        with form.catching(caller, "EndConsoleSession"):
            if number:
                sessions.end_session(caller, user, number=number)
            else:
                sessions.end_other_sessions(caller, user, current=current)
            told = _("The session has ended.") if number else _("All other sessions have ended.")
            return done(request, "usersessions_list", told)
    rows = sessions.living(user, real_now=clock.real_now())
    return page(request, "account/sessions.html", status=form.status, tab="sessions", form=form, current=current, rows=rows,
                others=sum(row.session_key != current for row in rows))


@require_safe
def own_access_keys(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    user: Any = request.user
    return page(request, "account/access_keys.html", tab="access-keys", person=user,
                access_keys=AccessKey.objects.filter(user=user).order_by("-created_at", "pk"),
                why_not_create=people_gate.reasons("CreateAccessKey", caller, user))


def _named_host(request: HttpRequest) -> str:
    """Browsers make no passkey for a bare address. The same page under ``localhost``, or ``?`` where only the operator knows
    the name; empty where all is well."""
    at = urlsplit(f"//{request.get_host()}")
    name = at.hostname or ""
    if name in ("127.0.0.1", "::1"):
        return f"{request.scheme}://localhost{f':{at.port}' if at.port else ''}{request.path}"
    return "?" if ":" in name or name.replace(".", "").isdigit() else ""
