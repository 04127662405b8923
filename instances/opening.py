"""Opening the engine that serves an instance: root key -> instance key -> provider. Kept per process, by wrapping key."""

from __future__ import annotations

import functools

from django.db import IntegrityError, transaction

from access.models import Account
from access.root import purpose_key
from base.caller import Caller
from crypto.engine import Engine
from crypto.envelope import Identity
from crypto.envelope import WrappingKey as OpenKey
from crypto.registry import HSM, SOFTWARE, open_provider
from instances import hsm_opening
from instances.models import Instance, WrappingKey

PURPOSE = "instance-key"


def _identity(account: str, owner: str, generation: int) -> Identity:
    return Identity(PURPOSE, account, owner, str(generation))


def make_wrapping_key(caller: Caller, account: Account, instance: Instance | None, *, provider: str = SOFTWARE) -> WrappingKey:
    """A fresh instance key, sealed; for `instance` None the key of the account's shared store. provider: where the material is
    that it seals; of a hardware instance it seals what points into the tokens."""
    _, raw = OpenKey.generate()
    sealed = purpose_key(PURPOSE).seal(raw, _identity(account.pk, instance.pk if instance else "shared", 1))
    return WrappingKey.objects.create(account=account, instance=instance, sealed=sealed, provider=provider,
                                      created_at=caller.at)


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
def _key(pk: int, account: str, owner: str, generation: int, sealed: bytes) -> OpenKey:
    return OpenKey(purpose_key(PURPOSE).open(sealed, _identity(account, owner, generation)))


@functools.lru_cache(maxsize=256)
def _engine(provider: str, wrapping: OpenKey) -> Engine:
    return Engine(open_provider(provider, wrapping))


def engine_for(key: WrappingKey) -> Engine:
    """Raises BadCiphertext where the row was changed or belongs elsewhere, Unavailable for a hardware instance without a cluster.
    Whether the instance serves is not asked here: rules decide that from the database on every call."""
    wrapping = _key(key.pk, key.account_id, key.instance_id or "shared", key.generation, bytes(key.sealed))
    if key.provider == HSM and key.instance_id:
        return Engine(open_provider(HSM, wrapping, cluster=hsm_opening.cluster_of(key.instance_id), storage=key.instance_id))
    return _engine(key.provider, wrapping)


def forget() -> None:
    """Drops every opened instance key of this process."""
    _key.cache_clear()
    _engine.cache_clear()
