"""Rows straight into their tables: a million keys in minutes. Only for estates to measure with; no operation, no event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction

Row = tuple[Any, ...]


class Table:
    """The table of a model. names: of the fields that differ from row to row; all others hold what `like` holds."""

    def __init__(self, like: models.Model, *names: str) -> None:
        meta = like._meta
        varied = [meta.get_field(name) for name in names]
        fixed = [field for field in meta.concrete_fields if field not in varied and not isinstance(field, models.AutoField)]
        self.constant = tuple(field.get_db_prep_save(field.pre_save(like, add=True), connection) for field in fixed)
        columns = ", ".join(f'"{field.column}"' for field in [*varied, *fixed])
        self.dated = [place for place, field in enumerate(varied) if isinstance(field, models.DateField)]
        if connection.vendor == "postgresql":
            self.statement = f'COPY "{meta.db_table}" ({columns}) FROM STDIN'
        else:
            places = ", ".join(["%s"] * (len(varied) + len(fixed)))
            self.statement = f'INSERT INTO "{meta.db_table}" ({columns}) VALUES ({places})'  # noqa: S608 - our own names

    def add(self, rows: Iterable[Row]) -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(self.statement) as copy:
                    for row in rows:
                        copy.write_row((*row, *self.constant))
            else:
                cursor.executemany(self.statement, [(*self._plain(row), *self.constant) for row in rows])

    def _plain(self, row: Row) -> Row:
        """Dates as Django writes them into SQLite: text, in UTC, without a zone."""
        found = list(row)
        for place in self.dated:
            if found[place] is not None:
                found[place] = str(found[place]).removesuffix("+00:00")
        return tuple(found)


@contextmanager
def in_bulk(*tables: type[models.Model]) -> Iterator[None]:
    """Inside, the indexes of `tables` are gone and foreign keys are not looked at: both are ten times cheaper at the end, and at
    once. Afterwards everything stands as the migrations made it, with the statistics that PostgreSQL gathers by itself."""
    postgres = connection.vendor == "postgresql"
    _run("SET session_replication_role = replica" if postgres else
         "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -300000")
    with connection.schema_editor(atomic=False) as editor:
        for table in tables:
            for index in table._meta.indexes:
                editor.remove_index(table, index)
    yield
    if postgres:
        _run("SET maintenance_work_mem = '256MB'")
    with connection.schema_editor(atomic=False) as editor:
        for table in tables:
            for index in table._meta.indexes:
                editor.add_index(table, index)
    _run("SET session_replication_role = DEFAULT; VACUUM (ANALYZE)" if postgres else "PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()  # the next one has the product's own settings again


def _run(statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements.split("; "):
            cursor.execute(statement)


def in_one_go(batches: Iterable[dict[Table, list[Row]]]) -> None:
    """A transaction each, tables in the order given."""
    for batch in batches:
        with transaction.atomic():
            for table, rows in batch.items():
                if rows:
                    table.add(rows)
