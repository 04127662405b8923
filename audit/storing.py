"""Writing the rows of events, one or many in one statement: the ORM takes longer over a row than the database does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from audit.models import Event

COLUMNS = tuple(str(field.column) for field in Event._meta.concrete_fields if not field.primary_key)
_NAMES = ",".join(COLUMNS)
# Only names of our own go into the text.
_ROWS = f"INSERT INTO audit_event ({_NAMES}) VALUES ({','.join(['%s'] * len(COLUMNS))})"  # noqa: S608
_TYPES = ",".join(f"{name} {'timestamptz' if name == 'at' else 'text'}" for name in COLUMNS)
_AS_JSON = f"INSERT INTO audit_event ({_NAMES}) SELECT {_NAMES} FROM json_to_recordset(%s) AS entry ({_TYPES})"  # noqa: S608


def store(entries: Sequence[tuple[Any, ...]]) -> None:
    """In order, in the caller's transaction. Each is a row of ``COLUMNS``, the first of which is the time."""
    if not entries:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = [dict(zip(COLUMNS, entry, strict=True)) for entry in entries]
            cursor.execute(_AS_JSON, [json.dumps(rows, default=str)])
        else:
            cursor.executemany(_ROWS, [(stored(at), *rest) for at, *rest in entries])


@lru_cache(maxsize=256)
def stored(moment: datetime) -> str:
    """As Django stores it in SQLite."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))
