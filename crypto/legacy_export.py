"""What protects an export of 1.0 keys: a secret given apart from the file (`docs/migration.md` has the format).

    KEK        scrypt of a passphrase, or 32 bytes as they are
    material   AES-256-GCM under HKDF-SHA256(KEK, "kms-1.0-export material"); 12 bytes IV, ciphertext, 16 bytes tag; the
               associated data names format, key, version and spec
    file       HMAC-SHA256 under HKDF-SHA256(KEK, "kms-1.0-export file") over every byte before the last line
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from crypto.errors import BadCiphertext

SALT, COST, BLOCK, LANES = 16, 1 << 15, 8, 1
# A file must not make the reader compute for hours.
COSTLIEST = 1 << 20
_IV = 12


@dataclass(frozen=True, slots=True)
class Name:
    """What a piece of material is."""

    key: str
    version: str
    spec: str

    def associated_data(self) -> bytes:
        return "\n".join(("kms-1.0-export/1", self.key, self.version, self.spec)).encode()


def kek_of(passphrase: str, salt: bytes, *, cost: int = COST) -> bytes:
    """32 bytes. Costs about 0.1 s and 32 MB with the default cost. Raises ValueError where `cost` or `salt` is out of range."""
    if not passphrase or len(salt) < SALT or not COST <= cost <= COSTLIEST or cost & (cost - 1):
        raise ValueError("scrypt")
    return Scrypt(salt, 32, cost, BLOCK, LANES).derive(passphrase.encode())


class ExportKey:
    """Never shown, never pickled."""

    __slots__ = ("_aead", "_mac")

    def __init__(self, kek: bytes) -> None:
        if len(kek) != 32:
            raise ValueError("a KEK has 32 bytes")
        self._aead = AESGCM(_derived(kek, b"kms-1.0-export material"))
        self._mac = _derived(kek, b"kms-1.0-export file")

    def __repr__(self) -> str:
        return "<ExportKey>"

    def __reduce__(self) -> str:
        raise TypeError("an export key is never pickled")

    def wrap(self, raw: bytes, name: Name) -> bytes:
        iv = os.urandom(_IV)
        return iv + self._aead.encrypt(iv, raw, name.associated_data())

    def unwrap(self, wrapped: bytes, name: Name) -> bytes:
        """Raises BadCiphertext for any mismatch."""
        if len(wrapped) < _IV + 16:
            raise BadCiphertext
        try:
            return self._aead.decrypt(wrapped[:_IV], wrapped[_IV:], name.associated_data())
        except InvalidTag:
            raise BadCiphertext from None

    def seal(self) -> hmac.HMAC:
        """To be fed with the bytes of the file."""
        return hmac.new(self._mac, digestmod="sha256")


def _derived(kek: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, purpose).derive(kek)
