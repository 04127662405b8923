"""Who may do what. Pure: presets of permissions by role, later joined by policy documents; the answer is a refusal or none."""

from __future__ import annotations

from fnmatch import fnmatchcase

from base.caller import Caller
from base.refusal import Refusal

# Action patterns in the vendor's words (``kms:`` left out). Source: the presets of reference `keys.md` 12.1.
PRESETS: dict[str, tuple[str, ...]] = {
    "administrator": ("*",),
    "key-user": ("Describe*", "List*", "Get*", "Encrypt", "Decrypt", "GenerateDataKey*", "ReEncrypt*", "Asymmetric*",
                 "GenerateMac", "VerifyMac", "ExportDataKey", "GenerateAndExportDataKey"),
    "auditor": ("Describe*", "List*", "GetKms*", "GetDefault*", "GetKeyPolicy"),
    "system": ("*",),
}


def why_not_permitted(caller: Caller, action: str) -> tuple[Refusal, ...]:
    """Empty where one of the caller's roles allows `action`."""
    for role in caller.roles:
        if any(fnmatchcase(action, pattern) for pattern in PRESETS.get(role, ())):
            return ()
    facts = {"action": action, "principal": caller.principal, "roles": list(caller.roles)}
    return (Refusal("Forbidden.NoPermission", facts, who="administrator", lifted_by="page:access"),)
