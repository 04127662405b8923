"""Long lists in statements of SQLite: in pieces of a power of two, so that a few prepared statements serve lists of any size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

MOST = 64


def pieces(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """All of `rows`, in order."""
    start = 0
    while left := len(rows) - start:
        size = min(MOST, 1 << (left.bit_length() - 1))
        yield rows[start:start + size]
        start += size


def found(raw: Any, table: str, column: str, values: Iterable[Any]) -> set[Any]:
    """Those of `values` that stand in an indexed column. SQLite would sort a list behind ``IN`` first, which costs more than
    looking its values up. Names are our own."""
    known, asked = set[Any](), [*values]
    for start in range(0, len(asked), MOST):
        piece = asked[start:start + MOST]
        piece += piece[-1:] * (-len(piece) % 8)  # a few prepared statements serve all lengths
        marks = ",".join(["(?)"] * len(piece))
        known.update(row[0] for row in raw.execute(
            f"SELECT {column} FROM (VALUES {marks}) CROSS JOIN {table} ON {column} = column1", piece))  # noqa: S608
    return known


def among(raw: Any, query: str, values: Iterable[Any]) -> list[Any]:
    """The rows of `query` for all `values`. raw: a connection of the driver. query: our own, with ``{}`` for ``IN (…)``."""
    rows: list[Any] = []
    for piece in pieces([*values]):
        rows += raw.execute(query.format(f"IN ({','.join('?' * len(piece))})"), piece).fetchall()
    return rows
