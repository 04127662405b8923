"""What stands against moving keys into an instance, rule by rule (reference `migration.md` 3). Pure.

An error keeps the run, or the key, from moving. A warning is told. A consent is a warning with a box to tick. A note says
how it will be. Hidden keys are not offered at all. Two of the vendor's errors about keys (imported material, rotation) are
warnings here, because both move soundly; `vendor` brings the vendor's rules back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from base.refusal import Refusal
from crypto.specs import SPECS
from instances import rules as instance_rules
from instances.states import State as InstanceState
from keys.states import State

BATCH = 50
IMAGE = "2.9.0"
SOON = timedelta(days=30)
ROTATION_DAYS = 365
HARDWARE = "hardware"
# No error, so the vendor has no code for it, and no door answers it.
CARE = "Migration.Warning"


class Kind(StrEnum):
    ERROR = "error"
    CONSENT = "consent"
    WARNING = "warning"
    NOTE = "note"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Finding:
    """rule: R1 to R17, K1 to K15, W1 to W7. refusal: its code, facts and text."""

    rule: str
    kind: Kind
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class RunFacts:
    """free_keys, free_secrets: units the target has room for; needed: versions to come. calls_per_second: of the chosen keys
    on their busiest day, on average. freeze_minutes: how long management may stand still at most."""

    instance: instance_rules.Facts
    now: datetime
    source_region: str
    target_region: str
    type: str = "software"
    image: str = "3.9.1"
    upgrading: bool = False
    free_keys: int = 0
    needed_keys: int = 0
    free_secrets: int = 0
    needed_secrets: int = 0
    keys: int = 1
    secrets: int = 0
    whole: bool = False
    open_run: str = ""
    auto_renewal: bool = False
    calls_per_second: int = 0
    plan: int = 1000
    owned: bool = True
    shared: bool = False
    joint: bool = False
    backed_up: bool = False
    freeze_minutes: int = 60
    keep_days: int = 7


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """late_calls: calls of the last month that the vendor's instances answer otherwise. secrets: names of what the key
    encrypts and that does not move along. alias_of_other: an alias of the key that another key has as well."""

    id: str
    state: State
    edition: str = "1.0"
    kind: str = "customer"
    origin: str = "Aliyun_KMS"
    spec: str = "Aliyun_AES_256"
    protection_level: str = "SOFTWARE"
    versions: int = 1
    rotation_days: int = 0
    target: str = "software"
    in_target: bool = False
    alias_of_other: str = ""
    late_calls: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    delete_at: datetime | None = None

    def named(self, **more: object) -> dict[str, object]:
        return {"key": self.id, **more}


def _parts(version: str) -> tuple[int, ...]:
    """``3.10.0`` comes after ``3.9.1``."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def of_run(facts: RunFacts) -> tuple[Finding, ...]:
    return (*_target(facts), *_room(facts), *_run(facts), *_told(facts))


def _error(rule: str, code: str, reason: str, facts: dict[str, object], *, who: str = "administrator",
           lifted_by: str = "") -> Finding:
    return Finding(rule, Kind.ERROR, Refusal(code, facts, reason=reason, who=who, lifted_by=lifted_by))


def _care(rule: str, kind: Kind, reason: str, facts: dict[str, object] | None = None, *, lifted_by: str = "") -> Finding:
    return Finding(rule, kind, Refusal(CARE, facts or {}, reason=reason, lifted_by=lifted_by))


def _target(facts: RunFacts) -> Iterator[Finding]:
    instance = dict(facts.instance.named())
    if facts.source_region != facts.target_region:
        yield _error("R1", "Migration.RegionMismatch", "migration_region", {**instance, "region": facts.source_region})
    if facts.instance.state is InstanceState.EXPIRED:
        yield from (Finding("R3", Kind.ERROR, one)
                    for one in instance_rules.not_serving(facts.instance, code="Rejected.Unavailable"))
    elif facts.instance.state is not InstanceState.CONNECTED:
        yield from (Finding("R2", Kind.ERROR, one)
                    for one in instance_rules.not_serving(facts.instance, code="Forbidden.DKMSInstanceStateInvalid"))
    if facts.type != HARDWARE and _parts(facts.image) < _parts(IMAGE):
        yield _error("R4", "Migration.ImageTooOld", "migration_image", {**instance, "image": facts.image, "needed": IMAGE},
                     who="owner", lifted_by="page:instance")
    if facts.upgrading:
        yield _error("R5", "Forbidden.KMSInstanceInUpgrade", "migration_upgrading", instance, who="time")
    if not facts.owned and not facts.shared:
        yield _error("R13", "Forbidden.NoPermission", "migration_not_shared", instance, who="owner")


def _room(facts: RunFacts) -> Iterator[Finding]:
    if facts.needed_keys > facts.free_keys:
        yield _error("R6", "Rejected.LimitExceeded", "migration_keys_do_not_fit", dict(facts.instance.named(
            needed=facts.needed_keys, free=facts.free_keys)), who="owner", lifted_by="page:instance")
    if facts.needed_secrets > facts.free_secrets:
        yield _error("R7", "Rejected.LimitExceeded", "migration_secrets_do_not_fit", dict(facts.instance.named(
            needed=facts.needed_secrets, free=facts.free_secrets)), who="owner", lifted_by="page:instance")


def _run(facts: RunFacts) -> Iterator[Finding]:
    if facts.keys + facts.secrets == 0:
        yield _error("R8", "InvalidParameter", "migration_nothing_chosen", {"name": "Keys"}, who="user")
    elif not facts.whole and max(facts.keys, facts.secrets) > BATCH:
        yield _error("R8", "InvalidParameter", "migration_too_many", {"name": "Keys", "limit": BATCH}, who="user")
    if facts.open_run:
        yield _error("R9", "Migration.AlreadyRunning", "migration_already_running", {"run": facts.open_run}, who="time",
                     lifted_by="page:migration-run")


def _told(facts: RunFacts) -> Iterator[Finding]:
    instance = dict(facts.instance.named())
    yield _care("R15", Kind.CONSENT, "migration_no_way_back", {**instance, "days": facts.keep_days})
    if not facts.auto_renewal:
        yield _care("R10", Kind.WARNING, "migration_no_auto_renewal", instance, lifted_by="page:instance")
    if facts.now < facts.instance.end_at < facts.now + SOON:
        yield _care("R11", Kind.WARNING, "migration_ends_soon", {**instance, "end_at": facts.instance.end_at},
                    lifted_by="page:instance")
    if facts.calls_per_second > facts.plan:
        yield _care("R12", Kind.WARNING, "migration_rate", {**instance, "plan": facts.plan, "calls": facts.calls_per_second})
    if facts.joint and not facts.owned:
        yield _care("R14", Kind.WARNING, "migration_joint_owner", instance)
    if not facts.backed_up:
        yield _care("R16", Kind.WARNING, "migration_no_backup", instance)
    yield _care("R17", Kind.WARNING, "migration_terraform")
    yield _care("W1", Kind.NOTE, "migration_freezes", {"minutes": facts.freeze_minutes})
    yield _care("W2", Kind.NOTE, "migration_serves_on")
    yield _care("W3", Kind.NOTE, "migration_clock_waits")


def of_key(facts: KeyFacts, *, vendor: bool = False) -> tuple[Finding, ...]:
    """vendor: the vendor's own rules of 2022 to 2024 for imported material, rotation and several versions."""
    if facts.kind != "customer":
        return (_hidden("K2", "Rejected.UnsupportedOperation", "migration_not_needed", facts),)
    if facts.in_target:
        return (_error("K11", "Migration.AlreadyExists", "migration_already_there", facts.named(), who="nobody"),)
    if facts.edition != "1.0":
        return (_hidden("K1", "UnsupportedOperation", "migration_not_legacy", facts),)
    return (*_state(facts), *_material(facts, vendor), *_fit(facts), *_around(facts))


def _hidden(rule: str, code: str, reason: str, facts: KeyFacts) -> Finding:
    return Finding(rule, Kind.HIDDEN, Refusal(code, facts.named(), reason=reason))


def _state(facts: KeyFacts) -> Iterator[Finding]:
    if facts.state in (State.ENABLED, State.DISABLED):
        return
    code = f"Rejected.{facts.state}" if facts.state is not State.DESTROYED else "Forbidden.KeyNotFound"
    reason = code if facts.state is not State.DESTROYED else "key_destroyed"
    lifted_by = {State.PENDING_DELETION: "page:legacy", State.PENDING_IMPORT: "page:legacy"}.get(facts.state, "")
    yield _error("K3", code, reason, facts.named(delete_at=facts.delete_at), lifted_by=lifted_by)


def _material(facts: KeyFacts, vendor: bool) -> Iterator[Finding]:
    if facts.origin == "EXTERNAL":
        yield (_error("K4", "Migration.ExternalMaterial", "migration_imported_refused", facts.named(), who="operator") if vendor
               else _care("K4", Kind.WARNING, "migration_imported", facts.named()))
    if facts.rotation_days:
        yield (_error("K5", "Migration.RotationOn", "migration_rotation_on", facts.named(), lifted_by="page:legacy") if vendor
               else _care("K5", Kind.WARNING, "migration_rotation_goes_on", facts.named()))
    if facts.versions > 1:
        named = facts.named(versions=facts.versions)
        yield (_error("K6", "Migration.SeveralVersions", "migration_versions_refused", named, who="operator") if vendor
               else _care("K6", Kind.NOTE, "migration_versions", named))
    if facts.rotation_days > ROTATION_DAYS and facts.target != HARDWARE:
        yield _care("K7", Kind.CONSENT, "migration_rotation_shortened",
                    facts.named(days=facts.rotation_days, limit=ROTATION_DAYS))


def _fit(facts: KeyFacts) -> Iterator[Finding]:
    spec, hardware = SPECS.get(facts.spec), facts.target == HARDWARE
    if spec is None or not (spec.hardware if hardware else spec.software):
        yield _error("K8", "UnsupportedOperation", "migration_spec", facts.named(spec=facts.spec, type=facts.target),
                     who="nobody")
    if facts.protection_level == "HSM" and not hardware:
        yield _care("K9", Kind.CONSENT, "migration_leaves_hsm", facts.named())
    if facts.protection_level != "HSM" and hardware:
        yield _care("K10", Kind.CONSENT, "migration_enters_hsm", facts.named())


def _around(facts: KeyFacts) -> Iterator[Finding]:
    if facts.alias_of_other:
        yield _error("K12", "AliasAlreadyExists", "AliasAlreadyExists", facts.named(alias=facts.alias_of_other),
                     lifted_by="UpdateAlias")
    if facts.late_calls:
        yield _care("K14", Kind.WARNING, "migration_late_calls", facts.named(calls=list(facts.late_calls)))
    if facts.secrets:
        yield _care("K15", Kind.WARNING, "migration_secrets_stay", facts.named(secrets=list(facts.secrets)))


def errors(findings: tuple[Finding, ...]) -> tuple[Refusal, ...]:
    """What keeps it from moving; the first one is the prediction."""
    return tuple(one.refusal for one in findings if one.kind in (Kind.ERROR, Kind.HIDDEN))


def consents(findings: tuple[Finding, ...]) -> frozenset[str]:
    """The rules that need a tick."""
    return frozenset(one.rule for one in findings if one.kind is Kind.CONSENT)


@dataclass(frozen=True, slots=True)
class ReturnFacts:
    """A key of a finished item that somebody wants back in 1.0."""

    id: str
    switched: bool
    state: State
    keep_until: datetime | None
    now: datetime
    has_policy: bool = False
    delete_at: datetime | None = None


def why_not_back(facts: ReturnFacts) -> Iterator[Refusal]:
    named: dict[str, object] = {"key": facts.id}
    if not facts.switched:
        yield Refusal("Rejected.StateModifiedFailed", named, reason="migration_not_moved")
        return
    if facts.keep_until is not None and facts.keep_until <= facts.now:
        yield Refusal("Rejected.UnsupportedOperation", {**named, "keep_until": facts.keep_until}, reason="migration_window_over")
    if facts.state is State.DESTROYED:
        yield Refusal("Forbidden.KeyNotFound", named, reason="key_destroyed")
    if facts.state is State.PENDING_DELETION:
        yield Refusal("Rejected.PendingDeletion", {**named, "delete_at": facts.delete_at}, who="administrator",
                      lifted_by="CancelKeyDeletion")
    if facts.has_policy:
        yield Refusal("Forbidden.KeyPolicyUnSupported", named, reason="migration_policy_set", who="administrator",
                      lifted_by="SetKeyPolicy")
