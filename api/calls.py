"""The one table of the API: vendor operation -> function, its parameters, the shape of its answer.

Source: `operations.json` and reference `keys.md` 2.1, which says where an alias or ARN may stand for a key id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api import answers, regions
from api import backup_parameters as backup_door
from api import instance_parameters as of_instances
from api.backup_parameters import BackupId, KeyIds, RestoreId
from api.flat_parameters import FilledInstanceId, KeyArn, OneOf, TagList, TextList
from api.json_parameters import Context, Filters, TagKeys, Tags
from api.parameters import REQUIRED, Bool, Given, InstanceId, Int, KeyId, Parameter, PlainKeyId, Text, pages
from backups import operations as backups
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import operations as instances
from keys import operations as keys


class Call:
    """One operation behind the door. parameters: argument of the function -> parser."""

    def __init__(self, operation: Callable[..., Any], answer: Callable[[Caller, Any], answers.Body],
                 **parameters: Parameter[Any]) -> None:
        self.operation, self.answer = operation, answer
        self.parameters: Mapping[str, Parameter[Any]] = parameters

    @property
    def can_be_dry(self) -> bool:
        return "dry_run" in self.parameters

    def perform(self, caller: Caller, given: Given) -> answers.Body:
        """Raises Refused: every refused parameter at once, or the first name that is not found, or the operation's own."""
        values = self.read(given)
        found = {argument: self.parameters[argument].find(caller, value) for argument, value in values.items()}
        return self.answer(caller, self.act(caller, found))

    def read(self, given: Given) -> dict[str, Any]:
        """argument -> value, before names are looked up. Raises Refused with every refused parameter."""
        values: dict[str, Any] = {}
        refusals: list[Refusal] = []
        for argument, parameter in self.parameters.items():
            try:
                values[argument] = parameter.read(given)
            except Refused as refused:
                refusals += refused.refusals
        if refusals:
            raise Refused(*refusals)
        return values

    def act(self, caller: Caller, found: dict[str, Any]) -> Any:
        return self.operation(caller, **found)


class CallForEnclaves(Call):
    """A call that could also answer to an attested enclave (`Recipient`), which is not documented by the vendor."""

    def read(self, given: Given) -> dict[str, Any]:
        if "Recipient" in given:
            raise Refused(Refusal("UnsupportedOperation", {"name": "Recipient"}, reason="recipient_not_supported"))
        return super().read(given)


class CallOnKeyOrInstance(Call):
    """One call of the vendor, two operations of that name: the key's is `operation`, the instance's stands beside it."""

    def __init__(self, operation: Callable[..., Any], of_instance: Callable[..., Any], **parameters: Parameter[Any]) -> None:
        super().__init__(operation, answers.nothing, **parameters)
        self.of_instance = of_instance

    def act(self, caller: Caller, found: dict[str, Any]) -> Any:
        key, by_arn, instance = found.pop("key"), found.pop("key_by_arn"), found.pop("instance")
        if instance is not None:
            return self.of_instance(caller, instance, **found)
        return self.operation(caller, key or by_arn, **found)


def _one_key(operation: Callable[..., Any], **parameters: Parameter[Any]) -> Call:
    """A change to one key, named by its id, that answers nothing."""
    return Call(operation, answers.nothing, key=PlainKeyId("KeyId"), **parameters)


# Served beyond the vendor's published list.
EXTENSIONS = frozenset({
    "ListKeyPolicies",
    # Instances: what the vendor sells over its billing API, and what it offers in its console only.
    "CreateInstance", "RenewInstance", "ModifyInstance", "SetRenewal", "RefundInstance", "UpdateKmsInstance", "SetGracePolicy",
    "SetDefaultKmsInstance", "GetKmsInstanceTerm", "TagKmsInstance", "UntagKmsInstance", "ListKmsInstanceTags",
    "CreateServiceKey", "RotateInstanceKey",
    "CreateBackup", "DeleteBackup", "DescribeBackup", "DescribeRestore", "DrillBackup", "ListBackups", "RestoreBackup",
})
POLICY_NAME = Text("PolicyName", default="default")
DRY_RUN = Bool("DryRun", default=False)
DATA_KEY: dict[str, Parameter[Any]] = {
    "key": KeyId("KeyId"), "key_spec": Text("KeySpec", default=""),
    "number_of_bytes": Int("NumberOfBytes", default=None), "encryption_context": Context(), "dry_run": DRY_RUN,
}

KEY_PAIR: dict[str, Parameter[Any]] = {
    "key": KeyId("KeyId"), "key_version_id": Text("KeyVersionId"), "algorithm": Text("Algorithm"), "dry_run": DRY_RUN,
}
MAC: dict[str, Parameter[Any]] = {
    "key": KeyId("KeyId"), "algorithm": Text("Algorithm"), "message": Text("Message"), "dry_run": DRY_RUN,
}
EXPORT: dict[str, Parameter[Any]] = {
    "public_key_blob": Text("PublicKeyBlob"), "wrapping_algorithm": Text("WrappingAlgorithm"),
    "wrapping_key_spec": Text("WrappingKeySpec"),
}

ONE_RESOURCE: dict[str, Parameter[Any]] = {
    "key": OneOf("KeyId", "SecretName", "CertificateId"), "secret_name": Text("SecretName", default=""),
    "certificate_id": Text("CertificateId", default=""),
}
MANY_RESOURCES: dict[str, Parameter[Any]] = {
    "region_id": Text("RegionId"), "resource_type": Text("ResourceType"),
    "resource_ids": TextList("ResourceId", 50, default=REQUIRED),
}

CALLS: dict[str, Call] = {
    "CreateKey": Call(
        keys.create_key, answers.created_key,
        instance=InstanceId("DKMSInstanceId", default=None), description=Text("Description", default=""),
        spec=Text("KeySpec", default=""), usage=Text("KeyUsage", default=""), origin=Text("Origin", default=""),
        protection_level=Text("ProtectionLevel", default=""), policy=Text("Policy", default=""), tags=Tags(),
        enable_automatic_rotation=Bool("EnableAutomaticRotation", default=False),
        rotation_interval=Text("RotationInterval", default=""),
        key_storage_mechanism=Text("KeyStorageMechanism", default="")),
    "DescribeKey": Call(keys.describe_key, answers.described_key, key=KeyId("KeyId")),
    "ListKeys": Call(keys.list_keys, answers.keys, filters=Filters(), **pages()),
    "EnableKey": _one_key(keys.enable_key),
    "DisableKey": _one_key(keys.disable_key),
    "ScheduleKeyDeletion": _one_key(keys.schedule_key_deletion, window_days=Int("PendingWindowInDays")),
    "CancelKeyDeletion": _one_key(keys.cancel_key_deletion),
    "UpdateKeyDescription": _one_key(keys.update_key_description, description=Text("Description")),
    "CreateAlias": _one_key(keys.create_alias, alias_name=Text("AliasName")),
    "UpdateAlias": _one_key(keys.update_alias, alias_name=Text("AliasName")),
    "DeleteAlias": Call(keys.delete_alias, answers.nothing, alias_name=Text("AliasName")),
    "ListAliases": Call(keys.list_aliases, answers.aliases, **pages()),
    "ListAliasesByKeyId": Call(keys.list_aliases_by_key_id, answers.aliases, key=PlainKeyId("KeyId"), **pages(most=101)),
    "Encrypt": Call(keys.encrypt, answers.encrypted, key=KeyId("KeyId"), plaintext=Text("Plaintext"),
                    encryption_context=Context(), dry_run=DRY_RUN),
    "Decrypt": CallForEnclaves(keys.decrypt, answers.decrypted, ciphertext_blob=Text("CiphertextBlob"),
                               encryption_context=Context(), dry_run=DRY_RUN),
    "GenerateDataKey": CallForEnclaves(keys.generate_data_key, answers.data_key, **DATA_KEY),
    "GenerateDataKeyWithoutPlaintext": Call(keys.generate_data_key_without_plaintext,
                                            answers.data_key_without_plaintext, **DATA_KEY),
    "AsymmetricEncrypt": Call(keys.asymmetric_encrypt, answers.encrypted, plaintext=Text("Plaintext"), **KEY_PAIR),
    "AsymmetricDecrypt": CallForEnclaves(keys.asymmetric_decrypt, answers.decrypted,
                                         ciphertext_blob=Text("CiphertextBlob"), **KEY_PAIR),
    "AsymmetricSign": Call(keys.asymmetric_sign, answers.signed, digest=Text("Digest"), **KEY_PAIR),
    "AsymmetricVerify": Call(keys.asymmetric_verify, answers.signed, digest=Text("Digest"), value=Text("Value"), **KEY_PAIR),
    "GetPublicKey": Call(keys.get_public_key, answers.public_key, key=KeyId("KeyId"), key_version_id=Text("KeyVersionId"),
                         dry_run=DRY_RUN),
    "GenerateMac": Call(keys.generate_mac, answers.mac, **MAC),
    "VerifyMac": Call(keys.verify_mac, answers.verified_mac, mac=Text("Mac"), **MAC),
    "ReEncrypt": Call(keys.re_encrypt, answers.encrypted, key=KeyId("DestinationKeyId"), ciphertext_blob=Text("CiphertextBlob"),
                      source_encryption_context=Context("SourceEncryptionContext"),
                      destination_encryption_context=Context("DestinationEncryptionContext"),
                      source_key=KeyId("SourceKeyId", default=None),
                      source_key_version_id=Text("SourceKeyVersionId", default=""),
                      source_encryption_algorithm=Text("SourceEncryptionAlgorithm", default=""), dry_run=DRY_RUN),
    "ExportDataKey": Call(keys.export_data_key, answers.exported_data_key, ciphertext_blob=Text("CiphertextBlob"),
                          encryption_context=Context(), dry_run=DRY_RUN, **EXPORT),
    "GenerateAndExportDataKey": Call(keys.generate_and_export_data_key, answers.generated_and_exported, **DATA_KEY, **EXPORT),
    "ListKeyVersions": Call(keys.list_key_versions, answers.key_versions, key=KeyId("KeyId"), **pages(most=101)),
    "CreateKeyVersion": Call(keys.create_key_version, answers.key_version, key=KeyId("KeyId")),
    "UpdateRotationPolicy": _one_key(keys.update_rotation_policy, enable_automatic_rotation=Bool("EnableAutomaticRotation"),
                                     rotation_interval=Text("RotationInterval", default="")),
    "GetParametersForImport": Call(keys.get_parameters_for_import, answers.import_parameters, key=PlainKeyId("KeyId"),
                                   wrapping_key_spec=Text("WrappingKeySpec"), wrapping_algorithm=Text("WrappingAlgorithm")),
    # The SDK calls the expiry required; the vendor's own samples leave it out.
    "ImportKeyMaterial": _one_key(keys.import_key_material, import_token=Text("ImportToken"),
                                  encrypted_key_material=Text("EncryptedKeyMaterial"),
                                  key_material_expire_unix=Int("KeyMaterialExpireUnix", default=0)),
    "DeleteKeyMaterial": _one_key(keys.delete_key_material),
    "DescribeKeyVersion": Call(keys.describe_key_version, answers.key_version, key=KeyId("KeyId"),
                               key_version_id=Text("KeyVersionId")),
    "SetKeyPolicy": _one_key(keys.set_key_policy, policy=Text("Policy"), policy_name=POLICY_NAME),
    "GetKeyPolicy": Call(keys.get_key_policy, answers.key_policy, key=PlainKeyId("KeyId"), policy_name=POLICY_NAME),
    "ListKeyPolicies": Call(keys.list_key_policies, answers.key_policies, key=PlainKeyId("KeyId")),
    "TagResource": Call(keys.tag_resource, answers.nothing, **ONE_RESOURCE, tags=Tags(default=REQUIRED)),
    "UntagResource": Call(keys.untag_resource, answers.nothing, **ONE_RESOURCE, tag_keys=TagKeys("TagKeys")),
    "ListResourceTags": Call(keys.list_resource_tags, answers.resource_tags, key=PlainKeyId("KeyId")),
    "TagResources": Call(keys.tag_resources, answers.nothing, **MANY_RESOURCES, tags=TagList(default=REQUIRED)),
    "UntagResources": Call(keys.untag_resources, answers.nothing, **MANY_RESOURCES, tag_keys=TextList("TagKey", 20),
                           everything=Bool("All", default=False)),
    "ListTagResources": Call(keys.list_tag_resources, answers.tag_resources,
                             **MANY_RESOURCES | {"resource_ids": TextList("ResourceId", 50)}, tags=TagList(),
                             next_token=Text("NextToken", default="")),
    "SetDeletionProtection": CallOnKeyOrInstance(
        keys.set_deletion_protection, instances.set_deletion_protection,
        key=OneOf("KeyId", "ProtectedResourceArn", "KmsInstanceId"), key_by_arn=KeyArn("ProtectedResourceArn", default=None),
        instance=InstanceId("KmsInstanceId", default=None), enabled=Bool("EnableDeletionProtection"),
        description=Text("DeletionProtectionDescription", default="")),
    "GetKmsInstanceQuotaInfos": Call(keys.get_kms_instance_quota_infos, answers.quotas,
                                     instance=FilledInstanceId("KmsInstanceId", default=None),
                                     resource_type=Text("ResourceType", default="")),
    "CreateServiceKey": Call(keys.create_service_key, answers.created_key, service=Text("Service")),
    "RotateInstanceKey": Call(keys.rotate_instance_key, answers.instance_key, instance=InstanceId("KmsInstanceId")),
    "OpenKmsService": Call(regions.open_kms_service, answers.nothing),
    "ListKmsInstances": Call(instances.list_kms_instances, answers.instances, **pages(size=20)),
    "GetKmsInstance": Call(instances.get_kms_instance, answers.instance, instance=InstanceId("KmsInstanceId")),
    "GetDefaultKmsInstance": Call(instances.get_default_kms_instance, answers.default_instance),
    "ConnectKmsInstance": Call(instances.enable_instance, answers.nothing, **of_instances.CONNECT),
    "UpdateKmsInstanceBindVpc": Call(instances.bind_vpcs, answers.nothing, instance=of_instances.INSTANCE,
                                     vpcs=of_instances.Objects("BindVpcs")),
    "ReleaseKmsInstance": Call(keys.release_kms_instance, answers.nothing, **of_instances.RELEASE),
    "RefundInstance": Call(keys.refund_instance, answers.nothing, **of_instances.RELEASE),
    "CreateInstance": Call(instances.order_instance, answers.term, **of_instances.ORDER),
    "RenewInstance": Call(instances.renew_instance, answers.term, instance=of_instances.INSTANCE, months=Int("RenewPeriod")),
    "SetRenewal": Call(instances.set_renewal, answers.term, instance=of_instances.INSTANCE, months=Int("RenewalPeriod")),
    "SetGracePolicy": Call(instances.set_grace_policy, answers.term, instance=of_instances.INSTANCE, policy=Text("GracePolicy")),
    "GetKmsInstanceTerm": Call(instances.get_instance_term, answers.term, instance=of_instances.INSTANCE),
    "ModifyInstance": Call(instances.upgrade_instance, answers.nothing, **of_instances.UPGRADE),
    "UpdateKmsInstance": Call(instances.rename_instance, answers.nothing, instance=of_instances.INSTANCE,
                              name=Text("InstanceName")),
    "SetDefaultKmsInstance": Call(instances.set_default_instance, answers.nothing, instance=of_instances.INSTANCE),
    "TagKmsInstance": Call(instances.tag_instance, answers.nothing, **of_instances.TAG),
    "UntagKmsInstance": Call(instances.untag_instance, answers.nothing, **of_instances.UNTAG),
    "ListKmsInstanceTags": Call(instances.list_instance_tags, answers.instance_tags, instance=of_instances.INSTANCE),
    "DescribeRegions": Call(regions.describe_regions, answers.regions),
    "DescribeAccountKmsStatus": Call(regions.describe_account_kms_status, answers.account_status),
    # Backups (extensions): making and restoring take time, so the calls ask for it and others tell how far it is.
    "CreateBackup": Call(backups.create_backup, backup_door.backup, instance=FilledInstanceId("KmsInstanceId")),
    "ListBackups": Call(backups.list_backups, backup_door.backups, instance=InstanceId("KmsInstanceId", default=None),
                        **pages(size=20)),
    "DescribeBackup": Call(backups.describe_backup, backup_door.described_backup, backup=BackupId("BackupId")),
    "DrillBackup": Call(backups.drill_backup, answers.nothing, backup=BackupId("BackupId")),
    "DeleteBackup": Call(backups.delete_backup, answers.nothing, backup=BackupId("BackupId")),
    "RestoreBackup": Call(backups.restore_backup, backup_door.restore, backup=BackupId("BackupId"),
                          target=FilledInstanceId("KmsInstanceId"), keys=KeyIds("KeyIds", default=()),
                          again=Bool("RestoreDestroyedKeys", default=False)),
    "DescribeRestore": Call(backups.describe_restore, backup_door.described_restore, restore=RestoreId("RestoreId")),
}
