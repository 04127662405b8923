"""Uses over time as numbers for an SVG: bars of days, and what a table says of the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from keys.usage import Day

DAYS = 90
HEIGHT, WIDTH, GAP = 100, 8, 2


@dataclass(frozen=True, slots=True)
class Bar:
    """One day. x, and heights from the ground up, in units of the picture; refused stands on used."""

    day: date
    x: int
    used: Day
    used_height: int
    refused_height: int

    @property
    def used_y(self) -> int:
        return HEIGHT - self.used_height

    @property
    def refused_y(self) -> int:
        return HEIGHT - self.used_height - self.refused_height


@dataclass(frozen=True, slots=True)
class Plot:
    bars: list[Bar]
    width: int
    highest: int

    @property
    def busy(self) -> list[Bar]:
        """The days on which something happened, the latest first, for the table."""
        return [bar for bar in reversed(self.bars) if bar.used.used or bar.used.refused]


def plot(days: Mapping[date, Day], until: date, count: int = DAYS) -> Plot:
    """The last `count` days up to `until`. A day with any use has a bar that can be seen."""
    wanted = [until - timedelta(days=count - 1 - n) for n in range(count)]
    highest = max((days[day].used + days[day].refused for day in wanted if day in days), default=0)

    def tall(n: int) -> int:
        return max(1, round((HEIGHT - 2) * n / highest)) if n else 0

    bars = [Bar(day, n * (WIDTH + GAP), use := days.get(day, Day()), tall(use.used), tall(use.refused))
            for n, day in enumerate(wanted)]
    return Plot(bars, count * (WIDTH + GAP) - GAP, highest)
