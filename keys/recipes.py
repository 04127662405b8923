"""The openssl commands that wrap a user's own material, as the import page shows them. `docs/import.md` holds the same words,
and a test runs them from there; so there is one text to be right. Pure."""

from __future__ import annotations

from crypto.specs import SPECS

_DECODED = "openssl base64 -d -A -in PublicKey_base64.txt -out PublicKey.der\n"
_SEALED = "openssl pkeyutl -encrypt -pubin -keyform DER -inkey PublicKey.der -in {source} \\\n  {padding} -out {target}\n"
_OAEP = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{hash} -pkeyopt rsa_mgf1_md:{hash}"
_PADDING = {
    "RSAES_OAEP_SHA_256": _OAEP.format(hash="sha256"),
    "RSAES_OAEP_SHA_1": _OAEP.format(hash="sha1"),
    "RSAES_PKCS1_V1_5": "-pkeyopt rsa_padding_mode:pkcs1",
}
_CURVES = {"EC_P256": "P-256", "EC_P256K": "secp256k1", "X_EC_P384": "P-384"}


def recipe(spec: str, algorithm: str) -> str:
    """From nothing to ``EncryptedKeyMaterial_base64.txt``, next to a ``PublicKey_base64.txt`` that is there already."""
    if SPECS[spec].asymmetric:
        return _pair(spec)
    return (f"openssl rand -out KeyMaterial.bin {SPECS[spec].length}\n" + _DECODED
            + _SEALED.format(source="KeyMaterial.bin", padding=_PADDING[algorithm], target="Enc.bin")
            + "openssl base64 -A -in Enc.bin -out EncryptedKeyMaterial_base64.txt\n")


def _pair(spec: str) -> str:
    """The private key goes under an ephemeral AES key, and that under the wrapping key."""
    return (f"openssl genpkey -algorithm {_made(spec)} -out target.pem\n"
            "openssl pkcs8 -topk8 -nocrypt -in target.pem -outform DER -out target.pk8.der\n" + _DECODED
            + "openssl rand -out eph.bin 32\n"
            + _SEALED.format(source="eph.bin", padding=_PADDING["RSAES_OAEP_SHA_256"], target="part1.bin")
            + 'openssl enc -e -aes-256-ecb -K "$(od -An -v -tx1 eph.bin | tr -d \' \\n\')" -in target.pk8.der -out part2.bin\n'
            + "cat part1.bin part2.bin | openssl base64 -A > EncryptedKeyMaterial_base64.txt\n")


def _made(spec: str) -> str:
    if spec.startswith("RSA_"):
        return f"RSA -pkeyopt rsa_keygen_bits:{spec.removeprefix('RSA_')}"
    if spec in _CURVES:
        return f"EC -pkeyopt ec_paramgen_curve:{_CURVES[spec]}"
    return spec.removeprefix("X_").replace("_", "-")
