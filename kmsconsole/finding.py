"""What the search field and the palette offer for some letters: keys, aliases, instances, pages, and what can be done now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import trail
from base import ids
from base.caller import Caller
from base.refusal import Refusal
from instances.models import Instance
from keys import listing
from keys import lookup as key_lookup
from keys.aliasing import PREFIX

FEW = 6
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Hit:
    """icon: of Lucide. under: the second line, an id or a state."""

    word: str
    url: str
    icon: str
    under: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Place:
    """A page, or the beginning of an action, under the words people look for. asks: whether the caller may."""

    word: str | Promise
    view: str
    icon: str
    query: str = ""
    asks: Callable[[Caller], tuple[Refusal, ...]] | None = None


PAGES = (
    Place(gettext_lazy("Overview"), "overview", "house"),
    Place(gettext_lazy("Keys"), "keys:list", "key-round"),
    Place(gettext_lazy("Default keys"), "keys:list", "key-round", "?tab=default"),
    Place(gettext_lazy("Keys pending deletion"), "keys:list", "clock", "?state=PendingDeletion"),
    Place(gettext_lazy("Aliases"), "aliases:list", "tag"),
    Place(gettext_lazy("Instances"), "instances:list", "server"),
    Place(gettext_lazy("Migrate from 1.0"), "migration:overview", "move-right"),
    Place(gettext_lazy("1.0 console"), "v1:list", "eye"),
    Place(gettext_lazy("Timeline"), "timeline", "calendar-clock"),
    Place(gettext_lazy("Audit log"), "audit", "scroll-text", asks=trail.why_not_look),
    Place(gettext_lazy("Why can't I?"), "why", "circle-question-mark"),
    Place(gettext_lazy("Change password"), "account_change_password", "key-square"),
)
ACTIONS = (
    Place(gettext_lazy("Create key"), "keys:new", "plus", asks=key_lookup.why_nobody_creates),
)


def find(caller: Caller, text: str) -> list[Group]:
    """Groups with at least one hit each. A fixed number of queries, each for a few rows."""
    text = text.strip()[:LONGEST]
    groups = [
        Group(_("Keys and aliases"), list(_keys(caller, text)) if text else []),
        Group(_("Instances"), list(_instances(caller, text))),
        Group(_("Pages"), [_hit(place) for place in _places(caller, PAGES, text)]),
        Group(_("Actions"), [_hit(place) for place in _places(caller, ACTIONS, text)]),
        Group(_("More"), list(_more(text)) if text else []),
    ]
    return [group for group in groups if group.hits]


def _keys(caller: Caller, text: str) -> Iterator[Hit]:
    parts = ids.split_arn(text)
    name = (parts[2] if parts else text).removeprefix("key/")
    # A version's id begins with its key's.
    exact = name[:25] if name.startswith("key-") else name
    seen = set()
    for key in listing.begun(caller, exact).order_by("-created_at", "-id")[:FEW]:
        seen.add(key.pk)
        yield Hit(key.pk, reverse("keys:detail", args=[key.pk]), "key-round", key.description[:80])
    named = listing.select_aliases(caller, name).window(size=2 * FEW).items
    for alias in [one for one in named if one.key_id not in seen][:FEW]:
        yield Hit(alias.name.removeprefix(PREFIX), reverse("keys:detail", args=[alias.key_id]), "tag", alias.key_id)


def _instances(caller: Caller, text: str) -> Iterator[Hit]:
    rows = Instance.objects.of(caller.account).filter(released_at=None)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(pk__startswith=text))
    for one in rows[:FEW]:
        yield Hit(str(one), reverse("instances:detail", args=[one.pk]), "server", one.pk)


def _places(caller: Caller, places: tuple[Place, ...], text: str) -> Iterator[Place]:
    """Those whose words hold the letters, and that this person may go to."""
    for place in places:
        if text.lower() in str(place.word).lower() and not (place.asks and place.asks(caller)):
            yield place


def _hit(place: Place) -> Hit:
    return Hit(str(place.word), reverse(place.view) + place.query, place.icon)


def _more(text: str) -> Iterator[Hit]:
    """Where anything else is looked at: ciphertexts and the ids of requests."""
    yield Hit(_("What is “%(text)s”?") % {"text": text[:40]}, f"{reverse('why')}?{urlencode({'q': text[:300]})}", "stethoscope",
              _("A ciphertext, a RequestId, anything"))
