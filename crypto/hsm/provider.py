"""The provider over a cluster. Two kinds of material, told apart by the first byte of what is stored:

    0x01  HsmInternal: the name (CKA_ID) of an object that every member holds
    0x02  HsmEncryptedDatabase: the key itself, wrapped by the cluster's storage key for this instance

Both are sealed under the instance key, which binds them to their identity: a row moved to another key does not open.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import MGF, Mechanism
from pkcs11 import exceptions as errors
from pkcs11.mechanisms import GCMParams

from crypto.algorithms import Encryption, Signing
from crypto.envelope import Identity, WrappingKey
from crypto.errors import BadCiphertext, MaterialGone, Unsupported
from crypto.hsm import oaep, objects
from crypto.hsm.cluster import Cluster
from crypto.hsm.troubles import Doubtful
from crypto.provider import Material
from crypto.software import IV, TAG, checked
from crypto.specs import Spec

R = TypeVar("R")
_INSIDE, _DATABASE = b"\x01", b"\x02"
# How tokens say that they cannot open something; SoftHSM says nothing more than GeneralError.
_WILL_NOT_OPEN = (errors.GeneralError, errors.FunctionFailed, errors.EncryptedDataInvalid, errors.EncryptedDataLenRange,
                  errors.DataInvalid, errors.DataLenRange)
# How they say that they do not know OAEP with this hash.
_NOT_THIS_OAEP = (errors.ArgumentsBad, errors.MechanismParamInvalid, errors.MechanismInvalid)
# scheme -> (what goes before the digest, the mechanism): PKCS#1 v1.5 signs a DigestInfo, here of SHA-256.
_SIGNING: dict[str, tuple[bytes, dict[str, Any]]] = {
    "ecdsa": (b"", {"mechanism": Mechanism.ECDSA}),
    "pss": (b"", {"mechanism": Mechanism.RSA_PKCS_PSS, "mechanism_param": (Mechanism.SHA256, MGF.SHA256, 32)}),
    "pkcs1": (bytes.fromhex("3031300d060960864801650304020105000420"), {"mechanism": Mechanism.RSA_PKCS}),
}
_OAEP = {"sha1": (Mechanism.SHA_1, MGF.SHA1, None), "sha256": (Mechanism.SHA256, MGF.SHA256, None)}


class HsmProvider:
    """storage: name of the key that wraps what goes into the database."""

    def __init__(self, wrapping: WrappingKey, cluster: Cluster, storage: str) -> None:
        self._wrapping = wrapping
        self._cluster = cluster
        self._storage = storage.encode()

    # --- making --------------------------------------------------------------------------------------------------------
    def generate(self, spec: Spec, identity: Identity) -> Material:
        return self.make(identity.version, spec, identity)

    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        return self.make(identity.version, spec, identity, raw)

    def make(self, name: str, spec: Spec, identity: Identity, raw: bytes | None = None) -> Material:
        """Inside the tokens, as the object `name`, with the key's id as its label."""
        raw, known = self._taken(spec, raw)
        public = self._cluster.make(name.encode(), identity.owner, spec, raw)
        return Material(spec, identity, self._wrapping.seal(_INSIDE + name.encode(), identity), public or known, name)

    def make_wrapped(self, spec: Spec, identity: Identity, raw: bytes | None = None) -> Material:
        """Made in a token, to live in the database."""
        raw, known = self._taken(spec, raw)
        wrapped, public = self._cluster.make_wrapped(self._storage, spec, raw)
        return Material(spec, identity, self._wrapping.seal(_DATABASE + wrapped, identity), public or known)

    def pointer(self, material: Material) -> bytes:
        """As it is stored, but not sealed; and the name of the storage key, without which a wrapped key is of no use."""
        kind, rest = self._stored(material)
        return kind + rest if kind == _INSIDE else kind + bytes([len(self._storage)]) + self._storage + rest

    def pointed(self, pointer: bytes, spec: Spec, identity: Identity, public: bytes = b"") -> Material:
        """A wrapped key is wrapped anew, in a token, by the storage key of this instance."""
        kind, rest = pointer[:1], pointer[1:]
        if kind == _INSIDE and rest.split(b"/")[0] == identity.version.encode():
            return Material(spec, identity, self._wrapping.seal(pointer, identity), public, rest.decode("ascii", "replace"))
        if kind == _DATABASE and rest and len(rest) > 1 + rest[0]:
            storage, wrapped = rest[1:1 + rest[0]], rest[1 + rest[0]:]
            if storage != self._storage:
                wrapped = self._cluster.wrapped_anew(wrapped, storage, self._storage, spec)
            return Material(spec, identity, self._wrapping.seal(_DATABASE + wrapped, identity), public)
        raise BadCiphertext

    def _taken(self, spec: Spec, raw: bytes | None) -> tuple[bytes | None, bytes]:
        """(material to bring in, its public half). Raises Unsupported for what no token is asked for."""
        if not spec.hardware:
            raise Unsupported(spec.name)
        return (None, b"") if raw is None else checked(spec, raw)

    # --- using ---------------------------------------------------------------------------------------------------------
    def encrypt(self, material: Material, plaintext: bytes, aad: bytes) -> bytes:
        iv = os.urandom(IV)
        sealed: bytes = self._use(material, lambda key: key.encrypt(
            plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(iv, aad, TAG * 8),
            buffer_size=len(plaintext) + 2 * TAG))
        return iv + sealed

    def decrypt(self, material: Material, sealed: bytes, aad: bytes) -> bytes:
        if len(sealed) < IV + TAG:
            raise BadCiphertext
        return self._use(material, lambda key: _opened(lambda: key.decrypt(
            sealed[IV:], mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(sealed[:IV], aad, TAG * 8),
            buffer_size=len(sealed) + TAG)))

    def sign(self, material: Material, algorithm: Signing, digest: bytes) -> bytes:
        if algorithm.scheme not in _SIGNING:
            raise Unsupported(algorithm.name)
        head, how = _SIGNING[algorithm.scheme]
        signature: bytes = self._use(material, lambda key: key.sign(head + digest, **how))
        if algorithm.scheme != "ecdsa":
            return signature
        half = len(signature) // 2
        return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))

    def private_decrypt(self, material: Material, algorithm: Encryption, ciphertext: bytes) -> bytes:
        if algorithm.hash not in _OAEP:
            raise Unsupported(algorithm.name)
        if len(ciphertext) != material.spec.bits // 8:
            raise BadCiphertext

        def work(key: Any) -> bytes:
            try:
                return _opened(lambda: key.decrypt(ciphertext, mechanism=Mechanism.RSA_PKCS_OAEP,
                                                   mechanism_param=_OAEP[algorithm.hash]))
            except _NOT_THIS_OAEP:
                return oaep.decode(_opened(lambda: key.decrypt(ciphertext, mechanism=Mechanism.RSA_X_509)), algorithm.hash)

        return self._use(material, work)

    def destroy(self, material: Material) -> None:
        kind, rest = self._stored(material)
        if kind == _INSIDE:
            self._cluster.destroy(rest)

    def _use(self, material: Material, work: Callable[[Any], R]) -> R:
        kind, rest = self._stored(material)
        if kind == _INSIDE:
            return self._cluster.use(rest, objects.kind_of(material.spec), work)
        return self._cluster.use_wrapped(rest, self._storage, material.spec, work)

    def _stored(self, material: Material) -> tuple[bytes, bytes]:
        try:
            return _stored(self._wrapping, material.stored, material.identity)
        except BadCiphertext:
            # Not the caller's ciphertext is bad but our own row: overwritten, moved, or of another wrapping key.
            raise MaterialGone from None


@functools.lru_cache(maxsize=4096)
def _stored(wrapping: WrappingKey, stored: bytes, identity: Identity) -> tuple[bytes, bytes]:
    """(kind, name or wrapped key): nothing secret, so it may be kept; opening it costs as much as a use in the token."""
    plain = wrapping.open(stored, identity)
    return plain[:1], plain[1:]


def _opened(work: Callable[[], bytes]) -> bytes:
    try:
        return work()
    except _WILL_NOT_OPEN:
        raise Doubtful from None
