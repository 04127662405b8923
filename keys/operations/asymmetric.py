"""Key pairs: encrypt and decrypt, sign and verify, the public key (reference `keys.md` 4.2-4.4, 5.5).

Callers name the version, because a key pair has no primary one. A signature is made over a digest that the caller computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from audit import recording
from base.caller import Caller
from base.refusal import Refused
from crypto import asymmetric
from crypto.algorithms import ENCRYPTIONS, SIGNINGS, encryption_for
from crypto.specs import SPECS
from keys import fitting
from keys.gate import permit
from keys.models import Key, KeyVersion
from keys.operations import using
from keys.operations.cryptography import Decrypted, Encrypted


@dataclass(frozen=True, slots=True)
class Signed:
    """value: Base64 of the signature; ECDSA as DER SEQUENCE(r, s)."""

    value: str = field(repr=False)
    key_id: str
    key_version_id: str


@dataclass(frozen=True, slots=True)
class Verified:
    value: bool
    key_id: str
    key_version_id: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """public_key: PEM SubjectPublicKeyInfo with newlines."""

    public_key: str
    key_id: str
    key_version_id: str


def known(action: str, algorithm: str, *, name: str = "Algorithm") -> None:
    """Raises Refused for a name that no key could serve, before anything else is looked at."""
    if refusals := [*fitting.unknown(action, algorithm, name=name)]:
        raise Refused(*refusals)


def _checked_plaintext(key: Key, algorithm: str, text: str) -> bytes:
    plaintext = using.from_base64("Plaintext", text)
    fitted = encryption_for(SPECS[key.spec], algorithm)
    limit = fitted.most(SPECS[key.spec]) if fitted else len(plaintext)
    if not 1 <= len(plaintext) <= limit:
        raise using.invalid("Plaintext", "bytes_out_of_range", limit=limit)
    return plaintext


@recording.operation("AsymmetricEncrypt")
def asymmetric_encrypt(caller: Caller, key: Key, *, key_version_id: str, algorithm: str, plaintext: str,
                       dry_run: bool = False) -> Encrypted:
    """Base64 `plaintext`, as long as key and algorithm allow. The ciphertext is the standard one, without a header."""
    known("AsymmetricEncrypt", algorithm)
    raw = _checked_plaintext(key, algorithm, plaintext)
    permit("AsymmetricEncrypt", caller, key, algorithm=algorithm)
    row = using.material_of(key, key_version_id)
    using.only_if_real(dry_run)
    sealed = using.use(caller, "AsymmetricEncrypt", key, row,
                       lambda engine, material: engine.public_encrypt(material, ENCRYPTIONS[algorithm], raw),
                       algorithm=algorithm)
    return Encrypted(using.to_base64(sealed), key.pk, row.version_id)


@recording.operation("AsymmetricDecrypt")
def asymmetric_decrypt(caller: Caller, key: Key, *, key_version_id: str, algorithm: str, ciphertext_blob: str,
                       dry_run: bool = False) -> Decrypted:
    """Whatever does not open, also text that is no Base64, is refused in one form."""
    known("AsymmetricDecrypt", algorithm)
    sealed = ciphertext_of(ciphertext_blob)
    permit("AsymmetricDecrypt", caller, key, algorithm=algorithm)
    row = using.material_of(key, key_version_id)
    using.only_if_real(dry_run)
    plaintext = using.use(caller, "AsymmetricDecrypt", key, row,
                          lambda engine, material: engine.private_decrypt(material, ENCRYPTIONS[algorithm], sealed),
                          algorithm=algorithm)
    return Decrypted(using.to_base64(plaintext), key.pk, row.version_id)


def ciphertext_of(blob: str) -> bytes:
    try:
        return using.from_base64("CiphertextBlob", blob)
    except Refused:
        raise using.bad_ciphertext() from None


def checked_digest(algorithm: str, text: str) -> bytes:
    """The digest must be as long as the algorithm's hash makes it."""
    digest, lengths = using.from_base64("Digest", text), SIGNINGS[algorithm].digests
    if len(digest) not in lengths:
        raise using.invalid("Digest", "digest_length", length="-".join(str(end) for end in sorted({lengths[0], lengths[-1]})))
    return digest


@recording.operation("AsymmetricSign")
def asymmetric_sign(caller: Caller, key: Key, *, key_version_id: str, algorithm: str, digest: str,
                    dry_run: bool = False) -> Signed:
    known("AsymmetricSign", algorithm)
    raw = checked_digest(algorithm, digest)
    permit("AsymmetricSign", caller, key, algorithm=algorithm)
    row = using.material_of(key, key_version_id)
    using.only_if_real(dry_run)
    signature = using.use(caller, "AsymmetricSign", key, row,
                          lambda engine, material: engine.sign(material, SIGNINGS[algorithm], raw), algorithm=algorithm)
    return Signed(using.to_base64(signature), key.pk, row.version_id)


@recording.operation("AsymmetricVerify")
def asymmetric_verify(caller: Caller, key: Key, *, key_version_id: str, algorithm: str, digest: str, value: str,
                      dry_run: bool = False) -> Verified:
    """A signature that does not verify is an answer, not an error; which bytes are wrong is never said."""
    known("AsymmetricVerify", algorithm)
    raw, signature = checked_digest(algorithm, digest), using.from_base64("Value", value)
    permit("AsymmetricVerify", caller, key, algorithm=algorithm)
    row = using.material_of(key, key_version_id)
    using.only_if_real(dry_run)
    valid = using.use(caller, "AsymmetricVerify", key, row,
                      lambda engine, material: engine.verify(material, SIGNINGS[algorithm], raw, signature),
                      algorithm=algorithm)
    return Verified(valid, key.pk, row.version_id)


@recording.operation("GetPublicKey")
def get_public_key(caller: Caller, key: Key, *, key_version_id: str, dry_run: bool = False) -> PublicKey:
    """Counted among the reads: works while the key is disabled or waits for its deletion."""
    permit("GetPublicKey", caller, key)
    version = KeyVersion.objects.filter(key=key, pk=key_version_id, public_key__isnull=False).first()
    if version is None:
        raise using.version_not_found(key, key_version_id)
    using.only_if_real(dry_run)
    recording.record(caller, "GetPublicKey", key, version=version.pk)
    return PublicKey(asymmetric.public_pem(bytes(version.public_key or b"")), key.pk, version.pk)
