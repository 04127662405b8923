"""Rate classes, their setting, and what a call over the limit is answered."""

from __future__ import annotations

import pytest

from access.models import RateWindow
from access.rates import count
from api import errors, throttle
from api.calls import CALLS
from api.not_yet import NOT_YET
from api.rates import CLASS_OF, CLASSES, parse
from base import clock
from base.refusal import Refused
from tests.racing import race

# The table of the reference (`keys.md` 10), typed a second time.
REFERENCE = {"DescribeKey": 50, "ListResourceTags": 300, "CreateKey": 10, "SetDeletionProtection": 30, "UntagResources": 30,
             "Encrypt": 1000, "GenerateDataKeyWithoutPlaintext": 1000, "AsymmetricVerify": 200, "ReEncrypt": 750,
             "OpenKmsService": 1, "DescribeAccountKmsStatus": 1, "ListTagResources": 50, "DescribeRegions": 50}


def test_every_operation_has_one_class() -> None:
    assert set(CLASS_OF) - NOT_YET == set(CALLS)
    assert sum(len(rate.operations) for rate in CLASSES.values()) == len(CLASS_OF)


@pytest.mark.parametrize(("operation", "limit"), REFERENCE.items())
def test_the_limits_are_the_references(operation, limit) -> None:
    assert CLASSES[CLASS_OF[operation]].per_second == limit


@pytest.mark.parametrize(("text", "limits"), [
    ("", {}), ("0", {}), ("off", {}), ("1", {name: rate.per_second for name, rate in CLASSES.items()}),
    ("reads=7", {"reads": 7}), ("0,reads=7", {"reads": 7}),
    ("true, reads=7 ,create=1", {name: rate.per_second for name, rate in CLASSES.items()} | {"reads": 7, "create": 1}),
])
def test_the_setting(text, limits) -> None:
    assert parse(text) == limits


@pytest.mark.parametrize("text", ["2", "1,", "reads", "reads=", "reads=0", "reads=-1", "reads=1e3", "all=3", "1;reads=3"])
def test_a_setting_that_is_none(text) -> None:
    with pytest.raises(ValueError, match="KMS_RATE_LIMITS must be"):
        parse(text)


@pytest.fixture
def frozen(monkeypatch):
    now = clock.real_now().replace(microsecond=250_000)
    monkeypatch.setattr(throttle.clock, "real_now", lambda: now)
    return now


def test_it_is_off_unless_it_is_set(alice, settings) -> None:
    assert settings.KMS_RATE_LIMITS == {}
    for _ in range(5):
        throttle.admit(alice(), "DescribeAccountKmsStatus")
    assert not RateWindow.objects.exists()


def test_over_the_limit_is_refused_with_the_time_to_wait(alice, charlie, settings, frozen) -> None:
    settings.KMS_RATE_LIMITS = {"reads": 2}
    throttle.admit(alice(), "DescribeKey")
    throttle.admit(alice(), "ListKeys")
    with pytest.raises(Refused) as error:
        throttle.admit(alice(), "DescribeKey")
    answer = errors.answer(error.value, "id")
    assert (answer.status, answer.body["Code"], answer.body["Message"]) == (429, "Rejected.Throttling", "QPS Limit Exceeded")
    assert answer.headers == (("x-acs-retry-after", "750"),)
    throttle.admit(alice(), "Encrypt")
    throttle.admit(charlie(), "DescribeKey")


def test_the_next_second_begins_anew(alice) -> None:
    assert [count("1", "reads", second) for second in (10, 10, 11, 11, 10, 12)] == [1, 2, 1, 2, 3, 1]


def test_other_errors_have_no_such_header() -> None:
    assert errors.failure("id").headers == ()


@pytest.mark.django_db(transaction=True)
def test_processes_share_one_count(alice) -> None:
    counted = race(lambda _: [count("1", "reads", 10) for _ in range(25)], 3)
    assert sorted(number for some in counted for number in some) == list(range(1, 76))
