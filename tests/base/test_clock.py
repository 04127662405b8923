"""The product's clock: shifted in test mode, and only there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from base import clock


@pytest.mark.parametrize(("text", "shift"), [
    ("", timedelta()), ("+400d", timedelta(days=400)), ("-2h", timedelta(hours=-2)), ("1d12h", timedelta(days=1, hours=12)),
    ("+90s", timedelta(seconds=90)), ("+5m", timedelta(minutes=5))])
def test_offsets(text, shift):
    assert clock.parse_offset(text) == shift


@pytest.mark.parametrize("text", ["400", "+d", "400 d", "1w", "+-1d", "1d,2h", "d1", "+9999999d"])
def test_what_is_no_offset_is_refused(text):
    with pytest.raises(clock.ClockOffsetError):
        clock.parse_offset(text)


def test_it_is_refused_outside_test_mode(monkeypatch):
    monkeypatch.setenv("KMS_CLOCK_OFFSET", "+1d")
    monkeypatch.delenv("KMS_TEST_MODE", raising=False)
    with pytest.raises(clock.ClockOffsetError, match="KMS_TEST_MODE"):
        clock.now()


def test_it_shifts_the_product_and_not_the_real_clock(monkeypatch):
    monkeypatch.setenv("KMS_TEST_MODE", "1")
    monkeypatch.setenv("KMS_CLOCK_OFFSET", "+400d")
    assert timedelta(days=399, hours=23) < clock.now() - clock.real_now() <= timedelta(days=400)


def test_the_one_time_format():
    assert clock.iso(datetime(2026, 11, 23, 22, 45, 42, tzinfo=UTC)) == "2026-11-23T22:45:42Z"
    assert clock.iso(None) == ""
