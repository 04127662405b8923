"""Writing the rows of events, one or many in one statement: the ORM takes longer over a row than the database does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.db import connection

from audit.models import Event

COLUMNS = tuple(str(field.column) for field in Event._meta.concrete_fields if not field.primary_key)
_values = attrgetter(*COLUMNS)
_NAMES = ",".join(COLUMNS)
# Only names of our own go into the text.
_ROWS = f"INSERT INTO audit_event ({_NAMES}) VALUES ({','.join(['%s'] * len(COLUMNS))})"  # noqa: S608
_TYPES = ",".join(f"{name} {'timestamptz' if name == 'at' else 'text'}" for name in COLUMNS)
_AS_JSON = f"INSERT INTO audit_event ({_NAMES}) SELECT {_NAMES} FROM json_to_recordset(%s) AS entry ({_TYPES})"  # noqa: S608


def store(entries: Sequence[Any]) -> None:
    """In order, in the caller's transaction. Each has the columns of `Event` as its attributes."""
    if not entries:
        return
    rows = [dict(zip(COLUMNS, _values(entry), strict=True)) for entry in entries]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_AS_JSON, [json.dumps(rows, default=str)])
        else:
            times = {row["at"]: connection.ops.adapt_datetimefield_value(row["at"]) for row in rows}
            cursor.executemany(_ROWS, [[*(row | {"at": times[row["at"]]}).values()] for row in rows])
