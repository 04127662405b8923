"""What somebody must do before anything else: choose a password of their own, and set up the second factor their role needs."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from access.people_gate import FACTORS

PASSWORD, FACTOR = "account_change_password", "mfa_index"
_ALWAYS = frozenset({"account_logout", "access:language", "access:theme", "account_inactive"})
_PASSWORD = _ALWAYS | {PASSWORD}
_FACTOR = _ALWAYS | {PASSWORD, FACTOR, "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes",
                     "mfa_generate_recovery_codes", "account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"}


def lacks_factor(user: Any) -> bool:
    """Whether the role must have a second factor and the person has none. One query, for such roles only."""
    return user.role in settings.KMS_REQUIRE_MFA and not Authenticator.objects.filter(user=user, type__in=FACTORS).exists()


def first(request: HttpRequest) -> str:
    """The name of the page that must come first; empty where none must."""
    user: Any = request.user
    asked = request.resolver_match.view_name if request.resolver_match else ""
    if user.must_change_password and user.has_usable_password():
        return "" if asked in _PASSWORD else PASSWORD
    return FACTOR if asked not in _FACTOR and lacks_factor(user) else ""
