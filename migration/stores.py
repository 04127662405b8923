"""Copies of a key's material in two stores: made in one step, exchanged in another.

Between the steps the copy is a `SpareMaterial` with a date, so whatever ends in between is swept by the floor of keys.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from base.refusal import Refusal, Refused
from crypto.engine import material_identity
from crypto.errors import MaterialGone, Unavailable, Unsupported
from crypto.provider import Material
from crypto.specs import SPECS
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys.models import Key, KeyMaterial, SpareMaterial, hold
from keys.operations import using
from migration.proving import Side

# How long a copy that never came into use may lie around.
COPY_LIFE = timedelta(hours=1)
# A call that was under way when the material was exchanged may still be at work with the copy it had read.
AFTERGLOW = timedelta(minutes=1)


class Pair(NamedTuple):
    """The material in use of one version, and its other copy."""

    row: KeyMaterial
    spare: SpareMaterial
    used: Side
    other: Side


def in_use(key: Key) -> list[KeyMaterial]:
    return list(KeyMaterial.objects.filter(version__key=key).select_related("wrapping_key", "version").order_by("version_id"))


def side_of(key: Key, row: KeyMaterial | SpareMaterial) -> Side:
    material = Material(SPECS[key.spec], material_identity(key.account_id, key.pk, row.version_id), bytes(row.stored),
                        bytes(row.version.public_key or b""))
    return Side(opening.engine_for(row.wrapping_key), material)


def copy(key: Key, row: KeyMaterial, holder: WrappingKey, at: datetime, *, keep: bool = True) -> Pair:
    """A second copy of a version's material under `holder`; one that lies there already is taken. keep: stored as a spare
    copy with a date; otherwise the caller destroys it (`forget`). Raises Refused in the provider's words."""
    used = Side(*using.opened(row, key))
    if keep and (spare := _lying(row, holder, at)):
        return Pair(row, spare, used, side_of(key, spare))
    engine, spec = opening.engine_for(holder), SPECS[key.spec]
    try:
        raw = used.engine.export_raw(used.material)
        if raw is None:
            raise Unsupported(key.spec)
        made = hsm_objects.make(at, holder, spec, used.material.identity, raw=raw)
    except Unsupported:
        raise Refused(Refusal("UnsupportedOperation", {"key": key.pk, "spec": key.spec},
                              reason="migration_store_cannot")) from None
    except Unavailable:
        raise Refused(Refusal("ServiceUnavailableTemporary", {"key": key.pk}, who="operator")) from None
    except MaterialGone:
        raise Refused(Refusal("InternalFailure", {"key": key.pk}, reason="migration_not_proved", who="operator")) from None
    spare = SpareMaterial(version=row.version, wrapping_key=holder, stored=made.stored, drop_at=at + COPY_LIFE)
    if keep:
        with transaction.atomic():
            spare.save(force_insert=True)
            hsm_objects.keep(holder, made)
    return Pair(row, spare, used, Side(engine, made))


def _lying(row: KeyMaterial, holder: WrappingKey, at: datetime) -> SpareMaterial | None:
    """A copy of an earlier attempt, or of an earlier home, under whichever key of that store; a sweep that is about to take it
    is told to wait."""
    rows = SpareMaterial.objects.filter(version=row.version_id, wrapping_key__in=WrappingKey.objects.of(
        holder.account_id, holder.instance_id).order_by().filter(destroyed_at=None))
    rows.filter(drop_at__lt=at + COPY_LIFE).update(drop_at=at + COPY_LIFE)
    return rows.select_related("wrapping_key", "version").first()


def forget(pair: Pair) -> None:
    """For a copy that was never stored."""
    if pair.other.material.name:
        hsm_objects.give_up(pair.spare.wrapping_key, pair.other.material)
    else:
        pair.other.engine.destroy(pair.other.material)


def exchange(pairs: list[Pair], *, drop_at: datetime | None) -> None:
    """The other copy comes into use, the one in use is kept until `drop_at`. Call it in the transaction that moves the key.
    Raises Refused where one of the rows is not what it was."""
    for row, spare, _, _ in pairs:
        for holder in sorted({row.wrapping_key_id, spare.wrapping_key_id}):
            hold(holder, row.version_id)
        used = KeyMaterial.objects.filter(pk=row.pk, wrapping_key=row.wrapping_key)
        kept = SpareMaterial.objects.filter(pk=spare.pk, wrapping_key=spare.wrapping_key)
        if not (used.update(wrapping_key=spare.wrapping_key, stored=bytes(spare.stored))
                and kept.update(wrapping_key=row.wrapping_key, stored=bytes(row.stored), drop_at=drop_at)):
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": row.version_id}, reason="changed_meanwhile", who="user"))
