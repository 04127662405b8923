"""Which algorithm a call may name, and which key it fits (reference `keys.md` 4.3, 4.4, 5.9). Pure; asked by `keys.rules`."""

from __future__ import annotations

from collections.abc import Iterator

from base.refusal import Refusal
from crypto.algorithms import ENCRYPTIONS, MACS, SIGNINGS, SM2, encryption_for, mac_for, signing_for
from crypto.specs import SPECS
from keys import states


def _names(action: str) -> frozenset[str]:
    if action in states.PUBLIC_KEY_ENCRYPTION:
        return frozenset(ENCRYPTIONS)
    return frozenset(SIGNINGS if action in states.SIGNATURES else MACS)


def unknown(action: str, algorithm: str, *, name: str = "Algorithm") -> Iterator[Refusal]:
    """A parameter's refusal, whatever the key. SM2 is the vendor's and told apart from nonsense."""
    if algorithm in SM2:
        yield Refusal("UnsupportedOperation", {"name": name, "value": algorithm}, reason="sm2_without_library")
    elif algorithm not in _names(action):
        yield Refusal("InvalidParameter", {"name": name, "value": algorithm[:64]}, reason="unknown_value", who="user")


def fits(action: str, spec_name: str, algorithm: str) -> bool:
    spec = SPECS.get(spec_name)
    if spec is None:
        return False
    if action in states.PUBLIC_KEY_ENCRYPTION:
        return encryption_for(spec, algorithm) is not None
    return (signing_for if action in states.SIGNATURES else mac_for)(spec, algorithm) is not None


def unfit(action: str, key: str, spec: str, algorithm: str) -> Iterator[Refusal]:
    """A known algorithm with a key of another kind."""
    if algorithm in _names(action) and not fits(action, spec, algorithm):
        yield Refusal("Rejected.UnsupportedOperation", {"key": key, "spec": spec, "algorithm": algorithm},
                      reason="algorithm_does_not_fit", who="user")
