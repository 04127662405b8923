"""A key's life through the vendor's newest SDK, against a server process."""

from __future__ import annotations

import base64
import json

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.api.live.clients import SDK_WARNINGS, OldSdk, sdk

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()


def refused(function, *args) -> ClientException:
    with pytest.raises(ClientException) as caught:
        function(*args)
    return caught.value


@pytest.fixture(scope="module")
def client(live_api):
    return sdk(live_api)


@pytest.fixture
def key_id(client, live_api):
    made = client.create_key(models.CreateKeyRequest(dkmsinstance_id=live_api.instance, description="a test"))
    return made.body.key_metadata.key_id


def encrypt(client, key_id, text=HELLO, **more):
    return client.encrypt(models.EncryptRequest(key_id=key_id, plaintext=text, **more)).body


def decrypt(client, blob, **more):
    return client.decrypt(models.DecryptRequest(ciphertext_blob=blob, **more)).body


def state(client, key_id):
    return client.describe_key(models.DescribeKeyRequest(key_id=key_id)).body.key_metadata


def test_a_new_key_describes_itself(client, key_id, live_api):
    shown = state(client, key_id)
    assert (shown.key_state, shown.key_spec, shown.key_usage) == ("Enabled", "Aliyun_AES_256", "ENCRYPT/DECRYPT")
    assert (shown.origin, shown.protection_level, shown.creator) == ("Aliyun_KMS", "SOFTWARE", live_api.uid)
    assert shown.arn == f"acs:kms:cn-local:{live_api.uid}:key/{key_id}"
    assert shown.dkmsinstance_id == live_api.instance
    assert (shown.automatic_rotation, shown.deletion_protection, shown.delete_date) == ("Disabled", "Disabled", None)
    assert shown.primary_key_version.startswith(key_id)


def test_the_whole_life(client, key_id):
    blob = encrypt(client, key_id).ciphertext_blob
    one = models.DisableKeyRequest(key_id=key_id)
    client.disable_key(one)
    client.disable_key(one)
    error = refused(decrypt, client, blob)
    assert (error.code, error.status_code) == ("Rejected.Disabled", 409)
    assert error.data["Message"] == "The request was rejected because the key state is Disabled."
    assert error.data["Refusals"][0]["LiftedBy"] == "EnableKey"
    client.enable_key(models.EnableKeyRequest(key_id=key_id))
    client.schedule_key_deletion(models.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=7))
    pending = state(client, key_id)
    assert pending.key_state == "PendingDeletion"
    assert pending.delete_date > pending.creation_date
    assert refused(encrypt, client, key_id).code == "Rejected.PendingDeletion"
    assert refused(client.enable_key, models.EnableKeyRequest(key_id=key_id)).code == "Rejected.StateModifiedFailed"
    again = models.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=30)
    assert refused(client.schedule_key_deletion, again).status_code == 409
    client.cancel_key_deletion(models.CancelKeyDeletionRequest(key_id=key_id))
    assert state(client, key_id).key_state == "Enabled"
    assert decrypt(client, blob).plaintext == HELLO


@pytest.mark.parametrize("days", [6, 367, 0, -1])
def test_the_window_has_bounds(client, key_id, days):
    request = models.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=days)
    error = refused(client.schedule_key_deletion, request)
    assert (error.code, error.status_code) == ("InvalidParameter", 400)
    assert error.data["Message"] == 'The specified parameter "PendingWindowInDays" is not valid.'


def test_the_description_is_replaced_and_deleted(client, key_id):
    for text in ("neu: 説明 ü&=+%", ""):
        client.update_key_description(models.UpdateKeyDescriptionRequest(key_id=key_id, description=text))
        assert state(client, key_id).description == text


def test_names(client, key_id, live_api):
    """Id, alias and ARN where the vendor takes them; the answer always has the plain id."""
    alias = f"alias/life/{key_id[-6:]}"
    client.create_alias(models.CreateAliasRequest(key_id=key_id, alias_name=alias))
    for name in (key_id, alias, f"acs:kms:cn-local:{live_api.uid}:key/{key_id}", f"acs:kms:cn-local:{live_api.uid}:{alias}"):
        made = encrypt(client, name)
        assert made.key_id == key_id
        assert base64.b64decode(made.ciphertext_blob)[:36].decode() == made.key_version_id
    assert refused(client.disable_key, models.DisableKeyRequest(key_id=alias)).code == "Unsupported.Alias"


def test_aliases(client, key_id):
    other = client.create_key(models.CreateKeyRequest()).body.key_metadata.key_id
    alias = f"alias/{key_id[-8:]}"
    make = models.CreateAliasRequest(key_id=key_id, alias_name=alias)
    client.create_alias(make)
    assert refused(client.create_alias, make).code == "AliasAlreadyExists"
    listed = client.list_aliases_by_key_id(models.ListAliasesByKeyIdRequest(key_id=key_id)).body
    assert [(one.alias_name, one.key_id) for one in listed.aliases.alias] == [(alias, key_id)]
    assert listed.aliases.alias[0].alias_arn.endswith(f":{alias}")
    client.update_alias(models.UpdateAliasRequest(key_id=other, alias_name=alias))
    assert state(client, alias).key_id == other
    assert client.list_aliases_by_key_id(models.ListAliasesByKeyIdRequest(key_id=key_id)).body.aliases.alias == []
    client.delete_alias(models.DeleteAliasRequest(alias_name=alias))
    assert refused(client.delete_alias, models.DeleteAliasRequest(alias_name=alias)).code == "Forbidden.AliasNotFound"
    assert refused(encrypt, client, alias).status_code == 404


@pytest.mark.parametrize("name", ["noprefix", "alias/", "alias/acs/ecs", "alias/ü", "alias/" + 256 * "a"])
def test_bad_alias_names(client, key_id, name):
    assert refused(client.create_alias, models.CreateAliasRequest(key_id=key_id, alias_name=name)).code == "InvalidParameter"


def test_context(client, key_id):
    context = {"b": "c d", "é": "中~*+/=&%", "x": ""}
    blob = encrypt(client, key_id, encryption_context=context).ciphertext_blob
    assert decrypt(client, blob, encryption_context=dict(reversed(context.items()))).plaintext == HELLO
    for wrong in ({}, {"b": "c d"}, {**context, "x": " "}):
        error = refused(lambda wrong=wrong: decrypt(client, blob, encryption_context=wrong))
        assert (error.code, error.status_code) == ("InvalidParameter", 400)
        assert error.data["Message"] == "The specified parameter is not valid."


def test_six_kilobytes(client, key_id):
    most = base64.b64encode(bytes(range(256)) * 24).decode()
    assert decrypt(client, encrypt(client, key_id, most).ciphertext_blob).plaintext == most
    more = base64.b64encode(bytes(6145)).decode()
    assert refused(encrypt, client, key_id, more).code == "InvalidParameter"


def test_a_flipped_bit(client, key_id):
    blob = bytearray(base64.b64decode(encrypt(client, key_id).ciphertext_blob))
    messages = set()
    for at in (36, 50, len(blob) - 1):
        flipped = bytes(blob[:at]) + bytes([blob[at] ^ 1]) + bytes(blob[at + 1:])
        error = refused(decrypt, client, base64.b64encode(flipped).decode())
        messages.add((error.code, error.data["Message"]))
    assert messages == {("InvalidParameter", "The specified parameter is not valid.")}


@pytest.mark.parametrize("more, size", [({}, 32), ({"key_spec": "AES_128"}, 16), ({"number_of_bytes": 1024}, 1024),
                                        ({"key_spec": "AES_128", "number_of_bytes": 1}, 1)])
def test_data_keys(client, key_id, more, size):
    made = client.generate_data_key(models.GenerateDataKeyRequest(key_id=key_id, **more)).body
    assert len(base64.b64decode(made.plaintext)) == size
    assert decrypt(client, made.ciphertext_blob).plaintext == made.plaintext
    bare = client.generate_data_key_without_plaintext(models.GenerateDataKeyWithoutPlaintextRequest(key_id=key_id, **more))
    assert "Plaintext" not in bare.body.to_map()
    assert len(base64.b64decode(decrypt(client, bare.body.ciphertext_blob).plaintext)) == size


@pytest.mark.parametrize("more", [{"key_spec": "AES_512"}, {"number_of_bytes": 0}, {"number_of_bytes": 1025}])
def test_bad_data_keys(client, key_id, more):
    request = models.GenerateDataKeyRequest(key_id=key_id, **more)
    assert refused(client.generate_data_key, request).code == "InvalidParameter"


def test_versions(client, key_id):
    version = state(client, key_id).primary_key_version
    listed = client.list_key_versions(models.ListKeyVersionsRequest(key_id=key_id)).body
    assert [one.key_version_id for one in listed.key_versions.key_version] == [version]
    request = models.DescribeKeyVersionRequest(key_id=key_id, key_version_id=version)
    assert client.describe_key_version(request).body.key_version.key_id == key_id
    request.key_version_id = version[:-1] + ("0" if version[-1] != "0" else "1")
    assert refused(client.describe_key_version, request).code == "Forbidden.KeyVersionNotFound"


def test_pages_and_filters(client, live_api):
    made = [client.create_key(models.CreateKeyRequest(tags=json.dumps([{"TagKey": "set", "TagValue": "pages"}])))
            .body.key_metadata.key_id for _ in range(5)]
    client.disable_key(models.DisableKeyRequest(key_id=made[0]))

    def listed(number=None, size=None, **filters):
        text = json.dumps([{"Key": key, "Values": values} for key, values in filters.items()])
        body = client.list_keys(models.ListKeysRequest(filters=text, page_number=number, page_size=size)).body
        return [one.key_id for one in body.keys.key], body.total_count, body.page_number, body.page_size

    ours = {"TagKey": ["set"], "TagValue": ["pages", "else"]}
    seen = [listed(number, 2, **ours) for number in (1, 2, 3, 4)]
    assert [len(ids) for ids, *_ in seen] == [2, 2, 1, 0]
    assert sorted(sum((ids for ids, *_ in seen), [])) == sorted(made)
    assert seen[3][1:] == (5, 4, 2)
    assert listed(**ours)[2:] == (1, 10)
    assert listed(**ours, KeyState=["Disabled"])[0] == made[:1]
    assert sorted(listed(keyId=made[1:3], DKMSInstanceId=[live_api.instance])[0]) == sorted(made[1:3])
    assert listed(**ours, KeySpec=["RSA_2048"])[1] == 0
    for bad in ("[", "{}", '[{"Key":"Nope","Values":[]}]', '[{"Key":["KeyState"],"Values":[]}]', "[1]"):
        assert refused(client.list_keys, models.ListKeysRequest(filters=bad)).code == "InvalidParameter"
    for page in ({"page_number": -1}, {"page_size": 101}, {"page_number": 10**12}):
        assert refused(client.list_keys, models.ListKeysRequest(**page)).code == "InvalidParameter"


def test_instances(client, live_api):
    listed = client.list_kms_instances(models.ListKmsInstancesRequest()).body
    assert live_api.instance in [one.kms_instance_id for one in listed.kms_instances.kms_instance]
    shown = client.get_kms_instance(models.GetKmsInstanceRequest(kms_instance_id=live_api.instance)).body.kms_instance
    assert (shown.instance_id, shown.status, shown.sale_status) == (live_api.instance, "Connected", "Normal")
    assert client.get_default_kms_instance().body.default_kms_instance_id == live_api.instance
    unknown = models.GetKmsInstanceRequest(kms_instance_id="kst-none")
    assert refused(client.get_kms_instance, unknown).code == "Forbidden.DKMSInstanceNotFound"
    assert client.describe_regions().body.regions.region[0].region_id == "cn-local"
    assert client.describe_account_kms_status().body.account_status == "Enabled"


def test_another_account_sees_nothing(client, key_id, live_api):
    """The same answer as for a key that never was, by id, alias, ARN and blob."""
    blob = encrypt(client, key_id).ciphertext_blob
    stranger = sdk(live_api, live_api.other)
    for name in (key_id, f"acs:kms:cn-local:{live_api.uid}:key/{key_id}", "key-lcl00000000aaaaaaaaaa"):
        error = refused(state, stranger, name)
        assert (error.code, error.status_code) == ("Forbidden.KeyNotFound", 404)
    assert refused(decrypt, stranger, blob).code == "Forbidden.KeyNotFound"
    create = models.CreateKeyRequest(dkmsinstance_id=live_api.instance)
    assert refused(stranger.create_key, create).code == "Forbidden.DKMSInstanceNotFound"


def test_an_auditor_may_look_only(client, key_id, live_api):
    carol = sdk(live_api, live_api.auditor)
    assert state(carol, key_id).key_state == "Enabled"
    error = refused(encrypt, carol, key_id)
    assert (error.code, error.status_code) == ("Forbidden.NoPermission", 403)


def test_dry_run_never_performs(client, key_id, live_api):
    def code(who, text=HELLO, name=key_id):
        return refused(lambda: encrypt(who, name, text, dry_run="true"))

    assert (code(client).code, code(client).status_code) == ("DryRunOperationError", 400)
    assert code(client, "no base64!").code == "ValidationError"
    assert (code(sdk(live_api, live_api.auditor)).code) == "AccessDeniedError"
    assert code(client, name="key-none").code == "Forbidden.KeyNotFound"
    client.disable_key(models.DisableKeyRequest(key_id=key_id))
    assert code(client).code == "Rejected.Disabled"


@pytest.mark.parametrize("options", [{"signature_algorithm": "ACS3-HMAC-SM3"}, {"signature_algorithm": "v2"},
                                     {"signature_version": "v4"}], ids=str)
def test_every_signature_of_the_sdk(live_api, key_id, options):
    other = sdk(live_api, **options)
    context = {"a": "b c"}
    assert decrypt(other, encrypt(other, key_id, encryption_context=context).ciphertext_blob,
                   encryption_context=context).plaintext == HELLO


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_old_sdk(live_api, key_id, method):
    from aliyunsdkcore.acs_exception.exceptions import ServerException
    from aliyunsdkkms.request.v20160120 import DecryptRequest, DescribeKeyRequest, EncryptRequest, ListKeysRequest

    old = OldSdk(live_api)
    blob = old.call(EncryptRequest.EncryptRequest(), method=method, KeyId=key_id, Plaintext=HELLO,
                    EncryptionContext='{"a": "b c"}')["CiphertextBlob"]
    back = old.call(DecryptRequest.DecryptRequest(), method=method, CiphertextBlob=blob, EncryptionContext='{"a":"b c"}')
    assert back["Plaintext"] == HELLO
    assert old.call(ListKeysRequest.ListKeysRequest(), method=method, PageSize=1)["Keys"]["Key"]
    with pytest.raises(ServerException) as caught:
        old.call(DescribeKeyRequest.DescribeKeyRequest(), method=method, KeyId="key-none")
    error = caught.value
    assert (error.get_error_code(), error.get_http_status()) == ("Forbidden.KeyNotFound", 404)
    assert error.get_error_msg() == "The specified Key is not found."
    assert error.get_request_id()


def test_the_old_sdk_survives_a_wrong_secret(live_api):
    from aliyunsdkcore.acs_exception.exceptions import ServerException
    from aliyunsdkkms.request.v20160120 import ListKeysRequest

    with pytest.raises(ServerException) as caught:
        OldSdk(live_api, (live_api.access_key_id, "wrong")).call(ListKeysRequest.ListKeysRequest())
    assert caught.value.get_error_code() in ("SignatureDoesNotMatch", "InvalidAccessKeySecret")
