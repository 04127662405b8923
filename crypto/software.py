"""Keys in the database, sealed by an instance key; opened for the length of one call and not kept."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.envelope import Identity, WrappingKey
from crypto.errors import BadCiphertext, MaterialGone, Unsupported
from crypto.provider import Material
from crypto.specs import Spec

IV = 12
TAG = 16


def gcm_encrypt(raw: bytes, plaintext: bytes, aad: bytes) -> bytes:
    iv = os.urandom(IV)
    return iv + AESGCM(raw).encrypt(iv, plaintext, aad)


def gcm_decrypt(raw: bytes, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < IV + TAG:
        raise BadCiphertext
    try:
        return AESGCM(raw).decrypt(sealed[:IV], sealed[IV:], aad)
    except InvalidTag:
        raise BadCiphertext from None


class SoftwareProvider:
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

    def generate(self, spec: Spec, identity: Identity) -> Material:
        return self.import_raw(spec, identity, os.urandom(spec.length))

    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        if spec.family != "AES" or len(raw) != spec.length:
            raise Unsupported(spec.name)
        return Material(spec, identity, self._wrapping.seal(raw, identity))

    def encrypt(self, material: Material, plaintext: bytes, aad: bytes) -> bytes:
        return gcm_encrypt(self._open(material), plaintext, aad)

    def decrypt(self, material: Material, sealed: bytes, aad: bytes) -> bytes:
        return gcm_decrypt(self._open(material), sealed, aad)

    def destroy(self, material: Material) -> None:
        """Nothing is kept here; the caller overwrites and removes the stored bytes."""
