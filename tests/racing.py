"""Several processes doing one thing at once, each with a database connection of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

from django.db import connections

_context = multiprocessing.get_context("fork")


def race(work: Callable[[int], Any], processes: int = 2) -> list[Any]:
    """Runs `work(number)` in each process from one starting signal; returns what they returned, in order of number.

    The parent closes its connections before the fork: two processes on one socket would answer each other's queries.
    """
    connections.close_all()
    start, answers = _context.Barrier(processes), _context.SimpleQueue()

    def run(number: int) -> None:
        try:
            start.wait()
            answers.put((number, work(number)))
        except BaseException as error:  # noqa: BLE001 - the parent must hear of anything, or it would wait for ever
            answers.put((number, error))
        finally:
            connections.close_all()

    children = [_context.Process(target=run, args=(number,)) for number in range(processes)]
    for child in children:
        child.start()
    found = dict(answers.get() for _ in children)
    for child in children:
        child.join()
    for value in found.values():
        if isinstance(value, BaseException):
            raise value
    return [found[number] for number in range(processes)]
