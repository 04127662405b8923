"""Rules of imported material (reference `keys.md` 6): which wrapping fits which key, and how long material may live. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from base.refusal import Refusal
from crypto import wrapping
from crypto.algorithms import SM2
from crypto.specs import SPECS

SM2_SPEC = "EC_SM2"
# Ten digits, as the API reads them: the year 2286. Beyond it lies nothing but mistakes (milliseconds for seconds).
LATEST_EXPIRY = 9_999_999_999
# Bytes that RSA-2048 makes of anything, and of a block of AES behind them.
WRAPPED, _BLOCK = 256, 16
_ALGORITHMS = frozenset({*wrapping.SYMMETRIC, *wrapping.ASYMMETRIC, *SM2}) - {"SM2DSA"}


def why_not_wrapping_named(spec: str, algorithm: str) -> Iterator[Refusal]:
    """What can be said before the key is looked at: unknown names, and SM2, which no well-kept library offers."""
    if spec not in (wrapping.WRAPPING_SPEC, SM2_SPEC):
        yield _unknown("WrappingKeySpec", spec)
    if algorithm not in _ALGORITHMS:
        yield _unknown("WrappingAlgorithm", algorithm)
    if spec == SM2_SPEC or algorithm in SM2:
        yield Refusal("UnsupportedOperation", {"spec": SM2_SPEC}, reason="spec_without_library")


def fitting(spec: str, *, in_instance: bool) -> list[str]:
    """The wrapping algorithms that fit the material of a key of `spec`, the best first."""
    return [name for name in wrapping.algorithms_for(SPECS[spec]) if not (in_instance and name == "RSAES_OAEP_SHA_1")]


def why_not_wrapping(key: str, spec: str, algorithm: str, *, in_instance: bool) -> Iterator[Refusal]:
    """Whether a known algorithm fits the material of this key."""
    known = fitting(spec, in_instance=in_instance)
    if algorithm not in SM2 and algorithm not in known:
        yield Refusal("InvalidParameter", {"name": "WrappingAlgorithm", "key": key, "spec": spec, "fitting": known},
                      reason="wrapping_does_not_fit", who="user")


def _unknown(name: str, value: str) -> Refusal:
    return Refusal("InvalidParameter", {"name": name, "value": value[:64]}, reason="unknown_value", who="user")


def is_pair(spec: str) -> bool:
    return SPECS[spec].asymmetric


def why_not_wrapped(spec: str, length: int) -> str:
    """What is wrong with a wrapped file of `length` bytes before anything is opened: ``plain`` where it looks like the bare
    material, ``length`` where no RSA-2048 wrapping gives that many bytes; empty where it may be right."""
    asymmetric = SPECS[spec].asymmetric
    if not asymmetric and length == SPECS[spec].length:
        return "plain"
    fits = length > WRAPPED and (length - WRAPPED) % _BLOCK == 0 if asymmetric else length == WRAPPED
    return "" if fits else "length"


def why_not_expiry(unix: int, now: datetime) -> Iterator[Refusal]:
    """`unix`: seconds; 0 means never. Must not lie before `now`."""
    facts = {"name": "KeyMaterialExpireUnix"}
    if not 0 <= unix <= LATEST_EXPIRY:
        yield Refusal("InvalidParameter", {**facts, "low": 0, "high": LATEST_EXPIRY}, reason="out_of_range", who="user")
    elif (expires_at := expiry(unix)) is not None and expires_at < now:
        yield Refusal("InvalidParameter", {**facts, "expires_at": expires_at}, reason="expiry_in_the_past", who="user")


def expiry(unix: int) -> datetime | None:
    return datetime.fromtimestamp(unix, UTC) if unix else None
