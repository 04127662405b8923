"""One page of a list, as every list of the API answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """items of page `number` (from 1) at `size` per page; `total` over all pages."""

    items: list[Any]
    total: int
    number: int
    size: int

    @classmethod
    def of(cls, rows: Any, number: int, size: int, total: int | None = None) -> Page:
        """The page of an ordered query (anything that can be sliced and counted). total: where it is known."""
        start = (number - 1) * size
        return cls(list(rows[start:start + size]), rows.count() if total is None else total, number, size)
