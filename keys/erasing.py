"""Taking material out of the world: when a key is destroyed, its material deleted by its owner, or expired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from django.db import connection
from django.db.models import QuerySet

from crypto.engine import material_identity
from crypto.provider import Material
from crypto.registry import HSM
from crypto.specs import SPECS
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys.among import among
from keys.models import Key, KeyMaterial, KeyVersion, SpareMaterial

OVERWRITE = b"\0" * 128
Held = list[tuple[WrappingKey, Material]]


def erase(*keys: Key) -> Held:
    """Overwrites and removes every wrapped material of `keys`, spare copies included. Call it in the transaction that claimed
    the keys by their revision, and give what it returns to `release` when that is committed."""
    versions = _versions(keys)
    held = _held(keys, versions)
    _doom(held)
    for rows in _rows(versions):
        rows.update(stored=OVERWRITE)
        rows.delete()
    return held


def erase_spare(spare: SpareMaterial) -> Held:
    """The same for one spare copy as it was read, which must come with its version's key. Empty where another was faster, or it
    has come into use meanwhile."""
    row = SpareMaterial.objects.filter(pk=spare.pk, wrapping_key=spare.wrapping_key, drop_at=spare.drop_at)
    if not row.update(stored=OVERWRITE):
        return []
    SpareMaterial.objects.filter(pk=spare.pk).delete()
    held = [(spare.wrapping_key, _material(spare.version.key, spare.version_id, spare.stored))]
    _doom(held)
    return held


def held_by(*keys: Key) -> Held:
    """What the providers hold of `keys` now, in use or spare."""
    return _held(keys, _versions(keys))


def _held(keys: Sequence[Key], versions: Mapping[str, str]) -> Held:
    owners = {key.pk: key for key in keys}
    found = [row for rows in _rows(versions) for row in rows.values_list("version_id", "wrapping_key_id", "stored")]
    stores = WrappingKey.objects.in_bulk({wrapping for _, wrapping, _ in found})
    return [(stores[wrapping], _material(owners[versions[version]], version, stored)) for version, wrapping, stored in found]


def versions_in(held: Held) -> Counter[str]:
    """How many versions, by id of the key; of one there may be two copies."""
    return Counter(owner for owner, _ in {(stored.identity.owner, stored.identity.version) for _, stored in held})


def _versions(keys: Sequence[Key]) -> dict[str, str]:
    """The key of each of their versions, by id. None is added while a key is claimed."""
    return dict(KeyVersion.objects.filter(key__in=among(key.pk for key in keys)).order_by().values_list("pk", "key_id"))


def _rows(versions: Iterable[str]) -> tuple[QuerySet[KeyMaterial], QuerySet[SpareMaterial]]:
    """Named by what they hang on: with a join in it, Django would look up the rows once more in order to write them."""
    ids = among(versions)
    return KeyMaterial.objects.filter(version__in=ids), SpareMaterial.objects.filter(version__in=ids)


def _material(key: Key, version: str, stored: bytes | memoryview) -> Material:
    return Material(SPECS[key.spec], material_identity(key.account_id, key.pk, version), bytes(stored))


def _in_tokens(held: Held) -> list[tuple[str | None, str]]:
    return [(wrapping.instance_id, stored.identity.version) for wrapping, stored in held if wrapping.provider == HSM]


def _doom(held: Held) -> None:
    hsm_objects.doom(_in_tokens(held))


def release(held: Held) -> None:
    """Tells the providers, which for software keys keep nothing; a second call does no harm. What is in tokens is doomed by now:
    a sweep destroys it where that cannot be done at once."""
    for wrapping, stored in held:
        if wrapping.provider != HSM:
            opening.engine_for_destroying(wrapping).destroy(stored)
    if inside := _in_tokens(held):
        hsm_objects.destroy_of(inside)


def forget_old_pages() -> None:
    """SQLite keeps earlier pages in the write-ahead log until a checkpoint; erased material must not wait for one."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
