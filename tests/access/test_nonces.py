"""Each nonce counts once: over groups, processes, transactions that fail, and moves from one table to the other."""

from __future__ import annotations

import random
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, transaction

from access import nonces
from access.models import NonceGroup, UsedNonce
from base import clock

pytestmark = pytest.mark.django_db


def claim(*names, minutes=30):
    until = clock.real_now() + timedelta(minutes=minutes)
    with transaction.atomic():
        return nonces.claim(connection, [(nonces.digest("LTAI", str(name)), until) for name in names])


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(nonces, "AT_HAND", 10)
    monkeypatch.setattr(nonces, "SLICE", 4)


@pytest.fixture
def as_another_process(monkeypatch):
    """Calls of it are another process from then on: nothing is known by heart."""
    return lambda: monkeypatch.setattr(nonces, "_known", nonces._Known())


def test_a_nonce_counts_once_per_key():
    until = clock.real_now() + timedelta(minutes=30)
    assert [nonces.claim_one(key, "n", keep_until=until) for key in "AABAB"] == [True, False, True, False, False]


def test_of_two_alike_in_one_group_the_first_counts():
    assert claim("a", "b", "a", "c", "b") == [True, True, False, True, False]
    assert claim("c", "d", "d") == [False, True, False]


def test_what_other_processes_claimed_counts(as_another_process):
    assert claim("a") == [True]
    ours = nonces._known
    as_another_process()
    assert claim("a", "b") == [False, True]
    nonces._known = ours
    assert claim("b", "c") == [False, True]


def test_what_was_rolled_back_may_come_again():
    assert claim("a") == [True]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert claim("b") == [True]
        assert claim("b", "c") == [False, True]
        1 / 0  # noqa: B018
    assert claim("a", "d") == [False, True]
    assert claim("b", "c", "d") == [True, True, False]


def step(moving):
    """One slice, where there is anything to move: never where a constraint decides."""
    if moving.is_due:
        with transaction.atomic():
            done = moving.step(connection)
        done()


def put_away(moving=None, *, fail=False):
    """Until it is not due any more; with `fail` every other slice is rolled back. Returns how many slices there were."""
    moving, steps = moving or nonces.PuttingAway(), 0
    while moving.is_due:
        steps += 1
        if fail and steps % 2:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                moving.step(connection)
                1 / 0  # noqa: B018
        else:
            step(moving)
    return steps


@pytest.mark.parametrize("fail", [False, True])
def test_many_groups_go_to_the_indexed_table_in_slices(small, as_another_process, fail):
    for number in range(40):
        assert claim(number) == [True]
    assert claim(39) == [False]
    if connection.vendor == "sqlite":
        assert UsedNonce.objects.count() == 0
        assert put_away(fail=fail) == (20 if fail else 10)
        assert (UsedNonce.objects.count(), NonceGroup.objects.count()) == (40, 0)
        assert len(nonces._known.digests) == 0
    assert claim(*range(42)) == [False] * 40 + [True] * 2
    as_another_process()
    assert claim(*range(43)) == [False] * 42 + [True]


def test_used_nonces_do_not_make_everything_be_read_again(small, as_another_process):
    claim(*range(40))
    put_away()
    claim("a")
    as_another_process()
    assert claim("a", 0, 1) == [False] * 3
    times = nonces._known.times
    for number in range(40):
        assert claim("a", number) == [False, False]
    assert claim("b") == [True]
    assert nonces._known.times == times


def test_what_could_not_be_stored_may_come_again(monkeypatch):
    """The claim fails between memory and row, the transaction goes on."""
    assert claim("a") == [True]
    if connection.vendor == "sqlite":
        with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
            patch.setattr(nonces, "stored", lambda _: 1 / 0)
            claim("a", "b")
    assert claim("a", "b", "b") == [False, True, False]


def test_what_is_claimed_while_others_are_put_away_counts(small):
    claim(*range(40))
    claim(40)
    moving = nonces.PuttingAway()
    for number in range(41, 60):
        step(moving)
        assert claim(number, number - 1) == [True, False]
    assert claim(*range(61)) == [False] * 60 + [True]
    assert UsedNonce.objects.count() + sum(len(one.digests) for one in NonceGroup.objects.all()) // 8 >= 61


def test_a_move_that_began_in_a_failed_transaction_begins_again(small):
    """The first slice is decided on with a group that is rolled back; another group gets its id."""
    claim(*range(20))
    moving = nonces.PuttingAway()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        nonces.claim(connection, [(nonces.digest("LTAI", "lost"), clock.real_now())])
        if moving.is_due:
            moving.step(connection)
        1 / 0  # noqa: B018
    claim(*range(20, 40))
    put_away(moving)
    assert claim(*range(40), "lost") == [False] * 40 + [True]


def test_a_move_that_another_process_ended_begins_again(small, as_another_process):
    claim(*range(40))
    moving = nonces.PuttingAway()
    for _ in range(3):
        step(moving)
    ours = nonces._known
    as_another_process()
    claim(40)
    put_away()
    claim(*range(41, 60))
    nonces._known = ours
    assert claim(*range(60)) == [False] * 60
    put_away(moving)
    assert NonceGroup.objects.count() == 0
    assert claim(*range(61)) == [False] * 60 + [True]


def test_what_is_forgotten_may_come_again(small, monkeypatch):
    claim(*"abcdefghijklmnop", minutes=10)
    claim("old", minutes=10)
    put_away()
    claim("young")
    monkeypatch.setattr(nonces, "READ_AGAIN", 0)
    assert nonces.forget(clock.real_now() + timedelta(minutes=9)) == 0
    assert nonces.forget(clock.real_now() + timedelta(minutes=11)) > 0
    assert claim("old", "young", "a") == [True, False, True]


def test_forgetting_goes_from_the_oldest_on(monkeypatch):
    monkeypatch.setattr(nonces, "PIECE", 3)
    now = clock.real_now()
    for model, name in ((UsedNonce, "digest"), (NonceGroup, "digests")):
        for number in range(10):
            late = number in (1, 8, 9)  # somebody's clock was ahead
            until = now + timedelta(minutes=5 if late else -5)
            model.objects.create(**{name: nonces.digest("LTAI", str(number))}, forget_at=until)
    assert nonces.forget(now) == 14
    assert [model.objects.count() for model in (UsedNonce, NonceGroup)] == [3, 3]
    assert nonces.forget(now) == 0
    assert nonces.forget(now + timedelta(minutes=5)) == 6


def test_no_digest_is_zero(monkeypatch):
    """Nothing but zeros is an empty place in `base.numbers`."""
    monkeypatch.setattr(nonces.hashlib, "sha256", lambda _: SimpleNamespace(digest=lambda: bytes(32)))
    assert nonces.digest("LTAI", "n") == bytes(7) + b"\1"
    assert [*claim("n"), *claim("n")] == [True, False]


def test_any_history_is_as_that_of_one_set(small, as_another_process):
    """Against a plain set, with everything that may happen between two claims."""
    chance, used, fates = random.Random(7), set(), {"kept": 0, "rolled back": 0}
    for _ in range(300):
        if chance.random() < 0.1:
            as_another_process()
        if chance.random() < 0.05:
            put_away(fail=chance.random() < 0.5)
        names = [chance.randrange(400) for _ in range(chance.randrange(1, 8))]
        before = {*used}
        expected = [name not in before and not before.add(name) for name in names]
        if chance.random() < 0.2:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                assert claim(*names) == expected
                1 / 0  # noqa: B018
            fates["rolled back"] += 1
        else:
            assert claim(*names) == expected
            used, fates["kept"] = before, fates["kept"] + 1
    assert min(fates.values()) > 30
