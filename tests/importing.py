"""The user's side of an import: wrapping material as the reference says (`keys.md` 6.6), written without the product's code."""

from __future__ import annotations

import base64
import os
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from base.caller import Caller
from keys import operations
from keys.models import Key

OAEP_256, OAEP_1, PKCS1 = "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1", "RSAES_PKCS1_V1_5"
PAIR = "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD"
RAW = bytes(range(32))


def _rsa(public: Any, algorithm: str, data: bytes) -> bytes:
    if algorithm == PKCS1:
        sealed: bytes = public.encrypt(data, padding.PKCS1v15())
        return sealed
    digest = hashes.SHA1() if algorithm == OAEP_1 else hashes.SHA256()  # noqa: S303
    sealed = public.encrypt(data, padding.OAEP(padding.MGF1(digest), digest, None))
    return sealed


def wrap(public_key: str, algorithm: str, material: bytes) -> str:
    """EncryptedKeyMaterial of `material` for the PublicKey of GetParametersForImport."""
    public = serialization.load_der_public_key(base64.b64decode(public_key))
    if algorithm != PAIR:
        return base64.b64encode(_rsa(public, algorithm, material)).decode()
    ephemeral, padder = os.urandom(32), blocks.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(ephemeral), modes.ECB()).encryptor()  # noqa: S305
    body = cipher.update(padder.update(material) + padder.finalize()) + cipher.finalize()
    return base64.b64encode(_rsa(public, OAEP_256, ephemeral) + body).decode()


def pkcs8(private: Any) -> bytes:
    der: bytes = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption())
    return der


def material_for(spec: str) -> bytes:
    """Fresh material of one's own that fits `spec`."""
    if spec.startswith("RSA"):
        return pkcs8(rsa.generate_private_key(65537, int(spec[4:])))
    if "EC_P" in spec:
        return pkcs8(ec.generate_private_key({"EC_P256": ec.SECP256R1(), "EC_P256K": ec.SECP256K1(),
                                              "X_EC_P384": ec.SECP384R1()}[spec]))
    return os.urandom({"Aliyun_SM4": 16, "HMAC_SHA_224": 28, "HMAC_SHA_384": 48, "HMAC_SHA_512": 64}.get(spec, 32))


def algorithm_for(spec: str) -> str:
    """The wrapping algorithm a user would take for material of `spec`."""
    return PAIR if spec.startswith(("RSA", "EC", "X_EC")) else OAEP_256


def parcel(caller: Caller, key: Key, material: bytes = RAW, algorithm: str = OAEP_256) -> dict[str, str]:
    """What ImportKeyMaterial takes: token and wrapped material of one download."""
    made = operations.get_parameters_for_import(caller, key, wrapping_key_spec="RSA_2048", wrapping_algorithm=algorithm)
    return {"import_token": made.import_token, "encrypted_key_material": wrap(made.public_key, algorithm, material)}


def bring(caller: Caller, key: Key, material: bytes = RAW, algorithm: str = OAEP_256, **more: Any) -> Key:
    """The whole import."""
    return operations.import_key_material(caller, key, **parcel(caller, key, material, algorithm), **more)
