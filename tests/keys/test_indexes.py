"""Indexes that every write of a key pays for: none twice."""

from __future__ import annotations

import pytest
from django.db import connection

from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion, KeyWord, SpareMaterial

WRITTEN = (Key, KeyVersion, KeyMaterial, SpareMaterial, Alias, KeyTag, KeyWord)
# Narrow ones that ListKeys and ListAliases count by (`keys.totals`).
COUNTED = {("keys_key", "account_id"), ("keys_alias", "account_id")}

pytestmark = pytest.mark.django_db


def indexes(model):
    """(name, columns) of all in the database."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    return [(name, one["columns"]) for name, one in found.items() if one["index"]]


def test_no_foreign_key_has_an_index_that_another_one_answers_for():
    found = set()
    for model in WRITTEN:
        meta = model._meta
        whole = [one for one in (*meta.indexes, *meta.constraints) if getattr(one, "fields", ()) and one.condition is None]
        leading = {meta.get_field(one.fields[0].lstrip("-")).column for one in whole}
        named = {one.name for one in (*meta.indexes, *meta.constraints)}
        found |= {(meta.db_table, columns[0]) for name, columns in indexes(model)
                  if name not in named and len(columns) == 1 and columns[0] in leading}
    assert found == COUNTED


def test_nobody_keeps_an_index_for_beginnings_that_nobody_looks_for():
    """PostgreSQL needs one of its own for LIKE, and Django makes it for every text."""
    kept = [columns for model in WRITTEN for name, columns in indexes(model) if name.endswith("_like")]
    assert kept == ([["id"]] if connection.vendor == "postgresql" else [])
