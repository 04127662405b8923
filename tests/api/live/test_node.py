"""The vendor's Node SDKs against a server process: the generated client (RPC signature, maps in dotted form) and the one
that all newer clients share (V3)."""

from __future__ import annotations

import base64
import json

import pytest

from api.calls import CALLS
from tests.api.live.clients import SDK_WARNINGS, call
from tests.node.driving import Step, drive, install

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()
SDKS = ["kms", "openapi"]
CONTEXT = {"tenant": "42", "b c": "ü=&+%"}


@pytest.fixture(scope="module", autouse=True)
def packages():
    install()


@pytest.fixture(scope="module")
def key_id(live_api):
    return call(live_api, "CreateKey", {"DKMSInstanceId": live_api.instance}).body["KeyMetadata"]["KeyId"]


def codes(results):
    return [result["error"]["code"] if "error" in result else "ok" for result in results]


@pytest.mark.parametrize("sdk", SDKS)
def test_it_works(live_api, key_id, sdk):
    [made] = drive(live_api, Step(sdk, "Encrypt", {"KeyId": key_id, "Plaintext": HELLO}))
    assert made["body"]["KeyId"] == key_id
    [opened] = drive(live_api, Step(sdk, "Decrypt", {"CiphertextBlob": made["body"]["CiphertextBlob"]}))
    assert opened["body"]["Plaintext"] == HELLO


def test_the_dotted_context_and_the_json_context_are_one(live_api, key_id):
    """The generated client flattens the map, the other one is given the JSON text that Python and Go send."""
    as_json = json.dumps(dict(reversed(CONTEXT.items())))
    [dotted, text] = drive(
        live_api, Step("kms", "Encrypt", {"KeyId": key_id, "Plaintext": HELLO, "EncryptionContext": CONTEXT}),
        Step("openapi", "Encrypt", {"KeyId": key_id, "Plaintext": HELLO, "EncryptionContext": as_json}))
    opened = drive(
        live_api,
        Step("openapi", "Decrypt", {"CiphertextBlob": dotted["body"]["CiphertextBlob"], "EncryptionContext": as_json}),
        Step("kms", "Decrypt", {"CiphertextBlob": text["body"]["CiphertextBlob"], "EncryptionContext": CONTEXT}),
        Step("kms", "Decrypt", {"CiphertextBlob": text["body"]["CiphertextBlob"]}))
    assert [result.get("body", {}).get("Plaintext") for result in opened] == [HELLO, HELLO, None]
    assert opened[2]["error"]["data"]["Code"] == "InvalidParameter"


def test_a_dotted_context_under_the_newer_signature(live_api, key_id):
    """This client signs names as they are and sends them encoded; only names without spaces and the like are unambiguous."""
    context = {"EncryptionContext": {"tenant": "ü=&+% 42", "stage": "live"}}
    [made] = drive(live_api, Step("openapi", "Encrypt", {"KeyId": key_id, "Plaintext": HELLO} | context))
    results = drive(live_api, Step("kms", "Decrypt", {"CiphertextBlob": made["body"]["CiphertextBlob"]} | context),
                    Step("openapi", "Decrypt", {"CiphertextBlob": made["body"]["CiphertextBlob"],
                                                "EncryptionContext": {"b c": "1"}}))
    assert results[0]["body"]["Plaintext"] == HELLO
    assert results[1]["error"]["data"]["Code"] == "SignatureDoesNotMatch"


def test_tags(live_api, key_id):
    many = {"RegionId": "cn-local", "ResourceType": "key", "ResourceId": [key_id]}
    results = drive(
        live_api,
        Step("openapi", "TagResources", many | {"Tag": [{"Key": "team", "Value": "core"}, {"Key": "stage"}]}),
        Step("kms", "TagResource", {"KeyId": key_id, "Tags": '[{"TagKey":"team","TagValue":"edge"}]'}),
        Step("kms", "ListResourceTags", {"KeyId": key_id}),
        Step("openapi", "UntagResources", many | {"TagKey": ["stage"]}),
        Step("openapi", "ListTagResources", many),
        Step("openapi", "UntagResources", many | {"All": True}),
        Step("kms", "ListResourceTags", {"KeyId": key_id}))
    assert codes(results) == ["ok"] * 7
    assert [(tag["TagKey"], tag["TagValue"]) for tag in results[2]["body"]["Tags"]["Tag"]] == [("stage", ""), ("team", "edge")]
    [left] = results[4]["body"]["TagResources"]["TagResource"]
    assert left == {"ResourceId": key_id, "ResourceType": "key", "TagKey": "team", "TagValue": "edge"}
    assert results[6]["body"]["Tags"]["Tag"] == []


@pytest.mark.parametrize("sdk", SDKS)
def test_lists_come_in_pages(live_api, key_id, sdk):
    [listed] = drive(live_api, Step(sdk, "ListKeys", {"PageNumber": 1, "PageSize": 1}))
    assert len(listed["body"]["Keys"]["Key"]) == 1
    assert listed["body"]["PageSize"] == 1
    assert listed["body"]["TotalCount"] >= 1


@pytest.mark.parametrize(("action", "parameters", "code", "status"), [
    ("Encrypt", {"KeyId": "key-none", "Plaintext": HELLO}, "Forbidden.KeyNotFound", 404),
    ("Encrypt", {"KeyId": "alias/none", "Plaintext": HELLO}, "Forbidden.AliasNotFound", 404),
    ("Decrypt", {"CiphertextBlob": "AAAA"}, "InvalidParameter", 400),
    ("ScheduleKeyDeletion", {"KeyId": "key-none", "PendingWindowInDays": 7}, "Forbidden.KeyNotFound", 404),
])
@pytest.mark.parametrize("sdk", SDKS)
def test_errors(live_api, sdk, action, parameters, code, status):
    """The generated client adds ``Error`` to the code, the other one does not."""
    [result] = drive(live_api, Step(sdk, action, parameters))
    assert result["error"]["code"].removesuffix("Error") == code
    assert result["error"]["data"]["Code"] == code
    assert result["error"]["data"]["HttpStatus"] == status
    assert result["error"]["data"]["RequestId"]


def test_a_disabled_key(live_api):
    key_id = call(live_api, "CreateKey", {"DKMSInstanceId": live_api.instance}).body["KeyMetadata"]["KeyId"]
    results = drive(live_api, Step("kms", "DisableKey", {"KeyId": key_id}),
                    Step("kms", "Encrypt", {"KeyId": key_id, "Plaintext": HELLO}),
                    Step("openapi", "Encrypt", {"KeyId": key_id, "Plaintext": HELLO}),
                    Step("kms", "EnableKey", {"KeyId": key_id}),
                    Step("openapi", "SetDeletionProtection", {"KeyId": key_id, "EnableDeletionProtection": True}),
                    Step("kms", "ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7}))
    assert [code.removesuffix("Error") for code in codes(results)] == [
        "ok", "Rejected.Disabled", "Rejected.Disabled", "ok", "ok", "Rejected.DeletionProtection"]


def test_every_operation_is_reached(live_api):
    """Without parameters most are refused, but each by itself: no signature, no name and no answer is misunderstood."""
    names = sorted(CALLS)
    results = drive(live_api, *(Step("openapi", name, {}) for name in names))
    refused = {name: result["error"]["data"]["Code"] for name, result in zip(names, results, strict=True) if "error" in result}
    assert set(refused.values()) <= {"MissingParameter", "Forbidden.Opened", "Rejected.LimitExceeded"}
    assert len(refused) < len(names)
