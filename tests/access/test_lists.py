"""Pages by keyset: every row once, whatever the order, and however the list changes in between; counts with a cap; safe CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from access import lists
from audit.models import Event

BY_TIME = lists.Order(("at", "id"), descending=True)
ORDERS = [BY_TIME, lists.Order(("at", "id")), lists.Order(("action", "id"))]


@pytest.fixture
def events(db):
    """Twelve, of which always three have the same instant and four the same action."""
    start = datetime(2026, 1, 1, microsecond=123, tzinfo=UTC)
    Event.objects.bulk_create([Event(at=start + timedelta(hours=n // 3), action=f"A{n % 3}", request_id=str(n), principal="p",
                                     door="api", outcome="ok") for n in range(12)])
    return Event.objects.all()


def numbers(found):
    return [event.request_id for event in found.items]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 4, 5, 12, 50])
def test_forwards_and_backwards_show_every_row_once(events, order, size):
    whole = numbers(lists.window(events, order, size=100))
    pages = [lists.window(events, order, size=size)]
    while pages[-1].next:
        pages.append(lists.window(events, order, size=size, after=pages[-1].next))
    assert [one for found in pages for one in numbers(found)] == whole
    back = [pages[-1]]
    while back[-1].previous:
        back.append(lists.window(events, order, size=size, before=back[-1].previous))
    assert [numbers(found) for found in reversed(back)] == [numbers(found) for found in pages]
    assert not pages[0].previous
    assert back[-1].next == pages[0].next


def test_a_new_row_moves_nothing(events):
    first = lists.window(events, BY_TIME, size=4)
    Event.objects.create(at=datetime(2027, 1, 1, tzinfo=UTC), request_id="new", principal="p", door="api", action="A",
                         outcome="ok")
    second = lists.window(events, BY_TIME, size=4, after=first.next)
    assert not set(numbers(first)) & set(numbers(second))
    assert numbers(lists.window(events, BY_TIME, size=4, before=second.previous)) == numbers(first)


@pytest.mark.parametrize("cursor", ["x", "!!!!", "bnVsbA", "W10", "WyJhIiwiYiJd", "WzEsMl0", "W251bGwsbnVsbF0", "é", "A" * 2000,
                                    "WyIyMDI2LTAxLTAxIiwiXHUwMDAwIl0",
                                    "WyIyMDI2LTAxLTAxVDAwOjAwIiwiMSJd"])
def test_a_cursor_that_means_nothing_is_the_beginning(events, cursor):
    assert numbers(lists.window(events, BY_TIME, size=3, after=cursor)) == numbers(lists.window(events, BY_TIME, size=3))
    assert lists.window(events, BY_TIME, size=3, before=cursor).items


def test_an_empty_list(db):
    found = lists.window(Event.objects.all(), BY_TIME, size=3)
    assert (found.items, found.next, found.previous) == ([], "", "")


def test_no_page_uses_an_offset(events, django_assert_num_queries):
    first = lists.window(events, BY_TIME, size=4)
    with django_assert_num_queries(1) as queries:
        lists.window(events, BY_TIME, size=4, after=first.next)
    assert "OFFSET" not in queries[0]["sql"].upper()


def test_counts_have_a_cap(events, monkeypatch):
    assert lists.count(events) == lists.Count(12, False)
    monkeypatch.setattr(lists, "CAP", 11)
    assert lists.count(events) == lists.Count(11, True)
    assert lists.few(events.values_list("pk", flat=True)) is None
    monkeypatch.setattr(lists, "CAP", 12)
    assert len(lists.few(events.values_list("pk", flat=True)) or ()) == 12


def test_a_column_with_holes_is_no_order(events):
    with pytest.raises(ValueError, match="NULL"):
        lists._values(BY_TIME, Event(at=None, id=1))


def test_chunks_hold_everything(events, monkeypatch):
    monkeypatch.setattr(lists, "CHUNK", 5)
    found = list(lists.chunks(events, BY_TIME))
    assert [len(one) for one in found] == [5, 5, 2]
    assert len({event.pk for one in found for event in one}) == 12


@pytest.mark.parametrize("dangerous", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(dangerous):
    cells = [dangerous, 'a "quoted", one\nof two lines', None, datetime(2026, 1, 2, tzinfo=UTC)]
    text = "".join(lists.csv_lines(["head"], [[cell] for cell in cells]))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert text.startswith("\ufeff")
    assert rows == [["head"], [f"'{dangerous}"], ['a "quoted", one\nof two lines'], [""], ["2026-01-02T00:00:00+00:00"]]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("look", [1, 2, 5, 12, 50])
@pytest.mark.parametrize("order", ORDERS)
def test_a_look_with_an_end_finds_every_row_once_as_well(events, order, look, inside, monkeypatch):
    monkeypatch.setattr(lists, "LOOK", look)
    fitting = events.filter(action="A1")
    whole = numbers(lists.window(fitting, order, size=100))
    pages = [lists.window(fitting, order, size=2, among=events, inside=inside)]
    while pages[-1].next:
        pages.append(lists.window(fitting, order, size=2, among=events, inside=inside, after=pages[-1].next))
    assert [one for found in pages for one in numbers(found)] == whole
    assert len(pages) <= 12 // look + 3
    back = [pages[-1]]
    while back[-1].previous:
        back.append(lists.window(fitting, order, size=2, among=events, inside=inside, before=back[-1].previous))
    assert [one for found in reversed(back) for one in numbers(found)] == whole
    onward = [back[-1]]
    while onward[-1].next:
        onward.append(lists.window(fitting, order, size=2, among=events, inside=inside, after=onward[-1].next))
    assert [one for found in onward for one in numbers(found)] == whole


@pytest.mark.parametrize("inside", [False, True])
def test_a_count_with_an_end_says_at_least(events, inside, monkeypatch):
    monkeypatch.setattr(lists, "LOOK", 6)
    fitting = events.filter(action="A1")
    assert lists.count(fitting, BY_TIME, events, inside) == lists.Count(2, least=True)
    assert lists.count(fitting, BY_TIME) == lists.Count(4)
    monkeypatch.setattr(lists, "LOOK", 13)
    assert lists.count(fitting, BY_TIME, events, inside) == lists.Count(4)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_count_goes_by_the_look_of_the_first_page(events, inside, size, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(lists, "LOOK", 6)
    fitting = events.filter(action="A1")
    first = lists.window(fitting, BY_TIME, size=size, among=events, inside=inside)
    with django_assert_num_queries(1 if size < 2 else 0):
        assert lists.count(fitting, BY_TIME, events, inside, first.look) == lists.Count(2, least=True)
    assert lists.window(fitting, BY_TIME, size=size, among=events, inside=inside, after=first.next).look is None
    monkeypatch.setattr(lists, "LOOK", 13)
    whole = lists.window(fitting, BY_TIME, size=size, among=events, inside=inside)
    assert lists.count(fitting, BY_TIME, events, inside, whole.look) == lists.Count(4)


def test_a_count_may_have_a_cap_of_its_own(events):
    assert lists.count(events, BY_TIME, cap=11) == lists.Count(11, more=True)
    assert lists.count(events, BY_TIME, cap=12) == lists.Count(12)


def test_a_literal_is_a_word_of_ours():
    with pytest.raises(ValueError, match="drop"):
        lists.literal("x' or drop")
