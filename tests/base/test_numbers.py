"""A set of numbers is what Python's own is, whatever comes together in it."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from base import numbers
from base.numbers import Numbers

ALL = 1 << numbers.BITS
# Evenly spread, and many with the same first bits, also the first and the last there are, where slots run over the end.
_numbers = st.one_of(st.integers(1, ALL - 1), st.integers(1, 60), st.integers(ALL - 60, ALL - 1),
                     st.integers(ALL // 2, ALL // 2 + 60))


@given(st.lists(st.lists(_numbers, max_size=40), max_size=20))
def test_it_holds_what_came_and_nothing_else(pieces):
    ours, plain = Numbers(), set()
    for piece in pieces:
        assert ours.add(piece) == [one not in plain and not plain.add(one) for one in piece]
        assert len(ours) == len(plain)
    assert ours.between(0, ALL) == sorted(plain)


@given(st.lists(_numbers, max_size=200), _numbers, _numbers)
def test_between_is_in_order(given, one, other):
    ours, low, high = Numbers(), min(one, other), max(one, other) + 1
    ours.add(given)
    assert ours.between(low, high) == sorted({one for one in given if low <= one < high})
    assert ours.between(0, ALL) == sorted({*given})


def test_it_grows():
    ours, given = Numbers(), numbers.of_bytes(os.urandom(8 * 20_000))
    assert sum(ours.add(given)) == len({*given}) == len(ours)
    assert not any(ours.add(given))
    assert ours.between(0, ALL) == sorted({*given})


@given(st.binary(max_size=80))
def test_numbers_sort_as_their_bytes_do(text):
    text = text[:len(text) // 8 * 8]
    pieces = [text[at:at + 8] for at in range(0, len(text), 8)]
    assert numbers.to_bytes(numbers.of_bytes(text)) == text
    assert numbers.to_bytes(sorted(numbers.of_bytes(text))) == b"".join(sorted(pieces))
