"""Key specs in the vendor's words (reference `keys.md` 4). One row a spec; nothing else in the product knows sizes."""

from __future__ import annotations

from dataclasses import dataclass

ENCRYPT_DECRYPT = "ENCRYPT/DECRYPT"
SIGN_VERIFY = "SIGN/VERIFY"


@dataclass(frozen=True, slots=True)
class Spec:
    """name: the vendor's KeySpec; family: ``AES``; bits: key length; symmetric: has a primary version and encrypts data."""

    name: str
    family: str
    bits: int
    symmetric: bool = True

    @property
    def length(self) -> int:
        """Bytes of raw key material."""
        return self.bits // 8


AES_256 = Spec("Aliyun_AES_256", "AES", 256)
SPECS: dict[str, Spec] = {spec.name: spec for spec in (
    AES_256, Spec("Aliyun_AES_192", "AES", 192), Spec("Aliyun_AES_128", "AES", 128))}

# Names the vendor has and this version does not serve yet; told apart from nonsense so that the answer can say so.
KNOWN = frozenset(SPECS) | {"Aliyun_SM4", "RSA_2048", "RSA_3072", "RSA_4096", "EC_P256", "EC_P256K", "EC_P384", "EC_SM2"}
