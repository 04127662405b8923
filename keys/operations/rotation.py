"""Rotation: a further version, made by hand or by the clock (reference `keys.md` 7). Earlier versions keep decrypting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction

from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.engine import material_identity
from crypto.errors import Unavailable
from crypto.specs import SPECS
from instances import hsm_objects, opening
from keys import creation, gate, quota, rotating
from keys.models import Key, KeyMaterial, KeyVersion
from keys.operations import using
from keys.states import State


@recording.operation("CreateKeyVersion")
def create_key_version(caller: Caller, key: Key, *, revision: int | None = None) -> KeyVersion:
    """For a symmetric key the new version is the primary one from now on; of a key pair the caller names the version."""
    reasons = list(gate.reasons("CreateKeyVersion", caller, key))
    if not reasons:
        reasons += _why_no_version(caller, key)
    if reasons:
        raise Refused(*reasons)
    gate.still_as_seen(key, revision)
    return _add_version(caller, "CreateKeyVersion", key)


@recording.operation("RotateKey")
def rotate_key(caller: Caller, key: Key) -> KeyVersion:
    """What the clock does at NextRotationDate. However many dates a key has slept through, it rotates once."""
    due = key.automatic_rotation and key.next_rotation_at is not None and key.next_rotation_at <= caller.at
    if not due or key.state_at(caller.at) is not State.ENABLED:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"key": key.pk}, reason="rotation_not_due"))
    if reasons := list(_why_no_version(caller, key)):
        raise Refused(*reasons)
    return _add_version(caller, "RotateKey", key)


def _why_no_version(caller: Caller, key: Key) -> Iterator[Refusal]:
    """Quota, and the limits of 1.0 key pairs."""
    if key.instance is not None:
        yield from creation.why_no_room(quota.home_of(caller, key.instance))
        return
    if key.edition == Key.Edition.V1:
        yield from quota.why_no_legacy_version(key)
    if SPECS[key.spec].asymmetric:
        versions = KeyVersion.objects.filter(key=key)
        newest = versions.order_by("-created_at").values_list("created_at", flat=True).first() or key.created_at
        yield from rotating.why_not_another_pair(rotating.Versions(key.pk, versions.count(), newest), caller.at)


def _add_version(caller: Caller, action: str, key: Key) -> KeyVersion:
    """1. The provider generates, outside any transaction. 2. Version, material, the switch of the primary version and the
    dates are written together, if the key is still as it was read and there is still room. A crash in between leaves
    nothing with software keys."""
    version = KeyVersion(id=ids.key_version_id(key.pk), key=key, is_primary=not SPECS[key.spec].asymmetric, created_at=caller.at)
    holder = opening.wrapping_key_for(caller, key.account, key.instance)
    try:
        identity = material_identity(key.account_id, key.pk, version.pk)
        made = gate.new_material(caller, holder, SPECS[key.spec], identity, in_database=key.in_database)
    except Unavailable:
        raise using.not_made(key) from None
    version.public_key = made.public or None
    with transaction.atomic():
        quota.claim(caller, key.instance)
        key.move(last_rotation_at=caller.at, next_rotation_at=_next(key, caller.at), next_try_at=None)
        if version.is_primary:
            KeyVersion.objects.filter(key=key, is_primary=True).update(is_primary=False)
        version.save(force_insert=True)
        KeyMaterial.objects.create(version=version, wrapping_key=holder, stored=made.stored)
        hsm_objects.keep(holder, made)
        recording.record(caller, action, key, version=version.pk, next_rotation_at=key.next_rotation_at)
    return version


def _next(key: Key, last: datetime) -> datetime | None:
    """NextRotationDate = LastRotationDate + RotationInterval; None where the key does not rotate by itself."""
    if not key.automatic_rotation or key.rotation_interval_seconds is None:
        return None
    return last + timedelta(seconds=key.rotation_interval_seconds)


@recording.operation("UpdateRotationPolicy")
def update_rotation_policy(caller: Caller, key: Key, *, enable_automatic_rotation: bool, rotation_interval: str = "",
                           revision: int | None = None) -> Key:
    """The interval counts from the last rotation. Where that puts the next one into the past, the clock rotates at once."""
    reasons = [*rotating.why_not_interval(enable_automatic_rotation, rotation_interval, key.edition),
               *gate.reasons("UpdateRotationPolicy", caller, key)]
    if reasons:
        raise Refused(*reasons)
    gate.still_as_seen(key, revision)
    length = rotating.seconds(rotation_interval) if enable_automatic_rotation else None
    with transaction.atomic():
        key.move(automatic_rotation=enable_automatic_rotation, rotation_interval_seconds=length, next_try_at=None,
                 next_rotation_at=key.last_rotation_at + timedelta(seconds=length) if length else None)
        recording.record(caller, "UpdateRotationPolicy", key, automatic_rotation=enable_automatic_rotation,
                         interval_seconds=length or 0)
    return key
