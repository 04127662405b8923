"""The statements of a group: what its requests rest on, their nonces, their events. One class a database, one interface.

Facts are what would change if something a request rests on changed. On PostgreSQL they are read with a shared lock, so that a
change waits for the group or the group sees it; on SQLite the group is the only writer while it lasts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from access.nonces import Nonce, claim
from audit.recording import Entry
from audit.storing import COLUMNS, stored
from audit.turns import Turn
from base.pieces import among, pieces

Facts = Mapping[tuple[str, Any], tuple[Any, ...]]

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


class Tables(Protocol):
    """begin, untouched, facts, claim, store, commit, in this order; rollback instead of any. Raises the driver's errors."""

    def begin(self) -> None: ...
    def untouched(self) -> bool:
        """Whether nobody but these groups has written anything since this was last asked, so that facts are as they were: what a
        group itself writes is none. False where a database does not tell."""
    def facts(self, asked: Mapping[str, Iterable[Any]]) -> Facts: ...
    def claim(self, nonces: Sequence[Nonce]) -> list[bool]:
        """For each nonce, whether this is its first use; of two alike, the first."""
    def store(self, events: Sequence[tuple[Entry, str]]) -> None:
        """Each with its own request id."""
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
    """Lists go in pieces (`base.pieces`)."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection, self._raw = connection, connection.connection
        # 8 MiB instead of 2, for one connection in each process: used nonces are looked up all over their index.
        self._raw.execute("PRAGMA cache_size = -8000")
        self._turn = Turn(connection.settings_dict["NAME"])
        self._version = (-1, -1)  # nothing was read over this connection

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
        self._version = (self._version[0], self._raw.total_changes)

    def rollback(self) -> None:
        try:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        finally:
            self._turn.end()

    def untouched(self) -> bool:
        [others] = self._raw.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, (others, self._raw.total_changes)
        return self._version == before

    def facts(self, asked: Mapping[str, Iterable[Any]]) -> Facts:
        found: dict[tuple[str, Any], tuple[Any, ...]] = {}
        for kind, query in _ROWS.items():
            for row in among(self._raw, f"{query} WHERE id {{}}", asked.get(kind, ())):
                found[kind, row[0]] = tuple(row[1:])
        users = [*asked.get("policies", ())]
        _with_policies(found, users, among(self._raw, _POLICIES, users))
        return found

    def claim(self, nonces: Sequence[Nonce]) -> list[bool]:
        return claim(self._connection, nonces)

    def store(self, events: Sequence[tuple[Entry, str]]) -> None:
        """Requests that share an entry go together: it is handed over once."""
        alike: dict[int, tuple[Entry, list[str]]] = {}
        for entry, request_id in events:
            alike.setdefault(id(entry), (entry, []))[1].append(request_id)
        single: list[list[str]] = []
        for (at, _, *rest), request_ids in alike.values():
            if len(request_ids) > 1:
                self._raw.execute(_ALIKE, (stored(at), *rest, json.dumps(request_ids)))
            else:
                single.append([stored(at), *request_ids, *rest])
        for piece in pieces(single):
            self._raw.execute(_insertion(len(piece)), [value for row in piece for value in row])


@lru_cache
def _insertion(count: int) -> str:
    row = f"({','.join('?' * len(COLUMNS))})"
    return f"INSERT INTO audit_event ({','.join(COLUMNS)}) VALUES {','.join([row] * count)}"  # noqa: S608 - names of our own


_ALIKE = (f"INSERT INTO audit_event ({','.join((COLUMNS[0], *COLUMNS[2:], COLUMNS[1]))})"  # noqa: S608 - names of our own
          f" SELECT {','.join('?' * (len(COLUMNS) - 1))}, value FROM json_each(?)")


class Postgres:
    """Lists go as arrays: one statement serves groups of every size."""

    _EVENT_TYPES = ("timestamptz", *["text"] * (len(COLUMNS) - 1))

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection, self._raw = connection, connection.connection

    def begin(self) -> None:
        self._raw.execute("BEGIN")

    def commit(self) -> None:
        self._raw.execute("COMMIT")

    def rollback(self) -> None:
        self._raw.execute("ROLLBACK")

    def untouched(self) -> bool:
        return False

    def facts(self, asked: Mapping[str, Iterable[Any]]) -> Facts:
        found: dict[tuple[str, Any], tuple[Any, ...]] = {}
        for kind, query in _ROWS.items():
            if ids := [*asked.get(kind, ())]:
                for row in self._raw.execute(f"{query} WHERE id = ANY(%s) ORDER BY id FOR SHARE", [ids]):
                    found[kind, row[0]] = tuple(row[1:])
        if users := [*asked.get("policies", ())]:
            _with_policies(found, users, self._raw.execute(_POLICIES.format("= ANY(%s)"), [users]))
        return found

    def claim(self, nonces: Sequence[Nonce]) -> list[bool]:
        return claim(self._connection, nonces)

    def store(self, events: Sequence[tuple[Entry, str]]) -> None:
        entries, request_ids = zip(*events, strict=True)
        at, _, *rest = zip(*entries, strict=True)
        columns = (at, request_ids, *rest)
        arrays = ",".join(f"%s::{kind}[]" for kind in self._EVENT_TYPES)
        query = f"INSERT INTO audit_event ({','.join(COLUMNS)}) SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own
        self._raw.execute(query, [*map(list, columns)])
