"""What callers use: one engine per instance key, over whichever provider holds the material."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

from base import b64
from crypto import asymmetric, blobs, context
from crypto.algorithms import Encryption, Signing
from crypto.envelope import Identity
from crypto.errors import BadCiphertext, Unsupported
from crypto.provider import Exporter, Importer, Keeper, Mac, Material, PrivateDecrypter, Provider, Signer
from crypto.specs import Spec

MAX_PLAINTEXT = 6144
MAX_DATA_KEY = 1024


def material_identity(account: str, key_id: str, version_id: str) -> Identity:
    return Identity("key-material", account, key_id, version_id)


class Engine:
    """Owns limits, blob layout and associated data; the provider only does the arithmetic.

    Plaintext here is the Base64 *text* of the API: the vendor encrypts the text as given and returns it as given.
    Raises `crypto.errors` only.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    # Asked once: a look at a protocol takes a third of the time of an ECDSA signature.
    @cached_property
    def _signer(self) -> Signer | None:
        return self.provider if isinstance(self.provider, Signer) else None

    @cached_property
    def _decrypter(self) -> PrivateDecrypter | None:
        return self.provider if isinstance(self.provider, PrivateDecrypter) else None

    @cached_property
    def _mac(self) -> Mac | None:
        return self.provider if isinstance(self.provider, Mac) else None

    def generate(self, spec: Spec, identity: Identity) -> Material:
        return self.provider.generate(spec, identity)

    def encrypt(self, material: Material, text: str, encryption_context: Mapping[str, str]) -> str:
        """CiphertextBlob of `text` under the version that `material.identity` names."""
        sealed = self.provider.encrypt(material, text.encode("ascii"), context.associated_data(encryption_context))
        return blobs.pack(material.identity.version, sealed)

    def decrypt(self, material: Material, sealed: bytes, encryption_context: Mapping[str, str]) -> str:
        """The text again; `sealed` is the second part of `blobs.unpack`. BadCiphertext, never saying why."""
        plain = self.provider.decrypt(material, sealed, context.associated_data(encryption_context))
        if not plain.isascii():
            # Not made by `encrypt`: whoever imported the material can seal anything under it.
            raise BadCiphertext
        return plain.decode("ascii")

    def data_key(self, material: Material, length: int, encryption_context: Mapping[str, str]) -> tuple[str, str]:
        """(Base64 of `length` random bytes, its CiphertextBlob). Nothing of the data key is kept."""
        text = b64.encoded(os.urandom(length))
        return text, self.encrypt(material, text, encryption_context)

    def import_raw(self, spec: Spec, identity: Identity, raw: bytes) -> Material:
        if not isinstance(self.provider, Importer):
            raise Unsupported(spec.name)
        return self.provider.import_raw(spec, identity, raw)

    def export_raw(self, material: Material) -> bytes | None:
        """The raw key, for sealing it again at once; None where the provider never gives it out."""
        return self.provider.export_raw(material) if isinstance(self.provider, Exporter) else None

    def pointer(self, material: Material) -> bytes:
        """What finds material again that the provider never gives out."""
        if not isinstance(self.provider, Keeper):
            raise Unsupported(material.spec.name)
        return self.provider.pointer(material)

    def pointed(self, pointer: bytes, spec: Spec, identity: Identity, public: bytes) -> Material:
        """The inverse, under this engine's wrapping key. Nothing proves yet that the provider has it."""
        if not isinstance(self.provider, Keeper):
            raise Unsupported(spec.name)
        return self.provider.pointed(pointer, spec, identity, public)

    def sign(self, material: Material, algorithm: Signing, digest: bytes) -> bytes:
        """The caller has checked that algorithm, spec and length of the digest fit."""
        if self._signer is None:
            raise Unsupported(algorithm.name)
        return self._signer.sign(material, algorithm, digest)

    def verify(self, material: Material, algorithm: Signing, digest: bytes, signature: bytes) -> bool:
        """Public arithmetic: no provider is asked."""
        return asymmetric.verify(material.public, algorithm, digest, signature)

    def public_encrypt(self, material: Material, algorithm: Encryption, plaintext: bytes) -> bytes:
        return asymmetric.encrypt(material.public, algorithm, plaintext)

    def private_decrypt(self, material: Material, algorithm: Encryption, ciphertext: bytes) -> bytes:
        if self._decrypter is None:
            raise Unsupported(algorithm.name)
        return self._decrypter.private_decrypt(material, algorithm, ciphertext)

    def mac(self, material: Material, hash_name: str, message: bytes) -> bytes:
        if self._mac is None:
            raise Unsupported(hash_name)
        return self._mac.mac(material, hash_name, message)

    def destroy(self, material: Material) -> None:
        self.provider.destroy(material)
