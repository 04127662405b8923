"""The yardstick of `bench.clock`: one key after the other through the ORM, as a careful Django developer would write it, with a
transaction each: hold the row, look whether it is still due, erase and change, write the event."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from audit.models import Event
from base import ids
from crypto.engine import material_identity
from crypto.specs import SPECS
from instances import opening
from instances.models import WrappingKey
from keys.erasing import OVERWRITE
from keys.models import Alias, ImportToken, Key, KeyMaterial, KeyTag, KeyVersion, KeyWord, SpareMaterial
from keys.states import State


def _held(pk: str) -> Key:
    return Key.objects.select_related("instance").select_for_update(of=("self",)).get(pk=pk)


def _erase(key: Key) -> int:
    versions = list(KeyVersion.objects.filter(key=key))
    for table in (KeyMaterial, SpareMaterial):
        rows: Any = table.objects.filter(version__in=versions)
        rows.update(stored=OVERWRITE)
        rows.delete()
    return len(versions)


def _event(now: datetime, action: str, key: Key, **detail: Any) -> None:
    Event.objects.create(at=now, request_id=ids.request_id(), account=key.account_id, principal="system/clock", door="clock",
                         action=action, object_kind="key", object_id=key.pk, outcome="ok",
                         detail=json.dumps(detail, default=str, sort_keys=True))


def destroy(now: datetime, pk: str) -> None:
    with transaction.atomic():
        key = _held(pk)
        if key.state_at(now) is not State.DESTROYED:
            return
        versions = _erase(key)
        ImportToken.objects.filter(key=key).delete()
        names = list(Alias.objects.filter(key=key).values_list("name", flat=True))
        for table in (Alias, KeyTag, KeyWord):
            table.objects.filter(key=key).delete()  # type: ignore[attr-defined]
        key.state, key.destroyed_at, key.revision = State.DESTROYED, now, key.revision + 1
        key.save(update_fields=["state", "destroyed_at", "revision"])
        _event(now, "DestroyKey", key, versions=versions, aliases=names, delete_at=key.delete_at)


def expire(now: datetime, pk: str) -> None:
    with transaction.atomic():
        key = _held(pk)
        if key.material_expires_at is None or key.material_expires_at > now:
            return
        versions = _erase(key)
        key.state, key.material_expires_at, key.revision = State.PENDING_IMPORT, None, key.revision + 1
        key.save(update_fields=["state", "material_expires_at", "revision"])
        _event(now, "ExpireKeyMaterial", key, versions=versions)


def rotate(now: datetime, pk: str) -> None:
    """It does not even look whether the instance has room."""
    with transaction.atomic():
        key = _held(pk)
        if key.state_at(now) is not State.ENABLED or key.next_rotation_at is None or key.next_rotation_at > now:
            return
        holder = WrappingKey.objects.of(key.account_id, key.instance_id)[0]
        version = KeyVersion(id=ids.key_version_id(key.pk), key=key, is_primary=True, created_at=now)
        made = opening.engine_for(holder).generate(SPECS[key.spec], material_identity(key.account_id, key.pk, version.pk))
        KeyVersion.objects.filter(key=key, is_primary=True).update(is_primary=False)
        version.save(force_insert=True)
        KeyMaterial.objects.create(version=version, wrapping_key=holder, stored=made.stored)
        key.last_rotation_at, key.revision = now, key.revision + 1
        key.next_rotation_at = now + timedelta(seconds=key.rotation_interval_seconds or 0)
        key.save(update_fields=["last_rotation_at", "next_rotation_at", "revision"])
        _event(now, "RotateKey", key, version=version.pk)
