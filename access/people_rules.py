"""What speaks against changing a person or an AccessKey, beside permission. Pure.

One rule stands above all: somebody who can sign in must stay able to administer the account, whatever is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from access.rules import why_not_permitted
from base.caller import Caller
from base.refusal import Refusal

CONFLICT = "Rejected.UserConflict"
NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
# Whoever may do all of these can lift everything else; an account needs one such person.
ADMINISTRATION = ("GetUsers", "GetUser", "CreateUser", "SetUserRole", "ReactivateUser", "UpdateLoginProfile",
                  "AttachPolicyToUser", "DetachPolicyFromUser")
# What would make an administrator of one account a superuser of the installation.
GUARDED = frozenset({"SetUserRole", "DeactivateUser", "UpdateLoginProfile", "UnbindMFADevice"})


@dataclass(frozen=True, slots=True)
class Facts:
    """own: the caller is this person. guarded: a superuser, whom only superusers change. orphans: nobody could administer
    the account after the change. factors: second factors the person has set up. key_status: of the AccessKey in question."""

    name: str
    active: bool
    own: bool = False
    guarded: bool = False
    orphans: bool = False
    factors: int = 0
    key_status: str = ""


def administered(people: Iterable[Caller]) -> bool:
    """Whether one of these, who all may sign in, can do whatever the account needs."""
    return any(not any(why_not_permitted(one, action) for action in ADMINISTRATION) for one in people)


def is_foreign(caller: Caller, account: str | None) -> bool:
    """The operator at the shell belongs to no account and sees all."""
    return bool(caller.account) and caller.account != account


def why_not_name(name: str) -> tuple[Refusal, ...]:
    if NAME.fullmatch(name):
        return ()
    return (Refusal("InvalidParameter", {"name": "UserName"}, reason="user_name_syntax", who="user"),)


def why_not(operation: str, facts: Facts) -> tuple[Refusal, ...]:
    """Every reason of the person's own; permission is asked beside it."""
    about = {"user": facts.name}
    found = []

    def no(reason: str, who: str, lifted_by: str = "") -> None:
        found.append(Refusal(CONFLICT, about, reason=reason, who=who, lifted_by=lifted_by))

    if facts.guarded and operation in GUARDED:
        no("superuser_guarded", "operator")
    if facts.own and operation == "DeactivateUser":
        no("not_yourself", "administrator")
    if facts.own and operation == "UpdateLoginProfile":
        no("own_password", "user", "page:password")
    if facts.own and operation == "UnbindMFADevice":
        no("own_factor", "user", "page:security")
    if facts.orphans:
        no("last_administrator", "administrator", "page:people")
    if not facts.active and operation == "DeactivateUser":
        no("user_inactive", "administrator", "ReactivateUser")
    if not facts.active and operation == "CreateAccessKey":
        no("user_inactive", "administrator", "ReactivateUser")
    if facts.active and operation == "ReactivateUser":
        no("user_active", "nobody")
    if not facts.factors and operation == "UnbindMFADevice":
        no("no_second_factor", "nobody")
    if facts.key_status == "Active" and operation == "DeleteAccessKey":
        no("access_key_active", "administrator")
    return tuple(found)
