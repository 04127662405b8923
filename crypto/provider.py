"""What a back end must do. Small core; further abilities are protocols of their own that the engine asks for with
`isinstance`. Drivers are dumb: limits, blob layout and associated data belong to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from crypto.algorithms import Encryption, Signing
from crypto.envelope import Identity
from crypto.specs import Spec


@dataclass(frozen=True, slots=True)
class Material:
    """One key version's material as the caller keeps it: `stored` is the provider's own (sealed bytes, or a handle into
    an HSM) and goes into the database as it is. public: SubjectPublicKeyInfo DER of a key pair, empty for other keys."""

    spec: Spec
    identity: Identity
    stored: bytes = field(repr=False)
    public: bytes = field(default=b"", repr=False)


@runtime_checkable
class Provider(Protocol):
    """Raises only `crypto.errors`: Unavailable, Unsupported, BadCiphertext, MaterialGone. Never logs bytes."""

    def generate(self, spec: Spec, identity: Identity) -> Material:
        """Fresh random material that only `identity` can use."""

    def encrypt(self, material: Material, plaintext: bytes, aad: bytes) -> bytes:
        """GCM: 12 bytes IV, ciphertext, 16 bytes tag. A fresh random IV each time."""

    def decrypt(self, material: Material, sealed: bytes, aad: bytes) -> bytes:
        """The inverse. BadCiphertext for any change of `sealed`, `aad` or the key."""

    def destroy(self, material: Material) -> None:
        """Makes the material unusable where the provider keeps it; a second call succeeds."""


@runtime_checkable
class Importer(Protocol):
    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        """Takes the caller's own key: raw bytes, or PKCS#8 DER of a key pair. Unsupported where it does not fit the spec."""


@runtime_checkable
class Signer(Protocol):
    def sign(self, material: Material, algorithm: Signing, digest: bytes) -> bytes:
        """A signature of `digest`, whose length the engine has checked."""


@runtime_checkable
class PrivateDecrypter(Protocol):
    def private_decrypt(self, material: Material, algorithm: Encryption, ciphertext: bytes) -> bytes:
        """Opens what was encrypted to the public key. BadCiphertext for whatever does not open."""


@runtime_checkable
class Mac(Protocol):
    def mac(self, material: Material, hash_name: str, message: bytes) -> bytes:
        """HMAC of `message` with a hash of `crypto.algorithms.MACS`."""


@runtime_checkable
class Exporter(Protocol):
    def export_raw(self, material: Material) -> bytes:
        """The raw key, in the encoding `Importer.import_raw` takes: only for sealing it again at once. A back end whose keys
        never leave it does not offer this. Raises MaterialGone."""
