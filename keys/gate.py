"""Asking the rules about one key on behalf of one caller: `reasons` for pages, `permit` for operations."""

from __future__ import annotations

from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.envelope import Identity
from crypto.errors import MaterialGone
from crypto.provider import Material
from crypto.specs import Spec
from instances import hsm_objects
from instances import lookup as instance_lookup
from instances import rules as instance_rules
from instances.models import Instance, WrappingKey
from keys import lookup, rules
from keys.models import Key

_MOST_KNOWN = 64


def reasons(action: str, caller: Caller, key: Key, *, window_days: int | None = None, algorithm: str | None = None,
            permission: str = "") -> tuple[Refusal, ...]:
    """Every reason why `caller` may not do `action` with `key` now; empty where it may. permission: its name where that
    is not the action's own, as for the two keys of ReEncrypt."""
    def ask() -> tuple[Refusal, ...]:
        facts = lookup.facts(caller, key, permission or action)
        return rules.why_not(action, facts, window_days=window_days, algorithm=algorithm)

    if key.known_reasons is None or window_days is not None:
        return ask()
    # All that the rules look at. A second later the answer may be another.
    who = (caller.account, caller.principal, caller.door, caller.at, caller.roles, caller.policies)
    asked = (action, algorithm, permission, *who)
    if asked not in key.known_reasons:
        if len(key.known_reasons) >= _MOST_KNOWN:
            key.known_reasons.clear()
        key.known_reasons[asked] = ask()
    return key.known_reasons[asked]


def permit(action: str, caller: Caller, key: Key, *, window_days: int | None = None, algorithm: str | None = None,
           permission: str = "") -> None:
    """Raises Refused with every reason."""
    if refusals := reasons(action, caller, key, window_days=window_days, algorithm=algorithm, permission=permission):
        raise Refused(*refusals)


def still_as_seen(key: Key, revision: int | None) -> None:
    """A page sends the revision it showed; raises Refused where the key has changed since."""
    if revision is not None and revision != key.revision:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"key": key.pk}, reason="changed_meanwhile", who="user"))


def new_material(caller: Caller, wrapping: WrappingKey, spec: Spec, identity: Identity, *, in_database: bool = False,
                 raw: bytes | None = None) -> Material:
    """Fresh material, or `raw`, in whatever keeps that of `wrapping` (`hsm_objects.make`). Raises Refused where its instance was
    released after it was read, and ProviderError."""
    try:
        return hsm_objects.make(caller.at, wrapping, spec, identity, in_database=in_database, raw=raw)
    except MaterialGone:
        home = Instance.objects.get(pk=wrapping.instance_id)
        raise Refused(*instance_rules.why_not("CreateKey", instance_lookup.facts(caller, home))) from None


def still_permitted_by_instance(action: str, caller: Caller, key: Key) -> None:
    """Holds the key's instance until the transaction ends. Raises Refused if the instance has changed in a way that forbids
    `action` now: the key's own revision does not move when its instance is protected."""
    if key.instance is None:
        return
    # SQLite has the one writer already.
    now = Instance.objects.select_for_update(no_key=True).get(pk=key.instance.pk)
    if now.revision != key.instance.revision:
        key.instance = now
        permit(action, caller, key)
