"""How often calls may come: classes of operations, each with its calls a second for one account (reference `keys.md` 10).

Pure. The operations of one class share one count. Operations marked (i) stand in no vendor table that we know; they are
with those that cost the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    per_second: int
    operations: frozenset[str]


def _rate(per_second: int, operations: str) -> Rate:
    return Rate(per_second, frozenset(operations.split()))


CLASSES: Mapping[str, Rate] = {
    "reads": _rate(50, """
        GetParametersForImport DescribeKey ListKeys DescribeKeyVersion ListKeyVersions GetPublicKey ListAliases
        ListAliasesByKeyId ListTagResources DescribeRegions"""),
    "policy-reads": _rate(50, "GetKeyPolicy ListKeyPolicies"),  # (i)
    "tag-reads": _rate(300, "ListResourceTags"),
    "create": _rate(10, "CreateKey CreateServiceKey"),
    "writes": _rate(30, """
        ImportKeyMaterial EnableKey DisableKey SetDeletionProtection ScheduleKeyDeletion CancelKeyDeletion
        DeleteKeyMaterial UpdateKeyDescription UpdateRotationPolicy CreateAlias UpdateAlias DeleteAlias TagResource
        TagResources UntagResource UntagResources"""),
    "version-and-policy-writes": _rate(30, "CreateKeyVersion SetKeyPolicy RotateInstanceKey"),  # (i)
    "cryptography": _rate(1000, "Encrypt Decrypt GenerateDataKey GenerateDataKeyWithoutPlaintext"),
    "macs-and-exports": _rate(1000, "GenerateMac VerifyMac ExportDataKey GenerateAndExportDataKey"),  # (i)
    "key-pairs": _rate(200, "AsymmetricSign AsymmetricVerify AsymmetricEncrypt AsymmetricDecrypt"),
    "re-encrypt": _rate(750, "ReEncrypt"),
    # The list of 2026; and with them (i) the calls that are ours.
    "instance-writes": _rate(10, """
        ConnectKmsInstance UpdateKmsInstance UpdateKmsInstanceBindVpc ReleaseKmsInstance RefundInstance CreateInstance
        RenewInstance SetRenewal SetGracePolicy ModifyInstance SetDefaultKmsInstance TagKmsInstance UntagKmsInstance"""),
    "account": _rate(1, "OpenKmsService DescribeAccountKmsStatus"),
    # The list of 2026; that of 2025 had them in the row before, once a second.
    "instance-reads": _rate(50, """
        ListKmsInstances GetKmsInstance GetDefaultKmsInstance GetKmsInstanceQuotaInfos GetKmsInstanceTerm
        ListKmsInstanceTags"""),
    "backups": _rate(10, """
        CreateBackup ListBackups DescribeBackup DrillBackup DeleteBackup RestoreBackup DescribeRestore"""),  # ours
}
CLASS_OF: Mapping[str, str] = {operation: name for name, rate in CLASSES.items() for operation in rate.operations}
OFF, ON = ("", "0", "false", "no", "off"), ("1", "true", "yes", "on")
MOST = 1_000_000


def parse(text: str) -> dict[str, int]:
    """``0``: no limits. ``1``: the vendor's. ``1,cryptography=100,reads=20``: the vendor's except for these; without the
    ``1`` only these classes have a limit. Raises ValueError."""
    words = [word.strip() for word in text.lower().split(",")]
    limits = {name: rate.per_second for name, rate in CLASSES.items()} if words[0] in ON else {}
    if words[0] in (*ON, *OFF):
        words = words[1:]
    for word in words:
        name, _, number = word.partition("=")
        if name not in CLASSES or not re.fullmatch(r"[0-9]{1,7}", number) or not 1 <= int(number) <= MOST:
            raise ValueError(f"KMS_RATE_LIMITS must be 0, 1, or a list like 1,cryptography=100 with numbers from 1 to {MOST} "
                             f"and classes of {', '.join(CLASSES)}; not {word!r}")
        limits[name] = int(number)
    return limits
