"""Opening the engine that serves an instance: root key -> instance key -> provider. Kept per process, by wrapping key."""

from __future__ import annotations

import functools
import time

from django.db import IntegrityError, transaction

from access.models import Account
from access.root import purpose_key
from base.caller import Caller
from crypto.engine import Engine
from crypto.envelope import Identity
from crypto.envelope import WrappingKey as OpenKey
from crypto.errors import MaterialGone
from crypto.registry import open_provider
from instances.models import Instance, WrappingKey

PURPOSE = "instance-key"
OVERWRITE = b"\0" * 128
# An opened key lives in a process no longer than this: one that was destroyed by another process is forgotten, too.
KEPT_SECONDS = 600
_period = -1.0


def _identity(account: str, owner: str, generation: int) -> Identity:
    return Identity(PURPOSE, account, owner, str(generation))


def make_wrapping_key(caller: Caller, account: Account, instance: Instance | None) -> WrappingKey:
    """A fresh instance key, sealed; for `instance` None the key of the account's shared store."""
    _, raw = OpenKey.generate()
    sealed = purpose_key(PURPOSE).seal(raw, _identity(account.pk, instance.pk if instance else "shared", 1))
    return WrappingKey.objects.create(account=account, instance=instance, sealed=sealed, created_at=caller.at)


def wrapping_key_for(caller: Caller, account: Account, instance: Instance | None) -> WrappingKey:
    """The newest wrapping key. An instance gets its key when it is enabled and never by accident; the shared store,
    which nobody enables, gets it with its first key. Raises WrappingKey.DoesNotExist for an instance without one."""
    known = WrappingKey.objects.filter(account=account, instance=instance).order_by("-generation").first()
    if known is not None:
        return known
    if instance is not None:
        raise WrappingKey.DoesNotExist(instance.pk)
    try:
        with transaction.atomic():
            return make_wrapping_key(caller, account, None)
    except IntegrityError:
        return WrappingKey.objects.get(account=account, instance=None, generation=1)


@functools.lru_cache(maxsize=256)
def _engine(pk: int, account: str, owner: str, generation: int, provider: str, sealed: bytes) -> Engine:
    raw = purpose_key(PURPOSE).open(sealed, _identity(account, owner, generation))
    return Engine(open_provider(provider, OpenKey(raw)))


def engine_for(key: WrappingKey) -> Engine:
    """Raises MaterialGone where the key was destroyed, and BadCiphertext where the row was changed or belongs elsewhere.
    Whether the instance serves is not asked here: rules decide that from the database on every call."""
    _forget_in_time()
    if key.destroyed_at is not None:
        forget()
        raise MaterialGone(str(key))
    return _engine(key.pk, key.account_id, key.instance_id or "shared", key.generation, key.provider, bytes(key.sealed))


def engine_for_destroying(key: WrappingKey) -> Engine:
    """For telling the provider that material goes. Under a destroyed key nothing opens any more, but a provider that holds
    material itself is still to be told; the fresh key seals nothing."""
    if key.destroyed_at is None:
        return engine_for(key)
    return Engine(open_provider(key.provider, OpenKey.generate()[0]))


def destroy_wrapping_keys(caller: Caller, instance: Instance) -> None:
    """Overwrites every key of the instance: from the commit on nothing in this database that it wraps opens any
    more. Call it in the transaction that releases the instance."""
    WrappingKey.objects.filter(instance=instance).update(sealed=OVERWRITE, destroyed_at=caller.at)
    transaction.on_commit(forget)


def _forget_in_time() -> None:
    global _period  # noqa: PLW0603 - one number beside the cache it belongs to
    if (period := time.monotonic() // KEPT_SECONDS) != _period:
        _period = period
        forget()


def forget() -> None:
    """Drops every opened instance key of this process."""
    _engine.cache_clear()
