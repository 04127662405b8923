"""From the order to ninety days after the release: what each door answers on each day that matters. The same tables stand in
docs/instances.md, and this test is what keeps them true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from instances import operations as instances
from instances.models import Instance
from tests import make
from tests.instances.walking import DAY, SECOND, Walk, short
from tests.pages.conftest import log_in

DOCUMENT = Path(__file__).parent.parent.parent / "docs/instances.md"


def days(home: Instance) -> Iterator[tuple[str, datetime]]:
    """(name, instant) of the days after the instance was enabled; E is its end."""
    end = home.end_at
    for number in (30, 14, 7, 3, 1):
        yield f"E − {number} d", end - number * DAY
    yield "E − 1 s", end - SECOND
    yield "E", end
    yield "E + 1 d", end + DAY
    yield "E + 14 d", end + 14 * DAY
    yield "E + 15 d − 1 s", end + 15 * DAY - SECOND
    yield "E + 15 d", end + 15 * DAY
    yield "1 s later", end + 15 * DAY + SECOND
    yield "release + 89 d", end + 104 * DAY
    yield "release + 90 d", end + 105 * DAY


def walked(walk: Walk, alice: make.Person) -> list[dict[str, str]]:
    """The rows of the table, one a day."""
    home, rows = walk.home, []

    def take(name: str, at: datetime) -> None:
        rows.append({"when": name, **{title: short(code) for title, code in walk.row(at).items()}, "the clock": walk.clock(at)})

    take("ordered", home.started_at)
    instances.enable_instance(alice(at=home.started_at + SECOND), home)
    walk.make_keys(home.started_at + SECOND)
    take("enabled", home.started_at + 2 * SECOND)
    for name, at in days(home):
        take(name, at)
    return rows


def markdown(rows: list[dict[str, str]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


@pytest.mark.parametrize("policy", ["stop", "drain"])
def test_every_door_says_on_every_day_what_the_document_says(alice, policy, monkeypatch):
    # The term begins on a fixed day of a leap year; an administrator looks on, logged in.
    at = datetime(2024, 1, 15, 9, tzinfo=UTC)
    home = make.instance(alice, name="walked", enabled=False, at=at, grace_policy=policy)
    rows = walked(Walk(alice, log_in(alice), monkeypatch, home), alice)
    told = re.search(rf"<!-- {policy} -->\n(.*?)\n<!-- end -->", DOCUMENT.read_text(), re.S)
    assert told is not None
    assert markdown(rows).splitlines() == told[1].splitlines()


def test_the_tables_say_what_the_two_policies_are_for():
    """The document itself, cell by cell where it matters."""
    text = DOCUMENT.read_text()
    tables = {}
    for policy in ("stop", "drain"):
        lines = re.search(rf"<!-- {policy} -->\n(.*?)\n<!-- end -->", text, re.S)[1].splitlines()
        titles, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        tables[policy] = {row[0]: dict(zip(titles, row, strict=True)) for row in rows}
    opening, making = {"Decrypt", "Verify"}, {"Encrypt", "Sign", "EnableKey", "CreateKey", "ScheduleKeyDeletion"}
    for day in ("E", "E + 1 d", "E + 14 d", "E + 15 d − 1 s"):
        assert {tables["stop"][day][name] for name in opening | making} == {"Unavailable"}
        assert {tables["drain"][day][name] for name in opening} == {"ok"}
        assert {tables["drain"][day][name] for name in making} == {"Unavailable"}
        assert {tables[policy][day][name] for policy in tables for name in ("DescribeKey", "RenewInstance")} == {"ok"}
    for policy in tables:
        assert {tables[policy]["E + 15 d"][name] for name in opening | making} == {"Unavailable"}, "the draining is over"
        assert tables[policy]["E"]["the clock"].startswith("ExpireInstance"), "and the backup that the release waits for"
        assert "RunBackup" in tables[policy]["E"]["the clock"]
        assert tables[policy]["E + 15 d"]["the clock"].startswith("ReleaseExpiredInstance")
        assert "DestroyBackup" in tables[policy]["release + 90 d"]["the clock"]
        assert {tables[policy]["1 s later"][name] for name in opening} == {"KeyNotFound"}
        assert tables[policy]["release + 90 d"]["RenewInstance"] == "DKMSInstanceNotFound"
