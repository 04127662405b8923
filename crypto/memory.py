"""A real provider whose keys live in this process only: for tests, and the shape of a back end that keeps the keys
itself and hands out handles, as an HSM does. `fail_next` makes the next call fail like a lost HSM."""

from __future__ import annotations

import os

from crypto.envelope import Identity
from crypto.errors import MaterialGone, ProviderError
from crypto.provider import Material
from crypto.software import RawKeys
from crypto.specs import Spec


class MemoryProvider(RawKeys):
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

    def _keep(self, spec: Spec, identity: Identity, raw: bytes) -> bytes:
        self._check()
        handle = os.urandom(16)
        self._keys[handle] = (identity, raw)
        return handle

    def destroy(self, material: Material) -> None:
        self._check()
        self._keys.pop(material.stored, None)
