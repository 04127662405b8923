"""Taking material out of the world: when a key is destroyed, its material deleted by its owner, or expired."""

from __future__ import annotations

from django.db import connection

from crypto.engine import material_identity
from crypto.provider import Material
from crypto.registry import HSM
from crypto.specs import SPECS
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys.models import Key, KeyMaterial

OVERWRITE = b"\0" * 128
Held = list[tuple[WrappingKey, Material]]


def erase(key: Key) -> Held:
    """Overwrites and removes every wrapped material of `key`. Call it in the transaction that claimed the key by its
    revision, and give what it returns to `release` when that is committed."""
    held, material = held_by(key), KeyMaterial.objects.filter(version__key=key)
    hsm_objects.doom(stored.identity.version for wrapping, stored in held if wrapping.provider == HSM)
    material.update(stored=OVERWRITE)
    material.delete()
    return held


def held_by(key: Key) -> Held:
    """What the providers hold of `key` now."""
    rows = KeyMaterial.objects.filter(version__key=key).select_related("wrapping_key")
    return [(row.wrapping_key, Material(SPECS[key.spec], material_identity(key.account_id, key.pk, row.version_id),
                                        bytes(row.stored))) for row in rows]


def release(held: Held) -> None:
    """Tells the providers, which for software keys keep nothing; a second call does no harm. What is in tokens is doomed by now:
    a sweep destroys it where that cannot be done at once."""
    for wrapping, stored in held:
        if wrapping.provider != HSM:
            opening.engine_for_destroying(wrapping).destroy(stored)
    if inside := [stored.identity.version for wrapping, stored in held if wrapping.provider == HSM]:
        hsm_objects.destroy_of(inside)


def forget_old_pages() -> None:
    """SQLite keeps earlier pages in the write-ahead log until a checkpoint; erased material must not wait for one."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
