"""Keys in the database, sealed by an instance key; opened for the length of one call and not kept."""

from __future__ import annotations

import hmac
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto import asymmetric
from crypto.algorithms import Encryption, Signing
from crypto.envelope import Identity, WrappingKey
from crypto.errors import BadCiphertext, MaterialGone, Unsupported
from crypto.provider import Material
from crypto.specs import Spec

IV = 12
TAG = 16
_RAW = ("AES", "SM4", "HMAC")


def gcm_encrypt(spec: Spec, raw: bytes, plaintext: bytes, aad: bytes) -> bytes:
    iv = os.urandom(IV)
    if spec.family == "AES":
        return iv + AESGCM(raw).encrypt(iv, plaintext, aad)
    if spec.family != "SM4":
        raise Unsupported(spec.name)
    cipher = Cipher(algorithms.SM4(raw), modes.GCM(iv)).encryptor()
    cipher.authenticate_additional_data(aad)
    return iv + cipher.update(plaintext) + cipher.finalize() + cipher.tag


def _aes_decrypt(cipher: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < IV + TAG:
        raise BadCiphertext
    try:
        return cipher.decrypt(sealed[:IV], sealed[IV:], aad)
    except InvalidTag:
        raise BadCiphertext from None


def gcm_decrypt(spec: Spec, raw: bytes, sealed: bytes, aad: bytes) -> bytes:
    if spec.family == "AES":
        return _aes_decrypt(AESGCM(raw), sealed, aad)
    if len(sealed) < IV + TAG:
        raise BadCiphertext
    try:
        if spec.family != "SM4":
            raise Unsupported(spec.name)
        cipher = Cipher(algorithms.SM4(raw), modes.GCM(sealed[:IV], sealed[-TAG:])).decryptor()
        cipher.authenticate_additional_data(aad)
        return cipher.update(sealed[IV:-TAG]) + cipher.finalize()
    except InvalidTag:
        raise BadCiphertext from None


def fresh(spec: Spec) -> bytes:
    if spec.asymmetric:
        return asymmetric.generate(spec)
    if spec.family not in _RAW:
        raise Unsupported(spec.name)
    return os.urandom(spec.length)


def checked(spec: Spec, raw: bytes) -> tuple[bytes, bytes]:
    """(raw material in our encoding, its public key or nothing). Raises Unsupported where it does not fit the spec."""
    if spec.asymmetric:
        private = asymmetric.checked_private(spec, raw)
        return private, asymmetric.public_der(private)
    if spec.family not in _RAW or len(raw) != spec.length:
        raise Unsupported(spec.name)
    return raw, b""


class RawKeys(ABC):
    """The arithmetic shared by providers that hold raw keys; how they hold them is theirs (`_open`, `_keep`)."""

    @abstractmethod
    def _open(self, material: Material) -> bytes:
        """The raw key. Raises MaterialGone where the material is not there, or is another identity's."""

    @abstractmethod
    def _keep(self, spec: Spec, identity: Identity, raw: bytes) -> bytes:
        """Takes the raw key; what to store of it."""

    def generate(self, spec: Spec, identity: Identity) -> Material:
        raw = fresh(spec)
        return Material(spec, identity, self._keep(spec, identity, raw), asymmetric.public_der(raw) if spec.asymmetric else b"")

    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        kept, public = checked(spec, raw)
        return Material(spec, identity, self._keep(spec, identity, kept), public)

    def encrypt(self, material: Material, plaintext: bytes, aad: bytes) -> bytes:
        if material.kept is not None and material.spec.family == "AES":
            iv = os.urandom(IV)
            return iv + self._cipher(material.kept, material).encrypt(iv, plaintext, aad)
        return gcm_encrypt(material.spec, self._open(material), plaintext, aad)

    def _cipher(self, kept: dict[str, Any], material: Material) -> AESGCM:
        if "cipher" not in kept:
            kept["cipher"] = AESGCM(self._open(material))
        cipher: AESGCM = kept["cipher"]
        return cipher

    def decrypt(self, material: Material, sealed: bytes, aad: bytes) -> bytes:
        if material.kept is not None and material.spec.family == "AES":
            return _aes_decrypt(self._cipher(material.kept, material), sealed, aad)
        return gcm_decrypt(material.spec, self._open(material), sealed, aad)

    def sign(self, material: Material, algorithm: Signing, digest: bytes) -> bytes:
        return asymmetric.sign(self._private(material), algorithm, digest)

    def private_decrypt(self, material: Material, algorithm: Encryption, ciphertext: bytes) -> bytes:
        return asymmetric.decrypt(self._private(material), material.spec, algorithm, ciphertext)

    def _private(self, material: Material) -> Any:
        """The key object. Making one costs as much as a signature on a curve."""
        if material.kept is None:
            return asymmetric.load_private(self._open(material))
        if "private" not in material.kept:
            material.kept["private"] = asymmetric.load_private(self._open(material))
        return material.kept["private"]

    def mac(self, material: Material, hash_name: str, message: bytes) -> bytes:
        return hmac.digest(self._open(material), message, hash_name)


class SoftwareProvider(RawKeys):
    """`Material.stored` is the raw key under the envelope of `crypto.envelope`. Once the stored bytes are gone from the
    database, so is the key: the provider keeps nothing."""

    def __init__(self, wrapping: WrappingKey) -> None:
        self._wrapping = wrapping

    def _open(self, material: Material) -> bytes:
        try:
            return self._wrapping.open(material.stored, material.identity)
        except BadCiphertext:
            # Not the caller's ciphertext is bad but our own row: overwritten, moved, or of another wrapping key.
            raise MaterialGone from None

    def _keep(self, spec: Spec, identity: Identity, raw: bytes) -> bytes:
        return self._wrapping.seal(raw, identity)

    def moved_to(self, other: SoftwareProvider, material: Material) -> bytes:
        """What `other` stores of the same key, proved to open before it is given out. Raises MaterialGone."""
        raw = self._open(material)
        stored = other._keep(material.spec, material.identity, raw)
        if other._open(replace(material, stored=stored)) != raw:
            raise MaterialGone
        return stored

    def proved(self, material: Material) -> None:
        """Raises MaterialGone where `material` does not open."""
        self._open(material)

    def export_raw(self, material: Material) -> bytes:
        return self._open(material)

    def destroy(self, material: Material) -> None:
        """Nothing is kept here; the caller overwrites and removes the stored bytes."""
