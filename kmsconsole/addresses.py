"""Where this installation answers, as a person on this machine would type it."""

from __future__ import annotations

from django.conf import settings

ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, never bound to


def host() -> str:
    """The address to reach the servers at from here."""
    if settings.KMS_BIND in ANYWHERE:
        return "127.0.0.1"
    return f"[{settings.KMS_BIND}]" if ":" in settings.KMS_BIND else settings.KMS_BIND


def bind(port: int) -> str:
    return f"[{settings.KMS_BIND}]:{port}" if ":" in settings.KMS_BIND else f"{settings.KMS_BIND}:{port}"


def console() -> str:
    return f"http://{host()}:{settings.KMS_CONSOLE_PORT}/"


def api() -> str:
    return f"{'https' if settings.KMS_API_TLS_CERT else 'http'}://{host()}:{settings.KMS_API_PORT}/"
