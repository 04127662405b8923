"""Reading the trail to its end without missing anything.

Ids of events are given before their transactions commit, so on PostgreSQL an event with a smaller id can appear after one
with a larger. A follower therefore goes only as far as an earlier run of its own saw, and only once every transaction that was
writing when this run began has ended (`writers_have_ended`): all ids up to there are final then.
"""

from __future__ import annotations

import time

from django.db import connection
from django.db.models import Max

from audit.models import Event

PATIENCE_SECONDS = 5.0
_WRITERS = """SELECT virtualtransaction FROM pg_locks WHERE mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation = %s::regclass"""


def newest() -> int:
    """The largest id there is to see. Ask for it before `writers_have_ended`, and note it for the next run."""
    return int(Event.objects.aggregate(newest=Max("pk"))["newest"] or 0)


def writers_have_ended() -> bool:
    """Whether all who were writing events when this was asked have committed or gone. SQLite has one writer, whose ids
    appear in order."""
    if connection.vendor != "postgresql":
        return True
    waiting = then = _writers()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting and time.monotonic() < deadline:
        time.sleep(0.02)
        waiting = then & _writers()
    return not waiting


def _writers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS, [Event._meta.db_table])
        return {name for (name,) in cursor.fetchall()}
