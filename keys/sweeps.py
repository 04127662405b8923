"""What the clock brings for keys. Each row is its own transaction; lost, doubled and late runs do no harm."""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, connection

from base.caller import Caller
from base.refusal import Refused
from keys import operations
from keys.models import Key

CHUNK = 500
TRY_AGAIN_AFTER = timedelta(minutes=5)
log = logging.getLogger(__name__)


def destroy_due(now: datetime) -> int:
    """Destroys every key whose date has come; returns how many this run destroyed. One that fails is put off and never
    stops the others."""
    caller, destroyed = Caller.system(now), 0
    while rows := list(Key.objects.due_for_destruction(now)[:CHUNK]):
        before = destroyed
        for key in rows:
            destroyed += _attempt(caller, key)
        if destroyed == before:
            break  # nothing moved: all refused or put off; the next tick looks again
    if destroyed:
        _forget_old_pages()
    return destroyed


def _attempt(caller: Caller, key: Key) -> bool:
    try:
        operations.destroy_key(caller, key)
    except Refused:
        return False  # cancelled, or another sweep was first
    except Exception as error:  # noqa: BLE001 - whatever breaks for one key, the others must still be destroyed
        log.error("key %s could not be destroyed: %s", key.pk, type(error).__name__)
        with contextlib.suppress(DatabaseError):
            Key.objects.filter(pk=key.pk).update(next_try_at=caller.at + TRY_AGAIN_AFTER)
        return False
    return True


def _forget_old_pages() -> None:
    """SQLite keeps earlier pages in the write-ahead log until a checkpoint; destroyed material must not wait for one."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
