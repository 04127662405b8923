"""Taking material out of the world: when a key is destroyed, its material deleted by its owner, or expired."""

from __future__ import annotations

from django.db import connection

from crypto.engine import material_identity
from crypto.provider import Material
from crypto.specs import SPECS
from instances import opening
from instances.models import WrappingKey
from keys.models import Key, KeyMaterial, SpareMaterial

OVERWRITE = b"\0" * 128
Held = list[tuple[WrappingKey, Material]]


def erase(key: Key) -> Held:
    """Overwrites and removes every wrapped material of `key`, spare copies included. Call it in the transaction that claimed
    the key by its revision, and give what it returns to `release` when that is committed."""
    held: Held = []
    for rows in (KeyMaterial.objects.filter(version__key=key), SpareMaterial.objects.filter(version__key=key)):
        held += [_held(key, row) for row in rows.select_related("wrapping_key")]
        rows.update(stored=OVERWRITE)
        rows.delete()
    return held


def erase_spare(spare: SpareMaterial) -> Held:
    """The same for one spare copy, which must come with its version's key. Empty where another was faster."""
    row = SpareMaterial.objects.filter(pk=spare.pk)
    if not row.update(stored=OVERWRITE):
        return []
    row.delete()
    return [_held(spare.version.key, spare)]


def _held(key: Key, row: KeyMaterial | SpareMaterial) -> tuple[WrappingKey, Material]:
    return row.wrapping_key, Material(SPECS[key.spec], material_identity(key.account_id, key.pk, row.version_id),
                                      bytes(row.stored))


def release(held: Held) -> None:
    """Tells the providers, which for software keys keep nothing; a second call does no harm."""
    for wrapping, stored in held:
        opening.engine_for(wrapping).destroy(stored)


def forget_old_pages() -> None:
    """SQLite keeps earlier pages in the write-ahead log until a checkpoint; erased material must not wait for one."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
