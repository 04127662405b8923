"""Pages over many keys: many times as many keys cost no more queries, and no query reads a whole table."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from access import lists
from audit.models import Event
from base import clock
from bench import estate, visits
from keys import tallies
from keys.models import InstanceTally
from tests import make
from tests.pages.conftest import log_in

FEW, MANY = 120, 2000
# A search asks where its look ends if it is one among many keys; where it found none among few, nothing is asked at all. That
# depends on "few" or "many", and no further on the size of the estate.
MAY_DIFFER = {"search_alias": 1, "search_description": 2, "filter": 2}
# Indexes that hold a few rows of the table and are read in their order, and a table of one row; indexes that only say whose a
# row is.
PARTS = ("key_due", "key_rotation_due", "key_material_due", "keys_usecursor")
OWNERS = re.compile(r"keys_(key|alias|keyversion)_(account|instance)_id_[0-9a-f]{8}")


def filled(who, keys):
    built = estate.fill(who.user, keys)
    event = Event.objects.filter(account=who.account.pk).order_by("-id").values_list("request_id", flat=True)[20]
    return visits.Spots(built.instance.pk, built.middle, built.version, event)


def asked(who, spots):
    """[(family, name of the page, statements with their parameters)]"""
    client, found = log_in(who), []
    client.get("/")  # the first visit fills caches
    pages = [*visits.addresses(spots, who.account.pk),
             *(("page", name, "/keys/", query) for name, query in visits.cursors(spots, who.account.pk).items())]
    for family, name, path, query in pages:
        if family == "csv":
            continue  # reads on while the reader listens
        seen = []
        with connection.execute_wrapper(lambda execute, *args, seen=seen: seen.append(args[:2]) or execute(*args)):
            assert client.get(path, query).status_code == 200, path
        found.append((family, name, seen))
    return found


@pytest.fixture
def estates(alice, instance, charlie, monkeypatch):
    """As `asked` gives them: of Alice, who has a few keys, and of Charlie, who has many. A page looks at few rows here, so that
    many are many."""
    monkeypatch.setattr(lists, "CAP", 60)
    monkeypatch.setattr(lists, "LOOK", 300)
    make.instance(charlie)
    few, many = filled(alice, FEW), filled(charlie, MANY)
    estate.as_the_clock_does(clock.now())
    return asked(alice, few), asked(charlie, many)


def walks(line, sql):
    """Of SQLite's plan: a table of keys read from end to end, or all rows of somebody; a count with a cap stops."""
    if "SCAN keys_" in line:
        return not any(name in line for name in PARTS)
    return OWNERS.search(line) is not None and not sql.endswith(f"LIMIT {lists.CAP + 1}) subquery")


def plans(statements):
    with connection.cursor() as cursor:
        for sql, params in statements:
            if sql.startswith("SELECT"):
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                yield from (f"{line[3]}: {sql.partition(' FROM ')[2][:800]}" for line in cursor.fetchall() if walks(line[3], sql))


def test_more_keys_cost_no_more_queries_and_no_query_walks(estates):
    few, many = estates
    costly = [f"{name}: {len(before)} -> {len(after)}" for (family, name, before), (_, _, after) in zip(few, many, strict=True)
              if len(after) > len(before) + MAY_DIFFER.get(family, 0)]
    assert costly == []
    if connection.vendor == "sqlite":  # PostgreSQL's statistics rightly say that all this is little
        assert sorted({f"{name}: {line}" for _, name, seen in many for line in plans(seen)}) == []


def test_the_look_at_plans_would_notice(alice, make_key):
    if connection.vendor == "sqlite":
        assert [*plans([('SELECT * FROM "keys_key" WHERE "description" = %s', ("x",))])]
        assert [*plans([('SELECT * FROM "keys_alias" ORDER BY "created_at"', ())])]


def test_a_large_instance_is_counted_by_the_clock_and_says_about(alices, alice, instance, make_key, words, monkeypatch):
    monkeypatch.setattr(lists, "CAP", 3)
    for _ in range(4):
        make_key()
    assert "5 / 1,000" not in words(alices.get("/instances/"))
    assert tallies.count_large(clock.now()) == 1
    make_key()
    page = alices.get(f"/instances/{instance.pk}/")
    assert "about 4 / 1,000" in words(page)
    assert "about 996 left" in words(page)
    assert "about 4 / 1,000" in words(alices.get("/instances/"))
    assert tallies.count_large(clock.now()) == 0, "each has its ten minutes"
    assert tallies.count_large(clock.now() + tallies.EVERY) == 1
    assert "about 5 / 1,000" in words(alices.get("/instances/"))
    monkeypatch.setattr(lists, "CAP", 30)
    assert tallies.count_large(clock.now() + tallies.EVERY) == 0
    assert not InstanceTally.objects.exists()
    assert "5 / 1,000" in words(alices.get("/instances/"))


def test_a_search_that_ends_early_says_so_and_goes_on(alices, alice, make_key, words, monkeypatch):
    monkeypatch.setattr(lists, "CAP", 1)
    monkeypatch.setattr(lists, "LOOK", 3)
    old = [make_key(description="receipts of the shop") for _ in range(2)]
    for _ in range(5):
        make_key(description="other things")
    page = alices.get("/keys/", {"q": "receipts"})
    seen = []
    while True:
        seen += [row.key.pk for row in page.context["rows"]]
        if not page.context["found"].next:
            break
        assert page.context["found"].cut
        assert "a page looks at 3 rows; the next one goes on" in words(page)
        page = alices.get("/keys/", {"q": "receipts", "after": page.context["found"].next})
    assert sorted(seen) == sorted(key.pk for key in old)
