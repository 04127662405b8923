"""Accounts, users and AccessKeys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from access import people_gate, people_rules, policies
from access.models import AccessKey, Account, Role, User, UserPolicy
from access.root import purpose_key
from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.envelope import Identity

PURPOSE = "access-key"
_POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")


@dataclass(frozen=True, slots=True)
class OpenAccessKey:
    """An AccessKey with its secret in clear, for the length of one request. `active`: the key and its user may call."""

    id: str
    user: User
    active: bool
    status: str
    secret: str = field(repr=False)
    last_used_at: datetime | None = None


def _permit(caller: Caller, action: str) -> None:
    if reasons := why_not_permitted(caller, action):
        raise Refused(*reasons)


@recording.operation("CreateAccount")
def create_account(caller: Caller, *, name: str, uid: str = "") -> Account:
    _permit(caller, "CreateAccount")
    with transaction.atomic():
        account = Account.objects.create(uid=uid or ids.account_uid(), name=name, created_at=caller.at)
        recording.record(caller, "CreateAccount", account)
    return account


@recording.operation("CreateUser")
def create_user(caller: Caller, account: Account, *, name: str, password: str | None, role: str = Role.AUDITOR,
                is_superuser: bool = False, must_change: bool = False, identity: str = "") -> User:
    """A person of `account`, or a service, which cannot sign in. The password is hashed at once and stands nowhere else; None
    lets nobody sign in with one.
    must_change: it was not the person's own choice. identity: what an identity provider calls the person."""
    elsewhere = people_rules.is_foreign(caller, account.pk)
    foreign = (Refusal("Forbidden.NoPermission", {"action": "CreateUser"}),) if elsewhere else ()
    if refusals := (*why_not_permitted(caller, "CreateUser"), *foreign, *people_rules.why_not_name(name)):
        raise Refused(*refusals)
    user = User(username=name, account=account, role=role, is_staff=is_superuser, is_superuser=is_superuser,
                date_joined=caller.at, must_change_password=must_change)
    user.set_password(password if role != Role.SERVICE else None)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            recording.record(caller, "CreateUser", ("user", name), role=role, **({"identity": identity} if identity else {}))
    except IntegrityError:
        raise Refused(Refusal("EntityAlreadyExists.User", {"user": name}, who="user")) from None
    return user


@recording.operation("AttachPolicyToUser")
def attach_policy(caller: Caller, user: User, *, name: str, document: str) -> UserPolicy:
    """Gives the user a permission document beside the role's, or replaces the one of this name. It counts from the user's
    next request on."""
    named = () if _POLICY_NAME.fullmatch(name) else (
        Refusal("InvalidParameter", {"name": "PolicyName"}, reason="user_policy_name", who="user"),)
    if refusals := (*people_gate.reasons("AttachPolicyToUser", caller, user), *named,
                    *policies.why_not(document, policies.USER)):
        raise Refused(*refusals)
    with transaction.atomic():
        people_gate.hold(user.account_id)
        others = [one for one in people_gate.policies_of(user) if one[0] != name]
        people_gate.permit("AttachPolicyToUser", caller, user, documents=[*others, (name, document)])
        _hold(user)
        policy, new = UserPolicy.objects.update_or_create(user=user, name=name, defaults={"document": document})
        recording.record(caller, "AttachPolicyToUser", ("user", user.username), policy=name, replaced=not new)
    return policy


@recording.operation("DetachPolicyFromUser")
def detach_policy(caller: Caller, user: User, *, name: str) -> None:
    people_gate.permit("DetachPolicyFromUser", caller, user)
    with transaction.atomic():
        people_gate.hold(user.account_id)
        rest = [one for one in people_gate.policies_of(user) if one[0] != name]
        people_gate.permit("DetachPolicyFromUser", caller, user, documents=rest)
        _hold(user)
        gone, _ = UserPolicy.objects.filter(user=user, name=name).delete()
        if not gone:
            raise Refused(Refusal("Forbidden.ResourceNotFound", {"policy": name[:128], "user": user.username},
                                  reason="user_policy_not_found", who="user"))
        recording.record(caller, "DetachPolicyFromUser", ("user", user.username), policy=name)


def _hold(user: User) -> None:
    """A request that rests on the user's policies holds the user: whoever changes them waits for it, or is seen by it."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def active_callers(account: str, *, at: datetime) -> Iterator[Caller]:
    """Everybody of the account who may log in or sign, as a caller would stand before a rule. Two queries."""
    documents: dict[int, list[tuple[str, str]]] = {}
    for policy in UserPolicy.objects.filter(user__account_id=account, user__is_active=True):
        documents.setdefault(policy.user_id, []).append((policy.name, policy.document))
    for user in User.objects.filter(account_id=account, is_active=True).order_by("pk"):
        yield user.caller("", at, request_id="", documents=documents.get(user.pk, ()))


@recording.operation("CreateAccessKey")
def create_access_key(caller: Caller, user: User) -> tuple[str, str]:
    """(AccessKeyId, AccessKeySecret). The secret is shown this once; the database holds it sealed."""
    people_gate.permit("CreateAccessKey", caller, user)
    key_id, secret = ids.access_key_id(), ids.access_key_secret()
    sealed = purpose_key(PURPOSE).seal(secret.encode(), _identity(user, key_id))
    with transaction.atomic():
        key = AccessKey.objects.create(id=key_id, user=user, sealed_secret=sealed, created_at=caller.at)
        recording.record(caller, "CreateAccessKey", key, user=user.username)
    return key_id, secret


def _identity(user: User, key_id: str) -> Identity:
    return Identity(PURPOSE, user.account_id or "", key_id, "1")


def open_access_key(access_key_id: str) -> OpenAccessKey | None:
    """None where there is no such key. Not an operation: the door needs it before it knows who asks."""
    key = AccessKey.objects.select_related("user").filter(pk=access_key_id).first()
    if key is None:
        return None
    secret = purpose_key(PURPOSE).open(bytes(key.sealed_secret), _identity(key.user, key.pk)).decode()
    return OpenAccessKey(key.pk, key.user, key.status == AccessKey.Status.ACTIVE and key.user.is_active, key.status, secret,
                         key.last_used_at)
