"""Who may speak: secrets, clocks, nonces. Signed by hand, so that each can be wrong on purpose."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest

from base import clock
from tests.api.live.clients import SDK_WARNINGS, call, send, signed_v3

pytestmark = SDK_WARNINGS


def at(**offset) -> str:
    return clock.iso(clock.real_now() + timedelta(**offset))


def test_it_works(live_api):
    reply = call(live_api, "DescribeRegions")
    assert (reply.status, reply.body["Regions"]) == (200, {"Region": [{"RegionId": "cn-local"}]})


def test_a_wrong_secret(live_api):
    reply = call(live_api, "DescribeRegions", secret="wrong")
    assert (reply.status, reply.code) == (400, "SignatureDoesNotMatch")
    assert reply.body["Message"].startswith("Specified signature is not matched with our calculation. server string to "
                                            "sign is:ACS3-HMAC-SHA256\n")
    assert "Refusals" not in reply.body


def test_an_unknown_access_key(live_api):
    reply = call(live_api, "DescribeRegions", pair=("LTAInobody", "x"))
    assert (reply.status, reply.code) == (404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize("minutes, code", [(-16, "InvalidTimeStamp.Expired"), (16, "InvalidTimeStamp.Expired"),
                                           (None, "InvalidTimeStamp.Format")])
def test_times(live_api, minutes, code):
    reply = call(live_api, "DescribeRegions", date="yesterday" if minutes is None else at(minutes=minutes))
    assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clocks_may_differ(live_api, minutes):
    assert call(live_api, "DescribeRegions", date=at(minutes=minutes)).status == 200


def test_a_replay(live_api):
    path, headers, body = signed_v3(live_api, "DescribeRegions", {})
    assert send(live_api, "POST", path, headers).status == 200
    reply = send(live_api, "POST", path, headers)
    assert (reply.status, reply.code) == (400, "SignatureNonceUsed")


def test_a_nonce_is_used_up_only_by_its_owner(live_api):
    nonce = uuid.uuid4().hex
    assert call(live_api, "DescribeRegions", nonce=nonce, secret="wrong").code == "SignatureDoesNotMatch"
    assert call(live_api, "DescribeRegions", nonce=nonce, date=at(hours=-1)).code == "InvalidTimeStamp.Expired"
    assert call(live_api, "DescribeRegions", nonce=nonce).status == 200
    assert call(live_api, "DescribeRegions", nonce=nonce).code == "SignatureNonceUsed"
    assert call(live_api, "DescribeRegions", nonce=nonce, pair=live_api.other).status == 200


@pytest.mark.parametrize("nonce, status", [(128 * "n", 200), (129 * "n", 400)])
def test_the_length_of_a_nonce(live_api, nonce, status):
    reply = call(live_api, "DescribeRegions", nonce=nonce)
    assert reply.status == status
    assert status == 200 or reply.body["Message"] == 'The specified parameter "SignatureNonce" is not valid.'


def test_of_many_replays_at_once_one_wins(live_api):
    """Two processes with eight threads each decide about one nonce."""
    path, headers, _ = signed_v3(live_api, "DescribeRegions", {})
    replies, start = [], threading.Barrier(8)

    def race():
        start.wait()
        replies.append(send(live_api, "POST", path, headers))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.code for reply in replies) == ["", *["SignatureNonceUsed"] * 7]


def test_a_changed_parameter(live_api):
    path, headers, _ = signed_v3(live_api, "DescribeKey", {"KeyId": "key-a"})
    assert send(live_api, "POST", path.replace("key-a", "key-b"), headers).code == "SignatureDoesNotMatch"


def test_a_changed_action(live_api):
    path, headers, _ = signed_v3(live_api, "DescribeRegions", {})
    assert send(live_api, "POST", path, headers | {"x-acs-action": "ListKeys"}).code == "SignatureDoesNotMatch"


def test_a_security_token(live_api):
    path, headers, _ = signed_v3(live_api, "DescribeRegions", {})
    reply = send(live_api, "POST", path, headers | {"x-acs-security-token": "t"})
    assert reply.code == "IncompleteSignature"


def test_without_a_signature(live_api):
    assert send(live_api, "GET", "/").code == "MissingAccessKeyId"
    assert send(live_api, "POST", "/?Action=ListKeys&AccessKeyId=x").code == "MissingSignature"
