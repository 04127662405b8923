"""Symmetric cryptography: encrypt, decrypt, data keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit import recording
from base.caller import Caller
from crypto.engine import MAX_DATA_KEY, MAX_PLAINTEXT
from keys.gate import permit
from keys.models import Key
from keys.operations import using

DATA_KEY_BYTES = {"AES_256": 32, "AES_128": 16}


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


def checked_plaintext(text: str) -> str:
    if not 1 <= len(using.from_base64("Plaintext", text)) <= MAX_PLAINTEXT:
        raise using.invalid("Plaintext", "plaintext_size", limit=MAX_PLAINTEXT)
    return text


@recording.operation("Encrypt")
def encrypt(caller: Caller, key: Key, *, plaintext: str, encryption_context: Mapping[str, str] | None = None,
            dry_run: bool = False) -> Encrypted:
    """Base64 `plaintext`, at most 6,144 bytes decoded, under the key's primary version."""
    text = checked_plaintext(plaintext)
    permit("Encrypt", caller, key)
    using.only_if_real(dry_run)
    row = using.material_of(key)
    blob = using.use(caller, "Encrypt", key, row,
                     lambda engine, material: engine.encrypt(material, text, encryption_context or {}))
    return Encrypted(blob, key.pk, row.version_id)


@recording.operation("Decrypt")
def decrypt(caller: Caller, *, ciphertext_blob: str, encryption_context: Mapping[str, str] | None = None,
            dry_run: bool = False) -> Decrypted:
    """The blob names the version, and the version its key. A bad tag, a wrong context and a cut blob look alike."""
    source = using.source_of(caller, ciphertext_blob)
    with using.about(source.key):
        permit("Decrypt", caller, source.key)
        using.only_if_real(dry_run)
        row = using.material_of(source.key, source.version_id)
        text = using.use(caller, "Decrypt", source.key, row,
                         lambda engine, material: engine.decrypt(material, source.sealed, encryption_context or {}))
    return Decrypted(text, source.key.pk, source.version_id)


def data_key_length(key_spec: str, number_of_bytes: int | None) -> int:
    """`number_of_bytes` (1-1,024) wins over `key_spec` (AES_256, AES_128); neither means 32 bytes. Raises Refused."""
    if number_of_bytes is not None:
        if not 1 <= number_of_bytes <= MAX_DATA_KEY:
            raise using.invalid("NumberOfBytes", "data_key_size", limit=MAX_DATA_KEY)
        return number_of_bytes
    if key_spec and key_spec not in DATA_KEY_BYTES:
        raise using.invalid("KeySpec", "unknown_value", value=key_spec[:64])
    return DATA_KEY_BYTES[key_spec or "AES_256"]


def _data_key(caller: Caller, action: str, key: Key, key_spec: str, number_of_bytes: int | None,
              encryption_context: Mapping[str, str], dry_run: bool) -> DataKey:
    length = data_key_length(key_spec, number_of_bytes)
    permit(action, caller, key)
    using.only_if_real(dry_run)
    row = using.material_of(key)
    text, blob = using.use(caller, action, key, row,
                           lambda engine, material: engine.data_key(material, length, encryption_context))
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
