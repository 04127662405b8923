"""What a list of keys or aliases shows: its address line read, and turned into a query that an index answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from access import lists
from access.lists import Order, begins, few, quiet
from base import ids
from base.caller import Caller
from crypto.specs import SPECS
from instances.models import Instance
from keys import words
from keys.aliasing import PREFIX
from keys.creation import ORIGINS
from keys.filters import FILTERS
from keys.list_models import KeyWord
from keys.models import Alias, Key, KeyQuerySet, KeyTag, serving
from keys.states import State

SHOWN_STATES = (State.ENABLED, State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT, State.UNAVAILABLE)
MOST_WORDS = 5
IDLE_DAYS = (30, 90, 180, 365)
ORDERS: dict[str, Order] = {
    "newest": Order(("created_at", "id"), descending=True), "oldest": Order(("created_at", "id")),
    "idle": Order(("idle_since", "id")), "used": Order(("idle_since", "id"), descending=True),
}
BY_NAME = Order(("name",))  # of the aliases of one account, where it is unique
# The tab of customer master keys, and the groups of the tab of default keys (reference `console-ux.md` 4.4).
GROUPS: dict[str, Q] = {
    "customer": Q(kind=Key.Kind.CUSTOMER, edition=Key.Edition.V3),
    "default": Q(kind=Key.Kind.DEFAULT, edition=Key.Edition.V3),
    "service": Q(kind=Key.Kind.SERVICE, edition=Key.Edition.V3),
    "old": Q(edition=Key.Edition.V1, kind=Key.Kind.CUSTOMER),
    "old-service": Q(edition=Key.Edition.V1, kind=Key.Kind.SERVICE),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address line asks for; empty text is no wish. group: of ``GROUPS``; tag: ``name`` or ``name:value``; idle: days
    without a use."""

    group: str = "customer"
    q: str = ""
    state: str = ""
    instance: str = ""
    spec: str = ""
    origin: str = ""
    tag: str = ""
    creator: str = ""
    idle: int = 0
    sort: str = "newest"

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the list, by its name in the address line."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("group", "sort")}
        return {name: str(value) for name, value in found.items() if value}


def asked(query: QueryDict | Mapping[str, str], group: str = "customer") -> Asked:
    """Nonsense is no wish, because a bookmarked view must open."""

    def one_of(name: str, known: object) -> str:
        value = query.get(name, "")
        return value if value in known else ""  # type: ignore[operator]

    idle, sort = query.get("idle", ""), one_of("sort", ORDERS) or "newest"
    return Asked(group, _clean(query.get("q", "")), one_of("state", [*map(str, SHOWN_STATES)]), _clean(query.get("instance", "")),
                 one_of("spec", SPECS), one_of("origin", ORIGINS), _clean(query.get("tag", "")), _clean(query.get("creator", "")),
                 int(idle) if idle.isascii() and idle.isdecimal() and len(idle) < 5 else 0, sort)


def _clean(text: str) -> str:
    return "".join(one for one in text[:300] if one.isprintable()).strip()


@dataclass(frozen=True, slots=True)
class Part:
    """A way to read some rows in an order without reading all that do not fit; as `access.lists.window` takes it."""

    rows: QuerySet[Any]
    order: Order
    among: QuerySet[Any] | None = None
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """rows: what a wish describes, unordered; shown: how a page reads it, counted: how its number is found; known: that number,
    where choosing how to read has told it."""

    rows: QuerySet[Any]
    shown: Part
    counted: Part
    known: lists.Count | None = None

    def window(self, *, size: int, after: str = "", before: str = "") -> lists.Window:
        how = self.shown
        return lists.window(how.rows, how.order, size=size, after=after, before=before, among=how.among, inside=how.inside)

    def count(self, seen: lists.Window | None = None, cap: int | None = None) -> lists.Count:
        """seen: a page of it that has been read. cap: as `access.lists.count` takes it."""
        how = self.counted
        look = seen.look if seen is not None and how is self.shown else None
        return self.known or lists.count(how.rows, how.order, how.among, how.inside, look, cap)


def select(caller: Caller, wish: Asked) -> Selection:
    """Costs a few queries by itself, for conditions that lead where they are rare. Where an index gives nothing but the rows of
    the wish in its order, the page reads those. Otherwise one gives the tab, or one filter of it, and the rest is tested on
    what it gives, so many at a time (`access.lists.LOOK`)."""
    conditions = [_tagged(wish.tag)] if wish.tag else []
    conditions += [_named(caller.account, wish.q)] if wish.q else []
    leading = [one for one in conditions if isinstance(one, set)]
    tests = [one for one in conditions if isinstance(one, Q)]
    filters, mine = _filters(caller, wish), Key.objects.of(caller.account)
    first = Key.objects.filter(pk__in=set.intersection(*leading)).only_of(caller.account) if leading else mine
    shared = (GROUPS[wish.group], *tests)
    found = first.living(caller.at).filter(*shared, *filters.values()).select_related("instance")

    def part(order: Order) -> Part:
        """Each filter has an index in the order of the date, and that of the idle has its own (`keys.list_models`)."""
        by_date = order.fields == ORDERS["newest"].fields
        led = next((name for name in filters if (name == "idle") != by_date), "")
        others = [one for name, one in filters.items() if name != led]
        if leading or not (tests or others):
            return Part(found, order)
        # Of a state only its own column leads; what else it asks is tested with the rest.
        tab = mine.filter(GROUPS[wish.group], _stored(wish.state) if led == "state" else filters.get(led, Q()))
        if not others:
            return Part(found, order, tab)
        # No index but that of the id is left to a planner without statistics: any other one may hold all keys.
        others += [filters[led]] if led == "state" else []
        tested = Key.objects.living(caller.at).filter(*shared, *others).select_related("instance")
        return Part(tested, order, tab, inside=True)

    shown = part(order(wish))
    return Selection(found, shown, shown if wish.idle or not filters else part(ORDERS["newest"]))


def rows(caller: Caller, wish: Asked) -> QuerySet[Key]:
    return select(caller, wish).rows


def _filters(caller: Caller, wish: Asked) -> dict[str, Q]:
    """Conditions on columns of the key, by name; one that finds few rows before one that finds many."""
    names = ("instance", "creator", "spec", "origin")
    found = {name: Q(**{name: value}) for name in names if (value := getattr(wish, name))}
    if wish.state:
        found["state"] = _state(caller, wish.state)
    if wish.idle:
        found["idle"] = Q(idle_since__lte=(caller.at - timedelta(days=wish.idle)).date())
    return found


def _stored(state: str) -> Q:
    """What a state asks of its own column; nothing where that is more than one value, which no index gives in order."""
    return Q(state=state) if state in (State.ENABLED, State.DISABLED, State.PENDING_DELETION) else Q()


def order(wish: Asked) -> Order:
    """Whoever looks for idle keys gets the longest idle first, unless they asked for the other end: only then the index of the
    condition is also that of the order."""
    if wish.idle and wish.sort not in ("idle", "used"):
        return ORDERS["idle"]
    return ORDERS[wish.sort]


def _state(caller: Caller, state: str) -> Q:
    """As `keys.filters` tells what shows; only a state that two columns make is taken apart, so that an index can lead."""
    if state == State.UNAVAILABLE:
        homes = Instance.objects.filter(account_id=caller.account)
        return Q(instance__in=[home.pk for home in homes if not home.serves(caller.at)])
    shows = FILTERS["KeyState"]([state], caller.at)
    if state != State.PENDING_IMPORT:
        return shows & Q(state=state)
    # Expired and not swept yet: rare, and for seconds. In the order of the dates, so that their own index is taken.
    ended = (Key.objects.filter(material_expires_at__lte=caller.at).exclude(state=State.DESTROYED)
             .order_by("material_expires_at", "id").values_list("pk"))
    return shows if list(ended[:1]) else serving(caller.at) & Q(state=state)


def _tagged(text: str) -> Q | set[str]:
    """The ids where they are few, else a test of each row. Asked of the tags alone: joined to the keys of the account, a planner
    without statistics begins at those. Whose keys they are, `select` asks."""
    name, _, value = text.partition(":")
    tags = KeyTag.objects.filter(tag_key=name, **({"tag_value": value} if value else {}))
    if value and not tags.exists():
        tags = KeyTag.objects.filter(tag_key=text)  # a name may hold a colon itself
    found = few(tags.values_list("key_id", flat=True))
    return found if found is not None else Q(Exists(tags.filter(key=OuterRef("pk"))))


def begun(caller: Caller, text: str) -> KeyQuerySet:
    """Living keys whose id begins with `text`."""
    ids = few(Key.objects.filter(begins("pk", text)).values_list("pk", flat=True))
    found = (Key.objects.filter(pk__in=ids).only_of(caller.account) if ids is not None else
             Key.objects.of(caller.account).filter(begins("pk", text)))
    return found.living(caller.at).select_related("instance")


def plain(text: str) -> str:
    """The id or name inside an ARN or a prefixed alias; other text as it is."""
    parts = ids.split_arn(text)
    return (parts[2] if parts else text).removeprefix("key/").removeprefix(PREFIX)


def _named(account: str, text: str) -> Q | set[str]:
    """The same for keys whose id or alias begins with `text`, or whose names and description hold words that begin with each of
    its words."""
    text, parts = plain(text), words.split(plain(text))[:MOST_WORDS]
    conditions: list[tuple[set[str] | None, Callable[[], Q]]] = [
        (few(Key.objects.filter(begins("pk", text)).values_list("pk", flat=True)), lambda: begins("pk", text))]
    aliases = Alias.objects.filter(begins("name", PREFIX + text))
    conditions.append((few(aliases.filter(account_id=account).values_list("key_id", flat=True)),
                       lambda: Q(Exists(aliases.filter(key=OuterRef("pk"))))))
    if parts:
        conditions.append(_holding(account, parts))
    if all(found is not None for found, _ in conditions):
        return set().union(*(found for found, _ in conditions if found))
    every = Q(pk__in=[])
    for found, test in conditions:
        every |= Q(pk__in=found) if found is not None else test()
    return every


def _holding(account: str, parts: list[str]) -> tuple[set[str] | None, Callable[[], Q]]:
    """The rarest word leads; the others are looked up in what it found."""
    longest_first = sorted(set(parts), key=len, reverse=True)
    # Tested row by row it is the key that leads, and the account would only mislead a planner without statistics.
    tests = [KeyWord.objects.filter(begins("word", part)) for part in longest_first]
    for test in tests:
        found = few(test.filter(account=account).values_list("key_id", flat=True))
        if found is not None:
            for other in tests:
                if found and other is not test:
                    found &= set(other.filter(key__in=found).values_list("key_id", flat=True))
            return found, Q

    def each() -> Q:
        every = Q()
        for test in tests:
            every &= Q(Exists(test.filter(key=OuterRef("pk"))))
        return every

    return None, each


def select_aliases(caller: Caller, text: str) -> Selection:
    """Aliases of living keys: name or key id begins with `text`, or the name holds its words. An empty text narrows nothing.

    Of many names nobody tests whether their keys live, only to say that they are many: names go with their keys, at the latest
    with the next sweep."""
    mine, text = Alias.objects.filter(account_id=caller.account), plain(text)
    condition, led, bound = _alias_rows(caller.account, text) if text else (Q(), False, None)
    living = Exists(Key.objects.of(caller.account).living(caller.at).filter(pk=OuterRef("key")))
    first = Alias.objects.filter(quiet("account_id", caller.account)) if led else mine
    rows = first.filter(condition, living).select_related("key__instance")
    part = Part(rows, BY_NAME, None if bound is None else mine.filter(bound))
    return Selection(rows, part, part, lists.Count(lists.CAP, more=True) if bound else None)


def _alias_rows(account: str, text: str) -> tuple[Q, bool, Q | None]:
    """The condition; whether it names few rows, which lead; where not, what bounds the rows to look at. Of names that begin with
    it there may be so many that nobody looks for others."""
    start = PREFIX + text
    named = few(Alias.objects.filter(begins("name", start), account_id=account).values_list("pk", flat=True))
    if named is None:
        # In every language a name sorts behind its own beginning; where the matching ones end only C knows.
        return begins("name", start) & Q(name__gte=start), False, Q(name__gte=start)
    ids = few(Key.objects.filter(begins("pk", text)).values_list("pk", flat=True))
    every, led = Q(pk__in=named), ids is not None
    every |= begins("key__pk", text) if ids is None else Q(key__in=ids)
    if parts := words.split(text)[:MOST_WORDS]:
        keys, _ = _holding(account, parts)
        held = Q()
        for part in parts:
            held &= Q(name__icontains=part)
        every |= held if keys is None else held & Q(key__in=keys)
        led = led and keys is not None
    return every, led, None if led else Q()
