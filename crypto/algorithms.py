"""Algorithms of asymmetric keys and MACs in the vendor's words (reference `keys.md` 4.3, 4.4, 5.9), and what each needs.

A signature is made over a digest the caller computed; `digest` is its length in bytes. Ed25519 and ML-DSA (extensions) have no
pre-hashed form here: they sign the digest bytes as their message, and the caller chooses any digest of 32 to 64 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from crypto.specs import Spec


@dataclass(frozen=True, slots=True)
class Encryption:
    """name: the vendor's; families: key families it fits; hash: of OAEP and its MGF1."""

    name: str
    families: tuple[str, ...]
    hash: str = ""

    def most(self, spec: Spec) -> int:
        """The longest plaintext in bytes: for OAEP k - 2h - 2, for the hybrid KEM scheme what Encrypt takes."""
        if self.families == ("RSA",):
            return spec.bits // 8 - 2 * {"sha1": 20, "sha256": 32}[self.hash] - 2
        return 6144


@dataclass(frozen=True, slots=True)
class Signing:
    """digests: allowed lengths of the digest in bytes; scheme: pss, pkcs1, ecdsa, ed25519 or ml-dsa; curves: for ECDSA."""

    name: str
    families: tuple[str, ...]
    scheme: str
    hash: str
    digests: tuple[int, ...]
    curves: tuple[str, ...] = ()


ENCRYPTIONS = {algorithm.name: algorithm for algorithm in (
    Encryption("RSAES_OAEP_SHA_256", ("RSA",), "sha256"),
    Encryption("RSAES_OAEP_SHA_1", ("RSA",), "sha1"),
    # ML-KEM encapsulation, then AES-256-GCM with the shared secret: encapsulation || IV || ciphertext || tag.
    Encryption("X_ML_KEM_AES_256_GCM", ("ML-KEM",)),
)}
SIGNINGS = {algorithm.name: algorithm for algorithm in (
    Signing("RSA_PSS_SHA_256", ("RSA",), "pss", "sha256", (32,)),
    Signing("RSA_PKCS1_SHA_256", ("RSA",), "pkcs1", "sha256", (32,)),
    Signing("ECDSA_SHA_256", ("EC",), "ecdsa", "sha256", (32,), ("secp256r1", "secp256k1")),
    Signing("X_ECDSA_SHA_384", ("EC",), "ecdsa", "sha384", (48,), ("secp384r1",)),
    Signing("X_ED25519", ("ED25519",), "ed25519", "", tuple(range(32, 65))),
    Signing("X_ML_DSA", ("ML-DSA",), "ml-dsa", "", tuple(range(32, 65))),
)}
MACS = {"HMAC_SM3": "sm3", "HMAC_SHA_224": "sha224", "HMAC_SHA_256": "sha256", "HMAC_SHA_384": "sha384", "HMAC_SHA_512": "sha512"}
SM2 = frozenset({"SM2PKE", "SM2DSA", "SM2PKE_SM4_ECB"})


def encryption_for(spec: Spec, name: str) -> Encryption | None:
    """None where the name is unknown or does not fit the spec."""
    found = ENCRYPTIONS.get(name)
    return found if found and spec.family in found.families else None


def signing_for(spec: Spec, name: str) -> Signing | None:
    found = SIGNINGS.get(name)
    return found if found and spec.family in found.families and (not found.curves or spec.curve in found.curves) else None


def mac_for(spec: Spec, name: str) -> str | None:
    """The hash of an HMAC algorithm; a key of one spec serves the algorithm of its own name."""
    return MACS.get(name) if spec.family == "HMAC" and spec.name == name else None
