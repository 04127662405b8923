"""The root key of this installation: opened once per process, and checked against the database before anything is sealed
or opened with it. A wrong key stops the start; it never makes a second, unreadable generation of data.
"""

from __future__ import annotations

import functools

from django.conf import settings
from django.db import IntegrityError, transaction

from access.models import RootKeyCheck
from base import clock
from crypto import rootkey
from crypto.envelope import WrappingKey
from crypto.errors import RootKeyError

GENERATION = 1
_LOST = "this database was made with a root key that is not here; restore {name} (or KMS_ROOT_KEY), nothing was changed"
_WRONG = "the root key in {name} is not the one this database was made with; nothing was changed"


def _source() -> str:
    return "KMS_ROOT_KEY" if settings.KMS_ROOT_KEY else settings.KMS_ROOT_KEY_PATH.name


def _load() -> WrappingKey | None:
    return rootkey.read(settings.KMS_ROOT_KEY, settings.KMS_ROOT_KEY_PATH)


def prepare() -> None:
    """Set-up: makes the key file on the first start of an empty database, and notes the check value. Raises RootKeyError.

    A key is made only where no check value exists: a lost file must never be papered over with a fresh key.
    """
    key, known = _load(), RootKeyCheck.objects.filter(pk=GENERATION).exists()
    if key is None:
        if known:
            raise RootKeyError(_LOST.format(name=_source()))
        key = rootkey.create(settings.KMS_ROOT_KEY_PATH)
    if not known:
        try:
            with transaction.atomic():
                RootKeyCheck.objects.create(pk=GENERATION, check_value=key.check_value(), created_at=clock.now())
        except IntegrityError:
            pass  # another process was first; `check` compares
    check(key)


def check(key: WrappingKey | None = None) -> WrappingKey:
    """The root key, proved to be this database's. Raises RootKeyError otherwise."""
    key = key or _load()
    if key is None:
        raise RootKeyError(_LOST.format(name=_source()))
    row = RootKeyCheck.objects.filter(pk=GENERATION).first()
    if row is None:
        raise RootKeyError("this database has no root key yet; run manage.py setup")
    if row.check_value != key.check_value():
        raise RootKeyError(_WRONG.format(name=_source()))
    return key


@functools.cache
def root_key() -> WrappingKey:
    """The checked root key; read once per process. `root_key.cache_clear()` forgets it."""
    return check()


@functools.cache
def purpose_key(purpose: str) -> WrappingKey:
    """The key derived from the root for one purpose: ``instance-key`` or ``access-key``."""
    return root_key().derive(purpose)


def forget() -> None:
    root_key.cache_clear()
    purpose_key.cache_clear()
