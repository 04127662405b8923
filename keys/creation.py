"""What may be created where. Pure: the proposal of a CreateKey call in, a complete plan or every refusal out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from base.refusal import Refusal
from crypto.specs import AES_256, KNOWN, REFUSED, SPECS, USAGES, Spec
from instances import rules as instance_rules
from instances.tags import why_not_tags
from keys import key_policies
from keys.rotating import why_not_interval
from keys.states import HSM_ENCRYPTED_DATABASE, HSM_INTERNAL

ORIGINS = ("Aliyun_KMS", "EXTERNAL")
DESCRIPTION_LIMIT = 8192
# The 1.0 edition (migration.md 1.2): what it makes, and how much an account may have of it.
LEGACY_SPECS = ("Aliyun_AES_256", "Aliyun_SM4", "RSA_2048", "RSA_3072", "EC_P256", "EC_P256K")
FULL = "Rejected.LimitExceeded"
LEGACY_KEYS, LEGACY_ALIASES, LEGACY_VERSIONS = 200, 300, 10_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """The parameters of CreateKey as given; empty text means absent. Names and rules: reference `keys.md` 2.3."""

    description: str = ""
    spec: str = ""
    usage: str = ""
    origin: str = ""
    protection_level: str = ""
    enable_automatic_rotation: bool = False
    rotation_interval: str = ""
    key_storage_mechanism: str = ""
    policy: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """Where the key would go. instance: None for the shared store, where one default CMK lives; used, quota: key versions;
    hardware: the instance keeps its keys in an HSM; specs: those its tokens serve, none while nobody has asked them."""

    instance: instance_rules.Facts | None
    used: int = 0
    quota: int = 0
    has_default_key: bool = False
    hardware: bool = False
    specs: frozenset[str] = frozenset()


def _parameter(name: str, reason: str, **facts: object) -> Refusal:
    return Refusal("InvalidParameter", {"name": name, **facts}, reason=reason, who="user")


def protection(proposal: Proposal, *, hardware: bool) -> dict[str, str]:
    """Columns of the key. The instance alone decides about the level; what CreateKey says of it is ignored there (2.3)."""
    if not hardware:
        return {"protection_level": "SOFTWARE", "storage_mechanism": ""}
    return {"protection_level": "HSM", "storage_mechanism": proposal.key_storage_mechanism or HSM_INTERNAL}


def why_not_create(proposal: Proposal, home: Home, denied: tuple[Refusal, ...] = ()) -> tuple[Refusal, ...]:
    """Every reason: parameters, permission, kind, state of the instance, quota."""
    return (*_parameters(proposal), *denied, *_kind(proposal, home), *_home(home))


def _parameters(proposal: Proposal) -> Iterator[Refusal]:
    if len(proposal.description) > DESCRIPTION_LIMIT:
        yield _parameter("Description", "too_long", limit=DESCRIPTION_LIMIT)
    if proposal.spec and proposal.spec not in KNOWN:
        yield _parameter("KeySpec", "unknown_value", value=proposal.spec[:64])
    if proposal.usage not in ("", *USAGES):
        yield _parameter("KeyUsage", "unknown_value", value=proposal.usage[:64])
    if proposal.origin not in ("", *ORIGINS):
        yield _parameter("Origin", "unknown_value", value=proposal.origin[:64])
    if proposal.protection_level not in ("", "SOFTWARE", "HSM"):
        yield _parameter("ProtectionLevel", "unknown_value", value=proposal.protection_level[:64])
    if proposal.key_storage_mechanism not in ("", HSM_INTERNAL, HSM_ENCRYPTED_DATABASE):
        yield _parameter("KeyStorageMechanism", "unknown_value", value=proposal.key_storage_mechanism[:64])
    yield from why_not_interval(proposal.enable_automatic_rotation, proposal.rotation_interval)
    yield from why_not_tags(proposal.tags)
    if proposal.policy:
        yield from key_policies.why_not_document(proposal.policy)


def _kind(proposal: Proposal, home: Home) -> Iterator[Refusal]:
    name = proposal.spec or AES_256.name
    spec = SPECS.get(name)
    if name in REFUSED:
        yield Refusal("UnsupportedOperation", {"spec": name}, reason="spec_without_library")
    if spec is not None and proposal.usage in USAGES and proposal.usage not in spec.usages:
        yield Refusal("UnsupportedOperation", {"spec": name, "usage": proposal.usage}, reason="usage_does_not_fit")
    if spec is not None and home.instance is None and name != AES_256.name:
        yield Refusal("UnsupportedOperation", {"spec": name}, reason="default_key_is_aes_256")
    elif spec is not None and home.hardware:
        yield from _in_hardware(proposal, spec, home)
    elif spec is not None and not spec.software:
        # AES-128 and AES-192 belong to hardware instances (keys.md 4.1).
        yield Refusal("UnsupportedOperation", {"spec": name}, reason="spec_needs_hardware")
    if proposal.enable_automatic_rotation and home.instance is None:
        yield Refusal("Rejected.UnsupportedOperation", reason="default_key_never_rotates")
    elif spec is not None and proposal.enable_automatic_rotation and not spec.symmetric:
        yield Refusal("Rejected.UnsupportedOperation", {"spec": name}, reason="only_symmetric_rotates")
    if proposal.enable_automatic_rotation and proposal.origin == "EXTERNAL":
        yield Refusal("Rejected.UnsupportedOperation", {"origin": proposal.origin}, reason="imported_never_rotates")
    if proposal.policy and home.instance is None:
        yield Refusal("Forbidden.KeyPolicyUnSupported", {"name": "Policy"}, reason="policy_needs_instance")
    if proposal.key_storage_mechanism and not home.hardware:
        yield Refusal("UnsupportedOperation", {"name": "KeyStorageMechanism"}, reason="storage_needs_hardware")
    if home.instance is None and proposal.protection_level == "HSM":
        yield Refusal("Unsupported.ProtectionLevel", {"name": "ProtectionLevel"})


def _in_hardware(proposal: Proposal, spec: Spec, home: Home) -> Iterator[Refusal]:
    named = {"spec": spec.name}
    if not spec.hardware:
        yield Refusal("UnsupportedOperation", named, reason="spec_not_in_hardware")
    elif home.specs and spec.name not in home.specs:
        yield Refusal("UnsupportedOperation", named, reason="spec_not_in_token", who="operator")
    if proposal.origin == "EXTERNAL" and not spec.symmetric:
        yield Refusal("UnsupportedOperation", named, reason="hardware_imports_symmetric_only")
    if proposal.enable_automatic_rotation and proposal.key_storage_mechanism in ("", HSM_INTERNAL):
        yield Refusal("Rejected.UnsupportedOperation", named, reason="hsm_internal_never_rotates")


def _home(home: Home) -> Iterator[Refusal]:
    if home.instance is None:
        if home.has_default_key:
            yield Refusal("Rejected.LimitExceeded", {"limit": 1}, reason="one_default_key", who="nobody")
        return
    yield from instance_rules.why_not("CreateKey", home.instance)
    yield from why_no_room(home)


def why_no_room(home: Home, units: int = 1) -> Iterator[Refusal]:
    """For one more key, or one more version of one; or for as many as a key of `units` versions needs."""
    if home.instance is not None and home.used + units > home.quota:
        yield Refusal("Rejected.LimitExceeded", home.instance.named(limit=home.quota, used=home.used),
                      reason="quota_keys", who="owner", lifted_by="page:instance")


@dataclass(frozen=True, slots=True)
class LegacyHome:
    """The shared store of the 1.0 edition. used: keys; versions: of all of them; ended: past the end of service."""

    used: int = 0
    versions: int = 0
    ended: bool = False


def why_not_create_legacy(proposal: Proposal, home: LegacyHome, denied: tuple[Refusal, ...] = ()) -> tuple[Refusal, ...]:
    """The rules of CreateKey in the 1.0 console."""
    return (*_legacy_parameters(proposal), *denied, *_legacy_kind(proposal), *_legacy_room(home))


def _legacy_parameters(proposal: Proposal) -> Iterator[Refusal]:
    if len(proposal.description) > DESCRIPTION_LIMIT:
        yield _parameter("Description", "too_long", limit=DESCRIPTION_LIMIT)
    if proposal.spec and proposal.spec not in (*LEGACY_SPECS, *REFUSED):
        yield _parameter("KeySpec", "unknown_value", value=proposal.spec[:64])
    if proposal.origin not in ("", *ORIGINS):
        yield _parameter("Origin", "unknown_value", value=proposal.origin[:64])
    yield from why_not_interval(proposal.enable_automatic_rotation, proposal.rotation_interval, "1.0")


def _legacy_kind(proposal: Proposal) -> Iterator[Refusal]:
    name = proposal.spec or AES_256.name
    spec = SPECS.get(name)
    if name in REFUSED:
        yield Refusal("UnsupportedOperation", {"spec": name}, reason="spec_without_library")
    if spec is not None and proposal.usage and proposal.usage not in spec.usages:
        yield Refusal("UnsupportedOperation", {"spec": name, "usage": proposal.usage}, reason="usage_does_not_fit")
    if spec is not None and spec.asymmetric and proposal.origin == "EXTERNAL":
        yield Refusal("Rejected.UnsupportedOperation", {"spec": name}, reason="legacy_imports_no_key_pairs",
                      who="administrator", lifted_by="CreateKey")
    if spec is not None and proposal.enable_automatic_rotation and not spec.symmetric:
        yield Refusal("Rejected.UnsupportedOperation", {"spec": name}, reason="only_symmetric_rotates")
    if proposal.enable_automatic_rotation and proposal.origin == "EXTERNAL":
        yield Refusal("Rejected.UnsupportedOperation", {"origin": proposal.origin}, reason="imported_never_rotates")
    if proposal.protection_level == "HSM":
        yield Refusal("Unsupported.ProtectionLevel", {"name": "ProtectionLevel"})


def _legacy_room(home: LegacyHome) -> Iterator[Refusal]:
    if home.ended:
        yield Refusal("UnsupportedOperation", {"name": "KMS 1.0"}, reason="legacy_takes_no_keys", who="administrator",
                      lifted_by="CreateKey")
    if home.used >= LEGACY_KEYS:
        yield legacy_full("quota_legacy_keys", LEGACY_KEYS)
    if home.versions >= LEGACY_VERSIONS:
        yield legacy_full("quota_legacy_versions", LEGACY_VERSIONS)


def legacy_full(reason: str, limit: int) -> Refusal:
    return Refusal(FULL, {"limit": limit}, reason=reason, who="administrator", lifted_by="page:migration")
