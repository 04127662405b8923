"""Imported material and rotation through both official Python SDKs, against a server process."""

from __future__ import annotations

import base64
from importlib import import_module

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException

from base import clock
from tests.api.live.clients import SDK_WARNINGS, OldSdk, sdk
from tests.importing import OAEP_256, PAIR, RAW, material_for, wrap

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()


@pytest.fixture(scope="module")
def client(live_api):
    return sdk(live_api)


@pytest.fixture(scope="module")
def old(live_api):
    """``old("DescribeKey", KeyId=…)``"""
    client = OldSdk(live_api)

    def call(name, **parameters):
        request = getattr(import_module(f"aliyunsdkkms.request.v20160120.{name}Request"), f"{name}Request")()
        return client.call(request, **parameters)

    return call


def create(client, live_api, **more):
    return client.create_key(models.CreateKeyRequest(dkmsinstance_id=live_api.instance, **more)).body.key_metadata


def describe(client, key_id):
    return client.describe_key(models.DescribeKeyRequest(key_id=key_id)).body.key_metadata


def parameters(client, key_id, algorithm=OAEP_256):
    return client.get_parameters_for_import(models.GetParametersForImportRequest(
        key_id=key_id, wrapping_key_spec="RSA_2048", wrapping_algorithm=algorithm)).body


def bring(client, key_id, material=RAW, algorithm=OAEP_256, **more):
    made = parameters(client, key_id, algorithm)
    return client.import_key_material(models.ImportKeyMaterialRequest(
        key_id=key_id, import_token=made.import_token, encrypted_key_material=wrap(made.public_key, algorithm, material), **more))


def refused(function, *args, **more) -> ClientException:
    with pytest.raises(ClientException) as caught:
        function(*args, **more)
    return caught.value


def test_import_with_the_new_sdk(client, live_api):
    key = create(client, live_api, origin="EXTERNAL")
    assert (key.key_state, key.origin, key.material_expire_time) == ("PendingImport", "EXTERNAL", "")
    made = parameters(client, key.key_id)
    assert made.key_id == key.key_id
    assert made.token_expire_time.endswith("Z")
    assert made.token_expire_time > clock.iso(clock.real_now())
    until = int(clock.real_now().timestamp()) + 3600
    client.import_key_material(models.ImportKeyMaterialRequest(
        key_id=key.key_id, import_token=made.import_token, key_material_expire_unix=until,
        encrypted_key_material=wrap(made.public_key, OAEP_256, RAW)))
    shown = describe(client, key.key_id)
    assert (shown.key_state, shown.primary_key_version[:25]) == ("Enabled", key.key_id)
    assert shown.material_expire_time[-1] == "Z"
    blob = client.encrypt(models.EncryptRequest(key_id=key.key_id, plaintext=HELLO)).body
    client.delete_key_material(models.DeleteKeyMaterialRequest(key_id=key.key_id))
    assert describe(client, key.key_id).material_expire_time == ""
    error = refused(client.decrypt, models.DecryptRequest(ciphertext_blob=blob.ciphertext_blob))
    assert (error.code, error.status_code) == ("Rejected.PendingImport", 409)
    assert error.data["Refusals"][0]["LiftedBy"] == "ImportKeyMaterial"
    bring(client, key.key_id, key_material_expire_unix=0)
    opened = client.decrypt(models.DecryptRequest(ciphertext_blob=blob.ciphertext_blob)).body
    assert (opened.plaintext, opened.key_version_id) == (HELLO, blob.key_version_id)


@pytest.mark.parametrize("spec", ["RSA_2048", "EC_P256"])
def test_a_pair_with_the_new_sdk(spec, client, live_api):
    key = create(client, live_api, origin="EXTERNAL", key_spec=spec)
    bring(client, key.key_id, material_for(spec), PAIR)
    assert describe(client, key.key_id).key_state == "Enabled"


def test_refusals_in_the_vendors_words(client, live_api):
    own, key = create(client, live_api), create(client, live_api, origin="EXTERNAL")
    error = refused(parameters, client, own.key_id)
    assert (error.code, error.status_code, error.data["Message"]) \
        == ("Unsupported.Origin", 400, "This key origin is not valid for this api.")
    error = refused(parameters, client, key.key_id, "RSAES_OAEP_SHA_1")
    assert (error.code, error.data["Message"]) \
        == ("InvalidParameter", 'The specified parameter "WrappingAlgorithm" is not valid.')
    bring(client, key.key_id)
    error = refused(bring, client, key.key_id, bytes(32))
    assert (error.code, error.status_code, error.data["Message"]) == ("InvalidKeyMaterial", 400, "key material is invalid.")
    assert error.data["Refusals"][0]["Reason"] == "material_differs"
    error = refused(bring, client, key.key_id, key_material_expire_unix=1)
    assert (error.code, error.data["Message"]) \
        == ("InvalidParameter", 'The specified parameter "KeyMaterialExpireUnix" is not valid.')
    error = refused(client.import_key_material, models.ImportKeyMaterialRequest(
        key_id=key.key_id, import_token=HELLO, encrypted_key_material=HELLO))
    assert (error.code, error.data["Message"]) == ("InvalidImportToken", "import token is invalid.")
    error = refused(client.import_key_material, models.ImportKeyMaterialRequest(key_id=key.key_id))
    assert error.code == "MissingParameter"


def test_nothing_of_the_material_is_on_disk_or_in_the_log(client, live_api):
    key, material = create(client, live_api, origin="EXTERNAL"), material_for("Aliyun_AES_256")
    made = parameters(client, key.key_id)
    wrapped = wrap(made.public_key, OAEP_256, material)
    client.import_key_material(models.ImportKeyMaterialRequest(
        key_id=key.key_id, import_token=made.import_token, encrypted_key_material=wrapped))
    stored = live_api.stored_bytes() + live_api.log_text().encode()
    for secret in (material, base64.b64encode(material), material.hex().encode(), wrapped.encode(), base64.b64decode(wrapped),
                   made.import_token.encode()):
        assert secret not in stored


def test_rotation_with_the_new_sdk(client, live_api):
    key = create(client, live_api, enable_automatic_rotation=True, rotation_interval="7d")
    assert (key.automatic_rotation, key.rotation_interval) == ("Enabled", "604800s")
    assert key.next_rotation_date > key.last_rotation_date == key.creation_date
    blob = client.encrypt(models.EncryptRequest(key_id=key.key_id, plaintext=HELLO)).body
    alias = f"alias/rotating/{key.key_id[-6:]}"
    client.create_alias(models.CreateAliasRequest(key_id=key.key_id, alias_name=alias))
    made = client.create_key_version(models.CreateKeyVersionRequest(key_id=alias)).body.key_version
    assert (made.key_id, made.creation_date[-1]) == (key.key_id, "Z")
    assert describe(client, key.key_id).primary_key_version == made.key_version_id != blob.key_version_id
    listed = client.list_key_versions(models.ListKeyVersionsRequest(key_id=key.key_id)).body
    assert {version.key_version_id for version in listed.key_versions.key_version} == {made.key_version_id, blob.key_version_id}
    assert client.decrypt(models.DecryptRequest(ciphertext_blob=blob.ciphertext_blob)).body.plaintext == HELLO
    client.disable_key(models.DisableKeyRequest(key_id=key.key_id))
    shown = describe(client, key.key_id)
    assert (shown.automatic_rotation, shown.rotation_interval) == ("Suspended", "604800s")
    error = refused(client.create_key_version, models.CreateKeyVersionRequest(key_id=key.key_id))
    assert (error.code, error.status_code) == ("Rejected.Disabled", 409)
    client.enable_key(models.EnableKeyRequest(key_id=key.key_id))
    client.update_rotation_policy(models.UpdateRotationPolicyRequest(key_id=key.key_id, enable_automatic_rotation=False))
    shown = describe(client, key.key_id)
    assert (shown.automatic_rotation, shown.rotation_interval, shown.next_rotation_date) == ("Disabled", None, None)


@pytest.mark.parametrize(("interval", "code"), [(None, "MissingParameter"), ("6d", "InvalidParameter"),
                                                ("366d", "InvalidParameter"), ("soon", "InvalidParameter")])
def test_intervals(interval, code, client, live_api):
    key = create(client, live_api)
    error = refused(client.update_rotation_policy, models.UpdateRotationPolicyRequest(
        key_id=key.key_id, enable_automatic_rotation=True, rotation_interval=interval))
    assert (error.code, error.status_code) == (code, 400)
    assert "RotationInterval" in error.data["Message"]


def test_kinds_that_never_rotate(client, live_api):
    for more in ({"key_spec": "EC_P256"}, {"origin": "EXTERNAL"}):
        key = create(client, live_api, **more)
        if more.get("origin"):
            bring(client, key.key_id)
        for call, request in ((client.create_key_version, models.CreateKeyVersionRequest(key_id=key.key_id)),
                              (client.update_rotation_policy, models.UpdateRotationPolicyRequest(
                                  key_id=key.key_id, enable_automatic_rotation=True, rotation_interval="30d"))):
            error = refused(call, request)
            assert (error.code, error.status_code) == ("Rejected.UnsupportedOperation", 400)


def test_import_with_the_old_sdk(old, live_api):
    key = old("CreateKey", Origin="EXTERNAL", DKMSInstanceId=live_api.instance)["KeyMetadata"]["KeyId"]
    made = old("GetParametersForImport", KeyId=key, WrappingKeySpec="RSA_2048", WrappingAlgorithm=OAEP_256)
    assert set(made) == {"KeyId", "PublicKey", "ImportToken", "TokenExpireTime", "RequestId"}
    wrapped = wrap(made["PublicKey"], OAEP_256, RAW)
    for _ in range(2):
        assert set(old("ImportKeyMaterial", KeyId=key, ImportToken=made["ImportToken"],
                            EncryptedKeyMaterial=wrapped)) == {"RequestId"}
        assert old("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
        blob = old("Encrypt", KeyId=key, Plaintext=HELLO)["CiphertextBlob"]
        assert set(old("DeleteKeyMaterial", KeyId=key)) == {"RequestId"}
        with pytest.raises(ServerException) as caught:
            old("Decrypt", CiphertextBlob=blob)
        assert caught.value.get_error_code() == "Rejected.PendingImport"


def test_rotation_with_the_old_sdk(old, live_api):
    key = old("CreateKey", DKMSInstanceId=live_api.instance)["KeyMetadata"]["KeyId"]
    made = old("CreateKeyVersion", KeyId=key)["KeyVersion"]
    assert set(made) == {"KeyId", "KeyVersionId", "CreationDate"}
    assert old("ListKeyVersions", KeyId=key)["TotalCount"] == 2
    old("UpdateRotationPolicy", KeyId=key, EnableAutomaticRotation="true", RotationInterval="240h")
    shown = old("DescribeKey", KeyId=key)["KeyMetadata"]
    assert (shown["AutomaticRotation"], shown["RotationInterval"]) == ("Enabled", "864000s")
    assert shown["PrimaryKeyVersion"] == made["KeyVersionId"]
    with pytest.raises(ServerException) as caught:
        old("UpdateRotationPolicy", KeyId=key, EnableAutomaticRotation="maybe")
    assert caught.value.get_error_code() == "InvalidParameter"
