"""The frame around every page of one key: bands, title, actions, lifecycle and tabs; and how an address becomes a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from access.pages import caller_of, found_or_404, page
from instances import lookup as instance_lookup
from keys import lookup, operations, showing
from keys.models import Alias, Key

TITLES: dict[str, str | Promise] = {
    "detail": pgettext_lazy("tab of a key", "Overview"), "versions": pgettext_lazy("tab of a key", "Versions"),
    "material": pgettext_lazy("tab of a key", "Material"), "rotation": pgettext_lazy("tab of a key", "Rotation"),
    "policy": pgettext_lazy("tab of a key", "Policy"), "tags": pgettext_lazy("tab of a key", "Tags"),
    "usage": pgettext_lazy("tab of a key", "Usage"), "activity": pgettext_lazy("tab of a key", "Activity"),
}


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    title: str | Promise
    url: str


def key_or_404(request: HttpRequest, key_id: str, action: str) -> Key:
    """By id only: an alias would be a second address of the same page. Whoever asks for a key that is not there is
    noted, as at the API; showing the page of `action` is no try of it."""
    return found_or_404(request, lambda caller: lookup.key_for_id(caller, key_id), action, "DescribeKey")


def key_read(request: HttpRequest, key_id: str, action: str = "DescribeKey") -> Key:
    """The key, whose page the reader looks at; that is a DescribeKey. A POST is a try of `action`, and no reading."""
    key = key_or_404(request, key_id, action)
    if request.method != "POST":
        operations.describe_key(caller_of(request), key)
    return key


def key_url(key: Key, tab: str = "detail") -> str:
    return reverse(f"keys:{tab}", args=[key.pk])


def alias_names(key: Key) -> list[str]:
    return list(Alias.objects.filter(key=key).order_by("name").values_list("name", flat=True))


def tabs(key: Key) -> list[Tab]:
    """Import has no meaning for material that was made here, and the tab would only say so."""
    names = [name for name in TITLES if name != "material" or key.origin == "EXTERNAL"]
    return [Tab(name, TITLES[name], key_url(key, name)) for name in names]


def show(request: HttpRequest, template: str, tab: str, key: Key, *, status: int = 200, fragments: tuple[str, ...] = (),
         **more: Any) -> HttpResponse:
    """A page of `key` inside its frame."""
    caller, aliases = caller_of(request), more.pop("aliases", None)
    names = alias_names(key) if aliases is None else aliases
    state = key.state_at(caller.at)
    framed = {"blocked": showing.blocked(caller, key, showing.PAGE_ACTIONS), "aliases": names, "state": state,
              "name": showing.name_of(key, names), "rail": showing.rail(key, state), "tabs": tabs(key), "tab": tab,
              "home": instance_lookup.facts(caller, key.instance) if key.instance else None, "back": key_url(key)}
    return page(request, template, status=status, fragments=fragments, key=key, **{**framed, **more})
