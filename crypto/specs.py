"""Key specs in the vendor's words (reference `keys.md` 4). One row a spec; nothing else in the product knows sizes.

Names beginning with ``X_`` are extensions of ours: no vendor name was found for them, or no peer has them at all. HMAC specs
carry the names of the vendor's HMAC algorithms, because the vendor's spec names were not found. `EC_SM2` is known and refused:
no well-kept Python library offers SM2.
"""

from __future__ import annotations

from dataclasses import dataclass

ENCRYPT_DECRYPT = "ENCRYPT/DECRYPT"
SIGN_VERIFY = "SIGN/VERIFY"
GENERATE_VERIFY_MAC = "GENERATE_MAC/VERIFY_MAC"
USAGES = (ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC)


@dataclass(frozen=True, slots=True)
class Spec:
    """name: the vendor's KeySpec. family: AES, SM4, HMAC, RSA, EC, ED25519, ML-DSA or ML-KEM. bits: length of the key (of
    the modulus for RSA, of the field for EC). usages: what a key may be made for, the default first. curve: for EC.
    software: served by software instances; hardware: by hardware instances. default: may be the default CMK."""

    name: str
    family: str
    bits: int
    usages: tuple[str, ...] = (ENCRYPT_DECRYPT,)
    curve: str = ""
    software: bool = True
    hardware: bool = False

    @property
    def symmetric(self) -> bool:
        """Encrypts data of the API's Encrypt and has a primary version."""
        return self.family in ("AES", "SM4")

    @property
    def asymmetric(self) -> bool:
        """A key pair: callers name the version, and there is a public key."""
        return self.family in ("RSA", "EC", "ED25519", "ML-DSA", "ML-KEM")

    @property
    def length(self) -> int:
        """Bytes of raw material of symmetric and HMAC keys."""
        return self.bits // 8

    @property
    def extension(self) -> bool:
        return self.name.startswith("X_")


_BOTH = (SIGN_VERIFY, ENCRYPT_DECRYPT)
AES_256 = Spec("Aliyun_AES_256", "AES", 256, hardware=True)
SPECS: dict[str, Spec] = {spec.name: spec for spec in (
    AES_256,
    Spec("Aliyun_AES_192", "AES", 192, software=False, hardware=True),
    Spec("Aliyun_AES_128", "AES", 128, software=False, hardware=True),
    Spec("Aliyun_SM4", "SM4", 128),
    Spec("RSA_2048", "RSA", 2048, _BOTH, hardware=True),
    Spec("RSA_3072", "RSA", 3072, _BOTH, hardware=True),
    Spec("RSA_4096", "RSA", 4096, _BOTH, hardware=True),
    Spec("EC_P256", "EC", 256, (SIGN_VERIFY,), "secp256r1", hardware=True),
    Spec("EC_P256K", "EC", 256, (SIGN_VERIFY,), "secp256k1", hardware=True),
    Spec("X_EC_P384", "EC", 384, (SIGN_VERIFY,), "secp384r1", hardware=True),
    Spec("X_ED25519", "ED25519", 256, (SIGN_VERIFY,)),
    Spec("HMAC_SM3", "HMAC", 256, (GENERATE_VERIFY_MAC,)),
    Spec("HMAC_SHA_224", "HMAC", 224, (GENERATE_VERIFY_MAC,)),
    Spec("HMAC_SHA_256", "HMAC", 256, (GENERATE_VERIFY_MAC,)),
    Spec("HMAC_SHA_384", "HMAC", 384, (GENERATE_VERIFY_MAC,)),
    Spec("HMAC_SHA_512", "HMAC", 512, (GENERATE_VERIFY_MAC,)),
    Spec("X_ML_DSA_44", "ML-DSA", 44, (SIGN_VERIFY,)),
    Spec("X_ML_DSA_65", "ML-DSA", 65, (SIGN_VERIFY,)),
    Spec("X_ML_DSA_87", "ML-DSA", 87, (SIGN_VERIFY,)),
    Spec("X_ML_KEM_768", "ML-KEM", 768),
    Spec("X_ML_KEM_1024", "ML-KEM", 1024),
)}

# Names the vendor has and nobody can serve here; told apart from nonsense so that the answer can say so.
REFUSED = frozenset({"EC_SM2"})
KNOWN = frozenset(SPECS) | REFUSED
