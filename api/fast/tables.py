"""The statements of a group: what its requests rest on, their nonces, their events. One class a database, one interface.

Facts are what would change if something a request rests on changed. On PostgreSQL they are read with a shared lock, so that a
change waits for the group or the group sees it; on SQLite the group is the only writer while it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.recording import Entry
from audit.storing import COLUMNS
from audit.turns import Turn

Facts = Mapping[tuple[str, Any], tuple[Any, ...]]
Nonce = tuple[bytes, datetime]  # `access.operations.nonce_digest`, when it may be forgotten

# In the order in which they are locked: an operation that holds several takes them in the same order. A policy has no lock of its
# own; whoever changes those of a user locks the user (`access.operations`).
_ROWS = {
    "instance": "SELECT id, revision FROM instances_instance",
    "key": "SELECT id, revision, instance_id FROM keys_key",
    "wrapping": "SELECT id, generation, provider, destroyed_at IS NULL FROM instances_wrappingkey",
    "access": "SELECT id, status, user_id FROM access_accesskey",
    "user": "SELECT id, username, is_active, role, account_id FROM access_user",
    "alias": "SELECT id, account_id, name, key_id FROM keys_alias",
}
_POLICIES = "SELECT user_id, name, document FROM access_userpolicy WHERE user_id {} ORDER BY user_id, name"
_ONCE = "ON CONFLICT (digest) DO NOTHING"
_NONCE = ("digest", "forget_at")


class Tables(Protocol):
    """begin, facts, claim, store, commit, in this order; rollback instead of any of them. Raises the driver's errors."""

    def begin(self) -> None: ...
    def facts(self, asked: Mapping[str, Iterable[Any]]) -> Facts: ...
    def claim(self, nonces: Sequence[Nonce]) -> list[bool]:
        """For each nonce, whether this is its first use; of two alike, the first."""
    def store(self, entries: Sequence[Entry]) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...


def tables_of(connection: BaseDatabaseWrapper) -> Tables:
    connection.ensure_connection()
    return (Postgres if connection.vendor == "postgresql" else Sqlite)(connection)


def _with_policies(found: dict[tuple[str, Any], tuple[Any, ...]], users: Iterable[Any], rows: Iterable[Any]) -> None:
    documents: dict[Any, list[tuple[str, str]]] = {user: [] for user in users}
    for user, name, document in rows:
        documents[user].append((name, document))
    found.update((("policies", user), tuple(texts)) for user, texts in documents.items())


class Sqlite:
    """Lists go in pieces of a power of two, so that a few prepared statements serve groups of every size."""

    MOST = 64

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._raw = connection.connection
        self._turn = Turn(connection.settings_dict["NAME"])

    def begin(self) -> None:
        self._turn.begin()
        try:
            self._raw.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._turn.end()
            raise

    def commit(self) -> None:
        self._raw.execute("COMMIT")
        self._turn.end()

    def rollback(self) -> None:
        try:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        finally:
            self._turn.end()

    def facts(self, asked: Mapping[str, Iterable[Any]]) -> Facts:
        found: dict[tuple[str, Any], tuple[Any, ...]] = {}
        for kind, query in _ROWS.items():
            for row in self._among(f"{query} WHERE id {{}}", asked.get(kind, ())):
                found[kind, row[0]] = tuple(row[1:])
        users = [*asked.get("user", ())]
        _with_policies(found, users, self._among(_POLICIES, users))
        return found

    def _among(self, query: str, ids: Iterable[Any]) -> list[Any]:
        rows: list[Any] = []
        for piece in _pieces([*ids], self.MOST):
            marks = f"IN ({','.join('?' * len(piece))})"
            rows += self._raw.execute(query.format(marks), piece).fetchall()
        return rows

    def claim(self, nonces: Sequence[Nonce]) -> list[bool]:
        rows = [(digest, _stored(keep_until)) for digest, keep_until in nonces]
        self._raw.execute("SAVEPOINT nonces")
        if self._insert("access_usednonce", _NONCE, rows, _ONCE) == len(rows):
            return [True] * len(rows)
        # One of them is used: now each by itself, to see which.
        self._raw.execute("ROLLBACK TO nonces")
        return [self._insert("access_usednonce", _NONCE, [row], _ONCE) == 1 for row in rows]

    def store(self, entries: Sequence[Entry]) -> None:
        self._insert("audit_event", COLUMNS, [(_stored(entry.at), *entry[1:]) for entry in entries])

    def _insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], tail: str = "") -> int:
        count = 0
        for piece in _pieces(rows, self.MOST):
            marks = ",".join([f"({','.join('?' * len(columns))})"] * len(piece))
            values = [value for row in piece for value in row]
            # Only names of our own go into the text.
            query = f"INSERT INTO {table} ({','.join(columns)}) VALUES {marks} {tail}"  # noqa: S608
            count += self._raw.execute(query, values).rowcount
        return count


@lru_cache(maxsize=256)
def _stored(moment: datetime) -> str:
    """As Django stores it."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


def _pieces(rows: Sequence[Any], most: int) -> Iterable[Sequence[Any]]:
    start = 0
    while left := len(rows) - start:
        size = min(most, 1 << (left.bit_length() - 1))
        yield rows[start:start + size]
        start += size


class Postgres:
    """Lists go as arrays: one statement serves groups of every size."""

    _EVENT_TYPES = ("timestamptz", *["text"] * (len(COLUMNS) - 1))

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._raw = connection.connection

    def begin(self) -> None:
        self._raw.execute("BEGIN")

    def commit(self) -> None:
        self._raw.execute("COMMIT")

    def rollback(self) -> None:
        self._raw.execute("ROLLBACK")

    def facts(self, asked: Mapping[str, Iterable[Any]]) -> Facts:
        found: dict[tuple[str, Any], tuple[Any, ...]] = {}
        for kind, query in _ROWS.items():
            if ids := [*asked.get(kind, ())]:
                for row in self._raw.execute(f"{query} WHERE id = ANY(%s) ORDER BY id FOR SHARE", [ids]):
                    found[kind, row[0]] = tuple(row[1:])
        if users := [*asked.get("user", ())]:
            _with_policies(found, users, self._raw.execute(_POLICIES.format("= ANY(%s)"), [users]))
        return found

    def claim(self, nonces: Sequence[Nonce]) -> list[bool]:
        # Sorted: two workers that were sent the same nonces must not wait for each other in a circle.
        digests, times = zip(*sorted(nonces), strict=True)
        rows = self._raw.execute(
            f"INSERT INTO access_usednonce (digest, forget_at) SELECT * FROM unnest(%s::bytea[], %s::timestamptz[])"  # noqa: S608
            f" {_ONCE} RETURNING digest", [[*digests], [*times]])
        new = {bytes(row[0]) for row in rows}
        # Of two alike in one group only the first finds its own still in the set.
        return [digest in new and not new.discard(digest) for digest, _ in nonces]  # type: ignore[func-returns-value]

    def store(self, entries: Sequence[Entry]) -> None:
        columns = zip(*entries, strict=True)
        arrays = ",".join(f"%s::{kind}[]" for kind in self._EVENT_TYPES)
        query = f"INSERT INTO audit_event ({','.join(COLUMNS)}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own
        self._raw.execute(query, [*map(list, columns)])
