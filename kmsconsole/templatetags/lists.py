"""What long lists show around their rows: pager, sort links, counts with a cap."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import template
from django.http import QueryDict
from django.template import Context
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext

from access import dates, lists
from access.lists import Count, Window
from access.pages import PAGE_SIZES
from base import clock

register = template.Library()
PLACE = ("after", "before", "page")


def _address(query: QueryDict, **changes: Any) -> str:
    """The address line with `changes`; a new size or order begins at the first page."""
    asked = query.copy()
    for name in PLACE:
        asked.pop(name, None)
    for name, value in changes.items():
        asked.pop(name, None)
        if value:
            asked[name] = str(value)
    return f"?{asked.urlencode()}"


@register.inclusion_tag("components/keyset_pager.html", takes_context=True)
def keyset_pager(context: Context, found: Window, total: Count | None = None) -> dict[str, Any]:
    query = context["request"].GET
    return {"found": found, "total": total, "smallest": PAGE_SIZES[0], "looked": number_format(lists.LOOK, force_grouping=True),
            "sizes": [(size, _address(query, size=size)) for size in PAGE_SIZES],
            "first": _address(query) if found.previous else "",
            "previous": _address(query, before=found.previous) if found.previous else "",
            "next": _address(query, after=found.next) if found.next else ""}


@register.simple_tag(takes_context=True)
def with_query(context: Context, **changes: Any) -> str:
    """This page's address with other values: ``{% with_query state="Disabled" %}``."""
    return _address(context["request"].GET, **changes)


@register.simple_tag
def plain_day(day: date) -> str:
    return format_html('<time datetime="{}">{}</time>', day.isoformat(), dates.plain_day(day))


@register.simple_tag
def unused_since(key: Any) -> str:
    """A day of UTC. On the day of the creation it is that of the reader, as it stands in the next column."""
    if key.idle_since <= key.created_at.date():
        return format_html('<time datetime="{}">{}</time>', clock.iso(key.created_at), dates.day(key.created_at))
    return plain_day(key.idle_since)


@register.filter
def capped(count: Count) -> str:
    """``312``, ``more than 1,000``, or ``about 48,211``."""
    if count.more:
        return gettext("more than %(n)s") % {"n": number_format(count.n, force_grouping=True)}
    if count.least:
        return gettext("at least %(n)s") % {"n": number_format(count.n, force_grouping=True)}
    if count.about:
        return gettext("about %(n)s") % {"n": number_format(count.n, force_grouping=True)}
    return number_format(count.n, force_grouping=True)
