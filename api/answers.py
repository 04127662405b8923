"""Bodies of successful answers, shaped exactly as `operations.json`: two-level lists, JSON types, UTC times.

Each takes the caller, because state is a matter of time, and what the operation returned; `RequestId` is added outside.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from base import ids
from base.caller import Caller
from base.clock import iso
from base.page import Page
from instances.models import Instance, WrappingKey
from instances.states import State, renew_by
from keys.models import Alias, Key, KeyTag, KeyVersion
from keys.operations import (
    DataKey,
    Decrypted,
    Encrypted,
    ExportedDataKey,
    ImportParameters,
    KeyView,
    Mac,
    MacVerified,
    PublicKey,
    Signed,
    Verified,
)
from keys.operations.quotas import Quotas
from keys.operations.reading import view
from keys.operations.tagging import TagPage
from keys.states import State as KeyState

Body = dict[str, Any]


def nothing(caller: Caller, result: object) -> Body:
    return {}


def _listed(page: Page, outer: str, inner: str, items: list[Body]) -> Body:
    # SDKs silently drop a list that is not wrapped twice (reference 6.1).
    return {outer: {inner: items}, "TotalCount": page.total, "PageNumber": page.number, "PageSize": page.size}


def _rotation(shown: KeyView) -> str:
    """Suspended while the key is not enabled; it then waits, and catches up."""
    if not shown.key.automatic_rotation:
        return "Disabled"
    return "Enabled" if shown.state is KeyState.ENABLED else "Suspended"


def _metadata(shown: KeyView) -> Body:
    key = shown.key
    fields = {
        "KeyId": key.pk, "Arn": key.arn, "Creator": key.creator, "CreationDate": iso(key.created_at),
        "Description": key.description, "KeyState": str(shown.state), "KeySpec": key.spec, "KeyUsage": key.usage,
        "Origin": key.origin, "ProtectionLevel": key.protection_level,
        "MaterialExpireTime": iso(key.material_expires_at), "LastRotationDate": iso(key.last_rotation_at),
        "AutomaticRotation": _rotation(shown),
    }
    if key.automatic_rotation:
        fields |= {"RotationInterval": f"{key.rotation_interval_seconds}s", "NextRotationDate": iso(key.next_rotation_at)}
    optional = {"PrimaryKeyVersion": shown.primary_version_id, "DKMSInstanceId": key.instance_id,
                "DeleteDate": iso(key.destroyed_from())}
    return fields | {name: value for name, value in optional.items() if value}


def created_key(caller: Caller, key: Key) -> Body:
    return {"KeyMetadata": _metadata(view(caller, key))}


def described_key(caller: Caller, shown: KeyView) -> Body:
    key = shown.key
    protection = {"DeletionProtection": "Enabled" if key.deletion_protection else "Disabled"}
    if key.deletion_protection:
        protection["DeletionProtectionDescription"] = key.deletion_protection_description
    return {"KeyMetadata": _metadata(shown) | protection}


def keys(caller: Caller, page: Page) -> Body:
    return _listed(page, "Keys", "Key", [{"KeyId": key.pk, "KeyArn": key.arn} for key in page.items])


def _alias(alias: Alias) -> Body:
    return {"AliasName": alias.name, "AliasArn": alias.arn, "KeyId": alias.key_id}


def aliases(caller: Caller, page: Page) -> Body:
    return _listed(page, "Aliases", "Alias", [_alias(alias) for alias in page.items])


def _version(version: KeyVersion) -> Body:
    return {"KeyId": version.key_id, "KeyVersionId": version.pk, "CreationDate": iso(version.created_at)}


def key_version(caller: Caller, version: KeyVersion) -> Body:
    return {"KeyVersion": _version(version)}


def key_versions(caller: Caller, page: Page) -> Body:
    return _listed(page, "KeyVersions", "KeyVersion", [_version(version) for version in page.items])


def import_parameters(caller: Caller, made: ImportParameters) -> Body:
    return {"KeyId": made.key_id, "PublicKey": made.public_key, "ImportToken": made.import_token,
            "TokenExpireTime": iso(made.token_expires_at)}


def encrypted(caller: Caller, result: Encrypted) -> Body:
    return {"KeyId": result.key_id, "KeyVersionId": result.key_version_id, "CiphertextBlob": result.ciphertext_blob}


def decrypted(caller: Caller, result: Decrypted) -> Body:
    return {"KeyId": result.key_id, "KeyVersionId": result.key_version_id, "Plaintext": result.plaintext}


def data_key(caller: Caller, made: DataKey) -> Body:
    return data_key_without_plaintext(caller, made) | {"Plaintext": made.plaintext}


def data_key_without_plaintext(caller: Caller, made: DataKey) -> Body:
    return {"KeyId": made.key_id, "KeyVersionId": made.key_version_id, "CiphertextBlob": made.ciphertext_blob}


def signed(caller: Caller, result: Signed | Verified) -> Body:
    """AsymmetricVerify answers with the same fields; its Value is a boolean."""
    return {"KeyId": result.key_id, "KeyVersionId": result.key_version_id, "Value": result.value}


def public_key(caller: Caller, result: PublicKey) -> Body:
    return {"KeyId": result.key_id, "KeyVersionId": result.key_version_id, "PublicKey": result.public_key}


def mac(caller: Caller, made: Mac) -> Body:
    return {"KeyId": made.key_id, "Algorithm": made.algorithm, "Mac": made.mac}


def verified_mac(caller: Caller, result: MacVerified) -> Body:
    return {"KeyId": result.key_id, "Algorithm": result.algorithm, "Value": result.value}


def exported_data_key(caller: Caller, made: ExportedDataKey) -> Body:
    return {"KeyId": made.key_id, "KeyVersionId": made.key_version_id, "ExportedDataKey": made.exported_data_key}


def generated_and_exported(caller: Caller, made: ExportedDataKey) -> Body:
    return exported_data_key(caller, made) | {"CiphertextBlob": made.ciphertext_blob}


def instances(caller: Caller, page: Page) -> Body:
    return _listed(page, "KmsInstances", "KmsInstance", [
        {"KmsInstanceId": row.pk, "KmsInstanceArn": ids.arn(settings.KMS_REGION, row.account_id, f"keystore/{row.pk}")}
        for row in page.items])


def instance(caller: Caller, row: Instance) -> Body:
    """Networks are what ConnectKmsInstance noted. Log storage and a CA belong to the vendor's cloud; their fields keep their
    types and stay empty.

    Expiry shows in SaleStatus, not in Status (reference `instances.md` 1.6); the vendor published only ``Normal``.
    """
    state, prepaid = row.state_at(caller.at), row.charge_type == "PREPAY"
    return {"KmsInstance": {
        "InstanceId": row.pk, "InstanceName": row.name, "Status": row.status,
        "SaleStatus": str(state) if state in (State.EXPIRED, State.RELEASED) else "Normal",
        "ChargeType": row.charge_type, "ProductType": "kms_ddi_public_cn" if prepaid else "kms_ppi_public_cn",
        "ProductVersion": "3" if row.type == Instance.Type.SOFTWARE else "1", "CreateTime": iso(row.created_at),
        "StartDate": iso(row.started_at), "EndDate": iso(row.end_at), "Spec": row.spec, "KeyNum": row.key_quota,
        "SecretNum": str(row.secret_quota), "VpcNum": row.vpc_quota, "VpcId": row.vpc_id,
        "ZoneIds": row.zone_ids, "VswitchIds": row.vswitch_ids, "BindVpcs": {"BindVpc": row.bound_vpcs},
        "CaCertificateChainPem": "", "Log": 0, "LogStorage": 0,
        "DeletionProtection": row.deletion_protection,
        "DeletionProtectionDescription": row.deletion_protection_description,
    }}


def term(caller: Caller, row: Instance) -> Body:
    """Ours: what GetKmsInstance has no fields for."""
    return {"KmsInstanceId": row.pk, "StartDate": iso(row.started_at), "EndDate": iso(row.end_at),
            "ReleaseDate": iso(renew_by(row.end_at, settings.KMS_BILLING_ZONE)) if row.has_term else "",
            "RenewalPeriod": row.auto_renewal_months, "GracePolicy": row.grace_policy, "ImageVersion": row.image_version,
            "LastBackupDate": iso(row.last_backup_at), "ReleasedDate": iso(row.released_at)}


def instance_tags(caller: Caller, tags: dict[str, str]) -> Body:
    return {"Tags": {"Tag": [{"TagKey": name, "TagValue": value} for name, value in tags.items()]}}


def instance_key(caller: Caller, row: WrappingKey) -> Body:
    return {"KmsInstanceId": row.instance_id, "Generation": row.generation}


def key_policy(caller: Caller, text: str) -> Body:
    return {"Policy": text}


def key_policies(caller: Caller, names: list[str]) -> Body:
    return {"PolicyNames": {"PolicyName": names}}


def resource_tags(caller: Caller, tags: list[KeyTag]) -> Body:
    return {"Tags": {"Tag": [{"KeyId": tag.key_id, "TagKey": tag.tag_key, "TagValue": tag.tag_value} for tag in tags]}}


def tag_resources(caller: Caller, page: TagPage) -> Body:
    rows = [{"ResourceId": tag.key_id, "ResourceType": "key", "TagKey": tag.tag_key, "TagValue": tag.tag_value}
            for tag in page.items]
    return {"TagResources": {"TagResource": rows}, "NextToken": page.next_token}


def quotas(caller: Caller, found: Quotas) -> Body:
    rows = [{"ResourceType": one.resource_type, "ResourceQuota": one.limit, "UsedQuantity": one.used} for one in found.items]
    return {"KmsInstanceId": found.instance.pk, "KmsInstanceQuotaInfos": rows}


def default_instance(caller: Caller, row: Instance | None) -> Body:
    return {"DefaultKmsInstanceId": row.pk if row else ""}


def regions(caller: Caller, names: list[str]) -> Body:
    return {"Regions": {"Region": [{"RegionId": name} for name in names]}}


def account_status(caller: Caller, status: str) -> Body:
    return {"AccountStatus": status}
