"""Taking 1.0 keys from an export, as they were: ids, dates, state, versions, aliases and tags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction

from access.models import Account
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.engine import material_identity
from crypto.errors import Unsupported
from crypto.software import checked
from crypto.specs import SPECS
from instances import opening
from keys import words
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from keys.operations.material import fingerprint
from keys.rotating import DAY
from migration.legacy_files import Entry, Version
from migration.operations.planning import permit


@recording.operation("ImportLegacyKey")
def import_legacy_key(caller: Caller, account: Account, entry: Entry, material: Mapping[str, bytes]) -> Key | None:
    """None where this very key is there already, so that an import that was cut off can be started again.

    1. The shared store takes every version, outside any transaction. 2. Key, versions, material, aliases, tags and the event are
    written together.
    """
    permit(caller, "ImportLegacyKey")
    known = Key.objects.filter(pk=entry.id).first()
    if known is not None and (known.account_id, known.created_at, known.spec) == (account.pk, entry.created_at, entry.spec):
        return None
    if known is not None or KeyVersion.objects.filter(pk__in=[version.id for version in entry.versions]).exists():
        raise Refused(Refusal("Rejected.ResourceExist", {"key": entry.id}, reason="legacy_id_taken", who="nobody"))
    if taken := Alias.objects.filter(account=account, name__in=entry.aliases).first():
        raise Refused(Refusal("AliasAlreadyExists", {"alias": taken.name, "key": entry.id}, who="user", lifted_by="UpdateAlias"))
    key = _key(account, entry)
    rows = [_version(caller, key, version, material.get(version.id)) for version in entry.versions]
    with transaction.atomic():
        key.save(force_insert=True)
        for version, stored in rows:
            version.save(force_insert=True)
            if stored is not None:
                stored.save(force_insert=True)
        Alias.objects.bulk_create([Alias(account=account, name=name, key=key, created_at=entry.created_at)
                                   for name in entry.aliases])
        KeyTag.objects.bulk_create([KeyTag(key=key, tag_key=name, tag_value=value) for name, value in entry.tags])
        words.note(key)
        recording.record(caller, "ImportLegacyKey", key, spec=key.spec, state=key.state, versions=len(rows))
    return key


def _key(account: Account, entry: Entry) -> Key:
    last = entry.last_rotation_at or max((version.created_at for version in entry.versions), default=entry.created_at)
    seconds = entry.rotation_days * DAY or None
    return Key(
        id=entry.id, account=account, edition=Key.Edition.V1, kind=Key.Kind.CUSTOMER, state=entry.state, spec=entry.spec,
        usage=entry.usage, origin=entry.origin, protection_level=entry.protection_level, description=entry.description,
        creator=entry.creator or account.pk, created_at=entry.created_at, last_rotation_at=last, delete_at=entry.delete_at,
        material_expires_at=entry.material_expires_at, deletion_protection=entry.deletion_protection,
        automatic_rotation=bool(seconds), rotation_interval_seconds=seconds,
        next_rotation_at=last + timedelta(seconds=seconds) if seconds else None)


def _version(caller: Caller, key: Key, version: Version, raw: bytes | None) -> tuple[KeyVersion, KeyMaterial | None]:
    row = KeyVersion(id=version.id, key=key, is_primary=version.primary, created_at=version.created_at)
    if raw is None:
        return row, None
    spec = SPECS[key.spec]
    try:
        kept, public = checked(spec, raw)
    except Unsupported:
        raise Refused(Refusal("InvalidKeyMaterial", {"key": key.pk, "spec": key.spec, "length": spec.length},
                              reason="material_is_no_key_pair" if spec.asymmetric else "material_length", who="user")) from None
    holder = opening.wrapping_key_for(caller, key.account, None)
    made = opening.engine_for(holder).import_raw(spec, material_identity(key.account_id, key.pk, version.id), kept)
    row.public_key = made.public or None
    if key.origin == "EXTERNAL":
        key.material_fingerprint = fingerprint(key, public or kept)
    return row, KeyMaterial(version=row, wrapping_key=holder, stored=made.stored)
