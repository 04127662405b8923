"""Why an instance does not do something. Pure; facts in, every refusal out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from base.refusal import Refusal
from instances.states import State

READS = frozenset({"ListKmsInstances", "GetKmsInstance", "GetDefaultKmsInstance", "ListKmsInstanceTags"})
# What an owner may do as long as the instance is there, expired or not.
ANY_TIME = frozenset({"RenewInstance", "SetRenewal", "SetGracePolicy", "SetDeletionProtection", "UpdateKmsInstance",
                      "TagKmsInstance", "UntagKmsInstance"})
OF_A_TERM = frozenset({"RenewInstance", "SetRenewal", "SetGracePolicy"})
BEFORE_THE_END = frozenset({"ModifyInstance"})
IN_SERVICE = frozenset({"SetDefaultKmsInstance", "UpdateKmsInstanceBindVpc"})
# In a freeze as well: renewing saves what would be lost, and a date that has come is only told.
GO_ON = READS | {"GetKmsInstanceTerm", "RenewInstance", "SetRenewal", "ExpireInstance", "RemindExpiry"}


@dataclass(frozen=True, slots=True)
class Protection:
    """A deletion protection that is on: why, by whom and since when. Empty and None where nobody said."""

    description: str = ""
    by: str = ""
    at: datetime | None = None

    def named(self) -> dict[str, Any]:
        return {"description": self.description, "by": self.by, "at": self.at}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at. denied: refusals of the permission system; renew_by: when an expired instance is released;
    drains: expired, but what it holds can still be opened, verified and exported; backup_at: when the newest one began;
    frozen: refusals of a freeze."""

    id: str
    name: str
    state: State
    end_at: datetime
    renew_by: datetime
    denied: tuple[Refusal, ...] = ()
    type: str = "software"
    prepaid: bool = True
    drains: bool = False
    auto_renewal_months: int = 0
    backup_at: datetime | None = None
    protection: Protection | None = None
    frozen: tuple[Refusal, ...] = ()

    def named(self, **more: Any) -> Mapping[str, Any]:
        return {"instance": self.id, "name": self.name, **more}


@dataclass(frozen=True, slots=True)
class Contents:
    """What would be lost with the instance: its keys, and when the newest of them was made or came in."""

    keys: int = 0
    newest_at: datetime | None = None


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
    if facts.state is State.DISCONNECTED:
        return (Refusal(code, facts.named(), reason="instance_disconnected", who="administrator", lifted_by="page:connect-hsm"),)
    return (Refusal(code, facts.named(state=str(facts.state)), reason="instance_not_ready", who="operator"),)


def why_not(action: str, facts: Facts) -> tuple[Refusal, ...]:
    """Every reason, permission first, then kind, then state."""
    reasons = list(facts.denied)
    if action in OF_A_TERM and not facts.prepaid:
        reasons.append(Refusal("Rejected.UnsupportedOperation", facts.named(), reason="pay_as_you_go_has_no_term"))
    if action == "ConnectKmsInstance":
        reasons += _connect(facts)
    elif _too_late(action, facts.state):
        reasons += not_serving(facts, code="Forbidden.DKMSInstanceStateInvalid")
    elif action == "CreateKey":
        reasons += not_serving(facts, code="Rejected.Unavailable" if facts.state is State.EXPIRED
                               else "Forbidden.DKMSInstanceStateInvalid")
    return (*reasons, *(facts.frozen if action not in GO_ON else ()))


def _too_late(action: str, state: State) -> bool:
    if action in IN_SERVICE:
        return state is not State.CONNECTED
    if action in BEFORE_THE_END:
        return state in (State.EXPIRED, State.RELEASED)
    return action in ANY_TIME and state is State.RELEASED


def _connect(facts: Facts) -> Iterator[Refusal]:
    if facts.type != "software":
        yield Refusal("Rejected.UnsupportedOperation", facts.named(), reason="hardware_needs_cluster", who="administrator",
                      lifted_by="page:connect-hsm")
    if facts.state in (State.EXPIRED, State.RELEASED):
        yield from not_serving(facts, code="Forbidden.DKMSInstanceStateInvalid")
    elif facts.state is not State.UNINITIALIZED:
        yield Refusal("Forbidden.DKMSInstanceStateInvalid", facts.named(state=str(facts.state)),
                      reason="instance_already_enabled")


def why_not_release(action: str, facts: Facts, contents: Contents, *, forced: bool = False) -> tuple[Refusal, ...]:
    """Why nobody releases the instance by hand (``ReleaseKmsInstance``) or unsubscribes it (``RefundInstance``): permission,
    way of payment, state, protection, and a backup that holds every key. `forced` does without that last one."""
    reasons = list(facts.denied)
    if action == "ReleaseKmsInstance" and facts.prepaid:
        reasons.append(Refusal("Rejected.UnsupportedOperation", facts.named(), reason="subscription_is_unsubscribed",
                               who="owner", lifted_by="RefundInstance"))
    if action == "RefundInstance" and not facts.prepaid:
        reasons.append(Refusal("Rejected.UnsupportedOperation", facts.named(), reason="pay_as_you_go_is_released",
                               who="owner", lifted_by="ReleaseKmsInstance"))
    if facts.state is State.RELEASED:
        return (*reasons, *not_serving(facts, code="Forbidden.DKMSInstanceStateInvalid"))
    reasons += _protected(facts)
    if not forced:
        reasons += _not_backed_up(facts, contents)
    return (*reasons, *facts.frozen)


def why_not_release_expired(facts: Facts, contents: Contents) -> tuple[Refusal, ...]:
    """Why the clock does not release the instance yet. Nothing is forced here: a backup that began after the end holds
    everything, because from then on nothing could change."""
    if facts.state is not State.EXPIRED or facts.auto_renewal_months:
        return (Refusal("Forbidden.DKMSInstanceStateInvalid", facts.named(renew_by=facts.renew_by), reason="release_not_due"),)
    reasons = [*_protected(facts)]
    if contents.keys and (facts.backup_at is None or facts.backup_at < facts.end_at):
        reasons.append(Refusal("Forbidden.NoBackup", _backups(facts, contents), reason="no_backup_since_the_end", who="owner",
                               lifted_by="page:backups"))
    return (*reasons, *facts.frozen)


def _protected(facts: Facts) -> Iterator[Refusal]:
    if facts.protection is not None:
        yield Refusal("Rejected.DeletionProtection", facts.named(**facts.protection.named()),
                      reason="deletion_protection_instance", who="administrator", lifted_by="SetDeletionProtection")


def _not_backed_up(facts: Facts, contents: Contents) -> Iterator[Refusal]:
    if not contents.keys:
        return
    if facts.backup_at is None:
        yield Refusal("Forbidden.NoBackup", _backups(facts, contents), reason="no_backup", who="owner", lifted_by="page:backups")
    elif contents.newest_at is not None and facts.backup_at <= contents.newest_at:
        # Dates are whole seconds: a key made in the second in which the backup began may not be in it.
        yield Refusal("Forbidden.NoBackup", _backups(facts, contents), reason="backup_older_than_keys", who="owner",
                      lifted_by="page:backups")


def _backups(facts: Facts, contents: Contents) -> Mapping[str, Any]:
    return facts.named(keys=contents.keys, backup_at=facts.backup_at, newest_at=contents.newest_at, end_at=facts.end_at)
