"""The one thing that differs: BEGIN waits for its turn, and the end of the transaction, however it ends, gives it back."""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import base

from audit.turns import Turn

_Django: Any = base.DatabaseWrapper  # the stubs know nothing of what is overridden here


class DatabaseWrapper(_Django):
    _turn: Turn | None = None

    def _start_transaction_under_autocommit(self) -> None:
        if not self.is_in_memory_db():
            self._turn = Turn(self.settings_dict["NAME"])
            self._turn.begin()
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> Any:
        super()._commit()
        self._end_turn()

    def _rollback(self) -> Any:
        try:
            super()._rollback()
        finally:
            self._end_turn()

    def _close(self) -> Any:
        try:
            super()._close()
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.end()
            self._turn = None
