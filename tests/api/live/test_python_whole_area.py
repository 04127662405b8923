"""Every operation of the area, done for real by both official Python SDKs, each by its own request classes."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_kms20160120 import models as new
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.calls import CALLS, EXTENSIONS
from tests.api.live.clients import SDK_WARNINGS, OldSdk, sdk
from tests.importing import RAW, wrap

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()
DIGEST = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
OAEP = "RSAES_OAEP_SHA_256"
# Operations younger than the old SDK, which has no class for them (`api/README.md` of the reference, section 11).
NOT_IN_OLD = {"GenerateMac", "VerifyMac", "GetDefaultKmsInstance", "GetKmsInstanceQuotaInfos"}
Call = Callable[..., dict[str, Any]]


def snake(name: str) -> str:
    """As the new SDK writes names: ``DKMSInstanceId`` -> ``dkmsinstance_id``, ``KeyId`` -> ``key_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def with_new(api: Any) -> tuple[Call, set[str]]:
    client, done = sdk(api), set()

    def call(action: str, **parameters: Any) -> dict[str, Any]:
        done.add(action)
        shape = getattr(new, f"{action}Request", None)
        if shape is None:  # DescribeRegions and its like take no request
            return getattr(client, snake(action))().body.to_map()
        return getattr(client, snake(action))(shape().from_map(parameters)).body.to_map()

    return call, done


def with_old(api: Any) -> tuple[Call, set[str]]:
    client, done = OldSdk(api), set()

    def call(action: str, **parameters: Any) -> dict[str, Any]:
        done.add(action)
        module = importlib.import_module(f"aliyunsdkkms.request.v20160120.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            # The class's own setter: what it does to lists and booleans is part of what we serve.
            getattr(request, f"set_{name}" + ("s" if isinstance(value, list) else ""))(value)
        return client.call(request)

    return call, done


@pytest.mark.parametrize(("client", "lacks"), [(with_new, set()), (with_old, NOT_IN_OLD)], ids=["new", "old"])
def test_every_operation_of_the_area_works(live_api, client, lacks):
    do, done = client(live_api)
    home = {"DKMSInstanceId": live_api.instance}
    der = rsa.generate_private_key(65537, 2048).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    export = {"PublicKeyBlob": base64.b64encode(der).decode(), "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"}

    def create(**parameters: Any) -> str:
        return do("CreateKey", **home, **parameters)["KeyMetadata"]["KeyId"]

    def version(key: str) -> str:
        return do("ListKeyVersions", KeyId=key)["KeyVersions"]["KeyVersion"][0]["KeyVersionId"]

    one, two, alias = create(), create(), f"alias/{client.__name__}"
    assert do("DescribeKey", KeyId=one)["KeyMetadata"]["KeyState"] == "Enabled"
    assert do("ListKeys", PageSize=5)["TotalCount"] >= 2
    do("UpdateKeyDescription", KeyId=one, Description="ü"), do("DisableKey", KeyId=one), do("EnableKey", KeyId=one)
    do("CreateAlias", KeyId=one, AliasName=alias), do("UpdateAlias", KeyId=two, AliasName=alias)
    assert alias in json.dumps(do("ListAliases", PageSize=100))
    assert alias in json.dumps(do("ListAliasesByKeyId", KeyId=two))
    do("DeleteAlias", AliasName=alias)
    sealed = do("Encrypt", KeyId=one, Plaintext=HELLO)["CiphertextBlob"]
    assert do("Decrypt", CiphertextBlob=sealed)["Plaintext"] == HELLO
    moved = do("ReEncrypt", CiphertextBlob=sealed, DestinationKeyId=two)["CiphertextBlob"]
    assert do("Decrypt", CiphertextBlob=moved)["KeyId"] == two
    data = do("GenerateDataKey", KeyId=one)
    assert do("Decrypt", CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    do("GenerateDataKeyWithoutPlaintext", KeyId=one, NumberOfBytes=64)
    do("ExportDataKey", CiphertextBlob=data["CiphertextBlob"], **export), do("GenerateAndExportDataKey", KeyId=one, **export)
    made = do("CreateKeyVersion", KeyId=one)["KeyVersion"]["KeyVersionId"]
    do("UpdateRotationPolicy", KeyId=one, EnableAutomaticRotation=True, RotationInterval="30d")
    assert do("DescribeKeyVersion", KeyId=one, KeyVersionId=made)["KeyVersion"]["KeyId"] == one
    do("SetKeyPolicy", KeyId=one, PolicyName="default", Policy=do("GetKeyPolicy", KeyId=one)["Policy"])
    do("TagResource", KeyId=one, Tags='[{"TagKey":"a","TagValue":"b"}]')
    assert do("ListResourceTags", KeyId=one)["Tags"]["Tag"][0]["TagKey"] == "a"
    do("UntagResource", KeyId=one, TagKeys='["a"]')
    many = {"ResourceType": "key", "RegionId": "cn-local"} if client is with_new else {"ResourceType": "key"}
    do("TagResources", ResourceId=[one, two], Tag=[{"Key": "t", "Value": "v"}], **many)
    assert len(do("ListTagResources", ResourceId=[one, two], **many)["TagResources"]["TagResource"]) == 2
    do("UntagResources", ResourceId=[one, two], TagKey=["t"], **many)

    pair = create(KeySpec="RSA_2048", KeyUsage="ENCRYPT/DECRYPT")
    half = {"KeyId": pair, "KeyVersionId": version(pair)}
    assert "BEGIN PUBLIC KEY" in do("GetPublicKey", **half)["PublicKey"]
    public = do("AsymmetricEncrypt", **half, Algorithm=OAEP, Plaintext=HELLO)["CiphertextBlob"]
    assert do("AsymmetricDecrypt", **half, Algorithm=OAEP, CiphertextBlob=public)["Plaintext"] == HELLO
    signer = create(KeySpec="EC_P256")
    half = {"KeyId": signer, "KeyVersionId": version(signer), "Algorithm": "ECDSA_SHA_256", "Digest": DIGEST}
    assert do("AsymmetricVerify", **half, Value=do("AsymmetricSign", **half)["Value"])["Value"] is True

    outside = create(Origin="EXTERNAL")
    token = do("GetParametersForImport", KeyId=outside, WrappingAlgorithm=OAEP, WrappingKeySpec="RSA_2048")
    do("ImportKeyMaterial", KeyId=outside, EncryptedKeyMaterial=wrap(token["PublicKey"], OAEP, RAW),
       ImportToken=token["ImportToken"], KeyMaterialExpireUnix=0)
    blob = do("Encrypt", KeyId=outside, Plaintext=HELLO)["CiphertextBlob"]
    assert do("Decrypt", CiphertextBlob=blob)["Plaintext"] == HELLO
    do("DeleteKeyMaterial", KeyId=outside)

    arn = do("DescribeKey", KeyId=two)["KeyMetadata"]["Arn"]
    do("SetDeletionProtection", ProtectedResourceArn=arn, EnableDeletionProtection=True)
    do("SetDeletionProtection", ProtectedResourceArn=arn, EnableDeletionProtection=False)
    do("ScheduleKeyDeletion", KeyId=two, PendingWindowInDays=7), do("CancelKeyDeletion", KeyId=two)
    do("ListKmsInstances"), do("GetKmsInstance", KmsInstanceId=live_api.instance)
    do("DescribeRegions"), do("DescribeAccountKmsStatus")
    if "GenerateMac" not in lacks:
        hmac = {"KeyId": create(KeySpec="HMAC_SHA_256"), "Algorithm": "HMAC_SHA_256", "Message": HELLO}
        assert do("VerifyMac", **hmac, Mac=do("GenerateMac", **hmac)["Mac"])["Value"] is True
        assert do("GetDefaultKmsInstance")["DefaultKmsInstanceId"]
        do("GetKmsInstanceQuotaInfos", KmsInstanceId=live_api.instance)
    # OpenKmsService always answers Forbidden.Opened; `test_tags_and_protection` has it, and `test_instances` the rest.
    elsewhere = {"OpenKmsService", "ConnectKmsInstance", "ReleaseKmsInstance", "UpdateKmsInstanceBindVpc"}
    assert done | elsewhere | lacks == set(CALLS) - set(EXTENSIONS)
