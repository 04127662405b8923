"""Rows of a wide table, read by the thousand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from django.db.models.base import ModelState


class PlainRows:
    """Beside a model: its objects are made of a row as Django makes them, but without a look at each of forty columns and two
    signals that nobody hears: half of what a row costs. What was not asked for is read when somebody wants it, as ever."""

    _state: ModelState

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **_: Any) -> Self:
        made = cls.__new__(cls)
        made._state = ModelState()
        made._state.adding, made._state.db = False, db
        made.__dict__.update(zip(field_names, values, strict=True))
        return made
