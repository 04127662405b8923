"""Why an instance does not do something. Pure; facts in, every refusal out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from base.refusal import Refusal
from instances.states import State

READS = frozenset({"ListKmsInstances", "GetKmsInstance", "GetDefaultKmsInstance"})
# In a freeze as well: renewing saves what would be lost.
GO_ON = READS | {"RenewInstance"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at. denied: refusals of the permission system; renew_by: when an expired instance is lost;
    frozen: refusals of a freeze."""

    id: str
    name: str
    state: State
    end_at: datetime
    renew_by: datetime
    denied: tuple[Refusal, ...] = ()
    frozen: tuple[Refusal, ...] = ()

    def named(self, **more: Any) -> Mapping[str, Any]:
        return {"instance": self.id, "name": self.name, **more}


def not_serving(facts: Facts, *, code: str) -> tuple[Refusal, ...]:
    """The reason why this instance gives no service, under `code`; empty where it serves."""
    if facts.state is State.CONNECTED:
        return ()
    if facts.state is State.EXPIRED:
        return (Refusal(code, facts.named(end_at=facts.end_at, renew_by=facts.renew_by), reason="instance_expired",
                        who="owner", lifted_by="RenewInstance"),)
    if facts.state is State.RELEASED:
        return (Refusal(code, facts.named(), reason="instance_released"),)
    if facts.state is State.UNINITIALIZED:
        return (Refusal(code, facts.named(), reason="instance_not_enabled", who="administrator",
                        lifted_by="ConnectKmsInstance"),)
    return (Refusal(code, facts.named(state=str(facts.state)), reason="instance_not_ready", who="operator"),)


def why_not(action: str, facts: Facts) -> tuple[Refusal, ...]:
    """Every reason, permission first, then state."""
    reasons = list(facts.denied)
    if action == "ConnectKmsInstance" and facts.state is not State.UNINITIALIZED:
        reasons.append(Refusal("Forbidden.DKMSInstanceStateInvalid", facts.named(state=str(facts.state)),
                               reason="instance_already_enabled"))
    elif action in ("RenewInstance", "SetDeletionProtection") and facts.state is State.RELEASED:
        reasons += not_serving(facts, code="Forbidden.DKMSInstanceStateInvalid")
    elif action == "CreateKey":
        reasons += not_serving(facts, code="Rejected.Unavailable" if facts.state is State.EXPIRED
                               else "Forbidden.DKMSInstanceStateInvalid")
    return (*reasons, *(facts.frozen if action not in GO_ON else ()))
