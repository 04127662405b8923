"""Moving secrets between keys without showing them: ReEncrypt, and data keys for somebody else's public key
(reference `keys.md` 5.1, 5.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.db import transaction

from audit import recording
from base import b64
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import wrapping
from crypto.algorithms import ENCRYPTIONS, SM2
from crypto.engine import Engine
from crypto.errors import BadCiphertext, Unsupported
from crypto.provider import Material
from keys.gate import permit, reasons
from keys.models import Key
from keys.operations import using
from keys.operations.asymmetric import ciphertext_of, known
from keys.operations.cryptography import Encrypted, data_key_length

Context = Mapping[str, str]
FROM, TO = "ReEncryptFrom", "ReEncryptTo"


@dataclass(frozen=True, slots=True)
class ExportedDataKey:
    """exported_data_key: Base64 of the data key under the caller's public key; ciphertext_blob: under the key, empty where
    the caller brought it."""

    exported_data_key: str = field(repr=False)
    ciphertext_blob: str
    key_id: str
    key_version_id: str


@dataclass(frozen=True, slots=True)
class _Ciphertext:
    """Where ReEncrypt's text comes from. gate: the operation whose states, usage and algorithm the source must allow; text:
    Base64 text of the plaintext."""

    key: Key
    version_id: str
    gate: str
    algorithm: str | None
    text: Callable[[Engine, Material], str]


def _source(caller: Caller, ciphertext_blob: str, context: Context, key: Key | None, version_id: str,
            algorithm: str) -> _Ciphertext:
    """Ciphertext of a key pair names nothing, so the caller names key, version and algorithm, all or none. Raises Refused."""
    if key is None and not version_id and not algorithm:
        found = using.source_of(caller, ciphertext_blob)
        return _Ciphertext(found.key, found.version_id, "ReEncrypt", None,
                           lambda engine, material: engine.decrypt(material, found.sealed, context))
    given = {"SourceKeyId": key, "SourceKeyVersionId": version_id, "SourceEncryptionAlgorithm": algorithm}
    if missing := [name for name, value in given.items() if not value]:
        raise Refused(*(Refusal("MissingParameter", {"name": name}, who="user") for name in missing))
    known("AsymmetricDecrypt", algorithm, name="SourceEncryptionAlgorithm")
    sealed = ciphertext_of(ciphertext_blob)
    return _Ciphertext(
        key, version_id, "AsymmetricDecrypt", algorithm,  # type: ignore[arg-type] # not None: nothing is missing
        lambda engine, material: using.to_base64(engine.private_decrypt(material, ENCRYPTIONS[algorithm], sealed)))


@recording.operation("ReEncrypt")
def re_encrypt(caller: Caller, key: Key, *, ciphertext_blob: str, source_encryption_context: Context | None = None,
               destination_encryption_context: Context | None = None, source_key: Key | None = None,
               source_key_version_id: str = "", source_encryption_algorithm: str = "", dry_run: bool = False) -> Encrypted:
    """Opens the blob and seals its text under the primary version of `key`, the destination. The ids of the answer are
    those that opened the source, as the vendor documents it. One event: about the source, naming the destination.

    Permission is `ReEncryptFrom` on the source and `ReEncryptTo` on the destination.
    """
    with using.about(key, destination=key.pk):
        source = _source(caller, ciphertext_blob, source_encryption_context or {}, source_key, source_key_version_id,
                         source_encryption_algorithm)
    with using.about(source.key, destination=key.pk):
        against = [*reasons(source.gate, caller, source.key, algorithm=source.algorithm, permission=FROM),
                   *reasons("ReEncrypt", caller, key, permission=TO)]
        if against:
            raise Refused(*sorted(against, key=_rank))
        old, new = using.material_of(source.key, source.version_id), using.material_of(key)
        using.only_if_real(dry_run)
        text = using.worked(source.key, lambda: source.text(*using.opened(old, source.key)))
        engine, material = using.opened(new, key)
        blob = using.worked(key, lambda: engine.encrypt(material, text, destination_encryption_context or {}))
        with transaction.atomic():
            # In the order of the ids, so that nobody who holds two keys waits in a circle.
            for pk in sorted({source.key.pk, key.pk}):
                if pk == source.key.pk:
                    using.still_permitted(source.gate, caller, source.key, permission=FROM)
                if pk == key.pk:
                    using.still_permitted("ReEncrypt", caller, key, permission=TO)
            recording.record(caller, "ReEncrypt", source.key, version=old.version_id, destination=key.pk,
                             destination_version=new.version_id)
    return Encrypted(blob, source.key.pk, old.version_id)


def _rank(refusal: Refusal) -> int:
    """The order of checks over both keys (`keys.md` 3.3): permission, then kind, then state."""
    if refusal.code in ("Forbidden.KeyNotFound", "Forbidden.NoPermission"):
        return 0
    return 1 if refusal.code.endswith("UnsupportedOperation") else 2


def _export(spec: str, algorithm: str, public_key_blob: str) -> tuple[bytes, int]:
    """(the caller's public key as DER, how many bytes go under it). Raises Refused."""
    if spec == "EC_SM2" or algorithm in SM2:
        name, value = ("WrappingKeySpec", spec) if spec == "EC_SM2" else ("WrappingAlgorithm", algorithm)
        raise Refused(Refusal("UnsupportedOperation", {"name": name, "value": value}, reason="sm2_without_library"))
    if spec != wrapping.WRAPPING_SPEC:
        raise using.invalid("WrappingKeySpec", "unknown_value", value=spec[:64])
    if algorithm not in wrapping.EXPORT:
        raise using.invalid("WrappingAlgorithm", "unknown_value", value=algorithm[:64])
    public = using.from_base64("PublicKeyBlob", public_key_blob)
    try:
        return public, wrapping.longest_export(public, algorithm)
    except Unsupported:
        raise using.invalid("PublicKeyBlob", "public_key_not_rsa_2048") from None


@recording.operation("ExportDataKey")
def export_data_key(caller: Caller, *, ciphertext_blob: str, public_key_blob: str, wrapping_algorithm: str,
                    wrapping_key_spec: str, encryption_context: Context | None = None, dry_run: bool = False) -> ExportedDataKey:
    """The data key of a blob, under the caller's RSA public key (DER SubjectPublicKeyInfo)."""
    public, longest = _export(wrapping_key_spec, wrapping_algorithm, public_key_blob)
    source = using.source_of(caller, ciphertext_blob)

    def export(engine: Engine, material: Material) -> bytes:
        try:
            data = b64.decoded(engine.decrypt(material, source.sealed, encryption_context or {}))
        except ValueError:
            raise BadCiphertext from None
        if len(data) > longest:
            raise using.invalid("CiphertextBlob", "data_key_too_long_to_export", limit=longest)
        return wrapping.wrap_for_export(public, wrapping_algorithm, data)

    with using.about(source.key):
        permit("ExportDataKey", caller, source.key)
        row = using.material_of(source.key, source.version_id)
        using.only_if_real(dry_run)
        wrapped = using.use(caller, "ExportDataKey", source.key, row, export)
    return ExportedDataKey(using.to_base64(wrapped), "", source.key.pk, row.version_id)


@recording.operation("GenerateAndExportDataKey")
def generate_and_export_data_key(caller: Caller, key: Key, *, public_key_blob: str, wrapping_algorithm: str,
                                 wrapping_key_spec: str, key_spec: str = "", number_of_bytes: int | None = None,
                                 encryption_context: Context | None = None, dry_run: bool = False) -> ExportedDataKey:
    """A fresh data key, under the key's primary version and under the caller's public key; nobody sees it plain."""
    public, longest = _export(wrapping_key_spec, wrapping_algorithm, public_key_blob)
    length = data_key_length(key_spec, number_of_bytes)
    if length > longest:
        raise using.invalid("NumberOfBytes", "data_key_too_long_to_export", limit=longest)
    permit("GenerateAndExportDataKey", caller, key)
    row = using.material_of(key)
    using.only_if_real(dry_run)

    def export(engine: Engine, material: Material) -> tuple[bytes, str]:
        text, blob = engine.data_key(material, length, encryption_context or {})
        return wrapping.wrap_for_export(public, wrapping_algorithm, b64.decoded(text)), blob

    wrapped, blob = using.use(caller, "GenerateAndExportDataKey", key, row, export)
    return ExportedDataKey(using.to_base64(wrapped), blob, key.pk, row.version_id)
