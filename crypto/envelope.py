"""What we store sealed: instance and purpose keys, key material, AccessKey secrets. AES-256-GCM, one format.

    offset  length  content
    0       1       format, 0x01
    1       8       id of the wrapping key, so that the right one is found after a rotation
    9       12      GCM IV, random
    21      n + 16  ciphertext and tag

The associated data binds what the bytes are and whose (format, purpose, account, owner, version), so that a row moved to
another key, instance or account does not open. It does not bind the wrapping key: sealing again under a new one must
not need a new identity, and a wrong wrapping key fails by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import BadCiphertext

FORMAT = 1
_HEAD = 1 + 8
_IV = 12
_TAG = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """What a sealed thing is. purpose: ``instance-key``, ``key-material``, ``purpose-key``, ``access-key``; account: uid;
    owner: id of the key, instance or AccessKey; version: id or generation of the sealed thing itself."""

    purpose: str
    account: str
    owner: str
    version: str

    def associated_data(self) -> bytes:
        """Every part with its length before it, so that no two identities give the same bytes."""
        parts = (bytes([FORMAT]), *(text.encode() for text in (self.purpose, self.account, self.owner, self.version)))
        return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


class WrappingKey:
    """A 32-byte key that seals others. Its bytes never show in repr, and pickling is refused."""

    __slots__ = ("_aead", "_raw", "key_id")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32:
            raise ValueError("a wrapping key has 32 bytes")
        self._raw = raw
        self._aead = AESGCM(raw)
        self.key_id = hmac.digest(raw, b"kms-console wrapping key id", "sha256")[:8]

    def __repr__(self) -> str:
        return f"<WrappingKey {self.key_id.hex()}>"

    def __reduce__(self) -> str:
        raise TypeError("a wrapping key is never pickled")

    @classmethod
    def generate(cls) -> tuple[WrappingKey, bytes]:
        """A fresh key, and its bytes for sealing under the key above it."""
        raw = os.urandom(32)
        return cls(raw), raw

    def check_value(self) -> str:
        """64 hex digits that only this key gives; they say nothing about the key."""
        return hmac.digest(self._raw, b"kms-console check value", "sha256").hex()

    def fingerprint(self, data: bytes) -> bytes:
        """Keyed fingerprint of `data`: tells equal from different to the holder of this key, and nothing to anyone else."""
        return hmac.digest(self._raw, b"kms-console fingerprint" + hashlib.sha256(data).digest(), "sha256")

    def derive(self, purpose: str) -> WrappingKey:
        """An independent key for one purpose (HKDF-SHA256)."""
        return WrappingKey(self.derived(purpose))

    def derived(self, purpose: str) -> bytes:
        """The bytes of that key, for sealing."""
        return HKDF(SHA256(), 32, None, b"kms-console " + purpose.encode()).derive(self._raw)

    def seal(self, plain: bytes, identity: Identity) -> bytes:
        iv = os.urandom(_IV)
        return bytes([FORMAT]) + self.key_id + iv + self._aead.encrypt(iv, plain, identity.associated_data())

    def open(self, sealed: bytes, identity: Identity) -> bytes:
        """Raises BadCiphertext for any mismatch: format, wrapping key, identity or a changed bit."""
        if len(sealed) < _HEAD + _IV + _TAG or sealed[0] != FORMAT or sealed[1:_HEAD] != self.key_id:
            raise BadCiphertext
        try:
            return self._aead.decrypt(sealed[_HEAD:_HEAD + _IV], sealed[_HEAD + _IV:], identity.associated_data())
        except InvalidTag:
            raise BadCiphertext from None
