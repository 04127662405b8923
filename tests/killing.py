"""`kill -9` at every write to the database: what was cut off must be whole afterwards, done or not begun.

    for made, place in deaths(prepare, work):
        ...  # `made` is what `prepare` built; the process that ran `work(made)` died at `place`

Works on SQLite and PostgreSQL; the test needs `django_db(transaction=True)`, because another process does the work.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

from django.db import connection, connections

T = TypeVar("T")
_context = multiprocessing.get_context("fork")
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def deaths(prepare: Callable[[], T], work: Callable[[T], object]) -> Iterator[tuple[T, str]]:
    """One death after the other: before and after the first write of `work`, the second, … and every commit, until it comes
    to its end alive. Each works on something `prepare` has built for it."""
    for moment in itertools.count():
        made = prepare()
        place = died_at(moment, lambda made=made: work(made))  # type: ignore[misc]
        if not place:
            assert moment, "the work never wrote anything"
            return
        yield made, place


def died_at(moment: int, work: Callable[[], object]) -> str:
    """Runs `work` in a process that kills itself at this moment, counted from 0: ``before UPDATE "keys_key"``,
    ``after COMMIT``. Empty where it came to its end before. The parent closes its connections before the fork."""
    connections.close_all()
    ours, theirs = os.pipe()

    def run() -> None:
        try:
            with ExitStack() as stack:
                _arm(stack, moment, theirs)
                work()
        except BaseException:  # noqa: BLE001 - the parent must hear of anything
            os.write(theirs, f"error {traceback.format_exc()}"[-4000:].encode())
            os._exit(1)
        os._exit(0)

    child = _context.Process(target=run)
    child.start()
    os.close(theirs)
    with os.fdopen(ours, "rb") as told:
        place = told.read().decode()
    child.join()
    if child.exitcode not in (0, -signal.SIGKILL):
        raise AssertionError(place)
    return place if child.exitcode else ""


def _arm(stack: ExitStack, moment: int, tell: int) -> None:
    left = itertools.count(moment, -1)

    def may_die(place: str) -> None:
        if next(left) == 0:
            os.write(tell, place.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().upper().startswith(WRITES):
            return run(sql, params, many, context)
        name = " ".join(sql.split()[:3])
        may_die(f"before {name}")
        answer = run(sql, params, many, context)
        may_die(f"after {name}")
        return answer

    real_commit = connection.commit

    def commit() -> None:
        may_die("before COMMIT")
        real_commit()
        may_die("after COMMIT")

    stack.enter_context(connection.execute_wrapper(execute))
    connection.commit = commit  # type: ignore[method-assign]
