"""What the frame of every page shows: menu, theme, language, and banners over the whole installation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from access import freezes, lists
from access.models import Role
from base import clock
from instances.models import Instance
from keys import creation
from keys.listing import GROUPS, ORDERS
from keys.models import Key

# HTML wants the script subtag; without it Han characters get another language's shapes.
HTML_LANG = {"zh-hans": "zh-Hans"}
THEMES = ("light", "dark")
NEWEST = ORDERS["newest"]
ROLES: dict[str, Any] = {
    Role.ADMINISTRATOR: pgettext_lazy("role", "Administrator"),
    Role.KEY_USER: pgettext_lazy("role", "Key user"),
    Role.AUDITOR: pgettext_lazy("role", "Auditor"),
}
ROLE_WORDS: dict[str, Any] = {
    Role.ADMINISTRATOR: _("Everything in the account: keys, instances, people. Every account keeps at least one."),
    Role.KEY_USER: _("Uses keys: encrypts, decrypts, signs and verifies. Changes nothing."),
    Role.AUDITOR: _("Looks at everything, uses and changes nothing."),
}


def frame(request: HttpRequest) -> dict[str, Any]:
    language = get_language() or settings.LANGUAGE_CODE
    shown: dict[str, Any] = {
        "html_lang": HTML_LANG.get(language, language),
        "languages": [(code, HTML_LANG.get(code, code), name) for code, name in settings.LANGUAGES],
        "language": language,
        "theme": _theme(request),
        "test_mode": settings.KMS_TEST_MODE,
        "clock_shift": _shift(settings.KMS_CLOCK_OFFSET),
        "now": clock.now(),
        "real_now": clock.real_now(),
        "oidc_name": settings.KMS_OIDC.name if settings.KMS_OIDC else "",
    }
    caller = getattr(request, "caller", None)
    # htmx asks for fragments, and for the whole page when the reader goes back.
    whole = not request.htmx or request.htmx.history_restore_request  # type: ignore[attr-defined]
    if caller is not None and whole:
        account = request.user.account  # type: ignore[union-attr]
        shown |= {
            "now": caller.at,
            "key_count": _about(lists.count(Key.objects.of(caller.account).living(caller.at), NEWEST)),
            "instance_count": Instance.objects.of(caller.account).filter(released_at=None).count(),
            "role": ROLES.get(request.user.role, ""),  # type: ignore[union-attr]
            "legacy_count": lists.count(Key.objects.of(caller.account).living(caller.at).filter(GROUPS["old"]), NEWEST,
                                        cap=creation.LEGACY_KEYS),
            "freeze": freezes.freeze_of(caller.account, caller.at),
            "demo": account is not None and account.demo_at is not None,
            "region": settings.KMS_REGION,
        }
    elif caller is not None:
        shown["now"] = caller.at
    return shown


def _about(count: lists.Count) -> str:
    """The frame of every page counts no million rows: ``1,000+``."""
    return f"{number_format(count.n, force_grouping=True)}{'+' if count.more else ''}"


def _theme(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    theme = user.theme if user is not None and user.is_authenticated else request.COOKIES.get("theme", "")
    return theme if theme in THEMES else ""


def _shift(offset: timedelta) -> str:
    """``+400 days``; hours where it is less than two days."""
    if not offset:
        return ""
    hours = round(offset.total_seconds() / 3600)
    if abs(hours) >= 48:
        return ngettext("%(n)+d day", "%(n)+d days", abs(round(hours / 24))) % {"n": round(hours / 24)}
    return ngettext("%(n)+d hour", "%(n)+d hours", abs(hours)) % {"n": hours}
