"""Long lists of the console: pages by keyset and never by OFFSET, counts with a cap, addresses that say everything, CSV.

Lives on the floor that knows people, like `access.pages`, because lists of all floors above use it. A list gives its rows as a
query and one of its `Order`s; what a page costs does not depend on how many rows there are.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Concat
from django.db.models.lookups import Exact
from django.http import StreamingHttpResponse

CAP = 1000
# How many rows a page or a count looks at where no index leads to those that fit.
LOOK = 1000
CHUNK = 500
_LONGEST_CURSOR = 1000
# What a spreadsheet takes for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Order:
    """A way to sort. fields: columns of the row itself, without NULLs, the last one unique; all of them run the same way."""

    fields: tuple[str, ...]
    descending: bool = False

    def columns(self, *, reverse: bool = False) -> list[str]:
        return [f"-{name}" if self.descending != reverse else name for name in self.fields]


@dataclass(frozen=True, slots=True)
class Count:
    """n: exact; or the cap where there are more; or about, as somebody counted earlier; or at least, among the first ``LOOK``."""

    n: int
    more: bool = False
    about: bool = False
    least: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """end: where a look at the first ``LOOK`` rows of a list ends; None where there are no more. found: how many fit among them,
    where a page has shown them all."""

    end: list[Any] | None
    found: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows of a list. next, previous: what asks for the rows after and before these, empty at the ends. cut: nobody looked
    further, so these may be fewer than fit on the page, and the search goes on with the next. look: of the first page."""

    items: list[Any]
    size: int
    next: str
    previous: str
    cut: bool = False
    look: Look | None = None


def begins(field: str, text: str) -> Q:
    """`field` begins with `text`, so that an index can answer: SQLite's LIKE ignores case and therefore its indexes."""
    if connection.vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    return Q(**{f"{field}__gte": text, f"{field}__lt": f"{text}\U0010ffff"})


def literal(text: str) -> RawSQL:
    """A word of ours, written into the statement and not bound to it: SQLite takes an index with a condition only where it reads
    the same condition in the query."""
    if not text.isalnum() and text:
        raise ValueError(text)
    return RawSQL(f"'{text}'", ())  # noqa: S611 - letters and digits only


def quiet(column: str, value: str) -> Q:
    """`column` is `value`, said so that SQLite looks for no index of it."""
    if connection.vendor == "postgresql":
        return Q(**{column: value})
    return Q(Exact(Concat(column, Value(""), output_field=CharField()), value))


def few(ids: QuerySet[Any]) -> set[Any] | None:
    """The ids of a query, or None where they are more than ``CAP``. So a rare condition can lead a search, and a common one is
    tested row by row: either way a page reads some thousand rows at most."""
    found = list(ids.order_by()[:CAP + 1])
    return set(found) if len(found) <= CAP else None


def count(rows: QuerySet[Any], order: Order | None = None, among: QuerySet[Any] | None = None, inside: bool = False,
          look: Look | None = None, cap: int | None = None) -> Count:
    """order: that of an index over the rows, without which PostgreSQL would rather read the table from its beginning; SQLite
    would sort. among, inside: as `window` takes them; then only the first ``LOOK`` are looked at. look: of a page that was read
    in the same way, and need not be repeated. cap: ``CAP`` unless said."""
    if look is not None and look.found is not None:
        return Count(look.found, least=True)
    cap, end = CAP if cap is None else cap, None
    if order is not None and among is not None:
        end = look.end if look is not None else _end(among, order)
        rows = _within(rows, order, among, end, inside=inside)
    ordered = order.columns() if order is not None and connection.vendor == "postgresql" else ()
    found = rows.order_by(*ordered)[:cap + 1].count()
    return Count(min(found, cap), found > cap, least=end is not None and found <= cap)


def estimate(counted: int) -> Count:
    return Count(counted, about=True)


def window(rows: QuerySet[Any], order: Order, *, size: int, after: str = "", before: str = "",
           among: QuerySet[Any] | None = None, inside: bool = False) -> Window:
    """The `size` rows after or before a cursor. A cursor that means nothing is the beginning, because a bookmark must open.

    among: rows that an index gives in this order and of which `rows` are a part. A page then looks at ``LOOK`` of them at most,
    so that it costs the same where hardly any of them fits. inside: `rows` does not say what `among` does.
    """
    back = not after and bool(before)
    edge = _position(rows, order, before if back else after)
    back = back and edge is not None
    descending, whole = order.descending != back, among
    if edge is not None:
        rows = rows.filter(_beyond(order, edge, descending=descending))
        among = among.filter(_beyond(order, edge, descending=descending)) if among is not None else None
    end = None
    if among is not None:
        end = _end(among, order, reverse=back)
        rows = _within(rows, order, among, end, inside=inside, reverse=back)
    found = list(rows.order_by(*order.columns(reverse=back))[:size + 1])
    more, items = len(found) > size, found[:size]
    if back:
        items.reverse()
    cut = end is not None and not more
    first: list[Any] | None
    last: list[Any] | None
    if items:
        first, last = _values(order, items[0]), _values(order, items[-1])
    else:
        first = last = end or (_last(whole, order, reverse=back) if whole is not None and edge is not None else None)
    if cut:
        # Nobody knows what comes after the last that was looked at, so the reader may go on there.
        first, last = (end, last) if back else (first, end)
    has_next, has_previous = (edge is not None, more or cut) if back else (more or cut, edge is not None)
    look = Look(end, len(items) if cut else None) if among is not None and edge is None else None
    return Window(items, size, _cursor(last) if last and has_next else "", _cursor(first) if first and has_previous else "", cut,
                  look)


def chunks(rows: QuerySet[Any], order: Order) -> Iterator[list[Any]]:
    """All rows, window by window: nothing is held for long, and what changes meanwhile moves nothing."""
    after = ""
    while True:
        found = window(rows, order, size=CHUNK, after=after)
        yield found.items
        if not found.next:
            return
        after = found.next


def _beyond(order: Order, edge: list[Any], *, descending: bool) -> Q:
    """Rows after `edge`: (a, b) > (x, y), written out. The bound on the first column alone is what an index can use."""
    past, upto = ("lt", "lte") if descending else ("gt", "gte")
    found, same = Q(), Q()
    for name, value in zip(order.fields, edge, strict=True):
        found |= same & Q(**{f"{name}__{past}": value})
        same &= Q(**{name: value})
    return Q(**{f"{order.fields[0]}__{upto}": edge[0]}) & found


def _upto(order: Order, edge: list[Any], *, descending: bool) -> Q:
    """Rows before `edge`, and that itself."""
    bound = "gte" if descending else "lte"
    same = Q(**dict(zip(order.fields, edge, strict=True)))
    return Q(**{f"{order.fields[0]}__{bound}": edge[0]}) & (_beyond(order, edge, descending=not descending) | same)


def _within(rows: QuerySet[Any], order: Order, among: QuerySet[Any], end: list[Any] | None, *, inside: bool,
            reverse: bool = False) -> QuerySet[Any]:
    """Those of `rows` that one look sees."""
    if inside:
        return rows.filter(pk__in=_looked_at(among, order, reverse=reverse))
    return rows if end is None else rows.filter(_upto(order, end, descending=order.descending != reverse))


def _end(among: QuerySet[Any], order: Order, *, reverse: bool = False) -> list[Any] | None:
    """Where the look ends; None where it reaches the end of the list."""
    ends = list(among.order_by(*order.columns(reverse=reverse)).values_list(*order.fields)[LOOK - 1:LOOK + 1])
    return list(ends[0]) if len(ends) > 1 else None


def _last(among: QuerySet[Any], order: Order, *, reverse: bool) -> list[Any] | None:
    """The end of the list. Where a look got there and found nothing it does not fit, so the way back begins at it."""
    return next((list(row) for row in among.order_by(*order.columns(reverse=not reverse)).values_list(*order.fields)[:1]), None)


def _looked_at(among: QuerySet[Any], order: Order, *, reverse: bool = False) -> QuerySet[Any]:
    return among.order_by(*order.columns(reverse=reverse)).values("pk")[:LOOK]


def _values(order: Order, row: Any) -> list[Any]:
    values = [getattr(row, name) for name in order.fields]
    if None in values:
        raise ValueError(f"{order.fields} must not hold NULLs")  # nothing is after NULL, and the list would begin anew for ever
    return values


def _cursor(values: list[Any]) -> str:
    texts = [one.isoformat() if isinstance(one, date) else str(one) for one in values]
    return base64.urlsafe_b64encode(json.dumps(texts, separators=(",", ":")).encode()).decode().rstrip("=")


def _position(rows: QuerySet[Any], order: Order, cursor: str) -> list[Any] | None:
    if not cursor or len(cursor) > _LONGEST_CURSOR:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(order.fields) or not all(isinstance(one, str) for one in values):
            return None
        found = [rows.model._meta.get_field(name).to_python(value) for name, value in zip(order.fields, values, strict=True)]
    except (ValidationError, ValueError, binascii.Error, RecursionError, OverflowError):
        return None
    return found if all(map(_meant, found)) else None


def _meant(value: Any) -> bool:
    """Whether one of our own cursors could hold it."""
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return value is not None and str(value).isprintable()


def safe_cell(value: Any) -> str:
    """Text that no spreadsheet runs: what looks like a formula gets an apostrophe in front."""
    text = "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """With a byte order mark, without which spreadsheets read UTF-8 as something else."""
    out = io.StringIO()
    writer = csv.writer(out)
    yield "\ufeff"
    for row in itertools.chain([head], rows):
        writer.writerow([safe_cell(cell) for cell in row])
        if out.tell() > 32_768:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def csv_answer(name: str, head: Iterable[str], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    return StreamingHttpResponse(csv_lines(head, rows), content_type="text/csv; charset=utf-8",
                                 headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})
