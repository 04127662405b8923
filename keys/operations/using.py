"""What every use of key material has in common.

The state is read, the provider works, and then, in the transaction that records the use, the row must still be what the
decision was made on, and stays so until the record is committed. So no use is answered, nor recorded, after a disable, a
scheduled deletion or an expiry has been answered; and no lock is held while the provider works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import transaction

from audit import recording
from base import b64
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import blobs
from crypto.engine import Engine, material_identity
from crypto.errors import BadCiphertext, MaterialGone, Unavailable, Unsupported
from crypto.provider import Material
from crypto.specs import SPECS
from instances import opening
from keys import lookup
from keys.gate import permit
from keys.models import Key, KeyMaterial, KeyVersion
from keys.states import State

R = TypeVar("R")


def invalid(name: str, reason: str = "", **facts: Any) -> Refused:
    return Refused(Refusal("InvalidParameter", {"name": name, **facts}, reason=reason, who="user"))


def bad_ciphertext() -> Refused:
    """The one form of all failures to open something (`keys.md` 5.8)."""
    return invalid("CiphertextBlob", "bad_ciphertext")


def from_base64(name: str, text: str) -> bytes:
    """The bytes of the parameter `name`. Raises Refused."""
    try:
        return b64.decoded(text)
    except ValueError:
        raise invalid(name, "not_base64") from None


def to_base64(raw: bytes) -> str:
    return b64.encoded(raw)


def only_if_real(dry_run: bool) -> None:
    """A dry run ends here, when everything has been checked. Raises Refused."""
    if dry_run:
        raise Refused(Refusal("DryRunOperationError", who="nobody"))


@contextmanager
def about(key: Key, **noted: Any) -> Iterator[None]:
    """Refusals inside are about `key`, which the arguments of the operation do not name; `noted` stands in their event."""
    try:
        yield
    except Refused as refused:
        refused.target = refused.target or key
        refused.noted = {**noted, **refused.noted}
        raise


class Rows:
    """Where uses find what they need and how they are recorded: in the database, each use in a transaction of its own.
    `api.fast` puts another one into `ROWS`, which has read ahead and records many uses in one commit."""

    def version(self, version_id: str) -> KeyVersion | None:
        return KeyVersion.objects.select_related("key__instance").filter(pk=version_id).first()

    def material(self, key: Key, version_id: str) -> KeyMaterial | None:
        """Of the primary version where `version_id` is empty."""
        which = {"version_id": version_id} if version_id else {"version__is_primary": True}
        return KeyMaterial.objects.select_related("wrapping_key", "version").filter(version__key=key, **which).first()

    def opened(self, row: KeyMaterial, key: Key) -> tuple[Engine, Material]:
        identity = material_identity(key.account_id, key.pk, row.version_id)
        public = bytes(row.version.public_key or b"")
        return opening.engine_for(row.wrapping_key), Material(SPECS[key.spec], identity, bytes(row.stored), public)

    def record(self, caller: Caller, action: str, key: Key, row: KeyMaterial, facts: Mapping[str, Any]) -> None:
        """Raises Refused where the key may not do it any more."""
        with transaction.atomic():
            still_permitted(action, caller, key)
            recording.record(caller, action, key, version=row.version_id, **facts)


ROWS: ContextVar[Rows] = ContextVar("rows", default=Rows())  # noqa: B039 - it holds nothing


@dataclass(frozen=True, slots=True)
class Source:
    """What a CiphertextBlob says of itself: its version, the key of that version, and the sealed rest."""

    key: Key
    version_id: str
    sealed: bytes = field(repr=False)


def source_of(caller: Caller, ciphertext_blob: str) -> Source:
    """The blob names the version, and the version its key. Raises Refused: no such blob, or no such key for this caller."""
    try:
        version_id, sealed = blobs.unpack(ciphertext_blob)
    except BadCiphertext:
        raise bad_ciphertext() from None
    version = ROWS.get().version(version_id)
    key = lookup.visible(caller, version.key if version else None)
    return Source(lookup.living(caller, key, version_id), version_id, sealed)


def version_not_found(key: Key, version_id: str) -> Refused:
    return Refused(Refusal("Forbidden.KeyVersionNotFound", {"key": key.pk, "version": version_id[:64]}, who="user"))


def material_of(key: Key, version_id: str = "") -> KeyMaterial:
    """The material of a version of `key`; without `version_id` of the primary one. Raises Refused."""
    row = ROWS.get().material(key, version_id)
    if row is not None:
        return row
    if KeyVersion.objects.filter(key=key, **({"pk": version_id} if version_id else {"is_primary": True})).exists():
        # The key was read before its material was deleted: the answer is the one that the next call would get.
        raise Refused(Refusal("Rejected.PendingImport", {"key": key.pk}, who="administrator", lifted_by="ImportKeyMaterial"))
    raise version_not_found(key, version_id)


def opened(row: KeyMaterial, key: Key) -> tuple[Engine, Material]:
    return ROWS.get().opened(row, key)


def not_made(key: Key) -> Refused:
    """The key store does not answer; to make a key inside an HSM cluster, every member must."""
    inside = key.protection_level == "HSM" and not key.in_database
    return Refused(Refusal("ServiceUnavailableTemporary", {"key": key.pk}, reason="hsm_all_members_needed" if inside else "",
                           who="operator"))


def worked(key: Key, work: Callable[[], R]) -> R:
    """What the provider makes of it, its errors in their one outward form. Raises Refused."""
    try:
        return work()
    except BadCiphertext:
        raise bad_ciphertext() from None
    except Unavailable:
        raise Refused(Refusal("ServiceUnavailableTemporary", {"key": key.pk}, who="operator")) from None
    except MaterialGone:
        now = Key.objects.select_related("instance").get(pk=key.pk)
        if now.state == State.DESTROYED or (now.instance and now.instance.released_at):
            # The instance was released, or the key destroyed, after it was read.
            raise Refused(Refusal("Forbidden.KeyNotFound", {"key": key.pk}, reason="key_destroyed")) from None
        if key.protection_level != "HSM":
            raise  # our own row was changed: an accident of this program or its database
        # Tokens are emptied and restored by others. Never made anew: what the key encrypted would be lost unnoticed.
        raise Refused(Refusal("Rejected.Unavailable", {"key": key.pk}, reason="material_gone", who="operator")) from None
    except Unsupported:
        raise Refused(Refusal("UnsupportedOperation", {"key": key.pk}, reason="provider_cannot")) from None


def still_permitted(action: str, caller: Caller, key: Key, *, permission: str = "") -> None:
    """Holds the row until the transaction ends. Raises Refused if key or instance changed in a way that forbids it now."""
    now = Key.objects.held_still(key.pk)
    if (now.revision, now.instance and now.instance.revision) != (key.revision, key.instance and key.instance.revision):
        permit(action, caller, now, permission=permission)


def use(caller: Caller, action: str, key: Key, row: KeyMaterial, work: Callable[[Engine, Material], R], **facts: Any) -> R:
    """Runs `work` and records the use."""
    result = worked(key, lambda: work(*opened(row, key)))
    ROWS.get().record(caller, action, key, row, facts)
    return result
