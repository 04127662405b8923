"""Why a backup is not made, restored or deleted. Pure; facts in, every refusal out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from backups.states import Kind, State
from base.refusal import Refusal
from crypto.specs import SPECS
from instances import rules as instance_rules
from instances.states import State as InstanceState

HARDWARE = "hardware"
_KEY_ID = re.compile(r"key-[0-9a-z]{1,32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """source: id of the instance it is of; released_at: of that instance, None while it lives or where it is unknown."""

    id: str
    kind: str
    state: str
    source: str
    source_name: str
    destroyed_at: datetime | None
    instance_lives: bool
    hardware: bool = False
    denied: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where keys would come back to, and where they came from."""

    target: instance_rules.Facts
    target_type: str
    source: str
    source_type: str


@dataclass(frozen=True, slots=True)
class Present:
    """The row that has the id of a saved key here. place: its instance, empty where the reader may not know it.
    destroyed_on_purpose: its scheduled deletion fell due after the backup."""

    lives: bool
    foreign: bool
    place: str = ""
    destroyed_at: datetime | None = None
    scheduled_by: str = ""
    destroyed_on_purpose: bool = False


def why_not_create(facts: instance_rules.Facts) -> tuple[Refusal, ...]:
    """An expired instance is backed up as well: that is when it is needed most."""
    if facts.state in (InstanceState.UNINITIALIZED, InstanceState.RELEASED):
        return (*facts.denied, *instance_rules.not_serving(facts, code="Forbidden.DKMSInstanceStateInvalid"))
    return facts.denied


def why_not_use(facts: BackupFacts) -> tuple[Refusal, ...]:
    """For a restore, a drill or a download."""
    reasons = list(facts.denied)
    if facts.destroyed_at is not None:
        reasons.append(Refusal("Rejected.BackupState", {"backup": facts.id, "destroyed_at": facts.destroyed_at},
                               reason="backup_destroyed"))
    elif facts.state == State.FAILED:
        reasons.append(Refusal("Rejected.BackupState", {"backup": facts.id}, reason="backup_failed"))
    elif facts.state != State.SUCCEEDED:
        reasons.append(Refusal("Rejected.BackupState", {"backup": facts.id}, reason="backup_not_ready", who="time"))
    return tuple(reasons)


def why_not_drill(facts: BackupFacts) -> tuple[Refusal, ...]:
    """What is in an HSM is proved where it is in use; after the release nothing but a restore can say whether it is there."""
    reasons = why_not_use(facts)
    if facts.hardware and not facts.instance_lives:
        reasons += (Refusal("Rejected.UnsupportedOperation", {"backup": facts.id, "instance": facts.source},
                            reason="drill_needs_hsm"),)
    return reasons


def why_not_delete(facts: BackupFacts) -> tuple[Refusal, ...]:
    """The backups of an instance are its owner's only after its release; what was uploaded always is."""
    reasons = list(facts.denied)
    if facts.destroyed_at is not None:
        reasons.append(Refusal("Rejected.BackupState", {"backup": facts.id, "destroyed_at": facts.destroyed_at},
                               reason="backup_destroyed"))
    elif facts.state in (State.WAITING, State.RUNNING):
        reasons.append(Refusal("Rejected.BackupState", {"backup": facts.id}, reason="backup_not_ready", who="time"))
    elif facts.kind != Kind.UPLOADED and facts.state == State.SUCCEEDED and facts.instance_lives:
        reasons.append(Refusal("Rejected.BackupState", {"backup": facts.id, "instance": facts.source, "name": facts.source_name},
                               reason="backup_of_living_instance", who="owner", lifted_by="page:instance"))
    return tuple(reasons)


def why_not_into(place: Place) -> tuple[Refusal, ...]:
    """Whether the instance takes anything of this backup at all: it must serve, and be of the source's kind."""
    reasons = [*instance_rules.not_serving(place.target, code="Forbidden.DKMSInstanceStateInvalid")]
    facts = place.target.named(source=place.source)
    if place.source_type != place.target_type:
        reasons.append(Refusal("Rejected.UnsupportedOperation", facts, reason="restore_into_hardware"
                               if place.target_type == HARDWARE else "restore_into_software", who="user"))
    elif place.source_type == HARDWARE and place.source == place.target.id:
        # The vendor's rule (3.3): the objects of the old one are the cluster's business.
        reasons.append(Refusal("Rejected.UnsupportedOperation", facts, reason="restore_needs_new_hardware", who="owner"))
    return tuple(reasons)


def no_room(target: instance_rules.Facts, units: int, free: int, quota: int) -> Refusal:
    return Refusal("Rejected.LimitExceeded", target.named(limit=quota, free=free, needed=units), reason="restore_no_room",
                   who="owner", lifted_by="page:instance")


def why_not_restore(key_id: str, spec: str, units: int, place: Place, present: Present | None, free: int, quota: int, *,
                    again: bool) -> tuple[Refusal, ...]:
    """What keeps one key from coming back. units: what it takes of the target's quota."""
    reasons = []
    if not _KEY_ID.fullmatch(key_id) or spec not in SPECS:
        return (Refusal("InvalidBackup", {"key": key_id[:64], "spec": spec[:64]}, reason="restore_unknown_kind"),)
    if place.target_type != HARDWARE and not SPECS[spec].software:
        reasons.append(Refusal("UnsupportedOperation", {"spec": spec}, reason="spec_needs_hardware"))
    if present is not None and present.foreign:
        reasons.append(Refusal("Rejected.ResourceExist", {"key": key_id}, reason="restore_id_taken"))
    elif present is not None and present.lives:
        reasons.append(Refusal("Rejected.ResourceExist", {"key": key_id, "place": present.place}, reason="restore_key_lives"))
    elif present is not None and present.destroyed_on_purpose and not again:
        reasons.append(Refusal("Rejected.UnsupportedOperation",
                               {"key": key_id, "destroyed_at": present.destroyed_at, "scheduled_by": present.scheduled_by},
                               reason="restore_destroyed_on_purpose", who="user"))
    if not reasons and units > free:
        reasons.append(no_room(place.target, units, free, quota))
    return tuple(reasons)
