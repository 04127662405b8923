"""What the policy of a key says to a caller (reference `keys.md` 12.1). Pure.

A policy that names the own account as a whole (``acs:ram::<own uid>:*`` or ``:root``) hands the decision to the permissions of
its users and gives none of them anything; so the default policy leaves roles their meaning. `docs/design.md` has the reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from access import policies
from access.statements import ALLOW, DENY, Statement, look_at_tags
from base.caller import Caller
from base.refusal import Refusal, Refused

NAME = "default"
DEFAULT_SID = "kms default key policy"
SYSTEM = "system"

# Allows of a key policy count for these actions only. As printed by the vendor:
_ADMINISTRATOR = ("List*", "Describe*", "Create*", "Enable*", "Disable*", "Get*", "Set*", "Update*", "Delete*", "Cancel*",
                  "TagResource", "UntagResource", "ImportKeyMaterial", "ScheduleKeyDeletion")
_USER = ("Encrypt", "Decrypt", "GenerateDataKey", "GenerateAndExportDataKey", "AsymmetricEncrypt", "AsymmetricDecrypt",
         "DescribeKey", "DescribeKeyVersion", "ListKeyVersions", "ListAliasesByKeyId", "TagResource")
# Inferred, because the printed list of the user set was cut: the calls on the same key that do the same kind of work.
_USER_INFERRED = ("AsymmetricSign", "AsymmetricVerify", "GetPublicKey", "GenerateDataKeyWithoutPlaintext", "GenerateMac",
                  "VerifyMac", "ReEncryptFrom", "ReEncryptTo", "ExportDataKey")
FOR_OTHER_ACCOUNTS = frozenset({*_USER, *_USER_INFERRED})
# What the vendor's visual editor calls them.
ROLES = ("Administrator", "User", "Cross-account User")
# What somebody of the owning account must keep, so that the key can always be given back, or away.
LAST_WORD = ("DescribeKey", "GetKeyPolicy", "SetKeyPolicy", "ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKey", "DisableKey")


def default_document(owner: str) -> str:
    """The policy of a key that nobody gave one."""
    statement = {"Sid": DEFAULT_SID, "Effect": ALLOW, "Principal": {"RAM": [f"acs:ram::{owner}:*"]}, "Action": ["kms:*"],
                 "Resource": ["*"]}
    return json.dumps({"Version": policies.VERSION, "Statement": [statement]}, separators=(",", ":"))


def why_not_document(text: str) -> tuple[Refusal, ...]:
    return policies.why_not(text, policies.KEY)


def why_not_name(name: str) -> tuple[Refusal, ...]:
    """There is one policy per key, with one name."""
    return () if name == NAME else (Refusal("Not Found", {"policy": name[:128]}, reason="key_policy_not_found", who="user"),)


def is_foreign(caller: Caller, owner: str) -> bool:
    """Whether another account asks. The product itself belongs to none and is nobody's stranger."""
    return caller.account != owner and SYSTEM not in caller.roles


def counts(action: str, *, foreign: bool) -> bool:
    """Whether an Allow of a key policy has an effect for this action. Other accounts can be users, never administrators."""
    return action in FOR_OTHER_ACCOUNTS or (not foreign and any(fnmatchcase(action, pattern) for pattern in _ADMINISTRATOR))


def statements(policy: str) -> tuple[Statement, ...]:
    """Empty text is the default policy, which says nothing to anybody in particular."""
    return policies.parse(policy, policies.KEY, NAME) if policy else ()


def said_to(caller: Caller, action: str, policy: str, owner: str) -> tuple[Statement, ...]:
    """The statements of a key's policy that have an effect on this caller's `action`. One that cannot be read denies."""
    try:
        return said_by(statements(policy), caller, action, owner)
    except Refused:
        return (Statement(DENY, ("*",), policy=NAME, sid="unreadable"),)


def said_by(found: tuple[Statement, ...], caller: Caller, action: str, owner: str) -> tuple[Statement, ...]:
    return tuple(_said_by(found, caller, action, owner))


def _said_by(found: tuple[Statement, ...], caller: Caller, action: str, owner: str) -> Iterator[Statement]:
    foreign, users_account = is_foreign(caller, owner), {f"acs:ram::{caller.account}:*", f"acs:ram::{caller.account}:root"}
    named = {caller.arn, *(f"acs:ram::{caller.account}:role/{role}" for role in caller.roles)}
    everybody = named | users_account
    for one in found:
        meant = everybody if foreign or one.effect == DENY else named
        if meant & set(one.principals) and (one.effect == DENY or counts(action, foreign=foreign)):
            yield one


def looks_at_tags(policy: str) -> bool:
    try:
        return look_at_tags(statements(policy))
    except Refused:
        return False


def accounts_named(policy: str) -> set[str]:
    """Uids of every account that the policy speaks of."""
    return {principal.split(":")[3] for one in statements(policy) for principal in one.principals}


def conditions_met(found: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The worst case: every Deny with a condition as if a tag had come to fulfil it. Anybody who may tag could make it so."""
    return tuple(Statement(one.effect, one.actions, one.resources, () if one.effect == DENY else one.conditions,
                           one.principals, one.policy, one.sid) for one in found)


def is_principal(text: str) -> bool:
    return policies.is_principal(text)


def with_statement(text: str, role: str, principals: list[str]) -> str:
    """`text` with one more statement, for a role of ``ROLES``. Raises Refused where the text is no policy."""
    policies.parse(text, policies.KEY, NAME)
    document = json.loads(text)
    actions = _ADMINISTRATOR if role == ROLES[0] else (*_USER, *_USER_INFERRED)
    number = len(document["Statement"]) + 1
    document["Statement"].append({"Sid": f"{role} {number}", "Effect": ALLOW, "Principal": {"RAM": principals},
                                  "Action": [f"kms:{action}" for action in actions], "Resource": ["*"]})
    return readable(json.dumps(document))


def readable(text: str) -> str:
    """The document as people read it; a text that is no JSON as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
