"""Writing events: exactly one per operation, in the transaction of the change.

`Entry` is a plain row without a database behind it and `write` takes many at once, so that a batched writer can collect
entries from concurrent requests and store them in one commit without another format.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

from django.db import DatabaseError, transaction

from audit import storing
from base import clock
from base.caller import Caller
from base.refusal import Refused

OK = "ok"
P = ParamSpec("P")
R = TypeVar("R")
_waiting: ContextVar[list[Entry] | None] = ContextVar("waiting", default=None)


class Entry(NamedTuple):
    """One event, ready to be stored; the fields are the columns of `Event`."""

    at: datetime
    request_id: str
    account: str
    principal: str
    access_key_id: str
    door: str
    address: str
    action: str
    object_kind: str
    object_id: str
    outcome: str
    detail: str


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


_encode = json.JSONEncoder(default=_plain, sort_keys=True, separators=(",", ":")).encode


def _clip(text: str, length: int) -> str:
    # Text from outside may hold anything; PostgreSQL refuses NUL, and a log line must stay one line.
    if text.isprintable():
        return text[:length]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:length]


def entry(caller: Caller, action: str, target: Any = None, *, outcome: str = OK, **facts: Any) -> Entry:
    """`target` is a model object, a (kind, id) pair, or None. What the product itself does to somebody's object stands in the
    trail of that account: its owners must find there that the clock destroyed a key."""
    if target is None:
        kind, name = "", ""
    elif isinstance(target, tuple):
        kind, name = target
    else:
        kind, name = target._meta.model_name, getattr(target, "audit_name", None) or str(target.pk)
    account = caller.account or getattr(target, "account_id", None) or ""
    return Entry(caller.at, caller.request_id, account, _clip(caller.principal, 160),
                 _clip(caller.access_key_id, 64), caller.door, _clip(caller.address, 64), _clip(action, 64),
                 kind, _clip(str(name), 300), _clip(outcome, 64),
                 _encode(facts))


def canonical(row: Entry) -> bytes:
    """The bytes a chain will seal: sorted compact JSON of all columns."""
    return _encode(row._asdict()).encode()


@contextmanager
def collected() -> Iterator[list[Entry]]:
    """Inside, events are not stored but gathered in the list. Whoever asks for this stores them by itself, in one
    transaction with what they rest on, and answers nobody before that has been committed (`api.fast`)."""
    entries: list[Entry] = []
    token = _waiting.set(entries)
    try:
        yield entries
    finally:
        _waiting.reset(token)


def _own_transaction() -> AbstractContextManager[object]:
    return transaction.atomic() if _waiting.get() is None else contextlib.nullcontext()


def write(entries: Iterable[Entry]) -> None:
    """Stores entries in order, in the caller's transaction."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting += entries
        return
    storing.store([*entries])


def record(caller: Caller, action: str, target: Any = None, **facts: Any) -> None:
    """An allowed operation. Call it inside the transaction that makes the change."""
    write([entry(caller, action, target, **facts)])


def refusal(caller: Caller, action: str, target: Any, refused: Refused) -> None:
    """A refused operation, once: the operation writes it, an outer door sees `recorded` and does not."""
    if refused.recorded:
        return
    refused.recorded = True
    reasons = [reason.slug for reason in refused.refusals]
    with _own_transaction():
        write([entry(caller, action, target, outcome=refused.first.code, reasons=reasons, **refused.noted)])


def _failure(caller: Caller, action: str, target: Any) -> None:
    # An operation that broke is an event as well. Where the database itself is what broke, there is nowhere to write to,
    # and the original error matters more than this one.
    with contextlib.suppress(DatabaseError), _own_transaction():
        write([entry(caller, action, target, outcome="InternalFailure")])


def _target_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    for value in (*args, *kwargs.values()):
        if hasattr(value, "_meta"):
            return value
    return None


def operation(action: str) -> Callable[[Callable[Concatenate[Caller, P], R]], Callable[Concatenate[Caller, P], R]]:
    """Marks a function as the one operation behind `action` and writes the event of every refusal it raises.

    The function itself records its success, inside its own transaction. The refusal is written after that transaction
    has been rolled back, so that it survives it.
    """

    def mark(function: Callable[Concatenate[Caller, P], R]) -> Callable[Concatenate[Caller, P], R]:
        @functools.wraps(function)
        def run(caller: Caller, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(caller, *args, **kwargs)
            except Refused as refused:
                refusal(caller, action, refused.target or _target_of(args, kwargs), refused)
                raise
            except Exception:
                _failure(caller, action, _target_of(args, kwargs))
                raise

        run.action = action  # type: ignore[attr-defined]
        return cast("Callable[Concatenate[Caller, P], R]", run)

    return mark
