"""Keys outside every instance that no CreateKey call makes: the default CMK by its "Enable", service keys by their service."""

from __future__ import annotations

import re

from django.db import IntegrityError

from access.models import Account
from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.specs import AES_256
from keys import aliasing, creation, lookup, quota
from keys.models import Alias, Key
from keys.operations.lifecycle import store_new_key
from keys.states import State

_SERVICE = re.compile(r"[a-z][a-z0-9]{1,31}")


def _outside(caller: Caller, account: Account, kind: Key.Kind, creator: str, **fields: str) -> Key:
    fields = {"state": State.ENABLED, **fields}
    return Key(id=ids.key_id(caller.at), account=account, kind=kind, creator=creator, spec=AES_256.name, created_at=caller.at,
               last_rotation_at=caller.at, **fields)


@recording.operation("CreateKey")
def enable_default_key(caller: Caller, *, alias_name: str, description: str = "", origin: str = "") -> Key:
    """The account's one default CMK with its alias, also where CreateKey would go to a default instance. Origin EXTERNAL waits
    for material."""
    proposal = creation.Proposal(description, origin=origin)
    denied = (*lookup.why_nobody_creates(caller), *why_not_permitted(caller, "CreateAlias"))
    reasons = [*aliasing.why_not_name(alias_name), *creation.why_not_create(proposal, quota.home_of(caller, None), denied)]
    if not reasons and Alias.objects.filter(account_id=caller.account, name=alias_name).exists():
        reasons.append(Refusal("AliasAlreadyExists", {"alias": alias_name}, who="user", lifted_by="UpdateAlias"))
    if reasons:
        raise Refused(*reasons)
    external = origin == "EXTERNAL"
    key = _outside(caller, Account.objects.get(pk=caller.account), Key.Kind.DEFAULT, caller.account, description=description,
                   state=State.PENDING_IMPORT if external else State.ENABLED, origin=origin or "Aliyun_KMS")
    try:
        store_new_key(caller, key, with_material=not external, alias=alias_name)
    except IntegrityError:
        # Two at once; the constraints let one through, whichever of the two names it was.
        raise Refused(Refusal("Rejected.LimitExceeded", {"limit": 1}, reason="one_default_key")) from None
    return key


@recording.operation("CreateServiceKey")
def create_service_key(caller: Caller, *, service: str, account: Account | None = None) -> Key:
    """The key that the product `service` (``ecs``) makes in an account the first time it is asked to encrypt, with its alias
    ``alias/acs/<service>``. Once for each account: a second call finds the same key. A service registers itself only."""
    reasons = [*why_not_permitted(caller, "CreateServiceKey")]
    if not _SERVICE.fullmatch(service):
        reasons.insert(0, Refusal("InvalidParameter", {"name": "Service"}, reason="service_code", who="user"))
    elif caller.service not in ("", service):
        reasons.append(Refusal("Forbidden.NoPermission", {"action": "CreateServiceKey"}, reason="not_this_service", who="nobody"))
    if reasons:
        raise Refused(*reasons)
    home = account or Account.objects.get(pk=caller.account)
    if (known := _service_key(home, service)) is not None:
        recording.record(caller, "CreateServiceKey", known, service=service, known=True)
        return known
    key = _outside(caller, home, Key.Kind.SERVICE, service, description=f"Made by {service.upper()} for its own encryption")
    try:
        store_new_key(caller, key, alias=f"{aliasing.RESERVED}/{service}", action="CreateServiceKey")
    except IntegrityError:
        if (winner := _service_key(home, service)) is None:
            raise
        recording.record(caller, "CreateServiceKey", winner, service=service, known=True)
        return winner
    return key


def _service_key(account: Account, service: str) -> Key | None:
    services = Key.objects.of(account.pk).exclude(state=State.DESTROYED)
    return services.select_related("account").filter(kind=Key.Kind.SERVICE, creator=service).first()
