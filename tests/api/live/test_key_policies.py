"""Key policies through both official SDKs: set, read, a user allowed by the key, a key used from another account."""

from __future__ import annotations

import base64
import json

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.request import RpcRequest

from tests.api.live.clients import SDK_WARNINGS, OldSdk, call, sdk

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()


@pytest.fixture(scope="module")
def alice(live_api):
    return sdk(live_api)


@pytest.fixture
def key(alice, live_api):
    """Metadata of a new key."""
    made = alice.create_key(models.CreateKeyRequest(dkmsinstance_id=live_api.instance))
    return made.body.key_metadata


def policy(*statements: tuple[str, str, list[str]]) -> str:
    return json.dumps({"Version": "1", "Statement": [
        {"Effect": effect, "Principal": {"RAM": [principal]}, "Action": actions, "Resource": ["*"]}
        for effect, principal, actions in statements]})


def set_policy(client, key, text, **more):
    return client.set_key_policy(models.SetKeyPolicyRequest(key_id=key.key_id, policy=text, **more))


def get_policy(client, key, **more) -> str:
    return client.get_key_policy(models.GetKeyPolicyRequest(key_id=key.key_id, **more)).body.policy


def encrypt(client, name) -> str:
    return client.encrypt(models.EncryptRequest(key_id=name, plaintext=HELLO)).body.ciphertext_blob


def code(function, *args, **more) -> tuple[int, str]:
    with pytest.raises(ClientException) as caught:
        function(*args, **more)
    return caught.value.status_code, caught.value.code


def old(name: str) -> RpcRequest:
    return RpcRequest("Kms", "2016-01-20", name)


@pytest.fixture
def other_uid(live_api):
    """The uid of Charlie's account, which the metadata of his keys tells."""
    charlie = sdk(live_api, live_api.other)
    return charlie.create_key(models.CreateKeyRequest()).body.key_metadata.creator


def test_it_works_with_the_new_sdk(alice, key, live_api):
    before = json.loads(get_policy(alice, key))
    assert before["Statement"][0]["Sid"] == "kms default key policy"
    assert before["Statement"][0]["Principal"] == {"RAM": [f"acs:ram::{live_api.uid}:*"]}
    text = policy(("Allow", f"acs:ram::{live_api.uid}:user/carol", ["kms:Encrypt"]))
    set_policy(alice, key, text, policy_name="default")
    assert get_policy(alice, key, policy_name="default") == text
    assert code(get_policy, alice, key, policy_name="other") == (404, "Not Found")


def test_it_works_with_the_old_sdk(key, live_api):
    client, text = OldSdk(live_api), policy(("Allow", f"acs:ram::{live_api.uid}:user/carol", ["kms:Encrypt"]))
    assert set(client.call(old("SetKeyPolicy"), KeyId=key.arn, Policy=text)) == {"RequestId"}
    assert client.call(old("GetKeyPolicy"), KeyId=key.arn)["Policy"] == text
    with pytest.raises(ServerException) as caught:
        client.call(old("SetKeyPolicy"), KeyId=key.key_id, Policy="{")
    assert (caught.value.get_http_status(), caught.value.get_error_code()) == (400, "InvalidParameter")


def test_a_user_allowed_by_the_key_alone(alice, key, live_api):
    """The role of auditors encrypts nothing."""
    carol = sdk(live_api, live_api.auditor)
    assert code(encrypt, carol, key.key_id) == (403, "Forbidden.NoPermission")
    set_policy(alice, key, policy(("Allow", f"acs:ram::{live_api.uid}:user/carol", ["kms:Encrypt"])))
    assert encrypt(carol, key.key_id)
    set_policy(alice, key, policy(("Allow", f"acs:ram::{live_api.uid}:user/carol", ["kms:*"]),
                                  ("Deny", f"acs:ram::{live_api.uid}:role/auditor", ["kms:Encrypt"])))
    assert code(encrypt, carol, key.key_id) == (403, "Forbidden.NoPermission")


def test_a_key_of_another_account_by_its_arn(alice, key, live_api, other_uid):
    charlie, mine = sdk(live_api, live_api.other), encrypt(alice, key.key_id)
    absent = (404, "Forbidden.KeyNotFound")
    assert code(encrypt, charlie, key.arn) == absent
    granted = ["kms:Encrypt", "kms:Decrypt", "kms:ScheduleKeyDeletion"]
    set_policy(alice, key, policy(("Allow", f"acs:ram::{other_uid}:user/charlie", granted)))
    theirs = encrypt(charlie, key.arn)
    for client, blob in ((alice, theirs), (charlie, mine)):
        opened = client.decrypt(models.DecryptRequest(ciphertext_blob=blob)).body
        assert (opened.plaintext, opened.key_id) == (HELLO, key.key_id)
    assert code(encrypt, charlie, key.key_id) == absent
    schedule = models.ScheduleKeyDeletionRequest(key_id=key.arn, pending_window_in_days=7)
    assert code(charlie.schedule_key_deletion, schedule) == absent
    assert OldSdk(live_api, live_api.other).call(old("Encrypt"), KeyId=key.arn, Plaintext=HELLO)["KeyId"] == key.key_id


def test_a_refusal_names_the_statement(live_api, key):
    text = '{"Version":"1","Statement":[{"Sid":"mine","Effect":"Allow","NotAction":["kms:Get*"],"Resource":["*"]}]}'
    reply = call(live_api, "SetKeyPolicy", {"KeyId": key.key_id, "Policy": text})
    assert (reply.status, reply.code) == (400, "InvalidParameter")
    assert reply.body["Message"] == ('The specified parameter "Policy" is not valid: '
                                     "statement 1 (mine), NotAction is not supported.")
    assert [one["Facts"]["element"] for one in reply.body["Refusals"]] == ["NotAction", "Action", "Principal"]


def test_nobody_can_be_locked_out(live_api, key):
    text = policy(("Deny", f"acs:ram::{live_api.uid}:*", ["kms:*"]))
    reply = call(live_api, "SetKeyPolicy", {"KeyId": key.key_id, "Policy": text})
    assert (reply.status, reply.code) == (400, "InvalidParameter")
    assert [one["Reason"] for one in reply.body["Refusals"]] == ["policy_locks_everybody_out"]


def test_a_policy_of_32_kilobytes_comes_through(alice, key, live_api):
    text = policy(("Allow", f"acs:ram::{live_api.uid}:*", ["kms:*"])).ljust(32_768)
    set_policy(alice, key, text)
    assert get_policy(alice, key) == text
    assert code(set_policy, alice, key, text + " ") == (400, "InvalidParameter")


def test_a_key_is_created_with_its_policy(alice, live_api):
    text = policy(("Allow", f"acs:ram::{live_api.uid}:user/carol", ["kms:Encrypt"]))
    made = alice.create_key(models.CreateKeyRequest(dkmsinstance_id=live_api.instance, policy=text)).body.key_metadata
    assert get_policy(alice, made) == text


def test_the_names_of_the_policies_beyond_the_vendors_list(live_api, key):
    reply = call(live_api, "ListKeyPolicies", {"KeyId": key.key_id})
    assert (reply.status, reply.body["PolicyNames"]) == (200, {"PolicyName": ["default"]})


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 30_000, '{"Version":"1","Statement":[[[[]]]]}', "\\ud800", "9" * 30_000,
                                  '{"Version":"1","Statement":[{"Effect":{},"Action":{},"Resource":{},"Principal":[]}]}'])
def test_rubbish_is_refused(live_api, key, text):
    reply = call(live_api, "SetKeyPolicy", {"KeyId": key.key_id, "Policy": text}, form=True)
    assert (reply.status, reply.code) == (400, "InvalidParameter")
