"""What callers use: one engine per instance key, over whichever provider holds the material."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from crypto import blobs, context
from crypto.envelope import Identity
from crypto.provider import Material, Provider
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

    def generate(self, spec: Spec, identity: Identity) -> Material:
        return self.provider.generate(spec, identity)

    def encrypt(self, material: Material, text: str, encryption_context: Mapping[str, str]) -> str:
        """CiphertextBlob of `text` under the version that `material.identity` names."""
        sealed = self.provider.encrypt(material, text.encode("ascii"), context.associated_data(encryption_context))
        return blobs.pack(material.identity.version, sealed)

    def decrypt(self, material: Material, sealed: bytes, encryption_context: Mapping[str, str]) -> str:
        """The text again; `sealed` is the second part of `blobs.unpack`. BadCiphertext, never saying why."""
        return self.provider.decrypt(material, sealed, context.associated_data(encryption_context)).decode("ascii")

    def data_key(self, material: Material, length: int, encryption_context: Mapping[str, str]) -> tuple[str, str]:
        """(Base64 of `length` random bytes, its CiphertextBlob). Nothing of the data key is kept."""
        text = base64.b64encode(os.urandom(length)).decode("ascii")
        return text, self.encrypt(material, text, encryption_context)

    def destroy(self, material: Material) -> None:
        self.provider.destroy(material)
