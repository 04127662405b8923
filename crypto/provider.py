"""What a back end must do. Small core; further abilities (signing, MAC, import, health) are protocols of their own that
callers ask for with `isinstance`. Drivers are dumb: limits, blob layout and associated data belong to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from crypto.envelope import Identity
from crypto.specs import Spec


@dataclass(frozen=True, slots=True)
class Material:
    """One key version's material as the caller keeps it: `stored` is the provider's own (sealed bytes, or a handle into
    an HSM) and goes into the database as it is."""

    spec: Spec
    identity: Identity
    stored: bytes = field(repr=False)


@runtime_checkable
class Provider(Protocol):
    """Raises only `crypto.errors`: Unavailable, Unsupported, BadCiphertext, MaterialGone. Never logs bytes."""

    def generate(self, spec: Spec, identity: Identity) -> Material:
        """Fresh random material that only `identity` can use."""

    def encrypt(self, material: Material, plaintext: bytes, aad: bytes) -> bytes:
        """AES-GCM: 12 bytes IV, ciphertext, 16 bytes tag. A fresh random IV each time."""

    def decrypt(self, material: Material, sealed: bytes, aad: bytes) -> bytes:
        """The inverse. BadCiphertext for any change of `sealed`, `aad` or the key."""

    def destroy(self, material: Material) -> None:
        """Makes the material unusable where the provider keeps it; a second call succeeds."""


@runtime_checkable
class Importer(Protocol):
    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        """Takes the caller's own key bytes. Unsupported where their length does not fit the spec."""
