"""The older signature, as Node, Go and Terraform send it: in the query, in the form, or in both."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from base import clock
from tests.api.live.clients import SDK_WARNINGS, call, send, signed_rpc

pytestmark = SDK_WARNINGS
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def rpc(api, action, parameters=None, *, method="GET", place="query", **options):
    text = signed_rpc(api, action, parameters, method=method, **options)
    if place == "query":
        return send(api, method, f"/?{text}")
    if place == "form":
        return send(api, method, "/", FORM, text)
    if place == "chunked":
        return send(api, method, "/", FORM | {"Transfer-Encoding": "chunked"}, iter([text[:9].encode(), text[9:].encode()]),
                    chunked=True)
    pairs = text.split("&")
    return send(api, method, f"/?{'&'.join(pairs[::2])}", FORM, "&".join(pairs[1::2]))


@pytest.mark.parametrize("method, place", [("GET", "query"), ("POST", "query"), ("POST", "form"), ("POST", "chunked"),
                                           ("POST", "both")])
def test_every_place(live_api, method, place):
    reply = rpc(live_api, "ListKeys", {"PageSize": "5"}, method=method, place=place, SignatureType="")
    assert (reply.status, reply.body.get("PageSize")) == (200, 5)


def test_the_signed_action_decides_not_the_header(live_api):
    text = signed_rpc(live_api, "DescribeRegions")
    assert "Regions" in send(live_api, "POST", f"/?{text}", {"x-acs-action": "CreateKey", "x-acs-version": "x"}).body


def test_a_wrong_secret_shows_nothing(live_api):
    reply = rpc(live_api, "Encrypt", {"KeyId": "key-x", "Plaintext": "aGk="}, secret="wrong")
    assert reply.code == "SignatureDoesNotMatch"
    assert reply.body["Message"].endswith("server string to sign is:")


def test_one_space_of_nonces_for_both_schemes(live_api):
    nonce = uuid.uuid4().hex
    assert rpc(live_api, "DescribeRegions", SignatureNonce=nonce).status == 200
    assert rpc(live_api, "DescribeRegions", SignatureNonce=nonce).code == "SignatureNonceUsed"
    assert call(live_api, "DescribeRegions", nonce=nonce).code == "SignatureNonceUsed"


@pytest.mark.parametrize("system, code", [
    ({"Timestamp": clock.iso(clock.real_now() - timedelta(minutes=16))}, "InvalidTimeStamp.Expired"),
    ({"Timestamp": "2026-01-02"}, "InvalidTimeStamp.Format"), ({"Timestamp": ""}, "IllegalTimestamp"),
    ({"SignatureNonce": ""}, "MissingSignatureNonce"), ({"SignatureNonce": "a\0b"}, "InvalidParameter"),
    ({"AccessKeyId": ""}, "MissingAccessKeyId"), ({"AccessKeyId": "a\0b"}, "InvalidAccessKeyId.NotFound"),
    ({"Action": ""}, "MissingAction"), ({"Version": ""}, "MissingVersion"), ({"Version": "2017-01-01"}, "InvalidVersion"),
    ({"SignatureMethod": "HMAC-SHA256"}, "InvalidSignatureMethod"), ({"SignatureVersion": "2.0"}, "InvalidSignatureMethod"),
    ({"SignatureMethod": "SHA256withRSA", "SignatureType": "PRIVATEKEY"}, "UnsupportedOperation"),
    ({"SecurityToken": "t"}, "InvalidSecurityToken.NotSupported"), ({"Format": "YAML"}, "InvalidParameter.Format")])
def test_system_parameters(live_api, system, code):
    assert rpc(live_api, "DescribeRegions", **system).code == code


@pytest.mark.parametrize("given", ["", "JSON", "json", "XML", "None"])
def test_every_format_is_answered_in_json(live_api, given):
    assert rpc(live_api, "DescribeRegions", Format=given).status == 200


def test_bearer_tokens_and_the_instance_gateway_are_not_served(live_api):
    assert send(live_api, "POST", "/?SignatureType=BEARERTOKEN", {"x-acs-bearer-token": "t"}).code == "UnsupportedOperation"
    assert send(live_api, "POST", "/", {"x-kms-apiname": "Encrypt"}).code == "UnsupportedOperation"
