"""Nonces of signed requests: each counts once, over all threads, processes and machines.

On PostgreSQL the unique constraint of `UsedNonce` decides. On SQLite a commit writes whole pages, and in an index of random
values nearly every nonce has a page to itself: a third of what a request cost. There the nonces of one group of requests are one
row of `NonceGroup`, and every process keeps those rows in memory. A claim holds the database's write lock: it first reads what
others have added, so what it knows is exact. Once there are very many they go to the indexed table, in its order: many a page,
and in slices, because everybody waits meanwhile.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from access.models import NonceGroup, UsedNonce
from audit.storing import stored
from base import numbers
from base.numbers import Numbers
from base.pieces import found

LENGTH = numbers.BITS // 8
AT_HAND = 524_288  # nonces in groups, which every process has in memory: 8 MiB; those of 290 requests a second
SLICE = 384  # go to the indexed table with one group
PIECE = 2_000  # rows that are looked at, and forgotten, at once
READ_AGAIN = 600.0  # seconds; what has been forgotten meanwhile may come again, and half a million takes a fifth of one
_MOVE = """INSERT OR IGNORE INTO access_usednonce (digest, forget_at)
WITH RECURSIVE place(at) AS (SELECT 1 UNION ALL SELECT at + 8 FROM place WHERE at + 8 < length(?1))
SELECT substr(?1, at, 8), ?2 FROM place"""  # digests one after the other, by far the cheapest way to hand many over
_LEAST, _ALL = numbers.to_bytes([1]), 1 << numbers.BITS
Nonce = tuple[bytes, datetime]  # `digest`, real time after which a request with this nonce's timestamp is refused anyway


def digest(access_key_id: str, nonce: str) -> bytes:
    """8 bytes, not all zero: where ten million come in half an hour, one in ten years meets its like and is refused. No id has a
    line break in it, so no two pairs share a text."""
    return max(hashlib.sha256(f"{access_key_id}\n{nonce}".encode()).digest()[:LENGTH], _LEAST)


def claim_one(access_key_id: str, nonce: str, *, keep_until: datetime) -> bool:
    """True for the first use. In a transaction of its own."""
    with transaction.atomic():
        [new] = claim(connection, [(digest(access_key_id, nonce), keep_until)])
    return new


def claim(connection: BaseDatabaseWrapper, nonces: Sequence[Nonce]) -> list[bool]:
    """For each, whether this is its first use; of two alike, the first. In the caller's transaction, which on SQLite holds the
    write lock (``BEGIN IMMEDIATE``). Raises the driver's errors."""
    return (_claim_by_constraint if connection.vendor == "postgresql" else _claim_by_memory)(connection, nonces)


def forget(real_now: datetime) -> int:
    """Removes those whose requests are too old to pass anyway; returns how many, a group as one. From the oldest row on, and no
    further than the first piece without one: rows come about in the order of their times, which an index of its own would not be
    worth."""
    return sum(_forget(model, real_now) for model in (UsedNonce, NonceGroup))


def _forget(model: type[UsedNonce] | type[NonceGroup], real_now: datetime) -> int:
    gone, last = 0, 0
    while ids := [*model.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:PIECE]]:
        rows, _ = model.objects.filter(pk__gt=last, pk__lte=ids[-1], forget_at__lte=real_now).delete()
        if not rows:
            break
        gone, last = gone + rows, ids[-1]
    return gone


def _claim_by_constraint(connection: BaseDatabaseWrapper, nonces: Sequence[Nonce]) -> list[bool]:
    # Sorted: two workers that were sent the same nonces must not wait for each other in a circle.
    digests, times = zip(*sorted(nonces), strict=True)
    rows = connection.connection.execute(
        "INSERT INTO access_usednonce (digest, forget_at) SELECT * FROM unnest(%s::bytea[], %s::timestamptz[])"
        " ON CONFLICT (digest) DO NOTHING RETURNING digest", [[*digests], [*times]])
    new = {bytes(row[0]) for row in rows}
    # Of two alike only the first finds its own still in the set, which is used up.
    return [digest in new and not new.discard(digest) for digest, _ in nonces]  # type: ignore[func-returns-value]


def _claim_by_memory(connection: BaseDatabaseWrapper, nonces: Sequence[Nonce]) -> list[bool]:
    raw = connection.connection
    with _lock:  # two threads hold the write lock at once only where they work on two databases
        try:
            claimed = _known.read(raw).add(numbers.of_bytes(b"".join([digest for digest, _ in nonces])))
            new = [digest for (digest, _), good in zip(nonces, claimed, strict=True) if good]
            if new and raw.execute("SELECT EXISTS (SELECT 1 FROM access_usednonce)").fetchone()[0]:
                used = found(raw, "access_usednonce", "digest", new)
                new = [digest for digest in new if digest not in used]
                claimed = [good and digest not in used for (digest, _), good in zip(nonces, claimed, strict=True)]
            if new:
                digests, until = b"".join(new), stored(max({until for _, until in nonces}))
                added = raw.execute("INSERT INTO access_noncegroup (digests, forget_at) VALUES (?, ?)", [digests, until])
                _known.added(added.lastrowid, digests, until)
        except BaseException:
            _known.clear()  # it holds what has no row
            raise
    return claimed


class _Known:
    """The nonces of all groups. Where the newest group that was read is not there any more, or another one has its id (a
    transaction was rolled back, a file was replaced), everything is read anew.

    newest: its id; latest: the latest date to forget one; times: how often it began anew."""

    def __init__(self) -> None:
        self.times = 0
        self._since = 0.0
        self.clear()

    def clear(self) -> None:
        self.digests, self.newest, self.latest = Numbers(), 0, ""
        self._last: list[tuple[int, bytes, str]] = []
        self.times += 1

    def read(self, raw: Any) -> Numbers:
        query, now = "SELECT id, digests, forget_at || '' FROM access_noncegroup WHERE id >= ? ORDER BY id", time.monotonic()
        rows = raw.execute(query, [self.newest]).fetchall()
        if rows[:1] != self._last and self._last or now - self._since > READ_AGAIN:
            self.clear()
            self._since = now
            rows = raw.execute(query, [0]).fetchall()
        for row in rows[len(self._last):]:
            self.digests.add(numbers.of_bytes(row[1]))
            self.added(*row)
        return self.digests

    def added(self, row: int, digests: bytes, until: str) -> None:
        """The newest group, whose digests are known."""
        self.newest, self._last = row, [(row, digests, until)]
        self.latest = max(self.latest, until)


_known, _lock = _Known(), threading.Lock()


class PuttingAway:
    """The move to the indexed table, for one thread. Whatever ends it midway loses nothing: groups go when all of them have been
    moved, and what is moved twice is there once. A nonce may be kept for as long as the latest that is known."""

    def __init__(self) -> None:
        self._start = self._newest = self._times = 0

    @property
    def is_due(self) -> bool:
        return len(_known.digests) > AT_HAND

    def step(self, connection: BaseDatabaseWrapper) -> Callable[[], None]:
        """One slice, in the caller's transaction. Returns what to call after its commit."""
        raw = connection.connection
        with _lock:
            digests = _known.read(raw)
            start, newest, times = self._start, self._newest, _known.times
            if not start or times != self._times:  # not begun, or what is known was read anew, and may be of another file
                start, newest = 0, _known.newest
            end = min(start + SLICE * _ALL // max(len(digests), 1) + 1, _ALL)
            piece = digests.between(start, end)
        if piece:
            raw.execute(_MOVE, [numbers.to_bytes(piece), _known.latest])
        if end == _ALL:
            raw.execute("DELETE FROM access_noncegroup WHERE id <= ?", [newest])

        def done() -> None:
            self._start, self._newest, self._times = end, newest, times
            if end == _ALL:
                self._start = 0
                with _lock:
                    _known.clear()

        return done
