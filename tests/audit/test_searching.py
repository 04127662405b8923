"""Reading the trail: newest first, narrowed, step by step, and never more work than a step."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access import trail
from audit import recording, searching
from audit.models import Event
from audit.searching import Wanted
from base import clock
from base.caller import Caller
from keys import operations as keys
from keys.states import State
from tests import make
from tests.keys.calls import outcome

START = clock.now() - timedelta(days=10)


@pytest.fixture
def story(alice, bob):
    """A hundred events, one an hour: every tenth is Bob's, every fifth a read."""
    for number in range(100):
        who, action = (bob if number % 10 == 0 else alice), ("DescribeKey" if number % 5 == 0 else "EnableKey")
        recording.record(who(at=START + timedelta(hours=number)), action, ("key", f"key-{number:03}"), number=number)
    return alice.account.pk


def numbers(found):
    return [int(event.object_id[-3:]) for event in found.events]


def test_it_works(story):
    found = searching.find(story, Wanted(object_id="key-"), size=10)
    assert numbers(found) == list(range(99, 89, -1))
    assert found.full


def test_steps_meet_every_event_once(story):
    seen, before = [], 0
    while True:
        found = searching.find(story, Wanted(object_id="key-"), before=before, size=7, look=20)
        seen += numbers(found)
        if not found.older:
            break
        before = found.older
    assert seen == list(range(99, -1, -1))


def test_a_step_looks_at_so_many_and_says_how_far_it_came(story):
    found = searching.find(story, Wanted(object_id="key-003"), look=50)
    assert (numbers(found), found.full) == ([], False)
    assert found.looked_to == START + timedelta(hours=50)
    assert numbers(searching.find(story, Wanted(object_id="key-003"), before=found.older, look=50)) == [3]


@pytest.mark.parametrize(("wanted", "expected"), [
    (Wanted(principal="bob", object_id="key-"), [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]),
    (Wanted(principal="user/bob", since=START + timedelta(hours=71), object_id="key-"), [90, 80]),
    (Wanted(until=START + timedelta(hours=2), object_id="key-"), [2, 1, 0]),
    (Wanted(since=START + timedelta(hours=98)), [99, 98]),
    (Wanted(since=START + timedelta(hours=40), until=START + timedelta(hours=41, minutes=30)), [41, 40]),
    (Wanted(since=START + timedelta(days=30)), []),
    (Wanted(action="DescribeKey", since=START + timedelta(hours=90)), [95, 90]),
    (Wanted(object_id="key-01", decisions=True), [19, 18, 17, 16, 14, 13, 12, 11]),
    (Wanted(outcome="refused", object_id="key-"), []),
])
def test_it_narrows(story, wanted, expected):
    assert numbers(searching.find(story, wanted, size=50)) == expected


@pytest.mark.parametrize(("wanted", "queries"), [
    (Wanted(), 1), (Wanted(principal="bob"), 2), (Wanted(principal="nobody"), 2), (Wanted(since=START), 2),
    (Wanted(principal="bob", since=START, until=START + timedelta(hours=50)), 4)])
def test_the_number_of_queries_does_not_grow(story, django_assert_num_queries, wanted, queries):
    for look in (searching.LOOK, 20):
        with django_assert_num_queries(queries):
            searching.find(story, wanted, look=look)


def test_the_last_page_says_that_nothing_is_left(story):
    for wanted, size in ((Wanted(principal="bob", object_id="key-"), 10), (Wanted(object_id="key-"), 100), (Wanted(), 200)):
        found = searching.find(story, wanted, size=size)
        assert (len(found.events) >= 10, found.older) == (True, 0)
    assert searching.find(story, Wanted(principal="bob", object_id="key-"), size=9).older
    assert searching.find(story, Wanted(principal="bob", object_id="key-"), size=1, look=10).older


@pytest.mark.parametrize("hour", [-1, 0, 3, 3.5, 4, 9, 10])
def test_a_time_is_found_between_events_of_others_and_of_one_moment(alice, charlie, hour):
    for number in range(10):
        recording.record(charlie(at=START + timedelta(hours=number)), "EnableKey", ("key", "not-hers"))
        for turn in range(number % 3 + 1):
            recording.record(alice(at=START + timedelta(hours=number)), "EnableKey", ("key", f"key-{number}-{turn}"))
    mine = Event.objects.filter(account=alice.account.pk, at__gte=START, at__lt=START + timedelta(days=1)).order_by("-id")
    edge = START + timedelta(hours=hour)
    since = searching.find(alice.account.pk, Wanted(since=edge, until=START + timedelta(hours=9)))
    until = searching.find(alice.account.pk, Wanted(since=START, until=edge))
    assert since.events == list(mine.filter(at__gte=edge))
    assert until.events == list(mine.filter(at__lte=edge))


def test_no_event_at_all(db):
    found = searching.find("2000000000000001", Wanted(since=START, until=START))
    assert (found.events, found.older, found.looked_to) == ([], 0, None)


def test_by_request(alice, make_key):
    caller = alice()
    keys.disable_key(caller, make_key())
    assert [event.action for event in searching.find(caller.account, Wanted(request_id=caller.request_id.lower())).events] == \
        ["DisableKey"]


def test_charlie_reads_only_his_own(story, charlie):
    assert trail.lookup_events(charlie(), wanted=Wanted(object_id="key-")).events == []


def test_looking_is_an_event_and_not_for_everybody(alice, bob, carol):
    trail.lookup_events(carol())
    assert Event.objects.filter(action="LookupEvents", principal="user/carol", outcome="ok").count() == 1
    assert outcome(lambda: trail.lookup_events(bob())) == "Forbidden.NoPermission"


def test_what_the_clock_did_to_a_key_stands_in_its_owners_trail(alice, make_key):
    due = make.due_key(alice, home=make_key(State.ENABLED).instance)
    keys.destroy_key(Caller.system(clock.now()), due)
    [event] = searching.find(alice.account.pk, Wanted(action="DestroyKey")).events
    assert (event.object_id, event.principal) == (due.pk, "system/clock")
