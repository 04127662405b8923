"""Estates of 1.0 keys, and what must be the same of them before and after."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from base import clock
from base.caller import Caller
from instances.models import Instance
from keys import operations as keys
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from keys.operations import using
from keys.states import State
from migration import operations, working
from migration.models import Run
from tests import importing
from tests.make import Person

OLD = datetime(2024, 3, 1, tzinfo=UTC)
EVERYTHING = frozenset({"R15", "K7", "K9", "K10"})
TEXT = "aGVsbG8="
SIGNED = base64.b64encode(bytes(range(32))).decode()


def key(who: Person, *, at: datetime = OLD, spec: str = "", versions: int = 1, imported: bool = False, rotation: int = 0,
        state: State = State.ENABLED, alias: str = "", tags: dict[str, str] | None = None, **more: Any) -> Key:
    """A 1.0 key as the 1.0 console made it, before the end of service. versions: by rotation, or by hand for key pairs."""
    rotates = {"enable_automatic_rotation": True, "rotation_interval": f"{rotation}d"} if rotation else {}
    made = keys.create_legacy_key(who(at=at, door="console-1.0"), spec=spec, origin="EXTERNAL" if imported else "",
                                  **rotates, **more)
    if imported and state is not State.PENDING_IMPORT:
        parcel = importing.parcel(who(at=at), made, importing.material_for(made.spec), importing.algorithm_for(made.spec))
        keys.import_key_material(who(at=at), made, **parcel)
    for number in range(1, versions):
        another_version(who, made, at + timedelta(days=8 * number))
    if alias:
        keys.create_alias(who(at=at), made, alias_name=f"alias/{alias}")
    if tags:
        keys.tag_resource(who(at=at), made, tags=tuple(tags.items()))
    if state is State.DISABLED:
        keys.disable_key(who(), made)
    elif state is State.PENDING_DELETION:
        keys.schedule_key_deletion(who(), made, window_days=30)
    return made


def another_version(who: Person, key: Key, at: datetime) -> None:
    """Key pairs take one by hand; symmetric keys rotate, which is switched on for the moment."""
    if key.spec.startswith(("RSA", "EC")):
        keys.create_key_version(who(at=at), key)
        return
    was = key.rotation_interval_seconds
    keys.update_rotation_policy(who(at=at), key, enable_automatic_rotation=True, rotation_interval="7d")
    keys.rotate_key(Caller.system(at), key)
    keys.update_rotation_policy(who(at=at), key, enable_automatic_rotation=was is not None,
                                rotation_interval=f"{was // 86400}d" if was else "")


def plan(who: Person, home: Instance, *chosen: Key, at: datetime | None = None) -> Run:
    """A draft over `chosen`, or over the whole estate."""
    return operations.plan_migration(who(at=at, door="console"), home, keys=[one.pk for one in chosen], whole=not chosen)


def run_all(who: Person, run: Run, *, at: datetime | None = None, start: bool = True) -> Run:
    """Starts the run and works on it until nothing is left to do."""
    at = at or clock.now()
    if start:
        operations.start_migration(who(at=at, door="console"), run, accepted=EVERYTHING)
    while working.work(lambda: at, run.pk):
        pass
    return Run.objects.select_related("instance").get(pk=run.pk)


def back(who: Person, run: Run, *, at: datetime | None = None) -> Run:
    operations.roll_back_migration(who(at=at, door="console"), Run.objects.get(pk=run.pk))
    return run_all(who, run, at=at, start=False)


def uses(who: Person, key: Key) -> list[Callable[[], bool]]:
    """Each opens, or verifies, something that this key made just now, under every version a caller can name."""
    caller = who()

    def now() -> Key:
        return Key.objects.select_related("instance").get(pk=key.pk)

    if key.spec.startswith("Aliyun"):
        blob = keys.encrypt(caller, key, plaintext=TEXT, encryption_context={"for": "tests"}).ciphertext_blob
        return [lambda: keys.decrypt(who(), ciphertext_blob=blob, encryption_context={"for": "tests"}).plaintext == TEXT]
    made: list[Callable[[], bool]] = []
    for version in KeyVersion.objects.filter(key=key):
        if key.usage == "SIGN/VERIFY":
            way = {"key_version_id": version.pk,
                   "algorithm": "RSA_PKCS1_SHA_256" if key.spec.startswith("RSA") else "ECDSA_SHA_256"}
            value = keys.asymmetric_sign(caller, key, digest=SIGNED, **way).value
            made.append(lambda way=way, value=value:
                        keys.asymmetric_verify(who(), now(), digest=SIGNED, value=value, **way).value)
        else:
            way = {"key_version_id": version.pk, "algorithm": "RSAES_OAEP_SHA_256"}
            sealed = keys.asymmetric_encrypt(caller, key, plaintext=TEXT, **way).ciphertext_blob
            made.append(lambda way=way, sealed=sealed:
                        keys.asymmetric_decrypt(who(), now(), ciphertext_blob=sealed, **way).plaintext == TEXT)
    return made


def export(account: str) -> list[dict[str, Any]]:
    """Everything of the account's keys, material included; not the revision, which counts changes."""
    found = []
    for key in Key.objects.filter(account=account).order_by("pk"):
        fields = {field.attname: getattr(key, field.attname) for field in Key._meta.concrete_fields}
        del fields["revision"]
        fields["material_fingerprint"] = bytes(key.material_fingerprint or b"")
        versions = {version.pk: (version.is_primary, bytes(version.public_key or b""), version.created_at, raw_of(key, version))
                    for version in KeyVersion.objects.filter(key=key)}
        tags = dict(KeyTag.objects.filter(key=key).values_list("tag_key", "tag_value"))
        found.append(fields | {"versions": versions, "tags": tags, "aliases":
                               list(Alias.objects.filter(key=key).values_list("name", flat=True))})
    return found


def raw_of(key: Key, version: KeyVersion) -> bytes | None:
    row = KeyMaterial.objects.select_related("wrapping_key", "version").filter(version=version).first()
    if row is None:
        return None
    engine, material = using.opened(row, key)
    return engine.export_raw(material)


def predicted(who: Person, run: Run, *, at: datetime | None = None) -> dict[str, str]:
    """Key -> the code that keeps it from moving; empty where it moves."""
    return {one.key.pk: one.refusals[0].code if one.refusals else ""
            for one in operations.dry_run_migration(who(at=at, door="console"), run)}


