"""Tables typed a second time from the reference, read as data."""

from __future__ import annotations

import csv
from pathlib import Path

REFERENCE = Path(__file__).parent / "reference"
OK = "ok"


def state_table() -> list[tuple[str, str, str]]:
    """(operation, state, code) of every cell of `keys.md` 3.3; ``ok`` where the operation is allowed."""
    with (REFERENCE / "state_table.csv").open(encoding="utf-8", newline="") as source:
        return [(row["operation"], state, code or OK)
                for row in csv.DictReader(source) for state, code in row.items() if state != "operation"]
