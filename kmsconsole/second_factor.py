"""Passkeys, authenticator app and recovery codes: django-allauth's views, with our events and with secrets sealed at rest."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.views import ReauthenticateView as PasswordAgain
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.views import AuthenticateView, ReauthenticateView
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    EditWebAuthnView,
    LoginWebAuthnView,
    ReauthenticateWebAuthnView,
    RemoveWebAuthnView,
)
from cryptography.exceptions import InvalidSignature
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _

from access.pages import caller_of
from access.root import purpose_key
from audit import recording
from crypto.envelope import Identity
from kmsconsole import login

PURPOSE = "second-factor"


class Adapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return base64.b64encode(purpose_key(PURPOSE).seal(text.encode(), self._identity())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises BadCiphertext for a secret that was sealed for another person, or by another root key."""
        return purpose_key(PURPOSE).open(base64.b64decode(encrypted_text), self._identity()).decode()

    def _identity(self) -> Identity:
        """Whose secret it is: the person who is signed in, or who has shown the password and not yet the second factor.
        A row copied to somebody else does not open."""
        request: Any = context.request
        user = request.user if request.user.is_authenticated else request._login_stage.login.user
        return Identity(PURPOSE, user.account_id or "", str(user.pk), "1")

    def _get_site_name(self) -> str:
        return settings.MFA_TOTP_ISSUER

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return _("Passkey")


class ActivateTOTP(ActivateTOTPForm):
    """The secret waits in the session until the first code proves it; sealed there too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        kept = session.get(SECRET_SESSION_KEY) if args or kwargs.get("data") is not None else None
        super().__init__(*args, **kwargs)
        adapter = Adapter()
        if kept:
            self.secret = adapter.decrypt(kept)
        else:
            session[SECRET_SESSION_KEY] = adapter.encrypt(self.secret)


class Tidy:
    """What no browser sends is a wrong passkey, not an error of the server: the library checks less than it reads."""

    def clean(self) -> Any:
        with _tidied():
            return super().clean()  # type: ignore[misc]

    def clean_credential(self) -> Any:
        with _tidied():
            inner: Any = getattr(super(), "clean_credential", None)
            return inner() if inner else self.cleaned_data["credential"]  # type: ignore[attr-defined]


@contextmanager
def _tidied() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, struct.error, InvalidSignature):
        raise Adapter().validation_error("incorrect_code") from None


class AddForm(Tidy, AddWebAuthnForm):
    pass


class LoginForm(Tidy, LoginWebAuthnForm):
    pass


class AuthenticateForm(Tidy, AuthenticateWebAuthnForm):
    pass


class AgainForm(Tidy, ReauthenticateWebAuthnForm):
    pass


class Noted:
    """The change and its event in one transaction. factor: what was added or removed."""

    action = ""
    factor = ""
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            recording.record(caller_of(self.request), self.action, self.request.user, factor=self.factor)
        return answer


class Watched:
    """A wrong code or passkey is an event."""

    action = "ConsoleSignin"
    request: HttpRequest

    def form_invalid(self, form: Any) -> HttpResponse:
        user = getattr(form, "user", None)
        login.failed(self.request, user.username if user else "", self.action, factor=True)
        answer: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        return answer


class Authenticate(Watched, AuthenticateView):
    """The second step of signing in."""


class PasskeyLogin(Watched, LoginWebAuthnView):
    """The passkey alone: it asked for finger, face or PIN itself."""


class CodeAgain(Watched, ReauthenticateView):
    action = "ConsoleConfirm"


class PasskeyAgain(Watched, ReauthenticateWebAuthnView):
    action = "ConsoleConfirm"


class AddApp(Noted, ActivateTOTPView):
    action, factor = "BindMFADevice", "totp"


class RemoveApp(Noted, DeactivateTOTPView):
    action, factor = "UnbindMFADevice", "totp"


class AddPasskey(Noted, AddWebAuthnView):
    action, factor = "BindMFADevice", "webauthn"


class RenamePasskey(Noted, EditWebAuthnView):
    action, factor, success_url = "UpdateMFADevice", "webauthn", reverse_lazy("mfa_index")


class RemovePasskey(Noted, RemoveWebAuthnView):
    action, factor, success_url = "UnbindMFADevice", "webauthn", reverse_lazy("mfa_index")


class NewCodes(Noted, GenerateRecoveryCodesView):
    action, factor = "BindMFADevice", "recovery_codes"


authenticate, passkey_login = Authenticate.as_view(), PasskeyLogin.as_view()
password_again, code_again, passkey_again = PasswordAgain.as_view(), CodeAgain.as_view(), PasskeyAgain.as_view()
add_app, remove_app = AddApp.as_view(), RemoveApp.as_view()
add_passkey, rename_passkey, remove_passkey = AddPasskey.as_view(), RenamePasskey.as_view(), RemovePasskey.as_view()
new_codes, codes = NewCodes.as_view(), ViewRecoveryCodesView.as_view()
