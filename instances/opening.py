"""Opening the engine that serves an instance: root key -> instance key -> provider. Kept per process, by wrapping key."""

from __future__ import annotations

import functools
import time

from django.db import IntegrityError, transaction

from access import root
from access.models import Account
from base.caller import Caller
from crypto.engine import Engine
from crypto.envelope import Identity
from crypto.envelope import WrappingKey as OpenKey
from crypto.errors import BadCiphertext, MaterialGone
from crypto.registry import HSM, SOFTWARE, open_provider
from instances import hsm_opening
from instances.models import Instance, WrappingKey

PURPOSE = "instance-key"
OVERWRITE = b"\0" * 128
# An opened key lives in a process no longer than this: one that was destroyed by another process is forgotten, too.
KEPT_SECONDS = 600
_period = -1.0


def owner_of(key: WrappingKey) -> str:
    return key.instance_id or "shared"


def _identity(account: str, owner: str, generation: int) -> Identity:
    return Identity(PURPOSE, account, owner, str(generation))


def _identity_of(key: WrappingKey) -> Identity:
    return _identity(key.account_id, owner_of(key), key.generation)


def make_wrapping_key(caller: Caller, account: Account, instance: Instance | None, generation: int = 1, *,
                      provider: str = SOFTWARE) -> WrappingKey:
    """A fresh instance key, sealed; for `instance` None the key of the account's shared store. provider: where the material is
    that it seals; of a hardware instance it seals what points into the tokens."""
    opened, raw = OpenKey.generate()
    key = WrappingKey(account=account, instance=instance, generation=generation, check_value=opened.check_value(),
                      provider=provider, created_at=caller.at)
    with transaction.atomic():
        key.root_generation = root.newest_generation()
        key.sealed = _seal(key, raw, key.root_generation)
        key.save(force_insert=True)
    return key


def _seal(key: WrappingKey, raw: bytes, root_generation: int) -> bytes:
    return root.root_key(root_generation).derive(PURPOSE).seal(raw, _identity_of(key))


def _open(sealed: bytes, identity: Identity, root_generation: int) -> bytes:
    return root.root_key(root_generation).derive(PURPOSE).open(sealed, identity)


def opened(key: WrappingKey) -> OpenKey:
    """The instance key itself. Raises BadCiphertext where the row does not open, or opens to another key than was made."""
    found = OpenKey(_open(bytes(key.sealed), _identity_of(key), key.root_generation))
    if key.check_value not in ("", found.check_value()):  # rows of before 2026-12 have none
        raise BadCiphertext
    return found


def seal_under(key: WrappingKey, root_generation: int) -> bool:
    """Seals the instance key under another root, by compare-and-set, proved to open before it is stored. False where
    somebody was faster or it was destroyed meanwhile."""
    check = opened(key).check_value()
    raw = _open(bytes(key.sealed), _identity_of(key), key.root_generation)
    sealed = _seal(key, raw, root_generation)
    if _open(sealed, _identity_of(key), root_generation) != raw:
        raise BadCiphertext
    return bool(WrappingKey.objects.filter(pk=key.pk, root_generation=key.root_generation, destroyed_at=None).update(
        sealed=sealed, root_generation=root_generation, check_value=check))


def root_generations() -> set[int]:
    """The generations of the root key that instance keys are sealed under."""
    return set(WrappingKey.objects.holding_bytes().order_by().values_list("root_generation", flat=True).distinct())


def check_root_keys() -> None:
    """Raises RootKeyError where the root key is not this database's, or a generation is missing that is in use."""
    root.check(root_generations())


def wrapping_key_for(caller: Caller, account: Account, instance: Instance | None) -> WrappingKey:
    """The newest wrapping key. An instance gets its key when it is enabled and never by accident; the shared store,
    which nobody enables, gets it with its first key. Raises WrappingKey.DoesNotExist for an instance without one."""
    known = WrappingKey.objects.of(account.pk, instance.pk if instance else None).first()
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
def _key(pk: int, account: str, owner: str, generation: int, sealed: bytes, root_generation: int) -> OpenKey:
    return OpenKey(_open(sealed, _identity(account, owner, generation), root_generation))


@functools.lru_cache(maxsize=256)
def _engine(provider: str, wrapping: OpenKey) -> Engine:
    return Engine(open_provider(provider, wrapping))


def engine_for(key: WrappingKey) -> Engine:
    """Raises MaterialGone where the key was destroyed, BadCiphertext where the row was changed or belongs elsewhere, and
    Unavailable for a hardware instance without a cluster. Whether the instance serves is not asked here: rules decide that from
    the database on every call."""
    _forget_in_time()
    if key.destroyed_at is not None:
        forget()
        raise MaterialGone(str(key))
    wrapping = _key(key.pk, key.account_id, owner_of(key), key.generation, bytes(key.sealed), key.root_generation)
    if key.provider == HSM and key.instance_id:
        return Engine(open_provider(HSM, wrapping, cluster=hsm_opening.cluster_of(key.instance_id), storage=key.instance_id))
    return _engine(key.provider, wrapping)


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
    _key.cache_clear()
    _engine.cache_clear()
