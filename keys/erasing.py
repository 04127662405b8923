"""Taking material out of the world: when a key is destroyed, its material deleted by its owner, or expired."""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from crypto.engine import material_identity
from crypto.provider import Material
from crypto.registry import HSM
from crypto.specs import SPECS
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys.models import Key, KeyMaterial, SpareMaterial

OVERWRITE = b"\0" * 128
Held = list[tuple[WrappingKey, Material]]


def erase(key: Key) -> Held:
    """Overwrites and removes every wrapped material of `key`, spare copies included. Call it in the transaction that claimed
    the key by its revision, and give what it returns to `release` when that is committed."""
    held = held_by(key)
    _doom(held)
    for rows in _rows(key):
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
    held = [_held(spare.version.key, spare)]
    _doom(held)
    return held


def held_by(key: Key) -> Held:
    """What the providers hold of `key` now, in use or spare."""
    return [_held(key, row) for rows in _rows(key) for row in rows.select_related("wrapping_key")]


def versions_in(held: Held) -> int:
    """How many versions; of one there may be two copies."""
    return len({material.identity.version for _, material in held})


def _rows(key: Key) -> tuple[QuerySet[KeyMaterial], QuerySet[SpareMaterial]]:
    return KeyMaterial.objects.filter(version__key=key), SpareMaterial.objects.filter(version__key=key)


def _held(key: Key, row: KeyMaterial | SpareMaterial) -> tuple[WrappingKey, Material]:
    return row.wrapping_key, Material(SPECS[key.spec], material_identity(key.account_id, key.pk, row.version_id),
                                      bytes(row.stored))


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
