"""A real provider whose keys live in this process only: for tests, and the shape of a back end that keeps the keys
itself and hands out handles, as an HSM does. `fail_next` makes the next call fail like a lost HSM."""

from __future__ import annotations

import os

from crypto.envelope import Identity
from crypto.errors import MaterialGone, ProviderError, Unsupported
from crypto.provider import Material
from crypto.software import gcm_decrypt, gcm_encrypt
from crypto.specs import Spec


class MemoryProvider:
    """`Material.stored` is a random 16-byte handle; the key bytes never leave this object."""

    def __init__(self) -> None:
        self._keys: dict[bytes, tuple[Identity, bytes]] = {}
        self._failure: ProviderError | None = None

    def fail_next(self, error: ProviderError) -> None:
        self._failure = error

    def _check(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _open(self, material: Material) -> bytes:
        self._check()
        identity, raw = self._keys.get(material.stored, (None, b""))
        if identity != material.identity:
            raise MaterialGone
        return raw

    def generate(self, spec: Spec, identity: Identity) -> Material:
        return self.import_raw(spec, identity, os.urandom(spec.length))

    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        self._check()
        if spec.family != "AES" or len(raw) != spec.length:
            raise Unsupported(spec.name)
        handle = os.urandom(16)
        self._keys[handle] = (identity, raw)
        return Material(spec, identity, handle)

    def encrypt(self, material: Material, plaintext: bytes, aad: bytes) -> bytes:
        return gcm_encrypt(self._open(material), plaintext, aad)

    def decrypt(self, material: Material, sealed: bytes, aad: bytes) -> bytes:
        return gcm_decrypt(self._open(material), sealed, aad)

    def destroy(self, material: Material) -> None:
        self._check()
        self._keys.pop(material.stored, None)
