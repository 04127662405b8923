"""Signing in by an OpenID Connect provider, where the operator names one.

An identity gets in where its owner, signed in, has connected it, or where the operator lets strangers become people of one
role. Names and mail addresses that the provider tells connect nothing: whoever chose them there would choose whom to be here.
"""

from __future__ import annotations

import re
from typing import Any

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.internal.flows.connect import disconnect
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from access import operations, proving
from access.models import Account, User
from access.pages import caller_of, done
from audit import recording
from base import clock
from base.caller import Caller
from kmsconsole import login as signing_in
from kmsconsole.sign_in import Oidc

PROVIDER = "oidc"
# Symmetric ones would let anybody who knows a public key sign.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})


class Adapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[SocialApp]:
        """From the settings alone: a row in a table must not become a way in."""
        one = settings.KMS_OIDC
        if one is None or provider not in (None, PROVIDER, "openid_connect") or client_id not in (None, one.client_id):
            return []
        return [SocialApp(provider="openid_connect", provider_id=PROVIDER, name=one.name, client_id=one.client_id,
                          secret=one.client_secret, settings={"server_url": one.issuer, "fetch_userinfo": False})]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        if settings.KMS_OIDC is not None and settings.KMS_OIDC.role:
            return True
        signing_in.failed(request, "", identity=sociallogin.account.uid[:191])
        raise ImmediateHttpResponse(render(request, "account/signup_closed.html", status=403))

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        """There is no form: the role and the account are the operator's choice, the name is the provider's."""
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        caller = Caller.system(clock.now(), job="oidc", door="console")
        one = _settings()
        account = Account.objects.get(pk=one.account) if one.account else Account.objects.order_by("created_at", "pk").first()
        if account is None:
            raise Http404
        with transaction.atomic():
            user = operations.create_user(caller, account, name=_free_name(sociallogin.wished_name), password=None,
                                          role=one.role, identity=sociallogin.account.uid)
            sociallogin.user = user
            sociallogin.save(request, connect=True)
        return user

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        return reverse("mfa_index")

    def send_notification_mail(self, template_prefix: str, user: Any, context: Any = None, **kwargs: Any) -> None:
        """allauth tells about a connected or disconnected identity here; ours is the audit trail, not a mail."""
        action = "DisconnectIdentity" if template_prefix.endswith("account_disconnected") else "ConnectIdentity"
        recording.record(caller_of(self.request), action, user, identity=context["account"].uid)

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None,
                                extra_context: Any = None) -> None:
        signing_in.failed(request, "", provider=PROVIDER, error=str(error or type(exception).__name__)[:64])


class Tokens(OpenIDConnectOAuth2Adapter):
    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> Any:
        """Of the claims nothing is kept but the subject."""
        found = super().complete_login(request, app, token, **kwargs)
        found.email_addresses, found.account.extra_data = [], {}
        found.wished_name = found.user.username  # allauth empties it where it is taken
        return found

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """With its signature, though it came straight from the provider: TLS may end at a proxy."""
        try:
            if jwt.get_unverified_header(id_token).get("alg") not in ALGORITHMS:
                raise OAuth2Error("algorithm")
            found: dict[str, Any] = jwtkit.verify_and_decode(
                credential=id_token, keys_url=self.openid_config["jwks_uri"], issuer=self.openid_config["issuer"],
                audience=app.client_id, lookup_kid=jwtkit.lookup_kid_jwk)
        except (jwt.PyJWTError, KeyError) as error:
            raise OAuth2Error("invalid id_token") from error
        return found

    @property
    def openid_config(self) -> dict[str, Any]:
        """The issuer must be the one that was asked; else a token of another one would do."""
        found: dict[str, Any] = super().openid_config
        if found.get("issuer", "").rstrip("/") != _settings().issuer:
            raise OAuth2Error("issuer")
        return found


@login_not_required
@require_POST
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """On to the provider. By POST only: a link elsewhere must not start it."""
    if request.user.is_authenticated and (asked := proving.ask(request, reverse("mfa_index"))):
        return asked  # before, not after: else the answer with its tokens would wait in the session
    return _view(OAuth2LoginView, request, provider_id)


@login_not_required
@require_http_methods(["GET"])
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _view(OAuth2CallbackView, request, provider_id)


@require_POST
def disconnect_identity(request: HttpRequest, number: int) -> HttpResponse:
    user: Any = request.user
    account = get_object_or_404(SocialAccount, pk=number, user=user)
    if asked := proving.ask(request, reverse("mfa_index")):
        return asked
    if not user.has_usable_password():
        return done(request, "mfa_index", _("This identity is the only way in; it stays."))
    with transaction.atomic():
        disconnect(request, account)
    return done(request, "mfa_index", _("Disconnected."))


def _view(kind: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    if settings.KMS_OIDC is None or provider_id != PROVIDER:
        raise Http404
    answer: HttpResponse = kind.adapter_view(Tokens(request, provider_id))(request)
    return answer


def _settings() -> Oidc:
    """Where they are known to be there: `_view` has looked."""
    one = settings.KMS_OIDC
    if one is None:
        raise Http404
    return one


def _free_name(wished: str) -> str:
    base = re.sub(r"[^A-Za-z0-9._@+-]+", "-", wished)[:56].strip("-") or "user"
    taken = set(User.objects.filter(username__istartswith=base).values_list("username", flat=True))
    return next(name for name in (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))) if name not in taken)
