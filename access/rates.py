"""Counting requests by the second, in the database: one count for all processes and machines."""

from __future__ import annotations

from django.db import connection

# One statement is one decision, on SQLite and on PostgreSQL: the second of two at once sees the count of the first. A
# process whose clock is a second behind counts into the second that the others are in, instead of starting anew.
_COUNT = """
    INSERT INTO access_ratewindow (account, rate_class, second, count) VALUES (%s, %s, %s, 1)
    ON CONFLICT (account, rate_class) DO UPDATE SET
        count = CASE WHEN excluded.second > access_ratewindow.second THEN 1 ELSE access_ratewindow.count + 1 END,
        second = CASE WHEN excluded.second > access_ratewindow.second THEN excluded.second ELSE access_ratewindow.second END
    RETURNING count
"""


def count(account: str, rate_class: str, second: int) -> int:
    """How many requests of this account and class have come in this second, this one included."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [account, rate_class, second])
        return int(cursor.fetchone()[0])
