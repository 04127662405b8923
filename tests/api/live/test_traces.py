"""What is left behind: one event per operation, and no plaintext anywhere."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3

import pytest

from tests.api.live.clients import SDK_WARNINGS, call, send, signed_v3

pytestmark = SDK_WARNINGS


def events(live_api, request_id: str) -> list[tuple]:
    with sqlite3.connect(live_api.data / "kms.sqlite3", timeout=20) as database:
        rows = database.execute("select account, principal, access_key_id, door, action, object_kind, object_id, outcome "
                                "from audit_event where request_id = ?", [request_id]).fetchall()
    database.close()
    return rows


@pytest.fixture(scope="module")
def key_id(live_api):
    return call(live_api, "CreateKey", {}).body["KeyMetadata"]["KeyId"]


def test_a_success_is_one_event(live_api, key_id):
    reply = call(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": "aGk="})
    assert events(live_api, reply.body["RequestId"]) == [
        (live_api.uid, "user/alice", live_api.access_key_id, "api", "Encrypt", "key", key_id, "ok")]


@pytest.mark.parametrize("action", ["DescribeRegions", "DescribeAccountKmsStatus", "ListKeys", "ListKmsInstances",
                                    "GetDefaultKmsInstance", "ListAliases"])
def test_reads_are_events_too(live_api, action):
    reply = call(live_api, action)
    assert [(row[4], row[7]) for row in events(live_api, reply.body["RequestId"])] == [(action, "ok")]


@pytest.mark.parametrize("action, given, outcome, target", [
    ("DescribeKey", {"KeyId": "key-none"}, "Forbidden.KeyNotFound", ("key", "key-none")),
    ("EnableKey", {"KeyId": "alias/none"}, "Unsupported.Alias", ("key", "alias/none")),
    ("DeleteAlias", {}, "MissingParameter", ("", "")),
    ("Encrypt", {"KeyId": "cGxhaW50ZXh0", "Plaintext": "aGk="}, "Forbidden.KeyNotFound", ("", "")),
    ("Encrypt", {"KeyId": "key-none"}, "MissingParameter", ("key", "key-none")),
    ("GetRandomPassword", {}, "UnsupportedOperation", ("", "")),
    ("MakeCoffee", {}, "InvalidAction.NotFound", ("", "")),
    ("ScheduleKeyDeletion", {"KeyId": "OURS", "PendingWindowInDays": "6"}, "InvalidParameter", ("key", "OURS")),
    ("Decrypt", {"CiphertextBlob": "aGk="}, "InvalidParameter", ("", "")),
])
def test_a_refusal_is_one_event(live_api, key_id, action, given, outcome, target):
    given = {name: key_id if value == "OURS" else value for name, value in given.items()}
    reply = call(live_api, action, given)
    assert reply.code == outcome
    rows = events(live_api, reply.body["RequestId"])
    target = tuple(key_id if part == "OURS" else part for part in target)
    # A name that is no action's may be a plaintext in the wrong place.
    recorded = "Unknown" if action == "MakeCoffee" else action
    assert rows == [(live_api.uid, "user/alice", live_api.access_key_id, "api", recorded, *target, outcome)]


def test_a_failed_signature_is_an_event_of_the_owner_of_the_key_and_of_nobody(live_api):
    reply = call(live_api, "DescribeRegions", secret="wrong")
    assert events(live_api, reply.body["RequestId"]) == [
        (live_api.uid, "", live_api.access_key_id, "api", "DescribeRegions", "", "", "SignatureDoesNotMatch")]
    reply = call(live_api, "plaintext in the wrong place", pair=("LTAInobody", "x"))
    assert events(live_api, reply.body["RequestId"]) == [
        ("", "", "LTAInobody", "api", "Unknown", "", "", "InvalidAccessKeyId.NotFound")]


def test_what_claims_nobody_is_no_event(live_api):
    for path in ("/", "/?a=%FF", "/?a=1&a=1"):
        assert events(live_api, send(live_api, "POST", path).body["RequestId"]) == []


def test_no_plaintext_is_left_anywhere(live_api, key_id):
    """In every place a careless door would write it: log, database, audit trail; by every way a request can fail."""
    word = "W" + secrets.token_hex(12)  # also looks like the name of an action
    text = base64.b64encode(word.encode()).decode()
    marks = {word, text, text.rstrip("=")}
    blob = call(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": text, "EncryptionContext": json.dumps({"a": word})})
    assert call(live_api, "Decrypt", {"CiphertextBlob": blob.body["CiphertextBlob"],
                                      "EncryptionContext": json.dumps({"a": word})}).body["Plaintext"] == text
    data_key = call(live_api, "GenerateDataKey", {"KeyId": key_id}).body["Plaintext"]
    for action, given, signing in (
            ("Encrypt", {"KeyId": text, "Plaintext": text}, {}), ("Encrypt", {"KeyId": key_id, "Plaintext": f"!{word}"}, {}),
            ("Encrypt", {"KeyId": key_id, "Plaintext": text, word: word}, {"secret": "wrong"}),
            ("Encrypt", {"KeyId": key_id, "Plaintext": text, "PageSize": word, "EncryptionContext": word}, {}),
            ("ListKeys", {"PageSize": word, "Filters": word, "Format": word}, {}), ("Decrypt", {"CiphertextBlob": text}, {}),
            (word, {word: word}, {}), ("Encrypt", {"KeyId": key_id, "Plaintext": text, "DryRun": "true"}, {})):
        call(live_api, action, given, **signing)
    send(live_api, "POST", f"/?Plaintext={text}&Plaintext={text}")
    send(live_api, "POST", f"/{word}?{word}")
    send(live_api, "GET", f"/?Plaintext={word}{'x' * 700 * 1024}")
    send(live_api, "POST", "/", {"Content-Type": "text/plain"}, word)
    path, headers, _ = signed_v3(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": text})
    send(live_api, "POST", path, headers | {"x y": word})
    log, stored = live_api.log_text(), live_api.stored_bytes()
    assert key_id.encode() in stored  # the search would find what is there
    for mark in (*marks, data_key):
        assert mark not in log
        assert mark.encode() not in stored
    assert live_api.access_key_secret not in log
    assert live_api.access_key_secret.encode() not in stored


def test_the_log_holds_no_request_at_all(live_api):
    assert "Action=" not in live_api.log_text()
    assert "Traceback" not in live_api.log_text()
