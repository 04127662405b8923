"""The one question before a person or an AccessKey changes: permission and rules, with every reason. Pages ask `reasons`,
operations call `permit`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.mfa.models import Authenticator

from access import people_rules
from access.models import AccessKey, Account, User, UserPolicy
from access.people_rules import Facts
from access.rules import why_not_permitted
from base.caller import Caller
from base.refusal import Refusal, Refused

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def not_found(name: str) -> Refusal:
    return Refusal("EntityNotExist.User", {"user": name[:64]}, who="user")


def user_for(caller: Caller, name: str) -> User:
    """The only way from an outside string to a person; one of another account answers as if there were none."""
    user = User.objects.select_related("account").filter(username=name).first()
    if user is None or people_rules.is_foreign(caller, user.account_id):
        raise Refused(not_found(name))
    return user


def access_key_for(caller: Caller, access_key_id: str) -> AccessKey:
    key = AccessKey.objects.select_related("user__account").filter(pk=access_key_id[:64]).first()
    if key is None or people_rules.is_foreign(caller, key.user.account_id):
        raise Refused(Refusal("EntityNotExist.User.AccessKey", {"access_key": access_key_id[:64]}, who="user"))
    return key


def people_of(account: str) -> Any:
    return User.objects.filter(account_id=account).order_by("username")


def policies_of(user: User) -> list[tuple[str, str]]:
    return list(UserPolicy.objects.filter(user=user).values_list("name", "document"))


def hold(account: str | None) -> None:
    """Two administrators who take the last right from each other take turns; the second is refused. In a transaction."""
    Account.objects.select_for_update().filter(pk=account).first()


def everybody_after(caller: Caller, user: User, *, role: str | None = None, active: bool | None = None,
                    documents: Iterable[tuple[str, str]] | None = None) -> Iterable[Caller]:
    """Everybody of the account who may sign in once `user` is changed like this."""
    known: dict[int, list[tuple[str, str]]] = {}
    for policy in UserPolicy.objects.filter(user__account_id=user.account_id):
        known.setdefault(policy.user_id, []).append((policy.name, policy.document))
    for one in User.objects.filter(account_id=user.account_id):
        changed = one.pk == user.pk
        if changed:
            one.role = one.role if role is None else role
            one.is_active = one.is_active if active is None else active
        if one.is_active:
            given = documents if changed and documents is not None else known.get(one.pk, ())
            yield one.caller("", caller.at, request_id="", documents=given)


def facts(operation: str, caller: Caller, user: User, key: AccessKey | None = None, **change: Any) -> Facts:
    """change: what the operation would make of the person, for the rule of the last administrator."""
    operator = not caller.account
    superuser = operator or User.objects.filter(username=caller.principal.removeprefix("user/"), is_superuser=True).exists()
    orphans = bool(change) and not operator and not people_rules.administered(everybody_after(caller, user, **change))
    return Facts(
        user.username, user.is_active, own=caller.principal == f"user/{user.username}",
        guarded=user.is_superuser and not superuser, orphans=orphans,
        factors=Authenticator.objects.filter(user=user, type__in=FACTORS).count() if operation == "UnbindMFADevice" else 0,
        key_status=key.status if key else "")


def reasons(operation: str, caller: Caller, user: User, key: AccessKey | None = None, **change: Any) -> tuple[Refusal, ...]:
    if people_rules.is_foreign(caller, user.account_id):
        return (not_found(user.username),)
    known = facts(operation, caller, user, key, **change)
    return (*why_not_permitted(caller, operation), *people_rules.why_not(operation, known))


def permit(operation: str, caller: Caller, user: User, key: AccessKey | None = None, **change: Any) -> None:
    if found := reasons(operation, caller, user, key, **change):
        raise Refused(*found)
