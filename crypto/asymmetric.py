"""Arithmetic of key pairs over `cryptography`: making, loading, signing, verifying, encrypting. Knows no storage.

Private keys travel as PKCS#8 DER, public keys as SubjectPublicKeyInfo DER.
"""

from __future__ import annotations

import os
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.algorithms import SIGNINGS, Encryption, Signing
from crypto.errors import BadCiphertext, Unsupported
from crypto.specs import Spec

_HASHES: dict[str, hashes.HashAlgorithm] = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384()}  # noqa: S303
_CURVES: dict[str, ec.EllipticCurve] = {"secp256r1": ec.SECP256R1(), "secp256k1": ec.SECP256K1(), "secp384r1": ec.SECP384R1()}
_MAKERS: dict[str, Any] = {
    "X_ED25519": ed25519.Ed25519PrivateKey, "X_ML_DSA_44": mldsa.MLDSA44PrivateKey, "X_ML_DSA_65": mldsa.MLDSA65PrivateKey,
    "X_ML_DSA_87": mldsa.MLDSA87PrivateKey, "X_ML_KEM_768": mlkem.MLKEM768PrivateKey, "X_ML_KEM_1024": mlkem.MLKEM1024PrivateKey,
}
_KEM_LENGTH = {"X_ML_KEM_768": 1088, "X_ML_KEM_1024": 1568}
_IV = 12
_LONGEST = 8192  # PKCS#8 of ML-DSA-87 with seed and expanded key has about 5,000 bytes


def generate(spec: Spec) -> bytes:
    """A fresh private key as PKCS#8 DER. RSA takes its time; the interpreter's lock is released meanwhile."""
    if spec.family == "RSA":
        key: Any = rsa.generate_private_key(65537, spec.bits)
    elif spec.family == "EC":
        key = ec.generate_private_key(_CURVES[spec.curve])
    elif spec.name in _MAKERS:
        key = _MAKERS[spec.name].generate()
    else:
        raise Unsupported(spec.name)
    return _pkcs8(key)


def _pkcs8(key: Any) -> bytes:
    raw: bytes = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return raw


def public_der(private: bytes) -> bytes:
    """SubjectPublicKeyInfo DER of a private key that we stored."""
    raw: bytes = load_private(private).public_key().public_bytes(serialization.Encoding.DER,
                                                                 serialization.PublicFormat.SubjectPublicKeyInfo)
    return raw


def public_pem(public: bytes) -> str:
    """PEM with newlines, as GetPublicKey answers."""
    pem: bytes = serialization.load_der_public_key(public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem.decode("ascii")


def load_private(private: bytes) -> Any:
    # The bytes come from our own sealed store: validating an RSA key costs 60 times the signature.
    return serialization.load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)


def checked_private(spec: Spec, private: bytes) -> bytes:
    """A foreign private key, fully validated against `spec`, in our own encoding. Raises Unsupported, saying nothing of it."""
    # Validation tests primes: 4 seconds at 8,192 bits, and a request has room for ten times that. Nothing long gets so far.
    if len(private) > (spec.bits // 8 * 5 + 400 if spec.family == "RSA" else _LONGEST):
        raise Unsupported(spec.name)
    try:
        key: Any = serialization.load_der_private_key(private, None)
        fits = (isinstance(key, rsa.RSAPrivateKey) and spec.family == "RSA" and key.key_size == spec.bits
                or isinstance(key, ec.EllipticCurvePrivateKey) and spec.family == "EC" and key.curve.name == spec.curve
                or spec.name in _MAKERS and isinstance(key, _MAKERS[spec.name]))
        if fits:
            return _pkcs8(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    raise Unsupported(spec.name)


def sign(key: Any, algorithm: Signing, digest: bytes) -> bytes:
    """PSS with a salt as long as the digest; ECDSA as DER SEQUENCE(r, s). key: from `load_private`."""
    signature: bytes = key.sign(digest, *_HOW[algorithm.name])
    return signature


def verify(public: bytes, algorithm: Signing, digest: bytes, signature: bytes) -> bool:
    key: Any = serialization.load_der_public_key(public)
    try:
        key.verify(signature, digest, *_HOW[algorithm.name])
    except InvalidSignature:
        return False
    return True


def _how(algorithm: Signing) -> tuple[Any, ...]:
    """What the library wants to know besides the digest. Made once: it takes a sixth of the time of a signature by P-256."""
    if algorithm.scheme == "ecdsa":
        return (ec.ECDSA(Prehashed(_HASHES[algorithm.hash])),)
    if algorithm.scheme in ("pss", "pkcs1"):
        return _rsa_padding(algorithm), Prehashed(_HASHES[algorithm.hash])
    return ()


def _rsa_padding(algorithm: Signing) -> padding.AsymmetricPadding:
    if algorithm.scheme == "pkcs1":
        return padding.PKCS1v15()
    digest = _HASHES[algorithm.hash]
    return padding.PSS(padding.MGF1(digest), digest.digest_size)


_HOW = {name: _how(algorithm) for name, algorithm in SIGNINGS.items()}


def oaep(name: str) -> padding.OAEP:
    """OAEP with one hash for both places and no label."""
    return padding.OAEP(padding.MGF1(_HASHES[name]), _HASHES[name], None)


def encrypt(public: bytes, algorithm: Encryption, plaintext: bytes) -> bytes:
    key: Any = serialization.load_der_public_key(public)
    if algorithm.hash:
        sealed: bytes = key.encrypt(plaintext, oaep(algorithm.hash))
        return sealed
    shared, encapsulated = key.encapsulate()
    iv = os.urandom(_IV)
    return bytes(encapsulated + iv + AESGCM(shared).encrypt(iv, plaintext, encapsulated))


def decrypt(key: Any, spec: Spec, algorithm: Encryption, ciphertext: bytes) -> bytes:
    """Raises BadCiphertext for whatever does not open. key: from `load_private`."""
    try:
        if algorithm.hash:
            plain: bytes = key.decrypt(ciphertext, oaep(algorithm.hash))
            return plain
        size = _KEM_LENGTH[spec.name]
        head, iv, body = ciphertext[:size], ciphertext[size:size + _IV], ciphertext[size + _IV:]
        return AESGCM(key.decapsulate(head)).decrypt(iv, body, head)
    except (ValueError, InvalidTag):
        raise BadCiphertext from None
