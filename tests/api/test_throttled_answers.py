"""What the official SDK makes of a throttled call, over HTTP."""

from __future__ import annotations

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ThrottlingException

from api import throttle
from audit.models import Event
from base import clock
from tests import make
from tests.api.live.clients import SDK_WARNINGS, call, sdk
from tests.doors import api_server

pytestmark = [pytest.mark.django_db(transaction=True), *SDK_WARNINGS]


class Address:
    def __init__(self, host, pair):
        self.host, (self.access_key_id, self.access_key_secret) = host, pair


@pytest.fixture(scope="module")
def host():
    with api_server() as address:
        yield address


@pytest.fixture
def api(host, alice, settings, monkeypatch):
    """Two reads a second, and a second that lasts as long as the test."""
    settings.KMS_RATE_LIMITS = {"reads": 2}
    now = clock.real_now().replace(microsecond=400_000)
    monkeypatch.setattr(throttle, "clock", type("Still", (), {"real_now": staticmethod(lambda: now)}))
    return Address(host, make.access_key(alice))


def test_the_sdk_raises_its_throttling_exception(api):
    client = sdk(api)
    for _ in range(2):
        client.describe_regions()
    with pytest.raises(ThrottlingException) as caught:
        client.list_keys(models.ListKeysRequest())
    error = caught.value
    assert (error.code, error.status_code, error.retry_after) == ("Rejected.Throttling", 429, 600)
    assert error.data["Message"] == "QPS Limit Exceeded"
    assert client.get_default_kms_instance().status_code == 200


def test_each_throttled_call_stands_in_the_trail_once(api, make_key):
    key = make_key()
    codes = [call(api, "DescribeKey", {"KeyId": key.pk}).code for _ in range(5)]
    assert codes == ["", "", *["Rejected.Throttling"] * 3]
    events = Event.objects.filter(action="DescribeKey", object_id=key.pk, door="api").order_by("pk")
    assert [event.outcome for event in events] == ["ok", "ok", *["Rejected.Throttling"] * 3]


def test_a_wrong_signature_takes_nothing_from_the_owner(api):
    for _ in range(3):
        assert call(api, "DescribeRegions", secret="wrong").code == "SignatureDoesNotMatch"
    assert call(api, "DescribeRegions").status == 200


def test_the_header_is_in_milliseconds(api):
    replies = [call(api, "DescribeRegions") for _ in range(3)]
    assert [reply.headers.get("x-acs-retry-after") for reply in replies] == [None, None, "600"]
