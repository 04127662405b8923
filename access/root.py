"""The root keys of this installation: read from the environment or from files, checked against the database before anything
is sealed or opened with them. A wrong key stops the start; it never makes a second, unreadable generation of data.

There are two places for a key: the one in use (`KMS_ROOT_KEY`, else `root.key`) and the next (`KMS_ROOT_KEY_NEXT`, else
`root.next`). Which generation a key is, its check value tells, never the place it was found in; so a rotation may stop
anywhere. A process that meets a row of a generation it does not know looks into both places again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from access.models import PurposeKey, RootKeyCheck
from base import clock
from crypto import rootkey
from crypto.envelope import Identity, WrappingKey
from crypto.errors import BadCiphertext, MissingRootKey, RootKeyError

FIRST = 1
PURPOSE = "purpose-key"
# What the root key was asked for before purpose keys had rows: they get theirs before a rotation makes a new root.
OLD_PURPOSES = ("access-key", "import-token", "material-fingerprint")
_LOST = "this database was made with a root key that is not here; restore {name} (or KMS_ROOT_KEY), nothing was changed"
_WRONG = "the root key in {name} is not the one this database was made with; nothing was changed"

_known: dict[int, WrappingKey] = {}
_purposes: dict[str, WrappingKey] = {}


def _source() -> str:
    return "KMS_ROOT_KEY" if settings.KMS_ROOT_KEY else settings.KMS_ROOT_KEY_PATH.name


def in_use() -> WrappingKey | None:
    return rootkey.read(settings.KMS_ROOT_KEY, settings.KMS_ROOT_KEY_PATH)


def next_key() -> WrappingKey | None:
    """The key a rotation leads to."""
    return rootkey.read(settings.KMS_ROOT_KEY_NEXT, settings.KMS_ROOT_KEY_NEXT_PATH, name="KMS_ROOT_KEY_NEXT")


def raw_bytes(check_value: str) -> bytes:
    """The bytes of the key here that computes `check_value`; only for cutting them into shares. Raises RootKeyError."""
    for name, value, path in (("KMS_ROOT_KEY", settings.KMS_ROOT_KEY, settings.KMS_ROOT_KEY_PATH),
                              ("KMS_ROOT_KEY_NEXT", settings.KMS_ROOT_KEY_NEXT, settings.KMS_ROOT_KEY_NEXT_PATH)):
        text = value or rootkey.read_text(path)
        raw = rootkey.parse_bytes(text, source=name if value else path.name) if text else b""
        if raw and WrappingKey(raw).check_value() == check_value:
            return raw
    raise RootKeyError(_LOST.format(name=_source()))


def _present() -> Iterator[WrappingKey]:
    yield from (key for key in (in_use(), next_key()) if key is not None)


def _generations() -> dict[str, int]:
    # Only the columns that every version of this table has had: this runs before a migration as well.
    return dict(RootKeyCheck.objects.values_list("check_value", "generation"))


def prepare() -> None:
    """Set-up: makes the key file on the first start of an empty database, and notes the check value. Raises RootKeyError.

    A key is made only where no check value exists: a lost file must never be papered over with a fresh key.
    """
    key, known = in_use(), RootKeyCheck.objects.exists()
    if not known:
        key = key or rootkey.create(settings.KMS_ROOT_KEY_PATH)
        try:
            with transaction.atomic():
                RootKeyCheck.objects.create(pk=FIRST, check_value=key.check_value(), created_at=clock.now())
        except IntegrityError:
            pass  # another process was first; `check` compares
    check()
    make_purpose_keys()
    tidy_files()


def check(used: Collection[int] = ()) -> None:
    """Raises RootKeyError where the keys here are none of this database's, or one is missing that purpose keys, or something
    else of the generations `used`, are sealed under."""
    recognise()
    for generation in sorted({*used, *PurposeKey.objects.values_list("root_generation", flat=True)}):
        root_key(generation, again=True)


def recognise() -> None:
    """Whether any key here belongs to this database; the part of `check` that needs no tables of today. Raises RootKeyError."""
    generations, present = _generations(), list(_present())
    if not generations:
        raise RootKeyError("this database has no root key yet; run manage.py setup")
    if not present:
        raise RootKeyError(_LOST.format(name=_source()))
    if not any(key.check_value() in generations for key in present):
        raise RootKeyError(_WRONG.format(name=_source()))


def root_key(generation: int, *, again: bool = False) -> WrappingKey:
    """The root key of `generation`, proved to be this database's; kept by the process. again: looks whether it is still
    there. Raises RootKeyError, which names the generation."""
    if generation not in _known or again:
        generations = _generations()
        found = {generations[key.check_value()]: key for key in _present() if key.check_value() in generations}
        _known.update(found)
        if generation not in found:
            raise MissingRootKey(generation, settings.KMS_ROOT_KEY_PATH.name)
    return _known[generation]


def newest_generation() -> int:
    """The generation to seal under. Call it in the transaction that stores what is sealed: its retirement waits for that."""
    while True:
        held = RootKeyCheck.objects.select_for_update().filter(retired_at=None).order_by("-generation").first()
        if held is not None:
            return held.generation
        if not RootKeyCheck.objects.exists():
            raise RootKeyError("this database has no root key yet; run manage.py setup")


def purpose_key(purpose: str) -> WrappingKey:
    """The key for one purpose, ``access-key`` for instance. Made with its first use; the same bytes ever after."""
    if (known := _purposes.get(purpose)) is not None:
        return known
    row = PurposeKey.objects.filter(pk=purpose).first() or _make_purpose_key(purpose)
    key = WrappingKey(_open(row))
    if not connection.in_atomic_block:  # otherwise a roll-back may take back the row that was just made
        _purposes[purpose] = key
    return key


def make_purpose_keys() -> None:
    """Rows for those that are older than their table."""
    for purpose in OLD_PURPOSES:
        purpose_key(purpose)


def _make_purpose_key(purpose: str) -> PurposeKey:
    try:
        with transaction.atomic():
            generation = newest_generation()
            root = root_key(generation)
            return PurposeKey.objects.create(pk=purpose, root_generation=generation, created_at=clock.now(),
                                             sealed=_seal(root, purpose, root.derived(purpose)))
    except IntegrityError:
        return PurposeKey.objects.get(pk=purpose)


def _identity(purpose: str) -> Identity:
    return Identity(PURPOSE, "", purpose, "1")


def _seal(root: WrappingKey, purpose: str, raw: bytes) -> bytes:
    return root.derive(PURPOSE).seal(raw, _identity(purpose))


def _open(row: PurposeKey) -> bytes:
    return root_key(row.root_generation).derive(PURPOSE).open(bytes(row.sealed), _identity(row.purpose))


def announce(key: WrappingKey, at: datetime) -> int:
    """Notes `key` as the next generation and returns its number; from now on everything new is sealed under it.

    An attempt that was cut off may have noted it already. Raises RootKeyError for a key that was in use before: a rotation
    leads to a fresh one.
    """
    with transaction.atomic():
        newest = newest_generation()
        known = _generations().get(key.check_value())
        if known not in (None, newest):
            raise RootKeyError(f"the next root key is generation {known}, which was in use before; make a fresh one")
        if known is None:
            RootKeyCheck.objects.create(pk=newest + 1, check_value=key.check_value(), created_at=at)
    return known or newest + 1


def older_generations(generation: int) -> list[int]:
    """Those before `generation` that are not retired."""
    older = RootKeyCheck.objects.filter(generation__lt=generation, retired_at=None)
    return list(older.order_by("generation").values_list("generation", flat=True))


def retire(generations: Collection[int], at: datetime, still_used: Callable[[], Collection[int]]) -> bool:
    """False where something is sealed under one of them still. Call it in a transaction: whoever is about to seal under one of
    them holds its row (`newest_generation`), so this waits, and sees what they stored."""
    rows = RootKeyCheck.objects.select_for_update().filter(generation__in=generations).order_by("generation")
    held = {row.generation for row in rows}
    if held & {*still_used(), *PurposeKey.objects.values_list("root_generation", flat=True)}:
        return False
    RootKeyCheck.objects.filter(generation__in=held).update(retired_at=at)
    return True


def seal_purposes_under(generation: int) -> int:
    """Seals every purpose key of an older root under `generation`, each proved to open before it is stored; how many."""
    root, moved = root_key(generation), 0
    for row in PurposeKey.objects.exclude(root_generation=generation):
        raw = _open(row)
        sealed = _seal(root, row.purpose, raw)
        if root.derive(PURPOSE).open(sealed, _identity(row.purpose)) != raw:
            raise BadCiphertext
        moved += PurposeKey.objects.filter(pk=row.pk, root_generation=row.root_generation).update(
            sealed=sealed, root_generation=generation)
    return moved


def verify_purposes() -> int:
    """How many purpose keys there are. Raises BadCiphertext or RootKeyError where one does not open."""
    rows = list(PurposeKey.objects.all())
    for row in rows:
        _open(row)
    return len(rows)


def forget() -> None:
    _known.clear()
    _purposes.clear()


def tidy_files() -> None:
    """After a rotation: `root.next` becomes `root.key`, and the old file stays beside it as `root.<generation>.key`, because
    old backups of the database need it. May be cut off anywhere and run again; a key from the environment is not touched."""
    current, following = settings.KMS_ROOT_KEY_PATH, settings.KMS_ROOT_KEY_NEXT_PATH
    if settings.KMS_ROOT_KEY or not following.exists() or not current.exists():
        return
    old, new = rootkey.read("", current), rootkey.read("", following)
    retired = dict(RootKeyCheck.objects.exclude(retired_at=None).values_list("check_value", "generation"))
    if old is None or new is None or new.check_value() not in _generations() or old.check_value() not in retired:
        return
    kept = current.with_name(f"root.{retired[old.check_value()]}.key")
    if not kept.exists():
        os.link(current, kept)
    following.replace(current)
