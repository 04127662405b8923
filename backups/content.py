"""What is in a backup: lines of JSON, in the order they are read back.

    {"instance": {...}}                                     the instance as it was
    {"key": {...}, "aliases": [...], "tags": [...]}         one key, then each of its versions
    {"version": {...}, "sealed"|"pointer": ..., "canary": {...}}
    {"end": {"keys": n, "versions": n}}

sealed: the raw material under the material key of this file (`crypto.sealed_stream.FileKey.material_key`). pointer: where a
provider has it that never lets material out, an HSM, sealed in the same way; it opens nothing without that HSM. A version whose
material is not here (deleted or expired, imported) has neither. Destroyed keys are not in it: they have nothing to restore.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.db import connection, transaction

from backups import canary, columns
from backups.canary import Canary
from crypto.engine import material_identity
from crypto.envelope import Identity, WrappingKey
from crypto.provider import Material
from crypto.sealed_stream import FileKey, Unreadable, lines
from crypto.specs import SPECS
from instances import opening
from instances.models import Instance
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from keys.states import State

BATCH = 200


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """values: columns of KeyVersion. sealed, pointer: see above, at most one of them is there."""

    values: dict[str, Any]
    sealed: bytes = field(default=b"", repr=False)
    pointer: bytes = field(default=b"", repr=False)
    canary: Canary = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        return str(self.values["id"])

    @property
    def has_material(self) -> bool:
        return bool(self.sealed or self.pointer)

    @property
    def public(self) -> bytes:
        return bytes(self.values.get("public_key") or b"")


@dataclass(frozen=True, slots=True)
class SavedKey:
    """values: columns of Key; aliases: names with their prefix."""

    values: dict[str, Any]
    aliases: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    versions: tuple[SavedVersion, ...] = ()

    @property
    def id(self) -> str:
        return str(self.values["id"])

    @property
    def spec(self) -> str:
        return str(self.values["spec"])


def backup_identity(account: str, key: str, version: str) -> Identity:
    return Identity("backup-material", account, key, version)


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read inside is of one instant. SQLite: the one writer is ours for a batch."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def write(instance: Instance, key: FileKey, put: Callable[[bytes], None], after_batch: Callable[[int], None]) -> tuple[int, int]:
    """Puts every line of `instance`; returns how many keys and versions. Raises `crypto.errors` where a key's provider does not
    answer or does not have it: a backup that lacks a key without saying so is worse than none."""
    put(_line({"instance": columns.packed(instance)}))
    keys = versions = 0
    material_key, after = key.material_key(), ""
    while batch := _batch(instance, after):
        for row, aliases, tags, held in batch:
            put(_line({"key": columns.packed(row), "aliases": aliases, "tags": tags}))
            for version, material in held:
                put(_line({"version": columns.packed(version), **_saved(material_key, row, version, material)}))
            keys, versions, after = keys + 1, versions + len(held), row.pk
        after_batch(keys)
    put(_line({"end": {"keys": keys, "versions": versions}}))
    return keys, versions


Held = list[tuple[KeyVersion, KeyMaterial | None]]


def _batch(instance: Instance, after: str) -> list[tuple[Key, list[str], list[list[str]], Held]]:
    with one_moment():
        rows = list(Key.objects.filter(instance=instance, pk__gt=after).exclude(state=State.DESTROYED).order_by("pk")[:BATCH])
        names, tags, versions = ({row.pk: [] for row in rows} for _ in range(3))  # type: ignore[var-annotated]
        for name, owner in Alias.objects.filter(key__in=rows).order_by("name").values_list("name", "key_id"):
            names[owner].append(name)
        for tag in KeyTag.objects.filter(key__in=rows).order_by("tag_key"):
            tags[tag.key_id].append([tag.tag_key, tag.tag_value])
        material = {one.version_id: one for one in
                    KeyMaterial.objects.filter(version__key__in=rows).select_related("wrapping_key")}
        for version in KeyVersion.objects.filter(key__in=rows).order_by("created_at", "pk"):
            versions[version.key_id].append((version, material.get(version.pk)))
    return [(row, names[row.pk], tags[row.pk], versions[row.pk]) for row in rows]


def _saved(material_key: WrappingKey, key: Key, version: KeyVersion, held: KeyMaterial | None) -> dict[str, Any]:
    if held is None:
        return {}
    engine = opening.engine_for(held.wrapping_key)
    material = Material(SPECS[key.spec], material_identity(key.account_id, key.pk, version.pk), bytes(held.stored),
                        bytes(version.public_key or b""))
    sign = dict(canary.made(engine, material, key.usage))
    raw = engine.export_raw(material)
    name, plain = ("pointer", engine.pointer(material)) if raw is None else ("sealed", raw)
    return {name: _text(material_key.seal(plain, backup_identity(key.account_id, key.pk, version.pk))), "canary": sign}


def read(source: BinaryIO, key: FileKey) -> Iterator[SavedKey]:
    """Every key of a file whose opening has been read. Raises Unreadable; only who has come to the end knows that all is
    there."""
    found, waiting, versions, counted = lines(source, key), None, [], [0, 0]
    if "instance" not in _value(next(found, b"")):
        raise Unreadable("damaged")
    for line in found:
        value = _value(line)
        if "version" in value and waiting is not None:
            versions.append(_version(value))
            counted[1] += 1
            continue
        if waiting is not None:
            yield SavedKey(*waiting, tuple(versions))
            waiting, versions = None, []
        if "key" in value:
            waiting = (columns.unpacked(Key, value["key"]), _texts(value.get("aliases")), _pairs(value.get("tags")))
            counted[0] += 1
        elif value.get("end") == {"keys": counted[0], "versions": counted[1]}:
            if next(found, None) is not None:
                raise Unreadable("damaged")
            return
        else:
            raise Unreadable("damaged")
    raise Unreadable("damaged")


def _value(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        raise Unreadable("damaged") from None
    if not isinstance(value, dict):
        raise Unreadable("damaged")
    return value


def _version(value: dict[str, Any]) -> SavedVersion:
    sign = value.get("canary", {})
    if not isinstance(sign, dict) or not all(isinstance(text, str) for text in sign.values()):
        raise Unreadable("damaged")
    return SavedVersion(columns.unpacked(KeyVersion, value["version"]), _bytes(value.get("sealed")), _bytes(value.get("pointer")),
                        sign)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except (TypeError, ValueError):
        raise Unreadable("damaged") from None


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise Unreadable("damaged")
    return tuple(value)


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise Unreadable("damaged")
    return tuple((name, text) for name, text in map(_texts, value))
