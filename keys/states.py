"""States of a key and what each allows. Laid out like the reference page (`keys.md` 3.3), so that both can lie side by side.

`ok` allowed; `own` refused with ``Rejected.<state>``; `moved` refused with ``Rejected.StateModifiedFailed``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

WINDOW_DAYS = range(7, 367)
# Where the material of a key in a hardware instance is (reference `instances.md` 4.5).
HSM_INTERNAL, HSM_ENCRYPTED_DATABASE = "HsmInternal", "HsmEncryptedDatabase"
GRACE_AFTER_RENEWAL = timedelta(days=1)


class State(StrEnum):
    """The first four are stored; the last two are what dates and the instance make of a key."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"
    UNAVAILABLE = "Unavailable"
    DESTROYED = "Destroyed"


STORED = (State.ENABLED, State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT, State.DESTROYED)


def _table(text: str) -> dict[str, dict[State, str]]:
    head, *lines = [line for line in text.splitlines() if line.strip()]
    states = [State(word) for word in head.split()]
    rows = (line.split() for line in lines)
    return {operation: dict(zip(states, cells, strict=True)) for operation, *cells in rows}


GATE = _table("""
                                 Enabled  Disabled  PendingDeletion  PendingImport  Unavailable
ListKeys                         ok       ok        ok               ok             ok
DescribeKey                      ok       ok        ok               ok             ok
Encrypt                          ok       own       own              own            own
Decrypt                          ok       own       own              own            own
GenerateDataKey                  ok       own       own              own            own
GenerateDataKeyWithoutPlaintext  ok       own       own              own            own
EnableKey                        ok       ok        moved            moved          own
DisableKey                       ok       ok        moved            moved          own
ScheduleKeyDeletion              ok       ok        moved            ok             own
CancelKeyDeletion                moved    moved     ok               moved          own
UpdateKeyDescription             ok       ok        own              ok             own
CreateAlias                      ok       ok        moved            ok             own
UpdateAlias                      ok       ok        own              ok             own
DeleteAlias                      ok       ok        ok               ok             own
ListAliases                      ok       ok        ok               ok             ok
ListAliasesByKeyId               ok       ok        ok               ok             ok
TagResource                      ok       ok        own              ok             own
UntagResource                    ok       ok        own              ok             own
ListResourceTags                 ok       ok        ok               ok             ok
CreateKeyVersion                 ok       own       own              own            own
UpdateRotationPolicy             ok       own       own              own            own
DescribeKeyVersion               ok       ok        ok               ok             ok
ListKeyVersions                  ok       ok        ok               ok             ok
GetParametersForImport           ok       ok        ok               ok             own
ImportKeyMaterial                ok       ok        moved            ok             own
DeleteKeyMaterial                ok       ok        ok               ok             own
ReEncrypt                        ok       own       own              own            own
ExportDataKey                    ok       own       own              own            own
GenerateAndExportDataKey         ok       own       own              own            own
AsymmetricEncrypt                ok       own       own              own            own
AsymmetricDecrypt                ok       own       own              own            own
AsymmetricSign                   ok       own       own              own            own
AsymmetricVerify                 ok       own       own              own            own
GenerateMac                      ok       own       own              own            own
VerifyMac                        ok       own       own              own            own
GetPublicKey                     ok       ok        ok               own            ok
SetDeletionProtection            ok       ok        own              ok             own
GetKeyPolicy                     ok       ok        ok               ok             ok
ListKeyPolicies                  ok       ok        ok               ok             ok
ListTagResources                 ok       ok        ok               ok             ok
SetKeyPolicy                     ok       ok        own              ok             own
TagResources                     ok       ok        own              ok             own
UntagResources                   ok       ok        own              ok             own
""")

# What still works in an expired instance whose owner wants it to drain: it opens, checks or shows what was made before, and
# makes nothing new. ReEncrypt does both, so it stands not here; nor does GetPublicKey, which is a read and always works.
DRAINED = frozenset({"Decrypt", "AsymmetricDecrypt", "AsymmetricVerify", "VerifyMac", "ExportDataKey"})
SYMMETRIC = frozenset({"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "ExportDataKey",
                       "GenerateAndExportDataKey"})
PUBLIC_KEY_ENCRYPTION = frozenset({"AsymmetricEncrypt", "AsymmetricDecrypt"})
SIGNATURES = frozenset({"AsymmetricSign", "AsymmetricVerify"})
MACS = frozenset({"GenerateMac", "VerifyMac"})
CRYPTOGRAPHY = SYMMETRIC | PUBLIC_KEY_ENCRYPTION | SIGNATURES | MACS
IMPORT = frozenset({"GetParametersForImport", "ImportKeyMaterial", "DeleteKeyMaterial"})
ROTATION = frozenset({"CreateKeyVersion", "UpdateRotationPolicy"})
POLICY = frozenset({"GetKeyPolicy", "SetKeyPolicy", "ListKeyPolicies"})
READS = frozenset({"ListKeys", "DescribeKey", "ListAliases", "ListAliasesByKeyId", "ListResourceTags", "ListTagResources",
                   "DescribeKeyVersion", "ListKeyVersions", "GetPublicKey", "GetKeyPolicy", "ListKeyPolicies"})
CHANGES = frozenset(GATE) - READS - CRYPTOGRAPHY
# The 1.0 console (reference `migration.md` 1.2, C6): its waiting times, and what it still does after the end of service
# where that closed it. Whoever wants a 1.0 key gone must be able to, and first to see who still needs it.
LEGACY_WINDOW_DAYS = range(7, 31)
LEGACY_WAYS_OUT = frozenset({"EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "SetDeletionProtection"})


def destroyed_from(delete_at: datetime, lapsed_at: datetime | None, resumed_at: datetime | None) -> datetime:
    """When a scheduled deletion falls due. A date that came while the instance was expired could not be cancelled by
    anyone, so after the renewal the owner gets a fresh day (reference `instances.md` 2.3)."""
    if lapsed_at and resumed_at and lapsed_at <= delete_at < resumed_at + GRACE_AFTER_RENEWAL:
        return resumed_at + GRACE_AFTER_RENEWAL
    return delete_at


def state_at(stored: str, *, now: datetime, delete_at: datetime | None, material_expires_at: datetime | None,
             instance_serves: bool, instance_end_at: datetime | None, lapsed_at: datetime | None,
             resumed_at: datetime | None, instance_released: bool = False) -> State:
    """What a key is at `now`, from its dates alone; sweeps only tidy up behind it. A released instance has taken the key that
    wrapped everything in it along."""
    state = State(stored)
    if state is State.DESTROYED or instance_released:
        return State.DESTROYED
    if state is State.PENDING_DELETION and delete_at is not None:
        held = not instance_serves and instance_end_at is not None and instance_end_at <= delete_at
        if not held and destroyed_from(delete_at, lapsed_at, resumed_at) <= now:
            return State.DESTROYED
    if not instance_serves:
        return State.UNAVAILABLE
    if state in (State.ENABLED, State.DISABLED) and material_expires_at is not None and material_expires_at <= now:
        return State.PENDING_IMPORT
    return state
