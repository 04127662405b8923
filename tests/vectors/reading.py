"""From the blocks of the files to vectors of our specs. What this product cannot be asked (other key sizes, other hashes,
labels, other lengths of IV and tag) is left out here, and nowhere else."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.vectors.parsing import ROOT, Block, blocks, pkcs1

RSA, FIPS = "asymmetric/RSA", "asymmetric/RSA/FIPS_186-2"
GCM_FILES = [f"ciphers/AES/GCM/gcm{kind}{bits}.rsp" for kind in ("Decrypt", "EncryptExtIV") for bits in (128, 192, 256)]
OAEP_FILES = {f"{RSA}/pkcs-1v2-1d2-vec/oaep-vect.txt": "RSAES_OAEP_SHA_1", f"{RSA}/oaep-custom/oaep-sha256-sha256.txt":
              "RSAES_OAEP_SHA_256"}
PKCS1_FILES = [f"{FIPS}/SigGen15_186-3.rsp", f"{FIPS}/SigVer15_186-3.rsp"]
PSS_FILES = [f"{FIPS}/SigGenPSS_186-2.rsp", f"{FIPS}/SigGenPSS_186-3.rsp", f"{FIPS}/SigVerPSS_186-3.rsp"]
PSS_CERTIFICATES = ["x509/custom/rsa_pss_cert.pem", "x509/custom/rsa_pss_sha256_no_null.pem"]
ECDSA_FILES = {"asymmetric/ECDSA/FIPS_186-3/SigGen.txt": ("P-256,SHA-256", "P-384,SHA-384"),
               "asymmetric/ECDSA/FIPS_186-3/SigVer.rsp": ("P-256,SHA-256", "P-384,SHA-384"),
               "asymmetric/ECDSA/SECP256K1/SigGen.txt": ("K-256,SHA-256",)}
CURVES: dict[str, tuple[str, str, ec.EllipticCurve]] = {
    "P-256,SHA-256": ("EC_P256", "ECDSA_SHA_256", ec.SECP256R1()),
    "P-384,SHA-384": ("X_EC_P384", "X_ECDSA_SHA_384", ec.SECP384R1()),
    "K-256,SHA-256": ("EC_P256K", "ECDSA_SHA_256", ec.SECP256K1())}
HMAC_FILES = {f"HMAC/rfc-4231-sha{bits}.txt": f"HMAC_SHA_{bits}" for bits in (224, 256, 384, 512)}


@dataclass(frozen=True)
class Vector:
    """family: of the document; spec, algorithm: ours. private: what an import would bring; empty where the file has only
    the public key. given: what the call gets (IV + ciphertext + tag, ciphertext, digest, message); signature: beside it;
    expected: plaintext or MAC; valid: whether it must open or verify."""

    family: str
    source: str
    spec: str
    algorithm: str
    given: bytes
    valid: bool = True
    expected: bytes = b""
    signature: bytes = b""
    aad: bytes = b""
    private: bytes = field(default=b"", repr=False)
    public: bytes = field(default=b"", repr=False)

    @property
    def through_api(self) -> bool:
        """Decrypt's associated data is always a hash of the context, and its plaintext always Base64 text: of the vectors of
        AES-GCM the API can be asked those without either, which prove key, IV and tag."""
        return self.family != "AES-GCM" or not self.aad and len(self.given) == 12 + 16


def _spki(public: Any) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pkcs8(private: Any) -> bytes:
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _gcm() -> Iterator[Vector]:
    for path in GCM_FILES:
        for block in blocks(path, "Tag"):
            if (block["IVlen"], block["Taglen"]) == ("96", "128"):
                yield Vector("AES-GCM", path, f"Aliyun_AES_{block['Keylen']}", "",
                             bytes.fromhex(block["IV"] + block["CT"] + block["Tag"]), "FAIL" not in block,
                             bytes.fromhex(block.get("PT", "")), aad=bytes.fromhex(block["AAD"]),
                             private=bytes.fromhex(block["Key"]))


@functools.cache
def _rsa_private(*parts: str) -> bytes:
    p, q, d, dmp1, dmq1, iqmp, e, n = (int(part, 16) for part in parts)
    return _pkcs8(rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, rsa.RSAPublicNumbers(e, n)).private_key())


def _oaep() -> Iterator[Vector]:
    names = ("Prime 1", "Prime 2", "Exponent", "Prime exponent 1", "Prime exponent 2", "Coefficient", "Public exponent",
             "Modulus")
    for path, algorithm in OAEP_FILES.items():
        for block in pkcs1(path):
            bits = int(block["Modulus"], 16).bit_length()
            if bits in (2048, 3072, 4096):
                yield Vector("RSA-OAEP", path, f"RSA_{bits}", algorithm, bytes.fromhex(block["Encryption"]),
                             expected=bytes.fromhex(block["Message"]), private=_rsa_private(*(block[name] for name in names)))


def _rsa_signature(family: str, path: str, algorithm: str, block: Block, valid: bool) -> Iterator[Vector]:
    if block["SHAAlg"] != "SHA256" or block["mod"] not in ("2048", "3072", "4096"):
        return
    public = rsa.RSAPublicNumbers(int(block["e"], 16), int(block["n"], 16)).public_key()
    yield Vector(family, path, f"RSA_{block['mod']}", algorithm, hashlib.sha256(bytes.fromhex(block["Msg"])).digest(), valid,
                 signature=bytes.fromhex(block["S"]), public=_spki(public))


def _passes(block: Block) -> bool:
    return block.get("Result", "P").startswith("P")


def _pkcs1_signatures() -> Iterator[Vector]:
    for path in PKCS1_FILES:
        for block in blocks(path, "Msg"):
            yield from _rsa_signature("RSA PKCS #1 v1.5", path, "RSA_PKCS1_SHA_256", block, _passes(block))


def _pss_signatures() -> Iterator[Vector]:
    """The salts of NIST's files have 0, 10 and 20 bytes, the vendor's always 32: all of them must be refused. The positive
    ones are signatures of certificates."""
    for path in PSS_FILES:
        for block in blocks(path, "Msg"):
            yield from _rsa_signature("RSA PSS", path, "RSA_PSS_SHA_256", block, False)
    for path in PSS_CERTIFICATES:
        certificate = x509.load_pem_x509_certificate((ROOT / path).read_bytes())
        yield Vector("RSA PSS", path, "RSA_2048", "RSA_PSS_SHA_256",
                     hashlib.sha256(certificate.tbs_certificate_bytes).digest(), signature=certificate.signature,
                     public=_spki(certificate.public_key()))


def _ecdsa() -> Iterator[Vector]:
    for path, sections in ECDSA_FILES.items():
        for block in blocks(path, "Msg"):
            for section in sections:
                if section in block:
                    yield _ecdsa_vector(path, block, section)


def _ecdsa_vector(path: str, block: Block, section: str) -> Vector:
    spec, algorithm, curve = CURVES[section]
    public = ec.EllipticCurvePublicNumbers(int(block["Qx"], 16), int(block["Qy"], 16), curve).public_key()
    private = _pkcs8(ec.derive_private_key(int(block["d"], 16), curve)) if "d" in block else b""
    digest = hashlib.new(section[-7:].replace("-", "").lower(), bytes.fromhex(block["Msg"])).digest()
    return Vector(f"ECDSA {section[:5]}", path, spec, algorithm, digest, _passes(block), private=private, public=_spki(public),
                  signature=encode_dss_signature(int(block["R"], 16), int(block["S"], 16)))


def _hmac_key(key: bytes, algorithm: str, length: int) -> bytes:
    """The same key in the one length our spec takes, by the definition of HMAC (RFC 2104): a key longer than the hash's block
    is hashed, a shorter one is filled with zeros."""
    name = algorithm.removeprefix("HMAC_").replace("_", "").lower()
    if len(key) > hashlib.new(name).block_size:
        return hashlib.new(name, key).digest()
    assert len(key) <= length
    return key.ljust(length, b"\0")


def _hmac() -> Iterator[Vector]:
    for path, algorithm in HMAC_FILES.items():
        for block in blocks(path, "MD"):
            mac = bytes.fromhex(block["MD"])
            length = int(algorithm[-3:]) // 8
            if len(mac) == length:  # one vector is cut to 16 bytes, which no call here does
                yield Vector("HMAC", path, algorithm, algorithm, bytes.fromhex(block["Msg"]), expected=mac,
                             private=_hmac_key(bytes.fromhex(block["Key"]), algorithm, length))


@functools.cache
def vectors() -> tuple[Vector, ...]:
    return (*_gcm(), *_oaep(), *_pkcs1_signatures(), *_pss_signatures(), *_ecdsa(), *_hmac())


FAMILIES = ("AES-GCM", "RSA-OAEP", "RSA PKCS #1 v1.5", "RSA PSS", "ECDSA P-256", "ECDSA K-256", "ECDSA P-384", "HMAC")


def of(family: str) -> list[Vector]:
    return [vector for vector in vectors() if vector.family == family]
