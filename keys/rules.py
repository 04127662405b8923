"""Why a key does not do something: every reason, in the order the API reports them (reference `keys.md` 3.3).

Pure. Pages ask before the button is pressed, operations obey, sweeps too; nothing is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from base.refusal import Refusal
from crypto.specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, SIGN_VERIFY, SPECS
from instances import rules as instance_rules
from instances.rules import Protection
from keys import fitting
from keys.states import (
    CHANGES,
    CRYPTOGRAPHY,
    DRAINED,
    GATE,
    HSM_INTERNAL,
    IMPORT,
    LEGACY_WAYS_OUT,
    LEGACY_WINDOW_DAYS,
    MACS,
    POLICY,
    PUBLIC_KEY_ENCRYPTION,
    READS,
    ROTATION,
    SIGNATURES,
    SYMMETRIC,
    WINDOW_DAYS,
    State,
)

LEGACY_DOOR = "console-1.0"
_STATE_LIFTED_BY = {
    State.DISABLED: ("administrator", "EnableKey"),
    State.PENDING_DELETION: ("administrator", "CancelKeyDeletion"),
    State.PENDING_IMPORT: ("administrator", "ImportKeyMaterial"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at, loaded once per key. kind: customer, default or service; edition: 1.0 or 3.0; denied: the
    permission system's refusals; service: the product that calls, empty for people; instance: facts of the instance, None for
    a key in no instance; storage: mechanism of a key in hardware; own_state: what the key would be if its instance served;
    frozen: refusals of a freeze; legacy_closed: the 1.0 console is past its end of service, and closed."""

    id: str
    state: State
    kind: str
    edition: str
    origin: str
    creator: str
    door: str
    spec: str = "Aliyun_AES_256"
    usage: str = ENCRYPT_DECRYPT
    denied: tuple[Refusal, ...] = ()
    instance: instance_rules.Facts | None = None
    delete_at: datetime | None = None
    service: str = ""
    storage: str = ""
    protection: Protection | None = None
    instance_protection: Protection | None = None
    own_state: State | None = None
    frozen: tuple[Refusal, ...] = ()
    legacy_closed: bool = False

    def named(self, **more: Any) -> dict[str, Any]:
        return {"key": self.id, **more}


def why_not(action: str, facts: Facts, *, window_days: int | None = None, algorithm: str | None = None) -> tuple[Refusal, ...]:
    """Empty where `action` is allowed. `window_days` is the proposal of ScheduleKeyDeletion, where there is one, and
    `algorithm` that of the calls that name one."""
    if any(refusal.code == "Forbidden.KeyNotFound" for refusal in facts.denied):
        # To other accounts it does not exist; so it has no kind and no state to tell them either.
        return (*_parameters(action, facts, window_days, algorithm), *facts.denied)
    kind, state = [*_kind(action, facts, algorithm)], [*_state(action, facts)]
    if action in ROTATION and facts.state is State.PENDING_IMPORT:
        # Only imported keys wait for material, and none of them rotates; yet the vendor's table names the state (3.3).
        kind, state = state, kind
    last = (*_protection(action, facts), *(facts.frozen if action in CHANGES else ()))
    return (*_parameters(action, facts, window_days, algorithm), *facts.denied, *kind, *state, *last)


def _parameters(action: str, facts: Facts, window_days: int | None, algorithm: str | None) -> Iterator[Refusal]:
    if algorithm is not None:
        yield from fitting.unknown(action, algorithm)
    days = LEGACY_WINDOW_DAYS if facts.door == LEGACY_DOOR else WINDOW_DAYS
    if window_days is not None and window_days not in days:
        yield Refusal("InvalidParameter", {"name": "PendingWindowInDays", "low": days[0], "high": days[-1]},
                      reason="window_out_of_range", who="user")


def _kind(action: str, facts: Facts, algorithm: str | None) -> Iterator[Refusal]:
    served = facts.service and (facts.kind == "default" or (facts.kind == "service" and facts.creator == facts.service))
    if facts.service and not served:
        yield Refusal("Forbidden.NoPermission", facts.named(action=action), reason="not_this_service", who="nobody")
    served = served and action in SYMMETRIC
    if facts.kind == "service" and action not in READS and not served:
        # The owning service looks after it; it is free, and nothing has to be done about it (1.3).
        yield Refusal("Rejected.UnsupportedOperation", facts.named(service=facts.creator), reason="service_key",
                      who="service")
    if facts.kind == "default" and action in CRYPTOGRAPHY and not served:
        yield Refusal("UnsupportedOperation", facts.named(), reason="default_key_serves_services_only",
                      who="administrator", lifted_by="CreateKey")
    if facts.edition == "1.0" and facts.door == "console" and action not in READS:
        yield Refusal("UnsupportedOperation", facts.named(), reason="legacy_read_only", who="administrator",
                      lifted_by="page:legacy")
    if facts.door == LEGACY_DOOR and action not in READS:
        if facts.edition != "1.0":
            yield Refusal("UnsupportedOperation", facts.named(), reason="not_a_legacy_key", who="administrator",
                          lifted_by="page:key")
        elif facts.legacy_closed and action not in LEGACY_WAYS_OUT:
            yield Refusal("UnsupportedOperation", facts.named(), reason="legacy_ended", who="administrator",
                          lifted_by="page:migration")
    misfits = [*_fit(action, facts)]
    yield from misfits
    if algorithm is not None and not misfits:
        yield from fitting.unfit(action, facts.id, facts.spec, algorithm)
    if action in IMPORT and facts.origin != "EXTERNAL":
        yield Refusal("Unsupported.Origin", facts.named(origin=facts.origin), reason="origin_not_external")
    if action in IMPORT and facts.edition == "1.0" and facts.spec in SPECS and SPECS[facts.spec].asymmetric:
        yield Refusal("Rejected.UnsupportedOperation", facts.named(spec=facts.spec), reason="legacy_imports_no_key_pairs",
                      who="administrator", lifted_by="CreateKey")
    if action in ROTATION:
        yield from _rotation(action, facts)
    if action in POLICY and facts.instance is None:
        yield Refusal("Forbidden.KeyPolicyUnSupported", facts.named(), reason="policy_needs_instance")


def _fit(action: str, facts: Facts) -> Iterator[Refusal]:
    """Whether spec and usage are made for this kind of cryptography (4.1-4.4, 5.5)."""
    spec, named = SPECS.get(facts.spec), facts.named(spec=facts.spec, usage=facts.usage)
    symmetric = spec is not None and spec.symmetric
    if action in SYMMETRIC and not symmetric:
        yield Refusal("UnsupportedOperation", named, reason="needs_symmetric_key")
    if action in PUBLIC_KEY_ENCRYPTION and (symmetric or facts.usage != ENCRYPT_DECRYPT):
        yield Refusal("Rejected.UnsupportedOperation", named, reason="needs_encryption_key_pair")
    if action in SIGNATURES and facts.usage != SIGN_VERIFY:
        yield Refusal("Rejected.UnsupportedOperation", named, reason="needs_signing_key")
    if action in MACS and facts.usage != GENERATE_VERIFY_MAC:
        yield Refusal("Rejected.UnsupportedOperation", named, reason="needs_mac_key")
    if action == "GetPublicKey" and not (spec is not None and spec.asymmetric):
        yield Refusal("Rejected.UnsupportedOperation", named, reason="needs_key_pair")


def _rotation(action: str, facts: Facts) -> Iterator[Refusal]:
    """Who can rotate (7.2)."""
    spec = SPECS.get(facts.spec)
    code, symmetric = "Rejected.UnsupportedOperation", spec is not None and spec.symmetric
    if facts.origin == "EXTERNAL":
        yield Refusal(code, facts.named(), reason="imported_never_rotates")
    if facts.storage == HSM_INTERNAL:
        yield Refusal(code, facts.named(), reason="hsm_internal_never_rotates")
    if facts.kind == "default":
        # The vendor sells it as a service of its own; there is nothing to buy here, and nothing it could rotate for.
        yield Refusal(code, facts.named(), reason="default_key_never_rotates")
    if facts.edition == "1.0" and action == "CreateKeyVersion":
        if symmetric:
            yield Refusal(code, facts.named(), reason="legacy_rotates_by_itself", who="administrator",
                          lifted_by="UpdateRotationPolicy")
    elif not symmetric:
        yield Refusal(code, facts.named(spec=facts.spec), reason="only_symmetric_rotates")


def _state(action: str, facts: Facts) -> Iterator[Refusal]:
    state = facts.state
    if state is State.DESTROYED:
        yield Refusal("Forbidden.KeyNotFound", facts.named(), reason="key_destroyed")
        return
    cell = GATE[action][state]
    if cell == "ok":
        return
    if state is State.UNAVAILABLE and facts.instance is not None:
        if action in DRAINED and facts.instance.drains and facts.own_state is State.ENABLED:
            return
        yield from instance_rules.not_serving(facts.instance, code="Rejected.Unavailable")
        return
    who, lifted_by = _STATE_LIFTED_BY.get(state, ("nobody", ""))
    dated = facts.named(state=str(state), **({"delete_at": facts.delete_at} if facts.delete_at else {}))
    if cell == "own":
        yield Refusal(f"Rejected.{state}", dated, who=who, lifted_by=lifted_by)
    elif action == "CancelKeyDeletion":
        yield Refusal("Rejected.StateModifiedFailed", dated, reason="nothing_to_cancel")
    elif action == "ScheduleKeyDeletion":
        yield Refusal("Rejected.StateModifiedFailed", dated, reason="already_scheduled", who=who, lifted_by=lifted_by)
    else:
        yield Refusal("Rejected.StateModifiedFailed", dated, reason=f"moved_{state}", who=who, lifted_by=lifted_by)


def _protection(action: str, facts: Facts) -> Iterator[Refusal]:
    if action != "ScheduleKeyDeletion":
        return
    if facts.protection is not None:
        yield Refusal("Rejected.DeletionProtection", facts.named(**facts.protection.named()),
                      reason="deletion_protection_key", who="administrator", lifted_by="SetDeletionProtection")
    if facts.instance_protection is not None and facts.instance is not None:
        yield Refusal("Rejected.DeletionProtection", facts.instance.named(key=facts.id, **facts.instance_protection.named()),
                      reason="deletion_protection_instance", who="administrator", lifted_by="SetDeletionProtection")
