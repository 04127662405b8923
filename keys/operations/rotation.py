"""Rotation: a further version, made by hand or by the clock (reference `keys.md` 7). Earlier versions keep decrypting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.engine import material_identity
from crypto.errors import Unavailable
from crypto.provider import Material
from crypto.specs import SPECS
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys import batches, creation, gate, moving, quota, rotating, storing
from keys.among import among
from keys.models import Key, KeyQuerySet, KeyVersion, hold
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


def _rotates(caller: Caller, key: Key) -> bool:
    due = key.automatic_rotation and key.next_rotation_at is not None and key.next_rotation_at <= caller.at
    return due and key.state_at(caller.at) is State.ENABLED


@recording.operation("RotateKey")
def rotate_key(caller: Caller, key: Key) -> KeyVersion:
    """What the clock does at NextRotationDate. However many dates a key has slept through, it rotates once."""
    if not _rotates(caller, key):
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"key": key.pk}, reason="rotation_not_due"))
    if reasons := list(_why_no_version(caller, key)):
        raise Refused(*reasons)
    return _add_version(caller, "RotateKey", key)


def rotate_keys(caller: Caller, due: KeyQuerySet, room: quota.Seen) -> batches.Outcome:
    """The same for a batch: of software keys in instances with room for all of them. The others go one by one: as many as there
    is room for; and a token makes each key in a call of its own, and the 1.0 edition counts otherwise."""
    ready, left = batches.parted(batches.read(due), lambda key: _rotates(caller, key) and key.instance
                                 and key.protection_level == "SOFTWARE")
    holders = {key.instance_id: _holder(caller, key) for key in {key.instance_id: key for key in ready}.values()}
    made = [_make(caller, key, holders[key.instance_id]) for key in ready]
    with transaction.atomic():
        # Instances before keys, as everywhere, and in one order: two sweeps must not wait for each other in a circle.
        homes = {home.pk: home for key in ready if (home := key.instance)}
        for name, home in sorted(homes.items()):
            here, elsewhere = batches.parted(ready, partial(_is_in, name))
            try:
                quota.claim(caller, home, len(here), room)
            except Refused:
                ready, left = elsewhere, left + here
        mine = {key.pk for key in batches.still(ready)}
        made = [one for one in made if one.key.pk in mine]
        _store(caller, "RotateKey", made)
    return batches.Outcome([one.key for one in made], left)


def _is_in(instance: str, key: Key) -> bool:
    return key.instance_id == instance


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


@dataclass(frozen=True, slots=True)
class _Made:
    """A version that nothing knows yet, and what its store gave for it."""

    key: Key
    version: KeyVersion
    holder: WrappingKey
    material: Material


def _add_version(caller: Caller, action: str, key: Key) -> KeyVersion:
    """1. The provider generates, outside any transaction. 2. Version, material, the switch of the primary version and the
    dates are written together, if the key is still as it was read and there is still room. A crash in between leaves
    nothing with software keys."""
    made = _make(caller, key, _holder(caller, key))
    with transaction.atomic():
        quota.claim(caller, key.instance)
        _store(caller, action, [made])
    return made.version


def _holder(caller: Caller, key: Key) -> WrappingKey:
    return opening.wrapping_key_for(caller, key.account, key.instance)


def _make(caller: Caller, key: Key, holder: WrappingKey) -> _Made:
    version = KeyVersion(id=ids.key_version_id(key.pk), key=key, is_primary=not SPECS[key.spec].asymmetric, created_at=caller.at)
    try:
        identity = material_identity(key.account_id, key.pk, version.pk)
        material = gate.new_material(caller, holder, SPECS[key.spec], identity, in_database=key.in_database)
    except Unavailable:
        raise using.not_made(key) from None
    version.public_key = material.public or None
    return _Made(key, version, holder, material)


def _store(caller: Caller, action: str, made: Sequence[_Made]) -> None:
    """In the caller's transaction, which has claimed the room. Raises Refused where a key has changed since it was read."""
    dates = defaultdict(list)
    for one in made:
        dates[_next(one.key, caller.at)].append(one.key)
    for date, keys in dates.items():
        moving.move(keys, last_rotation_at=caller.at, next_rotation_at=date, next_try_at=None)
    new_primary = among(one.key.pk for one in made if one.version.is_primary)
    KeyVersion.objects.filter(key__in=new_primary, is_primary=True).update(is_primary=False)
    for holder, version in {one.holder.pk: one.version.pk for one in made}.items():
        hold(holder, version)
    storing.store([(one.version, one.holder, one.material.stored) for one in made])
    for one in made:
        hsm_objects.keep(one.holder, one.material)
    recording.write([recording.entry(caller, action, one.key, version=one.version.pk, next_rotation_at=one.key.next_rotation_at)
                     for one in made])


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
