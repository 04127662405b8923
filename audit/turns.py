"""Turns at writing an SQLite file. Pure; knows no Django.

SQLite has one writer, and whoever waits for it sleeps and looks again, up to a tenth of a second later. Beside a process that
writes without a pause the others would look in vain until their time is up. So writers queue here: a first lock is the head
of the queue, a second one the turn itself. Whoever ends a turn finds the next one already at the head and cannot overtake it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class Turn:
    """``with Turn(path):``, or `begin` and `end`. Waits as long as it takes; the kernel ends the turn of a process that dies."""

    __slots__ = ("_files", "_names")

    def __init__(self, database: str | Path) -> None:
        self._names = (f"{database}.queue", f"{database}.turn")
        self._files: list[int] = []

    def begin(self) -> None:
        # Opened for each turn: a lock belongs to the open file, and one that was inherited by a fork would be shared.
        for name in self._names:
            file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._files.append(file)
            fcntl.flock(file, fcntl.LOCK_EX)
        os.close(self._files.pop(0))

    def end(self) -> None:
        """A second call does nothing."""
        while self._files:
            os.close(self._files.pop())

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
