"""Many requests, one commit: the writer takes whatever waits, and answers leave only when its transaction is durable.

In the transaction of a group:
1. What its requests rest on is read (and, on PostgreSQL, held); a request that rests on anything that is not as it was seen is
   not done but handed on.
2. The nonces of the others are claimed; a used one makes its request a refusal.
3. Their events are stored.
4. Commit. If any of it fails, every request of the group fails: none of them has been answered.

So a disable, or any other change, that has been answered is seen by every later group of every process, and a use that was
answered stands in the trail.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from access import nonces
from access.nonces import Nonce
from api import failures
from api.fast.seen import Seen, Sight
from api.fast.tables import Tables, tables_of
from audit.recording import Entry
from base import clock
from base.caller import Caller
from keys import gate
from keys.models import Key

MOST = 256  # no more is added to a group that has as many
CHECK_EVERY = 2.0
_CHUNK = 500
_AGAIN = ("40P01", "40001")  # PostgreSQL chose this transaction to end a deadlock; nothing of it has happened
log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Ticket:
    """One request that has been worked out and waits for its commit. entry: its event, but for the request id, which may be that
    of another of the same plan. uses: (action, caller, key) of what was done with keys."""

    nonce: Nonce
    entry: Entry
    request_id: str
    rests_on: frozenset[Sight]
    uses: Sequence[tuple[str, Caller, Key]]
    outcome: str

    def nonce_used(self) -> Entry:
        """The event instead of `entry` where the nonce has been used."""
        raise NotImplementedError


DONE, STALE, NONCE_USED, FAILED, UNAVAILABLE = "done", "stale", "nonce used", "failed", "unavailable"


class Writer(threading.Thread):
    """settled: called from this thread with the tickets of a group, each with its outcome, when they may be answered."""

    def __init__(self, seen: Seen, settled: Callable[[Sequence[Any]], None]) -> None:
        super().__init__(name="group-writer", daemon=True)
        self._seen, self._settled = seen, settled
        self._waiting: queue.SimpleQueue[Sequence[Ticket]] = queue.SimpleQueue()
        self._tables: Tables | None = None
        self._putting_away = nonces.PuttingAway()
        self._checked = time.monotonic()
        self._sure = set[Sight]()  # that were compared, and nobody has written since; empty again with the next check of all

    def add(self, tickets: Sequence[Ticket]) -> None:
        self._waiting.put(tickets)

    def stop(self) -> None:
        """Ends after everything that was added before."""
        self._waiting.put(())

    def run(self) -> None:
        try:
            while (group := self._next()) is not None:
                if group:
                    self._settle(group)
                    self._settled(group)
                if time.monotonic() - self._checked > CHECK_EVERY:
                    self._check_all()
        finally:
            connection.close()

    def _next(self) -> list[Ticket] | None:
        """Whatever waits; nothing after a while without requests; None at the end."""
        group: list[Ticket] = []
        try:
            while tickets := self._waiting.get(timeout=0 if group else CHECK_EVERY):
                group += tickets
                if len(group) >= MOST:
                    return group
        except queue.Empty:
            return group
        if group:
            self._waiting.put(())
            return group
        return None

    def _settle(self, group: list[Ticket]) -> None:
        try:
            try:
                self._attempt(group)
            except Exception as error:
                if getattr(error, "sqlstate", "") not in _AGAIN:
                    raise
                self._attempt(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody of the group gets an answer that claims success
            failures.log(log, f"a group of {len(group)}", error)
            for ticket in group:
                ticket.outcome = UNAVAILABLE if _of_the_database(error) else FAILED

    def _attempt(self, group: list[Ticket]) -> None:
        tables = self._begun()
        try:
            if not tables.untouched():
                self._sure.clear()
            sights = set().union(*{ticket.rests_on for ticket in group}) - self._sure
            stale = stale_among(tables, sights)
            now = clock.now()
            good = [ticket for ticket in group if ticket.rests_on.isdisjoint(stale) and _still_allowed(ticket, now)]
            claimed = tables.claim([ticket.nonce for ticket in good]) if good else []
            events = []
            for ticket in group:
                ticket.outcome = STALE
            for ticket, new in zip(good, claimed, strict=True):
                ticket.outcome = DONE if new else NONCE_USED
                events.append((ticket.entry if new else ticket.nonce_used(), ticket.request_id))
            if events:
                tables.store(events)
            put_away = self._putting_away.step(connection) if self._putting_away.is_due else None
            tables.commit()
        except BaseException:
            self._give_up(tables)
            raise
        if put_away:
            put_away()
        self._sure |= sights - stale
        self._seen.forget(stale)

    def _begun(self) -> Tables:
        """In a transaction. A connection that broke while it was idle is opened anew: nothing has been asked of it yet."""
        try:
            tables = self._open()
            tables.begin()
        except Exception:  # noqa: BLE001 - the second attempt raises what is really wrong
            self._drop()
            tables = self._open()
            tables.begin()
        return tables

    def _open(self) -> Tables:
        if self._tables is None:
            self._tables = tables_of(connection)
        return self._tables

    def _give_up(self, tables: Tables) -> None:
        """A connection that cannot even roll back is closed; the next group opens another."""
        try:
            tables.rollback()
        except Exception:  # noqa: BLE001 - the first error is the one that is reported
            self._drop()

    def _drop(self) -> None:
        self._tables = None
        connection.close()

    def _check_all(self) -> None:
        """Forgets what has changed although nobody asks for it: no opened key outlives its state for long."""
        self._checked = time.monotonic()
        self._sure.clear()
        sights = [*self._seen.all()]
        try:
            tables = self._open()
            for start in range(0, len(sights), _CHUNK):
                self._seen.forget(stale_among(tables, sights[start:start + _CHUNK]))
        except Exception as error:  # noqa: BLE001 - the writer lives on; what cannot be compared is not kept
            failures.log(log, "the check of what is kept", error)
            self._seen.forget({*sights})
            self._drop()


def stale_among(tables: Tables, sights: Iterable[Sight]) -> set[Sight]:
    """Those of which a fact is not, or no longer, so."""
    sights, asked = [*sights], dict[str, set[Any]]()
    for sight in sights:
        for kind, name in sight.facts:
            asked.setdefault(kind, set()).add(name)
    found = tables.facts({kind: sorted(names) for kind, names in asked.items()})
    return {sight for sight in sights if any(found.get(name) != fact for name, fact in sight.facts.items())}


def _still_allowed(ticket: Ticket, now: datetime) -> bool:
    """Rows do not change when a date comes. Where the clock has moved on since the decision, the rules are asked again."""
    for action, caller, key in ticket.uses:
        if caller.at != now and gate.reasons(action, replace(caller, at=now), key):
            return False
    return True


def _of_the_database(error: BaseException) -> bool:
    """Locked, full or gone: the drivers agree on the names of these classes, and on no common base."""
    return bool({"OperationalError", "InterfaceError"} & {kind.__name__ for kind in type(error).__mro__})
