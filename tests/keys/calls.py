"""Every key operation called as a plain function: the first door. Each entry takes the caller and the key under test."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from base.caller import Caller
from base.refusal import Refused
from keys import operations
from keys.key_policies import default_document
from keys.models import Key, KeyVersion
from tests.rows import OK

TEXT = base64.b64encode(b"hello").decode()
DIGEST = base64.b64encode(bytes(32)).decode()
# Somebody's wrapping key, whose private half is of no interest here.
_RECEIVER = rsa.generate_private_key(65537, 2048).public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
EXPORT = {"public_key_blob": base64.b64encode(_RECEIVER).decode(), "wrapping_algorithm": "RSAES_OAEP_SHA_256",
          "wrapping_key_spec": "RSA_2048"}
OAEP, ECDSA, HMAC = "RSAES_OAEP_SHA_256", "ECDSA_SHA_256", "HMAC_SHA_256"


def version_of(key: Key) -> str:
    """A version id of the key; a key without material has none, and the id of one that never was is as good to ask for."""
    return KeyVersion.objects.filter(key=key).values_list("pk", flat=True).first() or f"{key.pk}-0000000000"


def batch(key: Key) -> dict[str, Any]:
    """What the batch calls for tags name a key by."""
    return {"region_id": "cn-local", "resource_type": "key", "resource_ids": [key.pk]}


CALLS: dict[str, Callable[[Caller, Key, dict[str, Any]], object]] = {
    "ListKeys": lambda caller, key, at: operations.list_keys(caller),
    "DescribeKey": lambda caller, key, at: operations.describe_key(caller, key),
    "Encrypt": lambda caller, key, at: operations.encrypt(caller, key, plaintext=TEXT),
    "Decrypt": lambda caller, key, at: operations.decrypt(caller, ciphertext_blob=at["blob"]),
    "GenerateDataKey": lambda caller, key, at: operations.generate_data_key(caller, key),
    "GenerateDataKeyWithoutPlaintext": lambda caller, key, at: operations.generate_data_key_without_plaintext(caller, key),
    "EnableKey": lambda caller, key, at: operations.enable_key(caller, key),
    "DisableKey": lambda caller, key, at: operations.disable_key(caller, key),
    "ScheduleKeyDeletion": lambda caller, key, at: operations.schedule_key_deletion(caller, key, window_days=7),
    "CancelKeyDeletion": lambda caller, key, at: operations.cancel_key_deletion(caller, key),
    "UpdateKeyDescription": lambda caller, key, at: operations.update_key_description(caller, key, description="new"),
    "CreateAlias": lambda caller, key, at: operations.create_alias(caller, key, alias_name="alias/fresh"),
    "UpdateAlias": lambda caller, key, at: operations.update_alias(caller, key, alias_name=at["other_alias"]),
    "DeleteAlias": lambda caller, key, at: operations.delete_alias(caller, alias_name=at["alias"]),
    "ListAliases": lambda caller, key, at: operations.list_aliases(caller),
    "ListAliasesByKeyId": lambda caller, key, at: operations.list_aliases_by_key_id(caller, key),
    "SetKeyPolicy": lambda caller, key, at: operations.set_key_policy(caller, key, policy=default_document(key.account_id)),
    "GetKeyPolicy": lambda caller, key, at: operations.get_key_policy(caller, key),
    "ListKeyPolicies": lambda caller, key, at: operations.list_key_policies(caller, key),
    "DescribeKeyVersion": lambda caller, key, at: operations.describe_key_version(caller, key, key_version_id=version_of(key)),
    "ListKeyVersions": lambda caller, key, at: operations.list_key_versions(caller, key),
    "CreateKeyVersion": lambda caller, key, at: operations.create_key_version(caller, key),
    "UpdateRotationPolicy": lambda caller, key, at: operations.update_rotation_policy(
        caller, key, enable_automatic_rotation=True, rotation_interval="30d"),
    "GetParametersForImport": lambda caller, key, at: operations.get_parameters_for_import(
        caller, key, wrapping_key_spec="RSA_2048", wrapping_algorithm=OAEP),
    "ImportKeyMaterial": lambda caller, key, at: operations.import_key_material(
        caller, key, import_token=at["import_token"], encrypted_key_material=at["encrypted_key_material"]),
    "DeleteKeyMaterial": lambda caller, key, at: operations.delete_key_material(caller, key),
    "TagResource": lambda caller, key, at: operations.tag_resource(caller, key, tags=[("team", "core")]),
    "UntagResource": lambda caller, key, at: operations.untag_resource(caller, key, tag_keys=["team"]),
    "ListResourceTags": lambda caller, key, at: operations.list_resource_tags(caller, key),
    "TagResources": lambda caller, key, at: operations.tag_resources(caller, **batch(key), tags=[("team", "core")]),
    "UntagResources": lambda caller, key, at: operations.untag_resources(caller, **batch(key), everything=True),
    "ListTagResources": lambda caller, key, at: operations.list_tag_resources(caller, **batch(key)),
    "SetDeletionProtection": lambda caller, key, at: operations.set_deletion_protection(caller, key, enabled=True),
    "AsymmetricEncrypt": lambda caller, key, at: operations.asymmetric_encrypt(
        caller, key, key_version_id=version_of(key), algorithm=OAEP, plaintext=TEXT),
    "AsymmetricDecrypt": lambda caller, key, at: operations.asymmetric_decrypt(
        caller, key, key_version_id=version_of(key), algorithm=OAEP, ciphertext_blob=at["blob"]),
    "AsymmetricSign": lambda caller, key, at: operations.asymmetric_sign(
        caller, key, key_version_id=version_of(key), algorithm=ECDSA, digest=DIGEST),
    "AsymmetricVerify": lambda caller, key, at: operations.asymmetric_verify(
        caller, key, key_version_id=version_of(key), algorithm=ECDSA, digest=DIGEST, value=TEXT),
    "GetPublicKey": lambda caller, key, at: operations.get_public_key(caller, key, key_version_id=version_of(key)),
    "GenerateMac": lambda caller, key, at: operations.generate_mac(caller, key, algorithm=HMAC, message=TEXT),
    "VerifyMac": lambda caller, key, at: operations.verify_mac(caller, key, algorithm=HMAC, message=TEXT, mac=TEXT),
    "ReEncrypt": lambda caller, key, at: operations.re_encrypt(caller, key, ciphertext_blob=at["other_blob"]),
    "ExportDataKey": lambda caller, key, at: operations.export_data_key(caller, ciphertext_blob=at["blob"], **EXPORT),
    "GenerateAndExportDataKey": lambda caller, key, at: operations.generate_and_export_data_key(caller, key, **EXPORT),
}


def outcome(call: Callable[[], object]) -> str:
    """``ok``, or the code of the refusal."""
    try:
        call()
    except Refused as refused:
        return refused.first.code
    return OK

