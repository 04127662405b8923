"""The settings about signing in that are more than a text: whose second factor is required, and the identity provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

# Typed here because settings cannot import models; a test compares them with `access.models.Role`.
ROLES = ("administrator", "key-user", "auditor")
ALL, NOBODY = "all", "none"


@dataclass(frozen=True, slots=True)
class Oidc:
    """role: what strangers whom the provider knows become here, in `account` (uid; the first one by default); empty: nobody
    is let in who has not connected the identity first."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    role: str
    account: str

    @property
    def origin(self) -> str:
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"


def roles(text: str) -> frozenset[str]:
    """``all``, ``none``, or names of roles with commas between them."""
    if text in ("", NOBODY):
        return frozenset()
    found = frozenset(ROLES if text == ALL else (part.strip() for part in text.split(",")))
    if not found <= set(ROLES):
        raise ImproperlyConfigured(f"KMS_REQUIRE_MFA must be {ALL}, {NOBODY} or some of {', '.join(ROLES)}, not {text!r}")
    return found


def oidc(*, issuer: str, client_id: str, client_secret: str, name: str, role: str, account: str) -> Oidc | None:
    """None where there is no issuer: then nobody comes in this way."""
    if not issuer:
        return None
    parts = urlsplit(issuer)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.netloc or parts.query or (parts.scheme != "https" and not (parts.scheme == "http" and local)):
        raise ImproperlyConfigured(f"KMS_OIDC_ISSUER must be an address that begins with https://, not {issuer!r}")
    if not client_id or not client_secret:
        raise ImproperlyConfigured("KMS_OIDC_ISSUER needs KMS_OIDC_CLIENT_ID and KMS_OIDC_CLIENT_SECRET beside it")
    if role and role not in ROLES:
        raise ImproperlyConfigured(f"KMS_OIDC_SIGNUP_ROLE must be one of {', '.join(ROLES)}, not {role!r}")
    return Oidc(issuer.rstrip("/"), client_id, client_secret, name, role, account)
