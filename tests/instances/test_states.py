"""Dates of an instance: pure arithmetic in the billing zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instances.states import State, Status, end_of_term, renew_by, state_at

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(("start", "months", "end"), [
    ("2023-09-05T12:44:19", 1, "2023-10-05T16:00:00"),   # the vendor's sample: 2023-10-06 00:00 UTC+8
    ("2026-01-31T00:00:00", 1, "2026-02-28T16:00:00"),   # a shorter month ends on its last day
    ("2024-01-31T00:00:00", 1, "2024-02-29T16:00:00"),
    ("2026-11-24T12:00:00", 12, "2027-11-24T16:00:00"),
    ("2026-11-24T15:59:59", 1, "2026-12-24T16:00:00"),
    ("2026-11-24T16:00:00", 1, "2026-12-25T16:00:00"),   # already the 25th in UTC+8
    ("2026-12-31T20:00:00", 12, "2028-01-01T16:00:00"),
])
def test_a_term_ends_at_midnight_after_its_last_day(start, months, end):
    assert end_of_term(datetime.fromisoformat(start).replace(tzinfo=UTC), months, ZONE) == \
        datetime.fromisoformat(end).replace(tzinfo=UTC)


@given(st.integers(1_577_836_800, 3_786_912_000).map(lambda stamp: datetime.fromtimestamp(stamp, UTC)), st.integers(1, 36))
def test_every_term_lasts_its_months_and_at_most_a_day_more(start, months):
    end = end_of_term(start, months, ZONE)
    assert timedelta(days=28 * months) < end - start <= timedelta(days=31 * months + 1)
    assert end.astimezone(ZONE).strftime("%H:%M:%S") == "00:00:00"


def test_fifteen_calendar_days_to_renew():
    end = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert renew_by(end, ZONE) == datetime(2026, 3, 16, 16, tzinfo=UTC)


@pytest.mark.parametrize("status", list(Status))
def test_dates_win_over_the_stored_status(status):
    end = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert state_at(status, end, None, end - timedelta(seconds=1)) == State(str(status))
    assert state_at(status, end, None, end) is State.EXPIRED
    assert state_at(status, end, end, end) is State.RELEASED
