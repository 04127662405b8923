"""Moving material from an instance key to its successor, while it is being used.

A row is opened under the old key, sealed under the new, opened again, and stored by compare-and-set on what was read: whoever
erased or replaced it meanwhile wins. Its `wrapping_key` says at every moment which key opens it. Spare copies move like material
in use. The old key is
destroyed only when nothing is under it any more and everything under its successor has been opened once more.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.engine import material_identity
from crypto.errors import BadCiphertext, MaterialGone
from crypto.provider import Material
from crypto.software import SoftwareProvider
from crypto.specs import SPECS
from instances import opening
from instances.models import WrappingKey
from keys.erasing import OVERWRITE, forget_old_pages
from keys.models import KeyMaterial, SpareMaterial

BATCH = 500
# Whoever picked the old key just before its successor came has stored its material by then; `KeyMaterial.save` refuses the rest.
REST = timedelta(minutes=1)
Row = KeyMaterial | SpareMaterial
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """remaining: rows still under older keys; generation: of the newest key; destroyed: how many older ones are gone."""

    generation: int
    remaining: int
    destroyed: int


def progress(account: str, instance: str | None) -> Progress:
    keys = WrappingKey.objects.of(account, instance)
    newest = keys[0]
    older = keys.filter(generation__lt=newest.generation)
    return Progress(newest.generation, sum(rows.filter(wrapping_key__in=older).count() for rows in _all()),
                    older.exclude(destroyed_at=None).count())


def rewrap_superseded(now: datetime, tell: Callable[[WrappingKey, int], None] = lambda old, moved: None) -> int:
    """Returns how many rows moved. `tell` hears of every batch."""
    moved = 0
    for old in WrappingKey.objects.superseded():
        new = WrappingKey.objects.of(old.account_id, old.instance_id)[0]
        for batch in _batches(old):
            done = sum(_move(row, old, new) for row in batch)
            moved += done
            tell(old, done)
        if new.created_at + REST <= now and not _wraps(old):
            _retire(now, old, new)
    return moved


def _all() -> tuple[QuerySet[Any], ...]:
    return KeyMaterial.objects.all(), SpareMaterial.objects.all()


def _wraps(key: WrappingKey) -> bool:
    return any(rows.filter(wrapping_key=key).exists() for rows in _all())


def _batches(key: WrappingKey) -> Iterator[Sequence[Row]]:
    """Every row under `key` once, also those that stay there because they do not open."""
    for every in _all():
        rows = every.filter(wrapping_key=key).select_related("version__key").order_by("pk")
        batch: Sequence[Row] = list(rows[:BATCH])
        while batch:
            yield batch
            batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def _of(row: Row) -> Material:
    key = row.version.key
    return Material(SPECS[key.spec], material_identity(key.account_id, key.pk, row.version_id), bytes(row.stored))


def _software(key: WrappingKey) -> SoftwareProvider:
    provider = opening.engine_for(key).provider
    if not isinstance(provider, SoftwareProvider):
        raise TypeError("only material of software keys moves")
    return provider


def _move(row: Row, old: WrappingKey, new: WrappingKey) -> int:
    try:
        stored = _software(old).moved_to(_software(new), _of(row))
    except MaterialGone:
        log.error("the material of version %s does not open; its instance key stays", row.version_id)
        return 0
    every: QuerySet[Any] = type(row).objects.all()
    same = every.filter(pk=row.pk, wrapping_key=old, stored=bytes(row.stored))
    return same.update(stored=stored, wrapping_key=new)


def _retire(now: datetime, old: WrappingKey, new: WrappingKey) -> None:
    try:
        for batch in _batches(new):
            for row in batch:
                _software(new).proved(_of(row))
    except (MaterialGone, BadCiphertext):
        log.error("something under instance key %s does not open; the one before it stays", new)
        return
    with contextlib.suppress(Refused):  # somebody has stored material under it once more: the next run moves that too
        destroy_instance_key(Caller.system(now), old)
    forget_old_pages()


@recording.operation("DestroyInstanceKey")
def destroy_instance_key(caller: Caller, key: WrappingKey) -> None:
    """Overwrites an instance key that wraps nothing any more; its row stays. Raises Refused where it wraps something again."""
    with transaction.atomic():
        held = WrappingKey.objects.select_for_update().get(pk=key.pk)
        if held.destroyed_at is None and not _wraps(held):
            WrappingKey.objects.filter(pk=held.pk).update(sealed=OVERWRITE, destroyed_at=caller.at)
            recording.record(caller, "DestroyInstanceKey", held, instance=key.instance_id or "", generation=key.generation)
            return
    raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": str(key)}, reason="changed_meanwhile", who="user"))
