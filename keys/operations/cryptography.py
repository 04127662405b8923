"""Symmetric cryptography: encrypt, decrypt, data keys.

The state is read, the provider works, and then, in the transaction that records the use, the row must still be what the
decision was made on, and stays so until the record is committed. So no use is answered, nor recorded, after a disable, a
scheduled deletion or an expiry has been answered; and no lock is held while the provider works.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import blobs
from crypto.engine import MAX_DATA_KEY, MAX_PLAINTEXT, Engine, material_identity
from crypto.errors import BadCiphertext, Unavailable
from crypto.provider import Material
from crypto.specs import SPECS
from instances import opening
from keys import lookup
from keys.gate import permit
from keys.models import Key, KeyMaterial, KeyVersion

DATA_KEY_BYTES = {"AES_256": 32, "AES_128": 16}
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Encrypted:
    ciphertext_blob: str
    key_id: str
    key_version_id: str


@dataclass(frozen=True, slots=True)
class Decrypted:
    """plaintext: Base64 text, as it was given to Encrypt."""

    plaintext: str = field(repr=False)
    key_id: str = ""
    key_version_id: str = ""


@dataclass(frozen=True, slots=True)
class DataKey:
    """plaintext: Base64 of the random bytes; empty where the caller did not want it."""

    plaintext: str = field(repr=False)
    ciphertext_blob: str
    key_id: str
    key_version_id: str


def _invalid(name: str, reason: str = "") -> Refused:
    return Refused(Refusal("InvalidParameter", {"name": name}, reason=reason, who="user"))


def _dry_run(dry_run: bool) -> None:
    if dry_run:
        raise Refused(Refusal("DryRunOperationError", who="nobody"))


def _checked_plaintext(text: str) -> str:
    try:
        length = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise _invalid("Plaintext", "not_base64") from None
    if not 1 <= length <= MAX_PLAINTEXT:
        raise _invalid("Plaintext", "plaintext_size")
    return text


def _open(row: KeyMaterial, key: Key) -> tuple[Engine, Material]:
    identity = material_identity(key.account_id, key.pk, row.version_id)
    return opening.engine_for(row.wrapping_key), Material(SPECS[key.spec], identity, bytes(row.stored))


def _use(caller: Caller, action: str, key: Key, row: KeyMaterial, work: Callable[[Engine, Material], R]) -> R:
    """Runs `work` and records the use, unless the key or its instance changed in a way that forbids it now."""
    try:
        result = work(*_open(row, key))
    except BadCiphertext:
        raise _invalid("CiphertextBlob", "bad_ciphertext") from None
    except Unavailable:
        raise Refused(Refusal("ServiceUnavailableTemporary", {"key": key.pk}, who="operator")) from None
    with transaction.atomic():
        now = Key.objects.held_still(key.pk)
        if (now.revision, now.instance and now.instance.revision) != (key.revision, key.instance and key.instance.revision):
            permit(action, caller, now)
        recording.record(caller, action, key, version=row.version_id)
    return result


def _primary(key: Key) -> KeyMaterial:
    return KeyMaterial.objects.select_related("wrapping_key").get(version__key=key, version__is_primary=True)


@recording.operation("Encrypt")
def encrypt(caller: Caller, key: Key, *, plaintext: str, encryption_context: Mapping[str, str] | None = None,
            dry_run: bool = False) -> Encrypted:
    """Base64 `plaintext`, at most 6,144 bytes decoded, under the key's primary version."""
    text = _checked_plaintext(plaintext)
    permit("Encrypt", caller, key)
    _dry_run(dry_run)
    row = _primary(key)
    blob = _use(caller, "Encrypt", key, row, lambda engine, material: engine.encrypt(material, text, encryption_context or {}))
    return Encrypted(blob, key.pk, row.version_id)


@recording.operation("Decrypt")
def decrypt(caller: Caller, *, ciphertext_blob: str, encryption_context: Mapping[str, str] | None = None,
            dry_run: bool = False) -> Decrypted:
    """The blob names the version, and the version its key. A bad tag, a wrong context and a cut blob look alike."""
    try:
        version_id, sealed = blobs.unpack(ciphertext_blob)
    except BadCiphertext:
        raise _invalid("CiphertextBlob", "bad_ciphertext") from None
    version = KeyVersion.objects.select_related("key__instance").filter(pk=version_id, key__account=caller.account).first()
    key = lookup.living(caller, version.key if version else None, version_id)
    try:
        permit("Decrypt", caller, key)
        _dry_run(dry_run)
        row = KeyMaterial.objects.select_related("wrapping_key").get(version=version_id)
        text = _use(caller, "Decrypt", key, row,
                    lambda engine, material: engine.decrypt(material, sealed, encryption_context or {}))
    except Refused as refused:
        refused.target = key
        raise
    return Decrypted(text, key.pk, version_id)


def _data_key_length(key_spec: str, number_of_bytes: int | None) -> int:
    if number_of_bytes is not None:
        if not 1 <= number_of_bytes <= MAX_DATA_KEY:
            raise _invalid("NumberOfBytes", "data_key_size")
        return number_of_bytes
    if key_spec and key_spec not in DATA_KEY_BYTES:
        raise _invalid("KeySpec", "unknown_value")
    return DATA_KEY_BYTES[key_spec or "AES_256"]


def _data_key(caller: Caller, action: str, key: Key, key_spec: str, number_of_bytes: int | None,
              encryption_context: Mapping[str, str], dry_run: bool) -> DataKey:
    length = _data_key_length(key_spec, number_of_bytes)
    permit(action, caller, key)
    _dry_run(dry_run)
    row = _primary(key)
    text, blob = _use(caller, action, key, row, lambda engine, material: engine.data_key(material, length, encryption_context))
    return DataKey(text, blob, key.pk, row.version_id)


@recording.operation("GenerateDataKey")
def generate_data_key(caller: Caller, key: Key, *, key_spec: str = "", number_of_bytes: int | None = None,
                      encryption_context: Mapping[str, str] | None = None, dry_run: bool = False) -> DataKey:
    """`number_of_bytes` (1-1,024) wins over `key_spec` (AES_256, AES_128); neither means 32 bytes."""
    return _data_key(caller, "GenerateDataKey", key, key_spec, number_of_bytes, encryption_context or {}, dry_run)


@recording.operation("GenerateDataKeyWithoutPlaintext")
def generate_data_key_without_plaintext(caller: Caller, key: Key, *, key_spec: str = "",
                                        number_of_bytes: int | None = None,
                                        encryption_context: Mapping[str, str] | None = None,
                                        dry_run: bool = False) -> DataKey:
    """Like GenerateDataKey, without the plaintext in the answer."""
    made = _data_key(caller, "GenerateDataKeyWithoutPlaintext", key, key_spec, number_of_bytes, encryption_context or {},
                     dry_run)
    return DataKey("", made.ciphertext_blob, made.key_id, made.key_version_id)
