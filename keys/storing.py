"""Writing new versions with their material, many in one statement: the ORM takes longer over a row than the database does."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connection

from audit.storing import stored
from instances.models import WrappingKey
from keys.models import KeyVersion

Made = tuple[KeyVersion, WrappingKey, bytes]  # a version, what keeps its material, and what that gave for it

# Only names of our own go into the texts.
_VERSIONS = "INSERT INTO keys_keyversion (id, key_id, is_primary, public_key, created_at)"
_MATERIAL = "INSERT INTO keys_keymaterial (version_id, wrapping_key_id, stored)"
_VERSIONS_AS_JSON = (
    f"{_VERSIONS} SELECT id, key_id, is_primary, decode(public_key, 'hex'), created_at FROM json_to_recordset(%s)"  # noqa: S608
    " AS row (id text, key_id text, is_primary boolean, public_key text, created_at timestamptz)")
_MATERIAL_AS_JSON = (
    f"{_MATERIAL} SELECT version_id, wrapping_key_id, decode(stored, 'hex') FROM json_to_recordset(%s)"  # noqa: S608
    " AS row (version_id text, wrapping_key_id bigint, stored text)")


def store(made: Sequence[Made]) -> None:
    """In the caller's transaction, in which the wrapping keys are there to stay (`keys.models.hold`)."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_VERSIONS_AS_JSON, [json.dumps([_version(version) for version, _, _ in made])])
            cursor.execute(_MATERIAL_AS_JSON, [json.dumps([
                {"version_id": version.pk, "wrapping_key_id": holder.pk, "stored": sealed.hex()}
                for version, holder, sealed in made])])
        else:
            cursor.executemany(f"{_VERSIONS} VALUES (%s, %s, %s, %s, %s)", [
                (version.pk, version.key_id, version.is_primary, _public(version), stored(version.created_at))
                for version, _, _ in made])
            cursor.executemany(f"{_MATERIAL} VALUES (%s, %s, %s)", [
                (version.pk, holder.pk, sealed) for version, holder, sealed in made])


def _public(version: KeyVersion) -> bytes | None:
    return None if version.public_key is None else bytes(version.public_key)


def _version(version: KeyVersion) -> dict[str, object]:
    public = _public(version)
    return {"id": version.pk, "key_id": version.key_id, "is_primary": version.is_primary, "created_at": str(version.created_at),
            "public_key": public and public.hex()}
