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
    material = KeyMaterial.objects.filter(version__key=key)
    held = [(row.wrapping_key, Material(SPECS[key.spec], material_identity(key.account_id, key.pk, row.version_id),
                                        bytes(row.stored))) for row in material.select_related("wrapping_key")]
    hsm_objects.doom(stored.identity.version for wrapping, stored in held if wrapping.provider == HSM)
    material.update(stored=OVERWRITE)
    material.delete()
    return held


def release(held: Held) -> None:
    """Tells the providers, which for software keys keep nothing; a second call does no harm. What is in tokens is doomed by now:
    a sweep destroys it where that cannot be done at once."""
    for wrapping, stored in held:
        if wrapping.provider != HSM:
            opening.engine_for(wrapping).destroy(stored)
    if inside := [stored.identity.version for wrapping, stored in held if wrapping.provider == HSM]:
        hsm_objects.destroy_of(inside)


def forget_old_pages() -> None:
    """SQLite keeps earlier pages in the write-ahead log until a checkpoint; erased material must not wait for one."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
