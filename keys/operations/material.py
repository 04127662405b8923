"""Imported material (BYOK): its wrapping key, its import, its deletion and its expiry (reference `keys.md` 6).

The first import binds the key to its material for ever, by a keyed fingerprint that outlives the material; and the version
it makes outlives it too, so that old ciphertext opens again when the same material comes back.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from access.root import purpose_key
from audit import recording
from base import b64, ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import wrapping
from crypto.engine import material_identity
from crypto.errors import BadCiphertext, Unavailable, Unsupported
from crypto.provider import Material
from crypto.software import checked
from crypto.specs import SPECS, Spec
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys import batches, erasing, gate, importing, moving, tokens
from keys.models import ImportToken, Key, KeyMaterial, KeyQuerySet, KeyVersion
from keys.operations import using
from keys.states import State

FINGERPRINT = "material-fingerprint"


@dataclass(frozen=True, slots=True)
class ImportParameters:
    """public_key: Base64 of SubjectPublicKeyInfo DER."""

    key_id: str
    public_key: str
    import_token: str = field(repr=False)
    token_expires_at: datetime


@recording.operation("GetParametersForImport")
def get_parameters_for_import(caller: Caller, key: Key, *, wrapping_key_spec: str, wrapping_algorithm: str) -> ImportParameters:
    """A fresh wrapping pair and its token: for this key only, for 24 hours, as often as needed until then."""
    permitted = gate.reasons("GetParametersForImport", caller, key)
    reasons = [*importing.why_not_wrapping_named(wrapping_key_spec, wrapping_algorithm), *permitted]
    if not reasons:
        reasons += importing.why_not_wrapping(key.pk, key.spec, wrapping_algorithm, in_instance=key.instance_id is not None)
    if reasons:
        raise Refused(*reasons)
    private, public = wrapping.new_pair()
    token = tokens.new_token(caller, key, wrapping_algorithm, private)
    with transaction.atomic():
        token.save(force_insert=True)
        recording.record(caller, "GetParametersForImport", key, algorithm=wrapping_algorithm, token=token.pk)
    return ImportParameters(key.pk, b64.encoded(public), tokens.text_of(token), token.expires_at)


@recording.operation("ImportKeyMaterial")
def import_key_material(caller: Caller, key: Key, *, encrypted_key_material: str, import_token: str,
                        key_material_expire_unix: int = 0, revision: int | None = None) -> Key:
    """Takes the wrapped material. Importing it again sets the expiry anew, and only the identical material is taken.

    1. The material is opened and the provider takes it, outside any transaction; nothing of it is kept if this ends here.
    2. Key, version and material are written together, if the key is still as it was read: of two imports at once, and of
    an import and a deletion, one wins.
    """
    wrapped, reasons = _base64(encrypted_key_material), list(importing.why_not_expiry(key_material_expire_unix, caller.at))
    if wrapped is None:
        reasons.insert(0, Refusal("InvalidParameter", {"name": "EncryptedKeyMaterial"}, reason="not_base64", who="user"))
    if reasons := [*reasons, *gate.reasons("ImportKeyMaterial", caller, key)]:
        raise Refused(*reasons)
    gate.still_as_seen(key, revision)
    token = tokens.token_for(caller, key, import_token)
    spec = SPECS[key.spec]
    raw, public = _opened(key, spec, token, wrapped or b"")
    bound = fingerprint(key, public or raw)
    if key.material_fingerprint is not None and not hmac.compare_digest(bytes(key.material_fingerprint), bound):
        raise _bad_material(key, "material_differs")
    version = KeyVersion.objects.filter(key=key).first()
    first = version is None
    if version is None:
        version = KeyVersion(id=ids.key_version_id(key.pk), key=key, is_primary=not spec.asymmetric, public_key=public or None,
                             created_at=caller.at)
    holder, made = _made(caller, key, spec, version, raw)
    with transaction.atomic():
        gate.still_permitted_by_instance("ImportKeyMaterial", caller, key)
        revived = key.state_at(caller.at) is State.PENDING_IMPORT
        key.move(state=State.ENABLED if revived else State(key.state), material_fingerprint=bound,
                 material_expires_at=importing.expiry(key_material_expire_unix),
                 **({"last_rotation_at": caller.at} if first else {}))
        if first:
            version.save(force_insert=True)
        # Not yet swept after its expiry, or only to be given another one: then the old copy goes first.
        replaced = erasing.erase(key)
        KeyMaterial.objects.create(version=version, wrapping_key=holder, stored=made.stored)
        hsm_objects.keep(holder, made)
        recording.record(caller, "ImportKeyMaterial", key, version=version.pk, token=token.pk,
                         material_expires_at=key.material_expires_at)
    erasing.release(replaced)
    return key


def _base64(text: str) -> bytes | None:
    try:
        return b64.decoded(text)
    except ValueError:
        return None


def _bad_material(key: Key, reason: str) -> Refused:
    return Refused(Refusal("InvalidKeyMaterial", {"key": key.pk, "spec": key.spec, "length": SPECS[key.spec].length},
                           reason=reason, who="user"))


def _opened(key: Key, spec: Spec, token: ImportToken, wrapped: bytes) -> tuple[bytes, bytes]:
    """(material in our encoding, public key or nothing). Raises Refused (InvalidKeyMaterial)."""
    try:
        plain = wrapping.unwrap(tokens.private_key(token), token.algorithm, wrapped)
    except BadCiphertext:
        raise _bad_material(key, "material_does_not_open") from None
    try:
        return checked(spec, plain)
    except Unsupported:
        raise _bad_material(key, "material_is_no_key_pair" if spec.asymmetric else "material_length") from None


def fingerprint(key: Key, material: bytes) -> bytes:
    """Bound to the key as well, so that nobody can see in the database which keys have the same material. Of a key pair the
    public half counts: the same private key has more than one encoding."""
    return purpose_key(FINGERPRINT).fingerprint(f"{key.account_id}/{key.pk}/".encode() + material)


def _made(caller: Caller, key: Key, spec: Spec, version: KeyVersion, raw: bytes) -> tuple[WrappingKey, Material]:
    """What is to be stored, and whose. Raises Refused where the provider takes no material, or does not answer."""
    holder = opening.wrapping_key_for(caller, key.account, key.instance)
    try:
        identity = material_identity(key.account_id, key.pk, version.pk)
        made = gate.new_material(caller, holder, spec, identity, in_database=key.in_database, raw=raw)
    except Unsupported:
        raise Refused(Refusal("UnsupportedOperation", {"key": key.pk, "spec": key.spec}, reason="provider_takes_no_material"),
                      ) from None
    except Unavailable:
        raise using.not_made(key) from None
    return holder, made


def _remove(caller: Caller, action: str, keys: Sequence[Key]) -> erasing.Held:
    """In one transaction: `keys` lose their material. Returns what the providers held of it."""
    with transaction.atomic():
        expired: dict[str, dict[str, Any]] = {
            key.pk: {"material_expires_at": key.material_expires_at} for key in keys if key.material_expires_at}
        for pending, state in ((False, State.PENDING_IMPORT), (True, State.PENDING_DELETION)):
            same = [key for key in keys if (key.state == State.PENDING_DELETION) is pending]
            moving.move(same, state=state, material_expires_at=None)
        held = erasing.erase(*keys)
        versions = erasing.versions_in(held)
        recording.write([recording.entry(caller, action, key, versions=versions[key.pk], **expired.get(key.pk, {}))
                         for key in keys])
    return held


@recording.operation("DeleteKeyMaterial")
def delete_key_material(caller: Caller, key: Key, *, revision: int | None = None) -> Key:
    """The key, its version, aliases and tags stay; a scheduled deletion keeps its date. Deleting what is not there succeeds."""
    gate.permit("DeleteKeyMaterial", caller, key)
    gate.still_as_seen(key, revision)
    erasing.release(_remove(caller, "DeleteKeyMaterial", [key]))
    erasing.forget_old_pages()
    return key


def _is_expired(caller: Caller, key: Key) -> bool:
    return key.state != State.DESTROYED and key.material_expires_at is not None and key.material_expires_at <= caller.at


@recording.operation("ExpireKeyMaterial")
def expire_key_material(caller: Caller, key: Key) -> Key:
    """What the clock does at MaterialExpireTime; the key has not worked since that instant, swept or not."""
    if not _is_expired(caller, key):
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"key": key.pk}, reason="material_not_expired"))
    erasing.release(_remove(caller, "ExpireKeyMaterial", [key]))
    return key


def expire_material_of_keys(caller: Caller, due: KeyQuerySet) -> batches.Outcome:
    """The same for a batch."""
    return batches.erased(due, lambda key: _is_expired(caller, key), lambda keys: _remove(caller, "ExpireKeyMaterial", keys))
