"""Pages over many keys: a hundred times as many change neither the number of queries nor what a query reads."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from access import lists
from audit.models import Event
from base import clock
from bench import estate, visits
from tests import make
from tests.pages.conftest import log_in

FEW, MANY = 120, 2000
# A search or a filter that finds many rows asks where its look ends, for the page and for the count; whatever the estate.
ENDS = 3
# Indexes that hold a few rows of the table and are read in their order; and those that only say whose a row is.
PARTS = ("key_due", "key_rotation_due", "key_material_due")
OWNERS = re.compile(r"keys_(key|alias|keyversion)_(account|instance|key)_id_[0-9a-f]{8}")


def filled(who, keys):
    built = estate.fill(who.user, keys)
    event = Event.objects.filter(account=who.account.pk).order_by("-id").values_list("request_id", flat=True)[20]
    return visits.Spots(built.instance.pk, built.middle, built.version, event)


def asked(who, spots):
    """number of the page -> its name, and the statements that it costs, with their parameters"""
    client, found = log_in(who), {}
    client.get("/")  # the first visit fills caches
    addresses = [(name, path, query) for _, name, path, query in visits.addresses(spots, who.account.pk) if ".csv" not in path]
    addresses += [(name, "/keys/", query) for name, query in visits.cursors(spots, who.account.pk).items()]
    for number, (name, path, query) in enumerate(addresses):
        seen = []
        with connection.execute_wrapper(lambda execute, *args, seen=seen: seen.append(args[:2]) or execute(*args)):
            assert client.get(path, query).status_code == 200, path
        found[number] = (name, seen)
    return found


@pytest.fixture
def estates(alice, instance, charlie, monkeypatch):
    """(of Alice, who has a few keys, of Charlie, who has many), as `asked` gives them. A page looks at few rows here, so that
    many are many."""
    monkeypatch.setattr(lists, "CAP", 60)
    monkeypatch.setattr(lists, "LOOK", 300)
    make.instance(charlie)
    few, many = filled(alice, FEW), filled(charlie, MANY)
    estate.as_the_clock_does(clock.now())
    return asked(alice, few), asked(charlie, many)


def bad(line):
    """Of SQLite's plan: a table of keys read from end to end, or all rows of somebody's."""
    if "SCAN keys_" in line:
        return not any(name in line for name in PARTS)
    return OWNERS.search(line) is not None


def test_more_keys_cost_no_more_queries_and_no_query_walks(estates):
    few, many = estates
    costly = [f"{name}: {len(few[number][1])} -> {len(seen)}" for number, (name, seen) in many.items()
              if len(seen) > len(few[number][1]) + ENDS]
    assert costly == []
    if connection.vendor == "postgresql":
        return
    walks = set()
    for name, seen in many.values():
        for sql, params in seen:
            if sql.startswith("SELECT"):
                with connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                    walks |= {f"{name}: {row[3]} in {sql[:60]}…{sql.partition(' FROM ')[2][:1500]}" for row in cursor.fetchall() if bad(row[3])}
    assert sorted(walks) == []
