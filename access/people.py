"""People of an account: their role, whether they may sign in, a new password, the loss of a second factor.

Nobody is ever deleted: AccessKeys and the audit trail name them.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction

from access import people_gate, sessions
from access.models import Role, User
from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.page import Page
from base.refusal import Refusal, Refused


@recording.operation("GetUsers")
def get_users(caller: Caller, *, page_number: int = 1, page_size: int = 25, text: str = "") -> Page:
    if refusals := why_not_permitted(caller, "GetUsers"):
        raise Refused(*refusals)
    found = Page.of(people_gate.people_of(caller.account).filter(username__icontains=text), page_number, page_size)
    recording.record(caller, "GetUsers")
    return found


@recording.operation("GetUser")
def get_user(caller: Caller, user: User) -> User:
    people_gate.permit("GetUser", caller, user)
    recording.record(caller, "GetUser", user)
    return user


@recording.operation("SetUserRole")
def set_user_role(caller: Caller, user: User, *, role: str, revision: int | None = None) -> User:
    """Counts from the person's next request on."""
    if role not in Role.of_people():
        raise Refused(Refusal("InvalidParameter", {"name": "Role", "value": role[:64]}, reason="unknown_value", who="user"))
    user = _as_seen(user, revision)
    with transaction.atomic():
        people_gate.hold(user.account_id)
        people_gate.permit("SetUserRole", caller, user, role=role)
        before = user.role
        user.move(role=role)
        recording.record(caller, "SetUserRole", user, before=before, role=role)
    return user


@recording.operation("DeactivateUser")
def deactivate_user(caller: Caller, user: User, *, revision: int | None = None) -> User:
    """The person cannot sign in, and their AccessKeys sign nothing any more. Sessions end at once."""
    user = _as_seen(user, revision)
    with transaction.atomic():
        people_gate.hold(user.account_id)
        people_gate.permit("DeactivateUser", caller, user, active=False)
        user.move(is_active=False)
        recording.record(caller, "DeactivateUser", user, sessions=sessions.drop(user))
    return user


@recording.operation("ReactivateUser")
def reactivate_user(caller: Caller, user: User, *, revision: int | None = None) -> User:
    user = _as_seen(user, revision)
    people_gate.permit("ReactivateUser", caller, user)
    with transaction.atomic():
        user.move(is_active=True)
        recording.record(caller, "ReactivateUser", user)
    return user


@recording.operation("UpdateLoginProfile")
def reset_password(caller: Caller, user: User, *, revision: int | None = None) -> str:
    """A password to be shown once; whoever signs in with it has to choose another. Sessions end at once."""
    user = _as_seen(user, revision)
    people_gate.permit("UpdateLoginProfile", caller, user)
    password = ids.password()
    user.set_password(password)
    with transaction.atomic():
        user.move(password=user.password, must_change_password=True)
        recording.record(caller, "UpdateLoginProfile", user, must_change=True, sessions=sessions.drop(user))
    return password


@recording.operation("UnbindMFADevice")
def reset_second_factor(caller: Caller, user: User, *, revision: int | None = None) -> None:
    """Removes passkeys, authenticator app and recovery codes of somebody who has lost them. The password stays."""
    user = _as_seen(user, revision)
    people_gate.permit("UnbindMFADevice", caller, user)
    with transaction.atomic():
        user.move()
        kinds = sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        Authenticator.objects.filter(user=user).delete()
        recording.record(caller, "UnbindMFADevice", user, factors=kinds, sessions=sessions.drop(user))


def _as_seen(user: User, revision: int | None) -> User:
    """A form posts the revision its reader saw; `move` then refuses what changed since."""
    if revision is not None:
        user.revision = revision
    return user
