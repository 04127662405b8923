"""A set of large numbers in little memory. Pure; knows no Django."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

BITS = 64


def of_bytes(texts: bytes) -> array[int]:
    """Eight bytes a number, one behind the other, the most significant first: numbers sort as their bytes do."""
    numbers = array("Q", texts)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def to_bytes(numbers: Iterable[int]) -> bytes:
    """The other way."""
    found = array("Q", numbers)
    if sys.byteorder == "little":
        found.byteswap()
    return found.tobytes()


class Numbers:
    """A set of numbers from 1 to 2**64 - 1 that are spread evenly, as digests are, in 13 to 26 bytes each; Python's own takes 70.
    Each stands in the slot of its first bits, or in the next that is free; so they stand nearly in order."""

    def __init__(self) -> None:
        self._empty(10)

    def _empty(self, bits: int) -> None:
        self._shift, self._slots = BITS - bits, array("Q", bytes(8 << bits))
        self._room = self._most = (5 << bits) // 8

    def __len__(self) -> int:
        return self._most - self._room

    def add(self, numbers: Iterable[int]) -> list[bool]:
        """For each, whether it was not in the set."""
        new: list[bool] = []
        slots, mask, shift, room = self._slots, len(self._slots) - 1, self._shift, self._room
        for number in numbers:
            at = number >> shift
            while (there := slots[at]) and there != number:
                at = at + 1 & mask
            new.append(not there)
            if not there:
                slots[at] = number
                room -= 1
                if not room:
                    self._grow()
                    slots, mask, shift, room = self._slots, len(self._slots) - 1, self._shift, self._room
        self._room = room
        return new

    def between(self, low: int, high: int) -> list[int]:
        """Those from `low` to `high`, without `high` itself, in order."""
        slots, mask, at = self._slots, len(self._slots) - 1, low >> self._shift
        last, found = high - 1 >> self._shift, set[int]()
        while at <= last or slots[at & mask]:
            if low <= (there := slots[at & mask]) < high:
                found.add(there)
            at += 1
        return sorted(found - {0})

    def _grow(self) -> None:
        before = self._slots
        self._empty(BITS - self._shift + 1)
        self.add(number for number in before if number)
