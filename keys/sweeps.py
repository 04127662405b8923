"""What the clock brings for keys. Lost, doubled and late runs do no harm.

Keys go in batches, a transaction each: read and held, the rules asked, changed, and the event of every key written. What does not
go with its batch, and all of a batch that breaks, goes key by key with the operation itself.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, transaction

from base.caller import Caller
from base.refusal import Refused
from crypto.errors import ProviderError
from instances import hsm_objects
from instances.models import Instance
from instances.states import ONE_DAY
from instances.sweeps import clock_of
from keys import batches, erasing, operations
from keys.erasing import forget_old_pages
from keys.models import ImportToken, Key, KeyQuerySet, SpareMaterial
from keys.operations import destroying, material, rotation
from keys.operations.releasing import why_release_waits

CHUNK = 500
TRY_AGAIN_AFTER = timedelta(minutes=5)
# A full instance stays full until somebody acts; each attempt is an event in the trail.
ROOM_AGAIN_AFTER = timedelta(hours=1)
log = logging.getLogger(__name__)


def destroy_due(now: datetime) -> int:
    """Destroys every key whose date has come; returns how many this run destroyed. One that fails is put off and never
    stops the others."""
    destroyed = _each(Caller.system(now), Key.objects.due_for_destruction(now), destroying.destroy_keys, operations.destroy_key)
    if destroyed:
        forget_old_pages()
    return destroyed


def release_due(now: datetime) -> int:
    """Releases the instances whose days to renew are over; returns how many. What holds one back is said once a day, and the
    instance waits: losing what should live is worse than keeping what should go."""
    released = 0
    for instance in list(Instance.objects.due_for_release(now)):
        caller = clock_of(now, instance)
        waits = why_release_waits(caller, instance)
        if not waits:
            released += _quietly(operations.release_expired_instance, caller, instance)
        elif waits[0].slug != "release_not_due" and not _said_today(now, instance):
            _quietly(operations.delay_release, caller, instance)
    return released


def _said_today(now: datetime, instance: Instance) -> bool:
    return instance.release_delayed_at is not None and instance.release_delayed_at > now - ONE_DAY


def clear_released(now: datetime) -> int:
    """Erases the keys of released instances, which have been dead since the release; returns how many. One whose provider
    does not answer is put off, and the instance stays on the list."""
    erased = 0
    for instance in list(Instance.objects.due_for_clearing()):
        caller = clock_of(now, instance)
        erased += _each(caller, Key.objects.due_for_burial(instance, now), destroying.destroy_all_with_instance,
                        operations.destroy_with_instance)
        if not Key.objects.left_in(instance).exists() and not hsm_objects.left_of(instance):
            _quietly(operations.clear_released_instance, caller, instance)
    if erased:
        forget_old_pages()
    return erased


def _quietly(work: Callable[[Caller, Instance], object], caller: Caller, instance: Instance) -> bool:
    try:
        work(caller, instance)
    except Refused:
        return False  # renewed or released meanwhile; the refusal stands in the audit trail
    except Exception as error:  # noqa: BLE001 - whatever breaks for one instance, the others must have their turn
        log.error("%s failed for instance %s: %s", getattr(work, "action", "the clock"), instance.pk, type(error).__name__)
        return False
    return True


def expire_material(now: datetime) -> int:
    """Erases imported material whose MaterialExpireTime has come; returns how many keys lost theirs."""
    expired = _each(Caller.system(now), Key.objects.due_for_expiry(now), material.expire_material_of_keys,
                    operations.expire_key_material)
    if expired:
        forget_old_pages()
    return expired


def rotate_due(now: datetime) -> int:
    """Rotates every key whose NextRotationDate has come; returns how many got a new version."""
    batch = partial(rotation.rotate_keys, room={})
    return _each(Caller.system(now), Key.objects.due_for_rotation(now), batch, operations.rotate_key)


def drop_spares(now: datetime) -> int:
    """Overwrites and removes spare copies of material whose time is over; returns how many. What is in tokens
    is doomed with the row."""
    due = SpareMaterial.objects.filter(drop_at__lte=now).select_related("version__key", "wrapping_key").order_by("pk")
    dropped = sum(_drop(spare) for spare in due[:CHUNK])
    if dropped:
        forget_old_pages()
    return dropped


def _drop(spare: SpareMaterial) -> bool:
    with transaction.atomic():
        held = erasing.erase_spare(spare)
    try:
        erasing.release(held)
    except ProviderError as error:
        log.error("the store of version %s may still hold its spare copy: %s", spare.version_id, type(error).__name__)
    return bool(held)


def forget_import_tokens(now: datetime) -> int:
    """Removes import tokens that are over, with their wrapping keys; returns how many."""
    return ImportToken.objects.filter(expires_at__lte=now).delete()[0]


def _each(caller: Caller, due: KeyQuerySet, batch: Callable[[Caller, KeyQuerySet], batches.Outcome],
          one: Callable[[Caller, Key], object]) -> int:
    """Once through all that is due; returns how many went. What is put off or refused has its next turn at the next tick."""
    done = 0
    for rows in batches.in_turn(due, CHUNK):
        try:
            found = batch(caller, rows)
        except Exception as error:  # noqa: BLE001 - whatever breaks a batch, every key in it must still have its turn
            if not isinstance(error, Refused):
                log.error("a batch of %s broke: %s; its keys go one by one", getattr(one, "action", "the clock"),
                          type(error).__name__)
            found = batches.Outcome(left=list(rows.all()))
        done += len(found.done) + sum(_attempt(caller, key, one) for key in found.left)
    return done


def _attempt(caller: Caller, key: Key, work: Callable[[Caller, Key], object]) -> bool:
    seen = key.revision  # a failed attempt may leave another number behind in the object
    try:
        work(caller, key)
    except Refused as refused:
        # Otherwise it was cancelled, or another sweep was first.
        if refused.first.code == "Rejected.LimitExceeded":
            _put_off(key.pk, seen, caller.at + ROOM_AGAIN_AFTER)
        elif refused.first.code == "ServiceUnavailableTemporary":
            _put_off(key.pk, seen, caller.at + TRY_AGAIN_AFTER)
        return False
    except Exception as error:  # noqa: BLE001 - whatever breaks for one key, the others must still have their turn
        log.error("%s failed for key %s: %s", getattr(work, "action", "the clock"), key.pk, type(error).__name__)
        _put_off(key.pk, seen, caller.at + TRY_AGAIN_AFTER)
        return False
    return True


def _put_off(pk: str, revision: int, until: datetime) -> None:
    """Only the key as it was read: whoever has changed it since wants it looked at anew."""
    with contextlib.suppress(DatabaseError):
        Key.objects.filter(pk=pk, revision=revision).update(next_try_at=until)
