"""What templates say the same way everywhere. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import lucide as icons
from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from access import dates
from access.labels import Label
from access.pages import PAGE_SIZES
from base import clock
from base.page import Page
from base.refusal import Refusal
from crypto.specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, SIGN_VERIFY
from kmsconsole import refusal_texts
from kmsconsole.browsers import told as browser_told
from kmsconsole.context import ROLE_WORDS, ROLES
from kmsconsole.state_labels import INSTANCE, KEY

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Decoration: hidden from screen readers, the words beside it carry the meaning."""
    svg: str = icons._render_icon(name, 18, **{"class": f"ic {extra}".strip(), "aria_hidden": "true", "focusable": "false"})
    return mark_safe(svg)  # noqa: S308 - an icon of the package, by a name from our templates


def _time(moment: datetime, text: str, title: str = "") -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', clock.iso(moment), title or dates.clock_time(moment), text)


@register.simple_tag
def day(moment: datetime | None) -> str:
    return _time(moment, dates.day(moment)) if moment else "—"


@register.simple_tag
def moment(moment: datetime | None) -> str:
    return _time(moment, dates.clock_time(moment), dates.in_utc(moment)) if moment else "—"


@register.simple_tag
def month_of(moment: datetime) -> str:
    """``December 2026`` or ``2026年12月``, in the reader's zone."""
    return dates.month(moment)


@register.filter
def item(found: Mapping[str, Any], name: str) -> Any:
    return found[name]


@register.simple_tag
def utc(moment: datetime) -> str:
    return dates.in_utc(moment)


@register.simple_tag
def distance(moment: datetime, now: datetime) -> str:
    return _time(moment, dates.distance(moment, now))


@register.simple_tag
def countdown(moment: datetime, now: datetime) -> str:
    return _time(moment, dates.countdown(moment, now))


def _badge(label: Label) -> SafeString:
    return format_html('<span class="badge {}">{}{}</span>', label.tone, icon(label.icon), label.word)


@register.simple_tag
def key_state(state: str) -> SafeString:
    return _badge(KEY[state])


@register.simple_tag
def instance_state(state: str) -> SafeString:
    return _badge(INSTANCE[state])


@register.simple_tag
def label(one: Label) -> SafeString:
    return _badge(one)


@register.simple_tag
def copyable(value: Any) -> SafeString:
    return format_html(
        '<button type="button" class="copy" data-copy="{0}"><span translate="no">{0}</span>{1}'
        '<span class="sr">{2}</span></button>', value, icon("copy", "ic-s"), gettext("Copy"))


@register.inclusion_tag("components/refusals.html")
def reasons(refusals: Iterable[Refusal]) -> dict[str, Any]:
    """Every refusal with its sentence, who can lift it, and the way out."""
    return {"texts": [refusal_texts.told(refusal) for refusal in refusals]}


@register.filter
def without_prefix(alias: str) -> str:
    """An alias as people say it; the prefix is the API's."""
    return str(alias).removeprefix("alias/")


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: Context, found: Page) -> dict[str, Any]:
    """Page numbers in the address, so that a view can be bookmarked and sent."""

    def address(**changes: int | None) -> str:
        asked = context["request"].GET.copy()
        for name, value in {"page": None, **changes}.items():
            asked.pop(name, None)
            if value is not None:
                asked[name] = str(value)
        return f"?{asked.urlencode()}"

    first = (found.number - 1) * found.size
    more = first + len(found.items) < found.total
    return {"found": found, "first": min(first + 1, found.total), "last": first + len(found.items), "smallest": PAGE_SIZES[0],
            "sizes": [(size, address(size=size)) for size in PAGE_SIZES],
            "previous": address(page=found.number - 1) if found.number > 1 else "",
            "next": address(page=found.number + 1) if more else ""}


@register.filter
def told(refusals: Iterable[Refusal]) -> list[refusal_texts.Told]:
    """The texts of refusals, where a page lays them out itself."""
    return [refusal_texts.told(refusal) for refusal in refusals]


@register.filter
def spec_name(spec: str) -> str:
    """``AES-256`` for ``Aliyun_AES_256``, ``RSA 3072`` for ``RSA_3072``: the algorithm as cryptographers write it."""
    short = str(spec).removeprefix("Aliyun_").removeprefix("X_")
    hyphens = short.startswith(("AES", "ML_"))
    short = short.replace("EC_P", "EC_P-").replace("SHA_", "SHA-")
    return short.replace("_", "-") if hyphens else short.replace("_", " ").replace("ED25519", "Ed25519")


@register.filter
def usage_words(usage: str) -> str:
    words = {ENCRYPT_DECRYPT: gettext("Encrypt and decrypt"), SIGN_VERIFY: gettext("Sign and verify"),
             GENERATE_VERIFY_MAC: gettext("Make and verify authentication codes")}
    return words.get(usage, usage)


@register.filter
def blocked_by(blocked: dict[str, tuple[Refusal, ...]], action: str) -> tuple[Refusal, ...]:
    return blocked.get(action, ())


@register.filter
def key_state_word(state: str) -> str:
    return str(KEY[state].word)


@register.filter
def role_word(role: str) -> str:
    return str(ROLES.get(role, role))


@register.filter
def role_sentence(role: str) -> str:
    return str(ROLE_WORDS.get(role, ""))


@register.filter
def browser(agent: str) -> str:
    return browser_told(agent)


@register.filter
def at(rows: list[Any], number: int) -> Any:
    return rows[number]
