"""Opening wrapped key material that a user sends (reference `keys.md` 6.2, 6.6), and wrapping data keys for export (5.1)."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from crypto import asymmetric
from crypto.errors import BadCiphertext, Unsupported
from crypto.specs import Spec

WRAPPING_SPEC = "RSA_2048"
SYMMETRIC = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1", "RSAES_PKCS1_V1_5")
ASYMMETRIC = ("RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD",)
EXPORT = {"RSAES_OAEP_SHA_256": "sha256", "RSAES_OAEP_SHA_1": "sha1"}
_BLOCK = 256


def algorithms_for(spec: Spec) -> tuple[str, ...]:
    """Wrapping algorithms that fit the material of `spec`."""
    return ASYMMETRIC if spec.asymmetric else SYMMETRIC


def new_pair() -> tuple[bytes, bytes]:
    """(PKCS#8 DER, SubjectPublicKeyInfo DER) of a fresh RSA-2048 wrapping key."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, asymmetric.public_der(private)


def unwrap(private: bytes, algorithm: str, wrapped: bytes) -> bytes:
    """The material inside. Raises BadCiphertext for whatever does not open, Unsupported for an unknown algorithm."""
    key: Any = asymmetric.load_private(private)
    try:
        if algorithm == "RSAES_PKCS1_V1_5":
            # Bad padding comes back as random bytes of a random length (implicit rejection), which fit no spec.
            plain: bytes = key.decrypt(wrapped, padding.PKCS1v15())
            return plain
        if algorithm in EXPORT:
            plain = key.decrypt(wrapped, asymmetric.oaep(EXPORT[algorithm]))
            return plain
        if algorithm in ASYMMETRIC:
            ephemeral = key.decrypt(wrapped[:_BLOCK], asymmetric.oaep("sha256"))
            return _ecb_open(ephemeral, wrapped[_BLOCK:])
    except ValueError:
        raise BadCiphertext from None
    raise Unsupported(algorithm)


def _ecb_open(key: bytes, sealed: bytes) -> bytes:
    """AES-256-ECB with PKCS#7 padding, as the vendor's layout wants it. Raises BadCiphertext, ValueError."""
    if len(key) != 32 or not sealed:
        raise BadCiphertext
    cipher = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - the vendor's format, over random bytes
    unpadder = block_padding.PKCS7(128).unpadder()
    padded = cipher.update(sealed) + cipher.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def _export_key(public: bytes, algorithm: str) -> Any:
    if algorithm not in EXPORT:
        raise Unsupported(algorithm)
    try:
        key = serialization.load_der_public_key(public)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unsupported(WRAPPING_SPEC) from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 2048:
        raise Unsupported(WRAPPING_SPEC)
    return key


def longest_export(public: bytes, algorithm: str) -> int:
    """How many bytes `wrap_for_export` takes. Raises Unsupported like it."""
    _export_key(public, algorithm)
    return _BLOCK - 2 * {"sha1": 20, "sha256": 32}[EXPORT[algorithm]] - 2


def wrap_for_export(public: bytes, algorithm: str, data: bytes) -> bytes:
    """`data` encrypted to a caller's RSA public key (SubjectPublicKeyInfo DER). Raises Unsupported for anything else:
    a key that is not RSA of 2048 bits, unreadable DER, an unknown algorithm, data too long for the key."""
    key = _export_key(public, algorithm)
    try:
        wrapped: bytes = key.encrypt(data, asymmetric.oaep(EXPORT[algorithm]))
    except ValueError:
        raise Unsupported(WRAPPING_SPEC) from None
    return wrapped
