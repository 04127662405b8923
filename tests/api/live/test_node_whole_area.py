"""Every operation of the key area, done for real by a Node SDK."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.calls import CALLS, EXTENSIONS
from tests.api.live.clients import SDK_WARNINGS
from tests.importing import RAW, wrap
from tests.node.driving import Step, drive, install

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()
DIGEST = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
OAEP = "RSAES_OAEP_SHA_256"


@pytest.fixture(scope="module", autouse=True)
def packages():
    install()


class Script:
    """Steps that name earlier ones: ``script("CreateKey", …)`` gives the number of the step."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, action: str, **parameters: Any) -> int:
        self.steps.append(Step("openapi", action, parameters))
        return len(self.steps) - 1

    def run(self, api: Any) -> list[dict[str, Any]]:
        results = drive(api, *self.steps)
        wrong = [(step.action, result["error"]) for step, result in zip(self.steps, results, strict=True) if "error" in result]
        assert wrong == []
        return [result["body"] for result in results]


def key_of(number: int) -> dict[str, list[Any]]:
    return {"from": [number, "KeyMetadata", "KeyId"]}


def of(number: int, *fields: Any) -> dict[str, list[Any]]:
    return {"from": [number, *fields]}


def test_every_operation_of_the_area_works(live_api):
    home = {"DKMSInstanceId": live_api.instance}
    der = rsa.generate_private_key(65537, 2048).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    export = {"PublicKeyBlob": base64.b64encode(der).decode(), "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"}
    do = Script()
    key, other = do("CreateKey", **home), do("CreateKey", **home)
    one, two, many = key_of(key), key_of(other), {"RegionId": "cn-local", "ResourceType": "key"}
    do("DescribeKey", KeyId=one), do("ListKeys", PageSize=5), do("UpdateKeyDescription", KeyId=one, Description="ü")
    do("DisableKey", KeyId=one), do("EnableKey", KeyId=one)
    do("CreateAlias", KeyId=one, AliasName="alias/node"), do("UpdateAlias", KeyId=two, AliasName="alias/node")
    do("ListAliases"), do("ListAliasesByKeyId", KeyId=two), do("DeleteAlias", AliasName="alias/node")
    sealed = do("Encrypt", KeyId=one, Plaintext=HELLO, EncryptionContext='{"a":"b"}')
    opened = do("Decrypt", CiphertextBlob=of(sealed, "CiphertextBlob"), EncryptionContext='{"a":"b"}')
    moved = do("ReEncrypt", CiphertextBlob=of(sealed, "CiphertextBlob"), SourceEncryptionContext='{"a":"b"}',
               DestinationKeyId=two)
    again = do("Decrypt", CiphertextBlob=of(moved, "CiphertextBlob"))
    data = do("GenerateDataKey", KeyId=one)
    do("GenerateDataKeyWithoutPlaintext", KeyId=one, NumberOfBytes=64)
    do("ExportDataKey", CiphertextBlob=of(data, "CiphertextBlob"), **export), do("GenerateAndExportDataKey", KeyId=one, **export)
    do("CreateKeyVersion", KeyId=one)
    do("UpdateRotationPolicy", KeyId=one, EnableAutomaticRotation=True, RotationInterval="30d")
    listed = do("ListKeyVersions", KeyId=one)
    do("DescribeKeyVersion", KeyId=one, KeyVersionId=of(listed, "KeyVersions", "KeyVersion", 0, "KeyVersionId"))
    policy = do("GetKeyPolicy", KeyId=one)
    do("SetKeyPolicy", KeyId=one, PolicyName="default", Policy=of(policy, "Policy")), do("ListKeyPolicies", KeyId=one)
    do("TagResource", KeyId=one, Tags='[{"TagKey":"a","TagValue":"b"}]'), do("ListResourceTags", KeyId=one)
    do("UntagResource", KeyId=one, TagKeys='["a"]')
    do("TagResources", **many, **{"ResourceId.1": one, "ResourceId.2": two, "Tag.1.Key": "t"})
    do("ListTagResources", **many), do("UntagResources", **many, **{"ResourceId.1": one, "All": True})
    pair = do("CreateKey", **home, KeySpec="RSA_2048", KeyUsage="ENCRYPT/DECRYPT")
    half = do("ListKeyVersions", KeyId=key_of(pair))
    rsa_key = {"KeyId": key_of(pair), "KeyVersionId": of(half, "KeyVersions", "KeyVersion", 0, "KeyVersionId")}
    do("GetPublicKey", **rsa_key)
    public = do("AsymmetricEncrypt", **rsa_key, Algorithm=OAEP, Plaintext=HELLO)
    private = do("AsymmetricDecrypt", **rsa_key, Algorithm=OAEP, CiphertextBlob=of(public, "CiphertextBlob"))
    signer = do("CreateKey", **home, KeySpec="EC_P256")
    half = do("ListKeyVersions", KeyId=key_of(signer))
    ec_key = {"KeyId": key_of(signer), "KeyVersionId": of(half, "KeyVersions", "KeyVersion", 0, "KeyVersionId"),
              "Algorithm": "ECDSA_SHA_256", "Digest": DIGEST}
    signed = do("AsymmetricSign", **ec_key)
    verified = do("AsymmetricVerify", **ec_key, Value=of(signed, "Value"))
    hmac = {"KeyId": key_of(do("CreateKey", **home, KeySpec="HMAC_SHA_256")), "Algorithm": "HMAC_SHA_256", "Message": HELLO}
    mac = do("GenerateMac", **hmac)
    do("VerifyMac", **hmac, Mac=of(mac, "Mac"))
    outside = do("CreateKey", **home, Origin="EXTERNAL")
    token = do("GetParametersForImport", KeyId=key_of(outside), WrappingAlgorithm=OAEP, WrappingKeySpec="RSA_2048")
    do("SetDeletionProtection", KeyId=two, EnableDeletionProtection=True, DeletionProtectionDescription="x")
    do("SetDeletionProtection", KeyId=two, EnableDeletionProtection=False)
    do("ScheduleKeyDeletion", KeyId=two, PendingWindowInDays=7), do("CancelKeyDeletion", KeyId=two)
    do("ListKmsInstances"), do("GetKmsInstance", KmsInstanceId=live_api.instance), do("GetDefaultKmsInstance")
    do("GetKmsInstanceQuotaInfos"), do("DescribeRegions"), do("DescribeAccountKmsStatus")
    answers = do.run(live_api)
    assert [answers[number]["Plaintext"] for number in (opened, again, private)] == [HELLO] * 3
    assert answers[verified]["Value"] is True

    imported, take = answers[outside]["KeyMetadata"]["KeyId"], Script()
    material = wrap(answers[token]["PublicKey"], OAEP, RAW)
    take("ImportKeyMaterial", KeyId=imported, EncryptedKeyMaterial=material, ImportToken=answers[token]["ImportToken"],
         KeyMaterialExpireUnix=0)
    take("Encrypt", KeyId=imported, Plaintext=HELLO)
    take("DeleteKeyMaterial", KeyId=imported)
    take.run(live_api)
    assert {step.action for step in (*do.steps, *take.steps)} - EXTENSIONS == set(CALLS) - EXTENSIONS - {
        # `test_tags_and_protection` and `test_instances` have these.
        "OpenKmsService", "ConnectKmsInstance", "ReleaseKmsInstance", "UpdateKmsInstanceBindVpc"}
