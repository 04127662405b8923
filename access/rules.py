"""Who may do what. Pure: the statements of the caller's role and policies, and those of the resource's own policy, decide.

Inside an account one Allow suffices, wherever it stands; across accounts both sides must say yes. An explicit Deny always
wins (reference `keys.md` 12.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from access import policies
from access.statements import ALLOW, DENY, NO_TAGS, Request, Statement, first, look_at_tags
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused


def _preset(name: str, *actions: str) -> tuple[Statement, ...]:
    return (Statement(ALLOW, tuple(f"kms:{action}" for action in actions), policy=name),)


# Source: the presets of reference `keys.md` 12.1; the same statements a document would hold.
PRESETS: dict[str, tuple[Statement, ...]] = {
    "administrator": _preset("administrator", "*"),
    "key-user": _preset(
        "key-user", "Describe*", "List*", "GetKms*", "GetDefault*", "GetKeyPolicy", "GetPublicKey",
        "Encrypt", "Decrypt", "GenerateDataKey*", "ReEncrypt*", "Asymmetric*", "GenerateMac", "VerifyMac",
        "ExportDataKey", "GenerateAndExportDataKey"),
    # A service has implicit access to its own key and the default CMK; `keys.rules` keeps it there.
    "service": _preset("service", "CreateServiceKey", "DescribeKey", "Encrypt", "Decrypt", "GenerateDataKey*", "ReEncrypt*"),
    # Who may do what is part of what an auditor looks at; a key user has no need to know.
    "auditor": _preset("auditor", "Describe*", "List*", "GetKms*", "GetDefault*", "GetKeyPolicy", "GetUsers", "GetUser",
                       "GetInstallation", "LookupEvents"),
    "system": _preset("system", "*"),
}
# What a call is about that names no resource of its own (12.2); any other is about the account as a whole.
CONTAINERS = {"CreateKey": "key", "ListKeys": "key", "ListAliases": "alias", "CreateInstance": "keystore",
              "ListKmsInstances": "keystore", "GetDefaultKmsInstance": "keystore"}
# A document that got past its check, or was written past it, denies everything: what it forbids can no longer be known.
_UNREADABLE = (Statement(DENY, ("*",), sid="unreadable"),)


def own_statements(caller: Caller) -> tuple[Statement, ...]:
    """Of the caller's roles and of the documents attached to the user."""
    found = [one for role in caller.roles for one in PRESETS.get(role, ())]
    for name, document in caller.policies:
        try:
            found += policies.parse(document, policies.USER, name)
        except Refused:
            found += _UNREADABLE
    return tuple(found)


def looks_at_tags(caller: Caller) -> bool:
    """Whether the caller's permissions depend on tags, which somebody has to load then."""
    return bool(caller.policies) and look_at_tags(own_statements(caller))


def why_not_permitted(caller: Caller, action: str, resource: str = "", tags: Mapping[str, str] = NO_TAGS, *,
                      attached: tuple[Statement, ...] = (), foreign: bool = False) -> tuple[Refusal, ...]:
    """Empty where the caller may do `action`.

    resource: its ARN; left out, the container or account that `action` is about. attached: what the resource's own policy
    says to this caller. foreign: the resource belongs to another account.
    """
    resource = resource or ids.arn(caller.region, caller.account, CONTAINERS.get(action, "*"))
    # Where no tag can matter the same question has the same answer, and the busiest callers ask little else.
    question = (own_statements(caller), attached, f"kms:{action}", resource)
    denying, said_yes = _known(*question) if tags is NO_TAGS else _decide(*question, tags)
    if not denying and (all(said_yes) if foreign else any(said_yes)):
        return ()
    facts = {"action": action, "principal": caller.principal, "roles": list(caller.roles)}
    if denying:
        facts |= {"policy": denying.policy, "statement": denying.sid}
        return (Refusal("Forbidden.NoPermission", facts, reason="denied_by_policy", who="administrator",
                        lifted_by="page:access"),)
    return (Refusal("Forbidden.NoPermission", facts, who="administrator", lifted_by="page:access"),)


def _decide(own: tuple[Statement, ...], attached: tuple[Statement, ...], action: str, resource: str,
            tags: Mapping[str, str]) -> tuple[Statement | None, tuple[bool, bool]]:
    """(the statement that denies, whether the caller's own side and the resource's side allow)"""
    asked = Request(action, resource, tags)
    return (first(DENY, (*own, *attached), asked),
            (first(ALLOW, own, asked) is not None, first(ALLOW, attached, asked) is not None))


@lru_cache(maxsize=4096)
def _known(own: tuple[Statement, ...], attached: tuple[Statement, ...], action: str,
           resource: str) -> tuple[Statement | None, tuple[bool, bool]]:
    return _decide(own, attached, action, resource, NO_TAGS)
