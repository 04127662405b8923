"""What this process has seen of the database, so that a request need not wait for it. Nothing here is trusted: a request names
what it rests on, and its group compares the facts in the transaction that records the use. So nobody tells processes to forget.

Key material is kept as it is stored, sealed. What a provider opened (a cipher, a parsed private key) is kept beside it, and goes
with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from access import operations as access
from access.models import UserPolicy
from crypto.engine import Engine
from crypto.errors import MaterialGone
from crypto.provider import Material
from crypto.registry import SOFTWARE
from keys import lookup
from keys.models import Alias, Key, KeyMaterial, KeyVersion
from keys.operations import using

KEYS, PEOPLE, ALIASES = 4096, 1024, 4096
_LONG = frozenset({"RSA_3072", "RSA_4096"})  # several milliseconds
Facts = Mapping[tuple[str, Any], tuple[Any, ...]]
T = TypeVar("T", bound="Sight")


class Unseen(BaseException):
    """Something that has to be read first. No `Exception`: an operation that meets it has not failed and records nothing."""

    def __init__(self, kind: str, name: Any) -> None:
        super().__init__(kind)
        self.kind, self.name = kind, name


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Rows as they were read, and the facts by which a group sees that they are still so."""

    facts: Facts


@dataclass(frozen=True, slots=True, eq=False)
class SeenAccess(Sight):
    """An AccessKey, its user, and the user's policies."""

    key: access.OpenAccessKey
    documents: tuple[tuple[str, str], ...]

    @property
    def usable(self) -> bool:
        return self.key.active and bool(self.key.user.account_id)


@dataclass(frozen=True, slots=True, eq=False)
class SeenKey(Sight):
    """A key, with instance and tags, and one of its versions; `row` is None where it has no material, `opened` where no process
    keeps it open."""

    key: Key
    version: KeyVersion | None = None
    row: KeyMaterial | None = None
    opened: tuple[Engine, Material] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class SeenAlias(Sight):
    key_id: str


class _Newest(Generic[T]):
    """At most `most` sights by name; the one that was not used for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most, self._found = most, OrderedDict[Any, T]()

    def get(self, name: Any) -> T | None:
        found = self._found.get(name)
        if found is not None:
            try:
                self._found.move_to_end(name)
            except KeyError:  # another thread dropped it just now
                return None
        return found

    def put(self, name: Any, sight: T) -> None:
        self._found[name] = sight
        while len(self._found) > self._most:
            self._found.popitem(last=False)

    def drop(self, sights: set[Sight]) -> None:
        for name, sight in [*self._found.items()]:
            if sight in sights:
                self._found.pop(name, None)

    def all(self) -> list[T]:
        return [*self._found.values()]


class Seen:
    """kind and name of what can be asked for: ``access`` id, ``key`` id (its primary version), ``version`` id, ``alias``
    (account, name)."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Newest[Any]] = {
            "access": _Newest(PEOPLE), "key": _Newest(KEYS), "version": _Newest(KEYS), "alias": _Newest(ALIASES)}

    def get(self, kind: str, name: Any) -> Any:
        """Raises Unseen."""
        found = self._kinds[kind].get(name)
        if found is None:
            raise Unseen(kind, name)
        return found

    def all(self) -> set[Sight]:
        return {sight for kind in self._kinds.values() for sight in kind.all()}

    def forget(self, sights: set[Sight]) -> None:
        for kind in self._kinds.values() if sights else ():
            kind.drop(sights)

    def look(self, unseen: Unseen) -> bool:
        """Reads it. False where there is no such thing. The facts come from the very rows that are kept: whatever changes
        between two of these reads makes the sight stale, never wrong."""
        sight: Sight | None = getattr(self, f"_look_at_{unseen.kind}")(unseen.name)
        if sight is not None:
            self._kinds[unseen.kind].put(unseen.name, sight)
        return sight is not None

    def _look_at_access(self, name: str) -> SeenAccess | None:
        key = access.open_access_key(name)
        if key is None:
            return None
        user = key.user
        documents = tuple(UserPolicy.objects.filter(user=user).order_by("name").values_list("name", "document"))
        return SeenAccess({
            ("access", key.id): (key.status, user.pk), ("policies", user.pk): documents,
            ("user", user.pk): (user.username, user.is_active, user.role, user.account_id)}, key, documents)

    def _look_at_alias(self, name: tuple[str, str]) -> SeenAlias | None:
        row = Alias.objects.filter(account_id=name[0], name=name[1]).first()
        return SeenAlias({("alias", row.pk): (*name, row.key_id)}, row.key_id) if row else None

    def _look_at_key(self, name: str) -> SeenKey | None:
        key = Key.objects.select_related("instance").filter(pk=name).first()
        return self._with_version(key, KeyVersion.objects.filter(key_id=name, is_primary=True).first()) if key else None

    def _look_at_version(self, name: str) -> SeenKey | None:
        version = KeyVersion.objects.select_related("key__instance").filter(pk=name).first()
        return self._with_version(version.key, version) if version else None

    @staticmethod
    def _with_version(key: Key, version: KeyVersion | None) -> SeenKey:
        key.known_tags, key.known_reasons = lookup.tags_of(key), {}
        facts: dict[tuple[str, Any], tuple[Any, ...]] = {("key", key.pk): (key.revision, key.instance_id)}
        if key.instance is not None:
            facts["instance", key.instance.pk] = (key.instance.revision,)
        row = KeyMaterial.objects.select_related("wrapping_key").filter(version=version).first() if version else None
        if version is None or row is None:
            return SeenKey(facts, key, version)
        version.key, row.version = key, version
        wrapping = row.wrapping_key
        facts["wrapping", wrapping.pk] = (wrapping.generation, wrapping.provider, wrapping.destroyed_at is None)
        if wrapping.provider != SOFTWARE:
            return SeenKey(facts, key, version, row)
        try:
            engine, material = using.Rows().opened(row, key)
        except MaterialGone:  # its instance was released, or its instance key rotated, between two of these reads
            return SeenKey(facts, key, version)
        return SeenKey(facts, key, version, row, (engine, material.kept_with({})))


def here(sight: SeenKey) -> bool:
    """Whether the event loop itself may use this material: arithmetic of this process, and not too long. An HSM takes as long as
    it likes. The library keeps Python's lock while it signs, so a thread would not make others wait less for a signature; with
    larger RSA keys they wait for one at a time at least, not for one of each connection."""
    return sight.opened is not None and sight.key.spec not in _LONG


